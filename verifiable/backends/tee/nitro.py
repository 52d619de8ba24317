"""AWS Nitro Enclaves: the attestation document, and the vendor's half of its judgement.

The hypervisor signs a COSE document with a key whose certificate lives for about three hours, so a
document verifies near its time only. Format and registers are AWS's; the root is the one that the
verifier pins, which the document has to bring along but does not choose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha384
from types import MappingProxyType
from typing import Any, NoReturn, TypeGuard

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from verifiable.backends.tee.certificates import (
    check_chain,
    der_of,
    load_der,
    name_of,
    sha256_of,
    spki_sha256_of,
    time_text,
)
from verifiable.backends.tee.checks import (
    TEE_3,
    TEE_4,
    TEE_5,
    TEE_6,
    TEE_7,
    TEE_8,
    TEE_9,
    TEE_18,
)
from verifiable.backends.tee.claims import Claims
from verifiable.backends.tee.cose import CborValue, Sign1, decode_cbor
from verifiable.backends.tee.evidence import Evidence, Findings, Report
from verifiable.backends.tee.findings import collect, unreadable
from verifiable.backends.tee.roots import trust
from verifiable.errors import InvalidInput, MalformedProof
from verifiable.statement.attestation import AttestationPolicy
from verifiable.statement.verdict import Check

__all__ = ["NitroDocument", "nitro_claims", "verify_nitro"]

_WHAT = "Nitro document"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_BYTES = 16 << 10
_MAX_CHAIN = 8
_REGISTERS = 32
_REGISTER_BYTES = 48
_MAX_MODULE_ID = 256
_LIMITS = {"public_key": 1024, "user_data": 512, "nonce": 512}
_REQUIRED = frozenset(("module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"))
_BOOT = ("pcr0", "pcr1", "pcr2")
"""Image, kernel and application: what a debug enclave reports as zeros."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NitroDocument:
    """One decoded document; nothing in it is verified.

    Attributes:
        envelope: the signed bytes and their signature.
        pcrs: by name (`pcr0`) the registers that it reports, 48 bytes each.
        certificate: DER of the leaf.
        cabundle: DER of the root first, then down to who issued the leaf.
        public_key, user_data, nonce: what the enclave asked for; empty if absent.
    """

    envelope: Sign1
    module_id: str
    timestamp: datetime
    pcrs: Mapping[str, bytes]
    certificate: bytes
    cabundle: tuple[bytes, ...]
    public_key: bytes
    user_data: bytes
    nonce: bytes

    @classmethod
    def parse(cls, data: bytes) -> NitroDocument:
        """Decode a document strictly.

        Raises:
            MalformedProof: (codes of TEE-18) with what is wrong.
        """
        if len(data) > _MAX_BYTES:
            _refuse(f"larger than {_MAX_BYTES} bytes", code="evidence-too-large")
        envelope = Sign1.decode(data)
        found = decode_cbor(envelope.payload)
        if not isinstance(found, dict) or not _REQUIRED <= set(found) <= _REQUIRED | set(_LIMITS):
            _refuse("the payload lacks a member, or has one that is unknown")
        module_id, timestamp = found["module_id"], found["timestamp"]
        if not isinstance(module_id, str) or not 0 < len(module_id.encode()) <= _MAX_MODULE_ID:
            _refuse("module_id is no text, or too long")
        if found["digest"] != "SHA384":
            _refuse("registers of another hash than SHA384", code="unsupported-evidence")
        if type(timestamp) is not int or not 0 < timestamp < 1 << 47:
            _refuse("timestamp is no time in milliseconds")
        certificate, cabundle = found["certificate"], found["cabundle"]
        if not isinstance(certificate, bytes) or not isinstance(cabundle, list):
            _refuse("certificate or cabundle is missing")
        if not 0 < len(cabundle) < _MAX_CHAIN or not _are_bytes(cabundle):
            _refuse(f"cabundle is no list of 1 to {_MAX_CHAIN - 1} certificates")
        return cls(
            envelope=envelope,
            module_id=module_id,
            timestamp=_EPOCH + timedelta(milliseconds=timestamp),
            pcrs=MappingProxyType(_registers(found["pcrs"])),
            certificate=certificate,
            cabundle=tuple(cabundle),
            **{name: _optional(found, name) for name in _LIMITS},
        )


