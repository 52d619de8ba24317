"""AMD SEV-SNP: the attestation report, and the vendor's half of its judgement.

A report is signed by the chip's key (VCEK), which AMD certified for this chip at these versions of
firmware; the certificates come beside the report, and the root is one that the verifier pins. What
is read is what the report's signature covers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha384
from types import MappingProxyType
from typing import NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from verifiable.backends.tee.certificates import (
    check_chain,
    der_of,
    load_der,
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
from verifiable.backends.tee.claims import Claims
from verifiable.backends.tee.evidence import Evidence, Findings, Report
from verifiable.backends.tee.findings import collect, unreadable
from verifiable.backends.tee.roots import trust
from verifiable.backends.tee.snp_report import SnpReport
from verifiable.backends.tee.snp_vcek import Vcek
from verifiable.errors import InvalidInput, MalformedProof
from verifiable.statement.attestation import AttestationPolicy
from verifiable.statement.verdict import Check

__all__ = ["snp_claims", "verify_snp"]

_CHAIN = 3  # VCEK, ASK, ARK
_VCEK_NAME = "SEV-VCEK"
_SMT = "smt"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """Evidence, decoded; nothing in it is verified."""

    report: SnpReport
    vcek: Vcek
    ask: x509.Certificate
    ark: x509.Certificate

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        return (self.vcek.certificate, self.ask, self.ark)


def verify_snp(
    evidence: Evidence,
    policy: AttestationPolicy,
    *,
    allow_builtin_simulator: bool,
    now: datetime,
) -> Findings:
    """Verify a report with its certificates.

    Args:
        evidence: of kind `snp`; its chain is VCEK, ASK, ARK.
        policy: what is accepted.
        allow_builtin_simulator: accept evidence of the built-in simulator, as simulated.
        now: the moment to judge at, with time zone.

    Returns:
        All ten checks, and the report if the signatures hold.

    Raises:
        InvalidInput: (code `naive-time`) `now` has no time zone.

    Soundness:
        No revocation list comes with a report, and none is asked for. A report has no time: only a
        nonce shows when it was made.
    """
    if now.tzinfo is None:
        raise InvalidInput("the time has no time zone", where="now", code="naive-time")
    try:
        parts = _read(evidence)
    except MalformedProof as cause:
        return collect([unreadable(cause)])
    report = parts.report
    # TEE-18: exact sizes and layout; what no signature covers is zero
    form = f"SNP report of version {report.version}" + (
        f", and {report.trailing_zeros} zeros" if report.trailing_zeros else ""
    )
    root, assurance_check, assurance = trust(
        der_of(parts.ark), "snp", policy, allow_builtin_simulator
    )
    checks = [TEE_18.ok(found=form), root, assurance_check]
    if not assurance:
        return collect(checks)
    for check in _signatures(parts, now):
        checks.append(check)
        if not check.ok:
            return collect(checks, assurance)
    checks += [
        _patch_level(parts),
        _flags(report, policy),
        _no_debugger(report, policy),
        _attributes(report),
    ]
    return collect(checks, assurance, _verified(parts))


def snp_claims(evidence: Evidence) -> Claims:
    """What a report says, unverified.

    Raises:
        MalformedProof: it cannot be decoded.
    """
    report = SnpReport.parse(evidence.document)
    return Claims(
        kind="snp",
        report_data=report.report_data,
        measurements=report.measurements,
        details=MappingProxyType(
            {**_details(report), "certificates beside it": str(len(evidence.chain))}
        ),
    )


def _read(evidence: Evidence) -> _Parts:
    report = SnpReport.parse(evidence.document)
    if evidence.collateral:
        _refuse("collateral beside the report, which needs none")
    if len(evidence.chain) != _CHAIN:
        _refuse(
            f"{len(evidence.chain)} certificates beside the report",
            hint="pass VCEK, ASK and ARK, in this order",
        )
    return _Parts(
        report=report,
        vcek=Vcek.load(evidence.chain[0]),
        ask=load_der(evidence.chain[1], "ASK"),
        ark=load_der(evidence.chain[2], "ARK"),
    )


def _signatures(parts: _Parts, now: datetime) -> Iterator[Check]:
    """TEE-8 for a masked chip, TEE-4, TEE-3, TEE-5; the caller stops at the first that fails."""
    if parts.report.chip_masked:
        yield TEE_8.failed(
            "chip-masked",
            expected="a report that the chip's key signed",
            found=f"key info {parts.report.key_info:#x}: the key is masked, or there is none",
            hint="the host has to unmask the chip's key (MASK_CHIP_KEY)",
        )
    yield _role(parts)
    problem = check_chain(
        parts.chain, now=now, what="SNP chain", depth=_CHAIN, leaf_signed=parts.vcek.signed
    )
    yield problem or _signature(parts)
    yield _platform(parts)


def _role(parts: _Parts) -> Check:
    # TEE-4: the certificate of a chip's key, and each key in one role alone.
    expected = f"a {_VCEK_NAME} on P-384, under authorities that sign with RSA-PSS and SHA-384"
    leaf = parts.vcek.certificate
    names = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    if [name.value for name in names] != [_VCEK_NAME]:
        return TEE_4.failed(expected=expected, found=name_of(leaf.subject))
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        return TEE_4.failed(expected=expected, found="a key on another curve than P-384")
    for certificate in parts.chain:
        if not isinstance(
            certificate.signature_algorithm_parameters, padding.PSS
        ) or not isinstance(certificate.signature_hash_algorithm, hashes.SHA384):
            found = f"{name_of(certificate.subject)} is signed by another algorithm"
            return TEE_4.failed(expected=expected, found=found)
    if spki_sha256_of(parts.ask) == spki_sha256_of(parts.ark):
        return TEE_4.failed(expected=expected, found="one key for ASK and ARK")
    return TEE_4.ok(expected=expected, found=f"{_VCEK_NAME} by {name_of(parts.ask.subject)}")


def _signature(parts: _Parts) -> Check:
    # TEE-3: over the first 0x2A0 bytes; s may be high or low, and says nothing.
    expected = "signatures and dates that hold from the report to the root"
    report, key = parts.report, parts.vcek.certificate.public_key()
    try:
        if not isinstance(key, ec.EllipticCurvePublicKey):  # TEE-4 has looked
            raise InvalidSignature
        key.verify(
            utils.encode_dss_signature(report.r, report.s), report.signed, ec.ECDSA(hashes.SHA384())
        )
    except InvalidSignature:
        return TEE_3.failed(
            "bad-signature",
            expected=expected,
            found="the report's signature does not verify under the VCEK's key",
            hint="the report was altered, or the VCEK is that of another chip or firmware",
        )
    until = min(certificate.not_valid_after_utc for certificate in parts.chain)
    return TEE_3.ok(expected=expected, found=f"they hold, until {time_text(until)}")


def _platform(parts: _Parts) -> Check:
    # TEE-5: the key was certified for this chip with this firmware, and the report says both.
    report, vcek = parts.report, parts.vcek
    padded = vcek.hwid + bytes(len(report.chip_id) - len(vcek.hwid))
    if padded != report.chip_id:
        return TEE_5.failed(
            "platform-mismatch",
            expected=f"chip {padded.hex()}",
            found=f"chip {report.chip_id.hex()}" if any(report.chip_id) else "no chip id",
            hint="pass the VCEK of the chip that made the report; a host that masks the chip's "
            "id (MASK_CHIP_ID) gives no evidence that can be verified",
        )
    by_certificate = vcek.tcb.fmc is not None
    if report.is_turin not in (None, by_certificate):
        return TEE_5.failed(
            "platform-mismatch",
            expected="a report and a VCEK of one generation",
            found=f"CPUID {report.cpuid}, VCEK {'with' if by_certificate else 'without'} FMC",
            hint="pass the VCEK of the chip that made the report",
        )
    if vcek.tcb.encode() != report.reported_tcb:
        return TEE_5.failed(
            "platform-mismatch",
            expected=f"REPORTED_TCB {vcek.tcb.encode().hex()} ({vcek.tcb})",
            found=f"REPORTED_TCB {report.reported_tcb.hex()}",
            hint="pass the VCEK for the versions of firmware that the report names",
        )
    return TEE_5.ok(
        expected="the VCEK of this chip at this firmware",
        found=f"chip {report.chip_id[:8].hex()}..., {vcek.tcb}",
    )


def _patch_level(parts: _Parts) -> Check:
    # TEE-6: AMD publishes no status; a lowered REPORTED_TCB is the platform owner's choice.
    hint = ""
    if parts.vcek.product.startswith("Milan"):
        hint = (
            "the secret behind the keys of Milan chips was read by researchers: whoever did that "
            "on a chip can sign as any firmware of it; list the platforms that you know"
        )
    return TEE_6.ok(
        expected="no status: AMD publishes none, the policy can pin platforms",
        found=f"{parts.vcek.product or 'chip'}: {parts.vcek.tcb}",
        hint=hint,
    )


def _flags(report: SnpReport, policy: AttestationPolicy) -> Check:
    # TEE-7: of the flags that policies name, SNP has SMT; the others are reported.
    found = ", ".join(name for name, is_set in report.flags.items() if is_set) or "none"
    expected = f"SMT {'or not' if _SMT in policy.platform_flags else 'off'}"
    if report.flags[_SMT] and _SMT not in policy.platform_flags:
        return TEE_7.failed(
            expected=expected,
            found=found,
            hint="switch SMT off in the machine, or list `smt` in the policy's platform_flags",
        )
    return TEE_7.ok(expected=expected, found=found)


def _no_debugger(report: SnpReport, policy: AttestationPolicy) -> Check:
    # TEE-8: what the guest's policy lets its host do.
    expected = "a guest without debugging and migration agent, at VMPL 0"
    found = f"guest policy {report.policy:#x}, VMPL {report.vmpl}"
    if report.policy & report.POLICY_MIGRATION_AGENT:
        return TEE_8.failed(
            "migration-agent",
            expected=expected,
            found=found,
            hint="launch the guest with bit 18 of its policy clear",
        )
    if report.vmpl != 0:
        return TEE_8.failed(
            "not-vmpl-0",
            expected=expected,
            found=found,
            hint="ask for the report at the highest privilege level, 0",
        )
    if not report.policy & report.POLICY_DEBUG:
        return TEE_8.ok(expected=expected, found=found)
    if policy.insecure_allow_debug:
        return TEE_8.ok(expected=expected, found=f"{found}: debugging, which the policy allows")
    return TEE_8.failed(
        "debug-enabled",
        expected=expected,
        found=found,
        hint="launch the guest with bit 19 of its policy clear",
    )


def _attributes(report: SnpReport) -> Check:
    # TEE-9: bit 17 is always 1, and nobody knows what an unknown bit lets the host do.
    expected = "a guest policy with bit 17, and no bit that is reserved"
    found = f"{report.policy:#x}"
    if not report.policy & report.POLICY_ALWAYS or report.policy & ~report.POLICY_KNOWN:
        return TEE_9.failed(expected=expected, found=found, hint="launch the guest with another")
    smt_allowed = bool(report.policy & report.POLICY_SMT)
    if report.flags[_SMT] and not smt_allowed:
        return TEE_9.failed(
            expected="SMT on the platform only where the guest's policy allows it",
            found=f"{found}, and SMT is on",
        )
    return TEE_9.ok(expected=expected, found=found)


def _verified(parts: _Parts) -> Report:
    report = parts.report
    details = _details(report) | {
        "product": parts.vcek.product or "not named",
        "tcb": str(parts.vcek.tcb),
        "signed_sha384": sha384(report.signed).hexdigest(),
    }
    return Report(
        kind="snp",
        root_sha256=sha256_of(parts.ark),
        root_spki_sha256=spki_sha256_of(parts.ark),
        report_data=report.report_data,
        measurements=report.measurements,
        program_register="host_data",
        platform_id=report.chip_id,
        flags=report.flags,
        details=MappingProxyType(details),
    )


def _details(report: SnpReport) -> dict[str, str]:
    return {
        "version": str(report.version),
        "guest_svn": str(report.guest_svn),
        "policy": f"{report.policy:#x}",
        "vmpl": str(report.vmpl),
        "platform_info": f"{report.platform_info:#x}",
        "key_info": f"{report.key_info:#x}",
        "reported_tcb": report.reported_tcb.hex(),
        "current_tcb": report.current_tcb.hex(),
        "committed_tcb": report.committed_tcb.hex(),
        "launch_tcb": report.launch_tcb.hex(),
        "report_id": report.report_id.hex(),
    }


def _refuse(why: str, *, hint: str = "") -> NoReturn:
    raise MalformedProof(why, where="SNP evidence", hint=hint, code="evidence-malformed")
