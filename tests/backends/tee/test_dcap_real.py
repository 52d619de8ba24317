"""Genuine evidence of Intel platforms: each case ends as it must, and no signed byte may change.

The samples are other people's and not in this repository: VERIFIABLE_TEE_SAMPLES names their
folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType

import pytest
from cryptography import x509

from verifiable.backends.tee import roots
from verifiable.backends.tee.certificates import load_pem_chain, name_of
from verifiable.backends.tee.checks import VENDOR_CHECKS
from verifiable.backends.tee.dcap import verify_dcap
from verifiable.backends.tee.evidence import Evidence, Findings
from verifiable.backends.tee.pck import PCK_EXTENSION, PckExtension
from verifiable.backends.tee.quote import Quote, TdReport
from verifiable.statement.attestation import AttestationPolicy
from verifiable.testing.tee_intel_cases import intel_authority, intel_policy

SAMPLES = os.environ.get("VERIFIABLE_TEE_SAMPLES", "")
pytestmark = pytest.mark.skipif(
    not SAMPLES, reason="VERIFIABLE_TEE_SAMPLES names no folder of real evidence"
)
EXPECTED = json.loads((Path(SAMPLES) / "expect.json").read_text()) if SAMPLES else {}
CASES = [case for case in EXPECTED.get("cases", ()) if case["kind"] == "intel-dcap"]
FIELDS = {name: found for name, found in EXPECTED.get("fields", {}).items() if "pck" in found}

# by the id of a case, the check that refuses it and the code
REFUSED = {
    "tdx-v4-before-qe-identity-issue-date": ("TEE-3", "collateral-not-yet-valid"),
    "tdx-v4-crl-expired": ("TEE-3", "collateral-stale"),
    "tdx-v4-no-platform-flags-allowed": ("TEE-7", "platform-flag-not-accepted"),
    "tdx-v4-other-root": ("TEE-1", "root-not-trusted"),
    "tdx-v4-with-collateral-of-another-fmspc": ("TEE-5", "platform-mismatch"),
    "tdx-v5-td15-no-tcb-level": ("TEE-6", "no-tcb-level"),
    "sgx-v3-sw-hardening-needed-default-policy": ("TEE-6", "tcb-status-not-accepted"),
    "sgx-v3-qe-identity-expired": ("TEE-3", "collateral-stale"),
}


@cache
def sample(name: str) -> bytes:
    return (Path(SAMPLES) / name).read_bytes()


def evidence_of(case: dict) -> Evidence:
    return Evidence(
        kind="sgx" if case["file"].startswith("sgx/") else "tdx",
        document=sample(case["file"]),
        collateral=sample(case["collateral"]),
    )


def policy_of(case: dict) -> AttestationPolicy:
    changes = case.get("policy", {})
    assert set(changes) <= {"platform_flags", "tcb_status"}
    policy = AttestationPolicy(
        # the v5 sample uses a processor feature of its own; its case is about the patch level
        xfams=frozenset((bytes.fromhex("e702060000000000"), bytes.fromhex("e718060000000000")))
    )
    if "platform_flags" in changes:
        policy = replace(policy, platform_flags=frozenset(changes["platform_flags"]))
    if "tcb_status" in changes:
        policy = replace(policy, tcb_statuses=frozenset(changes["tcb_status"]))
    return policy


def judged(case: dict, evidence: Evidence | None = None) -> Findings:
    return verify_dcap(
        evidence or evidence_of(case),
        policy_of(case),
        allow_builtin_simulator=True,
        now=datetime.fromisoformat(case["at"]),
    )


def the_case(name: str) -> dict:
    (found,) = (case for case in CASES if case["id"] == name)
    return found


@pytest.fixture
def only_simulated_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verifier that knows no vendor, as one in a test of other software may be."""
    nobody = MappingProxyType(dict.fromkeys(roots.VENDOR_ROOTS, MappingProxyType({})))
    monkeypatch.setattr(roots, "VENDOR_ROOTS", nobody)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_each_case_ends_as_it_must(case: dict, request: pytest.FixtureRequest) -> None:
    if case["root"] == "none-of-these":
        request.getfixturevalue("only_simulated_roots")
    else:
        assert case["root"] == "intel"
    findings = judged(case)
    assert list(findings.checks) == [spec.id for spec in VENDOR_CHECKS]
    failed = [(check.id, check.code) for check in findings.checks.values() if not check.ok]
    expect = case["expect"]
    if expect["result"] == "accepted":
        assert not failed
        assert findings.assurance == expect["assurance"]
    else:
        assert failed[0] == REFUSED[case["id"]]
        assert {code for _, code in failed[1:]} <= {"check-not-run"}
    if "tcb_status" in expect:
        assert findings.report is not None
        assert findings.report.tcb_status == expect["tcb_status"]
        assert list(findings.report.advisories) == expect["advisories"]


