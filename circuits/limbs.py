"""Range checks: a number of many bits as limbs, each looked up in a range table.

    v = sum_j 2^(o_j) * limb_j,   limb_j in [0, 2^(w_j)),   sum of the w_j = bits

so v is in [0, 2^bits), and for every such v there is exactly one choice of limbs. Commits one
column a limb. A number of one limb that is known from other columns is looked up itself, without a
column.

Soundness: none of its own; the lookups' (LogUp, eprint 2022/1530 and 2023/1284).
"""

from __future__ import annotations

from dataclasses import dataclass

from verifiable.argument.goldilocks import ZERO, Ext
from verifiable.circuits.lookups import TableBook, TableKey
from verifiable.circuits.site import Column, Shape, Sizes
from verifiable.circuits.walk import Lookup, Walk, Witness, flat
from verifiable.program.program import IntArray

__all__ = ["Limbs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limbs:
    """A number in [0, 2**bits) on every lane of a shape.

    Attributes:
        widths: bits of each limb, the lowest first.
        columns: one for each limb; empty if the number itself is looked up.
        tables: the range table of each limb.
    """

    widths: tuple[int, ...]
    columns: tuple[Column, ...]
    tables: tuple[TableKey, ...]

    @classmethod
    def of(
        cls, name: str, shape: Shape, bits: int, sizes: Sizes, book: TableBook, *, known: bool
    ) -> Limbs:
        """Cut `bits` bits into limbs of nearly equal width.

        Args:
            known: the number is known from other columns.
        """
        count = max(1, -(-bits // sizes.limb_bits))
        widths = tuple((bits + i) // count for i in range(count))
        columns: tuple[Column, ...] = ()
        if count > 1 or not known:
            columns = tuple(Column(name=f"{name}{j}", shape=shape) for j in range(count))
        return cls(widths=widths, columns=columns, tables=tuple(book.range(w) for w in widths))

    def fill(self, witness: Witness, values: IntArray) -> None:
        """Write the limbs of `values` (padded lanes), and what they look up."""
        rest = flat(values)
        if not self.columns:
            witness.looked_up.append((rest, None))
            return
        for column, width in zip(self.columns, self.widths, strict=True):
            limb = rest & ((1 << width) - 1)
            rest = rest >> width
            witness.columns[column.name] = limb
            witness.looked_up.append((limb, None))

    def value_at(self, walk: Walk, point: tuple[Ext, ...]) -> Ext:
        """The number's extension at `point`, from the limbs' columns."""
        total, offset = ZERO, 0
        for column, width in zip(self.columns, self.widths, strict=True):
            total = total + walk.column_at(column.name, point) * (1 << offset)
            offset += width
        return total

    def close(
        self, walk: Walk, point: tuple[Ext, ...], known: Ext | None
    ) -> tuple[Ext, list[Lookup]]:
        """The number at the leaves' point, and the limbs' lookups there.

        Args:
            known: the number's value at the point, where other columns give it; it is then required
                to be what the limbs make up.
        """
        if not self.columns:
            assert known is not None  # noqa: S101 - the constructor's `known`
            return known, [Lookup(a=known, b=ZERO)]
        total = self.value_at(walk, point)
        if known is not None:
            # GK-9: the limbs are those of the number, not of some other one.
            walk.side.require("GK-9", "reduction-false", total == known, self.columns[0].name)
        found = [Lookup(a=walk.column_at(c.name, point), b=ZERO) for c in self.columns]
        return total, found
