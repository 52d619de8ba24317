"""Operators that only move values: nothing is committed, and a claim on the result is moved on.

Their arguments share one base: for each claim on the result, the subclass says which functional on
each operand it is. Views (reshape, flatten, squeeze) are no operators: `Functional.reshaped`
carries a claim from the shape that a node reads to the shape that a tensor has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from verifiable.argument.functional import Functional
from verifiable.argument.goldilocks import Ext
from verifiable.circuits.lookups import TableBook, TableKey
from verifiable.circuits.site import Column, Interval, Site
from verifiable.circuits.walk import Lookup, Suffix, Walk, Witness

__all__ = ["Moving"]


class Moving(ABC):
    """The argument of an operator without arithmetic."""

    columns: tuple[Column, ...] = ()
    lookups: tuple[tuple[TableKey, int], ...] = ()

    def __init__(self, site: Site, book: TableBook) -> None:
        """Nothing to choose: no column, no table."""
        self.site = site
        self.interval: Interval = (
            min(seen.lo for seen in site.operands),
            max(seen.hi for seen in site.operands),
        )

    @property
    def result(self) -> Column | None:
        """The result is not committed."""
        return None

    def fill(self, witness: Witness) -> None:
        """Nothing to write."""
        del witness

    def close(self, walk: Walk, suffix: Suffix) -> list[Lookup]:
        """No lookups."""
        return []

    def reduce(self, walk: Walk) -> None:
        """Move every claim on the result on to the operands."""
        for weights, value in walk.claims_on(self.site.index):
            self.move(walk, weights, value)

    @abstractmethod
    def move(self, walk: Walk, weights: Functional, value: Ext) -> None:
        """Make `<result, weights> = value` a claim on each operand."""
