"""Mul: `acc = (a - a_zero_point) * (b - b_zero_point)` with broadcasting, requantised.

The whole of it is `hadamard.py`. Commits and looks up: what `requantise.py` says. Soundness:
3 * (variables of the common axes) / F.
"""

from __future__ import annotations

from verifiable.argument.functional import Functional
from verifiable.argument.goldilocks import Ext
from verifiable.circuits.hadamard import Factor, reduce_product
from verifiable.circuits.requantise import Requantised
from verifiable.circuits.site import Interval
from verifiable.circuits.walk import Walk
from verifiable.program import operators as ops

__all__ = ["MulArgument"]


class MulArgument(Requantised):
    """The argument of one Mul node."""

    def accumulator_interval(self) -> Interval:
        """The corners of the operands' intervals."""
        op = self._op()
        a, b = self.site.operands[:2]
        corners = [
            (left - op.a_zero_point) * (right - op.b_zero_point)
            for left in (a.lo, a.hi)
            for right in (b.lo, b.hi)
        ]
        return min(corners), max(corners)

    def reduce_accumulator(self, walk: Walk, weights: Functional, value: Ext) -> None:
        """See the module's text."""
        op = self._op()
        a, b = self.site.operands[:2]
        left, right = Factor(a, op.a_zero_point), Factor(b, op.b_zero_point)
        reduce_product(walk, self.site.label, left, right, weights, value)

    def _op(self) -> ops.Mul:
        op = self.site.node.op
        assert isinstance(op, ops.Mul)  # noqa: S101 - the registry's key
        return op
