"""Pad: x surrounded by a constant.

    <y, F> = <x, F cut to x's place> + constant * (total(F) - total(F cut to x's place))

No message, no commitment, no table, no error term.
"""

from __future__ import annotations

from verifiable.argument.functional import Functional
from verifiable.argument.goldilocks import Ext
from verifiable.circuits.lookups import TableBook
from verifiable.circuits.moving import Moving
from verifiable.circuits.site import Site
from verifiable.circuits.walk import Walk
from verifiable.program import operators as ops

__all__ = ["PadArgument"]


class PadArgument(Moving):
    """The argument of one Pad node."""

    def __init__(self, site: Site, book: TableBook) -> None:
        """The constant belongs to the result's interval."""
        super().__init__(site, book)
        lo, hi = self.interval
        self.interval = (min(lo, self._op().value), max(hi, self._op().value))

    def move(self, walk: Walk, weights: Functional, value: Ext) -> None:
        """See the module's text."""
        op = self._op()
        seen = self.site.operands[0]
        inner = weights
        for axis, (before, size) in enumerate(zip(op.before, seen.view, strict=True)):
            inner = inner.cut(axis, before, before + size)
        border = (weights.total() - inner.total()) * op.value
        walk.claim(seen, inner, value - border)

    def _op(self) -> ops.Pad:
        op = self.site.node.op
        assert isinstance(op, ops.Pad)  # noqa: S101 - the registry's key
        return op
