"""MatMul, Gemm, Conv and pooling: exact sums that wait for the scale of their result."""

from __future__ import annotations

from functools import partial

import numpy as np

from verifiable.program import operators as ops
from verifiable.program.graph import GraphNode
from verifiable.program.lowering.context import Context, WeightRule, refuse
from verifiable.program.lowering.values import (
    NHWC_AXES,
    Const,
    FloatArray,
    Linear,
    Quantised,
    Value,
    View,
)
from verifiable.program.multiplier import MAX_SPREAD_BITS
from verifiable.program.program import IntArray, Operand, Source
from verifiable.program.shapes import result_shape

__all__ = [
    "average_pool",
    "conv",
    "gemm",
    "global_average_pool",
    "integer_bias",
    "matmul",
    "max_pool",
]

BIAS_BOUND = 1 << 40

FLOAT_SCALE_SPREAD = 64
"""How far below the largest a channel's scale may lie: a channel of tiny weights needs no finer."""

_ANY = ops.Requantisation(lo=0, hi=0)  # where only shapes matter


def integer_weight(
    const: Const, channel_axis: int, rule: WeightRule
) -> tuple[IntArray, FloatArray]:
    """The integers and scales of a weight: its own if it came quantised, else by `rule`.

    Returns:
        integers of the weight's shape; scales of shape (channels,) or (1,).
    """
    if const.integers is not None:
        integers, scales, axis = const.integers
        if scales.size == 1 or axis == channel_axis:
            return _with_floor(integers, scales.ravel(), channel_axis)
    others = tuple(axis for axis in range(const.values.ndim) if axis != channel_axis)
    magnitude = np.abs(const.values).max(axis=others if rule.per_channel else None)
    scales = np.atleast_1d(magnitude / rule.bound)
    largest = float(scales.max()) or 1.0
    scales = np.maximum(scales, largest / FLOAT_SCALE_SPREAD)
    scaled = np.rint(const.values / _along(scales, channel_axis, const.values.ndim))
    return np.clip(scaled, -rule.bound, rule.bound).astype(np.int64), scales


def _along(scales: FloatArray, axis: int, rank: int) -> FloatArray:
    """Scales of shape (channels,) or (1,) as an array that broadcasts along one axis."""
    shape = [1] * rank
    if scales.size > 1:
        shape[axis] = scales.size
    return scales.reshape(shape)


def _with_floor(integers: IntArray, scales: FloatArray, axis: int) -> tuple[IntArray, FloatArray]:
    """Quantised weights whose channel scales lie within a spread that one shift can serve.

    A channel of zeros takes any scale. A channel with a scale far below the others' is rounded to
    the smallest one kept, which moves each weight by less than a 2**-16th of the largest.
    """
    rows = np.moveaxis(integers, axis, 0).reshape(integers.shape[axis], -1)
    used = scales if scales.size == 1 else np.where(rows.any(axis=1), scales, 0.0)
    largest = float(used.max()) or float(scales.max())
    kept = np.maximum(used, largest / 2.0**MAX_SPREAD_BITS)
    if (kept == scales).all():
        return integers, scales
    ratio = _along(scales / kept, axis, integers.ndim)
    return np.rint(integers * ratio).astype(np.int64), kept


def integer_bias(node: GraphNode, bias: FloatArray, scale: FloatArray, channels: int) -> IntArray:
    """A real bias in units of the accumulator, one entry per channel."""
    scaled = np.rint(np.broadcast_to(bias, (channels,)) / np.broadcast_to(scale, (channels,)))
    if not (np.abs(scaled) < BIAS_BOUND).all():
        raise refuse(
            node,
            "the bias is over 2^40 steps of its accumulator",
            hint="a scale of the operand or of the weights is far too small",
            code="bias-range",
        )
    return scaled.astype(np.int64)


def _bias_of(context: Context, node: GraphNode, channels: int) -> FloatArray:
    name = node.input(2)
    if not name:
        return np.zeros(channels)
    values = context.const(node, name).values
    if values.size not in (1, channels) or values.shape[-1:] not in ((), (1,), (channels,)):
        raise refuse(node, f"a bias of shape {values.shape} for {channels} channels")
    if values.ndim and values.shape[-1] != values.size:
        raise refuse(node, f"a bias of shape {values.shape}, which varies along another axis")
    return values.ravel()


