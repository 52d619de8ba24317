"""A graphics processor's report: signature, chain and nonce, under a chain of this test's own."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiable.backends.tee import nvidia
from verifiable.backends.tee.nvidia import (
    MAX_REPORT_BYTES,
    NOT_A_VERDICT,
    GpuFindings,
    GpuReport,
    verify_gpu,
)
from verifiable.errors import MalformedProof

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NONCE = bytes(range(32))
ORDER = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)
KEYS = [ec.generate_private_key(ec.SECP384R1()) for _ in range(4)]
NAMES = ["root", "identity", "provisioner", "device"]
VALUES = {index: hashlib.sha384(bytes([index])).digest() for index in range(1, 65)}


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificates(keys: list[ec.EllipticCurvePrivateKey]) -> list[x509.Certificate]:
    made = []
    for index, key in enumerate(keys):
        above = max(index - 1, 0)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(NAMES[index]))
            .issuer_name(name(NAMES[above]))
            .public_key(key.public_key())
            .serial_number(index + 1)
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(datetime(9999, 12, 31, 23, 59, 59))
            .add_extension(
                x509.BasicConstraints(ca=index + 1 < len(keys), path_length=None), critical=True
            )
        )
        made.append(builder.sign(keys[above], hashes.SHA384()))
    return made[::-1]


CHAIN = certificates(KEYS)
PEM = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in CHAIN)
ROOTS = frozenset((hashlib.sha256(CHAIN[-1].public_bytes(Encoding.DER)).digest(),))


def blocks(values: dict[int, bytes]) -> bytes:
    return b"".join(
        bytes((index, 1)) + (len(value) + 3).to_bytes(2, "little")
        + b"\0" + len(value).to_bytes(2, "little") + value
        for index, value in values.items()
    )  # fmt: skip


def field(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value


OPAQUE = field(3, b"550.90.07\0") + field(6, bytes.fromhex("009f009601000000"))


def transcript(
    *,
    nonce: bytes = NONCE,
    record: bytes = blocks(VALUES),
    count: int = 64,
    opaque: bytes = OPAQUE,
    request_code: int = 0xE0,
    version: int = 0x11,
) -> bytes:
    request = bytes((version, request_code, 1, 0xFF)) + nonce + b"\0"
    answer = bytes((version, 0x60, 0, 0, count)) + len(record).to_bytes(3, "little") + record
    return request + answer + bytes(32) + len(opaque).to_bytes(2, "little") + opaque


def signed(data: bytes, key: ec.EllipticCurvePrivateKey = KEYS[3]) -> bytes:
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA384())))
    return data + r.to_bytes(48, "big") + s.to_bytes(48, "big")


REPORT = signed(transcript())


def judged(report: bytes = REPORT, pem: bytes = PEM, **changes) -> GpuFindings:
    arguments = {"nonce": NONCE, "simulated_roots": ROOTS, "now": NOW} | changes
    return verify_gpu(report, pem, **arguments)


def failing(findings: GpuFindings) -> dict[str, str]:
    assert list(findings.checks) == ["TEE-1", "TEE-3", "TEE-14", "TEE-18"]
    return {check.id: check.code for check in findings.checks.values() if check.status == "failed"}


def test_an_honest_report() -> None:
    findings = judged()
    assert not failing(findings)
    assert all(check.ok for check in findings.checks.values())
    assert findings.assurance == "simulated"
    report = findings.report
    assert report is not None
    assert report.measurements == VALUES
    assert report.driver == "550.90.07"
    assert report.vbios == "009f009601000000"
    assert report.digest == hashlib.sha384(transcript()).digest()


def test_it_says_that_it_is_no_verdict() -> None:
    assert judged().does_not_establish == NOT_A_VERDICT
    assert any("RIM" in sentence for sentence in NOT_A_VERDICT)


@pytest.mark.parametrize(
    ("findings", "failed"),
    [
        (lambda: judged(simulated_roots=frozenset()), {"TEE-1": "root-not-trusted"}),
        (lambda: judged(nonce=bytes(32)), {"TEE-14": "nonce-mismatch"}),
        (lambda: judged(nonce=b""), {"TEE-14": "nonce-mismatch"}),
        (lambda: judged(signed(transcript(), KEYS[2])), {"TEE-3": "bad-signature"}),
        (lambda: judged(now=NOW - timedelta(days=2)), {"TEE-3": "outside-validity"}),
        (lambda: judged(REPORT[:-96] + bytes(96)), {"TEE-3": "bad-signature"}),
        (lambda: judged(pem=PEM[:-40]), {"TEE-18": "evidence-malformed"}),
        (lambda: judged(pem=b""), {"TEE-18": "evidence-malformed"}),
        (lambda: judged(bytes(MAX_REPORT_BYTES + 1)), {"TEE-18": "evidence-too-large"}),
        (lambda: judged(signed(transcript(version=0x12))), {"TEE-18": "unsupported-evidence"}),
        (lambda: judged(signed(transcript(request_code=0x81))), {"TEE-18": "unsupported-evidence"}),
        (lambda: judged(signed(transcript(count=63))), {"TEE-18": "evidence-malformed"}),
        (lambda: judged(signed(transcript(record=blocks({1: bytes(48)}) * 2, count=2))),
         {"TEE-18": "evidence-malformed"}),
        (lambda: judged(signed(transcript(opaque=OPAQUE + b"\1"))),
         {"TEE-18": "evidence-malformed"}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)  # fmt: skip
def test_what_is_refused(findings, failed: dict[str, str]) -> None:
    found = findings()
    assert failing(found) == failed
    assert found.report is None


def test_tee_3_a_chain_without_its_middle_is_refused() -> None:
    pem = b"".join(part.public_bytes(Encoding.PEM) for part in (CHAIN[0], *CHAIN[2:]))
    assert failing(judged(pem=pem)) == {"TEE-3": "bad-chain"}


def test_tee_3_a_key_of_another_curve_is_refused() -> None:
    keys = [*KEYS[:3], ec.generate_private_key(ec.SECP256R1())]
    chain = certificates(keys)
    pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
    roots = frozenset((hashlib.sha256(chain[-1].public_bytes(Encoding.DER)).digest(),))
    own = signed(transcript(), keys[3])  # a good signature, by a key that no device has
    for report in (REPORT, own):
        assert failing(judged(report, pem, simulated_roots=roots)) == {"TEE-3": "bad-signature"}


def test_a_vendors_root_is_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvidia, "NVIDIA_DEVICE_ROOT", next(iter(ROOTS)))
    assert judged(simulated_roots=frozenset()).assurance == "hardware"


def test_the_other_s_is_the_same_report() -> None:
    s = int.from_bytes(REPORT[-48:], "big")
    other = judged(REPORT[:-48] + (ORDER - s).to_bytes(48, "big"))
    assert not failing(other)
    assert other.report is not None
    assert other.report.digest == judged().report.digest


def test_no_flipped_bit_is_accepted() -> None:
    for offset in range(0, len(REPORT), 7):
        altered = bytearray(REPORT)
        altered[offset] ^= 1 << (offset % 8)
        assert failing(judged(bytes(altered))), offset


@settings(max_examples=300, deadline=1000)
@given(data=st.binary(max_size=600))
def test_arbitrary_bytes_end_in_a_typed_error(data: bytes) -> None:
    with pytest.raises(MalformedProof):
        GpuReport.parse(data)


@settings(max_examples=300, deadline=1000)
@given(
    edits=st.lists(st.tuples(st.integers(0, 80), st.binary(min_size=1, max_size=4)), max_size=4),
    size=st.integers(100, len(REPORT)),
)
def test_an_altered_report_is_read_within_its_bytes_or_refused(edits, size: int) -> None:
    data = bytearray(REPORT)
    for offset, value in edits:
        data[offset : offset + len(value)] = value
    altered = bytes(data[:size])
    try:
        report = GpuReport.parse(altered)
    except MalformedProof:
        return
    assert report.signed + report.signature == altered
