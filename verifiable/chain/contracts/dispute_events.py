"""What a dispute game says and why it refuses: one dataclass for each event and error.

A client rebuilds a game from its events alone: each holds what was shown, not that it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from verifiable.chain.contracts.dispute_structs import (
    AssertionStatus,
    FaultKind,
    GameStatus,
    Header,
    Opening,
    ParamsRule,
    Phase,
    ProgramRule,
    Statement,
)
from verifiable.chain.transaction import LogRecord

__all__ = [
    "ERRORS",
    "EVENTS",
    "AlreadyAdmitted",
    "AlreadyCommitted",
    "AlreadySettled",
    "Asserted",
    "BadDescriptor",
    "BadLeaf",
    "BadOperand",
    "BadParams",
    "BadProgram",
    "BadReveal",
    "BadSelection",
    "BadTensor",
    "BranchLength",
    "Burned",
    "ClockExpired",
    "ClockRunning",
    "CommitTooYoung",
    "Committed",
    "Credited",
    "DataMismatch",
    "ElementOutOfShape",
    "FaultProven",
    "Finalized",
    "GameError",
    "GameEvent",
    "GameOpened",
    "GameSettled",
    "IndexOutOfTree",
    "LeafRevealed",
    "MalformedWitness",
    "NoCode",
    "NoCommit",
    "NoFault",
    "NodesRevealed",
    "NotAPowerOfTwo",
    "NotChallenger",
    "NotFinal",
    "NotPaddingFault",
    "NotPending",
    "NotRejected",
    "NotYourTurn",
    "NothingToWithdraw",
    "OutputNotBound",
    "ProgramAdmitted",
    "Rejected",
    "Selected",
    "TensorRevealed",
    "TransferFailed",
    "Turn",
    "URITooLong",
    "UnknownGame",
    "UnknownProgram",
    "Unsupported",
    "WindowClosed",
    "Withdrawn",
    "WrongBond",
    "WrongPhase",
    "WrongVerifier",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class GameEvent:
    """An event of a game contract: what it says, and where it stands."""

    log: LogRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramAdmitted(GameEvent):
    """A program can be asserted about."""

    program_root: bytes
    header: Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed(GameEvent):
    """Someone committed to a result or a proof."""

    sender: bytes
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Asserted(GameEvent):
    """A statement was asserted under a bond; nothing binds `trace_uri`."""

    assertion_id: bytes
    statement_digest: bytes
    asserter: bytes
    statement: Statement
    trace_root: bytes
    outputs: tuple[Opening, ...]
    asserted_at: int
    trace_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GameOpened(GameEvent):
    """A game was opened; its first position follows as `Turn`."""

    game_id: int
    assertion_id: bytes
    challenger: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(GameEvent):
    """Where a game stands after a move."""

    game_id: int
    phase: Phase
    asserter_turn: bool
    node: int
    cur: bytes
    height: int
    index: int
    clock_a: int
    clock_c: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesRevealed(GameEvent):
    """All descendants of an inner node some levels down were shown."""

    game_id: int
    assertion_id: bytes
    revealer: bytes
    cur: bytes
    descendants: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorRevealed(GameEvent):
    """The root of a node's tensor was shown."""

    game_id: int
    assertion_id: bytes
    revealer: bytes
    node: int
    tensor_root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafRevealed(GameEvent):
    """A leaf of a tensor was shown."""

    game_id: int
    assertion_id: bytes
    revealer: bytes
    cur: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected(GameEvent):
    """A challenger descended; the new position follows as `Turn`."""

    game_id: int
    levels: int
    index: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultProven(GameEvent):
    """A fault was proven; `Rejected` follows."""

    assertion_id: bytes
    prover: bytes
    kind: FaultKind
    node: int
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GameSettled(GameEvent):
    """A game ended."""

    game_id: int
    assertion_id: bytes
    status: GameStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(GameEvent):
    """An assertion was rejected, for ever."""

    assertion_id: bytes
    winner: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalized(GameEvent):
    """An assertion stands, for ever."""

    assertion_id: bytes
    statement_digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited(GameEvent):
    """An account may withdraw more, in wei."""

    account: bytes
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Burned(GameEvent):
    """Coins went out of reach, in wei."""

    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(GameEvent):
    """An account withdrew its credit, in wei."""

    account: bytes
    amount: int


