"""The embedded EVM: py-evm's interpreter under an engine's interface.

Only the interpreter and the state trie of py-evm are used. What a transaction is charged, warms
and refunds around its execution is written out here, so that it can be read beside the EIPs.

Every message runs on accounts of its own, opened at the state's root and dropped after it. So
nothing that is one transaction's (warm addresses, transient storage, refunds, contracts created)
can reach the next one, a call leaves no trace, and a failure leaves the state as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

from eth._utils.address import generate_contract_address
from eth.abc import ComputationAPI
from eth.constants import BLANK_ROOT_HASH, CREATE_CONTRACT_ADDRESS
from eth.db.atomic import AtomicDB
from eth.db.backends.base import BaseDB
from eth.exceptions import (
    ContractCreationCollision,
    FullStack,
    InsufficientStack,
    InvalidInstruction,
    InvalidJumpDestination,
    OutOfBoundsRead,
    OutOfGas,
    ReservedBytesInCode,
    Revert,
    VMError,
    WriteProtection,
)
from eth.vm.execution_context import ExecutionContext
from eth.vm.forks.cancun.transaction_context import CancunTransactionContext
from eth.vm.forks.spurious_dragon._utils import collect_touched_accounts
from eth.vm.message import Message
from eth_typing import Address, BlockNumber, Hash32

from verifiable.chain.engine import Account, BlockEnv, Engine, LogEntry, Result, Token, TxEnv
from verifiable.chain.gas import MAX_INITCODE_BYTES, floor_gas, intrinsic_gas, required_gas
from verifiable.chain.osaka import CodeTooLong, OsakaState
from verifiable.errors import ChainError

__all__ = ["PyEvmEngine"]

_REFUND_QUOTIENT = 5  # EIP-3529
_RESERVED_BYTE = 0xEF  # EIP-3541
_MAX_NONCE = (1 << 64) - 1
_WORD = 1 << 256

_HALTS: tuple[tuple[type[VMError], str], ...] = (
    (ContractCreationCollision, "creation collision"),
    (ReservedBytesInCode, "code starts with 0xEF"),
    (CodeTooLong, "code too long"),
    (OutOfGas, "out of gas"),
    (InsufficientStack, "stack underflow"),
    (FullStack, "stack overflow"),
    (InvalidJumpDestination, "invalid jump"),
    (InvalidInstruction, "invalid opcode"),
    (WriteProtection, "write in a static call"),
    (OutOfBoundsRead, "return data out of bounds"),
    (VMError, "precompile failed"),
)
"""What an exceptional stop is called, by its class; of two that fit, the first."""


class _Nodes(BaseDB):
    """The store, and what was written since the last snapshot on top of it."""

    def __init__(self, store: MutableMapping[bytes, bytes]) -> None:
        self.store = store
        self.pending: dict[bytes, bytes] = {}

    def __getitem__(self, key: bytes) -> bytes:
        value = self.pending.get(key)
        return self.store[key] if value is None else value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.pending[key] = value

    def __delitem__(self, key: bytes) -> None:
        raise KeyError(key)  # old states stay readable: nothing is ever deleted

    def _exists(self, key: bytes) -> bool:
        return key in self.pending or key in self.store

    def flush(self) -> None:
        """Hand everything pending to the store."""
        self.store.update(self.pending)
        self.pending.clear()


class PyEvmEngine(Engine):
    """An `Engine` over py-evm, under the rules of Osaka.

    Args:
        store: where trie nodes and code go, by their Keccak-256 hash. Written by `snapshot` only.
    """

    name = "py-evm"
    state_class: type[OsakaState] = OsakaState
    rules = OsakaState.rules

    def __init__(self, store: MutableMapping[bytes, bytes]) -> None:
        self._nodes = _Nodes(store)
        self._root: bytes = BLANK_ROOT_HASH
        self._reader: OsakaState | None = None

    def fund(self, address: bytes, wei: int) -> None:
        """Set an account's balance.

        Raises:
            ChainError: address or amount is out of range.
        """
        owner = _address(address, "address")
        _check_range(wei, _WORD, "wei")
        with self._changing(_NO_BLOCK) as state:
            state.set_balance(owner, wei)
            if state.account_is_empty(owner):
                state.delete_account(owner)

    def place(self, address: bytes, code: bytes) -> None:
        """Set an account's runtime code; a nonce of 0 becomes 1, as that of a created contract.

        Raises:
            ChainError: the address is none, or the code is empty or could never be deployed.
        """
        contract = _address(address, "address")
        if not isinstance(code, bytes) or not code or code[0] == _RESERVED_BYTE:
            raise _invalid("this is not code that a contract can have", "code")
        with self._changing(_NO_BLOCK) as state:
            state.set_code(contract, code)
            state.set_nonce(contract, max(state.get_nonce(contract), 1))

    def account(self, address: bytes) -> Account:
        """Read an account; one that does not exist is all zero."""
        owner = _address(address, "address")
        with _guarded():
            state = self._reading()
            return Account(
                balance=state.get_balance(owner),
                nonce=state.get_nonce(owner),
                code=state.get_code(owner),
            )

    def storage(self, address: bytes, slot: int) -> int:
        """Read one word of a contract's storage."""
        contract = _address(address, "address")
        _check_range(slot, _WORD, "slot")
        with _guarded():
            return self._reading().get_storage(contract, slot)

    def call(self, block: BlockEnv, tx: TxEnv) -> Result:
        """Run a message and leave the state as it was. The sender needs no balance and no nonce.

        Raises:
            ChainError: the message cannot be one (a field out of range, too little gas), or the
                engine failed.
        """
        _check_message(tx)
        with _guarded():
            state = self._open(block)
            sender = Address(tx.sender)
            needed = tx.value + tx.gas_limit * tx.gas_price
            if state.get_balance(sender) < needed:
                state.set_balance(sender, needed)
            # the created address follows from the nonce that the account has
            return _run(state, block, tx, nonce=state.get_nonce(sender))

    def apply(self, block: BlockEnv, tx: TxEnv) -> Result:
        """Run a valid transaction: nonce, fee, refund and coinbase included.

        Raises:
            ChainError: the chain's validity rules should have refused the transaction, or the
                engine failed; the state is as it was.
        """
        _check_message(tx)
        with self._changing(block) as state:
            sender = Address(tx.sender)
            if state.get_nonce(sender) != tx.nonce:
                raise _invalid("the nonce is not the sender's next one", "nonce")
            if state.get_balance(sender) < tx.value + tx.gas_limit * tx.gas_price:
                raise _invalid("the sender cannot pay for the transaction", "value")
            return _run(state, block, tx, nonce=tx.nonce)

    def snapshot(self) -> Token:
        """Write the state to the store and name it by its root."""
        self._nodes.flush()
        return Token(self._root)

    def restore(self, token: Token) -> None:
        """Go to a state that `snapshot` named, earlier or in another process on the same store.

        Raises:
            ChainError: the store has no such state.
        """
        root = bytes(token)
        if root != BLANK_ROOT_HASH and root not in self._nodes.store:
            raise ChainError(
                "there is no such state", where=f"state 0x{root.hex()}", code="unknown-state"
            )
        self._nodes.pending.clear()
        self._go(root)

    def _go(self, root: bytes) -> None:
        self._root = root
        self._reader = None

    def _reading(self) -> OsakaState:
        if self._reader is None:
            self._reader = self._open(_NO_BLOCK)
        return self._reader

    def _open(self, block: BlockEnv) -> OsakaState:
        context = ExecutionContext(
            coinbase=Address(block.coinbase),
            timestamp=block.time_s,
            block_number=BlockNumber(block.number),
            difficulty=0,
            mix_hash=Hash32(block.prev_randao),
            gas_limit=block.gas_limit,
            prev_hashes=(),
            chain_id=block.chain_id,
            base_fee_per_gas=block.base_fee,
            excess_blob_gas=0,
        )
        state = self.state_class(AtomicDB(self._nodes), context, Hash32(self._root))
        state.block_hash = block.block_hash
        return state

    @contextmanager
    def _changing(self, block: BlockEnv) -> Iterator[OsakaState]:
        """Yield accounts whose changes become the state, unless something is raised."""
        with _guarded():
            state = self._open(block)
            yield state
            state.persist()
            self._go(state.state_root)


