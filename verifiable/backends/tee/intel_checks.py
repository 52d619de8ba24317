"""What must hold of Intel evidence whatever a policy says: TEE-3 to TEE-5.

Roles of the signers, chains and revocation lists, signatures and dates, and that quote, certificate
and collateral speak of one platform. Each function returns the failed check, or None.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from verifiable.backends.tee.certificates import (
    check_chain,
    check_revocation,
    der_of,
    name_of,
    sha256_of,
    time_text,
)
from verifiable.backends.tee.checks import TEE_3, TEE_4, TEE_5
from verifiable.backends.tee.intel_evidence import IntelEvidence, has_pck_extension
from verifiable.backends.tee.pck import PckExtension
from verifiable.backends.tee.quote import INTEL_QE_VENDOR, Quote, TdReport
from verifiable.backends.tee.tcb import QeIdentity, TcbInfo, TdxModule
from verifiable.errors import MalformedProof
from verifiable.statement.verdict import Check

__all__ = [
    "check_certificates",
    "check_identity",
    "check_quote_signatures",
    "check_roles",
    "check_texts",
    "extension_of",
    "module_of",
    "with_root",
]


def check_roles(parts: IntelEvidence) -> Check | None:
    """TEE-4: who may sign what, by the certificates' own words."""
    if len(parts.pck_chain) != 3:
        return _role("a PCK chain of leaf, authority and root", f"{len(parts.pck_chain)} of them")
    leaf, authority, root = parts.pck_chain
    if parts.pck is None:
        return _role(
            "a PCK certificate with Intel's extension", f"{name_of(leaf.subject)} has none"
        )
    name = name_of(authority.subject)
    if not any(word in name for word in ("Platform", "Processor")):
        return _role("a PCK certificate by a Platform or Processor CA", f"by {name}")
    for what, chain in (("TCB info", parts.tcb_chain), ("QE identity", parts.qe_chain)):
        signer = chain[0]
        problem = _signer_problem(signer, leaf, root)
        if problem:
            return _role(
                f"{what} signed by a TCB signer directly under the root",
                f"{name_of(signer.subject)} {problem}",
            )
    lists = ((parts.root_crl, root, "root"), (parts.pck_crl, authority, "PCK authority"))
    for crl, issuer, what in lists:
        if crl.issuer != issuer.subject:
            return _role(
                f"the {what}'s revocation list by {name_of(issuer.subject)}",
                f"a list by {name_of(crl.issuer)}",
            )
    if der_of(parts.crl_chain[0]) != der_of(authority):
        return _role(
            "a PCK list by the authority that issued the PCK certificate",
            f"pck_crl_issuer_chain starts with {name_of(parts.crl_chain[0].subject)}",
        )
    return None


def _signer_problem(
    signer: x509.Certificate, leaf: x509.Certificate, root: x509.Certificate
) -> str:
    """Why a certificate may not sign TCB info or QE identity; empty if it may."""
    if has_pck_extension(signer):
        return "is a PCK certificate: a platform must never vouch for its own patch level"
    if _public_bytes(signer) == _public_bytes(leaf):
        return "has the key of the PCK certificate"
    if signer.issuer != root.subject:
        return f"was issued by {name_of(signer.issuer)}, not by the root"
    if "TCB Signing" not in name_of(signer.subject):
        return "is not named a TCB signer"
    return ""


def check_certificates(parts: IntelEvidence, now: datetime) -> Check | None:
    """TEE-3: chains up to the one root, and revocation lists of both authorities."""
    root, authority, leaf = parts.root, parts.pck_chain[1], parts.pck_chain[0]
    problem = check_chain(parts.pck_chain, now=now, what="PCK chain", depth=3)
    if problem is not None:
        return problem
    chains = [("chain of the TCB info", parts.tcb_chain)]
    if parts.qe_chain != parts.tcb_chain:
        chains.append(("chain of the QE identity", parts.qe_chain))
    for what, chain in chains:
        full = with_root(chain, root)
        if der_of(full[-1]) != der_of(root):
            return TEE_3.failed(
                "bad-chain",
                expected=f"{what} under the root of the quote, {sha256_of(root).hex()}",
                found=f"under another root, {sha256_of(full[-1]).hex()}",
                hint="the collateral is of another vendor or simulator than the quote",
            )
        problem = check_chain(full, now=now, what=what, depth=2)
        if problem is not None:
            return problem
    signers = {sha256_of(chain[0]): chain[0] for _, chain in chains}
    return check_revocation(
        parts.root_crl,
        root,
        (root, authority, *signers.values()),
        now=now,
        what="the root's revocation list",
    ) or check_revocation(
        parts.pck_crl, authority, (leaf,), now=now, what="the PCK authority's revocation list"
    )


