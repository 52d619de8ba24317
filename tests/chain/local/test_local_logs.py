"""Events: what a filter finds equals what a plain walk over all receipts finds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_chain_kit import EMIT, Node, deploy, embedded, error, hexed, number, result, send, word

from verifiable.chain.local.chain import LocalChain
from verifiable.chain.local.logs import MAX_FILTERS

VALUES = [hexed(word(value)) for value in (1, 2, 3)]


class World:
    """A chain with events of two contracts, and all events from its receipts."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.emitters = [deploy(node, EMIT), deploy(node, EMIT)]
        for index in range(12):
            words = [VALUES[(index * step + step) % 3] for step in (1, 2, 3, 5, 7)]
            data = "0x" + "".join(item[2:] for item in words)
            send(node, to=self.emitters[index % 2], data=data)
            if index % 3 == 0:
                result(node, "evm_mine")
        self.head = number(node, "eth_blockNumber")
        self.blocks = [
            result(node, "eth_getBlockByNumber", hex(height), False)
            for height in range(self.head + 1)
        ]
        self.events = [
            event
            for block in self.blocks
            for sent in block["transactions"]
            for event in result(node, "eth_getTransactionReceipt", sent)["logs"]
        ]

    def expected(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        """The filter's meaning, spelled out event by event."""
        if "blockHash" in query:
            heights = {b["number"] for b in self.blocks if b["hash"] == query["blockHash"]}
        else:
            first = self.height(query.get("fromBlock", "latest"))
            last = self.height(query.get("toBlock", "latest"))
            heights = {hex(height) for height in range(first, last + 1)}
        return [
            event
            for event in self.events
            if event["blockNumber"] in heights
            and self._allowed(query.get("address"), event["address"])
            and self._topics_allowed(query.get("topics", []), event["topics"])
        ]

    def height(self, bound: str) -> int:
        return {"latest": self.head, "earliest": 0}[bound] if bound[:2] != "0x" else int(bound, 16)

    def _allowed(self, wanted: Any, found: str) -> bool:
        if wanted is None or wanted == [] or (isinstance(wanted, list) and None in wanted):
            return True
        return found in (wanted if isinstance(wanted, list) else [wanted])

    def _topics_allowed(self, wanted: list[Any], found: list[str]) -> bool:
        return len(wanted) <= len(found) and all(
            self._allowed(want, have) for want, have in zip(wanted, found, strict=False)
        )


@pytest.fixture(scope="module")
def world() -> Any:
    with LocalChain.open(None) as chain:
        yield World(embedded(chain))


TOPIC = st.sampled_from([*VALUES, hexed(word(9))])
TOPICS = st.lists(
    st.one_of(st.none(), TOPIC, st.lists(TOPIC, max_size=3), st.lists(st.one_of(st.none(), TOPIC))),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_filter_finds_what_a_plain_walk_finds(world: World, data: st.DataObject) -> None:
    bound = st.one_of(
        st.sampled_from(["latest", "earliest"]), st.integers(0, world.head + 3).map(hex)
    )
    address = st.sampled_from([*world.emitters, "0x" + "99" * 20])
    query: dict[str, Any] = {}
    if data.draw(st.integers(0, 4)) == 0:
        query["blockHash"] = data.draw(st.sampled_from([b["hash"] for b in world.blocks]))
    else:
        bounds = [data.draw(bound), data.draw(bound)]
        if "latest" not in bounds:
            bounds.sort(key=world.height)  # a range that runs backwards is refused
        if data.draw(st.booleans()):
            query["fromBlock"] = bounds[0]
        if data.draw(st.booleans()):
            query["toBlock"] = bounds[1]
    if data.draw(st.booleans()):
        query["address"] = data.draw(st.one_of(address, st.lists(address, max_size=3)))
    if data.draw(st.booleans()):
        query["topics"] = data.draw(TOPICS)
    assert result(world.node, "eth_getLogs", query) == world.expected(query)


def test_the_model_is_not_vacuous(world: World) -> None:
    assert len(world.events) == 48
    for query in (
        {"fromBlock": "0x0"},
        {"fromBlock": "0x0", "address": world.emitters[0]},
        {"fromBlock": "0x0", "topics": [VALUES[0]]},
        {"fromBlock": "0x0", "topics": [None, VALUES]},
        {"fromBlock": "0x0", "topics": [None, None, None, VALUES[0]]},
        {"blockHash": world.blocks[-1]["hash"]},
    ):
        found = result(world.node, "eth_getLogs", query)
        assert found == world.expected(query)
        assert 0 < len(found) <= 48


def test_places_of_events_in_their_blocks(world: World) -> None:
    for block in world.blocks:
        events = [event for event in world.events if event["blockHash"] == block["hash"]]
        assert [int(event["logIndex"], 16) for event in events] == list(range(len(events)))
        assert {event["transactionHash"] for event in events} <= set(block["transactions"])


def test_a_filter_tells_news_once(local: Node) -> None:
    emitter, other = deploy(local, EMIT), deploy(local, EMIT)
    send(local, to=emitter, data=bytes(160))
    events = result(local, "eth_newFilter", {"address": emitter, "fromBlock": "0x0"})
    blocks = result(local, "eth_newBlockFilter")
    assert result(local, "eth_getFilterChanges", events) == []
    receipt = send(local, to=emitter, data=bytes(160))
    send(local, to=other, data=bytes(160))
    assert result(local, "eth_getFilterChanges", events) == receipt["logs"]
    assert result(local, "eth_getFilterChanges", events) == []
    assert len(result(local, "eth_getFilterLogs", events)) == 8
    newest = [hex(number(local, "eth_blockNumber") - 1), "latest"]
    assert result(local, "eth_getFilterChanges", blocks) == [
        result(local, "eth_getBlockByNumber", block, False)["hash"] for block in newest
    ]
    assert error(local, "eth_getFilterLogs", blocks)["message"] == "filter not found"
    assert result(local, "eth_uninstallFilter", events) is True
    assert result(local, "eth_uninstallFilter", events) is False
    assert error(local, "eth_getFilterChanges", events)["message"] == "filter not found"


def test_a_filter_of_a_range_tells_of_no_other_block(local: Node) -> None:
    emitter = deploy(local, EMIT)
    head = number(local, "eth_blockNumber")
    span = {"fromBlock": hex(head + 2), "toBlock": hex(head + 3)}
    watched = result(local, "eth_newFilter", span)
    receipts = [send(local, to=emitter, data=bytes(160)) for _ in range(4)]
    assert result(local, "eth_getFilterChanges", watched) == [
        *receipts[1]["logs"],
        *receipts[2]["logs"],
    ]


def test_a_block_that_replaces_another_is_news(local: Node) -> None:
    """Also where the chain is no higher than when the filter was asked last."""
    emitter = deploy(local, EMIT)
    snapshot = result(local, "evm_snapshot")
    watched = result(local, "eth_newFilter", {})
    first = send(local, to=emitter, data=bytes(160))
    assert result(local, "eth_getFilterChanges", watched) == first["logs"]
    result(local, "evm_revert", snapshot)
    assert result(local, "eth_getFilterChanges", watched) == []
    second = send(local, to=emitter, data=bytes(159))
    assert second["blockNumber"] == first["blockNumber"]
    assert result(local, "eth_getFilterChanges", watched) == second["logs"]


def test_filters_are_bounded_and_the_one_not_asked_goes_first(local: Node) -> None:
    first, second = (result(local, "eth_newFilter", {}) for _ in range(2))
    for _ in range(MAX_FILTERS - 2):
        result(local, "eth_newBlockFilter")
    result(local, "eth_getFilterChanges", first)
    result(local, "eth_newBlockFilter")
    assert result(local, "eth_getFilterChanges", first) == []
    assert error(local, "eth_getFilterChanges", second)["message"] == "filter not found"
