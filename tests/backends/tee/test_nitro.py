"""Nitro documents: simulated ones with each defect, genuine ones, and any bytes at all."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verifiable.backends.tee.checks import VENDOR_CHECKS
from verifiable.backends.tee.claims import claims_of, pinned_policy
from verifiable.backends.tee.evidence import Evidence, Findings
from verifiable.backends.tee.judge import judge_evidence
from verifiable.backends.tee.nitro import NitroDocument, verify_nitro
from verifiable.backends.tee.roots import BUILTIN_SIMULATED_ROOTS
from verifiable.backends.tee.simulator import builtin
from verifiable.backends.tee.simulator.authority import Issued
from verifiable.backends.tee.simulator.nitro_issuer import NitroIssuer
from verifiable.backends.tee.simulator.seeds import BUILTIN_SEED
from verifiable.errors import InvalidInput, MalformedProof
from verifiable.statement.attestation import AttestationPolicy
from verifiable.testing.tee_nitro_defects import (
    NITRO_AT,
    NITRO_DEFECTS,
    NITRO_PCRS,
    NITRO_REPORT_DATA,
    nitro_document,
    nitro_evidence,
    nitro_issuer,
    nitro_policy,
)

SAMPLES = os.environ.get("VERIFIABLE_TEE_SAMPLES", "")
needs_samples = pytest.mark.skipif(
    not SAMPLES, reason="VERIFIABLE_TEE_SAMPLES names no folder of real evidence"
)
OURS = {"TEE-1", "TEE-3", "TEE-4", "TEE-5", "TEE-8", "TEE-18"}


def verify(evidence: Evidence, policy: AttestationPolicy | None = None, **more: Any) -> Findings:
    arguments: dict[str, Any] = {"allow_builtin_simulator": False, "now": NITRO_AT}
    return verify_nitro(evidence, policy or nitro_policy(), **arguments | more)


def failed(findings: Findings) -> list[tuple[str, str]]:
    return [(c.id, c.code) for c in findings.checks.values() if c.status == "failed"]


def test_the_honest_document_passes_and_says_what_it_says() -> None:
    findings = verify(nitro_evidence())
    assert failed(findings) == []
    assert set(findings.checks) == {spec.id for spec in VENDOR_CHECKS}
    assert all(check.ok for check in findings.checks.values())
    assert findings.assurance == "simulated"
    report = findings.report
    assert report is not None
    assert report.report_data == NITRO_REPORT_DATA
    assert {name: report.measurements[f"pcr{name}"] for name in NITRO_PCRS} == NITRO_PCRS
    assert (report.nonce, report.public_key) == (b"", b"")
    assert report.timestamp == NITRO_AT


@pytest.mark.parametrize("defect", NITRO_DEFECTS, ids=lambda row: f"{row.check}-{row.name}")
def test_each_defect_is_refused_by_its_check(defect) -> None:
    findings = verify(defect.evidence())
    assert failed(findings) == [(defect.check, defect.code)]
    assert findings.report is None or defect.check == "TEE-8"


def test_tee_4_a_leaf_on_another_curve_signs_no_document() -> None:
    """Its signature verifies: only the curve is another than AWS's."""
    issuer = nitro_issuer()
    honest = issuer.leaf_at(NITRO_AT).certificate
    key = issuer.authority.seed.p256("nitro/another-curve")
    builder = (
        x509.CertificateBuilder()
        .subject_name(honest.subject)
        .issuer_name(honest.issuer)
        .public_key(key.public_key())
        .serial_number(honest.serial_number)
        .not_valid_before(honest.not_valid_before_utc)
        .not_valid_after(honest.not_valid_after_utc)
    )
    for extension in honest.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    leaf = Issued(builder.sign(issuer.authority.authorities[-1].key, hashes.SHA384()), key)
    parts = cbor2.loads(nitro_document(certificate=leaf.der))
    covered = cbor2.dumps(["Signature1", parts[0], b"", parts[2]])
    numbers = decode_dss_signature(key.sign(covered, ec.ECDSA(hashes.SHA384())))
    parts[3] = b"".join(number.to_bytes(48, "big") for number in numbers)
    document = cbor2.dumps(parts)
    assert NitroDocument.parse(document).envelope.is_signed_by(key.public_key())
    findings = verify(nitro_evidence(document))
    assert failed(findings) == [("TEE-4", "wrong-signer-role")]


def test_every_check_of_this_vendor_has_a_defect() -> None:
    assert {defect.check for defect in NITRO_DEFECTS} == OURS


@pytest.mark.parametrize("defect", NITRO_DEFECTS, ids=lambda row: f"{row.check}-{row.name}")
def test_the_whole_policy_refuses_each_defect_too(defect) -> None:
    ruling = judge_evidence(
        defect.evidence(), answer=None, policy=nitro_policy(), now=NITRO_AT,
        allow_builtin_simulator=False,
    )  # fmt: skip
    assert not ruling.ok
    assert (defect.check, defect.code) in [
        (check.id, check.code) for check in ruling.checks if check.status == "failed"
    ]


