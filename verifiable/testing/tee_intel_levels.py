"""Defects of Intel evidence in patch levels and properties of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from verifiable.backends.tee.simulator.intel_platform import (
    PLATFORM_LEVELS,
    TdxModule,
)
from verifiable.testing.tee_intel_cases import (
    DefectRow,
    IntelCase,
    defect_rows,
    intel_case,
    intel_policy,
    td_quote,
)
from verifiable.testing.tee_intel_changes import (
    accepting,
    at_level,
    quoting_enclave,
    signed_qe_identity,
    signed_tcb_info,
    tcb_levels,
    tdx_module,
)

__all__ = ["TCB_DEFECTS"]


def _relaunch() -> IntelCase:
    """The module was updated under a TD that was started before: the old one counts."""
    return intel_case(
        quote=td_quote(
            module=TdxModule(isv_svn=4),
            version=5,
            tee_tcb_svn2=TdxModule().tee_tcb_svn,
        )
    )


def _status_rows() -> Iterator[DefectRow]:
    for level in PLATFORM_LEVELS[1:]:
        yield (
            f"status-{level.status}",
            "TEE-6",
            "tcb-status-not-accepted",
            partial(at_level, level.status),
        )


def _flag_rows() -> Iterator[DefectRow]:
    flags = ("dynamic_platform", "cached_keys", "smt")
    for flag in flags:
        allowed = frozenset(flags) - {flag}
        yield (
            f"flag-{flag.replace('_', '-')}",
            "TEE-7",
            "platform-flag-not-accepted",
            partial(intel_case, policy=intel_policy(platform_flags=allowed)),
        )


def _below(level: list[dict[str, Any]]) -> None:
    del level[1:]
    level[0]["tcb"]["sgxtcbcomponents"][7]["svn"] = 6


TCB_DEFECTS = defect_rows(
    "tcb",
    *_status_rows(),
    (
        "revoked-whatever-the-policy-says",
        "TEE-6",
        "tcb-status-not-accepted",
        lambda: at_level("Revoked", **accepting("Revoked")),
    ),
    (
        "unknown-status",
        "TEE-6",
        "tcb-status-not-accepted",
        lambda: tcb_levels(lambda levels: levels[0].update(tcbStatus="Splendid")),
    ),
    (
        "unknown-status-in-the-policy-too",
        "TEE-6",
        "tcb-status-not-accepted",
        lambda: replace(
            tcb_levels(lambda levels: levels[0].update(tcbStatus="Splendid")),
            policy=intel_policy(**accepting("Splendid")),
        ),
    ),
    (
        "no-status-accepted",
        "TEE-6",
        "tcb-status-not-accepted",
        lambda: intel_case(policy=intel_policy(tcb_statuses=frozenset())),
    ),
    ("no-matching-level", "TEE-6", "no-tcb-level", lambda: tcb_levels(_below)),
    ("no-level-at-all", "TEE-6", "no-tcb-level", lambda: signed_tcb_info(tcbLevels=[])),
    (
        "advisory-denied",
        "TEE-6",
        "advisory-denied",
        lambda: at_level(
            "SWHardeningNeeded",
            **accepting("SWHardeningNeeded"),
            denied_advisories=frozenset(("INTEL-SA-00615",)),
        ),
    ),
    (
        "evaluation-number-too-low",
        "TEE-6",
        "tcb-evaluation-too-old",
        lambda: intel_case(policy=intel_policy(minimum_tcb_evaluation=20)),
    ),
    (
        "evaluation-number-of-qe-identity-too-low",
        "TEE-6",
        "tcb-evaluation-too-old",
        lambda: replace(
            signed_qe_identity(tcbEvaluationDataNumber=18),
            policy=intel_policy(minimum_tcb_evaluation=19),
        ),
    ),
    ("module-out-of-date", "TEE-6", "tcb-status-not-accepted", lambda: tdx_module(isv_svn=5)),
    ("module-revoked", "TEE-6", "tcb-status-not-accepted", lambda: tdx_module(isv_svn=3)),
    ("module-below-all", "TEE-6", "no-tcb-level", lambda: tdx_module(isv_svn=1)),
    (
        "late-microcode-old",
        "TEE-6",
        "tcb-status-not-accepted",
        lambda: tdx_module(late_microcode=2),
    ),
    ("qe-out-of-date", "TEE-6", "tcb-status-not-accepted", lambda: quoting_enclave(isv_svn=7)),
    ("qe-revoked", "TEE-6", "tcb-status-not-accepted", lambda: quoting_enclave(isv_svn=5)),
    ("qe-below-all", "TEE-6", "no-tcb-level", lambda: quoting_enclave(isv_svn=0)),
    ("relaunch-advised", "TEE-6", "tcb-status-not-accepted", _relaunch),
    (
        "grace-over",
        "TEE-6",
        "tcb-status-not-accepted",
        # 718 days lie between the level's date and the time of judging
        lambda: at_level("OutOfDate", grace_s=717 * 86400),
    ),
    *_flag_rows(),
)
