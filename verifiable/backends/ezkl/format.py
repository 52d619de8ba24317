"""The ezkl payload and the ezkl key: their bytes, and strict decoding.

`docs/formats/ezkl-payload.md` defines both. The payload carries what a verifier needs beside the
statement; it is data from the prover, so every part of it is pinned by the key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from verifiable.backends.base import Key
from verifiable.errors import MalformedFile, MalformedProof
from verifiable.statement.hashing import keccak

__all__ = [
    "BACKEND_ID",
    "EZKL_VERSION",
    "G2_BYTES",
    "PAYLOAD_MAGIC",
    "VISIBILITIES",
    "EzklKey",
    "Payload",
]

BACKEND_ID = "ezkl"
EZKL_VERSION = "23.0.5"
"""The one version of the library whose proofs this release makes and verifies."""

VISIBILITIES = ("public", "hashed")
G2_BYTES = 128

PAYLOAD_MAGIC = b"VFEZ\x01"
PROOF_LIMIT_BYTES = 4 << 20
SETTINGS_LIMIT_BYTES = 4 << 20
VK_LIMIT_BYTES = 48 << 20

_KEY_DOMAIN = b"verifiable/ezkl-key/v2\x00"
_VERSION = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){2}\Z", re.ASCII)
_PROOF_LENGTH = re.compile(r"[1-9][0-9]{0,6}\Z", re.ASCII)
_KEY_FIELDS = (
    "ezkl_version",
    "vk_sha256",
    "settings_sha256",
    "s_g2",
    "visibility",
    "vka_digest",
    "proof_length",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The backend's part of a proof file.

    Attributes:
        ezkl_version: version of the library that made the proof.
        s_g2: the SRS's second G2 point, 128 bytes as in an SRS file.
        proof: the Halo2 proof.
        settings: ezkl's settings, canonical JSON.
        vk: the Halo2 verification key.
    """

    ezkl_version: str
    s_g2: bytes
    proof: bytes
    settings: bytes
    vk: bytes

    def encode(self) -> bytes:
        """The payload's bytes."""
        version = self.ezkl_version.encode("ascii")
        parts = [PAYLOAD_MAGIC, bytes((len(version),)), version, self.s_g2]
        for part in (self.proof, self.settings, self.vk):
            parts += [len(part).to_bytes(4, "big"), part]
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes) -> Payload:
        """Decode a payload strictly.

        Raises:
            MalformedProof: with the code and the part that is wrong.
        """
        reader = _Reader(data)
        # EZ-1: another format, or another version of this one, is never read as if it were this.
        if reader.take(len(PAYLOAD_MAGIC), "magic") != PAYLOAD_MAGIC:
            raise _malformed("magic", "not an ezkl payload of version 1", "payload-magic")
        version = reader.take(reader.take(1, "ezkl_version")[0], "ezkl_version")
        text = version.decode("latin-1")
        if _VERSION.match(text) is None:  # EZ-1
            raise _malformed("ezkl_version", "not a version number", "payload-version")
        s_g2 = reader.take(G2_BYTES, "s_g2")
        proof = reader.sized("proof", PROOF_LIMIT_BYTES)
        settings = reader.sized("settings", SETTINGS_LIMIT_BYTES)
        vk = reader.sized("vk", VK_LIMIT_BYTES)
        if reader.rest:  # EZ-1
            raise _malformed("end", f"{reader.rest} bytes too many", "payload-trailing-bytes")
        return cls(ezkl_version=text, s_g2=s_g2, proof=proof, settings=settings, vk=vk)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def rest(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int, part: str) -> bytes:
        if count > self.rest:  # EZ-1
            raise _malformed(part, "the payload ends inside this part", "payload-truncated")
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def sized(self, part: str, limit: int) -> bytes:
        count = int.from_bytes(self.take(4, part), "big")
        if not 0 < count <= limit:  # EZ-1
            raise _malformed(part, f"1 to {limit} bytes are expected", "payload-size")
        return self.take(count, part)


