"""Filters: which events a caller asks for, and what is new since it asked last."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from verifiable.chain.local.fields import (
    LATEST,
    PENDING,
    BlockId,
    parse_address,
    parse_block_id,
    parse_hash,
)
from verifiable.chain.local.node import Node
from verifiable.chain.local.records import Block, StoredLog
from verifiable.chain.local.refusals import SERVER_ERROR, Refusal, invalid_parameters

__all__ = ["Filters", "LogQuery", "find_logs", "parse_log_query"]

MAX_TOPICS = 4
MAX_CHOICES = 1_000
"""Values for the address or for one topic."""

MAX_FILTERS = 1_000
"""Filters kept at once; a new one takes the place of the one asked least recently."""

_FIELDS = {"fromBlock", "toBlock", "blockHash", "address", "topics"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Events that are asked for.

    Attributes:
        first, last: blocks, both included; None: the newest.
        block_hash: the one block, in place of a range.
        addresses: any of these; empty: any at all.
        topics: for each place the values allowed; empty: anything. Events with fewer topics than
            there are places are left out.
    """

    first: BlockId | None = None
    last: BlockId | None = None
    block_hash: bytes | None = None
    addresses: tuple[bytes, ...] = ()
    topics: tuple[tuple[bytes, ...], ...] = ()


def parse_log_query(value: Any) -> LogQuery:
    """Read the object that `eth_getLogs` and `eth_newFilter` take.

    Raises:
        Refusal: (-32602) it is none.
    """
    if not isinstance(value, Mapping) or not set(value) <= _FIELDS:
        raise invalid_parameters(f"a filter is an object of {', '.join(sorted(_FIELDS))}")
    given = {key: item for key, item in value.items() if item is not None}
    if "blockHash" in given and ("fromBlock" in given or "toBlock" in given):
        raise invalid_parameters(
            "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other"
        )
    query = LogQuery(
        first=_bound(given.get("fromBlock")),
        last=_bound(given.get("toBlock")),
        block_hash=parse_hash(given["blockHash"]) if "blockHash" in given else None,
        addresses=_addresses(given.get("address", [])),
        topics=_topics(given.get("topics", [])),
    )
    if isinstance(query.first, int) and isinstance(query.last, int) and query.first > query.last:
        raise invalid_parameters("invalid block range params")
    return query


def find_logs(node: Node, query: LogQuery) -> list[StoredLog]:
    """The events of the blocks that a query names, in order.

    Raises:
        Refusal: (-32000) it names a block hash that no block has.
    """
    if query.block_hash is not None:
        block = node.find(query.block_hash)
        if block is None:
            raise Refusal(SERVER_ERROR, "unknown block")
        first = last = block.number
    else:
        first, last = (_number(node, bound) for bound in (query.first, query.last))
    return _within(node, query, first, last)


def _within(node: Node, query: LogQuery, first: int, last: int) -> list[StoredLog]:
    last = min(last, node.head.number)
    if first > last:
        return []
    found = node.store.logs(first, last, addresses=query.addresses, topics=query.topics)
    return [log for log in found if len(log.entry.topics) >= len(query.topics)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filter:
    """What was asked for (None: blocks), and the newest block that was told of."""

    query: LogQuery | None
    sequence: int


class Filters:
    """The filters of one process; like a node's they do not outlive it."""

    def __init__(self) -> None:
        self._filters: dict[int, _Filter] = {}

    def add(self, node: Node, query: LogQuery | None) -> int:
        """Watch for events, or for blocks (None), from now on."""
        if len(self._filters) >= MAX_FILTERS:
            del self._filters[next(iter(self._filters))]
        identifier = secrets.randbits(127) + 1
        self._filters[identifier] = _Filter(query=query, sequence=node.head.sequence)
        return identifier

    def remove(self, identifier: int) -> bool:
        """Stop watching; False if there is no such filter."""
        return self._filters.pop(identifier, None) is not None

    def changes(self, node: Node, identifier: int) -> list[Block] | list[StoredLog]:
        """What came since the filter was made or asked last.

        Blocks that were dropped since and replaced by others count as new by their replacement.

        Raises:
            Refusal: (-32000) there is no such filter.
        """
        known = self._require(identifier)
        del self._filters[identifier]  # to the end: the first is the one asked least recently
        self._filters[identifier] = replace(known, sequence=node.head.sequence)
        blocks = node.store.blocks_after(known.sequence)
        if known.query is None:
            return blocks
        if not blocks:
            return []
        first, last = blocks[0].number, blocks[-1].number
        query = known.query
        if query.block_hash is not None:
            return []
        if isinstance(query.first, int):
            first = max(first, query.first)
        if isinstance(query.last, int):
            last = min(last, query.last)
        return _within(node, query, first, last)

    def logs(self, node: Node, identifier: int) -> list[StoredLog]:
        """All events that a filter's query names.

        Raises:
            Refusal: (-32000) there is no such filter, or it is one of blocks.
        """
        query = self._require(identifier).query
        if query is None:
            raise Refusal(SERVER_ERROR, "filter not found")
        return find_logs(node, query)

    def _require(self, identifier: int) -> _Filter:
        known = self._filters.get(identifier)
        if known is None:
            raise Refusal(SERVER_ERROR, "filter not found")
        return known


def _bound(value: Any) -> BlockId | None:
    bound = None if value is None else parse_block_id(value)
    if isinstance(bound, bytes):
        raise invalid_parameters("a range of blocks has numbers or tags")
    return bound


def _number(node: Node, bound: BlockId | None) -> int:
    if bound is None or bound in (LATEST, PENDING):
        return node.head.number
    if not isinstance(bound, int):
        raise TypeError("a range of blocks has numbers or tags")
    return bound


def _addresses(value: Any) -> tuple[bytes, ...]:
    items = value if isinstance(value, list | tuple) else [value]
    if len(items) > MAX_CHOICES:
        raise invalid_parameters(f"exceed max addresses: {MAX_CHOICES}")
    return tuple(parse_address(item) for item in items)


def _topics(value: Any) -> tuple[tuple[bytes, ...], ...]:
    if not isinstance(value, list | tuple):
        raise invalid_parameters("topics is a list")
    if len(value) > MAX_TOPICS:
        raise invalid_parameters("exceed max topics")
    return tuple(_choices(item) for item in value)


def _choices(value: Any) -> tuple[bytes, ...]:
    """Null is anything, as is a list that holds null."""
    items = value if isinstance(value, list | tuple) else [value]
    if len(items) > MAX_CHOICES:
        raise invalid_parameters(f"exceed max topics: {MAX_CHOICES} choices")
    topics = tuple(parse_hash(item) for item in items if item is not None)
    return topics if len(topics) == len(items) else ()