def test_every_refused_case_has_its_check() -> None:
    refused = {case["id"] for case in CASES if case["expect"]["result"] == "refused"}
    assert refused == set(REFUSED)
    assert len(CASES) - len(refused) == 5


def test_the_component_that_is_too_old_is_named() -> None:
    found = judged(the_case("tdx-v5-td15-no-tcb-level")).checks["TEE-6"].found
    assert found == "CPUSVN component 8 (SEAMLDR ACM) is 3, every level asks for 5"


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_read_as_it_is(name: str) -> None:
    fields = dict(FIELDS[name])
    data = sample(name)
    quote = Quote.parse(data)
    pck = fields.pop("pck")
    chain = load_pem_chain(quote.certification_data, "chain")
    extension = PckExtension.of(chain[0])
    assert fields.pop("pck_issuer") == name_of(chain[1].subject)
    assert fields.pop("att_key_type") == int.from_bytes(data[2:4], "little")
    assert fields.pop("tee_type") == {"tdx": 0x81, "sgx": 0}[quote.tee]
    assert fields.pop("size") == len(data) == quote.size + quote.trailing_zeros
    assert fields.pop("trailing_zero_bytes") == quote.trailing_zeros
    assert fields.pop("version") == quote.version
    assert fields.pop("body_type", 0) == quote.body_type
    body = quote.body
    if isinstance(body, TdReport):
        for index, register in enumerate(body.rtmrs):
            assert fields.pop(f"rtmr{index}") == register.hex()
    else:
        assert fields.pop("isvprodid") == body.isv_prod_id.to_bytes(2, "little").hex()
        assert fields.pop("isvsvn") == body.isv_svn.to_bytes(2, "little").hex()
    for field, value in fields.items():
        assert getattr(body, field).hex() == value, field
    flags = extension.flags
    assert flags is not None
    assert pck == {
        "ppid": extension.ppid.hex(),
        "cpusvn": extension.cpusvn.hex(),
        "pcesvn": extension.pcesvn,
        "pceid": extension.pceid.hex(),
        "fmspc": extension.fmspc.hex(),
        "sgx_type": extension.sgx_type,
        "platform_instance_id": extension.platform_instance_id.hex(),
        "flags": {
            "dynamic_platform": flags.dynamic_platform,
            "cached_keys": flags.cached_keys,
            "smt": flags.smt,
        },
    }


@pytest.mark.parametrize("name", FIELDS)
def test_the_extension_is_written_as_intel_writes_it(name: str) -> None:
    leaf = load_pem_chain(Quote.parse(sample(name)).certification_data, "chain")[0]
    (value,) = (item.value for item in leaf.extensions if item.oid == PCK_EXTENSION)
    assert isinstance(value, x509.UnrecognizedExtension)
    assert PckExtension.of(leaf).encode() == value.value


def test_the_report_has_the_verified_fields() -> None:
    case = the_case("tdx-v4-up-to-date")
    fields = FIELDS[case["file"]]
    report = judged(case).report
    assert report is not None
    names = {f"rtmr{index}" for index in range(4)} | {
        "mrtd", "mrseam", "mrconfigid", "mrowner", "mrownerconfig",
    }  # fmt: skip
    assert {key: value.hex() for key, value in report.measurements.items()} == {
        name: fields[name] for name in names
    }
    assert report.report_data.hex() == fields["report_data"]
    assert report.platform_id.hex() == fields["pck"]["ppid"]
    assert dict(report.flags) == fields["pck"]["flags"]
    assert report.root_sha256.hex() == EXPECTED["roots"]["intel"]["der_sha256"]
    assert report.root_spki_sha256.hex() == EXPECTED["roots"]["intel"]["spki_sha256"]
    assert report.program_register == "rtmr3"
    sgx = judged(the_case("sgx-v3-sw-hardening-needed-allowed")).report
    assert sgx is not None
    assert (
        sgx.measurements["mrenclave"].hex()
        == FIELDS["sgx/automata_sgx_v3_00606A.quote"]["mrenclave"]
    )
    assert sgx.program_register == ""


