"""The vendor's checks by name: for each of its codes, evidence that only this check refuses.

The whole policy is judged, so that no other of the nineteen lines fails with it.
"""

from __future__ import annotations

import pytest

from verifiable.backends.tee.judge import judge_evidence
from verifiable.testing.tee_intel_defects import INTEL_CONTROLS, INTEL_DEFECTS, IntelDefect

OF_CODE = {(defect.check, defect.code): defect for defect in INTEL_DEFECTS}


def failed_by(defect: IntelDefect) -> dict[str, str]:
    """Every check that fails, by id its code."""
    case = defect.case()
    ruling = judge_evidence(
        case.evidence, answer=None, policy=case.policy, now=case.now, allow_builtin_simulator=False
    )
    assert not ruling.ok
    return {check.id: check.code for check in ruling.checks if check.status == "failed"}


def refused(check: str, *codes: str) -> None:
    for code in codes:
        found = failed_by(OF_CODE[check, code])
        found.pop("TEE-19", None)  # evidence without a part is incomplete as well
        assert found == {check: code}


def test_the_honest_case_passes() -> None:
    case = INTEL_CONTROLS[0].case()
    assert judge_evidence(
        case.evidence, answer=None, policy=case.policy, now=case.now, allow_builtin_simulator=False
    ).ok


def test_tee_4_no_key_vouches_for_its_own_patch_level() -> None:
    refused("TEE-4", "wrong-signer-role")


def test_tee_5_parts_of_several_platforms() -> None:
    refused("TEE-5", "platform-mismatch", "wrong-quoting-enclave", "wrong-module", "wrong-vendor")


def test_tee_6_patch_levels() -> None:
    refused(
        "TEE-6",
        "tcb-status-not-accepted",
        "no-tcb-level",
        "advisory-denied",
        "tcb-evaluation-too-old",
    )


def test_tee_7_flags_that_the_policy_does_not_list() -> None:
    refused("TEE-7", "platform-flag-not-accepted")


def test_tee_8_debuggers() -> None:
    refused("TEE-8", "debug-enabled", "debug-quoting-enclave")


def test_tee_9_attributes() -> None:
    refused("TEE-9", "attributes-not-accepted", "migratable", "service-td")


@pytest.mark.parametrize(
    "code", ["evidence-malformed", "trailing-bytes", "evidence-too-large", "unsupported-evidence"]
)
def test_tee_18_bytes_that_are_not_the_vendors(code: str) -> None:
    refused("TEE-18", code)
