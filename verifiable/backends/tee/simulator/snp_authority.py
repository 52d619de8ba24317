"""The simulated AMD authority: ARK, ASK and the certificates of chips' keys.

    python -m verifiable.backends.tee.simulator.snp_authority snp_chain.json

writes a new one. RSA keys and PSS salts are random, so that the one behind the built-in simulator
is a file with its private keys: they are public, and what they sign proves nothing.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from verifiable.backends.tee.simulator.authority import SIMULATED
from verifiable.backends.tee.simulator.seeds import BUILTIN_SEED
from verifiable.backends.tee.snp_report import TcbVersions

__all__ = [
    "MILAN",
    "TURIN",
    "SnpAuthority",
    "SnpChip",
    "builtin_authority",
    "builtin_chain",
]

_VALID_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_VALID_UNTIL = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
_AMD = "1.3.6.1.4.1.3704.1"
_PSS = padding.PSS(padding.MGF1(hashes.SHA384()), salt_length=48)
_FILE = Path(__file__).with_name("snp_chain.json")
_RSA_BITS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class SnpChip:
    """One processor.

    Attributes:
        product: with stepping, as its certificate says.
        tcb: of the firmware that it reports.
        chip_id: 64 bytes.
        hwid: as in the certificate; Turin's has eight bytes.
        cpuid: family, model and stepping.
    """

    product: str
    tcb: TcbVersions
    chip_id: bytes
    hwid: bytes
    cpuid: tuple[int, int, int]


_CHIP_ID = hashlib.sha512(b"verifiable: a simulated SNP chip").digest()
MILAN = SnpChip(
    product="Milan-B1",
    tcb=TcbVersions(bootloader=4, tee=0, snp=24, microcode=219),
    chip_id=_CHIP_ID,
    hwid=_CHIP_ID,
    cpuid=(0x19, 1, 1),
)
"""The chip of the built-in simulator, its firmware as it was in 2025."""

TURIN = SnpChip(
    product="Turin-C1",
    tcb=TcbVersions(fmc=1, bootloader=2, tee=1, snp=4, microcode=79),
    chip_id=_CHIP_ID[:8] + bytes(56),
    hwid=_CHIP_ID[:8],
    cpuid=(0x1A, 2, 1),
)
"""A chip of the generation with another order of versions and a shorter identity."""


class SnpAuthority:
    """ARK and ASK with their keys, which certify keys of chips.

    Args:
        ark, ask: certificates.
        ark_key, ask_key: their private keys.
    """

    def __init__(
        self,
        *,
        ark: x509.Certificate,
        ark_key: rsa.RSAPrivateKey,
        ask: x509.Certificate,
        ask_key: rsa.RSAPrivateKey,
    ) -> None:
        self.ark, self.ark_key = ark, ark_key
        self.ask, self.ask_key = ask, ask_key

    @classmethod
    def generate(cls, bits: int = _RSA_BITS) -> SnpAuthority:
        """A new one: takes seconds."""
        ark_key = rsa.generate_private_key(65537, bits)
        ask_key = rsa.generate_private_key(65537, bits)
        ark = _authority("ARK-Milan", ark_key, "ARK-Milan", ark_key, None)
        ask = _authority("SEV-Milan", ask_key, "ARK-Milan", ark_key, 0)
        return cls(ark=ark, ark_key=ark_key, ask=ask, ask_key=ask_key)

    @property
    def root_der(self) -> bytes:
        """The trust root."""
        return self.ark.public_bytes(Encoding.DER)

    @property
    def ask_der(self) -> bytes:
        """The intermediate authority's certificate."""
        return self.ask.public_bytes(Encoding.DER)

    def vcek(
        self,
        key: ec.EllipticCurvePublicKey,
        chip: SnpChip = MILAN,
        *,
        name: str = "SEV-VCEK",
        valid_until: datetime = _VALID_UNTIL,
        is_ca: bool = False,
        serial: int = 0,
        extensions: bool = True,
        with_pss: bool = True,
    ) -> bytes:
        """The DER of a chip's certificate. Its salt is random: no two are the same.

        Args:
            key: of the chip, on P-384.
            chip: what it certifies.
            name: the common name.
            valid_until: its end.
            is_ca: an authority's certificate, which nobody may sign reports with.
            serial: 0, as the vendor's, or another below 128.
            extensions: whether versions and identity of the chip are in it.
            with_pss: sign as the vendor does; otherwise with PKCS #1, which nobody accepts.
        """
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self.ask.subject)
            .public_key(key)
            .serial_number(serial or 1)
            .not_valid_before(_VALID_FROM)
            .not_valid_after(valid_until)
        )
        if is_ca:
            builder = builder.add_extension(x509.BasicConstraints(True, 0), critical=True)
        for suffix, value in _chip_extensions(chip) if extensions else ():
            oid = x509.ObjectIdentifier(f"{_AMD}.{suffix}")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, value), critical=False)
        scheme = _PSS if with_pss else padding.PKCS1v15()
        certificate = builder.sign(self.ask_key, hashes.SHA384(), rsa_padding=scheme)
        der = certificate.public_bytes(Encoding.DER)
        if serial:
            return der
        return self._with_serial_0(der, certificate)

    def _with_serial_0(self, der: bytes, certificate: x509.Certificate) -> bytes:
        """The same with the vendor's serial number, which the library does not write."""
        signed = certificate.tbs_certificate_bytes
        zero = signed.replace(
            bytes.fromhex("a003020102020101"), bytes.fromhex("a003020102020100"), 1
        )
        signature = self.ask_key.sign(zero, _PSS, hashes.SHA384())
        return der.replace(signed, zero).replace(certificate.signature, signature)

    def to_json(self) -> str:
        """Certificates and private keys, with those of the built-in simulator's chip."""
        vcek = self.vcek(BUILTIN_SEED.p384("snp/vcek").public_key())
        return json.dumps(
            {
                "about": f"{SIMULATED}: these private keys are public, for development and tests.",
                "ark": self.root_der.hex(),
                "ark_key": _pem(self.ark_key),
                "ask": self.ask_der.hex(),
                "ask_key": _pem(self.ask_key),
                "vcek": vcek.hex(),
            },
            indent=1,
        )


