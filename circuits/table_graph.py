"""The graph of a table as lookup rows: one run of rows, or one run for each channel.

A table (1, size) gives rows `(x, y)`. A table (C, size) gives, for channel c of the last axis, rows
`(x + c * 2^k, y)`, with 2^k at least the width of the domain; the channel's part of the index is
public.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from verifiable.argument import vectors
from verifiable.argument.functional import Functional
from verifiable.argument.goldilocks import Ext
from verifiable.circuits.lookups import TableBook, TableKey
from verifiable.circuits.site import Interval
from verifiable.program.program import IntArray

__all__ = ["channel_lanes", "channel_value", "graph_of", "run_log"]

Before = Callable[[IntArray], IntArray]


def graph_of(
    domain: Interval, table: IntArray, x_min: int, book: TableBook, *, before: Before
) -> TableKey:
    """Enter the graph of `x -> table[c, clamp(before(x) - x_min)]` over a domain.

    Args:
        domain: first and last x.
        table: (rows, size).
        before: what happens to x first.

    Several rows are sound only where x is known to lie in the domain, whoever made the key.
    """
    first, log_size = domain[0], run_log(domain)
    x = np.arange(first, first + (1 << log_size), dtype=np.int64)
    at = np.clip(before(x) - x_min, 0, table.shape[1] - 1)
    values = table[:, at]  # (rows, 2**log_size)
    return book.graph(first, tuple(int(v) for v in values.reshape(-1)))


def run_log(domain: Interval) -> int:
    """log2 of the rows that one channel takes."""
    return (domain[1] - domain[0]).bit_length()


def channel_lanes(shape: tuple[int, ...], padded: tuple[int, ...], log_size: int) -> IntArray:
    """The channel's part of the index on every padded lane: `c * 2**log_size`, 0 on padding."""
    lanes = np.zeros(padded, dtype=np.int64)
    real = tuple(slice(size) for size in shape)
    lanes[real] = np.arange(shape[-1], dtype=np.int64) << log_size
    return lanes


def channel_value(weights: Functional, log_size: int) -> Ext:
    """What `channel_lanes` is under `weights`."""
    rest, last = weights.split_last()
    numbers = np.arange(len(last), dtype=np.int64) << log_size
    return rest.total() * vectors.to_ext(vectors.contract(numbers.reshape(1, -1), last)[0])
