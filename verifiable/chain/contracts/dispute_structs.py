"""What a dispute game keeps and takes: its structs and enums, and the proofs that it judges.

Members are the contract's in snake case and in its order, so a struct is its members' tuple;
`contracts/src/optimistic/IDisputeGame.sol` says what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, TypeVar

from verifiable.chain.abi import Param, encode
from verifiable.chain.contracts.model_registry import Program as Header
from verifiable.statement.game import Params
from verifiable.statement.statement import Statement

__all__ = [
    "Assertion",
    "AssertionStatus",
    "CommitKind",
    "ElementProof",
    "FaultKind",
    "Game",
    "GameStatus",
    "Header",
    "Opening",
    "PaddingPlace",
    "PaddingProof",
    "Params",
    "ParamsRule",
    "Phase",
    "ProgramFacts",
    "ProgramRule",
    "Statement",
    "Totals",
    "build",
    "values_of",
]

BuiltT = TypeVar("BuiltT")

_OPENING = "(bytes32,bytes32[])"
_ELEMENT_PROOF = (
    f"(uint32,bytes,bytes32[],bytes32,bytes32[],uint64,bytes,bytes32[],{_OPENING}[],bytes)"
)
_PADDING_PROOF = (
    "(uint8,uint32,bytes,bytes32[],bytes32,bytes32[],uint8,uint64,bytes32,bytes32[],bytes)"
)


class AssertionStatus(IntEnum):
    """State of an assertion; the last two are for ever."""

    NONE = 0
    PENDING = 1
    REJECTED = 2
    FINALIZED = 3


class Phase(IntEnum):
    """What a game is about at the moment."""

    TRACE = 0
    NODE = 1
    TENSOR = 2
    LEAF = 3
    STEP = 4


class GameStatus(IntEnum):
    """State of a game; `WON` and `LOST` are the challenger's."""

    NONE = 0
    OPEN = 1
    WON = 2
    LOST = 3
    CLOSED = 4


class CommitKind(IntEnum):
    """What a commit is for."""

    RESULT = 0
    ELEMENT = 1
    PADDING = 2


class FaultKind(IntEnum):
    """What is wrong with a trace."""

    ELEMENT = 0
    PADDING = 1


class PaddingPlace(IntEnum):
    """Where padding is wrong."""

    TRACE = 0
    TENSOR = 1
    TAIL = 2


class ParamsRule(IntEnum):
    """Which rule of the constructor the parameters break."""

    CLOCKS = 0
    DURATION = 1
    MOVES = 2
    COMMIT_AGE = 3
    SHARES = 4
    BOND_A = 5
    BOND_C = 6


class ProgramRule(IntEnum):
    """Which rule a program breaks."""

    SPEC_VERSION = 0
    LEAF_SIZE = 1
    NO_NODES = 2
    OUTPUTS = 3
    TOO_DEEP = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramFacts:
    """What the game keeps of a program; `node_count` is 0 if it is not admitted."""

    graph_root: bytes
    weights_root: bytes
    tables_root: bytes
    node_count: int
    input_count: int
    leaf_log2: int
    max_height: int
    output_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A tensor's root and its branch into the tree that holds it, from the leaf up."""

    root: bytes
    branch: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One bonded claim; `asserted_at` in Unix seconds, `asserter` 20 bytes."""

    asserter: bytes
    asserted_at: int
    open_games: int
    status: AssertionStatus
    program_root: bytes
    input_root: bytes
    trace_root: bytes
    statement_digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """One challenger's game about one assertion; times in seconds, `last` in Unix seconds."""

    assertion_id: bytes
    challenger: bytes
    status: GameStatus
    phase: Phase
    asserter_turn: bool
    height: int
    node: int
    cur: bytes
    index: int
    leaves: int
    clock_a: int
    clock_c: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over the life of a contract, in wei."""

    deposited: int
    locked: int
    withdrawn: int
    burned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementProof:
    """One wrong element with all that is needed to judge it."""

    node: int
    desc: bytes
    desc_branch: tuple[bytes, ...]
    out_root: bytes
    out_branch: tuple[bytes, ...]
    elem: int
    leaf: bytes
    leaf_branch: tuple[bytes, ...]
    operands: tuple[Opening, ...]
    witness: bytes

    def encode(self) -> bytes:
        """`abi.encode(ElementProof)`.

        Raises:
            ChainError: `bad-arguments`: a member does not fit.
        """
        return _encode_proof(self, _ELEMENT_PROOF)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaddingProof:
    """Wrong padding with all that is needed to judge it; what its place does not use is zero."""

    place: PaddingPlace
    node: int = 0
    desc: bytes = b""
    desc_branch: tuple[bytes, ...] = ()
    out_root: bytes = bytes(32)
    out_branch: tuple[bytes, ...] = ()
    level: int = 0
    index: int = 0
    hash: bytes = bytes(32)
    siblings: tuple[bytes, ...] = ()
    leaf: bytes = b""

    def encode(self) -> bytes:
        """`abi.encode(PaddingProof)`.

        Raises:
            ChainError: `bad-arguments`: a member does not fit.
        """
        return _encode_proof(self, _PADDING_PROOF)


def values_of(item: Any) -> Any:
    """A struct as the contract takes it: its members in order, structs within it too."""
    if hasattr(type(item), "__dataclass_fields__"):
        return tuple(values_of(getattr(item, field.name)) for field in fields(item))
    if isinstance(item, list | tuple):
        return tuple(values_of(part) for part in item)
    return int(item) if isinstance(item, IntEnum) else item


def build(kind: type[BuiltT], values: Sequence[Any] | Mapping[str, Any]) -> BuiltT:
    """A dataclass of this part from decoded values, its enums and structs made too.

    Args:
        kind: a struct, event or error.
        values: in order, or by member.

    Raises:
        ValueError: an enum has no such value, or their number does not fit.
    """
    members = {field.name: str(field.type) for field in fields(kind)}  # type: ignore[arg-type]
    named = values if isinstance(values, Mapping) else dict(zip(members, values, strict=True))
    return kind(**{name: _read(members[name], value) for name, value in named.items()})


def _read(kind: str, value: Any) -> Any:
    reader = _READERS.get(kind)
    return value if reader is None else reader(value)


def _encode_proof(proof: ElementProof | PaddingProof, kind: str) -> bytes:
    param = Param(name="proof", type=kind)
    return encode((param,), (values_of(proof),), where=type(proof).__name__)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "AssertionStatus": AssertionStatus,
    "CommitKind": CommitKind,
    "FaultKind": FaultKind,
    "GameStatus": GameStatus,
    "ParamsRule": ParamsRule,
    "Phase": Phase,
    "ProgramRule": ProgramRule,
    "Header": lambda values: build(Header, values),
    "Statement": lambda values: build(Statement, values),
    "tuple[Opening, ...]": lambda values: tuple(build(Opening, value) for value in values),
}
"""By a member's type, as it is written, how it is made of a decoded value."""
