"""Goldilocks arithmetic for compiled code: scalars, unreduced products, reduction.

p = 2^64 - 2^32 + 1, so 2^64 = 2^32 - 1, 2^96 = -1 and 2^128 = -2^32 mod p: a product is reduced
by shifts and additions only. An extension element is a pair (c0, c1); a `wide` value is the pair
of its coefficients before reduction, each in three words, so that sums of products are reduced
once: (top0, high0, low0, top1, high1, low1).

Bounds: a product adds less than 8 * 2^128 to a coefficient (seven products and one more), and
`reduce` takes coefficients below 2^31 * 2^128. A wide sum may have up to 2^28 products.

Integer literals are int64 for numba, and uint64 with int64 makes float64 there; so every constant
below is a uint64. Functions are inlined by LLVM (`forceinline`), which compiles far faster than
inlining by numba itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from verifiable.argument.goldilocks import NON_RESIDUE, P

__all__ = [
    "EPSILON",
    "MODULUS",
    "ONE",
    "WIDE_ZERO",
    "ZERO",
    "Element",
    "Factor",
    "Wide",
    "add",
    "compiled",
    "ext_add",
    "ext_mul",
    "ext_sub",
    "factor",
    "fold",
    "from_int",
    "inlined",
    "load",
    "reduce",
    "reduce_wide",
    "store",
    "sub",
    "wide_add",
    "wide_mul",
    "wide_mul_by",
    "wide_scale",
]

Element = tuple[np.uint64, np.uint64]
Factor = tuple[np.uint64, np.uint64, np.uint64]
Wide = tuple[np.uint64, np.uint64, np.uint64, np.uint64, np.uint64, np.uint64]

ZERO = np.uint64(0)
ONE = np.uint64(1)
EPSILON = np.uint64(2**32 - 1)  # 2^64 mod p, and the mask of a low half
MODULUS = np.uint64(P)
WIDE_ZERO = (ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)

_HALF = np.uint64(32)
_SEVEN = np.uint64(NON_RESIDUE)

inlined = njit(nogil=True, forceinline=True)


def _source_digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


_SOURCES = _source_digest()


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Compile a kernel when it is first called, and keep the result in numba's cache.

    numba looks for changes in the file of the function itself only, and these functions inline
    what lies in others: a stale kernel would outlive a change of `reduce`. The cache files are
    named after the function, so a digest of all sources of this package becomes part of its name.
    """
    function.__qualname__ += f"_{_SOURCES}"
    kernel: Callable[..., None] = njit(cache=True, nogil=True)(function)
    return kernel


_word = types.uint64
_pair_type = types.UniTuple(_word, 2)
_wide_type = types.UniTuple(_word, 6)
_i64 = ir.IntType(64)
_i192 = ir.IntType(192)


@intrinsic
def wide_mul(typing: Any, a: Any, b: Any) -> Any:
    """Multiply two extension elements, without reduction."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a0, a1 = (builder.zext(x, _i192) for x in _unpack(builder, args[0], 2))
        b0, b1 = (builder.zext(x, _i192) for x in _unpack(builder, args[1], 2))
        square = builder.mul(a1, b1)  # of X^2 = 7; 7 v = 8 v - v
        seven = builder.sub(builder.shl(square, ir.Constant(_i192, 3)), square)
        c0 = builder.add(builder.mul(a0, b0), seven)
        c1 = builder.add(builder.mul(a0, b1), builder.mul(a1, b0))
        return _pack(context, builder, signature, c0, c1)

    return _wide_type(_pair_type, _pair_type), generate


@intrinsic
def wide_mul_by(typing: Any, a: Any, b: Any) -> Any:
    """Multiply by a factor (b0, b1, 7 b1) that many products share, without reduction."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a0, a1 = (builder.zext(x, _i192) for x in _unpack(builder, args[0], 2))
        b0, b1, seven_b1 = (builder.zext(x, _i192) for x in _unpack(builder, args[1], 3))
        c0 = builder.add(builder.mul(a0, b0), builder.mul(a1, seven_b1))
        c1 = builder.add(builder.mul(a0, b1), builder.mul(a1, b0))
        return _pack(context, builder, signature, c0, c1)

    return _wide_type(_pair_type, types.UniTuple(_word, 3)), generate


