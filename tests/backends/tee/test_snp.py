"""SEV-SNP reports: simulated ones with each defect, a genuine one, and any bytes at all."""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiable.backends.tee.checks import VENDOR_CHECKS
from verifiable.backends.tee.claims import claims_of, pinned_policy
from verifiable.backends.tee.evidence import Evidence, Findings
from verifiable.backends.tee.judge import judge_evidence
from verifiable.backends.tee.roots import BUILTIN_SIMULATED_ROOTS
from verifiable.backends.tee.simulator import builtin
from verifiable.backends.tee.simulator.snp_authority import (
    MILAN,
    TURIN,
    SnpAuthority,
    builtin_authority,
)
from verifiable.backends.tee.simulator.snp_issuer import SnpIssuer
from verifiable.backends.tee.snp import verify_snp
from verifiable.backends.tee.snp_report import SnpReport
from verifiable.backends.tee.snp_vcek import Vcek
from verifiable.errors import InvalidInput, MalformedProof
from verifiable.statement.attestation import AttestationPolicy
from verifiable.testing.tee_snp_defects import (
    SNP_AT,
    SNP_CONTROLS,
    SNP_DEFECTS,
    SNP_HOST_DATA,
    SNP_MEASUREMENT,
    SNP_REPORT_DATA,
    other_snp_authority,
    snp_evidence,
    snp_policy,
    snp_report,
)

SAMPLES = os.environ.get("VERIFIABLE_TEE_SAMPLES", "")
needs_samples = pytest.mark.skipif(
    not SAMPLES, reason="VERIFIABLE_TEE_SAMPLES names no folder of real evidence"
)
EXPECTED = json.loads((Path(SAMPLES) / "expect.json").read_text("utf-8")) if SAMPLES else {}
CASES = [case for case in EXPECTED.get("cases", ()) if case["kind"] == "amd-snp"]
REFUSED = {"snp-milan-vcek-expired": ("TEE-3", "outside-validity")}
OURS = {"TEE-1", "TEE-3", "TEE-4", "TEE-5", "TEE-8", "TEE-9", "TEE-18"}
SIGNED_BYTES = 0x2A0
SIZE = 1184


def verify(evidence: Evidence, policy: AttestationPolicy | None = None, **more: Any) -> Findings:
    arguments: dict[str, Any] = {"allow_builtin_simulator": False, "now": SNP_AT}
    return verify_snp(evidence, policy or snp_policy(), **arguments | more)


def failed(findings: Findings) -> list[tuple[str, str]]:
    return [(c.id, c.code) for c in findings.checks.values() if c.status == "failed"]


def ruled(evidence: Evidence, policy: AttestationPolicy, **more: Any):
    arguments: dict[str, Any] = {"answer": None, "now": SNP_AT, "allow_builtin_simulator": False}
    return judge_evidence(evidence, policy=policy, **arguments | more)


def test_the_honest_report_passes_and_says_what_it_says() -> None:
    findings = verify(snp_evidence())
    assert list(findings.checks) == [spec.id for spec in VENDOR_CHECKS]
    assert all(check.ok for check in findings.checks.values())
    assert findings.assurance == "simulated"
    report = findings.report
    assert report is not None
    assert report.report_data == SNP_REPORT_DATA
    assert report.measurements["measurement"] == SNP_MEASUREMENT
    assert report.measurements[report.program_register] == SNP_HOST_DATA
    assert report.platform_id == MILAN.chip_id
    assert report.flags["smt"]
    assert not report.flags["ciphertext_hiding"]
    assert (report.timestamp, report.nonce, report.public_key) == (None, b"", b"")


@pytest.mark.parametrize("defect", SNP_DEFECTS, ids=lambda row: f"{row.check}-{row.name}")
def test_each_defect_is_refused_by_its_check(defect) -> None:
    evidence = defect.evidence()
    findings = verify(evidence)
    assert failed(findings) == [(defect.check, defect.code)]
    assert findings.report is None or defect.check in ("TEE-8", "TEE-9")
    ruling = ruled(evidence, snp_policy())
    assert not ruling.ok
    assert (defect.check, defect.code) in [(check.id, check.code) for check in ruling.checks]


