"""Codewords and their digests: the transform of zero-extended rows, and SHA-256 of columns.

A row x of C cells extended by zeros to 4C has the transform
out[4 j + s] = sum_i (x[i] w^(s i)) (w^4)^(i j), w of order 4C: four transforms of length C, of the
row twisted by the powers of w^0, w^1, w^2 and w^3. They run side by side as the four lanes of a
vector, in the output itself, where their cells lie next to each other already. The transforms are
by decimation in time: the row is read in bit-reversed order, and the result comes out in order.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from verifiable.argument import vectors
from verifiable.argument.goldilocks import P, root_of_unity
from verifiable.argument.numba_kernels.field import compiled
from verifiable.argument.numba_kernels.threads import Threads
from verifiable.argument.vectors import Words

__all__ = ["encode_rows", "hash_columns"]

_LANES = 4
_CELL_GRAIN = 8192  # cells of a row; about 0.1 ms of work
_COLUMNS = 128  # transposed at a time
_UNLOCKED_BYTES = 2048  # hashlib lets other threads run from this length on

_vector = ir.VectorType(ir.IntType(64), _LANES)


def _splat(word: int) -> Any:
    return ir.Constant(_vector, [word] * _LANES)


_zero, _half, _modulus = _splat(0), _splat(32), _splat(P)
_epsilon = _splat(2**32 - 1)


class _Lanes:
    """Emits arithmetic on four canonical words at a time, and their loads and stores."""

    def __init__(self, context: Any, builder: Any, array_type: Any, array: Any) -> None:
        self.builder = builder
        self._data = context.make_array(array_type)(context, builder, array).data

    def _pointer(self, row: Any) -> Any:
        builder = self.builder
        cell = builder.mul(row, ir.Constant(row.type, _LANES))
        return builder.bitcast(builder.gep(self._data, [cell]), _vector.as_pointer())

    def load(self, row: Any) -> Any:
        return self.builder.load(self._pointer(row), align=8)

    def store(self, row: Any, value: Any) -> None:
        self.builder.store(value, self._pointer(row), align=8)

    def spread(self, word: Any) -> Any:
        """Put one word in every lane."""
        undefined = ir.Constant(_vector, ir.Undefined)
        first = self.builder.insert_element(undefined, word, ir.Constant(ir.IntType(32), 0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
        return self.builder.shuffle_vector(first, undefined, lanes)

    def _take_modulus(self, condition: Any, value: Any) -> Any:
        builder = self.builder
        return builder.sub(value, builder.select(condition, _modulus, _zero))

    def add(self, a: Any, b: Any) -> Any:
        builder = self.builder
        total = builder.add(a, b)
        wrapped = builder.icmp_unsigned("<", total, a)
        return self._take_modulus(
            builder.or_(wrapped, builder.icmp_unsigned(">=", total, _modulus)), total
        )

    def sub(self, a: Any, b: Any) -> Any:
        builder = self.builder
        given = builder.select(builder.icmp_unsigned("<", a, b), _modulus, _zero)
        return builder.add(builder.sub(a, b), given)

    def mul(self, a: Any, b: Any) -> Any:
        """Multiply by halves, since vectors have no product of 128 bits, and reduce."""
        builder = self.builder
        a0, a1 = builder.and_(a, _epsilon), builder.lshr(a, _half)
        b0, b1 = builder.and_(b, _epsilon), builder.lshr(b, _half)
        low = builder.mul(a0, b0)
        mid = builder.add(builder.mul(a1, b0), builder.lshr(low, _half))
        mid2 = builder.add(builder.mul(a0, b1), builder.and_(mid, _epsilon))
        carries = builder.add(builder.lshr(mid, _half), builder.lshr(mid2, _half))
        high = builder.add(builder.mul(a1, b1), carries)
        low = builder.or_(builder.shl(mid2, _half), builder.and_(low, _epsilon))
        # as `field.reduce`, without a top word
        taken, given = builder.lshr(high, _half), builder.and_(high, _epsilon)
        part = builder.sub(low, taken)
        wrapped = builder.icmp_unsigned("<", low, taken)
        part = builder.sub(part, builder.select(wrapped, _epsilon, _zero))
        total = builder.add(part, builder.sub(builder.shl(given, _half), given))
        wrapped = builder.icmp_unsigned("<", total, part)
        return self._take_modulus(
            builder.or_(wrapped, builder.icmp_unsigned(">=", total, _modulus)), total
        )

    def butterfly(self, a: Any, b: Any, twiddle: Any) -> tuple[Any, Any]:
        product = self.mul(b, twiddle)
        return self.add(a, product), self.sub(a, product)


@intrinsic
def _twist(typing: Any, cells: Any, row: Any, word: Any, twists: Any) -> Any:
    """cells[row] = word * twists[row]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = _Lanes(context, builder, signature.args[0], args[0])
        factors = _Lanes(context, builder, signature.args[3], args[3])
        lanes.store(args[1], lanes.mul(lanes.spread(args[2]), factors.load(args[1])))
        return context.get_dummy_value()

    return types.void(cells, types.int64, types.uint64, twists), generate


