"""Run steps on a chain and write down what it does, in one form for every chain.

Only the standard library: an environment that holds another engine runs this file as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from evm_scenario import (
    Ask,
    Control,
    GoBack,
    PastHashes,
    Remember,
    Send,
    SendEstimated,
    Step,
)

WAIT_S = 60
DROPPED_S = 0.5
"""A transaction that a node has not known for so long is one that it dropped."""

Node = Callable[..., dict[str, Any]]
"""A JSON-RPC node: `node(method, *params)` is the response as it came."""

Seen = dict[str, Any]
State = dict[str, dict[str, Any]]
"""Accounts by address: nonce, balance, code, and the words of storage that are not zero."""

ZERO = "0x" + "00" * 20
"""Who mines: its balance is fees."""


class NodeRefused(Exception):
    """An answer was an error where none may be."""


def result(node: Node, method: str, *params: Any) -> Any:
    """The result of a request that must not fail."""
    response = node(method, *params)
    if "error" in response:
        raise NodeRefused(f"{method}: {response['error']}")
    return response["result"]


def run_steps(node: Node, steps: Sequence[Step]) -> tuple[list[Seen], dict[str, int]]:
    """Run the steps in order.

    Returns:
        What each one did, and the fees in wei that each account paid.
    """
    remembered: list[tuple[str, str, dict[str, int]]] = []
    fees: dict[str, int] = {}
    last = ""
    seen = []
    for step in steps:
        found: Seen
        if isinstance(step, Send):
            found = {} if step.message is None else _called(node, step.message)
            response = node("eth_sendRawTransaction", step.raw)
            found["refused"] = "error" in response
            if "result" in response:
                last = response["result"]
                found |= _included(node, last, fees)
                if step.created and found.get("created") != step.created:
                    raise AssertionError(f"{step.name}: created nothing there: {found}")
        elif isinstance(step, Ask):
            found = _called(node, step.message)
        elif isinstance(step, SendEstimated):
            gas = result(node, "eth_estimateGas", step.message)
            last = result(node, "eth_sendTransaction", {**step.message, "gas": gas})
            found = _included(node, last, fees)
            found["estimate is enough"] = int(gas, 16) >= found["gas"]
        elif isinstance(step, PastHashes):
            found = {"hashes": _past_hashes(node, step.contract)}
        elif isinstance(step, Control):
            result(node, step.method, *step.params)
            found = {}
        elif isinstance(step, Remember):
            height = result(node, "eth_blockNumber")
            remembered.append((result(node, "evm_snapshot"), height, dict(fees)))
            found = {}
        elif isinstance(step, GoBack):
            snapshot, height, fees = remembered.pop()
            found = {
                "went": result(node, "evm_revert", snapshot),
                "height is the old one": result(node, "eth_blockNumber") == height,
                "receipt": node("eth_getTransactionReceipt", last).get("result"),
            }
        seen.append({"name": step.name, **found})
    return seen, fees


def _called(node: Node, message: Mapping[str, Any]) -> Seen:
    """What a call returns; nodes word their errors differently, but their data is the EVM's."""
    response = node("eth_call", message, "pending")
    if "result" in response:
        return {"call": "ok", "output": response["result"]}
    data = response["error"].get("data")
    reverted = response["error"]["code"] == 3
    return {
        "call": "reverted" if reverted else "failed",
        "output": data if isinstance(data, str) else "0x",
    }


def _included(node: Node, transaction: str, fees: dict[str, int]) -> Seen:
    """What a transaction did; anvil takes some invalid ones, and drops them afterwards."""
    deadline = time.monotonic() + WAIT_S
    known = time.monotonic()
    while (receipt := result(node, "eth_getTransactionReceipt", transaction)) is None:
        now = time.monotonic()
        if now > deadline:
            raise NodeRefused("the transaction was never included")
        if result(node, "eth_getTransactionByHash", transaction) is not None:
            known = now
        elif now > known + DROPPED_S:
            return {"refused": True}
        time.sleep(0.002)
    ok = receipt["status"] == "0x1"
    fee = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    fees[receipt["from"]] = fees.get(receipt["from"], 0) + fee
    return {
        "ok": ok,
        "gas": int(receipt["gasUsed"], 16),
        "created": receipt["contractAddress"] if ok else None,
        "logs": [
            {"address": log["address"], "topics": log["topics"], "data": log["data"]}
            for log in receipt["logs"]
        ],
    }


def _past_hashes(node: Node, contract: str) -> dict[str, bool]:
    """The hashes of the two last blocks as the next one sees them, and those it cannot see."""
    head = int(result(node, "eth_blockNumber"), 16)

    def answer(number: int) -> str:
        message = {"to": contract, "data": f"0x{number:064x}"}
        return str(result(node, "eth_call", message, "pending"))

    def own(number: int) -> str:
        return str(result(node, "eth_getBlockByNumber", hex(number), False)["hash"])

    nothing = "0x" + "00" * 32
    return {
        "the last": answer(head) == own(head),
        "the one before": answer(head - 1) == own(head - 1),
        "its own is zero": answer(head + 1) == nothing,
        "the next is zero": answer(head + 2) == nothing,
    }


def read_state(node: Node, places: Mapping[str, Iterable[int]]) -> State:
    """The accounts at these addresses, with the words of storage in these slots.

    An account that is empty is left out: whether it is stored is the node's affair.
    """
    state = {}
    for address, slots in places.items():
        words = {
            f"0x{slot:064x}": result(node, "eth_getStorageAt", address, hex(slot), "latest")
            for slot in slots
        }
        state[address] = {
            "nonce": int(result(node, "eth_getTransactionCount", address, "latest"), 16),
            "balance": int(result(node, "eth_getBalance", address, "latest"), 16),
            "code": result(node, "eth_getCode", address, "latest"),
            "storage": {slot: held for slot, held in words.items() if int(held, 16)},
        }
    return state


def comparable(state: State, fees: Mapping[str, int]) -> State:
    """A state without what differs between chains by design.

    Accounts that are empty are left out, and the one that mines, which holds nothing but fees; the
    fees that an account paid are put back.
    """
    kept = {}
    for address, account in sorted(state.items()):
        empty = not account["nonce"] and not account["balance"] and account["code"] == "0x"
        if not empty and address != ZERO:
            kept[address] = {
                **account,
                "balance": account["balance"] + fees.get(address, 0),
                "storage": dict(sorted(account["storage"].items())),
            }
    return kept