EVENTS: tuple[type[GameEvent], ...] = (
    ProgramAdmitted,
    Committed,
    Asserted,
    GameOpened,
    Turn,
    NodesRevealed,
    TensorRevealed,
    LeafRevealed,
    Selected,
    FaultProven,
    GameSettled,
    Rejected,
    Finalized,
    Credited,
    Burned,
    Withdrawn,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GameError:
    """Why a game, or a contract that judges for it, refused; see `dispute_game.error_of`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfGame(GameError):
    game_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfAssertion(GameError):
    assertion_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfProgram(GameError):
    program_root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfCommit(GameError):
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfAccount(GameError):
    account: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfNode(GameError):
    node: int


class AlreadyAdmitted(_OfProgram):
    """The program was admitted before."""


class AlreadyCommitted(_OfCommit):
    """This sender made this commit before."""


class AlreadySettled(_OfGame):
    """The game has ended."""


class BadDescriptor(_OfNode):
    """The descriptor is not that of the node, or not one of this program's kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLeaf(_OfNode):
    """The leaf has another size, or does not stand in the tensor."""

    leaf: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BadOperand(GameError):
    """The root is not that of the operand; or their number is wrong."""

    operand: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BadParams(GameError):
    """The parameters break a rule."""

    rule: ParamsRule


@dataclass(frozen=True, slots=True, kw_only=True)
class BadProgram(GameError):
    """The program breaks a rule."""

    rule: ProgramRule


class BadReveal(_OfGame):
    """What was shown is not what is disputed."""


class BadSelection(_OfGame):
    """What was selected does not stand there, is padding, or is not that many levels down."""


class BadTensor(_OfNode):
    """The root does not stand where the trace holds this node's tensor."""


class ClockExpired(_OfGame):
    """The clock of the side to move has run out."""


class ClockRunning(_OfGame):
    """The clock of the side to move still runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitTooYoung(_OfCommit):
    """The commit cannot be used before the block `usable_at`."""

    usable_at: int


class DataMismatch(GameError):
    """The outputs' roots do not make the output root."""


class NoCommit(_OfCommit):
    """This sender has not committed to this."""


class NotChallenger(_OfGame):
    """Only the game's challenger selects."""


class NotFinal(_OfAssertion):
    """The window of the assertion is open, or a game about it is."""


class NotPaddingFault(GameError):
    """This is no wrong padding of the trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPending(_OfAssertion):
    """The assertion is not pending."""

    status: AssertionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRejected(_OfAssertion):
    """The assertion was not rejected."""

    status: AssertionStatus


class NotYourTurn(_OfGame):
    """It is the other side's turn."""


class NothingToWithdraw(_OfAccount):
    """The account has no credit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputNotBound(GameError):
    """An output's root does not stand in the trace at its node."""

    output: int


class TransferFailed(_OfAccount):
    """The account did not take its coins; its credit stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class URITooLong(GameError):
    """The hint where the trace may be found is too long."""

    length: int


class UnknownGame(_OfGame):
    """There is no such game."""


class UnknownProgram(_OfProgram):
    """The program is not admitted."""


class WindowClosed(_OfAssertion):
    """The window of the assertion is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongBond(GameError):
    """The value sent is not the bond, in wei."""

    sent: int
    bond: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongPhase(_OfGame):
    """The game is about something else."""

    phase: Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongVerifier(GameError):
    """A contract that judges is not there."""

    verifier: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchLength(GameError):
    """A branch has another height than its tree."""

    given: int
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOutOfTree(GameError):
    """A tree has no such leaf."""

    index: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAPowerOfTwo(GameError):
    """A level of a tree has another number of nodes."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementOutOfShape(GameError):
    """The node's tensor has no such element."""

    elem: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MalformedWitness(GameError):
    """What was opened of an operand does not fit it, or lacks what is needed."""

    operand: int
    defect: int


class NoFault(GameError):
    """The element is what its operator gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported(GameError):
    """The step contracts judge no such node."""

    reason: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCode(GameError):
    """A step contract is not there."""

    family: bytes


_PREFIXES: Mapping[str, tuple[type[GameError], ...]] = {
    "Game_": (
        AlreadyAdmitted,
        AlreadyCommitted,
        AlreadySettled,
        BadDescriptor,
        BadLeaf,
        BadOperand,
        BadParams,
        BadProgram,
        BadReveal,
        BadSelection,
        BadTensor,
        ClockExpired,
        ClockRunning,
        CommitTooYoung,
        DataMismatch,
        NoCommit,
        NotChallenger,
        NotFinal,
        NotPaddingFault,
        NotPending,
        NotRejected,
        NotYourTurn,
        NothingToWithdraw,
        OutputNotBound,
        TransferFailed,
        URITooLong,
        UnknownGame,
        UnknownProgram,
        WindowClosed,
        WrongBond,
        WrongPhase,
        WrongVerifier,
    ),
    "Commitments_": (BranchLength, IndexOutOfTree, NotAPowerOfTwo),
    "Step_": (ElementOutOfShape, MalformedWitness, NoFault, Unsupported),
    "StepRouter_": (NoCode,),
}
ERRORS: Mapping[str, type[GameError]] = {
    f"{prefix}{kind.__name__}": kind for prefix, kinds in _PREFIXES.items() for kind in kinds
}
"""The errors of the game and of the contracts that judge for it, by their names in Solidity."""
