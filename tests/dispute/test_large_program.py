"""A dispute about a program of ten million parameters, played to the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from dispute_kit import World, gas_cost, honest, journal_in
from large_program import batch_for, large_mlp

from verifiable.dispute.asserter import Asserter
from verifiable.dispute.challenger import Challenger
from verifiable.dispute.material import Material
from verifiable.testing.lying_traces import wrong_element

pytestmark = pytest.mark.slow


def test_a_wrong_element_of_ten_million_parameters_is_found_and_judged(tmp_path: Path) -> None:
    """Withheld data: the trace, then the tensor, then the leaf are forced into the open."""
    program = large_mlp(batch=8)
    assert sum(weight.values.size for weight in program.weights) > 10_000_000
    inputs = batch_for(program)
    material = Material(program)
    lie = wrong_element(material, inputs, node=1, element=5_000)
    world = World()
    liar, challenger = world.person(), world.person()
    before = world.worth(challenger)[0]
    asserting = Asserter(world.game, liar, journal_in(tmp_path), lie)
    disputing = Challenger(world.game, challenger, journal_in(tmp_path), material, [inputs])
    moves = world.play(asserting, disputing)
    assert asserting.assertion is not None
    assert world.game.status(asserting.assertion.id).name == "REJECTED"
    params = world.game.release.params
    reward = params.bond_a * params.reward_bps // 10_000
    (after,) = world.worth(challenger)
    assert after - before == reward - gas_cost(moves, challenger)
    assert max(move.gas_used for move in moves) < 1 << 24
    assert lie.root != honest(material, inputs).root
    assert lie.leaves(1) != honest(material, inputs).leaves(1)
