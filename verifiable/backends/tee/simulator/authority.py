"""The simulated Intel authority: its certificates and revocation lists.

In the vendor's form throughout, under a root that is nobody's hardware: every name says
`SIMULATED - NOT A TEE`, and nothing else in the evidence does. Certificates depend on the seed
alone, so that a root's fingerprint can be published; only what expires depends on the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from verifiable.backends.tee.pck import PCK_EXTENSION, PckExtension
from verifiable.backends.tee.simulator.intel_platform import simulated_platform
from verifiable.backends.tee.simulator.seeds import Seed
from verifiable.errors import InvalidInput

__all__ = ["COLLATERAL_LIFE", "SIMULATED", "IntelAuthority", "Issued", "key_usage"]

SIMULATED = "SIMULATED - NOT A TEE"
"""Organisation in the name of every simulated certificate."""

COLLATERAL_LIFE = timedelta(days=30)
"""From the issue of a list to its end, as the vendor does it."""

_BACK_DATED = timedelta(minutes=5)  # a verifier's clock may be behind, and refuses the future
_VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_VALID_UNTIL = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        """The certificate as DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        """The certificate as PEM, with a line end."""
        return self.certificate.public_bytes(Encoding.PEM).decode("ascii")


class IntelAuthority:
    """Root, intermediate authority, PCK leaf and TCB signer of a seed, and its lists at a time.

    Everything is made when it is first asked for, and kept.

    Args:
        seed: that all keys come from.
        now: with time zone; lists are issued five minutes before it, and live 30 days.
        platform: the machine of the PCK certificate; None: the seed's own, up to date.

    Raises:
        InvalidInput: (code `naive-time`) `now` has no time zone.
    """

    def __init__(self, seed: Seed, now: datetime, platform: PckExtension | None = None) -> None:
        if now.tzinfo is None:
            raise InvalidInput("the time has no time zone", where="now", code="naive-time")
        self.seed = seed
        self.issued_at = now.astimezone(UTC).replace(microsecond=0) - _BACK_DATED
        self.platform = simulated_platform(seed) if platform is None else platform

    @cached_property
    def root(self) -> Issued:
        """The trust root: the same for every `now` and platform."""
        return self.issue("root", "Simulated SGX Root CA", issuer=None, path_length=1)

    @cached_property
    def intermediate(self) -> Issued:
        """The Platform CA, or the Processor CA for a platform without an instance id."""
        name = "Processor" if self.platform.platform_instance_id is None else "Platform"
        return self.issue(
            f"{name.lower()}-ca", f"Simulated SGX PCK {name} CA", issuer=self.root, path_length=0
        )

    @cached_property
    def pck(self) -> Issued:
        """The certificate of the machine's key, which signs for the quoting enclave."""
        return self.issue(
            "pck", "Simulated SGX PCK Certificate", issuer=self.intermediate, platform=self.platform
        )

    @cached_property
    def tcb_signer(self) -> Issued:
        """The certificate of the key that signs TCB info and QE identity."""
        return self.issue("tcb-signer", "Simulated SGX TCB Signing", issuer=self.root)

    @cached_property
    def pck_chain_pem(self) -> str:
        """PCK leaf, intermediate authority, root."""
        return self.pck.pem + self.intermediate.pem + self.root.pem

    @cached_property
    def root_crl(self) -> bytes:
        """The root's revocation list as DER: names one certificate that nobody uses."""
        return self.crl(self.root, [self.seed.serial("intel/revoked-authority")])

    @cached_property
    def pck_crl(self) -> bytes:
        """The intermediate authority's revocation list as DER: names two that nobody uses."""
        serials = [self.seed.serial(f"intel/revoked-pck/{number}") for number in range(2)]
        return self.crl(self.intermediate, serials)

    def issue(
        self,
        label: str,
        name: str,
        *,
        issuer: Issued | None,
        path_length: int | None = None,
        platform: PckExtension | None = None,
        critical: bool = False,
        usage: x509.KeyUsage | None = None,
        valid_until: datetime = _VALID_UNTIL,
    ) -> Issued:
        """Issue a certificate; key and serial number come from the label.

        Args:
            label: names the key.
            name: the common name.
            issuer: None: signed by itself.
            path_length: of an authority; None: it is a leaf.
            platform: what Intel's extension says; None: there is none.
            critical: whether that extension is critical, which nobody accepts.
            usage: of the key; None: what an authority, or a leaf, needs.
            valid_until: its end.
        """
        key = self.seed.p256(f"intel/{label}")
        subject = _name(name)
        is_ca = path_length is not None
        signing_key = key if issuer is None else issuer.key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(self.seed.serial(f"intel/{label}"))
            .not_valid_before(_VALID_FROM)
            .not_valid_after(valid_until)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
                critical=False,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .add_extension(key_usage(is_ca) if usage is None else usage, critical=True)
            .add_extension(x509.BasicConstraints(is_ca, path_length), critical=True)
        )
        if platform is not None:
            value = x509.UnrecognizedExtension(PCK_EXTENSION, platform.encode())
            builder = builder.add_extension(value, critical=critical)
        certificate = builder.sign(signing_key, hashes.SHA256(), ecdsa_deterministic=True)
        return Issued(certificate, key)

    def crl(
        self,
        issuer: Issued,
        revoked: Sequence[int] = (),
        *,
        issued_at: datetime | None = None,
        valid_until: datetime | None = None,
        extension: x509.ExtensionType | None = None,
    ) -> bytes:
        """Issue a revocation list as DER.

        Args:
            issuer: whose list it is.
            revoked: serial numbers.
            issued_at: None: the authority's time.
            valid_until: when the next one is due; None: 30 days later.
            extension: a further one, critical.
        """
        start = self.issued_at if issued_at is None else issued_at
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(start)
            .next_update(start + COLLATERAL_LIFE if valid_until is None else valid_until)
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
                critical=False,
            )
        )
        if extension is not None:
            builder = builder.add_extension(extension, critical=True)
        for serial in revoked:
            entry = (
                x509.RevokedCertificateBuilder()
                .serial_number(serial)
                .revocation_date(_VALID_FROM)
                .add_extension(x509.CRLReason(x509.ReasonFlags.unspecified), critical=False)
                .build()
            )
            builder = builder.add_revoked_certificate(entry)
        crl = builder.sign(issuer.key, hashes.SHA256(), ecdsa_deterministic=True)
        return crl.public_bytes(Encoding.DER)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        (
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, SIMULATED),
            x509.NameAttribute(NameOID.LOCALITY_NAME, "Nowhere"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "XX"),
        )
    )


def key_usage(is_ca: bool) -> x509.KeyUsage:
    """What the key of an authority may be used for, or a leaf's: as in Intel's certificates."""
    return x509.KeyUsage(
        digital_signature=not is_ca,
        content_commitment=not is_ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )
