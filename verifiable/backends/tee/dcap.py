"""Verify Intel evidence, TDX and SGX: the vendor's half of the policy, TEE-1 to TEE-9 and TEE-18.

Two verifiers must agree. This module checks roles, chains, lists, signatures, dates and identity
itself, so that each failure has its own name; then `qvl` lets an independent library judge the same
quote. Nothing is read from a quote before its signatures hold, and a check that was not run is
skipped, never ok. Pure: no clock, no network.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from types import MappingProxyType

from verifiable.backends.tee import qvl
from verifiable.backends.tee.certificates import (
    der_of,
    name_of,
    sha256_of,
    spki_sha256_of,
    time_text,
)
from verifiable.backends.tee.checks import (
    TEE_3,
    TEE_4,
    TEE_5,
    TEE_6,
    TEE_7,
    TEE_8,
    TEE_9,
    TEE_18,
)
from verifiable.backends.tee.evidence import Evidence, Findings, Report
from verifiable.backends.tee.findings import collect, unreadable
from verifiable.backends.tee.intel_checks import (
    check_certificates,
    check_identity,
    check_quote_signatures,
    check_roles,
    check_texts,
    extension_of,
    module_of,
    with_root,
)
from verifiable.backends.tee.intel_evidence import IntelEvidence, read
from verifiable.backends.tee.intel_policy import (
    PatchLevel,
    check_attributes,
    check_debug,
    check_flags,
    check_patch_level,
    patch_level,
    platform_flags,
)
from verifiable.backends.tee.pck import PckExtension
from verifiable.backends.tee.quote import TdReport
from verifiable.backends.tee.roots import trust
from verifiable.backends.tee.tcb import Level, enclave_tcb, platform_tcb
from verifiable.errors import InvalidInput, MalformedProof
from verifiable.statement.attestation import AttestationPolicy
from verifiable.statement.verdict import Check

__all__ = ["verify_dcap"]

_ON_VERIFIED_VALUES = (TEE_6, TEE_7, TEE_8, TEE_9)


def verify_dcap(
    evidence: Evidence,
    policy: AttestationPolicy,
    *,
    allow_builtin_simulator: bool,
    now: datetime,
) -> Findings:
    """Verify a TDX or SGX quote with its collateral.

    Args:
        evidence: of kind `tdx` or `sgx`.
        policy: what is accepted.
        allow_builtin_simulator: accept evidence of the built-in simulator, as simulated.
        now: the moment to judge at, with time zone; whole seconds count.

    Returns:
        All ten checks, and the report if the signatures hold.

    Raises:
        InvalidInput: (code `naive-time`) `now` has no time zone.
        MissingDependency: the quote verification library is not installed.
    """
    if now.tzinfo is None:
        raise InvalidInput("the time has no time zone", where="now", code="naive-time")
    now = now.replace(microsecond=0)
    found: dict[str, Check] = {}
    try:
        parts = read(evidence)
    except MalformedProof as cause:
        return collect([_unreadable(cause)])
    root, assurance_check, assurance = trust(
        der_of(parts.root), evidence.kind, policy, allow_builtin_simulator
    )
    found |= {check.id: check for check in (TEE_18.ok(found=_form(parts)), root, assurance_check)}
    if not assurance:
        return collect(found.values())
    for check in _vendor_checks(parts, now):
        found[check.id] = check
        if not check.ok:
            return collect(found.values(), assurance)
    judged = qvl.judge(
        parts.quote_bytes,
        parts.collateral,
        pck_chain=parts.pck_chain,
        tcb_chain=with_root(parts.tcb_chain, parts.root),
        qe_chain=with_root(parts.qe_chain, parts.root),
        now=now,
    )
    pck = extension_of(parts)
    level = _patch_level(parts, pck, judged)
    body = parts.quote.body
    evaluation = min(parts.tcb_info.signed.evaluation, parts.qe_identity.signed.evaluation)
    for check in (
        check_patch_level(level, evaluation=evaluation, policy=policy, now=now),
        check_flags(pck, policy),
        check_debug(body, policy),
        check_attributes(body, policy),
    ):
        found[check.id] = check
    refused = judged.failed
    if refused is None or judged.only_attributes or not found[refused.id].ok:
        return collect(found.values(), assurance, _report(parts, pck, level))
    # the library refuses what was found to hold here: the verifiers must agree
    if refused.id != TEE_6.id:
        for spec in _ON_VERIFIED_VALUES:
            del found[spec.id]
    found[refused.id] = refused
    report = _report(parts, pck, level) if refused.id == TEE_6.id else None
    return collect(found.values(), assurance, report)


def _vendor_checks(parts: IntelEvidence, now: datetime) -> Iterator[Check]:
    """TEE-4, TEE-3, a debug quoting enclave, TEE-5; the caller stops at the first that fails."""
    yield check_roles(parts) or TEE_4.ok(
        expected="each signer's certificate allows what it signed",
        found=f"TCB signer {name_of(parts.tcb_chain[0].subject)}, "
        f"PCK authority {name_of(parts.pck_chain[1].subject)}",
    )
    yield (
        check_certificates(parts, now)
        or check_texts(parts, now)
        or check_quote_signatures(parts)
        or TEE_3.ok(
            expected="signatures, chains, dates and revocation lists that hold",
            found=f"they hold at {time_text(now)}",
        )
    )
    quoting = parts.quote.qe_report
    if quoting.debug:
        yield TEE_8.failed(
            "debug-quoting-enclave",
            expected="a quoting enclave that nobody can debug",
            found=f"ATTRIBUTES {quoting.attributes.hex()}",
            hint="its key can be read, so that anybody could have signed; no policy accepts it",
        )
    yield check_identity(parts) or TEE_5.ok(
        expected="one platform, quoting enclave and module in quote, certificate and collateral",
        found=f"FMSPC {parts.tcb_info.fmspc.hex().upper()}, PCEID {parts.tcb_info.pceid.hex()}",
    )


def _patch_level(parts: IntelEvidence, pck: PckExtension, judged: qvl.Judged) -> PatchLevel:
    body, info = parts.quote.body, parts.tcb_info
    td = body if isinstance(body, TdReport) else None
    levels: dict[str, Level | str] = {
        "quoting enclave": _enclave_level(
            parts.qe_identity.signed.levels, parts.quote.qe_report.isv_svn, "quoting enclave"
        )
    }
    if td is not None and td.tee_tcb_svn[1]:
        module = module_of(td, info)
        levels["TDX module"] = _enclave_level(
            module.levels if module else (), td.tee_tcb_svn[0], "TDX module"
        )
    return patch_level(
        platform_tcb(info.signed.levels, pck, td.tee_tcb_svn if td else None),
        levels,
        second=judged.status,
        second_advisories=judged.advisories,
    )


def _enclave_level(levels: tuple[Level, ...], isvsvn: int, what: str) -> Level | str:
    level = enclave_tcb(levels, isvsvn)
    if level is not None:
        return level
    lowest = min((level.isvsvn for level in levels), default=None)
    asked = "no level is listed" if lowest is None else f"the lowest level asks for {lowest}"
    return f"ISVSVN of the {what} is {isvsvn}, {asked}"


def _report(parts: IntelEvidence, pck: PckExtension, level: PatchLevel) -> Report:
    quote = parts.quote
    body = quote.body
    info, identity = parts.tcb_info.signed, parts.qe_identity.signed
    details = {
        "quote_version": str(quote.version),
        "fmspc": pck.fmspc.hex().upper(),
        "pceid": pck.pceid.hex(),
        "pcesvn": str(pck.pcesvn),
        "cpusvn": pck.cpusvn.hex(),
        "sgx_type": pck.sgx_type_name,
        "qe_svn": str(quote.qe_report.isv_svn),
        "tcb_evaluation": f"{info.evaluation} (TCB info), {identity.evaluation} (QE identity)",
        "collateral": f"{time_text(max(info.issued, identity.issued))} to "
        f"{time_text(min(info.next_update, identity.next_update))}",
    }
    if pck.platform_instance_id is not None:
        details["platform_instance_id"] = pck.platform_instance_id.hex()
    if isinstance(body, TdReport):
        details["tee_tcb_svn"] = body.tee_tcb_svn.hex()
        details["td_attributes"] = body.tdattributes.hex()
        details["xfam"] = body.xfam.hex()
    else:
        details["attributes"] = body.attributes.hex()
    return Report(
        kind=quote.tee,
        root_sha256=sha256_of(parts.root),
        root_spki_sha256=spki_sha256_of(parts.root),
        report_data=body.report_data,
        measurements=MappingProxyType(body.measurements),
        program_register="rtmr3" if quote.tee == "tdx" else "",
        platform_id=pck.ppid,
        tcb_status=level.status,
        advisories=level.advisories,
        tcb_date=level.date,
        flags=MappingProxyType(platform_flags(pck)),
        details=MappingProxyType(details),
    )


def _form(parts: IntelEvidence) -> str:
    zeros = parts.quote.trailing_zeros
    return (
        f"{parts.quote.tee.upper()} quote of version {parts.quote.version}, "
        f"{parts.quote.size} bytes" + (f" and {zeros} zeros" if zeros else "")
    )


def _unreadable(cause: MalformedProof) -> Check:
    if cause.code == "collateral-missing":
        return TEE_3.failed(
            cause.code,
            expected="collateral: lists, TCB info, QE identity, and who signed them",
            found=cause.what,
            hint=cause.hint,
        )
    return unreadable(cause)
