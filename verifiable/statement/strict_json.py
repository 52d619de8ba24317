"""Strict reading of JSON from untrusted hands, and typed reading of its fields.

Refused: anything but UTF-8, duplicate keys, numbers that are not canonical integers (`1.0`, `1e3`,
`-0`, `NaN`), nesting beyond a limit, trailing data, lone surrogates. A `Field` knows its path, so
every error names the place.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, NoReturn

from verifiable.errors import MalformedFile
from verifiable.statement.names import control_in

if TYPE_CHECKING:
    from verifiable.program.program import IntArray

__all__ = [
    "Field",
    "decode_strict",
    "encode_base64",
    "encode_canonical",
    "encode_hex",
    "naming_file",
    "read_format",
]

_MEDIA_TYPE = re.compile(
    r"application/vnd\.verifiable\.([a-z]{1,20})\.v([0-9]{1,4})\+json", re.ASCII
)

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_ODD_INTEGER = re.compile(r"-0|[0-9]{20}", re.ASCII)
_MAX_CONTAINERS = 1 << 18
"""Far above any real document; each empty pair of brackets costs a reader thirty times its size."""
_MAX_KEYS = 1 << 18
_MAX_COMMAS = 1 << 23
"""Far above any real tensor; each number costs a reader ten times its size."""
_HEX = re.compile(r"0x(?:[0-9a-f]{2})*", re.ASCII)
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1


def encode_canonical(value: object) -> bytes:
    """The one text that this package writes: sorted keys, no spaces, ASCII, newline at the end."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
    return text.encode("ascii") + b"\n"


