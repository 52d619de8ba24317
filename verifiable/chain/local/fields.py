"""Parameters of JSON-RPC requests: one parser for each kind of value.

Each takes what came with the request and returns a value of ours, or refuses with -32602.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verifiable.chain.engine import AccessList
from verifiable.chain.local.refusals import Refusal, invalid_parameters

__all__ = [
    "LATEST",
    "PENDING",
    "BlockId",
    "CallFields",
    "parse_access_list",
    "parse_address",
    "parse_any_number",
    "parse_block_id",
    "parse_call",
    "parse_data",
    "parse_flag",
    "parse_hash",
    "parse_percentiles",
    "parse_quantity",
    "parse_slot",
]

LATEST, PENDING = "latest", "pending"

BlockId = int | bytes | str
"""A block by number, by hash, or `LATEST` or `PENDING`."""

_TAGS: dict[str, BlockId] = {
    "latest": LATEST,
    "safe": LATEST,
    "finalized": LATEST,
    "pending": PENDING,
    "earliest": 0,
}

_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)
_QUANTITY = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]*)", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII)
_MAX_PERCENTILES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFields:
    """The object that `eth_call`, `eth_estimateGas` and `eth_sendTransaction` take."""

    sender: bytes | None = None
    to: bytes | None = None
    value: int = 0
    data: bytes = b""
    gas: int | None = None
    gas_price: int | None = None
    max_fee: int | None = None
    priority_fee: int | None = None
    nonce: int | None = None
    chain_id: int | None = None
    kind: int | None = None
    access_list: AccessList | None = None


def parse_data(value: Any) -> bytes:
    """Bytes: `0x` and pairs of hex digits."""
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise invalid_parameters(f"{_shown(value)} is not data: 0x and pairs of hex digits")
    return bytes.fromhex(value[2:])


def parse_address(value: Any) -> bytes:
    """An address: 20 bytes."""
    return _sized(value, 20, "an address")


def parse_hash(value: Any) -> bytes:
    """A hash: 32 bytes."""
    return _sized(value, 32, "a hash")


def parse_quantity(value: Any) -> int:
    """A number of at most 256 bits: `0x` and hex digits without leading zeros."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise invalid_parameters(
            f"{_shown(value)} is not a quantity: 0x and hex digits without leading zeros"
        )
    if len(value) > 66:
        raise invalid_parameters(f"{_shown(value)} has more than 256 bits")
    return int(value, 16)


def parse_any_number(value: Any) -> int:
    """A quantity, or a JSON number: development methods take both."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < 1 << 256:
            raise invalid_parameters(f"{_shown(value)} is out of range")
        return value
    return parse_quantity(value)


def parse_slot(value: Any) -> int:
    """A storage slot: up to 32 bytes of hex, leading zeros allowed."""
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise invalid_parameters(f"{_shown(value)} is not a storage slot: 0x and hex digits")
    return int(value, 16)


def parse_flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise invalid_parameters(f"{_shown(value)} is neither true nor false")
    return value


def parse_block_id(value: Any) -> BlockId:
    """A tag, a number, or EIP-1898's object of a number or a hash."""
    if isinstance(value, Mapping):
        if set(value) - {"requireCanonical"} == {"blockHash"}:
            return parse_hash(value["blockHash"])
        if set(value) == {"blockNumber"}:
            return parse_block_id(value["blockNumber"])
        raise invalid_parameters("a block object has one of blockNumber and blockHash")
    if isinstance(value, str) and value in _TAGS:
        return _TAGS[value]
    return parse_quantity(value)


def parse_percentiles(value: Any) -> tuple[float, ...]:
    """Rising numbers from 0 to 100."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or len(value) > _MAX_PERCENTILES:
        raise invalid_parameters(f"reward percentiles are a list of at most {_MAX_PERCENTILES}")
    for number in value:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise invalid_parameters(f"{_shown(number)} is not a percentile")
        if not 0 <= number <= 100:
            raise invalid_parameters(f"invalid reward percentile: {number}")
    if list(value) != sorted(value):
        raise invalid_parameters("invalid reward percentile: they must rise")
    return tuple(float(number) for number in value)


def parse_access_list(value: Any) -> AccessList:
    """EIP-2930: objects of an address and its storage keys."""
    if not isinstance(value, list | tuple):
        raise invalid_parameters(f"{_shown(value)} is not an access list")
    entries = []
    for entry in value:
        if not isinstance(entry, Mapping) or set(entry) != {"address", "storageKeys"}:
            raise invalid_parameters("an entry of an access list has address and storageKeys")
        keys = entry["storageKeys"]
        if not isinstance(keys, list | tuple):
            raise invalid_parameters("storageKeys is a list")
        slots = tuple(int.from_bytes(parse_hash(key), "big") for key in keys)
        entries.append((parse_address(entry["address"]), slots))
    return tuple(entries)


_PARSERS = {
    "from": ("sender", parse_address),
    "to": ("to", parse_address),
    "value": ("value", parse_quantity),
    "data": ("data", parse_data),
    "input": ("data", parse_data),
    "gas": ("gas", parse_quantity),
    "gasPrice": ("gas_price", parse_quantity),
    "maxFeePerGas": ("max_fee", parse_quantity),
    "maxPriorityFeePerGas": ("priority_fee", parse_quantity),
    "nonce": ("nonce", parse_quantity),
    "chainId": ("chain_id", parse_quantity),
    "type": ("kind", parse_quantity),
    "accessList": ("access_list", parse_access_list),
}


def parse_call(value: Any) -> CallFields:
    """A call or a transaction to be made. Nothing that it says is ignored."""
    if not isinstance(value, Mapping):
        raise invalid_parameters(f"{_shown(value)} is not a transaction object")
    found: dict[str, Any] = {}
    for key, item in value.items():
        if item is None or (key == "to" and item in ("", "0x")):
            continue
        if key not in _PARSERS:
            raise invalid_parameters(f"unknown field {_shown(key)} of a transaction")
        name, parse = _PARSERS[key]
        try:
            parsed = parse(item)
        except Refusal as refusal:
            raise invalid_parameters(f"{key}: {refusal.message}") from refusal
        if name in found and found[name] != parsed:
            raise invalid_parameters(
                'both "data" and "input" are set and not equal. '
                'Please use "input" to pass transaction call data'
            )
        found[name] = parsed
    fields = CallFields(**found)
    if fields.gas_price is not None and (fields.max_fee, fields.priority_fee) != (None, None):
        raise invalid_parameters(
            "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified"
        )
    return fields


def _sized(value: Any, size: int, what: str) -> bytes:
    data = parse_data(value)
    if len(data) != size:
        raise invalid_parameters(f"{_shown(value)} is not {what}: want {size} bytes")
    return data


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
