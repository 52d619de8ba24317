"""The verdict: named checks, what they establish, and what they do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from verifiable.statement.strict_json import encode_hex

if TYPE_CHECKING:  # results of checks are made where nothing is computed, and numpy costs 0.2 s
    import numpy as np
    import numpy.typing as npt

    from verifiable.program.program import IntArray
    from verifiable.statement.hashing import StatementDigest

__all__ = [
    "SIMULATED_MARK",
    "Check",
    "CheckStatus",
    "FloatArray",
    "Outcome",
    "Verdict",
    "not_ok",
    "outcome_of",
]

CheckStatus = Literal["ok", "failed", "skipped", "undecided"]
Outcome = Literal["proven", "not_proven", "undecided"]
SIMULATED_MARK = "SIMULATED: "
"""Begins every sentence that simulated evidence establishes."""

FloatArray: TypeAlias = "npt.NDArray[np.float64]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one check.

    Attributes:
        id: stable id with the prefix of its part (`ST-4`).
        name: a few words for people.
        status: `skipped` means that it was not run, which never counts as passed.
        code: stable code of what went wrong; empty if ok.
        expected, found: as text.
        hint: what the reader can do; empty if nothing.
    """

    id: str
    name: str
    status: CheckStatus
    code: str = ""
    expected: str = ""
    found: str = ""
    hint: str = ""

    @property
    def ok(self) -> bool:
        """Whether the check was run and passed."""
        return self.status == "ok"

    def to_json(self) -> dict[str, object]:
        """The result as JSON-ready objects."""
        return {
            "id": self.id,
            "name": self.name,
            "ok": self.ok,
            "status": self.status,
            "code": self.code,
            "expected": self.expected,
            "found": self.found,
            "hint": self.hint,
        }


def outcome_of(checks: tuple[Check, ...]) -> Outcome:
    """The outcome that checks add up to; anything but all ok is never `proven`."""
    if checks and all(check.status == "ok" for check in checks):
        return "proven"
    if any(check.status == "undecided" for check in checks) and not any(
        check.status == "failed" for check in checks
    ):
        return "undecided"
    return "not_proven"


def not_ok(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """All checks that are not ok, those that failed first."""
    order = {"failed": 0, "undecided": 1, "skipped": 2}
    return tuple(
        sorted((check for check in checks if not check.ok), key=lambda check: order[check.status])
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What a verifier concludes about a proof under a policy.

    Attributes:
        outcome: `proven`, `not_proven`, or `undecided` (the verifier lacks something).
        statement_digest: digest of the statement that was judged.
        backend: id of the backend that made the evidence.
        checks: all checks in order.
        establishes, does_not_establish, reveals: sentences; nothing is established unless proven.
        details: lines for people on the evidence, as its backend has them; none unless proven.
        assurance: `hardware` or `simulated`, where the evidence led to a root of trust; else empty.
            Whoever shows a verdict says so if it is `simulated`.
        inputs, outputs: verified quantised values by name, int64 and read-only; None unless
            proven.
        input_values, output_values: the same as real numbers (float64); None unless proven.
    """

    outcome: Outcome
    statement_digest: StatementDigest
    backend: str
    checks: tuple[Check, ...]
    establishes: tuple[str, ...] = ()
    does_not_establish: tuple[str, ...] = ()
    reveals: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    assurance: str = ""
    inputs: Mapping[str, IntArray] | None = None
    outputs: Mapping[str, IntArray] | None = None
    input_values: Mapping[str, FloatArray] | None = None
    output_values: Mapping[str, FloatArray] | None = None

    @property
    def failed(self) -> tuple[Check, ...]:
        """All checks that are not ok, those that failed first."""
        return not_ok(self.checks)

    def to_json(self) -> dict[str, object]:
        """The verdict as JSON-ready objects, without the values."""
        return {
            "verdict": self.outcome,
            "statement_digest": encode_hex(self.statement_digest),
            "backend": self.backend,
            "checks": [check.to_json() for check in self.checks],
            "establishes": list(self.establishes),
            "does_not_establish": list(self.does_not_establish),
            "reveals": list(self.reveals),
            "details": list(self.details),
            "assurance": self.assurance,
        }
