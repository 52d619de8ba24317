"""`verifiable dispute assert`, `watch` and `challenge`: agents that play until all is decided."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .asserting import (
    asserted_by,
    asserted_document,
    asserting_session,
    show_asserted,
    trace_options,
)
from .chain_options import ChainFlags, SigningFlags, chain_options, signing_options, wei_text
from .chain_session import chosen_signer
from .console import Console
from .dispute_calls import assertion_document, find_game, from_block_option, game_option
from .dispute_traces import (
    assertion_to_defend,
    challenger_of,
    executed,
    known_inputs,
    material_of,
    trace_finder,
)
from .dispute_watch import (
    agent_chain,
    agent_options,
    agree_to_play,
    follow,
    journal_of,
    move_documents,
    playing_options,
    show_moves,
)
from .options import (
    FILE,
    FOLDER,
    Function,
    hex_digest,
    input_options,
    interruptible,
    output_option,
    reporting,
    visibility_option,
)
from .spending import address_text, hex_text

if TYPE_CHECKING:
    from verifiable.chain.contracts.dispute_game import DisputeGame
    from verifiable.dispute.asserter import Defender
    from verifiable.dispute.challenger import Challenger
    from verifiable.dispute.game_log import AssertionState, GameLog

__all__ = ["assert_result", "challenge", "watch_assertion"]


def playing(function: Function) -> Function:
    """Add the options of commands that let an agent play."""
    for option in reversed(playing_options):
        function = option(function)
    return function


@click.command("assert", short_help="Assert an output under a bond.")
@click.argument("program", type=FILE)
@input_options
@output_option("the proof")
@visibility_option
@click.option(
    "--context", callback=hex_digest, help="32 bytes in hex that bind the statement to one use."
)
@trace_options
@click.option("--watch", "keep_watch", is_flag=True, help="Defend it until it is decided.")
@playing
@game_option
@from_block_option
@chain_options
@signing_options
@reporting
def assert_result(
    program: Path,
    input_path: Path,
    index: int | None,
    saturate: bool,
    output: Path,
    visibility: str,
    context: bytes | None,
    trace_dir: Path | None,
    trace_url: str | None,
    keep_watch: bool,
    journal: Path | None,
    poll_s: float,
    once: bool,
    fallbacks: tuple[str, ...],
    game_address: bytes | None,
    from_block: int,
    chain: ChainFlags,
    signing: SigningFlags,
    *,
    console: Console,
) -> None:
    """Run PROGRAM on an input, and assert on a chain that the output is what it computes.

    Writes the proof at once; it proves something when the assertion is final. Until then the
    assertion must be defended: by --watch, or by `verifiable dispute watch`.
    """
    if once and keep_watch:
        raise click.UsageError("--once and --watch exclude each other")
    from verifiable.api import prove
    from verifiable.files import write_bytes
    from verifiable.sources import check_output
    from verifiable.statement.statement import ZERO_CONTEXT

    check_output(output, sources=(program, input_path))
    agent_options(signing)
    bound = context or ZERO_CONTEXT
    with interruptible(console) as cancel, agent_chain(chain, fallbacks) as opened:
        game = find_game(opened, game_address)
        signer = chosen_signer(signing, opened, console)
        if signing.dry_run:
            _dry_run(console, program, input_path, index, saturate, bound, game)
            return
        with asserting_session(
            console,
            cancel,
            opened,
            game,
            signer,
            signing,
            journal=journal,
            trace_dir=trace_dir,
            trace_url=trace_url,
            from_block=from_block,
            poll_s=poll_s,
        ) as session:
            result = prove(
                program,
                input_path,
                index=index,
                backend="optimistic",
                context=bound,
                visibility=visibility,
                saturate=saturate,
                session=session,
                cancel=cancel,
            )
            write_bytes(output, result.proof.encode())
            agent, found = asserted_by(session)
            console.say(f"{output} names assertion {hex_text(found.id)}")
            if keep_watch:
                follow(console, [agent], cancel, poll_s=poll_s)
            document = asserted_document(session, result, output)
    if result.proof.saturated:
        console.warn("input values were clipped; the proof says so, and strict policies refuse it")
    console.result(document, lambda out: show_asserted(out, document, agent))


@click.command("watch", short_help="Defend an assertion until it is decided.")
@click.argument("program", type=FILE)
@input_options
@click.option(
    "--assertion",
    "assertion_id",
    callback=hex_digest,
    metavar="ID",
    help="Which one; without it, the newest about this execution, your own first.",
)
@playing
@game_option
@from_block_option
@chain_options
@signing_options
@reporting
def watch_assertion(
    program: Path,
    input_path: Path,
    index: int | None,
    saturate: bool,
    assertion_id: bytes | None,
    journal: Path | None,
    poll_s: float,
    once: bool,
    fallbacks: tuple[str, ...],
    game_address: bytes | None,
    from_block: int,
    chain: ChainFlags,
    signing: SigningFlags,
    *,
    console: Console,
) -> None:
    """Show what games ask for about PROGRAM's execution on an input, then make it final.

    Anyone who can compute the trace may defend a right assertion. Ctrl-C stops; the same command
    goes on where the games stand then.
    """
    from verifiable.dispute.asserter import Defender
    from verifiable.dispute.game_log import GameLog

    options = agent_options(signing)
    with interruptible(console) as cancel, agent_chain(chain, fallbacks) as opened:
        game = find_game(opened, game_address)
        signer = chosen_signer(signing, opened, console)
        trace, _, _ = executed(program, input_path, index, saturate)
        log = GameLog(game, from_block=from_block)
        log.refresh()
        found = assertion_to_defend(log, trace, assertion_id, signer.address)
        if signing.dry_run:
            _report(console, log, found, [], dry_run=True)
            return
        agree_to_play(console, opened, signer, signing, 0, ["defend one assertion"])
        with journal_of(journal, opened, signer) as book:
            agent = Defender(
                game,
                signer,
                book,
                trace,
                found.id,
                from_block=from_block,
                options=options,
            )
            follow(console, [agent], cancel, poll_s=poll_s, once=once)
            _report(console, agent.log, agent.assertion or found, [agent])


@click.command("challenge", short_help="Show where assertions about a program are wrong.")
@click.argument("program", type=FILE)
@click.option(
    "--input",
    "input_paths",
    type=FILE,
    multiple=True,
    required=True,
    help="Raw inputs, an .npz file, every row of it; repeatable. Assertions about others are "
    "left alone.",
)
@click.option("--saturate", is_flag=True, help="Clip input values that the program cannot hold.")
@click.option(
    "--assertion",
    "assertion_id",
    callback=hex_digest,
    metavar="ID",
    help="Look at this one only, and end when it is decided.",
)
@click.option("--trace-dir", type=FOLDER, help="Read the asserter's trace here.")
@click.option(
    "--private-hosts", is_flag=True, help="Read traces from hosts of private networks too."
)
@click.option("--no-games", is_flag=True, help="Put up no bond: prove only what public data show.")
@playing
@game_option
@from_block_option
@chain_options
@signing_options
@reporting
def challenge(
    program: Path,
    input_paths: tuple[Path, ...],
    saturate: bool,
    assertion_id: bytes | None,
    trace_dir: Path | None,
    private_hosts: bool,
    no_games: bool,
    journal: Path | None,
    poll_s: float,
    once: bool,
    fallbacks: tuple[str, ...],
    game_address: bytes | None,
    from_block: int,
    chain: ChainFlags,
    signing: SigningFlags,
    *,
    console: Console,
) -> None:
    """Compute again what others assert about PROGRAM, and bring down what is wrong.

    Watches all new assertions until Ctrl-C, or one with --assertion. The same command goes on
    where the games stand.
    """
    from verifiable.dispute.challenger import check_nodes

    options = agent_options(signing)
    with interruptible(console) as cancel, agent_chain(chain, fallbacks) as opened:
        game = find_game(opened, game_address)
        signer = chosen_signer(signing, opened, console)
        material = material_of(program)
        inputs = known_inputs(material, input_paths, saturate)
        check_nodes(game, material)
        bond = game.release.params.bond_c
        if not signing.dry_run:
            line = "prove faults from public data, without a bond"
            if not no_games:
                line = (
                    f"open games under a bond of {wei_text(bond)} each, which comes back if the "
                    "assertion is wrong"
                )
            agree_to_play(console, opened, signer, signing, 0 if no_games else bond, [line])
        with journal_of(journal, opened, signer) as book:
            agent = challenger_of(assertion_id)(
                game,
                signer,
                book,
                material,
                inputs,
                find_data=trace_finder(trace_dir, private=private_hosts),
                open_games=not no_games,
                from_block=from_block,
                options=options,
            )
            if signing.dry_run:
                agent.log.refresh()
            else:
                endless = assertion_id is None
                follow(console, [agent], cancel, poll_s=poll_s, once=once, endless=endless)
            _report_challenge(console, agent, assertion_id, dry_run=signing.dry_run)


# --- reports


def _dry_run(
    console: Console,
    program: Path,
    input_path: Path,
    index: int | None,
    saturate: bool,
    context: bytes,
    game: DisputeGame,
) -> None:
    from verifiable.dispute.asserter import statement_of_trace

    trace, outputs, _ = executed(program, input_path, index, saturate)
    statement = statement_of_trace(trace, context=context)
    bond = game.release.params.bond_a
    document = {
        "dry_run": True,
        "game": address_text(game.address),
        "statement_digest": hex_text(statement.digest),
        "program_root": hex_text(statement.program_root),
        "input_root": hex_text(statement.input_root),
        "output_root": hex_text(statement.output_root),
        "context": hex_text(statement.context),
        "trace_root": hex_text(trace.root),
        "bond_wei": bond,
        "outputs": {name: values.tolist() for name, values in outputs.items()},
    }

    def show(out: Console) -> None:
        out.line(f"would assert statement {document['statement_digest']}")
        out.line(f"with trace root {document['trace_root']} under a bond of {wei_text(bond)}")
        out.line("nothing was sent", style="bold")

    console.result(document, show)


def _report(
    console: Console,
    log: GameLog,
    found: AssertionState,
    agents: list[Defender],
    *,
    dry_run: bool = False,
) -> None:
    moves = [move for agent in agents for move in agent.moves]
    document = {
        "dry_run": dry_run,
        **assertion_document(log, found),
        "moves": move_documents(moves),
    }

    def show(out: Console) -> None:
        show_moves(out, moves)
        left = document["window_left_s"]
        more = "" if left is None else f", {left} s of its window left"
        out.line(f"assertion {document['assertion']}: {document['status']}{more}", style="bold")

    console.result(document, show)


def _report_challenge(
    console: Console, agent: Challenger, assertion_id: bytes | None, *, dry_run: bool
) -> None:
    judged: list[dict[str, Any]] = []
    for found in agent.log.assertions:
        if assertion_id not in (None, found.id):
            continue
        said = found.statement.program_root == agent.material.program_root
        right = agent.judge(found) if said and found.pending else None
        judged.append({**assertion_document(agent.log, found), "right": right})
    document = {
        "dry_run": dry_run,
        "assertions": judged,
        "notes": list(agent.notes[-20:]),
        "moves": move_documents(agent.moves),
    }

    def show(out: Console) -> None:
        show_moves(out, agent.moves)
        for item in judged:
            word = {True: "right", False: "WRONG", None: "not judged here"}[item["right"]]
            known = f", {word}" if item["status"] == "pending" else ""
            out.line(f"assertion {item['assertion']}: {item['status']}{known}")
        if not judged:
            out.line("no assertion")

    console.result(document, show)
