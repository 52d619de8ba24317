"""The operators as plain functions on exact integers: the oracle of every other implementation.

Each function follows its section of `docs/formats/operators.md` word for word, one output
position at a time where that is clearer. Sums that could leave 63 bits are made with Python's
integers, so nothing here wraps around.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch

import numpy as np

from verifiable.program import operators as ops
from verifiable.program.program import IntArray

__all__ = ["PRODUCT_LIMIT", "apply", "requantise"]

PRODUCT_LIMIT = 1 << 62
"""`|acc * M| + 2**(shift + 1)` stays below this."""

_SAFE_SUM = 1 << 62


def apply(op: ops.Operator, operands: tuple[IntArray, ...]) -> IntArray:
    """Compute one node.

    Args:
        op: the operator.
        operands: int64 arrays in the order of the operator's roles, under the operands' shapes.

    Returns:
        A new int64 array.

    Raises:
        OverflowError: `|acc * M| + 2**(shift + 1)` reaches 2**62.
    """
    return np.array(_apply(op, *operands), dtype=np.int64, order="C")


def requantise(acc: IntArray, multiplier: IntArray | int, step: ops.Requantisation) -> IntArray:
    """`clamp(floor((acc * M + half) / 2**shift) + zero_point, lo, hi)`.

    Args:
        acc: the accumulator, int64 or Python integers.
        multiplier: `M`, broadcast to `acc`.

    Raises:
        OverflowError: `|acc * M| + 2**(shift + 1)` reaches 2**62.
    """
    factor = np.asarray(multiplier)
    product = _exact(acc, magnitude(acc) * magnitude(factor)) * factor
    if magnitude(product) + (2 << step.shift) >= PRODUCT_LIMIT:
        raise OverflowError(f"|acc * M| + 2^{step.shift + 1} reaches 2^62")
    half = (1 << step.shift) >> 1
    scaled = (product + half) >> step.shift  # arithmetic shift: floor for negative values too
    result: IntArray = np.clip((scaled + step.zero_point).astype(np.int64), step.lo, step.hi)
    return result


def magnitude(values: IntArray) -> int:
    """The largest absolute value, as a Python integer (int64's minimum has no absolute value)."""
    return max(abs(int(values.min())), abs(int(values.max())))


def _exact(values: IntArray, bound: int) -> IntArray:
    """The same integers in a dtype whose arithmetic cannot overflow below `bound`."""
    return values if bound < _SAFE_SUM else values.astype(object)


def _dot(x: IntArray, weight: IntArray) -> IntArray:
    """`sum_k x[.., k] * weight[n, k]` for all n."""
    bound = magnitude(x) * magnitude(weight) * x.shape[-1]
    return np.asarray(_exact(x, bound) @ _exact(weight, bound).T)


def _plus(acc: IntArray, offset: IntArray | int) -> IntArray:
    other = np.asarray(offset)
    bound = magnitude(acc) + magnitude(other)
    return _exact(acc, bound) + _exact(other, bound)


def _times(acc: IntArray, factor: IntArray | int) -> IntArray:
    other = np.asarray(factor)
    bound = magnitude(acc) * magnitude(other)
    return _exact(acc, bound) * _exact(other, bound)


@singledispatch
def _apply(op: ops.Operator, *operands: IntArray) -> IntArray:
    raise NotImplementedError(f"no reference for {op.name}")


@_apply.register
def _(op: ops.MatMul, x: IntArray, weight: IntArray, bias: IntArray, m: IntArray) -> IntArray:
    return requantise(_plus(_dot(x, weight), bias), m, op.requant)


@_apply.register
def _(op: ops.Conv, x: IntArray, weight: IntArray, bias: IntArray, m: IntArray) -> IntArray:
    channels, per_group = weight.shape[0], weight.shape[3]
    per_output = channels // op.group
    centred = _plus(x, -op.x_zero_point)
    rows = []
    for inputs_y, taps_y in _windows(x.shape[1], weight.shape[1], op, 0):
        row = []
        for inputs_x, taps_x in _windows(x.shape[2], weight.shape[2], op, 1):
            window = centred[:, inputs_y][:, :, inputs_x]  # (batch, ky, kx, C) without padding
            kernel = weight[:, taps_y][:, :, taps_x]  # (O, ky, kx, C / group)
            groups = [
                _dot(
                    window[..., g * per_group : (g + 1) * per_group].reshape(len(x), -1),
                    kernel[g * per_output : (g + 1) * per_output].reshape(per_output, -1),
                )
                if inputs_y and inputs_x
                else np.zeros((len(x), per_output), dtype=np.int64)
                for g in range(op.group)
            ]
            row.append(np.concatenate(groups, axis=1))  # (batch, O)
        rows.append(np.stack(row, axis=1))
    acc = np.stack(rows, axis=1)  # (batch, height, width, O)
    return requantise(_plus(acc, bias), m, op.requant)


@_apply.register
def _(op: ops.Affine, x: IntArray, weight: IntArray, bias: IntArray, m: IntArray) -> IntArray:
    return requantise(_plus(_times(x, weight), bias), m, op.requant)


@_apply.register
def _(op: ops.Add, a: IntArray, b: IntArray) -> IntArray:
    acc = _plus(_times(a, op.a_multiplier), _times(b, op.b_multiplier))
    return requantise(_plus(acc, op.offset), 1, op.requant)


@_apply.register
def _(op: ops.Mul, a: IntArray, b: IntArray, m: IntArray) -> IntArray:
    acc = _times(_plus(a, -op.a_zero_point), _plus(b, -op.b_zero_point))
    return requantise(acc, m, op.requant)


@_apply.register
def _(op: ops.LookupTable, x: IntArray, table: IntArray) -> IntArray:
    rows, size = table.shape
    column = np.clip(_plus(x, -op.x_min), 0, size - 1).astype(np.int64)
    row = np.arange(rows) if rows > 1 else 0  # one row for each index of the last axis
    return np.asarray(table[row, column])


@_apply.register
def _(op: ops.MaxPool, x: IntArray) -> IntArray:
    rows = [
        np.stack(
            [
                x[:, inputs_y][:, :, inputs_x].max(axis=(1, 2))
                for inputs_x, _ in _windows(x.shape[2], op.kernel[1], op, 1)
            ],
            axis=1,
        )
        for inputs_y, _ in _windows(x.shape[1], op.kernel[0], op, 0)
    ]
    return np.stack(rows, axis=1)


@_apply.register
def _(op: ops.SumPool, x: IntArray, m: IntArray) -> IntArray:
    centred = _plus(x, -op.x_zero_point)
    centred = _exact(centred, magnitude(centred) * op.kernel[0] * op.kernel[1])
    rows = [
        np.stack(
            [
                centred[:, inputs_y][:, :, inputs_x].sum(axis=(1, 2))
                for inputs_x, _ in _windows(x.shape[2], op.kernel[1], op, 1)
            ],
            axis=1,
        )
        for inputs_y, _ in _windows(x.shape[1], op.kernel[0], op, 0)
    ]
    return requantise(np.stack(rows, axis=1), m, op.requant)


@_apply.register
def _(op: ops.Transpose, x: IntArray) -> IntArray:
    return x.transpose(op.perm)


@_apply.register
def _(op: ops.Concat, *operands: IntArray) -> IntArray:
    return np.concatenate(operands, axis=op.axis)


@_apply.register
def _(op: ops.Pad, x: IntArray) -> IntArray:
    sizes = tuple(zip(op.before, op.after, strict=True))
    return np.pad(x, sizes, constant_values=op.value) if sizes else x


def _windows(
    size: int, kernel: int, op: ops.Conv | ops.MaxPool | ops.SumPool, axis: int
) -> Iterator[tuple[list[int], list[int]]]:
    """For each output position on a spatial axis: the input indices it reads, and their taps."""
    before, after = op.pads[axis], op.pads[axis + 2]
    stride, dilation = op.strides[axis], op.dilations[axis]
    count = (size + before + after - dilation * (kernel - 1) - 1) // stride + 1
    for start in range(-before, count * stride - before, stride):
        taps = [tap for tap in range(kernel) if 0 <= start + tap * dilation < size]
        yield [start + tap * dilation for tap in taps], taps
