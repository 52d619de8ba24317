"""The lock file: the programs that a relying party trusts, and the keys derived from them.

A lock lets a verifier work without the model: whoever wrote it vouches that each key was derived
from the program that its entry names (check KEY-1 says so).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from verifiable.errors import MalformedFile
from verifiable.files import read_bytes
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.hashing import ProgramRoot
from verifiable.statement.header import header_to_json, read_header
from verifiable.statement.pins import (
    LOCK_FORMAT,
    MAX_LOCK_BYTES,
    MAX_LOCK_NAME_BYTES,
    MAX_MODELS,
    MODEL_KEYS,
    PIN_KEYS,
    ModelPins,
    pins_to_json,
    read_pins,
    refuse_shared_files,
)
from verifiable.statement.strict_json import (
    Field,
    decode_strict,
    encode_canonical,
    encode_hex,
    naming_file,
    read_format,
)

__all__ = ["LOCK_FORMAT", "MAX_LOCK_NAME_BYTES", "Lock", "LockedModel"]

_MAX_BACKENDS = 64
_MAX_KEY_FIELDS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedModel:
    """One trusted program.

    Attributes:
        name: for people; not checked against anything.
        program: the program's header.
        backends: by backend id the fields of its key, as that backend's format page defines them.
        pins: files that belong to the program, for `verifiable check`; no verdict rests on them.
    """

    name: str
    program: ProgramCommitment
    backends: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    pins: ModelPins = field(default_factory=ModelPins)

    @property
    def program_root(self) -> ProgramRoot:
        """The digest that names the program."""
        return self.program.program_root


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A set of trusted programs, at most one entry per program root."""

    models: tuple[LockedModel, ...]

    def entry(self, program_root: bytes) -> LockedModel | None:
        """The entry of a program, or None if the lock does not know it."""
        for model in self.models:
            if model.program_root == program_root:
                return model
        return None

    def encode(self) -> bytes:
        """The lock as the bytes of a file; deterministic."""
        return encode_canonical(
            {"format": LOCK_FORMAT, "models": [_model_to_json(model) for model in self.models]}
        )

    def encode_lines(self) -> bytes:
        """The same document with a line for each entry, so that reviews and reports show which."""
        entries = [encode_canonical(_model_to_json(model)).strip() for model in self.models]
        head = b'{"format":"' + LOCK_FORMAT.encode("ascii") + b'","models":[\n'
        return head + b",\n".join(entries) + b"\n]}\n"

    @classmethod
    def decode(cls, data: bytes) -> Lock:
        """Decode a lock file strictly.

        Raises:
            MalformedFile: with the code and the path of what is wrong.
        """
        root = decode_strict(data, limit_bytes=MAX_LOCK_BYTES, error=MalformedFile, name="lock")
        read_format(root, LOCK_FORMAT)
        found = root.object(("format", "models"))
        models = tuple(_read_model(item) for item in found["models"].array(limit=MAX_MODELS))
        if len({model.program_root for model in models}) != len(models):
            found["models"].refuse("two entries for one program", code="duplicate-program")
        refuse_shared_files(found["models"], [model.pins for model in models])
        return cls(models=models)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Lock:
        """Read and decode a lock file.

        Raises:
            MalformedFile: it cannot be read or is not a lock.
            ResourceLimit: it is too large.
        """
        data = read_bytes(path, limit_bytes=MAX_LOCK_BYTES)
        with naming_file(path):
            return cls.decode(data)


def _model_to_json(model: LockedModel) -> dict[str, object]:
    return {
        "name": model.name,
        "program_root": encode_hex(model.program_root),
        "program": header_to_json(model.program),
        "backends": {name: dict(fields) for name, fields in model.backends.items()},
        **pins_to_json(model.pins),
    }


def _read_model(item: Field) -> LockedModel:
    found = item.object(MODEL_KEYS, PIN_KEYS)
    program = read_header(found["program"])
    if program.program_root != found["program_root"].digest():
        found["program_root"].refuse(
            "the header does not hash to this root",
            hint="write the lock again from the program",
            code="lock-root-mismatch",
        )
    backends = found["backends"].mapping()
    if len(backends) > _MAX_BACKENDS:
        found["backends"].refuse(f"more than {_MAX_BACKENDS} backends", code="too-many")
    return LockedModel(
        name=found["name"].name(limit_bytes=MAX_LOCK_NAME_BYTES),
        program=program,
        backends=MappingProxyType({name: _read_key(fields) for name, fields in backends.items()}),
        pins=read_pins(found),
    )


def _read_key(item: Field) -> Mapping[str, str]:
    fields = item.mapping()
    if len(fields) > _MAX_KEY_FIELDS:
        item.refuse(f"more than {_MAX_KEY_FIELDS} fields", code="too-many")
    return MappingProxyType({name: value.text(limit_bytes=4096) for name, value in fields.items()})
