"""A stage for games between agents: a chain in memory, people with coins, and time that jumps.

What was played is read back from the chain, so nothing is shown that a stranger could not see.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from verifiable.chain.accounts import KeySigner
from verifiable.chain.client import Chain
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEVELOPMENT_PARAMS
from verifiable.chain.contracts.dispute_structs import AssertionStatus, Params
from verifiable.chain.local.chain import LocalChain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.dispute.agent import Agent
from verifiable.dispute.asserter import Asserter
from verifiable.dispute.challenger import Challenger
from verifiable.dispute.game_log import AssertionState, GameLog
from verifiable.dispute.history import History, PlayedMove, read_history
from verifiable.dispute.journal import Journal
from verifiable.errors import ChainError
from verifiable.progress import Cancellation, Progress, ProgressEvent, silent

__all__ = ["PlayedGame", "Players", "Scenario", "Side", "Stage"]

Side = Literal["asserter", "challenger"]

_COINS = 100 * 10**18
_MOST_ROUNDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Players:
    """Who plays a game."""

    asserter: Asserter
    challenger: Challenger


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A game that is to be played.

    Attributes:
        name: short and stable.
        told: what happens, in a sentence.
        honest_side: who must win.
        cast: makes the players on a stage.
    """

    name: str
    told: str
    honest_side: Side
    cast: Callable[[Stage], Players]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedGame:
    """How a game went.

    Attributes:
        name, told, honest_side: as the scenario says.
        winner: the asserter if the assertion became final.
        history: all moves, as the chain holds them.
        asserter, challenger: their accounts.
        gained: by side the wei won or lost, fees for gas left out.
        played_s: seconds that it took here.
    """

    name: str
    told: str
    honest_side: Side
    winner: Side
    history: History
    asserter: bytes
    challenger: bytes
    gained: dict[Side, int]
    played_s: float

    @property
    def fair(self) -> bool:
        """Whether the honest side won, and lost nothing."""
        return self.winner == self.honest_side and self.gained[self.honest_side] >= 0

    @property
    def burned(self) -> int:
        """Wei that went out of reach."""
        return sum(move.burned for move in self.history.moves)

    @property
    def lasted_s(self) -> int:
        """Seconds of the chain's clock from the assertion to the last move."""
        return self.history.moves[-1].time_s - self.history.assertion.asserted_at

    def side_of(self, move: PlayedMove) -> Side:
        """Who made a move."""
        return "asserter" if move.by == self.asserter else "challenger"


