"""The rules of the Osaka fork, as a subclass of py-evm's last fork.

py-evm ends at Prague. A later fork is one more pair of subclasses with a table of precompiles and
a table of opcodes, each made from its parent's.
"""

from __future__ import annotations

from collections.abc import Callable

from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState

__all__ = ["OsakaComputation", "OsakaState"]

_HASHED_BLOCKS = 256


class OsakaComputation(PragueComputation):
    """One frame of execution."""

    @classmethod
    def consume_initcode_gas_cost(cls, computation: object) -> None:
        """Charge nothing: the intrinsic gas of a transaction holds it already (EIP-3860)."""


class OsakaState(PragueState):
    """The accounts while one transaction runs."""

    rules = "osaka"
    computation_class = OsakaComputation
    block_hash: Callable[[int], bytes]

    def set_system_contracts(self) -> None:
        """Set none: contracts are in the state or they are not there."""

    def get_ancestor_hash(self, block_number: int) -> bytes:
        """Answer BLOCKHASH: empty, which is zero, outside of the last 256 blocks."""
        if 1 <= self.block_number - block_number <= _HASHED_BLOCKS:
            return self.block_hash(block_number)
        return b""
