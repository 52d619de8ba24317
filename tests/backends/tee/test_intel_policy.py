"""What a policy says of an Intel platform: statuses, grace, flags, attributes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from verifiable.backends.tee.dcap import verify_dcap
from verifiable.backends.tee.intel_policy import (
    PatchLevel,
    check_attributes,
    check_debug,
    check_flags,
    check_patch_level,
    patch_level,
    platform_flags,
)
from verifiable.backends.tee.quote import EnclaveReport, Quote, TdReport
from verifiable.backends.tee.tcb import STATUSES, Level, NoLevel
from verifiable.statement.attestation import AttestationPolicy
from verifiable.testing.tee_intel_cases import intel_authority, sgx_quote, td_quote
from verifiable.testing.tee_intel_defects import INTEL_DEFECTS

DATE = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
MONTHS = 90 * 86400
PCK = intel_authority().platform


def level(status: str, date: datetime = DATE, *advisories: str) -> Level:
    return Level(date=date, status=status, advisories=advisories)


def found(status: str, **changes: object) -> PatchLevel:
    return replace(PatchLevel(status=status, date=DATE, behind=DATE), **changes)


def code(patch: PatchLevel, *, evaluation: int = 17, **policy: object) -> str:
    return check_patch_level(
        patch, evaluation=evaluation, policy=AttestationPolicy(**policy), now=NOW
    ).code


@pytest.mark.parametrize("status", STATUSES)
def test_only_listed_statuses_are_accepted(status: str) -> None:
    assert code(found("UpToDate", behind=None)) == ""
    listed = code(found(status), tcb_statuses=frozenset((status,)))
    assert listed == ("tcb-status-not-accepted" if status == "Revoked" else "")
    others = frozenset(STATUSES) - {status}
    assert code(found(status), tcb_statuses=others) == "tcb-status-not-accepted"


def test_no_policy_accepts_a_status_that_is_not_known() -> None:
    assert code(found("Splendid"), tcb_statuses=frozenset(("Splendid",))) != ""


@pytest.mark.parametrize(
    ("status", "accepted", "grace_s", "outcome"),
    [
        ("OutOfDate", "UpToDate", MONTHS, ""),
        ("OutOfDate", "UpToDate", 0, "tcb-status-not-accepted"),
        ("OutOfDate", "UpToDate", 86400, "tcb-status-not-accepted"),
        ("OutOfDate", "UpToDate", int((NOW - DATE).total_seconds()), ""),
        ("OutOfDate", "UpToDate", int((NOW - DATE).total_seconds()) - 1, "tcb-status-not-accepted"),
        ("OutOfDate", "ConfigurationNeeded", MONTHS, "tcb-status-not-accepted"),
        ("OutOfDateConfigurationNeeded", "UpToDate", MONTHS, "tcb-status-not-accepted"),
        ("OutOfDateConfigurationNeeded", "ConfigurationNeeded", MONTHS, ""),
        ("ConfigurationNeeded", "UpToDate", MONTHS, "tcb-status-not-accepted"),
        ("Revoked", "UpToDate", MONTHS, "tcb-status-not-accepted"),
        ("TDRelaunchAdvised", "UpToDate", MONTHS, ""),
        ("TDRelaunchAdvised", "UpToDate", 0, "tcb-status-not-accepted"),
    ],
)
def test_grace_forgives_being_out_of_date_and_nothing_else(
    status: str, accepted: str, grace_s: int, outcome: str
) -> None:
    patch = found(status)
    assert code(patch, tcb_statuses=frozenset((accepted,)), grace_s=grace_s) == outcome


def test_the_longest_grace_that_a_policy_can_hold_is_no_error() -> None:
    assert code(found("OutOfDate"), grace_s=1 << 40) == ""
    assert code(found("OutOfDate", behind=NOW - timedelta(seconds=61)), grace_s=60) != ""


def test_a_grace_that_was_needed_is_said() -> None:
    policy = AttestationPolicy(grace_s=MONTHS)
    check = check_patch_level(found("OutOfDate"), evaluation=17, policy=policy, now=NOW)
    assert check.ok
    assert "2026-01-01" in check.hint


def test_both_counts_must_be_accepted() -> None:
    one = frozenset(("OutOfDateConfigurationNeeded",))
    patch = found("OutOfDateConfigurationNeeded", second="OutOfDate")
    assert code(patch, tcb_statuses=one) == "tcb-status-not-accepted"
    assert code(patch, tcb_statuses=one | {"OutOfDate"}) == ""


def test_denied_advisories_and_old_evaluations_are_refused() -> None:
    patch = found("UpToDate", advisories=("INTEL-SA-00001", "INTEL-SA-00002"))
    assert code(patch) == ""
    assert code(patch, denied_advisories=frozenset(("INTEL-SA-00002",))) == "advisory-denied"
    assert code(patch, denied_advisories=frozenset(("INTEL-SA-00003",))) == ""
    assert code(patch, minimum_tcb_evaluation=17) == ""
    assert code(patch, minimum_tcb_evaluation=18) == "tcb-evaluation-too-old"


def merged(*parts: Level | str, platform: Level | NoLevel, second: str = "") -> PatchLevel:
    named = {str(index): part for index, part in enumerate(parts)}
    return patch_level(platform, named, second=second, second_advisories=("B",))


def test_the_earliest_part_that_is_behind_starts_the_grace() -> None:
    late, early = DATE, DATE - timedelta(days=400)
    patch = merged(level("OutOfDate", early, "A"), level("UpToDate"), platform=level("OutOfDate"))
    assert patch.behind == early
    assert patch.date == late
    assert patch.advisories == ("A", "B")
    assert merged(level("UpToDate"), platform=level("UpToDate")).behind is None


def test_a_part_without_level_is_no_level() -> None:
    nowhere = NoLevel(component="PCESVN", value=1, asked=2, by_all=True)
    for patch in (
        merged(level("UpToDate"), platform=nowhere),
        merged("ISVSVN of the quoting enclave is 0", platform=level("UpToDate")),
    ):
        assert patch.status == ""
        assert code(patch, tcb_statuses=frozenset(("", *STATUSES))) == "no-tcb-level"


def test_a_module_that_was_updated_under_a_running_td() -> None:
    patch = merged(level("OutOfDate"), platform=level("UpToDate"), second="TDRelaunchAdvised")
    assert patch.status == "TDRelaunchAdvised"
    assert code(patch) == "tcb-status-not-accepted"
    assert code(patch, tcb_statuses=frozenset(("TDRelaunchAdvised",))) == ""
    up_to_date = merged(level("UpToDate"), platform=level("UpToDate"), second="TDRelaunchAdvised")
    assert code(up_to_date) == "tcb-status-not-accepted"


def test_a_policy_may_accept_a_td_that_should_be_relaunched() -> None:
    (defect,) = (row for row in INTEL_DEFECTS if row.name == "relaunch-advised")
    case = defect.case()
    policy = replace(case.policy, tcb_statuses=frozenset(("TDRelaunchAdvised",)))
    findings = verify_dcap(case.evidence, policy, allow_builtin_simulator=False, now=case.now)
    assert all(check.ok for check in findings.checks.values())
    assert findings.report is not None
    assert findings.report.tcb_status == "TDRelaunchAdvised"


def test_flags_that_the_policy_does_not_list() -> None:
    assert PCK.flags is not None
    machine = replace(
        PCK, flags=replace(PCK.flags, dynamic_platform=True, cached_keys=False, smt=True)
    )
    assert platform_flags(machine) == {
        "dynamic_platform": True, "cached_keys": False, "smt": True,
    }  # fmt: skip
    assert check_flags(machine, AttestationPolicy()).ok
    only = AttestationPolicy(platform_flags=frozenset(("smt", "cached_keys")))
    assert check_flags(machine, only).code == "platform-flag-not-accepted"
    without = replace(PCK, flags=None)
    assert platform_flags(without) == {}
    assert check_flags(without, AttestationPolicy(platform_flags=frozenset())).ok


def td(bits: int = 1 << 28, *, service: bytes | None = None, xfam: str = "e702060000000000"):
    quote = td_quote(
        version=5,
        td_attributes=bits.to_bytes(8, "little"),
        xfam=bytes.fromhex(xfam),
        mrservicetd=service,
    )
    body = Quote.parse(quote).body
    assert isinstance(body, TdReport)
    return body


def enclave(flags: int) -> EnclaveReport:
    quote = sgx_quote(attributes=flags.to_bytes(8, "little") + bytes.fromhex("e700000000000000"))
    body = Quote.parse(quote).body
    assert isinstance(body, EnclaveReport)
    return body


SEPT = 1 << 28
ANY = frozenset(
    (bits | SEPT).to_bytes(8, "little") for bits in (0, 1 << 27, 1 << 29, 1 << 30, 1 << 1, 1 << 40)
) | {bytes(8)}


@pytest.mark.parametrize(
    ("bits", "outcome"),
    [
        (SEPT, ""),
        (SEPT | 1 << 27, ""),  # LASS, which the policy lists
        (SEPT | 1 << 30, ""),  # PKS
        (SEPT | 1 << 29, "migratable"),
        (0, "attributes-not-accepted"),
        (SEPT | 1 << 1, "attributes-not-accepted"),
        (SEPT | 1 << 40, "attributes-not-accepted"),
        (SEPT | 1 << 63, "attributes-not-accepted"),  # PERFMON, which it does not
    ],
)
def test_some_bits_no_list_can_accept(bits: int, outcome: str) -> None:
    assert check_attributes(td(bits), AttestationPolicy(td_attributes=ANY)).code == outcome


def test_features_are_on_a_list() -> None:
    other = td(xfam="e718060000000000")
    assert check_attributes(other, AttestationPolicy()).code == "attributes-not-accepted"
    listed = AttestationPolicy(xfams=frozenset((other.xfam,)))
    assert check_attributes(other, listed).ok
    empty = AttestationPolicy(td_attributes=frozenset())
    assert check_attributes(td(), empty).code == "attributes-not-accepted"


def test_a_service_td_is_named() -> None:
    service = bytes([7]) * 48
    assert check_attributes(td(service=bytes(48)), AttestationPolicy()).ok
    assert check_attributes(td(service=service), AttestationPolicy()).code == "service-td"
    named = AttestationPolicy(service_tds=frozenset((service,)))
    assert check_attributes(td(service=service), named).ok


def test_debug_is_accepted_only_where_the_policy_says_insecure() -> None:
    insecure = AttestationPolicy(insecure_allow_debug=True)
    for body in (td(SEPT | 1), enclave(0x07)):
        assert check_debug(body, AttestationPolicy()).code == "debug-enabled"
        allowed = check_debug(body, insecure)
        assert allowed.ok
        assert "DEBUG" in allowed.found
        assert allowed.hint
        assert check_attributes(body, insecure).ok
    assert check_debug(td(), insecure).ok
    assert "DEBUG" not in check_debug(td(), insecure).found


@pytest.mark.parametrize(
    ("flags", "outcome"),
    [
        (0x05, ""),
        (0x05 | 0x80 | 0x400, ""),  # KSS, AEX notify
        (0x04, "attributes-not-accepted"),  # not initialised
        (0x05 | 0x10, "attributes-not-accepted"),
        (0x05 | 0x20, "attributes-not-accepted"),
        (0x05 | 0x08, "attributes-not-accepted"),
        (0x05 | 1 << 40, "attributes-not-accepted"),
    ],
)
def test_attributes_of_an_enclave(flags: int, outcome: str) -> None:
    assert check_attributes(enclave(flags), AttestationPolicy()).code == outcome
