"""BLS signatures: the proof-of-possession scheme of draft-irtf-cfrg-bls-signature with short keys.

A thin layer over py-ecc, in which every point that comes in is checked: on its curve, not neutral,
in the subgroup of prime order. py-ecc computes in plain Python: a pairing takes a third of a
second, and signing is not protected against somebody who can time it closely on the same machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

from verifiable.backends.quorum.points import G1_BYTES, G2_BYTES, NotAPoint, evm_number
from verifiable.errors import MissingDependency
from verifiable.recursion import recursion_limit_kept
from verifiable.statement.hashing import keccak

__all__ = [
    "GROUP_ORDER",
    "POSSESSION_TAG",
    "SECRET_BYTES",
    "SIGNATURE_TAG",
    "aggregate_keys",
    "aggregate_signatures",
    "derive_secret",
    "g2_evm",
    "is_key_in_subgroup",
    "is_signature",
    "is_signed",
    "possession_of",
    "possessions_hold",
    "public_key_of",
    "require_curve",
    "sign",
]

GROUP_ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
SECRET_BYTES = 32
SIGNATURE_TAG = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"
POSSESSION_TAG = b"BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"

_BATCH_DOMAIN = b"verifiable/quorum-batch/v1\x00"
_BATCH_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Curve:
    """The modules of py-ecc that are used here."""

    curve: Any
    primitives: Any
    hashing: Any
    schemes: Any


@lru_cache(maxsize=1)
def _curve() -> _Curve:
    try:
        with recursion_limit_kept():
            from py_ecc import optimized_bls12_381 as curve
            from py_ecc.bls import ciphersuites, g2_primitives, hash_to_curve
    except ImportError as cause:
        raise MissingDependency(
            "py-ecc is not installed, which pairs points of BLS12-381",
            why=str(cause),
            hint="pip install 'verifiable[quorum]'",
        ) from cause
    return _Curve(
        curve=curve, primitives=g2_primitives, hashing=hash_to_curve, schemes=ciphersuites
    )


def require_curve() -> None:
    """Load what pairs, or say that it is missing.

    Raises:
        MissingDependency: py-ecc is not installed.
    """
    _curve()


def derive_secret(seed: bytes) -> int:
    """A secret key from 32 or more random bytes, by the standard's KeyGen."""
    return int(_curve().schemes.G2ProofOfPossession.KeyGen(seed))


def public_key_of(secret: int) -> bytes:
    """The compressed public key of a secret key."""
    lib = _curve()
    return bytes(lib.primitives.G1_to_pubkey(lib.curve.multiply(lib.curve.G1, secret)))


def sign(secret: int, message: bytes, *, tag: bytes = SIGNATURE_TAG) -> bytes:
    """The signature of a message, compressed: the only one that there is."""
    lib = _curve()
    point = lib.curve.multiply(_hashed(message, tag), secret)
    return bytes(lib.primitives.G2_to_signature(point))


def possession_of(secret: int) -> bytes:
    """The proof that the holder of a public key knows its secret."""
    return sign(secret, public_key_of(secret), tag=POSSESSION_TAG)


def is_key_in_subgroup(public_key: bytes) -> bool:
    """Whether a public key is a point of order r: on the curve, not neutral, in the subgroup."""
    try:
        _key_point(public_key)
    except NotAPoint:
        return False
    return True


def is_signature(signature: bytes) -> bool:
    """Whether bytes are a point of order r of G2, in its one encoding."""
    try:
        _signature_point(signature)
    except NotAPoint:
        return False
    return True


def aggregate_keys(public_keys: Sequence[bytes]) -> bytes | None:
    """The sum of public keys, compressed; None if they cancel out."""
    lib = _curve()
    total = lib.curve.Z1
    for public_key in public_keys:
        total = lib.curve.add(total, _key_point(public_key))
    return None if lib.curve.is_inf(total) else bytes(lib.primitives.G1_to_pubkey(total))


