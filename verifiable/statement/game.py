"""The rules of a dispute game, and the key that names them with the code that judges.

The Python twin of `gameKeyOf` in `contracts/src/optimistic/Programs.sol`: a verifier computes the
key from what it knows, and never asks a contract for it.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

from verifiable.statement.abi import word
from verifiable.statement.hashing import keccak

__all__ = ["JudgeCode", "Params", "game_key"]

_GAME_KEY = b"\x08"
"""Domain byte of a row that belongs to contracts, see `docs/formats/commitments.md`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Rules of a game contract, immutable and part of its key.

    Attributes:
        window: seconds in which games may be opened and faults proven after an assertion.
        clock_a, clock_c: seconds of thinking time of asserter and challenger in each game.
        grace: seconds that are left to a side at least when its turn begins.
        max_moves: of a game; programs that need more are not admitted.
        bond_a, bond_c: of an assertion and of a game, in wei.
        reward_bps: share of `bond_a` for who rejects an assertion, in 1/10,000; the rest burns.
        refund_bps: most of `bond_c` that goes to revealers of a lost game, in 1/10,000.
        min_commit_age: blocks between a commit and its use.
        gas_price_cap: highest price of gas at which a reveal is refunded, in wei.
    """

    window: int
    clock_a: int
    clock_c: int
    grace: int
    max_moves: int
    bond_a: int
    bond_c: int
    reward_bps: int
    refund_bps: int
    min_commit_age: int
    gas_price_cap: int

    @property
    def digest(self) -> bytes:
        """`keccak256(abi.encode(Params))`."""
        return keccak(b"".join(word(value) for value in astuple(self)))

    @property
    def longest_s(self) -> int:
        """Seconds after which an assertion is decided at the latest, if somebody settles it."""
        return self.window + self.clock_a + self.clock_c + self.max_moves * self.grace


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCode:
    """keccak-256 of the code that judges for a game.

    Attributes:
        judge: of the contract that checks proofs.
        router: of the contract that hands nodes to families; it holds their addresses.
        families: over the code hashes of all families, in order.
    """

    judge: bytes
    router: bytes
    families: bytes


def game_key(program_root: bytes, code: JudgeCode, params: Params) -> bytes:
    """Row 08: what a registry stores for a program and this kind of game."""
    parts = (program_root, code.judge, code.router, code.families, params.digest)
    return keccak(_GAME_KEY + b"".join(parts))
