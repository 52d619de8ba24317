"""Certificates and revocation lists from untrusted hands: load, chain, dates, revocation.

Nothing here knows a root: a chain ends with the certificate that `roots.trust` has found among the
trusted ones. There is no system store, no clock and no network. What cannot be read raises
`MalformedProof`; what can be read and does not hold is returned as the failed check.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from verifiable.backends.tee.checks import TEE_3
from verifiable.errors import MalformedProof
from verifiable.statement.verdict import Check

__all__ = [
    "check_chain",
    "check_revocation",
    "contained",
    "der_of",
    "load_crl",
    "load_der",
    "load_pem_chain",
    "name_of",
    "sha256_of",
    "spki_sha256_of",
    "time_text",
]

_MAX_CERTIFICATE_BYTES = 8192
_MAX_CRL_BYTES = 1 << 20
_MAX_CHAIN = 8
_PEM_BLOCK = re.compile(
    rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]{1,16384}-----END CERTIFICATE-----\s*", re.ASCII
)
_KNOWN_CRITICAL = frozenset(
    (
        x509.BasicConstraints.oid,
        x509.KeyUsage.oid,
        x509.ExtendedKeyUsage.oid,
    )
)
_NAME_LIMITS = (
    (x509.NameOID.COUNTRY_NAME, 2, 2),
    (x509.NameOID.JURISDICTION_COUNTRY_NAME, 2, 2),
    (x509.NameOID.COMMON_NAME, 1, 64),
)
_STRONG = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_MIN_RSA_BITS = 2048


@contextmanager
def contained(what: str) -> Iterator[None]:
    """Turn every failure of native code into `MalformedProof`, its panics included.

    A panic of a Rust library derives from BaseException, so that no handler of Exception stops it.
    What ends a process on purpose (Ctrl-C, exit) and the lack of memory pass through.
    """
    try:
        yield
    except (MalformedProof, KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as cause:
        why = " ".join(str(cause).split())[:300]
        raise MalformedProof(
            "cannot be read", where=what, why=why, code="evidence-malformed"
        ) from cause


def load_der(data: bytes, what: str) -> x509.Certificate:
    """Decode one certificate, with every part that is read later.

    Args:
        data: DER, nothing after it.
        what: what the certificate is, for messages.

    Raises:
        MalformedProof: (code `evidence-malformed`) it is too large or no certificate, or a part
            of it cannot be read.
    """
    if len(data) > _MAX_CERTIFICATE_BYTES:
        raise MalformedProof(
            f"larger than {_MAX_CERTIFICATE_BYTES} bytes", where=what, code="evidence-malformed"
        )
    with contained(what):
        certificate = x509.load_der_x509_certificate(data)
        # the library decodes these only when asked, so that a later reader would meet the error
        _check_name(certificate.subject, what)
        _check_name(certificate.issuer, what)
        _ = (certificate.extensions, certificate.public_key())
        _ = (certificate.signature_hash_algorithm, certificate.signature_algorithm_parameters)
        _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    return certificate


@lru_cache(maxsize=16)  # the chains of a platform's collateral come with each of its quotes
def load_pem_chain(text: bytes, what: str) -> tuple[x509.Certificate, ...]:
    """Decode PEM certificates that follow each other, with nothing but white space between.

    One NUL byte at the end, which Intel's quotes carry, is accepted.

    Raises:
        MalformedProof: (code `evidence-malformed`) other text, more than eight certificates, none,
            or one that cannot be read.
    """
    body = text.removesuffix(b"\0").lstrip()
    blocks: list[bytes] = []
    position = 0
    while position < len(body):
        block = _PEM_BLOCK.match(body, position)
        if block is None or len(blocks) == _MAX_CHAIN:
            raise MalformedProof(
                f"not a chain of at most {_MAX_CHAIN} PEM certificates, one after the other",
                where=what,
                code="evidence-malformed",
            )
        blocks.append(block[0])
        position = block.end()
    if not blocks:
        raise MalformedProof("no certificate", where=what, code="evidence-malformed")
    chain: list[x509.Certificate] = []
    for number, pem in enumerate(blocks, start=1):
        with contained(f"{what}, certificate {number}"):
            data = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
        chain.append(load_der(data, f"{what}, certificate {number}"))
    return tuple(chain)


def load_crl(data: bytes, what: str) -> x509.CertificateRevocationList:
    """Decode one revocation list.

    Raises:
        MalformedProof: (code `evidence-malformed`) it is too large (1 MiB), no list, or a part of
            it cannot be read.
    """
    if len(data) > _MAX_CRL_BYTES:
        raise MalformedProof(
            f"larger than {_MAX_CRL_BYTES} bytes", where=what, code="evidence-malformed"
        )
    with contained(what):
        crl = x509.load_der_x509_crl(data)
        _check_name(crl.issuer, what)
        _ = (crl.extensions, crl.last_update_utc, crl.next_update_utc)
        _ = (crl.signature_hash_algorithm, crl.get_revoked_certificate_by_serial_number(1))
    return crl


def _check_name(name: x509.Name, what: str) -> None:
    """Refuse names beyond the standard's limits, which the library reads with a mere warning."""
    for oid, shortest, longest in _NAME_LIMITS:
        for attribute in name.get_attributes_for_oid(oid):
            value = attribute.value
            size = len(value.encode() if isinstance(value, str) else value)
            if not shortest <= size <= longest:
                raise MalformedProof(
                    f"{oid.dotted_string} of a name has {size} bytes",
                    where=what,
                    code="evidence-malformed",
                )


