"""VCEK: the certificate of an SNP chip's key, with what AMD writes into it.

AMD gives every one of them serial number 0, which the standard forbids: the library warns, and will
refuse in a later release. Such a certificate is read through a twin whose serial number is 1;
its signature is verified over the bytes that AMD signed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cryptography import x509

from verifiable.backends.tee.certificates import load_der
from verifiable.backends.tee.snp_report import TcbVersions
from verifiable.errors import MalformedProof

__all__ = ["Vcek"]

_WHAT = "VCEK"
_AMD = "1.3.6.1.4.1.3704.1."
_PRODUCT = "2"
_HWID = "4"
_VERSIONS = {
    "bootloader": "3.1",
    "tee": "3.2",
    "snp": "3.3",
    "microcode": "3.8",
}
_FMC = "3.9"
_HWID_BYTES = (8, 64)
# version 3, then an INTEGER of one byte that is 0; the certificate and what of it is signed both
# have lengths of two bytes
_SERIAL_0 = re.compile(rb"\x30\x82..\x30\x82..\xa0\x03\x02\x01\x02\x02\x01\x00", re.DOTALL)
_SERIAL_AT = 15  # in the certificate
_SIGNED_SERIAL_AT = 11  # in the signed part


@dataclass(frozen=True, slots=True, kw_only=True)
class Vcek:
    """One certificate; that AMD issued it is not checked here.

    Attributes:
        certificate: as the library reads it; its twin if the serial number is 0.
        signed: the signed bytes as they came; None where they are the certificate's own.
        tcb: for which versions of firmware the key was made.
        hwid: which chip; 64 bytes, or 8 (Turin).
        product: generation and stepping, for people; empty if it does not say.
    """

    certificate: x509.Certificate
    signed: bytes | None
    tcb: TcbVersions
    hwid: bytes
    product: str

    @classmethod
    def load(cls, data: bytes) -> Vcek:
        """Decode the certificate.

        Raises:
            MalformedProof: (code `evidence-malformed`; `unsupported-evidence` for a certificate
                without AMD's extensions, such as that of a VLEK) it cannot be read.
        """
        signed = None
        if _SERIAL_0.match(data) is None:
            certificate = load_der(data, _WHAT)
        else:
            twin = data[:_SERIAL_AT] + b"\1" + data[_SERIAL_AT + 1 :]
            certificate = load_der(twin, _WHAT)
            own = certificate.tbs_certificate_bytes
            signed = own[:_SIGNED_SERIAL_AT] + b"\0" + own[_SIGNED_SERIAL_AT + 1 :]
        found = {
            item.oid.dotted_string.removeprefix(_AMD): item.value.value
            for item in certificate.extensions
            if item.oid.dotted_string.startswith(_AMD)
            and isinstance(item.value, x509.UnrecognizedExtension)
        }
        missing = [oid for oid in (*_VERSIONS.values(), _HWID) if oid not in found]
        if missing:
            raise MalformedProof(
                f"it lacks AMD's extension {_AMD}{missing[0]}",
                where=_WHAT,
                hint="pass the chip's own certificate (VCEK); another key's (VLEK) is not verified",
                code="unsupported-evidence",
            )
        return cls(
            certificate=certificate,
            signed=signed,
            tcb=TcbVersions(
                **{name: _integer(found[oid], name) for name, oid in _VERSIONS.items()},
                fmc=_integer(found[_FMC], "fmc") if _FMC in found else None,
            ),
            hwid=_hwid(found[_HWID]),
            product=_product(found.get(_PRODUCT, b"")),
        )


def _integer(value: bytes, name: str) -> int:
    """DER of an INTEGER from 0 to 255 in its only form."""
    short = len(value) == 3 and value[:2] == b"\x02\x01" and value[2] < 0x80
    long = len(value) == 4 and value[:3] == b"\x02\x02\x00" and value[3] >= 0x80
    if not short and not long:
        raise MalformedProof(
            f"the version of {name} is no number from 0 to 255",
            where=_WHAT,
            code="evidence-malformed",
        )
    return value[-1]


def _hwid(value: bytes) -> bytes:
    """The bare bytes, as AMD writes them, or an OCTET STRING of them."""
    if len(value) - 2 in _HWID_BYTES and value[:2] == bytes((4, len(value) - 2)):
        return value[2:]
    if len(value) not in _HWID_BYTES:
        raise MalformedProof(
            "the chip's identity has neither 8 nor 64 bytes",
            where=_WHAT,
            code="evidence-malformed",
        )
    return value


def _product(value: bytes) -> str:
    """Text for people; what is no short IA5String is left out."""
    if len(value) < 2 or value[0] != 0x16 or value[1] != len(value) - 2 or len(value) > 34:
        return ""
    text = value[2:].decode("ascii", "replace")
    return text if text.isprintable() else ""
