"""The optimistic payload and key: their bytes, and strict decoding.

`docs/formats/optimistic-payload.md` defines them. A payload holds no evidence but says where it
lies; what it names is compared with the trusted key before anything is believed of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from verifiable.backends.base import ChainPlace, Key
from verifiable.errors import MalformedFile, MalformedProof
from verifiable.statement.hashing import keccak
from verifiable.statement.strict_json import (
    decode_strict,
    encode_canonical,
    encode_hex,
    read_format,
)

__all__ = ["BACKEND_ID", "MAX_CHAIN_ID", "PAYLOAD_FORMAT", "VERSION", "OptimisticKey", "Payload"]

BACKEND_ID = "optimistic"
VERSION = "1.0.0"
"""Of the game's contract; evidence of one version verifies under the same version only."""

PAYLOAD_FORMAT = "application/vnd.verifiable.optimistic-payload.v1+json"
MAX_CHAIN_ID = (1 << 63) - 1

_LIMIT_BYTES = 4096
_KEY_DOMAIN = b"verifiable/optimistic-key/v1\x00"
_KEY_FIELDS = ("version", "chain_id", "game", "code_hash", "game_key")
_PATTERNS = {
    "version": r"[0-9]{1,4}(\.[0-9]{1,4}){2}",
    "chain_id": r"[1-9][0-9]{0,18}",
    "game": r"[0-9a-f]{40}",
    "code_hash": r"[0-9a-f]{64}",
    "game_key": r"[0-9a-f]{64}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """The backend's part of a proof file: which assertion it is.

    Attributes:
        game: address of the dispute game, 20 bytes.
        assertion_id: 32 bytes.
        trace_root: root over the tensors of the execution, 32 bytes.
    """

    chain_id: int
    game: bytes
    assertion_id: bytes
    trace_root: bytes

    @property
    def place(self) -> ChainPlace:
        """Where the evidence lies."""
        return ChainPlace(chain_id=self.chain_id, game=self.game, assertion_id=self.assertion_id)

    def encode(self) -> bytes:
        """The payload's bytes, canonical JSON."""
        return encode_canonical(
            {
                "format": PAYLOAD_FORMAT,
                "chain_id": self.chain_id,
                "game": encode_hex(self.game),
                "assertion_id": encode_hex(self.assertion_id),
                "trace_root": encode_hex(self.trace_root),
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
        found = root.object(("format", "chain_id", "game", "assertion_id", "trace_root"))
        payload = cls(
            chain_id=found["chain_id"].integer(1, MAX_CHAIN_ID),
            game=found["game"].address(),
            assertion_id=found["assertion_id"].digest(),
            trace_root=found["trace_root"].digest(),
        )
        if payload.encode() != data:
            raise MalformedProof(
                "the payload is not in its one canonical form",
                where="payload",
                hint="the file was damaged or made by another program",
                code="payload-not-canonical",
            )
        return payload


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimisticKey:
    """What must be pinned for an assertion to say anything about a program.

    Attributes:
        version: of the game's contract.
        game: its address, 20 bytes.
        code_hash: keccak-256 of its code, with the rules that are in it.
        game_key: over program, judging code and rules, see `statement.game`.
    """

    version: str
    chain_id: int
    game: bytes
    code_hash: bytes
    game_key: bytes

    @property
    def digest(self) -> bytes:
        """keccak-256 over all fields."""
        version = self.version.encode("ascii")
        number = self.chain_id.to_bytes(8, "big")
        place = number + self.game + self.code_hash + self.game_key
        return keccak(_KEY_DOMAIN + bytes((len(version),)) + version + place)

    def to_key(self) -> Key:
        """The key as locks and registries hold it."""
        fields = {
            "version": self.version,
            "chain_id": str(self.chain_id),
            "game": self.game.hex(),
            "code_hash": self.code_hash.hex(),
            "game_key": self.game_key.hex(),
        }
        return Key(backend=BACKEND_ID, digest=self.digest, fields=MappingProxyType(fields))

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> OptimisticKey:
        """Read the fields of a lock's entry strictly.

        Raises:
            MalformedFile: a field is missing, unknown or not canonical.
        """
        if set(fields) != set(_KEY_FIELDS):
            odd = sorted(set(fields) ^ set(_KEY_FIELDS))[0]
            raise _bad_key(odd, "this field is missing or unknown")
        for name, pattern in _PATTERNS.items():
            if re.fullmatch(pattern, fields[name], re.ASCII) is None:
                raise _bad_key(name, "not as the format says")
        chain_id = int(fields["chain_id"])
        if chain_id > MAX_CHAIN_ID:
            raise _bad_key("chain_id", "not the id of a chain")
        return cls(
            version=fields["version"],
            chain_id=chain_id,
            game=bytes.fromhex(fields["game"]),
            code_hash=bytes.fromhex(fields["code_hash"]),
            game_key=bytes.fromhex(fields["game_key"]),
        )


def _bad_key(name: str, what: str) -> MalformedFile:
    return MalformedFile(
        what,
        where=f"optimistic key, {name}",
        hint="write the lock again with this release",
        code="malformed-key",
    )
