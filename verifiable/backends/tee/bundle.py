"""A bundle: evidence with all that it is judged with, so that anyone can judge it again, offline.

`docs/formats/tee-bundle.md` defines the file. A bundle makes nothing true: who judges it brings the
policy, or reads the one inside and decides whether it is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.evidence_json import (
    EVIDENCE_KEYS,
    evidence_to_json,
    read_evidence,
    read_time,
    time_text,
)
from verifiable.errors import MalformedProof
from verifiable.statement.policy import Policy
from verifiable.statement.strict_json import (
    decode_strict,
    encode_base64,
    encode_canonical,
    read_format,
)

__all__ = ["BUNDLE_FORMAT", "BUNDLE_LIMIT_BYTES", "Bundle"]

BUNDLE_FORMAT = "application/vnd.verifiable.tee-bundle.v1+json"
BUNDLE_LIMIT_BYTES = 2 << 20

_MAX_POLICY_BYTES = 1 << 20
_KEYS = ("format", *EVIDENCE_KEYS, "at", "policy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Evidence, when it was judged, and by which policy.

    Attributes:
        at: time of judging, whole seconds, UTC.
        policy: that it was judged by; None if the bundle holds none.
    """

    evidence: Evidence
    at: datetime
    policy: Policy | None = None

    def encode(self) -> bytes:
        """The bundle as the bytes of a file; deterministic."""
        return encode_canonical(
            {
                "format": BUNDLE_FORMAT,
                **evidence_to_json(self.evidence),
                "at": time_text(self.at),
                "policy": None if self.policy is None else encode_base64(self.policy.encode()),
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> Bundle:
        """Decode a bundle strictly.

        Raises:
            MalformedProof: with the code and the path of what is wrong.
            MalformedFile: the policy inside is none.
        """
        root = decode_strict(
            data, limit_bytes=BUNDLE_LIMIT_BYTES, error=MalformedProof, name="bundle"
        )
        read_format(root, BUNDLE_FORMAT)
        found = root.object(_KEYS)
        policy = found["policy"]
        return cls(
            evidence=read_evidence(found),
            at=read_time(found["at"]),
            policy=None
            if policy.is_null
            else Policy.decode(policy.base64(limit_bytes=_MAX_POLICY_BYTES)),
        )
