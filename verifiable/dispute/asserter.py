"""Who asserts a result and defends it, and who defends a right assertion of another.

A reveal is bound by its digest and not by its sender, so anyone who holds the trace can defend it.
Whatever is asked for is shown at once: the clock is there for trouble, not for waiting.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_structs import (
    AssertionStatus,
    CommitKind,
    Header,
    Phase,
    Statement,
)
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import TxOptions
from verifiable.dispute.agent import Action, Agent, Deadline
from verifiable.dispute.claimed_trace import ClaimedTrace, output_openings, output_root
from verifiable.dispute.game_state import AssertionState, GameState
from verifiable.dispute.journal import Journal
from verifiable.dispute.judged_nodes import check_nodes
from verifiable.dispute.trees import levels_shown
from verifiable.errors import InvalidInput
from verifiable.statement.hashing import TensorRoot
from verifiable.statement.statement import ZERO_CONTEXT

__all__ = ["Asserter", "Defender", "statement_of_trace"]


def statement_of_trace(
    trace: ClaimedTrace, *, input_root: bytes | None = None, context: bytes = ZERO_CONTEXT
) -> Statement:
    """What a trace states: its program, inputs and outputs.

    Args:
        input_root: another root to state, for salted inputs; None: that of the trace's inputs.
    """
    material = trace.material
    names = [spec.name for spec in material.program.inputs]
    own_root = material.input_root(dict(zip(names, trace.inputs, strict=True)))
    return Statement(
        program_root=material.commitment.program_root,
        input_root=own_root if input_root is None else TensorRoot(input_root),
        output_root=output_root(trace),
        context=context,
    )


class Defender(Agent):
    """Shows whatever games ask for about one assertion whose trace it holds.

    Args:
        trace: of the assertion.
        assertion_id: which; an asserter finds its own.
    """

    def __init__(
        self,
        game: DisputeGame,
        signer: Signer,
        journal: Journal,
        trace: ClaimedTrace,
        assertion_id: bytes | None = None,
        *,
        from_block: int = 0,
        options: TxOptions | None = None,
        make_blocks: bool = True,
    ) -> None:
        super().__init__(
            game,
            signer,
            journal,
            from_block=from_block,
            options=options,
            make_blocks=make_blocks,
        )
        self.trace = trace
        self._assertion_id = assertion_id

    @property
    def assertion(self) -> AssertionState | None:
        """The assertion, as far as the log has read; None if it is not there."""
        if self._assertion_id is None:
            return None
        return self.log.assertion(self._assertion_id)

    @property
    def done(self) -> bool:
        """The assertion is decided, and nothing is left to take out."""
        found = self.assertion
        return found is not None and not found.pending and not self.game.credit_of(self.address)

    def actions(self) -> Iterator[Action]:
        """What is due now, the most urgent first."""
        found = self.assertion
        if found is not None and found.pending:
            yield from self.defence(found)
            if not self.log.in_window(found) and not any(
                game.open for game in self.log.games_of(found.id)
            ):
                yield Action(
                    name="finalize",
                    arguments=(found.id,),
                    text="let the assertion stand",
                    assertion_id=found.id,
                )
        if found is None or not found.pending:  # once, and not after each game
            yield from self.withdrawal()

    def defence(self, assertion: AssertionState) -> Iterator[Action]:
        """What the open games ask for, the shortest clock first."""
        games = [game for game in self.log.games_of(assertion.id) if game.open]
        for game in sorted(games, key=lambda game: game.expires_at):
            if self.log.expired(game):
                if not game.asserter_turn:
                    yield Action(
                        name="claimTimeout",
                        arguments=(game.id,),
                        text=f"claim the challenger's silence in game {game.id}",
                        assertion_id=assertion.id,
                        game_id=game.id,
                    )
                continue
            if game.asserter_turn:
                yield from self.reveal(game)

    def reveal(self, game: GameState) -> Iterator[Action]:
        """Show what a game asks for."""
        if game.phase is Phase.NODE:
            material = self.trace.material
            arguments = (
                self.trace.roots[game.node],
                material.descriptors[game.node],
                material.graph.branch(game.node),
            )
            yield self._shows(game, "revealTensor", arguments, f"the root of tensor {game.node}")
            return
        node = None if game.phase is Phase.TRACE else game.node
        tree = self.trace.tree(node)
        if tree.at(game.height, game.index) != game.cur:
            self.note(f"game {game.id} is about another trace than the one that is held here")
            return
        place = "the trace" if node is None else f"tensor {node}"
        if game.phase is Phase.LEAF:
            size = self.trace.material.leaf_bytes
            leaf = self.trace.leaves(game.node)[game.index * size : (game.index + 1) * size]
            yield self._shows(game, "revealLeaf", (leaf,), f"leaf {game.index} of {place}")
        else:
            down = levels_shown(game.height)
            shown = tree.descendants(game.height, game.index, down)
            text = f"{len(shown)} nodes of {place} at height {game.height - down}"
            yield self._shows(game, "revealNodes", (shown,), text)

    def deadlines(self) -> list[Deadline]:
        """Clocks of the open games, and the end of the window."""
        found = self.assertion
        if found is None or not found.pending:
            return []
        end = found.asserted_at + self.log.params.window
        times = [self.deadline("the assertion can become final", end, mine=False)]
        for game in self.log.games_of(found.id):
            if game.open:
                side = "show" if game.asserter_turn else "the challenger must move"
                text = f"game {game.id}: {side} ({game.phase.name.lower()})"
                times.append(self.deadline(text, game.expires_at, mine=game.asserter_turn))
        return sorted(times, key=lambda time: time.at)

    def _shows(
        self, game: GameState, name: str, arguments: tuple[object, ...], what: str
    ) -> Action:
        return Action(
            name=name,
            arguments=(game.id, *arguments),
            text=f"show {what}",
            assertion_id=game.assertion_id,
            game_id=game.id,
        )


class Asserter(Defender):
    """Asserts one result, defends it, makes it final and takes the bond back.

    Args:
        trace: of the execution.
        statement: what is asserted; None: what the trace states, bound to no use.
        trace_uri: where the trace is published; empty: nowhere.

    Raises:
        InvalidInput: `other-statement`: the statement is not about this trace's program or output.
    """

    def __init__(
        self,
        game: DisputeGame,
        signer: Signer,
        journal: Journal,
        trace: ClaimedTrace,
        statement: Statement | None = None,
        *,
        trace_uri: str = "",
        from_block: int = 0,
        options: TxOptions | None = None,
        make_blocks: bool = True,
    ) -> None:
        super().__init__(
            game,
            signer,
            journal,
            trace,
            from_block=from_block,
            options=options,
            make_blocks=make_blocks,
        )
        self.statement = statement or statement_of_trace(trace)
        self.trace_uri = trace_uri
        self._checked = False
        if (self.statement.program_root, self.statement.output_root) != (
            trace.material.program_root,
            output_root(trace),
        ):
            raise InvalidInput(
                "the statement is not about this trace",
                why="program or output are others",
                code="other-statement",
            )

    @property
    def assertion(self) -> AssertionState | None:
        """The agent's own assertion of this statement, the last one if there are several."""
        for found in reversed(self.log.assertions):
            if (
                found.asserter == self.address
                and found.digest == self.statement.digest
                and found.trace_root == self.trace.root
            ):
                return found
        return None

    @property
    def won(self) -> bool:
        """Whether the assertion stands for ever."""
        found = self.assertion
        return found is not None and found.status is AssertionStatus.FINALIZED

    def actions(self) -> Iterator[Action]:
        """What is due now, the most urgent first."""
        if self.assertion is None:
            yield from self.assertion_of_result()
        yield from super().actions()

    def assertion_of_result(self) -> Iterator[Action]:
        """Make the program known, commit, and assert.

        Raises:
            UnsupportedModel: a node cannot be judged, so nobody should rely on the result.
        """
        if not self._checked:
            check_nodes(self.game, self.trace.material)
            self._checked = True
        root = self.statement.program_root
        if not self.log.admitted(root) and not self.game.program_of(root).node_count:
            yield Action(
                name="admitProgram",
                arguments=(Header.of(self.trace.material.commitment),),
                text="make the program known",
            )
        yield from self.committed(
            CommitKind.RESULT,
            self.statement.digest,
            self.trace.root,
            Action(
                name="assertResult",
                arguments=(
                    self.statement,
                    self.trace.root,
                    output_openings(self.trace),
                    self.trace_uri,
                ),
                value=self.log.params.bond_a,
                text="assert the result",
            ),
        )
