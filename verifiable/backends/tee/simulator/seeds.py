"""Keys, serial numbers and bytes from a seed: whoever has the seed can sign anything.

A simulated authority is derived from its seed alone, so that evidence can be made again byte for
byte. The built-in seed is public; evidence under it shows that formats and code paths work, and
nothing else.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from verifiable.errors import SetupError

__all__ = ["BUILTIN_SEED", "Seed", "raw_public_key", "sign_raw"]

_MIN_SEED_BYTES = 16

# the orders of the groups, as in SEC 2 and FIPS 186-4
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P384_ORDER = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffff"
    "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)
_SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """Secret (or, for tests, public) bytes that everything of an authority is derived from.

    Labels keep what is derived apart; the same label gives the same key on every machine and in
    every release.

    Attributes:
        value: 16 bytes or more.

    Raises:
        SetupError: (code `seed-too-short`) fewer than 16 bytes.
    """

    value: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.value) < _MIN_SEED_BYTES:
            raise SetupError(
                "seed too short",
                where="simulated authority",
                why=f"{len(self.value)} bytes, needs {_MIN_SEED_BYTES} or more",
                hint="take 32 random bytes, or the built-in public seed",
                code="seed-too-short",
            )

    @classmethod
    def random(cls) -> Seed:
        """A seed that nobody knows: 32 bytes from the operating system."""
        return cls(value=secrets.token_bytes(32))

    @property
    def is_public(self) -> bool:
        """Whether it is the built-in seed, which everyone knows."""
        return self.value == BUILTIN_SEED.value

    def derive(self, label: str, size: int) -> bytes:
        """`size` bytes by HKDF-SHA512 (RFC 5869; no salt, the label as info); at most 16,320."""
        hkdf = HKDF(algorithm=hashes.SHA512(), length=size, salt=None, info=label.encode())
        return hkdf.derive(self.value)

    def p256(self, label: str) -> ec.EllipticCurvePrivateKey:
        """A key on NIST P-256."""
        return ec.derive_private_key(self._scalar(label, _P256_ORDER), ec.SECP256R1())

    def p384(self, label: str) -> ec.EllipticCurvePrivateKey:
        """A key on NIST P-384."""
        return ec.derive_private_key(self._scalar(label, _P384_ORDER), ec.SECP384R1())

    def secp256k1(self, label: str) -> bytes:
        """A key on secp256k1: the scalar, 32 bytes, big-endian."""
        return self._scalar(label, _SECP256K1_ORDER).to_bytes(32, "big")

    def serial(self, label: str) -> int:
        """A certificate's serial number: positive, 152 bits, never the same for two labels."""
        # the first byte is fixed: 20 bytes in DER, as vendors have, and never a leading zero
        return int.from_bytes(b"\x5f" + self.derive(f"serial/{label}", 19), "big")

    def _scalar(self, label: str, order: int) -> int:
        # 512 bits for an order of at most 384: the bias of the remainder is below 2^-128
        return 1 + int.from_bytes(self.derive(label, 64), "big") % (order - 1)


BUILTIN_SEED = Seed(value=b"verifiable: this seed is public, it proves nothing")
"""Seed of the built-in simulator. It is printed here, so its evidence convinces nobody."""


def raw_public_key(key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) -> bytes:
    """The point as `x || y`, big-endian, each as long as the curve's field."""
    public = key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key
    size = (public.curve.key_size + 7) // 8
    numbers = public.public_numbers()
    return numbers.x.to_bytes(size, "big") + numbers.y.to_bytes(size, "big")


def sign_raw(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """Sign with ECDSA (RFC 6979 nonces): `r || s`, big-endian; SHA-384 on P-384, else SHA-256."""
    size = (key.curve.key_size + 7) // 8
    digest: hashes.HashAlgorithm = hashes.SHA384() if size == 48 else hashes.SHA256()
    der = key.sign(message, ec.ECDSA(digest, deterministic_signing=True))
    r, s = utils.decode_dss_signature(der)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")
