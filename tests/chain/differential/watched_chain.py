"""The embedded chain with an engine that notes every account and every slot it writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evm_scenario import hexed
from scenario_run import State, read_state

from verifiable.chain.local.chain import LocalChain
from verifiable.chain.pyevm_engine import PyEvmEngine


class WatchedChain:
    """A chain of its own, in memory.

    Attributes:
        node: asks it.
        written: the slots that were written, by account.
    """

    def __init__(self, engine: type[PyEvmEngine] = PyEvmEngine) -> None:
        self.written: dict[str, set[int]] = {}
        self._chain = LocalChain.open(None, engine=self._factory(engine))

    def node(self, method: str, *params: Any) -> dict[str, Any]:
        return self._chain.request(method, list(params))

    def state(self) -> State:
        """All accounts that were ever written, as they are now."""
        return read_state(self.node, self.written)

    def close(self) -> None:
        self._chain.close()

    def _factory(self, kind: type[PyEvmEngine]) -> type[PyEvmEngine]:
        written = self.written

        class Noting(kind.state_class):
            def set_storage(self, address: bytes, slot: int, value: int) -> None:
                written.setdefault(hexed(address), set()).add(slot)
                super().set_storage(address, slot, value)

            def set_balance(self, address: bytes, balance: int) -> None:
                written.setdefault(hexed(address), set())
                super().set_balance(address, balance)

            def set_nonce(self, address: bytes, nonce: int) -> None:
                written.setdefault(hexed(address), set())
                super().set_nonce(address, nonce)

            def increment_nonce(self, address: bytes) -> None:
                written.setdefault(hexed(address), set())
                super().increment_nonce(address)

            def set_code(self, address: bytes, code: bytes) -> None:
                written.setdefault(hexed(address), set())
                super().set_code(address, code)

        class Engine(kind):
            state_class = Noting

        return Engine


@contextmanager
def watched_chain(engine: type[PyEvmEngine] = PyEvmEngine) -> Iterator[WatchedChain]:
    """A fresh chain for the length of the block."""
    chain = WatchedChain(engine)
    try:
        yield chain
    finally:
        chain.close()
