"""What the simulated authority publishes of patches: TCB info, QE identity, and all as one JSON.

A signature covers the exact text, so every text here is made once and never serialised again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from verifiable.backends.tee.simulator.authority import COLLATERAL_LIFE, IntelAuthority, Issued
from verifiable.backends.tee.simulator.intel_platform import (
    MODULE_LEVELS,
    PLATFORM_LEVELS,
    QE,
    QE_LEVELS,
    TD_QE,
    PlatformLevel,
    SvnLevel,
)
from verifiable.backends.tee.simulator.seeds import sign_raw

__all__ = ["TCB_EVALUATION", "IntelKind", "collateral_fields", "collateral_json", "compact"]
__all__ += ["qe_identity", "tcb_info"]

IntelKind = Literal["tdx", "sgx"]

TCB_EVALUATION = 19
"""`tcbEvaluationDataNumber` of everything that is published."""

_COMPONENT_NAMES = {
    0: ("BIOS", "Early Microcode Update"),
    1: ("OS/VMM", "SGX Late Microcode Update"),
    2: ("OS/VMM", "TXT SINIT"),
    3: ("BIOS", ""),
    4: ("BIOS", ""),
    5: ("BIOS", ""),
    7: ("OS/VMM", "SEAMLDR ACM"),
}
_TDX_COMPONENT_NAMES = {
    0: ("OS/VMM", "TDX Module"),
    1: ("OS/VMM", "TDX Module"),
    2: ("OS/VMM", "TDX Late Microcode Update"),
}
_MODULE = {
    "mrsigner": "00" * 48,
    "attributes": "00" * 8,
    "attributesMask": "FF" * 8,
}

Object = dict[str, Any]
"""A JSON object before it becomes text: fields in Intel's order."""


def compact(document: Mapping[str, Any]) -> str:
    """The text that is signed: JSON without white space, fields as they stand."""
    return json.dumps(document, separators=(",", ":"))


def tcb_info(
    authority: IntelAuthority,
    kind: IntelKind,
    *,
    levels: Sequence[PlatformLevel] = PLATFORM_LEVELS,
    module_levels: Sequence[SvnLevel] = MODULE_LEVELS,
) -> Object:
    """TCB info, version 3, for the authority's platform.

    Args:
        authority: names platform and time.
        kind: of the workload; TDX adds the module's identities and components.
        levels: of the platform, best first.
        module_levels: of each version of the TDX module, best first.
    """
    document: Object = {"id": kind.upper(), "version": 3, **_dates(authority)}
    document |= {
        "fmspc": authority.platform.fmspc.hex().upper(),
        "pceId": authority.platform.pceid.hex().upper(),
        "tcbType": 0,
        "tcbEvaluationDataNumber": TCB_EVALUATION,
    }
    if kind == "tdx":
        document["tdxModule"] = dict(_MODULE)
        document["tdxModuleIdentities"] = [
            {"id": name, **_MODULE, "tcbLevels": [_svn_level(level) for level in module_levels]}
            for name in ("TDX_03", "TDX_01")
        ]
    document["tcbLevels"] = [_platform_level(level, kind) for level in levels]
    return document


def qe_identity(
    authority: IntelAuthority, kind: IntelKind, *, levels: Sequence[SvnLevel] = QE_LEVELS
) -> Object:
    """Identity of the quoting enclave, version 2.

    Args:
        authority: names the time.
        kind: of the workload, each has a quoting enclave of its own.
        levels: of the enclave, best first.
    """
    enclave = TD_QE if kind == "tdx" else QE
    return {
        "id": "TD_QE" if kind == "tdx" else "QE",
        "version": 2,
        **_dates(authority),
        "tcbEvaluationDataNumber": TCB_EVALUATION,
        "miscselect": "00" * 4,
        "miscselectMask": "FF" * 4,
        # bits 2 (64-bit mode) and the XFRM differ between machines
        "attributes": "11" + "00" * 15,
        "attributesMask": "FB" + "FF" * 7 + "00" * 8,
        "mrsigner": enclave.mrsigner.hex().upper(),
        "isvprodid": enclave.isv_prod_id,
        "tcbLevels": [_svn_level(level) for level in levels],
    }


def collateral_fields(
    authority: IntelAuthority,
    kind: IntelKind,
    *,
    tcb_info_text: str | None = None,
    qe_identity_text: str | None = None,
    tcb_info_signer: Issued | None = None,
    qe_identity_signer: Issued | None = None,
) -> dict[str, str]:
    """The collateral by field, for callers that change one before it becomes a text.

    Args:
        authority: that publishes.
        kind: of the workload.
        tcb_info_text, qe_identity_text: what is signed; None: as `tcb_info` and `qe_identity` say.
        tcb_info_signer, qe_identity_signer: who signs; None: the TCB signer.
    """
    tcb_text = compact(tcb_info(authority, kind)) if tcb_info_text is None else tcb_info_text
    qe_text = (
        compact(qe_identity(authority, kind)) if qe_identity_text is None else qe_identity_text
    )
    tcb_signer = tcb_info_signer or authority.tcb_signer
    qe_signer = qe_identity_signer or authority.tcb_signer
    return {
        "pck_crl_issuer_chain": authority.intermediate.pem + authority.root.pem,
        "root_ca_crl": authority.root_crl.hex(),
        "pck_crl": authority.pck_crl.hex(),
        "tcb_info_issuer_chain": tcb_signer.pem + authority.root.pem,
        "tcb_info": tcb_text,
        "tcb_info_signature": sign_raw(tcb_signer.key, tcb_text.encode()).hex(),
        "qe_identity_issuer_chain": qe_signer.pem + authority.root.pem,
        "qe_identity": qe_text,
        "qe_identity_signature": sign_raw(qe_signer.key, qe_text.encode()).hex(),
    }


def collateral_json(authority: IntelAuthority, kind: IntelKind) -> bytes:
    """All that a verifier needs beside a quote, as the JSON text that Intel's tools exchange."""
    return compact(collateral_fields(authority, kind)).encode("ascii")


def _dates(authority: IntelAuthority) -> dict[str, str]:
    start = authority.issued_at
    return {
        "issueDate": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "nextUpdate": (start + COLLATERAL_LIFE).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _platform_level(level: PlatformLevel, kind: IntelKind) -> Object:
    tcb: Object = {
        "sgxtcbcomponents": _components(level.components, _COMPONENT_NAMES),
        "pcesvn": level.pcesvn,
    }
    if kind == "tdx":
        svns = (6, 0, level.late_microcode, *(0 for _ in range(13)))
        tcb["tdxtcbcomponents"] = _components(svns, _TDX_COMPONENT_NAMES)
    return _level(tcb, level.date, level.status, level.advisories)


def _svn_level(level: SvnLevel) -> Object:
    return _level({"isvsvn": level.isv_svn}, level.date, level.status, level.advisories)


def _level(tcb: Object, date: str, status: str, advisories: Sequence[str]) -> Object:
    document: Object = {"tcb": tcb, "tcbDate": date, "tcbStatus": status}
    if advisories:
        document["advisoryIDs"] = list(advisories)
    return document


def _components(svns: Sequence[int], names: Mapping[int, tuple[str, str]]) -> list[Object]:
    components: list[Object] = []
    for number, svn in enumerate(svns):
        component: Object = {"svn": svn}
        category, kind = names.get(number, ("", ""))
        if category:
            component["category"] = category
        if kind:
            component["type"] = kind
        components.append(component)
    return components
