"""Who re-executes what others assert, and shows where it is wrong.

An equal trace root is never challenged. Otherwise public data come first: with them one
transaction rejects the assertion, at no bond. What is withheld is asked for in a game, to the left
first, and a side that stays silent loses by its clock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from verifiable.backends.optimistic.trace import DEFAULT_BUDGET_BYTES, Inputs, commit_execution
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_structs import (
    AssertionStatus,
    CommitKind,
    FaultKind,
    Phase,
)
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import TxOptions
from verifiable.dispute.agent import Action, Agent, Deadline
from verifiable.dispute.claimed_trace import ClaimedTrace, HonestTrace
from verifiable.dispute.faults import Fault, Hidden, NotAFault, find_fault
from verifiable.dispute.game_state import AssertionState, GameState
from verifiable.dispute.journal import Journal
from verifiable.dispute.judged_nodes import check_nodes
from verifiable.dispute.material import Material
from verifiable.dispute.shown import ClaimedTree, ShownTrace
from verifiable.dispute.trace_data import TraceData, learn_roots, learn_tensor
from verifiable.dispute.trees import levels_shown
from verifiable.statement.hashing import TensorRoot, keccak

__all__ = ["Challenger", "check_nodes"]

_TRACES_KEPT = 2
_FETCHES = 3

FindData = Callable[[AssertionState], TraceData | None]
"""Where the trace of an assertion may be found; None: nowhere."""


@dataclass(slots=True)
class _Case:
    """What the challenger knows of one assertion, besides what the log tells."""

    public: ShownTrace
    fetches: int = 0
    roots: bool = False
    fault: Fault | None = None
    tensors: set[int] = field(default_factory=set)


class Challenger(Agent):
    """Challenges wrong assertions about one program on inputs that it knows.

    Args:
        material: of the program, made from its file.
        inputs: sets of quantised inputs that it knows.
        find_data: see `FindData`; None: nowhere.
        open_games: also challenge what cannot be proven from public data, under a bond.
        lead_s: seconds before the end of a window from which a game is opened first, since a
            commit and a proof might not get into a block in time.
        budget_bytes: of packed values to keep of each trace.
    """

    def __init__(
        self,
        game: DisputeGame,
        signer: Signer,
        journal: Journal,
        material: Material,
        inputs: list[Inputs],
        *,
        find_data: FindData | None = None,
        open_games: bool = True,
        lead_s: int = 120,
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
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
        self.material = material
        self._inputs: dict[TensorRoot, Inputs] = {}
        for known in inputs:
            self.learn_inputs(known)
        self._find_data = find_data
        self._open_games = open_games
        self._lead_s = lead_s
        self._budget_bytes = budget_bytes
        self._traces: OrderedDict[bytes, ClaimedTrace] = OrderedDict()
        self._roots: dict[bytes, bytes] = {}
        self._cases: dict[bytes, _Case] = {}
        self._checked = False

    # --- what is known

    def learn_inputs(self, inputs: Inputs) -> TensorRoot:
        """Know another set of quantised inputs; returns its root.

        Raises:
            InvalidInput: they do not fit the program.
        """
        root = self.material.input_root(inputs)
        self._inputs[root] = inputs
        return root

    @property
    def contested(self) -> list[AssertionState]:
        """Pending assertions whose trace is not the right one, in order."""
        return [
            found for found in self.log.assertions if found.pending and self.judge(found) is False
        ]

    def judge(self, assertion: AssertionState) -> bool | None:
        """Whether an assertion's trace is the right one; None if that cannot be told here."""
        said = assertion.statement
        if said.program_root != self.material.program_root:
            return None
        if said.input_root not in self._roots:
            own = self._own(assertion)
            if own is None:
                return None
            self._roots[said.input_root] = own.root
        return self._roots[said.input_root] == assertion.trace_root

    def own_trace(self, inputs: Inputs) -> ClaimedTrace:
        """Execute the program."""
        committed = commit_execution(
            self.material.program,
            inputs,
            leaf_log2=self.material.leaf_log2,
            budget_bytes=self._budget_bytes,
        )
        return HonestTrace(self.material, committed)

    def _own(self, assertion: AssertionState) -> ClaimedTrace | None:
        said = assertion.statement
        if said.program_root != self.material.program_root:
            return None
        inputs = self._inputs.get(TensorRoot(said.input_root))
        if inputs is None:
            self.note(f"assertion 0x{assertion.id.hex()}: its input is not known here")
            return None
        found = self._traces.pop(said.input_root, None)
        self._traces[said.input_root] = found or self.own_trace(inputs)
        while len(self._traces) > _TRACES_KEPT:
            self._traces.popitem(last=False)
        return self._traces[said.input_root]

    # --- what is due

    @property
    def done(self) -> bool:
        """Nothing known is contested, no game of its own is open, and nothing is left to take."""
        return (
            not self.contested
            and not any(game.open and self._mine(game) for game in self.log.games)
            and not self.game.credit_of(self.address)
        )

    def actions(self) -> Iterator[Action]:
        """What is due now, the most urgent first."""
        if not self._checked:
            check_nodes(self.game, self.material)
            self._checked = True
        for game in self.log.games:
            found = self.log.assertion(game.assertion_id)
            if game.open and self._mine(game) and found is not None:
                yield from self._after(game, found)
        for found in sorted(self.contested, key=self._urgency):
            yield from self.challenge(found)
        yield from self.withdrawal()

    def challenge(self, assertion: AssertionState) -> Iterator[Action]:
        """Bring one wrong assertion down."""
        finding = self.find(assertion)
        if finding is None:
            return
        games = [
            game
            for game in self.log.games_of(assertion.id)
            if game.open
            and self._mine(game)
            and (game.asserter_turn or not self.log.expired(game))  # else it is lost already
        ]
        for game in games:
            if self.log.expired(game):
                continue
            if isinstance(finding, Fault):
                yield from self.prove(assertion, finding, game)
            elif not game.asserter_turn:
                yield from self.descend(assertion, game)
        if games or not self.log.in_window(assertion):
            return
        soon = not self.log.in_window(assertion, margin_s=self._lead_s)
        if isinstance(finding, Fault) and not (soon and self._open_games):
            yield from self.prove(assertion, finding, None)
        elif self._open_games:
            yield Action(
                name="openGame",
                arguments=(assertion.id,),
                value=self.log.params.bond_c,
                text="open a game",
                assertion_id=assertion.id,
            )

    def prove(
        self, assertion: AssertionState, fault: Fault, game: GameState | None
    ) -> Iterator[Action]:
        """Commit to a proof and send it, in a game or without one."""
        kind = CommitKind.ELEMENT if fault.kind is FaultKind.ELEMENT else CommitKind.PADDING
        if fault.claimed is None:
            what = f"padding at {fault.place} of node {fault.node} is wrong"
        else:
            what = (
                f"element {fault.place} of node {fault.node} is {fault.expected}, "
                f"not {fault.claimed}"
            )
        yield from self.committed(
            kind,
            assertion.id,
            keccak(fault.proof),
            Action(
                name="proveFault" if game is None else "proveStep",
                arguments=(
                    assertion.id if game is None else game.id,
                    fault.kind,
                    fault.proof,
                ),
                text=f"prove that {what}",
                assertion_id=assertion.id,
                game_id=0 if game is None else game.id,
            ),
        )

    def descend(self, assertion: AssertionState, game: GameState) -> Iterator[Action]:
        """Select the leftmost difference, as deep as it is known."""
        own = self._own(assertion)
        if own is None or game.phase not in (Phase.TRACE, Phase.TENSOR):
            return
        shown = self._case(assertion).public
        if game.phase is Phase.TRACE:
            tree = ClaimedTree(assertion.trace_root, own.tree(None), shown)
        else:
            root = self._tensor_root(assertion, own, game.node, shown)
            if root is None:
                return
            tree = ClaimedTree(root, own.tree(game.node), shown)
        found = tree.first_difference(game.height, game.index)
        if found is None or game.height - found.level < levels_shown(game.height):
            self.note(f"game {game.id}: nothing to select, the trace is right there")
            return
        levels = game.height - found.level
        siblings = tree.path(found.level, found.index, game.height)
        place = "the trace" if game.phase is Phase.TRACE else f"tensor {game.node}"
        yield Action(
            name="select",
            arguments=(
                game.id,
                levels,
                found.index - (game.index << levels),
                found.digest,
                siblings or (),
            ),
            text=f"select node {found.index} at height {found.level} of {place}",
            assertion_id=assertion.id,
            game_id=game.id,
        )

    def find(self, assertion: AssertionState) -> Fault | Hidden | None:
        """A proof against an assertion, or what is withheld; None if it is right, or not known."""
        own = self._own(assertion)
        if own is None:
            return None
        case = self._case(assertion)
        if case.fault is not None:
            return case.fault
        try:
            finding = find_fault(own, assertion.trace_root, case.public)
            if isinstance(finding, Hidden) and self._fetch(assertion, case, finding):
                finding = find_fault(own, assertion.trace_root, case.public)
                if isinstance(finding, Hidden) and self._fetch(assertion, case, finding):
                    finding = find_fault(own, assertion.trace_root, case.public)
        except NotAFault as refusal:
            self.note(f"assertion 0x{assertion.id.hex()}: {refusal}")
            return None
        if isinstance(finding, Fault):
            case.fault = finding
        return finding

    def deadlines(self) -> list[Deadline]:
        """Clocks of its games, and the windows of what it contests."""
        times = []
        for found in self.contested:
            end = found.asserted_at + self.log.params.window
            name = f"0x{found.id[:4].hex()}.."
            times.append(self.deadline(f"window of assertion {name}", end, mine=True))
        for game in self.log.games:
            if game.open and self._mine(game):
                side = "the asserter must show" if game.asserter_turn else "move"
                text = f"game {game.id}: {side} ({game.phase.name.lower()})"
                times.append(self.deadline(text, game.expires_at, mine=not game.asserter_turn))
        return sorted(times, key=lambda time: time.at)

    # --- inside

    def _after(self, game: GameState, assertion: AssertionState) -> Iterator[Action]:
        """End a game that needs no more play."""
        if assertion.status is AssertionStatus.REJECTED:
            name, text = "closeGame", f"take the bond of game {game.id} back"
        elif assertion.pending and game.asserter_turn and self.log.expired(game):
            name, text = "claimTimeout", f"claim the asserter's silence in game {game.id}"
        else:
            return
        yield Action(
            name=name,
            arguments=(game.id,),
            text=text,
            assertion_id=assertion.id,
            game_id=game.id,
        )

    def _fetch(self, assertion: AssertionState, case: _Case, hidden: Hidden) -> bool:
        """Try to learn what is hidden from public data; whether anything was learned."""
        data = None if self._find_data is None else self._find_data(assertion)
        if data is None or case.fetches >= 2 * _FETCHES:
            return False
        case.fetches += 1
        if hidden.phase in (Phase.TRACE, Phase.NODE) and not case.roots:
            case.roots = learn_roots(data, self.material, assertion.trace_root, case.public)
            return case.roots
        if hidden.root and hidden.node not in case.tensors:
            case.tensors.add(hidden.node)
            return learn_tensor(data, self.material, hidden.node, hidden.root, case.public)
        return False

    def _case(self, assertion: AssertionState) -> _Case:
        """The case with what the log now tells of it."""
        shown = self.log.shown(assertion.id)
        case = self._cases.get(assertion.id)
        if case is None:
            case = _Case(public=ShownTrace())
            self._cases[assertion.id] = case
            nodes = self.material.commitment.schema.output_nodes
            for node, opening in zip(nodes, assertion.outputs, strict=False):
                row = case.public.add_tensor(node, opening.root)
                case.public.add_path(row, node, opening.branch)
        case.public.look_into(shown)
        return case

    def _tensor_root(
        self, assertion: AssertionState, own: ClaimedTrace, node: int, shown: ShownTrace
    ) -> TensorRoot | None:
        row = ClaimedTree(assertion.trace_root, own.tree(None), shown).at(0, node)
        return None if row is None else shown.tensor(row)

    def _mine(self, game: GameState) -> bool:
        return game.challenger == self.address

    def _urgency(self, assertion: AssertionState) -> int:
        mine = [
            game.expires_at
            for game in self.log.games_of(assertion.id)
            if game.open and self._mine(game) and not game.asserter_turn
        ]
        return min([assertion.asserted_at + self.log.params.window, *mine])
