"""TEE-10 and TEE-11: which code ran, and that the program in question was loaded into it.

Reference values come from the policy, from the trusted key, or, for evidence under the built-in
simulator's own root, from this package's code. There is no `any`.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifiable.backends.tee.checks import TEE_10, TEE_11
from verifiable.backends.tee.event_log import (
    PROGRAM_EVENT,
    READY_EVENT,
    REGISTER_BYTES,
    decode_log,
    program_fault,
    program_register,
    replay,
)
from verifiable.backends.tee.evidence import Report
from verifiable.backends.tee.keys import TeeKey, builtin_references, missing_registers
from verifiable.backends.tee.roots import BUILTIN_SIMULATED_ROOTS
from verifiable.errors import MalformedProof
from verifiable.statement.attestation import AttestationPolicy, Reference
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.verdict import Check

__all__ = ["examine_code", "examine_log"]

_RUN_TIME = frozenset(("rtmr3", "pcr16"))
"""Registers that events extend; others hold the program's root itself."""


def examine_log(report: Report, event_log: bytes, program_root: bytes | None) -> Check:
    """TEE-11: a log, where there is one, explains the register that was signed.

    Args:
        report: verified.
        event_log: as it was handed in.
        program_root: which program it must have loaded; None: any.
    """
    # TEE-11: the log is the attester's word, and counts where it explains what was signed.
    expected = "no log, or one that replays to its register"
    if not event_log:
        return TEE_11.ok(expected=expected, found="no log")
    if report.program_register not in _RUN_TIME:
        return TEE_11.failed(
            "event-log-mismatch",
            expected=expected,
            found=f"a log, but {report.kind} evidence has no register that one explains",
            hint="leave the log out",
        )
    try:
        events = decode_log(event_log)
    except MalformedProof as cause:
        return TEE_11.failed(
            "event-log-malformed", expected=expected, found=str(cause)[:400], hint=cause.hint
        )
    name = report.program_register
    signed = report.measurements.get(name, b"")
    replayed = replay(events)
    if replayed != signed:
        return TEE_11.failed(
            "event-log-mismatch",
            expected=f"{name} {signed.hex()}",
            found=f"the log replays to {replayed.hex()}",
            hint="the log is of another boot, was changed, or an event was not logged: pin the "
            f"value of {name} instead",
        )
    fault = program_fault(events, program_root)
    wanted = "one event of a program" if program_root is None else encode_hex(program_root)
    if fault:
        return TEE_11.failed(
            "program-event",
            expected=f"{wanted}, once and before system-ready",
            found=fault,
            hint="the workload loaded another program, or none, or more after it",
        )
    return TEE_11.ok(expected=wanted, found=f"{len(events)} events, replayed to {name}")


def examine_code(
    report: Report,
    policy: AttestationPolicy,
    key: TeeKey | None,
    *,
    allow_builtin_simulator: bool,
    event_log: bytes,
    program_root: bytes | None,
) -> Check:
    """TEE-10: the measured code is one that is accepted, and the program is measured with it.

    Args:
        report: verified.
        policy: where it names any workload, one of them must be this one.
        key: what a lock, a record or the verifier pins for the program; None: nothing.
        allow_builtin_simulator: its reference values are computed, for its own root.
        event_log: where there is one, TEE-11 shows the program; events of other names count only
            under a register whose value is pinned.
        program_root: of the statement; None where there is none, and no program is asked for.
    """
    # TEE-10: only what somebody named is accepted; the simulator's own values are for its own root.
    builtin = allow_builtin_simulator and report.root_sha256 == BUILTIN_SIMULATED_ROOTS.get(
        report.kind
    )
    references = [item for item in policy.references if item.kind == report.kind]
    incomplete = [item for item in references if missing_registers(item)]
    references = [item for item in references if not missing_registers(item)]
    if builtin:
        references += _computed(report, program_root)
    pinned = () if key is None else tuple(w for w in key.workloads if w.kind == report.kind)
    # a policy that names workloads is met by one of them: a lock's alone never stands in for it
    if not references and (policy.references or not pinned):
        lacking = ", ".join(missing_registers(incomplete[0])) if incomplete else ""
        return TEE_10.failed(
            "no-reference-values",
            expected=f"reference values of {report.kind} workloads",
            found=f"a reference without {lacking}" if lacking else "none",
            hint="name the accepted measurements in the policy (`verifiable tee policy init` "
            "writes those of evidence that you have reviewed), or give a lock that holds them",
        )
    matched = next((item for item in references if not _difference(item, report)), None)
    if references and matched is None:
        return _mismatch(references, report)
    workload = next((item for item in pinned if item.fits(report)), None)
    if key is not None and workload is None:
        return TEE_10.failed(
            "wrong-measurement",
            expected="a workload of the trusted key: "
            + (", ".join(item.text for item in pinned) or f"none of kind {report.kind}"),
            found=_shown(report),
            hint="the lock or record was written for other images: have it written again, if "
            "this one is trusted",
        )
    registers: frozenset[str] = frozenset(() if matched is None else matched.values) | frozenset(
        () if workload is None else workload.registers
    )
    how = _how_measured(report, event_log, program_root, registers)
    if not how:
        others = _other_events(event_log)
        return TEE_10.failed(
            "program-not-measured",
            expected=f"program {encode_hex(program_root or b'')} in {report.program_register}",
            found=encode_hex(report.measurements.get(report.program_register, b""))
            + (f", with {', '.join(others[:8])}" if others else ""),
            hint="other events than the program's may be other code: pin the register's value in "
            "the policy, if you know what they are"
            if others
            else "hand in the event log, or pin the register's value in the policy",
        )
    source = "computed from this package's code" if builtin else "the policy's or the key's"
    return TEE_10.ok(
        expected=f"reference values ({source})", found=f"{', '.join(sorted(registers))}; {how}"
    )


