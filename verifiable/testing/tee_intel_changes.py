"""Single changes to honest Intel evidence, everything else made and signed anew around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from verifiable.backends.tee.simulator.authority import IntelAuthority, Issued
from verifiable.backends.tee.simulator.collateral_issuer import tcb_info
from verifiable.backends.tee.simulator.intel_platform import (
    PLATFORM_LEVELS,
    TD_QE,
    TdxModule,
    simulated_platform,
    with_level,
)
from verifiable.backends.tee.simulator.quoting import Quoting
from verifiable.testing.tee_intel_cases import (
    AT,
    INTEL_SEED,
    IntelCase,
    intel_authority,
    intel_case,
    intel_fields,
    intel_policy,
    td_quote,
)

__all__ = [
    "DAY",
    "SECOND",
    "SEPT_VE_DISABLE",
    "SERVICE_TD",
    "accepting",
    "at_level",
    "certified",
    "quote_bytes",
    "quoting_enclave",
    "revocation_list",
    "signed_bytes",
    "signed_qe_identity",
    "signed_tcb_info",
    "tcb_levels",
    "td_attributes",
    "tdx_module",
    "time_text",
]

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
SEPT_VE_DISABLE = 1 << 28
"""The bit of TDATTRIBUTES that every TD must have."""

SERVICE_TD = b"\5" * 48

_SIGNED_BYTES = 632  # header and body of version 4
_LIST_OF = {"root": "root_ca_crl", "intermediate": "pck_crl"}


def revocation_list(issuer: str, *, by: Issued | None = None, **changes: Any) -> IntelCase:
    """Another list of an authority.

    Args:
        issuer: `root` or `intermediate`: whose list it takes the place of.
        by: who issues it instead.
        changes: arguments of `IntelAuthority.crl`.
    """
    authority = intel_authority()
    crl = authority.crl(by or getattr(authority, issuer), **changes).hex()
    return intel_case(fields=intel_fields() | {_LIST_OF[issuer]: crl})


def quoting_enclave(**changes: Any) -> IntelCase:
    """A quoting enclave with other values, see `QuotingEnclave`; the PCK key signs its report."""
    return intel_case(quote=td_quote(enclave=replace(TD_QE, **changes)))


def tdx_module(**changes: Any) -> IntelCase:
    """A TDX module with other values, see `TdxModule`."""
    return intel_case(quote=td_quote(module=TdxModule(**changes)))


def signed_tcb_info(**changes: Any) -> IntelCase:
    """TCB info with other fields, signed by the right key."""
    return intel_case(fields=intel_fields(tcb=changes))


def signed_qe_identity(**changes: Any) -> IntelCase:
    """QE identity with other fields, signed by the right key."""
    return intel_case(fields=intel_fields(qe=changes))


def tcb_levels(change: Callable[[list[dict[str, Any]]], object]) -> IntelCase:
    """TCB info whose levels `change` has edited in place, signed by the right key."""
    levels: list[dict[str, Any]] = tcb_info(intel_authority(), "tdx")["tcbLevels"]
    change(levels)
    return signed_tcb_info(tcbLevels=levels)


def at_level(status: str, **policy: Any) -> IntelCase:
    """A machine with the firmware of the level of this status, under a policy."""
    level = next(level for level in PLATFORM_LEVELS if level.status == status)
    authority = IntelAuthority(INTEL_SEED, AT, with_level(simulated_platform(INTEL_SEED), level))
    return intel_case(authority=authority, policy=intel_policy(**policy))


def accepting(status: str) -> dict[str, Any]:
    """Fields of a policy that accepts this status beside `UpToDate`."""
    return {"tcb_statuses": frozenset(("UpToDate", status))}


def td_attributes(bits: int, **policy: Any) -> IntelCase:
    """A TD with these bits of TDATTRIBUTES, under a policy."""
    return intel_case(
        quote=td_quote(td_attributes=bits.to_bytes(8, "little")), policy=intel_policy(**policy)
    )


def certified(**quoting: Any) -> IntelCase:
    """Other authentication or certification data, see `Quoting`."""
    return intel_case(quote=td_quote(quoting=quoting))


def signed_bytes(offset: int, data: bytes) -> IntelCase:
    """Header or body of version 4 changed before it is signed."""
    signed = td_quote()[:_SIGNED_BYTES]
    signed = signed[:offset] + data + signed[offset + len(data) :]
    return intel_case(quote=Quoting(intel_authority(), TD_QE).seal(signed))


def quote_bytes(offset: int, data: bytes) -> IntelCase:
    """A finished quote of version 4 changed."""
    quote = td_quote()
    return intel_case(quote=quote[:offset] + data + quote[offset + len(data) :])


def time_text(moment: datetime) -> str:
    """As in Intel's texts: UTC, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
