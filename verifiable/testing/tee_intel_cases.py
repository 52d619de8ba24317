"""Evidence of a simulated Intel machine with what it is judged by: honest, or changed in one place.

    >>> case = intel_case(quote=td_quote(td_attributes=bytes(8)))

The machine, its authority and the time are fixed, so that a case is the same bytes on every run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.pck import PckExtension
from verifiable.backends.tee.simulator import builtin
from verifiable.backends.tee.simulator.authority import IntelAuthority, Issued
from verifiable.backends.tee.simulator.collateral_issuer import (
    IntelKind,
    collateral_fields,
    compact,
    qe_identity,
    tcb_info,
)
from verifiable.backends.tee.simulator.intel_platform import (
    QE,
    TD_QE,
    QuotingEnclave,
    TdxModule,
    simulated_platform,
)
from verifiable.backends.tee.simulator.quoting import Quoting
from verifiable.backends.tee.simulator.seeds import Seed
from verifiable.backends.tee.simulator.sgx import SgxIssuer
from verifiable.backends.tee.simulator.tdx import TdxIssuer
from verifiable.statement.attestation import AttestationPolicy, Reference

__all__ = [
    "AT",
    "INTEL_SEED",
    "MRENCLAVE",
    "MRSIGNER",
    "PROGRAM_ROOT",
    "REPORT_DATA",
    "DefectGroup",
    "DefectRow",
    "IntelCase",
    "IntelControl",
    "IntelDefect",
    "defect_rows",
    "intel_authority",
    "intel_case",
    "intel_fields",
    "intel_policy",
    "other_machine",
    "sgx_quote",
    "td_quote",
]

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""When everything is issued and judged."""

INTEL_SEED = Seed(value=b"verifiable.testing: an Intel authority for defects")
PROGRAM_ROOT = hashlib.sha256(b"a program").digest()
REPORT_DATA = hashlib.sha512(b"a statement, a nonce and a key").digest()
MRENCLAVE = hashlib.sha256(b"an enclave").digest()
MRSIGNER = hashlib.sha256(b"who signed it").digest()

Changes = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntelCase:
    """What a verifier is asked: evidence, policy and time."""

    evidence: Evidence
    policy: AttestationPolicy
    now: datetime


DefectGroup = Literal["root", "roles", "identity", "collateral", "tcb", "body", "bytes"]

