"""What a policy says of verified Intel evidence: TEE-6 to TEE-9.

Only values that a signature covers come here. Each check is one function and says what was asked,
what was found, and what can be done.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from verifiable.backends.tee.checks import TEE_6, TEE_7, TEE_8, TEE_9
from verifiable.backends.tee.pck import PckExtension
from verifiable.backends.tee.quote import EnclaveReport, TdReport
from verifiable.backends.tee.tcb import STATUSES, Level, NoLevel, merge
from verifiable.statement.attestation import AttestationPolicy
from verifiable.statement.verdict import Check

__all__ = [
    "PatchLevel",
    "check_attributes",
    "check_debug",
    "check_flags",
    "check_patch_level",
    "patch_level",
    "platform_flags",
]

_RELAUNCH = "TDRelaunchAdvised"
_KNOWN = (*STATUSES, _RELAUNCH, f"{_RELAUNCH}ConfigurationNeeded")
_WITHIN_GRACE = {  # what remains to be accepted while being out of date is forgiven
    "OutOfDate": "UpToDate",
    "OutOfDateConfigurationNeeded": "ConfigurationNeeded",
    _RELAUNCH: "UpToDate",
    f"{_RELAUNCH}ConfigurationNeeded": "ConfigurationNeeded",
}

# TDATTRIBUTES by bit
_TD_DEBUG = 1 << 0
_TD_NAMES = {27: "LASS", 28: "SEPT_VE_DISABLE", 29: "MIGRATABLE", 30: "PKS", 31: "KL", 62: "TPA",
             63: "PERFMON"}  # fmt: skip
_TD_SEPT_VE_DISABLE = 1 << 28
_TD_MIGRATABLE = 1 << 29
_TD_KNOWN = sum(1 << bit for bit in _TD_NAMES) | _TD_DEBUG

# ATTRIBUTES of an enclave
_SGX_INIT = 0x01
_SGX_FORBIDDEN = {0x10: "PROVISION_KEY", 0x20: "EINITTOKEN_KEY"}
_SGX_KNOWN = _SGX_INIT | EnclaveReport.DEBUG | 0x04 | 0x40 | 0x80 | 0x400  # 64-bit, CET, KSS, AEX


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchLevel:
    """Where a platform, its module and its quoting enclave stand.

    Attributes:
        status: merged by Intel's rule; empty if a part reaches no level.
        second: what the quote verification library merged; empty if it did not say.
        advisories: of all parts, by either count.
        date: of the platform's level.
        behind: the earliest date of a part that is not up to date.
        problem: which part reaches no level, and why.
    """

    status: str = ""
    second: str = ""
    advisories: tuple[str, ...] = ()
    date: datetime | None = None
    behind: datetime | None = None
    problem: str = ""


def patch_level(
    platform: Level | NoLevel,
    parts: dict[str, Level | str],
    *,
    second: str,
    second_advisories: tuple[str, ...],
) -> PatchLevel:
    """Merge what was found for each part.

    Args:
        platform: its level, or why it has none.
        parts: module and quoting enclave by name, each with its level or why it has none.
        second, second_advisories: the library's own count.
    """
    if isinstance(platform, NoLevel):
        return PatchLevel(problem=str(platform), advisories=second_advisories)
    levels: list[Level] = []
    for level in parts.values():
        if isinstance(level, str):
            return PatchLevel(problem=level, advisories=second_advisories, date=platform.date)
        levels.append(level)
    status, advisories = merge(platform, levels)
    late = [level.date for level in (platform, *levels) if level.status != "UpToDate"]
    if second.startswith(_RELAUNCH) and status.startswith("OutOfDate"):
        status = second  # the newer module is loaded, the TD was started under the older one
    return PatchLevel(
        status=status,
        second=second,
        advisories=tuple(dict.fromkeys((*advisories, *second_advisories))),
        date=platform.date,
        behind=min(late, default=None),
    )


def check_patch_level(
    level: PatchLevel, *, evaluation: int, policy: AttestationPolicy, now: datetime
) -> Check:
    """TEE-6: status, advisories, and the collateral's evaluation number.

    Args:
        level: as merged.
        evaluation: the lower `tcbEvaluationDataNumber` of the two texts.
        policy: what is accepted.
        now: for the grace.
    """
    if evaluation < policy.minimum_tcb_evaluation:
        return TEE_6.failed(
            "tcb-evaluation-too-old",
            expected=f"tcbEvaluationDataNumber {policy.minimum_tcb_evaluation} or higher",
            found=str(evaluation),
            hint="fetch collateral with update=early, or wait until it is published",
        )
    if level.problem:
        return TEE_6.failed(
            "no-tcb-level",
            expected="a TCB level that the platform reaches",
            found=level.problem,
            hint="update the platform's firmware; evidence of this machine cannot be accepted",
        )
    accepted = ", ".join(sorted(policy.tcb_statuses)) or "no status at all"
    found = level.status
    if level.second and level.second != level.status:
        found += f" ({level.second} by the library's rule)"
    if level.advisories:
        found += f" ({', '.join(level.advisories)})"
    grace = ""
    for status in dict.fromkeys((level.status, level.second or level.status)):
        if status in policy.tcb_statuses and status in _KNOWN and status != "Revoked":
            continue
        if _in_grace(status, level.behind, policy=policy, now=now):
            grace = f"accepted within {policy.grace_s} s after {level.behind:%Y-%m-%d}"
            continue
        return TEE_6.failed(
            "tcb-status-not-accepted",
            expected=f"TCB status {accepted}",
            found=found,
            hint="update the platform, or add the status to the policy"
            if status in _KNOWN and status != "Revoked"
            else "no policy can accept this status",
        )
    denied = sorted(policy.denied_advisories.intersection(level.advisories))
    if denied:
        return TEE_6.failed(
            "advisory-denied",
            expected=f"none of the denied advisories ({', '.join(denied)})",
            found=found,
            hint="update the platform",
        )
    return TEE_6.ok(expected=f"TCB status {accepted}", found=found, hint=grace)


def _in_grace(
    status: str, behind: datetime | None, *, policy: AttestationPolicy, now: datetime
) -> bool:
    remains = _WITHIN_GRACE.get(status)
    if remains not in policy.tcb_statuses or behind is None:
        return False
    # subtracted, since a long grace would lead beyond the last year that a date can have
    return policy.grace_s > 0 and (now - behind).total_seconds() <= policy.grace_s


def platform_flags(pck: PckExtension) -> dict[str, bool]:
    """The flags that a Platform CA certified; none where the Processor CA issued."""
    if pck.flags is None:
        return {}
    return {
        "dynamic_platform": pck.flags.dynamic_platform,
        "cached_keys": pck.flags.cached_keys,
        "smt": pck.flags.smt,
    }


def check_flags(pck: PckExtension, policy: AttestationPolicy) -> Check:
    """TEE-7: properties of the machine."""
    found = [name for name, value in platform_flags(pck).items() if value]
    text = f"{', '.join(found) or 'none'}; SGX type {pck.sgx_type_name}"
    expected = f"only {', '.join(sorted(policy.platform_flags)) or 'none'}"
    refused = [name for name in found if name not in policy.platform_flags]
    if refused:
        return TEE_7.failed(
            "platform-flag-not-accepted",
            expected=expected,
            found=text,
            hint=f"the PCK certificate says {', '.join(refused)}: cloud machines usually have all "
            "three; list them in platform_flags, or use a machine without",
        )
    return TEE_7.ok(expected=expected, found=text)


def check_debug(body: TdReport | EnclaveReport, policy: AttestationPolicy) -> Check:
    """TEE-8: whether the workload's owner of the machine may read it."""
    if isinstance(body, TdReport):
        debug = bool(_bits(body.tdattributes) & _TD_DEBUG)
        where = f"TDATTRIBUTES {body.tdattributes.hex()}"
    else:
        debug = body.debug
        where = f"ATTRIBUTES {body.attributes.hex()}"
    if not debug:
        return TEE_8.ok(expected="no debugger", found=where)
    if policy.insecure_allow_debug:
        return TEE_8.ok(
            expected="a debugger is accepted (insecure_allow_debug)",
            found=f"DEBUG: {where}",
            hint="the machine's owner can read and change this workload",
        )
    return TEE_8.failed(
        "debug-enabled",
        expected="no debugger (bit 0 of TDATTRIBUTES, bit 1 of ATTRIBUTES clear)",
        found=where,
        hint="start the workload without debug: its owner can read and change it",
    )


