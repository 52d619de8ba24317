"""What an engine promises, held by the one that is installed with the package."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest
from engine_samples import (
    ALICE,
    BASE_FEE,
    BOB,
    CONTRACT,
    ETHER,
    MINER,
    TIP,
    block,
    hash_of,
    message,
)
from evm_assembly import answering, assemble, returning, writing
from evm_programs import PUT, word

from verifiable.chain.engine import Account, Result, Token
from verifiable.chain.gas import floor_gas, intrinsic_gas, required_gas
from verifiable.chain.pyevm_engine import PyEvmEngine
from verifiable.errors import ChainError

ABSENT = Account(balance=0, nonce=0, code=b"")


class AppendOnly(dict[bytes, bytes]):
    """A store that refuses what no engine may do to it."""

    def __setitem__(self, key: bytes, value: bytes) -> None:
        assert self.get(key, value) == value, "a key's value never changes"
        super().__setitem__(key, value)

    def update(self, other: dict[bytes, bytes]) -> None:
        for key, value in other.items():
            self[key] = value

    def __delitem__(self, key: bytes) -> None:
        raise AssertionError("nothing is ever deleted")


@pytest.fixture
def store() -> AppendOnly:
    return AppendOnly()


@pytest.fixture
def engine(store: AppendOnly) -> PyEvmEngine:
    made = PyEvmEngine(store)
    made.fund(ALICE, 1000 * ETHER)
    made.snapshot()
    return made


def run(engine: PyEvmEngine, **changes: object) -> Result:
    """Apply a transaction from Alice with her next nonce."""
    nonce = engine.account(ALICE).nonce
    return engine.apply(block(), message(**{"to": CONTRACT, "nonce": nonce, **changes}))


def everything(engine: PyEvmEngine) -> tuple[object, ...]:
    """All that one can see of the accounts here."""
    addresses = (ALICE, BOB, CONTRACT, MINER)
    return (
        engine.snapshot(),
        *(engine.account(address) for address in addresses),
        *(engine.storage(CONTRACT, slot) for slot in range(4)),
    )


class TestGas:
    """The figures of the EIPs, by hand."""

    @pytest.mark.parametrize(
        ("changes", "intrinsic", "floor"),
        [
            ({}, 21_000, 21_000),
            ({"data": b"\0" * 10}, 21_040, 21_100),
            ({"data": b"\1" * 10}, 21_160, 21_400),
            ({"to": None}, 53_000, 21_000),
            ({"to": None, "data": b"\0" * 32}, 53_000 + 128 + 2, 21_320),
            ({"to": None, "data": b"\0" * 33}, 53_000 + 132 + 4, 21_330),
            ({"access_list": ((BOB, ()),)}, 23_400, 21_000),
            ({"access_list": ((BOB, (1,)),)}, 25_300, 21_000),
            ({"access_list": ((BOB, (1, 1)), (BOB, ()))}, 29_600, 21_000),
        ],
    )
    def test_what_a_transaction_costs_before_it_runs(
        self, changes: dict[str, object], intrinsic: int, floor: int
    ) -> None:
        tx = message(**changes)
        assert (intrinsic_gas(tx), floor_gas(tx)) == (intrinsic, floor)
        assert required_gas(tx) == max(intrinsic, floor)

    def test_access_list_is_not_dropped(self, engine: PyEvmEngine) -> None:
        assert run(engine, to=BOB, access_list=((CONTRACT, (1,)),)).gas_used == 25_300
        engine.place(CONTRACT, assemble(1, "SLOAD STOP"))
        assert run(engine).gas_used == 21_000 + 3 + 2_100
        assert run(engine, access_list=((CONTRACT, (1,)),)).gas_used == 25_300 + 3 + 100

    def test_calldata_pays_its_floor(self, engine: PyEvmEngine) -> None:
        assert run(engine, to=BOB, data=b"\1" * 1000).gas_used == 21_000 + 40 * 1000

    def test_refund_is_a_fifth_at_most(self, engine: PyEvmEngine) -> None:
        clearing = assemble(
            *(part for slot in range(5) for part in ("CALLVALUE", slot, "SSTORE")), "STOP"
        )
        engine.place(CONTRACT, clearing)
        run(engine, value=1)
        # each: 2 + 3 to push (2 for slot 0), 5,000 to clear; 4,800 back, were there no limit
        spent = 21_000 + 5 * (2 + 3 + 5_000) - 1
        assert run(engine, value=0).gas_used == spent - spent // 5

    def test_fee_goes_to_miner_and_fire(self, engine: PyEvmEngine) -> None:
        before = engine.account(ALICE).balance
        result = run(engine, to=BOB, value=7)
        assert result.gas_used == 21_000
        assert engine.account(BOB).balance == 7
        assert engine.account(MINER).balance == 21_000 * TIP
        assert engine.account(ALICE).balance == before - 7 - 21_000 * (BASE_FEE + TIP)

    def test_unused_gas_is_paid_back_at_its_price(self, engine: PyEvmEngine) -> None:
        before = engine.account(ALICE).balance
        run(engine, to=BOB, gas_limit=5_000_000)
        assert engine.account(ALICE).balance == before - 21_000 * (BASE_FEE + TIP)


class TestOneTransactionEach:
    """What belongs to one transaction ends with it."""

    def test_warm_slots_are_cleared(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, assemble(1, "SLOAD STOP"))
        assert run(engine).gas_used == run(engine).gas_used == 21_000 + 3 + 2_100

    def test_warm_addresses_are_cleared(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, assemble(int.from_bytes(BOB, "big"), "BALANCE STOP"))
        assert run(engine).gas_used == run(engine).gas_used == 21_000 + 3 + 2_600

    def test_transient_storage_is_cleared(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, assemble(1, "TLOAD", 0, "SSTORE", 9, 1, "TSTORE STOP"))
        run(engine)
        run(engine)
        assert engine.storage(CONTRACT, 0) == 0

    def test_refund_is_not_carried_over(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, PUT)
        run(engine, data=word(0) + word(1))
        run(engine, data=word(0) + word(0))
        assert run(engine, to=BOB).gas_used == 21_000

    def test_original_value_is_that_before_the_transaction(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, PUT)
        run(engine, data=word(0) + word(5))
        second = run(engine, data=word(0) + word(6))
        # 2,900 to change a clean slot that is not zero, 2,100 since it is cold: not 100 for dirty
        assert second.gas_used == intrinsic_gas(message(data=word(0) + word(6))) + 5_000 + 11

    def test_a_contract_of_an_earlier_transaction_outlives_its_self_destruction(
        self, engine: PyEvmEngine
    ) -> None:
        dying = assemble("CALLER SELFDESTRUCT")
        created = run(engine, to=None, data=returning(dying), value=5).created
        assert created is not None
        run(engine, to=created)
        assert engine.account(created) == Account(balance=0, nonce=1, code=dying)


class TestCall:
    """A call looks and touches nothing."""

    def test_leaves_no_trace(self, engine: PyEvmEngine, store: AppendOnly) -> None:
        engine.place(CONTRACT, assemble(7, 0, "SSTORE", 7, 0, "TSTORE", 0, 0, "LOG0 STOP"))
        before, stored = everything(engine), dict(store)
        for _ in range(2):
            called = engine.call(block(), message(to=CONTRACT, value=5))
            assert called.ok
            assert len(called.logs) == 1
        assert engine.call(block(), message(to=None, data=returning(b"\0"))).ok
        assert everything(engine) == before
        assert dict(store) == stored

    def test_leaves_no_warm_slot(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, assemble(1, "SLOAD STOP"))
        gas = {engine.call(block(), message(to=CONTRACT)).gas_used for _ in range(3)}
        assert gas == {run(engine).gas_used} == {21_000 + 3 + 2_100}

    def test_leaves_unsaved_changes_alone(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, PUT)
        run(engine, data=word(0) + word(5))
        engine.call(block(), message(to=CONTRACT, data=word(0) + word(6)))
        assert engine.storage(CONTRACT, 0) == 5

    def test_sender_needs_no_balance_and_no_nonce(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, answering("CALLVALUE"))
        poor = bytes.fromhex("90" * 20)
        called = engine.call(block(), message(sender=poor, to=CONTRACT, value=ETHER, nonce=77))
        assert called.ok
        assert called.output == word(ETHER)
        assert engine.account(poor) == ABSENT

    def test_answers_like_the_transaction(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, PUT)
        tx = message(to=CONTRACT, data=word(0) + word(5))
        assert engine.call(block(), tx) == engine.apply(block(), tx)

    def test_a_contract_may_be_the_sender(self, engine: PyEvmEngine) -> None:
        # it creates another: initcode is charged once, by the instruction
        engine.place(CONTRACT, assemble(64, 0, 0, "CREATE STOP"))
        one = engine.call(block(), message(to=CONTRACT)).gas_used
        assert engine.call(block(), message(sender=CONTRACT, to=CONTRACT)).gas_used == one

    def test_price_zero_is_allowed_below_the_base_fee(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, answering("GASPRICE"))
        free = message(to=CONTRACT, gas_price=0, priority_fee=0)
        assert engine.call(block(), free).output == word(0)


class TestStates:
    """Snapshots and the store."""

    def test_restores_an_earlier_state(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, PUT)
        tokens = []
        for value in (1, 2, 3):
            run(engine, data=word(0) + word(value))
            tokens.append(engine.snapshot())
        for value in (1, 3, 2):
            engine.restore(tokens[value - 1])
            assert engine.storage(CONTRACT, 0) == value
            assert engine.account(ALICE).nonce == value

    def test_restores_in_a_fresh_engine(self, engine: PyEvmEngine, store: AppendOnly) -> None:
        engine.place(CONTRACT, PUT)
        run(engine, data=word(2) + word(9))
        token = engine.snapshot()
        run(engine, data=word(2) + word(0))
        engine.snapshot()
        other = PyEvmEngine(AppendOnly(store))
        assert other.account(ALICE) == ABSENT
        other.restore(token)
        assert other.storage(CONTRACT, 2) == 9
        assert other.account(CONTRACT).code == PUT
        assert run(other, data=word(2) + word(9)).ok

    def test_goes_on_from_a_restored_state(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, PUT)
        run(engine, data=word(0) + word(1))
        base = engine.snapshot()
        run(engine, data=word(1) + word(1))
        first = engine.snapshot()
        engine.restore(base)
        run(engine, data=word(1) + word(1))
        assert engine.snapshot() == first

    def test_what_was_not_saved_is_dropped(self, engine: PyEvmEngine, store: AppendOnly) -> None:
        token = engine.snapshot()
        stored = dict(store)
        engine.place(CONTRACT, PUT)
        run(engine, data=word(0) + word(1))
        assert dict(store) == stored, "the store is written by snapshot only"
        engine.restore(token)
        assert engine.account(CONTRACT) == ABSENT
        engine.snapshot()
        assert dict(store) == stored

    def test_a_state_that_was_dropped_can_be_made_again(
        self, engine: PyEvmEngine, store: AppendOnly
    ) -> None:
        token = engine.snapshot()
        for _ in range(2):
            engine.restore(token)
            engine.place(CONTRACT, PUT)
            run(engine, data=word(0) + word(1))
        again = engine.snapshot()
        other = PyEvmEngine(store)
        other.restore(again)
        assert other.storage(CONTRACT, 0) == 1

    @pytest.mark.parametrize("token", [b"\x11" * 32, b"", b"\x11" * 31])
    def test_unknown_state_is_refused(self, engine: PyEvmEngine, token: bytes) -> None:
        before = everything(engine)
        with pytest.raises(ChainError) as refused:
            engine.restore(Token(token))
        assert refused.value.code == "unknown-state"
        assert everything(engine) == before

    def test_the_empty_state_has_a_token(self) -> None:
        fresh = PyEvmEngine({})
        token = fresh.snapshot()
        fresh.fund(ALICE, 1)
        fresh.snapshot()
        fresh.restore(token)
        assert fresh.account(ALICE) == ABSENT

    def test_token_is_the_state_root(self) -> None:
        # the empty trie's root, as every Ethereum client has it
        root = "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"
        assert PyEvmEngine({}).snapshot().hex() == root

    def test_a_store_that_lost_a_node_is_an_engine_failure(self, store: AppendOnly) -> None:
        engine = PyEvmEngine(store)
        for number in range(20):
            engine.fund(word(number)[12:], number + 1)
        token = engine.snapshot()
        broken = {key: value for key, value in store.items() if key == token}
        other = PyEvmEngine(broken)
        other.restore(token)
        with pytest.raises(ChainError) as failed:
            other.account(word(7)[12:])
        assert failed.value.code == "engine-failure"


class TestAccounts:
    """fund, place, account, storage."""

    def test_fund_sets_the_balance(self, engine: PyEvmEngine) -> None:
        engine.fund(BOB, 5)
        engine.fund(BOB, 3)
        assert engine.account(BOB).balance == 3

    def test_an_empty_account_is_no_account(self, engine: PyEvmEngine) -> None:
        token = engine.snapshot()
        engine.fund(BOB, 5)
        engine.fund(BOB, 0)
        assert engine.snapshot() == token

    def test_a_placed_contract_is_like_a_created_one(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, PUT)
        assert engine.account(CONTRACT) == Account(balance=0, nonce=1, code=PUT)

    @pytest.mark.parametrize("code", [b"", b"\xef", b"\xef\x01\x00" + BOB, "00"])
    def test_code_that_no_contract_has_is_not_placed(
        self, engine: PyEvmEngine, code: bytes
    ) -> None:
        with pytest.raises(ChainError) as refused:
            engine.place(CONTRACT, code)
        assert refused.value.code == "invalid-message"

    @pytest.mark.parametrize("wei", [-1, 2**256])
    def test_balance_out_of_range_is_refused(self, engine: PyEvmEngine, wei: int) -> None:
        with pytest.raises(ChainError) as refused:
            engine.fund(BOB, wei)
        assert refused.value.code == "invalid-message"

    def test_storage_of_no_contract_is_zero(self, engine: PyEvmEngine) -> None:
        assert engine.storage(BOB, 2**256 - 1) == 0
        with pytest.raises(ChainError):
            engine.storage(BOB, 2**256)


HALTS = {
    "out of gas": assemble("JUMPDEST", 0, "JUMP"),
    "stack underflow": assemble("ADD"),
    "stack overflow": assemble("JUMPDEST PUSH0", 0, "JUMP"),
    "invalid jump": assemble(1, "JUMP"),
    "invalid opcode": assemble("INVALID"),
    "return data out of bounds": assemble(1, 0, 0, "RETURNDATACOPY"),
}


class TestOutcomes:
    """How a message ends."""

    @pytest.mark.parametrize("halt", HALTS)
    def test_exceptional_stop_has_a_name(self, engine: PyEvmEngine, halt: str) -> None:
        engine.place(CONTRACT, HALTS[halt])
        result = run(engine, gas_limit=100_000)
        assert result == Result(
            ok=False, gas_used=100_000, output=b"", logs=(), created=None, halt=halt
        )

    def test_write_in_a_static_call_fails(self, engine: PyEvmEngine) -> None:
        target = int.from_bytes(BOB, "big")
        asking = assemble(0, 0, 0, 0, target, 50_000, "STATICCALL", 0, "MSTORE", 32, 0, "RETURN")
        engine.place(CONTRACT, asking)
        for name in ("SSTORE", "TSTORE", "LOG0", "SELFDESTRUCT"):
            engine.place(BOB, assemble(1, 1, name))
            assert run(engine).output == word(0), name
        engine.place(BOB, assemble(1, 1, "ADD"))
        assert run(engine).output == word(1)

    def test_failed_precompile_has_a_name(self, engine: PyEvmEngine) -> None:
        result = run(engine, to=word(9)[12:], gas_limit=50_000)
        assert (result.ok, result.halt, result.gas_used) == (False, "precompile failed", 50_000)

    @pytest.mark.parametrize(
        ("init", "halt"),
        [
            (assemble(24_577, 0, "RETURN"), "code too long"),
            (assemble(0xEF, 0, "MSTORE8", 1, 0, "RETURN"), "code starts with 0xEF"),
            (assemble(24_576, 0, "RETURN"), ""),
        ],
    )
    def test_creation_that_may_not_be(self, engine: PyEvmEngine, init: bytes, halt: str) -> None:
        result = run(engine, to=None, data=init, gas_limit=10_000_000)
        assert result.halt == halt
        assert result.ok == (not halt)
        assert (result.created is None) == bool(halt)

    def test_colliding_creation(self, engine: PyEvmEngine) -> None:
        created = engine.call(block(), message(to=None, data=returning(b"\0"))).created
        assert created is not None
        engine.place(created, PUT)
        result = run(engine, to=None, data=returning(b"\0"), gas_limit=200_000)
        assert (result.ok, result.halt, result.created) == (False, "creation collision", None)
        assert result.gas_used == 200_000
        assert engine.account(created).code == PUT
        assert engine.account(ALICE).nonce == 1

    def test_jump_beyond_a_long_run_of_pushes_needs_no_deep_stack(
        self, engine: PyEvmEngine
    ) -> None:
        engine.place(CONTRACT, assemble(20_004, "JUMP") + b"\x60" * 20_000 + b"\x5b")
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(1000)
        try:
            result = engine.call(block(), message(to=CONTRACT))
        finally:
            sys.setrecursionlimit(limit)
        assert result.ok

    def test_ripemd_needs_no_openssl(
        self, engine: PyEvmEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def absent(name: str, *data: bytes) -> None:
            raise ValueError(f"unsupported hash type {name}")

        monkeypatch.setattr(hashlib, "new", absent)
        digest = "9c1185a5c5e9fc54612808977ee8f548b2258d31"  # of nothing
        found = engine.call(block(), message(to=word(3)[12:])).output
        assert found == bytes(12) + bytes.fromhex(digest)

    def test_self_destruction_warns_nobody(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, assemble("CALLER SELFDESTRUCT"))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert run(engine).ok

    def test_revert_gives_data_and_gas_back(self, engine: PyEvmEngine) -> None:
        engine.place(
            CONTRACT, assemble(1, 0, "SSTORE", 0, 0, "LOG0", 99, 0, "MSTORE", 32, 0, "REVERT")
        )
        result = run(engine, value=5)
        assert not result.ok
        assert (result.halt, result.logs, result.output) == ("", (), word(99))
        assert result.gas_used < 60_000
        assert engine.storage(CONTRACT, 0) == 0
        assert engine.account(CONTRACT).balance == 0
        assert engine.account(ALICE).nonce == 1
        assert engine.account(MINER).balance == result.gas_used * TIP

    def test_logs_are_whole(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, assemble(0xAB, 0, "MSTORE", 2**255, 3, 32, 0, "LOG2 STOP"))
        (log,) = run(engine).logs
        assert log.address == CONTRACT
        assert log.topics == (word(3), word(2**255))
        assert log.data == word(0xAB)

    def test_touching_leaves_no_empty_account(self, engine: PyEvmEngine) -> None:
        run(engine, to=BOB, gas_price=BASE_FEE, priority_fee=0)  # the miner gets nothing either
        touched = engine.snapshot()
        for address in (BOB, MINER):
            engine.fund(address, 0)  # removes an empty account, if there is one
        assert engine.snapshot() == touched

    @pytest.mark.parametrize("in_thread", [False, True])
    def test_calls_nest_as_deep_as_the_gas_goes(self, engine: PyEvmEngine, in_thread: bool) -> None:
        engine.place(CONTRACT, assemble(0, 0, 0, 0, 0, "ADDRESS GAS CALL STOP"))
        found: list[Result] = []

        def go() -> None:
            found.append(engine.call(block(), message(to=CONTRACT, gas_limit=60_000_000)))

        if in_thread:
            thread = threading.Thread(target=go)
            thread.start()
            thread.join()
        else:
            go()
        assert found[0].ok


class TestBlock:
    """What code sees of its block."""

    @pytest.mark.parametrize(
        ("instruction", "value"),
        [
            ("NUMBER", 1000),
            ("TIMESTAMP", 1_700_000_000),
            ("COINBASE", int.from_bytes(MINER, "big")),
            ("GASLIMIT", 60_000_000),
            ("CHAINID", 31337),
            ("BASEFEE", BASE_FEE),
            ("GASPRICE", BASE_FEE + TIP),
            ("PREVRANDAO", int.from_bytes(b"\x5a" * 32, "big")),
            ("ORIGIN", int.from_bytes(ALICE, "big")),
            ("CALLER", int.from_bytes(ALICE, "big")),
            ("ADDRESS", int.from_bytes(CONTRACT, "big")),
            ("BLOBBASEFEE", 1),
        ],
    )
    def test_instruction(self, engine: PyEvmEngine, instruction: str, value: int) -> None:
        engine.place(CONTRACT, answering(instruction))
        assert engine.call(block(), message(to=CONTRACT)).output == word(value)

    @pytest.mark.parametrize(
        ("number", "known"),
        [(999, True), (744, True), (743, False), (1000, False), (1001, False), (2**256 - 1, False)],
    )
    def test_blockhash_knows_256_blocks(
        self, engine: PyEvmEngine, number: int, known: bool
    ) -> None:
        asked = []

        def block_hash(wanted: int) -> bytes:
            asked.append(wanted)
            return hash_of(wanted)

        engine.place(CONTRACT, answering(number, "BLOCKHASH"))
        found = engine.call(block(block_hash=block_hash), message(to=CONTRACT)).output
        assert found == (hash_of(number) if known else bytes(32))
        assert asked == ([number] if known else [])

    def test_blockhash_before_the_first_block(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, answering(2**256 - 1, "BLOCKHASH"))
        assert engine.call(block(number=0), message(to=CONTRACT)).output == bytes(32)


class TestNonsense:
    """What no chain should hand over is refused, and changes nothing."""

    @pytest.mark.parametrize(
        "changes",
        [
            {"sender": b"\1" * 19},
            {"sender": "0x" + "11" * 20},
            {"to": b""},
            {"to": b"\1" * 21},
            {"value": -1},
            {"value": 2**256},
            {"value": 1.5},
            {"data": "0x00"},
            {"data": bytearray(3)},
            {"gas_limit": 20_999},
            {"gas_limit": 2**64},
            {"gas_limit": 21_000, "data": b"\1"},
            {"gas_limit": 21_039, "data": b"\1"},
            {"gas_limit": 53_000, "to": None, "data": b"\0"},
            {"gas_price": -1},
            {"priority_fee": -1},
            {"priority_fee": BASE_FEE + TIP + 1},
            {"nonce": -1},
            {"nonce": 2**64 - 1},
            {"to": None, "data": bytes(49_153), "gas_limit": 16_000_000},
            {"access_list": ((b"\1", ()),)},
            {"access_list": ((BOB, (2**256,)),)},
            {"access_list": ((BOB, (-1,)),)},
        ],
        ids=str,
    )
    def test_message_out_of_range(self, engine: PyEvmEngine, changes: dict[str, object]) -> None:
        before = everything(engine)
        for act in (engine.call, engine.apply):
            with pytest.raises(ChainError) as refused:
                act(block(), message(**changes))
            assert refused.value.code == "invalid-message"
        assert everything(engine) == before

    @pytest.mark.parametrize(
        "changes",
        [
            {"nonce": 1},
            {"value": 1001 * ETHER},
            {"value": 1000 * ETHER},  # the fee is missing
            {"gas_price": ETHER, "gas_limit": 21_000},
            {"sender": BOB},
        ],
        ids=str,
    )
    def test_transaction_that_is_not_valid(
        self, engine: PyEvmEngine, changes: dict[str, object]
    ) -> None:
        before = everything(engine)
        with pytest.raises(ChainError) as refused:
            engine.apply(block(), message(**changes))
        assert refused.value.code == "invalid-message"
        assert everything(engine) == before

    def test_a_failure_leaves_the_state_alone(self, engine: PyEvmEngine) -> None:
        engine.place(CONTRACT, assemble(1, 0, "SSTORE", 999, "BLOCKHASH STOP"))
        before = everything(engine)

        def broken(number: int) -> bytes:
            raise OSError("the disk is gone")

        with pytest.raises(ChainError) as failed:
            engine.apply(block(block_hash=broken), message(to=CONTRACT))
        assert failed.value.code == "engine-failure"
        assert "the disk is gone" in failed.value.why
        assert everything(engine) == before

    def test_a_balance_beyond_all_wei_is_a_failure_and_no_change(self, engine: PyEvmEngine) -> None:
        engine.fund(BOB, 2**256 - 1)
        before = everything(engine)
        with pytest.raises(ChainError) as failed:
            engine.apply(block(), message(to=BOB, value=1))
        assert failed.value.code == "engine-failure"
        assert everything(engine) == before


def modules(command: str) -> Iterator[str]:
    code = f"import sys\n{command}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    yield from done.stdout.split()


def test_the_engine_loads_no_web3() -> None:
    loaded = set(modules("import verifiable.chain.pyevm_engine"))
    assert "eth.vm.forks.prague.state" in loaded
    assert not loaded & {"web3", "eth_account", "eth_tester", "coincurve", "requests", "aiohttp"}


def test_the_interface_and_its_gas_load_no_evm() -> None:
    loaded = set(
        modules("import verifiable.chain.gas, verifiable.chain.p256, verifiable.chain.modexp")
    )
    assert not loaded & {"eth", "web3", "rlp", "eth_utils"}


def test_writing_is_what_the_kit_says() -> None:
    assert writing(5, slot=3) == bytes.fromhex("600560035500")
