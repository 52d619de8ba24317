"""The rules of the Osaka fork, as subclasses of py-evm's last fork.

py-evm ends at Prague. A later fork is one more pair of subclasses, with a table of precompiles and
one of opcodes that are made from its parent's; the engine names the pair that it runs.

A precompile in the table is also a warm address, as EIP-2929 wants it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import cast

from Crypto.Hash import RIPEMD160
from eth.abc import ComputationAPI, MessageAPI, StateAPI, TransactionContextAPI
from eth.exceptions import OutOfGas, VMError
from eth.vm.code_stream import CodeStream
from eth.vm.forks.byzantium.opcodes import ensure_no_static
from eth.vm.forks.cancun.logic import selfdestruct_eip6780
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.state import PragueState
from eth.vm.opcode import as_opcode
from eth.vm.opcode_values import SELFDESTRUCT
from eth_typing import Address, Hash32

from verifiable.chain import point_evaluation
from verifiable.chain.gas import MAX_CODE_BYTES
from verifiable.chain.modexp import read_modexp
from verifiable.chain.p256 import is_signed

__all__ = ["CLZ", "P256VERIFY", "CodeTooLong", "OsakaComputation", "OsakaState"]

CLZ = 0x1E
"""The opcode of EIP-7939."""

P256VERIFY = Address((0x100).to_bytes(20, "big"))
"""The precompile of EIP-7951."""

_RIPEMD160, _MODEXP, _POINT_EVALUATION = (
    Address(number.to_bytes(20, "big")) for number in (3, 5, 10)
)
_P256_GAS, _P256_BYTES = 6_900, 160
_CLZ_GAS = 5
_SELFDESTRUCT_GAS = 5_000
_HASHED_BLOCKS = 256
_JUMPDEST, _PUSH1, _PUSH32 = 0x5B, 0x60, 0x7F


class CodeTooLong(OutOfGas):
    """The code to deploy is longer than EIP-170 allows."""


def _clz(frame: ComputationAPI) -> None:
    frame.stack_push_int(256 - frame.stack_pop1_int().bit_length())


def _p256verify(frame: ComputationAPI) -> ComputationAPI:
    """Answer 1, or nothing; never fail once the gas is paid."""
    frame.consume_gas(_P256_GAS, reason="P256VERIFY")
    data = frame.msg.data_as_bytes
    if len(data) == _P256_BYTES:
        words = (int.from_bytes(data[at : at + 32], "big") for at in range(0, _P256_BYTES, 32))
        if is_signed(*words):
            frame.output = (1).to_bytes(32, "big")
    return frame


def _modexp(frame: ComputationAPI) -> ComputationAPI:
    operands = read_modexp(frame.msg.data_as_bytes)
    if operands is None:
        raise VMError("an operand of MODEXP is too long")
    frame.consume_gas(operands.gas, reason="MODEXP")
    frame.output = operands.result()
    return frame


def _point_evaluation(frame: ComputationAPI) -> ComputationAPI:
    frame.consume_gas(point_evaluation.GAS, reason="POINT_EVALUATION")
    if not point_evaluation.is_evaluation(frame.msg.data_as_bytes):
        raise VMError("the claim on the polynomial is false or malformed")
    frame.output = point_evaluation.OUTPUT
    return frame


def _ripemd160(frame: ComputationAPI) -> ComputationAPI:
    # py-evm asks hashlib, and many builds of OpenSSL 3 have no RIPEMD-160
    data = frame.msg.data_as_bytes
    frame.consume_gas(600 + 120 * ((len(data) + 31) // 32), reason="RIPEMD160")
    frame.output = RIPEMD160.new(data).digest().rjust(32, b"\0")
    return frame


@lru_cache(maxsize=256)
def _jump_destinations(code: bytes) -> frozenset[int]:
    """The positions of JUMPDEST that are no data of a PUSH."""
    found, position = [], 0
    while position < len(code):
        opcode = code[position]
        if opcode == _JUMPDEST:
            found.append(position)
        position += opcode - _PUSH1 + 2 if _PUSH1 <= opcode <= _PUSH32 else 1
    return frozenset(found)


class _Code(CodeStream):
    """Code whose jumps are checked in one pass, which the frames that run it share.

    py-evm looks back from each destination by recursion, in each frame anew: a long run of PUSH1
    takes one Python frame a byte.
    """

    def __init__(self, code_bytes: bytes) -> None:
        super().__init__(code_bytes)
        self._bytes = code_bytes

    def is_valid_opcode(self, position: int) -> bool:
        """Whether a jump may end here."""
        return position in _jump_destinations(self._bytes)


class OsakaComputation(PragueComputation):
    """One frame of execution."""

    opcodes = {  # noqa: RUF012  # py-evm declares it, and reads it from the class
        **PragueComputation.opcodes,
        CLZ: as_opcode(_clz, "CLZ", _CLZ_GAS),
        # py-evm's own, without its warning to whoever runs a contract that has it
        SELFDESTRUCT: as_opcode(
            ensure_no_static(selfdestruct_eip6780), "SELFDESTRUCT", _SELFDESTRUCT_GAS
        ),
    }
    _precompiles = {  # noqa: RUF012
        **PragueComputation.get_precompiles(),
        _RIPEMD160: _ripemd160,
        _MODEXP: _modexp,
        _POINT_EVALUATION: _point_evaluation,
        P256VERIFY: _p256verify,
    }

    def __init__(
        self, state: StateAPI, message: MessageAPI, transaction_context: TransactionContextAPI
    ) -> None:
        super().__init__(state, message, transaction_context)
        self.code = _Code(message.code)

    @classmethod
    def consume_initcode_gas_cost(cls, computation: ComputationAPI) -> None:
        """Charge nothing: the intrinsic gas of a transaction holds it already (EIP-3860)."""

    @classmethod
    def validate_contract_code(cls, contract_code: bytes) -> None:
        """Refuse code that is too long (EIP-170) or starts with 0xEF (EIP-3541)."""
        if len(contract_code) > MAX_CODE_BYTES:
            raise CodeTooLong(f"the code has {len(contract_code)} bytes")
        super().validate_contract_code(contract_code)


class OsakaState(PragueState):
    """The accounts while one transaction runs."""

    rules = "osaka"
    computation_class = OsakaComputation
    block_hash: Callable[[int], bytes]

    def set_system_contracts(self) -> None:
        """Set none: contracts are in the state or they are not there."""

    def get_ancestor_hash(self, block_number: int) -> Hash32:
        """Answer BLOCKHASH: empty, which is zero, outside of the last 256 blocks."""
        if 1 <= self.block_number - block_number <= _HASHED_BLOCKS:
            return Hash32(self.block_hash(block_number))
        return cast(Hash32, b"")
