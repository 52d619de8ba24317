"""Constant folding and removal of nodes that do nothing.

onnx's own reference evaluator computes the folded values, in numpy: the same bytes on every
machine, which an optimising runtime does not promise.
"""

from __future__ import annotations

import warnings
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from verifiable.program.graph import Graph, GraphNode

__all__ = ["drop_identities", "fold_constants"]

MAX_FOLDED_ELEMENTS = 1 << 26
# DequantizeLinear marks the weights of a quantised model; the others are not functions.
KEPT = frozenset(
    (
        "Bernoulli", "DequantizeLinear", "Multinomial", "RandomNormal", "RandomNormalLike",
        "RandomUniform", "RandomUniformLike",
    )
)  # fmt: skip


def fold_constants(graph: Graph) -> bool:
    """Replace nodes whose value is known by constants, once over the graph; say if any was.

    Known are: Constant nodes, Shape and Size of tensors of static shape, and any node of the
    standard domain all of whose inputs are constants.
    """
    changed = False
    for node in graph.sorted_nodes():
        if (
            node.domain
            or node.op_type in KEPT
            or any(name in graph.outputs for name in node.outputs)
        ):
            continue
        values = _values(graph, node)
        if values is None:
            continue
        graph.remove(node)
        for name, value in zip(node.outputs, values, strict=True):
            if name:
                graph.set_constant(name, value)
        changed = True
    return changed


def _values(graph: Graph, node: GraphNode) -> list[npt.NDArray[Any]] | None:
    if node.is_op("Constant"):
        value = _constant_value(node)
        return None if value is None else [value]
    if node.is_op("Shape", "Size"):
        shape = graph.shape(node.inputs[0])
        if shape is None:
            return None
        if node.op_type == "Size":
            return [np.array(prod(shape), dtype=np.int64)]
        return [np.array(shape[node.get("start", 0) : node.get("end")], dtype=np.int64)]
    names = [name for name in node.inputs if name]
    if not names or not all(graph.is_constant(name) for name in names):
        return None
    sizes = [graph.elements(name) for name in node.outputs if name]
    if any(size is None or size > MAX_FOLDED_ELEMENTS for size in sizes):
        return None  # checked before the value is computed: ConstantOfShape can ask for terabytes
    feeds: dict[str, npt.NDArray[Any]] = {}
    for name in names:
        array = graph.array(name)
        if array is None:
            return None
        feeds[name] = array
    return _evaluate(graph, node, feeds)


def _constant_value(node: GraphNode) -> npt.NDArray[Any] | None:
    for name in ("value_float", "value_floats"):
        if name in node.attributes:
            return np.array(node.get(name), dtype=np.float32)
    for name in ("value_int", "value_ints"):
        if name in node.attributes:
            return np.array(node.get(name), dtype=np.int64)
    if "value" in node.attributes:
        return numpy_helper.to_array(node.get("value"))
    return None


def _evaluate(
    graph: Graph, node: GraphNode, feeds: dict[str, npt.NDArray[Any]]
) -> list[npt.NDArray[Any]] | None:
    outputs = [name for name in node.outputs if name]
    model = helper.make_model(
        helper.make_graph(
            [node.to_proto()],
            "fold",
            [
                helper.make_tensor_value_info(name, graph.types[name], array.shape)
                for name, array in feeds.items()
            ],
            [
                helper.make_tensor_value_info(name, graph.types.get(name, 0), None)
                for name in outputs
            ],
        ),
        opset_imports=[helper.make_opsetid("", graph.opset)],
    )
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            results = ReferenceEvaluator(model).run(None, feeds)
    except Exception:
        # any type: the evaluator does not know every operator. The node then simply stays.
        return None
    found = dict(zip(outputs, results, strict=True))
    values = []
    for name in node.outputs:
        value = np.asarray(found[name]) if name else np.zeros(0)
        if name and helper.np_dtype_to_tensor_dtype(value.dtype) != graph.types.get(name):
            return None
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            return None
        values.append(value)
    return values


def drop_identities(graph: Graph) -> None:
    """Remove Identity, Dropout at inference, casts to the same type, and Concat of one tensor."""
    for node in graph:
        if node.domain or not node.inputs:
            continue
        source = node.inputs[0]
        if graph.is_constant(source) and node.op_type == "Identity":
            continue  # folded
        if _does_nothing(graph, node):
            if node.outputs[0] in graph.outputs and node.is_op("Identity"):
                maker = graph.producer(source)
                if maker is None or source in graph.outputs:
                    continue  # nothing else can carry the output's name
            graph.bypass(node, source)


def _does_nothing(graph: Graph, node: GraphNode) -> bool:
    if node.is_op("Identity"):
        return True
    if node.is_op("Dropout"):
        return not any(
            graph.consumers(name) or name in graph.outputs for name in node.outputs[1:]
        ) and (not node.input(2) or graph.scalar(node.input(2)) == 0)
    if node.is_op("Cast"):
        return bool(graph.types.get(node.inputs[0]) == node.get("to"))
    if node.is_op("Concat", "Sum", "Max", "Min", "Mean"):
        return len(node.inputs) == 1
    return False
