"""The shipped step contracts on the bare embedded EVM, without a chain around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from eth_abi import decode, encode

from verifiable.chain.artifact import load_artifact
from verifiable.chain.engine import BlockEnv, Result, TxEnv
from verifiable.chain.gas import floor_gas, intrinsic_gas
from verifiable.chain.pyevm_engine import PyEvmEngine
from verifiable.statement.hashing import keccak

__all__ = [
    "FAMILIES",
    "GAS_LIMIT",
    "REASONS",
    "Gas",
    "StepContracts",
    "Unsupported",
    "WitnessRefused",
    "fault_call",
]

GAS_LIMIT = 1 << 24

FAMILIES = ("LinearSteps", "ElementwiseSteps", "WindowSteps", "MovementSteps")

REASONS = (
    "Encoding", "Opcode", "LeafSize", "OperandCount", "OperandKind", "Reference", "Width", "Size",
    "Shape", "AttributeCount", "Attribute", "EmptyWindow", "TooLarge",
)  # fmt: skip

_SENDER = b"\x01" * 20
_IS_FAULT = "isFault(bytes,uint8,uint256,int256,bytes32[],bytes)"
_CHECK_NODE = "checkNode(bytes,uint8)"
_BLOCK = BlockEnv(
    chain_id=1,
    number=1,
    time_s=1,
    coinbase=bytes(20),
    gas_limit=GAS_LIMIT,
    base_fee=0,
    prev_randao=bytes(32),
    block_hash=lambda number: bytes(32),
)


class Unsupported(Exception):
    """`Step_Unsupported`, by the name of its reason."""


class WitnessRefused(Exception):
    """Any other revert, by its data; or an exceptional stop, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What `isFault` said, and the gas of a transaction with this call."""

    fault: bool
    gas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gas:
    """Gas of a transaction: `used` is the larger of `floor` and `intrinsic + execution`.

    Attributes:
        floor: EIP-7623, for the calldata alone.
        intrinsic: 21,000 and the calldata at its standard price.
        execution: the code.
    """

    used: int
    floor: int
    intrinsic: int
    execution: int


def fault_call(
    desc: bytes,
    leaf_log2: int,
    element: int,
    claimed: int,
    roots: Sequence[bytes],
    witness: bytes,
) -> bytes:
    """Calldata of `isFault`."""
    types = ["bytes", "uint8", "uint256", "int256", "bytes32[]", "bytes"]
    values = [desc, leaf_log2, element, claimed, list(roots), witness]
    return selector(_IS_FAULT) + encode(types, values)


def selector(signature: str) -> bytes:
    return keccak(signature.encode())[:4]


class StepContracts:
    """Router and families, deployed."""

    def __init__(self) -> None:
        self.engine = PyEvmEngine({})
        self.families = tuple(self._create(load_artifact(name).bytecode) for name in FAMILIES)
        arguments = encode(["address"] * 4, ["0x" + item.hex() for item in self.families])
        self.router = self._create(load_artifact("StepRouter").bytecode + arguments)

    def is_fault(
        self,
        desc: bytes,
        leaf_log2: int,
        element: int,
        claimed: int,
        roots: Sequence[bytes],
        witness: bytes,
    ) -> Answer:
        """Ask the router.

        Raises:
            Unsupported, WitnessRefused: it reverted.
        """
        data = fault_call(desc, leaf_log2, element, claimed, roots, witness)
        result = self.call(data)
        assert len(result.output) == 32
        return Answer(fault=bool(int.from_bytes(result.output)), gas=result.gas_used)

    def gas_of(self, data: bytes) -> Gas:
        """Take apart what a transaction to the router costs.

        Raises:
            Unsupported, WitnessRefused: it reverted.
        """
        message = _message(self.router, data)
        # An access list costs gas that the floor does not count, so the floor cannot hide the rest.
        padded = replace(message, access_list=((bytes(20), tuple(range(1600))),))
        with_list = self._checked(self.engine.call(_BLOCK, padded)).gas_used
        return Gas(
            used=self._checked(self.engine.call(_BLOCK, message)).gas_used,
            floor=floor_gas(message),
            intrinsic=intrinsic_gas(message),
            execution=with_list - intrinsic_gas(padded),
        )

    def check_node(self, desc: bytes, leaf_log2: int) -> None:
        """Ask the router.

        Raises:
            Unsupported, WitnessRefused: it reverted.
        """
        self.call(selector(_CHECK_NODE) + encode(["bytes", "uint8"], [desc, leaf_log2]))

    def call(self, data: bytes, to: bytes | None = None) -> Result:
        """Call the router, or another contract."""
        return self._checked(self.engine.call(_BLOCK, _message(to or self.router, data)))

    def _checked(self, result: Result) -> Result:
        if result.ok:
            return result
        if result.output[:4] == selector("Step_Unsupported(uint8)"):
            raise Unsupported(REASONS[int.from_bytes(result.output[4:])])
        raise WitnessRefused(result.halt or result.output.hex())

    def _create(self, code: bytes) -> bytes:
        nonce = self.engine.account(_SENDER).nonce
        result = self.engine.apply(_BLOCK, _message(None, code, nonce=nonce))
        assert result.ok
        assert result.created is not None
        return result.created


def _message(to: bytes | None, data: bytes, *, nonce: int = 0) -> TxEnv:
    return TxEnv(
        sender=_SENDER,
        to=to,
        value=0,
        data=data,
        nonce=nonce,
        gas_limit=GAS_LIMIT,
        gas_price=0,
        priority_fee=0,
    )


def bytes32_of(result: Result) -> bytes:
    """The one `bytes32` that a view returned."""
    (value,) = decode(["bytes32"], result.output)
    return bytes(value)
