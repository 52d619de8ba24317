"""Defects of Intel evidence in its root, its chains and who signed what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from cryptography import x509

from verifiable.backends.tee.simulator.authority import IntelAuthority, Issued, key_usage
from verifiable.backends.tee.simulator.seeds import BUILTIN_SEED, Seed
from verifiable.testing.tee_intel_cases import (
    AT,
    INTEL_SEED,
    DefectRow,
    IntelCase,
    defect_rows,
    intel_authority,
    intel_case,
    intel_fields,
    other_machine,
    td_quote,
)
from verifiable.testing.tee_intel_changes import DAY, SECOND, revocation_list

__all__ = ["ROLE_DEFECTS", "ROOT_DEFECTS"]


def _stranger() -> IntelAuthority:
    return IntelAuthority(Seed(value=b"somebody else's seed"), AT)


def _impostor() -> IntelAuthority:
    """All of a stranger's, but with the trusted root's certificate put at the end of its chains."""
    authority = _stranger()
    _ = (authority.intermediate, authority.tcb_signer, authority.root_crl)  # by its own root
    authority.root = intel_authority().root
    return authority


def _revoked(issuer: str, whom: str) -> IntelCase:
    serial = getattr(intel_authority(), whom).certificate.serial_number
    return revocation_list(issuer, revoked=[serial])


def _leaf(**changes: Any) -> IntelCase:
    """The quote of a machine whose PCK certificate is issued otherwise."""
    authority = IntelAuthority(INTEL_SEED, AT)
    issue: dict[str, Any] = {
        "issuer": authority.intermediate,
        "platform": authority.platform,
    }
    authority.pck = authority.issue("pck", "Simulated SGX PCK Certificate", **issue | changes)
    return intel_case(authority=authority)


def _processor_ca() -> Issued:
    return other_machine(platform_instance_id=None, flags=None, sgx_type=0).intermediate


def _false_platform_ca() -> Issued:
    """The Platform CA's certificate with a key that is not its own."""
    authority = intel_authority()
    return Issued(authority.intermediate.certificate, authority.seed.p256("somebody's key"))


def _without(field: str) -> IntelCase:
    return intel_case(fields={k: v for k, v in intel_fields().items() if k != field})


def _authority(name: str = "Simulated SGX PCK Platform CA", **changes: Any) -> IntelCase:
    """A machine whose intermediate authority is certified otherwise."""
    authority = IntelAuthority(INTEL_SEED, AT)
    issue: dict[str, Any] = {"issuer": authority.root, "path_length": 0}
    authority.intermediate = authority.issue("platform-ca", name, **issue | changes)
    return intel_case(authority=authority)


def _leaf_under_root() -> IntelCase:
    authority = IntelAuthority(INTEL_SEED, AT)
    authority.pck = authority.issue(
        "pck",
        "Simulated SGX PCK Certificate",
        issuer=authority.root,
        platform=authority.platform,
    )
    chain = (authority.pck.pem + authority.root.pem).encode()
    return intel_case(quote=td_quote(authority, quoting={"certification": (5, chain)}))


def _collateral_of_another_root() -> IntelCase:
    """TCB info and QE identity of an authority that has all the same names."""
    own = ("root_ca_crl", "pck_crl", "pck_crl_issuer_chain")
    honest = intel_fields()
    return intel_case(fields=intel_fields(_stranger()) | {name: honest[name] for name in own})


def _other_chain() -> bytes:
    """The chain of another machine of the same authority."""
    authority = IntelAuthority(INTEL_SEED, AT)
    authority.pck = authority.issue(
        "pck/2",
        "Simulated SGX PCK Certificate",
        issuer=authority.intermediate,
        platform=authority.platform,
    )
    return authority.pck_chain_pem.encode()


def _may_not_revoke() -> IntelCase:
    certify_only = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return _authority(usage=certify_only)


def _signed_by(text: str, who: Callable[[], Issued]) -> IntelCase:
    """TCB info or QE identity signed by somebody whose chain the collateral then brings."""
    authority, signer = intel_authority(), who()
    chain = signer.pem + authority.root.pem
    if signer.certificate.issuer != authority.root.certificate.subject:
        chain = signer.pem + authority.intermediate.pem + authority.root.pem
    changes: dict[str, Any] = {f"{text}_signer": signer, f"{text}_issuer_chain": chain}
    return intel_case(fields=intel_fields(**changes))


def _other_leaf() -> Issued:
    return intel_authority().issue("other", "Simulated SGX Leaf", issuer=intel_authority().root)


def _false_tcb_signer() -> Issued:
    """The TCB signer's certificate with the platform's key."""
    return Issued(intel_authority().tcb_signer.certificate, intel_authority().pck.key)


def _tcb_signer(label: str = "tcb-signer", **changes: Any) -> Issued:
    """A certificate that is named like the TCB signer's and wrong in one way."""
    issue: dict[str, Any] = {"issuer": intel_authority().root}
    return intel_authority().issue(label, "Simulated SGX TCB Signing", **issue | changes)


