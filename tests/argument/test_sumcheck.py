"""Sumcheck: honest runs, false claims that stay false, and what a known challenge would allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce as fold_left

import numpy as np
import pytest
from frozen_transcript import FrozenTranscript, frozen_challenge
from hypothesis import given
from hypothesis import strategies as st

from verifiable.argument.goldilocks import ONE, ZERO, Ext, P
from verifiable.argument.kernels import Kernels, RoundProver, load_kernels
from verifiable.argument.prover_side import ProverSide
from verifiable.argument.reference_kernels import ReferenceKernels
from verifiable.argument.rejection import Rejected
from verifiable.argument.side import Reduced, Side
from verifiable.argument.soundness import Sumcheck
from verifiable.argument.sumcheck import evaluate_round
from verifiable.argument.transcript import AnyTranscript, Transcript, TranscriptEvent
from verifiable.argument.vectors import Words
from verifiable.argument.verifier_side import VerifierSide
from verifiable.errors import MalformedProof, ProvingError

KERNELS = ReferenceKernels()

edges = st.sampled_from([0, 1, 2, P - 2, P - 1])
words = st.one_of(edges, st.integers(0, P - 1))
elements = st.builds(Ext, words, words)


def at(coefficients: Sequence[Ext], x: Ext) -> Ext:
    """A polynomial's value, by Horner's rule."""
    return fold_left(lambda total, c: total * x + c, reversed(coefficients), ZERO)


def message(coefficients: Sequence[Ext]) -> tuple[list[Ext], Ext]:
    """What a round sends for a polynomial, and the claim that goes with it."""
    degree = len(coefficients) - 1
    sent = [at(coefficients, Ext(t)) for t in (0, *range(2, degree + 1))]
    return sent, at(coefficients, ZERO) + at(coefficients, ONE)


# --- One round ------------------------------------------------------------------------------------


@given(st.lists(elements, min_size=2, max_size=9), elements)
def test_a_round_is_evaluated_at_any_point(coefficients: list[Ext], r: Ext) -> None:
    sent, claim = message(coefficients)
    assert evaluate_round(sent, claim, r) == at(coefficients, r)


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5, 6])
def test_a_round_is_evaluated_at_its_own_nodes(degree: int) -> None:
    coefficients = [Ext(3 * k + 1, P - k) for k in range(degree + 1)]
    sent, claim = message(coefficients)
    for node in range(degree + 3):
        assert evaluate_round(sent, claim, Ext(node)) == at(coefficients, Ext(node))


@given(st.lists(elements, min_size=1, max_size=6, unique=True), elements, elements)
def test_a_wrong_polynomial_agrees_at_as_many_points_as_its_degree(
    roots: list[Ext], scale: Ext, elsewhere: Ext
) -> None:
    """The bound of the soundness term is attained, and not passed."""
    degree = len(roots)
    true = [Ext(k + 7, k) for k in range(degree + 1)]
    honest, claim = message(true)

    def error(x: Ext) -> Ext:
        return fold_left(lambda total, root: total * (x - root), roots, scale)

    sent = [
        value + error(Ext(t)) for value, t in zip(honest, (0, *range(2, degree + 1)), strict=True)
    ]
    lie = claim + error(ZERO) + error(ONE)
    for root in roots:
        assert evaluate_round(sent, lie, root) == at(true, root)
    agrees = evaluate_round(sent, lie, elsewhere) == at(true, elsewhere)
    assert agrees == (elsewhere in roots or scale == ZERO)


# --- Whole runs -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """Tables that both sides hold, the summand being their product."""

    tables: tuple[Words, ...]
    rounds: int

    @property
    def degree(self) -> int:
        return len(self.tables)

    @property
    def total(self) -> Ext:
        """The sum, from its definition."""
        total = ZERO
        for row in zip(*self.tables, strict=True):
            total += fold_left(lambda product, word: product * int(word), row, ONE)
        return total

    def summand(self, point: Sequence[Ext]) -> Ext:
        """The product of the tables' extensions, from their definition."""
        product = ONE
        for table in self.tables:
            value = ZERO
            for index, word in enumerate(table.tolist()):
                weight = Ext(word)
                for j, x in enumerate(point):
                    weight = weight * (x if index >> j & 1 else ONE - x)
                value += weight
            product = product * value
        return product


