"""Chains and revocation lists hold by explicit rules, each with its refusal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from verifiable.backends.tee.certificates import (
    check_chain,
    check_revocation,
    load_crl,
    load_der,
    load_pem_chain,
    name_of,
    sha256_of,
)
from verifiable.errors import MalformedProof
from verifiable.statement.verdict import Check

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
KEYS = {name: ec.generate_private_key(ec.SECP384R1()) for name in ("root", "ca", "leaf", "other")}
PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=48)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def issue(
    subject: str,
    issuer: str,
    *,
    signer=None,
    ca: bool | None = True,
    path_length: int | None = None,
    start: datetime = NOW - DAY,
    end: datetime = NOW + DAY,
    usage: bool | None = None,
    extra: x509.ExtensionType | None = None,
    digest: hashes.HashAlgorithm | None = None,
    key=None,
    **sign,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key((key or KEYS[subject]).public_key())
        .serial_number(1000 + len(subject))
        .not_valid_before(start)
        .not_valid_after(end)
    )
    if ca is not None:
        constraints = x509.BasicConstraints(ca=ca, path_length=path_length)
        builder = builder.add_extension(constraints, critical=True)
    if usage is not None:
        flags = dict.fromkeys(
            (
                "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
                "key_agreement", "crl_sign", "encipher_only", "decipher_only",
            ),
            False,
        )  # fmt: skip
        builder = builder.add_extension(x509.KeyUsage(key_cert_sign=usage, **flags), critical=True)
    if extra is not None:
        builder = builder.add_extension(extra, critical=True)
    return builder.sign(signer or KEYS[issuer], digest or hashes.SHA384(), **sign)


ROOT = issue("root", "root")
CA = issue("ca", "root")
LEAF = issue("leaf", "ca", ca=False)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\0")


def checked(
    *chain: x509.Certificate, now: datetime = NOW, depth: int | None = None
) -> Check | None:
    return check_chain(chain, now=now, what="chain", depth=depth)


def test_a_chain_holds_until_its_last_second() -> None:
    assert checked(LEAF, CA, ROOT) is None
    assert checked(LEAF, CA, ROOT, depth=3) is None
    assert checked(LEAF, CA, ROOT, now=NOW + DAY) is None
    assert checked(LEAF, CA, ROOT, now=NOW - DAY) is None


@pytest.mark.parametrize(
    ("chain", "now", "code"),
    [
        ((LEAF, CA, ROOT), NOW + DAY + timedelta(seconds=1), "outside-validity"),
        ((LEAF, CA, ROOT), NOW - DAY - timedelta(seconds=1), "outside-validity"),
        ((issue("leaf", "ca", ca=False, end=NOW - timedelta(1, 1) + DAY), CA, ROOT), NOW,
         "outside-validity"),
        ((LEAF,), NOW, "bad-chain"),
        ((), NOW, "bad-chain"),
        ((LEAF, ROOT), NOW, "bad-chain"),  # issued by another name
        ((issue("leaf", "root", ca=False, signer=KEYS["ca"]), ROOT), NOW, "bad-signature"),
        ((issue("leaf", "ca", ca=False, signer=KEYS["other"]), CA, ROOT), NOW, "bad-signature"),
        ((LEAF, CA, issue("root", "root", signer=KEYS["other"])), NOW, "bad-signature"),
        ((issue("leaf", "ca", ca=True), CA, ROOT), NOW, "bad-chain"),  # an authority as leaf
        ((LEAF, issue("ca", "root", ca=False), ROOT), NOW, "bad-chain"),  # a leaf as authority
        ((LEAF, issue("ca", "root", ca=None), ROOT), NOW, "bad-chain"),
        ((LEAF, CA, issue("root", "root", path_length=0)), NOW, "bad-chain"),
        ((LEAF, issue("ca", "root", usage=False), ROOT), NOW, "bad-chain"),
        ((issue("leaf", "ca", ca=False, extra=UNKNOWN), CA, ROOT), NOW, "bad-chain"),
        ((LEAF, issue("ca", "root", extra=UNKNOWN), ROOT), NOW, "bad-chain"),
        ((LEAF, CA, issue("root", "root", extra=UNKNOWN)), NOW, "bad-chain"),
    ],
)  # fmt: skip
def test_tee_3_what_breaks_a_chain(
    chain: tuple[x509.Certificate, ...], now: datetime, code: str
) -> None:
    found = checked(*chain, now=now)
    assert found is not None
    assert (found.id, found.status, found.code) == ("TEE-3", "failed", code)
    assert found.expected
    assert found.found


@pytest.mark.parametrize(
    "chain",
    [
        (issue("leaf", "ca", ca=None), CA, ROOT),
        (LEAF, issue("ca", "root", usage=True), ROOT),
        (LEAF, issue("ca", "root", path_length=0), issue("root", "root", path_length=1)),
    ],
)
def test_what_a_chain_may_have(chain: tuple[x509.Certificate, ...]) -> None:
    assert checked(*chain) is None


def test_tee_3_a_chain_of_another_length_is_refused() -> None:
    assert checked(LEAF, CA, ROOT, depth=2).code == "bad-chain"
    assert checked(CA, ROOT, depth=3).code == "bad-chain"


def test_tee_3_rsa_with_pss_and_large_keys() -> None:
    keys = {"root": rsa.generate_private_key(65537, 2048), "ca": KEYS["ca"]}
    root = issue("root", "root", signer=keys["root"], key=keys["root"], rsa_padding=PSS)
    leaf = issue("ca", "root", ca=False, signer=keys["root"], rsa_padding=PSS)
    assert checked(leaf, root) is None
    other = issue("ca", "root", ca=False, signer=rsa.generate_private_key(65537, 2048))
    assert checked(other, root).code == "bad-signature"
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505, the key that must be refused
    weak = issue("root", "root", signer=small, key=small)
    assert checked(issue("ca", "root", ca=False, signer=small), weak).code == "bad-chain"


def test_an_altered_byte_of_a_certificate_is_refused_or_means_nothing() -> None:
    der = LEAF.public_bytes(Encoding.DER)
    for offset in range(len(der)):
        altered = bytearray(der)
        altered[offset] ^= 1
        try:
            certificate = load_der(bytes(altered), "leaf")
        except MalformedProof:
            continue
        # only the number of unused bits after the signature may differ, where the last is zero
        if checked(certificate, CA, ROOT) is None:
            assert certificate.tbs_certificate_bytes == LEAF.tbs_certificate_bytes
            assert certificate.signature == LEAF.signature


# --- revocation -----------------------------------------------------------------------------------


def crl(
    issuer: str = "ca",
    *,
    signer=None,
    revoked: tuple[int, ...] = (),
    issued: datetime = NOW - DAY,
    ends: datetime = NOW + DAY,
    extra: x509.ExtensionType | None = None,
) -> x509.CertificateRevocationList:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name(issuer))
        .last_update(issued)
        .next_update(ends)
        .add_extension(x509.CRLNumber(1), critical=False)
    )
    for serial in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW - DAY)
        builder = builder.add_revoked_certificate(entry.build())
    if extra is not None:
        builder = builder.add_extension(extra, critical=True)
    made = builder.sign(signer or KEYS[issuer], hashes.SHA384())
    return load_crl(made.public_bytes(Encoding.DER), "list")


def revocation(made: x509.CertificateRevocationList, now: datetime = NOW) -> str:
    found = check_revocation(made, CA, (LEAF,), now=now, what="list")
    return "" if found is None else found.code


def test_a_list_holds_from_its_first_second_to_before_its_last() -> None:
    assert revocation(crl()) == ""
    assert revocation(crl(revoked=(7, 8))) == ""
    assert revocation(crl(), NOW - DAY) == ""
    assert revocation(crl(), NOW + DAY - timedelta(seconds=1)) == ""


@pytest.mark.parametrize(
    ("made", "now", "code"),
    [
        (crl(revoked=(LEAF.serial_number,)), NOW, "certificate-revoked"),
        (crl(), NOW + DAY, "collateral-stale"),
        (crl(), NOW - DAY - timedelta(seconds=1), "collateral-not-yet-valid"),
        (crl(signer=KEYS["other"]), NOW, "bad-signature"),
        (crl("root"), NOW, "bad-chain"),
        (crl(extra=x509.DeltaCRLIndicator(1)), NOW, "bad-chain"),
        (crl(extra=UNKNOWN), NOW, "bad-chain"),
    ],
)
def test_tee_3_what_breaks_a_list(
    made: x509.CertificateRevocationList, now: datetime, code: str
) -> None:
    assert revocation(made, now) == code


def test_tee_3_weak_digests_are_refused() -> None:
    weak = issue("leaf", "ca", ca=False, digest=hashes.SHA224())
    assert checked(weak, CA, ROOT).code == "bad-chain"
    made = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name("ca"))
        .last_update(NOW - DAY)
        .next_update(NOW + DAY)
        .sign(KEYS["ca"], hashes.SHA224())
    )
    assert revocation(made) == "bad-chain"


def test_sizes_are_bounded_before_reading() -> None:
    with pytest.raises(MalformedProof, match="larger than"):
        load_crl(bytes((1 << 20) + 1), "list")
    with pytest.raises(MalformedProof, match="larger than"):
        load_der(bytes(8193), "leaf")


def test_tee_3_an_authority_that_may_not_sign_lists() -> None:
    authority = issue("ca", "root", usage=True)  # keyCertSign, and not cRLSign
    found = check_revocation(crl(), authority, (LEAF,), now=NOW, what="list")
    assert found is not None
    assert found.code == "bad-chain"
    assert "cRLSign" in found.expected


# --- reading --------------------------------------------------------------------------------------


def pem(*chain: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)


def test_pem_is_certificates_and_white_space() -> None:
    chain = (LEAF, CA, ROOT)
    assert load_pem_chain(pem(*chain), "chain") == chain
    assert load_pem_chain(pem(*chain) + b"\0", "chain") == chain
    assert load_pem_chain(b"\n" + pem(*chain).replace(b"\n", b"\r\n"), "chain") == chain


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\0",
        b"no certificate",
        pem(LEAF) + b"comment\n" + pem(CA),
        b"subject=leaf\n" + pem(LEAF),
        pem(LEAF) + b"\0\0",
        pem(LEAF)[:-5],
        pem(*[LEAF] * 9),
        b"-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----" * 100_000,
    ],
)
def test_other_texts_are_refused(text: bytes) -> None:
    with pytest.raises(MalformedProof) as caught:
        load_pem_chain(text, "chain")
    assert caught.value.code == "evidence-malformed"


@pytest.mark.parametrize("data", [b"", b"\x30\0", bytes(9000), LEAF.public_bytes(Encoding.PEM)])
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedProof):
        load_der(data, "leaf")
    with pytest.raises(MalformedProof):
        load_crl(data, "list")


def test_bytes_after_a_certificate_are_refused() -> None:
    der = LEAF.public_bytes(Encoding.DER)
    assert sha256_of(load_der(der, "leaf")) == sha256_of(LEAF)
    with pytest.raises(MalformedProof):
        load_der(der + b"\0", "leaf")


@pytest.mark.filterwarnings("ignore:Attribute's length")
@pytest.mark.parametrize(("found", "limit"), [(b"XX", b"XXX"), (b"leafleaf", b"leafleaf" * 9)])
def test_names_keep_to_their_limits(found: bytes, limit: bytes) -> None:
    """A signed certificate whose names are longer than the standard lets them be."""
    oid = NameOID.COUNTRY_NAME if found == b"XX" else NameOID.COMMON_NAME
    for value, fits in ((found, True), (limit, False)):
        attribute = x509.NameAttribute(oid, value.decode(), _validate=False)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([attribute]))
            .issuer_name(name("ca"))
            .public_key(KEYS["leaf"].public_key())
            .serial_number(7)
            .not_valid_before(NOW - DAY)
            .not_valid_after(NOW + DAY)
        )
        der = builder.sign(KEYS["ca"], hashes.SHA384()).public_bytes(Encoding.DER)
        if fits:
            assert checked(load_der(der, "leaf"), CA, ROOT) is None
        else:
            with pytest.raises(MalformedProof, match="of a name has"):
                load_der(der, "leaf")


def test_names_fit_on_one_line() -> None:
    assert name_of(LEAF.subject) == "leaf"
    assert name_of(name("a\nb\x1b[31mred")) == "a?b?[31mred"
    empty = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "o")])
    assert name_of(empty) == "O=o"
