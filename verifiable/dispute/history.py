"""What was played about one assertion: each transaction with who, gas, clocks and coins.

Read from the chain alone, so it is the same for whoever looks. A commit hides what it is for until
it is used; then the salt in the data of the call that used it tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TypeVar

from verifiable.chain.addresses import checksummed
from verifiable.chain.contracts.dispute_events import (
    Asserted,
    Burned,
    Committed,
    Credited,
    FaultProven,
    Finalized,
    GameEvent,
    GameOpened,
    GameSettled,
    LeafRevealed,
    NodesRevealed,
    ProgramAdmitted,
    Selected,
    TensorRevealed,
    Turn,
    Withdrawn,
)
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_structs import (
    CommitKind,
    FaultKind,
    GameStatus,
    Params,
    Phase,
)
from verifiable.chain.transaction import SentCall
from verifiable.dispute.agent import commit_digest
from verifiable.dispute.game_log import AssertionState, GameLog, GameState
from verifiable.errors import ChainError
from verifiable.statement.hashing import keccak

__all__ = ["History", "PlayedMove", "Stand", "read_history", "unknown_assertion"]

EventT = TypeVar("EventT", bound=GameEvent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """Where a game stands after a move.

    Attributes:
        phase: what it is about.
        asserter_turn: whose turn it is.
        node, height, index: the place in the trace.
        clock_asserter_s, clock_challenger_s: seconds left to each side when this turn began, or
            when the game ended.
        since_s: when it began, Unix seconds.
    """

    phase: Phase
    asserter_turn: bool
    node: int
    height: int
    index: int
    clock_asserter_s: int
    clock_challenger_s: int
    since_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedMove:
    """One transaction.

    Attributes:
        action: the contract's function.
        by: the account that sent it; empty if the node does not know.
        game_id: 0 if it is about no game.
        text: what was done, for people.
        time_s: Unix seconds of its block.
        gas_used: units.
        value: wei that were sent along.
        stand: of the game, after it; None outside of games.
        credited: accounts, each with the wei that it may withdraw more.
        burned: wei that went out of reach.
    """

    action: str
    by: bytes
    game_id: int
    text: str
    transaction: bytes
    block: int
    time_s: int
    gas_used: int
    value: int
    stand: Stand | None = None
    credited: tuple[tuple[bytes, int], ...] = ()
    burned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that was played about one assertion.

    Attributes:
        chain_id: where.
        contract: the game's address.
        params: its rules.
        assertion: as it stands now.
        games: about it.
        moves: transactions, in order.
    """

    chain_id: int
    contract: bytes
    params: Params
    assertion: AssertionState
    games: tuple[GameState, ...]
    moves: tuple[PlayedMove, ...]

    @property
    def gas_total(self) -> int:
        """Units of all moves."""
        return sum(move.gas_used for move in self.moves)

    def role(self, account: bytes) -> str:
        """What an account is in this history: `asserter`, `challenger` or `other`."""
        if account == self.assertion.asserter:
            return "asserter"
        challengers = {game.challenger for game in self.games} | {self.assertion.winner}
        return "challenger" if account and account in challengers else "other"


def read_history(
    game: DisputeGame,
    log: GameLog,
    assertion_id: bytes,
    *,
    accounts: Iterable[bytes] = (),
    from_block: int = 0,
) -> History:
    """Read what was played about an assertion.

    Args:
        log: of the game; it has read the assertion.
        accounts: whose admissions, unused commits and withdrawals belong to it, though nothing on
            the chain says so.
        from_block: where to begin; a block before the asserter's commit.

    Raises:
        ChainError: `unknown-assertion`: the log knows none of this name; or the node failed.
    """
    assertion = log.assertion(assertion_id)
    if assertion is None or log.head is None:
        raise unknown_assertion(game, assertion_id)
    games = tuple(log.games_of(assertion_id))
    events = game.all_events(from_block=from_block, to_block=log.head.number)
    reader = _Reader(
        game=game,
        assertion=assertion,
        games=frozenset(item.id for item in games),
        accounts=frozenset(accounts),
    )
    return History(
        chain_id=game.chain.chain_id,
        contract=game.address,
        params=game.release.params,
        assertion=assertion,
        games=games,
        moves=reader.moves([list(group) for _, group in groupby(events, _transaction)]),
    )


