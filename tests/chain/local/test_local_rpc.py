"""JSON-RPC: answers of anvil's shape, refusals by code, and no exception for any parameters."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_chain_kit import (
    ALICE,
    ALICE_KEY,
    BASEFEE,
    BOB,
    EMIT,
    GWEI,
    INVALID,
    NOBODY,
    REVERT_WITH_CALLDATA,
    Node,
    deploy,
    error,
    hexed,
    initcode,
    number,
    receipt_of,
    result,
    send,
    signed,
    word,
)

from verifiable.chain.local.chain import LocalChain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.chain.local.rpc import METHODS

ZERO_HASH = "0x" + "00" * 32


def shape(value: Any) -> Any:
    """What kind of value it is: keys of objects, length of fixed data, quantity or data."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, str) and re.fullmatch(r"0x(0|[1-9a-f][0-9a-f]{0,15})", value):
        return "quantity"
    if isinstance(value, str) and re.fullmatch(r"0x([0-9a-f]{2})*", value):
        return len(value)
    return type(value).__name__


def scenario(node: Node) -> dict[str, Any]:
    """The same few blocks on any node, and what it says of them."""
    emitter = deploy(node, EMIT)
    topics = hexed(b"".join(word(2**255 + place) for place in range(5)))
    receipt = send(node, to=emitter, data=bytes.fromhex(topics[2:]))
    raws = [
        {"type": 1, "maxFeePerGas": None, "maxPriorityFeePerGas": None, "gasPrice": 9 * GWEI}
        | {"accessList": [{"address": NOBODY, "storageKeys": [ZERO_HASH]}]},
        {"type": None, "maxFeePerGas": None, "maxPriorityFeePerGas": None, "gasPrice": 9 * GWEI},
    ]
    sent = []
    for raw in raws:
        nonce = number(node, "eth_getTransactionCount", ALICE, "latest")
        sent.append(result(node, "eth_sendRawTransaction", signed(ALICE_KEY, nonce=nonce, **raw)))
        receipt_of(node, sent[-1])
    failed = send(node, to=deploy(node, REVERT_WITH_CALLDATA), data=b"\1")
    block = receipt["blockNumber"]
    return {
        "receipt": receipt,
        "failed": failed,
        "creation": result(node, "eth_getTransactionReceipt", failed["transactionHash"]),
        "transactions": [result(node, "eth_getTransactionByHash", item) for item in sent],
        "fee market": result(node, "eth_getTransactionByHash", receipt["transactionHash"]),
        "block": result(node, "eth_getBlockByNumber", block, False),
        "full": result(node, "eth_getBlockByHash", receipt["blockHash"], True),
        "genesis": result(node, "eth_getBlockByNumber", "earliest", False),
        "logs": result(node, "eth_getLogs", {"fromBlock": block, "toBlock": block}),
        "fees": result(node, "eth_feeHistory", "0x2", block, [10, 50]),
        "no receipt": result(node, "eth_getTransactionReceipt", ZERO_HASH),
        "no transaction": result(node, "eth_getTransactionByHash", ZERO_HASH),
        "no block": result(node, "eth_getBlockByHash", ZERO_HASH, False),
        "code": result(node, "eth_getCode", emitter, "latest"),
        "proxy": result(
            node, "eth_getCode", "0x4e59b44847b379578588920ca78fbf26c0b4956c", "latest"
        ),
        "storage": result(node, "eth_getStorageAt", emitter, "0x0", "latest"),
        "accounts": result(node, "eth_accounts"),
        "chain": result(node, "eth_chainId"),
        "network": result(node, "net_version"),
        "syncing": result(node, "eth_syncing"),
        "gas price": result(node, "eth_gasPrice"),
        "tip": result(node, "eth_maxPriorityFeePerGas"),
        "mined": result(node, "evm_mine"),
        "funded": result(node, "anvil_setBalance", NOBODY, "0x10"),
        "filter": [
            (identifier := result(node, "eth_newFilter", {"address": emitter})) is not None,
            send(node, to=emitter, data=bytes(160))["status"],
            result(node, "eth_getFilterChanges", identifier),
            result(node, "eth_getFilterChanges", identifier),
            result(node, "eth_getFilterLogs", identifier),
            result(node, "eth_uninstallFilter", identifier),
            result(node, "eth_uninstallFilter", identifier),
        ],
    }


