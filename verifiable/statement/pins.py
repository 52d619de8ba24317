"""What a lock says of files: the program's own, golden vectors, the floor of accuracy, proofs.

All of it is optional in an entry of a lock, and nothing here needs numpy: a hook before each commit
reads these members, and hashes files, in a fraction of a second. `read_pinned` reads just them;
`Lock.decode` reads the rest too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from verifiable.errors import MalformedFile
from verifiable.statement.strict_json import Field, decode_strict, encode_hex, read_format

__all__ = [
    "BASIS_POINTS",
    "LOCK_FORMAT",
    "MAX_LOCK_BYTES",
    "MAX_LOCK_NAME_BYTES",
    "MAX_MODELS",
    "MAX_VECTORS",
    "MODEL_KEYS",
    "PIN_KEYS",
    "AccuracyFloor",
    "FilePin",
    "GoldenVector",
    "ModelPins",
    "PinnedModel",
    "pins_to_json",
    "read_pinned",
    "read_pins",
    "refuse_shared_files",
]

LOCK_FORMAT = "application/vnd.verifiable.lock.v1+json"
MAX_LOCK_NAME_BYTES = 256
MAX_LOCK_BYTES = 16 << 20
MAX_MODELS = 1 << 12
MAX_VECTORS = 64
"""Golden vectors of one model, and proofs."""
BASIS_POINTS = 10_000
MODEL_KEYS = ("name", "program_root", "program", "backends")
PIN_KEYS = ("accuracy", "file", "golden", "proofs")

_MAX_PATH_BYTES = 1024
_MAX_FILE_BYTES = 1 << 40
_MAX_ROW = (1 << 31) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePin:
    """One file by its content.

    Attributes:
        path: relative to the lock's folder, parts divided by `/`; it never leads out of it.
        sha256: of the content, 32 bytes.
        size: of the content, in bytes.
    """

    path: str
    sha256: bytes
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenVector:
    """One input and the output that the program must give for it.

    Attributes:
        input: the `.npz` file of raw inputs.
        row: which of its rows.
        output_root: the output's commitment, as in a statement.
    """

    input: FilePin
    row: int
    output_root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyFloor:
    """How often the program must be right on labelled data.

    Attributes:
        dataset: an `.npz` file with the inputs and the array `labels`, one class a row.
        floor: the smallest share of right rows, in basis points (1/100 of a percent).
    """

    dataset: FilePin
    floor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPins:
    """The optional members of a lock's entry; all of them may be missing."""

    file: FilePin | None = None
    golden: tuple[GoldenVector, ...] = ()
    accuracy: AccuracyFloor | None = None
    proofs: tuple[FilePin, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedModel:
    """An entry of a lock, read as far as files go: `program_root` is what the entry says."""

    name: str
    program_root: bytes
    pins: ModelPins


def read_pinned(data: bytes) -> tuple[PinnedModel, ...]:
    """Read names, roots and pins of a lock, and none of its headers and keys.

    Raises:
        MalformedFile: as `Lock.decode`, for what is read.
    """
    root = decode_strict(data, limit_bytes=MAX_LOCK_BYTES, error=MalformedFile, name="lock")
    read_format(root, LOCK_FORMAT)
    models = root.object(("format", "models"))["models"]
    found = []
    for item in models.array(limit=MAX_MODELS):
        entry = item.object(MODEL_KEYS, PIN_KEYS)
        found.append(
            PinnedModel(
                name=entry["name"].name(limit_bytes=MAX_LOCK_NAME_BYTES),
                program_root=entry["program_root"].digest(),
                pins=read_pins(entry),
            )
        )
    if len({model.program_root for model in found}) != len(found):
        models.refuse("two entries for one program", code="duplicate-program")
    refuse_shared_files(models, [model.pins for model in found])
    return tuple(found)


def read_pins(entry: Mapping[str, Field]) -> ModelPins:
    """Read the optional members of an entry.

    Raises:
        MalformedFile: naming the field.
    """
    file = entry.get("file")
    golden = entry.get("golden")
    accuracy = entry.get("accuracy")
    proofs = entry.get("proofs")
    return ModelPins(
        file=None if file is None else _read_file(file),
        golden=() if golden is None else tuple(map(_read_vector, _some(golden))),
        accuracy=None if accuracy is None else _read_floor(accuracy),
        proofs=() if proofs is None else tuple(map(_read_file, _some(proofs))),
    )


def refuse_shared_files(models: Field, pins: list[ModelPins]) -> None:
    """Refuse a lock in which two programs lie in one file: one of them would not be there.

    Raises:
        MalformedFile: (code `duplicate-file`).
    """
    paths = [item.file.path for item in pins if item.file is not None]
    if len(set(paths)) != len(paths):
        models.refuse("two entries for one file", code="duplicate-file")


def pins_to_json(pins: ModelPins) -> dict[str, object]:
    """The members of an entry that are there, as JSON objects."""
    found: dict[str, object] = {}
    if pins.file is not None:
        found["file"] = _file_to_json(pins.file)
    if pins.golden:
        found["golden"] = [
            {
                "input": _file_to_json(vector.input),
                "row": vector.row,
                "output_root": encode_hex(vector.output_root),
            }
            for vector in pins.golden
        ]
    if pins.accuracy is not None:
        dataset = _file_to_json(pins.accuracy.dataset)
        found["accuracy"] = {"dataset": dataset, "floor_basis_points": pins.accuracy.floor}
    if pins.proofs:
        found["proofs"] = [_file_to_json(item) for item in pins.proofs]
    return found


def _file_to_json(pin: FilePin) -> dict[str, object]:
    return {"path": pin.path, "sha256": encode_hex(pin.sha256), "size": pin.size}


def _some(field: Field) -> list[Field]:
    """The items of a list that is not empty: what pins nothing is left out instead."""
    items = field.array(limit=MAX_VECTORS)
    if not items:
        field.refuse("at least one item is expected", code="wrong-count")
    return items


def _read_file(field: Field) -> FilePin:
    found = field.object(("path", "sha256", "size"))
    return FilePin(
        path=_read_path(found["path"]),
        sha256=found["sha256"].digest(),
        size=found["size"].integer(0, _MAX_FILE_BYTES),
    )


def _read_path(field: Field) -> str:
    path = field.name(limit_bytes=_MAX_PATH_BYTES)
    parts = path.split("/")
    if "\\" in path or any(part in ("", ".", "..") for part in parts):
        field.refuse(
            f"{path[:80]!r} is not the path of a file below the lock's folder",
            hint="divide its parts by /, without `..` and without / in front",
            code="bad-path",
        )
    return path


def _read_vector(field: Field) -> GoldenVector:
    found = field.object(("input", "row", "output_root"))
    return GoldenVector(
        input=_read_file(found["input"]),
        row=found["row"].integer(0, _MAX_ROW),
        output_root=found["output_root"].digest(),
    )


def _read_floor(field: Field) -> AccuracyFloor:
    found = field.object(("dataset", "floor_basis_points"))
    return AccuracyFloor(
        dataset=_read_file(found["dataset"]),
        floor=found["floor_basis_points"].integer(1, BASIS_POINTS),
    )
