"""What an EVM has to offer for a chain to be built on it.

An engine executes messages under one set of rules and keeps accounts. Transactions' validity,
blocks, logs, receipts and JSON-RPC are outside of it and the same for every engine. No type of an
engine's own library crosses this interface, so that an engine can be replaced; one is accepted
when the differential test finds its status, gas, logs, data, code and storage equal to those of
independent implementations.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import NewType, Protocol

__all__ = [
    "AccessList",
    "Account",
    "BlockEnv",
    "Engine",
    "EngineFactory",
    "LogEntry",
    "Result",
    "Token",
    "TxEnv",
]

Token = NewType("Token", bytes)
"""Names one state; opaque to all but the engine that gave it, and valid in its store for good."""

AccessList = tuple[tuple[bytes, tuple[int, ...]], ...]
"""EIP-2930: addresses (20 bytes), each with its storage slots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account: balance in wei, nonce, runtime code."""

    balance: int
    nonce: int
    code: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockEnv:
    """The block in which a message runs.

    Attributes:
        time_s: Unix time in seconds.
        base_fee, gas_limit: in wei a unit of gas, and in units of gas.
        block_hash: the hash of an earlier block by its number, for BLOCKHASH; asked for the 256
            blocks before `number` only.
    """

    chain_id: int
    number: int
    time_s: int
    coinbase: bytes
    gas_limit: int
    base_fee: int
    prev_randao: bytes
    block_hash: Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class TxEnv:
    """A transaction that has passed the chain's validity rules, or the message of a call.

    Attributes:
        to: the callee (20 bytes), None to create a contract from `data`.
        gas_limit: units of gas, the intrinsic ones included.
        gas_price: wei that the sender pays for a unit of gas (the effective price).
        priority_fee: the part of `gas_price` that goes to the block's coinbase.
    """

    sender: bytes
    to: bytes | None
    value: int
    data: bytes
    nonce: int
    gas_limit: int
    gas_price: int
    priority_fee: int
    access_list: AccessList = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One event as the EVM emits it: address (20 bytes), topics (32 bytes each), data."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a message did.

    Attributes:
        ok: status 1.
        gas_used: units of gas charged: refunds taken off, floor of EIP-7623 applied.
        output: return data, or the data of a revert; empty after an exceptional stop.
        logs: in order; empty unless `ok`.
        created: address of the created contract; None if none was.
        halt: names an exceptional stop (out of gas, invalid opcode, ...); empty for success and
            for a revert.
    """

    ok: bool
    gas_used: int
    output: bytes
    logs: tuple[LogEntry, ...]
    created: bytes | None
    halt: str


class Engine(Protocol):
    """An EVM with its accounts.

    Attributes:
        name: of the implementation.
        rules: the fork in lower case, `osaka` for instance.
    """

    name: str
    rules: str

    def fund(self, address: bytes, wei: int) -> None:
        """Set an account's balance."""

    def place(self, address: bytes, code: bytes) -> None:
        """Set an account's runtime code, for contracts that a chain has from its start."""

    def account(self, address: bytes) -> Account:
        """Read an account; one that does not exist is all zero."""

    def storage(self, address: bytes, slot: int) -> int:
        """Read one word of a contract's storage."""

    def call(self, block: BlockEnv, tx: TxEnv) -> Result:
        """Run a message and leave the state as it was. The sender needs no balance and no nonce.

        `gas_used` is that of a transaction: intrinsic gas, access list and refunds included.
        """

    def apply(self, block: BlockEnv, tx: TxEnv) -> Result:
        """Run a valid transaction: nonce, fee, refund and coinbase included."""

    def snapshot(self) -> Token:
        """Write the state to the store and name it."""

    def restore(self, token: Token) -> None:
        """Go to a state that `snapshot` named, earlier or in another process on the same store."""


EngineFactory = Callable[[MutableMapping[bytes, bytes]], Engine]
"""Makes an engine, with an empty state, over a store of trie nodes and code.

The store is append-only for the engine: it never deletes a key, and a key's value never changes.
"""
