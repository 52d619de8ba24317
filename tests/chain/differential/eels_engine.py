"""The executable specification of Ethereum as an engine, for comparison only.

It runs in an environment of its own: `ethereum-execution` pins packages that the project does not.
What surrounds a message (intrinsic gas, refund, floor, fees) follows `process_transaction` of its
module `fork`, which wants a signature that an engine no longer has.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, MutableMapping

from ethereum.crypto.hash import Hash32
from ethereum.forks.osaka import vm
from ethereum.forks.osaka.fork_types import Account as StateAccount
from ethereum.forks.osaka.fork_types import Address
from ethereum.forks.osaka.state import (
    State,
    TransientStorage,
    destroy_account,
    get_account,
    get_storage,
    increment_nonce,
    set_account,
    set_account_balance,
    set_storage,
)
from ethereum.forks.osaka.transactions import (
    Access,
    FeeMarketTransaction,
    calculate_intrinsic_cost,
)
from ethereum.forks.osaka.trie import copy_trie
from ethereum.forks.osaka.utils.message import prepare_message
from ethereum.forks.osaka.vm.exceptions import OutOfGasError, Revert
from ethereum.forks.osaka.vm.interpreter import process_message_call
from ethereum_types.bytes import Bytes, Bytes0, Bytes32
from ethereum_types.numeric import U64, U256, Uint

from verifiable.chain.engine import Account, BlockEnv, LogEntry, Result, Token, TxEnv


class EelsEngine:
    """An `Engine`; a snapshot writes all accounts to the store, under the hash of that."""

    name = "eels"
    rules = "osaka"

    def __init__(self, store: MutableMapping[bytes, bytes]) -> None:
        self._store = store
        self._state = State()

    def fund(self, address: bytes, wei: int) -> None:
        set_account_balance(self._state, Address(address), U256(wei))

    def place(self, address: bytes, code: bytes) -> None:
        held = get_account(self._state, Address(address))
        nonce = max(held.nonce, Uint(1))
        made = StateAccount(nonce=nonce, balance=held.balance, code=Bytes(code))
        set_account(self._state, Address(address), made)

    def account(self, address: bytes) -> Account:
        held = get_account(self._state, Address(address))
        return Account(balance=int(held.balance), nonce=int(held.nonce), code=bytes(held.code))

    def storage(self, address: bytes, slot: int) -> int:
        return int(get_storage(self._state, Address(address), _word(slot)))

    def call(self, block: BlockEnv, tx: TxEnv) -> Result:
        before = self._state
        self._state = State(
            _main_trie=copy_trie(before._main_trie),
            _storage_tries={
                address: copy_trie(words) for address, words in before._storage_tries.items()
            },
        )
        try:
            sender = Address(tx.sender)
            needed = U256(tx.value + tx.gas_limit * tx.gas_price)
            if get_account(self._state, sender).balance < needed:
                set_account_balance(self._state, sender, needed)
            return self._run(block, tx)
        finally:
            self._state = before

    def apply(self, block: BlockEnv, tx: TxEnv) -> Result:
        return self._run(block, tx)

    def snapshot(self) -> Token:
        accounts = {}
        for address, held in sorted(self._accounts()):
            code = hashlib.sha256(held.code).digest()
            self._store[code] = bytes(held.code)
            words = self._state._storage_tries.get(address)
            accounts[address.hex()] = {
                "nonce": int(held.nonce),
                "balance": int(held.balance),
                "code": code.hex(),
                "storage": {slot.hex(): int(word) for slot, word in words._data.items()}
                if words
                else {},
            }
        written = json.dumps(accounts, sort_keys=True).encode()
        token = hashlib.sha256(written).digest()
        self._store[token] = written
        return Token(token)

    def restore(self, token: Token) -> None:
        self._state = State()
        for text, held in json.loads(self._store[bytes(token)]).items():
            address = Address(bytes.fromhex(text))
            account = StateAccount(
                nonce=Uint(held["nonce"]),
                balance=U256(held["balance"]),
                code=Bytes(self._store[bytes.fromhex(held["code"])]),
            )
            set_account(self._state, address, account)
            for slot, word in held["storage"].items():
                set_storage(self._state, address, Bytes32(bytes.fromhex(slot)), U256(word))

    def written(self) -> dict[str, list[int]]:
        """All accounts there are, with the slots of their storage."""
        found = {}
        for address, _ in self._accounts():
            words = self._state._storage_tries.get(address)
            slots = [] if words is None else [int.from_bytes(slot, "big") for slot in words._data]
            found[f"0x{address.hex()}"] = slots
        return found

    def _accounts(self) -> Iterator[tuple[Address, StateAccount]]:
        for address, held in self._state._main_trie._data.items():
            if held is not None:
                yield address, held

    def _run(self, block: BlockEnv, tx: TxEnv) -> Result:
        """One transaction without its signature; see `process_transaction` of the specification."""
        state, sender = self._state, Address(tx.sender)
        transaction = _unsigned(block, tx)
        intrinsic, floor = calculate_intrinsic_cost(transaction)
        increment_nonce(state, sender)
        balance = get_account(state, sender).balance
        set_account_balance(state, sender, balance - U256(tx.gas_limit * tx.gas_price))
        environment = _environment(state, block)
        addresses = {Address(address) for address, _ in tx.access_list}
        message = prepare_message(
            environment,
            vm.TransactionEnvironment(
                origin=sender,
                gas_price=Uint(tx.gas_price),
                gas=transaction.gas - intrinsic,
                access_list_addresses={environment.coinbase, *addresses},
                access_list_storage_keys={
                    (Address(address), _word(slot))
                    for address, slots in tx.access_list
                    for slot in slots
                },
                transient_storage=TransientStorage(),
                blob_versioned_hashes=(),
                authorizations=(),
                index_in_block=Uint(0),
                tx_hash=None,
            ),
            transaction,
        )
        output = process_message_call(message)

        used = transaction.gas - output.gas_left
        used -= min(used // Uint(5), Uint(output.refund_counter))
        used = max(used, floor)
        _add(state, sender, int(transaction.gas - used) * tx.gas_price)
        _add(state, environment.coinbase, int(used) * tx.priority_fee)
        for address in output.accounts_to_delete:
            destroy_account(state, address)
        ok = output.error is None
        halted = not ok and not isinstance(output.error, Revert)
        return Result(
            ok=ok,
            gas_used=int(used),
            output=b"" if halted else bytes(output.return_data),
            logs=tuple(
                LogEntry(
                    address=bytes(log.address),
                    topics=tuple(bytes(topic) for topic in log.topics),
                    data=bytes(log.data),
                )
                for log in output.logs
            ),
            created=bytes(message.current_target) if ok and tx.to is None else None,
            halt=_halt(output.error) if halted else "",
        )


def _halt(error: object) -> str:
    return "out of gas" if isinstance(error, OutOfGasError) else type(error).__name__


def _word(slot: int) -> Bytes32:
    return Bytes32(slot.to_bytes(32, "big"))


def _add(state: State, address: Address, wei: int) -> None:
    set_account_balance(state, address, get_account(state, address).balance + U256(wei))


def _unsigned(block: BlockEnv, tx: TxEnv) -> FeeMarketTransaction:
    return FeeMarketTransaction(
        chain_id=U64(block.chain_id),
        nonce=U256(tx.nonce),
        max_priority_fee_per_gas=Uint(tx.priority_fee),
        max_fee_per_gas=Uint(tx.gas_price),
        gas=Uint(tx.gas_limit),
        to=Bytes0(b"") if tx.to is None else Address(tx.to),
        value=U256(tx.value),
        data=Bytes(tx.data),
        access_list=tuple(
            Access(account=Address(address), slots=tuple(_word(slot) for slot in slots))
            for address, slots in tx.access_list
        ),
        y_parity=U256(0),
        r=U256(0),
        s=U256(0),
    )


class _PastHashes:
    """The hashes of the blocks before one, from the last: the specification asks at -1 to -256."""

    def __init__(self, block: BlockEnv) -> None:
        self._block = block

    def __getitem__(self, place: int) -> Hash32:
        return Hash32(self._block.block_hash(self._block.number + int(place)))


def _environment(state: State, block: BlockEnv) -> vm.BlockEnvironment:
    return vm.BlockEnvironment(
        chain_id=U64(block.chain_id),
        state=state,
        block_gas_limit=Uint(block.gas_limit),
        block_hashes=_PastHashes(block),
        coinbase=Address(block.coinbase),
        number=Uint(block.number),
        base_fee_per_gas=Uint(block.base_fee),
        time=U256(block.time_s),
        prev_randao=Bytes32(block.prev_randao),
        excess_blob_gas=U64(0),
        parent_beacon_block_root=Hash32(bytes(32)),
    )
