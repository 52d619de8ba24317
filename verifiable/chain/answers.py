"""Reading what a node answers: untrusted JSON into our types, with bounds on everything.

Every function takes `what`, which names the value in the error, and raises `ChainError` of code
`bad-answer`, and nothing else, whatever it is given.
"""

from __future__ import annotations

import re
from typing import Any

from verifiable.chain.engine import LogEntry
from verifiable.chain.rpc import bad_answer
from verifiable.chain.transaction import LogRecord, Receipt
from verifiable.statement.view import ADDRESS_BYTES, BlockRef

__all__ = [
    "HASH_BYTES",
    "MAX_DATA_BYTES",
    "MAX_LOGS",
    "read_address",
    "read_block",
    "read_bytes",
    "read_hash",
    "read_log",
    "read_logs",
    "read_member",
    "read_number",
    "read_receipt",
]

HASH_BYTES = 32
MAX_DATA_BYTES = 1 << 20
"""Of return data, revert data and the data of one log: more than any gas limit pays for us."""

MAX_LOGS = 100_000
"""In one answer."""

_MAX_TOPICS = 4
_QUANTITY = re.compile("0x[0-9a-fA-F]{1,64}")
_HEX = re.compile("0x([0-9a-fA-F]{2})*")


def read_member(value: object, key: str, what: str) -> Any:
    """A member of an object, None if it is absent."""
    if not isinstance(value, dict):
        raise bad_answer(what, "is no object")
    return value.get(key)


def read_number(value: object, what: str, *, bits: int = 64) -> int:
    """A quantity (`0x1b4`) below 2^bits."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise bad_answer(what, "holds no number in hex")
    number = int(value, 16)
    if number >> bits:
        raise bad_answer(what, f"holds a number of more than {bits} bits")
    return number


def read_bytes(value: object, what: str, *, limit_bytes: int = MAX_DATA_BYTES) -> bytes:
    """Bytes in hex, at most `limit_bytes` of them."""
    if not isinstance(value, str):
        raise bad_answer(what, "holds no bytes in hex")
    if len(value) > 2 + 2 * limit_bytes:
        raise bad_answer(what, f"holds more than {limit_bytes} bytes")
    if not _HEX.fullmatch(value):
        raise bad_answer(what, "holds no bytes in hex")
    return bytes.fromhex(value[2:])


def read_hash(value: object, what: str) -> bytes:
    """32 bytes."""
    return _exactly(HASH_BYTES, value, what)


def read_address(value: object, what: str) -> bytes:
    """20 bytes."""
    return _exactly(ADDRESS_BYTES, value, what)


def read_block(value: object, what: str, *, number: int | None = None) -> BlockRef:
    """A block's header; of the asked number, if one was asked for."""
    block = BlockRef(
        number=read_number(read_member(value, "number", what), f"{what} (number)"),
        hash=read_hash(read_member(value, "hash", what), f"{what} (hash)"),
        time_s=read_number(read_member(value, "timestamp", what), f"{what} (timestamp)"),
    )
    if number is not None and block.number != number:
        raise bad_answer(what, f"is block {block.number}, not {number}")
    return block


def read_log(value: object, what: str) -> LogRecord:
    """One log of a block."""
    topics = read_member(value, "topics", what)
    if not isinstance(topics, list) or len(topics) > _MAX_TOPICS:
        raise bad_answer(what, "has a log without a list of at most four topics")
    return LogRecord(
        entry=LogEntry(
            address=read_address(read_member(value, "address", what), f"{what} (log's address)"),
            topics=tuple(read_hash(topic, f"{what} (topic)") for topic in topics),
            data=read_bytes(read_member(value, "data", what), f"{what} (log's data)"),
        ),
        index=read_number(read_member(value, "logIndex", what), f"{what} (log's index)"),
        block_number=read_number(
            read_member(value, "blockNumber", what), f"{what} (log's block number)"
        ),
        block_hash=read_hash(read_member(value, "blockHash", what), f"{what} (log's block hash)"),
        transaction_hash=read_hash(
            read_member(value, "transactionHash", what), f"{what} (log's transaction)"
        ),
    )


def read_logs(value: object, what: str) -> tuple[LogRecord, ...]:
    """Logs, those left out that the node marks as removed by a reorganisation."""
    if not isinstance(value, list):
        raise bad_answer(what, "is no list of logs")
    if len(value) > MAX_LOGS:
        raise bad_answer(what, f"has more than {MAX_LOGS} logs")
    return tuple(
        read_log(log, what) for log in value if read_member(log, "removed", what) is not True
    )


def read_receipt(value: object, what: str, *, transaction: bytes) -> Receipt:
    """A receipt of just this transaction, status 0 or 1."""
    found = read_hash(read_member(value, "transactionHash", what), f"{what} (transaction)")
    if found != transaction:
        raise bad_answer(what, f"is the receipt of another transaction, 0x{found.hex()}")
    status = read_number(read_member(value, "status", what), f"{what} (status)", bits=1)
    block_hash = read_hash(read_member(value, "blockHash", what), f"{what} (block hash)")
    block_number = read_number(read_member(value, "blockNumber", what), f"{what} (block number)")
    logs = read_logs(read_member(value, "logs", what), what)
    for log in logs:
        if (log.transaction_hash, log.block_hash) != (transaction, block_hash):
            raise bad_answer(what, "has a log of another transaction or block")
    created = read_member(value, "contractAddress", what)
    price = read_member(value, "effectiveGasPrice", what)  # absent before the London fork
    return Receipt(
        transaction_hash=transaction,
        block_number=block_number,
        block_hash=block_hash,
        gas_used=read_number(read_member(value, "gasUsed", what), f"{what} (gas used)"),
        status=status,
        contract_address=None
        if created is None
        else read_address(created, f"{what} (contract address)"),
        logs=logs,
        effective_gas_price=0
        if price is None
        else read_number(price, f"{what} (effective gas price)", bits=256),
    )


def _exactly(size: int, value: object, what: str) -> bytes:
    data = read_bytes(value, what, limit_bytes=size)
    if len(data) != size:
        raise bad_answer(what, f"holds {len(data)} bytes instead of {size}")
    return data