def check_texts(parts: IntelEvidence, now: datetime) -> Check | None:
    """TEE-3: signatures and dates of TCB info and QE identity; both dates are inclusive."""
    given = parts.collateral
    rows = (
        ("TCB info", parts.tcb_chain[0], given.tcb_info, given.tcb_info_signature,
         parts.tcb_info.signed),
        ("QE identity", parts.qe_chain[0], given.qe_identity, given.qe_identity_signature,
         parts.qe_identity.signed),
    )  # fmt: skip
    for what, signer, text, signature, signed in rows:
        if not _verifies(_p256(signer), signature, text):
            return TEE_3.failed(
                "bad-signature",
                expected=f"{what} signed by {name_of(signer.subject)}",
                found="its signature does not verify over the text as received",
                hint="cut the text out of the response byte for byte: written anew it is another",
            )
        if now < signed.issued:
            return TEE_3.failed(
                "collateral-not-yet-valid",
                expected=f"{what} issued at or before {time_text(now)}",
                found=f"issueDate {time_text(signed.issued)}",
                hint="judge at the time of the evidence, or check the clock",
            )
        if now > signed.next_update:
            return TEE_3.failed(
                "collateral-stale",
                expected=f"{what} valid at {time_text(now)}",
                found=f"nextUpdate {time_text(signed.next_update)}",
                hint="fetch the collateral again, or judge at the time of the evidence",
            )
    return None


def check_quote_signatures(parts: IntelEvidence) -> Check | None:
    """TEE-3: PCK key over the quoting enclave's report, that report over the key, key over body."""
    quote = parts.quote
    if not _verifies(_p256(parts.pck_chain[0]), quote.qe_report_signature, quote.qe_report.raw):
        return _forged("the quoting enclave's report, signed by the PCK key", "does not verify")
    bound = hashlib.sha256(quote.attestation_key + quote.qe_auth_data).digest()
    if bound != quote.qe_report.report_data[:32]:
        return _forged("the attestation key, bound by the quoting enclave's report", "is not bound")
    if not _verifies(_attestation_key(quote), quote.signature, quote.signed):
        return _forged("header and body, signed by the attestation key", "does not verify")
    return None


def check_identity(parts: IntelEvidence) -> Check | None:
    """TEE-5: quote, certificate and collateral speak of one platform, enclave and module."""
    quote, info, pck = parts.quote, parts.tcb_info, extension_of(parts)
    if quote.qe_vendor != INTEL_QE_VENDOR:
        return TEE_5.failed(
            "wrong-vendor",
            expected=f"QE vendor {INTEL_QE_VENDOR.hex()} (Intel)",
            found=quote.qe_vendor.hex(),
            hint="no other vendor's quoting enclave is judged",
        )
    rows = (
        ("TCB info of kind", quote.tee.upper(), info.signed.id),
        ("FMSPC", info.fmspc.hex().upper(), pck.fmspc.hex().upper()),
        ("PCEID", info.pceid.hex(), pck.pceid.hex()),
        ("component SVNs equal to CPUSVN", pck.cpusvn.hex(), bytes(pck.components).hex()),
    )
    for what, expected, found in rows:
        if expected != found:
            return TEE_5.failed(
                "platform-mismatch",
                expected=f"{what} {expected}",
                found=f"{found} in the "
                + ("collateral" if what.startswith("TCB info") else "PCK certificate"),
                hint="fetch the collateral for the FMSPC in the PCK certificate",
            )
    problem = _quoting_problem(quote, parts.qe_identity)
    if problem is not None:
        return TEE_5.failed(
            "wrong-quoting-enclave",
            expected=problem[0],
            found=problem[1],
            hint="this quoting enclave is not the one that Intel's identity describes",
        )
    if isinstance(quote.body, TdReport):
        return _check_module(quote.body, info)
    return None


