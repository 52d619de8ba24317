"""Blocks: hashes, roots and blooms that other tools compute the same from the same content."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import rlp
from eth_bloom import BloomFilter
from local_chain_kit import (
    ALICE_KEY,
    BLOCKHASH,
    EMIT,
    NUMBER,
    TIMESTAMP,
    Node,
    deploy,
    hexed,
    legacy,
    number,
    result,
    send,
    signed,
    word,
)
from trie import HexaryTrie

from verifiable.chain.engine import LogEntry
from verifiable.chain.local.blocks import Header, bloom_of, encode_receipt, root_of_one
from verifiable.chain.local.chain import LocalChain
from verifiable.statement.hashing import keccak


def header_of(block: dict[str, Any]) -> Header:
    """A header from what a node shows of a block."""

    def data(name: str) -> bytes:
        return bytes.fromhex(block[name][2:])

    return Header(
        parent_hash=data("parentHash"),
        coinbase=data("miner"),
        state_root=data("stateRoot"),
        transactions_root=data("transactionsRoot"),
        receipts_root=data("receiptsRoot"),
        bloom=data("logsBloom"),
        number=int(block["number"], 16),
        gas_limit=int(block["gasLimit"], 16),
        gas_used=int(block["gasUsed"], 16),
        time_s=int(block["timestamp"], 16),
        prev_randao=data("mixHash"),
        base_fee=int(block["baseFeePerGas"], 16),
    )


def emitted(node: Node) -> dict[str, Any]:
    return send(node, to=deploy(node, EMIT), data=b"".join(word(7 + i) for i in range(5)))


def test_the_hash_is_that_of_the_header_as_anvil_hashes_it(local: Node, anvil: Node) -> None:
    for node in (local, anvil):
        newest = int(emitted(node)["blockNumber"], 16)
        for height in (newest, newest - 1):
            block = result(node, "eth_getBlockByNumber", hex(height), False)
            header = header_of(block)
            assert hexed(keccak(header.encode())) == block["hash"]
            assert Header.decode(header.encode()) == header


def test_roots_are_those_of_the_tries(local: Node, anvil: Node) -> None:
    """Checked with another implementation of the trie, and on anvil's block as well."""
    for node in (local, anvil):
        receipt = emitted(node)
        block = result(node, "eth_getBlockByHash", receipt["blockHash"], False)
        logs = [
            LogEntry(
                address=bytes.fromhex(log["address"][2:]),
                topics=tuple(bytes.fromhex(topic[2:]) for topic in log["topics"]),
                data=bytes.fromhex(log["data"][2:]),
            )
            for log in receipt["logs"]
        ]
        assert len(logs) == 4
        encoded = encode_receipt(
            kind=int(receipt["type"], 16),
            ok=True,
            cumulative_gas=int(receipt["cumulativeGasUsed"], 16),
            bloom=bloom_of(logs),
            logs=logs,
        )
        trie = HexaryTrie({})
        trie[rlp.encode(0)] = encoded
        assert hexed(trie.root_hash) == hexed(root_of_one(encoded)) == block["receiptsRoot"]
        theirs = BloomFilter.from_iterable(
            item for log in logs for item in (log.address, *log.topics)
        )
        assert int(theirs).to_bytes(256, "big") == bloom_of(logs)
        assert receipt["logsBloom"] == block["logsBloom"] == hexed(bloom_of(logs))


def test_the_root_of_transactions_is_that_of_the_raw_bytes(local: Node) -> None:
    for fields in ({}, legacy()):
        nonce = number(local, "eth_blockNumber")
        raw = signed(ALICE_KEY, nonce=nonce, **fields)
        sent = result(local, "eth_sendRawTransaction", raw)
        assert sent == hexed(keccak(bytes.fromhex(raw[2:])))
        trie = HexaryTrie({})
        trie[rlp.encode(0)] = bytes.fromhex(raw[2:])
        block = result(local, "eth_getBlockByNumber", "latest", False)
        assert block["transactionsRoot"] == hexed(trie.root_hash)
        assert block["transactions"] == [sent]


def test_blocks_form_a_chain_with_rising_times(local: Node) -> None:
    for _ in range(5):
        result(local, "evm_mine")
    blocks = [result(local, "eth_getBlockByNumber", hex(n), False) for n in range(6)]
    for parent, child in pairwise(blocks):
        assert child["parentHash"] == parent["hash"]
        assert int(child["timestamp"], 16) > int(parent["timestamp"], 16)
        assert result(local, "eth_getBlockByHash", child["hash"], False) == child


def test_blockhash_reaches_256_blocks_back(local: Node) -> None:
    target = deploy(local, BLOCKHASH)
    for _ in range(260):
        result(local, "evm_mine")
    head = number(local, "eth_blockNumber")
    for height, known in [(head, True), (head - 255, True), (head - 256, False), (head + 1, False)]:
        shown = result(local, "eth_call", {"to": target, "data": hexed(word(height))})
        block = result(local, "eth_getBlockByNumber", hex(height), False)
        assert shown == (block["hash"] if known else hexed(word(0)))


def test_a_call_sees_the_block_that_comes_next_or_the_one_it_names(local: Node) -> None:
    numbers, times = deploy(local, NUMBER), deploy(local, TIMESTAMP)
    result(local, "evm_mine")
    head = number(local, "eth_blockNumber")
    for tag, seen in [("latest", head + 1), ("pending", head + 1), (hex(head - 1), head - 1)]:
        assert number(local, "eth_call", {"to": numbers}, tag) == seen
    pending = result(local, "eth_getBlockByNumber", "pending", False)
    assert int(pending["number"], 16) == head + 1
    assert pending["hash"] is None
    assert pending["parentHash"] == result(local, "eth_getBlockByNumber", "latest", False)["hash"]
    assert number(local, "eth_call", {"to": times}, "pending") >= int(pending["timestamp"], 16)
    earlier = result(local, "eth_getBlockByNumber", hex(head - 1), False)
    for block in (hex(head - 1), {"blockHash": earlier["hash"]}, {"blockNumber": hex(head - 1)}):
        assert number(local, "eth_call", {"to": times}, block) == int(earlier["timestamp"], 16)


def test_tags_name_blocks(chain: LocalChain, local: Node) -> None:
    result(local, "evm_mine")
    latest = result(local, "eth_getBlockByNumber", "latest", False)
    for tag in ("safe", "finalized", "0x1"):
        assert result(local, "eth_getBlockByNumber", tag, False) == latest
    assert result(local, "eth_getBlockByNumber", "earliest", False)["number"] == "0x0"
    assert result(local, "eth_getBlockByNumber", "0x2", False) is None


def test_fee_history_tells_of_real_blocks(local: Node) -> None:
    receipt = emitted(local)
    history = result(local, "eth_feeHistory", "0x2", "latest", [0, 50, 100])
    used = int(receipt["gasUsed"], 16)
    assert history["oldestBlock"] == "0x1"
    assert history["gasUsedRatio"][1] == used / 60_000_000
    assert history["baseFeePerGas"] == ["0x3b9aca00"] * 3
    assert history["reward"] == [["0x3b9aca00"] * 3] * 2
    assert len(result(local, "eth_feeHistory", "0x400", "latest")["gasUsedRatio"]) == 3
    assert result(local, "eth_feeHistory", 0, "latest") == {
        "oldestBlock": "0x0",
        "gasUsedRatio": [],
    }