def matmul(context: Context, node: GraphNode) -> Value:
    """MatMul of an activation with a constant matrix."""
    if context.is_const(node, node.inputs[0]) or not context.is_const(node, node.inputs[1]):
        raise refuse(
            node,
            "MatMul needs an activation on the left and a constant matrix on the right",
            hint="products of two activations are not supported",
        )
    weight = context.const(node, node.inputs[1])
    if weight.values.ndim != 2:
        raise refuse(node, f"the constant matrix has rank {weight.values.ndim}, not 2")
    return _product(context, node, weight, transposed=False)


def gemm(context: Context, node: GraphNode) -> Value:
    """Gemm with constant B and C."""
    if node.get("alpha", 1.0) != 1.0 or node.get("beta", 1.0) != 1.0 or node.get("transA", 0):
        raise refuse(node, "Gemm with alpha, beta or transA was not normalised")
    weight = context.const(node, node.inputs[1])
    return _product(context, node, weight, transposed=bool(node.get("transB", 0)))


def _product(context: Context, node: GraphNode, weight: Const, *, transposed: bool) -> Linear:
    x = context.quantised(node, node.inputs[0])
    integers, scales = integer_weight(weight, 0 if transposed else 1, context.weight_rule)
    rows = integers if transposed else integers.T  # (N, K)
    view = x.view
    lead = view.shape[:-1]
    if np.prod(lead) == 1 and not view.in_order:
        # one row: permuting the weight's columns is free, moving the activation is not
        columns = np.empty_like(rows)
        columns[:, view.element_order()] = rows
        rows = columns
        operand = Operand(source=view.operand.source, index=view.operand.index, shape=view.shape)
    else:
        operand = view.ordered(context.builder, node.label)
    scale = x.scale * scales
    bias = integer_bias(node, _bias_of(context, node, rows.shape[0]), scale, rows.shape[0])
    bias = bias - x.zero_point * rows.sum(axis=1)
    return Linear(
        view=View.plain(Operand(source=operand.source, index=0, shape=(*lead, rows.shape[0]))),
        name=node.label,
        make=lambda step: ops.MatMul(requant=step),
        x=(operand,),
        constants=((f"{node.label}/weight", rows), (f"{node.label}/bias", bias)),
        scale=scale,
    )


def _image(context: Context, node: GraphNode, x: Quantised) -> Operand:
    """An activation as NHWC; one spatial axis counts as an image of height 1."""
    view = x.view
    if len(view.shape) == 3:
        view = view.reshaped((*view.shape[:2], 1, view.shape[2]))
    if len(view.shape) != 4:
        raise refuse(
            node,
            f"{node.op_type} over {len(view.shape) - 2} spatial axes",
            hint="one and two spatial axes are supported",
        )
    return view.with_axes(context.builder, NHWC_AXES, node.label)


def _pair(node: GraphNode, name: str, fill: int) -> tuple[int, int]:
    """A spatial attribute as (vertical, horizontal); one axis alone is the horizontal one."""
    values = tuple(node.get(name) or (fill, fill))
    return (fill, values[0]) if len(values) == 1 else (values[0], values[1])


def _pads(node: GraphNode) -> tuple[int, int, int, int]:
    pads = tuple(node.get("pads") or (0, 0, 0, 0))
    return (0, pads[0], 0, pads[1]) if len(pads) == 2 else (pads[0], pads[1], pads[2], pads[3])


def _image_view(operand_shape: tuple[int, ...], rank: int) -> View:
    """How ONNX reads an NHWC result: NCHW, or (batch, channel, length)."""
    placeholder = Operand(source=Source.TRACE, index=0, shape=operand_shape)
    view = View(operand=placeholder, axes=NHWC_AXES, shape=())
    shape = view.transposed_shape
    return View(
        operand=placeholder,
        axes=NHWC_AXES,
        shape=shape if rank == 4 else (shape[0], shape[1], shape[3]),
    )


