"""What is absorbed before what, recorded on both sides of real proofs; and what binding refuses.

The controls at the end freeze all challenges on both sides. Forgeries made with challenges known in
advance are then accepted, and the live transcript refuses the same forger's best attempt: it is the
binding that refuses, not an accident of encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from frozen_transcript import FrozenTranscript, frozen_challenge
from gkr_lies import PROGRAMS, case_of, centred, raised
from gkr_parties import (
    ACCEPTED,
    Attempt,
    Case,
    Lie,
    LyingSide,
    Name,
    honest,
    proven_ranges,
    ranges_verdict,
    verdict,
)

from verifiable.argument.claims import Claim
from verifiable.argument.functional import Functional
from verifiable.argument.goldilocks import ZERO, Ext, P
from verifiable.argument.side import Side
from verifiable.argument.transcript import AnyTranscript, Transcript, TranscriptEvent
from verifiable.backends.gkr import protocol as protocol_module
from verifiable.statement.statement import ZERO_CONTEXT

NAMES = ["dense", "fan out", "Transpose, plain", "wide clamp", "MaxPool, plain", "activation"]


def both_sides(name: str, mode: str) -> tuple[list[TranscriptEvent], list[TranscriptEvent]]:
    case = case_of(name, mode)
    proving: list[TranscriptEvent] = []
    verifying: list[TranscriptEvent] = []
    proof = Attempt.of(case).prove(transcript=Transcript(record=proving.append))
    assert verdict(case, proof, transcript=Transcript(record=verifying.append)) == ACCEPTED
    return proving, verifying


def of_ranges(name: str) -> tuple[list[TranscriptEvent], list[TranscriptEvent]]:
    case = case_of(name, "committed")
    proving: list[TranscriptEvent] = []
    verifying: list[TranscriptEvent] = []
    ranges, _ = proven_ranges(case, transcript=Transcript(record=proving.append))
    record = Transcript(record=verifying.append)
    assert ranges_verdict(case, ranges, transcript=record) == ACCEPTED
    return proving, verifying


@pytest.mark.parametrize("mode", ["public", "committed"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_both_sides_see_the_same_events(name: str, mode: str) -> None:
    proving, verifying = both_sides(name, mode)
    assert proving == verifying
    assert len(proving) > 20


@pytest.mark.parametrize("name", ["dense", "wide weights"])
def test_both_sides_of_the_ranges_see_the_same_events(name: str) -> None:
    proving, verifying = of_ranges(name)
    assert proving == verifying


STATEMENT = ["protocol", "key", "program-root", "input-root", "output-root", "context"]


@pytest.mark.parametrize("name", NAMES)
def test_the_statement_is_absorbed_before_the_first_challenge(name: str) -> None:
    case = case_of(name)
    _, events = both_sides(name, "public")
    first = next(i for i, event in enumerate(events) if event.kind != "absorb")
    before = [event.label for event in events[:first]]
    values = ["input"] * len(case.trace.inputs) + ["output"] * len(case.outputs)
    assert before[: len(STATEMENT) + len(values) + 1] == [*STATEMENT, *values, "witness"]
    absorbed = {event.label: event.data for event in events[:first]}
    statement = case.statement
    assert absorbed["key"] == case.material.key.digest
    assert absorbed["program-root"] == statement.program_root
    assert absorbed["input-root"] == statement.input_root
    assert absorbed["output-root"] == statement.output_root
    assert absorbed["context"] == statement.context
    given = [event.data for event in events[:first] if event.label in ("input", "output")]
    tensors = [*case.trace.inputs, *case.outputs]
    assert given == [tensor.astype("<i8").tobytes() for tensor in tensors]


@pytest.mark.parametrize("mode", ["public", "committed"])
@pytest.mark.parametrize("name", NAMES)
def test_roots_come_before_the_challenges_that_depend_on_them(name: str, mode: str) -> None:
    _, events = both_sides(name, mode)
    labels = [(event.kind, event.label) for event in events]
    root = labels.index(("absorb", "witness"))
    drawn = [i for i, (kind, _) in enumerate(labels) if kind != "absorb"]
    assert root < min(drawn)
    # The row coordinates of the opened point are the merge's challenges: after every root, the
    # weights' among them, which is part of the key.
    assert labels.index(("absorb", "key")) < min(drawn)
    merge = [i for i, label in enumerate(labels) if label == ("challenge", "merge")]
    assert len(merge) == case_of(name, mode).material.plan.variables
    row, positions = (
        labels.index(("absorb", "opening-row")),
        labels.index(("positions", "opening-positions")),
    )
    assert max(merge) < labels.index(("absorb", "merge/stack")) < row < positions
    assert positions < labels.index(("absorb", "opening-columns"))
    assert positions == max(drawn)


def test_every_message_is_absorbed_before_the_next_challenge() -> None:
    """Together, what is absorbed after the statement is the proof, in order and in full."""
    case = case_of("fan out", "committed")
    _, events = both_sides("fan out", "committed")
    absorbed = [event for event in events if event.kind == "absorb"]
    public = {*STATEMENT, "input", "output", "lookup/commitment"}
    messages = b"".join(event.data for event in absorbed if event.label not in public)
    assert messages == honest(case)


SNAPSHOT = """
absorb protocol
absorb key
absorb program-root
absorb input-root
absorb output-root
absorb context
absorb input
absorb output
absorb witness
absorb lookup/commitment
challenge lookup/alpha
challenge lookup/beta
absorb lookup/root
tree
absorb 0.y
absorb 0.MatMul.r0
absorb 0.MatMul.h
absorb multiplicity0
absorb multiplicity1
challenge output0 x2
absorb 0.MatMul.bias
absorb 0.MatMul
challenge 0.MatMul
absorb 0.MatMul
challenge 0.MatMul
absorb 0.MatMul.factors
challenge merge/combine
merge
absorb merge/stack
absorb opening-row
positions opening-positions
absorb opening-columns
absorb opening-siblings
absorb opening-columns
absorb opening-siblings
"""


def test_the_order_of_labels_of_a_dense_layer() -> None:
    """The snapshot; a change of it is a new version of the protocol.

    `tree` stands for the levels of the lookups, `merge` for the rounds of that sumcheck.
    """
    case = case_of("dense", "committed")
    _, events = both_sides("dense", "committed")
    leaves = case.material.plan.leaves
    assert leaves is not None
    tree: list[str] = []
    for rounds in range(leaves.log_size):
        tree += ["challenge lookup/combine"]
        tree += ["absorb lookup/level", "challenge lookup/level"] * rounds
        tree += ["absorb lookup/children", "challenge lookup/child"]
    merge = ["absorb merge", "challenge merge"] * case.material.plan.variables
    expected: list[str] = []
    for line in SNAPSHOT.split("\n")[1:-1]:
        name, _, times = line.partition(" x")
        expected += {"tree": tree, "merge": merge}.get(name, [name] * int(times or 1))
    assert [f"{event.kind} {event.label}" for event in events] == expected


# --- What the statement binds -----------------------------------------------------------------

Other = Callable[[Case], Case]


@pytest.mark.parametrize("mode", ["public", "committed"])
def test_each_part_of_the_statement_is_bound(mode: str) -> None:
    case = case_of("dense", mode)
    proof, public = honest(case), case.public
    statement = public.statement
    other = case.with_seed(5)
    assert verdict(case, proof, public=public) == ACCEPTED
    flipped = bytes((public.key_digest[0] ^ 1,)) + public.key_digest[1:]
    changed = {
        "key": replace(public, key_digest=flipped),
        "context": replace(public, statement=replace(statement, context=ZERO_CONTEXT)),
        "input root": replace(
            public, statement=replace(statement, input_root=other.statement.input_root)
        ),
        "output root": replace(
            public, statement=replace(statement, output_root=other.statement.output_root)
        ),
        "program root": replace(
            public,
            statement=replace(statement, program_root=case_of("two layers").statement.program_root),
        ),
        "inputs": replace(public, inputs=other.trace.inputs),
        "outputs": replace(public, outputs=other.outputs),
        "order of outputs": replace(public, outputs=[case.outputs[0][:, ::-1]]),
    }
    for name, held in changed.items():
        assert verdict(case, proof, public=held) == "GK-7 lookup-level", name


def test_a_prover_with_frozen_challenges_alone_fails() -> None:
    case = case_of("dense")
    proof = Attempt.of(case).prove(transcript=FrozenTranscript())
    assert verdict(case, proof) != ACCEPTED
    assert verdict(case, honest(case), transcript=FrozenTranscript()) != ACCEPTED


# --- Frozen challenges ------------------------------------------------------------------------


def tried(
    case: Case, attempt: Attempt, forge: Callable[[Attempt, AnyTranscript], bytes]
) -> tuple[str, str]:
    """What verifiers with frozen and with live challenges say of the same forger."""
    frozen = forge(attempt, FrozenTranscript())
    under_frozen = verdict(case, frozen, public=attempt.public, transcript=FrozenTranscript())
    assert verdict(case, frozen, public=attempt.public) != ACCEPTED
    live = forge(attempt, Transcript())
    return under_frozen, verdict(case, live, public=attempt.public)


@pytest.mark.parametrize("mode", ["public", "committed"])
@pytest.mark.parametrize("name", ["dense", "fan out", "wide clamp", "Transpose, plain"])
def test_frozen_challenges_accept_the_honest_prover(name: str, mode: str) -> None:
    case = case_of(name, mode)
    said = tried(case, Attempt.of(case), lambda a, transcript: a.prove(transcript=transcript))
    assert said == (ACCEPTED, ACCEPTED)


@pytest.mark.parametrize("mode", ["public", "committed"])
def test_known_alpha_and_beta_forge_any_output(mode: str) -> None:
    """Two multiplicities, chosen after alpha and beta, make any sum of fractions zero."""
    case = case_of("dense", mode)
    lying, _ = raised(case)
    alpha, beta = frozen_challenge("lookup/alpha"), frozen_challenge("lookup/beta")
    attempt = Attempt.of(lying)
    plan, witness = case.material.plan, attempt.witness
    total = ZERO
    for (number, _), (a, b) in zip(plan.lookups, witness.looked_up, strict=True):
        second = np.zeros_like(a) if b is None else b
        for pair in zip(a.tolist(), second.tolist(), strict=True):
            total = total + fraction(pair, number, alpha, beta)
    for number, table in enumerate(plan.tables):
        counts = witness.columns[f"multiplicity{number}"]
        rows = zip(*(column.tolist() for column in table.rows()), strict=True)
        for count, row in zip(counts.tolist(), rows, strict=True):
            if count:
                total = total - fraction(row, number, alpha, beta) * count
    assert total != ZERO
    firsts = [column[:2].tolist() for column in plan.tables[0].rows()]
    one, two = (fraction((firsts[0][i], firsts[1][i]), 0, alpha, beta) for i in (0, 1))
    scale = pow(one.c0 * two.c1 - one.c1 * two.c0, -1, P)
    extra = (
        (total.c0 * two.c1 - total.c1 * two.c0) * scale,
        (one.c0 * total.c1 - one.c1 * total.c0) * scale,
    )
    for row in (0, 1):
        counts = witness.columns["multiplicity0"]
        counts[row] = centred(int(counts[row]) + extra[row])
    said = tried(lying, attempt, lambda a, transcript: a.prove(transcript=transcript))
    assert said == (ACCEPTED, "GK-5 lookup-sum")


def fraction(pair: tuple[int, int], number: int, alpha: Ext, beta: Ext) -> Ext:
    """1 / (beta - fingerprint)."""
    a, b = pair
    return (beta - a - alpha * b - alpha * alpha * number).inverse()


def test_a_known_merging_challenge_forges_a_claim() -> None:
    """False claims cancel in the combination: those on two factors, and that on the output.

    The forger doubles one factor of a true product and halves the other, which the operator's own
    check does not see, and then chooses the output that makes up for both in the merge.
    """
    case = case_of("two layers", "committed")
    half = Ext.of(2).inverse()

    def lie(values: tuple[Ext, ...], side: LyingSide) -> tuple[Ext, ...]:
        return values[0] * 2, values[1] * half

    def claims_of(lies: Mapping[Name, Lie]) -> list[Claim]:
        made: list[Claim] = []
        honest_merge = protocol_module.merge

        def merge(side: Side, claims: Sequence[Claim], *rest: Any) -> Any:
            made.extend(claims)
            return honest_merge(side, claims, *rest)

        with patch.object(protocol_module, "merge", merge):
            Attempt.of(case).prove(lies, transcript=FrozenTranscript())
        return made

    true_claims, false_claims = claims_of({}), claims_of({"1.MatMul.factors": lie})
    g, power = frozen_challenge("merge/combine"), Ext.of(1)
    gap, of_output = ZERO, ZERO
    for true, false in zip(true_claims, false_claims, strict=True):
        gap = gap + power * (false.value - true.value)
        if true.column == "1.y" and isinstance(true.weights, Functional):
            of_output = power
        power = power * g
    assert gap != ZERO
    # The claim on the output: its lanes at the output's point, times its power of g.
    point = [frozen_challenge("output0", i) for i in range(2)]
    lanes = [
        of_output * (1 - point[0]) * (1 - point[1]),
        of_output * point[0] * (1 - point[1]),
    ]
    scale = pow(lanes[0].c0 * lanes[1].c1 - lanes[0].c1 * lanes[1].c0, -1, P)
    x = -(gap.c0 * lanes[1].c1 - gap.c1 * lanes[1].c0) * scale
    y = -(lanes[0].c0 * gap.c1 - lanes[0].c1 * gap.c0) * scale
    output = case.outputs[0].copy()
    output[0, 0] = centred(int(output[0, 0]) + x)
    output[0, 1] = centred(int(output[0, 1]) + y)
    public = replace(case.public, outputs=[output])
    attempt = Attempt.of(case, public)

    def forge(attempt: Attempt, transcript: AnyTranscript) -> bytes:
        return attempt.prove({"1.MatMul.factors": lie}, transcript=transcript)

    assert tried(case, attempt, forge) == (ACCEPTED, "GK-10 merge-false")
