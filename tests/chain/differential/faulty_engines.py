"""Engines with one fault each: what the differential test must catch.

The first four were seen in engines that were tried; an engine below the transaction layer invites
them.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

from eth.vm.forks.prague.computation import PragueComputation

from verifiable.chain.engine import BlockEnv, LogEntry, Result, TxEnv
from verifiable.chain.osaka import OsakaComputation, OsakaState
from verifiable.chain.pyevm_engine import PyEvmEngine
from verifiable.statement.hashing import keccak

MODEXP = (5).to_bytes(20, "big")


class WithoutAccessLists(PyEvmEngine):
    """Neither charges for access lists nor warms what they name."""

    def call(self, block: BlockEnv, tx: TxEnv) -> Result:
        return super().call(block, replace(tx, access_list=()))

    def apply(self, block: BlockEnv, tx: TxEnv) -> Result:
        return super().apply(block, replace(tx, access_list=()))


class KeepingSlotsWarm(PyEvmEngine):
    """Never ends a transaction: what one touched is warm in the next."""

    def __init__(self, store: MutableMapping[bytes, bytes]) -> None:
        super().__init__(store)
        warm: set[tuple[Any, int]] = set()

        class State(self.state_class):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments)
                for address, slot in sorted(warm):
                    super().mark_storage_warm(address, slot)

            def mark_storage_warm(self, address: Any, slot: int) -> None:
                warm.add((address, slot))
                super().mark_storage_warm(address, slot)

        self.state_class = State


class _PragueModexp(OsakaComputation):
    _precompiles = {  # noqa: RUF012
        **OsakaComputation.get_precompiles(),
        MODEXP: PragueComputation.get_precompiles()[MODEXP],
    }


class WithPragueModexp(PyEvmEngine):
    """Prices MODEXP by the rules of the fork before."""

    class state_class(OsakaState):  # noqa: N801
        computation_class = _PragueModexp


class _NoRefunds(OsakaComputation):
    def get_gas_refund(self) -> int:
        return 0


class WithoutRefunds(PyEvmEngine):
    """Gives no gas back for a cleared slot."""

    class state_class(OsakaState):  # noqa: N801
        computation_class = _NoRefunds


class WithHashesOfNumbers(PyEvmEngine):
    """Answers BLOCKHASH by the hash of the block's number."""

    class state_class(OsakaState):  # noqa: N801
        def get_ancestor_hash(self, block_number: int) -> Any:
            return keccak(block_number.to_bytes(32, "big"))


class KeepingLogsOfReverts(PyEvmEngine):
    """Reports an event for a transaction that reverted."""

    def apply(self, block: BlockEnv, tx: TxEnv) -> Result:
        result = super().apply(block, tx)
        if result.ok or result.halt:
            return result
        return replace(result, logs=(LogEntry(address=bytes(20), topics=(), data=b""),))


class LosingAWrite(PyEvmEngine):
    """Stores nothing in slot 1, and says nothing of it."""

    class state_class(OsakaState):  # noqa: N801
        def set_storage(self, address: Any, slot: int, value: int) -> None:
            if slot != 1 or not value:
                super().set_storage(address, slot, value)
