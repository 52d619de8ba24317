"""Concat: the operands one after another along an axis.

A functional's vector on that axis is cut at the seams:

    <y, F> = sum_i <x_i, F with the vector's i-th piece>

One message for each operand, no commitment, no table, no error term.
"""

from __future__ import annotations

from verifiable.argument.functional import Functional
from verifiable.argument.goldilocks import ZERO, Ext
from verifiable.circuits.moving import Moving
from verifiable.circuits.walk import Walk
from verifiable.program import operators as ops

__all__ = ["ConcatArgument"]


class ConcatArgument(Moving):
    """The argument of one Concat node."""

    def move(self, walk: Walk, weights: Functional, value: Ext) -> None:
        """See the module's text."""
        op = self.site.node.op
        assert isinstance(op, ops.Concat)  # noqa: S101 - the registry's key
        total, start = ZERO, 0
        for seen in self.site.operands:
            stop = start + seen.view[op.axis]
            piece = weights.cut(op.axis, start, stop)
            total = total + walk.operand_value(seen, f"{self.site.label}.part", piece)
            start = stop
        # GK-9: the pieces make up the whole.
        walk.side.require("GK-9", "reduction-false", total == value, self.site.label)
