"""One party of a quorum as others see it: a name, a public key, and a proof that it holds the key.

Without the proof somebody could claim a key made from the others' (theirs subtracted from its own),
and sign for all of them alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from verifiable.backends.quorum.format import sized
from verifiable.backends.quorum.points import G1_BYTES, G2_BYTES, NotAPoint, read_g1
from verifiable.errors import MalformedFile
from verifiable.statement.strict_json import (
    decode_strict,
    encode_canonical,
    encode_hex,
    read_format,
)

__all__ = ["MEMBER_FORMAT", "Member"]

MEMBER_FORMAT = "application/vnd.verifiable.quorum-member.v1+json"

_LIMIT_BYTES = 4096
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._ -]{0,38}[A-Za-z0-9])?", re.ASCII)
_TEXT = re.compile(r"([A-Za-z0-9._ -]{1,40}):([0-9a-f]{96}):([0-9a-f]{192})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One party, as its own public file and the quorum's key hold it.

    Attributes:
        name: for people, 1 to 40 characters.
        public_key: compressed point of G1, 48 bytes; on the curve and not the neutral point.
        possession: its holder's signature of the public key under the tag for that, 96 bytes.
    """

    name: str
    public_key: bytes
    possession: bytes

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise _bad("a name is 1 to 40 of A-Z a-z 0-9 . _ - and inner spaces", self.name)
        if len(self.possession) != G2_BYTES:
            raise _bad(f"a proof of possession is {G2_BYTES} bytes", self.name)
        try:
            read_g1(self.public_key)
        except NotAPoint as cause:
            raise _bad(f"its public key is no point: {cause}", self.name) from cause

    @property
    def point(self) -> tuple[int, int]:
        """Coordinates of the public key."""
        return read_g1(self.public_key)

    @property
    def text(self) -> str:
        """`name:public key:proof`, as a lock's field holds it."""
        return f"{self.name}:{self.public_key.hex()}:{self.possession.hex()}"

    @classmethod
    def from_text(cls, text: str) -> Member:
        """Read a lock's field strictly.

        Raises:
            MalformedFile: (code `malformed-member`).
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise _bad("not as the format says", text[:40])
        return cls(
            name=match[1],
            public_key=bytes.fromhex(match[2]),
            possession=bytes.fromhex(match[3]),
        )

    def encode(self) -> bytes:
        """The bytes of the member's public file, canonical JSON."""
        return encode_canonical(
            {
                "format": MEMBER_FORMAT,
                "name": self.name,
                "public_key": encode_hex(self.public_key),
                "possession": encode_hex(self.possession),
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Member:
        """Decode a member's public file strictly; whether the proof holds is not asked here.

        Raises:
            MalformedFile: with the code and the path of what is wrong.
        """
        root = decode_strict(data, limit_bytes=_LIMIT_BYTES, error=MalformedFile, name="member")
        read_format(root, MEMBER_FORMAT)
        found = root.object(("format", "name", "public_key", "possession"))
        member = cls(
            name=found["name"].text(limit_bytes=40),
            public_key=sized(found["public_key"], G1_BYTES),
            possession=sized(found["possession"], G2_BYTES),
        )
        if member.encode() != data:
            root.refuse("not in its one canonical form", code="not-canonical")
        return member


def _bad(what: str, name: str) -> MalformedFile:
    return MalformedFile(
        what,
        where=f"quorum member {name!r}",
        hint="make it by `verifiable quorum keygen`",
        code="malformed-member",
    )
