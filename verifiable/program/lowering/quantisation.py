"""QuantizeLinear and DequantizeLinear: where tensors get and lose their scales."""

from __future__ import annotations

from math import isfinite

import numpy as np
from onnx import TensorProto

from verifiable.program.graph import GraphNode
from verifiable.program.lowering.context import Context, Handler, refuse
from verifiable.program.lowering.elementwise import requantised
from verifiable.program.lowering.values import (
    Accumulator,
    Const,
    FloatArray,
    Function,
    Quantised,
    RawInput,
    Target,
    Value,
)
from verifiable.program.program import Input

__all__ = ["ACTIVATION_TYPES", "FLOAT_TYPES", "QUANTISATION", "target_of"]

ACTIVATION_TYPES: dict[int, tuple[int, int, int]] = {
    # element type: lowest and highest value, what makes it signed
    TensorProto.UINT8: (0, 255, -128),
    TensorProto.INT8: (-128, 127, 0),
    TensorProto.UINT16: (0, 65535, -32768),
    TensorProto.INT16: (-32768, 32767, 0),
}
FLOAT_TYPES = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)


def _parameters(context: Context, node: GraphNode) -> tuple[FloatArray, FloatArray, int]:
    """Scale and zero point arrays, and the element type of the quantised side."""
    scale = context.const(node, node.inputs[1]).values
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise refuse(node, "a scale that is not positive and finite", code="bad-scale")
    name = node.input(2)
    if not name:
        kind = int(node.get("output_dtype", 0)) or TensorProto.UINT8
        if node.op_type == "DequantizeLinear":
            kind = context.graph.types.get(node.inputs[0], TensorProto.UINT8)
        return scale, np.zeros(1), kind
    zero_point = context.const(node, name).values
    return scale, zero_point, int(context.graph.types[name])


def target_of(context: Context, node: GraphNode) -> Target:
    """The quantisation of an activation that a node asks for.

    Raises:
        UnsupportedModel: several scales, or a type of another width than 8 or 16 bits.
    """
    scale, zero_point, kind = _parameters(context, node)
    if scale.size != 1 or zero_point.size != 1:
        raise refuse(node, "an activation with one scale per channel", hint="use one scale")
    if kind not in ACTIVATION_TYPES:
        name = TensorProto.DataType.Name(kind)
        raise refuse(node, f"an activation of type {name}", hint="use 8 or 16 bits")
    lo, hi, shift = ACTIVATION_TYPES[kind]
    return Target(
        scale=float(scale.flat[0]),
        zero_point=int(zero_point.flat[0]) + shift,
        lo=lo + shift,
        hi=hi + shift,
    )


def _quantize(context: Context, node: GraphNode) -> Value:
    name = node.inputs[0]
    value = context.value(node, name)
    if isinstance(value, Const):
        return _quantise_constant(context, node, value)
    target = target_of(context, node)
    if isinstance(value, RawInput):
        return _quantise_input(context, node, value, target)
    if isinstance(value, Accumulator | Function):
        return context.finish(value, target)
    return requantised(context, context.quantised(node, name), target, name)


def _quantise_input(
    context: Context, node: GraphNode, value: RawInput, target: Target
) -> Quantised:
    """The first quantisation of a graph input is the program's border; others must agree."""
    slot = context.builder.slots[value.view.operand.index]
    spec = Input(
        name=slot.name,
        shape=slot.shape,
        lo=target.lo,
        hi=target.hi,
        scale=target.scale,
        zero_point=target.zero_point,
    )
    if slot.spec is not None and slot.spec != spec:
        raise refuse(
            node,
            f"the graph input {slot.name!r} is quantised in two ways",
            hint="quantise it once",
            code="input-quantised-twice",
        )
    slot.spec = spec
    return Quantised(view=value.view, scale=spec.scale, zero_point=spec.zero_point)


def _quantise_constant(context: Context, node: GraphNode, value: Const) -> Value:
    scale, zero_point, kind = _parameters(context, node)
    if scale.size != 1:
        raise refuse(node, "a constant quantised inside the graph with one scale per channel")
    lo, hi, _ = ACTIVATION_TYPES.get(kind, (-128, 127, 0))
    step, zero = float(scale.flat[0]), int(zero_point.flat[0])
    integers = np.clip(np.rint(value.values / step) + zero, lo, hi).astype(np.int64) - zero
    return Const(values=integers * step, integers=(integers, scale, 0))


def _dequantize(context: Context, node: GraphNode) -> Value:
    value = context.value(node, node.inputs[0])
    if isinstance(value, Quantised | RawInput):
        # what the integers stand for is said here; usually what QuantizeLinear said
        target = target_of(context, node)
        return Quantised(view=value.view, scale=target.scale, zero_point=target.zero_point)
    if not isinstance(value, Const):
        raise refuse(node, "DequantizeLinear of a tensor that is not quantised")
    if value.integers is not None:
        return value
    scale, zero_point, _ = _parameters(context, node)
    axis = int(node.get("axis", 1)) % max(value.values.ndim, 1)
    if node.get("block_size", 0):
        raise refuse(node, "blocked quantisation", hint="use one scale per tensor or channel")
    shape = [1] * value.values.ndim
    if scale.size > 1:
        shape[axis] = scale.size
    integers = value.values - (
        zero_point.reshape(shape) if zero_point.size > 1 else float(zero_point.flat[0])
    )
    real = integers * (scale.reshape(shape) if scale.size > 1 else float(scale.flat[0]))
    if not isfinite(float(np.abs(real).max(initial=0.0))):
        raise refuse(node, "a constant that overflows")
    return Const(values=real, integers=(integers.astype(np.int64), scale, axis))


QUANTISATION: dict[str, Handler] = {
    "DequantizeLinear": _dequantize,
    "QuantizeLinear": _quantize,
}
"""Handlers of the two operators, whatever domain they come from."""
