"""Past states, snapshots and the clock."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from local_chain_kit import (
    ALICE,
    BOB,
    NOBODY,
    STORE_OR_SHOW,
    Node,
    deploy,
    embedded,
    error,
    hexed,
    number,
    result,
    send,
    word,
)

from verifiable.chain.local.chain import LocalChain

HOUR_S = 3_600


def test_every_past_state_stays_readable(local: Node) -> None:
    target = deploy(local, STORE_OR_SHOW)
    heights, balances = [], []
    for value in range(1, 9):
        receipt = send(local, to=target, data=word(value))
        heights.append(receipt["blockNumber"])
        balances.append(number(local, "eth_getBalance", ALICE))
    for value, (height, balance) in enumerate(zip(heights, balances, strict=True), 1):
        assert number(local, "eth_getStorageAt", target, "0x0", height) == value
        assert number(local, "eth_call", {"to": target}, height) == value
        assert number(local, "eth_getBalance", ALICE, height) == balance
        assert number(local, "eth_getTransactionCount", ALICE, height) == value + 1
        block = result(local, "eth_getBlockByNumber", height, False)
        assert number(local, "eth_getStorageAt", target, "0x0", {"blockHash": block["hash"]}) == (
            value
        )
    assert result(local, "eth_getCode", target, "0x0") == "0x"
    assert number(local, "eth_getStorageAt", target, "0x0", "latest") == 8
    assert number(local, "eth_getStorageAt", target, "0x0") == 8


def test_a_read_of_the_past_does_not_move_the_head(local: Node) -> None:
    target = deploy(local, STORE_OR_SHOW)
    first = send(local, to=target, data=word(1))["blockNumber"]
    send(local, to=target, data=word(2))
    assert number(local, "eth_call", {"to": target}, first) == 1
    send(local, to=NOBODY, value="0x1")
    assert number(local, "eth_getStorageAt", target, "0x0") == 2


def test_a_failed_transaction_can_be_replayed_before_its_block(local: Node) -> None:
    """As clients do to learn why it failed: on the state one block earlier."""
    once = deploy(local, bytes.fromhex("600054600c576001600055005b60006000fd"))
    assert send(local, to=once)["status"] == "0x1"
    failed = send(local, to=once)
    assert failed["status"] == "0x0"
    height = int(failed["blockNumber"], 16)
    assert error(local, "eth_call", {"to": once}, hex(height - 1))["code"] == 3
    assert result(local, "eth_call", {"to": once}, hex(height - 2)) == "0x"


def test_going_back_drops_blocks_transactions_receipts_and_logs(local: Node) -> None:
    target = deploy(local, STORE_OR_SHOW)
    send(local, to=target, data=word(1))
    kept = result(local, "eth_getBlockByNumber", "latest", False)
    snapshot = result(local, "evm_snapshot")
    lost = send(local, to=target, data=word(2))
    emitter = deploy(local, bytes.fromhex("60006000a000"))
    send(local, to=emitter)
    assert len(result(local, "eth_getLogs", {"fromBlock": "0x0"})) == 1

    assert result(local, "evm_revert", snapshot) is True

    assert result(local, "eth_getBlockByNumber", "latest", False) == kept
    assert number(local, "eth_getStorageAt", target, "0x0") == 1
    assert result(local, "eth_getCode", emitter) == "0x"
    assert result(local, "eth_getTransactionReceipt", lost["transactionHash"]) is None
    assert result(local, "eth_getTransactionByHash", lost["transactionHash"]) is None
    assert result(local, "eth_getBlockByHash", lost["blockHash"], False) is None
    assert result(local, "eth_getBlockByNumber", lost["blockNumber"], False) is None
    assert result(local, "eth_getLogs", {"fromBlock": "0x0"}) == []
    again = send(local, to=target, data=word(2))
    assert again["transactionHash"] == lost["transactionHash"]
    assert again["blockNumber"] == lost["blockNumber"]
    assert number(local, "eth_getStorageAt", target, "0x0") == 2


def test_a_snapshot_is_used_up_with_all_later_ones(local: Node) -> None:
    first = result(local, "evm_snapshot")
    result(local, "evm_mine")
    second = result(local, "evm_snapshot")
    result(local, "evm_mine")
    assert result(local, "evm_revert", first) is True
    assert result(local, "evm_revert", second) is False
    assert result(local, "evm_revert", first) is False
    assert number(local, "eth_blockNumber") == 0
    assert result(local, "evm_snapshot") not in (first, second)


@pytest.mark.parametrize("back", [True, False])
def test_a_balance_that_was_set_is_part_of_the_head(local: Node, back: bool) -> None:
    result(local, "evm_mine")
    snapshot = result(local, "evm_snapshot")
    assert result(local, "anvil_setBalance", NOBODY, hex(10**21)) is None
    assert number(local, "eth_getBalance", NOBODY) == 10**21
    assert number(local, "eth_getBalance", NOBODY, "0x1") == 10**21
    assert number(local, "eth_getBalance", NOBODY, "0x0") == 0
    if back:
        result(local, "evm_revert", snapshot)
    else:
        send(local, to=NOBODY, value="0x0")
    assert number(local, "eth_getBalance", NOBODY) == (0 if back else 10**21)
    assert number(local, "eth_getBalance", NOBODY, "0x1") == (0 if back else 10**21)


def head_time(node: Node) -> int:
    return int(result(node, "eth_getBlockByNumber", "latest", False)["timestamp"], 16)


@pytest.mark.parametrize("kind", ["local", "anvil"])
def test_time_travel_as_on_anvil(kind: str, request: pytest.FixtureRequest) -> None:
    node: Node = request.getfixturevalue(kind)
    started = int(time.time())
    offset_s = result(node, "evm_increaseTime", HOUR_S)
    assert abs(offset_s - HOUR_S) < 30
    assert result(node, "evm_increaseTime", hex(HOUR_S)) == offset_s + HOUR_S
    result(node, "evm_mine")
    assert abs(head_time(node) - started - 2 * HOUR_S) < 30

    exact = started + 10 * HOUR_S
    assert result(node, "evm_setNextBlockTimestamp", exact) is None
    result(node, "evm_mine")
    assert head_time(node) == exact
    send(node, to=BOB, value="0x1")
    assert 0 <= head_time(node) - exact < 30

    refusal = error(node, "evm_setNextBlockTimestamp", started)
    assert refusal["code"] == -32602
    assert refusal["message"].startswith("Timestamp error: ")


def test_time_and_snapshots_outlive_the_process_that_set_them(tmp_path: Path) -> None:
    path = tmp_path / "chain.db"
    with LocalChain.open(path) as chain:
        node = embedded(chain)
        result(node, "evm_increaseTime", HOUR_S)
        snapshot = result(node, "evm_snapshot")
        send(node, to=NOBODY, value="0x7")
        exact = int(time.time()) + 5 * HOUR_S
        result(node, "evm_setNextBlockTimestamp", hex(exact))
    with LocalChain.open(path) as chain:
        node = embedded(chain)
        assert number(node, "eth_getBalance", NOBODY) == 7
        result(node, "evm_mine")
        assert head_time(node) == exact
        assert result(node, "evm_revert", snapshot) is True
        assert number(node, "eth_getBalance", NOBODY) == 0
        result(node, "evm_mine")
        assert 0 <= head_time(node) - time.time() - HOUR_S + 1 < 30


def test_mining_at_a_given_time(local: Node) -> None:
    exact = int(time.time()) + HOUR_S
    assert result(local, "evm_mine", exact) == "0x0"
    assert head_time(local) == exact
    assert error(local, "evm_mine", exact)["code"] == -32602
    assert number(local, "eth_blockNumber") == 1


def test_a_state_is_not_shared_between_chains() -> None:
    with LocalChain.open(None) as one, LocalChain.open(None) as other:
        send(embedded(one), to=NOBODY, value="0x1")
        assert number(embedded(one), "eth_getBalance", NOBODY) == 1
        assert number(embedded(other), "eth_getBalance", NOBODY) == 0
        assert hexed(b"") == result(embedded(other), "eth_getCode", NOBODY)
