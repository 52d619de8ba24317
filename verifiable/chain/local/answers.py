"""Blocks, transactions, receipts and events as JSON-RPC shows them."""

from __future__ import annotations

from typing import Any

from verifiable.chain.local.blocks import (
    BLOOM_BYTES,
    EMPTY_ROOT,
    NO_UNCLES,
    REQUESTS_HASH,
    Header,
    bloom_of,
)
from verifiable.chain.local.node import Node
from verifiable.chain.local.records import Block, Included, StoredLog
from verifiable.chain.local.transactions import LEGACY, Transaction, read_transaction

__all__ = [
    "block_json",
    "data_json",
    "log_json",
    "pending_json",
    "quantity_json",
    "receipt_json",
    "transaction_json",
]

_ZERO_WORD = "0x" + "00" * 32


def data_json(data: bytes) -> str:
    """Bytes as hex."""
    return "0x" + data.hex()


def quantity_json(number: int) -> str:
    """A number as hex without leading zeros."""
    return hex(number)


def block_json(node: Node, block: Block, *, full: bool) -> dict[str, Any]:
    """A block with its transaction's hash, or with the whole transaction."""
    included = node.store.transaction_of_block(block.number)
    transactions: list[Any] = []
    if included is not None:
        transactions = [transaction_json(included, block) if full else data_json(included.hash)]
    return {
        **_header_json(block.header, transactions),
        "hash": data_json(block.hash),
        "size": quantity_json(len(block.header.encode()) + len(included.raw if included else b"")),
    }


def pending_json(node: Node) -> dict[str, Any]:
    """The block that comes next, still empty: it has no hash."""
    env = node.next_env()
    header = Header(
        parent_hash=node.head.hash,
        state_root=bytes(32),
        transactions_root=EMPTY_ROOT,
        receipts_root=EMPTY_ROOT,
        bloom=bytes(BLOOM_BYTES),
        number=env.number,
        gas_limit=env.gas_limit,
        gas_used=0,
        time_s=env.time_s,
        prev_randao=env.prev_randao,
        base_fee=env.base_fee,
    )
    size = quantity_json(len(header.encode()))
    return {**_header_json(header, []), "hash": None, "nonce": None, "size": size}


def transaction_json(included: Included, block: Block) -> dict[str, Any]:
    """A transaction and the block that holds it."""
    tx = read_transaction(included.raw)
    base_fee = block.header.base_fee
    answer: dict[str, Any] = {
        "type": quantity_json(tx.kind),
        "chainId": quantity_json(tx.chain_id),
        "nonce": quantity_json(tx.nonce),
        "gas": quantity_json(tx.gas_limit),
        "gasPrice": quantity_json(tx.price(base_fee)),
        "to": None if tx.to is None else data_json(tx.to),
        "value": quantity_json(tx.value),
        "input": data_json(tx.data),
        "r": quantity_json(tx.r),
        "s": quantity_json(tx.s),
        "v": quantity_json(tx.v),
        "hash": data_json(included.hash),
        "from": data_json(included.sender),
        "blockHash": data_json(block.hash),
        "blockNumber": quantity_json(block.number),
        "blockTimestamp": quantity_json(block.header.time_s),
        "transactionIndex": "0x0",
    }
    if tx.kind != LEGACY:
        answer |= {"yParity": quantity_json(tx.v), "accessList": _access_list_json(tx)}
    if tx.kind > 1:
        answer["maxFeePerGas"] = quantity_json(tx.max_fee)
        answer["maxPriorityFeePerGas"] = quantity_json(tx.priority_fee)
    return answer


def receipt_json(node: Node, included: Included, block: Block) -> dict[str, Any]:
    """What became of a transaction."""
    tx = read_transaction(included.raw)
    logs = node.store.logs(block.number, block.number)
    gas_used = quantity_json(block.header.gas_used)
    return {
        "type": quantity_json(tx.kind),
        "status": quantity_json(int(included.ok)),
        "cumulativeGasUsed": gas_used,
        "gasUsed": gas_used,
        "effectiveGasPrice": quantity_json(tx.price(block.header.base_fee)),
        "logs": [log_json(log) for log in logs],
        "logsBloom": data_json(bloom_of([log.entry for log in logs])),
        "transactionHash": data_json(included.hash),
        "transactionIndex": "0x0",
        "blockHash": data_json(block.hash),
        "blockNumber": quantity_json(block.number),
        "from": data_json(included.sender),
        "to": None if tx.to is None else data_json(tx.to),
        "contractAddress": None if included.created is None else data_json(included.created),
    }


def log_json(log: StoredLog) -> dict[str, Any]:
    """An event and where it is."""
    return {
        "address": data_json(log.entry.address),
        "topics": [data_json(topic) for topic in log.entry.topics],
        "data": data_json(log.entry.data),
        "blockHash": data_json(log.block_hash),
        "blockNumber": quantity_json(log.number),
        "blockTimestamp": quantity_json(log.time_s),
        "transactionHash": data_json(log.transaction_hash),
        "transactionIndex": "0x0",
        "logIndex": quantity_json(log.place),
        "removed": False,
    }


def _access_list_json(tx: Transaction) -> list[dict[str, Any]]:
    return [
        {
            "address": data_json(address),
            "storageKeys": [data_json(slot.to_bytes(32, "big")) for slot in slots],
        }
        for address, slots in tx.access_list
    ]


def _header_json(header: Header, transactions: list[Any]) -> dict[str, Any]:
    return {
        "parentHash": data_json(header.parent_hash),
        "sha3Uncles": data_json(NO_UNCLES),
        "miner": data_json(header.coinbase),
        "stateRoot": data_json(header.state_root),
        "transactionsRoot": data_json(header.transactions_root),
        "receiptsRoot": data_json(header.receipts_root),
        "logsBloom": data_json(header.bloom),
        "difficulty": "0x0",
        "totalDifficulty": "0x0",
        "number": quantity_json(header.number),
        "gasLimit": quantity_json(header.gas_limit),
        "gasUsed": quantity_json(header.gas_used),
        "timestamp": quantity_json(header.time_s),
        "extraData": "0x",
        "mixHash": data_json(header.prev_randao),
        "nonce": "0x0000000000000000",
        "baseFeePerGas": quantity_json(header.base_fee),
        "withdrawalsRoot": data_json(EMPTY_ROOT),
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
        "parentBeaconBlockRoot": _ZERO_WORD,
        "requestsHash": data_json(REQUESTS_HASH),
        "transactions": transactions,
        "uncles": [],
        "withdrawals": [],
    }
