"""The key of a quorum: who its members are, and how many must sign.

It does not depend on the program: what a member signs names program, input and output. The digest
is made so that a contract can hash what comes in calldata: public keys in the form that its
precompiles take, and one hash for what only people and verifiers off the chain need.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from verifiable.backends.base import Key
from verifiable.backends.quorum.format import BACKEND_ID, MAX_MEMBERS, VERSION
from verifiable.backends.quorum.members import Member
from verifiable.backends.quorum.points import g1_evm
from verifiable.errors import MalformedFile
from verifiable.statement.hashing import keccak
from verifiable.statement.strict_json import decode_strict, encode_canonical, read_format

__all__ = ["QUORUM_FORMAT", "QuorumKey"]

QUORUM_FORMAT = "application/vnd.verifiable.quorum-key.v1+json"

_KEY_DOMAIN = b"verifiable/quorum-key/v1\x00"
_ROSTER_DOMAIN = b"verifiable/quorum-roster/v1\x00"
_LIMIT_BYTES = 1 << 16
_THRESHOLD = re.compile(r"[1-9][0-9]?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumKey:
    """What must be pinned for a quorum's signature to say anything.

    Attributes:
        threshold: how many members must sign, 1 or more.
        members: ordered by the first coordinate of their keys, each of which comes once: so no
            member is two, nor has another's key with the other sign. Names come once too.
    """

    threshold: int
    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.members) <= MAX_MEMBERS:
            raise _bad("members", f"a quorum has 1 to {MAX_MEMBERS} members")
        if not 1 <= self.threshold <= len(self.members):
            raise _bad("threshold", "from 1 to the number of members is possible")
        columns = [member.point[0] for member in self.members]
        if any(low >= high for low, high in pairwise(columns)):
            raise _bad("members", "not in their order, or a key comes twice")
        if len({member.name for member in self.members}) != len(self.members):
            raise _bad("members", "a name comes twice")

    @classmethod
    def of(cls, members: Iterable[Member], threshold: int) -> QuorumKey:
        """The key of some members, in whatever order they come.

        Raises:
            MalformedFile: (code `malformed-quorum`) two have one key or one name, there are too
                many, or the threshold does not fit.
        """
        ordered = tuple(sorted(members, key=lambda member: member.point[0]))
        return cls(threshold=threshold, members=ordered)

    @property
    def roster(self) -> bytes:
        """Hash of the names and the proofs of possession, which a contract does not look at."""
        rows = b"".join(
            bytes((len(member.name),)) + member.name.encode("ascii") + member.possession
            for member in self.members
        )
        return keccak(_ROSTER_DOMAIN + rows)

    @property
    def preimage(self) -> bytes:
        """What the digest hashes after its label; evidence for a chain begins with it."""
        sizes = self.threshold.to_bytes(2, "big") + len(self.members).to_bytes(2, "big")
        return self.roster + sizes + b"".join(g1_evm(member.point) for member in self.members)

    @property
    def digest(self) -> bytes:
        """keccak-256 over all that the key holds."""
        return keccak(_KEY_DOMAIN + self.preimage)

    def to_key(self) -> Key:
        """The key as locks and registries hold it."""
        return Key(backend=BACKEND_ID, digest=self.digest, fields=MappingProxyType(self._fields()))

    def _fields(self) -> dict[str, str]:
        return {
            "version": VERSION,
            "threshold": str(self.threshold),
            **{_row(index): member.text for index, member in enumerate(self.members)},
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> QuorumKey:
        """Read the fields of a lock's entry strictly; whether the proofs hold, judging asks.

        Raises:
            MalformedFile: a field is missing, unknown or not canonical.
        """
        rows = [name for name in fields if name not in ("version", "threshold")]
        wanted = {"version", "threshold", *(_row(index) for index in range(len(rows)))}
        if set(fields) != wanted:
            raise _bad(sorted(set(fields) ^ wanted)[0], "this field is missing or unknown")
        if fields["version"] != VERSION:
            raise _bad("version", f"not the version of this release, {VERSION}")
        if _THRESHOLD.fullmatch(fields["threshold"]) is None:
            raise _bad("threshold", "not as the format says")
        members = tuple(Member.from_text(fields[_row(index)]) for index in range(len(rows)))
        return cls(threshold=int(fields["threshold"]), members=members)

    def encode(self) -> bytes:
        """The bytes of the quorum's file, canonical JSON."""
        return encode_canonical({"format": QUORUM_FORMAT, "key": self._fields()})

    @classmethod
    def decode(cls, data: bytes) -> QuorumKey:
        """Decode a quorum's file strictly.

        Raises:
            MalformedFile: with the code and the path of what is wrong.
        """
        root = decode_strict(data, limit_bytes=_LIMIT_BYTES, error=MalformedFile, name="quorum")
        read_format(root, QUORUM_FORMAT)
        found = root.object(("format", "key"))["key"].mapping()
        key = cls.from_fields({name: item.text(limit_bytes=4096) for name, item in found.items()})
        if key.encode() != data:
            root.refuse("not in its one canonical form", code="not-canonical")
        return key

    def index_of(self, public_key: bytes) -> int | None:
        """The place of a member by its key; None if nobody here has it."""
        for index, member in enumerate(self.members):
            if member.public_key == public_key:
                return index
        return None


def _row(index: int) -> str:
    return f"member_{index + 1:02d}"


def _bad(name: str, what: str) -> MalformedFile:
    return MalformedFile(
        what,
        where=f"quorum key, {name}",
        hint="make it by `verifiable quorum key` from the members' public files",
        code="malformed-quorum",
    )