def _quoting_problem(quote: Quote, identity: QeIdentity) -> tuple[str, str] | None:
    """What was expected of the quoting enclave and what was found; None if all is as it must be."""
    report = quote.qe_report
    wanted = "TD_QE" if quote.tee == "tdx" else "QE"
    if identity.signed.id != wanted:
        return f"identity of a {wanted}", identity.signed.id
    if report.mrsigner != identity.mrsigner:
        return f"MRSIGNER {identity.mrsigner.hex()}", report.mrsigner.hex()
    if report.isv_prod_id != identity.isv_prod_id:
        return f"ISVPRODID {identity.isv_prod_id}", str(report.isv_prod_id)
    rows = (
        ("MISCSELECT", identity.miscselect, identity.miscselect_mask, report.miscselect),
        ("ATTRIBUTES", identity.attributes, identity.attributes_mask, report.attributes),
    )
    for name, expected, mask, found in rows:
        if _masked(expected, mask) != _masked(found, mask):
            return f"{name} {expected.hex()} under mask {mask.hex()}", found.hex()
    return None


def _check_module(body: TdReport, info: TcbInfo) -> Check | None:
    module = module_of(body, info)
    version = body.tee_tcb_svn[1]
    if module is None:
        known = ", ".join(sorted(info.modules)) or "none"
        expected, found = (
            f"a TDX module that the TCB info describes ({known})",
            f"TDX_{version:02X}",
        )
    elif body.mrsignerseam != module.mrsigner:
        expected, found = f"MRSIGNERSEAM {module.mrsigner.hex()}", body.mrsignerseam.hex()
    elif body.seamattributes != _masked(module.attributes, module.attributes_mask):
        expected, found = (
            f"SEAMATTRIBUTES {module.attributes.hex()} under mask {module.attributes_mask.hex()}, "
            "zero outside it",
            body.seamattributes.hex(),
        )
    else:
        return None
    return TEE_5.failed(
        "wrong-module",
        expected=expected,
        found=found,
        hint="the TDX module is not Intel's, or newer than the collateral",
    )


def module_of(body: TdReport, info: TcbInfo) -> TdxModule | None:
    """What the module must be, by its version; None if the TCB info does not say."""
    version = body.tee_tcb_svn[1]
    return info.modules.get(f"TDX_{version:02X}") if version else info.module


def extension_of(parts: IntelEvidence) -> PckExtension:
    """The PCK certificate's extension, which TEE-4 has found to be there."""
    if parts.pck is None:
        raise MalformedProof("no extension", where="PCK certificate", code="evidence-malformed")
    return parts.pck


def with_root(chain: Sequence[x509.Certificate], root: x509.Certificate) -> list[x509.Certificate]:
    """A signer's chain with its root, which collateral may leave out."""
    return [chain[0], root] if len(chain) == 1 else list(chain)


def _masked(value: bytes, mask: bytes) -> bytes:
    return bytes(byte & bits for byte, bits in zip(value, mask, strict=True))


def _public_bytes(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _p256(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey | None:
    """The certificate's key, if it is of the only kind that signs here."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    return None


def _attestation_key(quote: Quote) -> ec.EllipticCurvePublicKey | None:
    """The quoting enclave's key; None if the bytes are no point of the curve."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), b"\x04" + quote.attestation_key
        )
    except ValueError:
        return None


def _verifies(key: ec.EllipticCurvePublicKey | None, signature: bytes, data: bytes) -> bool:
    """Whether raw `r || s` is `key`'s signature; both forms of `s` are, and neither is identity."""
    if key is None:
        return False
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    try:
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _role(expected: str, found: str) -> Check:
    return TEE_4.failed(
        "wrong-signer-role",
        expected=expected,
        found=found,
        hint="one key must never vouch for more than its certificate says",
    )


def _forged(expected: str, found: str) -> Check:
    return TEE_3.failed(
        "bad-signature",
        expected=expected,
        found=found,
        hint="the quote was altered, or is put together from several",
    )