@intrinsic
def wide_scale(typing: Any, a: Any, b: Any) -> Any:
    """Multiply an element of the base field and one of the extension, without reduction."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a = builder.zext(args[0], _i192)
        b0, b1 = (builder.zext(x, _i192) for x in _unpack(builder, args[1], 2))
        return _pack(context, builder, signature, builder.mul(a, b0), builder.mul(a, b1))

    return _wide_type(_word, _pair_type), generate


@intrinsic
def wide_add(typing: Any, a: Any, b: Any) -> Any:
    """Add two unreduced values."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a = _unpack(builder, args[0], 6)
        b = _unpack(builder, args[1], 6)
        c0 = builder.add(_join(builder, *a[:3]), _join(builder, *b[:3]))
        c1 = builder.add(_join(builder, *a[3:]), _join(builder, *b[3:]))
        return _pack(context, builder, signature, c0, c1)

    return _wide_type(_wide_type, _wide_type), generate


def _unpack(builder: Any, value: Any, count: int) -> list[Any]:
    return [builder.extract_value(value, i) for i in range(count)]


def _join(builder: Any, top: Any, high: Any, low: Any) -> Any:
    """Make one 192-bit integer of three words."""
    upper = builder.shl(builder.zext(top, _i192), ir.Constant(_i192, 128))
    middle = builder.shl(builder.zext(high, _i192), ir.Constant(_i192, 64))
    return builder.or_(builder.or_(upper, middle), builder.zext(low, _i192))


def _pack(context: Any, builder: Any, signature: Any, c0: Any, c1: Any) -> Any:
    words = [
        builder.trunc(builder.lshr(c, ir.Constant(_i192, shift)), _i64)
        for c in (c0, c1)
        for shift in (128, 64, 0)
    ]
    return context.make_tuple(builder, signature.return_type, words)


@inlined
def reduce(top: np.uint64, high: np.uint64, low: np.uint64) -> np.uint64:
    """Reduce low + 2^64 high + 2^128 top mod p, for top < 2^31."""
    # With high = h1 2^32 + h0, the value is low - (h1 + 2^32 top) + (2^32 - 1) h0.
    taken = (high >> _HALF) + (top << _HALF)
    given = high & EPSILON
    part = low - taken
    if low < taken:  # wrapped: 2^64 too many, which is 2^32 - 1. part >= 2^63, so no second wrap
        part -= EPSILON
    total = part + ((given << _HALF) - given)
    # Where the sum wrapped, 2^32 - 1 is missing, and adding it is taking p off modulo 2^64.
    if (total < part) | (total >= MODULUS):
        total -= MODULUS
    return total


@inlined
def reduce_wide(value: Wide) -> Element:
    """Reduce both coefficients."""
    return (reduce(value[0], value[1], value[2]), reduce(value[3], value[4], value[5]))


@inlined
def add(a: np.uint64, b: np.uint64) -> np.uint64:
    """Add canonical words."""
    total = a + b
    if (total < a) | (total >= MODULUS):
        total -= MODULUS
    return total


@inlined
def sub(a: np.uint64, b: np.uint64) -> np.uint64:
    """Subtract canonical words."""
    difference = a - b
    if a < b:
        difference += MODULUS
    return difference


@inlined
def from_int(value: np.int64) -> np.uint64:
    """Map a signed integer to its residue."""
    word = np.uint64(value)
    if value < 0:  # the two's complement word minus 2^64, mod p
        word -= EPSILON
    return word


@inlined
def ext_add(a: Element, b: Element) -> Element:
    """Add extension elements."""
    return (add(a[0], b[0]), add(a[1], b[1]))


@inlined
def ext_sub(a: Element, b: Element) -> Element:
    """Subtract extension elements."""
    return (sub(a[0], b[0]), sub(a[1], b[1]))


@inlined
def ext_mul(a: Element, b: Element) -> Element:
    """Multiply extension elements."""
    return reduce_wide(wide_mul(a, b))


@inlined
def factor(element: Element) -> Factor:
    """Prepare a factor that many products share."""
    seven = wide_scale(_SEVEN, element)
    return (element[0], element[1], reduce(seven[3], seven[4], seven[5]))


@inlined
def fold(low: Element, high: Element, r: Factor) -> Element:
    """Interpolate between the values at 0 and 1: low + r (high - low)."""
    product = wide_mul_by(ext_sub(high, low), r)
    return reduce_wide(wide_add(product, (ZERO, ZERO, low[0], ZERO, ZERO, low[1])))


@inlined
def load(table: Any, i: int) -> Element:
    """Read element i of an extension array."""
    return (table[i, 0], table[i, 1])


@inlined
def store(table: Any, i: int, value: Element) -> None:
    """Write element i of an extension array."""
    table[i, 0] = value[0]
    table[i, 1] = value[1]
