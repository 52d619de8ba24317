"""Only the verifier's roots count, and only a vendor's makes evidence hardware."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from verifiable.backends.tee import roots
from verifiable.backends.tee.roots import BUILTIN_SIMULATED_ROOTS, VENDOR_ROOTS, known_root, trust
from verifiable.statement.attestation import AttestationPolicy
from verifiable.testing.tee_intel_cases import intel_authority

DER = intel_authority().root.der
DIGEST = hashlib.sha256(DER).digest()
NAMED = AttestationPolicy(simulated_roots=frozenset((DIGEST,)))
SAMPLES = os.environ.get("VERIFIABLE_TEE_SAMPLES", "")
# in the samples, by the name of a root the kinds that it is for
REAL = {
    "intel": ("tdx", "sgx"),
    "aws-nitro-g1": ("nitro",),
    "amd-milan": ("snp",),
}


@pytest.mark.parametrize("kind", VENDOR_ROOTS)
def test_tee_1_a_root_that_nobody_named_is_refused(kind) -> None:
    first, second, assurance = trust(DER, kind, AttestationPolicy(), True)
    assert (first.id, first.code) == ("TEE-1", "root-not-trusted")
    assert DIGEST.hex() in first.found
    assert all(digest.hex() in first.expected for digest in VENDOR_ROOTS[kind])
    assert (second.id, second.status) == ("TEE-2", "skipped")
    assert assurance == ""


@pytest.mark.parametrize("kind", VENDOR_ROOTS)
def test_a_root_of_the_policy_is_simulated(kind) -> None:
    first, second, assurance = trust(DER, kind, NAMED, False)
    assert first.ok
    assert second.ok
    assert assurance == "simulated"
    assert "SIMULATED" in second.found


def test_one_altered_byte_is_another_root() -> None:
    altered = DER[:-1] + bytes([DER[-1] ^ 1])
    assert trust(altered, "tdx", NAMED, True)[0].code == "root-not-trusted"
    assert trust(b"", "tdx", NAMED, True)[0].code == "root-not-trusted"


def test_vendors_differ() -> None:
    digests = [digest for kind in VENDOR_ROOTS for digest in VENDOR_ROOTS[kind]]
    assert all(len(digest) == 32 for digest in digests)
    assert len(set(digests)) == len(digests) - 1  # Intel's counts for both of its kinds
    assert VENDOR_ROOTS["tdx"] == VENDOR_ROOTS["sgx"]
    assert not set(BUILTIN_SIMULATED_ROOTS.values()) & set(digests)


@pytest.mark.skipif(not SAMPLES, reason="VERIFIABLE_TEE_SAMPLES names no folder of real evidence")
def test_the_vendors_own_certificates_are_known() -> None:
    expected = json.loads((Path(SAMPLES) / "expect.json").read_text())["roots"]
    assert set(expected) == set(REAL)
    for name, root in expected.items():
        data = (Path(SAMPLES) / root["file"]).read_bytes()
        if data.startswith(b"-----"):
            data = x509.load_pem_x509_certificate(data).public_bytes(Encoding.DER)
        for kind in VENDOR_ROOTS:
            known = known_root(hashlib.sha256(data).digest(), kind, AttestationPolicy())
            assert bool(known) == (kind in REAL[name])
            assert trust(data, kind, AttestationPolicy(), False)[2] == ("hardware" if known else "")


def test_a_vendors_root_is_hardware_whatever_the_policy_calls_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(roots, "VENDOR_ROOTS", {**VENDOR_ROOTS, "tdx": {DIGEST: "a vendor"}})
    first, second, assurance = trust(DER, "tdx", NAMED, False)
    assert first.ok
    assert second.found == "hardware"
    assert assurance == "hardware"


def test_a_root_counts_for_its_vendors_kinds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roots, "VENDOR_ROOTS", {**VENDOR_ROOTS, "tdx": {DIGEST: "a vendor"}})
    assert trust(DER, "sgx", AttestationPolicy(), False)[0].code == "root-not-trusted"


@pytest.mark.parametrize("kind", sorted(BUILTIN_SIMULATED_ROOTS))
def test_the_builtin_simulator_needs_to_be_asked_for(kind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roots, "BUILTIN_SIMULATED_ROOTS", {kind: DIGEST})
    first, second, assurance = trust(DER, kind, AttestationPolicy(), False)
    assert first.ok
    assert second.code == "simulated-evidence"
    assert "--allow-simulated" in second.hint
    assert assurance == ""
    assert trust(DER, kind, AttestationPolicy(), True)[2] == "simulated"
    assert trust(DER, kind, NAMED, False)[2] == "simulated"
