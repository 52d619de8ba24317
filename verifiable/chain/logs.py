"""Events of a contract over a range of blocks, in pieces that public nodes answer."""

from __future__ import annotations

from collections.abc import Sequence

from verifiable.chain.answers import read_logs
from verifiable.chain.rpc import Node, NodeRefusal, NodeUnreachable, bad_answer
from verifiable.chain.transaction import LogRecord

__all__ = ["CHUNK_BLOCKS", "Topics", "find_logs"]

CHUNK_BLOCKS = 2_000

Topics = Sequence[bytes | Sequence[bytes] | None]
"""For each topic by place: its value, any of several values, or None for every value."""

_TRIES = 3
_NOT_THE_RANGE = (401, 403, 404)
"""Status of HTTP that a smaller range cannot help."""

_NOT_THE_RANGE_CODES = (
    "bad-proxy",
    "node-denies-access",
    "node-rate-limit",
    "node-tls",
    "unreachable-node",
)


def find_logs(
    node: Node, *, address: bytes, topics: Topics, from_block: int, to_block: int
) -> list[LogRecord]:
    """All logs of an address in a range of blocks, both ends included, in order.

    Asked for in pieces of `CHUNK_BLOCKS`; a piece that the node refuses is halved, and the pieces
    after it are as small. No filter is left on the node, since public nodes drop them.

    Raises:
        ChainError: the node failed or refused a single block; `bad-answer` if it sent logs that
            were not asked for.
    """
    found: list[LogRecord] = []
    size = CHUNK_BLOCKS
    while from_block <= to_block:
        last = min(from_block + size - 1, to_block)
        try:
            found += _piece(node, address, topics, from_block, last)
        except (NodeRefusal, NodeUnreachable) as failure:
            if last == from_block or _is_of_every_range(failure):
                raise
            size = (last - from_block + 1) // 2
            continue
        from_block = last + 1
    return found


def _is_of_every_range(failure: NodeRefusal | NodeUnreachable) -> bool:
    return failure.code in _NOT_THE_RANGE_CODES or (
        isinstance(failure, NodeUnreachable) and failure.http_status in _NOT_THE_RANGE
    )


def _piece(node: Node, address: bytes, topics: Topics, first: int, last: int) -> list[LogRecord]:
    method = "eth_getLogs"
    request = {
        "address": f"0x{address.hex()}",
        "topics": [_topic_json(topic) for topic in topics],
        "fromBlock": hex(first),
        "toBlock": hex(last),
    }
    logs = read_logs(node.ask(method, [request], tries=_TRIES), method)
    for log in logs:
        if log.entry.address != address or not first <= log.block_number <= last:
            raise bad_answer(method, "has logs of another contract or block", where=node.source)
        if not _fits(log.entry.topics, topics):
            raise bad_answer(method, "has logs with other topics", where=node.source)
    places = [(log.block_number, log.index) for log in logs]
    if len(set(places)) != len(places):
        raise bad_answer(method, "has the same log twice", where=node.source)
    return [log for _, log in sorted(zip(places, logs, strict=True), key=lambda pair: pair[0])]


def _topic_json(topic: bytes | Sequence[bytes] | None) -> str | list[str] | None:
    if topic is None:
        return None
    if isinstance(topic, bytes):
        return f"0x{topic.hex()}"
    return [f"0x{choice.hex()}" for choice in topic]


def _fits(found: Sequence[bytes], wanted: Topics) -> bool:
    return len(found) >= len(wanted) and all(
        topic is None or value == topic or (not isinstance(topic, bytes) and value in topic)
        for value, topic in zip(found, wanted, strict=False)
    )
