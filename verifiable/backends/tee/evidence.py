"""Evidence as it is handed in, and what of it was verified: the same forms for every vendor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from verifiable.statement.attestation import AttestationKind
from verifiable.statement.verdict import Check

__all__ = ["Evidence", "Findings", "Report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a prover hands over; nothing in it is believed before it was verified.

    Attributes:
        document: the vendor's own bytes: a quote, a COSE document, a report.
        collateral: text of the JSON that Intel's evidence is judged with; empty for others.
        chain: DER certificates beside the document, leaf first (SNP: VCEK, ASK, ARK).
        event_log: JSON that explains a run-time register, see `event_log`; empty if there is none.
    """

    kind: AttestationKind
    document: bytes
    collateral: bytes = b""
    chain: tuple[bytes, ...] = ()
    event_log: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What verified bytes say. Made only where every signature up to a root holds.

    Attributes:
        root_sha256: of the root certificate's DER.
        root_spki_sha256: of the root's public key.
        report_data: 64 bytes that the workload chose (Nitro: its `user_data`, of any length).
        measurements: by name the bytes of a register, see `statement.attestation.Reference`; SGX's
            `isv_prod_id` and `isv_svn` are two bytes, big-endian.
        program_register: the measurement that binds the program; empty if there is none.
        platform_id: PPID, chip id or module id.
        tcb_status: of an Intel platform with its module and quoting enclave; empty for others.
        tcb_date: of the platform's level; None for others.
        timestamp: when the evidence was made, if it says so.
        nonce, public_key: of a Nitro document's own fields; empty if absent.
        flags: what is reported of the platform (`smt`, `dynamic_platform`, ...).
        details: for people.
    """

    kind: AttestationKind
    root_sha256: bytes
    root_spki_sha256: bytes
    report_data: bytes
    measurements: Mapping[str, bytes]
    program_register: str
    platform_id: bytes
    tcb_status: str = ""
    advisories: tuple[str, ...] = ()
    tcb_date: datetime | None = None
    timestamp: datetime | None = None
    nonce: bytes = b""
    public_key: bytes = b""
    flags: Mapping[str, bool]
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The vendor-specific half of a verdict: TEE-1 to TEE-9 and TEE-18.

    Attributes:
        checks: by id, all ten, each exactly once.
        assurance: `hardware` or `simulated`, by which root verified; empty if none did.
        report: None unless the signatures hold (TEE-1 to TEE-5 and TEE-18 are ok).
    """

    checks: Mapping[str, Check]
    assurance: str
    report: Report | None
