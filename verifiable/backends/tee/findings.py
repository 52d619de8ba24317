"""The ten checks of a vendor's module, put together: what was not run is skipped, never ok."""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

from verifiable.backends.tee.checks import TEE_18, VENDOR_CHECKS
from verifiable.backends.tee.evidence import Findings, Report
from verifiable.errors import MalformedProof
from verifiable.statement.verdict import Check

__all__ = ["collect", "unreadable"]


def collect(checks: Iterable[Check], assurance: str = "", report: Report | None = None) -> Findings:
    """All ten checks; one that was not run says because of which.

    Args:
        checks: those that were run.
        assurance: by which root verified; empty if none did.
        report: what verified; None unless the signatures hold.
    """
    found = {check.id: check for check in checks}
    failed = next((check.id for check in found.values() if check.status == "failed"), "another")
    return Findings(
        checks=MappingProxyType(
            {
                spec.id: found.get(spec.id) or spec.skipped(hint=f"not run, since {failed} failed")
                for spec in VENDOR_CHECKS
            }
        ),
        assurance=assurance,
        report=report,
    )


def unreadable(cause: MalformedProof) -> Check:
    """The failed TEE-18 of a document that could not be decoded."""
    code = cause.code if cause.code in TEE_18.codes else "evidence-malformed"
    found = f"{cause.where}: {cause.what}" + (f": {cause.why}" if cause.why else "")
    return TEE_18.failed(
        code, expected="evidence in its vendor's exact form", found=found, hint=cause.hint
    )
