"""Operators that only move values: most of them change the reading of a tensor and cost nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from verifiable.program import operators as ops
from verifiable.program.graph import GraphNode
from verifiable.program.lowering.context import Context, Handler, refuse
from verifiable.program.lowering.elementwise import identity
from verifiable.program.lowering.values import (
    Const,
    Quantised,
    Target,
    Value,
    View,
    quantise_real,
)
from verifiable.program.program import width_of

__all__ = ["MOVEMENT", "requantised"]


def _identity(context: Context, node: GraphNode) -> Value:
    return context.value(node, node.inputs[0])


def _reshape(context: Context, node: GraphNode) -> Value:
    shape = context.shape(node, node.outputs[0])
    value = context.value(node, node.inputs[0])
    if isinstance(value, Const):
        return Const(values=value.values.reshape(shape))
    x = context.movable(node, node.inputs[0])
    return replace(x, view=x.view.reshaped(shape))


def _transpose(context: Context, node: GraphNode) -> Value:
    value = context.value(node, node.inputs[0])
    if isinstance(value, Const):
        return Const(values=value.values.transpose(node.get("perm")))
    x = context.movable(node, node.inputs[0])
    rank = len(x.view.shape)
    perm = tuple(node.get("perm") or range(rank - 1, -1, -1))
    return replace(x, view=x.view.transposed(context.builder, perm, node.label))


def requantised(context: Context, x: Quantised, target: Target, name: str) -> Quantised:
    """An activation in another quantisation: the same integers where nothing changes."""
    lo, hi = context.builder.interval(x.view.operand)
    same = (x.scale, x.zero_point) == (target.scale, target.zero_point)
    if same and target.lo <= lo and hi <= target.hi:
        return x
    return identity(name, x).finish(context.builder, target)


def _concat(context: Context, node: GraphNode) -> Value:
    parts = [context.quantised(node, name) for name in node.inputs]
    if len(parts) == 1:
        return parts[0]
    target = _common_target(context, parts)
    parts = [
        requantised(context, part, target, name)
        for part, name in zip(parts, node.inputs, strict=True)
    ]
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
        scale=target.scale,
        zero_point=target.zero_point,
    )


def _common_target(context: Context, parts: list[Quantised]) -> Target:
    """The quantisation of the coarsest part, wide enough for all of them."""
    coarsest = max(parts, key=lambda part: part.scale)
    bits = 8 * max(width_of(*context.builder.interval(part.view.operand)) for part in parts)
    bound = 1 << (bits - 1)
    return Target(scale=coarsest.scale, zero_point=coarsest.zero_point, lo=-bound, hi=bound - 1)


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


MOVEMENT: dict[str, Handler] = {
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