@intrinsic
def _one_layer(typing: Any, cells: Any, i: Any, j: Any, twiddle: Any) -> Any:
    """A butterfly of cells[i] and cells[j]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = _Lanes(context, builder, signature.args[0], args[0])
        x, y = lanes.butterfly(lanes.load(args[1]), lanes.load(args[2]), lanes.spread(args[3]))
        lanes.store(args[1], x)
        lanes.store(args[2], y)
        return context.get_dummy_value()

    return types.void(cells, types.int64, types.int64, types.uint64), generate


@intrinsic
def _two_layers(typing: Any, cells: Any, i: Any, step: Any, u: Any, v: Any, w: Any) -> Any:
    """Two layers on cells i, i + step, i + 2 step, i + 3 step: one pass over memory for both."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        lanes = _Lanes(context, builder, signature.args[0], args[0])
        rows = [args[1]]
        for _ in range(3):
            rows.append(builder.add(rows[-1], args[2]))
        first, second, third = (lanes.spread(twiddle) for twiddle in args[3:])
        a, b, c, d = (lanes.load(row) for row in rows)
        a, b = lanes.butterfly(a, b, first)
        c, d = lanes.butterfly(c, d, first)
        a, c = lanes.butterfly(a, c, second)
        b, d = lanes.butterfly(b, d, third)
        for row, value in zip(rows, (a, b, c, d), strict=True):
            lanes.store(row, value)
        return context.get_dummy_value()

    word = types.uint64
    return types.void(cells, types.int64, types.int64, word, word, word), generate


@compiled
def _encode(
    rows: Any, order: Any, twists: Any, roots: Any, out: Any, start: int, stop: int
) -> None:
    """Encode rows start..stop. `roots[h + k]` is the k-th power of a root of order 2 h."""
    length = rows.shape[1]
    for r in range(start, stop):
        cells = out[r]
        for i in range(length):
            _twist(cells, i, rows[r, order[i]], twists)
        half = 1
        while 4 * half <= length:
            for block in range(0, length, 4 * half):
                for k in range(half):
                    first = roots[half + k]
                    second, third = roots[2 * half + k], roots[3 * half + k]
                    _two_layers(cells, block + k, half, first, second, third)
            half *= 4
        if half < length:
            for k in range(half):
                _one_layer(cells, k, k + half, roots[half + k])


@lru_cache(maxsize=8)
def _constants(length: int) -> tuple[NDArray[np.int64], Words, Words]:
    """The bit-reversed order, the twists in that order (C, 4), and the roots (C,)."""
    order = np.zeros(1, np.int64)
    while len(order) < length:
        order = np.concatenate([2 * order, 2 * order + 1])
    log_length = length.bit_length() - 1
    generator = root_of_unity(log_length + 2)
    twists = np.stack([_powers(pow(generator, s, P), length)[order] for s in range(_LANES)], axis=1)
    roots = np.ones(length, np.uint64)
    for log_half in range(log_length):
        half = 1 << log_half
        roots[half : 2 * half] = _powers(root_of_unity(log_half + 1), half)
    return order, np.ascontiguousarray(twists), roots


def _powers(base: int, count: int) -> Words:
    """The first `count` powers of a word, a power of two of them."""
    powers = np.ones(1, np.uint64)
    while len(powers) < count:
        step = np.uint64(pow(base, len(powers), P))
        powers = np.concatenate([powers, vectors.mul(powers, step)])
    return powers


def encode_rows(rows: Words, threads: Threads) -> Words:
    """Encode rows at rate 1/4; see `Kernels.encode_rows`."""
    count, length = rows.shape
    if length < 1 or length & (length - 1):
        raise ValueError(f"a transform takes a power of two of elements, not {length}")
    rows = np.ascontiguousarray(rows)
    constants = _constants(length)
    out = np.empty((count, _LANES * length), np.uint64)
    threads.run(
        lambda part, start, stop: _encode(rows, *constants, out, start, stop),
        count,
        grain=max(1, _CELL_GRAIN // length),
    )
    return out


@compiled
def _transpose(matrix: Any, first: int, count: int, cells: Any) -> None:
    """Copy columns to the rows of `cells`, behind one word each, reading along the rows."""
    for r in range(matrix.shape[0]):
        for c in range(count):
            cells[c, r + 1] = matrix[r, first + c]


def hash_columns(matrix: Words, threads: Threads) -> bytes:
    """Hash columns; see `Kernels.hash_columns`."""
    matrix = np.ascontiguousarray(matrix)
    rows, columns = matrix.shape
    digests: list[list[bytes]] = [[] for _ in range(threads.count)]

    def work(part: int, start: int, stop: int) -> None:
        # One word of zeros stands before each column; its last byte is the prefix of a leaf.
        cells = np.zeros((_COLUMNS, rows + 1), np.uint64)
        data = cells.data.cast("B")
        size = 8 * (rows + 1)
        for first in range(start, stop, _COLUMNS):
            count = min(_COLUMNS, stop - first)
            _transpose(matrix, first, count, cells)
            digests[part] += [
                hashlib.sha256(data[size * i + 7 : size * (i + 1)]).digest() for i in range(count)
            ]

    unlocked = 8 * rows + 1 >= _UNLOCKED_BYTES
    threads.run(work, columns, grain=_COLUMNS if unlocked else max(1, columns))
    return b"".join(digest for part in digests for digest in part)