def check_attributes(body: TdReport | EnclaveReport, policy: AttestationPolicy) -> Check:
    """TEE-9: attributes, features, migration, service TD."""
    if isinstance(body, EnclaveReport):
        return _check_sgx_attributes(body)
    bits = _bits(body.tdattributes)
    text = f"TDATTRIBUTES {body.tdattributes.hex()}"
    if bits & _TD_MIGRATABLE:
        return TEE_9.failed(
            "migratable",
            expected="MIGRATABLE clear",
            found=text,
            hint="the TD may be moved to a machine that this evidence does not speak of",
        )
    if bits & ~_TD_KNOWN or not bits & _TD_SEPT_VE_DISABLE:
        return TEE_9.failed(
            "attributes-not-accepted",
            expected="reserved bits clear, SEPT_VE_DISABLE set",
            found=text,
            hint="no policy can accept this: the machine's owner could disturb the TD unseen",
        )
    service = body.mrservicetd
    if service is not None and any(service) and service not in policy.service_tds:
        return TEE_9.failed(
            "service-td",
            expected="no service TD, or one of the policy's",
            found=f"MRSERVICETD {service.hex()}",
            hint="a service TD can act on this TD; list it in service_tds if you know it",
        )
    without_debug = (bits & ~_TD_DEBUG).to_bytes(8, "little")  # that bit is TEE-8's matter
    accepted = {body.tdattributes, without_debug} & policy.td_attributes
    if not accepted or body.xfam not in policy.xfams:
        return TEE_9.failed(
            "attributes-not-accepted",
            expected=f"TDATTRIBUTES {_listed(policy.td_attributes)}; XFAM {_listed(policy.xfams)}",
            found=f"{text}{_names(bits)}; XFAM {body.xfam.hex()}",
            hint="list the value in td_attributes or xfams if the workload needs it",
        )
    return TEE_9.ok(
        expected=f"TDATTRIBUTES {_listed(policy.td_attributes)}; XFAM {_listed(policy.xfams)}",
        found=f"{text}; XFAM {body.xfam.hex()}",
    )


def _check_sgx_attributes(body: EnclaveReport) -> Check:
    flags = int.from_bytes(body.attributes[:8], "little")
    text = f"ATTRIBUTES {body.attributes.hex()}"
    named = [name for bit, name in _SGX_FORBIDDEN.items() if flags & bit]
    expected = "INIT set; PROVISION_KEY, EINITTOKEN_KEY and reserved bits clear"
    if flags & ~_SGX_KNOWN or not flags & _SGX_INIT:
        return TEE_9.failed(
            "attributes-not-accepted",
            expected=expected,
            found=f"{text}{' (' + ', '.join(named) + ')' if named else ''}",
            hint="a workload has no use for keys of the platform's own enclaves",
        )
    return TEE_9.ok(expected=expected, found=text)


def _bits(attributes: bytes) -> int:
    return int.from_bytes(attributes, "little")


def _names(bits: int) -> str:
    names = [name for bit, name in _TD_NAMES.items() if bits & 1 << bit]
    return f" ({', '.join(names)})" if names else ""


def _listed(values: frozenset[bytes]) -> str:
    return " or ".join(sorted(value.hex() for value in values)) or "of an empty list"