def der_of(certificate: x509.Certificate) -> bytes:
    """The certificate's bytes."""
    return certificate.public_bytes(Encoding.DER)


def sha256_of(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the certificate's DER."""
    return hashlib.sha256(der_of(certificate)).digest()


def spki_sha256_of(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the certificate's SubjectPublicKeyInfo."""
    return hashlib.sha256(
        certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).digest()


def name_of(name: x509.Name) -> str:
    """The common name for messages, on one line; the whole name if it has none."""
    names = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    text = str(names[0].value) if names else name.rfc4514_string()
    if not text.isprintable():
        text = "".join(character if character.isprintable() else "?" for character in text)
    return text[:100]


def time_text(moment: datetime) -> str:
    """A moment as in the rest of a verdict: RFC 3339, UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def check_chain(
    chain: Sequence[x509.Certificate],
    *,
    now: datetime,
    what: str,
    depth: int | None = None,
    leaf_signed: bytes | None = None,
) -> Check | None:
    """Check that each certificate was issued by the next one, and that all are valid at `now`.

    Names, signatures (ECDSA on NIST curves, RSA with PSS or PKCS #1; SHA-2), validity (both ends
    inclusive), CA flags and path lengths, keyUsage of the CAs where present, unknown critical
    extensions. The last certificate must be signed by itself, so that a root that is pinned by its
    key alone has no other field that its owner did not sign.

    Args:
        chain: leaf first, root last; whether the root is trusted is not asked here.
        now: with time zone.
        what: what the chain is, for messages.
        depth: how many certificates it must have; None: two or more.
        leaf_signed: the leaf's signed bytes as they came, where the library cannot read them and
            the first of the chain stands for it (see `snp_vcek`); None: its own.

    Returns:
        The failed TEE-3, or None if the chain holds.
    """
    count = len(chain)
    if count < 2 or (depth is not None and count != depth):
        wanted = "two or more" if depth is None else str(depth)
        return _bad(what, f"a chain of {wanted} certificates", f"{count}")
    for index, certificate in enumerate(chain):
        name = name_of(certificate.subject)
        issuer = chain[min(index + 1, count - 1)]
        signed = leaf_signed if index == 0 else None
        problem = (
            _check_dates(certificate, now=now, what=f"{what}: {name}")
            or _check_shape(certificate, index=index, what=f"{what}: {name}")
            or _check_issued(certificate, issuer, what=f"{what}: {name}", signed=signed)
        )
        if problem is not None:
            return problem
    return None


def check_revocation(
    crl: x509.CertificateRevocationList,
    issuer: x509.Certificate,
    certificates: Sequence[x509.Certificate],
    *,
    now: datetime,
    what: str,
) -> Check | None:
    """Check that a list is `issuer`'s, is current at `now`, and names none of the certificates.

    `thisUpdate` <= now < `nextUpdate`. Partial lists (delta, by distribution point) are refused.

    Args:
        crl: the list.
        issuer: the certificate that must have signed it.
        certificates: those that `issuer` issued.
        now: with time zone.
        what: what the list is, for messages.

    Returns:
        The failed TEE-3, or None if the list holds and none is revoked.
    """
    issuer_name = name_of(issuer.subject)
    key = issuer.public_key()
    if crl.issuer != issuer.subject:
        return _bad(what, f"a list by {issuer_name}", f"a list by {name_of(crl.issuer)}")
    if not isinstance(key, (ec.EllipticCurvePublicKey, rsa.RSAPublicKey)) or not isinstance(
        crl.signature_hash_algorithm, _STRONG
    ):
        return _bad(what, "a signature with SHA-2", "another algorithm")
    for extension in issuer.extensions:
        if isinstance(extension.value, x509.KeyUsage) and not extension.value.crl_sign:
            return _bad(what, f"{issuer_name} may sign lists (keyUsage cRLSign)", "it may not")
    try:
        valid = crl.is_signature_valid(key)
    except (TypeError, ValueError, UnsupportedAlgorithm):  # an algorithm that the key is not for
        valid = False
    if not valid:
        return TEE_3.failed(
            "bad-signature",
            expected=f"{what} signed by {issuer_name}",
            found="its signature does not verify under that key",
            hint="fetch the list again, as DER, from the vendor",
        )
    for extension in crl.extensions:
        partial = (x509.DeltaCRLIndicator.oid, x509.IssuingDistributionPoint.oid)
        if extension.oid in partial or extension.critical:
            return _bad(what, "a complete list", f"extension {extension.oid.dotted_string}")
    if now < crl.last_update_utc:
        return TEE_3.failed(
            "collateral-not-yet-valid",
            expected=f"{what} issued at or before {time_text(now)}",
            found=f"thisUpdate {time_text(crl.last_update_utc)}",
            hint="judge at the time of the evidence, or check the clock",
        )
    if crl.next_update_utc is None or now >= crl.next_update_utc:
        end = "no nextUpdate" if crl.next_update_utc is None else time_text(crl.next_update_utc)
        return TEE_3.failed(
            "collateral-stale",
            expected=f"{what} valid at {time_text(now)}",
            found=f"it was to be replaced before {end}" if crl.next_update_utc else end,
            hint="fetch the collateral again, or judge at the time of the evidence",
        )
    for certificate in certificates:
        entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is not None:
            return TEE_3.failed(
                "certificate-revoked",
                expected=f"{name_of(certificate.subject)} not revoked",
                found=f"revoked by {issuer_name} on {time_text(entry.revocation_date_utc)}",
                hint="what this key signs counts for nothing any more",
            )
    return None


def _check_dates(certificate: x509.Certificate, *, now: datetime, what: str) -> Check | None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if start <= now <= end:
        return None
    return TEE_3.failed(
        "outside-validity",
        expected=f"{what} valid at {time_text(now)}",
        found=f"valid from {time_text(start)} to {time_text(end)}",
        hint="judge at the time of the evidence, or get evidence under a current certificate",
    )


def _check_shape(certificate: x509.Certificate, *, index: int, what: str) -> Check | None:
    """CA flag, path length, key usage and critical extensions of the `index`th from the leaf."""
    basic: x509.BasicConstraints | None = None
    usage: x509.KeyUsage | None = None
    for extension in certificate.extensions:
        if extension.critical and extension.oid not in _KNOWN_CRITICAL:
            oid = extension.oid.dotted_string
            return _bad(what, "no critical extension that is unknown", oid)
        if isinstance(extension.value, x509.BasicConstraints):
            basic = extension.value
        if isinstance(extension.value, x509.KeyUsage):
            usage = extension.value
    if index == 0:
        if basic is not None and basic.ca:
            return _bad(what, "a leaf", "a certificate of an authority (CA:TRUE)")
        return None
    if basic is None or not basic.ca:
        return _bad(what, "an authority's certificate (CA:TRUE)", "none")
    if basic.path_length is not None and basic.path_length < index - 1:
        return _bad(what, f"at most {basic.path_length} authorities below", f"{index - 1}")
    if usage is not None and not usage.key_cert_sign:
        return _bad(what, "keyUsage with keyCertSign", "none")
    return None


def _check_issued(
    certificate: x509.Certificate, issuer: x509.Certificate, *, what: str, signed: bytes | None
) -> Check | None:
    by = name_of(issuer.subject)
    if certificate.issuer != issuer.subject:
        return _bad(what, f"issued by {name_of(certificate.issuer)}", f"next in the chain: {by}")
    key = issuer.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        strong = isinstance(key.curve, _CURVES)
    else:
        strong = isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_RSA_BITS
    if not strong or not isinstance(certificate.signature_hash_algorithm, _STRONG):
        return _bad(what, "a signature by ECDSA or RSA with SHA-2", "another algorithm")
    try:
        if signed is None:
            _verify_issued(certificate, issuer)
        else:
            _verify(certificate, key, signed)
    except (InvalidSignature, TypeError, ValueError, UnsupportedAlgorithm):
        return TEE_3.failed(
            "bad-signature",
            expected=f"{what} signed by {by}",
            found="its signature does not verify under that key",
            hint="a certificate was altered, or it belongs to another authority of that name",
        )
    return None


@lru_cache(maxsize=64)  # a platform's authorities come with each of its documents
def _verify_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Verify a signature; only those that hold are remembered, by all bytes of both."""
    certificate.verify_directly_issued_by(issuer)


def _verify(certificate: x509.Certificate, key: object, signed: bytes) -> None:
    """Verify a certificate's signature over bytes that are not the library's own."""
    parameters = certificate.signature_algorithm_parameters
    digest = certificate.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey) and digest is not None:
        if isinstance(parameters, padding.PSS | padding.PKCS1v15):
            key.verify(certificate.signature, signed, parameters, digest)
            return
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(parameters, ec.ECDSA):
        key.verify(certificate.signature, signed, parameters)
        return
    raise TypeError("a signature of another kind than the key")


def _bad(what: str, expected: str, found: str) -> Check:
    return TEE_3.failed(
        "bad-chain",
        expected=f"{what}: {expected}",
        found=found,
        hint="pass the chain as the vendor issued it",
    )
