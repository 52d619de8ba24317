"""Functions, events and errors of a contract's ABI, and their values as bytes.

`eth_abi` encodes and decodes; this module reads solc's description of a contract, keeps addresses
as bytes, and turns every failure into a `ChainError`: what is decoded comes from strangers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import StringDecoder
from eth_abi.exceptions import DecodingError, EncodingError
from eth_abi.registry import BaseEquals
from eth_abi.registry import registry as eth_abi_registry

from verifiable.chain.artifact import Artifact
from verifiable.chain.rpc import shown
from verifiable.errors import ChainError
from verifiable.statement.hashing import keccak

__all__ = [
    "SELECTOR_BYTES",
    "AbiEntry",
    "Param",
    "constructor_of",
    "decode",
    "decode_topic",
    "encode",
    "entries_of",
    "select",
]

SELECTOR_BYTES = 4
_FIXED_BYTES = re.compile("bytes([0-9]+)")


class _Text(StringDecoder):
    """Text that is not UTF-8 is read with U+FFFD in its place.

    A contract stores any bytes as a string. If they could not be read, one hostile event would
    hide all others from who lists them.
    """

    def __init__(self) -> None:
        super().__init__(handle_string_errors="replace")  # type: ignore[no-untyped-call]


def _codec() -> ABICodec:
    # eth_abi declares no types for what makes a codec
    registry = eth_abi_registry.copy()  # type: ignore[no-untyped-call]
    registry.unregister_decoder("string")
    text = BaseEquals("string")  # type: ignore[no-untyped-call]
    registry.register_decoder(text, _Text, label="string")
    return ABICodec(registry)


_CODEC = _codec()


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One parameter of a function, event or error, or one member of a struct.

    Attributes:
        name: as in the source; empty if it has none.
        type: canonical, structs as tuples: `(uint16,bytes)[]`.
        components: of a struct or of an array of structs.
        indexed: an event keeps the value in a topic.
    """

    name: str
    type: str
    components: tuple[Param, ...] = ()
    indexed: bool = False

    @property
    def hashed_in_topic(self) -> bool:
        """Whether an indexed value of this type is kept as its keccak-256 only."""
        return self.type in ("string", "bytes") or self.type.endswith((")", "]"))


@dataclass(frozen=True, kw_only=True)
class AbiEntry:
    """A function, event or error.

    Attributes:
        kind: `function`, `event` or `error`.
        outputs: of a function.
        anonymous: an event without a topic of its own.
    """

    kind: str
    name: str
    inputs: tuple[Param, ...]
    outputs: tuple[Param, ...] = ()
    anonymous: bool = False

    @cached_property
    def signature(self) -> str:
        """Name and types, as they are hashed."""
        return f"{self.name}({','.join(param.type for param in self.inputs)})"

    @cached_property
    def topic(self) -> bytes:
        """keccak-256 of the signature: the first topic of an event."""
        return keccak(self.signature.encode("ascii"))

    @cached_property
    def selector(self) -> bytes:
        """The four bytes that a call or an error starts with."""
        return self.topic[:SELECTOR_BYTES]

    def named(self, values: Sequence[Any]) -> dict[str, Any]:
        """Values by their parameters' names; unnamed ones by position."""
        return {
            param.name or str(place): value
            for place, (param, value) in enumerate(zip(self.inputs, values, strict=True))
        }


def entries_of(artifact: Artifact, kind: str) -> Iterator[AbiEntry]:
    """All functions, events or errors of a contract."""
    return (entry for entry in _entries(_Itself(artifact)) if entry.kind == kind)


class _Itself:
    """An artifact as a key: this object, since its members have no hash."""

    __slots__ = ("artifact",)

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other.artifact is self.artifact

    def __hash__(self) -> int:
        return id(self.artifact)


@lru_cache(maxsize=64)
def _entries(key: _Itself) -> tuple[AbiEntry, ...]:
    """What has a name in an ABI. Read once: a log of many events asks for it at each of them."""
    return tuple(
        AbiEntry(
            kind=entry["type"],
            name=entry["name"],
            inputs=_params(entry["inputs"]),
            outputs=_params(entry.get("outputs", ())),
            anonymous=entry.get("anonymous", False),
        )
        for entry in key.artifact.abi
        if entry.get("type") in ("function", "event", "error")
    )


def constructor_of(artifact: Artifact) -> AbiEntry:
    """The constructor; without parameters if the source declares none."""
    for entry in artifact.abi:
        if entry.get("type") == "constructor":
            return AbiEntry(kind="constructor", name=artifact.name, inputs=_params(entry["inputs"]))
    return AbiEntry(kind="constructor", name=artifact.name, inputs=())


