"""Elementwise nonlinear functions of one quantised tensor become lookup tables.

A function is kept as a callable on real values until the quantisation of its result is known; then
it is sampled at every integer that its operand's type can hold. Functions of functions compose
into one table, so an activation costs one lookup however many ONNX nodes spell it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import erf

import numpy as np

from verifiable.errors import Problem, UnsupportedModel
from verifiable.program import operators as ops
from verifiable.program.lowering.builder import Builder
from verifiable.program.lowering.values import FloatArray, Function, Quantised, Target, View
from verifiable.program.program import Operand, width_of

__all__ = ["UNARY", "compose", "emit_table", "function_bound"]

MAX_TABLE_BITS = 16
"""Tables cover 8-bit and 16-bit operands; a wider operand is narrowed first."""

_erf = np.frompyfunc(erf, 1, 1)


def _real_erf(x: FloatArray) -> FloatArray:
    return np.asarray(_erf(x), dtype=np.float64)


def _sigmoid(x: FloatArray) -> FloatArray:
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0 / (1.0 + small), small / (1.0 + small)))


def _gelu(x: FloatArray) -> FloatArray:
    return 0.5 * x * (1.0 + _real_erf(x / np.sqrt(2.0)))


def _gelu_tanh(x: FloatArray) -> FloatArray:
    inner = np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)
    return np.asarray(0.5 * x * (1.0 + np.tanh(inner)))


def _softplus(x: FloatArray) -> FloatArray:
    return np.asarray(np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x))))


UNARY: dict[str, Callable[[FloatArray], FloatArray]] = {
    "Abs": np.abs,
    "Erf": _real_erf,
    "Exp": np.exp,
    "Gelu": _gelu,
    "GeluTanh": _gelu_tanh,
    "Mish": lambda x: x * np.tanh(_softplus(x)),
    "Neg": np.negative,
    "Sigmoid": _sigmoid,
    "Softplus": _softplus,
    "Softsign": lambda x: x / (1.0 + np.abs(x)),
    "Sqrt": np.sqrt,
    "Tanh": np.tanh,
}
"""Functions without parameters, by ONNX operator."""


def compose(
    name: str,
    value: Quantised | Function,
    apply: Callable[[FloatArray], FloatArray],
    rows: int = 1,
) -> Function:
    """Apply one more function to a quantised tensor or to a pending function of one."""
    if isinstance(value, Quantised):
        return Function(name=name, x=value, apply=apply, rows=rows)
    inner = value.apply
    return Function(
        name=name, x=value.x, apply=lambda x: apply(inner(x)), rows=max(value.rows, rows)
    )


def emit_table(builder: Builder, value: Function, target: Target) -> Quantised:
    """Emit the lookup that computes a function in the quantisation of its result."""
    x, name = value.x, value.name
    operand, axes, shape = _rows_last(builder, x.view, value.rows, name)
    x_min, real = _samples(builder, operand, x)
    with np.errstate(all="ignore"):  # what is not finite is refused below
        sampled = np.broadcast_to(value.apply(real), (value.rows, real.shape[1]))
    if not np.isfinite(sampled).all():
        raise UnsupportedModel(
            [
                Problem(
                    code="function-not-finite",
                    node=name,
                    what="the function is infinite or undefined inside its operand's range",
                    hint="clip the operand to the function's domain",
                )
            ]
        )
    table = np.floor(sampled / target.scale + 0.5) + target.zero_point
    integers = np.clip(table, target.lo, target.hi).astype(np.int64)
    if (integers == integers[:1]).all():
        integers = integers[:1]
    result = builder.emit(
        ops.LookupTable(x_min=x_min), (operand, builder.table(f"{name}/table", integers)), name
    )
    view = View(operand=result, axes=axes, shape=shape)
    return Quantised(view=view, scale=target.scale, zero_point=target.zero_point)


def function_bound(builder: Builder, value: Function) -> float:
    """The largest magnitude of a function over its operand's range."""
    _, real = _samples(builder, value.x.view.operand, value.x)
    with np.errstate(all="ignore"):
        finite = np.abs(value.apply(real))
    return float(max(np.max(finite[np.isfinite(finite)], initial=0.0), 1e-30))


def _samples(builder: Builder, operand: Operand, x: Quantised) -> tuple[int, FloatArray]:
    """The lowest integer of the operand's type, and the real value of each integer (1, size).

    Integers that the operand cannot reach stand for the nearest one that it can: a function need
    not be defined there.
    """
    lo, hi = builder.interval(operand)
    bits = 8 * width_of(lo, hi)
    if bits > MAX_TABLE_BITS:
        raise UnsupportedModel(
            [
                Problem(
                    code="table-too-wide",
                    node=f"operand {operand.index}",
                    what=f"a table over a {bits}-bit operand would have 2^{bits} rows",
                    hint="quantise the operand to 8 or 16 bits",
                )
            ]
        )
    x_min = -(1 << (bits - 1))
    integers = np.clip(np.arange(x_min, -x_min, dtype=np.float64), lo, hi)[np.newaxis, :]
    return x_min, (integers - x.zero_point) * x.scale


def _rows_last(
    builder: Builder, view: View, rows: int, name: str
) -> tuple[Operand, tuple[int, ...], tuple[int, ...]]:
    """The operand with the axis that selects a table row last; how ONNX reads the result."""
    if rows == 1:
        return view.operand, view.axes, view.shape
    rank = len(view.shape)
    axes = (0, rank - 1, *range(1, rank - 1))  # ONNX channel axis 1 lies last
    operand = view.with_axes(builder, axes, name)
    made = replace(view, operand=operand, axes=axes)
    return operand, axes, made.transposed_shape
