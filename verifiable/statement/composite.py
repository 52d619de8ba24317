"""Several proofs of one statement, and the verdict that they add up to: the checks RQ-*.

Pure functions of the requirement and of the proofs' own verdicts. Each proof is judged by itself,
under the whole policy; here is only what they are worth together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verifiable.statement.checks import CheckSpec
from verifiable.statement.requirement import Requirement
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.verdict import SIMULATED_MARK, Check, Outcome, Verdict, not_ok, outcome_of

if TYPE_CHECKING:
    from verifiable.program.program import IntArray
    from verifiable.statement.hashing import StatementDigest
    from verifiable.statement.verdict import FloatArray

__all__ = ["REQUIREMENT_CHECKS", "CompositeVerdict", "combine"]

RQ_1 = CheckSpec(
    id="RQ-1",
    name="one statement",
    codes=("statements-differ",),
    refuses="Proofs of different statements: two halves that are about different inputs, outputs "
    "or uses show nothing together.",
)
RQ_2 = CheckSpec(
    id="RQ-2",
    name="one proof of each backend",
    codes=("backend-proven-twice",),
    refuses="Two proofs of one backend: one kind of evidence is not counted twice, and nobody has "
    "to say which of them counts.",
)
RQ_3 = CheckSpec(
    id="RQ-3",
    name="proofs named",
    codes=("proof-not-named",),
    refuses="A proof of a backend that the requirement does not name: it would look as if it "
    "counted.",
)
RQ_4 = CheckSpec(
    id="RQ-4",
    name="requirement met",
    codes=("requirement-not-met", "requirement-open"),
    refuses="Proofs that are not enough together; a backend whose proof is not proven counts "
    "against them. Undecided if the requirement could still be met: by a proof that was not given, "
    "or one that is undecided.",
)
REQUIREMENT_CHECKS = (RQ_1, RQ_2, RQ_3, RQ_4)
"""In the order of a composite verdict."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompositeVerdict:
    """What several proofs of one statement show together.

    Attributes:
        outcome: `proven` if the requirement is met, whatever became of proofs that it does not
            need; `undecided` if it could still be met.
        requirement: as it was read.
        statement_digest: of the one statement; None if the proofs are of several.
        checks: RQ-1 to RQ-4.
        verdicts: of each proof, in the order given; each with all its checks.
        counted: the backends whose proofs are proven; none if the proofs do not belong together.
        establishes, does_not_establish, reveals: sentences; nothing is established unless proven.
        assurance: `simulated` if the requirement is not met without simulated evidence.
        inputs, outputs, input_values, output_values: as of a `Verdict`.
    """

    outcome: Outcome
    requirement: str
    statement_digest: StatementDigest | None
    checks: tuple[Check, ...]
    verdicts: tuple[Verdict, ...]
    counted: tuple[str, ...] = ()
    establishes: tuple[str, ...] = ()
    does_not_establish: tuple[str, ...] = ()
    reveals: tuple[str, ...] = ()
    assurance: str = ""
    inputs: Mapping[str, IntArray] | None = None
    outputs: Mapping[str, IntArray] | None = None
    input_values: Mapping[str, FloatArray] | None = None
    output_values: Mapping[str, FloatArray] | None = None

    @property
    def failed(self) -> tuple[Check, ...]:
        """All checks RQ-* that are not ok, those that failed first."""
        return not_ok(self.checks)

    def to_json(self) -> dict[str, object]:
        """The verdict as JSON-ready objects, without the values."""
        digest = self.statement_digest
        return {
            "verdict": self.outcome,
            "requirement": self.requirement,
            "statement_digest": None if digest is None else encode_hex(digest),
            "checks": [check.to_json() for check in self.checks],
            "counted": list(self.counted),
            "establishes": list(self.establishes),
            "does_not_establish": list(self.does_not_establish),
            "reveals": list(self.reveals),
            "assurance": self.assurance,
            "proofs": [verdict.to_json() for verdict in self.verdicts],
        }


def combine(requirement: Requirement, verdicts: Sequence[Verdict]) -> CompositeVerdict:
    """Judge what proofs show together.

    Args:
        requirement: the relying party's.
        verdicts: of every proof that was given, at least one.

    Soundness:
        A requirement is met only by proofs that are proven, of one statement, each of another
        backend. A proof that is not proven can take nothing away from those that are.
    """
    together = (
        _examine_statements(verdicts),
        _examine_repetition(verdicts),
        _examine_names(requirement, verdicts),
    )
    bad = next((check for check in together if not check.ok), None)
    if bad is None:
        last = _examine_requirement(requirement, verdicts)
    else:
        last = RQ_4.skipped(hint=f"{bad.id} did not pass")
    checks = (*together, last)
    outcome = outcome_of(checks)
    counted = tuple(item for item in verdicts if item.outcome == "proven" and bad is None)
    shown = counted if outcome == "proven" else ()
    simulated = bool(shown) and _rests_on_simulated(requirement, verdicts)
    with_inputs = next((item for item in shown if item.inputs is not None), None)
    digest = verdicts[0].statement_digest if together[0].ok else None
    return CompositeVerdict(
        outcome=outcome,
        requirement=str(requirement),
        statement_digest=digest,
        checks=checks,
        verdicts=tuple(verdicts),
        counted=tuple(item.backend for item in counted),
        establishes=_establishes(requirement, shown, simulated=simulated),
        does_not_establish=_limits(verdicts, counted),
        reveals=_unique(text for item in verdicts for text in item.reveals),
        assurance="simulated" if simulated else "",
        inputs=None if with_inputs is None else with_inputs.inputs,
        outputs=shown[0].outputs if shown else None,
        input_values=None if with_inputs is None else with_inputs.input_values,
        output_values=shown[0].output_values if shown else None,
    )


