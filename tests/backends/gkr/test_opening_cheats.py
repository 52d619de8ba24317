"""Cheating provers of the merge and the opening: GK-10 to GK-13, and the proof's end, GK-15.

`assert_only` asserts two things: the verifier refuses the proof by this check, and a verifier that
overlooks this check alone accepts the false claim.
"""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest
from gkr_lies import (
    case_of,
    changed,
    raised,
    requantised,
)
from gkr_parties import (
    Attempt,
    Case,
    LyingSide,
    assert_only,
    honest,
    make_case,
    under_key_of,
    verdict,
)
from gkr_programs import (
    dense,
    two_layers,
)

from verifiable.argument import claims as claims_module
from verifiable.argument import vectors
from verifiable.argument.goldilocks import Ext, P
from verifiable.backends.gkr import prove as prove_module
from verifiable.backends.gkr.plan import make_plan
from verifiable.circuits.walk import Walk
from verifiable.program.program import IntArray


@pytest.mark.parametrize("mode", ["public", "committed"])
@pytest.mark.parametrize("name", ["dense", "fan out", "MaxPool, plain", "activation"])
def test_gk_10_refuses_another_output_than_the_committed(name: str, mode: str) -> None:
    case = case_of(name, mode)
    values = case.trace.values[-1].copy()
    values.reshape(-1)[0] += 1
    node = case.program.outputs[0].node
    changed_output = case.trace.values[node].copy()
    changed_output.reshape(-1)[0] ^= 1
    lying = case.with_values(node, changed_output)
    assert_only("GK-10", "merge-false", lying, Attempt.of(case, lying.public).prove())


@pytest.mark.parametrize("consumer", range(4))
def test_gk_10_refuses_a_claim_left_out_at_a_fan_out(consumer: int) -> None:
    """Each consumer of a tensor makes a claim on it, and none may be left out."""
    case = case_of("fan out")
    made: list[str] = []
    honest_add = claims_module.ClaimBook.add

    def add(book: claims_module.ClaimBook, column: str, weights: object, value: Ext) -> None:
        made.append(column)
        if made.count(column) - 1 != consumer or column != "0.y":
            honest_add(book, column, weights, value)

    with patch.object(claims_module.ClaimBook, "add", add):
        proof = Attempt.of(case).prove()
    assert made.count("0.y") > consumer
    assert_only("GK-10", "merge-false", case, proof)


def test_gk_10_refuses_claims_on_a_virtual_tensor_left_out() -> None:
    case = case_of("fan out")
    honest_claims = Walk.claims_on

    def first_only(walk: Walk, node: int) -> object:
        found = honest_claims(walk, node)
        return found[:1]

    with patch.object(Walk, "claims_on", first_only):
        proof = Attempt.of(case).prove()
    assert_only("GK-10", "merge-false", case, proof)


def test_gk_10_refuses_changed_factors_of_a_true_product() -> None:
    """One value doubled, the other halved: the operator's own equation holds."""
    case = case_of("two layers", "committed")
    half = Ext.of(2).inverse()

    def lie(values: tuple[Ext, ...], side: LyingSide) -> tuple[Ext, ...]:
        return values[0] * 2, values[1] * half

    assert_only("GK-10", "merge-false", case, Attempt.of(case).prove({"1.MatMul.factors": lie}))


def test_gk_10_refuses_swapped_layers() -> None:
    """A proof of the program whose two layers have changed places: the same shape, other claims."""
    case = case_of("two layers", "committed")
    other = make_case(two_layers(swapped=True), "committed")
    assert not np.array_equal(case.outputs[0], other.outputs[0])
    # The other graph, with this key's weights and tables of this key's sizes.
    key = replace(case.material.plan.key, nodes=other.program.nodes, product_reach=_reach_of(case))
    prover = replace(
        other,
        material=replace(case.material, plan=make_plan(key)),
        weights=case.weights,
        lanes=case.lanes,
    )
    assert other.trace.inputs[0].tolist() == case.trace.inputs[0].tolist()
    public = replace(other.public, key_digest=case.material.key.digest)
    proof = Attempt.of(prover, public).prove()
    assert_only("GK-10", "merge-false", case, proof, public=public)


def _reach_of(case: Case) -> tuple[tuple[int, int] | None, ...]:
    return case.material.plan.key.product_reach


def test_gk_10_refuses_a_changed_round_of_the_merge() -> None:
    case = case_of("dense")
    for occurrence in (0, 5):
        proof = Attempt.of(case).prove({("merge", occurrence): changed(0)})
        assert_only("GK-10", "merge-false", case, proof)


def test_gk_10_refuses_swapped_blocks_of_the_stack() -> None:
    """Two columns that changed places in what is committed, but not in the claims."""
    case = case_of("wide weights", "committed")
    attempt = Attempt.of(case)
    names = [c.name for c in requantised(case).remainder.columns]
    first, second = names[:2]
    honest_fill = prove_module.fill

    def swapped_fill(layout: object, columns: dict[str, IntArray]) -> object:
        return honest_fill(layout, columns | {first: columns[second], second: columns[first]})

    assert attempt.witness.columns[first] != attempt.witness.columns[second]
    with patch.object(prove_module, "fill", swapped_fill):
        proof = attempt.prove()
    assert_only("GK-10", "merge-false", case, proof)


