"""Estimates: a transaction with the estimated gas passes, also where it needs more than it uses."""

from __future__ import annotations

import pytest
from local_chain_kit import (
    ALICE,
    BASEFEE,
    GWEI,
    NOBODY,
    STORE_OR_SHOW,
    Node,
    deploy,
    error,
    hexed,
    initcode,
    number,
    result,
    send,
    word,
)

SET_OR_CLEAR_TEN = bytes.fromhex(
    "600035" + "".join(f"8060{slot:02x}55" for slot in range(10)) + "00"
)
"""Writes the first word of calldata into ten slots: zeros give a refund at the end."""


def nested(inner: str) -> bytes:
    """Hands its calldata to another contract and fails if that fails."""
    return bytes.fromhex(
        "3660006000376000600036600060" + "0073" + inner[2:] + "5af1602d57600080fd5b00"
    )


def test_a_transfer_costs_exactly_the_least(local: Node) -> None:
    assert number(local, "eth_estimateGas", {"from": ALICE, "to": NOBODY, "value": "0x1"}) == 21_000


@pytest.mark.parametrize("value", [0, 1])
def test_refunds_come_at_the_end_only(local: Node, value: int) -> None:
    target = deploy(local, SET_OR_CLEAR_TEN)
    send(local, to=target, data=word(1))
    call = {"from": ALICE, "to": target, "data": hexed(word(value))}
    estimate = number(local, "eth_estimateGas", call)
    receipt = send(local, to=target, data=word(value), gas=hex(estimate))
    assert receipt["status"] == "0x1"
    used = int(receipt["gasUsed"], 16)
    assert used < estimate <= used * 5 // 4 * 5 // 4 + 10_000


def test_gas_used_alone_would_not_be_enough(local: Node) -> None:
    """So the estimate is more than a run's gas: the control of the test above."""
    target = deploy(local, SET_OR_CLEAR_TEN)
    send(local, to=target, data=word(1))
    snapshot = result(local, "evm_snapshot")
    used = int(send(local, to=target, data=word(0))["gasUsed"], 16)
    result(local, "evm_revert", snapshot)
    assert send(local, to=target, data=word(0), gas=hex(used))["status"] == "0x0"


def test_inner_calls_get_less_than_all(local: Node) -> None:
    target = deploy(local, SET_OR_CLEAR_TEN)
    for _ in range(4):
        target = deploy(local, nested(target))
    call = {"from": ALICE, "to": target, "data": hexed(word(1))}
    estimate = number(local, "eth_estimateGas", call)
    receipt = send(local, to=target, data=word(1), gas=hex(estimate))
    assert receipt["status"] == "0x1"
    assert int(receipt["gasUsed"], 16) > 200_000


def test_a_creation_passes_with_its_estimate(local: Node) -> None:
    code = hexed(initcode(BASEFEE))
    estimate = number(local, "eth_estimateGas", {"from": ALICE, "data": code})
    receipt = send(local, data=code, gas=hex(estimate))
    assert receipt["status"] == "0x1"
    assert number(local, "eth_estimateGas", {"data": code}) == estimate


def test_the_state_of_a_past_block_can_be_asked(local: Node) -> None:
    target = deploy(local, STORE_OR_SHOW)
    height = result(local, "eth_blockNumber")
    send(local, to=target, data=word(1))
    call = {"to": target, "data": hexed(word(1))}
    assert number(local, "eth_estimateGas", call, height) > number(local, "eth_estimateGas", call)


def test_limits_of_the_caller_bind(local: Node) -> None:
    target = deploy(local, STORE_OR_SHOW)
    call = {"from": NOBODY, "to": target, "data": hexed(word(1))}
    assert error(local, "eth_estimateGas", {**call, "gas": "0x7530"}) == {
        "code": -32000,
        "message": "gas required exceeds allowance (30000)",
    }
    assert error(local, "eth_estimateGas", {**call, "gas": "0x5207"})["message"] == (
        "gas required exceeds allowance (20999)"
    )
    result(local, "anvil_setBalance", NOBODY, hex(30_000 * GWEI))
    assert error(local, "eth_estimateGas", {**call, "maxFeePerGas": hex(GWEI)})["message"] == (
        "gas required exceeds allowance (30000)"
    )
    assert error(local, "eth_estimateGas", {**call, "value": hex(10**18)}) == {
        "code": -32000,
        "message": "insufficient funds for transfer",
    }
    assert number(local, "eth_estimateGas", {**call, "gas": hex(2**30)}) < 60_000


def test_what_could_never_start_is_refused_before_it_runs(local: Node) -> None:
    assert error(local, "eth_call", {"data": hexed(bytes(49_153))})["message"] == (
        "max initcode size exceeded: code size 49153, limit 49152"
    )
    assert error(local, "eth_estimateGas", {"data": hexed(bytes(49_153))})["message"] == (
        "max initcode size exceeded: code size 49153, limit 49152"
    )
    assert error(local, "eth_call", {"to": NOBODY, "gas": "0x5207"})["message"] == (
        "intrinsic gas too low: gas 20999, minimum needed 21000"
    )
