"""Clamping, the one nonlinear step: `y = clamp(h, lo, hi)` on every lane of a block.

Where h spans few values, the pair (h, y) is looked up in the function's whole graph, and h is never
committed. That costs the same for every function, so a table that follows the clamp is joined to
it.

Elsewhere four numbers in ranges say the same without a table of the domain's size:

    h = y + above - below,   above >= 0, below >= 0, lo <= y <= hi
    above * (hi - y) = 0,    below * (y - lo) = 0

This has exactly one solution for each h. The products are shown to vanish by one sumcheck each, at
a random point t: `sum_x eq(t, x) * above(x) * (hi - y(x)) = 0`, of degree 3.

Commits: limbs of above, below, y - lo and hi - y (only in the second form; above and below only
where h can leave [lo, hi]). Tables: the graph, or ranges. Soundness: the lookups'; a vanishing sum
adds 3 * rounds / F and, for its random point, rounds / F.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from verifiable.argument import vectors
from verifiable.argument.goldilocks import ZERO, Ext
from verifiable.argument.multilinear import eq
from verifiable.argument.soundness import Point
from verifiable.circuits.limbs import Limbs
from verifiable.circuits.lookups import UNBOUNDED, TableBook, TableKey
from verifiable.circuits.site import Column, Interval, Shape, Sizes
from verifiable.circuits.walk import Lookup, Walk, Witness, flat
from verifiable.program.program import IntArray

if TYPE_CHECKING:
    from verifiable.argument.kernels import RoundProver

__all__ = ["Clamp"]

ColumnValue = Callable[[Walk, tuple[Ext, ...]], Ext]
"""The value of y at a point, from the columns that make it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clamp:
    """One clamp.

    Attributes:
        name: prefix of its columns and messages.
        lo, hi: bounds; hi is `UNBOUNDED` for a maximum with lo.
        graph: the table of (h, y), or None for the form with products.
        above, below, over_lo, under_hi: the ranges of the second form.
        bits: variables of the block.
    """

    name: str
    lo: int
    hi: int
    bits: int
    graph: TableKey | None = None
    above: Limbs | None = None
    below: Limbs | None = None
    over_lo: Limbs | None = None
    under_hi: Limbs | None = None

    @classmethod
    def of(
        cls,
        name: str,
        shape: Shape,
        bounds: Interval,
        reach: Interval,
        sizes: Sizes,
        book: TableBook,
    ) -> Clamp:
        """Choose the form.

        Args:
            bounds: (lo, hi).
            reach: interval of h over all lanes, padding included.
        """
        lo, hi = bounds
        bits = Column(name=name, shape=shape).log_size
        if sizes.tabulates(*reach, 1 << bits):
            return cls(name=name, lo=lo, hi=hi, bits=bits, graph=book.clamp(lo, hi, *reach))

        def limbs(part: str, count: int, *, known: bool) -> Limbs:
            bits = max(1, count.bit_length())
            return Limbs.of(f"{name}.{part}", shape, bits, sizes, book, known=known)

        span = (hi if hi < UNBOUNDED else max(reach[1], lo)) - lo
        exact = span + 1 == 1 << max(1, span.bit_length())
        return cls(
            name=name,
            lo=lo,
            hi=hi,
            bits=bits,
            above=limbs("above", reach[1] - hi, known=False) if reach[1] > hi else None,
            below=limbs("below", lo - reach[0], known=False) if reach[0] < lo else None,
            over_lo=limbs("over", span, known=True),
            under_hi=limbs("under", span, known=True) if hi < UNBOUNDED and not exact else None,
        )

    def interval(self) -> Interval:
        """Where the argument itself forces h to lie (graphs lie near 0)."""
        if self.graph is not None:
            return -(1 << 20), 1 << 20
        assert self.over_lo is not None  # noqa: S101 - the second form
        top = self.lo + (1 << sum(self.over_lo.widths)) - 1
        above = (1 << sum(self.above.widths)) if self.above else 0
        below = (1 << sum(self.below.widths)) if self.below else 0
        return self.lo - below, top + above

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it commits beside y."""
        return tuple(column for part in self._parts() for column in part.columns)

    @property
    def tables(self) -> tuple[TableKey, ...]:
        """The table of each of its lookups."""
        if self.graph is not None:
            return (self.graph,)
        return tuple(table for part in self._parts() for table in part.tables)

    def _parts(self) -> tuple[Limbs, ...]:
        parts = (self.above, self.below, self.over_lo, self.under_hi)
        return tuple(part for part in parts if part is not None)

    def fill(self, witness: Witness, h: IntArray, y: IntArray) -> None:
        """Write the columns and lookups for the lanes of h and y (padded)."""
        if self.graph is not None:
            witness.virtual[self.name] = flat(h)
            witness.looked_up.append((flat(h), flat(y)))
            return
        if self.above is not None:
            self.above.fill(witness, np.maximum(h - self.hi, 0))
        if self.below is not None:
            self.below.fill(witness, np.maximum(self.lo - h, 0))
        assert self.over_lo is not None  # noqa: S101 - the second form
        self.over_lo.fill(witness, y - self.lo)
        if self.under_hi is not None:
            self.under_hi.fill(witness, self.hi - y)

    def close(
        self, walk: Walk, point: tuple[Ext, ...], y: Ext, h: Ext | None = None
    ) -> tuple[Ext, list[Lookup]]:
        """The value of h at the leaves' point, and the lookups there.

        Args:
            y: the value of y at the point.
            h: that of h where other claims give it; else it is taken from here, and the caller must
                reduce it to claims.
        """
        if self.graph is not None:
            if h is None:
                h = walk.side.value(f"{self.name}.h", lambda: self._h_at(walk, point))
            return h, [Lookup(a=h, b=y)]
        found: list[Lookup] = []
        made = y
        if self.above is not None:
            value, lookups = self.above.close(walk, point, None)
            made, found = made + value, found + lookups
        if self.below is not None:
            value, lookups = self.below.close(walk, point, None)
            made, found = made - value, found + lookups
        assert self.over_lo is not None  # noqa: S101 - the second form
        found += self.over_lo.close(walk, point, y - self.lo)[1]
        if self.under_hi is not None:
            found += self.under_hi.close(walk, point, -(y - self.hi))[1]
        if h is not None:
            # GK-9: what is clamped is h, and not some other number.
            walk.side.require("GK-9", "reduction-false", h == made, self.name)
        return made, found

    def _h_at(self, walk: Walk, point: tuple[Ext, ...]) -> Ext:
        return walk.evaluate(walk.virtual(self.name), point)

    def reduce(self, walk: Walk, y_at: ColumnValue, y: Callable[[], IntArray]) -> None:
        """Show that the products vanish.

        Args:
            y_at: the value of y at a point.
            y: the prover's lanes of y, padded and flat.
        """
        if self.above is not None:
            self._vanishes(walk, self.above, y_at, y, upper=True)
        if self.below is not None:
            self._vanishes(walk, self.below, y_at, y, upper=False)

    def _vanishes(
        self,
        walk: Walk,
        excess: Limbs,
        y_at: ColumnValue,
        y: Callable[[], IntArray],
        *,
        upper: bool,
    ) -> None:
        """`excess * (hi - y) = 0`, or `excess * (y - lo) = 0`, on every lane."""
        side = walk.side
        label = f"{self.name}.{'above' if upper else 'below'}"
        side.note(Point(label=label, variables=self.bits))
        t = side.challenges(f"{label}.t", self.bits)

        def start() -> RoundProver:
            slack = self.hi - y() if upper else y() - self.lo
            amount = np.zeros(1 << self.bits, dtype=np.int64)
            offset = 0
            for column, width in zip(excess.columns, excess.widths, strict=True):
                amount += walk.column(column.name) << offset
                offset += width
            tables = [
                side.kernels.eq_table(t),
                vectors.from_ints(amount),
                vectors.from_ints(slack),
            ]
            return side.kernels.product(tables, self.bits)

        reduced = side.sumcheck(label, rounds=self.bits, degree=3, claim=ZERO, start=start)
        amount = excess.value_at(walk, reduced.point)
        value = y_at(walk, reduced.point)
        slack = -(value - self.hi) if upper else value - self.lo
        # GK-9: no excess on a lane whose result is not at the bound.
        side.require(
            "GK-9",
            "reduction-false",
            reduced.claim == eq(t, reduced.point) * amount * slack,
            label,
        )
