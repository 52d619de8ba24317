"""What came of a check of a repository: findings, and what they add up to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, TypeAlias

from verifiable.errors import InvalidInput
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.verdict import Check

__all__ = ["LEVELS", "CheckedFile", "Finding", "Level", "Report", "Result", "level_of"]

Level = Literal["hash", "program", "golden", "proof"]
LEVELS: tuple[Level, ...] = ("hash", "program", "golden", "proof")
"""Each looks at all that those before it look at."""


def level_of(text: str) -> Level:
    """The level of this name.

    Raises:
        InvalidInput: (code `unknown-level`) there is none.
    """
    for level in LEVELS:
        if level == text:
            return level
    raise InvalidInput(
        f"unknown level {text!r}",
        hint=f"use one of: {', '.join(LEVELS)}",
        code="unknown-level",
    )


Result: TypeAlias = Literal["passed", "failed", "undecided"]
Pointer: TypeAlias = "tuple[str | int, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check of one thing.

    Attributes:
        check: what came of it.
        model: the name of the lock's entry; empty if it is about the whole.
        path: of the file that was looked at, as the lock or the caller writes it; may be empty.
        pointer: the keys that lead to its place in the lock's document; empty for the whole.
    """

    check: Check
    model: str = ""
    path: str = ""
    pointer: Pointer = ()

    def to_json(self) -> dict[str, object]:
        """The finding as JSON-ready objects."""
        return {**self.check.to_json(), "model": self.model, "path": self.path}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFile:
    """A model's file as it was found: its name in the lock, and the hash of what lies there."""

    model: str
    program_root: bytes
    path: str
    sha256: bytes
    size: int

    def to_json(self) -> dict[str, object]:
        """The file as JSON-ready objects."""
        return {
            "name": self.model,
            "program_root": encode_hex(self.program_root),
            "path": self.path,
            "sha256": self.sha256.hex(),
            "size": self.size,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All findings, in the order in which they were made.

    Attributes:
        level: how deep was looked.
        lock: path of the lock, as given.
        lock_data: its bytes.
        findings: at least one.
        files: the model files that were hashed.
        does_not_establish: what was not looked at, as sentences.
    """

    level: Level
    lock: str
    lock_data: bytes
    findings: tuple[Finding, ...]
    files: tuple[CheckedFile, ...]
    does_not_establish: tuple[str, ...]

    @property
    def result(self) -> Result:
        """`failed` if anything failed; `passed` only if all was looked at and nothing lacked."""
        found = {finding.check.status for finding in self.findings}
        if "failed" in found:
            return "failed"
        return "passed" if found == {"ok"} else "undecided"

    @property
    def bad(self) -> tuple[Finding, ...]:
        """What did not pass, failures first; checks that were not run are left out."""
        order = {"failed": 0, "undecided": 1}
        found = [item for item in self.findings if item.check.status in order]
        return tuple(sorted(found, key=lambda item: order[item.check.status]))

    def to_json(self) -> dict[str, object]:
        """The report as JSON-ready objects."""
        return {
            "result": self.result,
            "level": self.level,
            "lock": self.lock,
            "lock_sha256": hashlib.sha256(self.lock_data).hexdigest(),
            "models": [item.to_json() for item in self.files],
            "checks": [item.to_json() for item in self.findings],
            "does_not_establish": list(self.does_not_establish),
        }
