"""The program file `program.onnx`: writing, and strict reading.

`docs/formats/program.md` describes it. One program has exactly one file: whatever else a file
holds, another body of a function or a spare tensor, makes it unreadable.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from verifiable.errors import MalformedModel, ResourceLimit, UnsupportedModel
from verifiable.files import read_bytes, write_bytes
from verifiable.program.intervals import analyse
from verifiable.program.onnx_decode import decode
from verifiable.program.onnx_encode import encode
from verifiable.program.program import Constant, Program, Source, width_of
from verifiable.program.shapes import check_structure

__all__ = ["MAX_FILE_BYTES", "dump_program", "load_program", "save_program"]

MAX_FILE_BYTES = 1 << 30

_MAX_BORDER = 1 << 52
"""Input ranges and zero points stay where float64 tells neighbouring integers apart."""


def dump_program(program: Program) -> bytes:
    """Encode a program, read it back, and compare every field and constant.

    Raises:
        MalformedModel: the program breaks a rule of the format.
        ResourceLimit: the file would be larger than `MAX_FILE_BYTES`.
    """
    _check(program)
    try:
        data = _serialise(encode(program))
    except (KeyError, TypeError, ValueError, OverflowError) as cause:
        raise MalformedModel("the program cannot be encoded", why=str(cause)) from cause
    if not _same(load_program(data), program):
        raise MalformedModel(
            "the program read back from its own file differs",
            hint="constants must be made by Constant.of, in the smallest width",
            code="not-canonical",
        )
    return data


def save_program(program: Program, path: str | os.PathLike[str]) -> None:
    """Write `dump_program(program)` to a file, atomically.

    Raises:
        MalformedModel, ResourceLimit: as `dump_program`, or the file cannot be written.
    """
    write_bytes(path, dump_program(program))


def load_program(source: str | os.PathLike[str] | bytes) -> Program:
    """Read a program file.

    The result obeys every rule of the format, the bounds of the range analysis included, and
    `dump_program` of it gives the same bytes.

    Args:
        source: a path, or the bytes of the file.

    Raises:
        MalformedModel: the file is not a program, or not exactly as `dump_program` writes it.
        ResourceLimit: it is larger than `MAX_FILE_BYTES`.
    """
    if isinstance(source, bytes):
        return _parse(source)
    data = read_bytes(source, limit_bytes=MAX_FILE_BYTES, error=MalformedModel)
    try:
        return _parse(data)
    except MalformedModel as cause:
        where = os.fspath(source) + (f": {cause.where}" if cause.where else "")
        raise MalformedModel(
            cause.what, where=where, why=cause.why, hint=cause.hint, code=cause.code
        ) from cause


def _parse(data: bytes) -> Program:
    if len(data) > MAX_FILE_BYTES:
        raise ResourceLimit("the program file is too large", code="file-too-large")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
        _check_text(model)
        program = decode(model)
    except (DecodeError, UnicodeError) as cause:
        raise MalformedModel(
            "not an ONNX file, or a damaged one", why=str(cause), code="not-onnx"
        ) from cause
    _check(program)
    again = encode(program)
    if _serialise(again) != data:
        raise MalformedModel(
            "the file holds something that no program needs",
            where=_difference(model, again),
            hint="compile the model again to get a valid file",
            code="not-canonical",
        )
    return program


def _check_text(message: Message) -> None:
    """Refuse text that is not UTF-8, which protobuf hands out as bytes.

    Raises:
        UnicodeError: some field of the message holds such text.
    """
    for descriptor, value in message.ListFields():
        if descriptor.type == FieldDescriptor.TYPE_STRING:
            if any(isinstance(text, bytes) for text in ([value] if _single(value) else value)):
                raise UnicodeError(f"{descriptor.full_name} is not UTF-8")
        elif descriptor.type == FieldDescriptor.TYPE_MESSAGE:
            for part in [value] if isinstance(value, Message) else value:
                _check_text(part)


def _single(value: object) -> bool:
    return isinstance(value, (str, bytes))


def _serialise(model: onnx.ModelProto) -> bytes:
    if model.ByteSize() > MAX_FILE_BYTES:
        raise ResourceLimit("the program file would be too large", code="file-too-large")
    return bytes(model.SerializeToString(deterministic=True))


def _check(program: Program) -> None:
    """Check every rule on shapes, constants, bounds and widths."""
    check_structure(program)
    for spec in program.inputs:
        _check_border(spec.name, spec.scale, spec.lo, spec.hi, spec.zero_point)
    for output in program.outputs:
        _check_border(output.name, output.scale, 0, 0, output.zero_point)
    used = {(operand.source, operand.index) for node in program.nodes for operand in node.operands}
    for pool, source in ((program.weights, Source.WEIGHT), (program.tables, Source.TABLE)):
        for index, constant in enumerate(pool):
            if (source, index) not in used:
                raise MalformedModel(
                    "no node uses this constant", where=constant.name, code="unused-constant"
                )
    try:
        ranges = analyse(program)
    except UnsupportedModel as cause:
        raise MalformedModel(
            "the program breaks the bounds of its format", why=cause.why, code="bounds-exceeded"
        ) from cause
    for index, (node, known) in enumerate(zip(program.nodes, ranges, strict=True)):
        if node.width != width_of(known.lo, known.hi):
            raise MalformedModel(
                f"width {node.width} is not the smallest that holds [{known.lo}, {known.hi}]",
                where=f"node {index} ({node.op.name} {node.name})",
                code="bad-width",
            )


def _check_border(name: str, scale: float, lo: int, hi: int, zero_point: int) -> None:
    if not (math.isfinite(scale) and scale > 0):
        raise MalformedModel("the scale is not a positive number", where=name, code="bad-schema")
    if lo > hi or max(-lo, hi, abs(zero_point)) > _MAX_BORDER:
        raise MalformedModel(
            f"range [{lo}, {hi}] with zero point {zero_point} is empty or too wide",
            where=name,
            code="bad-schema",
        )


def _same(a: Program, b: Program) -> bool:
    return (
        (a.inputs, a.outputs, a.nodes) == (b.inputs, b.outputs, b.nodes)
        and dict(a.metadata) == dict(b.metadata)
        and _same_constants(a.weights, b.weights)
        and _same_constants(a.tables, b.tables)
    )


def _same_constants(a: tuple[Constant, ...], b: tuple[Constant, ...]) -> bool:
    return len(a) == len(b) and all(
        (p.name, p.width) == (q.name, q.width) and np.array_equal(p.values, q.values)
        for p, q in zip(a, b, strict=True)
    )


def _difference(found: onnx.ModelProto, expected: onnx.ModelProto) -> str:
    """Name the first part of two messages that differs."""
    parts: tuple[tuple[str, Sequence[Any], Sequence[Any]], ...] = (
        ("node", found.graph.node, expected.graph.node),
        ("tensor", found.graph.initializer, expected.graph.initializer),
        ("value", found.graph.value_info, expected.graph.value_info),
        ("input", found.graph.input, expected.graph.input),
        ("output", found.graph.output, expected.graph.output),
        ("function", found.functions, expected.functions),
    )
    for kind, have, want in parts:
        for index, item in enumerate(have):
            if index >= len(want) or item != want[index]:
                return f"{kind} {item.name or index}"
        if len(have) < len(want):
            return f"{kind} {want[len(have)].name} is missing"
    return "model"
