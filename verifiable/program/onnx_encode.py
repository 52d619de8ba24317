"""From a `Program` to the one ONNX message that stands for it (see `docs/formats/program.md`)."""

from __future__ import annotations

import json

import numpy as np
import onnx
from onnx import AttributeProto, NodeProto, TensorProto, helper

from verifiable.errors import MalformedModel
from verifiable.program.onnx_functions import (
    DOMAIN,
    DOMAIN_VERSION,
    ONNX_OPSET,
    STANDARD,
    functions_for,
)
from verifiable.program.program import Constant, Node, Operand, Program, Source

__all__ = [
    "FORMAT_VERSION",
    "IR_VERSION",
    "METADATA_PREFIX",
    "PRODUCER",
    "SCHEMA_KEY",
    "WIDTH_TYPES",
    "encode",
]

FORMAT_VERSION = 1
IR_VERSION = 9
PRODUCER = "verifiable"
SCHEMA_KEY = "verifiable.schema"
METADATA_PREFIX = "metadata."

WIDTH_TYPES: dict[int, tuple[int, str]] = {
    1: (TensorProto.INT8, "<i1"),
    2: (TensorProto.INT16, "<i2"),
    4: (TensorProto.INT32, "<i4"),
    8: (TensorProto.INT64, "<i8"),
}
"""For each width in bytes: the ONNX element type of a constant, and its bytes in the file."""


def encode(program: Program) -> onnx.ModelProto:
    """Build the message; the caller has checked the program's structure.

    Raises:
        MalformedModel: names of inputs and outputs are empty, used twice, or reserved.
    """
    _check_names(program)
    graph = onnx.GraphProto(name="program")
    weights = [f"weight:{i}:{c.name}" for i, c in enumerate(program.weights)]
    tables = [f"table:{i}:{c.name}" for i, c in enumerate(program.tables)]
    for name, constant in zip(
        (*weights, *tables), (*program.weights, *program.tables), strict=True
    ):
        graph.initializer.append(_constant(name, constant))
    names = {
        Source.TRACE: [f"node:{i}" for i in range(len(program.nodes))],
        Source.INPUT: [spec.name for spec in program.inputs],
        Source.WEIGHT: weights,
        Source.TABLE: tables,
    }

    def reshape(name: str, read: str, shape: tuple[int, ...], written: str) -> None:
        graph.initializer.append(_shape(f"shape:{name}", shape))
        graph.node.append(
            NodeProto(op_type="Reshape", name=name, input=[read, f"shape:{name}"], output=[written])
        )

    def read(operand: Operand, name: str) -> str:
        tensor = names[operand.source][operand.index]
        if operand.shape == program.tensor_shape(operand):
            return tensor
        reshape(name, tensor, operand.shape, f"view:{name}")
        return f"view:{name}"

    for index, node in enumerate(program.nodes):
        operands = [
            read(operand, f"{index}.{position}") for position, operand in enumerate(node.operands)
        ]
        graph.node.append(_call(index, node, operands))
        graph.value_info.append(
            helper.make_tensor_value_info(f"node:{index}", TensorProto.FLOAT, node.shape)
        )
    for index, output in enumerate(program.outputs):
        reshape(f"output.{index}", f"node:{output.node}", output.shape, output.name)
        graph.output.append(
            helper.make_tensor_value_info(output.name, TensorProto.FLOAT, output.shape)
        )
    for spec in program.inputs:
        graph.input.append(helper.make_tensor_value_info(spec.name, TensorProto.FLOAT, spec.shape))
    model = onnx.ModelProto(ir_version=IR_VERSION, producer_name=PRODUCER, graph=graph)
    model.opset_import.append(helper.make_opsetid("", ONNX_OPSET))
    model.opset_import.append(helper.make_opsetid(DOMAIN, DOMAIN_VERSION))
    model.functions.extend(functions_for(frozenset(node.op.name for node in program.nodes)))
    model.metadata_props.add(key=SCHEMA_KEY, value=_schema(program))
    for key in sorted(program.metadata):
        model.metadata_props.add(key=METADATA_PREFIX + key, value=program.metadata[key])
    return model


def _constant(name: str, constant: Constant) -> TensorProto:
    kind, layout = WIDTH_TYPES[constant.width]
    return TensorProto(
        name=name,
        data_type=kind,
        dims=constant.values.shape,
        raw_data=np.ascontiguousarray(constant.values, dtype=layout).tobytes(),
    )


def _shape(name: str, shape: tuple[int, ...]) -> TensorProto:
    return TensorProto(
        name=name,
        data_type=TensorProto.INT64,
        dims=[len(shape)],
        raw_data=np.array(shape, dtype="<i8").tobytes(),
    )


def _call(index: int, node: Node, operands: list[str]) -> NodeProto:
    call = NodeProto(
        op_type=node.op.name,
        name=f"{index}:{node.name}",
        input=operands,
        output=[f"node:{index}"],
    )
    if node.op.name not in STANDARD:
        call.domain = DOMAIN
    for name, value in node.op.attributes().items():
        if isinstance(value, tuple):
            call.attribute.add(name=name, type=AttributeProto.INTS, ints=value)
        else:
            call.attribute.add(name=name, type=AttributeProto.INT, i=value)
    return call


def _schema(program: Program) -> str:
    return json.dumps(
        {
            "format": FORMAT_VERSION,
            "inputs": [
                {
                    "hi": spec.hi,
                    "lo": spec.lo,
                    "scale": float(spec.scale),
                    "zero_point": spec.zero_point,
                }
                for spec in program.inputs
            ],
            "outputs": [
                {"scale": float(output.scale), "zero_point": output.zero_point}
                for output in program.outputs
            ],
            "widths": [node.width for node in program.nodes],
        },
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    )


def _check_names(program: Program) -> None:
    taken: set[str] = set()
    reserved = ("node:", "view:", "shape:", "weight:", "table:")
    names = [spec.name for spec in program.inputs] + [out.name for out in program.outputs]
    for name in names:
        if not name or name in taken or name.startswith(reserved):
            raise MalformedModel(
                f"the name {name!r} of an input or output is empty, used twice or reserved",
                hint=f"rename it; reserved are names that begin with {', '.join(reserved)}",
                code="bad-name",
            )
        taken.add(name)
