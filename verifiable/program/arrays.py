"""Reading `.npz` files strictly, and picking the rows that a model takes from their arrays."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from verifiable.errors import MalformedInput, ResourceLimit
from verifiable.files import read_bytes

__all__ = ["Array", "load_npz", "select_row", "split_rows"]

Array = npt.NDArray[Any]

MAX_ARRAYS = 1024
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1  # bit of the zip flags


def load_npz(
    path: str | os.PathLike[str], *, limit_bytes: int = 1 << 30
) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays of an `.npz` file by name. Nothing in the file is executed.

    Args:
        path: the file.
        limit_bytes: limit on the file, and on all its arrays together once unpacked.

    Raises:
        MalformedInput: the file is no `.npz`, is damaged, or holds something other than arrays
            of real numbers (pickled objects, strings, complex numbers).
        ResourceLimit: it is larger than `limit_bytes`, or unpacks to more.
    """
    where = os.fspath(path)
    data = read_bytes(path, limit_bytes=limit_bytes, error=MalformedInput)
    if not data.startswith(b"PK"):
        numpy_file = data.startswith(b"\x93NUMPY")
        raise MalformedInput(
            "the file is not an .npz archive",
            where=where,
            hint="save it with numpy.savez(path, INPUT_NAME=array)"
            + (": this is a single .npy array, without a name" if numpy_file else ""),
            code="not-an-npz",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _read_archive(archive, where, limit_bytes)
    except (MalformedInput, ResourceLimit):
        raise
    except Exception as cause:
        # zipfile, zlib and numpy's header parser raise many types on damaged bytes
        raise MalformedInput(
            "the archive is damaged",
            where=where,
            why=f"{type(cause).__name__}: {cause}",
            code="damaged-npz",
        ) from cause


def _read_archive(
    archive: zipfile.ZipFile, where: str, limit_bytes: int
) -> dict[str, npt.NDArray[Any]]:
    entries = archive.infolist()
    names = [entry.filename.removesuffix(".npy") for entry in entries]
    if len(entries) > MAX_ARRAYS:
        raise ResourceLimit(f"the archive holds more than {MAX_ARRAYS} arrays", where=where)
    if not entries or len(set(names)) != len(names):
        raise MalformedInput(
            "the archive holds no array, or two of one name", where=where, code="damaged-npz"
        )
    # declared sizes; reading never goes beyond them
    if sum(entry.file_size for entry in entries) > limit_bytes:
        raise ResourceLimit(
            f"the arrays unpack to more than {limit_bytes} bytes",
            where=where,
            code="file-too-large",
        )
    return {
        name: _read_entry(archive, entry, f"{where}[{name}]")
        for name, entry in zip(names, entries, strict=True)
    }


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, where: str) -> npt.NDArray[Any]:
    if not entry.filename.endswith(".npy"):
        raise MalformedInput("the entry is not an array", where=where, code="damaged-npz")
    if entry.compress_type not in COMPRESSIONS or entry.flag_bits & ENCRYPTED:
        raise MalformedInput(
            "the entry is encrypted or packed in an unusual way", where=where, code="damaged-npz"
        )
    with archive.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
        else:
            raise MalformedInput(
                f"array format {version} is unknown", where=where, code="damaged-npz"
            )
        if dtype.hasobject or dtype.kind not in "fiu":
            raise MalformedInput(
                f"the array holds {dtype}, not real numbers",
                where=where,
                why="pickled objects are never loaded" if dtype.hasobject else "",
                hint="save a float or integer array",
                code="not-numeric",
            )
        size = prod(shape) * dtype.itemsize
        # the header is at least ten bytes, so the comparison is also a limit on `size`
        if any(type(length) is not int or length < 0 for length in shape) or size > entry.file_size:
            raise MalformedInput(
                f"shape {shape} does not fit the bytes that follow", where=where, code="damaged-npz"
            )
        content = stream.read(size + 1)
        if len(content) != size or stream.read(1):
            raise MalformedInput(
                f"{len(content)} bytes where shape {shape} needs {size}",
                where=where,
                code="damaged-npz",
            )
    flat = np.frombuffer(content, dtype=dtype)
    array = flat.reshape(shape, order="F" if fortran else "C")
    native = np.array(array, dtype=dtype.newbyteorder("="), order="C")
    native.setflags(write=False)
    return native


