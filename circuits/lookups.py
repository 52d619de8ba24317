"""The tables that a program's arguments look values up in, shared between all of its nodes."""

from __future__ import annotations

from dataclasses import dataclass, field

from verifiable.argument.tables import ClampTable, GraphTable, Table

__all__ = ["UNBOUNDED", "ClampKey", "TableBook", "TableKey"]

UNBOUNDED = 1 << 62
"""An upper bound that no value reaches: the clamp of a maximum has only a lower one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClampKey:
    """Names the table of one clamp; its domain is the hull of all that look values up in it."""

    lo: int
    hi: int
    ranged: int = 0


TableKey = ClampKey | GraphTable


@dataclass(slots=True)
class TableBook:
    """Collects tables while arguments are built; then numbers them."""

    _domains: dict[ClampKey, tuple[int, int]] = field(default_factory=dict)
    _graphs: dict[GraphTable, None] = field(default_factory=dict)
    _numbers: dict[TableKey, int] = field(default_factory=dict)

    def clamp(self, lo: int, hi: int, first: int, last: int) -> TableKey:
        """Rows (h, clamp(h, lo, hi)) for h in [first, last] at least."""
        key = ClampKey(lo=lo, hi=hi)
        known = self._domains.get(key, (first, last))
        self._domains[key] = (min(first, known[0]), max(last, known[1]))
        return key

    def range(self, bits: int) -> TableKey:
        """Rows (v, 0) for v in [0, 2**bits): the domain is exact, which is the point of it."""
        key = ClampKey(lo=0, hi=0, ranged=bits + 1)
        self._domains[key] = (0, (1 << bits) - 1)
        return key

    def graph(self, start: int, values: tuple[int, ...]) -> TableKey:
        """Rows (start + j, values[j])."""
        key = GraphTable(start=start, values=values)
        self._graphs[key] = None
        return key

    def tables(self) -> tuple[Table, ...]:
        """All tables; the position of each is its number from now on."""
        found: list[Table] = []
        for key, (first, last) in self._domains.items():
            self._numbers[key] = len(found)
            found.append(
                ClampTable(start=first, log_size=(last - first).bit_length(), lo=key.lo, hi=key.hi)
            )
        for graph in self._graphs:
            self._numbers[graph] = len(found)
            found.append(graph)
        return tuple(found)

    def number(self, key: TableKey) -> int:
        """The number of a table, after `tables`."""
        return self._numbers[key]
