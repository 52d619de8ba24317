"""The tensors inside a model file: their sizes, values, and the side files they may lie in."""

from __future__ import annotations

import os
import stat
from math import prod
from pathlib import Path, PureWindowsPath

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from verifiable.errors import MalformedModel, ResourceLimit

__all__ = ["check_tensor", "embed_external_data"]

MAX_RANK = 32
# bits per element in raw_data, and the repeated field that may hold the values instead
_BITS: dict[int, tuple[int, str, int]] = {
    TensorProto.FLOAT: (32, "float_data", 1),
    TensorProto.DOUBLE: (64, "double_data", 1),
    TensorProto.FLOAT16: (16, "int32_data", 1),
    TensorProto.BFLOAT16: (16, "int32_data", 1),
    TensorProto.INT8: (8, "int32_data", 1),
    TensorProto.UINT8: (8, "int32_data", 1),
    TensorProto.INT16: (16, "int32_data", 1),
    TensorProto.UINT16: (16, "int32_data", 1),
    TensorProto.INT32: (32, "int32_data", 1),
    TensorProto.UINT32: (32, "uint64_data", 1),
    TensorProto.INT64: (64, "int64_data", 1),
    TensorProto.UINT64: (64, "uint64_data", 1),
    TensorProto.BOOL: (8, "int32_data", 1),
    TensorProto.FLOAT8E4M3FN: (8, "int32_data", 1),
    TensorProto.FLOAT8E4M3FNUZ: (8, "int32_data", 1),
    TensorProto.FLOAT8E5M2: (8, "int32_data", 1),
    TensorProto.FLOAT8E5M2FNUZ: (8, "int32_data", 1),
    TensorProto.INT4: (4, "int32_data", 2),
    TensorProto.UINT4: (4, "int32_data", 2),
    TensorProto.FLOAT4E2M1: (4, "int32_data", 2),
}
_FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)