def verify_nitro(
    evidence: Evidence,
    policy: AttestationPolicy,
    *,
    allow_builtin_simulator: bool,
    now: datetime,
) -> Findings:
    """Verify a Nitro document.

    Args:
        evidence: of kind `nitro`; all that is needed is in its document.
        policy: what is accepted.
        allow_builtin_simulator: accept evidence of the built-in simulator, as simulated.
        now: the moment to judge at, with time zone.

    Returns:
        All ten checks, and the report if the signatures hold.

    Raises:
        InvalidInput: (code `naive-time`) `now` has no time zone.

    Soundness:
        No revocation list comes with a document, and none is asked for: the leaf lives for three
        hours and its issuers for days.
    """
    if now.tzinfo is None:
        raise InvalidInput("the time has no time zone", where="now", code="naive-time")
    try:
        document = NitroDocument.parse(evidence.document)
        if evidence.collateral or evidence.chain:
            _refuse("collateral or certificates beside the document, which brings its own")
        chain = tuple(
            load_der(der, f"{_WHAT}, certificate {number}")
            for number, der in enumerate((document.certificate, *reversed(document.cabundle)))
        )
    except MalformedProof as cause:
        return collect([unreadable(cause)])
    # TEE-18: bounded before it is decoded, every key once, nothing after the end
    size = f"COSE document, {len(evidence.document)} bytes"
    root, assurance_check, assurance = trust(
        der_of(chain[-1]), "nitro", policy, allow_builtin_simulator
    )
    found_checks = [TEE_18.ok(found=size), root, assurance_check]
    if not assurance:
        return collect(found_checks)
    for check in _signatures(document, chain, now):
        found_checks.append(check)
        if not check.ok:
            return collect(found_checks, assurance)
    # TEE-6, TEE-7, TEE-9: nothing of the kind is in a document, so there is nothing to refuse
    found_checks += [
        TEE_6.ok(expected="no patch level: AWS reports none", found="not reported"),
        TEE_7.ok(expected="no platform flags: AWS reports none", found="not reported"),
        _no_debugger(document, policy),
        TEE_9.ok(expected="no attributes: AWS reports none", found="not reported"),
    ]
    report = Report(
        kind="nitro",
        root_sha256=sha256_of(chain[-1]),
        root_spki_sha256=spki_sha256_of(chain[-1]),
        report_data=document.user_data,
        measurements=document.pcrs,
        program_register="pcr16",
        platform_id=document.module_id.encode(),
        timestamp=document.timestamp,
        nonce=document.nonce,
        public_key=document.public_key,
        flags=MappingProxyType({}),
        details=MappingProxyType(
            {
                "module_id": document.module_id,
                "timestamp": time_text(document.timestamp),
                "leaf": f"valid to {time_text(chain[0].not_valid_after_utc)}",
                "signed_sha384": sha384(document.envelope.signed_bytes).hexdigest(),
            }
        ),
    )
    return collect(found_checks, assurance, report)


def nitro_claims(evidence: Evidence) -> Claims:
    """What a document says, unverified.

    Raises:
        MalformedProof: it cannot be decoded.
    """
    document = NitroDocument.parse(evidence.document)
    return Claims(
        kind="nitro",
        report_data=document.user_data,
        measurements=document.pcrs,
        details=MappingProxyType(
            {
                "module_id": document.module_id,
                "timestamp": time_text(document.timestamp),
                "nonce": document.nonce.hex(),
                "public_key": document.public_key.hex(),
                "certificates": str(len(document.cabundle) + 1),
            }
        ),
    )


def _signatures(
    document: NitroDocument, chain: tuple[x509.Certificate, ...], now: datetime
) -> Iterator[Check]:
    """TEE-4, TEE-3, TEE-5; the caller stops at the first that fails."""
    leaf = chain[0]
    yield _role(chain)
    problem = check_chain(chain, now=now, what="Nitro chain")
    yield problem or _signature(document, leaf)
    yield _module(document, leaf)


