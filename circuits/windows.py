"""Windows over an axis as public linear maps: which position of x each tap of each output reads."""

from __future__ import annotations

import numpy as np

from verifiable.argument import vectors
from verifiable.argument.functional import ExtArray
from verifiable.program.program import IntArray

__all__ = ["nearest_taps", "scatter", "tap_positions"]


def tap_positions(
    outputs: int, kernel: int, stride: int, dilation: int, before: int, size: int
) -> IntArray:
    """`stride * y + dilation * i - before` for each (tap i, output y), -1 outside 0..size-1."""
    taps = np.arange(kernel, dtype=np.int64)[:, np.newaxis] * dilation
    at = np.arange(outputs, dtype=np.int64)[np.newaxis] * stride + taps - before
    return np.where((at >= 0) & (at < size), at, -1)


def nearest_taps(positions: IntArray) -> IntArray:
    """Replace taps outside x by the first tap of the same output that is inside.

    A maximum does not change when an element of its window is read twice.
    """
    inside = positions >= 0
    first = positions[np.argmax(inside, axis=0), np.arange(positions.shape[1])]
    return np.where(inside, positions, first[np.newaxis])


def scatter(axis: ExtArray, positions: IntArray, size: int) -> ExtArray:
    """The adjoint of a gather: `out[p] = sum over y with positions[y] = p of axis[y]`.

    Args:
        axis: (outputs, rest, 2).
        positions: (outputs,), -1 for none.
        size: length of the gathered axis.

    Returns:
        (size, rest, 2).
    """
    result = np.zeros((size, *axis.shape[1:]), dtype=np.uint64)
    inside = positions >= 0
    targets = positions[inside]
    if len(np.unique(targets)) == len(targets):
        result[targets] = axis[inside]
        return result
    for y in np.flatnonzero(inside):
        result[positions[y]] = vectors.add(result[positions[y]], axis[y])
    return result
