"""Moves of a dispute one by one, by people who need not follow any rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from dispute_kit import World

from verifiable.chain.accounts import KeySigner
from verifiable.chain.calls import call, message
from verifiable.chain.client import Chain
from verifiable.chain.contracts.dispute_events import Asserted, GameOpened
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_structs import (
    CommitKind,
    FaultKind,
    Header,
    Opening,
    Phase,
    Statement,
    values_of,
)
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import Receipt, TxOptions
from verifiable.dispute.asserter import statement_of_trace
from verifiable.dispute.claimed_trace import ClaimedTrace, output_openings
from verifiable.dispute.trees import levels_shown
from verifiable.errors import Reverted
from verifiable.statement.hashing import keccak

__all__ = ["GAS", "SALT", "Puppeteer", "Table", "planted", "puppet"]

SALT = keccak(b"a salt")
GAS = 3_000_000
"""Units of gas of every transaction, so that none is simulated before it is sent."""

PREPARING = ("commit", "admitProgram")
KINDS = {FaultKind.ELEMENT: CommitKind.ELEMENT, FaultKind.PADDING: CommitKind.PADDING}


class Table:
    """A game contract with raw moves.

    Args:
        world: the chain.
        game: another contract than the world's.
    """

    def __init__(self, world: World, game: DisputeGame | None = None) -> None:
        self.world = world
        self.game = game or world.game
        self.rules = self.game.release.params
        self.dry = False

    def refused(self, attempt: Callable[[], object]) -> str:
        """The name of the error with which an attempt fails, by a call at the latest block.

        What prepares it, commits and the like, is sent.
        """
        self.dry = True
        try:
            with pytest.raises(Reverted) as caught:
                attempt()
        finally:
            self.dry = False
        return caught.value.name

    def send(
        self, signer: Signer, name: str, *arguments: object, value: int = 0, gas: int = GAS
    ) -> Receipt:
        """Call a function by a transaction."""
        if self.dry and name not in PREPARING:
            self.ask(signer.address, name, *arguments, value=value, gas=gas)
            return Receipt(transaction_hash=bytes(32))
        return self.game.contract.send(
            signer, name, *arguments, value=value, options=TxOptions(gas_limit=gas)
        )

    def ask(
        self, sender: bytes, name: str, *arguments: object, value: int = 0, gas: int = GAS
    ) -> None:
        """Run a call on the latest block, at its time, and change nothing."""
        chain = self.game.chain
        data = self.game.contract.encode(name, *arguments)
        fields = message(sender=sender, to=self.game.address, data=data, value=value, gas=gas)
        call(chain._node, fields, "latest", errors=chain.errors, what=f"{name} failed")

    def mine(self) -> None:
        self.world.result("evm_mine")

    def next_at(self, time_s: int) -> None:
        """The time of the next block."""
        self.world.result("evm_setNextBlockTimestamp", time_s)

    def reach(self, time_s: int) -> None:
        """Let a block have this time, unless it is over."""
        if self.now() < time_s:
            self.next_at(time_s)
            self.mine()

    def now(self) -> int:
        return self.game.chain.block().time_s

    # --- asserting

    def claim(
        self,
        signer: Signer,
        trace: ClaimedTrace,
        *,
        statement: Statement | None = None,
        outputs: Sequence[Opening] | None = None,
        uri: str = "",
        value: int | None = None,
        commit: bool = True,
    ) -> bytes:
        """Assert what a trace says, or something else about it; the assertion's name."""
        said = statement or statement_of_trace(trace)
        root = trace.material.program_root
        if not self.game.program_of(root).node_count:
            header = Header.of(trace.material.commitment)
            self.send(signer, "admitProgram", values_of(header))
        if commit:
            self.commit(signer, CommitKind.RESULT, said.digest, trace.root)
        openings = output_openings(trace) if outputs is None else outputs
        receipt = self.send(
            signer,
            "assertResult",
            (said.program_root, said.input_root, said.output_root, said.context),
            trace.root,
            [(opening.root, list(opening.branch)) for opening in openings],
            uri,
            SALT,
            value=self.rules.bond_a if value is None else value,
        )
        (event,) = self.game.events_in(receipt)
        assert isinstance(event, Asserted)
        return event.assertion_id

    def commit(
        self, signer: Signer, kind: CommitKind, subject: bytes, payload: bytes, salt: bytes = SALT
    ) -> bytes:
        """Commit, and let enough blocks pass."""
        digest = self.game.commit_digest(kind, signer.address, subject, payload, salt)
        self.send(signer, "commit", digest)
        for _ in range(self.rules.min_commit_age):
            self.mine()
        return digest

    # --- playing

    def open(self, signer: Signer, assertion_id: bytes) -> int:
        receipt = self.send(signer, "openGame", assertion_id, value=self.rules.bond_c)
        event = self.game.events_in(receipt)[0]
        assert isinstance(event, GameOpened)
        return event.game_id

    def show(self, signer: Signer, game_id: int, trace: ClaimedTrace) -> Receipt:
        """Show whatever a game asks for."""
        game = self.game.game_of(game_id)
        if game.phase is Phase.NODE:
            material = trace.material
            return self.send(
                signer,
                "revealTensor",
                game_id,
                trace.roots[game.node],
                material.descriptors[game.node],
                material.graph.branch(game.node),
            )
        if game.phase is Phase.LEAF:
            size = trace.material.leaf_bytes
            leaf = trace.leaves(game.node)[game.index * size :][:size]
            return self.send(signer, "revealLeaf", game_id, leaf)
        tree = trace.tree(None if game.phase is Phase.TRACE else game.node)
        shown = tree.descendants(game.height, game.index, levels_shown(game.height))
        return self.send(signer, "revealNodes", game_id, list(shown))

    def descend(
        self, signer: Signer, game_id: int, trace: ClaimedTrace, node: int, leaf: int
    ) -> Receipt:
        """Select toward a leaf of a node's tensor."""
        game = self.game.game_of(game_id)
        inside = game.phase is Phase.TENSOR
        tree = trace.tree(node if inside else None)
        levels = levels_shown(game.height)
        level = game.height - levels
        index = (leaf if inside else node) >> level
        return self.send(
            signer,
            "select",
            game_id,
            levels,
            index - (game.index << levels),
            tree.at(level, index),
            list(tree.path(level, index, game.height)),
        )

    def walk(
        self,
        game_id: int,
        asserter: Signer,
        challenger: Signer,
        trace: ClaimedTrace,
        *,
        node: int = 2,
        leaf: int = 1,
        until: tuple[Phase, bool] = (Phase.STEP, False),
    ) -> list[Receipt]:
        """Play on to a phase and turn; True is the asserter's."""
        receipts = []
        while True:
            game = self.game.game_of(game_id)
            if (game.phase, game.asserter_turn) == until:
                return receipts
            assert game.phase is not Phase.STEP
            if game.asserter_turn:
                receipts.append(self.show(asserter, game_id, trace))
            else:
                receipts.append(self.descend(challenger, game_id, trace, node, leaf))

    # --- proving

    def prove(
        self,
        signer: Signer,
        assertion_id: bytes,
        proof: bytes,
        *,
        kind: FaultKind = FaultKind.ELEMENT,
        game_id: int = 0,
        salt: bytes = SALT,
        commit: bool = True,
        gas: int = GAS,
    ) -> Receipt:
        """Commit to a proof and send it, in a game or without one."""
        if commit:
            self.commit(signer, KINDS[kind], assertion_id, keccak(proof), salt)
        if game_id:
            return self.send(signer, "proveStep", game_id, int(kind), proof, salt, gas=gas)
        return self.send(signer, "proveFault", assertion_id, int(kind), proof, salt, gas=gas)

    def pass_window(self, assertion_id: bytes) -> None:
        end = self.game.assertion_of(assertion_id).asserted_at + self.rules.window
        self.reach(end)

    def pass_clock(self, game_id: int) -> None:
        """Let the side to move run out of time."""
        self.reach(self.deadline(game_id))

    def deadline(self, game_id: int) -> int:
        """The first second in which the side to move can no longer move."""
        game = self.game.game_of(game_id)
        return game.last + (game.clock_a if game.asserter_turn else game.clock_c)

    def balanced(self) -> bool:
        """Whether every coin is accounted for."""
        sums = self.game.totals()
        held = self.game.chain.balance(self.game.address)
        return (
            sums.deposited == sums.locked + sums.withdrawn + sums.burned
            and held >= sums.locked + sums.burned
        )


