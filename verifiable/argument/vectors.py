"""Arrays of Goldilocks elements in numpy: what the verifier needs, and the oracle of the kernels.

A base array is uint64 of any shape; an extension array is uint64 (..., 2). Every word in and out
is canonical, that is, below p. Nothing here is approximate: where float64 appears, the sizes of
its operands are chosen so that each sum is an integer below 2^53.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verifiable.argument.goldilocks import NON_RESIDUE, ONE, Ext, P, root_of_unity

__all__ = [
    "Words",
    "add",
    "combine_rows",
    "contract",
    "dot_base",
    "eq_table",
    "ext_add",
    "ext_dot",
    "ext_mul",
    "ext_scale",
    "ext_sub",
    "ext_sum",
    "from_exts",
    "from_ints",
    "mul",
    "neg",
    "ntt",
    "sub",
    "to_ext",
    "to_exts",
]

Words = NDArray[np.uint64]

_P = np.uint64(P)
_EPSILON = np.uint64(2**32 - 1)  # 2^64 mod p
_MASK32 = np.uint64(2**32 - 1)
_SHIFT32 = np.uint64(32)
_SEVEN = np.uint64(NON_RESIDUE)

_SMALL = 64  # below this many elements, Python integers beat the fixed cost of numpy calls
_FLOAT_BITS = 53  # every integer of at most this many bits is a float64
_LEAST_LIMB_BITS = 8  # with smaller limbs than this, splitting the operands is cheaper


def from_ints(values: NDArray[np.int64]) -> Words:
    """Map signed integers to their residues mod p."""
    words = values.astype(np.int64, copy=False).view(np.uint64)
    # v + p for a negative v is its two's complement word minus 2^64 mod p
    return np.where(values < 0, words - _EPSILON, words)


def add(a: Words, b: Words | np.uint64) -> Words:
    """Add elementwise, with broadcasting."""
    total = a + b
    # a + b < 2p: one subtraction of p; where the sum wrapped, p - 2^64 = -(2^32 - 1) is missing
    return np.where((total < a) | (total >= _P), total - _P, total)


def sub(a: Words, b: Words | np.uint64) -> Words:
    """Subtract elementwise, with broadcasting."""
    return np.where(a < b, a - b + _P, a - b)


def neg(a: Words) -> Words:
    """Negate elementwise."""
    return np.where(a == 0, a, _P - a)


def mul(a: Words, b: Words | np.uint64) -> Words:
    """Multiply elementwise, with broadcasting."""
    a0, a1 = a & _MASK32, a >> _SHIFT32
    b0, b1 = b & _MASK32, b >> _SHIFT32
    low = a0 * b0
    mid = a1 * b0 + (low >> _SHIFT32)  # (2^32-1)^2 + 2^32-1 < 2^64: neither sum can wrap
    mid2 = a0 * b1 + (mid & _MASK32)
    high = a1 * b1 + (mid >> _SHIFT32) + (mid2 >> _SHIFT32)
    return _reduce((mid2 << _SHIFT32) | (low & _MASK32), high)


def ext_add(a: Words, b: Words) -> Words:
    """Add extension arrays (..., 2)."""
    return add(a, b)


def ext_sub(a: Words, b: Words) -> Words:
    """Subtract extension arrays (..., 2)."""
    return sub(a, b)


def ext_mul(a: Words, b: Words) -> Words:
    """Multiply extension arrays (..., 2), with broadcasting over the leading axes."""
    if a.ndim == 2 and a.shape == b.shape and len(a) <= _SMALL // 2:
        pairs = zip(a.tolist(), b.tolist(), strict=True)
        return from_exts([Ext(a0, a1) * Ext(b0, b1) for (a0, a1), (b0, b1) in pairs])
    if a.ndim == b.ndim == 1:  # numpy warns where single words wrap, but not where arrays do
        product: Words = ext_mul(a[np.newaxis], b)[0]
        return product
    a0, a1, b0, b1 = a[..., 0], a[..., 1], b[..., 0], b[..., 1]
    c0 = add(mul(a0, b0), mul(mul(a1, b1), _SEVEN))
    c1 = add(mul(a0, b1), mul(a1, b0))
    return np.stack([c0, c1], axis=-1)


def ext_scale(array: Words, scalar: Ext) -> Words:
    """Multiply an extension array (..., 2) by one element."""
    if array.ndim == 2 and len(array) <= _SMALL:
        return from_exts([value * scalar for value in to_exts(array)])
    return ext_mul(array, from_exts([scalar])[0])


def from_exts(values: Sequence[Ext]) -> Words:
    """Lay elements out as an array (n, 2)."""
    flat = [word for value in values for word in (value.c0, value.c1)]
    return np.array(flat, dtype=np.uint64).reshape(-1, 2)


def to_ext(array: Words) -> Ext:
    """Read the one element of an array (2,)."""
    c0, c1 = array.tolist()
    return Ext(c0, c1)


def to_exts(array: Words) -> list[Ext]:
    """Read the elements of an array (n, 2)."""
    return [Ext(c0, c1) for c0, c1 in array.tolist()]


def ext_sum(array: Words) -> Ext:
    """Sum an extension array (n, 2)."""
    return Ext(_sum(array[:, 0]), _sum(array[:, 1]))


def ext_dot(a: Words, b: Words) -> Ext:
    """Sum the products of two extension arrays (n, 2).

    Raises:
        ValueError: The arrays have different lengths.
    """
    _require_equal(len(a), len(b))
    if len(a) > 8 * _SMALL:
        return ext_sum(ext_mul(a, b))
    c0 = c1 = 0
    for (a0, a1), (b0, b1) in zip(a.tolist(), b.tolist(), strict=True):
        c0 += a0 * b0 + NON_RESIDUE * a1 * b1
        c1 += a0 * b1 + a1 * b0
    return Ext(c0, c1)


def dot_base(base: Words, ext: Words) -> Ext:
    """Sum the products of a base array (n,) and an extension array (n, 2).

    Raises:
        ValueError: The arrays have different lengths.
    """
    _require_equal(len(base), len(ext))
    if len(base) > _SMALL:
        return ext_sum(mul(base[:, None], ext))
    c0 = c1 = 0
    for word, (e0, e1) in zip(base.tolist(), ext.tolist(), strict=True):
        c0 += word * e0
        c1 += word * e1
    return Ext(c0, c1)


def eq_table(point: Sequence[Ext]) -> Words:
    """Evaluate eq(point, x) for all x in 0..2^k-1, k = len(point). Shape (2^k, 2)."""
    if 1 << len(point) > _SMALL:
        half = len(point) // 2
        low, high_bits = eq_table(point[:half]), eq_table(point[half:])
        return ext_mul(high_bits[:, np.newaxis], low[np.newaxis]).reshape(-1, 2)
    scalars = [ONE]
    for x in point:
        high = [value * x for value in scalars]
        scalars = [value - part for value, part in zip(scalars, high, strict=True)] + high
    return from_exts(scalars)


def contract(ints: NDArray[Any], weights: Words) -> Words:
    """Sum ints[..., k] * weights[k] over k, exactly, by float64 matrix products.

    Each weight word is cut into limbs of b bits, where max|ints| * K * (2^b - 1) < 2^53. Then the
    absolute values of all terms of a dot product add up to less than 2^53, so every partial sum,
    in whatever order and with or without fused multiply-adds, is an integer that float64 holds.
    Where that leaves too few bits for a limb, the integers or the axis are split first.

    Args:
        ints: (..., K) int64, or float64 that holds integers of at most 53 bits: a caller that
            contracts the same integers many times can convert them once.
        weights: (K, 2) extension elements.

    Returns:
        (..., 2) extension elements.

    Raises:
        ValueError: The axes differ in length.
    """
    length = ints.shape[-1]
    _require_equal(length, len(weights))
    largest = max(int(ints.max()), -int(ints.min())) if ints.size else 0
    if largest == 0:
        return np.zeros((*ints.shape[:-1], 2), np.uint64)
    limb_bits = ((2**_FLOAT_BITS - 1) // (largest * length) + 1).bit_length() - 1
    if limb_bits >= _LEAST_LIMB_BITS:
        return _contract_limbs(ints.astype(np.float64, copy=False), weights, limb_bits)
    if largest >= 2**20:
        whole = ints.astype(np.int64, copy=False)
        high = contract(whole >> 16, weights)  # floor: the low part is in 0..2^16-1
        low = contract(whole & 0xFFFF, weights)
        return add(mul(high, np.uint64(2**16)), low)
    half = length // 2
    return add(
        contract(ints[..., :half], weights[:half]), contract(ints[..., half:], weights[half:])
    )


def combine_rows(weights: Words, rows: Words) -> Words:
    """Sum weights[r] * rows[r] over r: (R, 2) extension weights, (R, C) base rows, to (C, 2).

    Raises:
        ValueError: The numbers of weights and rows differ.
    """
    _require_equal(len(weights), len(rows))
    total = np.zeros((rows.shape[1], 2), np.uint64)
    for weight, row in zip(weights, rows, strict=True):
        total = add(total, mul(row[:, None], weight))
    return total


def ntt(rows: Words) -> Words:
    """Transform each row: out[j] = sum_i row[i] w^(i j), w = root_of_unity(log2 n).

    Args:
        rows: (r, n) uint64, n a power of two.

    Raises:
        ValueError: n is not a power of two.
    """
    count, n = rows.shape
    if n < 1 or n & (n - 1):
        raise ValueError(f"a transform takes a power of two of elements, not {n}")
    # Decimation in frequency. `blocks` is (r, m, n / m): block b holds the polynomial whose
    # transform is out[b :: m], so blocks are kept in natural order and split into even and odd.
    blocks = rows.reshape(count, 1, n)
    log_length = n.bit_length() - 1
    while log_length:
        half = 1 << (log_length - 1)
        low, high = blocks[:, :, :half], blocks[:, :, half:]
        odd = mul(sub(low, high), _powers(log_length))
        # out[b::m] splits into out[b::2m] and out[b+m::2m]
        blocks = np.concatenate([add(low, high), odd], axis=1)
        log_length -= 1
    return np.ascontiguousarray(blocks.reshape(count, n))


@lru_cache(maxsize=64)
def _powers(log_n: int) -> Words:
    """The first half of the powers of root_of_unity(log_n), read-only: (max(1, 2^(log_n-1)),)."""
    powers = np.ones(1, np.uint64)
    for j in range(log_n - 1):
        step = np.uint64(pow(root_of_unity(log_n), 1 << j, P))
        powers = np.concatenate([powers, mul(powers, step)])
    powers.setflags(write=False)
    return powers


def _contract_limbs(values: NDArray[np.float64], weights: Words, limb_bits: int) -> Words:
    """`contract` where sums with limbs of `limb_bits` bits are exact."""
    bits = min(limb_bits, 32)
    shifts = range(0, 64, bits)
    mask = np.uint64((1 << bits) - 1)
    limbs = np.concatenate([(weights >> np.uint64(s)) & mask for s in shifts], axis=1)
    sums = values @ limbs.astype(np.float64)  # (..., 2 * len(shifts))
    parts = from_ints(sums.astype(np.int64))
    total = parts[..., :2]
    for j, shift in enumerate(shifts):
        if j:
            power = np.uint64(pow(2, shift, P))
            total = add(total, mul(parts[..., 2 * j : 2 * j + 2], power))
    return total


def _reduce(low: Words, high: Words) -> Words:
    """Reduce low + 2^64 high mod p.

    2^64 = 2^32 - 1 and 2^96 = -1 mod p, so with high = h1 2^32 + h0 the value is
    low - h1 + (2^32 - 1) h0. Each wrap around 2^64 is put right by adding or taking 2^32 - 1.
    """
    h0, h1 = high & _MASK32, high >> _SHIFT32
    part = low - h1
    part = np.where(low < h1, part - _EPSILON, part)
    total = part + h0 * _EPSILON
    total = np.where(total < part, total + _EPSILON, total)
    reduced: Words = np.where(total >= _P, total - _P, total)
    return reduced


def _sum(words: Words) -> int:
    """Sum up to 2^32 words without wrapping: the halves apart."""
    low = int(np.sum(words & _MASK32, dtype=np.uint64))
    high = int(np.sum(words >> _SHIFT32, dtype=np.uint64))
    return low + (high << 32)


def _require_equal(left: int, right: int) -> None:
    if left != right:
        raise ValueError(f"operands of a sum of products differ in length: {left} and {right}")