def _examine_statements(verdicts: Sequence[Verdict]) -> Check:
    # RQ-1: program, input, output and context are one for all, or the proofs are unrelated.
    first = encode_hex(verdicts[0].statement_digest)
    others = [
        f"{item.backend}: {encode_hex(item.statement_digest)}"
        for item in verdicts
        if item.statement_digest != verdicts[0].statement_digest
    ]
    if others:
        return RQ_1.failed(
            expected=f"{verdicts[0].backend}: {first}",
            found="; ".join(others),
            hint="prove one program on one input, with one context, and hidden inputs with one "
            "salt",
        )
    return RQ_1.ok(expected="one statement", found=first)


def _examine_repetition(verdicts: Sequence[Verdict]) -> Check:
    # RQ-2: "2 of 3" means two kinds of evidence, not one kind twice.
    given = [item.backend for item in verdicts]
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        return RQ_2.failed(
            expected="one proof of each backend",
            found=f"several of {', '.join(twice)}",
            hint="give the one that you rely on",
        )
    return RQ_2.ok(expected="one proof of each backend", found=", ".join(given))


def _examine_names(requirement: Requirement, verdicts: Sequence[Verdict]) -> Check:
    # RQ-3: what is not named cannot count, so whoever gives it expects something else.
    unnamed = [item.backend for item in verdicts if item.backend not in requirement.names]
    expected = f"proofs of {', '.join(requirement.names)}"
    if unnamed:
        return RQ_3.failed(
            expected=expected,
            found=f"one of {', '.join(unnamed)}",
            hint="leave that proof out, or name its backend in the requirement",
        )
    return RQ_3.ok(expected=expected, found=", ".join(item.backend for item in verdicts))


def _known(verdicts: Sequence[Verdict]) -> dict[str, bool]:
    return {
        item.backend: item.outcome == "proven" for item in verdicts if item.outcome != "undecided"
    }


def _examine_requirement(requirement: Requirement, verdicts: Sequence[Verdict]) -> Check:
    # RQ-4: only what is proven counts for it, and what is not counts against it.
    holds = requirement.holds(_known(verdicts))
    outcomes = {item.backend: item.outcome.replace("_", " ") for item in verdicts}
    found = ", ".join(
        f"{name}: {outcomes.get(name, 'no proof was given')}" for name in requirement.names
    )
    if holds:
        return RQ_4.ok(expected=str(requirement), found=found)
    if holds is None:
        return RQ_4.undecided(
            "requirement-open",
            expected=str(requirement),
            found=found,
            hint="give the proofs that are missing, and what the undecided ones ask for",
        )
    return RQ_4.failed(
        expected=str(requirement),
        found=found,
        hint="the verdicts of the single proofs say what is wrong with each",
    )


def _rests_on_simulated(requirement: Requirement, verdicts: Sequence[Verdict]) -> bool:
    """Whether the requirement is not met if all simulated evidence is left out."""
    real = {
        item.backend: item.outcome == "proven" and item.assurance != "simulated"
        for item in verdicts
    }
    return requirement.holds(real) is not True


def _establishes(
    requirement: Requirement, shown: Sequence[Verdict], *, simulated: bool
) -> tuple[str, ...]:
    if not shown:
        return ()
    mark = SIMULATED_MARK if simulated else ""
    names = ", ".join(item.backend for item in shown)
    told = f"the requirement `{requirement}` is met, for one statement, by: {names}"
    return (mark + told, *_attributed(shown, [item.establishes for item in shown]))


def _limits(verdicts: Sequence[Verdict], counted: Sequence[Verdict]) -> tuple[str, ...]:
    """What even the proven ones leave open, and which proofs showed nothing."""
    failing = [
        f"anything by the {item.backend} proof, which was given and is "
        f"{item.outcome.replace('_', ' ')} [{item.failed[0].code}]"
        for item in verdicts
        if item.outcome != "proven"
    ]
    return (*failing, *_attributed(counted, [item.does_not_establish for item in counted]))


def _attributed(shown: Sequence[Verdict], sentences: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Sentences that all share as they are, and the others with the backend that says them."""
    said: list[str] = []
    for item, own in zip(shown, sentences, strict=True):
        said += [
            text if all(text in others for others in sentences) else _by(item.backend, text)
            for text in own
        ]
    return _unique(said)


def _by(backend: str, text: str) -> str:
    """A sentence with who says it; the mark of simulated evidence stays in front."""
    if text.startswith(SIMULATED_MARK):
        return f"{SIMULATED_MARK}{backend}: {text.removeprefix(SIMULATED_MARK)}"
    return f"{backend}: {text}"


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