def planted(chain: Chain, signer: KeySigner, code: bytes) -> bytes:
    """Deploy a contract with any code."""
    maker = b"\x61" + len(code).to_bytes(2, "big") + bytes.fromhex("80600a3d393df3")
    receipt = chain.send(signer, to=None, data=maker + code, options=TxOptions(gas_limit=1_000_000))
    assert receipt.contract_address is not None
    assert chain.code(receipt.contract_address) == code
    return receipt.contract_address


def puppet(game: bytes, reaction: bytes) -> bytes:
    """Code that forwards what it is sent to the game, and reacts if the game calls it."""
    called_by_game = b"\x73" + game + bytes.fromhex("3314604c57")
    forward = bytes.fromhex("365f5f375f5f365f3473") + game
    forward += bytes.fromhex("5af16044573d5f5f3e3d5ffd")
    answer = bytes.fromhex("5b3d5f5f3e3d5ff3")
    return called_by_game + forward + answer + b"\x5b" + reaction


class Puppeteer:
    """A signer's calls through a puppet: the game sees the puppet.

    Attributes:
        address: the puppet's.
    """

    def __init__(self, table: Table, hand: KeySigner, reaction: bytes) -> None:
        self.table, self.hand = table, hand
        self.address = planted(table.game.chain, hand, puppet(table.game.address, reaction))

    def send(self, name: str, *arguments: object, value: int = 0, gas: int = GAS) -> Receipt:
        """Call the game as the puppet."""
        if self.table.dry and name != "commit":
            self.table.ask(self.address, name, *arguments, value=value, gas=gas)
            return Receipt(transaction_hash=bytes(32))
        contract = self.table.game.contract
        return contract.chain.send(
            self.hand,
            to=self.address,
            data=contract.encode(name, *arguments),
            value=value,
            options=TxOptions(gas_limit=gas),
        )