def _role(chain: tuple[x509.Certificate, ...]) -> Check:
    # TEE-4: who signs documents issues no certificates, and the other way round.
    leaf = chain[0]
    expected = "a leaf that signs documents, and no authority's key"
    usage = next(
        (item.value for item in leaf.extensions if isinstance(item.value, x509.KeyUsage)), None
    )
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        return TEE_4.failed(expected=expected, found="a key on another curve than P-384")
    keys = [spki_sha256_of(certificate) for certificate in chain]
    if usage is not None and (not usage.digital_signature or usage.key_cert_sign):
        return TEE_4.failed(expected=expected, found="a certificate for another use (keyUsage)")
    if keys.count(keys[0]) != 1:
        return TEE_4.failed(expected=expected, found="the key of an authority in its own chain")
    return TEE_4.ok(expected=expected, found=name_of(leaf.subject))


def _signature(document: NitroDocument, leaf: x509.Certificate) -> Check:
    # TEE-3: over the payload as it was received, never encoded again.
    expected = "signed by the leaf's P-384 key, while its certificate is valid"
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not document.envelope.is_signed_by(key):
        return TEE_3.failed(
            "bad-signature",
            expected=expected,
            found="its signature does not verify under that key",
            hint="the document was altered",
        )
    at = document.timestamp
    if not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
        return TEE_3.failed(
            "outside-validity",
            expected=expected,
            found=f"made {time_text(at)}, valid from {time_text(leaf.not_valid_before_utc)} "
            f"to {time_text(leaf.not_valid_after_utc)}",
        )
    return TEE_3.ok(expected=expected, found=f"made {time_text(at)}")


def _module(document: NitroDocument, leaf: x509.Certificate) -> Check:
    # TEE-5: the certificate is of the module that the document speaks of.
    expected = f"a certificate of {document.module_id}"
    names = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    found = str(names[0].value) if len(names) == 1 else ""
    if found == document.module_id or found.startswith(f"{document.module_id}."):
        return TEE_5.ok(expected=expected, found=name_of(leaf.subject))
    return TEE_5.failed(
        "platform-mismatch",
        expected=expected,
        found=name_of(leaf.subject),
        hint="the document is of another enclave than its certificate",
    )


def _no_debugger(document: NitroDocument, policy: AttestationPolicy) -> Check:
    # TEE-8: a debug enclave is signed like any other, with zeros for what it booted.
    expected = "registers 0, 1 and 2 that are not zero"
    zero = [name for name in _BOOT if not any(document.pcrs[name])]
    if not zero:
        return TEE_8.ok(expected=expected, found="none is zero")
    found = f"{', '.join(zero)} zero: a debug enclave"
    if policy.insecure_allow_debug:
        return TEE_8.ok(expected=expected, found=f"{found}, which the policy allows")
    return TEE_8.failed(
        "debug-enabled",
        expected=expected,
        found=found,
        hint="run the enclave without --debug-mode",
    )


def _registers(found: object) -> dict[str, bytes]:
    if not isinstance(found, dict) or not 0 < len(found) <= _REGISTERS:
        _refuse("pcrs is no map of registers")
    for number, value in found.items():
        if type(number) is not int or not 0 <= number < _REGISTERS:
            _refuse(f"{str(number)[:40]!r} is no register")
        if not isinstance(value, bytes) or len(value) != _REGISTER_BYTES:
            _refuse(f"register {number} is not {_REGISTER_BYTES} bytes")
    named = {f"pcr{number}": found[number] for number in sorted(found)}
    if not set(_BOOT) <= set(named):
        _refuse("register 0, 1 or 2 is not reported")
    return named


def _optional(found: Mapping[Any, object], name: str) -> bytes:
    """A member that may be absent or null; empty then."""
    value = found.get(name)
    if value is None:
        return b""
    if not isinstance(value, bytes) or len(value) > _LIMITS[name]:
        _refuse(f"{name} is no byte string of at most {_LIMITS[name]} bytes")
    return value


def _are_bytes(values: list[CborValue]) -> TypeGuard[list[bytes]]:
    return all(isinstance(value, bytes) for value in values)


def _refuse(why: str, *, code: str = "evidence-malformed") -> NoReturn:
    raise MalformedProof(why, where=_WHAT, code=code)
