"""Folding tensors at functionals, and the sumcheck of a product of two: what dot products share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from verifiable.argument import vectors
from verifiable.argument.functional import ExtArray, Functional, padded
from verifiable.argument.goldilocks import Ext
from verifiable.program.program import IntArray

if TYPE_CHECKING:
    from verifiable.argument.kernels import Kernels
    from verifiable.argument.side import Side

__all__ = ["dot_product", "flattened", "fold_leading", "lane_table", "sum_of_outer"]


def flattened(weights: Functional) -> ExtArray:
    """A functional over real lanes as one vector: (lanes, 2)."""
    return weights.dense().reshape(-1, 2)


def fold_leading(values: IntArray, weights: ExtArray) -> ExtArray:
    """`sum_r weights[r] * values[r, ..]`: (rows, ..) integers, (rows, 2) -> (.., 2)."""
    matrix = values.reshape(len(weights), -1).T
    return vectors.contract(matrix, weights).reshape(*values.shape[1:], 2)


def dot_product(
    side: Side, label: str, claim: Ext, bits: int, tables: Callable[[], list[ExtArray]]
) -> tuple[tuple[Ext, ...], Ext, Ext]:
    """Reduce `sum_k A(k) B(k) = claim` to the values of A and B at one point.

    Degree 2, `bits` rounds: soundness 2 * bits / F.

    Args:
        tables: a callable that gives the prover's two tables, extension arrays in lane order.

    Returns:
        the point, and the two values as the prover sent them; they are still to be claimed.
    """
    reduced = side.sumcheck(
        label,
        rounds=bits,
        degree=2,
        claim=claim,
        start=lambda: side.kernels.product([np.ascontiguousarray(t) for t in tables()], bits),
    )
    finals = reduced.finals
    a, b = side.values(f"{label}.factors", 2, lambda: finals or ())
    # GK-9: the product of the two values is what the sumcheck left.
    side.require("GK-9", "reduction-false", reduced.claim == a * b, label)
    return reduced.point, a, b


def sum_of_outer(kernels: Kernels, left: ExtArray, right: ExtArray) -> ExtArray:
    """`sum_k left[k, m] * right[k, n]`: (K, M, 2), (K, N, 2) -> (M, N, 2)."""
    rows, columns = left.shape[1], right.shape[1]
    result = np.zeros((rows * columns, 2), dtype=np.uint64)
    for one, other in zip(left, right, strict=True):
        kernels.add_outer(result, 0, np.ascontiguousarray(one), np.ascontiguousarray(other))
    return result.reshape(rows, columns, 2)


def lane_table(values: ExtArray) -> ExtArray:
    """Extension values over real lanes, (shape.., 2), as a table over padded lanes: (n, 2)."""
    return padded(values, 0, values.ndim - 1).reshape(-1, 2)
