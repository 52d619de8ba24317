"""A small protocol around the lookup argument, with a prover that can be made to lie.

The columns of lookups and the multiplicities are "committed" by a hash of all of them. The verifier
of these tests holds the columns, so it discharges the claims on them by evaluating extensions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeVar

import numpy as np

from verifiable.argument import lookup, vectors
from verifiable.argument.goldilocks import Ext, P
from verifiable.argument.kernels import Kernels
from verifiable.argument.lookup import Leaves
from verifiable.argument.prover_side import ProverSide
from verifiable.argument.reference_kernels import ReferenceKernels
from verifiable.argument.side import Root, Side
from verifiable.argument.tables import Table
from verifiable.argument.transcript import AnyTranscript, Transcript
from verifiable.argument.vectors import Words
from verifiable.argument.verifier_side import VerifierSide

__all__ = ["Block", "Case", "Liar", "as_words", "converse", "prove", "verify"]

Alter = Callable[[tuple[Ext, ...]], tuple[Ext, ...]]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Block:
    """2^k lookups in one table: residues mod p."""

    table: int
    a: tuple[int, ...]
    b: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Tables, lookups in them, and how often each row is looked up."""

    tables: tuple[Table, ...]
    blocks: tuple[Block, ...]
    multiplicities: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, tables: Sequence[Table], blocks: Sequence[Block]) -> Case:
        """Count the lookups; what is in no table is not counted."""
        counts = Counter(
            (block.table, a % P, b % P)
            for block in blocks
            for a, b in zip(block.a, block.b, strict=True)
        )
        return cls(
            tables=tuple(tables),
            blocks=tuple(blocks),
            multiplicities=tuple(
                tuple(
                    counts[number, a % P, b % P]
                    for a, b in zip(*(c.tolist() for c in table.rows()), strict=True)
                )
                for number, table in enumerate(tables)
            ),
        )

    def with_block(self, index: int, block: Block) -> Case:
        """Other lookups, the multiplicities as they were."""
        blocks = (*self.blocks[:index], block, *self.blocks[index + 1 :])
        return replace(self, blocks=blocks)

    def with_multiplicities(self, table: int, counts: Sequence[int]) -> Case:
        """Other multiplicities for one table."""
        changed = list(self.multiplicities)
        changed[table] = tuple(counts)
        return replace(self, multiplicities=tuple(changed))

    @property
    def leaves(self) -> Leaves:
        return lookup.layout(
            [(len(block.a) - 1).bit_length() for block in self.blocks],
            [table.log_size for table in self.tables],
        )

    @property
    def root(self) -> Root:
        data = sha256()
        for block in self.blocks:
            data.update(as_words(block.a).tobytes() + as_words(block.b).tobytes())
        for counts in self.multiplicities:
            data.update(as_words(counts).tobytes())
        return Root(data.digest())

    def fractions(self, kernels: Kernels, alpha: Ext, beta: Ext) -> tuple[Words, Words]:
        """The leaves, in place."""
        leaves = self.leaves
        numerators = np.zeros(leaves.live, np.uint64)
        denominators = np.zeros((leaves.live, 2), np.uint64)
        for slot, block in zip(leaves.lookups, self.blocks, strict=True):
            place = slice(slot.offset, slot.offset + len(block.a))
            numerators[place] = 1
            denominators[place] = kernels.lookup_denominators(
                as_signed(block.a), as_signed(block.b), alpha * alpha * block.table, alpha, beta
            )
        for number, (slot, table) in enumerate(zip(leaves.tables, self.tables, strict=True)):
            place = slice(slot.offset, slot.offset + (1 << slot.log_size))
            numerators[place] = vectors.neg(as_words(self.multiplicities[number]))
            denominators[place] = kernels.lookup_denominators(
                *table.rows(), alpha * alpha * number, alpha, beta
            )
        return numerators, denominators


def as_words(values: Sequence[int]) -> Words:
    """Residues mod p as base field elements."""
    return np.array([value % P for value in values], np.uint64)


def as_signed(values: Sequence[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Residues mod p as signed integers of 64 bits."""
    residues = [value % P for value in values]
    return np.array([r if r < 2**63 else r - P for r in residues], np.int64)


def extension(values: Sequence[int], point: Sequence[Ext]) -> Ext:
    return vectors.dot_base(as_words(values), vectors.eq_table(point))


class Liar(ProverSide):
    """A prover that changes some of the values that it sends, and goes on with the changed ones."""

    def __init__(
        self,
        transcript: AnyTranscript,
        alter: Mapping[tuple[str, int], Alter] | None = None,
        kernels: Kernels | None = None,
    ) -> None:
        super().__init__(kernels or ReferenceKernels(), transcript, lenient=True)
        self.alter = alter or {}
        self.sent: Counter[str] = Counter()

    def values(
        self, label: str, count: int, compute: Callable[[], tuple[Ext, ...]]
    ) -> tuple[Ext, ...]:
        alter = self.alter.get((label, self.sent[label]))
        self.sent[label] += 1
        return super().values(label, count, lambda: alter(compute()) if alter else compute())


def converse(side: Side, case: Case, built_on: Case | None = None) -> None:
    """Commit, look up, send the blocks' values, and discharge the claims on them.

    Args:
        side: any.
        case: what is committed.
        built_on: what a dishonest prover builds its tree on instead.
    """
    leaves = case.leaves
    root = side.digest("columns", lambda: case.root)
    side.require("ROOT", "other-columns", root == case.root, "the committed columns")
    claim = lookup.run(
        side, root, leaves, lambda *drawn: (built_on or case).fractions(side.kernels, *drawn)
    )
    looked_up = []
    discharged = True
    for slot, block in zip(leaves.lookups, case.blocks, strict=True):
        at = claim.point[: slot.log_size]
        true = extension(block.a, at), extension(block.b, at)
        a, b = side.values("block", 2, _given(true))
        discharged &= (a, b) == true
        looked_up.append((a, b, block.table))
    rows = []
    for number, (slot, table) in enumerate(zip(leaves.tables, case.tables, strict=True)):
        at = claim.point[: slot.log_size]
        count = extension(case.multiplicities[number], at)
        mult = side.value("multiplicity", _given(count))
        discharged &= mult == count
        rows.append((mult, *table.evaluate(at), number))
    lookup.close(side, leaves, claim, looked_up, rows)
    side.require("CLAIMS", "claim-false", discharged, "the claims on committed columns")
    side.finish()


def _given(known: T) -> Callable[[], T]:
    return lambda: known


def prove(
    case: Case,
    *,
    transcript: AnyTranscript | None = None,
    alter: Mapping[tuple[str, int], Alter] | None = None,
    built_on: Case | None = None,
    kernels: Kernels | None = None,
) -> bytes:
    side = Liar(transcript or Transcript(), alter, kernels)
    converse(side, case, built_on)
    return side.proof


def verify(
    case: Case,
    proof: bytes,
    *,
    transcript: AnyTranscript | None = None,
    without: frozenset[str] = frozenset(),
) -> VerifierSide:
    """Verify, leaving some checks out: the control for what they are there for."""

    class Forgetful(VerifierSide):
        def require(self, check: str, code: str, holds: bool, where: str) -> None:
            if check not in without:
                super().require(check, code, holds, where)

    side = Forgetful(proof, transcript or Transcript())
    converse(side, case)
    return side
