"""Cheating provers for each operator, and for what the verifier holds: GK-9 and GK-14.

`assert_only` asserts two things: the verifier refuses the proof by this check, and a verifier that
overlooks this check alone accepts the false claim.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from gkr_lies import (
    another_accumulator,
    block_of,
    case_of,
    changed,
    move,
    raised,
    requantised,
    set_result,
)
from gkr_parties import (
    Attempt,
    LyingSide,
    assert_only,
    make_case,
    under_key_of,
    verdict,
)
from gkr_programs import (
    SINGLES,
    dense,
)

from verifiable.argument.goldilocks import Ext
from verifiable.circuits.lookup_table import LookupTableArgument
from verifiable.circuits.max_pool import MaxPoolArgument

WITH_MESSAGES = [
    name for name in SINGLES if name.split(",")[0] in ("Add", "Affine", "Conv", "MatMul", "Mul")
] + ["deep groups", "row multipliers", "dense", "two layers", "activation"]


@pytest.mark.parametrize("mode", ["public", "committed"])
@pytest.mark.parametrize("name", WITH_MESSAGES)
def test_gk_9_refuses_another_accumulator(name: str, mode: str) -> None:
    lying, attempt = another_accumulator(name, mode)
    assert_only("GK-9", "reduction-false", lying, attempt.prove())


@pytest.mark.parametrize("name", ["SumPool, plain", "SumPool, pads"])
def test_gk_14_refuses_another_accumulator_of_inputs(name: str) -> None:
    """SumPool sends nothing: the false claim is one on its input at once."""
    lying, attempt = another_accumulator(name)
    assert_only("GK-14", "public-value-false", lying, attempt.prove())


def test_gk_9_refuses_an_accumulator_in_a_padding_lane() -> None:
    case = case_of("dense")
    attempt = Attempt.of(case)
    move(attempt, 3, 50, 0)
    set_result(attempt, 3, 50)
    attempt.count_again()
    assert_only("GK-9", "reduction-false", case, attempt.prove())


@pytest.mark.parametrize("name", ["MatMul, plain", "Affine, plain", "Mul, plain", "Conv, pads"])
def test_gk_9_refuses_a_changed_message_of_an_operator(name: str) -> None:
    case = case_of(name)
    label = next(a for a in case.material.plan.arguments if a is not None).site.label
    for place in (0, 1):
        proof = Attempt.of(case).prove({f"{label}.factors": changed(place)})
        assert verdict(case, proof) == "GK-9 reduction-false"


def test_gk_9_refuses_an_excess_where_nothing_saturates() -> None:
    """A clamped result one below the bound, and the rest of h in the excess above it."""
    case = case_of("wide clamp").on([1, 1])
    argument = requantised(case)
    clamp = argument.clamp
    assert clamp is not None
    assert clamp.above is not None
    assert case.outputs[0].item() == clamp.hi
    lying = case.with_values(0, case.trace.values[0] - 1)
    attempt = Attempt.of(lying)
    witness = attempt.witness
    bits = 0
    excess = (
        sum(
            int(witness.columns[column.name][0]) << sum(clamp.above.widths[:j])
            for j, column in enumerate(clamp.above.columns)
        )
        + 1
    )
    for j, (column, width) in enumerate(zip(clamp.above.columns, clamp.above.widths, strict=True)):
        limb = (excess >> bits) & ((1 << width) - 1)
        witness.columns[column.name][0] = limb
        witness.looked_up[j][0][0] = limb
        bits += width
    attempt.count_again()
    assert_only("GK-9", "reduction-false", lying, attempt.prove())


def test_gk_9_refuses_an_excess_of_another_index() -> None:
    """x is clamped to a table's domain: not another x, further out."""
    case = case_of("wide index").on([100, 0])
    argument = case.material.plan.arguments[0]
    assert isinstance(argument, LookupTableArgument)
    assert argument.clamp is not None
    assert argument.clamp.above is not None
    attempt = Attempt.of(case)
    low = attempt.witness.columns[argument.clamp.above.columns[0].name]
    change = 1 if low[0] == 0 else -1
    for values in (low, attempt.witness.looked_up[0][0]):
        values[0] += change
    attempt.count_again()
    assert_only("GK-9", "reduction-false", case, attempt.prove())


