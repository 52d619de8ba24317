"""What a caller says of a transaction, and what the chain says of it afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from verifiable.chain.engine import LogEntry
from verifiable.chain.gas import MAX_TRANSACTION_GAS
from verifiable.errors import ChainError

__all__ = [
    "MAX_TRANSACTION_GAS",
    "Deployment",
    "EventRecord",
    "LogRecord",
    "PendingTransaction",
    "Plan",
    "Receipt",
    "SentCall",
    "TxOptions",
    "replacement_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TxOptions:
    """What may be set by hand. None leaves it to the client.

    Attributes:
        gas_limit: units of gas.
        gas_price: wei a unit at most (`maxFeePerGas`; the price itself for a legacy one).
        priority_gas_price: wei a unit for the block's proposer.
        nonce: the account's transaction count; an equal one replaces a pending transaction.
        legacy: pay by `gasPrice` also where blocks have a base fee.
        confirmations: blocks that must hold the transaction or follow it; 1: it is in a block.
        wait: False returns as soon as the node has taken the transaction.
    """

    gas_limit: int | None = None
    gas_price: int | None = None
    priority_gas_price: int | None = None
    nonce: int | None = None
    legacy: bool = False
    confirmations: int = 1
    wait: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """An event where the chain keeps it.

    Attributes:
        entry: address, topics and data.
        index: place among the block's logs.
        block_hash, transaction_hash: 32 bytes each.
    """

    entry: LogEntry
    index: int
    block_number: int
    block_hash: bytes
    transaction_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a transaction; `status` is 1, since a failed one is raised as `Reverted`.

    With `wait=False` there is no block yet: `pending` is True, and everything but
    `transaction_hash` is zero, empty or None.

    Attributes:
        transaction_hash, block_hash: 32 bytes each.
        contract_address: 20 bytes if the transaction created a contract.
        effective_gas_price: wei that was paid a unit of gas.
    """

    transaction_hash: bytes
    block_number: int = 0
    block_hash: bytes = b""
    gas_used: int = 0
    status: int = 0
    contract_address: bytes | None = None
    logs: tuple[LogRecord, ...] = ()
    effective_gas_price: int = 0

    @property
    def pending(self) -> bool:
        """Whether the transaction was sent and not waited for."""
        return not self.block_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCall:
    """What a transaction asked for, as a node keeps it.

    Attributes:
        sender: 20 bytes.
        to: 20 bytes; None if a contract was created.
        value: wei that were sent along.
        data: of the call.
    """

    sender: bytes
    to: bytes | None
    value: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A contract that stands on the chain.

    Attributes:
        address: 20 bytes.
        receipt: of its deployment; None if it stood there before.
    """

    address: bytes
    receipt: Receipt | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecord:
    """An event that a contract's ABI declares.

    Attributes:
        name: of the event.
        arguments: by name, in order. An indexed string, bytes or array is its keccak-256.
        log: where it stands.
    """

    name: str
    arguments: Mapping[str, Any]
    log: LogRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a transaction would be: nothing was signed or sent.

    Attributes:
        chain_id: of the chain that was asked.
        sender: 20 bytes.
        to: 20 bytes; None if a contract would be created.
        nonce: of the sender.
        gas: the limit, in units.
        max_fee: wei a unit of gas at most.
        priority_fee: wei a unit for the proposer; None for a legacy transaction.
        call: contract and function (`ModelRegistry.freeze`); empty if it is not known.
        arguments: of the call, by name.
    """

    chain_id: int
    sender: bytes
    to: bytes | None
    value: int
    data: bytes
    nonce: int
    gas: int
    max_fee: int
    priority_fee: int | None
    call: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def max_cost(self) -> int:
        """Wei that the sender must have: all gas at the highest price, and the value."""
        return self.gas * self.max_fee + self.value

    def described(self, call: str, arguments: Mapping[str, Any]) -> Plan:
        """The same plan with the decoded call."""
        return replace(self, call=call, arguments=arguments)


class PendingTransaction(ChainError):
    """A transaction was signed and handed over, and what became of it is not known.

    Attributes:
        transaction: its hash: it may be in a block later. None if the node signed it and did not
            answer.
        replacement: options that send another one in its place; None if it is not known to be
            with the node.
    """

    default_code = "transaction-timeout"

    def __init__(
        self,
        what: str,
        *,
        transaction: bytes | None,
        replacement: TxOptions | None = None,
        where: str = "",
        why: str = "",
        hint: str = "",
        code: str | None = None,
    ) -> None:
        self.transaction = transaction
        self.replacement = replacement
        super().__init__(what, where=where, why=why, hint=hint, code=code)


def replacement_of(plan: Plan, options: TxOptions | None = None) -> TxOptions:
    """Options that replace a pending transaction: its nonce, and both fees raised by an eighth.

    Nodes take a replacement only if both fees rise by a tenth (geth) or an eighth (others).
    """
    return replace(
        options or TxOptions(),
        nonce=plan.nonce,
        gas_price=_raised(plan.max_fee),
        priority_gas_price=None if plan.priority_fee is None else _raised(plan.priority_fee),
        legacy=plan.priority_fee is None,
    )


def _raised(fee: int) -> int:
    return fee + max(1, -(-fee // 8))
