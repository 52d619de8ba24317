"""What is reported of Intel evidence: each check once, nothing green that was not run."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

import dcap_qvl
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from verifiable.backends.tee import qvl
from verifiable.backends.tee.certificates import contained
from verifiable.backends.tee.checks import TEE_6, VENDOR_CHECKS
from verifiable.backends.tee.collateral import Collateral
from verifiable.backends.tee.dcap import verify_dcap
from verifiable.backends.tee.evidence import Evidence, Findings
from verifiable.backends.tee.intel_evidence import read
from verifiable.backends.tee.roots import BUILTIN_SIMULATED_ROOTS
from verifiable.backends.tee.simulator import builtin
from verifiable.errors import InvalidInput, MalformedProof, MissingDependency
from verifiable.testing.tee_intel_cases import (
    AT,
    PROGRAM_ROOT,
    REPORT_DATA,
    IntelCase,
    intel_authority,
    intel_case,
    intel_fields,
    intel_policy,
    other_machine,
    td_quote,
)
from verifiable.testing.tee_intel_defects import INTEL_CONTROLS, INTEL_DEFECTS, IntelDefect

IDS = [spec.id for spec in VENDOR_CHECKS]
UNKNOWN = "evidence-not-verified"
FIELDS = intel_fields()


def judged(case: IntelCase, **changes: object) -> Findings:
    arguments = {"allow_builtin_simulator": False, "now": case.now} | changes
    return verify_dcap(case.evidence, case.policy, **arguments)


def failing(findings: Findings) -> dict[str, str]:
    return {check.id: check.code for check in findings.checks.values() if check.status == "failed"}


def test_honest_evidence_is_ok_in_every_check() -> None:
    findings = judged(intel_case())
    assert list(findings.checks) == IDS
    assert all(check.ok and check.id == name for name, check in findings.checks.items())
    report = findings.report
    assert report is not None
    assert report.kind == "tdx"
    assert report.report_data == REPORT_DATA
    assert report.measurements["rtmr3"] == builtin.rtmrs(PROGRAM_ROOT)[3]
    assert report.program_register == "rtmr3"
    assert report.platform_id == intel_authority().platform.ppid
    assert report.tcb_status == "UpToDate"
    assert report.tcb_date is not None
    assert report.timestamp is None
    assert report.details["fmspc"] == intel_authority().platform.fmspc.hex().upper()


def test_what_was_not_run_is_skipped_and_says_why() -> None:
    findings = judged(intel_case(), now=AT + timedelta(days=31))
    assert failing(findings) == {"TEE-3": "collateral-stale"}
    skipped = {check.id for check in findings.checks.values() if check.status == "skipped"}
    assert skipped == {"TEE-5", "TEE-6", "TEE-7", "TEE-8", "TEE-9"}
    assert {findings.checks[name].code for name in skipped} == {"check-not-run"}
    assert all("TEE-3" in findings.checks[name].hint for name in skipped)
    assert findings.report is None


def test_tee_18_evidence_that_cannot_be_read_skips_all_else() -> None:
    case = intel_case(quote=b"\4\0")
    findings = judged(case)
    assert failing(findings) == {"TEE-18": "evidence-malformed"}
    assert [check.status for check in findings.checks.values()].count("skipped") == len(IDS) - 1


def test_policy_checks_are_all_run_on_verified_values() -> None:
    policy = intel_policy(tcb_statuses=frozenset(), platform_flags=frozenset(), xfams=frozenset())
    machine = other_machine(flags=replace(intel_authority().platform.flags, dynamic_platform=True))
    case = intel_case(authority=machine, policy=policy)
    assert failing(judged(case)) == {
        "TEE-6": "tcb-status-not-accepted",
        "TEE-7": "platform-flag-not-accepted",
        "TEE-9": "attributes-not-accepted",
    }
    assert judged(case).report is not None


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        judged(intel_case(), now=datetime(2026, 3, 1))
    assert caught.value.code == "naive-time"


def test_fractions_of_a_second_do_not_count() -> None:
    end = datetime.fromisoformat("2026-03-10T00:00:00Z")  # of the text, inclusive
    case = intel_case(fields=intel_fields(tcb={"nextUpdate": "2026-03-10T00:00:00Z"}))
    assert not failing(judged(case, now=end.replace(microsecond=9)))
    late = end + timedelta(seconds=1)
    assert failing(judged(case, now=late)) == {"TEE-3": "collateral-stale"}


def test_tee_2_the_builtin_simulator_counts_only_where_it_is_allowed() -> None:
    authority = builtin.authority(AT)
    case = intel_case(authority=authority, policy=intel_policy(simulated_roots=frozenset()))
    refused = judged(case)
    assert failing(refused) == {"TEE-2": "simulated-evidence"}
    assert refused.checks["TEE-1"].ok
    assert refused.report is None
    allowed = judged(case, allow_builtin_simulator=True)
    assert not failing(allowed)
    assert allowed.assurance == "simulated"
    assert "SIMULATED" in allowed.checks["TEE-2"].found
    assert allowed.report is not None
    assert allowed.report.root_sha256 == BUILTIN_SIMULATED_ROOTS["tdx"]


def test_tee_1_no_simulator_is_trusted_by_default() -> None:
    case = intel_case(policy=intel_policy(simulated_roots=frozenset()))
    findings = judged(case, allow_builtin_simulator=True)
    assert failing(findings) == {"TEE-1": "root-not-trusted"}
    assert findings.assurance == ""
    assert findings.checks["TEE-1"].found.endswith(next(iter(intel_policy().simulated_roots)).hex())


def test_evidence_of_the_other_kind_is_refused() -> None:
    case = intel_case()
    evidence = replace(case.evidence, kind="sgx")
    findings = judged(replace(case, evidence=evidence))
    assert failing(findings) == {"TEE-18": "unsupported-evidence"}


# --- the other verifier -----------------------------------------------------------------------


def by_the_library(case: IntelCase) -> str:
    """What the library says by itself of a case; empty if it accepts."""
    try:
        dcap_qvl.verify_with_root_ca(
            case.evidence.document,
            dcap_qvl.QuoteCollateralV3.from_json(case.evidence.collateral.decode()),
            intel_authority().root.der,
            int(case.now.timestamp()),
        )
    except ValueError as error:
        return " ".join(str(error).split())
    return ""


def test_every_refusal_of_the_library_is_known() -> None:
    """On all defects at once: none of its sentences is new, and most name the same check."""
    refusals = {defect.name: by_the_library(defect.case()) for defect in INTEL_DEFECTS}
    refusals = {name: sentence for name, sentence in refusals.items() if sentence}
    meanings = {name: qvl.meaning(sentence)[0] for name, sentence in refusals.items()}
    unknown = {refusals[name] for name, found in meanings.items() if found.code == UNKNOWN}
    assert not unknown
    same = {defect.name for defect in INTEL_DEFECTS if defect.name in meanings
            and defect.check == meanings[defect.name].id}  # fmt: skip
    assert len(refusals) > 80
    assert len(same) > 65


@pytest.mark.parametrize(
    ("changes", "check", "code"),
    [
        ({"td_attributes": bytes.fromhex("0100001000000000")}, "TEE-8", "debug-enabled"),
        ({"td_attributes": bytes.fromhex("1000001000000000")}, "TEE-9", "attributes-not-accepted"),
        ({"td_attributes": bytes.fromhex("0000003000000000")}, "TEE-9", "migratable"),
        ({"td_attributes": bytes(8)}, "TEE-9", "attributes-not-accepted"),
        ({"version": 5, "mrservicetd": bytes([1]) * 48}, "TEE-9", "service-td"),
    ],
)
def test_the_workloads_attributes_are_the_librarys_last_step(
    changes: dict[str, object], check: str, code: str
) -> None:
    """Only there may a policy accept what the library refuses, so it must be known to be last."""
    quote = td_quote(**changes)
    found, only_attributes = qvl.meaning(by_the_library(intel_case(quote=quote)))
    assert (found.id, found.code, only_attributes) == (check, code, True)
    for worse in (
        intel_case(quote=flip(quote, 640)),  # the signature
        intel_case(quote=quote, fields=intel_fields(tcb={"fmspc": "000000000000"})),
        intel_case(quote=quote, fields=intel_fields(tcb={"tcbLevels": []})),
        intel_case(quote=quote, fields=intel_fields(qe={"isvprodid": 7})),
        intel_case(quote=quote, now=AT + timedelta(days=31)),
    ):
        assert not qvl.meaning(by_the_library(worse))[1]


def flip(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]


def test_tee_3_an_unknown_refusal_is_not_verified() -> None:
    found, only_attributes = qvl.meaning("the moon is in the wrong phase")
    assert (found.id, found.code) == ("TEE-3", "evidence-not-verified")
    assert found.found == "the moon is in the wrong phase"
    assert not only_attributes
    assert qvl.meaning("")[0].found == "no reason given"


class NativePanic(BaseException):
    """As pyo3's, which derives from BaseException."""


