"""NVIDIA's graphics processors: who signed an attestation report, and for which nonce.

Read and checked are the SPDM transcript (request, response, signature), the certificate chain to
NVIDIA's Device Identity CA, and the nonce. That is *not* a verdict on the processor:
`NOT_A_VERDICT` says what is missing, and TEE-17 asks for the vendor's own. Where a processor and a
trusted domain belong together, both are asked with one nonce, or the domain measures
`GpuReport.digest`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from verifiable.backends.tee.certificates import (
    check_chain,
    load_pem_chain,
    name_of,
    sha256_of,
)
from verifiable.backends.tee.checks import TEE_1, TEE_3, TEE_14, TEE_18
from verifiable.backends.tee.roots import NVIDIA_DEVICE_ROOT
from verifiable.errors import MalformedProof
from verifiable.statement.verdict import Check

__all__ = ["MAX_REPORT_BYTES", "NOT_A_VERDICT", "GpuFindings", "GpuReport", "verify_gpu"]

MAX_REPORT_BYTES = 64 * 1024

NOT_A_VERDICT = (
    "that driver and firmware have the vendor's measurements (signed reference values, RIM)",
    "that no certificate was revoked (OCSP)",
    "that debugging is off and secure boot is on",
    "that the attested workload used this processor",
)
"""What a report that verifies does not establish; the vendor's service or verifier judges it."""

