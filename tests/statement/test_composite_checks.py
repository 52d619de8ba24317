"""One lie per check of several proofs together, beside proofs that belong together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from statement_samples import TOY_POLICY, dense_case, dense_program, lock_of

from verifiable.statement.checks import STATEMENT_CHECKS
from verifiable.statement.composite import REQUIREMENT_CHECKS, CompositeVerdict, combine
from verifiable.statement.hashing import keccak
from verifiable.statement.requirement import Requirement
from verifiable.statement.verdict import Verdict
from verifiable.verification import evaluate

DIGEST, OTHER_DIGEST = keccak(b"a statement"), keccak(b"another statement")
FAILED, OPEN = STATEMENT_CHECKS[3].failed(), STATEMENT_CHECKS[3].undecided()
VALUES = {"y": np.arange(3)}


def proven(backend: str, **changed: Any) -> Verdict:
    given = {
        "outcome": "proven",
        "statement_digest": DIGEST,
        "backend": backend,
        "checks": (STATEMENT_CHECKS[3].ok(),),
        "establishes": ("the output is right", f"{backend} holds"),
        "does_not_establish": ("that the model is fair", f"{backend} may fail"),
        "reveals": ("the output",),
        "outputs": VALUES,
        **changed,
    }
    return Verdict(**given)


def not_proven(backend: str, **changed: Any) -> Verdict:
    bare = {"checks": (FAILED,), "establishes": (), "outputs": None, "outcome": "not_proven"}
    return proven(backend, **{**bare, **changed})


def undecided(backend: str) -> Verdict:
    return not_proven(backend, outcome="undecided", checks=(OPEN,))


def judged(text: str, *verdicts: Verdict) -> CompositeVerdict:
    return combine(Requirement.parse(text), verdicts)


def refused(verdict: CompositeVerdict, check: str, code: str, outcome: str = "not_proven") -> None:
    assert verdict.outcome == outcome
    first = verdict.failed[0]
    assert (first.id, first.code) == (check, code)
    assert first.hint
    assert {item.id for item in verdict.failed if item.status != "skipped"} == {check}
    assert not verdict.establishes
    assert verdict.outputs is verdict.output_values is verdict.inputs is None


BOTH = "a and b"


def test_proofs_that_belong_together_are_proven() -> None:
    verdict = judged(BOTH, proven("a"), proven("b"))
    assert verdict.outcome == "proven"
    assert [check.id for check in verdict.checks] == [spec.id for spec in REQUIREMENT_CHECKS]
    assert verdict.counted == ("a", "b")
    assert verdict.statement_digest == DIGEST
    assert verdict.outputs is VALUES
    assert verdict.establishes == (
        "the requirement `a and b` is met, for one statement, by: a, b",
        "the output is right",
        "a: a holds",
        "b: b holds",
    )
    assert verdict.does_not_establish == (
        "that the model is fair",
        "a: a may fail",
        "b: b may fail",
    )
    assert verdict.reveals == ("the output",)


def test_rq_1_proofs_of_different_statements_show_nothing_together() -> None:
    other = proven("b", statement_digest=OTHER_DIGEST)
    for text in (BOTH, "a or b"):
        verdict = judged(text, proven("a"), other)
        refused(verdict, "RQ-1", "statements-differ")
        assert verdict.statement_digest is None
        assert verdict.counted == ()


def test_rq_1_a_proof_that_failed_is_held_to_it_too() -> None:
    """It is not left out in silence: whoever gave it thinks that it is of the same statement."""
    other = not_proven("b", statement_digest=OTHER_DIGEST)
    refused(judged("a or b", proven("a"), other), "RQ-1", "statements-differ")


def test_rq_2_two_proofs_of_one_backend_are_not_two_kinds() -> None:
    twice = (proven("a"), proven("a"))
    refused(judged("2 of (a, b, c)", *twice), "RQ-2", "backend-proven-twice")
    refused(judged("a", *twice), "RQ-2", "backend-proven-twice")
    refused(judged("a", proven("a"), not_proven("a")), "RQ-2", "backend-proven-twice")


def test_rq_3_a_proof_that_is_not_named_does_not_count() -> None:
    refused(judged("a or c", proven("a"), proven("b")), "RQ-3", "proof-not-named")


def test_rq_4_a_proof_that_is_not_proven_counts_against_it() -> None:
    refused(judged(BOTH, proven("a"), not_proven("b")), "RQ-4", "requirement-not-met")
    refused(judged("a", not_proven("a")), "RQ-4", "requirement-not-met")
    both = (not_proven("a"), not_proven("b"), proven("c"))
    refused(judged("2 of (a, b, c)", *both), "RQ-4", "requirement-not-met")


def test_rq_4_what_is_missing_or_undecided_leaves_it_open() -> None:
    for verdicts in (
        (proven("a"),),
        (proven("a"), undecided("b")),
        (undecided("a"), undecided("b")),
    ):
        refused(judged(BOTH, *verdicts), "RQ-4", "requirement-open", "undecided")
    verdict = judged(BOTH, proven("a"))
    assert verdict.failed[0].found == "a: proven, b: no proof was given"


def test_rq_4_what_could_no_longer_become_true_is_not_open() -> None:
    refused(judged("a and b", undecided("a"), not_proven("b")), "RQ-4", "requirement-not-met")
    refused(
        judged("2 of (a, b, c)", not_proven("a"), not_proven("b")), "RQ-4", "requirement-not-met"
    )


def test_a_proof_that_is_not_needed_may_fail_and_is_told_of() -> None:
    verdict = judged("a or b", not_proven("a"), proven("b"))
    assert verdict.outcome == "proven"
    assert verdict.counted == ("b",)
    assert verdict.does_not_establish[0] == (
        "anything by the a proof, which was given and is not proven [program-header-mismatch]"
    )
    assert verdict.outputs is VALUES
    also = judged("a or b", undecided("a"), proven("b"))
    assert "is undecided" in also.does_not_establish[0]


MARKED = {
    "assurance": "simulated",
    "establishes": ("SIMULATED: the output is right", "SIMULATED: an enclave ran it"),
}


def test_simulated_evidence_keeps_its_mark() -> None:
    simulated = proven("b", **MARKED)
    verdict = judged(BOTH, proven("a"), simulated)
    assert verdict.assurance == "simulated"
    assert verdict.establishes == (
        "SIMULATED: the requirement `a and b` is met, for one statement, by: a, b",
        "a: the output is right",
        "a: a holds",
        "SIMULATED: b: the output is right",
        "SIMULATED: b: an enclave ran it",
    )


def test_what_is_met_without_simulated_evidence_bears_no_mark() -> None:
    verdict = judged("a or b", proven("a"), proven("b", **MARKED))
    assert verdict.outcome == "proven"
    assert verdict.assurance == ""
    assert not verdict.establishes[0].startswith("SIMULATED")
    assert "SIMULATED: b: an enclave ran it" in verdict.establishes
    alone = judged("a or b", not_proven("a"), proven("b", **MARKED))
    assert alone.assurance == "simulated"


def test_inputs_come_from_whoever_shows_them() -> None:
    inputs = {"x": np.arange(2)}
    verdict = judged(BOTH, proven("a"), proven("b", inputs=inputs))
    assert verdict.inputs is inputs


def test_the_json_document_holds_all_verdicts() -> None:
    document = judged(BOTH, proven("a"), not_proven("b")).to_json()
    assert document["verdict"] == "not_proven"
    assert document["requirement"] == BOTH
    assert document["statement_digest"] == f"0x{DIGEST.hex()}"
    assert [item["backend"] for item in document["proofs"]] == ["a", "b"]
    assert (
        judged(BOTH, proven("a"), proven("b", statement_digest=OTHER_DIGEST)).to_json()[
            "statement_digest"
        ]
        is None
    )


@pytest.mark.usefixtures("toy")
def test_st_13_a_requirement_is_not_ignored_where_one_proof_is_judged() -> None:
    policy = replace(TOY_POLICY, require="toy")
    verdict = evaluate(dense_case().proof, policy, lock=lock_of(dense_program()))
    assert verdict.outcome == "not_proven"
    assert (verdict.failed[0].id, verdict.failed[0].code) == ("ST-13", "policy-not-enforced")
    assert verdict.failed[0].found == "require=toy"
