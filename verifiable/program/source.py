"""Reading a model file that nobody vouches for.

Everything that the later steps take for granted is checked here, in an order in which nothing is
allocated, opened or handed to onnx's native code before its size and place are known to be sane.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import onnx

from verifiable.errors import (
    MalformedModel,
    Problem,
    ResourceLimit,
    UnsupportedModel,
    VerifiableError,
)
from verifiable.files import read_bytes
from verifiable.program.onnx_rules import STANDARD_DOMAINS, check_rules
from verifiable.program.stored_tensors import check_tensor, embed_external_data

__all__ = ["MIN_OPSET", "load_model"]

MIN_OPSET = 9
MIN_IR_VERSION = 3
MAX_NODES = 200_000
PROTOBUF_LIMIT_BYTES = (1 << 31) - 1


def load_model(
    source: str | os.PathLike[str] | bytes | onnx.ModelProto, *, limit_bytes: int = 2 << 30
) -> onnx.ModelProto:
    """Read an ONNX model and check that it is one: complete, consistent, finite, of sane size.

    Weights in side files are embedded; they are read only from inside the folder of the model
    file (links followed), and never if the model is given as bytes or as an object.

    Args:
        source: path of a file, the bytes of one, or a model in memory (which is not changed).
        limit_bytes: limit on the file and its side files together.

    Returns:
        A model of its own that holds all its weights.

    Raises:
        MalformedModel: the source is no ONNX model, is damaged, breaks the rules of the format,
            points outside its folder, or holds NaN or infinity.
        UnsupportedModel: it is sound but of a kind that cannot be compiled (operator set too old
            or too new, subgraphs, sparse weights, no inputs or outputs).
        ResourceLimit: it is larger than `limit_bytes`.
    """
    where = _name_of(source)
    try:
        model, folder = _decode(source, limit_bytes, where)
        _check_header(model, where)
        _check_structure(model, where)
        embed_external_data(model, folder, limit_bytes)
        for tensor, owner in _all_tensors(model):
            check_tensor(tensor, owner, limit_bytes)
        _check_floats(model)
        _check_graph(model, where)
    except VerifiableError:
        raise
    except MemoryError as cause:
        raise ResourceLimit("the model does not fit in memory", where=where) from cause
    except Exception as cause:
        # protobuf and onnx raise many types on damaged bytes (text that is not UTF-8, ...)
        raise MalformedModel(
            "the model cannot be read", where=where, why=f"{type(cause).__name__}: {cause}"
        ) from cause
    return model


def _name_of(source: object) -> str:
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    return "model bytes" if isinstance(source, bytes) else "model"


def _decode(
    source: str | os.PathLike[str] | bytes | onnx.ModelProto, limit_bytes: int, where: str
) -> tuple[onnx.ModelProto, Path | None]:
    folder: Path | None = None
    model = onnx.ModelProto()
    if isinstance(source, onnx.ModelProto):
        if source.ByteSize() > limit_bytes:
            raise ResourceLimit(
                f"the model is larger than {limit_bytes} bytes", where=where, code="file-too-large"
            )
        model.CopyFrom(source)
        return model, None
    if isinstance(source, bytes):
        data = source
        if len(data) > limit_bytes:
            raise ResourceLimit(
                f"the model is larger than {limit_bytes} bytes", where=where, code="file-too-large"
            )
    else:
        folder = Path(source).parent
        data = read_bytes(source, limit_bytes=limit_bytes, error=MalformedModel)
    if len(data) > PROTOBUF_LIMIT_BYTES:
        raise ResourceLimit(
            "an ONNX file cannot be larger than 2 GiB",
            where=where,
            hint="store the weights in a side file (external data)",
            code="file-too-large",
        )
    try:
        model.ParseFromString(data)
    except Exception as cause:  # protobuf's own type, which differs between its builds
        raise MalformedModel(
            "the file is not an ONNX model, or is cut off",
            where=where,
            why=str(cause),
            code="not-onnx",
        ) from cause
    return model, folder


def _check_header(model: onnx.ModelProto, where: str) -> None:
    if not model.HasField("graph") or not model.opset_import or not model.ir_version:
        raise MalformedModel(
            "the file is not an ONNX model",
            where=where,
            why="it names no graph, operator set or format version",
            code="not-onnx",
        )
    domains = [
        "" if item.domain in STANDARD_DOMAINS else item.domain for item in model.opset_import
    ]
    if len(set(domains)) != len(domains):
        raise MalformedModel("an operator set is imported twice", where=where, code="bad-opset")
    newest = onnx.defs.onnx_opset_version()
    version = dict(zip(domains, (item.version for item in model.opset_import), strict=True)).get("")
    if version is None:
        raise UnsupportedModel(
            [_problem("unsupported-opset", "the standard ONNX operators are not imported")],
            where=where,
        )
    if not MIN_OPSET <= version <= newest:
        raise UnsupportedModel(
            [
                _problem(
                    "unsupported-opset",
                    f"the model uses operator set {version}",
                    f"export it with one of {MIN_OPSET} to {newest}",
                )
            ],
            where=where,
        )
    if not MIN_IR_VERSION <= model.ir_version <= onnx.IR_VERSION:
        raise UnsupportedModel(
            [
                _problem(
                    "unsupported-format-version",
                    f"the file has ONNX format version {model.ir_version}",
                    f"export it with one of {MIN_IR_VERSION} to {onnx.IR_VERSION}",
                )
            ],
            where=where,
        )


def _problem(code: str, what: str, hint: str = "", node: str = "") -> Problem:
    return Problem(code=code, node=node, what=what, hint=hint)


def _check_structure(model: onnx.ModelProto, where: str) -> None:
    """Refuse what onnx's own checker accepts but nothing here can use."""
    count = len(model.graph.node) + sum(len(function.node) for function in model.functions)
    if count > MAX_NODES:
        raise ResourceLimit(f"the model has {count} nodes, more than {MAX_NODES}", where=where)
    problems = [
        _problem(
            "unsupported-control-flow",
            f"operator {node.op_type} holds a graph of its own ({attribute.name})",
            "export the model without branches and loops",
            node=node.name or next(iter(node.output), ""),
        )
        for node in _all_nodes(model)
        for attribute in node.attribute
        if attribute.HasField("g") or attribute.graphs
    ]
    problems += [
        _problem("unsupported-sparse-tensor", "sparse weights", "store them densely", node=name)
        for name in [tensor.values.name for tensor in model.graph.sparse_initializer]
        + [
            node.name
            for node in _all_nodes(model)
            for attribute in node.attribute
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors
        ]
    ]
    constants = {tensor.name for tensor in model.graph.initializer}
    if all(value.name in constants for value in model.graph.input):
        problems.append(_problem("no-input", "the model takes no input"))
    if not model.graph.output:
        problems.append(_problem("no-output", "the model has no output"))
    if problems:
        raise UnsupportedModel(problems, where=where)