def unknown_assertion(game: DisputeGame, assertion_id: bytes) -> ChainError:
    """The error for a name under which a game holds nothing."""
    return ChainError(
        f"the game holds no assertion 0x{assertion_id.hex()}",
        where=f"{checksummed(game.address)} on chain {game.chain.chain_id}",
        hint="check its id, the game's address and the chain; with --from-block, an earlier block",
        code="unknown-assertion",
    )


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Picks the moves about one assertion out of all events of a contract."""

    game: DisputeGame
    assertion: AssertionState
    games: frozenset[int]
    accounts: frozenset[bytes]
    stands: dict[int, Stand] = field(default_factory=dict)
    sent: dict[bytes, SentCall | None] = field(default_factory=dict)
    used: set[tuple[bytes, bytes]] = field(default_factory=set)

    def moves(self, transactions: Sequence[list[GameEvent]]) -> tuple[PlayedMove, ...]:
        """The moves among transactions, in order."""
        for events in transactions:
            if self._about(events):
                self._note_commit(events)
        found = [self._move(events) for events in transactions if self._counts(events)]
        return tuple(found)

    def _about(self, events: list[GameEvent]) -> bool:
        """Whether a transaction names the assertion, or a game about it."""
        return any(
            getattr(event, "assertion_id", None) == self.assertion.id
            or getattr(event, "game_id", None) in self.games
            for event in events
        )

    def _counts(self, events: list[GameEvent]) -> bool:
        if self._about(events):
            return True
        for event in events:
            if isinstance(event, Committed):
                name = event.sender, event.digest
                if name in self.used or event.sender in self.accounts:
                    return True
            elif isinstance(event, Withdrawn) and event.account in self.accounts:
                return True
            elif isinstance(event, ProgramAdmitted) and self.accounts:
                return self._sender(events) in self.accounts
        return False

    def _note_commit(self, events: list[GameEvent]) -> None:
        """Learn which commit a call used, from the salt in its data."""
        if not any(isinstance(event, Asserted | FaultProven) for event in events):
            return
        call = self._call(events)
        if call is None or call.to != self.game.address:
            return
        name, given = self.game.contract.decode_call(call.data)
        if name == "assertResult":
            kind, subject = CommitKind.RESULT, self.assertion.digest
            payload = self.assertion.trace_root
        elif name in ("proveFault", "proveStep") and given["kind"] in tuple(FaultKind):
            kind = CommitKind(1 + given["kind"])
            subject, payload = self.assertion.id, keccak(given["proof"])
        else:
            return  # a contract between, or a node that invents
        digest = commit_digest(self.game, kind, call.sender, subject, payload, given["salt"])
        self.used.add((call.sender, digest))

    def _move(self, events: list[GameEvent]) -> PlayedMove:
        transaction = events[0].log.transaction_hash
        receipt = self.game.chain.receipt(transaction)
        call = self._call(events)
        game_id = next((e.game_id for e in events if hasattr(e, "game_id")), 0)
        before = self.stands.get(game_id)
        for turn in _all(events, Turn):
            self.stands[game_id] = _stand(turn)
        block = self.game.chain.block(events[0].log.block_number)
        stand = self.stands.get(game_id)
        if stand is not None and any(_all(events, GameSettled)):
            stand = _ended(stand, block.time_s)
        action, text = _told(events, before, stand)
        return PlayedMove(
            action=action,
            by=b"" if call is None else call.sender,
            game_id=game_id,
            text=text,
            transaction=transaction,
            block=block.number,
            time_s=block.time_s,
            gas_used=0 if receipt is None else receipt.gas_used,
            value=0 if call is None else call.value,
            stand=stand,
            credited=tuple((event.account, event.amount) for event in _all(events, Credited)),
            burned=sum(event.amount for event in _all(events, Burned)),
        )

    def _sender(self, events: list[GameEvent]) -> bytes:
        call = self._call(events)
        return b"" if call is None else call.sender

    def _call(self, events: list[GameEvent]) -> SentCall | None:
        transaction = events[0].log.transaction_hash
        if transaction not in self.sent:
            self.sent[transaction] = self.game.chain.sent(transaction)
        return self.sent[transaction]


def _told(events: list[GameEvent], before: Stand | None, after: Stand | None) -> tuple[str, str]:
    """Function and words for a transaction: its events say which it was."""
    settled = next(_all(events, GameSettled), None)
    for event in events:
        if isinstance(event, FaultProven):
            action = "proveStep" if settled is not None else "proveFault"
            return (
                action,
                f"prove {event.kind.name.lower()} {event.place} of node {event.node} wrong",
            )
        if isinstance(event, NodesRevealed | TensorRevealed | LeafRevealed):
            return _shown(event, before)
        if isinstance(event, Selected) and after is not None:
            if after.phase is Phase.NODE:
                return "select", f"select node {after.index}"
            level = f" at height {after.height}" if after.height else ""
            what = "subtree" if after.height else "leaf"
            return "select", f"select {what} {after.index}{level} of {_place(after)}"
    for event in events:
        told = _PLAIN.get(type(event))
        if told is not None:
            return told
    if isinstance(events[0], Withdrawn):
        return "withdraw", f"withdraw {_ether(events[0].amount)}"
    if settled is not None and settled.status is GameStatus.CLOSED:
        return "closeGame", f"take the bond of game {settled.game_id} back"
    loser = (
        "challenger" if settled is not None and settled.status is GameStatus.LOST else "asserter"
    )
    return "claimTimeout", f"claim the {loser}'s silence"


def _shown(
    event: NodesRevealed | TensorRevealed | LeafRevealed, before: Stand | None
) -> tuple[str, str]:
    if isinstance(event, TensorRevealed):
        return "revealTensor", f"show the root of tensor {event.node}"
    place = "" if before is None else f" of {_place(before)}"
    if isinstance(event, LeafRevealed):
        number = "" if before is None else f" {before.index}"
        return "revealLeaf", f"show leaf{number}{place}"
    return "revealNodes", f"show {len(event.descendants)} nodes{place}"


def _place(stand: Stand) -> str:
    return "the trace" if stand.phase is Phase.TRACE else f"tensor {stand.node}"


def _ether(wei: int) -> str:
    return f"{wei / 10**18:.6g} ether"


def _stand(turn: Turn) -> Stand:
    return Stand(
        phase=turn.phase,
        asserter_turn=turn.asserter_turn,
        node=turn.node,
        height=turn.height,
        index=turn.index,
        clock_asserter_s=turn.clock_a,
        clock_challenger_s=turn.clock_c,
        since_s=turn.last,
    )


def _ended(stand: Stand, now_s: int) -> Stand:
    """A stand whose side to move has thought until the end of the game."""
    passed_s = now_s - stand.since_s
    asserter_s, challenger_s = stand.clock_asserter_s, stand.clock_challenger_s
    if stand.asserter_turn:
        asserter_s = max(0, asserter_s - passed_s)
    else:
        challenger_s = max(0, challenger_s - passed_s)
    return replace(
        stand, clock_asserter_s=asserter_s, clock_challenger_s=challenger_s, since_s=now_s
    )


def _transaction(event: GameEvent) -> tuple[int, bytes]:
    return event.log.block_number, event.log.transaction_hash


def _all(events: Iterable[GameEvent], kind: type[EventT]) -> Iterator[EventT]:
    return (event for event in events if isinstance(event, kind))


_PLAIN: dict[type[GameEvent], tuple[str, str]] = {
    ProgramAdmitted: ("admitProgram", "make the program known"),
    Committed: ("commit", "commit to what comes next"),
    Asserted: ("assertResult", "assert the result"),
    GameOpened: ("openGame", "open a game"),
    Finalized: ("finalize", "let the assertion stand"),
}
"""Events that alone say what a transaction did."""