@pytest.mark.parametrize("control", SNP_CONTROLS, ids=lambda control: control.name)
def test_what_looks_odd_and_is_right_is_accepted(control) -> None:
    evidence = control.evidence()
    assert failed(verify(evidence)) == []
    assert [check.id for check in ruled(evidence, snp_policy()).checks if not check.ok] == []


def test_every_check_of_this_vendor_has_a_defect() -> None:
    assert {defect.check for defect in SNP_DEFECTS} == OURS
    assert len({defect.name for defect in SNP_DEFECTS}) == len(SNP_DEFECTS)


def test_a_report_without_its_chips_key_gives_no_report() -> None:
    masked = verify(snp_evidence(snp_report(key_info=2)))
    assert masked.report is None
    assert masked.checks["TEE-3"].status == "skipped"


def test_tee_8_debugging_counts_only_where_it_is_allowed_by_name() -> None:
    evidence = snp_evidence(snp_report(policy=0x30000 | 1 << 19))
    assert failed(verify(evidence)) == [("TEE-8", "debug-enabled")]
    allowed = verify(evidence, snp_policy(insecure_allow_debug=True))
    assert failed(allowed) == []
    assert "debugging" in allowed.checks["TEE-8"].found
    agent = snp_evidence(snp_report(policy=0x30000 | 1 << 18))
    assert failed(verify(agent, snp_policy(insecure_allow_debug=True)))


def test_tee_7_smt_counts_only_where_it_is_listed() -> None:
    none = snp_policy(platform_flags=frozenset())
    assert failed(verify(snp_evidence(), none)) == [("TEE-7", "platform-flag-not-accepted")]
    assert failed(verify(snp_evidence(snp_report(platform_info=0)), none)) == []


def test_tee_2_the_builtin_simulator_counts_only_where_it_is_allowed() -> None:
    root = SnpIssuer().root_der
    assert BUILTIN_SIMULATED_ROOTS["snp"] == hashlib.sha256(root).digest()
    nobody = AttestationPolicy()
    assert failed(verify(snp_evidence(), nobody)) == [("TEE-2", "simulated-evidence")]
    assert failed(verify(snp_evidence(), nobody, allow_builtin_simulator=True)) == []
    other = SnpIssuer(other_snp_authority(), MILAN)
    foreign = snp_evidence(snp_report(other), other.chain)
    refused = verify(foreign, nobody, allow_builtin_simulator=True)
    assert failed(refused) == [("TEE-1", "root-not-trusted")]
    named = AttestationPolicy(simulated_roots=frozenset((hashlib.sha256(other.root_der).digest(),)))
    assert failed(verify(foreign, named)) == []


def test_every_certificate_says_that_it_is_simulated() -> None:
    for certificate in (Vcek.load(SnpIssuer().chain[0]).certificate, builtin_authority().ask):
        for name in (certificate.subject, certificate.issuer):
            assert "O=SIMULATED - NOT A TEE" in name.rfc4514_string()


def test_the_stored_chain_is_as_the_vendors() -> None:
    authority = builtin_authority()
    assert (authority.ark_key.key_size, authority.ask_key.key_size) == (4096, 4096)
    assert authority.ark_key.public_key() == authority.ark.public_key()
    assert authority.ask_key.public_key() == authority.ask.public_key()
    vcek = Vcek.load(SnpIssuer().chain[0])
    assert vcek.signed is not None  # serial number 0
    assert (vcek.tcb, vcek.hwid, vcek.product) == (MILAN.tcb, MILAN.chip_id, MILAN.product)


