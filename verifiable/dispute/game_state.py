"""What the events of a game contract tell: assertions, games, and what was shown in them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from verifiable.chain.contracts.dispute_events import (
    Asserted,
    Committed,
    FaultProven,
    Finalized,
    GameEvent,
    GameOpened,
    GameSettled,
    LeafRevealed,
    NodesRevealed,
    ProgramAdmitted,
    Rejected,
    TensorRevealed,
    Turn,
)
from verifiable.chain.contracts.dispute_structs import (
    AssertionStatus,
    FaultKind,
    GameStatus,
    Header,
    Opening,
    Phase,
    Statement,
)
from verifiable.dispute.shown import ShownTrace

__all__ = ["EVENTS_TOLD", "AssertionState", "GameState", "Told"]

EVENTS_TOLD: tuple[type[GameEvent], ...] = (
    ProgramAdmitted,
    Committed,
    Asserted,
    GameOpened,
    Turn,
    NodesRevealed,
    TensorRevealed,
    LeafRevealed,
    FaultProven,
    GameSettled,
    Rejected,
    Finalized,
)
"""Kinds of events that `Told` takes in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionState:
    """An assertion as far as its events tell.

    Attributes:
        outputs: openings of the outputs' roots in the trace.
        asserted_at: Unix seconds.
        trace_uri: a stranger's text.
        block: that held the assertion.
        winner: who rejected it; empty if nobody did.
        fault: what was proven: kind, node and place; None if nothing was.
    """

    id: bytes
    digest: bytes
    asserter: bytes
    statement: Statement
    trace_root: bytes
    outputs: tuple[Opening, ...]
    asserted_at: int
    trace_uri: str
    block: int
    status: AssertionStatus = AssertionStatus.PENDING
    winner: bytes = b""
    fault: tuple[FaultKind, int, int] | None = None

    @property
    def pending(self) -> bool:
        """Whether it is not decided."""
        return self.status is AssertionStatus.PENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class GameState:
    """A game after its last move; members are those of the event `Turn`.

    Attributes:
        block: that held its opening.
    """

    id: int
    assertion_id: bytes
    challenger: bytes
    block: int
    status: GameStatus = GameStatus.OPEN
    phase: Phase = Phase.TRACE
    asserter_turn: bool = True
    node: int = 0
    cur: bytes = b""
    height: int = 0
    index: int = 0
    clock_a: int = 0
    clock_c: int = 0
    last: int = 0

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return self.status is GameStatus.OPEN

    @property
    def expires_at(self) -> int:
        """Second from which the side to move has no time left."""
        return self.last + (self.clock_a if self.asserter_turn else self.clock_c)


@dataclass(slots=True)
class Told:
    """What the events so far have told."""

    programs: dict[bytes, Header] = field(default_factory=dict)
    commits: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    assertions: dict[bytes, AssertionState] = field(default_factory=dict)
    games: dict[int, GameState] = field(default_factory=dict)
    shown: dict[bytes, ShownTrace] = field(default_factory=dict)

    def tell(self, event: GameEvent) -> None:
        """Take one event in; those about what began before the log did are passed over."""
        if isinstance(event, ProgramAdmitted):
            self.programs[event.program_root] = event.header
        elif isinstance(event, Committed):
            self.commits[event.sender, event.digest] = event.log.block_number
        elif isinstance(event, Asserted):
            self._assert(event)
        elif isinstance(event, GameOpened):
            self.games[event.game_id] = GameState(
                id=event.game_id,
                assertion_id=event.assertion_id,
                challenger=event.challenger,
                block=event.log.block_number,
            )
        elif isinstance(event, Turn | GameSettled):
            self._move(event)
        elif isinstance(event, NodesRevealed | TensorRevealed | LeafRevealed):
            self._show(event)
        elif isinstance(event, Rejected | Finalized | FaultProven):
            self._decide(event)

    def _assert(self, event: Asserted) -> None:
        made = AssertionState(
            id=event.assertion_id,
            digest=event.statement_digest,
            asserter=event.asserter,
            statement=event.statement,
            trace_root=event.trace_root,
            outputs=event.outputs,
            asserted_at=event.asserted_at,
            trace_uri=event.trace_uri,
            block=event.log.block_number,
        )
        self.assertions[made.id] = made
        self.shown[made.id] = ShownTrace()

    def _move(self, event: Turn | GameSettled) -> None:
        game = self.games.get(event.game_id)
        if game is None:
            return
        if isinstance(event, GameSettled):
            self.games[game.id] = replace(game, status=event.status)
            return
        self.games[game.id] = replace(
            game,
            phase=event.phase,
            asserter_turn=event.asserter_turn,
            node=event.node,
            cur=event.cur,
            height=event.height,
            index=event.index,
            clock_a=event.clock_a,
            clock_c=event.clock_c,
            last=event.last,
        )

    def _show(self, event: NodesRevealed | TensorRevealed | LeafRevealed) -> None:
        shown = self.shown.get(event.assertion_id)
        if shown is None:
            return
        if isinstance(event, NodesRevealed):
            shown.add_nodes(event.descendants)
        elif isinstance(event, TensorRevealed):
            shown.add_tensor(event.node, event.tensor_root)
        else:
            shown.add_leaf(event.leaf)

    def _decide(self, event: Rejected | Finalized | FaultProven) -> None:
        found = self.assertions.get(event.assertion_id)
        if found is None:
            return
        if isinstance(event, FaultProven):
            found = replace(found, fault=(event.kind, event.node, event.place))
        elif isinstance(event, Rejected):
            found = replace(found, status=AssertionStatus.REJECTED, winner=event.winner)
        else:
            found = replace(found, status=AssertionStatus.FINALIZED)
        self.assertions[found.id] = found