def select(artifact: Artifact, kind: str, name: str) -> AbiEntry:
    """The one function, event or error of a name; overloaded ones by their signature.

    Raises:
        ChainError: there is none, or several.
    """
    found = [entry for entry in entries_of(artifact, kind) if name in (entry.name, entry.signature)]
    if len(found) == 1:
        return found[0]
    raise ChainError(
        f"the contract has {len(found) or 'no'} {kind}{'s' if len(found) > 1 else ''} {name!r}",
        where=artifact.name,
        why=", ".join(entry.signature for entry in found or entries_of(artifact, kind)),
        code="unknown-member",
    )


def encode(params: Sequence[Param], values: Sequence[Any], *, where: str) -> bytes:
    """Values as the ABI lays them out.

    Args:
        params: their types.
        values: int, bool, str, bytes (addresses too), sequences; a struct is a sequence in order,
            or a mapping by member.
        where: names the call in the error.

    Raises:
        ChainError: `bad-arguments`: their number or one of them does not fit.
    """
    try:
        if len(values) != len(params):
            raise ValueError(f"{len(params)} arguments are needed, not {len(values)}")
        ordered = [_ordered(param, value) for param, value in zip(params, values, strict=True)]
        return _CODEC.encode([param.type for param in params], ordered)
    except (EncodingError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as cause:
        raise ChainError(
            "the arguments do not fit the contract",
            where=where,
            why=shown(str(cause) or type(cause).__name__),
            code="bad-arguments",
        ) from cause


def decode(
    params: Sequence[Param], data: bytes, *, what: str, strict: bool = True
) -> tuple[Any, ...]:
    """Values from the ABI's layout, addresses as bytes, structs as tuples.

    Args:
        params: their types.
        data: untrusted.
        what: names the data in the error.
        strict: refuse padding that is not zero.

    Raises:
        ChainError: `undecodable`: the data is not of these types.
    """
    try:
        values = _CODEC.decode([param.type for param in params], data, strict=strict)
        return tuple(_native(param, value) for param, value in zip(params, values, strict=True))
    except (
        DecodingError,
        ValueError,
        OverflowError,
        TypeError,
        MemoryError,
        RecursionError,
    ) as cause:
        raise ChainError(
            f"{what} is not of the types ({','.join(param.type for param in params)})",
            why=f"{len(data)} bytes, {type(cause).__name__}",
            hint="the contract at this address may be another one",
            code="undecodable",
        ) from cause


def decode_topic(param: Param, topic: bytes, *, what: str) -> Any:
    """An indexed value; the topic itself, a keccak-256, where the ABI keeps no more."""
    if param.hashed_in_topic:
        return topic
    return decode((param,), topic, what=what)[0]


def _params(entries: Iterable[Mapping[str, Any]]) -> tuple[Param, ...]:
    found = []
    for entry in entries:
        components = _params(entry.get("components", ()))
        kind = entry["type"]
        if kind.startswith("tuple"):
            kind = f"({','.join(part.type for part in components)}){kind.removeprefix('tuple')}"
        found.append(
            Param(
                name=entry.get("name", ""),
                type=kind,
                components=components,
                indexed=entry.get("indexed", False),
            )
        )
    return tuple(found)


def _element(param: Param) -> Param:
    """An array's element: the array's type without the last pair of brackets."""
    return Param(
        name=param.name, type=param.type[: param.type.rindex("[")], components=param.components
    )


def _ordered(param: Param, value: Any) -> Any:
    """A value with its structs' members in order; bytes of a fixed length must have it.

    eth_abi would fill them up with zeros, and half a digest would be taken for a whole one.
    """
    size = _FIXED_BYTES.fullmatch(param.type)
    if size and (not isinstance(value, bytes) or len(value) != int(size[1])):
        raise ValueError(f"{param.name or 'a value'} must be {size[1]} bytes")
    if not param.components and not param.type.endswith("]"):
        return value
    if param.type.endswith("]"):
        return [_ordered(_element(param), item) for item in value]
    if isinstance(value, Mapping):
        if set(value) != {part.name for part in param.components}:
            raise ValueError(f"{param.name} needs {[part.name for part in param.components]}")
        value = [value[part.name] for part in param.components]
    return [_ordered(part, item) for part, item in zip(param.components, value, strict=True)]


def _native(param: Param, value: Any) -> Any:
    """A decoded value with its addresses as bytes."""
    if param.type.endswith("]"):
        return tuple(_native(_element(param), item) for item in value)
    if param.components:
        return tuple(
            _native(part, item) for part, item in zip(param.components, value, strict=True)
        )
    return bytes.fromhex(value[2:]) if param.type == "address" else value
