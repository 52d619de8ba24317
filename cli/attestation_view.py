"""Attestations for people and as JSON: what was judged, and what was only decoded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from .console import Console, seconds_text
from .verdicts import show_checks

if TYPE_CHECKING:
    from verifiable.backends.base import Judgement
    from verifiable.backends.tee.bundle import Bundle
    from verifiable.backends.tee.claims import Claims
    from verifiable.backends.tee.evidence import Report
    from verifiable.backends.tee.judge import Ruling

__all__ = ["claims_document", "ruling_document", "show_claims", "show_ruling"]

_WORDS = {"proven": "ACCEPTED", "not_proven": "REFUSED", "undecided": "UNDECIDED"}
_STYLES = {"proven": "bold green", "not_proven": "bold red", "undecided": "bold yellow"}


def ruling_document(
    ruling: Ruling, conclusions: Judgement, *, at: datetime, verify_s: float
) -> dict[str, object]:
    """What became of evidence as one JSON object; the report only if the signatures hold."""
    from verifiable.statement.verdict import outcome_of

    return {
        "verdict": outcome_of(ruling.checks),
        "assurance": ruling.assurance,
        "freshness": "" if ruling.freshness is None else str(ruling.freshness),
        "at": at.isoformat().replace("+00:00", "Z"),
        "checks": [check.to_json() for check in ruling.checks],
        "report": None if ruling.report is None else _report_document(ruling.report),
        "establishes": list(conclusions.establishes),
        "does_not_establish": list(conclusions.does_not_establish),
        "verify_s": verify_s,
    }


def show_ruling(out: Console, ruling: Ruling, conclusions: Judgement, took_s: float) -> None:
    """Write the table of checks, what they mean, and what became of it as the last line."""
    from verifiable.statement.verdict import outcome_of

    outcome = outcome_of(ruling.checks)
    show_checks(out, ruling.checks)
    if ruling.report is not None:
        report = ruling.report
        rows = [(name, value.hex()) for name, value in report.measurements.items()]
        out.table(("verified register", "value"), rows)
    if outcome == "proven":
        for title, sentences in (
            ("Establishes", conclusions.establishes),
            ("Does not establish", conclusions.does_not_establish),
            ("Details of the evidence", conclusions.details),
        ):
            out.line(f"{title}:", style="bold")
            for sentence in sentences:
                out.line(f"  - {sentence}")
    mark = "SIMULATED, " if ruling.assurance == "simulated" else ""
    if outcome == "proven":
        told = f"{mark}assurance: {ruling.assurance}"
    else:
        first = next(check for check in ruling.checks if check.status in ("failed", "undecided"))
        told = f"{mark}{first.id} {first.name} [{first.code}]"
    out.line(f"{_WORDS[outcome]}: {told} ({seconds_text(took_s)})", style=_STYLES[outcome])


def claims_document(claims: Claims, bundle: Bundle | None) -> dict[str, object]:
    """What evidence says as one JSON object, which says itself that nothing was verified."""
    return {
        "verified": False,
        "kind": claims.kind,
        "report_data": claims.report_data.hex(),
        "measurements": _hexes(claims.measurements),
        "td_attributes": claims.td_attributes.hex(),
        "xfam": claims.xfam.hex(),
        "details": dict(claims.details),
        "bundle": None
        if bundle is None
        else {
            "at": bundle.at.isoformat().replace("+00:00", "Z"),
            "policy": bundle.policy is not None,
        },
    }


def show_claims(out: Console, claims: Claims, bundle: Bundle | None) -> None:
    """Write what evidence says, and that it was not verified."""
    rows = [
        ("kind", claims.kind),
        ("report_data", claims.report_data.hex()),
        *((name, value.hex()) for name, value in claims.measurements.items()),
    ]
    if claims.td_attributes:
        rows += [("td_attributes", claims.td_attributes.hex()), ("xfam", claims.xfam.hex())]
    rows += list(claims.details.items())
    if bundle is not None:
        rows.append(("bundled at", bundle.at.isoformat().replace("+00:00", "Z")))
    out.table(("what", "it says"), rows)
    out.line("decoded, NOT verified: `verifiable tee verify` judges it", style="bold yellow")


def _report_document(report: Report) -> dict[str, object]:
    return {
        "kind": report.kind,
        "root_sha256": report.root_sha256.hex(),
        "report_data": report.report_data.hex(),
        "measurements": _hexes(report.measurements),
        "platform_id": report.platform_id.hex(),
        "tcb_status": report.tcb_status,
        "advisories": list(report.advisories),
        "flags": dict(report.flags),
        "timestamp": None
        if report.timestamp is None
        else report.timestamp.isoformat().replace("+00:00", "Z"),
        "nonce": report.nonce.hex(),
        "details": dict(report.details),
    }


def _hexes(values: Mapping[str, bytes]) -> dict[str, str]:
    return {name: value.hex() for name, value in values.items()}
