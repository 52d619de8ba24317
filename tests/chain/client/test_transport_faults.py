"""Requests that get lost, and answers that are none."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from faulty_provider import (
    FaultyProvider,
    error,
    honest,
    lost_answer,
    lost_request,
    response,
    result,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from public_network import PublicNetwork

from verifiable.chain.accounts import KeySigner, UnlockedSigner
from verifiable.chain.client import Chain, TxOptions
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.errors import ChainError, VerifiableError

HERE = bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c")


class HttpFailure(OSError):
    """As requests raises it: the text has the address, the response its status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status} for url: https://node.example/v3/secret-key")
        self.response = type("Response", (), {"status_code": status})()


def http(status: int) -> Any:
    def fault(forward: Any, params: Any) -> Any:
        raise HttpFailure(status)

    return fault


@pytest.mark.parametrize("fault", [lost_request, lost_answer, http(503), http(429)])
def test_a_lost_request_is_sent_again(
    provider: FaultyProvider, chain: Chain, pauses: list[float], fault: Any
) -> None:
    provider.plan("eth_getCode", fault, fault, fault, fault, honest)
    assert chain.code(HERE)
    assert provider.count("eth_getCode") == 5
    assert pauses == [0.25, 0.5, 1.0, 2.0]


def test_a_silent_node_is_unreachable(provider: FaultyProvider, chain: Chain) -> None:
    provider.always("eth_getCode", lost_request)
    with pytest.raises(ChainError) as caught:
        chain.code(HERE)
    assert caught.value.code == "chain-unreachable"
    assert provider.count("eth_getCode") == 5


def test_a_provider_that_tries_by_itself_is_asked_once(
    provider: FaultyProvider, chain: Chain, signer: KeySigner, pauses: list[float]
) -> None:
    def gone(forward: Any, params: Any) -> Any:
        raise ChainError("the node is gone", code="unreachable-node")

    provider.plan("eth_getCode", gone)
    with pytest.raises(ChainError, match="the node is gone") as caught:
        chain.code(HERE)
    assert caught.value.code == "unreachable-node"
    assert pauses == []
    provider.plan("eth_getTransactionReceipt", gone, gone, gone)
    assert chain.send(signer, to=b"\xaa" * 20, data=b"").status == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refused_request_is_not_repeated(
    provider: FaultyProvider, chain: Chain, status: int
) -> None:
    provider.always("eth_getCode", http(status))
    with pytest.raises(ChainError, match=f"HTTP status {status}") as caught:
        chain.code(HERE)
    assert caught.value.code == "chain-unreachable"
    assert provider.count("eth_getCode") == 1


@pytest.mark.parametrize("fault", [lost_request, http(401)])
def test_secrets_of_an_address_stay_out_of_errors(
    provider: FaultyProvider, chain: Chain, fault: Any
) -> None:
    provider.always("eth_getCode", fault)
    with pytest.raises(ChainError) as caught:
        chain.code(HERE)
    text = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert "node.example" in text
    assert "secret-key" not in text
    assert "hunter2" not in text
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "fault",
    [
        error(-32005, "slow down"),
        error(429, "no"),
        error(-32000, "Your app has exceeded its compute units per second capacity"),
    ],
)
def test_a_rate_limit_is_waited_out(provider: FaultyProvider, chain: Chain, fault: Any) -> None:
    provider.plan("eth_getCode", fault, fault)
    assert chain.code(HERE)
    assert provider.count("eth_getCode") == 3


def test_a_refusal_is_not_repeated(provider: FaultyProvider, chain: Chain) -> None:
    provider.always("eth_getCode", error(-32602, "no\x1b[2J\u202ethank you" + "x" * 10_000))
    with pytest.raises(ChainError) as caught:
        chain.code(HERE)
    assert caught.value.code == "request-refused"
    assert provider.count("eth_getCode") == 1
    assert len(str(caught.value)) < 1000
    assert str(caught.value).isprintable()


def test_a_node_that_lags_behind_is_waited_for(network: PublicNetwork, pauses: list[float]) -> None:
    late = FaultyProvider(network)
    network.methods["eth_getCode"] = lambda address, block: "0x01"
    chain = Chain(late, url="https://late.example", sleep=pauses.append)
    late.plan("eth_getCode", error(-32000, "header not found"), error(-32000, "unknown block"))
    assert chain.code(HERE, 100) == b"\x01"
    late.always("eth_getCode", error(-32000, "header not found"))
    with pytest.raises(ChainError) as caught:
        chain.code(HERE, 100)
    assert caught.value.code == "no-such-block"


def test_what_the_node_signs_is_asked_once(provider: FaultyProvider, chain: Chain) -> None:
    unlocked = UnlockedSigner(DEV_ACCOUNTS[2].address)
    provider.always("eth_sendTransaction", lost_answer)
    with pytest.raises(ChainError) as caught:
        chain.send(unlocked, to=HERE, data=b"", options=TxOptions(gas_limit=100_000))
    assert caught.value.code == "transaction-unknown"
    assert provider.count("eth_sendTransaction") == 1


