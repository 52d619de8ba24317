"""Every rule of validity: a transaction that breaks it, by code and message; anvil agrees."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import pytest
from eth_account import Account
from local_chain_kit import (
    ALICE,
    ALICE_KEY,
    GWEI,
    NOBODY,
    Node,
    embedded,
    error,
    legacy,
    number,
    receipt_of,
    result,
    signed,
)

from verifiable.chain.local.chain import LocalChain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.chain.pyevm_engine import PyEvmEngine

TX_GAS = 1 << 24
ETHER = 10**18

NEVER = "taken and never included"
"""What anvil does with transactions that it does not judge before it makes a block."""

INCLUDED = "included"
"""Where anvil has no such rule."""

RULES: dict[str, tuple[dict[str, Any], str, str]] = {
    # name: (fields, our message, what anvil's message holds)
    "chain id": (
        {"chainId": 1},
        "invalid sender: invalid chain id for signer: have 1 want 31337",
        "invalid chain id for signer",
    ),
    "chain id of a legacy transaction": (
        legacy(chainId=1),
        "invalid sender: invalid chain id for signer: have 1 want 31337",
        NEVER,
    ),
    "no chain id": (
        legacy(chainId=None),
        "only replay-protected (EIP-155) transactions allowed over RPC",
        INCLUDED,
    ),
    "nonce too high": ({"nonce": 2}, "nonce too high: next nonce 1, tx nonce 2", NEVER),
    "nonce too low": ({"nonce": 0}, "nonce too low: next nonce 1, tx nonce 0", "nonce too low"),
    "last nonce": (
        {"nonce": 2**64 - 1},
        f"nonce has max value: address {ALICE}, nonce: {2**64 - 1}",
        NEVER,
    ),
    "fee below base fee": (
        {"maxFeePerGas": GWEI // 1000, "maxPriorityFeePerGas": 0},
        f"max fee per gas less than block base fee: address {ALICE}, "
        f"maxFeePerGas: {GWEI // 1000}, baseFee: {GWEI}",
        "max fee per gas less than block base fee",
    ),
    "legacy price below base fee": (
        legacy(gasPrice=1),
        f"max fee per gas less than block base fee: address {ALICE}, "
        f"maxFeePerGas: 1, baseFee: {GWEI}",
        "max fee per gas less than block base fee",
    ),
    "tip above fee": (
        {"maxFeePerGas": 2 * GWEI, "maxPriorityFeePerGas": 3 * GWEI},
        f"max priority fee per gas higher than max fee per gas: address {ALICE}, "
        f"maxPriorityFeePerGas: {3 * GWEI}, maxFeePerGas: {2 * GWEI}",
        "max priority fee per gas higher than max fee per gas",
    ),
    "balance": (
        {"value": 10_001 * ETHER, "gas": 21_000},
        "insufficient funds for gas * price + value: balance ",
        "insufficient funds for gas * price + value",
    ),
    "intrinsic gas": (
        {"gas": 20_999},
        "intrinsic gas too low: gas 20999, minimum needed 21000",
        "intrinsic gas too low",
    ),
    "intrinsic gas of calldata (EIP-2028)": (
        {"gas": 21_000 + 16 + 3, "data": b"\1\0"},
        "intrinsic gas too low: gas 21019, minimum needed 21020",
        NEVER,
    ),
    "intrinsic gas of an access list (EIP-2930)": (
        {
            "gas": 21_000 + 2_400 + 1_900 - 1,
            "accessList": [{"address": NOBODY, "storageKeys": ["0x" + "00" * 32]}],
        },
        "intrinsic gas too low: gas 25299, minimum needed 25300",
        NEVER,
    ),
    "intrinsic gas of initcode (EIP-3860)": (
        {"gas": 53_000 + 33 * 4 + 3, "to": b"", "data": bytes(33)},
        "intrinsic gas too low: gas 53135, minimum needed 53136",
        NEVER,
    ),
    "floor of calldata (EIP-7623)": (
        {"gas": 21_000 + 100 * 40 - 1, "data": b"\1" * 100},
        "insufficient gas for floor data gas cost: gas 24999, minimum needed 25000",
        NEVER,
    ),
    "gas of a transaction (EIP-7825)": (
        {"gas": TX_GAS + 1},
        "transaction gas limit too high (cap: 16777216, tx: 16777217)",
        "tx_gas_limit_cap",
    ),
    "gas of a block": ({"gas": 60_000_001}, "exceeds block gas limit", "gas_limit"),
    "initcode (EIP-3860)": (
        {"gas": TX_GAS, "to": b"", "data": bytes(49_153)},
        "max initcode size exceeded: code size 49153, limit 49152",
        "max initcode size exceeded",
    ),
}


def prepared(node: Node, fields: dict[str, Any]) -> str:
    """Alice has sent one transaction, so that a nonce can be too low."""
    nonce = number(node, "eth_getTransactionCount", ALICE, "latest")
    receipt_of(node, result(node, "eth_sendRawTransaction", signed(ALICE_KEY, nonce=nonce)))
    return signed(ALICE_KEY, **{"nonce": nonce + 1, **fields})


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_is_refused_in_geths_words(local: Node, rule: str) -> None:
    fields, message, _ = RULES[rule]
    raw = prepared(local, fields)
    before = result(local, "eth_getBlockByNumber", "latest", True)
    refusal = error(local, "eth_sendRawTransaction", raw)
    assert refusal["code"] == -32000
    assert refusal["message"].startswith(message)
    assert message.endswith("balance ") or refusal["message"] == message
    assert result(local, "eth_getBlockByNumber", "latest", True) == before


@pytest.mark.parametrize("rule", RULES)
def test_anvil_does_not_include_it_either(anvil: Node, rule: str) -> None:
    fields, _, theirs = RULES[rule]
    response = anvil("eth_sendRawTransaction", prepared(anvil, fields))
    if theirs in (NEVER, INCLUDED):
        result(anvil, "evm_mine")
        receipt = result(anvil, "eth_getTransactionReceipt", response["result"])
        assert (receipt is None) == (theirs == NEVER)
        result(anvil, "anvil_dropAllTransactions")
    else:
        assert theirs in response["error"]["message"].lower()


@pytest.mark.parametrize(
    "fields",
    [
        {"gas": 21_000},
        {"gas": 21_000 + 2 * 40, "data": b"\1\1"},
        {"gas": TX_GAS},
        {"gas": TX_GAS, "to": b"", "data": bytes(49_152)},
        {"maxFeePerGas": GWEI, "maxPriorityFeePerGas": GWEI},
        {
            "gas": 21_000 + 2_400 + 1_900,
            "accessList": [{"address": NOBODY, "storageKeys": ["0x" + "00" * 32]}],
        },
        legacy(),
        {"type": 1, "maxFeePerGas": None, "maxPriorityFeePerGas": None, "gasPrice": GWEI},
    ],
    ids=lambda fields: ",".join(fields),
)
def test_what_just_satisfies_the_rules_is_included(local: Node, fields: dict[str, Any]) -> None:
    sent = result(local, "eth_sendRawTransaction", prepared(local, fields))
    receipt = result(local, "eth_getTransactionReceipt", sent)
    assert receipt["status"] == "0x1"
    assert int(receipt["gasUsed"], 16) <= fields.get("gas", 200_000)


def test_an_access_list_reaches_the_engine(local: Node, anvil: Node) -> None:
    listed = [{"address": NOBODY, "storageKeys": ["0x" + "00" * 32]}]
    for node in (local, anvil):
        sent = result(node, "eth_sendRawTransaction", prepared(node, {"accessList": listed}))
        assert int(receipt_of(node, sent)["gasUsed"], 16) == 25_300


def test_the_whole_cost_must_be_there(local: Node) -> None:
    """Gas is paid for at its maximal price beforehand, whatever is given back."""
    balance = number(local, "eth_getBalance", ALICE, "latest")
    gas, price = 21_000, 5 * GWEI
    fees = {"gas": gas, "maxFeePerGas": price, "maxPriorityFeePerGas": 0}
    value = balance - gas * price
    refusal = error(local, "eth_sendRawTransaction", signed(ALICE_KEY, value=value + 1, **fees))
    assert refusal["message"] == (
        f"insufficient funds for gas * price + value: balance {balance}, "
        f"tx cost {balance + 1}, overshot 1"
    )
    result(local, "eth_sendRawTransaction", signed(ALICE_KEY, value=value, **fees))
    assert number(local, "eth_getBalance", ALICE, "latest") == gas * (price - GWEI)


def test_an_account_with_code_cannot_send() -> None:
    """EIP-3607; the engine's genesis gives the last development account code."""
    coded = DEV_ACCOUNTS[-1]

    class Coded(PyEvmEngine):
        def __init__(self, store: MutableMapping[bytes, bytes]) -> None:
            super().__init__(store)

        def fund(self, address: bytes, wei: int) -> None:
            super().fund(address, wei)
            if address == coded.address:
                self.place(address, b"\0\1")

    with LocalChain.open(None, engine=Coded) as chain:
        node = embedded(chain)
        refusal = error(node, "eth_sendRawTransaction", signed(coded.private_key, nonce=1))
        assert refusal == {
            "code": -32000,
            "message": f"sender not an eoa: address 0x{coded.address.hex()}, len(code): 2",
        }
        result(node, "eth_sendRawTransaction", signed(ALICE_KEY))


