"""Add: `acc = a * a_multiplier + b * b_multiplier + offset`, with broadcasting, requantised.

Linear, so a claim on acc is a claim on each operand under the same functional, summed over the axes
along which the operand repeats:

    <acc, F> = a_multiplier * <a, F_a> + b_multiplier * <b, F_b> + offset * total(F)

Two messages, no error term. Commits and looks up: what `requantise.py` says.
"""

from __future__ import annotations

from verifiable.argument.functional import Functional
from verifiable.argument.goldilocks import Ext
from verifiable.circuits.requantise import Requantised
from verifiable.circuits.site import Interval
from verifiable.circuits.walk import Walk
from verifiable.program import operators as ops

__all__ = ["AddArgument"]


class AddArgument(Requantised):
    """The argument of one Add node."""

    def accumulator_interval(self) -> Interval:
        """The sum of the operands' scaled intervals."""
        op = self._op()
        a, b = self.site.operands
        left = sorted((a.lo * op.a_multiplier, a.hi * op.a_multiplier))
        right = sorted((b.lo * op.b_multiplier, b.hi * op.b_multiplier))
        return left[0] + right[0] + op.offset, left[1] + right[1] + op.offset

    def reduce_accumulator(self, walk: Walk, weights: Functional, value: Ext) -> None:
        """See the module's text."""
        op, label = self._op(), self.site.label
        a, b = self.site.operands
        left = walk.operand_value(a, f"{label}.a", weights.summed_to(a.view))
        right = walk.operand_value(b, f"{label}.b", weights.summed_to(b.view))
        made = left * op.a_multiplier + right * op.b_multiplier + weights.total() * op.offset
        # GK-9: the operands' values make up the sum's.
        walk.side.require("GK-9", "reduction-false", made == value, label)

    def _op(self) -> ops.Add:
        op = self.site.node.op
        assert isinstance(op, ops.Add)  # noqa: S101 - the registry's key
        return op
