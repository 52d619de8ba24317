"""Activation scales as data: read from a quantised model, put into a float one.

A program follows from (float weights, activation scales) alone. Calibration only chooses the
scales; `compile` stores them in the program's metadata, and anyone who has the model can compile
it again from them, without the calibration data, and get the same program root.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto

from verifiable.errors import MalformedInput
from verifiable.program.graph import Graph, GraphNode

__all__ = [
    "Scales",
    "TensorScale",
    "complete_inputs",
    "decode_scales",
    "encode_scales",
    "extract_scales",
    "insert_scales",
    "placeholder_scales",
]

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


def complete_inputs(
    scales: Scales, rows: Mapping[str, npt.NDArray[Any]], dtype: str
) -> dict[str, TensorScale]:
    """Add the scale of each graph input that a quantiser left out.

    Quantisers skip an input that only a clip reads. Its range is that of the rows, 0 included.

    Args:
        rows: calibration data by input name.
        dtype: integer type of activations.
    """
    found = dict(scales)
    limits = np.iinfo(_DTYPES[dtype][1])
    for name, values in rows.items():
        if name in found:
            continue
        lo, hi = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
        scale = float(np.float32((hi - lo) / (int(limits.max) - int(limits.min)) or 1.0))
        zero_point = int(np.clip(np.rint(limits.min - lo / scale), limits.min, limits.max))
        found[name] = TensorScale(scale=scale, zero_point=zero_point, dtype=dtype)
    return found


def insert_scales(model: onnx.ModelProto, scales: Scales) -> onnx.ModelProto:
    """Quantise and dequantise each named tensor of a float model where it is made.

    Tensors that the model lacks are left out: a quantiser may have renamed or fused them.
    """
    graph = Graph(model)
    for name in list(scales):
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
    """Read what `encode_scales` wrote.

    Raises:
        MalformedInput: it is something else.
    """
    try:
        rows = json.loads(text)
        found = {
            str(name): TensorScale(
                scale=float.fromhex(scale), zero_point=int(zero_point), dtype=str(dtype)
            )
            for name, (scale, zero_point, dtype) in rows.items()
        }
        bad = [
            name for name, item in found.items() if item.dtype not in _DTYPES or not item.scale > 0
        ]
    except (AttributeError, OverflowError, TypeError, ValueError) as cause:
        raise MalformedInput("the scales cannot be read", why=str(cause)) from cause
    if bad:
        raise MalformedInput("the scales hold an unknown type or no positive scale", where=bad[0])
    return found
