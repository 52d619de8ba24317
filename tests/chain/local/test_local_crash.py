"""A process that dies at any moment: the file shows the old head or the new one, whole."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from local_chain_kit import (
    ALICE,
    ALICE_KEY,
    EMIT,
    NOBODY,
    Node,
    deploy,
    embedded,
    number,
    result,
    send,
    signed,
)
from local_chain_processes import (
    end_of,
    request_and_die,
    request_and_die_before_the_answer,
    send_all,
    start,
)

from verifiable.chain.local.chain import LocalChain

WAL_HEADER_BYTES = 32
WAL_FRAME_BYTES = 24 + 4096
RANDOM_KILLS = 8
TRANSACTIONS = 200


def everything(node: Node) -> dict[str, Any]:
    """All that a chain answers of its blocks, from the newest down."""
    head = number(node, "eth_blockNumber")
    blocks = [result(node, "eth_getBlockByNumber", hex(n), True) for n in range(head + 1)]
    return {
        "blocks": blocks,
        "receipts": [
            result(node, "eth_getTransactionReceipt", sent["hash"])
            for block in blocks
            for sent in block["transactions"]
        ],
        "logs": result(node, "eth_getLogs", {"fromBlock": "0x0"}),
        "balances": [
            result(node, "eth_getBalance", account, hex(n))
            for n in range(head + 1)
            for account in (ALICE, NOBODY)
        ],
        "snapshots and time": result(node, "evm_increaseTime", 0),
    }


def seen(path: Path) -> dict[str, Any]:
    """What a file holds for who opens it next, sound to SQLite and able to go on."""
    with LocalChain.open(path) as chain:
        content = everything(embedded(chain))
        send(embedded(chain), to=NOBODY, value="0x1")
    with sqlite3.connect(path) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
    return content


def copied(source: Path, target: Path) -> Path:
    target.parent.mkdir(exist_ok=True)
    for suffix in ("", "-wal", "-shm"):
        old = target.with_name(target.name + suffix)
        old.unlink(missing_ok=True)
        new = source.with_name(source.name + suffix)
        if new.exists():
            shutil.copyfile(new, old)
    return target


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A chain with a contract that emits events, a snapshot and a block after it."""
    path = tmp_path / "chain.db"
    with LocalChain.open(path) as chain:
        node = embedded(chain)
        deploy(node, EMIT)
        assert result(node, "evm_snapshot") == "0x1"
        send(node, to=NOBODY, value="0x5")
    return path


def requests(path: Path) -> dict[str, tuple[str, list[Any]]]:
    with LocalChain.open(path) as chain:
        block = result(embedded(chain), "eth_getBlockByNumber", "0x1", False)
        receipt = result(embedded(chain), "eth_getTransactionReceipt", block["transactions"][0])
    emit = signed(ALICE_KEY, nonce=2, to=bytes.fromhex(receipt["contractAddress"][2:]), data=b"1")
    return {
        "a transaction": ("eth_sendRawTransaction", [emit]),
        "going back": ("evm_revert", ["0x1"]),
        "a balance": ("anvil_setBalance", [NOBODY, "0x99"]),
        "an empty block at a set time": ("evm_mine", [int(time.time()) + 10_000]),
    }


@pytest.mark.parametrize(
    "change", ["a transaction", "going back", "a balance", "an empty block at a set time"]
)
def test_killed_before_any_write(tmp_path: Path, file: Path, change: str) -> None:
    method, params = requests(file)[change]
    before = seen(copied(file, tmp_path / "before" / "chain.db"))
    for place in range(10_000):
        copy = copied(file, tmp_path / "killed" / "chain.db")
        exitcode = end_of(start(request_and_die, copy, method, params, place))
        if exitcode == 0:
            break
        assert exitcode == -signal.SIGKILL
        assert seen(copy) == before, place
    assert place >= 6  # opening the file, the transaction's ends, and what is between them
    assert seen(copy) != before

    copy = copied(file, tmp_path / "killed" / "chain.db")
    process = start(request_and_die_before_the_answer, copy, method, params)
    assert end_of(process) == -signal.SIGKILL
    assert seen(copy) != before