def _wanted(values: tuple[Ext, ...], side: LyingSide) -> tuple[Ext, ...]:
    """The stack's value that makes the merge hold."""
    reduced = side.reduced["merge"]
    assert reduced.finals is not None
    return (reduced.claim * reduced.finals[1].inverse(),)


def _difference(side: LyingSide) -> Ext:
    """How much the wanted value is more than the true one."""
    reduced = side.reduced["merge"]
    assert reduced.finals is not None
    return reduced.claim * reduced.finals[1].inverse() - reduced.finals[0]


def _in_row(side: LyingSide, row_bits: int) -> Ext:
    """What has to be added to the first element of the combined row."""
    low = vectors.eq_table(side.reduced["merge"].point[:row_bits])
    return _difference(side) * vectors.to_ext(low[0]).inverse()


def false_output(mode: str, name: str = "dense") -> tuple[Case, Attempt, int]:
    """A prover of another output than the one that its columns hold."""
    case = case_of(name, mode)
    lying, _ = raised(case)
    row_bits = case.material.plan.witness_layout.row_bits
    return lying, Attempt.of(case, lying.public), row_bits


@pytest.mark.parametrize("mode", ["public", "committed"])
def test_gk_11_refuses_a_value_that_the_row_does_not_give(mode: str) -> None:
    lying, attempt, _ = false_output(mode)
    assert_only("GK-11", "opening-value", lying, attempt.prove({"merge/stack": _wanted}))


@pytest.mark.parametrize("mode", ["public", "committed"])
def test_gk_13_refuses_a_row_that_is_no_combination(mode: str) -> None:
    lying, attempt, row_bits = false_output(mode)

    def row(honest_row: vectors.Words, side: LyingSide) -> vectors.Words:
        changed_row = honest_row.copy()
        first = vectors.to_ext(changed_row[0]) + _in_row(side, row_bits)
        changed_row[0] = (first.c0, first.c1)
        return changed_row

    proof = attempt.prove({"merge/stack": _wanted, "opening-row": row})
    assert_only("GK-13", "opening-column", lying, proof)


@pytest.mark.parametrize("oracle", [0, 1])
def test_gk_12_refuses_columns_that_are_not_committed(oracle: int) -> None:
    """Columns that fit the false row: in the stack of the weights, or in the witness's."""
    lying, attempt, row_bits = false_output("committed", "many terms")
    layout = lying.material.plan.layouts[oracle]

    def row(honest_row: vectors.Words, side: LyingSide) -> vectors.Words:
        changed_row = honest_row.copy()
        first = vectors.to_ext(changed_row[0]) + _in_row(side, row_bits)
        changed_row[0] = (first.c0, first.c1)
        return changed_row

    def columns(words: vectors.Words, side: LyingSide) -> vectors.Words:
        # The row's codeword grew by a constant; two rows' entries, in the base field, make it up.
        point = side.reduced["merge"].point
        table = vectors.eq_table(point[row_bits:])
        first, second = (vectors.to_ext(table[layout.first_row + row]) for row in (0, 1))
        x, y = solved(first, second, _in_row(side, row_bits))
        changed_words = words.reshape(-1, layout.rows).astype(object)
        changed_words[:, 0] = (changed_words[:, 0] + x) % P
        changed_words[:, 1] = (changed_words[:, 1] + y) % P
        return changed_words.astype(np.uint64).reshape(-1)

    assert layout.rows >= 2
    lies = {"merge/stack": _wanted, "opening-row": row, ("opening-columns", oracle): columns}
    assert_only("GK-12", "opening-path", lying, attempt.prove(lies))


def solved(first: Ext, second: Ext, target: Ext) -> tuple[int, int]:
    """x, y in the base field with `x * first + y * second = target`."""
    scale = pow(first.c0 * second.c1 - first.c1 * second.c0, -1, P)
    x = (target.c0 * second.c1 - target.c1 * second.c0) * scale % P
    y = (first.c0 * target.c1 - first.c1 * target.c0) * scale % P
    assert first * x + second * y == target
    return x, y


def test_gk_12_refuses_the_weights_of_another_model() -> None:
    """An honest proof with a model of equal shape, under this model's key and its root."""
    case = case_of("dense", "committed")
    prover = under_key_of(case, make_case(dense(1), "committed").on([5, -6, 7, 8]))
    assert_only("GK-12", "opening-path", case, Attempt.of(prover).prove(), public=prover.public)


def test_gk_12_refuses_a_changed_column_and_a_changed_sibling() -> None:
    case = case_of("dense", "committed")

    def flipped(data: bytes, side: LyingSide) -> bytes:
        return bytes((data[0] ^ 1,)) + data[1:]

    def other_word(words: vectors.Words, side: LyingSide) -> vectors.Words:
        return np.concatenate([words[:1] ^ np.uint64(1), words[1:]])

    for occurrence in (0, 1):
        proof = Attempt.of(case).prove({("opening-siblings", occurrence): flipped})
        assert_only("GK-12", "opening-path", case, proof)
        proof = Attempt.of(case).prove({("opening-columns", occurrence): other_word})
        assert verdict(case, proof) == "GK-12 opening-path"


@pytest.mark.parametrize("rest", [b"\x00", b"\x00" * 8, b"\xff" * 1000])
def test_gk_15_refuses_what_follows_the_last_message(rest: bytes) -> None:
    case = case_of("dense")
    assert verdict(case, honest(case) + rest) == "malformed payload-trailing-bytes"
