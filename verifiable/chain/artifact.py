"""Compiled contracts as they are shipped: one JSON file each, in `verifiable/chain/artifacts`.

Users need no compiler. A file holds what `solc` made of our sources, and the hashes of those
sources; nothing is fetched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, NoReturn

from verifiable.chain.gas import MAX_INITCODE_BYTES
from verifiable.errors import ChainError
from verifiable.statement.hashing import keccak

__all__ = ["Artifact", "ImmutableRange", "artifact_names", "load_artifact", "parse_artifact"]

_PACKAGE = "verifiable.chain.artifacts"
_MAX_FILE_BYTES = 16 << 20
_RANGE = ("start", "length")
_KEYS = {
    "abi",
    "bytecode",
    "compiler",
    "contractName",
    "deployedBytecode",
    "immutableReferences",
    "license",
    "sources",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImmutableRange:
    """Bytes of the runtime code that the constructor fills in: first byte, and how many."""

    start: int
    length: int


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """One compiled contract.

    Attributes:
        name: of the contract.
        abi: its functions, events and errors, as solc describes them, in sorted order.
        bytecode: what a deployment executes; constructor arguments follow it.
        runtime: the code at the contract's address, with zeros where immutables go.
        immutable_references: where those are.
        compiler: `version` and `settings`.
        sources: sha256 (hex) of each source by its path in `contracts/`.
        license: SPDX identifier.
    """

    name: str
    abi: tuple[Mapping[str, Any], ...]
    bytecode: bytes
    runtime: bytes
    immutable_references: tuple[ImmutableRange, ...] = ()
    compiler: Mapping[str, Any]
    sources: Mapping[str, str]
    license: str

    @cached_property
    def code_hash(self) -> bytes | None:
        """keccak-256 of the deployed code; None if immutables make it differ by deployment."""
        return None if self.immutable_references else keccak(self.runtime)

    def matches(self, code: bytes) -> bool:
        """Whether deployed code is this contract's, whatever values its immutables have."""
        return len(code) == len(self.runtime) and self._masked(code) == self._masked(self.runtime)

    def _masked(self, code: bytes) -> bytes:
        masked = bytearray(code)
        for place in self.immutable_references:
            masked[place.start : place.start + place.length] = bytes(place.length)
        return bytes(masked)


def artifact_names() -> tuple[str, ...]:
    """Names of all contracts that are shipped, sorted."""
    return tuple(
        sorted(
            entry.name.removesuffix(".json")
            for entry in _folder().iterdir()
            if entry.name.endswith(".json")
        )
    )


@cache
def load_artifact(name: str) -> Artifact:
    """Load a shipped contract by its name.

    Raises:
        ChainError: no contract of this name is shipped, or its file is damaged.
    """
    if name not in artifact_names():
        raise ChainError(
            f"no contract {name!r} is shipped",
            why=f"there are {', '.join(artifact_names()) or 'none'}",
            code="unknown-artifact",
        )
    entry = _folder() / f"{name}.json"
    artifact = parse_artifact(entry.read_bytes(), where=entry.name)
    if artifact.name != name:
        _damaged(entry.name, f"holds the contract {artifact.name!r}")
    return artifact


def parse_artifact(data: bytes, *, where: str = "") -> Artifact:
    """Read an artifact file.

    Raises:
        ChainError: it does not follow the format.
    """
    if len(data) > _MAX_FILE_BYTES:
        _damaged(where, f"is larger than {_MAX_FILE_BYTES} bytes")
    try:
        entry = json.loads(data)
    except (ValueError, RecursionError) as cause:
        _damaged(where, f"is not JSON: {cause}")
    if not isinstance(entry, dict) or set(entry) != _KEYS:
        _damaged(where, f"must be an object with the keys {', '.join(sorted(_KEYS))}")
    name, abi, compiler, sources = (
        entry[key] for key in ("contractName", "abi", "compiler", "sources")
    )
    if not isinstance(name, str) or not isinstance(entry["license"], str):
        _damaged(where, "contractName and license must be strings")
    if not isinstance(abi, list) or not all(isinstance(item, dict) for item in abi):
        _damaged(where, "abi must be a list of objects")
    if not isinstance(compiler, dict) or set(compiler) != {"version", "settings"}:
        _damaged(where, "compiler must hold version and settings")
    if not isinstance(sources, dict) or not all(
        isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)
        for digest in sources.values()
    ):
        _damaged(where, "sources must hold a sha256 for each path")
    runtime = _code(entry["deployedBytecode"], "deployedBytecode", where)
    bytecode = _code(entry["bytecode"], "bytecode", where)
    if len(bytecode) > MAX_INITCODE_BYTES:
        _damaged(where, f"bytecode is larger than {MAX_INITCODE_BYTES} bytes")
    return Artifact(
        name=name,
        abi=tuple(abi),
        bytecode=bytecode,
        runtime=runtime,
        immutable_references=tuple(
            sorted(
                _ranges(entry["immutableReferences"], len(runtime), where),
                key=lambda place: place.start,
            )
        ),
        compiler=compiler,
        sources=sources,
        license=entry["license"],
    )


def _folder() -> Traversable:
    return resources.files(_PACKAGE)


def _code(value: object, key: str, where: str) -> bytes:
    if not isinstance(value, str) or not re.fullmatch("0x([0-9a-f]{2})*", value):
        # a link reference (`__$..$__`) lands here too: our contracts have no external libraries
        _damaged(where, f"{key} must be 0x and lower-case hex")
    return bytes.fromhex(value[2:])


def _ranges(value: object, size: int, where: str) -> Iterable[ImmutableRange]:
    """The places of solc's `immutableReferences`: {id: [{start, length}, ...]}."""
    if not isinstance(value, dict):
        _damaged(where, "immutableReferences must be an object")
    for group in value.values():
        for place in group if isinstance(group, list) else [group]:
            if not isinstance(place, dict) or {type(place.get(k)) for k in _RANGE} != {int}:
                _damaged(where, "an immutable must have a start and a length")
            start, length = place["start"], place["length"]
            if not 0 <= start <= start + length <= size:
                _damaged(where, "an immutable lies outside of the code")
            yield ImmutableRange(start=start, length=length)


def _damaged(where: str, why: str) -> NoReturn:
    raise ChainError(
        "the artifact of a contract is damaged",
        where=where,
        why=why,
        hint="install the package again, or run `make contracts`",
        code="damaged-artifact",
    )
