"""What came of an audit: what was derived, what it was compared with, and what that adds up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

from verifiable.auditing.checks import AU_9
from verifiable.program.accuracy import Accuracy
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.verdict import Check

__all__ = [
    "Agreement",
    "AuditFinding",
    "AuditReport",
    "Comparison",
    "DerivedKey",
    "Labelled",
    "Result",
    "Subject",
]

Subject: TypeAlias = Literal["program", "lock", "record", "data"]
Comparison: TypeAlias = Literal["equal", "differ", "undecided"]
Result: TypeAlias = Literal["passed", "failed", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFinding:
    """One check of one thing.

    Attributes:
        subject: what was compared with what follows from the model.
        check: what came of it.
        backend: whose key it is about; empty if it is about none.
    """

    subject: Subject
    check: Check
    backend: str = ""

    def to_json(self) -> dict[str, object]:
        """The finding as JSON-ready objects."""
        return {**self.check.to_json(), "subject": self.subject, "backend": self.backend}


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedKey:
    """A backend's key as it follows from the derived program, or why none was derived.

    Attributes:
        digest: 32 bytes; None: not derived.
        fields: what the digest covers; empty if none was derived.
        follows_from: what besides the program it follows from, for people; empty if nothing.
        assumed: what it follows from is nothing that the caller said: another key is not wrong.
        why_not: why none was derived; empty if one was.
        refuted: what the key must rest on was looked at, and is not there: whoever claims a key
            claims something false.
        from_cache: taken from this machine's cache instead of computed now.
        estimate_s: expected seconds of deriving it; None: unknown.
        derive_s: seconds that it took; None: not derived.
    """

    backend: str
    digest: bytes | None = None
    fields: Mapping[str, str]
    follows_from: str = ""
    assumed: bool = False
    why_not: str = ""
    refuted: bool = False
    from_cache: bool = False
    estimate_s: float | None = None
    derive_s: float | None = None

    def to_json(self) -> dict[str, object]:
        """The key as JSON-ready objects."""
        return {
            "backend": self.backend,
            "digest": None if self.digest is None else encode_hex(self.digest),
            "fields": dict(self.fields),
            "follows_from": self.follows_from,
            "assumed": self.assumed,
            "why_not": self.why_not,
            "from_cache": self.from_cache,
            "estimate_s": self.estimate_s,
            "derive_s": self.derive_s,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """On how many of the labelled rows each of the two is right."""

    rows: int
    float_right: int
    program_right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How close the program is to the float model on the given data.

    Attributes:
        compared: errors and agreement for each output.
        labelled: None where the data have no labels.
    """

    compared: Accuracy
    labelled: Labelled | None = None

    def to_json(self) -> dict[str, object]:
        """The comparison as JSON-ready objects."""
        labelled = None if self.labelled is None else asdict(self.labelled)
        return {**asdict(self.compared), "labelled": labelled}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """All findings, in the order in which they were made.

    Attributes:
        commitment: to the derived program.
        same_source: whether the model is, byte for byte, the one that the program's metadata name;
            None where they name none. Nothing rests on it.
        keys: one for each backend whose key is locked, registered or was asked for.
        findings: at least one.
        agreement: None where no data were given.
        does_not_establish: what was not looked at, as sentences.
    """

    commitment: ProgramCommitment
    same_source: bool | None
    keys: tuple[DerivedKey, ...]
    findings: tuple[AuditFinding, ...]
    agreement: Agreement | None
    does_not_establish: tuple[str, ...]

    @property
    def commitments(self) -> Comparison:
        """Whether what is committed to follows from model and scales; data do not matter here."""
        found = {item.check.status for item in self.findings if item.check.id != AU_9.id}
        if "failed" in found:
            return "differ"
        return "equal" if found == {"ok"} else "undecided"

    @property
    def result(self) -> Result:
        """`passed` only if all commitments are equal and the program agrees with its model."""
        found = {item.check.status for item in self.findings}
        if "failed" in found:
            return "failed"
        return "passed" if found == {"ok"} else "undecided"

    @property
    def below_floor(self) -> bool:
        """Whether the program was found to agree with its model too seldom."""
        return any(item.check.id == AU_9.id and item.check.status == "failed" for item in self.bad)

    @property
    def bad(self) -> tuple[AuditFinding, ...]:
        """What did not pass, failures first."""
        order = {"failed": 0, "undecided": 1, "skipped": 2}
        found = [item for item in self.findings if not item.check.ok]
        return tuple(sorted(found, key=lambda item: order[item.check.status]))

    def to_json(self) -> dict[str, object]:
        """The report as JSON-ready objects."""
        commitment = self.commitment
        return {
            "result": self.result,
            "commitments": self.commitments,
            "program_root": encode_hex(commitment.program_root),
            "graph_root": encode_hex(commitment.graph_root),
            "weights_root": encode_hex(commitment.weights_root),
            "tables_root": encode_hex(commitment.tables_root),
            "schema_hash": encode_hex(commitment.schema.digest),
            "same_source": self.same_source,
            "keys": [item.to_json() for item in self.keys],
            "checks": [item.to_json() for item in self.findings],
            "agreement": None if self.agreement is None else self.agreement.to_json(),
            "does_not_establish": list(self.does_not_establish),
        }
