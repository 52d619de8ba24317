"""What a good attestation establishes, and what not: the sentences of the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from verifiable.backends.base import Judgement
from verifiable.backends.tee.answer import Answer
from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.format import VERSION
from verifiable.backends.tee.judge import Ruling, judge_evidence
from verifiable.backends.tee.keys import TeeKey
from verifiable.backends.tee.signatures import address_of
from verifiable.statement.attestation import AttestationKind, AttestationPolicy
from verifiable.statement.policy import Policy
from verifiable.statement.strict_json import encode_hex

__all__ = ["judgement_of", "rule"]

_SIGNER: Mapping[AttestationKind, str] = MappingProxyType(
    {
        "tdx": "a key that Intel certified for a TDX platform",
        "sgx": "a key that Intel certified for an SGX platform",
        "snp": "a key that AMD certified for an SEV-SNP chip",
        "nitro": "the AWS Nitro hypervisor",
    }
)
_HARDWARE_LIMITS = (
    "that nobody opened the machine: physical attacks on memory have taken attestation keys, and "
    "vendors hold them out of scope",
    "that the measured code is right: the reference values say which code it is, not what it does",
    "that input or weights were secret",
)
_NITRO_LIMITS = ("anything against AWS, or which chip it was",)
_SNP_LIMITS = (
    "that the chip's firmware is current: AMD publishes no status, and no policy asks for one",
)
_SIMULATED_LIMITS = (
    "SIMULATED: that any enclave existed: whoever has the seed of the root can sign anything",
    "SIMULATED: isolation, encrypted memory, protection from side channels or physical access, "
    "hardware randomness, sealing, a trustworthy clock",
)


def rule(
    evidence: Evidence,
    policy: Policy,
    *,
    answer: Answer | None,
    now: datetime | None,
    key: TeeKey | None,
) -> tuple[Ruling, Judgement]:
    """Judge evidence by all that a relying party's policy says of attestations.

    Args:
        answer, now, key: as for `judge_evidence`.

    Raises:
        MissingDependency, InvalidInput: as `judge_evidence`.
    """
    demands = _demands(policy)
    ruling = judge_evidence(
        evidence,
        answer=answer,
        policy=demands,
        now=now,
        allow_builtin_simulator="simulated_tee" in policy.allow_insecure,
        assurance=policy.assurance,
        key=key,
        age_demanded=policy.maximum_age_s is not None,
    )
    return ruling, judgement_of(ruling, answer, demands)


def _demands(policy: Policy) -> AttestationPolicy:
    """The policy's demands on attestations, with the age that it demands of all evidence."""
    demands, limit_s = policy.attestation, policy.maximum_age_s
    if demands is None:
        return AttestationPolicy() if limit_s is None else AttestationPolicy(maximum_age_s=limit_s)
    if limit_s is None:
        return demands
    return replace(demands, maximum_age_s=min(limit_s, demands.maximum_age_s))


def judgement_of(ruling: Ruling, answer: Answer | None, policy: AttestationPolicy) -> Judgement:
    """What follows from a ruling on some evidence.

    Args:
        answer: the statement with all that binds it; None: the policy pinned the report data.
        policy: the demands that were judged by.
    """
    report = ruling.report
    if report is None or not ruling.ok:
        return Judgement(checks=ruling.checks, assurance=ruling.assurance)
    simulated = ruling.assurance == "simulated"
    signer = "a simulated root's key" if simulated else _SIGNER[report.kind]
    if answer is None:
        what = "these measurements and the report data that the policy pins"
    elif answer.mode == "statement":
        what = "these measurements and this statement"
    else:
        address = encode_hex(address_of(answer.key))
        what = f"these measurements and key {address}, which signed this statement"
    limits = list(_SIMULATED_LIMITS if simulated else _HARDWARE_LIMITS)
    if report.kind == "nitro" and not simulated:
        limits += _NITRO_LIMITS
    if report.kind == "snp" and not simulated:
        limits += _SNP_LIMITS
    if answer is None:
        limits.append("any statement about a program: the policy pinned the report data itself")
    elif answer.mode == "key":
        limits.append("the state of the machine after the key was attested")
        limits.append("when the key signed this statement: a nonce or an age is of its attestation")
    if policy.nonce is None:
        limits.append(
            "freshness: none: the evidence may be an old one shown again, since the verifier gave "
            "no nonce"
        )
    if policy.platforms is None:
        limits.append("which machine it was: the policy lists no platforms")
    limits += _weakenings(policy)
    return Judgement(
        checks=ruling.checks,
        establishes=(f"{signer} signed {what} ({report.kind}, assurance: {ruling.assurance})",),
        does_not_establish=tuple(limits),
        reveals=("the platform's identity and the statement's roots: in the evidence",),
        verified_version=VERSION,
        details=_details(ruling, answer),
        assurance=ruling.assurance,
    )


def _weakenings(policy: AttestationPolicy) -> list[str]:
    """What a policy gave up by name, said where it cannot be missed."""
    found = []
    if policy.insecure_allow_debug:
        found.append("anything against a host with a debugger: the policy allows debug workloads")
    if policy.tcb_statuses != frozenset(("UpToDate",)):
        accepted = ", ".join(sorted(policy.tcb_statuses))
        found.append(f"that the platform's patches are current: the policy accepts {accepted}")
    if policy.grace_s:
        found.append(f"that patches were applied within {policy.grace_s} s: the policy's grace")
    return found


def _details(ruling: Ruling, answer: Answer | None) -> tuple[str, ...]:
    """Lines for people; nothing rests on them."""
    report = ruling.report
    if report is None:
        return ()
    mark = "SIMULATED: " if ruling.assurance == "simulated" else ""
    modes = {
        "": "evidence by itself, for no statement",
        "statement": "statement, a quote for this statement alone",
        "key": "key, a quote for a key, which signs statements",
    }
    lines = [
        f"assurance: {ruling.assurance}",
        f"mode: {modes['' if answer is None else answer.mode]}",
        str(ruling.freshness),
        f"root {report.root_sha256.hex()}",
        f"platform {report.platform_id.hex() or 'not named'}",
    ]
    if report.tcb_status:
        advisories = f" ({', '.join(report.advisories)})" if report.advisories else ""
        lines.append(f"patch level {report.tcb_status}{advisories}")
    flags = [name for name, is_set in report.flags.items() if is_set]
    if flags:
        lines.append(f"platform flags: {', '.join(flags)}")
    lines += [f"{name}: {value}" for name, value in report.details.items()]
    return tuple(mark + line for line in lines)
