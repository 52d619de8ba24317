"""Waiting until a transaction is in a block deep enough, and why it failed if it did.

A receipt can vanish again: a reorganisation takes its block away, and the transaction comes back
in another one, or never. So it is read anew at every look, and only the last one counts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from verifiable.chain.answers import read_block, read_number, read_receipt
from verifiable.chain.calls import call, message
from verifiable.chain.reverts import ErrorTable
from verifiable.chain.rpc import Node, NodeUnreachable
from verifiable.chain.transaction import (
    PendingTransaction,
    Plan,
    Receipt,
    TxOptions,
    replacement_of,
)
from verifiable.errors import ChainError, Reverted
from verifiable.progress import Progress, ProgressEvent

__all__ = ["Waiting", "find_receipt", "lost_sight", "wait_for_receipt", "why_it_failed"]

_FIRST_LOOK_S = 0.02
_LAST_LOOK_S = 2.0
_REPLAYED = "found by running it again on the block before, where it may fail otherwise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How long to wait, and whom to tell.

    Attributes:
        timeout_s: seconds until a `PendingTransaction` is raised.
        progress: is told when a block holds the transaction, and when none does any more.
    """

    timeout_s: float
    progress: Progress


def find_receipt(node: Node, transaction: bytes) -> Receipt | None:
    """The receipt of a transaction, of status 0 or 1; None while no block holds it.

    Raises:
        ChainError: the node failed, or its answer is no receipt of this transaction.
    """
    method = "eth_getTransactionReceipt"
    answer = node.ask(method, [f"0x{transaction.hex()}"])
    return None if answer is None else read_receipt(answer, method, transaction=transaction)


def wait_for_receipt(
    node: Node, transaction: bytes, plan: Plan | None, options: TxOptions, waiting: Waiting
) -> Receipt:
    """Wait until a transaction has its confirmations.

    Args:
        plan: as it was sent, for a replacement; None if it is not known.

    Returns:
        The receipt, of status 0 or 1.

    Raises:
        PendingTransaction: time ran out, another transaction took the nonce, or the node failed:
            by `code` of that failure, so that the hash is never lost.
    """
    began_s = time.monotonic()
    pause_s, seen = _FIRST_LOOK_S, b""
    receipt = None
    while True:
        failure: NodeUnreachable | None = None
        try:
            receipt = find_receipt(node, transaction)
            if receipt is not None and _deep_enough(node, receipt, options.confirmations):
                return receipt
        except NodeUnreachable as cause:  # it may come back in time
            failure = cause
        except ChainError as cause:
            raise lost_sight(node, transaction, cause) from None
        block = b"" if receipt is None else receipt.block_hash
        if block != seen:
            waiting.progress(_event(transaction, seen, receipt, time.monotonic() - began_s))
            seen = block
        left_s = waiting.timeout_s - (time.monotonic() - began_s)
        if left_s <= 0 and failure is not None:
            raise lost_sight(node, transaction, failure)
        if left_s <= 0:
            raise _pending(node, transaction, plan, options, waiting, receipt)
        node.sleep(min(pause_s, left_s))
        pause_s = min(2 * pause_s, _LAST_LOOK_S)


def why_it_failed(node: Node, receipt: Receipt, plan: Plan, *, errors: ErrorTable) -> Reverted:
    """Find the reason of a transaction of status 0 by running it on the state before its block.

    A node keeps no reasons. Run again, the transaction has the number and the time of the block
    before, and lacks those ahead of it in its own block: where they matter it may fail otherwise,
    so the reason says how it was found.
    """
    what = f"the transaction 0x{receipt.transaction_hash.hex()} failed"
    fields = message(sender=plan.sender, to=plan.to, data=plan.data, value=plan.value, gas=plan.gas)
    hint = "all its gas was used: raise --gas-limit" if receipt.gas_used >= plan.gas else ""
    try:
        call(node, fields, receipt.block_number - 1, errors=errors, what=what)
        why = "the reason is not known: run again before its block, it passes"
    except Reverted as failure:
        failure.transaction = receipt.transaction_hash
        failure.why = f"{failure.why} ({_REPLAYED})"
        failure.hint = hint
        return failure
    except ChainError as failure:
        why = f"the reason cannot be read: {failure.what}: {failure.why}"
    return Reverted(
        what, transaction=receipt.transaction_hash, where=node.source, why=why, hint=hint
    )


def _deep_enough(node: Node, receipt: Receipt, confirmations: int) -> bool:
    """Whether the receipt's block and those after it are as many as the caller wants."""
    if confirmations <= 1:
        return True
    head = read_number(node.ask("eth_blockNumber"), "eth_blockNumber")
    if head - receipt.block_number + 1 < confirmations:
        return False
    # the receipt may come from a node that still follows a block which others have left
    method = "eth_getBlockByNumber"
    block = node.ask(method, [hex(receipt.block_number), False], lagging=True)
    return block is not None and (
        read_block(block, method, number=receipt.block_number).hash == receipt.block_hash
    )


def _event(
    transaction: bytes, seen: bytes, receipt: Receipt | None, elapsed_s: float
) -> ProgressEvent:
    if receipt is None:
        text = "lost its block to a reorganisation"
    elif seen:
        text = f"moved to block {receipt.block_number} by a reorganisation"
    else:
        text = f"is in block {receipt.block_number}"
    return ProgressEvent(
        phase="confirm", message=f"0x{transaction.hex()} {text}", elapsed_s=elapsed_s
    )


def lost_sight(node: Node, transaction: bytes, failure: ChainError) -> PendingTransaction:
    """The error for a transaction that was sent, and a node that then failed: it has the hash."""
    return PendingTransaction(
        f"the transaction 0x{transaction.hex()} was sent, and the node cannot tell more",
        transaction=transaction,
        where=node.source,
        why=f"{failure.what}: {failure.why}" if failure.why else failure.what,
        hint="look for it before you send another one",
        code=failure.code,
    )


def _pending(
    node: Node,
    transaction: bytes,
    plan: Plan | None,
    options: TxOptions,
    waiting: Waiting,
    receipt: Receipt | None,
) -> PendingTransaction:
    shown = f"the transaction 0x{transaction.hex()}"
    if receipt is not None:
        return PendingTransaction(
            f"{shown} is in block {receipt.block_number}, but not yet {options.confirmations} deep",
            transaction=transaction,
            where=node.source,
            why=f"{waiting.timeout_s:g} s were not enough",
            code="transaction-timeout",
        )
    if plan is not None and _nonce_is_used(node, plan):
        return PendingTransaction(
            f"{shown} is in no block, and another one has its nonce {plan.nonce}",
            transaction=transaction,
            where=node.source,
            hint="it was replaced, or the node has not seen its block yet",
            code="transaction-replaced",
        )
    return PendingTransaction(
        f"{shown} is in no block after {waiting.timeout_s:g} s",
        transaction=transaction,
        replacement=None if plan is None else replacement_of(plan, options),
        where=node.source,
        hint="wait longer, or replace it: the same nonce, and both fees an eighth higher",
        code="transaction-timeout",
    )


def _nonce_is_used(node: Node, plan: Plan) -> bool:
    """Whether a block holds a transaction of the plan's nonce; False if the node does not say."""
    method = "eth_getTransactionCount"
    try:
        count = read_number(node.ask(method, [f"0x{plan.sender.hex()}", "latest"]), method)
    except ChainError:  # that failure must not take the place of the transaction's hash
        return False
    return count > plan.nonce
