"""Letting agents play from the command line: what is said of it, and how it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .chain_options import ChainFlags, SigningFlags
from .chain_session import opened_chain
from .console import Console, seconds_text
from .options import FILE
from .spending import address_text, agree, hex_text

if TYPE_CHECKING:
    from verifiable.chain.client import Chain
    from verifiable.chain.signing import Signer
    from verifiable.chain.transaction import TxOptions
    from verifiable.dispute.agent import Agent
    from verifiable.dispute.journal import Journal
    from verifiable.dispute.sender import Move
    from verifiable.dispute.watch import Round
    from verifiable.progress import Cancellation

__all__ = [
    "agent_chain",
    "agent_options",
    "agree_to_play",
    "follow",
    "journal_of",
    "move_documents",
    "playing_options",
    "show_moves",
]

_SLICE_S = 0.2
_HURRY_S = 900

playing_options = (
    click.option(
        "--journal",
        type=FILE,
        help="The agent's own file, with secrets of its commits.  [default: one for each chain "
        "and account, in the working directory]",
    ),
    click.option(
        "--poll",
        "poll_s",
        type=click.FloatRange(min=0.1, max=3600),
        default=12.0,
        show_default=True,
        help="Seconds between two looks at the chain.",
    ),
    click.option("--once", is_flag=True, help="Look once, do what is due, and end."),
    click.option(
        "--fallback-rpc",
        "fallbacks",
        multiple=True,
        metavar="URL",
        help="A node to ask if the first one fails; repeatable.",
    ),
)


@contextmanager
def agent_chain(flags: ChainFlags, fallbacks: Sequence[str]) -> Iterator[Chain]:
    """Open the chain of the options, behind several nodes if several are named."""
    if not fallbacks:
        with opened_chain(flags) as chain:
            yield chain
        return
    from contextlib import ExitStack

    from verifiable.chain.client import Chain
    from verifiable.chain.endpoint import RECEIPT_S, REQUEST_S
    from verifiable.chain.extra import require_extra
    from verifiable.chain.json_rpc import JsonRpcProvider
    from verifiable.chain.node_url import parse_node_url
    from verifiable.dispute.watch import AnyNode

    require_extra()
    places = [parse_node_url(url) for url in (flags.url, *fallbacks)]
    if any(place.kind in ("local", "anvil") for place in places):
        raise click.UsageError("--fallback-rpc is for nodes that run already")
    with ExitStack() as opened:
        providers = []
        for place in places:
            provider = JsonRpcProvider(place, timeout_s=REQUEST_S)
            opened.callback(provider.close)
            providers.append(provider)
        yield Chain(
            AnyNode(providers),
            url=places[0].source,
            chain_id=flags.chain_id,
            timeout_s=RECEIPT_S if flags.timeout_s is None else flags.timeout_s,
        )


def agent_options(signing: SigningFlags) -> TxOptions:
    """Fees and confirmations for every transaction of an agent.

    Raises:
        click.UsageError: an option means one transaction, and an agent sends several.
    """
    from verifiable.chain.transaction import TxOptions

    for given, name in (
        (signing.gas_limit is not None, "--gas-limit"),
        (signing.nonce is not None, "--nonce"),
        (not signing.wait, "--async"),
    ):
        if given:
            raise click.UsageError(f"{name} is for one transaction, and an agent sends several")
    return TxOptions(
        gas_price=signing.gas_price,
        priority_gas_price=signing.priority_gas_price,
        legacy=signing.legacy,
        confirmations=signing.confirmations,
    )


def journal_of(path: Path | None, chain: Chain, signer: Signer) -> Journal:
    """Open the journal of an agent, by default one for each chain and account.

    Raises:
        ResourceLimit: another agent has it open, or it cannot be written.
        MalformedFile: it is no journal.
    """
    from verifiable.dispute.journal import Journal
    from verifiable.dispute.session import journal_name

    return Journal(Path(journal_name(chain, signer)) if path is None else path)


def agree_to_play(
    console: Console,
    chain: Chain,
    signer: Signer,
    signing: SigningFlags,
    bond: int,
    lines: Sequence[str],
) -> None:
    """Where coins are worth something, let an agent begin only if somebody agreed.

    Args:
        bond: wei that it puts up at the beginning.

    Raises:
        As `agree`.
    """
    from verifiable.statement.view import DEVELOPMENT_CHAIN_ID

    if chain.chain_id != DEVELOPMENT_CHAIN_ID:
        told = [*lines, "and the gas of every move, as the game goes on"]
        agree(console, chain, signer, bond, told, yes=signing.yes, question="Play?")


def follow(
    console: Console,
    agents: Sequence[Agent],
    cancel: Cancellation,
    *,
    poll_s: float,
    once: bool = False,
    endless: bool = False,
    until: Callable[[], bool] | None = None,
) -> bool:
    """Let agents play, and say what happens.

    Args:
        poll_s: seconds between two looks.
        once: look once.
        endless: go on when nothing is left to do.
        until: end as soon as this holds.

    Returns:
        Whether the agents are done.

    Raises:
        Cancelled: by Ctrl-C; the next start goes on.
    """
    from verifiable.dispute.watch import watch
    from verifiable.errors import Cancelled

    talk = _Talk(console)

    def pause(seconds: float) -> None:
        end_s = time.monotonic() + (0 if until is not None and until() else seconds)
        while not cancel.cancelled and (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(_SLICE_S, left_s))

    def on_round(played: Round) -> None:
        talk.round(played)
        if not played.moves and not played.failures and not once:
            _beat(agents)

    console.sending = True
    rounds = 1 if once or endless or until is not None else None
    if once:
        _beat(agents)
    try:
        while True:
            done = watch(
                agents,
                poll_s=poll_s,
                rounds=rounds,
                sleep=(lambda _: None) if once else pause,
                on_round=on_round,
                cancel=cancel,
            )
            if once or (until is not None and until()) or (done and not endless):
                return done
            if done:
                pause(poll_s)
    except Cancelled as stop:
        raise Cancelled(
            "stopped; clocks run on",
            hint="the same command, with the same journal, goes on where the games stand",
        ) from stop


def _beat(agents: Sequence[Agent]) -> None:
    """Let time pass on a development chain, which has a block only if somebody sends something."""
    from verifiable.dispute.agent import Action
    from verifiable.statement.view import DEVELOPMENT_CHAIN_ID

    for agent in agents[:1]:
        if agent.game.chain.chain_id == DEVELOPMENT_CHAIN_ID:
            agent.perform(Action(name="", text="make a block"))


class _Talk:
    """Says each move, each failure, and each clock when it begins and when it gets short."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: dict[str, int] = {}

    def round(self, played: Round) -> None:
        for move in played.moves:
            if move.name:
                self._console.say(
                    f"move: {move.text or move.name} ({move.name}), {move.gas_used:,} gas, block "
                    f"{move.block_number}"
                )
        for failure in played.failures:
            self._console.warn(f"{failure}; it is tried again")
        for deadline in played.deadlines:
            before = self._told.get(deadline.text)
            if before is not None and deadline.left_s > before // 2:
                continue
            self._told[deadline.text] = max(deadline.left_s, 0)
            said = f"clock: {deadline.text}: {seconds_text(max(deadline.left_s, 0))} left"
            if deadline.mine and deadline.left_s < _HURRY_S and before is not None:
                self._console.warn(said)
            else:
                self._console.say(said)


def move_documents(moves: Sequence[Move]) -> list[dict[str, Any]]:
    """The moves of an agent for a JSON result."""
    return [
        {
            "action": move.name,
            "what": move.text,
            "assertion": hex_text(move.assertion_id) if move.assertion_id else None,
            "game_id": move.game_id or None,
            "by": address_text(move.sender),
            "value_wei": move.value,
            "transaction": hex_text(move.transaction),
            "block": move.block_number,
            "gas_used": move.gas_used,
            "cost_wei": move.gas_used * move.gas_price,
        }
        for move in moves
        if move.name
    ]


def show_moves(out: Console, moves: Sequence[Move]) -> None:
    """Write the moves of an agent, if there are any."""
    rows = [
        (move.name, move.text, str(move.game_id or ""), f"{move.gas_used:,}")
        for move in moves
        if move.name
    ]
    if rows:
        out.table(("move", "what", "game", "gas"), rows, right=("game", "gas"))
