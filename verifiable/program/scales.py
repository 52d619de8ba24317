"""Activation scales as data: read from a quantised model, put into a float one.

A program follows from (float weights, activation scales) alone. Calibration only chooses the
scales; `compile` stores them in the program's metadata, and anyone who has the model can compile
it again from them, without the calibration data, and get the same program root.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto

from verifiable.errors import MalformedInput
from verifiable.program.graph import Graph, GraphNode
from verifiable.program.nesting import check_nesting

__all__ = [
    "Scales",
    "TensorScale",
    "decode_scales",
    "encode_scales",
    "extract_scales",
    "insert_scales",
    "placeholder_scales",
    "scale_of",
]

SMALLEST_SCALE = 2.0**-100
"""Below this a tensor is taken to be constant: its integers would stand for nothing but 0."""


_DTYPES: dict[str, tuple[int, type[np.signedinteger[Any]] | type[np.unsignedinteger[Any]]]] = {
    "int8": (TensorProto.INT8, np.int8),
    "uint8": (TensorProto.UINT8, np.uint8),
    "int16": (TensorProto.INT16, np.int16),
    "uint16": (TensorProto.UINT16, np.uint16),
}
_NAMES: dict[int, str] = {code: name for name, (code, _) in _DTYPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorScale:
    """`real = (q - zero_point) * scale` with q of type `dtype`; scale is exact in float32."""

    scale: float
    zero_point: int
    dtype: str


Scales = Mapping[str, TensorScale]


def extract_scales(quantised: onnx.ModelProto) -> dict[str, TensorScale]:
    """The scales of all activations that a QDQ model quantises, by tensor name."""
    graph = Graph(quantised)
    found: dict[str, TensorScale] = {}
    for node in graph:
        if node.op_type != "QuantizeLinear" or graph.is_constant(node.inputs[0]):
            continue
        scale, zero_point = graph.scalar(node.inputs[1]), graph.scalar(node.input(2))
        dtype = _NAMES.get(graph.types.get(node.input(2), TensorProto.UINT8))
        if scale is not None and dtype is not None:
            found[_float_name(graph, node)] = TensorScale(
                scale=scale, zero_point=int(zero_point or 0), dtype=dtype
            )
    return found


def _float_name(graph: Graph, quantise: GraphNode) -> str:
    """What the float model calls the tensor that a node quantises.

    A graph output keeps its name behind the pair of nodes, and is renamed in front of it.
    """
    for reader in graph.consumers(quantise.outputs[0]):
        if reader.op_type == "DequantizeLinear" and reader.outputs[0] in graph.outputs:
            return reader.outputs[0]
    return quantise.inputs[0]


def scale_of(values: npt.NDArray[Any], dtype: str) -> TensorScale:
    """The scale that covers the range of some values, 0 included.

    Args:
        dtype: integer type of activations.
    """
    limits = np.iinfo(_DTYPES[dtype][1])
    least, most = int(limits.min), int(limits.max)
    lo, hi = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = float(np.float32((hi - lo) / (most - least)))
    if scale < SMALLEST_SCALE:
        return TensorScale(scale=1.0, zero_point=0 if least < 0 else least, dtype=dtype)
    zero_point = int(np.clip(np.rint(least - lo / scale), least, most))
    return TensorScale(scale=scale, zero_point=zero_point, dtype=dtype)


def insert_scales(model: onnx.ModelProto, scales: Scales) -> onnx.ModelProto:
    """Quantise and dequantise each named tensor of a float model where it is made.

    Tensors that the model lacks are left out: a quantiser may have renamed or fused them. The
    order is by name, not by mapping: equal scales give equal programs.
    """
    graph = Graph(model)
    for name in sorted(scales):
        if graph.producer(name) is not None or name in graph.inputs:
            _insert(graph, name, scales[name])
    return graph.to_model()


def _insert(graph: Graph, name: str, parameters: TensorScale) -> None:
    code, dtype = _DTYPES[parameters.dtype]
    scale = graph.constant(f"{name}/scale", np.array(parameters.scale, dtype=np.float32))
    zero = graph.constant(f"{name}/zero_point", np.array(parameters.zero_point, dtype=dtype))
    shape = graph.shapes.get(name)
    integers, real = graph.fresh(f"{name}/quantised"), graph.fresh(f"{name}/dequantised")
    producer = graph.producer(name)
    raw = name
    if name in graph.outputs and producer is not None:
        # the output keeps its name, so its producer makes the real values under another one
        raw = graph.fresh(f"{name}/real")
        graph.set_output(producer, producer.outputs.index(name), raw)
        graph.types[raw] = graph.types.get(name, TensorProto.FLOAT)
    graph.replace_uses(name, real)
    target = name if raw != name else real
    graph.add(GraphNode("QuantizeLinear", [raw, scale, zero], [integers], name=f"{name}/quantise"))
    graph.add(
        GraphNode("DequantizeLinear", [integers, scale, zero], [target], name=f"{name}/dequantise")
    )
    if target == name and graph.consumers(real):
        graph.replace_uses(real, name)
    graph.types[integers] = code
    for made in (integers, real, raw):
        graph.types.setdefault(made, TensorProto.FLOAT)
        if shape is not None:
            graph.shapes[made] = shape


def placeholder_scales(model: onnx.ModelProto) -> dict[str, TensorScale]:
    """A made-up scale for every activation, so that a model can be inspected without data.

    As quantisers do, none between an operator and the clip that follows it.
    """
    graph = Graph(model)
    names = [*graph.inputs, *(name for node in graph for name in filter(None, node.outputs))]
    found = {}
    for name in names:
        reader = graph.only_consumer(name)
        clipped = reader is not None and reader.is_op("Relu", "Clip") and name not in graph.inputs
        if graph.types.get(name) == TensorProto.FLOAT and not clipped:
            found[name] = TensorScale(scale=2.0**-4, zero_point=0, dtype="int8")
    return found


def encode_scales(scales: Scales) -> str:
    """Scales as canonical JSON: `{tensor: [scale in hexadecimal, zero point, type]}`."""
    rows = {
        name: [float(item.scale).hex(), item.zero_point, item.dtype]
        for name, item in scales.items()
    }
    return json.dumps(rows, sort_keys=True, separators=(",", ":"))


def decode_scales(text: str) -> dict[str, TensorScale]:
    """Read what `encode_scales` wrote; anything else is refused.

    Raises:
        MalformedInput: naming the tensor, where it is one.
    """
    try:
        check_nesting(text, 2)
        rows = json.loads(text)
    except ValueError as cause:
        raise MalformedInput("the scales are not JSON", why=str(cause)) from cause
    if not isinstance(rows, dict):
        raise MalformedInput("the scales are no mapping from tensor names")
    found = {name: _decode_row(name, row) for name, row in rows.items()}
    if encode_scales(found) != text:
        raise MalformedInput("the scales are not in canonical form")
    return found


def _decode_row(name: str, row: object) -> TensorScale:
    if not isinstance(row, list) or len(row) != 3 or not isinstance(row[0], str):
        raise MalformedInput("a scale is not [hexadecimal number, zero point, type]", where=name)
    text, zero_point, dtype = row
    try:
        scale = float.fromhex(text)
    except (OverflowError, ValueError) as cause:
        raise MalformedInput("a scale is no hexadecimal number", where=name) from cause
    if not isinstance(dtype, str) or dtype not in _DTYPES or type(zero_point) is not int:
        raise MalformedInput("a scale has an unknown type or no integer zero point", where=name)
    limits = np.iinfo(_DTYPES[dtype][1])
    in_range = int(limits.min) <= zero_point <= int(limits.max)
    if not (isfinite(scale) and scale >= SMALLEST_SCALE and in_range):
        raise MalformedInput("a scale or its zero point is out of range", where=name)
    return TensorScale(scale=scale, zero_point=zero_point, dtype=dtype)
