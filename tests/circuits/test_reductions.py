"""Each argument alone: true claims become true claims, and a false one leaves something false.

Brute force on small tensors. The prover lies in three ways: it is honest about everything but the
claim; it adapts its messages so that the checks at hand hold; it changes one scalar.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from operator_cases import CASES
from reduction_harness import Bench

from verifiable.argument.functional import padded
from verifiable.argument.goldilocks import ONE, Ext
from verifiable.circuits.arguments import Argument
from verifiable.circuits.limbs import Limbs
from verifiable.circuits.requantise import Requantised
from verifiable.circuits.walk import flat
from verifiable.program.program import Program

LIE = Ext(3, 1)
NOTHING_TO_BEND = {"add of nothing"}
"""Where no message can make a false claim pass the check at hand."""


def bench(name: str) -> Bench:
    program: Program = CASES[name]
    generator = np.random.default_rng(3)
    inputs = {
        spec.name: generator.integers(spec.lo, spec.hi, spec.shape, endpoint=True).astype(np.int64)
        for spec in program.inputs
    }
    return Bench(program, inputs)


def limbs_of(argument: Argument) -> list[Limbs]:
    clamps = [getattr(argument, "clamp", None)]
    clamps += [clamp for stage in getattr(argument, "stages", ()) for clamp in stage.clamps]
    found = [getattr(argument, "remainder", None)]
    for clamp in clamps:
        if clamp is not None:
            found += [clamp.above, clamp.below, clamp.over_lo, clamp.under_hi]
    return [limbs for limbs in found if limbs is not None]


def takes_claims(argument: Argument) -> bool:
    return isinstance(argument, Requantised) or argument.result is None


@pytest.mark.parametrize("name", CASES)
def test_true_claims_become_true_claims(name: str) -> None:
    made = bench(name)
    for argument in made.arguments:
        for outcome in (made.reduce(argument), made.close(argument)):
            assert outcome.rejected is None
            assert outcome.false == []
            assert outcome.lookups == 0
        assert made.close(argument).claims > 0


@pytest.mark.parametrize("name", CASES)
def test_a_false_claim_is_caught(name: str) -> None:
    made = bench(name)
    for argument in made.arguments:
        if takes_claims(argument):
            assert made.reduce(argument, lie=LIE).caught
            assert made.reduce(argument, lie=ONE).caught


@pytest.mark.parametrize("name", CASES)
def test_messages_that_fit_a_false_claim_leave_a_false_claim(name: str) -> None:
    made = bench(name)
    for argument in made.arguments:
        if takes_claims(argument):
            assert made.reduce(argument, lie=LIE, products=True).caught
            outcome = made.reduce(argument, lie=LIE, products=True, sums=True)
            if name not in NOTHING_TO_BEND:
                assert outcome.rejected is None
            assert outcome.caught


@pytest.mark.parametrize("name", CASES)
def test_no_scalar_can_be_changed(name: str) -> None:
    made = bench(name)
    for argument in made.arguments:
        sent = made.close(argument).sent
        step = max(1, sent // 5)
        for change in (*range(0, sent, step), sent - 1):
            if change >= 0:
                assert made.close(argument, change=change).caught, change
                assert made.close(argument, change=change, opposite=True).caught, change


@pytest.mark.parametrize("name", CASES)
def test_no_limb_can_be_another(name: str) -> None:
    made = bench(name)
    for argument in made.arguments:
        for limbs in limbs_of(argument):
            for column, width in zip(limbs.columns, limbs.widths, strict=False):
                lanes = made.witness.columns[column.name].copy()
                # Still in its range, on a lane that is real: lane 0 always is.
                lanes[0] += 1 if lanes[0] < (1 << width) - 1 else -1
                other = made.with_columns({column.name: lanes})
                assert other.close(other.plan.arguments[argument.site.index]).caught


@pytest.mark.parametrize("upper", [True, False])
def test_no_excess_away_from_the_bounds(upper: bool) -> None:
    """`h = y + above - below` holds for another y too; only the vanishing products refuse it."""
    made = bench("requantised wide, both ends, no power of two")
    (argument,) = made.arguments
    assert isinstance(argument, Requantised)
    clamp = argument.clamp
    assert clamp is not None
    assert clamp.graph is None
    y = made.witness.columns[argument.result.name].copy()
    inside = np.flatnonzero((y > clamp.lo + 1) & (y < clamp.hi - 1))[0]
    fake = replace(made.witness, columns={}, virtual={}, looked_up=[])
    shift = np.zeros_like(y)
    shift[inside] = 1
    product = padded(made.witness.products(0), 0)
    h = flat(((product + argument.half) >> argument.step.shift) + argument.step.zero_point)
    y += -shift if upper else shift
    excess = (np.maximum(h - clamp.hi, 0), np.maximum(clamp.lo - h, 0))
    clamp.above.fill(fake, excess[0] + (shift if upper else 0))
    clamp.below.fill(fake, excess[1] + (0 if upper else shift))
    clamp.over_lo.fill(fake, y - clamp.lo)
    clamp.under_hi.fill(fake, clamp.hi - y)
    other = made.with_columns({**fake.columns, argument.result.name: y})
    (argument,) = other.arguments
    outcome = other.close(argument)
    assert outcome.rejected is not None
    assert outcome.rejected.where.endswith(".above" if upper else ".below")
