"""What tests of the embedded chain share: small contracts in EVM bytes, and ways to ask a node."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection
from typing import Any, Protocol

from eth_account import Account

from verifiable.chain.local.chain import LocalChain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS

GWEI = 10**9
CHAIN_ID = 31337

ALICE, BOB = ("0x" + account.address.hex() for account in DEV_ACCOUNTS[:2])
ALICE_KEY, BOB_KEY = (account.private_key for account in DEV_ACCOUNTS[:2])
NOBODY = "0x" + "11" * 20

STORE = bytes.fromhex("60003560005500")
"""Writes the first word of its calldata into slot 0."""

SHOW = bytes.fromhex("60005460005260206000f3")
"""Returns slot 0."""

REVERT_WITH_CALLDATA = bytes.fromhex("366000600037366000fd")
NUMBER = bytes.fromhex("4360005260206000f3")
TIMESTAMP = bytes.fromhex("4260005260206000f3")
BLOCKHASH = bytes.fromhex("6000354060005260206000f3")
BASEFEE = bytes.fromhex("4860005260206000f3")
INVALID = bytes.fromhex("fe")


def _log(count: int) -> str:
    topics = "".join(f"60{32 * place:02x}35" for place in reversed(range(count)))
    return f"{topics}60206000a{count}"


EMIT = bytes.fromhex("608035600052" + _log(0) + _log(1) + _log(2) + _log(4) + "00")
"""Emits events of 0, 1, 2 and 4 topics: the first words of its calldata; the fifth is the data."""

STORE_OR_SHOW = bytes.fromhex("36600f5760005460005260206000f35b60003560005500")
"""Without calldata as `SHOW`, else as `STORE`."""


def initcode(runtime: bytes) -> bytes:
    """Code that deploys `runtime`."""
    return bytes.fromhex(f"61{len(runtime):04x}80600a3d393df3") + runtime


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


class Node(Protocol):
    """A JSON-RPC node: the response as it came."""

    def __call__(self, method: str, *params: Any) -> dict[str, Any]: ...


def embedded(chain: LocalChain) -> Node:
    def ask(method: str, *params: Any) -> dict[str, Any]:
        return chain.request(method, list(params))

    return ask


def over_http(url: str) -> Node:
    place = url.removeprefix("http://")

    def ask(method: str, *params: Any) -> dict[str, Any]:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        connection = HTTPConnection(place, timeout=30)
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    return ask


def result(node: Node, method: str, *params: Any) -> Any:
    response = node(method, *params)
    assert "error" not in response, (method, response["error"])
    return response["result"]


def error(node: Node, method: str, *params: Any) -> dict[str, Any]:
    response = node(method, *params)
    assert "result" not in response, (method, response)
    return response["error"]


def number(node: Node, method: str, *params: Any) -> int:
    return int(result(node, method, *params), 16)


def signed(key: bytes, **fields: Any) -> str:
    """A raw transaction of type 2 by eth-account; a field of None is left out."""
    defaults = {
        "type": 2,
        "chainId": CHAIN_ID,
        "nonce": 0,
        "gas": 200_000,
        "maxFeePerGas": 10 * GWEI,
        "maxPriorityFeePerGas": GWEI,
        "to": NOBODY,
        "value": 0,
        "data": b"",
    }
    merged = {name: value for name, value in {**defaults, **fields}.items() if value is not None}
    return hexed(bytes(Account.sign_transaction(merged, key).raw_transaction))


def legacy(**fields: Any) -> dict[str, Any]:
    """Fields for `signed` that make it a legacy transaction."""
    return {
        "type": None,
        "maxFeePerGas": None,
        "maxPriorityFeePerGas": None,
        "gasPrice": 10 * GWEI,
        **fields,
    }


def send(node: Node, **fields: Any) -> dict[str, Any]:
    """Send from Alice through the node's own key; the receipt."""
    fields = {
        name: hexed(value) if isinstance(value, bytes) else value for name, value in fields.items()
    }
    sent = result(node, "eth_sendTransaction", {"from": ALICE, "gas": "0xf4240", **fields})
    return receipt_of(node, sent)


def receipt_of(node: Node, sent: str) -> dict[str, Any]:
    """The receipt; anvil has it a moment after it answered."""
    deadline = time.monotonic() + 10
    while True:
        receipt = result(node, "eth_getTransactionReceipt", sent)
        if receipt is not None:
            return receipt
        assert time.monotonic() < deadline, f"{sent} was not included"
        time.sleep(0.01)


def deploy(node: Node, runtime: bytes) -> str:
    """Deploy code; its address."""
    receipt = send(node, data=initcode(runtime))
    assert receipt["status"] == "0x1"
    return receipt["contractAddress"]
