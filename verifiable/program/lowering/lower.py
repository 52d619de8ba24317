"""The lowering: one walk over a quantised graph, all problems reported together."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from verifiable.errors import Problem, UnsupportedModel
from verifiable.program import operators as ops
from verifiable.program.graph import Graph, GraphNode
from verifiable.program.lowering import linear
from verifiable.program.lowering.builder import InputSlot
from verifiable.program.lowering.context import Context, Handler, PoisonedError, WeightRule, refuse
from verifiable.program.lowering.elementwise import ELEMENTWISE
from verifiable.program.lowering.movement import MOVEMENT
from verifiable.program.lowering.quantisation import (
    ACTIVATION_TYPES,
    FLOAT_TYPES,
    QUANTISATION,
)
from verifiable.program.lowering.values import (
    Quantised,
    RawInput,
    Unknown,
    Value,
    View,
)
from verifiable.program.program import Input, Operand, Output, Program, Source
from verifiable.program.shapes import check_structure

__all__ = ["HANDLERS", "QUANTISATION_DOMAINS", "Lowered", "lower", "try_lower"]

QUANTISATION_DOMAINS = ("", "com.microsoft")
INT8_PER_CHANNEL = WeightRule()


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
        for name in node.outputs:
            context.values[name] = Unknown()
        try:
            value = _lower_node(context, node)
        except PoisonedError:
            continue
        except UnsupportedModel as error:
            problems.extend(problem for problem in error.problems if problem not in problems)
            continue
        except ValueError as cause:
            problems.append(Problem(code="unsupported", node=node.label, what=str(cause)))
            continue
        name = node.outputs[0]
        if isinstance(value, Quantised):
            value = context.conformed(value, name)
        context.values[name] = value
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
    if node.op_type in QUANTISATION and node.domain in QUANTISATION_DOMAINS:
        return QUANTISATION[node.op_type](context, node)
    if context.graph.types.get(node.input(0)) in ACTIVATION_TYPES:
        _check_integer_operator(context, node)
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


def _check_integer_operator(context: Context, node: GraphNode) -> None:
    """Refuse operators between QuantizeLinear and DequantizeLinear that compute with the integers.

    They would be lowered as operators on the real values that the integers stand for.
    """
    parts = [context.value(node, name) for name in node.inputs] if node.op_type == "Concat" else []
    alike = {(part.scale, part.zero_point) for part in parts if isinstance(part, Quantised)}
    if node.op_type in _MOVE_INTEGERS or (node.op_type == "Concat" and len(alike) == 1):
        return
    raise refuse(
        node,
        f"{node.op_type} computes with quantised integers",
        hint="put it between DequantizeLinear and QuantizeLinear",
    )


_MOVE_INTEGERS = ("Flatten", "Identity", "MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze")

_HINTS = {
    "Softmax": "leave a final one to the reader of the output: --cut-output",
    "LogSoftmax": "leave a final one to the reader of the output: --cut-output",
}


def _bind_input(context: Context, name: str, problems: list[Problem]) -> None:
    graph, builder = context.graph, context.builder
    shape, kind = graph.shape(name), graph.types.get(name)
    if shape is None or (kind not in FLOAT_TYPES and kind not in ACTIVATION_TYPES):
        what = "its shape is not static" if shape is None else "its element type is not supported"
        problems.append(
            Problem(
                code="dynamic-shape" if shape is None else "unsupported-input",
                node=name,
                what=what,
                hint=f"fix it with --shape {name}=1,..." if shape is None else "use float32",
            )
        )
        context.values[name] = Unknown()
        return
    builder.slots.append(InputSlot(name=name, shape=shape))
    operand = Operand(source=Source.INPUT, index=len(builder.slots) - 1, shape=shape)
    context.values[name] = RawInput(view=View.plain(operand))
    if kind in ACTIVATION_TYPES:
        lo, hi, shift = ACTIVATION_TYPES[kind]
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
        if kind in ACTIVATION_TYPES:  # the model's own output is integers: hand out those
            scale, zero_point = 1.0, ACTIVATION_TYPES[kind][2]
        found.append(
            Output(name=name, node=operand.index, shape=shape, scale=scale, zero_point=zero_point)
        )
    return tuple(found)


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
