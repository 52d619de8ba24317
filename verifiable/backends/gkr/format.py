"""The gkr payload and the gkr key: their bytes, and strict decoding.

`docs/formats/gkr-payload.md` and `docs/formats/gkr-key.md` define them. The payload carries the
verification key and, in the mode `committed`, the proof of the weights' ranges, so that a verifier
needs no more than the key's digest; both are data from the prover, and the digest pins them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from verifiable.backends.base import Key
from verifiable.backends.gkr.vk import VK_LIMIT_BYTES, WEIGHT_MODES
from verifiable.errors import MalformedFile, MalformedProof
from verifiable.statement.hashing import keccak

__all__ = ["BACKEND_ID", "PAYLOAD_MAGIC", "VERSION", "GkrKey", "Payload"]

BACKEND_ID = "gkr"
VERSION = "1.0.0"
"""Of the protocol: proofs of one version verify under the same version only."""

PAYLOAD_MAGIC = b"VFGK\x01"
PROOF_LIMIT_BYTES = 64 << 20

_KEY_DOMAIN = b"verifiable/gkr-key/v1\x00"
_VK_DOMAIN = b"verifiable/gkr-vk/v1\x00"
_KEY_FIELDS = ("version", "weights", "vk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The backend's part of a proof file.

    Attributes:
        weights: the weight mode.
        vk: the verification key's bytes.
        ranges: the proof of the weights' ranges; empty in the mode `public`.
        proof: the argument's messages.
    """

    weights: str
    vk: bytes
    ranges: bytes
    proof: bytes

    def encode(self) -> bytes:
        """The payload's bytes."""
        parts = [PAYLOAD_MAGIC, bytes((WEIGHT_MODES.index(self.weights),))]
        for part in (self.vk, self.ranges, self.proof):
            parts += [len(part).to_bytes(4, "big"), part]
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes) -> Payload:
        """Decode a payload strictly.

        Raises:
            MalformedProof: with the code and the part that is wrong.
        """
        if data[: len(PAYLOAD_MAGIC)] != PAYLOAD_MAGIC:
            raise _malformed("magic", "not a gkr payload of version 1", "payload-magic")
        at = len(PAYLOAD_MAGIC) + 1
        if len(data) < at or data[at - 1] >= len(WEIGHT_MODES):
            raise _malformed("weights", "an unknown weight mode", "payload-mode")
        parts: list[bytes] = []
        mode = WEIGHT_MODES[data[at - 1]]
        # Weights that are public have no proof of ranges, so a payload has one encoding.
        most = PROOF_LIMIT_BYTES if mode == "committed" else 0
        limits = (("vk", 1, VK_LIMIT_BYTES), ("ranges", 0, most), ("proof", 1, PROOF_LIMIT_BYTES))
        for name, least, limit in limits:
            count = int.from_bytes(data[at : at + 4], "big")
            if len(data) - at < 4 or count > len(data) - at - 4:
                raise _malformed(name, "the payload ends inside this part", "payload-truncated")
            if not least <= count <= limit:
                raise _malformed(name, f"{least} to {limit} bytes are expected", "payload-size")
            parts.append(data[at + 4 : at + 4 + count])
            at += 4 + count
        if at != len(data):
            raise _malformed("end", f"{len(data) - at} bytes too many", "payload-trailing-bytes")
        vk, ranges, proof = parts
        return cls(weights=mode, vk=vk, ranges=ranges, proof=proof)


def _malformed(part: str, what: str, code: str) -> MalformedProof:
    return MalformedProof(
        what,
        where=f"proof.payload, {part}",
        hint="the file was damaged or made by another program",
        code=code,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GkrKey:
    """What must be pinned for a payload to say anything about a program.

    Attributes:
        version: of the protocol.
        weights: the weight mode.
        vk_digest: keccak-256 of the verification key's bytes.
    """

    version: str
    weights: str
    vk_digest: bytes

    @classmethod
    def of(cls, vk: bytes, weights: str) -> GkrKey:
        """The key of a verification key that this process made."""
        return cls(version=VERSION, weights=weights, vk_digest=vk_digest(vk))

    @property
    def digest(self) -> bytes:
        """keccak-256 over all fields."""
        version = self.version.encode("ascii")
        mode = bytes((WEIGHT_MODES.index(self.weights),))
        return keccak(_KEY_DOMAIN + bytes((len(version),)) + version + mode + self.vk_digest)

    def to_key(self) -> Key:
        """The key as locks and registries hold it."""
        fields = {"version": self.version, "weights": self.weights, "vk": self.vk_digest.hex()}
        return Key(backend=BACKEND_ID, digest=self.digest, fields=MappingProxyType(fields))

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> GkrKey:
        """Read the fields of a lock's entry strictly.

        Raises:
            MalformedFile: a field is missing, unknown or not canonical.
        """
        if set(fields) != set(_KEY_FIELDS):
            odd = sorted(set(fields) ^ set(_KEY_FIELDS))[0]
            raise _bad_key(odd, "this field is missing or unknown")
        if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){2}", fields["version"], re.ASCII) is None:
            raise _bad_key("version", "not a version number")
        if fields["weights"] not in WEIGHT_MODES:
            raise _bad_key("weights", f"not one of {', '.join(WEIGHT_MODES)}")
        if re.fullmatch(r"[0-9a-f]{64}", fields["vk"], re.ASCII) is None:
            raise _bad_key("vk", "64 lower-case hex digits are expected")
        return cls(
            version=fields["version"],
            weights=fields["weights"],
            vk_digest=bytes.fromhex(fields["vk"]),
        )


def vk_digest(vk: bytes) -> bytes:
    """keccak-256 of a domain and the verification key's bytes."""
    return keccak(_VK_DOMAIN + vk)


def _bad_key(name: str, what: str) -> MalformedFile:
    return MalformedFile(
        what,
        where=f"gkr key, {name}",
        hint="write the lock again with this release",
        code="malformed-key",
    )