def _all_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    yield from model.graph.node
    for function in model.functions:
        yield from function.node


def _all_tensors(model: onnx.ModelProto) -> Iterator[tuple[onnx.TensorProto, str]]:
    """Every stored tensor, with what errors call it."""
    for tensor in model.graph.initializer:
        yield tensor, f"tensor {tensor.name}"
    for node in _all_nodes(model):
        for attribute in node.attribute:
            owner = f"{attribute.name} of node {node.name or next(iter(node.output), '?')}"
            if attribute.HasField("t"):
                yield attribute.t, owner
            for tensor in attribute.tensors:
                yield tensor, owner


def _check_floats(model: onnx.ModelProto) -> None:
    for node in _all_nodes(model):
        for attribute in node.attribute:
            values = (attribute.f, *attribute.floats)
            # x - x is 0 unless x is NaN or infinite
            if any(value - value != 0 for value in values):
                raise MalformedModel(
                    f"attribute {attribute.name} is NaN or infinite",
                    where=f"node {node.name or next(iter(node.output), '?')}",
                    code="not-finite",
                )


def _check_graph(model: onnx.ModelProto, where: str) -> None:
    """Names, order, types and attributes, and what onnx's checker leaves out."""
    graph = model.graph
    made = {name for node in graph.node for name in node.output if name}
    known = made | {value.name for value in graph.input} | {t.name for t in graph.initializer}
    for value in graph.output:
        if value.name not in known:
            raise MalformedModel(
                "the output is made by no node", where=f"output {value.name}", code="bad-graph"
            )
    for kind, values in (("input", graph.input), ("output", graph.output)):
        names = [value.name for value in values]
        if len(set(names)) != len(names) or not all(names):
            raise MalformedModel(
                f"two {kind}s have one name, or one has none", where=where, code="bad-graph"
            )
    names = [tensor.name for tensor in graph.initializer]
    if len(set(names)) != len(names):
        raise MalformedModel("two weights have one name", where=where, code="bad-graph")
    check_rules(model)
