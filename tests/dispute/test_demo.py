"""The games of the demonstration: who wins, what each costs, and that nothing is made up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from verifiable.chain.contracts.dispute_structs import AssertionStatus, GameStatus
from verifiable.dispute.asserter import Asserter
from verifiable.dispute.challenger import Challenger
from verifiable.dispute.demo import PlayedGame, Players, Scenario, Stage
from verifiable.errors import Cancelled, ChainError
from verifiable.progress import Cancellation
from verifiable.testing.demo_games import demo_scenarios
from verifiable.testing.demo_program import LEAF_LOG2, demo_inputs, demo_program

NAMES = (
    "honest",
    "wrong-output",
    "wrong-intermediate",
    "wrong-weights",
    "withheld-trace",
    "stalling-asserter",
    "false-challenger",
)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage.open() as made:
        yield made


@pytest.fixture(scope="module")
def games(stage: Stage) -> dict[str, PlayedGame]:
    return {scenario.name: stage.play(scenario) for scenario in demo_scenarios()}


def actions(game: PlayedGame, side: str) -> list[str]:
    return [move.action for move in game.history.moves if game.side_of(move) == side]


def test_the_honest_side_wins_every_game_and_loses_nothing(games: dict[str, PlayedGame]) -> None:
    assert tuple(games) == NAMES
    for game in games.values():
        assert game.winner == game.honest_side, game.name
        assert game.fair, game.name
    assert {game.honest_side for game in games.values()} == {"asserter", "challenger"}


@pytest.mark.parametrize("name", NAMES)
def test_every_coin_is_accounted_for(games: dict[str, PlayedGame], name: str) -> None:
    game = games[name]
    assert sum(game.gained.values()) + game.burned == 0
    assert (game.burned == 0) == (name == "honest")


@pytest.mark.parametrize("name", NAMES)
def test_a_history_holds_every_transaction(
    stage: Stage, games: dict[str, PlayedGame], name: str
) -> None:
    game = games[name]
    for side, account in (("asserter", game.asserter), ("challenger", game.challenger)):
        sent = stage.chain.transaction_count(account)
        assert len(actions(game, side)) == sent, side
    for move in game.history.moves:
        receipt = stage.chain.receipt(move.transaction)
        assert receipt is not None
        assert (receipt.gas_used, receipt.block_number) == (move.gas_used, move.block)
        assert move.by in (game.asserter, game.challenger)
    times = [move.time_s for move in game.history.moves]
    assert times == sorted(times)


def test_an_honest_result_passes_untouched(games: dict[str, PlayedGame]) -> None:
    game = games["honest"]
    assert actions(game, "challenger") == []
    assert actions(game, "asserter")[-3:] == ["assertResult", "finalize", "withdraw"]
    assert game.history.assertion.status is AssertionStatus.FINALIZED
    assert game.lasted_s >= game.history.params.window


@pytest.mark.parametrize("name", ["wrong-intermediate", "wrong-weights"])
def test_public_data_make_it_one_transaction_without_a_bond(
    games: dict[str, PlayedGame], name: str
) -> None:
    game = games[name]
    assert actions(game, "challenger") == ["commit", "proveFault", "withdraw"]
    assert game.history.games == ()
    assert game.gained["challenger"] == game.history.params.bond_a // 2
    (proof,) = [move for move in game.history.moves if move.action == "proveFault"]
    assert proof.gas_used < 800_000


def test_a_withheld_trace_is_asked_for_level_by_level(games: dict[str, PlayedGame]) -> None:
    game = games["withheld-trace"]
    played = [move for move in game.history.moves if move.stand is not None]
    phases = [move.stand.phase.name for move in played if move.stand]
    assert list(dict.fromkeys(phases)) == ["TRACE", "NODE", "TENSOR", "LEAF", "STEP"]
    assert [move.action for move in played].count("revealNodes") == 4
    assert [move.action for move in played].count("select") == 4
    assert played[-1].action == "proveStep"
    assert game.history.assertion.fault is not None
    assert game.history.assertion.fault[1:] == (10, 401)
    assert game.history.gas_total < 2_500_000


def test_silence_loses_by_the_clock(games: dict[str, PlayedGame]) -> None:
    game = games["stalling-asserter"]
    last = next(move for move in game.history.moves if move.action == "claimTimeout")
    assert last.stand is not None
    assert last.stand.clock_asserter_s == 0
    assert last.stand.clock_challenger_s > 0
    assert game.history.assertion.fault is None
    assert game.lasted_s >= game.history.params.clock_a


def test_a_false_challenger_pays_for_the_asserters_moves(games: dict[str, PlayedGame]) -> None:
    game = games["false-challenger"]
    assert game.history.games[0].status is GameStatus.LOST
    assert game.gained["challenger"] == -game.history.params.bond_c
    assert game.gained["asserter"] > 0


def players(stage: Stage, kind: type[Asserter], *, watched: bool) -> Players:
    """A liar, and a challenger that knows the input or not."""
    from verifiable.dispute.material import Material
    from verifiable.testing.lying_traces import wrong_output

    material = Material(demo_program(), leaf_log2=LEAF_LOG2)
    inputs = demo_inputs(99)
    first = stage.now_block
    return Players(
        asserter=kind(
            stage.game,
            stage.person(),
            stage.journal(),
            wrong_output(material, inputs),
            from_block=first,
        ),
        challenger=Challenger(
            stage.game,
            stage.person(),
            stage.journal(),
            material,
            [inputs] if watched else [],
            from_block=first,
        ),
    )


def test_a_lie_that_nobody_looks_at_stands_and_is_no_fair_game(stage: Stage) -> None:
    scenario = Scenario(
        name="unwatched",
        told="a lie about an input that the challenger does not know",
        honest_side="challenger",
        cast=lambda stage: players(stage, Asserter, watched=False),
    )
    game = stage.play(scenario)
    assert game.winner == "asserter"
    assert not game.fair


def test_a_game_in_which_nobody_moves_is_an_error(stage: Stage) -> None:
    class Idle(Asserter):
        def actions(self):
            return iter(())

    scenario = Scenario(
        name="idle",
        told="nobody asserts",
        honest_side="asserter",
        cast=lambda stage: players(stage, Idle, watched=True),
    )
    with pytest.raises(ChainError) as caught:
        stage.play(scenario)
    assert caught.value.code == "game-without-end"


def test_a_demonstration_can_be_stopped(stage: Stage) -> None:
    cancel = Cancellation()
    cancel.cancel()
    with pytest.raises(Cancelled):
        stage.play(demo_scenarios()[0], cancel=cancel)
