"""The table of checks: ids, names, codes, and what each one refuses.

This part's own checks are here; a backend declares its own in the same form (`Backend.checks`).
`docs/security.md` shows all of them in one table that is generated from these.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from verifiable.statement.verdict import Check

__all__ = ["KEY_1", "STATEMENT_CHECKS", "CheckSpec", "markdown_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """One check as the documentation lists it; also makes its results.

    Attributes:
        id: stable id with the prefix of its part.
        name: a few words for people.
        codes: every code that the check can end with; the first is the usual one.
        refuses: what the check keeps out, one sentence.
    """

    id: str
    name: str
    codes: tuple[str, ...]
    refuses: str

    def ok(self, *, expected: str = "", found: str = "", hint: str = "") -> Check:
        """The check was run and passed."""
        return Check(
            id=self.id, name=self.name, status="ok", expected=expected, found=found, hint=hint
        )

    def failed(
        self, code: str = "", *, expected: str = "", found: str = "", hint: str = ""
    ) -> Check:
        """The check was run and did not pass."""
        return Check(
            id=self.id,
            name=self.name,
            status="failed",
            code=self._known(code),
            expected=expected,
            found=found,
            hint=hint,
        )

    def undecided(
        self, code: str = "", *, expected: str = "", found: str = "", hint: str = ""
    ) -> Check:
        """The verifier lacks something to run the check."""
        return Check(
            id=self.id,
            name=self.name,
            status="undecided",
            code=self._known(code),
            expected=expected,
            found=found,
            hint=hint,
        )

    def skipped(self, *, hint: str = "") -> Check:
        """The check was not run because of an earlier one; never counts as passed."""
        return Check(id=self.id, name=self.name, status="skipped", code="check-not-run", hint=hint)

    def _known(self, code: str) -> str:
        if code and code not in self.codes:
            raise ValueError(f"{self.id} does not declare the code {code!r}")
        return code or self.codes[0]


def markdown_table(specs: Iterable[CheckSpec]) -> str:
    """Rows for `docs/security.md`."""
    lines = ["| id | check | codes | refuses |", "| --- | --- | --- | --- |"]
    for spec in specs:
        codes = ", ".join(f"`{code}`" for code in spec.codes)
        lines.append(f"| {spec.id} | {spec.name} | {codes} | {spec.refuses} |")
    return "\n".join(lines) + "\n"


ST_1 = CheckSpec(
    id="ST-1",
    name="proof file",
    codes=("unknown-format",),
    refuses="A file of another format or version, or one that breaks the format's rules "
    "(raised as `MalformedProof`, with the code of what is wrong).",
)
ST_2 = CheckSpec(
    id="ST-2",
    name="backend accepted",
    codes=("backend-not-accepted", "backend-not-installed"),
    refuses="Evidence of a kind that the policy does not name: the prover does not choose who "
    "must be trusted.",
)
ST_3 = CheckSpec(
    id="ST-3",
    name="backend version",
    codes=("backend-version-not-accepted",),
    refuses="Evidence that says to be older than the policy's lowest version (ST-15 shows that "
    "what it says is true).",
)
ST_4 = CheckSpec(
    id="ST-4",
    name="program header",
    codes=("program-header-mismatch",),
    refuses="A header (names, shapes, scales, bounds) that is not the one behind the "
    "statement's program root.",
)
ST_5 = CheckSpec(
    id="ST-5",
    name="program pinned",
    codes=("wrong-program", "program-not-pinned"),
    refuses="A program other than the one that the verifier's program file, lock or policy "
    "names; undecided if none of them is given.",
)
ST_6 = CheckSpec(
    id="ST-6",
    name="input values",
    codes=("input-does-not-fit", "input-missing"),
    refuses="Input values outside the schema's shapes and bounds; undecided if the verifier "
    "does not hold them, unless the evidence stands for hidden ones.",
)
ST_7 = CheckSpec(
    id="ST-7",
    name="input commitment",
    codes=("input-mismatch", "input-missing"),
    refuses="Input values (in the proof, or the verifier's own) that are not those of the "
    "statement's input root.",
)
ST_8 = CheckSpec(
    id="ST-8",
    name="output values",
    codes=("output-does-not-fit",),
    refuses="Output values outside the schema's bounds.",
)
ST_9 = CheckSpec(
    id="ST-9",
    name="output commitment",
    codes=("output-mismatch",),
    refuses="Output values that are not those of the statement's output root.",
)
ST_10 = CheckSpec(
    id="ST-10",
    name="context",
    codes=("wrong-context",),
    refuses="A proof made for another use, where the policy names the context.",
)
ST_11 = CheckSpec(
    id="ST-11",
    name="input not saturated",
    codes=("input-saturated",),
    refuses="A proof whose prover says that raw input was clipped, unless the policy allows it.",
)
ST_12 = CheckSpec(
    id="ST-12",
    name="statement",
    codes=("wrong-statement",),
    refuses="A statement other than the one that the policy names, if it names one.",
)
ST_13 = CheckSpec(
    id="ST-13",
    name="policy enforceable",
    codes=("policy-not-enforced",),
    refuses="A policy that demands what cannot be checked of this evidence (an age, an "
    "assurance): it is never silently ignored.",
)
ST_14 = CheckSpec(
    id="ST-14",
    name="evidence judged",
    codes=("verifier-error", "verifier-trouble", "check-not-run", "undeclared-check"),
    refuses="A verdict in which the backend broke, or did not report each of its declared "
    "checks exactly once; undecided if this machine (memory, disk, a limit) was the cause.",
)
ST_15 = CheckSpec(
    id="ST-15",
    name="version verified",
    codes=("backend-version-mismatch", "backend-version-not-verified"),
    refuses="Evidence of another version than the proof file says, or, where the policy names a "
    "lowest version, evidence that binds none.",
)
KEY_1 = CheckSpec(
    id="KEY-1",
    name="key derived from the program",
    codes=("no-key", "malformed-key", "key-of-another-backend"),
    refuses="Evidence under a key that nobody whom the verifier trusts derived from the program.",
)

STATEMENT_CHECKS = (
    ST_1, ST_2, ST_3, ST_4, ST_5, ST_6, ST_7, ST_8, ST_9, ST_10, ST_11, ST_12, ST_13, ST_14,
    ST_15, KEY_1,
)  # fmt: skip
"""All checks that every backend shares, in the order of the verdict."""
