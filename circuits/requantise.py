"""Requantisation: from the accumulator of an arithmetic operator to its result.

    M * acc + half = h * 2^s + r,   0 <= r < 2^s,   y = clamp(h + zero_point, lo, hi)

Over the integers h and r are unique, and the bounds of the operators (|M * acc| < 2^62) keep both
sides apart by less than p, so the equation in the field is the equation over the integers. The
lanes that pad the result have acc = 0.

Commits: y, and the limbs of r. Virtual: h. Where s = 0 and no input can reach the clamp, y is
`M * acc + zero_point`, without a lookup. At the point z of the lookups' leaves the values of y, r
and h give that of `M * acc`, a claim that each operator's file reduces to claims on its operands:

    <M * acc, eq(z, .)> = 2^s * (h~(z) - zero_point) - half + r~(z)

M is public. One for all, or one for each lane of the last axis, becomes part of the functional; any
other shape costs a product sumcheck, `sum_x eq(z, x) M(x) acc(x)`, of degree 2.

Tables: ranges of r's limbs; the clamp's (`clamp.py`). Soundness: the lookups'; the sumcheck adds
2 * rounds / F. Paper: Papini and Haboeck, LogUp over GKR, eprint 2023/1284.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from verifiable.argument import vectors
from verifiable.argument.functional import ExtArray, Functional, PointTables, bits_of, padded
from verifiable.argument.goldilocks import ONE, Ext
from verifiable.circuits.clamp import Clamp
from verifiable.circuits.limbs import Limbs
from verifiable.circuits.lookups import TableBook, TableKey
from verifiable.circuits.site import LARGEST_VALUE, Column, Interval, Seen, Site, check_no_wrap
from verifiable.circuits.table_graph import graph_of
from verifiable.circuits.walk import Lookup, Suffix, Walk, Witness, flat
from verifiable.program import operators as ops
from verifiable.program.program import IntArray

if TYPE_CHECKING:
    from verifiable.argument.kernels import RoundProver

__all__ = ["Requantised"]


class Requantised(ABC):
    """The argument of an operator that ends with a requantisation.

    Subclasses say which integers the accumulator can be, and reduce claims on it.
    """

    def __init__(self, site: Site, book: TableBook) -> None:
        """Choose columns and tables.

        Raises:
            Unprovable: the bounds that the key guarantees are not enough.
        """
        step = site.node.op.requantisation
        assert step is not None  # noqa: S101 - the operator's class says so
        self.site, self.step = site, step
        self.half = (1 << step.shift) >> 1
        self.step = step = self._bounded(step)
        self._place: tuple[tuple[Ext, ...], Ext] | None = None
        product = self._product_interval()
        pad = min(max(step.zero_point, step.lo), step.hi)
        self.interval: Interval = (step.lo, step.hi)
        self.remainder: Limbs | None = None
        self.clamp: Clamp | None = None
        self.graph: TableKey | None = None
        if step.shift:
            self.remainder = Limbs.of(
                f"{site.label}.r", site.shape, step.shift, site.sizes, book, known=False
            )
        exact = (product[0] + step.zero_point, product[1] + step.zero_point)
        reach = self._reach(pad)
        if not step.shift and step.lo <= exact[0] and exact[1] <= step.hi and site.fused is None:
            self.interval = exact
            check_no_wrap(site, exact, (0, 0))
            return
        if site.fused is not None:
            self.graph = self._fused(reach, book)
            h_interval: Interval = (-(1 << 20), 1 << 20)
        else:
            self.clamp = Clamp.of(
                site.label, site.shape, (step.lo, step.hi), reach, site.sizes, book
            )
            h_interval = self.clamp.interval()
        scale = 1 << step.shift
        right = (
            scale * (h_interval[0] - step.zero_point) - self.half,
            scale * (h_interval[1] - step.zero_point + 1),
        )
        check_no_wrap(site, product, right)

    # --- What a subclass says --------------------------------------------------------------------

    @abstractmethod
    def accumulator_interval(self) -> Interval:
        """Where the accumulator lies, for any constants that the key allows."""

    @abstractmethod
    def reduce_accumulator(self, walk: Walk, weights: Functional, value: Ext) -> None:
        """Reduce `<acc, weights> = value` to claims on the operands."""

    # --- The argument ----------------------------------------------------------------------------

    @property
    def multiplier(self) -> Seen | None:
        """The operand M, if the operator has one."""
        has = self.site.node.op.roles[-1] == "multiplier"
        return self.site.operands[-1] if has else None

    @property
    def result(self) -> Column:
        """The column of y; a fused table's result stands in for it."""
        index = self.site.index if self.site.fused is None else self.site.fused
        return Column(name=f"{index}.y", shape=self.site.shape)

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it commits, y first."""
        remainder = self.remainder.columns if self.remainder else ()
        clamp = self.clamp.columns if self.clamp else ()
        return (self.result, *remainder, *clamp)

    @property
    def lookups(self) -> tuple[tuple[TableKey, int], ...]:
        """Table and log2 of the lanes of each of its blocks of lookups."""
        remainder = self.remainder.tables if self.remainder else ()
        clamp = self.clamp.tables if self.clamp else ()
        graph = () if self.graph is None else (self.graph,)
        return tuple((table, self.result.log_size) for table in (*remainder, *clamp, *graph))

    def fill(self, witness: Witness) -> None:
        """Write columns and lookups."""
        step = self.step
        product = padded(witness.products(self.site.index), 0)
        index = self.site.index if self.site.fused is None else self.site.fused
        h = ((product + self.half) >> step.shift) + step.zero_point
        if self.remainder is not None:
            self.remainder.fill(witness, (product + self.half) & ((1 << step.shift) - 1))
        if self.site.fused is not None:
            y = padded(witness.result(index), self._fused_pad())
            witness.virtual[self.site.label] = flat(h)
            witness.looked_up.append((flat(h), flat(y)))
        else:
            pad = min(max(step.zero_point, step.lo), step.hi)
            y = padded(witness.result(index), pad)
            if self.clamp is not None:
                self.clamp.fill(witness, h, y)
        witness.columns[self.result.name] = flat(y)

    def close(self, walk: Walk, suffix: Suffix) -> list[Lookup]:
        """At the leaves' point: send y and r, and keep the value of `M * acc` for `reduce`."""
        step = self.step
        point = suffix(self.result.log_size)
        y = walk.column_at(self.result.name, point)
        found: list[Lookup] = []
        rest = Ext.of(0)
        if self.remainder is not None:
            rest, lookups = self.remainder.close(walk, point, None)
            found += lookups
        if self.clamp is not None:
            h, lookups = self.clamp.close(walk, point, y)
            found += lookups
        elif self.graph is not None:
            label = self.site.label
            h = walk.side.value(f"{label}.h", lambda: walk.evaluate(walk.virtual(label), point))
            found.append(Lookup(a=h, b=y))
        else:
            h = y
        product = (h - step.zero_point) * (1 << step.shift) - self.half + rest
        self._place = (point, product)
        return found

    def reduce(self, walk: Walk) -> None:
        """Reduce the claim on `M * acc` to claims on the operands."""
        if self.clamp is not None:
            name = self.result.name
            self.clamp.reduce(
                walk,
                lambda walk, point: walk.column_at(name, point),
                lambda: walk.column(name),
            )
        assert self._place is not None  # noqa: S101 - `close` comes first
        point, value = self._place
        weights = Functional.at(self.site.shape, point)
        multiplier = self.multiplier
        if multiplier is None:
            self.reduce_accumulator(walk, weights, value)
            return
        assert multiplier.values is not None  # noqa: S101 - multipliers are public
        values = multiplier.values.reshape(multiplier.view)
        if values.size == 1:
            weights = _scaled(weights, Ext.of(int(values.reshape(-1)[0])))
        elif values.size == values.shape[-1]:
            by_lane = vectors.from_ints(values.reshape(-1))  # (lanes of the last axis,)
            weights = weights.along(len(self.site.shape) - 1, lambda axis: _times(axis, by_lane))
        else:
            weights, value = self._without_multiplier(walk, weights, values, value)
        self.reduce_accumulator(walk, weights, value)

    # --- Parts -----------------------------------------------------------------------------------

    def _without_multiplier(
        self, walk: Walk, weights: Functional, values: IntArray, value: Ext
    ) -> tuple[Functional, Ext]:
        """From `sum_x F(x) M(x) acc(x) = value` to the value of acc at a random point."""
        side, shape = walk.side, self.site.shape
        bits = bits_of(shape)
        spread = np.broadcast_to(values, shape)
        label = f"{self.site.label}.multiplier"

        def public() -> ExtArray:
            scale = vectors.from_ints(np.ascontiguousarray(spread))
            return _times_each(weights.dense(), scale)

        def start() -> RoundProver:
            product = walk.products(self.site.index)
            acc = vectors.from_ints(flat(padded(product // spread, 0)))
            table = padded(public(), 0, len(shape)).reshape(-1, 2)
            return side.kernels.product([table, acc], bits)

        reduced = side.sumcheck(label, rounds=bits, degree=2, claim=value, start=start)
        finals = reduced.finals
        acc = side.value(f"{label}.acc", lambda: finals[1] if finals else ONE)
        if side.verifying:
            joint = Functional(factors=(public(),))
            factor = joint.evaluate(PointTables(reduced.point))
            # GK-9: the public factor is evaluated by the verifier.
            side.require("GK-9", "reduction-false", reduced.claim == factor * acc, label)
        return Functional.at(shape, reduced.point), acc

    def _bounded(self, step: ops.Requantisation) -> ops.Requantisation:
        """The same clamp within the values that lanes may hold, which no value reaches anyway."""
        bounded = replace(step, lo=max(step.lo, -LARGEST_VALUE), hi=min(step.hi, LARGEST_VALUE))
        low, high = self._reach(min(max(step.zero_point, step.lo), step.hi))
        below = bounded.lo > step.lo and low < bounded.lo
        above = bounded.hi < step.hi and high > bounded.hi
        if below or above or bounded.lo > bounded.hi:
            raise self.site.refuse(
                f"results between {step.lo} and {step.hi} may be beyond 2^61",
                "use a narrower clamp, or a larger shift",
            )
        return bounded

    def _product_interval(self) -> Interval:
        lo, hi = self.accumulator_interval()
        lo, hi = min(lo, 0), max(hi, 0)  # padding lanes
        multiplier = self.multiplier
        if multiplier is None:
            return lo, hi
        if multiplier.values is None:
            raise self.site.refuse(
                "a multiplier is not public", "set up again: the key is crafted", "range-bound"
            )
        smallest, largest = int(multiplier.values.min()), int(multiplier.values.max())
        if smallest < 1 or largest >= 1 << 31:
            raise self.site.refuse("a multiplier is not in 1..2^31 - 1", "compile the model again")
        return lo * largest, hi * largest

    def _reach(self, pad: int) -> Interval:
        """The interval of h + zero_point over all lanes, for the weights of the key's maker."""
        low, high = self.site.product_reach
        step = self.step
        first = ((low + self.half) >> step.shift) + step.zero_point
        last = ((high + self.half) >> step.shift) + step.zero_point
        return min(first, step.zero_point, pad), max(last, step.zero_point, pad)

    def _fused(self, reach: Interval, book: TableBook) -> TableKey:
        """The graph of the clamp followed by the table that alone reads the result."""
        x_min, table = self._table()
        lo, hi = self.step.lo, self.step.hi
        # One row of values: where tables differ by channel, a wrong key could make the index of
        # one channel run into another's, so they are not fused.
        return graph_of(reach, table, x_min, book, before=lambda h: np.clip(h, lo, hi))

    def _fused_pad(self) -> int:
        x_min, table = self._table()
        x = min(max(self.step.zero_point, self.step.lo), self.step.hi)
        return int(table[0, min(max(x - x_min, 0), table.shape[1] - 1)])

    def _table(self) -> tuple[int, IntArray]:
        assert self.site.fused_table is not None  # noqa: S101 - comes with `fused`
        return self.site.fused_table


def _scaled(weights: Functional, scale: Ext) -> Functional:
    first, *rest = weights.factors or (vectors.from_exts([ONE]).reshape(2),)
    return Functional(factors=(vectors.ext_scale(first, scale), *rest))


def _times(axis: ExtArray, scale: ExtArray) -> ExtArray:
    """Multiply an axis (d, rest, 2) by base field elements (d,)."""
    return _times_each(axis, scale[:, np.newaxis])


def _times_each(array: ExtArray, scale: ExtArray) -> ExtArray:
    return vectors.mul(array, np.broadcast_to(scale[..., np.newaxis], array.shape))