@cache
def builtin_chain() -> tuple[bytes, bytes, bytes]:
    """VCEK, ASK and ARK of the built-in simulator as DER."""
    stored = json.loads(_FILE.read_text(encoding="utf-8"))
    return (
        bytes.fromhex(stored["vcek"]),
        bytes.fromhex(stored["ask"]),
        bytes.fromhex(stored["ark"]),
    )


@cache
def builtin_authority() -> SnpAuthority:
    """The authority of the built-in simulator, with its keys, which are public."""
    stored = json.loads(_FILE.read_text(encoding="utf-8"))
    ask, ark = (x509.load_der_x509_certificate(der) for der in builtin_chain()[1:])
    return SnpAuthority(
        ark=ark,
        ark_key=cast(rsa.RSAPrivateKey, load_pem_private_key(stored["ark_key"].encode(), None)),
        ask=ask,
        ask_key=cast(rsa.RSAPrivateKey, load_pem_private_key(stored["ask_key"].encode(), None)),
    )


def _authority(
    name: str,
    key: rsa.RSAPrivateKey,
    issuer: str,
    issuer_key: rsa.RSAPrivateKey,
    path_length: int | None,
) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(int.from_bytes(b"\x5f" + secrets.token_bytes(7), "big"))
        .not_valid_before(_VALID_FROM)
        .not_valid_after(_VALID_UNTIL)
        .add_extension(x509.BasicConstraints(True, path_length), critical=True)
        .add_extension(usage, critical=True)
        .sign(issuer_key, hashes.SHA384(), rsa_padding=_PSS)
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "XX"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, SIMULATED),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _chip_extensions(chip: SnpChip) -> list[tuple[str, bytes]]:
    """What a chip's certificate says of it: suffix of the OID, and the value as it is written."""
    tcb = chip.tcb
    found = [
        ("1", _integer(1 if tcb.fmc is not None else 0)),
        ("2", b"\x16" + bytes((len(chip.product),)) + chip.product.encode("ascii")),
        ("3.1", _integer(tcb.bootloader)),
        ("3.2", _integer(tcb.tee)),
        ("3.3", _integer(tcb.snp)),
        ("3.8", _integer(tcb.microcode)),
        ("4", chip.hwid),
    ]
    if tcb.fmc is not None:
        found.append(("3.9", _integer(tcb.fmc)))
    return found


def _integer(value: int) -> bytes:
    """DER of an INTEGER of 0 to 255."""
    body = value.to_bytes(1 + (value > 127), "big")
    return bytes((2, len(body))) + body


def _pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(SnpAuthority.generate().to_json() + "\n", encoding="utf-8")
