"""Intel evidence that must be accepted, however odd it looks: beside the defects."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from verifiable.backends.tee.simulator.intel_platform import PLATFORM_LEVELS
from verifiable.testing.tee_intel_cases import (
    AT,
    IntelCase,
    IntelControl,
    intel_authority,
    intel_case,
    intel_fields,
    intel_policy,
    other_machine,
    td_quote,
)
from verifiable.testing.tee_intel_changes import (
    DAY,
    SECOND,
    SEPT_VE_DISABLE,
    SERVICE_TD,
    accepting,
    at_level,
    certified,
    quote_bytes,
    revocation_list,
    tcb_levels,
    td_attributes,
    time_text,
)

__all__ = ["INTEL_CONTROLS"]

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_BACK_DATED = timedelta(minutes=5)
_PERFMON = SEPT_VE_DISABLE | 1 << 63


def _other_s(offset: int) -> IntelCase:
    """The second form of the ECDSA signature at `offset`."""
    quote = td_quote()
    s = int.from_bytes(quote[offset + 32 : offset + 64], "big")
    return quote_bytes(offset + 32, (_P256_ORDER - s).to_bytes(32, "big"))


def _other_line_ends() -> IntelCase:
    chain = intel_authority().pck_chain_pem.replace("\n", "\r\n")
    return certified(certification=(5, chain.encode()))


def _by_ppid(kind: int, size: int) -> IntelCase:
    """The quote names its platform only; the chain lies with the collateral."""
    authority = intel_authority()
    platform = authority.platform
    named = platform.ppid.ljust(size - 20, b"\0") + platform.cpusvn
    named += struct.pack("<H", platform.pcesvn) + platform.pceid
    return intel_case(
        quote=td_quote(quoting={"certification": (kind, named)}),
        fields=intel_fields(pck_certificate_chain=authority.pck_chain_pem),
    )


def _processor_ca() -> IntelCase:
    machine = other_machine(platform_instance_id=None, flags=None, sgx_type=0)
    return intel_case(authority=machine)


def _without_root() -> IntelCase:
    signer = intel_authority().tcb_signer.pem
    return intel_case(
        fields=intel_fields(tcb_info_issuer_chain=signer, qe_identity_issuer_chain=signer)
    )


def _texts_until(moment: str) -> IntelCase:
    until = {"nextUpdate": moment}
    return intel_case(fields=intel_fields(tcb=until, qe=until))


def _no_flags() -> IntelCase:
    flags = intel_authority().platform.flags
    if flags is None:
        raise LookupError("the machine has no flags")
    without = replace(flags, dynamic_platform=False, cached_keys=False, smt=False)
    return intel_case(
        authority=other_machine(flags=without), policy=intel_policy(platform_flags=frozenset())
    )


def _service_td() -> IntelCase:
    return intel_case(
        quote=td_quote(version=5, mrservicetd=SERVICE_TD),
        policy=intel_policy(service_tds=frozenset((SERVICE_TD,))),
    )


def _perfmon() -> IntelCase:
    accepted = frozenset((_PERFMON.to_bytes(8, "little"),))
    return intel_case(
        quote=td_quote(td_attributes=_PERFMON.to_bytes(8, "little")),
        policy=intel_policy(td_attributes=accepted),
    )


_FORMS: dict[str, Callable[[], IntelCase]] = {
    "tdx-version-4": intel_case,
    "tdx-version-5": lambda: intel_case(quote=td_quote(version=5)),
    "tdx-15": lambda: intel_case(quote=td_quote(version=5, mrservicetd=bytes(48))),
    "sgx-version-3": lambda: intel_case(kind="sgx"),
    "zeros-after-the-end": lambda: intel_case(quote=td_quote() + bytes(70)),
    "quote-signature-with-other-s": lambda: _other_s(636),
    "qe-signature-with-other-s": lambda: _other_s(1154),
    "chain-with-other-line-ends": _other_line_ends,
    "chain-by-ppid": lambda: _by_ppid(1, 36),
    "chain-by-encrypted-ppid": lambda: _by_ppid(3, 404),
    "chain-twice": lambda: intel_case(
        fields=intel_fields(pck_certificate_chain=intel_authority().pck_chain_pem)
    ),
    "processor-ca": _processor_ca,
    "issuer-chains-without-the-root": _without_root,
    "levels-unsorted": lambda: tcb_levels(list.reverse),
    "first-second": lambda: intel_case(now=AT - _BACK_DATED),
    "last-second": lambda: intel_case(now=AT - _BACK_DATED + 30 * DAY - SECOND),
    "texts-in-their-last-second": lambda: _texts_until(time_text(AT)),
    "texts-with-another-zone": lambda: _texts_until("2026-03-01T14:00:00+02:00"),
    "list-in-its-last-second": lambda: revocation_list(
        "intermediate", issued_at=AT - DAY, valid_until=AT + SECOND
    ),
    "evaluation-number-just-enough": lambda: intel_case(
        policy=intel_policy(minimum_tcb_evaluation=19)
    ),
    "service-td-named": _service_td,
    "debug-td-where-debug-is-allowed": lambda: td_attributes(
        SEPT_VE_DISABLE | 1, insecure_allow_debug=True
    ),
    "perfmon-listed": _perfmon,
    "no-flags-allowed-and-none-found": _no_flags,
}

INTEL_CONTROLS: tuple[IntelControl, ...] = (
    *(IntelControl(name=name, case=case) for name, case in _FORMS.items()),
    *(
        IntelControl(
            name=f"status-{level.status}-accepted",
            status=level.status,
            case=partial(at_level, level.status, **accepting(level.status)),
        )
        for level in PLATFORM_LEVELS[1:-1]
    ),
    IntelControl(
        name="within-grace",
        status="OutOfDate",
        case=partial(at_level, "OutOfDate", grace_s=719 * 86400),
    ),
)
"""Honest evidence of each form, and what must not be taken for a defect."""
