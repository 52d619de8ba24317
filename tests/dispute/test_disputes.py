"""Every liar loses, honest sides lose nothing, and no coin is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from dispute_kit import World, gas_cost, honest, journal_in, tiny_inputs

from verifiable.chain.contracts.dispute_structs import AssertionStatus, FaultKind, Phase
from verifiable.dispute.asserter import Asserter, Defender
from verifiable.dispute.challenger import Challenger
from verifiable.dispute.material import Material
from verifiable.dispute.trace_data import FolderData, publish_trace
from verifiable.testing.lying_traces import (
    FalseChallenger,
    StallingAsserter,
    StallingChallenger,
    wrong_element,
    wrong_input,
    wrong_output,
    wrong_padding,
    wrong_tail,
    wrong_weights,
)

ELEMENT, PADDING = FaultKind.ELEMENT, FaultKind.PADDING

LIES = {
    "output": (lambda m, x: wrong_output(m, x, element=8), (ELEMENT, 4, 8)),
    "first element": (lambda m, x: wrong_element(m, x, node=0, element=0), (ELEMENT, 0, 0)),
    "table": (lambda m, x: wrong_element(m, x, node=1, element=69), (ELEMENT, 1, 69)),
    "sum, propagated": (
        lambda m, x: wrong_element(m, x, node=2, element=33, delta=-100),
        (ELEMENT, 2, 33),
    ),
    "product, alone": (
        lambda m, x: wrong_element(m, x, node=3, element=64, propagate=False),
        (ELEMENT, 3, 64),
    ),
    "weights": (lambda m, x: wrong_weights(m, x, weight=4, element=7), (ELEMENT, 4, 7)),
    "input": (lambda m, x: wrong_input(m, x, tiny_inputs(10_000)), None),
    "tail": (lambda m, x: wrong_tail(m, x, node=1), (PADDING, 1, 2)),
    "padding of a tensor": (lambda m, x: wrong_padding(m, x, node=3), (PADDING, 3, 3)),
    "padding of the trace": (lambda m, x: wrong_padding(m, x), (PADDING, 0, 3)),
}


@pytest.mark.parametrize("name", LIES)
@pytest.mark.parametrize("public", [True, False], ids=["public", "withheld"])
def test_every_lie_is_rejected(
    world: World, material: Material, inputs, tmp_path: Path, name: str, public: bool
) -> None:
    make, fault = LIES[name]
    lie = make(material, inputs)
    right = honest(material, inputs)
    assert lie.root != right.root
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
    before = world.worth(mallory, carol)
    moves = world.play(liar, challenger)
    after = world.worth(mallory, carol)
    assert liar.assertion is not None
    assert liar.assertion.status is AssertionStatus.REJECTED
    assert liar.assertion.winner == carol.address
    if fault is not None:
        assert liar.assertion.fault == fault
    rules = world.game.release.params
    reward = rules.bond_a * rules.reward_bps // 10_000
    assert after[0] == before[0] - rules.bond_a - gas_cost(moves, mallory)
    assert after[1] == before[1] + reward - gas_cost(moves, carol)
    names = [move.name for move in moves if move.sender == carol.address]
    # padding of a tensor's tree cannot be published, so it takes a game; that of the trace's own
    # tree shows in the branch of the asserted output
    if (public and name != "padding of a tensor") or name == "padding of the trace":
        assert names == ["commit", "proveFault", "withdraw"]
    else:
        assert names[0] == "openGame"
        assert names[-3:] == ["commit", "proveStep", "withdraw"]
    assert not liar.notes


def test_an_honest_result_becomes_final_and_costs_only_gas(
    world: World, material: Material, inputs, tmp_path: Path
) -> None:
    alice, carol = world.person(), world.person()
    asserter = Asserter(world.game, alice, journal_in(tmp_path), honest(material, inputs))
    challenger = Challenger(world.game, carol, journal_in(tmp_path), material, [inputs])
    before = world.worth(alice, carol)
    moves = world.play(asserter, challenger)
    assert asserter.won
    assert world.game.finalised_statement(asserter.statement.digest) == asserter.assertion.id
    assert world.worth(alice, carol) == [before[0] - gas_cost(moves, alice), before[1]]


def test_a_false_challenger_loses_its_bond_and_pays_the_reveals(
    world: World, material: Material, inputs, tmp_path: Path
) -> None:
    alice, mallory = world.person(), world.person()
    asserter = Asserter(world.game, alice, journal_in(tmp_path), honest(material, inputs))
    challenger = FalseChallenger(world.game, mallory, journal_in(tmp_path), material, [inputs])
    challenger.believed = wrong_element(material, inputs, node=2, element=5)
    before = world.worth(alice, mallory)
    moves = world.play(asserter, challenger)
    after = world.worth(alice, mallory)
    assert asserter.won
    assert after[1] == before[1] - world.game.release.params.bond_c - gas_cost(moves, mallory)
    assert after[0] > before[0] - gas_cost(moves, alice)
    assert [move.name for move in moves if move.sender == alice.address] == [
        *(["admitProgram"] if moves[0].name == "admitProgram" else []),
        "commit",
        "assertResult",
        "revealNodes",
        "revealTensor",
        "revealNodes",
        "revealLeaf",
        "claimTimeout",
        "finalize",
        "withdraw",
    ]
    assert any("by the reference" in note or "NoFault" in note for note in challenger.notes)


@pytest.mark.parametrize(
    "phase",
    [
        Phase.TRACE,
        pytest.param(Phase.NODE, marks=pytest.mark.slow),
        pytest.param(Phase.TENSOR, marks=pytest.mark.slow),
        Phase.LEAF,
    ],
)
def test_a_liar_that_falls_silent_loses_by_the_clock(
    world: World, material: Material, inputs, tmp_path: Path, phase: Phase
) -> None:
    mallory, carol = world.person(), world.person()
    lie = wrong_element(material, inputs, node=2, element=40)
    liar = StallingAsserter(world.game, mallory, journal_in(tmp_path), lie)
    liar.silent_from = phase
    challenger = Challenger(world.game, carol, journal_in(tmp_path), material, [inputs])
    before = world.worth(carol)
    moves = world.play(liar, challenger)
    assert liar.assertion.status is AssertionStatus.REJECTED
    assert liar.assertion.fault is None
    assert "claimTimeout" in [move.name for move in moves]
    rules = world.game.release.params
    reward = rules.bond_a * rules.reward_bps // 10_000
    assert world.worth(carol) == [before[0] + reward - gas_cost(moves, carol)]


def test_anyone_who_holds_the_trace_defends_an_absent_asserter(
    world: World, material: Material, inputs, tmp_path: Path
) -> None:
    alice, dave, mallory = (world.person() for _ in range(3))
    trace = honest(material, inputs)
    asserter = Asserter(world.game, alice, journal_in(tmp_path), trace)
    asserter.step()
    assert asserter.assertion is not None
    challenger = FalseChallenger(world.game, mallory, journal_in(tmp_path), material, [inputs])
    challenger.believed = wrong_output(material, inputs)
    defender = Defender(world.game, dave, journal_in(tmp_path), trace, asserter.assertion.id)
    before = world.worth(dave)
    moves = world.play(defender, challenger)
    assert asserter.log.refresh()
    assert asserter.won
    assert world.worth(dave)[0] > before[0] - gas_cost(moves, dave)
    assert world.game.credit_of(alice.address) == world.game.release.params.bond_a


def test_games_beside_the_winning_one_are_closed_and_give_their_bond_back(
    world: World, material: Material, inputs, tmp_path: Path
) -> None:
    """A saboteur that opens a game and does nothing shields no lie, and nobody honest loses."""
    mallory, eve, carol, erin = (world.person() for _ in range(4))
    lie = wrong_element(material, inputs, node=1, element=3)
    liar = Asserter(world.game, mallory, journal_in(tmp_path), lie)
    saboteur = StallingChallenger(world.game, eve, journal_in(tmp_path), material, [inputs])
    first = Challenger(world.game, carol, journal_in(tmp_path), material, [inputs])
    second = Challenger(world.game, erin, journal_in(tmp_path), material, [inputs])
    before = world.worth(eve, carol, erin)
    moves = world.play(liar, saboteur, first, second)
    after = world.worth(eve, carol, erin)
    assert liar.assertion.status is AssertionStatus.REJECTED
    assert liar.assertion.winner in (carol.address, erin.address)
    gains = [
        have - had + gas_cost(moves, person)
        for have, had, person in zip(after, before, (eve, carol, erin), strict=True)
    ]
    rules = world.game.release.params
    reward = rules.bond_a * rules.reward_bps // 10_000
    assert gains[0] == 0
    assert sorted(gains[1:]) == [0, reward]


def test_shown_leaves_are_not_shown_twice(
    world: World, material: Material, inputs, tmp_path: Path
) -> None:
    """The second game about the same lie jumps to what the first one brought to light."""
    mallory, eve, carol = (world.person() for _ in range(3))
    lie = wrong_element(material, inputs, node=2, element=40)
    liar = Asserter(world.game, mallory, journal_in(tmp_path), lie)
    liar.step()
    lazy = Challenger(world.game, eve, journal_in(tmp_path), material, [inputs])
    lazy.prove = lambda *args: iter(())
    for _ in range(8):
        lazy.step()
        liar.step()
    games = [game for game in lazy.log.games if game.challenger == eve.address]
    assert games[0].phase is Phase.STEP
    moves = Challenger(world.game, carol, journal_in(tmp_path), material, [inputs]).step()
    assert [move.name for move in moves if move.name] == ["commit", "proveFault", "withdraw"]


def test_who_does_not_know_the_input_challenges_nobody(
    world: World, material: Material, inputs, tmp_path: Path
) -> None:
    mallory, carol = world.person(), world.person()
    liar = Asserter(world.game, mallory, journal_in(tmp_path), wrong_output(material, inputs))
    liar.step()
    challenger = Challenger(world.game, carol, journal_in(tmp_path), material, [])
    assert challenger.step() == []
    assert any("its input is not known here" in note for note in challenger.notes)
    challenger.learn_inputs(inputs)
    world.play(liar, challenger)
    assert liar.assertion.status is AssertionStatus.REJECTED


def test_near_the_end_of_the_window_a_game_is_opened_first(
    world: World, material: Material, inputs, tmp_path: Path
) -> None:
    mallory, carol = world.person(), world.person()
    lie = wrong_output(material, inputs)
    folder = publish_trace(lie, tmp_path / "trace")
    liar = Asserter(world.game, mallory, journal_in(tmp_path), lie)
    liar.step()
    world.pass_time(world.game.release.params.window - 60)
    challenger = Challenger(
        world.game,
        carol,
        journal_in(tmp_path),
        material,
        [inputs],
        find_data=lambda assertion: FolderData(folder),
    )
    assert challenger.step(1)[0].name == "openGame"
    world.pass_time(120)
    moves = world.play(liar, challenger)
    assert "proveStep" in [move.name for move in moves]
    assert liar.assertion.status is AssertionStatus.REJECTED