_REQUEST_BYTES = 37
_SIGNATURE_BYTES = 96
_NONCE_BYTES = 32
_VERSION = 0x11
_GET_MEASUREMENTS, _MEASUREMENTS = 0xE0, 0x60
_DMTF = 1
_DRIVER_VERSION, _VBIOS_VERSION = 3, 6
_CHECKS = (TEE_1, TEE_3, TEE_14, TEE_18)


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuReport:
    """One decoded transcript of SPDM 1.1; nothing in it is verified.

    Attributes:
        nonce: of the request, 32 bytes.
        measurements: by index, from 1.
        opaque: by type the vendor's own fields.
        signed: what the signature is over: request and response.
        signature: P-384, raw `r || s`.
    """

    nonce: bytes
    measurements: Mapping[int, bytes]
    opaque: Mapping[int, bytes]
    signed: bytes
    signature: bytes

    @property
    def digest(self) -> bytes:
        """SHA-384 of the signed bytes: what identifies the report, whatever form `s` has."""
        return hashlib.sha384(self.signed).digest()

    @property
    def driver(self) -> str:
        """Version of the driver as it is reported, for people."""
        return _printable(self.opaque.get(_DRIVER_VERSION, b""))

    @property
    def vbios(self) -> str:
        """Version of the firmware as it is reported, in hex."""
        return self.opaque.get(_VBIOS_VERSION, b"").hex()

    @classmethod
    def parse(cls, data: bytes) -> GpuReport:
        """Decode a transcript.

        Raises:
            MalformedProof: with one of the codes of TEE-18.
        """
        if len(data) > MAX_REPORT_BYTES:
            raise MalformedProof(
                f"{len(data)} bytes", where="GPU report", code="evidence-too-large",
                hint=f"a report has at most {MAX_REPORT_BYTES} bytes",
            )  # fmt: skip
        if len(data) < _REQUEST_BYTES + 8 + _NONCE_BYTES + 2 + _SIGNATURE_BYTES:
            _refuse(f"{len(data)} bytes are no request with its response")
        request, response = data[:_REQUEST_BYTES], data[_REQUEST_BYTES:-_SIGNATURE_BYTES]
        if request[0] != _VERSION or response[0] != _VERSION:
            _refuse("another version than SPDM 1.1", code="unsupported-evidence")
        if request[1] != _GET_MEASUREMENTS or response[1] != _MEASUREMENTS:
            _refuse("not GET_MEASUREMENTS with its answer", code="unsupported-evidence")
        count, size = response[4], int.from_bytes(response[5:8], "little")
        record, rest = response[8 : 8 + size], response[8 + size :]
        opaque_size = int.from_bytes(rest[_NONCE_BYTES : _NONCE_BYTES + 2], "little")
        opaque = rest[_NONCE_BYTES + 2 :]
        if len(record) != size or len(rest) < _NONCE_BYTES + 2 or len(opaque) != opaque_size:
            _refuse("sizes do not add up")
        return cls(
            nonce=request[4 : 4 + _NONCE_BYTES],
            measurements=MappingProxyType(_measurements(record, count)),
            opaque=MappingProxyType(_opaque(opaque)),
            signed=data[:-_SIGNATURE_BYTES],
            signature=data[-_SIGNATURE_BYTES:],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuFindings:
    """What was found of a report.

    Attributes:
        checks: by id TEE-1 (root), TEE-3 (chain, signature), TEE-14 (nonce) and TEE-18 (form).
        assurance: `hardware` or `simulated`, by which root verified; empty if none did.
        report: None unless all four are ok.
        does_not_establish: sentences, whatever was found.
    """

    checks: Mapping[str, Check]
    assurance: str
    report: GpuReport | None
    does_not_establish: tuple[str, ...] = NOT_A_VERDICT


def verify_gpu(
    report: bytes,
    chain_pem: bytes,
    *,
    nonce: bytes,
    simulated_roots: frozenset[bytes],
    now: datetime,
) -> GpuFindings:
    """Check signature, chain and nonce of a report; see `NOT_A_VERDICT` for what that is not.

    Args:
        report: the transcript.
        chain_pem: certificates, leaf first, root last.
        nonce: that the verifier asked with, 32 bytes.
        simulated_roots: SHA-256 of the DER of roots beside NVIDIA's, all of them simulated.
        now: with time zone.
    """
    try:
        parsed = GpuReport.parse(report)
        chain = load_pem_chain(chain_pem, "GPU certificate chain")
    except MalformedProof as cause:
        code = cause.code if cause.code in TEE_18.codes else "evidence-malformed"
        return _findings(
            [TEE_18.failed(code, expected="a report in SPDM's exact form", found=str(cause))]
        )
    form = TEE_18.ok(found=f"{len(parsed.measurements)} measurements")
    digest = sha256_of(chain[-1])
    if digest != NVIDIA_DEVICE_ROOT and digest not in simulated_roots:
        trusted = [NVIDIA_DEVICE_ROOT.hex(), *sorted(root.hex() for root in simulated_roots)]
        refused = TEE_1.failed(
            "root-not-trusted",
            expected=f"signed under a trusted root: {', '.join(trusted)}",
            found=f"signed under another root: {digest.hex()}",
            hint="evidence cannot bring its own root",
        )
        return _findings([form, refused])
    assurance = "hardware" if digest == NVIDIA_DEVICE_ROOT else "simulated"
    root = TEE_1.ok(found=f"{name_of(chain[-1].subject)} {digest.hex()}")
    signed = check_chain(chain, now=now, what="GPU certificate chain") or _check_signature(
        parsed, chain[0]
    )
    if signed is not None:
        return _findings([form, root, signed], assurance)
    signature = TEE_3.ok(
        expected="chain and signature that hold, revocation aside",
        found=f"signed by {name_of(chain[0].subject)}",
    )
    if not hmac.compare_digest(parsed.nonce, nonce):
        other = TEE_14.failed(
            "nonce-mismatch",
            expected=f"a report for nonce {nonce.hex()}",
            found=parsed.nonce.hex(),
            hint="the report was made for somebody else, or at another time",
        )
        return _findings([form, root, signature, other], assurance)
    fresh = TEE_14.ok(expected=f"nonce {nonce.hex()}", found=parsed.nonce.hex())
    return _findings([form, root, signature, fresh], assurance, parsed)


def _check_signature(report: GpuReport, leaf: x509.Certificate) -> Check | None:
    key = leaf.public_key()
    expected = f"the transcript signed by {name_of(leaf.subject)}"
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        return TEE_3.failed("bad-signature", expected=expected, found="a key of another curve")
    r, s = (int.from_bytes(report.signature[start : start + 48], "big") for start in (0, 48))
    try:
        key.verify(encode_dss_signature(r, s), report.signed, ec.ECDSA(hashes.SHA384()))
    except InvalidSignature:
        return TEE_3.failed("bad-signature", expected=expected, found="it does not verify")
    return None


def _measurements(record: bytes, count: int) -> dict[int, bytes]:
    """The blocks of a record: index, specification, size; then type, size, value."""
    found: dict[int, bytes] = {}
    while record:
        index, size = record[0], int.from_bytes(record[2:4], "little")
        block, value_size = record[4 : 4 + size], int.from_bytes(record[5:7], "little")
        if len(block) != size or size != value_size + 3 or record[1] != _DMTF:
            _refuse("a measurement block is not in its form")
        if index in found:
            _refuse(f"measurement {index} appears twice")
        found[index] = block[3:]
        record = record[4 + size :]
    if len(found) != count:
        _refuse(f"{len(found)} measurements where {count} are announced")
    return found


def _opaque(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while data:
        kind, size = int.from_bytes(data[0:2], "little"), int.from_bytes(data[2:4], "little")
        value = data[4 : 4 + size]
        if len(data) < 4 or len(value) != size or kind in found:
            _refuse("an opaque field is cut off, or appears twice")
        found[kind] = value
        data = data[4 + size :]
    return found


def _printable(value: bytes) -> str:
    text = value.rstrip(b"\0").decode("ascii", "replace")
    return "".join(character if character.isprintable() else "?" for character in text)


def _findings(
    checks: Iterable[Check], assurance: str = "", report: GpuReport | None = None
) -> GpuFindings:
    found = {check.id: check for check in checks}
    failed = next((check.id for check in found.values() if check.status == "failed"), "another")
    return GpuFindings(
        checks=MappingProxyType(
            {
                spec.id: found.get(spec.id) or spec.skipped(hint=f"not run, since {failed} failed")
                for spec in _CHECKS
            }
        ),
        assurance=assurance,
        report=report,
    )


def _refuse(what: str, *, code: str = "evidence-malformed") -> NoReturn:
    raise MalformedProof(what, where="GPU report", code=code)
