"""Each defect of Intel evidence is refused by the one check that is for it, and nothing else."""

from __future__ import annotations

import pytest

from verifiable.backends.tee.checks import TEE_10, TEE_12, VENDOR_CHECKS
from verifiable.backends.tee.dcap import verify_dcap
from verifiable.backends.tee.evidence import Evidence, Findings
from verifiable.backends.tee.judge import Ruling, judge_evidence
from verifiable.testing.tee_intel_cases import REPORT_DATA, intel_case
from verifiable.testing.tee_intel_defects import (
    INTEL_CONTROLS,
    INTEL_DEFECTS,
    IntelCase,
    IntelControl,
    IntelDefect,
)

JUDGED_LATER = (TEE_10.id, TEE_12.id)
VENDOR = [defect for defect in INTEL_DEFECTS if defect.check not in JUDGED_LATER]
LATER = [defect for defect in INTEL_DEFECTS if defect.check in JUDGED_LATER]
# other vendors' evidence, what the judge finds, and a library that refuses for no known reason
NOT_INTELS = {
    "migration-agent",
    "not-vmpl-0",
    "chip-masked",
    "assurance-not-met",
    "time-needed",
    "evidence-not-verified",
}


def judged(case: IntelCase) -> Findings:
    return verify_dcap(case.evidence, case.policy, allow_builtin_simulator=False, now=case.now)


def ruled(case: IntelCase) -> Ruling:
    return judge_evidence(
        case.evidence,
        answer=None,
        policy=case.policy,
        now=case.now,
        allow_builtin_simulator=False,
    )


def name_of(row: IntelDefect | IntelControl) -> str:
    return f"{row.check}-{row.name}" if isinstance(row, IntelDefect) else row.name


def facts(findings: Findings) -> tuple[object, ...]:
    """All that is read from the evidence."""
    report = findings.report
    assert report is not None
    return (
        report.report_data,
        dict(report.measurements),
        report.platform_id,
        report.tcb_status,
        report.advisories,
        report.root_sha256,
        dict(report.flags),
    )


@pytest.mark.parametrize("defect", VENDOR, ids=name_of)
def test_a_defect_is_refused_by_its_check(defect: IntelDefect) -> None:
    findings = judged(defect.case())
    failed = {
        check.id: check.code for check in findings.checks.values() if check.status == "failed"
    }
    assert failed == {defect.check: defect.code}
    check = findings.checks[defect.check]
    assert check.expected
    assert check.found
    assert list(findings.checks) == [spec.id for spec in VENDOR_CHECKS]
    if defect.check in ("TEE-1", "TEE-2", "TEE-3", "TEE-4", "TEE-5", "TEE-18"):
        assert findings.report is None, "nothing may be read where signatures do not hold"


@pytest.mark.parametrize("control", INTEL_CONTROLS, ids=name_of)
def test_a_control_is_accepted(control: IntelControl) -> None:
    findings = judged(control.case())
    assert all(check.ok for check in findings.checks.values()), findings.checks
    assert findings.assurance == "simulated"
    assert findings.report is not None
    assert findings.report.tcb_status == control.status
    assert findings.report.report_data == REPORT_DATA


@pytest.mark.parametrize("defect", INTEL_DEFECTS, ids=name_of)
def test_the_whole_verdict_fails_in_that_line_alone(defect: IntelDefect) -> None:
    ruling = ruled(defect.case())
    failed = {check.id: check.code for check in ruling.checks if check.status == "failed"}
    if defect.name in ("collateral-missing", "truncated-in-nothing"):
        # nobody else could judge again what is not there
        assert failed.pop("TEE-19") == "evidence-incomplete"
    assert failed == {defect.check: defect.code}
    assert not ruling.ok


@pytest.mark.parametrize("control", INTEL_CONTROLS, ids=name_of)
def test_the_whole_verdict_of_a_control_is_good(control: IntelControl) -> None:
    ruling = ruled(control.case())
    assert ruling.ok, [check for check in ruling.checks if not check.ok]
    assert ruling.assurance == "simulated"


@pytest.mark.parametrize("defect", LATER, ids=name_of)
def test_what_the_judge_refuses_is_reported_as_signed(defect: IntelDefect) -> None:
    case = defect.case()
    findings = judged(case)
    assert all(check.ok for check in findings.checks.values())
    honest = judged(intel_case(kind=case.evidence.kind))
    assert facts(findings) != facts(honest)


@pytest.mark.parametrize(
    "name",
    [
        "zeros-after-the-end",
        "quote-signature-with-other-s",
        "qe-signature-with-other-s",
        "chain-with-other-line-ends",
        "chain-twice",
        "issuer-chains-without-the-root",
        "levels-unsorted",
    ],
)
def test_loose_bytes_change_nothing_that_is_read(name: str) -> None:
    (control,) = (control for control in INTEL_CONTROLS if control.name == name)
    case, honest = control.case(), intel_case()
    assert case.evidence != honest.evidence
    assert facts(judged(case)) == facts(judged(honest))


def test_one_flipped_bit_is_refused_or_changes_nothing() -> None:
    honest = intel_case()
    expected = facts(judged(honest))
    quote = honest.evidence.document
    loose = set()
    for offset in range(0, len(quote), 5):
        flipped = bytearray(quote)
        flipped[offset] ^= 1 << offset % 8
        evidence = Evidence(
            kind="tdx", document=bytes(flipped), collateral=honest.evidence.collateral
        )
        findings = verify_dcap(
            evidence, honest.policy, allow_builtin_simulator=False, now=honest.now
        )
        if all(check.ok for check in findings.checks.values()):
            assert facts(findings) == expected
            loose.add(offset)
    # all before the certificates is signed, or is a size, or a signature
    assert not {offset for offset in loose if offset < 1258}
    assert len(loose) < 20


def test_names_are_unique_and_every_group_has_rows() -> None:
    names = [row.name for row in (*INTEL_DEFECTS, *INTEL_CONTROLS)]
    assert len(set(names)) == len(names) > 150
    groups = {defect.group for defect in INTEL_DEFECTS}
    assert groups == {"root", "roles", "identity", "collateral", "tcb", "body", "bytes"}


def test_every_code_has_its_defect() -> None:
    codes = {(spec.id, code) for spec in VENDOR_CHECKS for code in spec.codes}
    shown = {(defect.check, defect.code) for defect in VENDOR}
    assert {code for _, code in codes - shown} == NOT_INTELS
    assert shown <= codes


def test_a_case_is_the_same_bytes_every_time() -> None:
    for row in (*INTEL_DEFECTS[::10], *INTEL_CONTROLS[::5]):
        first, second = row.case(), row.case()
        assert first == second
        assert first.evidence.document == second.evidence.document
