"""Exit codes, and how an error becomes one."""

from __future__ import annotations

from verifiable.errors import (
    AccountError,
    Cancelled,
    MalformedFile,
    MissingDependency,
    Undecided,
    VerifiableError,
)

__all__ = ["FAILED", "INTERRUPTED", "OK", "UNREADABLE", "USAGE", "exit_code"]

OK = 0  # done; for `verify`: proven
FAILED = 1  # the work failed; for `verify`: not proven
USAGE = 2  # the command line, or the installation, has to change
UNREADABLE = 3  # a file cannot be read, or the verifier lacks something to decide
INTERRUPTED = 130  # 128 + SIGINT, as shells report it

_USAGE_CODES = frozenset(
    (
        "audit-needs-scales",
        "backend-named-twice",
        "bad-floor",
        "calibration-needed",
        "confirmation-needed",
        "index-needed",
        "key-not-in-lock",
        "key-without-record",
        "floor-not-reached",
        "floor-without-data",
        "level-without-proofs",
        "malformed-chain-url",
        "malformed-registry-url",
        "malformed-requirement",
        "no-such-row",
        "nothing-to-audit",
        "output-is-input",
        "outside-of-the-lock",
        "program-not-in-lock",
        "record-needed",
        "registry-needed",
        "requirement-needed",
        "requirement-too-large",
        "signature-needs-key",
        "threshold-out-of-range",
        "too-many-vectors",
        "two-records",
        "two-requirements",
        "two-setups",
        "unknown-backend",
        "unknown-level",
        "unknown-model",
        "unknown-option",
        "unknown-setting",
        "visibility-unsupported",
    )
)


def exit_code(error: VerifiableError, *, judging: bool = False) -> int:
    """The exit code for an error that ended a command.

    Args:
        error: what was raised.
        judging: the command judges a proof: whatever keeps it from a verdict leaves the proof
            undecided, and only a verdict against the proof is `FAILED`.
    """
    if isinstance(error, Cancelled):
        return INTERRUPTED
    if isinstance(error, MissingDependency | AccountError) or error.code in _USAGE_CODES:
        return USAGE
    if judging or isinstance(error, MalformedFile | Undecided):
        return UNREADABLE
    return FAILED