def test_gk_9_refuses_limbs_of_another_number() -> None:
    """A number that is known has the limbs that it has."""
    case = case_of("wide weights").on([3, 2])
    clamp = requantised(case).clamp
    assert clamp is not None
    assert clamp.over_lo is not None
    attempt = Attempt.of(case)
    limb = attempt.witness.columns[clamp.over_lo.columns[0].name]
    place = block_of(case, clamp, clamp.over_lo)
    change = 1 if limb[0] == 0 else -1
    for values in (limb, attempt.witness.looked_up[place][0]):
        values[0] += change
    attempt.count_again()
    assert_only("GK-9", "reduction-false", case, attempt.prove())


@pytest.mark.parametrize("kind", ["too large", "not attained"])
def test_gk_9_refuses_a_wrong_maximum_of_wide_values(kind: str) -> None:
    """h = y - below has a wrong solution y = h + below for each below, but for their product."""
    case = case_of("wide maximum").on([7, 8, 9])
    argument = case.material.plan.arguments[0]
    assert isinstance(argument, MaxPoolArgument)
    (clamp,) = argument.stages[0].clamps
    assert clamp.below is not None
    assert clamp.over_lo is not None
    by = 1 if kind == "too large" else -1
    values = case.trace.values[0].reshape(-1).copy()
    values[0] += by
    lying = case.with_values(0, values)
    attempt = Attempt.of(case, lying.public)
    witness = attempt.witness
    witness.columns["0.y"][0] += by
    witness.virtual[f"{clamp.name}.y"][0] += by
    for part in (clamp.below, clamp.over_lo):
        witness.columns[part.columns[0].name][0] += by
        witness.looked_up[block_of(case, clamp, part)][0][0] += by
    attempt.count_again()
    # Where y is too small, below is -1, which is in no range; the product alone would not see it.
    check, code = ("GK-9", "reduction-false") if by > 0 else ("GK-5", "lookup-sum")
    assert_only(check, code, lying, attempt.prove())


def test_gk_9_refuses_a_wrong_split_into_groups() -> None:
    """The kernel's value as the false claim needs it; its parts are the true ones."""
    lying, attempt = another_accumulator("deep groups")

    def needed(values: tuple[Ext, ...], side: LyingSide) -> tuple[Ext, ...]:
        at_x = values[0]
        return at_x, side.reduced["0.Conv"].claim * at_x.inverse()

    proof = attempt.prove({"0.Conv.factors": needed})
    assert_only("GK-9", "reduction-false", lying, proof)


def test_gk_9_refuses_a_wrong_concatenation() -> None:
    case = case_of("Concat, plain")
    values = case.trace.values[0].copy()
    values[[0, 2]] = values[[2, 0]]
    lying = case.with_values(0, values)
    assert_only("GK-9", "reduction-false", lying, Attempt.of(lying).prove())


def test_gk_9_refuses_a_changed_piece_of_a_concatenation() -> None:
    case = case_of("Concat, plain")
    proof = Attempt.of(case).prove({("0.Concat.part", 1): changed(0)})
    assert verdict(case, proof) == "GK-9 reduction-false"


@pytest.mark.parametrize(
    "name", ["MatMul, plain", "Conv, pads", "Add, plain", "MaxPool, plain", "LookupTable, one row"]
)
def test_gk_14_refuses_another_input(name: str) -> None:
    """A proof of what the program computes on another input."""
    other = case_of(name).with_seed(9)
    case = case_of(name)
    public = replace(other.public, inputs=case.trace.inputs, statement=case.statement)
    assert any(
        not np.array_equal(a, b) for a, b in zip(public.inputs, other.trace.inputs, strict=True)
    )
    proof = Attempt.of(other, public).prove()
    assert_only("GK-14", "public-value-false", case, proof, public=public)


@pytest.mark.parametrize("name", ["Transpose, plain", "Pad, zeros", "Pad, another value"])
def test_gk_14_refuses_another_result_of_moved_values(name: str) -> None:
    lying, _ = raised(case_of(name))
    assert_only("GK-14", "public-value-false", lying, Attempt.of(lying).prove())


def test_gk_14_refuses_other_public_weights() -> None:
    """A proof with the weights of another model, under this one's key."""
    case = case_of("dense")
    prover = under_key_of(case, make_case(dense(1)).on([5, -6, 7, 8]))
    public = replace(prover.public, constants=case.public.constants)
    proof = Attempt.of(prover, public).prove()
    assert_only("GK-14", "public-value-false", case, proof, public=public)
