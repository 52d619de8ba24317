"""Judging evidence: the vendor's half of the policy, then what is the same for every vendor.

`judge_evidence` gives all nineteen checks in order. Once the signatures hold, everything is read
from the verified report; what lies beside it (a log, a nonce, a key) counts only where it explains
what was signed. A pure function: the time is an argument, and there is no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from verifiable.backends.tee import checks as table
from verifiable.backends.tee.answer import Answer, Freshness, examine_answer
from verifiable.backends.tee.evidence import Evidence, Findings, Report
from verifiable.backends.tee.keys import TeeKey
from verifiable.backends.tee.workload import examine_code, examine_log
from verifiable.statement.attestation import AttestationPolicy
from verifiable.statement.verdict import Check

__all__ = ["Assurance", "Ruling", "judge_evidence"]

Assurance = Literal["hardware", "simulated"]

_COLLATERAL = ("tdx", "sgx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What became of some evidence.

    Attributes:
        checks: all nineteen, in order.
        assurance: `hardware` or `simulated`, by which root verified; empty if none did.
        report: what the verified bytes say; None unless the signatures hold.
        freshness: what is known of when it was made; None without a report.
    """

    checks: tuple[Check, ...]
    assurance: str
    report: Report | None
    freshness: Freshness | None

    @property
    def ok(self) -> bool:
        """Whether every check was run and passed."""
        return all(check.ok for check in self.checks)


def judge_evidence(
    evidence: Evidence,
    *,
    answer: Answer | None,
    policy: AttestationPolicy,
    now: datetime | None,
    allow_builtin_simulator: bool,
    assurance: str | None = None,
    key: TeeKey | None = None,
    age_demanded: bool = False,
) -> Ruling:
    """Run the nineteen checks.

    Args:
        evidence: as it was handed in; nothing in it is believed.
        answer: the statement that it is to stand for, with nonce and key; None: there is none, and
            the policy must pin the report data.
        policy: what the relying party demands.
        now: the time of judging, with a time zone; None leaves all of it undecided.
        allow_builtin_simulator: accept the built-in simulator, whose seed is public.
        assurance: `hardware` or `simulated`, if the relying party demands one.
        key: accepted workloads and roots that are pinned for the program; None: nothing.
        age_demanded: the relying party limits the age, so evidence must show it.

    Raises:
        MissingDependency: a package that this kind of evidence is verified with is not installed.
        InvalidInput: a member of `answer` has a length that it cannot have.

    Soundness:
        The root that the verifier trusts decides what evidence is worth. Whatever is read is read
        from bytes under a signature that leads to such a root.
    """
    if now is None:
        return _without_time()
    findings = _vendor_findings(evidence, policy, allow_builtin_simulator, now)
    done = dict(findings.checks)
    _apply_assurance(done, findings, assurance)
    _apply_roots(done, findings, key)
    done["TEE-17"] = _examine_gpu(policy)
    done["TEE-19"] = _examine_repeatable(evidence)
    freshness = None
    report = findings.report
    if report is not None:
        root = None if answer is None else answer.statement.program_root
        log = evidence.event_log
        done["TEE-10"] = examine_code(
            report,
            policy,
            key,
            allow_builtin_simulator=allow_builtin_simulator,
            event_log=log,
            program_root=root,
        )
        done["TEE-11"] = examine_log(report, log, root)
        four, freshness = examine_answer(report, answer, policy, now=now, age_demanded=age_demanded)
        done.update({check.id: check for check in four})
        done["TEE-16"] = _examine_platform(report, policy)
    bad = next(
        (spec.id for spec in table.TEE_CHECKS if spec.id in done and not done[spec.id].ok), ""
    )
    hint = f"{bad} did not pass" if bad else "the evidence was not verified"
    return Ruling(
        checks=tuple(done.get(spec.id) or spec.skipped(hint=hint) for spec in table.TEE_CHECKS),
        assurance=findings.assurance,
        report=report,
        freshness=freshness,
    )


