"""The lowering: one walk over a quantised graph, all problems reported together."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
import onnx

from verifiable.errors import Problem, UnsupportedModel
from verifiable.program import operators as ops
from verifiable.program.graph import Graph, GraphNode
from verifiable.program.lowering import linear
from verifiable.program.lowering.builder import InputSlot
from verifiable.program.lowering.context import Context, Handler, PoisonedError, WeightRule, refuse
from verifiable.program.lowering.elementwise import ELEMENTWISE
from verifiable.program.lowering.movement import MOVEMENT, requantised
from verifiable.program.lowering.values import (
    Accumulator,
    Const,
    FloatArray,
    Function,
    Quantised,
    RawInput,
    Target,
    Unknown,
    Value,
    View,
)
from verifiable.program.program import Input, Operand, Output, Program, Source
from verifiable.program.shapes import check_structure

__all__ = ["HANDLERS", "QUANTISATION_DOMAINS", "Lowered", "lower", "try_lower"]

QUANTISATION_DOMAINS = ("", "com.microsoft")
INT8_PER_CHANNEL = WeightRule()

_T = onnx.TensorProto
_ACTIVATIONS: dict[int, tuple[int, int, int]] = {
    # element type: lowest and highest value, what makes it signed
    _T.UINT8: (0, 255, -128),
    _T.INT8: (-128, 127, 0),
    _T.UINT16: (0, 65535, -32768),
    _T.INT16: (-32768, 32767, 0),
}
_FLOATS = (_T.FLOAT, _T.DOUBLE, _T.FLOAT16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """What a lowering gives.

    Attributes:
        program: without metadata. If there are problems it holds the nodes that could be lowered,
            and is fit only to be reported on.
        problems: every reason why the model cannot become a program.
        notes: decisions that the user should know of.
    """

    program: Program
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


def lower(model: onnx.ModelProto, weight_rule: WeightRule = INT8_PER_CHANNEL) -> Lowered:
    """Lower a normalised graph in QDQ form to the integer program.

    Args:
        model: static shapes, explicit attributes (see `normalise`), activations between
            QuantizeLinear and DequantizeLinear; weights quantised or float.
        weight_rule: how float weights become integers.

    Raises:
        UnsupportedModel: with every problem of the model.
    """
    lowered = try_lower(model, weight_rule)
    if lowered.problems:
        raise UnsupportedModel(lowered.problems)
    check_structure(lowered.program)
    return lowered


def try_lower(model: onnx.ModelProto, weight_rule: WeightRule = INT8_PER_CHANNEL) -> Lowered:
    """Lower what can be lowered, and list the problems instead of raising them."""
    graph = Graph(model)
    context = Context(graph=graph, weight_rule=weight_rule)
    problems: list[Problem] = []
    for name in graph.inputs:
        _bind_input(context, name, problems)
    for node in graph.sorted_nodes():
        value: Value = Unknown()
        try:
            value = _lower_node(context, node)
        except PoisonedError:
            value = Unknown()
        except UnsupportedModel as error:
            problems.extend(problem for problem in error.problems if problem not in problems)
        except ValueError as cause:
            problems.append(Problem(code="unsupported", node=node.label, what=str(cause)))
        context.values[node.outputs[0]] = value
    outputs = _bind_outputs(context, problems)
    inputs = _settled_inputs(context, problems)
    builder = context.builder
    program = Program(
        inputs=inputs,
        outputs=outputs,
        nodes=tuple(builder.nodes),
        weights=tuple(builder.weights),
        tables=tuple(builder.tables),
    )
    return Lowered(program=program, problems=tuple(problems), notes=tuple(context.notes))


def _lower_node(context: Context, node: GraphNode) -> Value:
    if node.op_type in _QUANTISATION and node.domain in QUANTISATION_DOMAINS:
        return _QUANTISATION[node.op_type](context, node)
    handler = HANDLERS.get(node.op_type) if node.domain == "" else None
    if handler is None:
        name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        raise refuse(
            node,
            f"operator {name} is not supported",
            code="unsupported-operator",
            hint=_HINTS.get(node.op_type, "replace it by supported operators"),
        )
    return handler(context, node)


_HINTS = {
    "Softmax": "leave a final one to the reader of the output: --cut-output",
    "LogSoftmax": "leave a final one to the reader of the output: --cut-output",
}


def _bind_input(context: Context, name: str, problems: list[Problem]) -> None:
    graph, builder = context.graph, context.builder
    shape, kind = graph.shape(name), graph.types.get(name)
    if shape is None or (kind not in _FLOATS and kind not in _ACTIVATIONS):
        what = "its shape is not static" if shape is None else "its element type is not supported"
        problems.append(
            Problem(
                code="unsupported-input",
                node=name,
                what=what,
                hint=f"fix it with --shape {name}=DIMS" if shape is None else "use float32",
            )
        )
        context.values[name] = Unknown()
        return
    builder.slots.append(InputSlot(name=name, shape=shape))
    operand = Operand(source=Source.INPUT, index=len(builder.slots) - 1, shape=shape)
    context.values[name] = RawInput(view=View.plain(operand))
    if kind in _ACTIVATIONS:
        lo, hi, shift = _ACTIVATIONS[kind]
        builder.slots[-1].spec = Input(
            name=name, shape=shape, lo=lo + shift, hi=hi + shift, scale=1.0, zero_point=shift
        )


def _settled_inputs(context: Context, problems: list[Problem]) -> tuple[Input, ...]:
    found = []
    for slot in context.builder.slots:
        if slot.spec is None:
            problem = Problem(
                code="input-not-quantised",
                node=slot.name,
                what="no quantisation reads this graph input",
                hint="quantise the input itself",
            )
            if not any(known.node == slot.name for known in problems):
                problems.append(problem)
            continue
        found.append(slot.spec)
    return tuple(found)


def _bind_outputs(context: Context, problems: list[Problem]) -> tuple[Output, ...]:
    found = []
    for name in context.graph.outputs:
        reader = GraphNode("Output", [name], [], name=f"output {name}")
        try:
            value = context.output(reader, name)
            shape = context.graph.shape(name) or value.view.shape
            operand = value.view.ordered(context.builder, name)
            if operand.source is not Source.TRACE:
                perm = tuple(range(len(operand.shape)))
                operand = context.builder.emit(ops.Transpose(perm=perm), (operand,), name)
        except PoisonedError:
            continue
        except UnsupportedModel as error:
            problems.extend(error.problems)
            continue
        kind = context.graph.types.get(name)
        scale, zero_point = value.scale, value.zero_point
        if kind in _ACTIVATIONS:  # the model's own output is integers: hand out those
            scale, zero_point = 1.0, _ACTIVATIONS[kind][2]
        found.append(
            Output(name=name, node=operand.index, shape=shape, scale=scale, zero_point=zero_point)
        )
    return tuple(found)


# quantisation


def _parameters(context: Context, node: GraphNode) -> tuple[FloatArray, FloatArray, int]:
    """Scale and zero point arrays, and the element type of the quantised side."""
    scale = context.const(node, node.inputs[1]).values
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise refuse(node, "a scale that is not positive and finite", code="bad-scale")
    name = node.input(2)
    if not name:
        kind = int(node.get("output_dtype", 0)) or _T.UINT8
        if node.op_type == "DequantizeLinear":
            kind = context.graph.types.get(node.inputs[0], _T.UINT8)
        return scale, np.zeros(1), kind
    zero_point = context.const(node, name).values
    return scale, zero_point, int(context.graph.types[name])


def _target(context: Context, node: GraphNode) -> Target:
    scale, zero_point, kind = _parameters(context, node)
    if scale.size != 1 or zero_point.size != 1:
        raise refuse(node, "an activation with one scale per channel", hint="use one scale")
    if kind not in _ACTIVATIONS:
        name = _T.DataType.Name(kind)
        raise refuse(node, f"an activation of type {name}", hint="use 8 or 16 bits")
    lo, hi, shift = _ACTIVATIONS[kind]
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
    target = _target(context, node)
    if isinstance(value, RawInput):
        return _quantise_input(context, node, value, target)
    if isinstance(value, Accumulator | Function):
        return context.finish(value, target)
    return requantised(context, context.quantised(node, name), target, name)


def _quantise_input(
    context: Context, node: GraphNode, value: RawInput, target: Target
) -> Quantised:
    slot = context.builder.slots[value.view.operand.index]
    if slot.spec is None:
        slot.spec = Input(
            name=slot.name,
            shape=slot.shape,
            lo=target.lo,
            hi=target.hi,
            scale=target.scale,
            zero_point=target.zero_point,
        )
    spec = slot.spec
    found = Quantised(view=value.view, scale=spec.scale, zero_point=spec.zero_point)
    return requantised(context, found, target, node.label)


def _quantise_constant(context: Context, node: GraphNode, value: Const) -> Value:
    scale, zero_point, _ = _parameters(context, node)
    if scale.size != 1:
        raise refuse(node, "a constant quantised inside the graph with one scale per channel")
    lo, hi, _ = _ACTIVATIONS.get(_parameters(context, node)[2], (-128, 127, 0))
    step, zero = float(scale.flat[0]), int(zero_point.flat[0])
    integers = np.clip(np.rint(value.values / step) + zero, lo, hi).astype(np.int64) - zero
    return Const(values=integers * step, integers=(integers, scale, -1))


def _dequantize(context: Context, node: GraphNode) -> Value:
    value = context.value(node, node.inputs[0])
    if isinstance(value, Quantised):
        return value
    if isinstance(value, RawInput):
        target = _target(context, node)
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


_QUANTISATION: dict[str, Handler] = {
    "DequantizeLinear": _dequantize,
    "QuantizeLinear": _quantize,
}

HANDLERS: dict[str, Handler] = {
    **ELEMENTWISE,
    **MOVEMENT,
    "AveragePool": linear.average_pool,
    "Conv": linear.conv,
    "Gemm": linear.gemm,
    "GlobalAveragePool": linear.global_average_pool,
    "MatMul": linear.matmul,
    "MaxPool": linear.max_pool,
}
"""Every supported operator of the standard ONNX domain."""
