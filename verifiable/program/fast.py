"""The operators at the speed of floating-point BLAS, where that is proven to be exact.

A sum of integers in float32 is exact in any order, fused or not, while every partial sum stays
below 2^24 (float64: 2^53). The bound of a dot product over all inputs that its node can see is
`sum |weight| * max |x|`, so each node is examined once per program, before any input is known,
and gets a kernel: float32, float64, or the reference where neither is safe. The kernels hold no
mutable state, so one plan serves any number of threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial, singledispatch
from math import prod
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from verifiable.program import operators as ops
from verifiable.program import reference
from verifiable.program.intervals import PRODUCT_BOUND
from verifiable.program.program import IntArray, Node, Operand, Program, Source

__all__ = ["Kernel", "Plan", "plan", "product_kernel"]

Kernel = Callable[..., IntArray]
"""From the node's activations (not its constants), under the operands' shapes, to its result."""

Range = tuple[int, int]
FloatArray = npt.NDArray[Any]
_FLOAT32_EXACT, _FLOAT64_EXACT = float(1 << 24), float(1 << 53)
_MARGIN = 1 + 2.0**-20  # bounds are computed in float64: far more than their rounding error
_WINDOW_BYTES = 1 << 25  # unrolled windows of a convolution are made in slices of this size


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How each node of one program is computed.

    Attributes:
        kernels: one per node.
        fits: whether the node's results are known to fit its width.
        ranges: of the node's results.
    """

    kernels: tuple[Kernel, ...]
    fits: tuple[bool, ...]
    ranges: tuple[Range, ...]


_plans: WeakKeyDictionary[Program, Plan] = WeakKeyDictionary()
_lock = threading.Lock()


