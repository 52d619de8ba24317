"""The prefix of a TDX quote, field by field, under keys of the test's own.

Written again from the layout, apart from the simulator: what it makes and what the simulator makes
must register alike.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from verifiable.statement.hashing import keccak

PREFIX_BYTES = 1252
BODY_BYTES = 632

SVN = bytes.fromhex("07010300000000000000000000000000")
FEATURES = bytes.fromhex("0000001000000000e702060000000000")
QE_SIGNER = bytes.fromhex("dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5")
KEY_TAG = b"VERIFIABLEK1"


def p256(label: str) -> ec.EllipticCurvePrivateKey:
    """A key on P-256 that everyone can make again."""
    scalar = int.from_bytes(hashlib.sha256(label.encode()).digest(), "big") >> 1
    return ec.derive_private_key(scalar, ec.SECP256R1())


def point(key: ec.EllipticCurvePrivateKey) -> tuple[bytes, bytes]:
    """Coordinates of the public key, 32 bytes each."""
    numbers = key.public_key().public_numbers()
    return numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")


def sign(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """`r || s`, the same for the same message."""
    der = key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def binding(chain_id: int, registry: bytes, key: bytes, challenge: bytes) -> bytes:
    """What a key quote binds besides the key, written again."""
    words = (keccak(b"verifiable/tee/key/v1"), chain_id.to_bytes(32, "big"))
    return keccak(b"".join(words) + bytes(12) + registry + bytes(12) + key + challenge)


@dataclass(frozen=True, kw_only=True)
class QuotePrefix:
    """A machine, a TD on it and what its report says; `data` is the prefix.

    Attributes:
        report_data: 64 bytes.
        patches: bytes to overwrite before anything is hashed or signed, by offset.
        spoiled: bytes to overwrite in the end, by offset.
    """

    report_data: bytes
    mrtd: bytes = hashlib.sha384(b"mrtd").digest()
    rtmrs: tuple[bytes, ...] = tuple(
        hashlib.sha384(f"rtmr{number}".encode()).digest() for number in range(4)
    )
    pck: str = "pck"
    attestation: str = "attestation"
    patches: dict[int, bytes] = field(default_factory=dict)
    spoiled: dict[int, bytes] = field(default_factory=dict)

    @cached_property
    def data(self) -> bytes:
        quote = bytearray(PREFIX_BYTES)
        attestation = p256(self.attestation)
        for offset, part in (
            (0, bytes.fromhex("0400020081000000")),
            (12, bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")),
            (48, SVN),
            (64, hashlib.sha384(b"mrseam").digest()),
            (168, FEATURES),
            (184, self.mrtd),
            *((376 + 48 * number, rtmr) for number, rtmr in enumerate(self.rtmrs)),
            (568, self.report_data),
            (632, (4300).to_bytes(4, "little")),
            (700, b"".join(point(attestation))),
            (764, bytes.fromhex("060046100000")),
            (770, bytes.fromhex("0303191b04ff00060000000000000000")),
            (818, bytes.fromhex("1500000000000000e700000000000000")),
            (834, hashlib.sha256(b"mrenclave").digest()),
            (898, QE_SIGNER),
            (1026, bytes.fromhex("02000800")),
            (1218, bytes.fromhex("2000") + bytes(range(32))),
        ):
            quote[offset : offset + len(part)] = part
        quote[1090:1122] = hashlib.sha256(quote[700:764] + quote[1220:1252]).digest()
        for offset, part in self.patches.items():
            quote[offset : offset + len(part)] = part
        quote[636:700] = sign(attestation, bytes(quote[:BODY_BYTES]))
        quote[1154:1218] = sign(p256(self.pck), bytes(quote[770:1154]))
        for offset, part in self.spoiled.items():
            quote[offset : offset + len(part)] = part
        return bytes(quote)

    @property
    def digest(self) -> bytes:
        """SHA-256 of header and body: what the proof of possession names."""
        return hashlib.sha256(self.data[:BODY_BYTES]).digest()

    @property
    def workload(self) -> bytes:
        """What the registry calls the TD's measurements."""
        return keccak(self.mrtd + b"".join(self.rtmrs))
