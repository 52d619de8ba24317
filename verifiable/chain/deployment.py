"""Where a contract will stand, and that it stands there after its deployment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from verifiable.chain.abi import constructor_of, encode
from verifiable.chain.artifact import Artifact
from verifiable.errors import ChainError
from verifiable.statement.hashing import keccak

__all__ = [
    "DEPLOYMENT_PROXY",
    "DEPLOYMENT_PROXY_CODE",
    "check_code",
    "create2_address",
    "create_address",
    "initcode",
]

DEPLOYMENT_PROXY = bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c")
"""Deploys what it is sent by CREATE2, at one address on every chain; nobody owns it."""

DEPLOYMENT_PROXY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe0"
    "3601600081602082378035828234f58015156039578182fd5b8082525050506014600cf3"
)


def initcode(artifact: Artifact, arguments: Sequence[Any]) -> bytes:
    """What a deployment executes: the contract's bytecode and its constructor's arguments.

    Raises:
        ChainError: `bad-arguments`.
    """
    constructor = constructor_of(artifact)
    return artifact.bytecode + encode(constructor.inputs, arguments, where=constructor.signature)


def create_address(sender: bytes, nonce: int) -> bytes:
    """Address of a contract that an account creates with its transaction of this nonce."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    item = number
    if len(number) != 1 or number[0] >= 0x80:  # RLP: only a small byte stands for itself
        item = bytes((0x80 + len(number),)) + number
    payload = bytes((0x80 + len(sender),)) + sender + item
    return keccak(bytes((0xC0 + len(payload),)) + payload)[12:]


def create2_address(creator: bytes, salt: bytes, code: bytes) -> bytes:
    """Address of a contract that `creator` makes by CREATE2 from this initcode (EIP-1014)."""
    return keccak(b"\xff" + creator + salt + keccak(code))[12:]


def check_code(
    artifact: Artifact, address: bytes, code: bytes, *, code_hash: bytes | None, where: str
) -> None:
    """Refuse an address that is not this contract's.

    A call to an address without code succeeds and returns nothing, and a transaction to it has
    status 1: without this check a missing contract looks like one that agrees.

    Args:
        artifact: what must stand there, whatever its immutables are.
        code: what stands there.
        code_hash: keccak-256 that the code must have besides; None: any.
        where: the chain, for the error.

    Raises:
        ChainError: `no-code`, `other-code`.
    """
    if not code:
        raise ChainError(
            f"there is no contract at 0x{address.hex()}",
            where=where,
            hint=f"deploy {artifact.name}, or check the address and the chain",
            code="no-code",
        )
    if not artifact.matches(code) or code_hash not in (None, keccak(code)):
        raise ChainError(
            f"the contract at 0x{address.hex()} is not this release's {artifact.name}",
            where=where,
            why=f"its code has the hash 0x{keccak(code).hex()}",
            hint="check the address and the chain",
            code="other-code",
        )
