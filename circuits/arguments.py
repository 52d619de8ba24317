"""The argument of each operator. A new one is one file, and one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from verifiable.circuits.add import AddArgument
from verifiable.circuits.affine import AffineArgument
from verifiable.circuits.concat import ConcatArgument
from verifiable.circuits.conv import ConvArgument
from verifiable.circuits.lookup_table import LookupTableArgument
from verifiable.circuits.lookups import TableBook, TableKey
from verifiable.circuits.matmul import MatMulArgument
from verifiable.circuits.max_pool import MaxPoolArgument
from verifiable.circuits.mul import MulArgument
from verifiable.circuits.pad import PadArgument
from verifiable.circuits.site import Column, Interval, Site
from verifiable.circuits.sum_pool import SumPoolArgument
from verifiable.circuits.transpose import TransposeArgument
from verifiable.circuits.walk import Lookup, Suffix, Walk, Witness
from verifiable.program import operators as ops

__all__ = ["ARGUMENTS", "Argument"]


class Argument(Protocol):
    """How one node is shown to be right. Both sides build it from the key alone.

    Attributes:
        site: the node.
        interval: where every lane of the result lies, if the argument holds.
    """

    site: Site
    interval: Interval

    @property
    def result(self) -> Column | None:
        """The column that holds the node's result; None if it is virtual."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """All that it commits."""

    @property
    def lookups(self) -> tuple[tuple[TableKey, int], ...]:
        """Table and log2 of the lanes of each of its blocks of lookups."""

    def fill(self, witness: Witness) -> None:
        """Prover: write the columns, and (a, b) of each block of lookups in order."""

    def close(self, walk: Walk, suffix: Suffix) -> list[Lookup]:
        """At the leaves' point: the values of each block, made of values that are claimed."""

    def reduce(self, walk: Walk) -> None:
        """Turn what this node has to show into claims on its operands."""


ARGUMENTS: dict[type[ops.Operator], Callable[[Site, TableBook], Argument]] = {
    ops.MatMul: MatMulArgument,
    ops.Conv: ConvArgument,
    ops.Affine: AffineArgument,
    ops.Add: AddArgument,
    ops.Mul: MulArgument,
    ops.LookupTable: LookupTableArgument,
    ops.MaxPool: MaxPoolArgument,
    ops.SumPool: SumPoolArgument,
    ops.Transpose: TransposeArgument,
    ops.Concat: ConcatArgument,
    ops.Pad: PadArgument,
}