def test_a_new_authority_can_be_stored(tmp_path: Path) -> None:
    stored = json.loads(SnpAuthority.generate(2048).to_json())
    assert set(stored) == {"about", "ark", "ark_key", "ask", "ask_key", "vcek"}
    assert "SIMULATED - NOT A TEE" in stored["about"]
    chain = tuple(bytes.fromhex(stored[name]) for name in ("vcek", "ask", "ark"))
    root = frozenset((hashlib.sha256(chain[2]).digest(),))
    findings = verify(snp_evidence(chain=chain), AttestationPolicy(simulated_roots=root))
    assert failed(findings) == []


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert snp_report(SnpIssuer()) == snp_report(SnpIssuer())
    assert SnpIssuer().chain == SnpIssuer().chain


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"measurement": bytes(32)}, "wrong-size"),
        ({"host_data": b""}, "wrong-size"),
        ({"report_data": bytes(63)}, "wrong-size"),
        ({"version": 6}, "unsupported-version"),
    ],
)
def test_the_issuer_refuses_what_no_report_holds(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        snp_report(**changes)
    assert caught.value.code == code


def test_the_reference_values_are_what_the_simulator_reports() -> None:
    root = bytes(range(32))
    document = snp_report(measurement=builtin.snp_measurement(), host_data=root)
    claims = claims_of(snp_evidence(document))
    for name, value in builtin.reference("snp", root).values.items():
        assert claims.measurements[name] == value


def test_the_order_of_versions_is_the_generations() -> None:
    assert MILAN.tcb.encode() == bytes((4, 0, 0, 0, 0, 0, 24, 219))
    assert TURIN.tcb.encode() == bytes((1, 2, 1, 4, 0, 0, 0, 79))


def test_a_serial_number_of_0_is_read_without_the_librarys_leave() -> None:
    """The library warns of it, and will refuse: nothing here depends on which of both it does."""
    vcek = SnpIssuer().chain[0]
    with pytest.warns(match="serial number"):
        assert x509.load_der_x509_certificate(vcek).serial_number == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert failed(verify(snp_evidence())) == []
        assert Vcek.load(vcek).certificate.serial_number == 1


def test_the_other_form_of_a_signature_says_nothing_else() -> None:
    """ECDSA has two forms of each signature: both verify, and what is read is what was signed."""
    (high_s,) = (control for control in SNP_CONTROLS if control.name == "high-s")
    other = high_s.evidence()
    assert other.document != snp_report()
    assert verify(other).report == verify(snp_evidence()).report


def test_a_time_without_a_zone_is_an_error() -> None:
    with pytest.raises(InvalidInput) as caught:
        verify(snp_evidence(), now=datetime(2026, 3, 1))
    assert caught.value.code == "naive-time"


def flipped(document: bytes, step: int) -> Iterator[bytes]:
    """The document with one bit flipped, at every `step`th bit."""
    for bit in range(0, 8 * len(document), step):
        at = bit // 8
        yield document[:at] + bytes((document[at] ^ 1 << bit % 8,)) + document[at + 1 :]


@pytest.mark.parametrize("step", [67, pytest.param(1, marks=pytest.mark.slow)])
def test_no_flipped_bit_of_a_report_is_accepted(step: int) -> None:
    for changed in flipped(snp_report(), step):
        assert failed(verify(snp_evidence(changed)))


@pytest.mark.parametrize("step", [97, pytest.param(3, marks=pytest.mark.slow)])
def test_no_flipped_bit_of_a_certificate_is_accepted(step: int) -> None:
    chain = snp_evidence().chain
    for index in range(3):
        for changed in flipped(chain[index], step):
            damaged = (*chain[:index], changed, *chain[index + 1 :])
            assert failed(verify(snp_evidence(chain=damaged)))


@given(st.binary(max_size=2400))
@settings(deadline=1000, max_examples=200)
def test_arbitrary_bytes_are_refused_by_their_form(data: bytes) -> None:
    assert failed(verify(snp_evidence(data)))[0][0] == "TEE-18"


@given(
    st.integers(0, 3), st.integers(0, 1300), st.binary(min_size=1, max_size=8),
    st.sampled_from(["put", "cut", "swap"]),
)  # fmt: skip
@settings(deadline=1000, max_examples=200)
def test_damaged_evidence_raises_nothing(part: int, at: int, data: bytes, how: str) -> None:
    parts = [snp_report(), *snp_evidence().chain]
    target = parts[part]
    at %= len(target)
    end = at + (0 if how == "put" else len(data))
    parts[part] = target[:at] + (b"" if how == "cut" else data) + target[end:]
    began_s = time.monotonic()
    findings = verify(snp_evidence(parts[0], tuple(parts[1:])))
    # zeros may follow a report, so that one more among its last ones leaves the same report
    padded = part == 0 and parts[0].rstrip(b"\0") == target.rstrip(b"\0")
    assert parts[part] == target or padded or failed(findings)
    assert time.monotonic() - began_s < 1


@given(st.binary(max_size=1200))
@settings(deadline=1000, max_examples=200)
def test_reports_parse_or_raise_our_error(data: bytes) -> None:
    filled = b"\2\0\0\0" + data
    for changed in (filled, filled.ljust(SIZE, b"\0"), snp_report()[:SIGNED_BYTES] + data):
        try:
            report = SnpReport.parse(changed)
        except MalformedProof:
            continue
        assert len(report.signed) == SIGNED_BYTES


def pem(name: str) -> bytes:
    found = x509.load_pem_x509_certificate((Path(SAMPLES) / name).read_bytes())
    return found.public_bytes(Encoding.DER)


@cache
def genuine() -> Evidence:
    case = CASES[0]
    return Evidence(
        kind="snp",
        document=bytes.fromhex((Path(SAMPLES) / case["file"]).read_text().strip()),
        chain=(
            (Path(SAMPLES) / case["endorsements"]["vcek"]).read_bytes(),
            pem(case["endorsements"]["ask"]),
            pem(case["endorsements"]["ark"]),
        ),
    )


@needs_samples
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_genuine_reports_end_as_they_must(case: dict[str, Any]) -> None:
    demands = pinned_policy(claims_of(genuine()))
    policy = AttestationPolicy(references=demands.references, report_data=demands.report_data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ruling = ruled(genuine(), policy, now=datetime.fromisoformat(case["at"]))
    bad = [(check.id, check.code) for check in ruling.checks if check.status == "failed"]
    if case["expect"]["result"] == "accepted":
        assert bad == []
        assert ruling.ok
        assert ruling.assurance == case["expect"]["assurance"]
    else:
        assert bad == [REFUSED[case["id"]]]


@needs_samples
def test_genuine_reports_are_read_as_they_must_be() -> None:
    (expected,) = (
        found for name, found in EXPECTED["fields"].items() if name.startswith("snp/")
    )  # fmt: skip
    report = SnpReport.parse(genuine().document)
    for name in ("version", "guest_svn", "vmpl"):
        assert getattr(report, name) == expected[name]
    for name in ("policy", "platform_info", "key_info"):
        assert getattr(report, name) == int(expected[name], 16)
    for name in ("report_data", "measurement", "host_data", "reported_tcb", "chip_id"):
        assert getattr(report, name).hex() == expected[name]
    vcek = Vcek.load(genuine().chain[0])
    for name, value in expected["tcb"].items():
        assert getattr(vcek.tcb, name) == value
    assert vcek.hwid == report.chip_id


@needs_samples
def test_a_genuine_root_counts_though_a_simulated_one_is_listed_and_not_the_other_way() -> None:
    findings = verify(genuine(), snp_policy(), now=datetime(2026, 7, 1, tzinfo=UTC))
    assert findings.assurance == "hardware"
    chain = (*genuine().chain[:2], SnpIssuer().root_der)
    under_simulated = Evidence(kind="snp", document=genuine().document, chain=chain)
    refused = verify(under_simulated, snp_policy(), now=datetime(2026, 7, 1, tzinfo=UTC))
    assert failed(refused) == [("TEE-3", "bad-chain")]
    chain = (*SnpIssuer().chain[:2], genuine().chain[2])
    refused = verify(snp_evidence(chain=chain))
    assert failed(refused) == [("TEE-3", "bad-chain")]


@needs_samples
@pytest.mark.parametrize("step", [67, pytest.param(1, marks=pytest.mark.slow)])
def test_no_flipped_bit_of_a_genuine_report_is_accepted(step: int) -> None:
    now = datetime(2026, 7, 1, tzinfo=UTC)
    for changed in flipped(genuine().document, step):
        evidence = Evidence(kind="snp", document=changed, chain=genuine().chain)
        assert failed(verify(evidence, AttestationPolicy(), now=now))