def case_of(rounds: int, degree: int, seed: int = 0) -> Case:
    rng = np.random.default_rng([rounds, degree, seed])
    tables = rng.integers(0, P, size=(degree, 1 << rounds), dtype=np.uint64)
    return Case(tuple(tables), rounds)


def converse(
    side: Side,
    case: Case,
    claim: Ext | None = None,
    wrap: Callable[[RoundProver], RoundProver] = lambda prover: prover,
) -> Reduced:
    """Claim the sum, reduce it, and compare with the summand."""
    claimed = side.value("total", lambda: case.total if claim is None else claim)
    reduced = side.sumcheck(
        "sum",
        rounds=case.rounds,
        degree=case.degree,
        claim=claimed,
        start=lambda: wrap(side.kernels.product(case.tables, case.rounds)),
    )
    side.require("SUM", "sum-false", reduced.claim == case.summand(reduced.point), "the summand")
    side.finish()
    return reduced


def prove(
    case: Case,
    claim: Ext | None = None,
    wrap: Callable[[RoundProver], RoundProver] = lambda prover: prover,
    transcript: AnyTranscript | None = None,
    kernels: Kernels = KERNELS,
) -> bytes:
    side = ProverSide(kernels, transcript or Transcript(), lenient=True)
    converse(side, case, claim, wrap)
    return side.proof


def verify(case: Case, proof: bytes, transcript: AnyTranscript | None = None) -> VerifierSide:
    side = VerifierSide(proof, transcript or Transcript())
    converse(side, case)
    return side


SIZES = [(rounds, degree) for rounds in (0, 1, 2, 5) for degree in (2, 3)]


@pytest.mark.parametrize(("rounds", "degree"), SIZES)
def test_an_honest_run_is_accepted(rounds: int, degree: int) -> None:
    case = case_of(rounds, degree)
    prover = ProverSide(KERNELS, Transcript())
    reduced = converse(prover, case)
    verifier = verify(case, prover.proof)
    assert verifier.terms == [Sumcheck(label="sum", degree=degree, rounds=rounds)]
    assert len(prover.proof) == 16 * (1 + rounds * degree)
    assert reduced.finals is not None
    assert fold_left(lambda a, b: a * b, reduced.finals) == reduced.claim
    assert prove(case, kernels=load_kernels()) == prover.proof


def test_the_finals_stay_with_the_prover() -> None:
    case = case_of(2, 2)
    assert converse(VerifierSide(prove(case), Transcript()), case).finals is None


@pytest.mark.parametrize(("rounds", "degree"), SIZES)
def test_a_false_sum_ends_in_a_false_claim(rounds: int, degree: int) -> None:
    case = case_of(rounds, degree)
    for lie in (ZERO, case.total + 1, case.total - 1, -case.total, case.total * Ext(0, 1)):
        proof = prove(case, lie)
        with pytest.raises(Rejected) as caught:
            verify(case, proof)
        assert caught.value.code == "sum-false"


@given(st.data())
def test_no_messages_make_a_false_sum_true(data: st.DataObject) -> None:
    """Whatever is sent: messages that ignore the claim, repeat, vanish, or are drawn."""
    case = case_of(2, 2, data.draw(st.integers(0, 3)))
    lie = case.total + data.draw(elements.filter(lambda e: e != ZERO))

    class Drawn(Bent):
        def round(self) -> tuple[Ext, ...]:
            honest = super().round()
            return tuple(data.draw(st.one_of(st.just(value), elements)) for value in honest)

    proof = prove(case, lie, Drawn)
    with pytest.raises(Rejected):
        verify(case, proof)


class Bent:
    """A prover's state that may send other polynomials than its own."""

    def __init__(self, honest: RoundProver) -> None:
        self.degree = honest.degree
        self.honest = honest
        self.count = 0

    def round(self) -> tuple[Ext, ...]:
        return self.honest.round()

    def bind(self, r: Ext) -> None:
        self.count += 1
        self.honest.bind(r)

    def final(self) -> tuple[Ext, ...]:
        return self.honest.final()


def bent_in(round_number: int, excess: Ext) -> Callable[[RoundProver], RoundProver]:
    """Hide that the claim exceeds the sum by `excess` behind the frozen challenge of a round."""

    class BentOnce(Bent):
        def round(self) -> tuple[Ext, ...]:
            honest = super().round()
            if self.count != round_number:
                return honest
            # add c (X - r): it vanishes at the challenge r, and c makes up for the excess
            r = frozen_challenge("sum", round_number)
            c = excess * (ONE - r - r).inverse()
            nodes = (0, *range(2, self.degree + 1))
            return tuple(value + c * (Ext(t) - r) for value, t in zip(honest, nodes, strict=True))

    return BentOnce