class Stage:
    """A chain with one game contract, on which games are played one after the other.

    Args:
        local: an empty embedded chain.
        folder: for journals and published traces.
        params: rules of the contract.

    Attributes:
        chain, game: clients of chain and contract.
        folder: as given.
    """

    def __init__(
        self, local: LocalChain, folder: Path, params: Params = DEVELOPMENT_PARAMS
    ) -> None:
        self._local = local
        self.chain = Chain(self, url="local:")
        self.folder = folder
        self.game = DisputeGame.deploy(self.chain, KeySigner(DEV_ACCOUNTS[0].private_key), params)

    @classmethod
    @contextmanager
    def open(cls, params: Params = DEVELOPMENT_PARAMS) -> Iterator[Stage]:
        """A stage in memory, gone after the block.

        Raises:
            MissingDependency: the extra `chain` is not installed.
        """
        with ExitStack() as opened:
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="verifiable-dispute-"))
            yield cls(opened.enter_context(LocalChain.open(None)), Path(folder), params)

    def make_request(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        """Ask the chain, as a provider does."""
        return self._local.request(method, params)

    # --- for scenarios

    @property
    def now_block(self) -> int:
        """The newest block: what a game needs lies after it."""
        return self.chain.block().number

    def person(self) -> KeySigner:
        """Somebody new, with coins."""
        signer = KeySigner(secrets.token_bytes(32))
        self._do("anvil_setBalance", f"0x{signer.address.hex()}", hex(_COINS))
        return signer

    def journal(self) -> Journal:
        """An empty journal."""
        return Journal(self.folder / f"{secrets.token_hex(8)}.journal")

    # --- playing

    def play(
        self,
        scenario: Scenario,
        *,
        progress: Progress = silent,
        cancel: Cancellation | None = None,
    ) -> PlayedGame:
        """Play a game to its end.

        Raises:
            ChainError: `game-without-end`: nobody moves any more and nothing is decided.
            Cancelled: by the caller.
        """
        began_s = time.perf_counter()
        players = scenario.cast(self)
        first = self.now_block
        people = players.asserter.address, players.challenger.address
        before = [self._worth(person) for person in people]
        log = GameLog(self.game, from_block=first)
        with players.asserter.journal, players.challenger.journal:
            self._play(scenario, players, log, progress, cancel)
        log.refresh()
        assertion = _decided(log, players.asserter)
        history = read_history(self.game, log, assertion.id, accounts=people, from_block=first)
        gained = [
            self._worth(person) - had + self._fees(players, person)
            for person, had in zip(people, before, strict=True)
        ]
        final = assertion.status is AssertionStatus.FINALIZED
        return PlayedGame(
            name=scenario.name,
            told=scenario.told,
            honest_side=scenario.honest_side,
            winner="asserter" if final else "challenger",
            history=history,
            asserter=people[0],
            challenger=people[1],
            gained={"asserter": gained[0], "challenger": gained[1]},
            played_s=time.perf_counter() - began_s,
        )

    def _play(
        self,
        scenario: Scenario,
        players: Players,
        log: GameLog,
        progress: Progress,
        cancel: Cancellation | None,
    ) -> None:
        began_s = time.perf_counter()
        agents: tuple[Agent, ...] = (players.asserter, players.challenger)
        for _ in range(_MOST_ROUNDS):
            if cancel is not None:
                cancel.check(scenario.name)
            made = [move for agent in agents for move in agent.step()]
            for move in made:
                progress(
                    ProgressEvent(
                        phase=scenario.name,
                        message=move.text,
                        elapsed_s=time.perf_counter() - began_s,
                    )
                )
            if made:
                continue
            log.refresh()
            if _is_over(log, players.asserter):
                return
            ahead = [time.left_s for agent in agents for time in agent.deadlines()]
            future = [left for left in ahead if left > 0]
            if not future:
                break
            self._pass_time(min(future) + 1)
        notes = [note for agent in agents for note in agent.notes]
        raise ChainError(
            f"the game {scenario.name!r} does not end",
            why="; ".join(notes[-3:]) or "nobody moves",
            hint="this is a defect: please report it",
            code="game-without-end",
        )

    def _pass_time(self, seconds: int) -> None:
        self._do("evm_increaseTime", seconds)
        self._do("evm_mine")

    def _worth(self, person: bytes) -> int:
        """Wei in the account and in the contract."""
        return self.chain.balance(person) + self.game.credit_of(person)

    def _fees(self, players: Players, person: bytes) -> int:
        moves = [*players.asserter.moves, *players.challenger.moves]
        return sum(move.gas_used * move.gas_price for move in moves if move.sender == person)

    def _do(self, method: str, *params: Any) -> None:
        answer = self._local.request(method, list(params))
        if "error" in answer:
            raise ChainError(f"the chain refused {method}", why=str(answer["error"]))


def _own(log: GameLog, asserter: Asserter) -> AssertionState | None:
    found = [item for item in log.assertions if item.asserter == asserter.address]
    return found[-1] if found else None


def _is_over(log: GameLog, asserter: Asserter) -> bool:
    """Whether the assertion is decided and each of its games too."""
    found = _own(log, asserter)
    return (
        found is not None
        and not found.pending
        and not any(game.open for game in log.games_of(found.id))
    )


def _decided(log: GameLog, asserter: Asserter) -> AssertionState:
    found = _own(log, asserter)
    assert found is not None, "a game that is over is about an assertion"  # noqa: S101
    return found
