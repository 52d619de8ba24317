"""Trees of fractions, and the sumcheck from one level of a tree to the level below.

With p0(x) = p[2x], p1(x) = p[2x + 1] the summand is eq(point, x) (p0 q1 + p1 q0 + lam q0 q1), which
is eq(point, x) (p0 q1 + m q0) for m = p1 + lam q1: one pass replaces p1 by m, and no round
multiplies by lam again.

In round j the summand is eq of the bound variables (a scalar), times eq of variable j (linear),
times h(X), where h(X) = sum_y eq(later variables, y) (p0 q1 + m q0)(X, y) is quadratic. So h(0)
and the coefficient of X^2 suffice: h(1) follows from the sum of the round before. (Gruen, "Some
improvements for the PIOP for ZeroCheck", eprint 2024/108.) eq of the later variables is kept as
the outer product of two short tables.

Beyond the live prefix p0 = 0, q0 = q1 = 1 and m = lam, in every round. There p0 q1 + m q0 = lam, so
the tail adds lam times the sum of its eq weights, which is 1 less the sum of the live ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from verifiable.argument.goldilocks import ONE as EXT_ONE
from verifiable.argument.goldilocks import ZERO as EXT_ZERO
from verifiable.argument.goldilocks import Ext
from verifiable.argument.kernels import Level
from verifiable.argument.numba_kernels.field import (
    WIDE_ZERO,
    ZERO,
    Element,
    Wide,
    compiled,
    ext_add,
    ext_mul,
    ext_sub,
    factor,
    fold,
    inlined,
    load,
    reduce_wide,
    store,
    wide_add,
    wide_mul,
    wide_mul_by,
)
from verifiable.argument.numba_kernels.sumcheck import (
    cell,
    padded,
    require_more,
    require_none,
    summed,
    widened,
)
from verifiable.argument.numba_kernels.tables import eq_table
from verifiable.argument.numba_kernels.threads import Threads
from verifiable.argument.vectors import Words, from_exts

__all__ = ["FractionRounds", "fraction_tree"]

_GRAIN = 2048  # pairs of fractions; about 0.1 ms of work
_LOW_VARIABLES = 8  # of the low table of eq weights: 4 kB, which stays in the cache


@inlined
def _cross(p0: Element, q0: Element, p1: Element, q1: Element) -> Wide:
    return wide_add(wide_mul(p0, q1), wide_mul(p1, q0))


@compiled
def _add_pairs(p: Any, q: Any, sum_p: Any, sum_q: Any, start: int, stop: int) -> None:
    """Add fractions 2i and 2i + 1 for each i in start..stop."""
    for i in range(start, stop):
        p0, p1 = load(p, 2 * i), load(p, 2 * i + 1)
        q0, q1 = load(q, 2 * i), load(q, 2 * i + 1)
        store(sum_p, i, reduce_wide(_cross(p0, q0, p1, q1)))
        store(sum_q, i, ext_mul(q0, q1))


@compiled
def _mix(p: Any, q: Any, lam: Any, mixed: Any, start: int, stop: int) -> None:
    """Write p0 and p1 + lam q1 to `mixed`, for each pair in start..stop."""
    weight = factor((lam[0], lam[1]))
    for i in range(start, stop):
        store(mixed, 2 * i, load(p, 2 * i))
        product = wide_mul_by(load(q, 2 * i + 1), weight)
        p1 = load(p, 2 * i + 1)
        m = reduce_wide(wide_add(product, (ZERO, ZERO, p1[0], ZERO, ZERO, p1[1])))
        store(mixed, 2 * i + 1, m)


@compiled
def _first(p: Any, q: Any, low: Any, high: Any, start: int, stop: int, out: Any) -> None:
    """Evaluate h(0), the coefficient of X^2, the live eq weights and h(1)."""
    total_0 = WIDE_ZERO
    total_square = WIDE_ZERO
    total_1 = WIDE_ZERO
    weights = (ZERO, ZERO)
    width = low.shape[0]
    y = start
    while y < stop:
        block = y // width
        end = min(stop, (block + 1) * width)
        at_0 = WIDE_ZERO
        square = WIDE_ZERO
        at_1 = WIDE_ZERO
        weight = (ZERO, ZERO)
        for z in range(y, end):
            eq = load(low, z - block * width)
            p0, m0 = load(p, 4 * z), load(p, 4 * z + 1)
            p1, m1 = load(p, 4 * z + 2), load(p, 4 * z + 3)
            q0, s0 = load(q, 4 * z), load(q, 4 * z + 1)
            q1, s1 = load(q, 4 * z + 2), load(q, 4 * z + 3)
            term_0 = reduce_wide(_cross(p0, q0, m0, s0))
            term_1 = reduce_wide(_cross(p1, q1, m1, s1))
            steps = _cross(ext_sub(p1, p0), ext_sub(q1, q0), ext_sub(m1, m0), ext_sub(s1, s0))
            at_0 = wide_add(at_0, wide_mul(eq, term_0))
            square = wide_add(square, wide_mul(eq, reduce_wide(steps)))
            at_1 = wide_add(at_1, wide_mul(eq, term_1))
            weight = ext_add(weight, eq)
        outer = load(high, block)
        total_0 = wide_add(total_0, wide_mul(outer, reduce_wide(at_0)))
        total_square = wide_add(total_square, wide_mul(outer, reduce_wide(square)))
        total_1 = wide_add(total_1, wide_mul(outer, reduce_wide(at_1)))
        weights = ext_add(weights, ext_mul(outer, weight))
        y = end
    out[0], out[1] = reduce_wide(total_0)
    out[2], out[3] = reduce_wide(total_square)
    out[4], out[5] = weights
    out[6], out[7] = reduce_wide(total_1)


@compiled
def _next(
    p: Any,
    q: Any,
    folded_p: Any,
    folded_q: Any,
    r: Any,
    low: Any,
    high: Any,
    start: int,
    stop: int,
    out: Any,
) -> None:
    """Fold (p, q), and evaluate h(0), the coefficient of X^2 and the live eq weights."""
    r = factor((r[0], r[1]))
    total_0 = WIDE_ZERO
    total_square = WIDE_ZERO
    weights = (ZERO, ZERO)
    width = low.shape[0]
    y = start
    while y < stop:
        block = y // width
        end = min(stop, (block + 1) * width)
        at_0 = WIDE_ZERO
        square = WIDE_ZERO
        weight = (ZERO, ZERO)
        for z in range(y, end):
            eq = load(low, z - block * width)
            p0 = fold(load(p, 8 * z), load(p, 8 * z + 2), r)
            m0 = fold(load(p, 8 * z + 1), load(p, 8 * z + 3), r)
            p1 = fold(load(p, 8 * z + 4), load(p, 8 * z + 6), r)
            m1 = fold(load(p, 8 * z + 5), load(p, 8 * z + 7), r)
            q0 = fold(load(q, 8 * z), load(q, 8 * z + 2), r)
            s0 = fold(load(q, 8 * z + 1), load(q, 8 * z + 3), r)
            q1 = fold(load(q, 8 * z + 4), load(q, 8 * z + 6), r)
            s1 = fold(load(q, 8 * z + 5), load(q, 8 * z + 7), r)
            store(folded_p, 4 * z, p0)
            store(folded_p, 4 * z + 1, m0)
            store(folded_p, 4 * z + 2, p1)
            store(folded_p, 4 * z + 3, m1)
            store(folded_q, 4 * z, q0)
            store(folded_q, 4 * z + 1, s0)
            store(folded_q, 4 * z + 2, q1)
            store(folded_q, 4 * z + 3, s1)
            term_0 = reduce_wide(_cross(p0, q0, m0, s0))
            steps = _cross(ext_sub(p1, p0), ext_sub(q1, q0), ext_sub(m1, m0), ext_sub(s1, s0))
            at_0 = wide_add(at_0, wide_mul(eq, term_0))
            square = wide_add(square, wide_mul(eq, reduce_wide(steps)))
            weight = ext_add(weight, eq)
        outer = load(high, block)
        total_0 = wide_add(total_0, wide_mul(outer, reduce_wide(at_0)))
        total_square = wide_add(total_square, wide_mul(outer, reduce_wide(square)))
        weights = ext_add(weights, ext_mul(outer, weight))
        y = end
    out[0], out[1] = reduce_wide(total_0)
    out[2], out[3] = reduce_wide(total_square)
    out[4], out[5] = weights


@compiled
def _drop_variable(table: Any) -> None:
    """Sum out the lowest variable of a table of eq weights, in place, into its first half."""
    for i in range(table.shape[0] // 2):
        store(table, i, ext_add(load(table, 2 * i), load(table, 2 * i + 1)))


def fraction_tree(
    numerators: Words, denominators: Words, log_size: int, threads: Threads
) -> list[Level]:
    """Add fractions pairwise up to the root; see `Kernels.fraction_tree`."""
    live = len(numerators)
    if live != len(denominators) or not 1 <= live <= 1 << log_size:
        raise ValueError("numerators, denominators and log_size do not fit each other")
    p, q = widened(numerators), np.ascontiguousarray(denominators)
    levels = [(p, q)]
    # One array holds all sums: a large one is backed by huge pages, which are cheaper to touch.
    sums = np.empty((2 * (live + log_size), 2), np.uint64)
    used = 0
    for _ in range(log_size):
        pairs, odd = divmod(len(p), 2)
        sum_p, sum_q = sums[used : used + 2 * (pairs + odd)].reshape(2, pairs + odd, 2)
        used += 2 * (pairs + odd)
        threads.run(partial(_add_part, (p, q, sum_p, sum_q)), pairs, grain=_GRAIN)
        if odd:  # plus 0 / 1
            sum_p[-1], sum_q[-1] = p[-1], q[-1]
        p, q = sum_p, sum_q
        levels.append((p, q))
    return levels


def _add_part(tables: tuple[Words, ...], part: int, start: int, stop: int) -> None:
    _add_pairs(*tables, start, stop)


class FractionRounds:
    """The prover of the sumcheck of one level of fractions; see `Kernels.fraction`."""

    degree = 3

    def __init__(
        self, p: Words, q: Words, point: Sequence[Ext], lam: Ext, rounds: int, threads: Threads
    ) -> None:
        if len(p) != len(q) or len(point) != rounds or not 1 <= len(p) <= 2 << rounds:
            raise ValueError("numerators, denominators and point do not fit each other")
        self._rounds = rounds
        self._threads = threads
        self._point = list(point)
        self._lam = lam
        self._r = np.zeros(2, np.uint64)
        self._out = np.zeros((threads.count, 8), np.uint64)
        self._prefix = EXT_ONE  # eq of the bound variables
        self._sum = EXT_ZERO  # what the current variable's eq(w, X) h(X) adds up to over X = 0, 1
        self._current: tuple[Ext, Ext, Ext] | None = None  # h of the current variable
        self._pending = False
        self._spare: list[Words] = []
        later = self._point[1:]
        split = min(len(later), max(_LOW_VARIABLES, len(later) // 2))
        self._low = eq_table(from_exts(later[:split]), threads)
        self._high = eq_table(from_exts(later[split:]), threads)
        self._p, self._q = self._mixed(p, q)

    def _mixed(self, p: Words, q: Words) -> tuple[Words, Words]:
        """Pad the level to whole groups of eight, and replace p1 by p1 + lam q1."""
        length = -(-len(p) // 8) * 8
        p, q = padded(p, length, EXT_ZERO), padded(q, length, EXT_ONE)
        mixed = np.empty((length, 2), np.uint64)
        lam = from_exts([self._lam])[0]
        self._threads.run(
            lambda part, start, stop: _mix(p, q, lam, mixed, start, stop),
            length // 2,
            grain=_GRAIN,
        )
        return mixed, q

    def round(self) -> tuple[Ext, ...]:
        """Return g(0), g(2), g(3)."""
        require_more(self._rounds)
        at_0, square, at_1 = self._quadratic()
        w = self._point[0]
        slope = at_1 - at_0 - square
        at_2 = at_0 + slope * 2 + square * 4
        at_3 = at_0 + slope * 3 + square * 9
        # times the eq of the bound variables, and eq(w, X) = 1 - w + X (2 w - 1)
        return (
            self._prefix * (1 - w) * at_0,
            self._prefix * (w * 3 - 1) * at_2,
            self._prefix * (w * 5 - 2) * at_3,
        )

    def bind(self, r: Ext) -> None:
        """Fix the current variable to `r`."""
        require_more(self._rounds)
        at_0, square, at_1 = self._quadratic()
        w = self._point.pop(0)
        self._sum = at_0 + r * (at_1 - at_0 - square + r * square)
        self._prefix = self._prefix * (1 - w + r * (w * 2 - 1))
        self._r[0], self._r[1] = r.c0, r.c1
        self._current = None
        self._pending = True
        self._rounds -= 1

    def final(self) -> tuple[Ext, ...]:
        """Return p0, p1, q0 and q1 at the bound point."""
        require_none(self._rounds)
        if self._pending:
            self._fold()
        p0, mixed, q0, q1 = (cell(table, i) for table in (self._p, self._q) for i in (0, 1))
        return (p0, mixed - self._lam * q1, q0, q1)

    def _quadratic(self) -> tuple[Ext, Ext, Ext]:
        """Find h(0), the coefficient of X^2 and h(1) for the current variable."""
        if self._current is None:
            if self._pending:
                at_0, square, at_1 = self._fold()
            else:
                at_0, square, at_1 = self._evaluate()
            self._current = at_0, square, at_1
        return self._current

    def _evaluate(self) -> tuple[Ext, Ext, Ext]:
        """Find the quadratic from the tables alone."""
        pairs = min(len(self._p) // 4, len(self._low) * len(self._high))
        tables, out = (self._p, self._q, self._low, self._high), self._out
        parts = self._threads.run(
            lambda part, start, stop: _first(*tables, start, stop, out[part]), pairs, grain=_GRAIN
        )
        at_0, square, weights, at_1 = summed(out, parts)
        tail = self._lam * (1 - weights)
        return at_0 + tail, square, at_1 + tail

    def _fold(self) -> tuple[Ext, Ext, Ext]:
        """Fold the last challenge in, and find the quadratic of the next variable."""
        if len(self._low) == 1:
            self._low, self._high = self._high, self._low
        if len(self._low) > 1:
            _drop_variable(self._low)
            self._low = self._low[: len(self._low) // 2]
        groups = len(self._p) // 8
        folded = self._room(groups)
        tables, out = (self._p, self._q, *folded, self._r, self._low, self._high), self._out
        parts = self._threads.run(
            lambda part, start, stop: _next(*tables, start, stop, out[part]), groups, grain=_GRAIN
        )
        self._p, self._q = folded
        self._pending = False
        if self._rounds == 0:
            return EXT_ZERO, EXT_ZERO, EXT_ZERO
        at_0, square, weights, _ = summed(out, parts)
        at_0 += self._lam * (1 - weights)
        w = self._point[0]
        if w == 0:  # then h(1) has no part in the sum of the round before
            return self._evaluate()
        return at_0, square, (self._sum - (1 - w) * at_0) * w.inverse()

    def _room(self, groups: int) -> list[Words]:
        """Take arrays for 4 * groups cells, padded to whole groups of eight."""
        length = 4 * (groups + groups % 2)
        if self._spare:
            room, self._spare = self._spare, [self._p, self._q]
        else:
            # Never write to the tables of the first round: the denominators are the caller's.
            room = [np.empty((length, 2), np.uint64) for _ in range(2)]
            self._spare = [np.empty((length // 2 + 4, 2), np.uint64) for _ in range(2)]
        folded = [table[:length] for table in room]
        if groups % 2:
            for table, even, odd in zip(
                folded, (EXT_ZERO, EXT_ONE), (self._lam, EXT_ONE), strict=True
            ):
                table[-4::2] = (even.c0, even.c1)
                table[-3::2] = (odd.c0, odd.c1)
        return folded
