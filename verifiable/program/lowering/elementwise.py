"""Add, Sub, Mul, Div with constants and activations, clips, and functions that become tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import inf, isfinite

import numpy as np

from verifiable.program import operators as ops
from verifiable.program.graph import GraphNode
from verifiable.program.lowering.context import Context, Handler, refuse
from verifiable.program.lowering.linear import integer_bias
from verifiable.program.lowering.tables import UNARY, compose
from verifiable.program.lowering.values import (
    NO_CLIP,
    Accumulator,
    Const,
    FloatArray,
    Function,
    Linear,
    Quantised,
    Sum,
    Target,
    Value,
    View,
)
from verifiable.program.program import IntArray, Operand

__all__ = ["ELEMENTWISE", "requantised"]

FACTOR_BOUND = 2047
"""Magnitude of a float factor's integers: 12 bits follow it closely and keep products narrow."""

BIAS_STEPS = 256
"""Steps of an added constant per step of its operand."""


# sums


def _add(context: Context, node: GraphNode) -> Value:
    return _sum(context, node, (1, 1))


def _sub(context: Context, node: GraphNode) -> Value:
    return _sum(context, node, (1, -1))


def _sum(context: Context, node: GraphNode, signs: tuple[int, int]) -> Value:
    left, right = (context.value(node, name) for name in node.inputs)
    if isinstance(left, Const) and isinstance(right, Const):
        raise refuse(node, "a sum of two constants was not folded")
    if isinstance(right, Const):
        return _add_constant(context, node, node.inputs[0], signs[0], right.values * signs[1])
    if isinstance(left, Const):
        return _add_constant(context, node, node.inputs[1], signs[1], left.values * signs[0])
    x, y = (context.quantised(node, name) for name in node.inputs)
    a, b, view = _aligned(context, node, x.view, y.view)
    return Sum(
        view=view,
        name=node.label,
        a=a,
        b=b,
        scales=(x.scale, y.scale),
        zero_points=(x.zero_point, y.zero_point),
        signs=signs,
    )


def _add_constant(
    context: Context, node: GraphNode, name: str, sign: int, addend: FloatArray
) -> Value:
    """`sign * x + addend`."""
    value = context.value(node, name)
    if isinstance(value, Function) and addend.size == 1:
        scalar = float(addend.flat[0])
        return compose(node.label, value, lambda x: sign * x + scalar)
    if isinstance(value, Linear) and sign == 1:
        folded = _fold_bias(node, value, addend)
        if folded is not None:
            return folded
    x = context.quantised(node, name)
    inner = _constant_in_layout(context, node, x.view, addend)
    scale = np.array([x.scale / BIAS_STEPS])
    steps = integer_bias(node, inner.ravel(), scale, inner.size).reshape(inner.shape)
    weight = np.array([sign * BIAS_STEPS], dtype=np.int64)
    return _affine(node.label, x, weight, steps - x.zero_point * sign * BIAS_STEPS, scale)


def _fold_bias(node: GraphNode, value: Linear, addend: FloatArray) -> Linear | None:
    """Add a per-channel constant to the bias of the product that makes the other operand."""
    if len(value.constants) != 2 or value.clip != NO_CLIP:
        return None
    bias_name, bias = value.constants[1]
    rank = len(value.view.shape)
    if addend.ndim > rank or bias.ndim != 1 or value.view.shape != value.view.transposed_shape:
        return None
    wide = addend.reshape((1,) * (rank - addend.ndim) + addend.shape)
    channel = value.view.axes.index(rank - 1)
    channels = value.view.shape[channel]
    if wide.size not in (1, channels) or wide.shape[channel] != wide.size:
        return None
    extra = integer_bias(node, wide.ravel(), value.scale.ravel(), channels)
    return replace(value, constants=(value.constants[0], (bias_name, bias + extra)))


# products


def _mul(context: Context, node: GraphNode) -> Value:
    left, right = (context.value(node, name) for name in node.inputs)
    if isinstance(right, Const):
        return _mul_constant(context, node, node.inputs[0], right)
    if isinstance(left, Const):
        return _mul_constant(context, node, node.inputs[1], left)
    x, y = (context.quantised(node, name) for name in node.inputs)
    a, b, view = _aligned(context, node, x.view, y.view)
    make = partial(ops.Mul, a_zero_point=x.zero_point, b_zero_point=y.zero_point)
    return Linear(
        view=view,
        name=node.label,
        make=lambda step: make(requant=step),
        x=(a, b),
        scale=np.array([x.scale * y.scale]),
    )


def _div(context: Context, node: GraphNode) -> Value:
    divisor = context.value(node, node.inputs[1])
    if isinstance(divisor, Const):
        if not divisor.values.all():
            raise refuse(node, "division by a constant that holds zero")
        return _mul_constant(context, node, node.inputs[0], Const(values=1.0 / divisor.values))
    dividend = context.value(node, node.inputs[0])
    if isinstance(dividend, Const) and dividend.values.size == 1:
        scalar = float(dividend.values.flat[0])
        return compose(node.label, _tabled(context, node, node.inputs[1]), lambda x: scalar / x)
    raise refuse(node, "division by an activation", hint="divide by a constant")