def test_the_whole_policy_accepts_the_honest_document() -> None:
    ruling = judge_evidence(
        nitro_evidence(), answer=None, policy=nitro_policy(), now=NITRO_AT,
        allow_builtin_simulator=False,
    )  # fmt: skip
    assert [check.id for check in ruling.checks if not check.ok] == []


def test_tee_8_a_debug_enclave_counts_only_where_it_is_allowed_by_name() -> None:
    evidence = nitro_evidence(nitro_document(pcrs={16: NITRO_PCRS[16]}))
    assert failed(verify(evidence)) == [("TEE-8", "debug-enabled")]
    allowed = verify(evidence, nitro_policy(insecure_allow_debug=True))
    assert failed(allowed) == []
    assert "debug enclave" in allowed.checks["TEE-8"].found


def test_the_builtin_simulator_counts_only_where_it_is_allowed() -> None:
    issuer = NitroIssuer(BUILTIN_SEED)
    assert BUILTIN_SIMULATED_ROOTS["nitro"] == hashlib.sha256(issuer.root_der).digest()
    evidence = nitro_evidence(nitro_document(issuer))
    refused = verify(evidence)
    assert failed(refused) == [("TEE-2", "simulated-evidence")]
    assert failed(verify(evidence, allow_builtin_simulator=True)) == []


def test_every_certificate_says_that_it_is_simulated() -> None:
    document = NitroDocument.parse(nitro_document())
    for der in (document.certificate, *document.cabundle):
        certificate = x509.load_der_x509_certificate(der)
        for name in (certificate.subject, certificate.issuer):
            assert "O=SIMULATED - NOT A TEE" in name.rfc4514_string()


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert nitro_document() == nitro_document()
    again = nitro_document(NitroIssuer(nitro_issuer().authority.seed))
    assert again == nitro_document()
    assert nitro_document(NitroIssuer(BUILTIN_SEED)) != again


def test_the_reference_values_are_what_the_simulator_reports() -> None:
    root = bytes(range(32))
    document = nitro_document(NitroIssuer(BUILTIN_SEED), pcrs=builtin.nitro_pcrs(root))
    claims = claims_of(nitro_evidence(document))
    for name, value in builtin.reference("nitro", root).values.items():
        assert claims.measurements[name] == value


def test_maps_without_a_length_and_the_tag_are_read_alike() -> None:
    plain = nitro_document()
    protected, unprotected, payload, signature = cbor2.loads(plain)
    tagged = b"\xd2" + plain
    assert failed(verify(nitro_evidence(tagged))) == []
    assert NitroDocument.parse(tagged).pcrs == NitroDocument.parse(plain).pcrs
    open_ended = b"\xbf" + payload[1:] + b"\xff"
    parsed = NitroDocument.parse(cbor2.dumps([protected, unprotected, open_ended, signature]))
    assert parsed.pcrs == NitroDocument.parse(plain).pcrs
    signed = nitro_issuer().sign(open_ended, nitro_issuer().leaf_at(NITRO_AT).key)
    assert failed(verify(nitro_evidence(signed))) == []


def test_the_other_form_of_a_signature_says_nothing_else() -> None:
    """ECDSA has two forms of each signature: both verify, and what is read is what was signed."""
    order = int(
        "ffffffffffffffffffffffffffffffffffffffffffffffff"
        "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        16,
    )
    parts = list(cbor2.loads(nitro_document()))
    s = order - int.from_bytes(parts[3][48:], "big")
    parts[3] = parts[3][:48] + s.to_bytes(48, "big")
    other = verify(nitro_evidence(cbor2.dumps(parts)))
    assert failed(other) == []
    assert other.report == verify(nitro_evidence()).report


def test_a_time_without_a_zone_is_an_error() -> None:
    with pytest.raises(InvalidInput) as caught:
        verify(nitro_evidence(), now=datetime(2026, 3, 1))
    assert caught.value.code == "naive-time"


def changes_of_signed_bytes(document: bytes, step: int) -> Iterator[bytes]:
    """The document with one bit flipped, at every `step`th byte of its payload and signature."""
    start = document.index(cbor2.loads(document)[2])
    for at in range(start, len(document), step):
        yield document[:at] + bytes((document[at] ^ 1 << at % 8,)) + document[at + 1 :]


@pytest.mark.parametrize("step", [13, pytest.param(1, marks=pytest.mark.slow)])
def test_no_flipped_bit_is_accepted(step: int) -> None:
    for changed in changes_of_signed_bytes(nitro_document(), step):
        assert failed(verify(nitro_evidence(changed)))


@given(st.binary(max_size=200))
@settings(deadline=1000, max_examples=300)
def test_arbitrary_bytes_are_refused_by_their_form(data: bytes) -> None:
    assert failed(verify(nitro_evidence(data)))[0][0] == "TEE-18"


