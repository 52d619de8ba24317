"""Several processes, and several threads, on one chain."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest
from local_chain_kit import ALICE_KEY, NOBODY, Node, embedded, error, number, result, signed
from local_chain_processes import CONTEXT, WAIT_S, end_of, hold, send_together, start

from verifiable.chain.local import database
from verifiable.chain.local.chain import LocalChain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS

SENDERS, EACH = 3, 8


def raws_of(sender: int) -> list[str]:
    key = DEV_ACCOUNTS[sender].private_key
    return [signed(key, nonce=nonce, value=1) for nonce in range(EACH)]


def check_whole(node: Node, transactions: int) -> None:
    assert number(node, "eth_blockNumber") == transactions
    blocks = [result(node, "eth_getBlockByNumber", hex(n), True) for n in range(transactions + 1)]
    for parent, child in pairwise(blocks):
        assert child["parentHash"] == parent["hash"]
        assert int(child["timestamp"], 16) > int(parent["timestamp"], 16)
        assert len(child["transactions"]) == 1
    assert number(node, "eth_getBalance", NOBODY) == transactions


def test_processes_that_make_and_fill_one_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "chain.db"
    barrier = CONTEXT.Barrier(SENDERS)
    processes = [start(send_together, path, raws_of(sender), barrier) for sender in range(SENDERS)]
    assert [end_of(process) for process in processes] == [0] * SENDERS
    with LocalChain.open(path) as chain:
        check_whole(embedded(chain), SENDERS * EACH)


def test_an_open_chain_follows_what_others_do(tmp_path: Path) -> None:
    path = tmp_path / "chain.db"
    with LocalChain.open(path) as chain, LocalChain.open(path) as other:
        node, elsewhere = embedded(chain), embedded(other)
        watched = result(node, "eth_newBlockFilter")
        for nonce in range(6):
            sender = node if nonce % 2 else elsewhere
            raw = signed(ALICE_KEY, nonce=nonce, value=1)
            sent = result(sender, "eth_sendRawTransaction", raw)
            for reader in (node, elsewhere):
                assert number(reader, "eth_blockNumber") == nonce + 1
                assert number(reader, "eth_getBalance", NOBODY) == nonce + 1
                assert result(reader, "eth_getTransactionReceipt", sent)["status"] == "0x1"
        assert len(result(node, "eth_getFilterChanges", watched)) == 6
        snapshot = result(elsewhere, "evm_snapshot")
        result(node, "eth_sendRawTransaction", signed(ALICE_KEY, nonce=6, value=1))
        assert result(elsewhere, "evm_revert", snapshot) is True
        assert number(node, "eth_getBalance", NOBODY) == 6
        result(node, "eth_sendRawTransaction", signed(ALICE_KEY, nonce=6, value=5))
        assert number(elsewhere, "eth_getBalance", NOBODY) == 11


def test_a_reader_sees_whole_blocks_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "chain.db"
    with LocalChain.open(path) as chain:
        node = embedded(chain)
        barrier = CONTEXT.Barrier(1)
        process = start(send_together, path, raws_of(0), barrier)
        heights = set()
        while process.is_alive():
            block = result(node, "eth_getBlockByNumber", "latest", True)
            height = int(block["number"], 16)
            heights.add(height)
            assert number(node, "eth_getBalance", NOBODY, hex(height)) == height
            for sent in block["transactions"]:
                assert result(node, "eth_getTransactionReceipt", sent["hash"])["status"] == "0x1"
        assert end_of(process) == 0
        assert len(heights) > 3


def test_a_file_that_stays_locked_is_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.2)
    path = tmp_path / "chain.db"
    with LocalChain.open(path) as chain:
        node = embedded(chain)
        held, release = CONTEXT.Event(), CONTEXT.Event()
        process = start(hold, path, held, release)
        assert held.wait(WAIT_S)
        refusal = error(node, "eth_sendRawTransaction", signed(ALICE_KEY))
        assert refusal["code"] == -32000
        assert "the chain file stayed locked" in refusal["message"]
        assert number(node, "eth_blockNumber") == 0
        release.set()
        assert end_of(process) == 0
        result(node, "eth_sendRawTransaction", signed(ALICE_KEY))
        check = result(node, "eth_getBlockByNumber", "latest", False)
        assert len(check["transactions"]) == 1


@pytest.mark.parametrize("in_memory", [True, False])
def test_threads_take_turns(tmp_path: Path, in_memory: bool) -> None:
    with LocalChain.open(None if in_memory else tmp_path / "chain.db") as chain:
        node = embedded(chain)

        def work(sender: int) -> int:
            for raw in raws_of(sender):
                result(node, "eth_sendRawTransaction", raw)
                number(node, "eth_getBalance", NOBODY)
            return os.getpid()

        with ThreadPoolExecutor(SENDERS) as pool:
            assert set(pool.map(work, range(SENDERS))) == {os.getpid()}
        check_whole(node, SENDERS * EACH)
