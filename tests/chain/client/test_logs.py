"""Events over many blocks, from nodes that limit ranges and from nodes that invent."""

from __future__ import annotations

from typing import Any

import pytest
from faulty_provider import FaultyProvider, error, result
from public_network import PublicNetwork

from verifiable.chain.client import Chain
from verifiable.chain.logs import CHUNK_BLOCKS
from verifiable.errors import ChainError

AT = b"\x11" * 20
TOPIC = b"\x22" * 32
OTHER = b"\x33" * 32


def log(block: int, index: int = 0, **members: Any) -> dict[str, Any]:
    return {
        "address": f"0x{AT.hex()}",
        "topics": [f"0x{TOPIC.hex()}"],
        "data": "0x",
        "logIndex": hex(index),
        "blockNumber": hex(block),
        "blockHash": "0x" + "44" * 32,
        "transactionHash": "0x" + "55" * 32,
    } | members


class LogNode:
    """A network with a log in every seventh block, whose node answers for short ranges only."""

    def __init__(self, network: PublicNetwork, limit: int) -> None:
        self.network = network
        self.limit = limit
        self.ranges: list[tuple[int, int]] = []

    def make_request(self, method: str, params: Any) -> Any:
        if method != "eth_getLogs":
            return self.network.make_request(method, params)
        first, last = (int(params[0][key], 16) for key in ("fromBlock", "toBlock"))
        if last - first >= self.limit:
            return error(-32005, "query returned more than 10000 results")(lambda: None, params)
        self.ranges.append((first, last))
        found = [log(block) for block in range(first, last + 1) if block % 7 == 0]
        return result(found[::-1])(lambda: None, params)


@pytest.mark.parametrize("limit", [1, 2, 5, 999, 2000, 10**9])
def test_ranges_are_cut_until_the_node_answers(
    network: PublicNetwork, pauses: list[float], limit: int
) -> None:
    node = LogNode(network, limit)
    chain = Chain(node, url="logs", sleep=pauses.append)
    last = 40 if limit < 5 else 5_000
    logs = chain.logs(AT, [TOPIC], from_block=3, to_block=last)
    assert [found.block_number for found in logs] == list(range(7, last + 1, 7))
    assert pauses == []
    covered = [block for first, end in node.ranges for block in range(first, end + 1)]
    assert covered == list(range(3, last + 1))
    assert max(end - first + 1 for first, end in node.ranges) <= min(limit, CHUNK_BLOCKS)


def test_the_last_block_may_be_a_tag(network: PublicNetwork) -> None:
    node = LogNode(network, 10**9)
    assert len(Chain(node, url="logs").logs(AT, from_block=0)) == 15
    assert node.ranges == [(0, 100)]
    assert Chain(node, url="logs").logs(AT, from_block=101) == []


def test_a_block_that_the_node_refuses(network: PublicNetwork, pauses: list[float]) -> None:
    chain = Chain(LogNode(network, 0), url="logs", sleep=pauses.append)
    with pytest.raises(ChainError) as caught:
        chain.logs(AT, from_block=0, to_block=100)
    assert caught.value.code == "request-refused"


def test_no_filter_is_left_on_the_node(chain: Chain, provider: FaultyProvider) -> None:
    chain.logs(AT, from_block=0)
    assert not any("ilter" in name for name, _ in provider.seen)


@pytest.mark.parametrize(
    "found",
    [
        log(5, address="0x" + "12" * 20),
        log(11),
        log(0),
        log(5, topics=[f"0x{OTHER.hex()}"]),
        log(5, topics=[]),
        log(5, topics=[f"0x{TOPIC.hex()}"] * 5),
        log(5, topics="0x"),
        log(5, topics=["0x12"]),
        log(5, data="0x1"),
        log(5, data=None),
        log(5, blockHash="0x" + "44" * 31),
        log(5, logIndex=None),
        log(5, data="0x" + "00" * ((1 << 20) + 1)),
        7,
        None,
    ],
)
def test_logs_that_were_not_asked_for(provider: FaultyProvider, chain: Chain, found: Any) -> None:
    provider.always("eth_getLogs", result([log(4), found]))
    with pytest.raises(ChainError) as caught:
        chain.logs(AT, [TOPIC], from_block=1, to_block=10)
    assert caught.value.code == "bad-answer"


def test_the_same_log_twice(provider: FaultyProvider, chain: Chain) -> None:
    provider.always("eth_getLogs", result([log(4), log(4)]))
    with pytest.raises(ChainError, match="the same log twice"):
        chain.logs(AT, [TOPIC], from_block=1, to_block=10)
    provider.always("eth_getLogs", result([log(4, 1), log(4, 0), log(2, 3)]))
    found = chain.logs(AT, [TOPIC], from_block=1, to_block=10)
    assert [(item.block_number, item.index) for item in found] == [(2, 3), (4, 0), (4, 1)]


def test_removed_logs_are_left_out(provider: FaultyProvider, chain: Chain) -> None:
    provider.always("eth_getLogs", result([log(4, removed=True), log(5, removed=False)]))
    found = chain.logs(AT, [TOPIC], from_block=1, to_block=10)
    assert [item.block_number for item in found] == [5]


def test_one_of_several_topics(provider: FaultyProvider, chain: Chain) -> None:
    provider.always("eth_getLogs", result([log(4)]))
    assert len(chain.logs(AT, [[OTHER, TOPIC]], from_block=1, to_block=10)) == 1
    assert len(chain.logs(AT, [None], from_block=1, to_block=10)) == 1
    with pytest.raises(ChainError):
        chain.logs(AT, [[OTHER]], from_block=1, to_block=10)
    with pytest.raises(ChainError):
        chain.logs(AT, [None, None], from_block=1, to_block=10)


def test_too_many_logs(provider: FaultyProvider, chain: Chain) -> None:
    provider.always("eth_getLogs", result([{}] * 100_001))
    with pytest.raises(ChainError, match="more than 100000 logs"):
        chain.logs(AT, from_block=1, to_block=10)


@pytest.mark.parametrize(
    ("code", "halved"),
    [
        ("node-answer-too-large", True),
        ("node-timeout", True),
        ("not-json-rpc", True),
        ("unreachable-node", False),
        ("node-denies-access", False),
        ("node-rate-limit", False),
        ("node-tls", False),
        ("bad-proxy", False),
    ],
)
def test_what_a_smaller_range_cannot_help(network: PublicNetwork, code: str, halved: bool) -> None:
    def failing(forward: Any, params: Any) -> Any:
        raise ChainError("no answer", code=code)

    provider = FaultyProvider(network)
    provider.always("eth_getLogs", failing)
    with pytest.raises(ChainError) as caught:
        Chain(provider, url="failing").logs(AT, from_block=0, to_block=2_000)
    assert caught.value.code == code
    assert provider.count("eth_getLogs") == (11 if halved else 1)
