"""`verifiable dispute demo`: honest and dishonest people play against each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from .chain_options import wei_text
from .console import Console, seconds_text
from .exits import FAILED
from .options import interruptible, reporting
from .spending import address_text, hex_text

if TYPE_CHECKING:
    from verifiable.dispute.demo import PlayedGame
    from verifiable.dispute.history import PlayedMove

__all__ = ["demo"]


@click.command("demo", short_help="Play games between honest and dishonest people.")
@reporting
def demo(*, console: Console) -> None:
    """Play seven games on a chain in memory, with time that jumps.

    Exit 1 if an honest side loses one.
    """
    from verifiable.dispute.demo import Stage
    from verifiable.testing.demo_games import demo_scenarios

    with interruptible(console) as cancel, console.progress() as progress, Stage.open() as stage:
        games = [
            stage.play(scenario, progress=progress, cancel=cancel) for scenario in demo_scenarios()
        ]
    console.result(
        {"games": [game_document(game) for game in games]}, lambda out: _show(out, games)
    )
    if not all(game.fair for game in games):
        click.get_current_context().exit(FAILED)


def game_document(game: PlayedGame) -> dict[str, object]:
    """A played game for a JSON result; what somebody gained is without fees for gas."""
    history = game.history
    params = history.params
    return {
        "name": game.name,
        "told": game.told,
        "honest_side": game.honest_side,
        "winner": game.winner,
        "status": history.assertion.status.name.lower(),
        "assertion": hex_text(history.assertion.id),
        "game_ids": [item.id for item in history.games],
        "asserter": address_text(game.asserter),
        "challenger": address_text(game.challenger),
        "bond_asserter_wei": params.bond_a,
        "bond_challenger_wei": params.bond_c if history.games else 0,
        "gained_asserter_wei": game.gained["asserter"],
        "gained_challenger_wei": game.gained["challenger"],
        "burned_wei": game.burned,
        "moves": [_move_document(game, move) for move in history.moves],
        "gas_total": history.gas_total,
        "lasted_s": game.lasted_s,
        "played_s": game.played_s,
    }


def _move_document(game: PlayedGame, move: PlayedMove) -> dict[str, object]:
    stand = move.stand
    return {
        "by": game.side_of(move),
        "action": move.action,
        "what": move.text,
        "gas": move.gas_used,
        "time_s": move.time_s - game.history.assertion.asserted_at,
        "game_id": move.game_id or None,
        "phase": None if stand is None else stand.phase.name.lower(),
        "clock_asserter_s": None if stand is None else stand.clock_asserter_s,
        "clock_challenger_s": None if stand is None else stand.clock_challenger_s,
        "bond_wei": move.value,
        "burned_wei": move.burned,
        "transaction": hex_text(move.transaction),
    }


def _show(out: Console, games: Sequence[PlayedGame]) -> None:
    for number, game in enumerate(games, start=1):
        out.line(f"{number}. {game.name}: {game.told}", style="bold")
        out.table(
            ("time", "by", "move", "what", "gas", "clocks", "bond"),
            [_move_row(game, move) for move in game.history.moves],
            right=("time", "gas", "clocks", "bond"),
        )
        verdict = game.history.assertion.status.name.lower()
        out.line(
            f"   {verdict}: the {game.winner} wins, {game.history.gas_total:,} gas in all",
            style="green" if game.fair else "bold red",
        )
        out.line()
    out.table(
        ("game", "honest", "winner", "moves", "gas", "asserter", "challenger", "burned"),
        [
            (
                game.name,
                game.honest_side,
                game.winner,
                str(len(game.history.moves)),
                f"{game.history.gas_total:,}",
                _ether(game.gained["asserter"]),
                _ether(game.gained["challenger"]),
                _ether(game.burned),
            )
            for game in games
        ],
        right=("moves", "gas", "asserter", "challenger", "burned"),
    )
    out.line("what each side won or lost is in ether, fees for gas left out")
    lost = [game.name for game in games if not game.fair]
    spent = seconds_text(sum(game.played_s for game in games))
    if lost:
        out.line(f"AN HONEST SIDE LOST: {', '.join(lost)}", style="bold red")
    else:
        out.line(
            f"the honest side won all {len(games)} games and lost nothing but gas ({spent})",
            style="bold green",
        )


def _move_row(game: PlayedGame, move: PlayedMove) -> tuple[str, ...]:
    stand = move.stand
    clocks = "" if stand is None else f"{stand.clock_asserter_s}/{stand.clock_challenger_s} s"
    return (
        f"{move.time_s - game.history.assertion.asserted_at:+} s",
        game.side_of(move),
        move.action,
        move.text,
        f"{move.gas_used:,}",
        clocks,
        wei_text(move.value) if move.value else "",
    )


def _ether(wei: int) -> str:
    amount = wei_text(abs(wei)).removesuffix(" ether")
    return f"-{amount}" if wei < 0 else amount
