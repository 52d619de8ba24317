"""From an ONNX message to a `Program`, refusing everything that `encode` would not write.

The reader understands each part by itself, to say what is wrong and where. That it overlooks
nothing is not left to its care: the caller encodes the result again and compares the bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import onnx
from onnx import AttributeProto, NodeProto, TensorProto

from verifiable.errors import MalformedModel
from verifiable.program.nesting import check_nesting
from verifiable.program.onnx_encode import (
    FORMAT_VERSION,
    IR_VERSION,
    METADATA_PREFIX,
    SCHEMA_KEY,
    WIDTH_TYPES,
)
from verifiable.program.onnx_functions import (
    DOMAIN,
    DOMAIN_VERSION,
    ONNX_OPSET,
    STANDARD,
    function,
)
from verifiable.program.operators import OPERATORS, Operator, Requantisation
from verifiable.program.program import Constant, Input, Node, Operand, Output, Program, Source
from verifiable.program.shapes import result_shape

__all__ = ["decode"]

_MAX_SCHEMA_CHARS = 1 << 24


def decode(model: onnx.ModelProto) -> Program:
    """Read the message.

    Raises:
        MalformedModel: naming the function, node, tensor or field that does not belong.
    """
    _check_header(model)
    metadata = _metadata(model)
    schema = _Schema.parse(metadata.pop(SCHEMA_KEY, None), model.graph)
    reader = _GraphReader(graph=model.graph, schema=schema)
    reader.read()
    return Program(
        inputs=reader.inputs,
        outputs=tuple(reader.outputs),
        nodes=tuple(reader.nodes),
        weights=tuple(reader.weights),
        tables=tuple(reader.tables),
        metadata=MappingProxyType(
            {key.removeprefix(METADATA_PREFIX): value for key, value in metadata.items()}
        ),
    )


def _refuse(what: str, where: str, code: str, why: str = "") -> MalformedModel:
    return MalformedModel(
        what, where=where, why=why, hint="compile the model again to get a valid file", code=code
    )


# --- Header, functions, metadata ------------------------------------------------------------


def _check_header(model: onnx.ModelProto) -> None:
    if not any(entry.key == SCHEMA_KEY for entry in model.metadata_props):
        raise MalformedModel(
            "this ONNX file is not a program",
            why=f"its metadata holds no {SCHEMA_KEY}",
            hint="compile the model first: verifiable compile MODEL --calibration FILE",
            code="not-a-program",
        )
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    if model.ir_version != IR_VERSION or opsets != {"": ONNX_OPSET, DOMAIN: DOMAIN_VERSION}:
        raise _refuse("unknown IR version or operator sets", "model", "bad-header")
    for found in model.functions:
        try:
            expected = function(found.name)
        except KeyError:
            expected = None
        if expected is None or found != expected:
            raise _refuse(
                "the function's body is not the one that defines the operator",
                f"function {found.domain}.{found.name}",
                "bad-function",
            )


def _metadata(model: onnx.ModelProto) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in model.metadata_props:
        if entry.key in found:
            raise _refuse("the key is given twice", f"metadata {entry.key}", "bad-metadata")
        if entry.key != SCHEMA_KEY and not entry.key.startswith(METADATA_PREFIX):
            raise _refuse("unknown key", f"metadata {entry.key}", "bad-metadata")
        found[entry.key] = entry.value
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Schema:
    """The part of the schema that ONNX has no place for."""

    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    widths: list[int]

    @classmethod
    def parse(cls, text: str | None, graph: onnx.GraphProto) -> _Schema:
        where = f"metadata {SCHEMA_KEY}"
        try:
            if text is None or len(text) > _MAX_SCHEMA_CHARS:
                raise ValueError("missing or too long")
            check_nesting(text, 3)
            raw = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
            _expect(type(raw) is dict, "not an object")
            _expect(raw.get("format") == FORMAT_VERSION, "unknown format version")
            _expect(set(raw) == {"format", "inputs", "outputs", "widths"}, "other fields")
            _check_entries(raw["inputs"], {"hi", "lo", "scale", "zero_point"}, len(graph.input))
            _check_entries(raw["outputs"], {"scale", "zero_point"}, len(graph.output))
            widths = raw["widths"]
            _expect(type(widths) is list, "widths is not a list")
            _expect(all(type(w) is int and w in WIDTH_TYPES for w in widths), "bad width")
        except ValueError as cause:
            raise _refuse("the schema cannot be read", where, "bad-schema", str(cause)) from cause
        return cls(inputs=raw["inputs"], outputs=raw["outputs"], widths=widths)


def _expect(condition: bool, text: str) -> None:
    if not condition:
        raise ValueError(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    _expect(len(found) == len(pairs), "a field is given twice")
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _check_entries(entries: Any, keys: set[str], count: int) -> None:
    _expect(type(entries) is list and len(entries) == count, f"not {count} entries")
    for entry in entries:
        _expect(type(entry) is dict and set(entry) == keys, f"fields are not {sorted(keys)}")
        for key, value in entry.items():
            _expect(type(value) is (float if key == "scale" else int), f"bad {key}")


# --- Graph ----------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _GraphReader:
    graph: onnx.GraphProto
    schema: _Schema
    inputs: tuple[Input, ...] = ()
    outputs: list[Output] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    weights: list[Constant] = field(default_factory=list)
    tables: list[Constant] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    tensors: dict[str, Operand] = field(default_factory=dict)
    views: dict[str, Operand] = field(default_factory=dict)

    def read(self) -> None:
        if self.graph.sparse_initializer or self.graph.quantization_annotation:
            raise _refuse("sparse or annotated tensors", "graph", "bad-graph")
        self.inputs = tuple(
            Input(name=value.name, shape=_static_shape(value), **entry)
            for value, entry in zip(self.graph.input, self.schema.inputs, strict=True)
        )
        for index, spec in enumerate(self.inputs):
            self.tensors[self._define(spec.name)] = Operand(
                source=Source.INPUT, index=index, shape=spec.shape
            )
        for tensor in self.graph.initializer:
            self._read_initializer(tensor)
        for node in self.graph.node:
            self._read_node(node)
        if len(self.nodes) != len(self.schema.widths) or [o.name for o in self.outputs] != [
            value.name for value in self.graph.output
        ]:
            raise _refuse("nodes or outputs do not match the schema", "graph", "bad-graph")

    def _define(self, name: str) -> str:
        if not name or name in self.names:
            raise _refuse("the name is empty or defined twice", f"tensor {name}", "bad-name")
        self.names.add(name)
        return name

    def _read_initializer(self, tensor: TensorProto) -> None:
        where = f"tensor {tensor.name}"
        kind, _, rest = tensor.name.partition(":")
        values = _values(tensor, where)
        if kind == "shape":
            if tensor.data_type != TensorProto.INT64 or values.ndim != 1:
                raise _refuse("a shape is a list of int64", where, "bad-constant")
            self.shapes[self._define(tensor.name)] = tuple(int(size) for size in values)
            return
        if kind not in ("weight", "table"):
            raise _refuse("unknown kind of constant", where, "bad-constant")
        pool = self.weights if kind == "weight" else self.tables
        source = Source.WEIGHT if kind == "weight" else Source.TABLE
        _, _, name = rest.partition(":")
        constant = Constant.of(name, values)
        if WIDTH_TYPES[constant.width][0] != tensor.data_type:
            raise _refuse("not in the smallest type that holds it", where, "bad-constant")
        self.tensors[self._define(tensor.name)] = Operand(
            source=source, index=len(pool), shape=constant.values.shape
        )
        pool.append(constant)

    def _read_node(self, node: NodeProto) -> None:
        where = f"node {node.name} ({node.op_type})"
        if node.op_type == "Reshape" and not node.domain:
            self._read_reshape(node, where)
            return
        domain = "" if node.op_type in STANDARD else DOMAIN
        kind = OPERATORS.get(node.op_type)
        if kind is None or node.domain != domain:
            raise _refuse(
                f"unknown operator {node.domain or 'ai.onnx'}.{node.op_type}",
                where,
                "unknown-operator",
            )
        op = _operator(kind, node, where)
        operands = tuple(self._operand(name, where) for name in node.input)
        self._check_count(op, operands, where)
        try:
            shape = result_shape(op, tuple(operand.shape for operand in operands))
        except ValueError as cause:
            raise _refuse("operands do not fit", where, "bad-shape", str(cause)) from cause
        index = len(self.nodes)
        prefix, _, name = node.name.partition(":")
        if prefix != str(index) or list(node.output) != [f"node:{index}"]:
            raise _refuse(f"not numbered as node {index}", where, "bad-name")
        if index >= len(self.schema.widths):
            raise _refuse("more nodes than the schema has widths", where, "bad-graph")
        self.tensors[self._define(f"node:{index}")] = Operand(
            source=Source.TRACE, index=index, shape=shape
        )
        self.nodes.append(
            Node(
                op=op,
                operands=operands,
                shape=shape,
                width=self.schema.widths[index],
                name=name,
            )
        )

    def _check_count(self, op: Operator, operands: tuple[Operand, ...], where: str) -> None:
        expected = len(op.roles)
        if len(operands) < 2 if op.name == "Concat" else len(operands) != expected:
            raise _refuse(f"{len(operands)} operands", where, "bad-operands")

    def _read_reshape(self, node: NodeProto, where: str) -> None:
        if len(node.input) != 2 or len(node.output) != 1 or node.attribute:
            raise _refuse("a view has two inputs and no attributes", where, "bad-view")
        source = self.tensors.get(node.input[0])
        shape = self.shapes.get(node.input[1])
        if source is None or shape is None:
            raise _refuse("does not read a tensor and a constant shape", where, "bad-view")
        view = Operand(source=source.source, index=source.index, shape=shape)
        name = self._define(node.output[0])
        position = len(self.outputs)
        if position == len(self.graph.output) or name != self.graph.output[position].name:
            self.views[name] = view
        elif source.source is Source.TRACE:
            self.outputs.append(
                Output(name=name, node=view.index, shape=shape, **self.schema.outputs[position])
            )
        else:
            raise _refuse("an output that no node computes", where, "bad-view")

    def _operand(self, name: str, where: str) -> Operand:
        found = self.tensors.get(name) or self.views.get(name)
        if found is None:
            raise _refuse(f"reads {name!r}, which nothing before it defines", where, "bad-operands")
        return found


def _static_shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    kind = value.type.tensor_type
    if kind.elem_type != TensorProto.FLOAT or not kind.HasField("shape"):
        raise _refuse("not a float32 tensor with a shape", f"input {value.name}", "bad-shape")
    if not all(dim.HasField("dim_value") for dim in kind.shape.dim):
        raise _refuse("dynamic shape", f"input {value.name}", "bad-shape")
    return tuple(dim.dim_value for dim in kind.shape.dim)


def _values(tensor: TensorProto, where: str) -> np.ndarray[Any, Any]:
    layout = dict(WIDTH_TYPES.values()).get(tensor.data_type)
    if layout is None:
        raise _refuse("constants are int8, int16, int32 or int64", where, "bad-constant")
    if tensor.data_location != TensorProto.DEFAULT or tensor.external_data:
        raise _refuse("external data is not allowed", where, "external-data")
    dims = tuple(tensor.dims)
    count = 1
    for size in dims:
        count *= size
    if min(dims, default=0) < 0 or len(tensor.raw_data) != count * np.dtype(layout).itemsize:
        raise _refuse("data and shape disagree", where, "bad-constant")
    return np.frombuffer(tensor.raw_data, dtype=layout).reshape(dims)


def _operator(kind: type[Operator], node: NodeProto, where: str) -> Operator:
    """Build the operator from exactly its attributes, each of its declared type and length."""
    hints: Mapping[str, Any] = get_type_hints(kind)
    names = [item.name for item in fields(kind)]
    scalars = ("shift", "zero_point", "lo", "hi") if "requant" in names else ()
    expected = [name for name in names if name != "requant"] + list(scalars)
    found = {attribute.name: attribute for attribute in node.attribute}
    if len(found) != len(node.attribute) or set(found) != set(expected):
        raise _refuse(f"attributes are not {', '.join(expected)}", where, "bad-attribute")
    values = {
        name: _attribute(found[name], hints.get(name, int) if name in names else int, where)
        for name in expected
    }
    if scalars:
        values["requant"] = Requantisation(**{name: values.pop(name) for name in scalars})
    return kind(**values)


def _attribute(attribute: AttributeProto, hint: Any, where: str) -> Any:
    label = f"{where} attribute {attribute.name}"
    if attribute.ref_attr_name:
        raise _refuse("refers to another attribute", label, "bad-attribute")
    if get_origin(hint) is not tuple:
        if attribute.type != AttributeProto.INT:
            raise _refuse("not an integer", label, "bad-attribute")
        return int(attribute.i)
    sizes = get_args(hint)
    values = tuple(attribute.ints)
    if attribute.type != AttributeProto.INTS or (
        Ellipsis not in sizes and len(values) != len(sizes)
    ):
        raise _refuse("not a list of integers of the right length", label, "bad-attribute")
    return values