def aggregate_signatures(signatures: Sequence[bytes]) -> bytes | None:
    """The sum of signatures, compressed; None if they cancel out.

    Raises:
        NotAPoint: one is no signature.
    """
    lib = _curve()
    total = lib.curve.Z2
    for signature in signatures:
        total = lib.curve.add(total, _signature_point(signature))
    return None if lib.curve.is_inf(total) else bytes(lib.primitives.G2_to_signature(total))


def is_signed(
    public_key: bytes, message: bytes, signature: bytes, *, tag: bytes = SIGNATURE_TAG
) -> bool:
    """Whether a signature is that of a message by the holder of a key; about a second."""
    lib = _curve()
    try:
        key, point = _key_point(public_key), _signature_point(signature)
    except NotAPoint:
        return False
    return _cancels(
        [(_hashed(message, tag), key), (point, lib.curve.neg(lib.curve.G1))],
    )


@lru_cache(maxsize=64)
def possessions_hold(pairs: tuple[tuple[bytes, bytes], ...]) -> bool:
    """Whether each of some public keys has its proof of possession; remembered by the process.

    One equation for all of them, each weighted by a number of 128 bits that follows from all.

    Args:
        pairs: public key and proof, compressed.

    Soundness:
        A wrong proof passes only if a combination by such numbers is zero by chance, once in 2^128
        tries at hashing: the points are in groups of prime order, which is checked.
    """
    lib = _curve()
    seed = keccak(_BATCH_DOMAIN + b"".join(key + proof for key, proof in pairs))
    total = lib.curve.Z2
    terms = []
    for index, (public_key, proof) in enumerate(pairs):
        try:
            key, point = _key_point(public_key), _signature_point(proof)
        except NotAPoint:
            return False
        weight = int.from_bytes(keccak(seed + index.to_bytes(2, "big"))[:_BATCH_BYTES], "big") | 1
        terms.append((_hashed(public_key, POSSESSION_TAG), lib.curve.multiply(key, weight)))
        total = lib.curve.add(total, lib.curve.multiply(point, weight))
    return _cancels([*terms, (total, lib.curve.neg(lib.curve.G1))])


def g2_evm(signature: bytes) -> bytes:
    """The 256 bytes by which EIP-2537 writes a signature.

    Raises:
        NotAPoint: it is none.
    """
    x, y = _curve().curve.normalize(_signature_point(signature))
    return b"".join(evm_number(int(number)) for value in (x, y) for number in value.coeffs)


def _hashed(message: bytes, tag: bytes) -> Any:
    return _curve().hashing.hash_to_G2(message, tag, sha256)


def _cancels(terms: Sequence[tuple[Any, Any]]) -> bool:
    """Whether the product of pairings, each of a point of G2 and one of G1, is one."""
    lib = _curve()
    product = lib.curve.FQ12.one()
    for second, first in terms:
        product *= lib.curve.pairing(second, first, final_exponentiate=False)
    return bool(lib.curve.final_exponentiate(product) == lib.curve.FQ12.one())


@lru_cache(maxsize=256)
def _key_point(public_key: bytes) -> Any:
    lib = _curve()
    return _checked(public_key, G1_BYTES, lib.primitives.pubkey_to_G1)


@lru_cache(maxsize=256)
def _signature_point(signature: bytes) -> Any:
    lib = _curve()
    return _checked(signature, G2_BYTES, lib.primitives.signature_to_G2)


def _checked(data: bytes, size: int, decompress: Any) -> Any:
    """A point of prime order from its bytes.

    Raises:
        NotAPoint: of another size, not canonical, off the curve, neutral, or of another order.
    """
    lib = _curve()
    if len(data) != size:
        raise NotAPoint(f"not {size} bytes")
    try:
        point = decompress(data)
    except (ValueError, AssertionError) as cause:
        raise NotAPoint(str(cause)) from cause
    if lib.curve.is_inf(point):
        raise NotAPoint("the neutral point")
    if not lib.primitives.subgroup_check(point):
        raise NotAPoint("not in the subgroup of prime order")
    return point
