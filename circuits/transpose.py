"""Transpose: axis i of the result is axis `perm[i]` of x.

`<y, f_0 (x) f_1 (x) ..> = <x, the same vectors on the permuted axes>`. No message, no commitment,
no table, no error term.
"""

from __future__ import annotations

from verifiable.argument.functional import Functional
from verifiable.argument.goldilocks import Ext
from verifiable.circuits.moving import Moving
from verifiable.circuits.walk import Walk
from verifiable.program import operators as ops

__all__ = ["TransposeArgument"]


class TransposeArgument(Moving):
    """The argument of one Transpose node."""

    def move(self, walk: Walk, weights: Functional, value: Ext) -> None:
        """See the module's text."""
        op = self.site.node.op
        assert isinstance(op, ops.Transpose)  # noqa: S101 - the registry's key
        walk.claim(self.site.operands[0], weights.transposed(op.perm), value)
