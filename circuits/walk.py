"""The state of one run through a program's arguments: claims made, claims still to be moved.

Both sides walk the same way. `prover` is None on the verifier's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from verifiable.argument import vectors
from verifiable.argument.claims import ClaimBook
from verifiable.argument.functional import EqPoint, Functional, PointTables
from verifiable.argument.goldilocks import Ext
from verifiable.circuits.site import Seen
from verifiable.program.program import IntArray, Source

if TYPE_CHECKING:
    from verifiable.argument.side import Side

__all__ = ["Lookup", "PublicClaim", "Suffix", "Walk", "Witness", "flat"]

Suffix = Callable[[int], tuple[Ext, ...]]
"""From a block's variables to its point: the low coordinates of the leaves' point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """The values (a, b) of one block of lookups at the leaves' point."""

    a: Ext
    b: Ext


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicClaim:
    """`<tensor, weights> = value` on a tensor that the verifier holds."""

    source: Source
    index: int
    weights: Functional
    value: Ext


@dataclass(slots=True)
class Witness:
    """What only the prover has.

    Attributes:
        columns: by name the committed columns, int64, over padded lanes, flat.
        virtual: by name vectors of that kind that are not committed.
        tensor: from an operand to the values that its node reads.
        products: from a node's index to `acc * M` over its result's shape.
        looked_up: for each block of lookups in order the lanes of (a, b); b is None for 0.
    """

    tensor: Callable[[Seen], IntArray]
    products: Callable[[int], IntArray]
    result: Callable[[int], IntArray]
    columns: dict[str, IntArray] = field(default_factory=dict)
    virtual: dict[str, IntArray] = field(default_factory=dict)
    looked_up: list[tuple[IntArray, IntArray | None]] = field(default_factory=list)


class Walk:
    """Claims of one run, and how arguments make them.

    Attributes:
        side: prover's or verifier's.
        witness: the prover's, else None.
        book: claims on committed columns.
        public: claims on tensors that the verifier holds.
        pending: for each node whose result is not committed, the claims on it.
    """

    def __init__(
        self,
        side: Side,
        *,
        committed: Mapping[int, str],
        weights: Mapping[int, str],
        witness: Witness | None = None,
    ) -> None:
        """Start a run.

        Args:
            side: prover's or verifier's.
            committed: by node the column that holds its result.
            weights: by constant the column that holds it; the others are public.
            witness: of the prover.
        """
        self.side = side
        self.witness = witness
        self.book = ClaimBook()
        self.public: list[PublicClaim] = []
        self.pending: dict[int, list[tuple[Functional, Ext]]] = {}
        self._committed = committed
        self._weights = weights
        self._sent: dict[tuple[str, tuple[Ext, ...]], Ext] = {}
        self._tables: dict[tuple[Ext, ...], PointTables] = {}

    # --- Claims --------------------------------------------------------------------------------

    def column_at(self, name: str, point: tuple[Ext, ...]) -> Ext:
        """The value of a committed column at `point`: sent, claimed, and returned; once only."""
        known = self._sent.get((name, point))
        if known is None:
            known = self.side.value(name, lambda: self.evaluate(self.column(name), point))
            self.book.add(name, EqPoint(point=point), known)
            self._sent[name, point] = known
        return known

    def operand_value(self, seen: Seen, label: str, weights: Functional) -> Ext:
        """`<operand, weights>` under the operand's view: sent, claimed, and returned."""
        value = self.side.value(label, lambda: weights.apply(self.lanes(seen)))
        self.claim(seen, weights, value)
        return value

    def claim(self, seen: Seen, weights: Functional, value: Ext) -> None:
        """Claim `<operand, weights> = value`, with weights under the operand's view."""
        source, index = seen.operand.source, seen.operand.index
        stored = weights.reshaped(seen.shape)
        column: str | None = None
        if source is Source.TRACE:
            column = self._committed.get(index)
            if column is None:
                self.pending.setdefault(index, []).append((stored, value))
                return
        elif source is Source.WEIGHT:
            column = self._weights.get(index)
        if column is not None:
            self.book.add(column, stored, value)
        else:
            self.public.append(PublicClaim(source=source, index=index, weights=stored, value=value))

    def claim_column(self, name: str, weights: Functional, value: Ext) -> None:
        """Claim `<column, weights> = value` over the column's real lanes."""
        self.book.add(name, weights, value)

    def claims_on(self, node: int) -> Sequence[tuple[Functional, Ext]]:
        """The claims on a result that is not committed; each is the caller's to move on."""
        return self.pending.pop(node, [])

    # --- The prover's ---------------------------------------------------------------------------

    def lanes(self, seen: Seen) -> IntArray:
        """The values of an operand under its view; the prover's side only."""
        return self._prover().tensor(seen)

    def column(self, name: str) -> IntArray:
        """A committed column over padded lanes, flat; the prover's side only."""
        return self._prover().columns[name]

    def eq_table(self, point: tuple[Ext, ...], first: int, bits: int) -> vectors.Words:
        """A cached eq table of some of a point's coordinates."""
        return self._tables.setdefault(point, PointTables(point)).table(first, bits)

    def products(self, node: int) -> IntArray:
        """`acc * M` of a node, under its result's shape; the prover's side only."""
        return self._prover().products(node)

    def virtual(self, name: str) -> IntArray:
        """A vector of padded lanes that is not committed; the prover's side only."""
        return self._prover().virtual[name]

    def evaluate(self, values: IntArray, point: tuple[Ext, ...]) -> Ext:
        """The multilinear extension of padded lanes at a point; the prover's side only."""
        low = min(len(point), 10)
        part = vectors.contract(values.reshape(-1, 1 << low), self.eq_table(point, 0, low))
        if len(point) == low:
            return vectors.to_ext(part[0])
        return vectors.ext_dot(part, self.eq_table(point, low, len(point) - low))

    def _prover(self) -> Witness:
        if self.witness is None:
            raise RuntimeError("a verifier has no witness")
        return self.witness


def flat(values: IntArray) -> IntArray:
    """Lanes in order, as one contiguous vector."""
    return np.ascontiguousarray(values, dtype=np.int64).reshape(-1)
