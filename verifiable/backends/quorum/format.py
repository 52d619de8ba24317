"""The quorum payload and what members sign: bytes, and strict decoding.

`docs/formats/quorum-payload.md` defines them. A payload says who signed and holds one aggregate
signature; which members those are, the trusted key says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from verifiable.backends.quorum.points import G1_BYTES, G2_BYTES
from verifiable.errors import MalformedFile, MalformedProof
from verifiable.statement.statement import ProgramRoot, Statement, TensorRoot
from verifiable.statement.strict_json import (
    Field,
    decode_strict,
    encode_canonical,
    encode_hex,
    read_format,
)

__all__ = [
    "BACKEND_ID",
    "MAX_MEMBERS",
    "PAYLOAD_FORMAT",
    "SIGNATURE_FORMAT",
    "VERSION",
    "PartialSignature",
    "Payload",
    "bitmap_of",
    "message_of",
    "signers_in",
]

BACKEND_ID = "quorum"
VERSION = "1.0.0"
"""Of what members sign and of what a key's digest covers: the labels below stand for it."""

MAX_MEMBERS = 32
PAYLOAD_FORMAT = "application/vnd.verifiable.quorum-payload.v1+json"
SIGNATURE_FORMAT = "application/vnd.verifiable.quorum-signature.v1+json"

_MESSAGE_DOMAIN = b"verifiable/quorum/v1"
_LIMIT_BYTES = 4096
_STATEMENT = ("program_root", "input_root", "output_root", "context")


def message_of(key_digest: bytes, statement_digest: bytes) -> bytes:
    """What every member signs, 84 bytes: no signature counts in another quorum."""
    return _MESSAGE_DOMAIN + key_digest + statement_digest


def bitmap_of(signers: Iterable[int], count: int) -> bytes:
    """A bit for each of `count` members in their order, the lowest of each byte first."""
    bits = bytearray((count + 7) // 8)
    for index in signers:
        bits[index // 8] |= 1 << index % 8
    return bytes(bits)


def signers_in(bitmap: bytes, count: int) -> tuple[int, ...]:
    """Places of the members whose bit is set; bits beyond `count` name nobody."""
    return tuple(
        index for index in range(min(count, 8 * len(bitmap))) if bitmap[index // 8] >> index % 8 & 1
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The backend's part of a proof file.

    Attributes:
        key_digest: the quorum that signed, 32 bytes.
        signers: a bit for each member, see `bitmap_of`.
        signature: the sum of the signers' signatures, compressed, 96 bytes.
    """

    key_digest: bytes
    signers: bytes
    signature: bytes

    def encode(self) -> bytes:
        """The payload's bytes, canonical JSON."""
        return encode_canonical(
            {
                "format": PAYLOAD_FORMAT,
                "key_digest": encode_hex(self.key_digest),
                "signers": encode_hex(self.signers),
                "signature": encode_hex(self.signature),
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
        found = root.object(("format", "key_digest", "signers", "signature"))
        payload = cls(
            key_digest=found["key_digest"].digest(),
            signers=found["signers"].hex(limit_bytes=(MAX_MEMBERS + 7) // 8),
            signature=sized(found["signature"], G2_BYTES),
        )
        if payload.encode() != data:
            root.refuse(
                "the payload is not in its one canonical form",
                hint="the file was damaged or made by another program",
                code="payload-not-canonical",
            )
        return payload


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialSignature:
    """One member's signature of one statement, on its way to whoever combines them.

    Attributes:
        key_digest: the quorum that it is for, 32 bytes.
        statement: what the member says that it computed.
        public_key: whose it is, compressed, 48 bytes.
        signature: compressed, 96 bytes.
    """

    key_digest: bytes
    statement: Statement
    public_key: bytes
    signature: bytes

    def encode(self) -> bytes:
        """The file's bytes, canonical JSON."""
        return encode_canonical(
            {
                "format": SIGNATURE_FORMAT,
                "key_digest": encode_hex(self.key_digest),
                "statement": {
                    name: encode_hex(getattr(self.statement, name)) for name in _STATEMENT
                },
                "public_key": encode_hex(self.public_key),
                "signature": encode_hex(self.signature),
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> PartialSignature:
        """Decode a signature's file strictly.

        Raises:
            MalformedFile: with the code and the path of what is wrong.
        """
        root = decode_strict(data, limit_bytes=_LIMIT_BYTES, error=MalformedFile, name="signature")
        read_format(root, SIGNATURE_FORMAT)
        found = root.object(("format", "key_digest", "statement", "public_key", "signature"))
        parts = {
            name: item.digest() for name, item in found["statement"].object(_STATEMENT).items()
        }
        partial = cls(
            key_digest=found["key_digest"].digest(),
            statement=Statement(
                program_root=ProgramRoot(parts["program_root"]),
                input_root=TensorRoot(parts["input_root"]),
                output_root=TensorRoot(parts["output_root"]),
                context=parts["context"],
            ),
            public_key=sized(found["public_key"], G1_BYTES),
            signature=sized(found["signature"], G2_BYTES),
        )
        if partial.encode() != data:
            root.refuse("not in its one canonical form", code="not-canonical")
        return partial


def sized(field: Field, size: int) -> bytes:
    """Bytes in hex of just this size.

    Raises:
        MalformedFile: (or the field's own subclass, code `out-of-bounds`) they are more or fewer.
    """
    value = field.hex(limit_bytes=size)
    if len(value) != size:
        field.refuse(f"{size} bytes are expected", code="out-of-bounds")
    return value