def test_killed_while_a_file_is_made(tmp_path: Path) -> None:
    """It has no chain, and the next one makes it, or it has the whole first block."""
    for place in range(10_000):
        path = tmp_path / str(place) / "chain.db"
        path.parent.mkdir()
        exitcode = end_of(start(request_and_die, path, "eth_chainId", [], place))
        with LocalChain.open(path) as chain:
            node = embedded(chain)
            assert number(node, "eth_blockNumber") == 0
            assert number(node, "eth_getBalance", ALICE) == 10_000 * 10**18
        if exitcode == 0:
            break
        assert exitcode == -signal.SIGKILL
    assert place > 20


def test_a_journal_cut_anywhere_gives_the_old_head_or_the_new_one(
    tmp_path: Path, file: Path
) -> None:
    """What the operating system may leave of the writes of one commit: each frame, and parts."""
    method, params = requests(file)["a transaction"]
    old = seen(copied(file, tmp_path / "old" / "chain.db"))
    base = copied(file, tmp_path / "base" / "chain.db")
    torn = tmp_path / "torn" / "chain.db"
    with LocalChain.open(file) as chain:
        assert "result" in chain.request(method, params)
        copied(file, torn)
    whole = torn.with_name("chain.db-wal").read_bytes()
    assert len(whole) >= WAL_HEADER_BYTES + 3 * WAL_FRAME_BYTES
    new = seen(torn)
    assert len(new["blocks"]) == len(old["blocks"]) + 1

    found = []
    for end in (0, *range(WAL_HEADER_BYTES, len(whole) + 1, WAL_FRAME_BYTES)):
        for cut in {end, min(end + 2_000, len(whole))}:
            copied(base, torn).with_name("chain.db-wal").write_bytes(whole[:cut])
            content = seen(torn)
            assert content in (old, new), cut
            found.append(content == new)
    assert found.count(True) == 1
    assert found.count(False) > 10


def test_random_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path, acknowledged = tmp_path / "chain.db", tmp_path / "acknowledged"
    raws = [
        signed(ALICE_KEY, nonce=nonce, gas=21_000, value=nonce) for nonce in range(TRANSACTIONS)
    ]
    chance = random.Random(7)
    kills, done = 0, 0
    while done < TRANSACTIONS:
        process = start(send_all, path, raws, acknowledged, done)
        if kills < RANDOM_KILLS:
            target = min(done + chance.randrange(4, 2 * TRANSACTIONS // RANDOM_KILLS), 199)
            until(acknowledged, target)
            time.sleep(chance.random() * 0.03)
            process.kill()
            kills += end_of(process) == -signal.SIGKILL
        else:
            assert end_of(process) == 0
        told = numbers(acknowledged)
        with LocalChain.open(path) as chain:
            node = embedded(chain)
            done = number(node, "eth_getTransactionCount", ALICE)
            assert len(told) <= done <= len(told) + kills  # a kill may come before the word of it
            assert number(node, "eth_blockNumber") == done
            for index in told:
                block = result(node, "eth_getBlockByNumber", hex(index + 1), True)
                assert block["transactions"][0]["nonce"] == hex(index)
            assert number(node, "eth_getBalance", NOBODY) == sum(range(done))
    assert kills >= RANDOM_KILLS - 2


def numbers(acknowledged: Path) -> list[int]:
    if not acknowledged.exists():
        return []
    return [int(line) for line in acknowledged.read_text().splitlines()]


def until(acknowledged: Path, target: int) -> None:
    deadline = time.monotonic() + 60
    while len(numbers(acknowledged)) < target:
        assert time.monotonic() < deadline
        time.sleep(0.005)
