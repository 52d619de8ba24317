"""Reads everything of a quote with its collateral, before anything of it is judged.

Whatever cannot be read fails here, so that the checks work on whole, typed parts.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from verifiable.backends.tee.certificates import der_of, load_crl, load_pem_chain
from verifiable.backends.tee.collateral import Collateral
from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.pck import PCK_EXTENSION, PckExtension
from verifiable.backends.tee.quote import Quote
from verifiable.backends.tee.tcb import QeIdentity, TcbInfo
from verifiable.errors import MalformedProof

__all__ = ["IntelEvidence", "has_pck_extension", "read"]

Chain = tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntelEvidence:
    """The decoded parts; nothing is verified.

    Attributes:
        quote_bytes: without what follows the end.
        pck_chain: leaf, intermediate authority and root.
        pck: the leaf's extension; None if it has none.
        tcb_chain, qe_chain: as the collateral has them, the root left out or not.
        crl_chain: who signed the list of the intermediate authority.
    """

    quote: Quote
    quote_bytes: bytes
    collateral: Collateral
    pck_chain: Chain
    pck: PckExtension | None
    tcb_chain: Chain
    qe_chain: Chain
    crl_chain: Chain
    root_crl: x509.CertificateRevocationList
    pck_crl: x509.CertificateRevocationList
    tcb_info: TcbInfo
    qe_identity: QeIdentity

    @property
    def root(self) -> x509.Certificate:
        """What the PCK chain ends with; whether it is trusted is not said here."""
        return self.pck_chain[-1]


def has_pck_extension(certificate: x509.Certificate) -> bool:
    """Whether a certificate carries Intel's extension, in whatever state."""
    return any(extension.oid == PCK_EXTENSION for extension in certificate.extensions)


def read(evidence: Evidence) -> IntelEvidence:
    """Decode the parts of TDX or SGX evidence.

    Raises:
        MalformedProof: with the code of what is wrong; `collateral-missing` if a part is absent.
    """
    quote = Quote.parse(evidence.document)
    if quote.tee != evidence.kind:
        raise MalformedProof(
            f"a quote of {quote.tee.upper()} where {evidence.kind.upper()} is expected",
            where="quote",
            code="unsupported-evidence",
        )
    collateral = Collateral.from_json(evidence.collateral)
    pck_chain = _pck_chain(quote, collateral)
    leaf = pck_chain[0]
    tcb_chain = load_pem_chain(collateral.tcb_info_issuer_chain, "chain of the TCB info")
    same = collateral.qe_identity_issuer_chain == collateral.tcb_info_issuer_chain
    return IntelEvidence(
        quote=quote,
        quote_bytes=evidence.document[: quote.size],
        collateral=collateral,
        pck_chain=pck_chain,
        pck=PckExtension.of(leaf) if has_pck_extension(leaf) else None,
        tcb_chain=tcb_chain,
        qe_chain=tcb_chain
        if same
        else load_pem_chain(collateral.qe_identity_issuer_chain, "chain of the QE identity"),
        crl_chain=load_pem_chain(collateral.pck_crl_issuer_chain, "chain of the PCK list"),
        root_crl=load_crl(collateral.root_ca_crl, "revocation list of the root"),
        pck_crl=load_crl(collateral.pck_crl, "revocation list of the PCK authority"),
        tcb_info=TcbInfo.parse(collateral.tcb_info),
        qe_identity=QeIdentity.parse(collateral.qe_identity),
    )


def _pck_chain(quote: Quote, collateral: Collateral) -> Chain:
    """The chain of the quoting platform: the quote's own, or the collateral's for a PPID."""
    if quote.certification == "ppid":
        if not collateral.pck_certificate_chain:
            raise MalformedProof(
                "pck_certificate_chain is absent, and the quote names its platform only",
                where="collateral",
                hint="fetch the PCK certificate with its chain, and put it into the collateral",
                code="collateral-missing",
            )
        return load_pem_chain(collateral.pck_certificate_chain, "PCK chain")
    chain = load_pem_chain(quote.certification_data, "PCK chain")
    if collateral.pck_certificate_chain:
        other = load_pem_chain(collateral.pck_certificate_chain, "PCK chain of the collateral")
        if list(map(der_of, other)) != list(map(der_of, chain)):
            raise MalformedProof(
                "the collateral has another PCK chain than the quote",
                where="collateral",
                hint="leave out pck_certificate_chain: the quote brings its own",
                code="evidence-malformed",
            )
    return chain
