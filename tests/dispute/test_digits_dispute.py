"""A real model with leaves of 1024 bytes: what a dispute about it costs, and who pays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dispute_kit import World, gas_cost, journal_in

import verifiable
from verifiable.chain.contracts.dispute_structs import AssertionStatus
from verifiable.dispute.asserter import Asserter
from verifiable.dispute.challenger import Challenger
from verifiable.dispute.material import Material
from verifiable.dispute.trace_data import FolderData, publish_trace
from verifiable.testing.lying_traces import wrong_element

PUBLIC_GAS, WITHHELD_GAS = 800_000, 2_500_000


@pytest.mark.parametrize("public", [True, False], ids=["public", "withheld"])
def test_a_dispute_about_digits_is_cheap(
    world: World, digits_program: Path, tmp_path: Path, public: bool
) -> None:
    program = verifiable.load_program(digits_program)
    material = Material(program)
    spec = program.inputs[0]
    rng = np.random.default_rng(public)
    inputs = {spec.name: rng.integers(spec.lo, spec.hi, spec.shape, endpoint=True)}
    lie = wrong_element(material, inputs, node=0, element=3)
    folder = publish_trace(lie, tmp_path / "trace")
    mallory, carol = world.person(), world.person()
    liar = Asserter(world.game, mallory, journal_in(tmp_path), lie)
    challenger = Challenger(
        world.game,
        carol,
        journal_in(tmp_path),
        material,
        [inputs],
        find_data=(lambda assertion: FolderData(folder)) if public else None,
    )
    before = world.worth(carol)[0]
    moves = world.play(liar, challenger)
    assert liar.assertion.status is AssertionStatus.REJECTED
    assert liar.assertion.fault[1] == 0
    gas = sum(
        move.gas_used
        for move in moves
        if move.name not in ("admitProgram", "assertResult", "withdraw")
    )
    assert gas < (PUBLIC_GAS if public else WITHHELD_GAS)
    rules = world.game.release.params
    reward = rules.bond_a * rules.reward_bps // 10_000
    assert world.worth(carol)[0] == before + reward - gas_cost(moves, carol)
    assert not liar.notes
    assert not challenger.notes