def _mul_constant(context: Context, node: GraphNode, name: str, factor: Const) -> Value:
    value = context.value(node, name)
    if factor.values.size == 1:
        scalar = float(factor.values.flat[0])
        if isinstance(value, Function):
            return compose(node.label, value, lambda x: scalar * x)
        if scalar > 0:
            rescaled = _rescaled(value, scalar)
            if rescaled is not None:
                return rescaled
    x = context.quantised(node, name)
    integers, scale = _integer_factor(factor)
    weight = _integers_in_layout(context, node, x.view, integers)
    return _affine(node.label, x, weight, -x.zero_point * weight, np.array([x.scale * scale]))


def _rescaled(value: Value, factor: float) -> Value | None:
    """The same integers under another scale."""
    if isinstance(value, Quantised):
        return replace(value, scale=value.scale * factor)
    if isinstance(value, Accumulator):
        clip = (value.clip[0] * factor, value.clip[1] * factor)
        if isinstance(value, Linear):
            return replace(value, scale=value.scale * factor, clip=clip)
        if isinstance(value, Sum):
            scales = (value.scales[0] * factor, value.scales[1] * factor)
            return replace(value, scales=scales, clip=clip)
    return None


def _integer_factor(factor: Const) -> tuple[IntArray, float]:
    if factor.integers is not None and factor.integers[1].size == 1:
        return factor.integers[0], float(factor.integers[1].flat[0])
    magnitude = float(np.abs(factor.values).max(initial=0.0))
    scale = magnitude / FACTOR_BOUND if magnitude else 1.0
    return np.rint(factor.values / scale).astype(np.int64), scale


def _affine(name: str, x: Quantised, weight: IntArray, bias: IntArray, scale: FloatArray) -> Linear:
    """`x * weight + bias` over the bytes of x as they lie."""
    view = x.view if x.view.shape else x.view.reshaped((1,))  # constants have an axis
    return Linear(
        view=view,
        name=name,
        make=lambda step: ops.Affine(requant=step),
        x=(view.operand,),
        constants=((f"{name}/weight", weight), (f"{name}/bias", bias)),
        scale=scale,
    )


def identity(name: str, x: Quantised) -> Linear:
    """An activation as an accumulator, to be clipped or to take another quantisation."""
    one = np.ones(1, dtype=np.int64)
    return _affine(name, x, one, -x.zero_point * one, np.array([x.scale]))


def requantised(context: Context, x: Quantised, target: Target, name: str) -> Quantised:
    """An activation in another quantisation: the same integers where nothing changes."""
    lo, hi = context.builder.interval(x.view.operand)
    same = (x.scale, x.zero_point) == (target.scale, target.zero_point)
    if same and target.lo <= lo and hi <= target.hi:
        return x
    return identity(name, x).finish(context.builder, target)


# layouts


def _aligned(context: Context, node: GraphNode, a: View, b: View) -> tuple[Operand, Operand, View]:
    """Two operands in one layout, and how ONNX reads a result in that layout."""
    builder = context.builder
    axes = tuple(range(max(len(a.shape), len(b.shape))))
    if len(a.shape) == len(b.shape):
        for view in (a, b):
            if not view.in_order and view.shape == view.transposed_shape:
                axes = view.axes
                break
        left = a.with_axes(builder, axes, node.label)
        right = b.with_axes(builder, axes, node.label)
    else:
        left, right = a.ordered(builder, node.label), b.ordered(builder, node.label)
    try:
        shape = np.broadcast_shapes(left.shape, right.shape)
    except ValueError as cause:
        raise refuse(node, f"shapes {a.shape} and {b.shape} do not broadcast") from cause
    template = View(operand=replace(left, shape=shape), axes=axes, shape=())
    return left, right, replace(template, shape=template.transposed_shape)


def _constant_in_layout(
    context: Context, node: GraphNode, view: View, values: FloatArray
) -> FloatArray:
    """A constant that broadcasts to an ONNX tensor, moved to the tensor's inner layout."""
    if values.size == 1:
        return values.reshape((1,))
    rank = len(view.shape)
    while values.ndim > rank and values.shape[0] == 1:
        values = values[0]
    if values.ndim > rank or np.broadcast_shapes(values.shape, view.shape) != view.shape:
        raise refuse(node, f"a constant of shape {values.shape} that widens {view.shape}")
    wide = values.reshape((1,) * (rank - values.ndim) + values.shape)
    if view.shape == view.transposed_shape:
        return wide.transpose(np.argsort(view.axes))
    full = np.broadcast_to(wide, view.shape).ravel()
    inner = np.empty_like(full)
    inner[view.element_order()] = full
    return inner.reshape(view.operand.shape)


