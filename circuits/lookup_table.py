"""LookupTable: `y[.., c] = table[r, clamp(x[.., c] - x_min, 0, size - 1)]`.

The pair (x, y), with the channel in the index where the table has a row for each, is looked up in
the whole graph of the function over x's range. Where that range is too wide for a table, x is
clamped to the table's own domain first (`clamp.py`). A table that alone reads a requantisation is
joined to that one's clamp (`requantise.py`), and this argument has nothing left to do.

Commits: y; where x is wide, its clamp too. Tables: the graph. Soundness: the lookups' (LogUp,
eprint 2022/1530; over GKR 2023/1284).
"""

from __future__ import annotations

import numpy as np

from verifiable.argument.functional import Functional, padded
from verifiable.circuits.clamp import Clamp
from verifiable.circuits.lookups import TableBook, TableKey
from verifiable.circuits.site import Column, Interval, Site
from verifiable.circuits.table_graph import channel_lanes, channel_value, graph_of, run_log
from verifiable.circuits.walk import Lookup, Suffix, Walk, Witness, flat
from verifiable.program import operators as ops
from verifiable.program.program import IntArray

__all__ = ["LookupTableArgument"]


class LookupTableArgument:
    """The argument of one LookupTable node that is not fused."""

    def __init__(self, site: Site, book: TableBook) -> None:
        """Choose the graph's domain."""
        op = site.node.op
        assert isinstance(op, ops.LookupTable)  # noqa: S101 - the registry's key
        self.site = site
        self.x = site.operands[0]
        values = site.operands[1].values
        assert values is not None  # noqa: S101 - tables are public
        self.table: IntArray = values.reshape(site.operands[1].view)
        self.interval: Interval = (int(self.table.min()), int(self.table.max()))
        rows, size = self.table.shape
        own = (op.x_min, op.x_min + size - 1)
        reach = (min(self.x.lo, 0), max(self.x.hi, 0))  # padding lanes hold 0
        self.clamp: Clamp | None = None
        self.domain = reach
        channels = 1 << (rows - 1).bit_length()
        if not site.sizes.tabulates(reach[0], reach[0] + (channels << run_log(reach)), site.lanes):
            self.domain = own
            if max(abs(own[0]), abs(own[1])) >> site.sizes.largest_log:
                raise site.refuse(
                    f"a table over [{own[0]}, {own[1]}]",
                    "tables near 0, of at most 2^18 entries, can be proven",
                    "table-too-large",
                )
            self.clamp = Clamp.of(site.label, site.shape, own, reach, site.sizes, book)
        self.graph = graph_of(self.domain, self.table, op.x_min, book, before=lambda x: x)

    @property
    def _index(self) -> Column:
        """The clamped x, if it is committed."""
        return Column(name=f"{self.site.index}.x", shape=self.site.shape)

    @property
    def result(self) -> Column:
        """The column of y."""
        return Column(name=f"{self.site.index}.y", shape=self.site.shape)

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it commits."""
        if self.clamp is None:
            return (self.result,)
        return (self.result, self._index, *self.clamp.columns)

    @property
    def lookups(self) -> tuple[tuple[TableKey, int], ...]:
        """Table and log2 of the lanes of each of its blocks of lookups."""
        tables = (*(self.clamp.tables if self.clamp else ()), self.graph)
        return tuple((table, self.result.log_size) for table in tables)

    def fill(self, witness: Witness) -> None:
        """Write columns and lookups."""
        shape = self.site.shape
        x = padded(witness.tensor(self.x), 0)
        if self.clamp is not None:
            clamped = np.clip(x, self.clamp.lo, self.clamp.hi)
            self.clamp.fill(witness, x, clamped)
            witness.columns[self._index.name] = flat(clamped)
            x = clamped
        # A padding lane looks up channel 0 at its own x.
        at = min(max(int(self._pad_x()) - self._op().x_min, 0), self.table.shape[1] - 1)
        y = padded(witness.result(self.site.index), int(self.table[0, at]))
        index = x
        if len(self.table) > 1:
            index = x + channel_lanes(shape, x.shape, run_log(self.domain))
        witness.columns[self.result.name] = flat(y)
        witness.looked_up.append((flat(index), flat(y)))

    def close(self, walk: Walk, suffix: Suffix) -> list[Lookup]:
        """At the leaves' point: send x and y, and claim both."""
        point = suffix(self.result.log_size)
        found: list[Lookup] = []
        weights = Functional.at(self.site.shape, point)
        x = walk.operand_value(self.x, f"{self.site.label}.x", weights)
        if self.clamp is not None:
            clamped = walk.column_at(self._index.name, point)
            found += self.clamp.close(walk, point, clamped, x)[1]
            x = clamped
        if len(self.table) > 1:
            x = x + channel_value(weights, run_log(self.domain))
        y = walk.column_at(self.result.name, point)
        return [*found, Lookup(a=x, b=y)]

    def reduce(self, walk: Walk) -> None:
        """Show the clamp's products to vanish, if x is clamped."""
        if self.clamp is not None:
            name = self._index.name
            self.clamp.reduce(
                walk,
                lambda walk, point: walk.column_at(name, point),
                lambda: walk.column(name),
            )

    def _op(self) -> ops.LookupTable:
        op = self.site.node.op
        assert isinstance(op, ops.LookupTable)  # noqa: S101 - the registry's key
        return op

    def _pad_x(self) -> int:
        return 0 if self.clamp is None else min(max(0, self.clamp.lo), self.clamp.hi)
