"""Linear layers in one form: plain Gemm and Conv, per-channel factors and offsets folded in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from verifiable.program.graph import Graph, GraphNode

__all__ = ["rewrite_linear"]

FloatArray = npt.NDArray[np.floating[Any]]


def rewrite_linear(graph: Graph) -> None:
    """Plain Gemm, MatMul and Add as Gemm, BatchNormalization and constant factors folded."""
    for node in graph.sorted_nodes():
        if node.is_op("Gemm"):
            _plain_gemm(graph, node)
        elif node.is_op("MatMul"):
            _gemm_of_matmul(graph, node)
    # in order, so that Conv, BatchNormalization, Mul, Add fold one after the other
    for node in graph.sorted_nodes():
        affine = _affine_of(graph, node)
        if affine is None:
            continue
        producer = graph.producer(affine.x)
        if producer is not None and _absorb(graph, producer, affine):
            graph.bypass(node, affine.x)
        elif node.is_op("BatchNormalization"):
            _write_as_mul_add(graph, node, affine)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Affine:
    """`y = x * factor + offset`, factor and offset one per channel, (C,) float64."""

    x: str
    factor: FloatArray
    offset: FloatArray


def _affine_of(graph: Graph, node: GraphNode) -> _Affine | None:
    shape = graph.shape(node.outputs[0]) if node.outputs else None
    if shape is None or len(shape) < 2:
        return None
    if node.is_op("BatchNormalization"):
        return _batch_norm(graph, node)
    if not node.is_op("Add", "Mul") or len(node.inputs) != 2:
        return None
    for x, other in (node.inputs, node.inputs[::-1]):
        constant = graph.array(other)
        if constant is None or graph.shape(x) != shape or constant.dtype.kind != "f":
            continue
        values = _per_channel(constant, shape)
        if values is None:
            continue
        if node.op_type == "Add":
            return _Affine(x=x, factor=np.ones(shape[1]), offset=values)
        return _Affine(x=x, factor=values, offset=np.zeros(shape[1]))
    return None


def _batch_norm(graph: Graph, node: GraphNode) -> _Affine | None:
    if node.get("training_mode", 0) or any(node.outputs[1:]):
        return None
    arrays = [_real_array(graph, name) for name in node.inputs[1:5]]
    if len(arrays) != 4 or any(array is None for array in arrays):
        return None
    scale, bias, mean, variance = (np.asarray(array, dtype=np.float64) for array in arrays)
    with np.errstate(all="ignore"):
        factor = scale / np.sqrt(variance + node.get("epsilon", 1e-5))
    if not np.isfinite(factor).all():
        return None
    return _Affine(x=node.inputs[0], factor=factor, offset=bias - mean * factor)


def _real_array(graph: Graph, name: str) -> npt.NDArray[Any] | None:
    """A constant, also if it is stored quantised with one scale."""
    maker = graph.producer(name)
    if maker is None or not maker.is_op("DequantizeLinear"):
        return graph.array(name)
    integers, scale = graph.array(maker.inputs[0]), graph.scalar(maker.inputs[1])
    zero_point = graph.scalar(maker.input(2)) if maker.input(2) else 0.0
    if integers is None or scale is None or zero_point is None:
        return None
    return (integers.astype(np.float64) - zero_point) * scale


def _per_channel(constant: npt.NDArray[Any], shape: tuple[int, ...]) -> FloatArray | None:
    """The constant as one value per channel (axis 1 of `shape`), or None if it is not that."""
    if constant.ndim > len(shape):
        return None
    wide = constant.reshape((1,) * (len(shape) - constant.ndim) + constant.shape)
    if any(size != 1 for axis, size in enumerate(wide.shape) if axis != 1):
        return None
    values = wide.reshape(wide.shape[1]).astype(np.float64)
    if values.size not in (1, shape[1]):
        return None
    return np.broadcast_to(values, (shape[1],))


def _absorb(graph: Graph, producer: GraphNode, affine: _Affine) -> bool:
    """Scale the weights of the layer before, and shift its bias; False if that cannot be done."""
    if graph.only_consumer(affine.x) is None or not producer.is_op("Conv", "Gemm"):
        return False
    weight = graph.array(producer.inputs[1])
    if weight is None or weight.dtype.kind != "f":
        return False
    if producer.op_type == "Gemm" and not _is_plain(producer):
        return False
    axis = 1 if producer.op_type == "Gemm" and not producer.get("transB", 0) else 0
    channels = weight.shape[axis]
    bias_name = producer.input(2)
    bias = graph.array(bias_name) if bias_name else np.zeros(channels, dtype=weight.dtype)
    if bias is None or bias.size not in (1, channels) or channels != affine.factor.size:
        return False
    along = affine.factor.reshape([-1 if i == axis else 1 for i in range(weight.ndim)])
    new_bias = bias.reshape(-1).astype(np.float64) * affine.factor + affine.offset
    name = producer.inputs[1]
    if not (affine.factor == 1).all():
        name = graph.constant(f"{name}_scaled", (weight * along).astype(weight.dtype))
    shifted = graph.constant(
        f"{bias_name or producer.outputs[0] + '_bias'}_shifted", new_bias.astype(weight.dtype)
    )
    graph.set_inputs(producer, [producer.inputs[0], name, shifted])
    return True


def _write_as_mul_add(graph: Graph, node: GraphNode, affine: _Affine) -> None:
    y = node.outputs[0]
    shape, kind = graph.shapes[y], graph.types[y]
    narrow = np.float32 if graph.array(node.inputs[1]) is None else graph.array(node.inputs[1])
    dtype = narrow.dtype if isinstance(narrow, np.ndarray) else np.dtype(np.float32)
    along = (-1, *(1 for _ in shape[2:]))
    scaled = graph.fresh(f"{y}_scaled")
    graph.shapes[scaled], graph.types[scaled] = shape, kind
    factor = graph.constant(f"{y}_factor", affine.factor.reshape(along).astype(dtype))
    offset = graph.constant(f"{y}_offset", affine.offset.reshape(along).astype(dtype))
    graph.remove(node)
    stem = node.name or node.op_type
    graph.add(GraphNode("Mul", [affine.x, factor], [scaled], name=f"{stem}_mul"), near=node)
    graph.add(GraphNode("Add", [scaled, offset], [y], name=f"{stem}_add"), near=node)


def _is_plain(node: GraphNode) -> bool:
    return (
        node.get("alpha", 1.0) == 1.0 and node.get("beta", 1.0) == 1.0 and not node.get("transA", 0)
    )


def _plain_gemm(graph: Graph, node: GraphNode) -> None:
    """Bring a Gemm with constant B and C to alpha = beta = 1, no transA, and C of shape (N,)."""
    weight, result = graph.array(node.inputs[1]), graph.shape(node.outputs[0])
    bias = graph.array(node.input(2)) if node.input(2) else None
    if result is None:
        return
    if node.get("transA", 0):
        _transpose_before(graph, node)
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    inputs = list(node.inputs)
    if alpha != 1.0:
        if weight is None or weight.dtype.kind != "f":
            return
        inputs[1] = graph.constant(f"{inputs[1]}_scaled", (weight * alpha).astype(weight.dtype))
    if node.input(2) and beta != 1.0 and bias is None:
        return
    if bias is not None:
        row = np.broadcast_to(bias, (*bias.shape[:-1], result[1]))
        if row.size == result[1] and (beta != 1.0 or bias.shape != (result[1],)):
            scaled = (row.reshape(-1) * beta).astype(bias.dtype)
            inputs[2] = graph.constant(f"{inputs[2]}_row", scaled)
        elif beta != 1.0:
            inputs[2] = graph.constant(f"{inputs[2]}_scaled", (bias * beta).astype(bias.dtype))
    graph.set_inputs(node, inputs)
    node.set(alpha=1.0, beta=1.0, transA=0, transB=node.get("transB", 0))


def _transpose_before(graph: Graph, node: GraphNode) -> None:
    source = node.inputs[0]
    shape = graph.shape(source)
    if shape is None:
        return
    turned = graph.fresh(f"{source}_transposed")
    graph.shapes[turned], graph.types[turned] = shape[::-1], graph.types[source]
    name = f"{node.name}_transpose" if node.name else ""
    transpose = GraphNode("Transpose", [source], [turned], name=name)
    transpose.set(perm=[1, 0])
    graph.add(transpose, near=node)
    graph.set_inputs(node, [turned, *node.inputs[1:]])
    node.set(transA=0)


def _gemm_of_matmul(graph: Graph, node: GraphNode) -> None:
    """Turn MatMul of a rank-2 activation and a constant, and the Add of a bias after it, into Gemm.

    Without the bias it becomes a Gemm too if it is not read by an Add, so that what follows can
    be folded in the same way.
    """
    x, weight = graph.shape(node.inputs[0]), graph.array(node.inputs[1])
    if x is None or weight is None or len(x) != 2 or weight.ndim != 2 or weight.dtype.kind != "f":
        return
    node.op_type = "Gemm"
    node.set(alpha=1.0, beta=1.0, transA=0, transB=0)