ROOT_DEFECTS = defect_rows(
    "root",
    ("other-root", "TEE-1", "root-not-trusted", lambda: intel_case(authority=_stranger())),
    (
        "builtin-simulator-unasked",
        "TEE-2",
        "simulated-evidence",
        lambda: intel_case(authority=IntelAuthority(BUILTIN_SEED, AT)),
    ),
    ("trusted-root-pasted-in", "TEE-3", "bad-signature", lambda: intel_case(authority=_impostor())),
    ("revoked-pck", "TEE-3", "certificate-revoked", lambda: _revoked("intermediate", "pck")),
    (
        "revoked-platform-ca",
        "TEE-3",
        "certificate-revoked",
        lambda: _revoked("root", "intermediate"),
    ),
    ("revoked-tcb-signer", "TEE-3", "certificate-revoked", lambda: _revoked("root", "tcb_signer")),
    ("root-crl-missing", "TEE-3", "collateral-missing", lambda: _without("root_ca_crl")),
    ("pck-crl-missing", "TEE-3", "collateral-missing", lambda: _without("pck_crl")),
    (
        "pck-crl-empty",
        "TEE-3",
        "collateral-missing",
        lambda: intel_case(fields=intel_fields(pck_crl="")),
    ),
    ("collateral-missing", "TEE-3", "collateral-missing", lambda: intel_case(collateral=b"")),
    (
        "root-crl-expired",
        "TEE-3",
        "collateral-stale",
        lambda: revocation_list("root", issued_at=AT - DAY, valid_until=AT),
    ),
    (
        "pck-crl-expired",
        "TEE-3",
        "collateral-stale",
        lambda: revocation_list("intermediate", issued_at=AT - DAY, valid_until=AT),
    ),
    (
        "root-crl-from-the-future",
        "TEE-3",
        "collateral-not-yet-valid",
        lambda: revocation_list("root", issued_at=AT + SECOND),
    ),
    (
        "pck-crl-from-the-future",
        "TEE-3",
        "collateral-not-yet-valid",
        lambda: revocation_list("intermediate", issued_at=AT + SECOND),
    ),
    (
        "pck-crl-forged",
        "TEE-3",
        "bad-signature",
        lambda: revocation_list("intermediate", by=_false_platform_ca()),
    ),
    (
        "collateral-of-another-root",
        "TEE-3",
        "bad-chain",
        _collateral_of_another_root,
    ),
    (
        "key-of-another-machine",
        "TEE-3",
        "bad-signature",
        lambda: intel_case(quote=td_quote(quoting={"certification": (5, _other_chain())})),
    ),
    ("leaf-is-a-ca", "TEE-3", "bad-chain", lambda: _leaf(path_length=0)),
    ("critical-extension", "TEE-3", "bad-chain", lambda: _leaf(critical=True)),
    ("leaf-expired", "TEE-3", "outside-validity", lambda: _leaf(valid_until=AT - SECOND)),
    (
        "authority-expired",
        "TEE-3",
        "outside-validity",
        lambda: _authority(valid_until=AT - SECOND),
    ),
    (
        "tcb-signer-expired",
        "TEE-3",
        "outside-validity",
        partial(_signed_by, "tcb_info", lambda: _tcb_signer(valid_until=AT - SECOND)),
    ),
    ("authority-is-a-leaf", "TEE-3", "bad-chain", lambda: _authority(path_length=None)),
    (
        "authority-may-not-certify",
        "TEE-3",
        "bad-chain",
        lambda: _authority(usage=key_usage(is_ca=False)),
    ),
    ("authority-may-not-revoke", "TEE-3", "bad-chain", _may_not_revoke),
    (
        "pck-crl-of-a-part",
        "TEE-3",
        "bad-chain",
        lambda: revocation_list("intermediate", extension=x509.DeltaCRLIndicator(1)),
    ),
    (
        "before-the-leaf",
        "TEE-3",
        "outside-validity",
        lambda: intel_case(now=AT.replace(year=2019)),
    ),
)


def _wrong_signers(text: str) -> Iterator[DefectRow]:
    signers: Mapping[str, Callable[[], Issued]] = {
        "the-pck-key": lambda: intel_authority().pck,
        "the-platform-ca": lambda: intel_authority().intermediate,
        "another-leaf": _other_leaf,
        "a-signer-under-the-platform-ca": lambda: _tcb_signer(
            issuer=intel_authority().intermediate
        ),
        "a-signer-with-a-platform": lambda: _tcb_signer(platform=intel_authority().platform),
        "the-pck-key-named-as-signer": lambda: _tcb_signer("pck"),
    }
    for name, signer in signers.items():
        yield (
            f"{text.replace('_', '-')}-by-{name}",
            "TEE-4",
            "wrong-signer-role",
            partial(_signed_by, text, signer),
        )
    yield (
        f"{text.replace('_', '-')}-by-the-pck-key-under-another-name",
        "TEE-3",
        "bad-signature",
        partial(_signed_by, text, _false_tcb_signer),
    )


ROLE_DEFECTS = defect_rows(
    "roles",
    *_wrong_signers("tcb_info"),
    *_wrong_signers("qe_identity"),
    ("no-extension", "TEE-4", "wrong-signer-role", lambda: _leaf(platform=None)),
    ("leaf-under-the-root", "TEE-4", "wrong-signer-role", _leaf_under_root),
    (
        "leaf-under-an-unknown-authority",
        "TEE-4",
        "wrong-signer-role",
        lambda: _authority("Simulated SGX Some CA"),
    ),
    (
        "pck-crl-by-the-root",
        "TEE-4",
        "wrong-signer-role",
        lambda: revocation_list("intermediate", by=intel_authority().root),
    ),
    (
        "pck-crl-by-the-processor-ca",
        "TEE-4",
        "wrong-signer-role",
        lambda: revocation_list("intermediate", by=_processor_ca()),
    ),
    (
        "root-crl-by-the-platform-ca",
        "TEE-4",
        "wrong-signer-role",
        lambda: revocation_list("root", by=intel_authority().intermediate),
    ),
)
