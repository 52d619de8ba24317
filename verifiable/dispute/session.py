"""An account at one game, as whoever proves by asserting needs it: `verifiable.prove` and agents.

A backend runs the program and hands over the committed execution; here it becomes an assertion on
the chain, whose bond the account puts up.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from verifiable.backends.base import ChainPlace
from verifiable.backends.optimistic.trace import CommittedTrace
from verifiable.chain.addresses import checksummed
from verifiable.chain.client import Chain
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import (
    DEFAULT_PARAMS,
    DEVELOPMENT_PARAMS,
    game_parts,
)
from verifiable.chain.game_reader import read_assertion
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import TxOptions
from verifiable.dispute.asserter import Asserter
from verifiable.dispute.claimed_trace import HonestTrace
from verifiable.dispute.journal import Journal
from verifiable.dispute.material import Material
from verifiable.dispute.trace_data import HttpData, publish_trace
from verifiable.dispute.watch import watch
from verifiable.errors import ChainError
from verifiable.progress import Cancellation, Progress, silent
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.game import Params
from verifiable.statement.statement import Statement
from verifiable.statement.view import DEVELOPMENT_CHAIN_ID, ChainView

__all__ = ["AssertingSession", "find_game", "journal_name", "usual_params"]

_POLL_S = 2.0
_PATIENCE_S = 600.0
"""For nodes that fail, or that refuse, while a result is asserted."""


class AssertingSession:
    """Asserts results for one account at one game.

    Args:
        game: the contract.
        signer: of the account, which nobody else should use.
        journal: of the account; locked for this session.
        trace_dir: folder to write traces to, for the account's owner to publish; None: nowhere.
        trace_uri: where the trace will be found, told on the chain; empty: nowhere.
        from_block: where to begin to read.
        options: of transactions, set by hand.
        play: lets an agent play until its assertion stands; None: step by step, until `patience_s`
            seconds brought nothing.
        patience_s: see `play`; None: ten minutes.
        progress, cancel: while playing.

    Attributes:
        agent: of the last result that was asserted; it can defend it.

    Raises:
        InvalidInput: `trace_uri` is no address.
    """

    def __init__(
        self,
        game: DisputeGame,
        signer: Signer,
        journal: Journal,
        *,
        trace_dir: str | os.PathLike[str] | None = None,
        trace_uri: str = "",
        from_block: int = 0,
        options: TxOptions | None = None,
        play: Callable[[Asserter], object] | None = None,
        patience_s: float | None = None,
        progress: Progress = silent,
        cancel: Cancellation | None = None,
    ) -> None:
        if trace_uri:
            HttpData(trace_uri)  # what is no address is refused before anything is spent
        self.game = game
        self.signer = signer
        self.journal = journal
        self.agent: Asserter | None = None
        self._trace_dir = None if trace_dir is None else Path(trace_dir)
        self._trace_uri = trace_uri
        self._from_block = from_block
        self._options = options
        self._play = play or self._wait
        self._patience_s = _PATIENCE_S if patience_s is None else patience_s
        self._progress = progress
        self._cancel = cancel

    def assert_result(
        self, commitment: ProgramCommitment, committed: CommittedTrace, statement: Statement
    ) -> ChainPlace:
        """Assert a result, and return when a block holds the assertion.

        Raises:
            ChainError: `insufficient-funds`: the account cannot put up the bond; or the node, or
                the contract, refused for too long.
            ResourceLimit: journal or trace cannot be written.
            Cancelled: the next start goes on.
        """
        trace = HonestTrace(Material(committed.program, commitment=commitment), committed)
        agent = Asserter(
            self.game,
            self.signer,
            self.journal,
            trace,
            statement,
            trace_uri=self._trace_uri,
            from_block=self._from_block,
            options=self._options,
        )
        agent.log.refresh()
        if agent.assertion is None:
            self._refuse_poor(agent)
        if self._trace_dir is not None:
            publish_trace(trace, self._trace_dir)
        self.agent = agent
        if agent.assertion is None:
            self._play(agent)
        found = agent.assertion
        assert found is not None, "playing ends when it is there"  # noqa: S101
        return ChainPlace(
            chain_id=self.game.chain.chain_id, game=self.game.address, assertion_id=found.id
        )

    def look(self, place: ChainPlace) -> ChainView:
        """What the chain says of an assertion."""
        return read_assertion(self.game.chain, game=place.game, assertion_id=place.assertion_id)

    def _refuse_poor(self, agent: Asserter) -> None:
        """Refuse to begin what could not be finished: a commit costs gas, and needs a bond next."""
        bond, balance = agent.log.params.bond_a, self.game.chain.balance(agent.address)
        if balance < bond:
            raise ChainError(
                "the account cannot put up the bond",
                where=f"chain {self.game.chain.chain_id}",
                why=f"{checksummed(agent.address)} has {balance} wei, and the bond is {bond} wei",
                hint="fund it, or assert from another account",
                code="insufficient-funds",
            )

    def _wait(self, agent: Asserter) -> None:
        last_s = time.monotonic()
        count = 0
        while agent.assertion is None:
            failures: list[ChainError] = []
            watch(
                [agent],
                rounds=1,
                sleep=lambda _: None,
                on_round=lambda played: failures.extend(played.failures),  # noqa: B023
                progress=self._progress,
                cancel=self._cancel,
            )
            if len(agent.moves) > count:
                count, last_s = len(agent.moves), time.monotonic()
                continue
            if agent.assertion is None and time.monotonic() - last_s > self._patience_s:
                raise (
                    failures[-1]
                    if failures
                    else ChainError(
                        "the result could not be asserted in time",
                        where=self.game.chain.source,
                        why="; ".join(agent.notes[-3:]),
                        hint="prove again with the same journal: it goes on where the chain stands",
                        code="not-asserted",
                    )
                )
            time.sleep(0 if agent.assertion is not None else _POLL_S)


def journal_name(chain: Chain, signer: Signer) -> str:
    """The usual name of an account's journal on a chain."""
    return f"dispute-{chain.chain_id}-{signer.address[:4].hex()}.journal"


def usual_params(chain: Chain) -> Params:
    """The rules of the game that everybody means if nobody says which."""
    return DEVELOPMENT_PARAMS if chain.chain_id == DEVELOPMENT_CHAIN_ID else DEFAULT_PARAMS


def find_game(chain: Chain, at: bytes | None) -> DisputeGame:
    """Find the game's contract, whose code is then known to be this release's.

    Args:
        at: None for the one with the usual rules.

    Raises:
        ChainError: (code `no-game`) there is none; or other code stands there.
    """
    place = game_parts(usual_params(chain))[-1].address if at is None else at
    if not chain.code(place):
        raise ChainError(
            f"no dispute game at {checksummed(place)} on chain {chain.chain_id}",
            where=chain.source,
            hint="check chain and address"
            if at is not None
            else "deploy it by `verifiable dispute deploy`, or name another by --game",
            code="no-game",
        )
    return DisputeGame.at(chain, place)