def test_types_of_blobs_and_delegations_are_refused_by_name(local: Node) -> None:
    delegation = Account.sign_authorization(
        {"chainId": 31337, "address": NOBODY, "nonce": 1}, ALICE_KEY
    )
    raw = signed(ALICE_KEY, type=4, authorizationList=[delegation])
    assert error(local, "eth_sendRawTransaction", raw) == {
        "code": -32000,
        "message": "transaction type not supported: set code transactions (EIP-7702)",
    }
    assert error(local, "eth_sendRawTransaction", "0x03c0") == {
        "code": -32000,
        "message": "transaction type not supported: blob transactions (EIP-4844)",
    }
    assert error(local, "eth_sendRawTransaction", "0x05c0") == {
        "code": -32000,
        "message": "transaction type not supported: 0x05",
    }


def test_code_that_may_not_be_deployed_fails_and_uses_all_gas(local: Node, anvil: Node) -> None:
    """Too long by EIP-170, or starting with 0xEF by EIP-3541: included, status 0."""
    too_long = bytes.fromhex("6160016000f3")
    forbidden = bytes.fromhex("60ef60005360016000f3")
    for node in (local, anvil):
        for code in (too_long, forbidden):
            raw = prepared(node, {"to": b"", "data": code, "gas": 6_000_000})
            receipt = receipt_of(node, result(node, "eth_sendRawTransaction", raw))
            assert receipt["status"] == "0x0"
            assert int(receipt["gasUsed"], 16) == 6_000_000


def test_the_same_transaction_twice_has_a_nonce_too_low(local: Node) -> None:
    raw = signed(ALICE_KEY)
    result(local, "eth_sendRawTransaction", raw)
    refusal = error(local, "eth_sendRawTransaction", raw)
    assert refusal["message"] == "nonce too low: next nonce 1, tx nonce 0"
