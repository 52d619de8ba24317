"""How verdicts are shown, to people and as JSON: of one proof, and of several together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from .console import Console, seconds_text
from .prove import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from verifiable.statement.composite import CompositeVerdict
    from verifiable.statement.verdict import Check, Verdict

__all__ = [
    "composite_document",
    "show_checks",
    "show_composite",
    "show_verdict",
    "timed_document",
    "verdict_document",
]

Judged: TypeAlias = "tuple[str, Verdict, Mapping[str, float]]"
"""The name of a proof's file, its verdict, and the seconds that each phase took."""

_ALWAYS_FOUND = (
    "KEY-1", "RG-4", "RG-5", "EZ-6", "GK-4", "OP-21", "OP-27", "OP-29", "OP-25",
    "TEE-2", "TEE-6", "TEE-14", "TEE-16",
)  # fmt: skip
"""Passed or not, what one relies on is worth a look: who derived the key, which block was read, who
made the record and the setup, how many bits of soundness there are, which game it was, and of an
attestation its assurance, patch level, age and machine."""

_ROOT = re.compile(r"(?<![0-9a-f])(0x)?([0-9a-f]{8})[0-9a-f]{52}([0-9a-f]{4})(?![0-9a-f])")
_MARKS = {"ok": "ok", "failed": "FAILED", "skipped": "not run", "undecided": "undecided"}


def verdict_document(verdict: Verdict, verify_s: float) -> dict[str, object]:
    """The verdict as one JSON object; verified values only if it is proven."""
    return {**verdict.to_json(), "verify_s": verify_s, **_values(verdict)}


def timed_document(verdict: Verdict, phases_s: Mapping[str, float]) -> dict[str, object]:
    """The verdict with the seconds of all phases, as one JSON object."""
    return {**verdict_document(verdict, phases_s["verify"]), **_before_s([phases_s])}


def composite_document(verdict: CompositeVerdict, judged: Sequence[Judged]) -> dict[str, object]:
    """The verdict of several proofs as one JSON object, with all of theirs in it."""
    seconds = [phases_s for _, _, phases_s in judged]
    return {
        **verdict.to_json(),
        "proofs": [
            {"file": name, **item.to_json(), "verify_s": phases_s["verify"]}
            for name, item, phases_s in judged
        ],
        "verify_s": sum(phases_s["verify"] for phases_s in seconds),
        **_before_s(seconds),
        **_values(verdict),
    }


def _before_s(seconds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {
        f"{name}_s": sum(phases_s[name] for phases_s in seconds)
        for name in ("read_chain", "derive_key")
    }


def _values(verdict: Verdict | CompositeVerdict) -> dict[str, object]:
    document: dict[str, object] = {}
    for name, values in (("inputs", verdict.inputs), ("outputs", verdict.outputs)):
        document[name] = (
            None if values is None else {key: item.tolist() for key, item in values.items()}
        )
    reals = verdict.output_values
    document["output_values"] = (
        None if reals is None else {key: item.tolist() for key, item in reals.items()}
    )
    return document


def show_verdict(out: Console, verdict: Verdict, verify_s: float) -> None:
    """Write the table of checks, what they mean, and the verdict as the last line."""
    _show_findings(out, verdict)
    out.line(_last_line(verdict, verify_s), style=_STYLES[verdict.outcome])


def show_composite(out: Console, verdict: CompositeVerdict, judged: Sequence[Judged]) -> None:
    """Write each proof's checks, what they mean together, and the verdict as the last line."""
    for name, item, phases_s in judged:
        out.line(f"{name}: {item.backend}", style="bold")
        if item.assurance == "simulated":
            out.line(_SIMULATED, style="bold yellow")
        show_checks(out, item.checks)
        out.line(_last_line(item, phases_s["verify"]), style=_STYLES[item.outcome])
        out.line()
    out.line(f"Together, by the requirement {verdict.requirement}:", style="bold")
    _show_findings(out, verdict)
    mark = " (SIMULATED)" if verdict.assurance == "simulated" else ""
    took = seconds_text(sum(phases_s["verify"] for _, _, phases_s in judged))
    if verdict.outcome == "proven" and verdict.statement_digest is not None:
        digest = verdict.statement_digest.hex()
        last = f"PROVEN{mark}: {verdict.requirement}: statement 0x{digest} ({took})"
    else:
        first = verdict.failed[0]
        word = _WORDS[verdict.outcome]
        last = f"{word}{mark}: {first.id} {first.name} [{first.code}] ({took})"
    out.line(last, style=_STYLES[verdict.outcome])


def _show_findings(out: Console, verdict: Verdict | CompositeVerdict) -> None:
    if verdict.assurance == "simulated":
        out.line(_SIMULATED, style="bold yellow")
    show_checks(out, verdict.checks)
    if verdict.outcome != "proven":
        out.line("Establishes: nothing", style="bold")
    limits = verdict.does_not_establish if verdict.outcome == "proven" else ()
    for title, sentences in (
        ("Establishes", verdict.establishes),
        ("Does not establish", limits),
        ("Reveals", verdict.reveals),
        ("Details of the evidence", getattr(verdict, "details", ())),
    ):
        if sentences:
            out.line(f"{title}:", style="bold")
            for sentence in sentences:
                out.line(f"  - {sentence}")
    for name, values in (verdict.outputs or {}).items():
        out.line(f"verified output {name!r} = {shown(values.reshape(-1).tolist())}")


def show_checks(out: Console, checks: Sequence[Check]) -> None:
    """Write the table of checks, and all that is known of those that did not pass."""
    out.table(
        ("check", "what", "result", "found"),
        [
            (
                check.id,
                check.name,
                _MARKS[check.status],
                "" if check.ok and check.id not in _ALWAYS_FOUND else _short(check.found),
            )
            for check in checks
        ],
        styles={"ok": "green", "FAILED": "bold red", "undecided": "yellow", "not run": "dim"},
    )
    for check in sorted(checks, key=lambda item: item.status != "failed"):
        if check.status not in ("failed", "undecided"):
            continue
        out.line(f"{check.id} {check.name} [{check.code}]", style="bold")
        for label, text in (
            ("expected", check.expected),
            ("found", check.found),
            ("what to do", check.hint),
        ):
            if text:
                out.line(f"  {label}: {text}")


def _short(text: str) -> str:
    """A text with its roots and digests cut in the middle; the lines below give them whole."""
    return _ROOT.sub(r"\1\2...\3", text)


_SIMULATED = "SIMULATED - NOT A TEE: evidence of a simulator"
_WORDS = {"proven": "PROVEN", "not_proven": "NOT PROVEN", "undecided": "UNDECIDED"}
_STYLES = {"proven": "bold green", "not_proven": "bold red", "undecided": "bold yellow"}


def _last_line(verdict: Verdict, verify_s: float) -> str:
    took = f"({verdict.backend}, {seconds_text(verify_s)})"
    mark = " (SIMULATED)" if verdict.assurance == "simulated" else ""
    if verdict.outcome == "proven":
        return f"PROVEN{mark}: statement 0x{verdict.statement_digest.hex()} {took}"
    first = verdict.failed[0]
    return f"{_WORDS[verdict.outcome]}{mark}: {first.id} {first.name} [{first.code}] {took}"