def split_rows(
    arrays: Mapping[str, npt.ArrayLike], expected_shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, npt.NDArray[Any]]:
    """Arrange each array as rows of what the model takes at once.

    An array fits if it is one input (`shape`), many along the batch axis (`(N, *shape[1:])` where
    `shape[0]` is 1), one without the batch axis (`shape[1:]`), or many along a new axis
    (`(N, *shape)`).

    Args:
        arrays: by input name.
        expected_shapes: the model's static input shapes, by name.

    Returns:
        By name, in the model's order, arrays of shape (N, *shape) with one N >= 1 for all.

    Raises:
        MalformedInput: names, shapes or numbers of rows do not match.
    """
    missing = [name for name in expected_shapes if name not in arrays]
    extra = [name for name in arrays if name not in expected_shapes]
    if missing or extra:
        raise MalformedInput(
            "the arrays are not named as the model's inputs",
            why="; ".join(
                f"{word} {', '.join(names)}"
                for word, names in (("missing:", missing), ("unknown:", extra))
                if names
            ),
            hint=f"name the arrays {', '.join(expected_shapes)}",
            code="wrong-names",
        )
    rows = {name: _rows(name, arrays[name], shape) for name, shape in expected_shapes.items()}
    counts = {name: array.shape[0] for name, array in rows.items()}
    if len(set(counts.values())) > 1:
        raise MalformedInput(
            "the arrays have different numbers of rows",
            why=", ".join(f"{name} {count}" for name, count in counts.items()),
            code="wrong-shape",
        )
    return rows


def _rows(name: str, values: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise MalformedInput(
            f"the array holds {array.dtype}, not real numbers",
            where=f"array {name}",
            code="not-numeric",
        )
    batched = len(shape) > 0 and shape[0] == 1
    fits = (
        array.shape == shape
        or (batched and array.shape == shape[1:])
        or array.shape[1:] == shape
        or (batched and len(array.shape) > 0 and array.shape[1:] == shape[1:])
    )
    if not fits or array.size == 0:
        batch = f" or {('N', *shape[1:])}".replace("'", "") if batched else ""
        raise MalformedInput(
            f"shape {array.shape} does not fit the model",
            where=f"array {name}",
            why=f"the model takes {shape}{batch}",
            code="wrong-shape",
        )
    return array.reshape(-1, *shape)


def select_row(
    arrays: Mapping[str, npt.ArrayLike],
    expected_shapes: Mapping[str, tuple[int, ...]],
    index: int | None = None,
) -> dict[str, npt.NDArray[Any]]:
    """Pick what the model takes at once: the only row, or row `index`, of each array.

    Args:
        arrays: by input name; see `split_rows` for the shapes that fit.
        expected_shapes: the model's static input shapes, by name.
        index: which row, from 0; needed if there are several.

    Raises:
        MalformedInput: names or shapes do not match, or the row is not there, or not named.
    """
    rows = split_rows(arrays, expected_shapes)
    count = min((array.shape[0] for array in rows.values()), default=1)
    if index is None and count > 1:
        raise MalformedInput(
            f"the arrays hold {count} rows where one is needed",
            hint=f"choose one by --index, 0 to {count - 1}",
            code="index-needed",
        )
    chosen = 0 if index is None else index
    if not 0 <= chosen < count:
        raise MalformedInput(
            f"there is no row {chosen}",
            why=f"the arrays hold {count} row{'s' if count != 1 else ''}",
            hint=f"choose one by --index, 0 to {count - 1}",
            code="no-such-row",
        )
    return {name: array[chosen] for name, array in rows.items()}