@pytest.mark.parametrize("degree", [2, 3])
@pytest.mark.parametrize("forged_round", [0, 1, 2])
def test_a_known_challenge_allows_a_forgery_and_the_live_one_does_not(
    forged_round: int, degree: int
) -> None:
    case = case_of(3, degree)
    honest = prove(case, transcript=FrozenTranscript())
    verify(case, honest, FrozenTranscript())

    # A round before the forged one passes half of the excess on: it adds a constant.
    excess = Ext(5, 9)
    wrap = bent_in(0, excess) if forged_round == 0 else carried_to(forged_round, excess)
    forged = prove(case, case.total + excess, wrap, FrozenTranscript())
    verify(case, forged, FrozenTranscript())  # accepted, although the sum is false
    with pytest.raises(Rejected):
        verify(case, forged)
    with pytest.raises(Rejected):
        verify(case, prove(case, case.total + excess, wrap))


def carried_to(round_number: int, excess: Ext) -> Callable[[RoundProver], RoundProver]:
    """Add the constant excess / 2^(j + 1) in the rounds j before, then hide the rest."""
    half = Ext(2).inverse()
    left = excess
    for _ in range(round_number):
        left = left * half
    hide = bent_in(round_number, left)

    def wrap(honest: RoundProver) -> RoundProver:
        hiding = hide(honest)

        class Carrying(Bent):
            def round(self) -> tuple[Ext, ...]:
                if self.count >= round_number:
                    return hiding.round()
                amount = excess
                for _ in range(self.count + 1):
                    amount = amount * half
                return tuple(value + amount for value in super().round())

            def bind(self, r: Ext) -> None:
                self.count += 1
                hiding.bind(r)

        return Carrying(honest)

    return wrap


def test_an_honest_prover_stops_at_a_false_sum() -> None:
    case = case_of(2, 2)
    with pytest.raises(ProvingError) as caught:
        converse(ProverSide(KERNELS, Transcript()), case, case.total + 1)
    assert caught.value.code == "sum-false"


def test_both_sides_keep_the_same_transcript() -> None:
    case = case_of(3, 3)
    logs: list[list[TranscriptEvent]] = [[], []]
    proof = prove(case, transcript=Transcript(record=logs[0].append))
    verify(case, proof, Transcript(record=logs[1].append))
    assert logs[0] == logs[1]
    assert [(event.kind, event.label) for event in logs[0]] == [
        ("absorb", "total"),
        *[("absorb", "sum"), ("challenge", "sum")] * 3,
    ]


def test_every_flipped_byte_is_refused() -> None:
    case = case_of(2, 3)
    proof = prove(case)
    for place in range(len(proof)):
        for bit in range(8):
            changed = bytearray(proof)
            changed[place] ^= 1 << bit
            with pytest.raises((Rejected, MalformedProof)):
                verify(case, bytes(changed))


def test_shortened_and_lengthened_proofs_are_refused() -> None:
    case = case_of(2, 2)
    proof = prove(case)
    for size in range(len(proof)):
        with pytest.raises(MalformedProof):
            verify(case, proof[:size])
    with pytest.raises(MalformedProof):
        verify(case, proof + bytes(16))


def test_kernels_of_another_degree_are_refused() -> None:
    case = case_of(1, 3)
    side = ProverSide(KERNELS, Transcript())
    with pytest.raises(ValueError, match="degree 3 for degree 2"):
        side.sumcheck(
            "sum",
            rounds=1,
            degree=2,
            claim=ZERO,
            start=lambda: side.kernels.product(case.tables, 1),
        )


@pytest.mark.parametrize(("rounds", "degree"), [(-1, 2), (1, 0)])
def test_impossible_sumchecks_are_refused(rounds: int, degree: int) -> None:
    side = VerifierSide(b"", Transcript())
    with pytest.raises(ValueError, match="a sumcheck of"):
        side.sumcheck(
            "sum", rounds=rounds, degree=degree, claim=ZERO, start=lambda: KERNELS.product([], 0)
        )