@pytest.mark.usefixtures("only_simulated_roots")
def test_real_evidence_is_refused_under_a_simulated_root() -> None:
    case = the_case("tdx-v4-up-to-date")
    findings = verify_dcap(
        evidence_of(case),
        intel_policy(),
        allow_builtin_simulator=True,
        now=datetime.fromisoformat(case["at"]),
    )
    assert findings.checks["TEE-1"].code == "root-not-trusted"
    assert findings.report is None
    assert findings.assurance == ""


def test_real_quote_with_simulated_collateral_is_refused() -> None:
    case = the_case("tdx-v4-up-to-date")
    fields = json.loads(sample(case["collateral"]))
    authority = intel_authority()
    fields["tcb_info_issuer_chain"] = authority.tcb_signer.pem + authority.root.pem
    mixed = replace(evidence_of(case), collateral=json.dumps(fields).encode())
    assert not any(judged(case, mixed).checks[check].ok for check in ("TEE-5", "TEE-6"))
    assert judged(case, mixed).report is None


def flipped(data: bytes, offsets: Iterator[int] | range) -> Iterator[tuple[int, bytes]]:
    for offset in offsets:
        changed = bytearray(data)
        changed[offset] ^= 1 << (offset % 8)
        yield offset, bytes(changed)


ACCEPTED = ["tdx-v4-up-to-date", "sgx-v3-sw-hardening-needed-allowed"]
LOOSE_FROM = {"tdx": 1258, "sgx": 1052}  # the PEM; all before it is signed, sized, or a signature


def flip_quote(name: str, step: int) -> int:
    """Flip one bit of every `step`th byte; returns how many were tried."""
    case = the_case(name)
    evidence = evidence_of(case)
    honest = judged(case)
    assert honest.report is not None
    tried = 0
    for offset, document in flipped(evidence.document, range(0, len(evidence.document), step)):
        findings = judged(case, replace(evidence, document=document))
        tried += 1
        if all(check.ok for check in findings.checks.values()):
            assert offset >= LOOSE_FROM[evidence.kind], f"offset {offset} is signed by nobody"
            assert findings.report == honest.report
    return tried


def flip_collateral(name: str, step: int) -> int:
    """The same for what the collateral's texts hold, each changed inside its JSON string."""
    case = the_case(name)
    evidence = evidence_of(case)
    fields = json.loads(evidence.collateral)
    honest = judged(case)
    tried = 0
    for key in sorted(fields):
        signed = "chain" not in key  # PEM is loose, certificates are not
        data = bytes.fromhex(fields[key]) if _is_hex(key) else fields[key].encode()
        for offset, changed in flipped(data, range(len(data) % step, len(data), step)):
            text = changed.hex() if _is_hex(key) else changed.decode("latin-1")
            altered = json.dumps(fields | {key: text}).encode()
            findings = judged(case, replace(evidence, collateral=altered))
            tried += 1
            if all(check.ok for check in findings.checks.values()):
                assert not signed, f"{key} at {offset} is signed by nobody"
                assert findings.report == honest.report
    return tried


def _is_hex(key: str) -> bool:
    return key.endswith(("_crl", "_signature"))


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_flipped_bit_of_a_quote_is_refused_or_changes_nothing(name: str) -> None:
    assert flip_quote(name, 13) > 300


def test_a_flipped_bit_of_the_collateral_is_refused_or_changes_nothing() -> None:
    assert flip_collateral("tdx-v4-up-to-date", 61) > 150


@pytest.mark.slow
@pytest.mark.parametrize("name", ACCEPTED)
def test_every_byte_of_a_quote(name: str) -> None:
    assert flip_quote(name, 1) > 4000


@pytest.mark.slow
@pytest.mark.parametrize("name", ACCEPTED)
def test_every_byte_of_the_collateral(name: str) -> None:
    assert flip_collateral(name, 1) > 10000


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_other_s_and_other_line_ends_are_no_other_evidence(name: str) -> None:
    case = the_case(name)
    evidence = evidence_of(case)
    honest = judged(case).report
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    start = {"tdx": 636, "sgx": 436}[evidence.kind]
    document = bytearray(evidence.document)
    s = int.from_bytes(document[start + 32 : start + 64], "big")
    document[start + 32 : start + 64] = (order - s).to_bytes(32, "big")
    assert judged(case, replace(evidence, document=bytes(document))).report == honest