def encode_hex(data: bytes) -> str:
    """Lower-case hex with `0x`."""
    return "0x" + data.hex()


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a decoded document, its path, and the error class of its document."""

    value: object
    path: str
    error: type[MalformedFile]

    def refuse(self, what: str, *, code: str, hint: str = "") -> NoReturn:
        """Raise the document's error at this path."""
        raise self.error(what, where=self.path, hint=hint, code=code)

    @property
    def is_null(self) -> bool:
        """Whether the value is JSON's null."""
        return self.value is None

    def object(self, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Field]:
        """Read an object with exactly the required keys, and any of the optional ones."""
        found = self.mapping()
        missing = [key for key in required if key not in found]
        if missing:
            self.refuse(f"key {missing[0]!r} is missing", code="missing-key")
        unknown = sorted(set(found) - set(required) - set(optional))
        if unknown:
            self.refuse(f"unknown key {unknown[0][:80]!r}", code="unknown-key")
        return found

    def mapping(self) -> dict[str, Field]:
        """Read an object with any keys."""
        if not isinstance(self.value, dict):
            self.refuse("an object is expected", code="wrong-type")
        for key in self.value:
            if not _encodable(key):
                self.refuse("a key is not Unicode text", code="not-unicode")
        return {
            key: Field(value, f"{self.path}.{key[:80]}", self.error)
            for key, value in self.value.items()
        }

    def array(self, *, limit: int) -> list[Field]:
        """Read an array of at most `limit` items."""
        if not isinstance(self.value, list):
            self.refuse("an array is expected", code="wrong-type")
        if len(self.value) > limit:
            self.refuse(f"more than {limit} items", code="too-many")
        return [
            Field(item, f"{self.path}[{index}]", self.error)
            for index, item in enumerate(self.value)
        ]

    def text(self, *, limit_bytes: int = 1024) -> str:
        """Read a string of 1 to `limit_bytes` bytes of UTF-8."""
        if not isinstance(self.value, str):
            self.refuse("a string is expected", code="wrong-type")
        if not _encodable(self.value):
            self.refuse("not Unicode text", code="not-unicode")
        if not 0 < len(self.value.encode("utf-8")) <= limit_bytes:
            self.refuse(f"1 to {limit_bytes} bytes are expected", code="out-of-bounds")
        return self.value

    def name(self, *, limit_bytes: int) -> str:
        """Read a string that people will read on one line: no control characters."""
        text = self.text(limit_bytes=limit_bytes)
        if control_in(text):
            self.refuse(f"{text[:80]!r} holds a control character", code="control-character")
        return text

    def choice(self, choices: Sequence[str], *, code: str = "out-of-bounds") -> str:
        """Read one of a few strings."""
        text = self.text()
        if text not in choices:
            self.refuse(f"{text[:80]!r} is not one of {', '.join(choices)}", code=code)
        return text

    def boolean(self) -> bool:
        """Read `true` or `false`."""
        if not isinstance(self.value, bool):
            self.refuse("true or false is expected", code="wrong-type")
        return self.value

    def integer(self, low: int = _INT64_MIN, high: int = _INT64_MAX) -> int:
        """Read an integer in [low, high]."""
        if type(self.value) is not int:
            self.refuse("an integer is expected", code="wrong-type")
        if not low <= self.value <= high:
            self.refuse(f"an integer in [{low}, {high}] is expected", code="out-of-bounds")
        return self.value

    def integers(self, *, shape: tuple[int, ...]) -> IntArray:
        """Read a flat array of as many integers as `shape` holds, as read-only int64."""
        import numpy as np  # costs 0.2 s, and most documents hold no tensor

        if not isinstance(self.value, list):
            self.refuse("an array is expected", code="wrong-type")
        count = prod(shape)
        if len(self.value) != count:
            self.refuse(f"{len(self.value)} values where {count} are expected", code="wrong-count")
        if any(type(item) is not int for item in self.value):
            self.refuse("an array of integers is expected", code="wrong-type")
        try:
            array = np.array(self.value, dtype=np.int64).reshape(shape)
        except OverflowError:
            self.refuse("a value does not fit 64 signed bits", code="out-of-bounds")
        array.setflags(write=False)
        return array

    def shape(self, *, max_rank: int, max_elements: int) -> tuple[int, ...]:
        """Read a tensor's shape: at most `max_rank` axes of at least 1."""
        items = self.array(limit=max_rank)
        sizes = tuple(item.integer(1, max_elements) for item in items)
        product = 1
        for size in sizes:
            product *= size
        if product > max_elements:
            self.refuse(f"more than {max_elements} elements", code="out-of-bounds")
        return sizes

    def digest(self) -> bytes:
        """Read 32 bytes as lower-case hex with `0x`."""
        text = self.text(limit_bytes=66)
        if len(text) != 66 or _HEX.fullmatch(text) is None:
            self.refuse("0x and 64 lower-case hex digits are expected", code="not-hex")
        return bytes.fromhex(text[2:])

    def address(self) -> bytes:
        """Read 20 bytes as lower-case hex with `0x`."""
        text = self.text(limit_bytes=42)
        if len(text) != 42 or _HEX.fullmatch(text) is None:
            self.refuse("0x and 40 lower-case hex digits are expected", code="not-hex")
        return bytes.fromhex(text[2:])

    def hex(self, *, limit_bytes: int) -> bytes:
        """Read 0 to `limit_bytes` bytes as lower-case hex with `0x`."""
        if not isinstance(self.value, str):
            self.refuse("a string is expected", code="wrong-type")
        if len(self.value) > 2 + 2 * limit_bytes:
            self.refuse(f"more than {limit_bytes} bytes", code="too-large")
        if _HEX.fullmatch(self.value) is None:
            self.refuse("0x and pairs of lower-case hex digits are expected", code="not-hex")
        return bytes.fromhex(self.value[2:])

    def base64(self, *, limit_bytes: int) -> bytes:
        """Read canonical standard base64 of at most `limit_bytes` bytes."""
        if not isinstance(self.value, str):
            self.refuse("a string is expected", code="wrong-type")
        try:
            data = base64.b64decode(self.value, validate=True)
        except (binascii.Error, ValueError):
            self.refuse("not base64", code="not-base64")
        if encode_base64(data) != self.value:
            self.refuse("base64 that is not canonical", code="not-base64")
        if len(data) > limit_bytes:
            self.refuse(f"more than {limit_bytes} bytes", code="too-large")
        return data

    def exact_float(self) -> float:
        """Read a positive finite float64 written as `float.hex` writes it."""
        text = self.text(limit_bytes=32)
        try:
            value = float.fromhex(text)
        except (ValueError, OverflowError):
            self.refuse("not a hexadecimal float", code="not-float")
        if value.hex() != text or not 0.0 < value < float("inf"):
            self.refuse("not a canonical, positive and finite hexadecimal float", code="not-float")
        return value