def _computed(report: Report, program_root: bytes | None) -> list[Reference]:
    """The built-in simulator's reference values; without a program all but its register."""
    found = []
    for item in builtin_references(bytes(32) if program_root is None else program_root):
        if item.kind == report.kind:
            values = dict(item.values)
            if program_root is None:
                values.pop(report.program_register, None)
            found.append(Reference(kind=item.kind, values=values))
    return found


def _difference(reference: Reference, report: Report) -> tuple[str, str, str] | None:
    """The first register that is not as the reference says: name, expected, found."""
    for name, value in reference.values.items():
        found = report.measurements.get(name)
        if found != value:
            return name, value.hex(), "absent" if found is None else found.hex()
    if reference.minimum_svn is not None:
        svn = int.from_bytes(report.measurements.get("isv_svn", b""), "big")
        if svn < reference.minimum_svn:
            return "isv_svn", f"{reference.minimum_svn} or higher", str(svn)
    return None


def _mismatch(references: Sequence[Reference], report: Report) -> Check:
    """Say what differs from the reference that comes nearest."""

    def equal(item: Reference) -> int:
        return sum(report.measurements.get(name) == value for name, value in item.values.items())

    nearest = max(references, key=equal)
    name, expected, found = _difference(nearest, report) or ("", "", "")
    others = f" (or one of {len(references) - 1} other references)" if len(references) > 1 else ""
    return TEE_10.failed(
        "wrong-measurement",
        expected=f"{name} {expected}{others}",
        found=f"{name} {found}",
        hint="other code ran than the policy names, or another program was loaded; another "
        "release of the workload has other measurements",
    )


def _how_measured(
    report: Report, event_log: bytes, program_root: bytes | None, pinned: frozenset[str]
) -> str:
    """In which way the program of a statement was bound to the code; empty if in none."""
    name = report.program_register
    if program_root is None:
        return "no program is claimed"
    if not name:
        return "the program is bound by the code or by the report data alone"
    value = report.measurements.get(name, b"")
    expected = program_root if len(value) != REGISTER_BYTES else program_register(program_root)
    if value == expected:
        return f"the program is in {name}"
    if event_log and (name in pinned or not _other_events(event_log)):
        return f"the program is in {name} by the event log (TEE-11)"
    return f"{name} is pinned" if name in pinned else ""


def _other_events(event_log: bytes) -> list[str]:
    """What a log measures beside the program: anything, the code that answers included.

    A log that cannot be decoded names none here, and fails TEE-11.
    """
    try:
        events = decode_log(event_log) if event_log else ()
    except MalformedProof:
        return []
    return [event.name for event in events if event.name not in (PROGRAM_EVENT, READY_EVENT)]


def _shown(report: Report) -> str:
    """The registers of a report for people, the empty ones left out."""
    return ", ".join(
        f"{name} {value.hex()}" for name, value in report.measurements.items() if any(value)
    )
