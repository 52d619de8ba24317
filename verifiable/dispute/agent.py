"""What every agent does: read the chain, do what is due, one transaction after the other.

An agent decides from the chain's state alone. Killed at any point and started again, by a new
object and after any time, it goes on where the chain stands.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from verifiable.chain.contracts.dispute_game import DisputeGame, error_of
from verifiable.chain.contracts.dispute_structs import CommitKind
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import PendingTransaction, TxOptions
from verifiable.dispute.game_log import GameLog
from verifiable.dispute.journal import Journal
from verifiable.dispute.sender import Move, Sender
from verifiable.errors import ChainError, Reverted
from verifiable.statement.hashing import keccak
from verifiable.statement.view import DEVELOPMENT_CHAIN_ID

__all__ = ["Action", "Agent", "Deadline", "commit_digest"]

_COMMIT_DOMAIN = b"\x07"
_PASSING = ("nonce-too-low", "transaction-underpriced")
_MOST_ACTIONS = 1000
_WITHOUT_EVENT = ("", "withdraw")  # of what the log reads
_REFUSED_S = 10.0
_FAILED_S = 15.0
_LONGEST_FAILED_S = 600.0

_Key = tuple[str, bytes, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A call of the contract that is due.

    Attributes:
        name: the function; empty: make a block, on a development chain that makes none by itself.
        arguments: of the function.
        value: wei to send along.
        text: what is done, for people.
        assertion_id, game_id: what it is about.
    """

    name: str
    arguments: tuple[Any, ...] = ()
    value: int = 0
    text: str = ""
    assertion_id: bytes = b""
    game_id: int = 0

    @property
    def key(self) -> _Key:
        """Says which action it is, whatever its arguments."""
        return self.name, self.assertion_id, self.game_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When something can no longer be done, or can be done at last.

    Attributes:
        text: what.
        at: Unix seconds, by the chain's clock.
        left_s: seconds from now; negative once it has passed.
        mine: this agent has to act before it.
    """

    text: str
    at: int
    left_s: int
    mine: bool


class Agent:
    """The base of agents.

    Args:
        game: the contract.
        signer: of the agent's account, which nobody else should use.
        journal: of the agent; locked for it.
        from_block: where to begin to read; the contract's deployment, or a later block before
            everything that matters to the agent.
        options: of transactions, set by hand.
        make_blocks: on a development chain, send empty transactions while only the number of a
            block is waited for.

    Attributes:
        log: what the chain has told.
        notes: what was left undone and why, the newest last.
        moves: all that this object has sent, in order.
    """

    def __init__(
        self,
        game: DisputeGame,
        signer: Signer,
        journal: Journal,
        *,
        from_block: int = 0,
        options: TxOptions | None = None,
        make_blocks: bool = True,
    ) -> None:
        self.game = game
        self.log = GameLog(game, from_block=from_block)
        self.journal = journal
        self.sender = Sender(signer, journal, options)
        self.notes: list[str] = []
        self._make_blocks = make_blocks and game.chain.chain_id == DEVELOPMENT_CHAIN_ID
        self.moves: list[Move] = []
        self._refused: dict[_Key, tuple[int, float]] = {}
        self._failures: dict[_Key, int] = {}
        self._waiting = False

    @property
    def address(self) -> bytes:
        """The agent's account."""
        return self.sender.address

    # --- what subclasses say

    def actions(self) -> Iterator[Action]:
        """What is due now, the most urgent first; the chain's state was just read."""
        raise NotImplementedError

    @property
    def done(self) -> bool:
        """Whether nothing will ever be due again."""
        raise NotImplementedError

    def deadlines(self) -> list[Deadline]:
        """What time matters, the nearest first."""
        raise NotImplementedError

    # --- stepping

    def step(self, most: int = _MOST_ACTIONS) -> list[Move]:
        """Do what is due now, and return when nothing more is.

        Args:
            most: transactions to send at most.

        Returns:
            What was done, in order; empty if nothing was due.

        Raises:
            PendingTransaction: a transaction is out and in no block yet: step again.
            ChainError: the node failed: step again.
        """
        first = len(self.moves)
        while len(self.moves) < first + most:
            self.log.refresh()
            if not self._caught_up():
                self.note("the node does not show yet what it has taken")
                break
            action = self._next()
            if action is None:
                break
            self.perform(action)
        return self.moves[first:]

    def perform(self, action: Action) -> Move | None:
        """Send one action; None if it is refused, or came too late."""
        try:
            move = self.sender.send(
                self.game,
                action.name,
                action.arguments,
                value=action.value,
                text=action.text,
                assertion_id=action.assertion_id,
                game_id=action.game_id,
                failures=self._failures.get(action.key, 0),
            )
        except Reverted as refusal:
            # the chain has moved on, or has not come so far: look again at the next block
            self._refuse(action, refusal)
            return None
        except PendingTransaction:
            raise
        except ChainError as failure:
            if failure.code not in _PASSING:
                raise
            self._refuse(action, failure)
            return None
        self._failures.pop(action.key, None)
        self.moves.append(move)
        return move

    def _caught_up(self) -> bool:
        """Whether the log shows the last move: deciding without it could do it again."""
        last = self.moves[-1] if self.moves else None
        if last is None or last.name in _WITHOUT_EVENT:
            return True
        if self.log.holds(last.transaction, last.block_number):
            return True
        self.log.refresh(again=True)
        if self.log.holds(last.transaction, last.block_number):
            return True
        # moved or taken away by a reorganisation: the log, or the nonce, says what to do
        receipt = self.game.chain.receipt(last.transaction)
        return receipt is None or receipt.block_hash != last.block_hash

    def _next(self) -> Action | None:
        head, now_s = self._head, time.monotonic()
        self._refused = {
            key: (at, since_s)
            for key, (at, since_s) in self._refused.items()
            if now_s - since_s < self._pause_s(key) and (at == head or key in self._failures)
        }
        self._waiting = False
        for action in self.actions():
            if action.key not in self._refused:
                return action
        if self._waiting and self._make_blocks:
            action = Action(name="", text="make a block")
            return action if action.key not in self._refused else None
        return None

    def _refuse(self, action: Action, failure: ChainError) -> None:
        self._refused[action.key] = self._head, time.monotonic()
        if getattr(failure, "transaction", None) is not None:  # it failed in a block, and was paid
            self._failures[action.key] = self._failures.get(action.key, 0) + 1
        error = error_of(failure) if isinstance(failure, Reverted) else None
        self.note(f"{action.text or action.name}: {error or failure}")

    def _pause_s(self, key: _Key) -> float:
        """Seconds until what was refused is tried again: longer each time that it was paid for."""
        count = self._failures.get(key, 0)
        return min(_FAILED_S * 2**count, _LONGEST_FAILED_S) if count else _REFUSED_S

    def note(self, text: str) -> None:
        """Remember why something was not done."""
        if text not in self.notes[-20:]:
            self.notes.append(text)

    # --- what several agents need

    def committed(
        self, kind: CommitKind, subject: bytes, payload: bytes, action: Action
    ) -> Iterator[Action]:
        """What is due: a commit, then waiting until it can be used, then `action`.

        Args:
            kind, subject, payload: see `commit_digest`.
            action: takes the salt as its last argument, which is added here.
        """
        salt = self.journal.salt(kind, subject, payload)
        digest = commit_digest(self.game, kind, self.address, subject, payload, salt)
        number = self.game.committed_at(self.address, digest)
        if not number:
            yield Action(
                name="commit",
                arguments=(digest,),
                text=f"commit to {kind.name.lower()}",
                assertion_id=action.assertion_id or subject,
                game_id=action.game_id,
            )
        elif self._head + 1 < number + self.log.params.min_commit_age:
            self._waiting = True
        else:
            yield Action(
                name=action.name,
                arguments=(*action.arguments, salt),
                value=action.value,
                text=action.text,
                assertion_id=action.assertion_id,
                game_id=action.game_id,
            )

    def withdrawal(self) -> Iterator[Action]:
        """Take out what the contract owes to the agent."""
        credit = self.game.credit_of(self.address)
        if credit:
            yield Action(name="withdraw", text=f"withdraw {credit} wei")

    def deadline(self, text: str, at: int, *, mine: bool) -> Deadline:
        """A deadline, seen from now."""
        return Deadline(text=text, at=at, left_s=at - self.log.now(), mine=mine)

    @property
    def _head(self) -> int:
        return 0 if self.log.head is None else self.log.head.number


def commit_digest(
    game: DisputeGame,
    kind: CommitKind,
    sender: bytes,
    subject: bytes,
    payload: bytes,
    salt: bytes,
) -> bytes:
    """Row 07, as the contract computes it.

    Args:
        subject: digest of the statement, or name of the assertion.
        payload: trace root, or keccak-256 of the proof.
    """
    return keccak(
        _COMMIT_DOMAIN
        + game.chain.chain_id.to_bytes(32, "big")
        + game.address
        + bytes((kind,))
        + sender
        + subject
        + payload
        + salt
    )