@pytest.fixture
def both(local: Node, anvil: Node) -> tuple[dict[str, Any], dict[str, Any]]:
    return scenario(local), scenario(anvil)


def test_answers_have_anvils_shape(both: tuple[dict[str, Any], dict[str, Any]]) -> None:
    ours, theirs = both
    for name in theirs:
        want, have = shape(theirs[name]), shape(ours[name])
        if name in ("receipt", "failed", "creation"):
            # anvil's own: no blobs were carried, and the time is the block's, as a number
            del want["blobGasPrice"], want["blockTimestamp"]
        for objects in (want, have):
            if name in ("transactions", "full", "fee market"):
                without_signatures(objects)
        assert have == want, name


def without_signatures(value: Any) -> None:
    """`r` and `s` are quantities whose length is chance."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            for key in ("r", "s"):
                item.pop(key, None)
            without_signatures(item.get("transactions", []))


def test_answers_that_depend_on_nothing_equal_anvils(
    both: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    ours, theirs = both
    for name in ("code", "proxy", "storage", "accounts", "chain", "network", "syncing", "tip"):
        assert ours[name] == theirs[name], name
    for name in ("receipt", "failed"):
        for field in ("status", "gasUsed", "cumulativeGasUsed", "type", "from", "transactionIndex"):
            assert ours[name][field] == theirs[name][field], (name, field)
    same = ("topics", "data", "logIndex", "removed", "transactionIndex")
    assert [{field: log[field] for field in same} for log in ours["logs"]] == [
        {field: log[field] for field in same} for log in theirs["logs"]
    ]
    assert len(ours["logs"]) == 4


REVERTS = {
    "nothing": (b"", "execution reverted"),
    "a reason": (
        bytes.fromhex("08c379a0") + word(32) + word(5) + b"stop!".ljust(32, b"\0"),
        "execution reverted: stop!",
    ),
    "a reason cut short": (bytes.fromhex("08c379a0") + word(32) + word(50), "execution reverted"),
    "a panic": (
        bytes.fromhex("4e487b71") + word(0x11),
        "execution reverted: arithmetic underflow or overflow",
    ),
    "an unknown panic": (
        bytes.fromhex("4e487b71") + word(0x99),
        "execution reverted: unknown panic code: 0x99",
    ),
    "a custom error": (bytes.fromhex("deadbeef") + word(1), "execution reverted"),
}


@pytest.mark.parametrize("method", ["eth_call", "eth_estimateGas"])
@pytest.mark.parametrize("kind", REVERTS)
def test_a_revert_has_code_three_its_reason_and_its_data(
    local: Node, method: str, kind: str
) -> None:
    data, message = REVERTS[kind]
    target = deploy(local, REVERT_WITH_CALLDATA)
    refusal = error(local, method, {"to": target, "data": hexed(data)})
    assert refusal == {"code": 3, "message": message, "data": hexed(data)}


def test_anvil_gives_the_same_code_and_data(anvil: Node) -> None:
    target = deploy(anvil, REVERT_WITH_CALLDATA)
    for data, _ in REVERTS.values():
        refusal = error(anvil, "eth_call", {"to": target, "data": hexed(data)})
        assert (refusal["code"], refusal["data"]) == (3, hexed(data))


def test_an_exceptional_stop_is_no_revert(local: Node) -> None:
    target = deploy(local, INVALID)
    assert error(local, "eth_call", {"to": target}) == {
        "code": -32000,
        "message": "invalid opcode",
    }
    endless = deploy(local, bytes.fromhex("5b600056"))
    assert error(local, "eth_call", {"to": endless, "gas": "0x186a0"}) == {
        "code": -32000,
        "message": "out of gas",
    }
    assert error(local, "eth_estimateGas", {"to": endless, "gas": "0x186a0"}) == {
        "code": -32000,
        "message": "gas required exceeds allowance (100000)",
    }


def test_a_sent_transaction_that_reverts_is_included(local: Node) -> None:
    target = deploy(local, REVERT_WITH_CALLDATA)
    nonce = number(local, "eth_getTransactionCount", ALICE)
    receipt = send(local, to=target, data=b"\1")
    assert receipt["status"] == "0x0"
    assert receipt["logs"] == []
    assert number(local, "eth_getTransactionCount", ALICE) == nonce + 1


BAD: list[tuple[str, list[Any], str]] = [
    ("eth_getBalance", [], "missing value for required argument 0"),
    ("eth_getBalance", [None], "missing value for required argument 0"),
    ("eth_getBalance", [5], "invalid argument 0: 5 is not data"),
    ("eth_getBalance", ["0x12"], "invalid argument 0: '0x12' is not an address: want 20 bytes"),
    ("eth_getBalance", [NOBODY, "newest"], "invalid argument 1: 'newest' is not a quantity"),
    ("eth_getBalance", [NOBODY, "0x01"], "invalid argument 1: '0x01' is not a quantity"),
    ("eth_getBalance", [NOBODY, "0x"], "invalid argument 1: '0x' is not a quantity"),
    ("eth_getBalance", [NOBODY, 1], "invalid argument 1: 1 is not a quantity"),
    ("eth_getBalance", [NOBODY, "0x1" + "0" * 64], "invalid argument 1: "),
    ("eth_getBalance", [NOBODY, {}], "invalid argument 1: a block object has one of"),
    ("eth_getBalance", [NOBODY, "latest", 1], "too many arguments, want at most 2"),
    ("eth_chainId", [1], "too many arguments, want at most 0"),
    ("eth_getStorageAt", [NOBODY], "missing value for required argument 1"),
    ("eth_getStorageAt", [NOBODY, "0x"], "invalid argument 1: '0x' is not a storage slot"),
    ("eth_getStorageAt", [NOBODY, "0x" + "0" * 65], "invalid argument 1: "),
    ("eth_getBlockByNumber", ["latest", "true"], "invalid argument 1: 'true' is neither"),
    ("eth_getTransactionReceipt", ["0x12"], "invalid argument 0: '0x12' is not a hash"),
    ("eth_sendRawTransaction", ["0x1"], "invalid argument 0: '0x1' is not data"),
    ("eth_sendRawTransaction", ["zz"], "invalid argument 0: 'zz' is not data"),
    ("eth_call", ["0x"], "invalid argument 0: '0x' is not a transaction object"),
    ("eth_call", [{"to": "0x1"}], "invalid argument 0: to: "),
    ("eth_call", [{"value": 1}], "invalid argument 0: value: "),
    ("eth_call", [{"blobs": []}], "invalid argument 0: unknown field 'blobs'"),
    ("eth_call", [{"data": "0x01", "input": "0x02"}], 'invalid argument 0: both "data" and'),
    (
        "eth_call",
        [{"gasPrice": "0x1", "maxFeePerGas": "0x1"}],
        "invalid argument 0: both gasPrice and",
    ),
    ("eth_call", [{"accessList": [{"address": NOBODY}]}], "invalid argument 0: accessList: "),
    ("eth_getLogs", [[]], "invalid argument 0: a filter is an object"),
    ("eth_getLogs", [{"from": "0x1"}], "invalid argument 0: a filter is an object"),
    ("eth_getLogs", [{"topics": [None] * 5}], "invalid argument 0: exceed max topics"),
    ("eth_getLogs", [{"topics": "0x"}], "invalid argument 0: topics is a list"),
    ("eth_getLogs", [{"topics": ["0x12"]}], "invalid argument 0: '0x12' is not a hash"),
    ("eth_getLogs", [{"address": [NOBODY] * 1_001}], "invalid argument 0: exceed max addresses"),
    (
        "eth_getLogs",
        [{"blockHash": ZERO_HASH, "toBlock": "0x1"}],
        "invalid argument 0: cannot specify both",
    ),
    (
        "eth_getLogs",
        [{"fromBlock": "0x2", "toBlock": "0x1"}],
        "invalid argument 0: invalid block range params",
    ),
    (
        "eth_getLogs",
        [{"fromBlock": {"blockHash": ZERO_HASH}}],
        "invalid argument 0: a range of blocks",
    ),
    ("eth_feeHistory", ["0x1", "latest", [2, 1]], "invalid argument 2: invalid reward percent"),
    ("eth_feeHistory", ["0x1", "latest", [101]], "invalid argument 2: invalid reward percent"),
    ("eth_feeHistory", ["0x1", "latest", ["1"]], "invalid argument 2: '1' is not a percentile"),
    ("evm_increaseTime", [-1], "invalid argument 0: -1 is out of range"),
    ("evm_increaseTime", [True], "invalid argument 0: True is not a quantity"),
    ("evm_increaseTime", [2**70], "Timestamp error: "),
    ("evm_setNextBlockTimestamp", [2**70], "Timestamp error: "),
    ("evm_setNextBlockTimestamp", [5], "Timestamp error: 5 is not greater than"),
    ("evm_mine", [5], "Timestamp error: 5 is not greater than"),
]


@pytest.mark.parametrize(("method", "params", "message"), BAD)
def test_bad_parameters_are_refused(
    local: Node, method: str, params: list[Any], message: str
) -> None:
    refusal = error(local, method, *params)
    assert refusal["code"] == -32602
    assert refusal["message"].startswith(message)


def test_parameters_that_are_no_list_are_refused(chain: LocalChain) -> None:
    for params in ({"a": 1}, "0x", 5):
        assert chain.request("eth_chainId", params)["error"] == {
            "code": -32602,
            "message": "non-array args",
        }


def test_the_methods_that_clients_and_tools_rely_on_are_there() -> None:
    assert set(METHODS) == {
        "web3_clientVersion",
        "eth_chainId",
        "net_version",
        "eth_syncing",
        "eth_accounts",
        "eth_gasPrice",
        "eth_maxPriorityFeePerGas",
        "eth_feeHistory",
        "eth_getBalance",
        "eth_getTransactionCount",
        "eth_getCode",
        "eth_getStorageAt",
        "eth_call",
        "eth_estimateGas",
        "eth_sendRawTransaction",
        "eth_sendTransaction",
        "eth_blockNumber",
        "eth_getBlockByNumber",
        "eth_getBlockByHash",
        "eth_getTransactionByHash",
        "eth_getTransactionReceipt",
        "eth_getLogs",
        "eth_newFilter",
        "eth_newBlockFilter",
        "eth_getFilterChanges",
        "eth_getFilterLogs",
        "eth_uninstallFilter",
        "evm_mine",
        "evm_increaseTime",
        "evm_setNextBlockTimestamp",
        "evm_snapshot",
        "evm_revert",
        "anvil_setBalance",
    }


def test_an_unknown_method_is_named(local: Node, anvil: Node) -> None:
    assert error(local, "eth_mining") == {
        "code": -32601,
        "message": "the method eth_mining does not exist/is not available",
    }
    assert error(anvil, "eth_nope")["code"] == -32601


def test_what_is_not_there(local: Node) -> None:
    assert error(local, "eth_getBalance", NOBODY, "0x5") == {
        "code": -32000,
        "message": "header not found",
    }
    assert error(local, "eth_call", {}, {"blockHash": ZERO_HASH})["message"] == "header not found"
    assert error(local, "eth_getLogs", {"blockHash": ZERO_HASH}) == {
        "code": -32000,
        "message": "unknown block",
    }
    assert error(local, "eth_getFilterChanges", "0x1") == {
        "code": -32000,
        "message": "filter not found",
    }
    assert result(local, "eth_getBlockByNumber", hex(2**200), False) is None
    assert result(local, "evm_revert", hex(2**200)) is False


def test_development_accounts_sign_and_no_others_do(local: Node) -> None:
    refusal = error(local, "eth_sendTransaction", {"from": NOBODY, "to": ALICE})
    assert refusal == {"code": -32000, "message": "unknown account"}
    assert error(local, "eth_sendTransaction", {"to": ALICE})["message"] == "unknown account"
    assert error(local, "eth_sendTransaction", {"from": ALICE, "value": "0x1"}) == {
        "code": -32000,
        "message": "contract creation without any data provided",
    }
    for account in DEV_ACCOUNTS:
        sender = hexed(account.address)
        sent = result(local, "eth_sendTransaction", {"from": sender, "to": NOBODY, "value": "0x1"})
        found = result(local, "eth_getTransactionByHash", sent)
        assert (found["from"], found["type"], found["gas"]) == (sender, "0x2", "0x5208")
    assert number(local, "eth_getBalance", NOBODY) == len(DEV_ACCOUNTS)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "0x2"),
        ({"gasPrice": hex(3 * GWEI)}, "0x0"),
        ({"gasPrice": hex(3 * GWEI), "accessList": []}, "0x1"),
        ({"type": "0x0"}, "0x0"),
        ({"type": "0x1"}, "0x1"),
        ({"maxFeePerGas": hex(GWEI)}, "0x2"),
        ({"maxPriorityFeePerGas": "0x0"}, "0x2"),
    ],
)
def test_a_sent_transaction_has_the_type_that_its_fields_ask_for(
    local: Node, fields: dict[str, str], kind: str
) -> None:
    sent = result(local, "eth_sendTransaction", {"from": ALICE, "to": BOB, **fields})
    assert result(local, "eth_getTransactionByHash", sent)["type"] == kind


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"type": "0x3"}, -32000, "transaction type not supported: 0x03"),
        ({"type": "0x2", "gasPrice": "0x1"}, -32602, "a transaction of type 2 has no gasPrice"),
        ({"type": "0x0", "maxFeePerGas": "0x1"}, -32602, "a transaction of type 0 has no max"),
        (
            {"type": "0x0", "accessList": [{"address": NOBODY, "storageKeys": []}]},
            -32602,
            "a transaction of type 0 has no accessList",
        ),
        ({"nonce": "0x7"}, -32000, "nonce too high"),
        ({"chainId": "0x1"}, -32000, "invalid sender: invalid chain id"),
        ({"value": hex(10**30)}, -32000, "insufficient funds for transfer"),
        ({"value": hex(10**30), "gas": "0x5208"}, -32000, "insufficient funds for gas"),
        ({"nonce": hex(2**64)}, -32000, "nonce has max value"),
        ({"gas": hex(2**64)}, -32000, "exceeds block gas limit"),
    ],
)
def test_a_transaction_to_sign_must_make_sense(
    local: Node, fields: dict[str, Any], code: int, message: str
) -> None:
    refusal = error(local, "eth_sendTransaction", {"from": ALICE, "to": BOB, **fields})
    assert refusal["code"] == code
    assert refusal["message"].startswith(message)


def test_calls_are_free_and_leave_nothing(local: Node) -> None:
    before = result(local, "eth_getBlockByNumber", "latest", False)
    shown = result(
        local, "eth_call", {"from": NOBODY, "data": hexed(BASEFEE), "value": hex(10**30)}
    )
    assert int(shown, 16) == GWEI
    deployed = result(local, "eth_call", {"data": hexed(initcode(BASEFEE))})
    assert deployed == hexed(BASEFEE)
    assert result(local, "eth_getBlockByNumber", "latest", False) == before
    assert number(local, "eth_getBalance", NOBODY) == 0


JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-1, 2**260),
        st.floats(allow_nan=False),
        st.sampled_from(
            ["", "0x", "0x0", "latest", "pending", ALICE, ZERO_HASH, "0xzz", hex(2**255), "é"]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["from", "to", "data", "gas", "value", "topics", "address", "type"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(method=st.sampled_from([*sorted(METHODS), "nope"]), params=st.lists(JSON_VALUES, max_size=3))
def test_no_parameters_make_an_exception_or_an_internal_error(
    chain: LocalChain, method: str, params: list[Any]
) -> None:
    response = chain.request(method, params)
    json.dumps(response)
    assert ("result" in response) != ("error" in response)
    if "error" in response:
        assert response["error"]["code"] in (3, -32000, -32601, -32602), response


def test_a_closed_chain_says_so() -> None:
    chain = LocalChain.open(None)
    chain.close()
    chain.close()
    assert chain.request("eth_blockNumber")["error"] == {
        "code": -32000,
        "message": "the chain is closed",
    }


def test_the_embedded_chain_needs_neither_web3_nor_eth_account() -> None:
    script = (
        "import sys\n"
        "from verifiable.chain.local.chain import LocalChain\n"
        "chain = LocalChain.open(None)\n"
        "assert chain.request('eth_chainId', [])['result'] == '0x7a69'\n"
        "print([name for name in ('web3', 'eth_account', 'eth_tester') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