@given(
    st.integers(0, 3000), st.binary(min_size=1, max_size=8), st.sampled_from(["put", "cut", "swap"])
)
@settings(deadline=1000, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_documents_raise_nothing(at: int, data: bytes, how: str) -> None:
    document = nitro_document()
    at %= len(document)
    end = at + (0 if how == "put" else len(data))
    changed = document[:at] + (b"" if how == "cut" else data) + document[end:]
    began_s = time.monotonic()
    findings = verify(nitro_evidence(changed))
    assert changed == document or failed(findings)
    assert time.monotonic() - began_s < 1


@pytest.mark.parametrize(
    "bomb",
    [b"\x81" * 16000, b"\x9f" * 16000, b"\xa1\x00" * 8000, b"\x9b" + b"\xff" * 8,
     b"\x5f" + b"\x40" * 99, b"\xbb" + b"\xff" * 8],
    ids=["nested", "open", "maps", "count", "pieces", "pairs"],
)  # fmt: skip
def test_bombs_are_refused_at_once(bomb: bytes) -> None:
    began_s = time.monotonic()
    with pytest.raises(MalformedProof):
        NitroDocument.parse(bomb)
    assert time.monotonic() - began_s < 1


def sample_cases() -> list[Any]:
    if not SAMPLES:
        return []
    listed = json.loads((Path(SAMPLES) / "expect.json").read_text("utf-8"))["cases"]
    return [pytest.param(c, id=c["id"]) for c in listed if c["file"].startswith("nitro/")]


@needs_samples
@pytest.mark.parametrize("case", sample_cases())
def test_genuine_documents_end_as_they_must(case: dict[str, Any]) -> None:
    evidence = nitro_evidence((Path(SAMPLES) / case["file"]).read_bytes())
    changes = case.get("policy", {})
    demands = pinned_policy(claims_of(evidence))
    allow_debug = changes.get("allow_debug", False)
    limit = changes.get("max_age_s", 300)
    policy = AttestationPolicy(
        references=demands.references,
        report_data=demands.report_data,
        insecure_allow_debug=allow_debug,
        maximum_age_s=10**9 if limit is None else limit,
    )
    ruling = judge_evidence(
        evidence, answer=None, policy=policy, now=datetime.fromisoformat(case["at"]),
        allow_builtin_simulator=False,
    )  # fmt: skip
    bad = [(check.id, check.code) for check in ruling.checks if check.status == "failed"]
    if case["expect"]["result"] == "accepted":
        assert bad == []
        assert ruling.ok
        assert ruling.assurance == "hardware"
    else:
        code = {
            "nitro-production-too-old": ("TEE-14", "evidence-too-old"),
            "nitro-production-leaf-expired": ("TEE-3", "outside-validity"),
            "nitro-debug-default-policy": ("TEE-8", "debug-enabled"),
        }.get(case["id"], ("TEE-1", "root-not-trusted"))
        assert bad == [code]


@needs_samples
def test_genuine_documents_are_read_as_they_must_be() -> None:
    fields = json.loads((Path(SAMPLES) / "expect.json").read_text("utf-8"))["fields"]
    wanted = {name: value for name, value in fields.items() if name.startswith("nitro/")}
    assert len(wanted) == 2
    for name, expected in wanted.items():
        document = NitroDocument.parse((Path(SAMPLES) / name).read_bytes())
        assert document.module_id == expected["module_id"]
        assert document.timestamp - datetime.fromtimestamp(0, document.timestamp.tzinfo) == (
            timedelta(milliseconds=expected["timestamp_ms"])
        )
        nonzero = {key[3:]: value.hex() for key, value in document.pcrs.items() if any(value)}
        assert nonzero == expected["nonzero_pcrs"]
        for field in ("user_data", "nonce", "public_key"):
            assert getattr(document, field).hex() == (expected[field] or "")
        assert len(document.cabundle) == expected["cabundle_certificates"]


@needs_samples
@pytest.mark.parametrize("step", [29, pytest.param(1, marks=pytest.mark.slow)])
def test_no_flipped_bit_of_a_genuine_document_is_accepted(step: int) -> None:
    document = (Path(SAMPLES) / "nitro" / "evervault_beta_2022-10.cose").read_bytes()
    now = datetime.fromisoformat("2022-10-13T08:58:03Z")
    assert failed(verify(nitro_evidence(document), AttestationPolicy(), now=now)) == []
    for changed in changes_of_signed_bytes(document, step):
        assert failed(verify(nitro_evidence(changed), AttestationPolicy(), now=now))


@needs_samples
def test_genuine_documents_are_nothing_under_a_simulated_root_alone() -> None:
    """Vendors' roots are compiled in, so the document of another authority is what differs."""
    document = nitro_document()
    refused = verify(nitro_evidence(document), AttestationPolicy())
    assert failed(refused) == [("TEE-1", "root-not-trusted")]