def _malformed(part: str, what: str, code: str) -> MalformedProof:
    return MalformedProof(
        what,
        where=f"proof.payload, {part}",
        hint="the file was damaged or made by another program",
        code=code,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EzklKey:
    """What must be pinned for a payload to say anything about a program.

    Attributes:
        ezkl_version: version of the library.
        vk_sha256, settings_sha256: of the payload's parts.
        s_g2: the SRS's second G2 point.
        visibility: how the circuit shows its inputs.
        vka_digest: keccak-256 over the words of the verification key artifact (`vka.py`).
        proof_length: bytes of every proof of the circuit.
    """

    ezkl_version: str
    vk_sha256: bytes
    settings_sha256: bytes
    s_g2: bytes
    visibility: str
    vka_digest: bytes
    proof_length: int

    @classmethod
    def of(
        cls,
        *,
        vk: bytes,
        settings: bytes,
        s_g2: bytes,
        visibility: str,
        vka_digest: bytes,
        proof_length: int,
    ) -> EzklKey:
        """The key of material that this process derived."""
        return cls(
            ezkl_version=EZKL_VERSION,
            vk_sha256=hashlib.sha256(vk).digest(),
            settings_sha256=hashlib.sha256(settings).digest(),
            s_g2=s_g2,
            visibility=visibility,
            vka_digest=vka_digest,
            proof_length=proof_length,
        )

    @property
    def preimage(self) -> bytes:
        """All fields, as `digest` hashes them and a contract reads them."""
        version = self.ezkl_version.encode("ascii")
        return (
            _KEY_DOMAIN
            + bytes((len(version),))
            + version
            + self.vk_sha256
            + self.settings_sha256
            + self.s_g2
            + bytes((VISIBILITIES.index(self.visibility),))
            + self.vka_digest
            + self.proof_length.to_bytes(4, "big")
        )

    @property
    def digest(self) -> bytes:
        """keccak-256 over all fields."""
        return keccak(self.preimage)

    def to_key(self) -> Key:
        """The key as locks and registries hold it."""
        fields = {
            "ezkl_version": self.ezkl_version,
            "vk_sha256": self.vk_sha256.hex(),
            "settings_sha256": self.settings_sha256.hex(),
            "s_g2": self.s_g2.hex(),
            "visibility": self.visibility,
            "vka_digest": self.vka_digest.hex(),
            "proof_length": str(self.proof_length),
        }
        return Key(backend=BACKEND_ID, digest=self.digest, fields=MappingProxyType(fields))

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> EzklKey:
        """Read the fields of a lock's entry strictly.

        Raises:
            MalformedFile: a field is missing, unknown or not canonical.
        """
        if set(fields) != set(_KEY_FIELDS):
            odd = sorted(set(fields) ^ set(_KEY_FIELDS))[0]
            raise _bad_key(odd, "this field is missing or unknown")
        version, visibility = fields["ezkl_version"], fields["visibility"]
        if _VERSION.match(version) is None:
            raise _bad_key("ezkl_version", "not a version number")
        if visibility not in VISIBILITIES:
            raise _bad_key("visibility", f"not one of {', '.join(VISIBILITIES)}")
        length = fields["proof_length"]
        if _PROOF_LENGTH.match(length) is None or int(length) > PROOF_LIMIT_BYTES:
            raise _bad_key("proof_length", f"not a number from 1 to {PROOF_LIMIT_BYTES}")
        return cls(
            ezkl_version=version,
            vk_sha256=_hex(fields, "vk_sha256", 32),
            settings_sha256=_hex(fields, "settings_sha256", 32),
            s_g2=_hex(fields, "s_g2", G2_BYTES),
            visibility=visibility,
            vka_digest=_hex(fields, "vka_digest", 32),
            proof_length=int(length),
        )


def _hex(fields: Mapping[str, str], name: str, count: int) -> bytes:
    text = fields[name]
    if re.fullmatch(r"[0-9a-f]*", text) is None or len(text) != 2 * count:
        raise _bad_key(name, f"{2 * count} lower-case hex digits are expected")
    return bytes.fromhex(text)


def _bad_key(name: str, what: str) -> MalformedFile:
    return MalformedFile(
        what,
        where=f"ezkl key, {name}",
        hint="write the lock again with this release",
        code="malformed-key",
    )
