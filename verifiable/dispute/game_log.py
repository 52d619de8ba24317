"""Assertions and games as their events tell them: nothing else is remembered.

The log can begin anew at any block. Blocks that may still be taken away are read again each time;
if one was, everything is replayed from the events that stand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from verifiable.chain.contracts.dispute_events import GameEvent
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_structs import Params
from verifiable.dispute.game_state import EVENTS_TOLD, AssertionState, GameState, Told
from verifiable.dispute.shown import ShownTrace
from verifiable.errors import ChainError
from verifiable.statement.view import DEVELOPMENT_CHAIN_ID, BlockRef

__all__ = ["AssertionState", "GameLog", "GameState"]

REREAD_BLOCKS = 8
_HEADS_KEPT = 64
_ATTEMPTS = 3
_LATE_S = 60.0


class GameLog:
    """What the events of one game contract tell.

    Args:
        game: the contract.
        from_block: where to begin; what began earlier is not known.
        reread_blocks: how many of the last blocks are read again, whatever the node says of them;
            blocks before them are read again if one of them was taken away.
        monotonic: seconds of a clock that nobody sets.

    Attributes:
        head: the block up to which everything is known; None before the first `refresh`.
        events: all of them, in order.
    """

    def __init__(
        self,
        game: DisputeGame,
        *,
        from_block: int = 0,
        reread_blocks: int = REREAD_BLOCKS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.game = game
        self.head: BlockRef | None = None
        self.events: list[GameEvent] = []
        self._from_block = from_block
        self._reread = reread_blocks
        self._monotonic = monotonic
        self._seen_at_s = 0.0
        self._late_since_s: float | None = None
        self._heads: dict[int, bytes] = {}
        self._told = Told()

    # --- reading

    def refresh(self, *, again: bool = False) -> bool:
        """Read what is new. Returns whether anything was read.

        Args:
            again: read the last blocks once more even if there is no new one: behind one address
                there may be nodes that know a block before they know its events.

        Raises:
            ChainError: the node failed; `chain-reorganised`: blocks were taken away again and
                again while they were read.
        """
        chain = self.game.chain
        for _ in range(_ATTEMPTS):
            head = chain.block()
            if self.head is not None and head == self.head and not again:
                return False
            if self._is_late(head):
                return False
            start = self._start()
            fresh = self.game.all_events(from_block=start, to_block=head.number, kinds=EVENTS_TOLD)
            if not self._stands(head):
                continue
            if self._lacks(fresh, start):
                return False
            self._take(fresh, start)
            self.head = head
            self._heads[head.number] = head.hash
            self._seen_at_s = self._monotonic()
            return True
        raise ChainError(
            "the chain was reorganised while the games were read",
            where=chain.source,
            why=f"{_ATTEMPTS} blocks were taken away before all was read",
            hint="try again, or use another node",
            code="chain-reorganised",
        )

    def _lacks(self, fresh: list[GameEvent], start: int) -> bool:
        """Whether an answer leaves out an event whose block stands: its node is late with them."""
        places = {_place(event) for event in fresh}
        for event in reversed(self.events):
            if event.log.block_number < start:
                return False
            if _place(event) not in places:
                return self._hash_at(event.log.block_number) == event.log.block_hash
        return False

    def _is_late(self, head: BlockRef) -> bool:
        """Whether a head is that of a node which has not come as far as another one had.

        A shorter chain after a reorganisation looks the same for a while, and is waited out.
        """
        if self.head is None or head.number >= self.head.number:
            self._late_since_s = None
            return False
        if self.game.chain.chain_id == DEVELOPMENT_CHAIN_ID:
            return self._stands(self.head)
        now_s = self._monotonic()
        self._late_since_s = now_s if self._late_since_s is None else self._late_since_s
        return now_s - self._late_since_s < _LATE_S

    def _start(self) -> int:
        """The block from which to read: far enough back to see what a reorganisation changed."""
        if self.head is None:
            return self._from_block
        start = max(self._from_block, self.head.number + 1 - self._reread)
        below = sorted(number for number in self._heads if number < start)
        for number in below[:-_HEADS_KEPT]:
            del self._heads[number]
        for number in reversed(below[-_HEADS_KEPT:]):
            if self._hash_at(number) == self._heads[number]:
                return number + 1  # a block that stands holds all before it in place
            del self._heads[number]
        return self._from_block

    def _stands(self, block: BlockRef) -> bool:
        return self._hash_at(block.number) == block.hash

    def _hash_at(self, number: int) -> bytes | None:
        """Hash of a block; None if the chain has not come so far."""
        try:
            return self.game.chain.block(number).hash
        except ChainError as cause:
            if cause.code != "no-such-block":
                raise
            return None

    def _take(self, fresh: list[GameEvent], start: int) -> None:
        kept = len(self.events)
        while kept and self.events[kept - 1].log.block_number >= start:
            kept -= 1
        old = self.events[kept:]
        same = [_place(event) for event in old] == [_place(event) for event in fresh[: len(old)]]
        self.events = self.events[:kept] + fresh
        news: Iterable[GameEvent] = fresh[len(old) :]
        if not same:
            self._told, news = Told(), self.events
        for event in news:
            self._told.tell(event)

    # --- what is known

    def holds(self, transaction: bytes, block_number: int) -> bool:
        """Whether an event of a transaction was read; it stands in this block or a later one."""
        for event in reversed(self.events):
            if event.log.block_number < block_number:
                return False
            if event.log.transaction_hash == transaction:
                return True
        return False

    @property
    def params(self) -> Params:
        """The contract's rules."""
        return self.game.release.params

    def now(self) -> int:
        """The chain's time, by its last block and what has passed since it was seen."""
        if self.head is None:
            return 0
        return self.head.time_s + int(self._monotonic() - self._seen_at_s)

    def admitted(self, program_root: bytes) -> bool:
        """Whether the log saw a program's admission."""
        return program_root in self._told.programs

    def committed_at(self, sender: bytes, digest: bytes) -> int | None:
        """Block of a commit, whether it was used or not."""
        return self._told.commits.get((sender, digest))

    @property
    def assertions(self) -> tuple[AssertionState, ...]:
        """All assertions, in order."""
        return tuple(self._told.assertions.values())

    def assertion(self, assertion_id: bytes) -> AssertionState | None:
        """One assertion."""
        return self._told.assertions.get(assertion_id)

    @property
    def games(self) -> tuple[GameState, ...]:
        """All games, in order."""
        return tuple(self._told.games.values())

    def games_of(self, assertion_id: bytes) -> Iterator[GameState]:
        """Games about an assertion, in order."""
        return (game for game in self.games if game.assertion_id == assertion_id)

    def shown(self, assertion_id: bytes) -> ShownTrace:
        """What was shown of an assertion's trace, in any game."""
        return self._told.shown.get(assertion_id) or ShownTrace()

    def in_window(self, assertion: AssertionState, *, margin_s: int = 0) -> bool:
        """Whether it can be contested for more than `margin_s` seconds."""
        return self.now() + margin_s < assertion.asserted_at + self.params.window

    def expired(self, game: GameState) -> bool:
        """Whether the side to move has no time left."""
        return self.now() >= game.expires_at


def _place(event: GameEvent) -> tuple[bytes, int]:
    return event.log.block_hash, event.log.index