def check_tensor(tensor: TensorProto, owner: str, limit_bytes: int) -> None:
    """Check that a tensor's data are what its type and dimensions declare, and are finite.

    Raises:
        MalformedModel: naming the tensor by `owner`.
        ResourceLimit: it declares more than `limit_bytes`.
    """
    if tensor.data_type == TensorProto.STRING:
        _require(len(tensor.string_data) == _count(tensor, owner), owner, "its text is incomplete")
        return
    size_bytes = _declared_bytes(tensor, owner, limit_bytes)
    if tensor.HasField("raw_data"):
        _require(
            len(tensor.raw_data) == size_bytes,
            owner,
            f"{len(tensor.raw_data)} bytes are stored where shape {tuple(tensor.dims)} "
            f"needs {size_bytes}",
        )
    else:
        _, field, per_entry = _BITS[tensor.data_type]
        expected = -(-_count(tensor, owner) // per_entry)
        stored = len(getattr(tensor, field))
        _require(
            stored == expected,
            owner,
            f"{stored} values are stored where shape {tuple(tensor.dims)} needs {expected}",
        )
    if tensor.data_type in _FLOATS:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.BFLOAT16:
            values = values.astype(np.float32)
        finite = np.isfinite(values)
        if not finite.all():
            raise MalformedModel(
                "the tensor holds NaN or infinity",
                where=owner,
                why=f"{int(values.size - np.count_nonzero(finite))} of its {values.size} values",
                hint="train or export the model anew: such a weight makes every output meaningless",
                code="not-finite",
            )


def _require(condition: bool, owner: str, why: str) -> None:
    if not condition:
        raise MalformedModel(
            "the stored tensor is inconsistent", where=owner, why=why, code="bad-tensor"
        )


def _count(tensor: TensorProto, owner: str) -> int:
    dims = tuple(tensor.dims)
    _require(len(dims) <= MAX_RANK, owner, f"it has {len(dims)} axes")
    _require(all(size >= 0 for size in dims), owner, f"shape {dims} has a negative size")
    return prod(dims)


def _declared_bytes(tensor: TensorProto, owner: str, limit_bytes: int) -> int:
    if tensor.data_type not in _BITS:
        raise MalformedModel(
            f"the tensor has element type {tensor.data_type}, which is unknown or not numeric",
            where=owner,
            code="bad-tensor",
        )
    size_bytes = -(-_count(tensor, owner) * _BITS[tensor.data_type][0] // 8)
    if size_bytes > limit_bytes:
        raise ResourceLimit(
            f"shape {tuple(tensor.dims)} needs {size_bytes} bytes, more than {limit_bytes}",
            where=owner,
            code="tensor-too-large",
        )
    return size_bytes


def embed_external_data(model: onnx.ModelProto, folder: Path | None, limit_bytes: int) -> None:
    """Read the initializers that lie in side files into the model.

    A side file must lie inside `folder`, after all links are followed.

    Raises:
        MalformedModel: a location is outside, missing, no regular file, or does not hold the
            bytes that the tensor declares; or there is no folder.
        ResourceLimit: all of them together exceed `limit_bytes`.
    """
    total_bytes = 0
    for tensor in _attribute_tensors(model):
        if _is_external(tensor):
            raise _refused(tensor.name or "(attribute)", "only weights may lie in side files")
    for tensor in model.graph.initializer:
        if not _is_external(tensor):
            continue
        owner = f"tensor {tensor.name}"
        size_bytes = _declared_bytes(tensor, owner, limit_bytes)
        total_bytes += size_bytes
        if total_bytes > limit_bytes:
            raise ResourceLimit(
                f"the side files hold more than {limit_bytes} bytes",
                where=owner,
                code="file-too-large",
            )
        if folder is None:
            raise _refused(
                tensor.name, "the model was not given as a file", "give the path of the model file"
            )
        data = _read_part(tensor, folder, size_bytes)
        tensor.ClearField("external_data")
        tensor.data_location = TensorProto.DEFAULT
        tensor.raw_data = data


def _attribute_tensors(model: onnx.ModelProto) -> list[TensorProto]:
    nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    return [
        tensor
        for node in nodes
        for attribute in node.attribute
        for tensor in (attribute.t, *attribute.tensors)
    ]


def _is_external(tensor: TensorProto) -> bool:
    return tensor.data_location == TensorProto.EXTERNAL or len(tensor.external_data) > 0


def _refused(name: str, why: str, hint: str = "") -> MalformedModel:
    return MalformedModel(
        "the weight's side file is refused",
        where=f"tensor {name}",
        why=why,
        hint=hint,
        code="bad-external-data",
    )


def _read_part(tensor: TensorProto, folder: Path, size_bytes: int) -> bytes:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    path = _inside(folder, location, tensor.name)
    offset = _number(entries.get("offset", "0"), tensor.name)
    length = _number(entries.get("length", str(size_bytes)), tensor.name)
    if length != size_bytes:
        raise _refused(
            tensor.name,
            f"{length} bytes are declared where shape {tuple(tensor.dims)} needs {size_bytes}",
        )
    try:
        # not blocking: a pipe or device in place of the file must not hang the reader
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _refused(tensor.name, f"{location} is not a regular file")
            if offset + length > status.st_size:
                raise _refused(tensor.name, f"{location} ends before byte {offset + length}")
            stream.seek(offset)
            data = stream.read(length)
    except OSError as cause:
        raise _refused(
            tensor.name,
            f"{location} cannot be read: {cause.strerror or type(cause).__name__}",
            "keep the side file beside the model file",
        ) from cause
    if len(data) != length:
        raise _refused(tensor.name, f"{location} ends before byte {offset + length}")
    return data


def _inside(folder: Path, location: str, name: str) -> Path:
    """The real path of a location inside the folder."""
    # Windows' rules on every system: they know `\\`, drives and shares beside what POSIX knows
    parsed = PureWindowsPath(location)
    if not location or "\0" in location or parsed.anchor or ".." in parsed.parts:
        raise _refused(name, f"location {location!r} is not a path inside the model's folder")
    root = folder.resolve()
    path = (root / location).resolve()
    if not path.is_relative_to(root) or path == root:
        raise _refused(name, f"location {location!r} leads outside the model's folder")
    return path


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 20):
        raise _refused(name, f"{text!r} is not a size in bytes")
    return int(text)
