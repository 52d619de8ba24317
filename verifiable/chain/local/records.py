"""What the file of a chain holds, as values."""

from __future__ import annotations

import json
from dataclasses import dataclass

from verifiable.chain.engine import LogEntry, Token
from verifiable.chain.local.blocks import Header

__all__ = ["Block", "Identity", "Included", "Snapshot", "StoredLog", "TimeTravel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a file must agree on with who opens it."""

    chain_id: int
    rules: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block in the file.

    Attributes:
        sequence: grows with every block ever made, also over blocks that were dropped.
        state: of the accounts after the block, as the engine names it. Development methods that
            set a balance change it; the header keeps the root that it was made with.
    """

    sequence: int
    number: int
    hash: bytes
    state: Token
    header: Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Included:
    """A transaction in its block, and what became of it; gas and fees are in bytes and header."""

    hash: bytes
    number: int
    raw: bytes
    sender: bytes
    ok: bool
    created: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLog:
    """An event and where it is.

    Attributes:
        number, block_hash, time_s: of its block.
        place: among the block's events.
        transaction_hash: of the transaction that made it.
    """

    number: int
    block_hash: bytes
    time_s: int
    place: int
    transaction_hash: bytes
    entry: LogEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTravel:
    """How the chain's clock differs from the machine's.

    Attributes:
        offset_s: seconds that are added.
        next_s: exact Unix time of the next block; None: whatever the clock says.
    """

    offset_s: int = 0
    next_s: int | None = None

    def as_text(self) -> str:
        """JSON, as the file keeps it."""
        return json.dumps([self.offset_s, self.next_s])

    @classmethod
    def from_text(cls, text: str) -> TimeTravel:
        """Read what `as_text` wrote."""
        offset_s, next_s = json.loads(text)
        return cls(offset_s=offset_s, next_s=next_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A point to which the chain can go back."""

    number: int
    state: Token
    travel: TimeTravel
