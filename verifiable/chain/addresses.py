"""Addresses as people read and write them: hex with the checksum of EIP-55.

Inside, an address is 20 bytes; text is for the borders.
"""

from __future__ import annotations

import re

from verifiable.errors import InvalidInput
from verifiable.statement.hashing import keccak
from verifiable.statement.view import ADDRESS_BYTES

__all__ = ["checksummed", "parse_address"]

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)

_SHOWN = re.compile(r"[\w.-]{0,44}")
"""A private key or the URL of a node, which people mistake for an address, is something else."""


def checksummed(address: bytes) -> str:
    """`0x` and 40 hex digits whose letters' case is the checksum (EIP-55)."""
    if len(address) != ADDRESS_BYTES:
        raise InvalidInput(f"an address is {ADDRESS_BYTES} bytes", code="bad-address")
    digits = address.hex()
    bits = keccak(digits.encode("ascii")).hex()
    return "0x" + "".join(
        digit.upper() if int(bit, 16) >= 8 else digit
        for digit, bit in zip(digits, bits, strict=False)
    )


def parse_address(text: str) -> bytes:
    """Read an address. Where its letters are of both cases, they must be the checksum.

    Raises:
        InvalidInput: (code `bad-address`) the form or the checksum is wrong.
    """
    if not _ADDRESS.fullmatch(text):
        shown = repr(text) if _SHOWN.fullmatch(text) else "this"
        raise InvalidInput(
            f"{shown} is not an address",
            why="it is not `0x` and 40 hex digits",
            code="bad-address",
        )
    address = bytes.fromhex(text[2:])
    if text[2:] not in (text[2:].lower(), text[2:].upper()) and checksummed(address) != text:
        raise InvalidInput(
            f"{text!r} has a wrong checksum",
            why="the case of its letters does not fit its digits (EIP-55)",
            hint="a digit was mistyped: copy the address again",
            code="bad-address",
        )
    return address
