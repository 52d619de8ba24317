"""Elementwise operators in fewer forms, and composites that are one function put back together."""

from __future__ import annotations

from math import isclose, pi, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from verifiable.program.graph import Graph, GraphNode

__all__ = ["rewrite_elementwise"]

GELU_OPSET = 20
TOLERANCE = 1e-3  # exporters round the constants of a composite, some to four digits


def rewrite_elementwise(graph: Graph) -> None:
    """Collapse GELU; write Div and Sub of a constant as Mul and Add; Max and Min as Clip."""
    if graph.opset >= GELU_OPSET:
        for node in graph.sorted_nodes():
            if node in graph and node.is_op("Erf", "Tanh"):
                _collapse_gelu(graph, node)
        graph.prune()
    for node in graph:
        _by_constant(graph, node)


def _by_constant(graph: Graph, node: GraphNode) -> None:
    if node.is_op("Neg") and _is_float(graph, node.outputs[0]):
        minus = graph.constant(f"{node.outputs[0]}_minus_one", np.array(-1, dtype=np.float32))
        if graph.types[node.outputs[0]] == graph.types[minus]:
            node.op_type = "Mul"
            graph.set_inputs(node, [node.inputs[0], minus])
        return
    if node.is_op("Sum") and len(node.inputs) == 2:
        node.op_type = "Add"
    if len(node.inputs) != 2 or node.domain:
        return
    constant = graph.array(node.inputs[1])
    if node.op_type in ("Max", "Min"):
        _clip(graph, node)
    elif constant is None or constant.dtype.kind != "f":
        return
    elif node.op_type == "Sub":
        node.op_type = "Add"
        negative = graph.constant(f"{node.inputs[1]}_negative", -constant)
        graph.set_inputs(node, [node.inputs[0], negative])
    elif node.op_type == "Div":
        inverse = _inverse(constant)
        if inverse is not None:
            node.op_type = "Mul"
            name = graph.constant(f"{node.inputs[1]}_inverse", inverse)
            graph.set_inputs(node, [node.inputs[0], name])


def _inverse(constant: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    with np.errstate(all="ignore"):
        inverse = (1.0 / constant.astype(np.float64)).astype(constant.dtype)
    return inverse if np.isfinite(inverse).all() and (inverse != 0).all() else None


def _clip(graph: Graph, node: GraphNode) -> None:
    for x, bound in (node.inputs, node.inputs[::-1]):
        array = graph.array(bound)
        if array is None or array.size != 1 or graph.is_constant(x):
            continue
        if array.dtype.kind != "f" or graph.shape(x) != graph.shape(node.outputs[0]):
            continue
        name = graph.constant(f"{bound}_bound", array.reshape(()))
        graph.set_inputs(node, [x, name] if node.op_type == "Max" else [x, "", name])
        node.op_type = "Clip"
        return


def _is_float(graph: Graph, name: str) -> bool:
    return graph.types.get(name) == 1  # TensorProto.FLOAT


# GELU. Every exporter writes x * 0.5 * (1 + erf(x / sqrt 2)) in its own order of factors, so the
# factors around `1 + erf` are collected and compared as a set: {x, 0.5}.


def _collapse_gelu(graph: Graph, bell: GraphNode) -> None:
    x = _erf_argument(graph, bell) if bell.op_type == "Erf" else _tanh_argument(graph, bell)
    if x is None:
        return
    plus = graph.only_consumer(bell.outputs[0])
    if plus is None or _other_scalar(graph, plus, "Add", bell.outputs[0]) != 1.0:
        return
    top: GraphNode = plus
    half, seen_x = False, False
    while not (half and seen_x):
        above = graph.only_consumer(top.outputs[0])
        if above is None or not above.is_op("Mul", "Div"):
            return
        factor = _other_scalar(graph, above, above.op_type, top.outputs[0])
        if factor is not None and not half and _is_half(above.op_type, factor):
            half = True
        elif above.op_type == "Mul" and not seen_x:
            other = _other(above, top.outputs[0])
            if other == x:
                seen_x = True
            elif not half and _is_half_of(graph, other, x):
                half = seen_x = True
            else:
                return
        else:
            return
        top = above
    gelu = GraphNode("Gelu", [x], [top.outputs[0]], name=top.name)
    gelu.set(approximate="none" if bell.op_type == "Erf" else "tanh")
    graph.remove(top)
    graph.add(gelu, near=top)


def _erf_argument(graph: Graph, erf: GraphNode) -> str | None:
    """The x of erf(x / sqrt 2)."""
    scaled = graph.producer(erf.inputs[0])
    return None if scaled is None else _scaled(graph, scaled, 1 / sqrt(2))


def _tanh_argument(graph: Graph, tanh: GraphNode) -> str | None:
    """The x of tanh(sqrt(2 / pi) * (x + 0.044715 x^3))."""
    outer = graph.producer(tanh.inputs[0])
    inner = None if outer is None else _scaled(graph, outer, sqrt(2 / pi))
    total = graph.producer(inner) if inner is not None else None
    if total is None or not total.is_op("Add"):
        return None
    for x, cubic in (total.inputs, total.inputs[::-1]):
        scaled = graph.producer(cubic)
        cube = None if scaled is None else _scaled(graph, scaled, 0.044715)
        power = graph.producer(cube) if cube is not None else None
        if power is not None and power.is_op("Pow") and power.inputs[0] == x:
            return x if graph.scalar(power.inputs[1]) == 3.0 else None
        if power is not None and power.is_op("Mul") and x in power.inputs:
            square = graph.producer(_other(power, x))
            if square is not None and square.is_op("Mul") and square.inputs == [x, x]:
                return x
    return None


def _scaled(graph: Graph, node: GraphNode, factor: float) -> str | None:
    """The y of a node that computes y * factor (or y / (1 / factor))."""
    if node.is_op("Div"):
        divisor = graph.scalar(node.inputs[1])
        matches = divisor is not None and isclose(divisor * factor, 1.0, rel_tol=TOLERANCE)
        return node.inputs[0] if matches else None
    for y, other in (node.inputs, node.inputs[::-1]) if node.is_op("Mul") else ():
        scale = graph.scalar(other)
        if scale is not None and isclose(scale, factor, rel_tol=TOLERANCE):
            return y
    return None


def _is_half(op_type: str, factor: float) -> bool:
    return factor == (0.5 if op_type == "Mul" else 2.0)


def _is_half_of(graph: Graph, name: str, x: str) -> bool:
    node = graph.producer(name)
    if node is None or not node.is_op("Mul", "Div") or x not in node.inputs:
        return False
    factor = _other_scalar(graph, node, node.op_type, x)
    return factor is not None and _is_half(node.op_type, factor)


def _other(node: GraphNode, name: str) -> str:
    return node.inputs[1] if node.inputs[0] == name else node.inputs[0]


def _other_scalar(graph: Graph, node: GraphNode, op_type: str, name: str) -> float | None:
    """The constant that a binary node combines with `name`; for Div only as the divisor."""
    if not node.is_op(op_type) or len(node.inputs) != 2:
        return None
    if op_type == "Div" and node.inputs[0] != name:
        return None
    return graph.scalar(_other(node, name))
