"""Evidence as members of a JSON document, with the bounds that hold wherever it is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

from verifiable.backends.tee.evidence import Evidence
from verifiable.statement.attestation import AttestationKind
from verifiable.statement.attestation_json import ATTESTATION_KINDS
from verifiable.statement.strict_json import Field, encode_base64

__all__ = [
    "EVIDENCE_KEYS",
    "MAX_CERTIFICATES",
    "MAX_CERTIFICATE_BYTES",
    "MAX_COLLATERAL_BYTES",
    "MAX_DOCUMENT_BYTES",
    "MAX_LOG_BYTES",
    "evidence_to_json",
    "read_evidence",
    "read_time",
    "time_text",
]

EVIDENCE_KEYS = ("kind", "document", "collateral", "chain", "event_log")

MAX_DOCUMENT_BYTES = 16 << 10
MAX_COLLATERAL_BYTES = 256 << 10
MAX_CERTIFICATES = 8
MAX_CERTIFICATE_BYTES = 8 << 10
MAX_LOG_BYTES = 64 << 10

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def evidence_to_json(evidence: Evidence) -> dict[str, object]:
    """The members of `EVIDENCE_KEYS`; bytes as base64."""
    return {
        "kind": evidence.kind,
        "document": encode_base64(evidence.document),
        "collateral": encode_base64(evidence.collateral),
        "chain": [encode_base64(der) for der in evidence.chain],
        "event_log": encode_base64(evidence.event_log),
    }


def read_evidence(found: Mapping[str, Field]) -> Evidence:
    """Read the members of `EVIDENCE_KEYS`.

    Raises:
        MalformedFile: (or the document's subclass) with the code and the path of what is wrong.
    """
    return Evidence(
        kind=cast(AttestationKind, found["kind"].choice(ATTESTATION_KINDS)),
        document=found["document"].base64(limit_bytes=MAX_DOCUMENT_BYTES),
        collateral=found["collateral"].base64(limit_bytes=MAX_COLLATERAL_BYTES),
        chain=tuple(
            item.base64(limit_bytes=MAX_CERTIFICATE_BYTES)
            for item in found["chain"].array(limit=MAX_CERTIFICATES)
        ),
        event_log=found["event_log"].base64(limit_bytes=MAX_LOG_BYTES),
    )


def time_text(at: datetime) -> str:
    """A time as documents hold it: UTC, whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(field: Field) -> datetime:
    """Read what `time_text` writes.

    Raises:
        MalformedFile: (or the document's subclass) it is no such time.
    """
    text = field.text(limit_bytes=20)
    if _TIME.fullmatch(text) is None:
        field.refuse("a UTC time such as 2030-01-31T12:00:00Z is expected", code="bad-time")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        field.refuse("there is no such time", code="bad-time")
