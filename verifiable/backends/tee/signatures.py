"""Signatures of an enclave's secp256k1 key: 65 bytes `r || s || v`, as a contract recovers them."""

from __future__ import annotations

from types import ModuleType

from verifiable.errors import MissingDependency
from verifiable.statement.hashing import keccak

__all__ = ["SIGNATURE_BYTES", "address_of", "fault_of", "library", "wire_form"]

SIGNATURE_BYTES = 65
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_V = (27, 28)


def library() -> ModuleType:
    """The package that computes on the curve.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        import coincurve
    except ImportError as cause:
        raise MissingDependency(
            "signatures of enclaves need the package coincurve",
            hint="pip install 'verifiable[tee]'",
        ) from cause
    module: ModuleType = coincurve
    return module


def address_of(key: bytes) -> bytes:
    """The address of a public key `x || y` of 64 bytes: the last 20 bytes of its keccak-256."""
    return keccak(key)[12:]


def wire_form(recoverable: bytes) -> bytes:
    """A signature `r || s || v` from `r || s || recovery id` as the library makes it (low s)."""
    return recoverable[:64] + bytes((recoverable[64] + _V[0],))


def fault_of(signature: bytes, digest: bytes, key: bytes) -> str:
    """Why a signature is not that of a key over a digest; empty if it is.

    Of the two forms that each signature has, the one with the higher s is refused, and so is
    every v but 27 and 28: one answer has one signature by one key and nonce.

    Args:
        signature: 65 bytes.
        digest: 32 bytes.
        key: `x || y`, 64 bytes.

    Returns:
        `high-s` or `signature-mismatch`, codes of TEE-15.

    Raises:
        MissingDependency: the package for the curve is not installed.
    """
    if len(signature) != SIGNATURE_BYTES or signature[64] not in _V:
        return "signature-mismatch"
    if int.from_bytes(signature[32:64], "big") > _ORDER // 2:
        return "high-s"
    recoverable = signature[:64] + bytes((signature[64] - _V[0],))
    try:
        found = library().PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except ValueError:
        return "signature-mismatch"
    return "" if found.format(compressed=False)[1:] == key else "signature-mismatch"