def conv(context: Context, node: GraphNode) -> Value:
    """Conv over one or two spatial axes, with groups, strides, pads and dilations."""
    x = context.quantised(node, node.inputs[0])
    operand = _image(context, node, x)
    integers, scales = integer_weight(context.const(node, node.inputs[1]), 0, context.weight_rule)
    if integers.ndim == 3:
        integers = integers[:, :, np.newaxis, :]
    weight = np.ascontiguousarray(integers.transpose(0, 2, 3, 1))  # OHWI
    channels = weight.shape[0]
    scale = x.scale * scales
    bias = integer_bias(node, _bias_of(context, node, channels), scale, channels)
    pads = _pads(node)
    zero_point = x.zero_point
    if not any(pads):
        bias, zero_point = bias - zero_point * weight.reshape(channels, -1).sum(axis=1), 0
    make = partial(
        ops.Conv,
        strides=_pair(node, "strides", 1),
        pads=pads,
        dilations=_pair(node, "dilations", 1),
        group=int(node.get("group", 1)),
        x_zero_point=zero_point,
    )
    shapes = (operand.shape, weight.shape, bias.shape, (1,))
    shape = result_shape(make(requant=_ANY), shapes)
    return Linear(
        view=_image_view(shape, len(x.view.shape)),
        name=node.label,
        make=lambda step: make(requant=step),
        x=(operand,),
        constants=((f"{node.label}/weight", weight), (f"{node.label}/bias", bias)),
        scale=scale,
    )


def max_pool(context: Context, node: GraphNode) -> Value:
    """MaxPool: selects values, so the quantisation stays."""
    if any(context.is_read(name) for name in node.outputs[1:]):
        raise refuse(node, "the Indices output of MaxPool")
    x = context.quantised(node, node.inputs[0])
    op = ops.MaxPool(
        kernel=_pair(node, "kernel_shape", 1),
        strides=_pair(node, "strides", 1),
        pads=_pads(node),
        dilations=_pair(node, "dilations", 1),
    )
    result = context.builder.emit(op, (_image(context, node, x),), node.label)
    view = _image_view(result.shape, len(x.view.shape)).like(result)
    return Quantised(view=view, scale=x.scale, zero_point=x.zero_point)


def average_pool(context: Context, node: GraphNode) -> Value:
    """AveragePool: a sum whose multiplier holds one over each window's count."""
    x = context.quantised(node, node.inputs[0])
    operand = _image(context, node, x)
    make = partial(
        ops.SumPool,
        kernel=_pair(node, "kernel_shape", 1),
        strides=_pair(node, "strides", 1),
        pads=_pads(node),
        dilations=_pair(node, "dilations", 1),
        x_zero_point=x.zero_point,
    )
    op = make(requant=_ANY)
    shape = result_shape(op, (operand.shape, (1,)))
    counts = np.full((1, 1, 1), float(op.kernel[0] * op.kernel[1]))
    if any(op.pads) and not node.get("count_include_pad", 0):
        counts = _window_counts(op, operand.shape, shape)
    return Linear(
        view=_image_view(shape, len(x.view.shape)),
        name=node.label,
        make=lambda step: make(requant=step),
        x=(operand,),
        scale=x.scale / counts,
    )


def _window_counts(op: ops.SumPool, x: tuple[int, ...], result: tuple[int, ...]) -> FloatArray:
    """How many positions of each window are not padding: (height, width, 1)."""

    def along(axis: int) -> FloatArray:
        starts = np.arange(result[1 + axis]) * op.strides[axis] - op.pads[axis]
        taps = starts[:, np.newaxis] + np.arange(op.kernel[axis]) * op.dilations[axis]
        inside: FloatArray = ((taps >= 0) & (taps < x[1 + axis])).sum(axis=1).astype(np.float64)
        return inside

    counts: FloatArray = np.outer(along(0), along(1))[:, :, np.newaxis]
    return counts


def global_average_pool(context: Context, node: GraphNode) -> Value:
    """GlobalAveragePool: one window over the whole image."""
    x = context.quantised(node, node.inputs[0])
    operand = _image(context, node, x)
    _, height, width, _ = operand.shape
    make = partial(
        ops.SumPool,
        kernel=(height, width),
        strides=(1, 1),
        pads=(0, 0, 0, 0),
        dilations=(1, 1),
        x_zero_point=x.zero_point,
    )
    shape = (operand.shape[0], 1, 1, operand.shape[3])
    return Linear(
        view=_image_view(shape, len(x.view.shape)),
        name=node.label,
        make=lambda step: make(requant=step),
        x=(operand,),
        scale=np.array([x.scale / (height * width)]),
    )