@pytest.mark.parametrize("error", [NativePanic("index out of bounds"), ValueError("x"), KeyError()])
def test_what_native_code_throws_is_contained(error: BaseException) -> None:
    with pytest.raises(MalformedProof), contained("the library"):
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), MemoryError()])
def test_what_ends_a_process_is_not(error: BaseException) -> None:
    with pytest.raises(type(error)), contained("the library"):
        raise error


@pytest.mark.parametrize(
    ("refusal", "failed", "reported"),
    [
        (NativePanic("index out of bounds"), {"TEE-3": "evidence-not-verified"}, False),
        (ValueError("Certificate has been revoked"), {"TEE-3": "certificate-revoked"}, False),
        (ValueError("Fmspc mismatch"), {"TEE-5": "platform-mismatch"}, False),
        (ValueError("Could not decode"), {"TEE-18": "evidence-malformed"}, False),
        (ValueError("TCB status is invalid: Revoked"), {"TEE-6": "tcb-status-not-accepted"}, True),
        (
            ValueError("QE report validation failed: Debug mode is enabled"),
            {"TEE-8": "debug-quoting-enclave"},
            False,
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_both_verifiers_must_agree(
    monkeypatch: pytest.MonkeyPatch,
    refusal: BaseException,
    failed: dict[str, str],
    reported: bool,
) -> None:
    def refuse(*_: object) -> None:
        raise refusal

    monkeypatch.setattr(dcap_qvl, "verify_with_root_ca", refuse)
    findings = judged(intel_case())
    assert failing(findings) == failed
    assert list(findings.checks) == IDS
    assert (findings.report is not None) is reported


def test_tee_6_a_worse_status_by_the_librarys_rule_counts_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Other:
        status = "OutOfDate"
        advisory_ids = ("INTEL-SA-99999",)

    monkeypatch.setattr(dcap_qvl, "verify_with_root_ca", lambda *_: Other)
    findings = judged(intel_case())
    assert failing(findings) == {"TEE-6": "tcb-status-not-accepted"}
    assert "OutOfDate by the library's rule" in findings.checks["TEE-6"].found
    assert findings.report is not None
    assert "INTEL-SA-99999" in findings.report.advisories


def test_without_the_library_nothing_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "dcap_qvl", None)
    with pytest.raises(MissingDependency):
        judged(intel_case())


def test_the_library_gets_the_trusted_root_and_what_was_parsed() -> None:
    case = intel_case()
    parts = read(case.evidence)
    root = parts.root
    judged_again = qvl.judge(
        parts.quote_bytes,
        parts.collateral,
        pck_chain=parts.pck_chain,
        tcb_chain=(parts.tcb_chain[0], root),
        qe_chain=(parts.qe_chain[0], root),
        now=case.now,
    )
    assert judged_again == qvl.Judged(status="UpToDate")
    other = qvl.judge(
        parts.quote_bytes,
        replace(parts.collateral, pck_crl=parts.collateral.root_ca_crl),
        pck_chain=parts.pck_chain,
        tcb_chain=(parts.tcb_chain[0], root),
        qe_chain=(parts.qe_chain[0], root),
        now=case.now,
    )
    assert other.failed is not None
    assert other.failed.id == "TEE-3"


OWN = [defect for defect in INTEL_DEFECTS if defect.check in IDS]


@pytest.mark.parametrize("defect", OWN, ids=lambda row: f"{row.check}-{row.name}")
def test_the_checks_of_this_package_need_no_library(
    monkeypatch: pytest.MonkeyPatch, defect: IntelDefect
) -> None:
    """With a library that accepts everything, each defect is refused all the same."""
    monkeypatch.setattr(qvl, "judge", lambda *_, **__: qvl.Judged())
    assert failing(judged(defect.case())) == {defect.check: defect.code}


def test_there_are_many_defects() -> None:
    assert len(OWN) > 140


def test_tee_4_the_list_of_the_authority_comes_with_that_authority() -> None:
    root = intel_authority().root.pem
    findings = judged(intel_case(fields=FIELDS | {"pck_crl_issuer_chain": root}))
    assert failing(findings) == {"TEE-4": "wrong-signer-role"}
    assert "pck_crl_issuer_chain" in findings.checks["TEE-4"].found


def test_tee_3_an_attestation_key_that_is_no_point_signs_nothing() -> None:
    """A quoting enclave of the platform vouches for 64 bytes that are no key."""
    key = bytes(63) + b"\1"
    quote = bytearray(td_quote())
    quote[700:764] = key
    quote[1090:1122] = hashlib.sha256(key + quote[1220:1252]).digest()
    signature = intel_authority().pck.key.sign(bytes(quote[770:1154]), ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(signature)
    quote[1154:1218] = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    findings = judged(intel_case(quote=bytes(quote)))
    assert failing(findings) == {"TEE-3": "bad-signature"}
    assert "header and body" in findings.checks["TEE-3"].expected


def test_tee_3_a_quote_that_names_its_platform_only_needs_the_chain() -> None:
    (control,) = (control for control in INTEL_CONTROLS if control.name == "chain-by-ppid")
    case = control.case()
    assert not failing(judged(case))
    evidence = replace(case.evidence, collateral=intel_case().evidence.collateral)
    findings = judged(replace(case, evidence=evidence))
    assert failing(findings) == {"TEE-3": "collateral-missing"}
    assert "pck_certificate_chain" in findings.checks["TEE-3"].found


def test_statuses_are_the_policys_matter_alone() -> None:
    machine = other_machine(pcesvn=5)
    outcome = judged(intel_case(authority=machine)).checks[TEE_6.id]
    assert outcome.code in ("tcb-status-not-accepted", "no-tcb-level")


def test_tee_6_empty_statuses_accept_nothing() -> None:
    findings = judged(intel_case(policy=intel_policy(tcb_statuses=frozenset())))
    assert failing(findings) == {"TEE-6": "tcb-status-not-accepted"}
    assert "no status at all" in findings.checks["TEE-6"].expected


def test_collateral_given_twice_is_the_same_verdict() -> None:
    case = intel_case()
    again = Collateral.from_json(case.evidence.collateral).to_json()
    evidence = Evidence(kind="tdx", document=case.evidence.document, collateral=again)
    assert judged(replace(case, evidence=evidence)) == judged(case)
