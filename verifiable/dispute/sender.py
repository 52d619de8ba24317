"""Moves on the chain: simulated, noted, sent once, and replaced rather than repeated.

Before a transaction goes out, its nonce and fees are in the journal. If what became of it is not
known, the next one takes its nonce at higher fees: at most one of the two counts, so nothing is
paid twice, whenever the process was killed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_structs import values_of
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import (
    MAX_TRANSACTION_GAS,
    PendingTransaction,
    Plan,
    Receipt,
    TxOptions,
    replacement_of,
)
from verifiable.dispute.journal import Journal
from verifiable.errors import ChainError

__all__ = ["Move", "Sender"]

GAS_RESERVE = 100_000
"""Units of gas above the estimate. A node estimates at the present moment and at no price, where a
reveal notes no refund and a clock has not moved: both cost storage when the call is mined."""

_MAX_DOUBLINGS = 6
_REPLACEMENTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A transaction that a block holds.

    Attributes:
        name: the contract's function; empty if it only made a block.
        text: what was done, for people.
        assertion_id: that it was about; empty if none is known yet.
        game_id: that it was about; 0 if none.
        sender: who moved, 20 bytes.
        value: wei that were sent along.
        transaction: its hash.
        block_number, block_hash: of the block.
        gas_used, gas_price: units, and wei for each.
    """

    name: str
    text: str
    assertion_id: bytes
    game_id: int
    sender: bytes
    value: int
    transaction: bytes
    block_number: int
    block_hash: bytes
    gas_used: int
    gas_price: int


class Sender:
    """Sends an agent's transactions, one at a time.

    Args:
        signer: of the agent's account, which nobody else should use.
        journal: of the agent.
        options: fees and confirmations set by hand.
    """

    def __init__(self, signer: Signer, journal: Journal, options: TxOptions | None = None) -> None:
        self.signer = signer
        self._journal = journal
        self._options = options or TxOptions()

    @property
    def address(self) -> bytes:
        """The agent's account."""
        return self.signer.address

    def send(
        self,
        game: DisputeGame,
        name: str,
        arguments: tuple[Any, ...] = (),
        *,
        value: int = 0,
        text: str = "",
        assertion_id: bytes = b"",
        game_id: int = 0,
        failures: int = 0,
    ) -> Move:
        """Call a function of the contract, after a simulation.

        Args:
            name: the function; empty: make a block and nothing else (development chains).
            failures: how often the same call has failed in a block; the more gas it gets.

        Raises:
            Reverted: the contract would refuse (nothing was sent), or refused (`transaction`).
            PendingTransaction: what became of it is not known yet; send again.
            ChainError: the node failed.
        """
        options = self._next_options(game)
        plan = self._plan(game, name, arguments, value, options)
        if name:
            reserve = GAS_RESERVE << min(failures, _MAX_DOUBLINGS)
            plan = replace(plan, gas=min(plan.gas + reserve, MAX_TRANSACTION_GAS))
        for _ in range(_REPLACEMENTS):
            self._journal.add(
                "sending", nonce=plan.nonce, call=name, fee=plan.max_fee, tip=plan.priority_fee
            )
            try:
                receipt = self._submit(game, plan, options)
            except PendingTransaction:
                raise
            except ChainError as failure:
                if failure.code == "transaction-underpriced":
                    plan = _dearer(plan)
                    continue
                if getattr(failure, "transaction", None) is None and options == self._options:
                    self._journal.add("unsent", nonce=plan.nonce)
                raise
            return Move(
                name=name,
                text=text,
                assertion_id=assertion_id,
                game_id=game_id,
                sender=self.address,
                value=value,
                transaction=receipt.transaction_hash,
                block_number=receipt.block_number,
                block_hash=receipt.block_hash,
                gas_used=receipt.gas_used,
                gas_price=receipt.effective_gas_price,
            )
        raise ChainError(
            "the node wants ever higher fees for a replacement",
            where=game.chain.source,
            why=f"refused {_REPLACEMENTS} times, up to {plan.max_fee} wei a unit of gas",
            hint="wait until the transaction before it is in a block",
            code="transaction-underpriced",
        )

    def _next_options(self, game: DisputeGame) -> TxOptions:
        """The options as set; with nonce and fees if a transaction before may still be waiting."""
        last = self._journal.last("sending", "unsent")
        if last is None or last["kind"] == "unsent":
            return self._options
        nonce = game.chain.transaction_count(self.address)
        if last["nonce"] < nonce:
            return self._options  # a block holds it, or another one in its place
        last = self._journal.last("sending", nonce=nonce) or last
        before = Plan(
            chain_id=game.chain.chain_id,
            sender=self.address,
            to=None,
            value=0,
            data=b"",
            nonce=nonce,
            gas=0,
            max_fee=last["fee"],
            priority_fee=last["tip"],
        )
        return replacement_of(before, self._options)

    def _plan(
        self,
        game: DisputeGame,
        name: str,
        arguments: tuple[Any, ...],
        value: int,
        options: TxOptions,
    ) -> Plan:
        if not name:
            return game.chain.plan(self.address, to=self.address, data=b"", options=options)
        return game.contract.plan(
            self.address, name, *values_of(arguments), value=value, options=options
        )

    def _submit(self, game: DisputeGame, plan: Plan, options: TxOptions) -> Receipt:
        return game.chain.send(
            self.signer,
            to=plan.to,
            data=plan.data,
            value=plan.value,
            options=replace(
                options,
                nonce=plan.nonce,
                gas_limit=plan.gas,
                gas_price=plan.max_fee,
                priority_gas_price=plan.priority_fee,
                legacy=plan.priority_fee is None,
            ),
            what=f"{plan.call or 'the transaction'} failed",
        )


def _dearer(plan: Plan) -> Plan:
    raised = replacement_of(plan)
    return replace(
        plan,
        max_fee=plan.max_fee if raised.gas_price is None else raised.gas_price,
        priority_fee=raised.priority_gas_price,
    )
