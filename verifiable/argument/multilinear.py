"""Multilinear extensions that have a formula: O(log n) scalar operations, for the verifier.

Variables are little-endian: bit j of an index belongs to point[j].
"""

from __future__ import annotations

from collections.abc import Sequence

from verifiable.argument.goldilocks import ONE, ZERO, Ext

__all__ = ["eq", "eq_bits", "identity", "index_below", "less_than"]


def eq(a: Sequence[Ext], b: Sequence[Ext]) -> Ext:
    """Evaluate the multilinear extension of equality: prod_j a_j b_j + (1 - a_j)(1 - b_j).

    Raises:
        ValueError: The points have different numbers of variables.
    """
    product = ONE
    for x, y in zip(a, b, strict=True):
        xy = x * y
        product *= xy + xy - x - y + 1
    return product


def eq_bits(index: int, point: Sequence[Ext]) -> Ext:
    """Evaluate eq at the bits of `index` and `point`: the weight of one cell of a table.

    Raises:
        ValueError: `index` does not fit in len(point) bits.
    """
    _require_range(index, (1 << len(point)) - 1)
    product = ONE
    for j, x in enumerate(point):
        product *= x if index >> j & 1 else 1 - x
    return product


def less_than(t: int, point: Sequence[Ext]) -> Ext:
    """Evaluate the multilinear extension of [i < t], for t in 0..2^len(point).

    Raises:
        ValueError: `t` is outside that range.
    """
    _require_range(t, 1 << len(point))
    if t == 1 << len(point):
        return ONE
    below = ZERO  # of the bits read so far: the low bits of i against those of t
    for j, x in enumerate(point):
        # A higher bit decides where it differs from t's, and leaves it to the lower ones else.
        below = 1 - x + x * below if t >> j & 1 else below - x * below
    return below


def index_below(t: int, point: Sequence[Ext]) -> Ext:
    """Evaluate the multilinear extension of i * [i < t], for t in 0..2^len(point).

    Raises:
        ValueError: `t` is outside that range.
    """
    _require_range(t, 1 << len(point))
    if t == 1 << len(point):
        return identity(point)
    below = ZERO  # [i < t] on the low bits
    index = ZERO  # i on the low bits
    total = ZERO  # i * [i < t] on the low bits
    for j, x in enumerate(point):
        if t >> j & 1:
            total = index - x * index + x * (below * (1 << j) + total)
            below = 1 - x + x * below
        else:
            total = total - x * total
            below = below - x * below
        index = index + x * (1 << j)
    return total


def identity(point: Sequence[Ext]) -> Ext:
    """Evaluate the multilinear extension of i itself: sum_j 2^j point[j]."""
    total = ZERO
    for j, x in enumerate(point):
        total += x * (1 << j)
    return total


def _require_range(value: int, top: int) -> None:
    if not 0 <= value <= top:
        raise ValueError(f"{value} is outside 0..{top}, the range of this point's variables")
