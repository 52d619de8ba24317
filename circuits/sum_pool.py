"""SumPool: the sum of `x - x_zero_point` over each window, requantised.

The sum is linear with public coefficients, one axis at a time, so a claim on it *is* a claim on x:

    <acc, b (x) h (x) w (x) c> = <x, b (x) S (x) S' (x) c> - zero_point * total(b, S, S', c)

with S(q) the sum of h(y) over all outputs y and taps that read row q; taps outside x read nothing.
No message, no error term. Commits and looks up: what `requantise.py` says.
"""

from __future__ import annotations

from functools import partial

from verifiable.argument import vectors
from verifiable.argument.functional import ExtArray, Functional
from verifiable.argument.goldilocks import Ext
from verifiable.circuits.requantise import Requantised
from verifiable.circuits.site import Interval
from verifiable.circuits.walk import Walk
from verifiable.circuits.windows import scatter, tap_positions
from verifiable.program import operators as ops

__all__ = ["SumPoolArgument"]


class SumPoolArgument(Requantised):
    """The argument of one SumPool node."""

    def accumulator_interval(self) -> Interval:
        """As many terms as a window has positions, or fewer at a border."""
        op, x = self._op(), self.site.operands[0]
        count = op.kernel[0] * op.kernel[1]
        lo, hi = x.lo - op.x_zero_point, x.hi - op.x_zero_point
        return count * min(lo, 0), count * max(hi, 0)

    def reduce_accumulator(self, walk: Walk, weights: Functional, value: Ext) -> None:
        """See the module's text."""
        pulled = weights
        for axis in (0, 1):
            pulled = pulled.along(1 + axis, partial(self._pull, axis=axis))
        offset = pulled.total() * self._op().x_zero_point
        walk.claim(self.site.operands[0], pulled, value + offset)

    def _pull(self, outputs: ExtArray, axis: int) -> ExtArray:
        op, size = self._op(), self.site.operands[0].view[1 + axis]
        positions = tap_positions(
            len(outputs), op.kernel[axis], op.strides[axis], op.dilations[axis], op.pads[axis], size
        )
        total = scatter(outputs, positions[0], size)
        for taps in positions[1:]:
            total = vectors.add(total, scatter(outputs, taps, size))
        return total

    def _op(self) -> ops.SumPool:
        op = self.site.node.op
        assert isinstance(op, ops.SumPool)  # noqa: S101 - the registry's key
        return op