def _integers_in_layout(
    context: Context, node: GraphNode, view: View, values: IntArray
) -> IntArray:
    return _constant_in_layout(context, node, view, values.astype(np.float64)).astype(np.int64)


# clips


def _relu(context: Context, node: GraphNode) -> Value:
    return _clipped(context, node, (0.0, inf))


def _clip(context: Context, node: GraphNode) -> Value:
    bounds = [node.get("min", -inf), node.get("max", inf)]
    for position in (1, 2):
        if node.input(position):
            bound = context.const(node, node.input(position)).values
            if bound.size != 1:
                raise refuse(node, "Clip with a bound that is no scalar")
            bounds[position - 1] = float(bound.flat[0])
    return _clipped(context, node, (bounds[0], bounds[1]))


def _clipped(context: Context, node: GraphNode, clip: tuple[float, float]) -> Value:
    clip = (min(clip), clip[1])  # where the bounds cross, ONNX takes the upper one
    value = context.value(node, node.inputs[0])
    if isinstance(value, Function):
        return compose(node.label, value, lambda x: np.clip(x, *clip))
    if not isinstance(value, Accumulator):
        x = context.quantised(node, node.inputs[0])
        value = identity(node.label, x)
    first, last = (min(max(bound, clip[0]), clip[1]) for bound in value.clip)
    return replace(value, clip=(first, last))


# functions


def _tabled(context: Context, node: GraphNode, name: str) -> Quantised | Function:
    value = context.value(node, name)
    return value if isinstance(value, Function) else context.quantised(node, name)


def _unary(apply: Callable[[FloatArray], FloatArray]) -> Handler:
    def handler(context: Context, node: GraphNode) -> Value:
        return compose(node.label, _tabled(context, node, node.inputs[0]), apply)

    return handler


def _gelu(context: Context, node: GraphNode) -> Value:
    name = "GeluTanh" if node.get("approximate", "none") == "tanh" else "Gelu"
    return compose(node.label, _tabled(context, node, node.inputs[0]), UNARY[name])


def _leaky_relu(context: Context, node: GraphNode) -> Value:
    slope = float(node.get("alpha", 0.01))
    return compose(
        node.label, _tabled(context, node, node.inputs[0]), lambda x: np.where(x < 0, slope * x, x)
    )


def _elu(context: Context, node: GraphNode) -> Value:
    alpha = float(node.get("alpha", 1.0))
    return compose(
        node.label,
        _tabled(context, node, node.inputs[0]),
        lambda x: np.where(x < 0, alpha * np.expm1(np.minimum(x, 0.0)), x),
    )


def _hard_sigmoid(context: Context, node: GraphNode) -> Value:
    alpha, beta = float(node.get("alpha", 0.2)), float(node.get("beta", 0.5))
    return compose(
        node.label,
        _tabled(context, node, node.inputs[0]),
        lambda x: np.clip(alpha * x + beta, 0.0, 1.0),
    )


def _hard_swish(context: Context, node: GraphNode) -> Value:
    return compose(
        node.label,
        _tabled(context, node, node.inputs[0]),
        lambda x: x * np.clip(x / 6.0 + 0.5, 0.0, 1.0),
    )


def _prelu(context: Context, node: GraphNode) -> Value:
    x = _tabled(context, node, node.inputs[0])
    slope = context.const(node, node.inputs[1]).values
    if slope.size == 1:
        scalar = float(slope.flat[0])
        return compose(node.label, x, lambda v: np.where(v < 0, scalar * v, v))
    shape = context.shape(node, node.inputs[0])
    wide = slope.reshape((1,) * (len(shape) - slope.ndim) + slope.shape)
    channels = shape[1] if len(shape) > 1 else shape[0]
    if wide.size != channels or len(shape) < 2 or wide.shape[1] != channels:
        raise refuse(node, f"PRelu slope of shape {slope.shape}", hint="one slope per channel")
    column = wide.reshape(channels, 1)
    return compose(node.label, x, lambda v: np.where(v < 0, column * v, v), rows=channels)


def _pow(context: Context, node: GraphNode) -> Value:
    exponent = context.const(node, node.inputs[1]).values
    if exponent.size != 1 or not isfinite(float(exponent.flat[0])):
        raise refuse(node, "Pow with an exponent that is no scalar constant")
    power = float(exponent.flat[0])
    return compose(node.label, _tabled(context, node, node.inputs[0]), lambda x: x**power)


ELEMENTWISE: dict[str, Handler] = {
    **{name: _unary(apply) for name, apply in UNARY.items() if name not in ("Gelu", "GeluTanh")},
    "Add": _add,
    "Clip": _clip,
    "Div": _div,
    "Elu": _elu,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _hard_swish,
    "LeakyRelu": _leaky_relu,
    "Mul": _mul,
    "PRelu": _prelu,
    "Pow": _pow,
    "Relu": _relu,
    "Sub": _sub,
}
"""Handlers of elementwise operators by ONNX name."""