def _without_time() -> Ruling:
    # TEE-3: certificates, lists and patch levels all have dates; this verifier has no clock.
    undecided = table.TEE_3.undecided(
        "time-needed",
        expected="a time of judging",
        found="none",
        hint="give --at TIME, or `now` in Python",
    )
    return Ruling(
        checks=tuple(
            undecided if spec.id == "TEE-3" else spec.skipped(hint="TEE-3 needs a time")
            for spec in table.TEE_CHECKS
        ),
        assurance="",
        report=None,
        freshness=None,
    )


def _vendor_findings(
    evidence: Evidence, policy: AttestationPolicy, allow_builtin_simulator: bool, now: datetime
) -> Findings:
    """TEE-1 to TEE-9 and TEE-18, by the vendor's own module, which is loaded when needed."""
    how = {"allow_builtin_simulator": allow_builtin_simulator}
    if evidence.kind in ("tdx", "sgx"):
        from verifiable.backends.tee.dcap import verify_dcap

        return verify_dcap(evidence, policy, **how, now=now)
    if evidence.kind == "nitro":
        from verifiable.backends.tee.nitro import verify_nitro

        return verify_nitro(evidence, policy, **how, now=now)
    from verifiable.backends.tee.snp import verify_snp

    return verify_snp(evidence, policy, **how, now=now)


def _apply_assurance(done: dict[str, Check], findings: Findings, demanded: str | None) -> None:
    # TEE-2: who asks for hardware gets it; who asks for a simulator must not mistake one.
    if demanded is None or not findings.assurance or findings.assurance == demanded:
        return
    if done["TEE-2"].ok:
        done["TEE-2"] = table.TEE_2.failed(
            "assurance-not-met",
            expected=f"assurance {demanded}",
            found=done["TEE-2"].found or findings.assurance,
            hint="the policy asks for another assurance than this evidence has",
        )


def _apply_roots(done: dict[str, Check], findings: Findings, key: TeeKey | None) -> None:
    # TEE-1: a key pins the roots too, so that a root added later does not widen it.
    report = findings.report
    if key is None or report is None or report.root_sha256 in key.roots:
        return
    done["TEE-1"] = table.TEE_1.failed(
        "root-not-trusted",
        expected="a root of the trusted key: " + ", ".join(root.hex() for root in key.roots),
        found=report.root_sha256.hex(),
        hint="the lock or record was written for evidence under other roots",
    )


def _examine_platform(report: Report, policy: AttestationPolicy) -> Check:
    # TEE-16: a quote proves a genuine key, not an unopened machine.
    found = report.platform_id.hex() or "no platform id"
    if policy.platforms is None:
        return table.TEE_16.ok(expected="any platform", found=found)
    expected = ", ".join(sorted(name.hex() for name in policy.platforms)) or "none"
    if report.platform_id and report.platform_id in policy.platforms:
        return table.TEE_16.ok(expected=expected, found=found)
    return table.TEE_16.failed(
        expected=expected,
        found=found,
        hint="add the machine to the policy's `platforms` if you know where it stands",
    )


def _examine_gpu(policy: AttestationPolicy) -> Check:
    # TEE-17: nothing here judges drivers and firmware, so a claim is refused, never passed.
    if not policy.gpu:
        return table.TEE_17.ok(expected="no verdict on a graphics processor", found="not claimed")
    return table.TEE_17.failed(
        expected="the vendor's verdict on a graphics processor",
        found="none",
        hint="this release checks the signature and nonce of a report alone; take the verdict "
        "from the vendor's own verifier",
    )


def _examine_repeatable(evidence: Evidence) -> Check:
    # TEE-19: whoever has the proof and the policy can judge again, offline, at the same time.
    missing = [
        name
        for name, lacks in (
            ("document", not evidence.document),
            ("collateral", evidence.kind in _COLLATERAL and not evidence.collateral),
            ("certificates", evidence.kind == "snp" and not evidence.chain),
        )
        if lacks
    ]
    expected = "evidence with all that it is judged with"
    if not missing:
        return table.TEE_19.ok(expected=expected, found="complete")
    return table.TEE_19.failed(
        expected=expected,
        found=f"no {' and no '.join(missing)}",
        hint="keep collateral and certificates beside the evidence (`verifiable tee bundle`)",
    )
