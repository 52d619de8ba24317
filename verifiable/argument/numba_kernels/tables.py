"""Tables: eq weights, outer products, denominators of lookups and weighted sums of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from verifiable.argument.goldilocks import Ext
from verifiable.argument.numba_kernels.field import (
    ZERO,
    compiled,
    ext_sub,
    factor,
    from_int,
    load,
    reduce_wide,
    store,
    wide_add,
    wide_mul_by,
    wide_scale,
)
from verifiable.argument.numba_kernels.threads import Threads
from verifiable.argument.vectors import Words, from_exts

__all__ = ["add_outer", "combine_rows", "eq_table", "lookup_denominators"]

_GRAIN = 16384  # extension multiplications; about 0.1 ms of work
_SMALL_VARIABLES = 12  # of an eq table that is made by doubling; larger ones are outer products
_TILE = 128  # columns that are summed at a time: their sums take 6 kB


@compiled
def _double(point: Any, table: Any) -> None:
    """Fill a table of eq weights, one variable after the other."""
    table[0, 0] = 1
    table[0, 1] = 0
    for j in range(point.shape[0]):
        x = factor(load(point, j))
        half = 1 << j
        for i in range(half):
            low = load(table, i)
            high = reduce_wide(wide_mul_by(low, x))
            store(table, i + half, high)
            store(table, i, ext_sub(low, high))


@compiled
def _add_outer(target: Any, hi: Any, lo: Any, start: int, stop: int) -> None:
    """Add the products number start..stop of the outer product of hi and lo."""
    width = lo.shape[0]
    y = start
    while y < stop:
        block = y // width
        end = min(stop, (block + 1) * width)
        shared = factor(load(hi, block))
        for z in range(y, end):
            product = wide_mul_by(load(lo, z - block * width), shared)
            cell = (ZERO, ZERO, target[z, 0], ZERO, ZERO, target[z, 1])
            store(target, z, reduce_wide(wide_add(product, cell)))
        y = end


@compiled
def _denominators(
    a: Any, b: Any, with_b: bool, scalars: Any, out: Any, start: int, stop: int
) -> None:
    """Write constant - a - alpha b, where `scalars` is (alpha, constant)."""
    alpha, constant = load(scalars, 0), load(scalars, 1)
    for i in range(start, stop):
        fingerprint = (from_int(a[i]), ZERO)
        if with_b:
            product = wide_scale(from_int(b[i]), alpha)
            cell = (ZERO, ZERO, fingerprint[0], ZERO, ZERO, ZERO)
            fingerprint = reduce_wide(wide_add(product, cell))
        store(out, i, ext_sub(constant, fingerprint))


@compiled
def _combine(weights: Any, rows: Any, out: Any, start: int, stop: int) -> None:
    """Sum weighted rows for tiles start..stop of columns."""
    columns = rows.shape[1]
    sums = np.empty((_TILE, 6), np.uint64)
    for tile in range(start, stop):
        first = tile * _TILE
        width = min(_TILE, columns - first)
        sums[:] = ZERO
        for r in range(rows.shape[0]):
            weight = load(weights, r)
            for c in range(width):
                old = (
                    sums[c, 0],
                    sums[c, 1],
                    sums[c, 2],
                    sums[c, 3],
                    sums[c, 4],
                    sums[c, 5],
                )
                new = wide_add(old, wide_scale(rows[r, first + c], weight))
                for k in range(6):
                    sums[c, k] = new[k]
        for c in range(width):
            total = (sums[c, 0], sums[c, 1], sums[c, 2], sums[c, 3], sums[c, 4], sums[c, 5])
            store(out, first + c, reduce_wide(total))


def eq_table(point: Words, threads: Threads) -> Words:
    """Evaluate eq(point, x) for all x, for a point (k, 2): (2^k, 2)."""
    variables = len(point)
    if variables <= _SMALL_VARIABLES:
        table = np.empty((1 << variables, 2), np.uint64)
        _double(point, table)
        return table
    split = variables // 2
    table = np.zeros((1 << variables, 2), np.uint64)
    hi, lo = eq_table(point[split:], threads), eq_table(point[:split], threads)
    add_outer(table, 0, hi, lo, threads)
    return table


def add_outer(target: Words, offset: int, hi: Words, lo: Words, threads: Threads) -> None:
    """Add an outer product to a part of `target`; see `Kernels.add_outer`."""
    end = offset + len(hi) * len(lo)
    if not 0 <= offset <= end <= len(target):
        raise ValueError(f"cells {offset} to {end} are not all inside 0 to {len(target)}")
    part_of_target = target[offset:end]
    hi, lo = np.ascontiguousarray(hi), np.ascontiguousarray(lo)
    threads.run(
        lambda part, start, stop: _add_outer(part_of_target, hi, lo, start, stop),
        end - offset,
        grain=_GRAIN,
    )


def lookup_denominators(
    a: NDArray[np.int64],
    b: NDArray[np.int64] | None,
    tag: Ext,
    alpha: Ext,
    beta: Ext,
    threads: Threads,
) -> Words:
    """Return beta - a - alpha b - tag; see `Kernels.lookup_denominators`."""
    with_b = b is not None
    a = np.ascontiguousarray(a, np.int64)
    second = a if b is None else np.ascontiguousarray(b, np.int64)
    if len(a) != len(second):
        raise ValueError(f"the columns of a lookup differ in length: {len(a)} and {len(second)}")
    scalars = from_exts([alpha, beta - tag])
    out = np.empty((len(a), 2), np.uint64)
    threads.run(
        lambda part, start, stop: _denominators(a, second, with_b, scalars, out, start, stop),
        len(a),
        grain=_GRAIN,
    )
    return out


def combine_rows(weights: Words, rows: Words, threads: Threads) -> Words:
    """Sum weighted rows; see `Kernels.combine_rows`."""
    if len(weights) != len(rows):
        raise ValueError(f"there are {len(weights)} weights for {len(rows)} rows")
    weights, rows = np.ascontiguousarray(weights), np.ascontiguousarray(rows)
    columns = rows.shape[1]
    out = np.empty((columns, 2), np.uint64)
    threads.run(
        lambda part, start, stop: _combine(weights, rows, out, start, stop),
        -(-columns // _TILE),
        grain=max(1, _GRAIN // (_TILE * max(1, len(rows)))),
    )
    return out