def decode_strict(
    data: bytes, *, limit_bytes: int, error: type[MalformedFile], name: str, max_depth: int = 8
) -> Field:
    """Decode a JSON document that may come from an adversary.

    Args:
        data: the whole document.
        limit_bytes: largest accepted size.
        error: class of the error to raise.
        name: what the document is, for the paths in messages.
        max_depth: deepest accepted nesting.

    Raises:
        MalformedFile: (or the subclass `error`) with the code of what is wrong.
    """
    root = Field(None, name, error)
    if len(data) > limit_bytes:
        root.refuse(f"larger than {limit_bytes} bytes", code="too-large")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        root.refuse(f"not UTF-8{_looks_like(data)}", code="not-utf8")
    structure = _STRING.sub("", text)
    if structure.count("[") + structure.count("{") > _MAX_CONTAINERS:
        root.refuse(f"more than {_MAX_CONTAINERS} arrays and objects", code="too-many")
    if structure.count(":") > _MAX_KEYS:
        root.refuse(f"more than {_MAX_KEYS} keys", code="too-many")
    if structure.count(",") > _MAX_COMMAS:
        root.refuse(f"more than {_MAX_COMMAS} values", code="too-many")
    if _depth(structure) > max_depth:
        root.refuse(f"nested deeper than {max_depth} levels", code="too-deep")
    # JSON's grammar has neither leading zeros nor a plus; what it leaves to refuse is found here,
    # since a hook on every integer would make large tensors ten times slower to read.
    odd = _ODD_INTEGER.search(structure)
    if odd is not None:
        root.refuse(f"number {odd[0]}.. is not canonical or too long", code="number-not-canonical")

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in items:
            if key in found:
                root.refuse(f"key {key[:80]!r} appears twice", code="duplicate-key")
            found[key] = value
        return found

    def other_number(literal: str) -> NoReturn:
        root.refuse(f"number {literal[:40]} is not an integer", code="number-not-canonical")

    try:
        value = json.loads(
            text,
            object_pairs_hook=pairs,
            parse_float=other_number,
            parse_constant=other_number,
        )
    except json.JSONDecodeError as cause:
        root.refuse(
            f"not JSON: {cause.msg} at character {cause.pos}{_looks_like(data)}",
            code="malformed-json",
        )
    return Field(value, name, error)


def read_format(root: Field, expected: str) -> None:
    """Check a document's media type before anything else in it, and say what it is instead.

    Raises:
        MalformedFile: (or the document's subclass, code `unknown-format`) it is of another kind.
    """
    kind = root.mapping().get("format")
    if kind is not None and kind.value == expected:
        return
    wanted = _MEDIA_TYPE.fullmatch(expected)
    other = _MEDIA_TYPE.fullmatch(str(kind.value)) if kind is not None else None
    found = f": it is a {other[1]} file, version {other[2]}" if other else ""
    root.refuse(
        f"not a {wanted[1] if wanted else 'known'} file of a known version{found}",
        hint=f"key 'format' must be {expected!r}",
        code="unknown-format",
    )


@contextmanager
def naming_file(path: str | os.PathLike[str]) -> Iterator[None]:
    """Put the path of a file before the place that an error in it names."""
    try:
        yield
    except MalformedFile as cause:
        raise type(cause)(
            cause.what,
            where=f"{os.fspath(path)}: {cause.where}",
            why=cause.why,
            hint=cause.hint,
            code=cause.code,
        ) from cause


def _looks_like(data: bytes) -> str:
    """What bytes that are no JSON may be instead: the files that people mistake for each other."""
    if data.startswith(b"PK\x03\x04"):
        return " (it looks like an .npz archive)"
    if re.match(rb"\x08[\x01-\x7f][\x12-\x3a]", data):  # ir_version, then another field
        return " (it looks like an ONNX file: a model or a program)"
    return ""


def _depth(structure: str) -> int:
    """Deepest nesting of brackets in a text without its strings.

    Found before parsing, which recurses.
    """
    deepest = depth = 0
    for bracket in re.findall(r"[\[\]{}]", structure):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
