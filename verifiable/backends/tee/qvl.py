"""The independent verifier of Intel quotes, `dcap_qvl`, and what its failures mean.

It is given what this package has parsed, encoded anew, so that both judge the same certificates and
texts. It stops at its first failure with a sentence; each sentence belongs to one check here, and
one that is not known is TEE-3. It is native code: its panics are contained.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from verifiable.backends.tee.certificates import contained, der_of
from verifiable.backends.tee.checks import TEE_3, TEE_5, TEE_6, TEE_8, TEE_9, TEE_18
from verifiable.backends.tee.collateral import Collateral
from verifiable.errors import MalformedProof, MissingDependency
from verifiable.statement.checks import CheckSpec
from verifiable.statement.verdict import Check

__all__ = ["Judged", "judge", "meaning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the library says of a quote.

    Attributes:
        status, advisories: as it merged them; empty where it refused.
        failed: the check that its refusal belongs to; None where it accepted.
        only_attributes: it refused in its last step, for attributes of the workload, which are
            the policy's matter: everything before that step holds.
    """

    status: str = ""
    advisories: tuple[str, ...] = ()
    failed: Check | None = None
    only_attributes: bool = False


@dataclass(frozen=True, slots=True)
class _Meaning:
    pattern: str
    spec: CheckSpec
    code: str
    expected: str
    hint: str = ""
    last_step: bool = False


_AGAIN = "fetch the collateral again, or judge at the time of the evidence"
_GENUINE = "the evidence was altered, or is put together from several"
_TABLE = (
    # the workload's attributes, checked after everything else; first, for the sentences overlap
    _Meaning(
        r"QE report validation failed", TEE_8, "debug-quoting-enclave",
        "a quoting enclave that nobody can debug", "such a machine is for tests only",
    ),
    _Meaning(
        r"^Debug mode is enabled", TEE_8, "debug-enabled", "a workload that nobody can debug",
        last_step=True,
    ),
    _Meaning(
        r"Invalid MR service TD", TEE_9, "service-td", "no service TD", last_step=True,
    ),
    _Meaning(
        r"TD migration is enabled", TEE_9, "migratable", "a TD that stays where it is",
        last_step=True,
    ),
    _Meaning(
        r"Reserved bits in TD attributes|SEPT_VE_DISABLE|Failed to parse TD attributes"
        r"|TD profiling is enabled|SERVTD_EXT is enabled", TEE_9, "attributes-not-accepted",
        "known attributes, SEPT_VE_DISABLE set", last_step=True,
    ),
    # signatures and certificates
    _Meaning(
        r"CertRevoked|is revoked|has been revoked", TEE_3, "certificate-revoked",
        "no revoked certificate",
    ),
    _Meaning(
        r"CertExpired|CertNotValidYet|certificate expired|certificate not valid yet", TEE_3,
        "outside-validity", "certificates that are valid at the time of judging",
    ),
    _Meaning(
        r"CrlExpired|certificate revocation list expired|Collateral expired|(?:TCBInfo|QE Identity)"
        r" expired", TEE_3, "collateral-stale", "collateral that is current", _AGAIN,
    ),
    _Meaning(
        r"issue date is in the future", TEE_3, "collateral-not-yet-valid",
        "collateral that was issued by now", _AGAIN,
    ),
    _Meaning(
        r"Signature is invalid for|ISV enclave report signature|QE report hash mismatch"
        r"|InvalidSignature|InvalidCrlSignature", TEE_3, "bad-signature",
        "signatures that verify", _GENUINE,
    ),
    _Meaning(
        r"UnknownIssuer|UnknownRevocationStatus|Failed to verify certificate chain|CaUsedAs"
        r"|EndEntityUsedAsCa|PathLen|IssuerNotCrlSigner|Certificate chain is too short"
        r"|UnsupportedCriticalExtension|Unsupported\w*Crl", TEE_3,
        "bad-chain", "chains from each leaf to the trusted root", _GENUINE,
    ),
    # identity
    _Meaning(
        r"Fmspc mismatch|non-(?:TDX|SGX) TCB info", TEE_5, "platform-mismatch",
        "collateral of this platform", "fetch the collateral for the FMSPC of the quote",
    ),
    _Meaning(
        r"Unknown QE vendor", TEE_5, "wrong-vendor", "a quoting enclave by Intel",
    ),
    _Meaning(
        r"QE (?:MRSIGNER|ISVPRODID|MISCSELECT|ATTRIBUTES) mismatch|Unsupported QE Identity", TEE_5,
        "wrong-quoting-enclave", "the quoting enclave that its identity describes",
    ),
    _Meaning(
        r"TDX module (?:MRSIGNER|SEAMATTRIBUTES)|No TDX module identity|missing tdxModule", TEE_5,
        "wrong-module", "the TDX module that the TCB info describes",
    ),
    # patch level
    _Meaning(
        r"TCB status is invalid|Unrecognized TCB status|Unknown TCB status"
        r"|unknown variant .*`UpToDate`", TEE_6,
        "tcb-status-not-accepted", "an accepted TCB status",
    ),
    _Meaning(
        r"No matching (?:QE )?TCB level|(?:TDX module|QE) ISVSVN .* below|No TCB levels", TEE_6,
        "no-tcb-level", "a TCB level that the platform reaches",
    ),
    # form
    _Meaning(
        r"Unsupported (?:DCAP|TEE|cert|certification|quote|body)|must have version|QE auth data"
        r"|Invalid body size|Certification data type", TEE_18, "unsupported-evidence",
        "a quote of a known form",
    ),
    _Meaning(
        r"component count mismatch|Failed to (?:decode|parse|extract)|Intel extension|has invalid"
        r"|Could not decode|Data length exceeds", TEE_18, "evidence-malformed",
        "evidence in its exact form",
    ),
)  # fmt: skip


