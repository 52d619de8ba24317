"""What Intel publishes to judge a platform by, as one JSON file; read strictly, written exactly.

The signed texts (TCB info, QE identity) are kept as received, since the signature is over their
bytes; lists and signatures are hex of DER and of raw `r || s`, chains are PEM, leaf first: the form
that `dcap_qvl.QuoteCollateralV3.from_json` reads, too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from verifiable.errors import MalformedProof
from verifiable.statement.strict_json import Field, decode_strict

__all__ = ["MAX_COLLATERAL_BYTES", "Collateral"]

MAX_COLLATERAL_BYTES = 256 << 10
"""Ten times what Intel publishes for a platform."""

_SIGNATURE_BYTES = 64
_REQUIRED = (
    "pck_crl_issuer_chain",
    "root_ca_crl",
    "pck_crl",
    "tcb_info_issuer_chain",
    "tcb_info",
    "tcb_info_signature",
    "qe_identity_issuer_chain",
    "qe_identity",
    "qe_identity_signature",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collateral:
    """One decoded file; nothing in it is verified.

    Attributes:
        root_ca_crl, pck_crl: DER.
        pck_crl_issuer_chain: PEM: who signed `pck_crl`, and the root.
        tcb_info, qe_identity: the signed texts, to the byte.
        tcb_info_signature, qe_identity_signature: 64 bytes.
        tcb_info_issuer_chain, qe_identity_issuer_chain: PEM; the root may be left out.
        pck_certificate_chain: PEM, for quotes that do not bring theirs; empty if absent.
    """

    root_ca_crl: bytes
    pck_crl: bytes
    pck_crl_issuer_chain: bytes
    tcb_info: bytes
    tcb_info_signature: bytes
    tcb_info_issuer_chain: bytes
    qe_identity: bytes
    qe_identity_signature: bytes
    qe_identity_issuer_chain: bytes
    pck_certificate_chain: bytes = b""

    @classmethod
    def from_json(cls, data: bytes) -> Collateral:
        """Decode a file.

        Raises:
            MalformedProof: `collateral-missing` if there is none or a part of it is absent or
                empty; else the code of what is wrong with it.
        """
        if not data:
            raise _missing("no collateral at all")
        root = decode_strict(
            data, limit_bytes=MAX_COLLATERAL_BYTES, error=MalformedProof, name="collateral"
        )
        found = root.mapping()
        for key in _REQUIRED:
            if key not in found or found[key].value in (None, ""):
                raise _missing(f"{key} is absent or empty")
        root.object(_REQUIRED, ("pck_certificate_chain",))
        chain = found.get("pck_certificate_chain")
        return cls(
            root_ca_crl=_der(found["root_ca_crl"]),
            pck_crl=_der(found["pck_crl"]),
            pck_crl_issuer_chain=_text(found["pck_crl_issuer_chain"]),
            tcb_info=_text(found["tcb_info"]),
            tcb_info_signature=_signature(found["tcb_info_signature"]),
            tcb_info_issuer_chain=_text(found["tcb_info_issuer_chain"]),
            qe_identity=_text(found["qe_identity"]),
            qe_identity_signature=_signature(found["qe_identity_signature"]),
            qe_identity_issuer_chain=_text(found["qe_identity_issuer_chain"]),
            pck_certificate_chain=b"" if chain is None or chain.is_null else _text(chain),
        )

    def to_json(self) -> bytes:
        """The file, on one line; `from_json` reads it back to the byte."""
        fields: dict[str, str] = {
            "pck_crl_issuer_chain": self.pck_crl_issuer_chain.decode(),
            "root_ca_crl": self.root_ca_crl.hex(),
            "pck_crl": self.pck_crl.hex(),
            "tcb_info_issuer_chain": self.tcb_info_issuer_chain.decode(),
            "tcb_info": self.tcb_info.decode(),
            "tcb_info_signature": self.tcb_info_signature.hex(),
            "qe_identity_issuer_chain": self.qe_identity_issuer_chain.decode(),
            "qe_identity": self.qe_identity.decode(),
            "qe_identity_signature": self.qe_identity_signature.hex(),
        }
        if self.pck_certificate_chain:
            fields["pck_certificate_chain"] = self.pck_certificate_chain.decode()
        return json.dumps(fields, separators=(",", ":")).encode("ascii")


def _text(field: Field) -> bytes:
    text = _string(field)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        field.refuse("not Unicode text", code="not-unicode")


def _string(field: Field) -> str:
    """A long string, read without looking at each character as `Field.text` does."""
    if not isinstance(field.value, str):
        field.refuse("a string is expected", code="wrong-type")
    return field.value


def _der(field: Field) -> bytes:
    """A list as hex of DER; what else it may be is named, since caches serve all of these."""
    text = _string(field)
    if text.startswith("-----BEGIN"):
        field.refuse("PEM where hex of DER is expected", code="evidence-malformed")
    data = _hex(field, text)
    if data[:1] != b"\x30":
        why = ": hex of hex" if data[:2] == b"30" else ""
        field.refuse(f"not hex of DER{why}", code="evidence-malformed")
    return data


def _signature(field: Field) -> bytes:
    data = _hex(field, field.text(limit_bytes=2 * _SIGNATURE_BYTES))
    if len(data) != _SIGNATURE_BYTES:
        field.refuse(f"{len(data)} bytes of signature where 64 are due", code="evidence-malformed")
    return data


def _hex(field: Field, text: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        field.refuse("not hex", code="evidence-malformed")
    if 2 * len(data) != len(text):  # fromhex skips white space
        field.refuse("not hex", code="evidence-malformed")
    return data


def _missing(what: str) -> MalformedProof:
    return MalformedProof(
        what,
        where="collateral",
        hint="fetch revocation lists, TCB info and QE identity for the platform, and pass them "
        "with the quote",
        code="collateral-missing",
    )