DefectRow = tuple[str, str, str, Callable[[], IntelCase]]
"""Name, id of the check, its code, and what makes the case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntelDefect:
    """One defect.

    Attributes:
        group: which part of the evidence it is in.
        name: of the defect, in kebab case.
        check: id of the check that must refuse it.
        code: that the check must end with.
        case: makes evidence, policy and time.
    """

    group: DefectGroup
    name: str
    check: str
    code: str
    case: Callable[[], IntelCase]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntelControl:
    """Evidence that must be accepted, however odd it looks.

    Attributes:
        name: what is odd, in kebab case.
        status: the patch level that the report must show.
        case: makes evidence, policy and time.
    """

    name: str
    status: str = "UpToDate"
    case: Callable[[], IntelCase]


def defect_rows(group: DefectGroup, *rows: DefectRow) -> tuple[IntelDefect, ...]:
    """Defects of one group."""
    return tuple(
        IntelDefect(group=group, name=name, check=check, code=code, case=case)
        for name, check, code, case in rows
    )


@cache
def intel_authority() -> IntelAuthority:
    """The authority of all cases, unless they say otherwise."""
    return IntelAuthority(INTEL_SEED, AT)


def other_machine(**changes: Any) -> IntelAuthority:
    """The same authority over a machine whose certificate says something else.

    Args:
        changes: fields of `PckExtension`.
    """
    platform: PckExtension = replace(simulated_platform(INTEL_SEED), **changes)
    return IntelAuthority(INTEL_SEED, AT, platform)


def td_quote(
    authority: IntelAuthority | None = None,
    *,
    enclave: QuotingEnclave = TD_QE,
    quoting: Mapping[str, Any] | None = None,
    module: TdxModule | None = None,
    **changes: Any,
) -> bytes:
    """A quote of the built-in TD, version 4.

    Args:
        authority: that certifies the machine.
        enclave: its quoting enclave.
        quoting: further arguments of `Quoting`.
        module: its TDX module.
        changes: arguments of `TdxIssuer.quote`.
    """
    owner = intel_authority() if authority is None else authority
    issuer = TdxIssuer(owner, quoting=Quoting(owner, enclave, **quoting or {}), module=module)
    honest: dict[str, Any] = {
        "mrtd": builtin.mrtd(),
        "rtmrs": builtin.rtmrs(PROGRAM_ROOT),
        "report_data": REPORT_DATA,
    }
    return issuer.quote(**honest | changes)


def sgx_quote(
    authority: IntelAuthority | None = None, *, enclave: QuotingEnclave = QE, **changes: Any
) -> bytes:
    """A quote of an SGX enclave, version 3.

    Args:
        authority: that certifies the machine.
        enclave: its quoting enclave.
        changes: arguments of `SgxIssuer.quote`.
    """
    owner = intel_authority() if authority is None else authority
    issuer = SgxIssuer(owner, quoting=Quoting(owner, enclave))
    honest: dict[str, Any] = {
        "mrenclave": MRENCLAVE,
        "mrsigner": MRSIGNER,
        "report_data": REPORT_DATA,
    }
    return issuer.quote(**honest | changes)


def intel_fields(
    authority: IntelAuthority | None = None,
    *,
    kind: IntelKind = "tdx",
    tcb: Changes | None = None,
    qe: Changes | None = None,
    tcb_info_signer: Issued | None = None,
    qe_identity_signer: Issued | None = None,
    **changes: str,
) -> dict[str, str]:
    """Collateral by field.

    Args:
        authority: that publishes.
        kind: of the workload.
        tcb, qe: fields of TCB info and QE identity that are other than usual, and signed so.
        tcb_info_signer, qe_identity_signer: who signs instead of the TCB signer.
        changes: fields of the collateral, changed after signing.
    """
    owner = intel_authority() if authority is None else authority
    fields = collateral_fields(
        owner,
        kind,
        tcb_info_text=compact(tcb_info(owner, kind) | dict(tcb or {})),
        qe_identity_text=compact(qe_identity(owner, kind) | dict(qe or {})),
        tcb_info_signer=tcb_info_signer,
        qe_identity_signer=qe_identity_signer,
    )
    return fields | changes


def intel_policy(**changes: Any) -> AttestationPolicy:
    """A policy that accepts the honest cases of both kinds, and nothing else.

    Args:
        changes: fields of `AttestationPolicy`.
    """
    policy = AttestationPolicy(
        references=(
            builtin.reference("tdx", PROGRAM_ROOT),
            Reference(kind="sgx", values={"mrenclave": MRENCLAVE}),
        ),
        simulated_roots=frozenset((hashlib.sha256(intel_authority().root.der).digest(),)),
        report_data=REPORT_DATA,
    )
    return replace(policy, **changes)


def intel_case(
    *,
    kind: IntelKind = "tdx",
    authority: IntelAuthority | None = None,
    quote: bytes | None = None,
    fields: Mapping[str, str] | None = None,
    collateral: bytes | None = None,
    policy: AttestationPolicy | None = None,
    now: datetime = AT,
) -> IntelCase:
    """Evidence with what it is judged by; every part that is left out is the honest one.

    Args:
        kind: of the workload.
        authority: for quote and collateral.
        quote: the whole quote.
        fields: the collateral by field.
        collateral: the collateral's text.
        policy: of the verifier.
        now: when it judges.
    """
    if quote is None:
        quote = td_quote(authority) if kind == "tdx" else sgx_quote(authority)
    if collateral is None:
        found = intel_fields(authority, kind=kind) if fields is None else fields
        collateral = compact(found).encode()
    return IntelCase(
        evidence=Evidence(kind=kind, document=quote, collateral=collateral),
        policy=intel_policy() if policy is None else policy,
        now=now,
    )
