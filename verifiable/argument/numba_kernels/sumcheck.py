"""Sumchecks of products of two or three tables.

A round after the first one folds the tables with the last challenge and evaluates the next
polynomial in the same pass over memory. Tables are padded with zeros to a multiple of four
cells, so that the kernels need no special case at the end of the live prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from verifiable.argument.goldilocks import ZERO as EXT_ZERO
from verifiable.argument.goldilocks import Ext
from verifiable.argument.numba_kernels.field import (
    WIDE_ZERO,
    ZERO,
    Element,
    Factor,
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
    sub,
    wide_add,
    wide_mul,
    wide_scale,
)
from verifiable.argument.numba_kernels.threads import Threads
from verifiable.argument.vectors import Words

__all__ = ["ProductRounds"]

_GRAIN = 4096  # pairs; about 0.1 ms of work


@inlined
def _result(out: Any, i: int, total: Wide) -> None:
    out[2 * i], out[2 * i + 1] = reduce_wide(total)


@inlined
def _at_two(low: Element, high: Element) -> Element:
    return ext_add(high, ext_sub(high, low))


@inlined
def _base_at_two(low: np.uint64, high: np.uint64) -> np.uint64:
    return sub(high, sub(low, high))


@inlined
def _fold_base(low: np.uint64, high: np.uint64, r: Factor) -> Element:
    product = wide_scale(sub(high, low), (r[0], r[1]))
    return reduce_wide(wide_add(product, (ZERO, ZERO, low, ZERO, ZERO, ZERO)))


@compiled
def _first_mixed(a: Any, b: Any, start: int, stop: int, out: Any) -> None:
    """Evaluate the first round of a base table times an extension table."""
    g0 = WIDE_ZERO
    g2 = WIDE_ZERO
    for i in range(start, stop):
        a0, a1 = a[2 * i], a[2 * i + 1]
        b0, b1 = load(b, 2 * i), load(b, 2 * i + 1)
        g0 = wide_add(g0, wide_scale(a0, b0))
        g2 = wide_add(g2, wide_scale(_base_at_two(a0, a1), _at_two(b0, b1)))
    _result(out, 0, g0)
    _result(out, 1, g2)


@compiled
def _next_mixed(a: Any, b: Any, fa: Any, fb: Any, r: Any, start: int, stop: int, out: Any) -> None:
    """Fold a base table and an extension table into (fa, fb) and evaluate their round."""
    r = factor((r[0], r[1]))
    g0 = WIDE_ZERO
    g2 = WIDE_ZERO
    for i in range(start, stop):
        a0 = _fold_base(a[4 * i], a[4 * i + 1], r)
        a1 = _fold_base(a[4 * i + 2], a[4 * i + 3], r)
        b0 = fold(load(b, 4 * i), load(b, 4 * i + 1), r)
        b1 = fold(load(b, 4 * i + 2), load(b, 4 * i + 3), r)
        store(fa, 2 * i, a0)
        store(fa, 2 * i + 1, a1)
        store(fb, 2 * i, b0)
        store(fb, 2 * i + 1, b1)
        g0 = wide_add(g0, wide_mul(a0, b0))
        g2 = wide_add(g2, wide_mul(_at_two(a0, a1), _at_two(b0, b1)))
    _result(out, 0, g0)
    _result(out, 1, g2)


@compiled
def _first_two(a: Any, b: Any, start: int, stop: int, out: Any) -> None:
    """Evaluate the first round of two extension tables."""
    g0 = WIDE_ZERO
    g2 = WIDE_ZERO
    for i in range(start, stop):
        a0, a1 = load(a, 2 * i), load(a, 2 * i + 1)
        b0, b1 = load(b, 2 * i), load(b, 2 * i + 1)
        g0 = wide_add(g0, wide_mul(a0, b0))
        g2 = wide_add(g2, wide_mul(_at_two(a0, a1), _at_two(b0, b1)))
    _result(out, 0, g0)
    _result(out, 1, g2)


@compiled
def _next_two(a: Any, b: Any, fa: Any, fb: Any, r: Any, start: int, stop: int, out: Any) -> None:
    """Fold two extension tables into (fa, fb) and evaluate their round."""
    r = factor((r[0], r[1]))
    g0 = WIDE_ZERO
    g2 = WIDE_ZERO
    for i in range(start, stop):
        a0 = fold(load(a, 4 * i), load(a, 4 * i + 1), r)
        a1 = fold(load(a, 4 * i + 2), load(a, 4 * i + 3), r)
        b0 = fold(load(b, 4 * i), load(b, 4 * i + 1), r)
        b1 = fold(load(b, 4 * i + 2), load(b, 4 * i + 3), r)
        store(fa, 2 * i, a0)
        store(fa, 2 * i + 1, a1)
        store(fb, 2 * i, b0)
        store(fb, 2 * i + 1, b1)
        g0 = wide_add(g0, wide_mul(a0, b0))
        g2 = wide_add(g2, wide_mul(_at_two(a0, a1), _at_two(b0, b1)))
    _result(out, 0, g0)
    _result(out, 1, g2)


@compiled
def _first_three(a: Any, b: Any, c: Any, start: int, stop: int, out: Any) -> None:
    """Evaluate the first round of three extension tables."""
    g0 = WIDE_ZERO
    g2 = WIDE_ZERO
    g3 = WIDE_ZERO
    for i in range(start, stop):
        a0, a1 = load(a, 2 * i), load(a, 2 * i + 1)
        b0, b1 = load(b, 2 * i), load(b, 2 * i + 1)
        c0, c1 = load(c, 2 * i), load(c, 2 * i + 1)
        da, db, dc = ext_sub(a1, a0), ext_sub(b1, b0), ext_sub(c1, c0)
        a2, b2, c2 = ext_add(a1, da), ext_add(b1, db), ext_add(c1, dc)
        a3, b3, c3 = ext_add(a2, da), ext_add(b2, db), ext_add(c2, dc)
        g0 = wide_add(g0, wide_mul(ext_mul(a0, b0), c0))
        g2 = wide_add(g2, wide_mul(ext_mul(a2, b2), c2))
        g3 = wide_add(g3, wide_mul(ext_mul(a3, b3), c3))
    _result(out, 0, g0)
    _result(out, 1, g2)
    _result(out, 2, g3)


@compiled
def _fold_table(table: Any, folded: Any, r: Any, start: int, stop: int) -> None:
    """Fold a table: two cells of `folded` for each i in start..stop."""
    r = factor((r[0], r[1]))
    for i in range(2 * start, 2 * stop):
        store(folded, i, fold(load(table, 2 * i), load(table, 2 * i + 1), r))


class ProductRounds:
    """The prover of a sumcheck of a product; see `Kernels.product`."""

    def __init__(self, tables: Sequence[Words], rounds: int, threads: Threads) -> None:
        if len(tables) not in (2, 3):
            raise ValueError(f"a product takes 2 or 3 tables, not {len(tables)}")
        longest = max(len(table) for table in tables)
        if not all(1 <= len(table) <= 1 << rounds for table in tables):
            raise ValueError(f"a table of a product has 1 to {1 << rounds} cells")
        self.degree = len(tables)
        self._rounds = rounds
        self._threads = threads
        # The mixed kernels take the base table first.
        self._swapped = len(tables) == 2 and tables[0].ndim == 2 and tables[1].ndim == 1
        if self._swapped:
            tables = tables[::-1]
        self._mixed = rounds > 0 and [table.ndim for table in tables] == [1, 2]
        length = -(-longest // 4) * 4
        self._tables = [
            padded(table if self._mixed else widened(table), length, EXT_ZERO) for table in tables
        ]
        self._spare: list[Words] = []  # where the next fold but one goes
        self._pending = False  # whether the last challenge is still to be folded in
        self._r = np.zeros(2, np.uint64)
        self._out = np.zeros((threads.count, 2 * self.degree), np.uint64)

    def round(self) -> tuple[Ext, ...]:
        """Return g(0), g(2), .., g(degree)."""
        require_more(self._rounds)
        if self._pending:
            return self._fold_and_evaluate()
        first: Any = _first_three if self.degree == 3 else _first_two
        if self._mixed:
            first = _first_mixed
        tables = self._tables

        def work(part: int, start: int, stop: int) -> None:
            first(*tables, start, stop, self._out[part])

        parts = self._threads.run(work, len(tables[0]) // 2, grain=_GRAIN)
        return summed(self._out, parts)

    def bind(self, r: Ext) -> None:
        """Fix the current variable to `r`."""
        require_more(self._rounds)
        if self._pending:
            self._fold_and_evaluate()
        self._r[0], self._r[1] = r.c0, r.c1
        self._pending = True
        self._rounds -= 1

    def final(self) -> tuple[Ext, ...]:
        """Return the tables' values at the bound point."""
        require_none(self._rounds)
        if self._pending:
            self._fold_and_evaluate()
        values = tuple(cell(table, 0) for table in self._tables)
        return values[::-1] if self._swapped else values

    def _fold_and_evaluate(self) -> tuple[Ext, ...]:
        tables, r, out = self._tables, self._r, self._out
        quads = len(tables[0]) // 4
        folded = self._room(quads)
        mixed, degree = self._mixed, self.degree

        def work(part: int, start: int, stop: int) -> None:
            if degree == 3:
                for table, target in zip(tables, folded, strict=True):
                    _fold_table(table, target, r, start, stop)
                _first_three(*folded, start, stop, out[part])
            elif mixed:
                _next_mixed(*tables, *folded, r, start, stop, out[part])
            else:
                _next_two(*tables, *folded, r, start, stop, out[part])

        parts = self._threads.run(work, quads, grain=_GRAIN)
        self._tables = folded
        self._pending = self._mixed = False
        return summed(out, parts)

    def _room(self, quads: int) -> list[Words]:
        """Take arrays for 2 * quads cells, padded to a multiple of four, which two folds share."""
        length = 2 * quads + 2 * (quads % 2)
        if self._spare:
            room, self._spare = self._spare, self._tables
        else:
            room = [np.empty((length, 2), np.uint64) for _ in self._tables]
            # The tables of the first round are the caller's: never write to those.
            self._spare = [np.empty((length // 2 + 3, 2), np.uint64) for _ in self._tables]
        folded = [table[:length] for table in room]
        if quads % 2:
            for table in folded:
                table[-2:] = 0
        return folded


def widened(table: Words) -> Words:
    """Return a base table (n,) as an extension table (n, 2), and an extension table as it is."""
    if table.ndim == 2:
        return np.ascontiguousarray(table)
    wide = np.zeros((len(table), 2), np.uint64)
    wide[:, 0] = table
    return wide


def padded(table: Words, length: int, filler: Ext) -> Words:
    """Pad a table to a length; without a copy where it has that length."""
    if len(table) == length:
        return np.ascontiguousarray(table)
    longer = np.empty((length, *table.shape[1:]), np.uint64)
    longer[: len(table)] = table
    longer[len(table) :] = filler.c0 if table.ndim == 1 else (filler.c0, filler.c1)
    return longer


def summed(out: Words, parts: int) -> tuple[Ext, ...]:
    """Add up what the parts of a range found: out is (threads, 2 k), for k elements."""
    rows = out[:parts].tolist()
    words = rows[0] if parts == 1 else [sum(column) for column in zip(*rows, strict=True)]
    return tuple(Ext(words[i], words[i + 1]) for i in range(0, len(words), 2))


def cell(table: Words, i: int) -> Ext:
    """Read one cell of an extension table."""
    return Ext(int(table[i, 0]), int(table[i, 1]))


def require_more(rounds: int) -> None:
    """Refuse to go on after the last round."""
    if rounds == 0:
        raise ValueError("all variables of the sumcheck are bound already")


def require_none(rounds: int) -> None:
    """Refuse final values before the last round."""
    if rounds:
        raise ValueError(f"{rounds} variables of the sumcheck are not bound yet")
