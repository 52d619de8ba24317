"""A cheating prover for each check of the lookups: GK-5 to GK-8.

`assert_only` asserts two things: the verifier refuses the proof by this check, and a verifier that
overlooks this check alone accepts the false claim.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from frozen_transcript import FrozenTranscript, frozen_challenge
from gkr_lies import (
    case_of,
    centred,
    changed,
    move,
    padded_lane,
    raised,
    requantised,
    set_result,
)
from gkr_parties import (
    ACCEPTED,
    Attempt,
    assert_only,
    make_case,
    verdict,
)
from gkr_programs import (
    SINGLES,
    activation,
)

from verifiable.argument.goldilocks import Ext, P
from verifiable.circuits.max_pool import MaxPoolArgument

LOOKED_UP = [
    *(name for name in SINGLES if name.split(",")[0] in ("Add", "Affine", "Conv", "MatMul", "Mul")),
    *(name for name in SINGLES if name.split(",")[0] in ("LookupTable", "SumPool")),
    "deep groups",
    "row multipliers",
    "wide index",
    "dense",
    "two layers",
    "activation",
]


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("name", LOOKED_UP)
def test_gk_5_refuses_another_result(name: str, by: int) -> None:
    lying, _ = raised(case_of(name), by)
    assert_only("GK-5", "lookup-sum", lying, Attempt.of(lying).prove())


def test_gk_5_refuses_a_result_beyond_the_clamp() -> None:
    case = case_of("dense")
    values = case.trace.values[0].copy()
    values[0, 0] = 500
    lying = case.with_values(0, values)
    assert_only("GK-5", "lookup-sum", lying, Attempt.of(lying).prove())


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("name", ["dense", "Affine, plain", "Mul, plain", "SumPool, pads"])
def test_gk_5_refuses_a_remainder_shifted_into_the_quotient(name: str, by: int) -> None:
    """h + 1 and r - 2^s: the equation of the requantisation still holds."""
    lying, lane = raised(case_of(name), by)
    shift = requantised(lying).step.shift
    attempt = Attempt.of(lying)
    move(attempt, padded_lane(lying, lane), by, -by << shift)
    assert_only("GK-5", "lookup-sum", lying, attempt.prove())


def test_gk_5_refuses_a_remainder_that_absorbs_any_output() -> None:
    """Any output at all, if the remainder could be any number."""
    case = case_of("dense")
    values = case.trace.values[0].reshape(-1).copy()
    by = 100 - int(values[0])
    values[0] = 100
    lying = case.with_values(0, values)
    attempt = Attempt.of(case, lying.public)
    h = int(attempt.witness.looked_up[-1][0][0])
    move(attempt, 0, 100 - h, (h - 100) << requantised(case).step.shift)
    set_result(attempt, 0, 100)
    assert by != 0
    assert_only("GK-5", "lookup-sum", lying, attempt.prove())


def test_gk_5_refuses_a_quotient_that_wraps_around() -> None:
    """Another remainder in its range, and the quotient that goes with it modulo p."""
    lying, lane = raised(case_of("dense"))
    attempt = Attempt.of(lying)
    shift = requantised(lying).step.shift
    remainder = int(attempt.witness.looked_up[0][0][lane])
    other = (remainder + 1) % (1 << shift)
    quotient = (remainder - other) * pow(1 << shift, -1, P)
    move(attempt, lane, 0, other - remainder)
    h = int(attempt.witness.looked_up[-1][0][lane])
    move(attempt, lane, centred(h + quotient) - h, 0)
    attempt.count_again()
    assert abs(int(attempt.witness.looked_up[-1][0][lane])) > 1 << 40
    assert_only("GK-5", "lookup-sum", lying, attempt.prove())


def test_gk_5_refuses_limbs_that_overflow() -> None:
    """The same number from other limbs: one too large, the next one less."""
    case = case_of("wide weights")
    limbs = requantised(case).remainder
    assert limbs is not None
    attempt = Attempt.of(case)
    low, high = (attempt.witness.columns[column.name] for column in limbs.columns[:2])
    for values in (low, attempt.witness.looked_up[0][0]):
        values[0] += 1 << limbs.widths[0]
    for values in (high, attempt.witness.looked_up[1][0]):
        values[0] -= 1
    attempt.count_again()
    assert_only("GK-5", "lookup-sum", case, attempt.prove())


def test_gk_5_refuses_garbage_in_a_padding_lane() -> None:
    case = case_of("dense")
    attempt = Attempt.of(case)
    attempt.witness.columns["0.y"][3] = 77
    attempt.witness.looked_up[-1][1][3] = 77
    assert_only("GK-5", "lookup-sum", case, attempt.prove())


@pytest.mark.parametrize("by", [1, -1])
@pytest.mark.parametrize("number", [0, 1])
def test_gk_5_refuses_a_wrong_multiplicity(number: int, by: int) -> None:
    case = case_of("dense")
    attempt = Attempt.of(case)
    attempt.witness.columns[f"multiplicity{number}"][1] += by
    assert_only("GK-5", "lookup-sum", case, attempt.prove())


@pytest.mark.parametrize("kind", ["too large", "not attained"])
@pytest.mark.parametrize("name", ["MaxPool, plain", "MaxPool, pads", "MaxPool, dilations"])
def test_gk_5_refuses_a_wrong_maximum(name: str, kind: str) -> None:
    case = case_of(name)
    argument = case.material.plan.arguments[0]
    assert isinstance(argument, MaxPoolArgument)
    attempt = Attempt.of(case)
    difference, rise = attempt.witness.looked_up[-1]  # the last tap of the last stage
    assert rise is not None
    result = attempt.witness.columns["0.y"]
    lane = int(np.flatnonzero(difference > 0)[0])
    # Not attained: what was the maximum before the last tap, which is larger, stays it.
    by = 1 if kind == "too large" else -int(difference[lane])
    result[lane] += by
    rise[lane] += by
    shape = case.program.nodes[0].shape
    full = tuple(1 << (size - 1).bit_length() for size in shape)
    real = tuple(slice(size) for size in shape)
    lying = case.with_values(0, result.reshape(full)[real])
    assert_only("GK-5", "lookup-sum", lying, replace(attempt, public=lying.public).prove())


def test_gk_6_refuses_fractions_over_zero() -> None:
    """Two lookups whose denominators are 0 make the sum 0 / 0, and everything else goes unseen.

    Who knew alpha and beta could look up such pairs, with any remainder, for an output of choice.
    """
    case = case_of("dense")
    attempt = Attempt.of(case)
    argument = requantised(case)
    alpha, beta = frozen_challenge("lookup/alpha"), frozen_challenge("lookup/beta")
    number = case.material.plan.lookups[-1][0]
    target = beta - alpha * alpha * number
    b = target.c1 * pow(alpha.c1, -1, P) % P
    a = (target.c0 - alpha.c0 * b) % P
    outputs = case.outputs[0].copy()
    for lane in (0, 1):
        h = int(attempt.witness.looked_up[-1][0][lane])
        change = (h - centred(a)) << argument.step.shift
        remainder = int(attempt.witness.looked_up[0][0][lane])
        move(attempt, lane, centred(a) - h, centred(remainder + change) - remainder)
        set_result(attempt, lane, centred(b))
        outputs.reshape(-1)[lane] = centred(b)
    attempt.public = replace(case.public, outputs=[outputs])
    proof = attempt.prove(transcript=FrozenTranscript())

    def said(*blind: str) -> str:
        return verdict(
            case, proof, public=attempt.public, blind=blind, transcript=FrozenTranscript()
        )

    assert said() == "GK-6 lookup-denominator"
    assert said("GK-6") == ACCEPTED


def test_gk_6_refuses_a_root_over_zero() -> None:
    case = case_of("dense")
    zero = Ext.of(0)
    proof = Attempt.of(case).prove({"lookup/root": lambda root, side: (zero, zero)})
    assert verdict(case, proof) == "GK-6 lookup-denominator"


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("level", [0, 1, 5])
def test_gk_7_refuses_a_changed_level(level: int, place: int) -> None:
    case = case_of("dense")
    proof = Attempt.of(case).prove({("lookup/children", level): changed(place)})
    assert_only("GK-7", "lookup-level", case, proof)


def test_gk_7_refuses_a_changed_round_of_a_level() -> None:
    case = case_of("dense")
    for occurrence in (0, 7):
        proof = Attempt.of(case).prove({("lookup/level", occurrence): changed(1)})
        assert_only("GK-7", "lookup-level", case, proof)


@pytest.mark.parametrize("name", ["dense", "Affine, plain", "LookupTable, one row", "activation"])
def test_gk_8_refuses_lookups_of_other_values_than_the_committed(name: str) -> None:
    """The tree is over the true results, in their tables; committed is another one."""
    case = case_of(name)
    lying, _ = raised(case)
    attempt = Attempt.of(lying)
    attempt.witness.looked_up = Attempt.of(case).witness.looked_up
    assert_only("GK-8", "lookup-leaves", lying, attempt.prove())


def test_gk_8_refuses_a_tree_over_another_table() -> None:
    """A program with another activation, of equal shape."""
    case, other = case_of("activation"), make_case(activation("identity"))
    assert not np.array_equal(case.outputs[0], other.outputs[0])
    attempt = Attempt.of(other)
    attempt.public = replace(attempt.public, key_digest=case.material.key.digest)
    assert_only("GK-8", "lookup-leaves", case, attempt.prove(), public=attempt.public)


@pytest.mark.parametrize("label", ["0.y", "0.MatMul.r0", "0.MatMul.h", "multiplicity0"])
def test_gk_8_refuses_a_changed_value_of_a_block(label: str) -> None:
    case = case_of("dense")
    proof = Attempt.of(case).prove({(label, 0): changed(0)})
    assert verdict(case, proof) == "GK-8 lookup-leaves"
