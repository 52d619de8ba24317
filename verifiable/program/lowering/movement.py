"""Operators that only move values: most of them change the reading of a tensor and cost nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from verifiable.program import operators as ops
from verifiable.program.graph import GraphNode
from verifiable.program.lowering.context import SETTLED_BOUND, Context, Handler, refuse
from verifiable.program.lowering.elementwise import requantised
from verifiable.program.lowering.quantisation import FLOAT_TYPES, target_of
from verifiable.program.lowering.values import (
    Const,
    Quantised,
    Target,
    Value,
    View,
    quantise_real,
)
from verifiable.program.program import width_of

__all__ = ["MOVEMENT"]


def _identity(context: Context, node: GraphNode) -> Value:
    return context.value(node, node.inputs[0])


def _reshape(context: Context, node: GraphNode) -> Value:
    shape = context.shape(node, node.outputs[0])
    value = context.value(node, node.inputs[0])
    if isinstance(value, Const):
        integers = value.integers
        if integers is not None and integers[1].size == 1:
            integers = (integers[0].reshape(shape), integers[1], 0)
        elif integers is not None:
            context.notes.append(
                f"{node.label} reshapes a weight with several scales: it is quantised again"
            )
            integers = None
        return Const(values=value.values.reshape(shape), integers=integers)
    x = context.movable(node, node.inputs[0])
    return replace(x, view=x.view.reshaped(shape))


def _transpose(context: Context, node: GraphNode) -> Value:
    value = context.value(node, node.inputs[0])
    if isinstance(value, Const):
        axes = tuple(node.get("perm") or range(value.values.ndim - 1, -1, -1))
        integers = value.integers
        if integers is not None:
            axis = axes.index(integers[2]) if integers[1].size > 1 else 0
            integers = (integers[0].transpose(axes), integers[1], axis)
        return Const(values=value.values.transpose(axes), integers=integers)
    x = context.movable(node, node.inputs[0])
    rank = len(x.view.shape)
    perm = tuple(node.get("perm") or range(rank - 1, -1, -1))
    return replace(x, view=x.view.transposed(context.builder, perm, node.label))


def _concat(context: Context, node: GraphNode) -> Value:
    parts = [context.quantised(node, name) for name in node.inputs]
    if len(parts) == 1:
        return parts[0]
    scale, zero_point = parts[0].scale, parts[0].zero_point
    if any((part.scale, part.zero_point) != (scale, zero_point) for part in parts):
        target = _common_target(context, node, parts)
        scale, zero_point = target.scale, target.zero_point
        parts = [requantised(context, part, target, f"{node.label}/rescale") for part in parts]
    axes = next(
        (
            part.view.axes
            for part in parts
            if not part.view.in_order and part.view.shape == part.view.transposed_shape
        ),
        tuple(range(len(parts[0].view.shape))),
    )
    operands = tuple(part.view.with_axes(context.builder, axes, node.label) for part in parts)
    axis = int(node.get("axis", 0)) % len(axes)
    result = context.builder.emit(ops.Concat(axis=axes[axis]), operands, node.label)
    view = View(operand=result, axes=axes, shape=())
    return Quantised(
        view=replace(view, shape=view.transposed_shape),
        scale=scale,
        zero_point=zero_point,
    )


def _common_target(context: Context, node: GraphNode, parts: list[Quantised]) -> Target:
    """The quantisation that the reader of a Concat asks for, or one that holds all parts."""
    name = node.outputs[0]
    reader = context.graph.only_consumer(name)
    if reader is not None and reader.op_type == "QuantizeLinear":
        return target_of(context, reader)
    ends = []
    for part in parts:
        for q in context.builder.interval(part.view.operand):
            ends.append((q - part.zero_point) * part.scale)
    bound = max(abs(end) for end in ends) or 1.0
    context.notes.append(
        f"{name} joins tensors of different scales and has none of its own: 16 bits for "
        f"+-{bound:.6g}"
    )
    return Target(
        scale=bound / SETTLED_BOUND, zero_point=0, lo=-SETTLED_BOUND - 1, hi=SETTLED_BOUND
    )


def _pad(context: Context, node: GraphNode) -> Value:
    if node.get("mode", "constant") != "constant":
        raise refuse(node, f"Pad in mode {node.get('mode')!r}", hint="use mode constant")
    x = context.quantised(node, node.inputs[0])
    rank = len(x.view.shape)
    if node.input(1):
        pads = context.const(node, node.input(1)).values.astype(np.int64).ravel()
    else:
        pads = np.array(node.get("pads") or [], dtype=np.int64)
    before, after = np.zeros(rank, dtype=np.int64), np.zeros(rank, dtype=np.int64)
    chosen = np.arange(rank)
    if node.input(3):
        chosen = context.const(node, node.input(3)).values.astype(np.int64).ravel() % rank
    if pads.size != 2 * chosen.size or (pads < 0).any():
        raise refuse(node, "Pad with negative or missing pads")
    before[chosen], after[chosen] = pads[: chosen.size], pads[chosen.size :]
    real = float(node.get("value", 0.0))
    if node.input(2):
        real = float(context.const(node, node.input(2)).values.flat[0])
    value = quantise_real(real, x.scale, x.zero_point)
    width = 8 * width_of(*context.builder.interval(x.view.operand))
    if not isinstance(value, int) or not -(1 << (width - 1)) <= value < 1 << (width - 1):
        raise refuse(node, f"Pad with {real}, outside the range of its operand's scale")
    view = x.view
    if view.shape != view.transposed_shape:
        view = View.plain(view.ordered(context.builder, node.label))
    inner = np.argsort(view.axes)
    op = ops.Pad(
        before=tuple(int(before[axis]) for axis in inner),
        after=tuple(int(after[axis]) for axis in inner),
        value=value,
    )
    result = context.builder.emit(op, (view.operand,), node.label)
    return replace(x, view=view.like(result))


def _cast(context: Context, node: GraphNode) -> Value:
    kinds = (context.graph.types.get(node.inputs[0]), int(node.get("to", 0)))
    if not all(kind in FLOAT_TYPES for kind in kinds):
        raise refuse(node, "Cast to or from integers", hint="quantise with QuantizeLinear")
    return context.value(node, node.inputs[0])


MOVEMENT: dict[str, Handler] = {
    "Cast": _cast,
    "Concat": _concat,
    "Dropout": _identity,
    "Flatten": _reshape,
    "Identity": _identity,
    "Pad": _pad,
    "Reshape": _reshape,
    "Squeeze": _reshape,
    "Transpose": _transpose,
    "Unsqueeze": _reshape,
}
"""Handlers of moving operators by ONNX name."""