def _run(state: OsakaState, block: BlockEnv, tx: TxEnv, *, nonce: int) -> Result:
    """Run one message with all that a transaction does before and after its execution."""
    sender = Address(tx.sender)
    created = generate_contract_address(sender, nonce) if tx.to is None else None
    state.delta_balance(sender, -tx.gas_limit * tx.gas_price)
    state.set_nonce(sender, nonce + 1)
    state.mark_address_warm(sender)
    state.mark_address_warm(created or Address(tx.to or b""))
    for address, slots in tx.access_list:
        state.mark_address_warm(Address(address))
        for slot in slots:
            state.mark_storage_warm(Address(address), slot)

    computation = _execute(state, tx, created)

    used = tx.gas_limit - computation.get_gas_remaining()
    used -= min(computation.get_gas_refund(), used // _REFUND_QUOTIENT)
    used = max(used, floor_gas(tx))
    state.delta_balance(sender, (tx.gas_limit - used) * tx.gas_price)
    state.delta_balance(Address(block.coinbase), used * tx.priority_fee)
    for destroyed in computation.get_accounts_for_deletion():
        state.delete_account(destroyed)
    for touched in collect_touched_accounts(computation):  # EIP-161
        if state.account_exists(touched) and state.account_is_empty(touched):
            state.delete_account(touched)

    ok = computation.is_success
    return Result(
        ok=ok,
        gas_used=used,
        output=bytes(computation.output),  # empty after an exceptional stop
        logs=tuple(
            LogEntry(
                address=address,
                topics=tuple(topic.to_bytes(32, "big") for topic in topics),
                data=bytes(data),
            )
            for address, topics, data in computation.get_log_entries()
        ),
        created=created if ok else None,
        halt="" if ok else _halt(computation.error),
    )


def _execute(state: OsakaState, tx: TxEnv, created: Address | None) -> ComputationAPI:
    """Run the message's code; `created` is the new contract's address, if it makes one."""
    kind = state.computation_class
    sender, gas = Address(tx.sender), tx.gas_limit - intrinsic_gas(tx)
    context = CancunTransactionContext(gas_price=tx.gas_price, origin=sender)
    if created is None:
        target = Address(tx.to or b"")
        code = state.get_code(target)
        message = Message(gas, target, sender, tx.value, tx.data, code)
        return kind.apply_message(state, message, context)
    message = Message(
        gas, CREATE_CONTRACT_ADDRESS, sender, tx.value, b"", tx.data, create_address=created
    )
    if state.has_code_or_nonce(created):
        computation = kind(state, message, context)
        computation.error = ContractCreationCollision("the address is taken")
        return computation
    return kind.apply_create_message(state, message, context)


def _halt(error: VMError) -> str:
    if isinstance(error, Revert):
        return ""
    return next(name for kind, name in _HALTS if isinstance(error, kind))


@contextmanager
def _guarded() -> Iterator[None]:
    """Let nothing but this package's errors out."""
    try:
        yield
    except ChainError:
        raise
    except Exception as cause:
        raise ChainError(
            "the embedded EVM failed",
            why=f"{type(cause).__name__}: {cause}",
            hint="this is a defect: please report it",
            code="engine-failure",
        ) from cause


def _invalid(what: str, where: str) -> ChainError:
    return ChainError(what, where=where, code="invalid-message")


def _address(address: bytes, where: str) -> Address:
    if not isinstance(address, bytes) or len(address) != 20:
        raise _invalid("an address has 20 bytes", where)
    return Address(address)


def _check_range(value: int, bound: int, where: str) -> None:
    if not isinstance(value, int) or not 0 <= value < bound:
        raise _invalid("the number is out of range", where)


def _check_message(tx: TxEnv) -> None:
    """Refuse what no message can be, so that the interpreter never sees it."""
    _address(tx.sender, "sender")
    if tx.to is not None:
        _address(tx.to, "to")
    for address, slots in tx.access_list:
        _address(address, "access_list")
        for slot in slots:
            _check_range(slot, _WORD, "access_list")
    for where in ("value", "gas_price", "priority_fee"):
        _check_range(getattr(tx, where), _WORD, where)
    if tx.priority_fee > tx.gas_price:  # the difference would come from nowhere
        raise _invalid("the priority fee is a part of the gas price", "priority_fee")
    _check_range(tx.gas_limit, _MAX_NONCE + 1, "gas_limit")
    _check_range(tx.nonce, _MAX_NONCE, "nonce")  # EIP-2681
    if not isinstance(tx.data, bytes):
        raise _invalid("data is bytes", "data")
    if tx.to is None and len(tx.data) > MAX_INITCODE_BYTES:
        raise _invalid(f"initcode is longer than {MAX_INITCODE_BYTES} bytes", "data")
    if tx.gas_limit < (needed := required_gas(tx)):
        raise _invalid(f"the gas limit is below the {needed} needed to start", "gas_limit")


def _no_hash(number: int) -> bytes:
    raise LookupError(number)


_NO_BLOCK = BlockEnv(
    chain_id=0,
    number=0,
    time_s=0,
    coinbase=bytes(20),
    gas_limit=0,
    base_fee=0,
    prev_randao=bytes(32),
    block_hash=_no_hash,
)
