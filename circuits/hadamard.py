"""The product of two tensors element by element, with broadcasting: what Mul and Affine share.

    <(a - a_zero) * (b - b_zero), F> = v

On an axis where one operand repeats, the other one is folded with F's vector at once. What remains
is a sum over the axes that both have, of three factors; one sumcheck of degree 3 leaves a value of
each folded operand, and F's own value, which the verifier computes:

    sum over common lanes x of F(x) A(x) B(x) = v    ->    F~(x*) * A~(x*) * B~(x*)
    <a, F on a's own axes (x) eq(x*, .) on the common ones> = A~(x*) + a_zero * total

Soundness: 3 * (variables of the common axes) / F. Paper: Thaler, CRYPTO 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from verifiable.argument import vectors
from verifiable.argument.functional import (
    ExtArray,
    Functional,
    PointTables,
    bits_of,
    contract_ext,
)
from verifiable.argument.goldilocks import ONE, Ext
from verifiable.circuits.contraction import lane_table
from verifiable.circuits.site import Seen
from verifiable.circuits.walk import Walk
from verifiable.program.program import IntArray

if TYPE_CHECKING:
    from verifiable.argument.kernels import RoundProver

__all__ = ["Factor", "reduce_product"]


class Factor:
    """One operand, and the number subtracted from each of its elements."""

    def __init__(self, seen: Seen, zero: int) -> None:
        self.seen, self.zero = seen, zero

    def view(self, rank: int) -> tuple[int, ...]:
        """Its shape with leading axes of size 1."""
        return (1,) * (rank - len(self.seen.view)) + self.seen.view


def reduce_product(
    walk: Walk, label: str, a: Factor, b: Factor, weights: Functional, value: Ext
) -> None:
    """Reduce `<(a - a_zero) * (b - b_zero), weights> = value` to claims on a and b.

    Args:
        weights: with one vector for each axis of the result.
    """
    side, shape = walk.side, weights.shape
    rank = len(shape)
    views = a.view(rank), b.view(rank)
    common = [axis for axis in range(rank) if views[0][axis] != 1 and views[1][axis] != 1]
    shared = tuple(shape[axis] for axis in common)
    bits = bits_of(shared)
    # Axes of one lane hold plain numbers; they belong to the sum's weight. So does a number beside
    # the axes, which is how a functional on a tensor without axes is scaled.
    numbers = [factor for factor in weights.factors if factor.ndim == 1]
    axes = [factor for factor in weights.factors if factor.ndim > 1]
    plain = [axes[axis].reshape(2) for axis in range(rank) if shape[axis] == 1]
    public = Functional(factors=(*numbers, *plain, *(axes[axis] for axis in common)))

    def folded(factor: Factor, view: tuple[int, ...]) -> ExtArray:
        values = walk.lanes(factor.seen).reshape(view) - factor.zero
        return _fold_own(values, axes, view, common)

    def start() -> RoundProver:
        tables = [
            public.dense(),
            folded(a, views[0]),
            folded(b, views[1]),
        ]
        return side.kernels.product([np.ascontiguousarray(lane_table(t)) for t in tables], bits)

    reduced = side.sumcheck(label, rounds=bits, degree=3, claim=value, start=start)
    finals = reduced.finals
    at_a, at_b = side.values(f"{label}.factors", 2, lambda: finals[1:] if finals else ())
    if side.verifying:
        factor = public.evaluate(PointTables(reduced.point))
        # GK-9: the product of the three values is what the sumcheck left.
        side.require("GK-9", "reduction-false", reduced.claim == factor * at_a * at_b, label)
    here = dict(zip(common, Functional.at(shared, reduced.point).factors, strict=True))
    for operand, view, at in ((a, views[0], at_a), (b, views[1], at_b)):
        one = vectors.from_exts([ONE])
        own = tuple(
            here[axis] if axis in here else axes[axis] if view[axis] != 1 else one
            for axis in range(rank)
        )
        claimed = Functional(factors=own)
        total = claimed.total() * operand.zero
        walk.claim(operand.seen, claimed.reshaped(operand.seen.view), at + total)


def _fold_own(
    values: IntArray, axes: Sequence[ExtArray], view: tuple[int, ...], common: list[int]
) -> ExtArray:
    """Fold the axes that the other operand does not have: (common axes.., 2)."""
    own = [axis for axis in range(len(view)) if view[axis] != 1 and axis not in common]
    order = [*common, *own]
    drop = tuple(axis for axis in range(len(view)) if axis not in order)
    moved = np.squeeze(values, axis=drop) if drop else values
    kept = [axis for axis in range(len(view)) if axis not in drop]
    moved = moved.transpose([kept.index(axis) for axis in order])
    if not own:
        return _as_ext(moved)
    result = vectors.contract(np.ascontiguousarray(moved), axes[own[-1]])
    for axis in reversed(own[:-1]):
        result = contract_ext(result, axes[axis])
    return result


def _as_ext(values: IntArray) -> ExtArray:
    result = np.zeros((*values.shape, 2), dtype=np.uint64)
    result[..., 0] = vectors.from_ints(np.ascontiguousarray(values))
    return result
