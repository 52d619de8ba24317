"""Why a contract refused: revert data to the error's name and arguments.

Errors bubble up from inner contracts, so one table holds those of all our artifacts, by selector.
Revert data comes from strangers: it is decoded leniently, shown cut, and never raises.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

from verifiable.chain.abi import SELECTOR_BYTES, AbiEntry, Param, decode, entries_of
from verifiable.chain.artifact import Artifact, artifact_names, load_artifact
from verifiable.chain.rpc import shown
from verifiable.errors import ChainError, Reverted

__all__ = [
    "EMPTY_REVERT",
    "PANICS",
    "ErrorTable",
    "RevertReason",
    "decode_revert",
    "error_table",
    "reverted",
    "shipped_errors",
]

PANICS: Mapping[int, str] = {
    0x00: "a panic of the compiler",
    0x01: "a failed assertion",
    0x11: "an arithmetic overflow or underflow",
    0x12: "a division by zero",
    0x21: "a value that its enum does not have",
    0x22: "a storage array that is wrongly encoded",
    0x31: "a pop of an empty array",
    0x32: "an index out of bounds",
    0x41: "too much memory",
    0x51: "a call of an internal function that was never set",
}
"""Solidity's panic codes."""

EMPTY_REVERT = (
    "the contract gave no reason: out of gas in an inner call, a proof that a verifier rejected, a "
    "call to an address without code, or a plain revert"
)

ErrorTable = Mapping[bytes, AbiEntry]
"""Errors by their four-byte selectors."""

_ERROR = AbiEntry(kind="error", name="Error", inputs=(Param(name="message", type="string"),))
_PANIC = AbiEntry(kind="error", name="Panic", inputs=(Param(name="code", type="uint256"),))
_SHOWN_BYTES = 36


@dataclass(frozen=True, slots=True, kw_only=True)
class RevertReason:
    """Revert data, read.

    Attributes:
        name: of the custom error, `Error` or `Panic`; empty if there is no data, or none that is
            known.
        arguments: by name.
        text: for people, one line.
        data: as it came.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    text: str
    data: bytes


def error_table(
    artifacts: Iterable[Artifact], known: ErrorTable = MappingProxyType({})
) -> ErrorTable:
    """The errors of contracts by selector, with Solidity's own two.

    Args:
        known: errors that the table holds besides.

    Raises:
        ChainError: `selector-clash`: two different errors share a selector.
    """
    table = {_ERROR.selector: _ERROR, _PANIC.selector: _PANIC, **known}
    for artifact in artifacts:
        for entry in entries_of(artifact, "error"):
            first = table.setdefault(entry.selector, entry)
            if first.signature != entry.signature:
                raise ChainError(
                    f"the errors {first.signature} and {entry.signature} have one selector",
                    where=artifact.name,
                    hint="rename one of them",
                    code="selector-clash",
                )
    return table


@cache
def shipped_errors() -> ErrorTable:
    """The errors of all contracts that are shipped."""
    return error_table(load_artifact(name) for name in artifact_names())


def decode_revert(data: bytes, table: ErrorTable | None = None) -> RevertReason:
    """Read revert data.

    Args:
        data: untrusted.
        table: the errors that are known; None: those of all shipped contracts.
    """
    if not data:
        return RevertReason(name="", text=EMPTY_REVERT, data=data)
    selector = data[:SELECTOR_BYTES]
    entry = (shipped_errors() if table is None else table).get(selector)
    if entry is None:
        return _unknown(data, "an error that no known contract declares")
    try:
        values = decode(entry.inputs, data[SELECTOR_BYTES:], what="revert data", strict=False)
    except ChainError:
        return _unknown(data, f"data that does not fit {entry.signature}")
    arguments = entry.named(values)
    if entry is _ERROR:
        text = shown(arguments["message"]) or "an empty reason"
    elif entry is _PANIC:
        code = arguments["code"]
        text = f"Panic(0x{code:02x}): {PANICS.get(code, 'a code that Solidity does not define')}"
    else:
        text = f"{entry.name}({', '.join(f'{k}={_value(v)}' for k, v in arguments.items())})"
    return RevertReason(name=entry.name, arguments=arguments, text=shown(text), data=data)


def reverted(
    reason: RevertReason,
    *,
    what: str,
    transaction: bytes | None = None,
    where: str = "",
    hint: str = "",
) -> Reverted:
    """The exception for a reason."""
    return Reverted(
        what,
        name=reason.name,
        arguments=reason.arguments,
        data=reason.data,
        transaction=transaction,
        where=where,
        why=reason.text,
        hint=hint,
        code="reverted",
    )


def _unknown(data: bytes, text: str) -> RevertReason:
    head = f"0x{data[:_SHOWN_BYTES].hex()}" + ("..." if len(data) > _SHOWN_BYTES else "")
    return RevertReason(name="", text=f"{text}: {head}, {len(data)} bytes", data=data)


def _value(value: object) -> str:
    if isinstance(value, bytes):
        return f"0x{value[:_SHOWN_BYTES].hex()}" + ("..." if len(value) > _SHOWN_BYTES else "")
    if isinstance(value, tuple):
        return f"({', '.join(_value(item) for item in value[:_SHOWN_BYTES])})"
    return shown(str(value))
