"""Asserting from the command line: one session for `prove` and for `dispute assert`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .chain_options import SigningFlags, wei_text
from .console import Console
from .dispute_calls import assertion_document
from .dispute_watch import (
    agent_options,
    agree_to_play,
    follow,
    journal_of,
    move_documents,
    show_moves,
)
from .options import FOLDER, Function
from .spending import address_text

if TYPE_CHECKING:
    from verifiable.chain.client import Chain
    from verifiable.chain.contracts.dispute_game import DisputeGame
    from verifiable.chain.signing import Signer
    from verifiable.dispute.asserter import Asserter
    from verifiable.dispute.game_log import AssertionState
    from verifiable.dispute.session import AssertingSession
    from verifiable.progress import Cancellation
    from verifiable.proving import ProveResult

__all__ = [
    "asserted_by",
    "asserted_document",
    "asserting_session",
    "show_asserted",
    "trace_options",
]

_POLL_S = 2.0
_TRACE = (
    click.option("--trace-dir", type=FOLDER, help="Write the trace here, for you to publish."),
    click.option(
        "--trace-url", metavar="URL", help="Where the trace will be found, told on the chain."
    ),
)


def trace_options(function: Function) -> Function:
    """Add the options that say where the trace is published."""
    for option in reversed(_TRACE):
        function = option(function)
    return function


@contextmanager
def asserting_session(
    console: Console,
    cancel: Cancellation,
    chain: Chain,
    game: DisputeGame,
    signer: Signer,
    signing: SigningFlags,
    *,
    journal: Path | None,
    trace_dir: Path | None,
    trace_url: str | None,
    from_block: int = 0,
    poll_s: float = _POLL_S,
) -> Iterator[AssertingSession]:
    """An account at a game, once somebody agreed to the bond where it is worth something.

    Raises:
        InvalidInput: (`confirmation-needed`) nobody is there to agree; `trace_url` is no address.
        Cancelled: the user said no.
        ChainError: (`insufficient-funds`) the account has less than the bond.
        ResourceLimit, MalformedFile: the journal cannot be used.
    """
    from verifiable.dispute.session import AssertingSession
    from verifiable.dispute.trace_data import HttpData

    if trace_url is not None:
        HttpData(trace_url)  # what is no address is refused before anybody is asked
    options = agent_options(signing)
    bond = game.release.params.bond_a
    agree_to_play(
        console,
        chain,
        signer,
        signing,
        bond,
        [
            f"assert under a bond of {wei_text(bond)}, which is lost if the result is wrong, or "
            "not defended in time"
        ],
    )

    def play(agent: Asserter) -> None:
        follow(
            console,
            [agent],
            cancel,
            poll_s=min(poll_s, _POLL_S),
            until=lambda: agent.assertion is not None,
        )

    with journal_of(journal, chain, signer) as book:
        yield AssertingSession(
            game,
            signer,
            book,
            trace_dir=trace_dir,
            trace_uri=trace_url or "",
            from_block=from_block,
            options=options,
            play=play,
            cancel=cancel,
        )


def asserted_by(session: AssertingSession) -> tuple[Asserter, AssertionState]:
    """The agent of a session that has asserted something, and its assertion."""
    agent = session.agent
    found = None if agent is None else agent.assertion
    assert agent is not None and found is not None, "it has asserted"  # noqa: S101, PT018
    return agent, found


def asserted_document(
    session: AssertingSession, result: ProveResult, output: Path
) -> dict[str, Any]:
    """What was asserted, as a JSON result."""
    agent, found = asserted_by(session)
    chain = session.game.chain
    return {
        "proof": str(output),
        "saturated": result.proof.saturated,
        "game": address_text(session.game.address),
        "chain": chain.chain_id,
        "source": chain.source,
        "journal": str(session.journal.path),
        "bond_wei": session.game.release.params.bond_a,
        **assertion_document(agent.log, found),
        "outputs": {name: values.tolist() for name, values in result.outputs.items()},
        "moves": move_documents(agent.moves),
    }


def show_asserted(out: Console, document: dict[str, Any], agent: Asserter) -> None:
    """What was asserted, for people."""
    show_moves(out, agent.moves)
    out.line(f"assertion {document['assertion']}", style="bold")
    out.line(f"statement {document['statement_digest']}")
    out.line(f"game {document['game']} on chain {document['chain']}")
    if document["status"] == "pending":
        out.line(
            f"pending: final in {document['window_left_s']} s if nobody shows it to be wrong; "
            "keep `verifiable dispute watch` running until then"
        )
    else:
        out.line(document["status"], style="bold")
    out.line(f"proof in {document['proof']}")