def plan(program: Program) -> Plan:
    """The plan of `program`, made on the first call and kept as long as the program lives."""
    with _lock:
        known = _plans.get(program)
    if known is None:
        known = _make(program)
        with _lock:
            known = _plans.setdefault(program, known)
    return known


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a kernel may rely on: shapes, value ranges of the activations, and the constants."""

    shapes: tuple[tuple[int, ...], ...]
    ranges: tuple[Range, ...]
    constants: tuple[IntArray, ...]


def _make(program: Program) -> Plan:
    ranges: list[Range] = []
    kernels: list[Kernel] = []
    fits: list[bool] = []
    for node in program.nodes:
        seen = _seen(program, ranges, node)
        kernels.append(_kernel(node.op, seen) or partial(_by_reference, node.op, seen.constants))
        lo, hi = _result_range(node, seen)
        bound = 1 << (8 * node.width - 1)
        fits.append(-bound <= lo and hi < bound)
        # Where the width is narrower than the operator's own range, execution checks each value.
        ranges.append((max(lo, -bound), min(hi, bound - 1)))
    return Plan(kernels=tuple(kernels), fits=tuple(fits), ranges=tuple(ranges))


def _seen(program: Program, ranges: Sequence[Range], node: Node) -> _Seen:
    moving = [o for o in node.operands if o.source in (Source.TRACE, Source.INPUT)]
    return _Seen(
        shapes=tuple(operand.shape for operand in moving),
        ranges=tuple(_range_of(program, ranges, operand) for operand in moving),
        constants=tuple(
            program.constant(operand) for operand in node.operands if operand not in moving
        ),
    )


def _by_reference(op: ops.Operator, constants: tuple[IntArray, ...], *moving: IntArray) -> IntArray:
    return reference.apply(op, (*moving, *constants))


def _range_of(program: Program, ranges: Sequence[Range], operand: Operand) -> Range:
    if operand.source is Source.TRACE:
        return ranges[operand.index]
    spec = program.inputs[operand.index]
    return spec.lo, spec.hi


def _result_range(node: Node, seen: _Seen) -> Range:
    step = node.op.requantisation
    if step is not None:
        return step.lo, step.hi
    if isinstance(node.op, ops.LookupTable):
        (table,) = seen.constants
        return int(table.min()), int(table.max())
    points = [bound for known in seen.ranges for bound in known]
    if isinstance(node.op, ops.Pad):
        points.append(node.op.value)
    return min(points), max(points)


# --- Bounds ---------------------------------------------------------------------------------


def _reach(known: Range, zero_point: int = 0) -> float:
    """The largest `|x - zero_point|`."""
    return float(max(abs(known[0] - zero_point), abs(known[1] - zero_point)))


def _provable(acc_bound: FloatArray | float, multiplier: IntArray | int, shift: int) -> bool:
    """Whether the accumulator, its product and the bias of the shift stay inside int64."""
    product = np.max(np.abs(np.asarray(multiplier, dtype=np.float64)) * acc_bound)
    worst = max(float(product), float(np.max(acc_bound)))
    return worst * _MARGIN + float(2 << shift) < float(reference.PRODUCT_LIMIT)


def _float_for(bound: float) -> type[np.float32] | type[np.float64] | None:
    if bound * _MARGIN < _FLOAT32_EXACT:
        return np.float32
    return np.float64 if bound * _MARGIN < _FLOAT64_EXACT else None


# --- Requantisation -------------------------------------------------------------------------


def _requantiser(
    step: ops.Requantisation, bias: IntArray | int, multiplier: IntArray | int
) -> Callable[[IntArray], IntArray]:
    """Bias and requantisation as one in-place pass over an accumulator that the caller owns."""
    if np.size(multiplier) == 1:
        multiplier = int(np.reshape(multiplier, ()))
    half = (1 << step.shift) >> 1
    shift, zero_point = step.shift, step.zero_point
    lo, hi = np.int64(step.lo), np.int64(step.hi)
    biased = bool(np.any(bias))
    scaled = not (isinstance(multiplier, int) and multiplier == 1)

    def finish(acc: IntArray) -> IntArray:
        if biased:
            acc += bias
        if scaled:
            acc *= multiplier
        if shift:
            acc += half
            acc >>= shift
        if zero_point:
            acc += zero_point
        np.maximum(acc, lo, out=acc)
        np.minimum(acc, hi, out=acc)
        return acc

    return finish


# --- Kernels --------------------------------------------------------------------------------


@singledispatch
def _kernel(op: ops.Operator, seen: _Seen) -> Kernel | None:
    """A fast kernel for `op`, or None if only the reference is known to be exact."""
    raise NotImplementedError(f"no fast kernel for {op.name}")


@_kernel.register
def _(op: ops.MatMul, seen: _Seen) -> Kernel | None:
    weight, bias, multiplier = seen.constants
    sums = np.abs(weight.astype(np.float64)).sum(axis=1) * _reach(seen.ranges[0])  # (N,)
    dtype = _float_for(float(sums.max()))
    bounds = sums + np.abs(bias.astype(np.float64))
    if dtype is None or not _provable(bounds, multiplier, op.requant.shift):
        return None
    columns: FloatArray = weight.astype(dtype).T  # (K, N), a view: BLAS takes either order
    finish = _requantiser(op.requant, bias, multiplier)

    def run(x: IntArray) -> IntArray:
        return finish(np.matmul(x.astype(dtype), columns).astype(np.int64))

    return run


@_kernel.register
def _(op: ops.Conv, seen: _Seen) -> Kernel | None:
    weight, bias, multiplier = seen.constants
    channels, kernel = weight.shape[0], weight.shape[1:3]
    flat = weight.reshape(channels, -1)  # (O, kh * kw * C / group)
    reach = _reach(seen.ranges[0], op.x_zero_point)
    sums = np.abs(flat.astype(np.float64)).sum(axis=1) * reach
    dtype = _float_for(max(float(sums.max()), reach))
    bounds = sums + np.abs(bias.astype(np.float64))
    if dtype is None or not _provable(bounds, multiplier, op.requant.shift):
        return None
    group, per_output = op.group, channels // op.group
    # (group, kh * kw * C / group, O / group)
    columns = np.ascontiguousarray(
        flat.astype(dtype).reshape(group, per_output, -1).transpose(0, 2, 1)
    )
    finish = _requantiser(op.requant, bias, multiplier)
    zero_point = op.x_zero_point

    def run(x: IntArray) -> IntArray:
        centred = (x - zero_point if zero_point else x).astype(dtype)
        windows = _unrolled(_padded(centred, op.pads, 0), kernel, op.strides, op.dilations)
        batch, height, width = windows.shape[:3]
        acc = np.empty((batch, height, width, channels), dtype=np.int64)
        row_bytes = batch * width * prod(windows.shape[3:]) * windows.itemsize
        step = max(1, _WINDOW_BYTES // row_bytes)
        for top in range(0, height, step):
            part = windows[:, top : top + step]
            if group == 1:
                dots = part.reshape(-1, columns.shape[1]) @ columns[0]
            else:
                split = part.reshape(-1, *kernel, group, part.shape[-1] // group)
                split = split.transpose(3, 0, 1, 2, 4).reshape(group, -1, columns.shape[1])
                dots = (split @ columns).transpose(1, 0, 2)  # (positions, group, O / group)
            acc[:, top : top + step] = dots.reshape(batch, -1, width, channels)
        return finish(acc)

    return run


def _padded(x: FloatArray, pads: tuple[int, int, int, int], value: int) -> FloatArray:
    top, left, bottom, right = pads
    if not any(pads):
        return x
    batch, height, width, channels = x.shape
    shape = (batch, top + height + bottom, left + width + right, channels)
    out = np.full(shape, value, dtype=x.dtype)
    out[:, top : top + height, left : left + width] = x
    return out


def _unrolled(
    x: FloatArray, kernel: tuple[int, ...], strides: tuple[int, int], dilations: tuple[int, int]
) -> FloatArray:
    """All windows of padded NHWC values, as a view (batch, height, width, kh, kw, C)."""
    batch, rows, columns, channels = x.shape
    height = (rows - dilations[0] * (kernel[0] - 1) - 1) // strides[0] + 1
    width = (columns - dilations[1] * (kernel[1] - 1) - 1) // strides[1] + 1
    b, y, z, c = x.strides
    return as_strided(
        x,
        (batch, height, width, kernel[0], kernel[1], channels),
        (b, y * strides[0], z * strides[1], y * dilations[0], z * dilations[1], c),
        writeable=False,
    )


@_kernel.register
def _(op: ops.Affine, seen: _Seen) -> Kernel | None:
    weight, bias, multiplier = seen.constants
    rank = len(seen.shapes[0])
    products = np.abs(_aligned(weight, rank).astype(np.float64)) * _reach(seen.ranges[0])
    bounds = products + np.abs(_aligned(bias, rank).astype(np.float64))
    if not _provable(bounds, _aligned(multiplier, rank), op.requant.shift):
        return None
    finish = _requantiser(op.requant, bias, multiplier)

    def run(x: IntArray) -> IntArray:
        return finish(np.asarray(x * weight))

    return run


def _aligned(constant: IntArray, rank: int) -> IntArray:
    return constant.reshape((1,) * (rank - constant.ndim) + constant.shape)


@_kernel.register
def _(op: ops.Add, seen: _Seen) -> Kernel | None:
    a_bound = _reach(seen.ranges[0]) * abs(op.a_multiplier)
    b_bound = _reach(seen.ranges[1]) * abs(op.b_multiplier)
    if not _provable(a_bound + b_bound + abs(op.offset), 1, op.requant.shift):
        return None
    finish = _requantiser(op.requant, op.offset, 1)

    def run(a: IntArray, b: IntArray) -> IntArray:
        return finish(np.asarray(a * op.a_multiplier + b * op.b_multiplier))

    return run


@_kernel.register
def _(op: ops.Mul, seen: _Seen) -> Kernel | None:
    (multiplier,) = seen.constants
    a_bound = _reach(seen.ranges[0], op.a_zero_point)
    b_bound = _reach(seen.ranges[1], op.b_zero_point)
    worst = max(a_bound * b_bound, a_bound, b_bound)
    if not _provable(worst, multiplier, op.requant.shift):
        return None
    finish = _requantiser(op.requant, 0, multiplier)

    def run(a: IntArray, b: IntArray) -> IntArray:
        return finish(np.asarray((a - op.a_zero_point) * (b - op.b_zero_point)))

    return run


@_kernel.register
def _(op: ops.LookupTable, seen: _Seen) -> Kernel | None:
    (table,) = seen.constants
    rows, size = table.shape
    if not _provable(_reach(seen.ranges[0], op.x_min), 1, 0):
        return None
    flat = np.ascontiguousarray(table).reshape(-1)
    starts = np.arange(rows, dtype=np.int64) * size

    def run(x: IntArray) -> IntArray:
        index = np.asarray(x - op.x_min)
        np.maximum(index, 0, out=index)
        np.minimum(index, size - 1, out=index)
        if rows > 1:
            index += starts
        return np.asarray(flat[index])

    return run


@_kernel.register
def _(op: ops.MaxPool, seen: _Seen) -> Kernel | None:
    lowest = int(np.iinfo(np.int64).min)

    def run(x: IntArray) -> IntArray:
        padded = _padded(x, op.pads, lowest)
        windows = _unrolled(padded, op.kernel, op.strides, op.dilations)
        out = windows[:, :, :, 0, 0].copy()
        for tap in range(1, op.kernel[0] * op.kernel[1]):
            y, z = divmod(tap, op.kernel[1])
            np.maximum(out, windows[:, :, :, y, z], out=out)
        return out

    return run


@_kernel.register
def _(op: ops.SumPool, seen: _Seen) -> Kernel | None:
    (multiplier,) = seen.constants
    count = op.kernel[0] * op.kernel[1]
    bound = _reach(seen.ranges[0], op.x_zero_point) * count
    if not _provable(bound, multiplier, op.requant.shift):
        return None
    finish = _requantiser(op.requant, 0, multiplier)

    def run(x: IntArray) -> IntArray:
        padded = _padded(x - op.x_zero_point, op.pads, 0)
        windows = _unrolled(padded, op.kernel, op.strides, op.dilations)
        out = windows[:, :, :, 0, 0].copy()
        for tap in range(1, count):
            y, z = divmod(tap, op.kernel[1])
            out += windows[:, :, :, y, z]
        return finish(out)

    return run


@_kernel.register
def _(op: ops.Transpose, seen: _Seen) -> Kernel | None:
    def run(x: IntArray) -> IntArray:
        return np.ascontiguousarray(x.transpose(op.perm)).reshape(
            tuple(x.shape[axis] for axis in op.perm)
        )

    return run


@_kernel.register
def _(op: ops.Concat, seen: _Seen) -> Kernel | None:
    def run(*operands: IntArray) -> IntArray:
        return np.concatenate(operands, axis=op.axis)

    return run


@_kernel.register
def _(op: ops.Pad, seen: _Seen) -> Kernel | None:
    inner = tuple(
        slice(before, before + size) for before, size in zip(op.before, seen.shapes[0], strict=True)
    )

    def run(x: IntArray) -> IntArray:
        sizes = zip(op.before, x.shape, op.after, strict=True)
        out = np.full([sum(axis) for axis in sizes], op.value, dtype=np.int64)
        out[inner] = x
        return out

    return run


# --- Accumulators ---------------------------------------------------------------------------

_bare_plans: WeakKeyDictionary[Program, dict[int, Kernel]] = WeakKeyDictionary()


def product_kernel(program: Program, index: int) -> Kernel:
    """From the node's activations to its `acc * M`, before the shift.

    For provers, who show a requantisation step by step; only nodes that have one. The kernel is
    kept as long as the program lives.
    """
    with _lock:
        known = _bare_plans.setdefault(program, {})
    kernel = known.get(index)
    if kernel is None:
        node = program.nodes[index]
        bare = ops.Requantisation(lo=-PRODUCT_BOUND, hi=PRODUCT_BOUND)
        # The base class has no `requant`; the operators with a requantisation do.
        op = replace(node.op, requant=bare)  # type: ignore[call-arg]
        seen = _seen(program, plan(program).ranges, node)
        kernel = _kernel(op, seen) or partial(_by_reference, op, seen.constants)
        known[index] = kernel
    return kernel
