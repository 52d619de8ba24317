"""Defects of Intel evidence in identities and in the collateral."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from verifiable.backends.tee.simulator.collateral_issuer import compact
from verifiable.backends.tee.simulator.intel_platform import QE, TD_QE
from verifiable.testing.tee_intel_cases import (
    AT,
    IntelCase,
    defect_rows,
    intel_authority,
    intel_case,
    intel_fields,
    other_machine,
)
from verifiable.testing.tee_intel_changes import (
    DAY,
    SECOND,
    quoting_enclave,
    signed_bytes,
    signed_qe_identity,
    signed_tcb_info,
    tcb_levels,
    tdx_module,
    time_text,
)

__all__ = ["COLLATERAL_DEFECTS", "IDENTITY_DEFECTS"]


def _unlike_cpusvn() -> IntelCase:
    return intel_case(authority=other_machine(cpusvn=bytes((9,)) * 16))


_TD_QE_VALUES = {
    "id": "TD_QE",
    "mrsigner": TD_QE.mrsigner.hex(),
    "isvprodid": TD_QE.isv_prod_id,
}
_WRONG_QE = ("TEE-5", "wrong-quoting-enclave")
IDENTITY_DEFECTS = defect_rows(
    "identity",
    ("other-pceid", "TEE-5", "platform-mismatch", lambda: signed_tcb_info(pceId="0001")),
    ("other-fmspc", "TEE-5", "platform-mismatch", lambda: signed_tcb_info(fmspc="90C06F000000")),
    ("components-unlike-cpusvn", "TEE-5", "platform-mismatch", _unlike_cpusvn),
    (
        "tcb-info-of-sgx-for-tdx",
        "TEE-5",
        "platform-mismatch",
        lambda: intel_case(fields=intel_fields(kind="sgx", qe=_TD_QE_VALUES)),
    ),
    ("qe-identity-of-sgx-for-tdx", *_WRONG_QE, lambda: signed_qe_identity(id="QE")),
    (
        "qe-identity-of-tdx-for-sgx",
        *_WRONG_QE,
        lambda: intel_case(kind="sgx", fields=intel_fields(kind="sgx", qe={"id": "TD_QE"})),
    ),
    ("qe-mrsigner", *_WRONG_QE, lambda: quoting_enclave(mrsigner=QE.mrsigner)),
    ("qe-isv-prod-id", *_WRONG_QE, lambda: quoting_enclave(isv_prod_id=1)),
    ("qe-miscselect", *_WRONG_QE, lambda: quoting_enclave(miscselect=b"\1\0\0\0")),
    (
        "qe-attributes",
        *_WRONG_QE,
        lambda: quoting_enclave(attributes=bytes.fromhex("3500000000000000e700000000000000")),
    ),
    ("module-signer", "TEE-5", "wrong-module", lambda: tdx_module(mrsignerseam=b"\1" * 48)),
    ("module-attributes", "TEE-5", "wrong-module", lambda: tdx_module(attributes=b"\1" + bytes(7))),
    ("module-unknown", "TEE-5", "wrong-module", lambda: tdx_module(version=2)),
    ("wrong-vendor", "TEE-5", "wrong-vendor", lambda: signed_bytes(12, bytes(16))),
)


def _edited(text: str, old: str, new: str) -> IntelCase:
    fields = intel_fields()
    if fields[text].count(old) < 1:
        raise LookupError(f"{text} has no {old}")
    fields[text] = fields[text].replace(old, new, 1)
    return intel_case(fields=fields)


def _reserialised(text: str) -> IntelCase:
    fields = intel_fields()
    fields[text] = json.dumps(json.loads(fields[text]))
    return intel_case(fields=fields)


def _eight_components(levels: list[dict[str, Any]]) -> None:
    for level in levels:
        del level["tcb"]["sgxtcbcomponents"][8:]


def _twice(field: str) -> bytes:
    text = compact(intel_fields())
    return f'{{"{field}":"",{text[1:]}'.encode()


def _signer_chain() -> str:
    return intel_authority().tcb_signer.pem + intel_authority().root.pem


_PEM_LIST = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"


COLLATERAL_DEFECTS = defect_rows(
    "collateral",
    (
        "tcb-info-edited",
        "TEE-3",
        "bad-signature",
        lambda: _edited("tcb_info", '"isvsvn":4', '"isvsvn":3'),
    ),
    (
        "qe-identity-edited",
        "TEE-3",
        "bad-signature",
        lambda: _edited("qe_identity", '"isvsvn":6', '"isvsvn":5'),
    ),
    ("tcb-info-reserialised", "TEE-3", "bad-signature", lambda: _reserialised("tcb_info")),
    ("qe-identity-reserialised", "TEE-3", "bad-signature", lambda: _reserialised("qe_identity")),
    (
        "tcb-info-expired",
        "TEE-3",
        "collateral-stale",
        lambda: signed_tcb_info(nextUpdate=time_text(AT - SECOND)),
    ),
    (
        "qe-identity-expired",
        "TEE-3",
        "collateral-stale",
        lambda: signed_qe_identity(nextUpdate=time_text(AT - SECOND)),
    ),
    (
        "tcb-info-from-the-future",
        "TEE-3",
        "collateral-not-yet-valid",
        lambda: signed_tcb_info(issueDate=time_text(AT + SECOND)),
    ),
    (
        "qe-identity-from-the-future",
        "TEE-3",
        "collateral-not-yet-valid",
        lambda: signed_qe_identity(issueDate=time_text(AT + SECOND)),
    ),
    ("all-expired", "TEE-3", "collateral-stale", lambda: intel_case(now=AT + 31 * DAY)),
    (
        "issued-after-judging",
        "TEE-3",
        "collateral-not-yet-valid",
        lambda: intel_case(now=AT - timedelta(minutes=6)),
    ),
    (
        "eight-components",
        "TEE-18",
        "evidence-malformed",
        lambda: tcb_levels(_eight_components),
    ),
    (
        "two-chains",
        "TEE-18",
        "evidence-malformed",
        lambda: intel_case(fields=intel_fields(pck_certificate_chain=_signer_chain())),
    ),
    ("old-tcb-info-form", "TEE-18", "unsupported-evidence", lambda: signed_tcb_info(version=2)),
    (
        "key-twice",
        "TEE-18",
        "evidence-malformed",
        lambda: intel_case(collateral=_twice("pck_crl")),
    ),
    (
        "list-as-pem",
        "TEE-18",
        "evidence-malformed",
        lambda: intel_case(fields=intel_fields(pck_crl=_PEM_LIST)),
    ),
    (
        "list-as-hex-of-hex",
        "TEE-18",
        "evidence-malformed",
        lambda: intel_case(
            fields=intel_fields(pck_crl=intel_authority().pck_crl.hex().encode().hex())
        ),
    ),
    (
        "signature-cut-off",
        "TEE-18",
        "evidence-malformed",
        lambda: intel_case(fields=intel_fields(tcb_info_signature="00" * 63)),
    ),
)
