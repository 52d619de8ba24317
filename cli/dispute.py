"""`verifiable dispute`: assert results under a bond, defend them, and show where they are wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .chain_options import ChainFlags, SigningFlags, chain_options, signing_options, wei_text
from .chain_session import chosen_signer, opened_chain
from .console import Console, counted, seconds_text
from .dispute_agents import assert_result, challenge, watch_assertion
from .dispute_calls import (
    assertion_document,
    deployment_steps,
    find_game,
    from_block_option,
    game_option,
    params_document,
    usual_params,
)
from .dispute_demo import demo
from .options import FILE, hex_digest, output_option, reporting
from .spending import address_text, carry_out, hex_text, show_done, transactions

if TYPE_CHECKING:
    from verifiable.dispute.game_log import GameLog
    from verifiable.statement.game import Params

__all__ = ["command"]

_SECONDS = click.IntRange(min=1, max=7 * 24 * 3600)


@click.group("dispute", short_help="Assert results under a bond, or contest them.")
def command() -> None:
    """Assert results under a bond, defend them, and show where they are wrong."""


for subcommand in (assert_result, watch_assertion, challenge, demo):
    command.add_command(subcommand)


@command.command("deploy")
@click.option("--window", type=_SECONDS, help="Seconds in which an assertion can be challenged.")
@click.option("--clock", type=_SECONDS, help="Seconds that each side may think in a game.")
@click.option("--grace", type=_SECONDS, help="Seconds that a side has at least for a move.")
@chain_options
@signing_options
@reporting
def deploy(
    window: int | None,
    clock: int | None,
    grace: int | None,
    chain: ChainFlags,
    signing: SigningFlags,
    *,
    console: Console,
) -> None:
    """Deploy a dispute game and the contracts that judge for it, where they do not stand yet.

    Rules are for ever, and part of the address. The usual ones are those that every command takes
    where --game names no other.
    """
    with opened_chain(chain) as opened:
        from verifiable.chain.contracts.dispute_game import DisputeGame

        params = _rules(usual_params(opened), window, clock, grace)
        signer = chosen_signer(signing, opened, console)
        steps, place = deployment_steps(opened, signer, params)
        if not steps:
            DisputeGame.at(opened, place)  # other code there is an error
        done = carry_out(console, opened, signer, signing, steps)
        document = {
            "game": address_text(place),
            "chain": opened.chain_id,
            "source": opened.source,
            "found": not steps,
            "dry_run": signing.dry_run,
            "usual": params == usual_params(opened),
            "rules": params_document(params),
            "transactions": transactions(done),
        }

    def shown(out: Console) -> None:
        show_done(out, done)
        there = " stands there already" if not steps else ""
        out.line(f"game {document['game']} on chain {document['chain']}{there}")
        out.line(
            f"window {seconds_text(params.window)}, clocks {seconds_text(params.clock_a)}, bonds "
            f"{wei_text(params.bond_a)} to assert and {wei_text(params.bond_c)} to open a game"
        )

    console.result(document, shown)


@command.command("status")
@click.argument("assertion", callback=hex_digest, required=False)
@game_option
@from_block_option
@chain_options
@reporting
def status(
    assertion: bytes | None,
    game_address: bytes | None,
    from_block: int,
    chain: ChainFlags,
    *,
    console: Console,
) -> None:
    """Show an ASSERTION and its games, or all of them."""
    with opened_chain(chain, reading=True) as opened:
        from verifiable.dispute.game_log import GameLog
        from verifiable.dispute.history import unknown_assertion

        game = find_game(opened, game_address)
        log = GameLog(game, from_block=from_block)
        log.refresh()
        found = [item for item in log.assertions if assertion in (None, item.id)]
        if assertion is not None and not found:
            raise unknown_assertion(game, assertion)
        document: dict[str, Any] = {
            "game": address_text(game.address),
            "chain": opened.chain_id,
            "source": opened.source,
            "block": 0 if log.head is None else log.head.number,
            "rules": params_document(log.params),
            "assertions": [assertion_document(log, item) for item in found],
        }
    console.result(document, lambda out: _show_status(out, document))


@command.command("replay")
@click.argument("what", metavar="GAME_ID|ASSERTION")
@click.option("--program", type=FILE, help="The program: shows what each node reads.")
@output_option("the page")
@game_option
@from_block_option
@chain_options
@reporting
def replay(
    what: str,
    program: Path | None,
    output: Path,
    game_address: bytes | None,
    from_block: int,
    chain: ChainFlags,
    *,
    console: Console,
) -> None:
    """Write a game, or all games about an assertion, as one HTML page that loads nothing."""
    from verifiable.files import write_bytes
    from verifiable.sources import check_output

    check_output(output, sources=(program,))
    with opened_chain(chain, reading=True) as opened:
        from verifiable.dispute.game_log import GameLog
        from verifiable.dispute.history import read_history
        from verifiable.dispute.pictures import Graph
        from verifiable.dispute.replay import replay_page

        game = find_game(opened, game_address)
        log = GameLog(game, from_block=from_block)
        log.refresh()
        assertion_id, game_id = _named(log, what)
        history = read_history(game, log, assertion_id, from_block=from_block)
        root = history.assertion.statement.program_root
        if program is None:
            graph = Graph.of_count(game.program_of(root).node_count)
        else:
            graph = Graph.of(_same_program(program, root))
    write_bytes(output, replay_page(history, graph, game_id=game_id).encode("utf-8"))
    document = {
        "page": str(output),
        "assertion": hex_text(assertion_id),
        "status": history.assertion.status.name.lower(),
        "game_ids": [item.id for item in history.games if game_id in (None, item.id)],
        "moves": len(history.moves),
        "gas_total": history.gas_total,
    }

    def shown(out: Console) -> None:
        out.line(
            f"{output}: assertion {document['assertion']}, {document['status']}, "
            f"{counted(len(history.moves), 'move', 'moves')}, {history.gas_total:,} gas"
        )

    console.result(document, shown)


def _rules(usual: Params, window: int | None, clock: int | None, grace: int | None) -> Params:
    """The usual rules with other times.

    Raises:
        click.UsageError: no contract would take them. The deployment proxy hides the reason that
            the constructor gives, so that it is told here.
    """
    from verifiable.chain.contracts.dispute_release import MAX_DURATION_S

    clock_s = usual.clock_a if clock is None else clock
    rules = replace(
        usual,
        window=usual.window if window is None else window,
        clock_a=clock_s,
        clock_c=clock_s,
        grace=min(usual.grace, clock_s) if grace is None else grace,
    )
    if rules.grace > clock_s:
        raise click.UsageError("--grace is longer than --clock")
    longest_s = rules.window + 2 * clock_s + rules.max_moves * rules.grace
    if longest_s >= MAX_DURATION_S:
        raise click.UsageError(
            f"a game could last {longest_s:,} s: window, both clocks and {rules.max_moves} times "
            f"the grace must stay below {MAX_DURATION_S:,} s"
        )
    return rules


def _named(log: GameLog, what: str) -> tuple[bytes, int | None]:
    """Which assertion, and which of its games alone.

    Raises:
        ChainError: `unknown-game`.
        click.UsageError: it is neither a number nor an id.
    """
    from verifiable.errors import ChainError

    if len(what) <= 20 and what.isascii() and what.isdigit():
        found = next((game for game in log.games if game.id == int(what)), None)
        if found is None:
            raise ChainError(
                f"the contract holds no game {int(what)}",
                where=f"{address_text(log.game.address)} on chain {log.game.chain.chain_id}",
                hint="`verifiable dispute status` lists assertions and games",
                code="unknown-game",
            )
        return found.assertion_id, found.id
    context = click.get_current_context()
    parameter = context.command.params[0]
    digest = hex_digest(context, parameter, what)
    return digest or b"", None


def _same_program(path: Path, root: bytes) -> Any:
    from verifiable.api import load_program
    from verifiable.errors import InvalidInput
    from verifiable.statement.commitment import commit_program

    program = load_program(str(path))
    if commit_program(program).program_root != root:
        raise InvalidInput(
            "the assertion is about another program",
            where=str(path),
            why=f"it names {hex_text(root)}",
            hint="give that program, or leave --program out",
            code="other-statement",
        )
    return program


def _show_status(out: Console, document: dict[str, Any]) -> None:
    out.line(
        f"game {document['game']} on chain {document['chain']}, as {document['source']} answered "
        f"at block {document['block']}"
    )
    if not document["assertions"]:
        out.line("no assertion")
    for item in document["assertions"]:
        left = item["window_left_s"]
        more = "" if left is None else f", {left} s of its window left"
        out.line(f"assertion {item['assertion']}: {item['status']}{more}", style="bold")
        out.line(f"  by {item['asserter']}, statement {item['statement_digest']}")
        if item["trace_uri"]:
            out.line(f"  trace {item['trace_uri']} (a hint that nothing binds)")
        if item["fault"]:
            fault = item["fault"]
            out.line(f"  proven: {fault['kind']} {fault['place']} of node {fault['node']} is wrong")
        for game in item["games"]:
            end = (
                ""
                if game["left_s"] is None
                else (f", the {game['turn']} has {game['left_s']} s to move")
            )
            out.line(
                f"  game {game['game_id']}: {game['status']}, phase {game['phase']}, clocks "
                f"{game['clock_asserter_s']}/{game['clock_challenger_s']} s{end}"
            )
