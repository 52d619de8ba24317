"""Affine: `acc = x * weight + bias`, elementwise with broadcast constants, requantised.

    <acc, F> = <x * weight, F> + <bias, F_bias>

The bias is linear; the product goes to `hadamard.py`, whose sumcheck runs over the weight's own
axes only. Commits and looks up: what `requantise.py` says. Soundness: 3 * (variables of the weight)
/ F.
"""

from __future__ import annotations

from verifiable.argument.functional import Functional
from verifiable.argument.goldilocks import Ext
from verifiable.circuits.hadamard import Factor, reduce_product
from verifiable.circuits.requantise import Requantised
from verifiable.circuits.site import Interval
from verifiable.circuits.walk import Walk

__all__ = ["AffineArgument"]


class AffineArgument(Requantised):
    """The argument of one Affine node."""

    def accumulator_interval(self) -> Interval:
        """A bounded product and a bounded bias."""
        x, weight, bias, _ = self.site.operands
        corners = [a * b for a in (x.lo, x.hi) for b in (weight.lo, weight.hi)]
        return min(corners) + bias.lo, max(corners) + bias.hi

    def reduce_accumulator(self, walk: Walk, weights: Functional, value: Ext) -> None:
        """See the module's text."""
        x, weight, bias, _ = self.site.operands
        label = self.site.label
        offset = walk.operand_value(bias, f"{label}.bias", weights.summed_to(bias.view))
        factors = Factor(x, 0), Factor(weight, 0)
        reduce_product(walk, label, *factors, weights, value - offset)
