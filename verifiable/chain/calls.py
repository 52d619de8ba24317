"""Running a message without sending it, and reading a node's account of a failed execution."""

from __future__ import annotations

from typing import Any

from verifiable.chain.answers import MAX_DATA_BYTES, read_bytes, read_number
from verifiable.chain.fees import above_limit
from verifiable.chain.reverts import ErrorTable, decode_revert, reverted
from verifiable.chain.rpc import Node, NodeRefusal, bad_answer
from verifiable.errors import ChainError, Reverted

__all__ = ["BlockTag", "block_param", "call", "estimate_gas", "execution_failure", "message"]

BlockTag = str | int
"""A block by number, or `latest`, `finalized`, `safe`, `pending`, `earliest`."""

_REVERT_CODE = 3
_HALTS = (
    "out of gas",
    "outofgas",
    "invalid opcode",
    "invalid jump",
    "bad instruction",
    "stack underflow",
    "stack overflow",
    "stack limit",
    "write protection",
    "vm execution error",
    "evm error",
    "max code size",
    "contract code size",
)
_GAS_CAPS = ("gas required exceeds", "exceeds block gas limit", "gas limit too high", "gas cap")


def block_param(block: BlockTag) -> str:
    """A block as JSON-RPC names it."""
    return hex(block) if isinstance(block, int) else block


def message(
    *,
    sender: bytes | None,
    to: bytes | None,
    data: bytes,
    value: int = 0,
    gas: int | None = None,
) -> dict[str, str]:
    """A message as `eth_call` and `eth_estimateGas` take it."""
    fields = {"data": f"0x{data.hex()}"}
    if sender is not None:
        fields["from"] = f"0x{sender.hex()}"
    if to is not None:
        fields["to"] = f"0x{to.hex()}"
    if value:
        fields["value"] = hex(value)
    if gas is not None:
        fields["gas"] = hex(gas)
    return fields


def call(
    node: Node, fields: dict[str, str], block: BlockTag, *, errors: ErrorTable, what: str
) -> bytes:
    """Run a message on the state after a block.

    Args:
        fields: of `message`.
        errors: that a contract may give.
        what: says what failed if it does.

    Returns:
        The return data; empty too if there is no code at the address.

    Raises:
        Reverted: the execution failed.
        ChainError: the node failed.
    """
    try:
        answer = node.ask("eth_call", [fields, block_param(block)], lagging=True)
    except NodeRefusal as refusal:
        failure = execution_failure(refusal, errors=errors, what=what)
        raise failure or refusal from None
    return read_bytes(answer, "eth_call")


def estimate_gas(node: Node, fields: dict[str, str], *, errors: ErrorTable, what: str) -> int:
    """Gas that a transaction needs, as the node finds by running it.

    Raises:
        Reverted: it would fail.
        ChainError: `gas-above-limit`, `insufficient-funds`, or the node failed.
    """
    try:
        answer = node.ask("eth_estimateGas", [fields])
    except NodeRefusal as refusal:
        raise _estimate_failure(refusal, errors, what) from None
    return read_number(answer, "eth_estimateGas")


def execution_failure(
    refusal: NodeRefusal, *, errors: ErrorTable, what: str, transaction: bytes | None = None
) -> Reverted | None:
    """A revert or exceptional stop that a node reports; None if its error is another one."""
    data = _revert_data(refusal)
    if data is None and not (refusal.rpc_code == _REVERT_CODE or refusal.says("revert", *_HALTS)):
        return None
    reason = decode_revert(data or b"", errors)
    failure = reverted(reason, what=what, transaction=transaction, where=refusal.where)
    if refusal.says(*_HALTS) and not data:
        failure.why = f"the execution stopped: {refusal.text}"
    return failure


def _estimate_failure(refusal: NodeRefusal, errors: ErrorTable, what: str) -> ChainError:
    if refusal.says("insufficient funds", "insufficient balance"):
        return ChainError(
            "the account has too little for the transaction",
            where=refusal.where,
            why=refusal.text,
            code="insufficient-funds",
        )
    if refusal.says(*_GAS_CAPS):
        return above_limit(refusal.text)
    return execution_failure(refusal, errors=errors, what=what) or refusal


def _revert_data(refusal: NodeRefusal) -> bytes | None:
    """Revert data where nodes put it: `0x..`, `Reverted 0x..`, or an object's `data`."""
    found: Any = refusal.data
    if isinstance(found, dict):
        found = found.get("data")
    if not isinstance(found, str):
        return None
    head, mark, digits = found[: 2 * MAX_DATA_BYTES + 64].partition("0x")
    if not mark or head.strip().lower() not in ("", "reverted"):
        return None
    if len(found) > 2 * MAX_DATA_BYTES + 32:
        raise bad_answer("a call", f"holds more than {MAX_DATA_BYTES} bytes", where=refusal.where)
    return read_bytes(f"0x{digits}", "a call (revert data)")