def judge(
    quote: bytes,
    collateral: Collateral,
    *,
    pck_chain: Sequence[x509.Certificate],
    tcb_chain: Sequence[x509.Certificate],
    qe_chain: Sequence[x509.Certificate],
    now: datetime,
) -> Judged:
    """Let the library verify a quote.

    Args:
        quote: its bytes, without what follows the end.
        collateral: lists and signed texts.
        pck_chain: leaf first; its last certificate is what the library trusts, so the caller has
            found it among the trusted roots.
        tcb_chain, qe_chain: who signed the texts, with the root.
        now: in whole seconds.

    Raises:
        MissingDependency: the library is not installed.
    """
    library = _library()
    fields = {
        "pck_crl_issuer_chain": _pem(pck_chain[1:]),
        "root_ca_crl": collateral.root_ca_crl.hex(),
        "pck_crl": collateral.pck_crl.hex(),
        "tcb_info_issuer_chain": _pem(tcb_chain),
        "tcb_info": collateral.tcb_info.decode(),
        "tcb_info_signature": collateral.tcb_info_signature.hex(),
        "qe_identity_issuer_chain": _pem(qe_chain),
        "qe_identity": collateral.qe_identity.decode(),
        "qe_identity_signature": collateral.qe_identity_signature.hex(),
        "pck_certificate_chain": _pem(pck_chain),
    }
    try:
        with contained("quote verification library"):
            given = library.QuoteCollateralV3.from_json(json.dumps(fields))
            report = library.verify_with_root_ca(
                quote, given, der_of(pck_chain[-1]), int(now.timestamp())
            )
            return Judged(status=str(report.status), advisories=tuple(report.advisory_ids))
    except MalformedProof as cause:
        failed, only_attributes = meaning(cause.why)
        return Judged(failed=failed, only_attributes=only_attributes)


def meaning(sentence: str) -> tuple[Check, bool]:
    """The check that a refusal of the library belongs to, and whether it is of its last step."""
    sentence = sentence.removeprefix("Verification failed: ")
    for row in _TABLE:
        if re.search(row.pattern, sentence):
            return (
                row.spec.failed(row.code, expected=row.expected, found=sentence, hint=row.hint),
                row.last_step,
            )
    unknown = TEE_3.failed(
        "evidence-not-verified",
        expected="evidence that the quote verification library accepts",
        found=sentence or "no reason given",
        hint="the library refuses for a reason that this release does not know",
    )
    return unknown, False


def _pem(chain: Sequence[x509.Certificate]) -> str:
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in chain)


def _library() -> ModuleType:
    try:
        import dcap_qvl
    except ImportError as cause:
        raise MissingDependency(
            "the package dcap-qvl is not installed",
            hint="pip install 'verifiable[tee]'",
        ) from cause
    module: ModuleType = dcap_qvl
    return module