GARBAGE: list[Any] = [None, 7, "0x", [], {}, {"id": 1}, {"error": 7}, {"error": []}, b"", "<html>"]


@pytest.mark.parametrize("garbage", GARBAGE, ids=repr)
def test_a_response_that_is_none(provider: FaultyProvider, chain: Chain, garbage: Any) -> None:
    provider.always("eth_getCode", response(garbage))
    with pytest.raises(ChainError) as caught:
        chain.code(HERE)
    assert caught.value.code == "bad-answer"


WRONG_VALUES: list[Any] = [
    7,
    1.5,
    True,
    "",
    "0x",
    "12",
    "0xzz",
    "0x1",
    "0x" + "0" * 65,
    "0x" + "00" * (1 << 21),
    [],
    {},
    ["0x00"],
    {"number": "0x1"},
]


@pytest.mark.parametrize("value", WRONG_VALUES, ids=lambda value: repr(value)[:20])
def test_a_block_is_checked(provider: FaultyProvider, chain: Chain, value: Any) -> None:
    provider.always("eth_getBlockByNumber", result(value))
    with pytest.raises(ChainError) as caught:
        chain.block("latest")
    assert caught.value.code == "bad-answer"


def test_a_block_hash_has_32_bytes(provider: FaultyProvider, chain: Chain) -> None:
    for size in (0, 31, 33):
        block = {"number": "0x1", "timestamp": "0x1", "hash": "0x" + "11" * size}
        provider.plan("eth_getBlockByNumber", result(block))
        with pytest.raises(ChainError) as caught:
            chain.block(1)
        assert caught.value.code == "bad-answer"


def test_another_block_than_asked_for(provider: FaultyProvider, chain: Chain) -> None:
    block = {"number": "0x2", "timestamp": "0x1", "hash": "0x" + "11" * 32}
    provider.always("eth_getBlockByNumber", result(block))
    with pytest.raises(ChainError, match="is block 2, not 1") as caught:
        chain.block(1)
    assert caught.value.code == "bad-answer"
    assert chain.block("latest").number == 2


def test_code_is_bounded(provider: FaultyProvider, chain: Chain) -> None:
    provider.always("eth_getCode", result("0x" + "00" * ((1 << 16) + 1)))
    with pytest.raises(ChainError, match="more than 65536 bytes") as caught:
        chain.code(HERE)
    assert caught.value.code == "bad-answer"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["0x", "0x1", "0x" + "ab" * 20, "0x" + "ab" * 32, "0x" + "ff" * 40]),
    lambda inner: st.lists(inner, max_size=5)
    | st.dictionaries(
        st.sampled_from(
            ["number", "hash", "timestamp", "baseFeePerGas", "status", "logs", "blockHash",
             "blockNumber", "transactionHash", "gasUsed", "address", "topics", "data", "logIndex",
             "contractAddress", "code", "message", "from", "nonce", "gasPrice"]
        ),
        inner,
        max_size=8,
    ),
    max_leaves=20,
)  # fmt: skip
METHODS = [
    "eth_getBlockByNumber",
    "eth_getCode",
    "eth_call",
    "eth_getStorageAt",
    "eth_getBalance",
    "eth_getLogs",
    "eth_estimateGas",
    "eth_gasPrice",
    "eth_maxPriorityFeePerGas",
    "eth_getTransactionCount",
    "eth_sendRawTransaction",
    "eth_getTransactionReceipt",
    "eth_getTransactionByHash",
    "eth_blockNumber",
    "eth_chainId",
]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(method=st.sampled_from(METHODS), value=JSON, refused=st.booleans())
def test_nothing_but_our_errors_comes_out(method: str, value: Any, refused: bool) -> None:
    network = PublicNetwork()
    network.methods |= {
        "eth_getCode": lambda *_: "0x",
        "eth_call": lambda *_: "0x",
        "eth_getStorageAt": lambda *_: "0x0",
        "eth_getBalance": lambda *_: "0x0",
        "eth_getLogs": lambda *_: [],
    }
    provider = FaultyProvider(network)
    provider.always(method, response({"error": value}) if refused else result(value))
    signer = KeySigner(b"\x11" * 32)
    hidden = bytes(32)
    asked = 0
    try:
        chain = Chain(provider, url="fuzz", timeout_s=0, sleep=lambda seconds: None)
    except VerifiableError:
        return
    for question in (
        lambda: chain.block("latest"),
        lambda: chain.block("finalized"),
        lambda: chain.code(HERE),
        lambda: chain.call(HERE, b""),
        lambda: chain.storage(HERE, 0),
        lambda: chain.balance(HERE),
        lambda: chain.logs(HERE, from_block=0, to_block=3),
        lambda: chain.plan(HERE, to=HERE, data=b""),
        lambda: chain.send(signer, to=HERE, data=b"", options=TxOptions(confirmations=2)),
        lambda: chain.receipt(hidden),
        lambda: chain.replacement(hidden),
    ):
        try:
            question()
        except VerifiableError as cause:
            assert cause.code.replace("-", "").isalpha()  # noqa: PT017 (any of our errors will do)
        asked += 1
    assert asked == 11
