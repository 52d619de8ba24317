"""The tee payload: the bytes of an attestation in a proof file, and strict decoding.

`docs/formats/tee-payload.md` defines them. What the payload says of nonce, key and time is a claim;
the verified report decides. No digest of a payload is ever an identity: vendors' evidence can be
written in several ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from verifiable.backends.tee.binding import MAX_NONCE_BYTES, PUBLIC_KEY_BYTES
from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.evidence_json import (
    EVIDENCE_KEYS,
    evidence_to_json,
    read_evidence,
    read_time,
    time_text,
)
from verifiable.backends.tee.signatures import SIGNATURE_BYTES
from verifiable.errors import MalformedProof
from verifiable.statement.hashing import DIGEST_BYTES
from verifiable.statement.strict_json import (
    Field,
    decode_strict,
    encode_canonical,
    encode_hex,
    read_format,
)

__all__ = ["BACKEND_ID", "MODES", "PAYLOAD_FORMAT", "VERSION", "Mode", "Payload"]

BACKEND_ID = "tee"
VERSION = "1.0.0"
"""Of the binding: its labels are hashed into what evidence reports and keys sign."""

PAYLOAD_FORMAT = "application/vnd.verifiable.tee-payload.v1+json"

Mode = Literal["statement", "key"]
MODES: tuple[Mode, ...] = ("statement", "key")

_LIMIT_BYTES = 1 << 20
_KEYS = (
    "format",
    "mode",
    *EVIDENCE_KEYS,
    "nonce",
    "key",
    "signature",
    "challenge",
    "at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The backend's part of a proof file.

    Attributes:
        mode: `statement`: the evidence reports the statement itself; `key`: it reports a key, and
            the key signs the statement.
        evidence: the vendor's bytes and what they are judged with.
        nonce: what a statement quote says it was made for; empty if for nothing, and in key mode.
        key: the enclave's public key, 64 bytes; may be empty in statement mode.
        signature: of the statement by `key`, 65 bytes; empty where there is no key.
        challenge: what a key quote says it was made for, 32 bytes; empty in statement mode.
        at: when the prover says the evidence was made, whole seconds, UTC: a time at which it can
            be judged again.
    """

    mode: Mode
    evidence: Evidence
    nonce: bytes = b""
    key: bytes = b""
    signature: bytes = b""
    challenge: bytes = b""
    at: datetime

    def encode(self) -> bytes:
        """The payload's bytes, canonical JSON."""
        return encode_canonical(
            {
                "format": PAYLOAD_FORMAT,
                "mode": self.mode,
                **evidence_to_json(self.evidence),
                "nonce": encode_hex(self.nonce),
                "key": encode_hex(self.key),
                "signature": encode_hex(self.signature),
                "challenge": encode_hex(self.challenge),
                "at": time_text(self.at),
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Payload:
        """Decode a payload strictly.

        Raises:
            MalformedProof: with the code and the path of what is wrong.
        """
        root = decode_strict(data, limit_bytes=_LIMIT_BYTES, error=MalformedProof, name="payload")
        read_format(root, PAYLOAD_FORMAT)
        found = root.object(_KEYS)
        mode = cast(Mode, found["mode"].choice(MODES))
        payload = cls(
            mode=mode,
            evidence=read_evidence(found),
            nonce=found["nonce"].hex(limit_bytes=MAX_NONCE_BYTES),
            key=_sized(found["key"], (0, PUBLIC_KEY_BYTES)),
            signature=_sized(found["signature"], (0, SIGNATURE_BYTES)),
            challenge=_sized(found["challenge"], (0, DIGEST_BYTES)),
            at=read_time(found["at"]),
        )
        _check_mode(payload, root)
        if payload.encode() != data:
            root.refuse(
                "the payload is not in its one canonical form",
                hint="the file was damaged or made by another program",
                code="payload-not-canonical",
            )
        return payload


def _check_mode(payload: Payload, root: Field) -> None:
    """Each mode has its own members; one that has no meaning is empty."""
    if bool(payload.key) != bool(payload.signature):
        root.refuse("a key without a signature, or a signature without", code="wrong-mode")
    if payload.mode == "statement":
        if payload.challenge:
            root.refuse("a statement quote has a nonce, no challenge", code="wrong-mode")
    elif not payload.key or not payload.challenge or payload.nonce:
        root.refuse("a key quote has a key and a challenge, no nonce", code="wrong-mode")


def _sized(field: Field, sizes: tuple[int, ...]) -> bytes:
    value = field.hex(limit_bytes=max(sizes))
    if len(value) not in sizes:
        field.refuse(f"{' or '.join(map(str, sizes))} bytes are expected", code="out-of-bounds")
    return value
