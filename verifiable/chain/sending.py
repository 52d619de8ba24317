"""From a message to a transaction that a node has accepted.

The order is what makes it safe: gas and fees first, since finding them may fail; then the nonce,
under the account's lock; then signing and sending the same bytes until a node has them. A
transaction is never signed twice for one call: when no answer comes, the error says under which
hash it may still appear.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from verifiable.chain.answers import read_hash, read_member
from verifiable.chain.calls import estimate_gas, message
from verifiable.chain.fees import above_limit, gas_limit, suggest_fees
from verifiable.chain.nonces import next_nonce
from verifiable.chain.reverts import ErrorTable
from verifiable.chain.rpc import Node, NodeRefusal, bad_answer
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import (
    MAX_TRANSACTION_GAS,
    PendingTransaction,
    Plan,
    TxOptions,
)
from verifiable.errors import ChainError
from verifiable.statement.hashing import keccak

__all__ = ["Submitted", "make_plan", "submit", "transaction_fields"]

_KNOWN = (
    "already known",
    "already imported",
    "already exists",
    "already in mempool",
    "alreadyknown",
)
_NONCE_TOO_LOW = ("nonce too low", "nonce is too low", "oldnonce", "invalid nonce")
_UNDERPRICED = ("underpriced", "fee too low", "feetoolow", "below the base fee", "less than block")
_FUNDS = ("insufficient funds", "insufficient balance", "insufficientfunds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A transaction that a node has accepted: its hash, and what was sent."""

    transaction: bytes
    plan: Plan


def make_plan(
    node: Node,
    *,
    chain_id: int,
    sender: bytes,
    to: bytes | None,
    data: bytes,
    value: int,
    options: TxOptions,
    errors: ErrorTable,
    what: str,
) -> Plan:
    """Find gas, fees and the nonce of a transaction as they are at this moment.

    Args:
        chain_id: the node's, which the caller has compared.
        errors: that a contract may give.
        what: says what failed if the transaction would.

    Raises:
        Reverted: the transaction would fail.
        ChainError: it cannot be made, or the node failed.
    """
    plan = _priced(
        node,
        Plan(
            chain_id=chain_id,
            sender=sender,
            to=to,
            value=value,
            data=data,
            nonce=0,
            gas=0,
            max_fee=0,
            priority_fee=None,
        ),
        options,
        errors,
        what,
    )
    with next_nonce(node, chain_id=chain_id, address=sender, chosen=options.nonce) as nonce:
        return replace(plan, nonce=nonce.value)


def submit(
    node: Node, signer: Signer, plan: Plan, *, options: TxOptions, errors: ErrorTable, what: str
) -> Submitted:
    """Sign a transaction and send it until a node has it.

    Args:
        plan: recipient, value and data; gas, fees and nonce are found anew, see `options`.

    Returns:
        Its hash, and the plan as it was sent.

    Raises:
        Reverted: the transaction would fail; it was not sent.
        PendingTransaction: no usable answer came: it may have been sent.
        ChainError: it was refused, or cannot be made.
        AccountError: the key cannot be used.
    """
    plan = _priced(node, plan, options, errors, what)
    with next_nonce(
        node, chain_id=plan.chain_id, address=plan.sender, chosen=options.nonce
    ) as nonce:
        plan = replace(plan, nonce=nonce.value)
        fields = transaction_fields(plan, nonce.value)
        if signer.unlocked:
            transaction = _send_unlocked(node, fields, plan)
        else:
            transaction = _send_raw(node, signer.sign(fields), plan)
        nonce.used()
    return Submitted(transaction=transaction, plan=plan)


def _priced(node: Node, plan: Plan, options: TxOptions, errors: ErrorTable, what: str) -> Plan:
    """The plan with gas and fees."""
    if options.gas_limit is None:
        fields = message(sender=plan.sender, to=plan.to, data=plan.data, value=plan.value)
        gas = gas_limit(estimate_gas(node, fields, errors=errors, what=what))
    elif options.gas_limit > MAX_TRANSACTION_GAS:
        raise above_limit(f"the gas limit was set to {options.gas_limit}")
    else:
        gas = options.gas_limit
    fees = suggest_fees(node, options)
    return replace(plan, gas=gas, max_fee=fees.max_fee, priority_fee=fees.priority_fee)


def transaction_fields(plan: Plan, nonce: int) -> dict[str, Any]:
    """A plan as a signer takes it (`signing.Transaction`)."""
    fields: dict[str, Any] = {
        "chainId": plan.chain_id,
        "nonce": nonce,
        "gas": plan.gas,
        "value": plan.value,
        "data": plan.data,
    }
    if plan.to is not None:
        fields["to"] = plan.to
    if plan.priority_fee is None:
        fields["gasPrice"] = plan.max_fee
    else:
        fields |= {
            "type": 2,
            "maxFeePerGas": plan.max_fee,
            "maxPriorityFeePerGas": plan.priority_fee,
        }
    return fields


def _send_raw(node: Node, raw: bytes, plan: Plan) -> bytes:
    """Send signed bytes, as often as it takes: the hash is theirs, so they count once."""
    expected = keccak(raw)
    method = "eth_sendRawTransaction"
    try:
        found = read_hash(node.ask(method, [f"0x{raw.hex()}"]), method)
    except NodeRefusal as refusal:
        if refusal.says(*_KNOWN) or refusal.text.lower().startswith("known transaction"):
            return expected
        # an earlier try may have arrived although its answer was lost, whatever is said of this one
        if _has(node, expected):
            return expected
        raise _refused(refusal, plan) from None
    except ChainError as failure:
        if _has(node, expected):
            return expected
        raise _unknown(failure, expected, node) from None
    if found != expected:
        raise _unknown(bad_answer(method, f"is another hash, 0x{found.hex()}"), expected, node)
    return expected


def _send_unlocked(node: Node, fields: dict[str, Any], plan: Plan) -> bytes:
    """Let the node sign, once: asked again, it would sign another transaction."""
    method = "eth_sendTransaction"
    shown = {
        key: f"0x{value.hex()}" if isinstance(value, bytes) else hex(value)
        for key, value in fields.items()
    }
    try:
        return read_hash(node.ask(method, [shown | {"from": f"0x{plan.sender.hex()}"}]), method)
    except NodeRefusal as refusal:
        raise _refused(refusal, plan) from None
    except ChainError as failure:
        raise _unknown(failure, None, node) from None


def _has(node: Node, transaction: bytes) -> bool:
    """Whether the node knows a transaction; False if it does not say."""
    method = "eth_getTransactionByHash"
    try:
        found = node.ask(method, [f"0x{transaction.hex()}"])
        return (
            found is not None
            and read_hash(read_member(found, "hash", method), method) == transaction
        )
    except ChainError:
        return False


def _unknown(failure: ChainError, transaction: bytes | None, node: Node) -> PendingTransaction:
    name = "" if transaction is None else f" 0x{transaction.hex()}"
    return PendingTransaction(
        f"the transaction{name} may have been sent",
        transaction=transaction,
        where=node.source,
        why=f"{failure.what}: {failure.why}" if failure.why else failure.what,
        hint="look for it before you send another one",
        code="transaction-unknown",
    )


def _refused(refusal: NodeRefusal, plan: Plan) -> ChainError:
    """What a node's refusal of a transaction means."""
    if refusal.says(*_FUNDS):
        return ChainError(
            f"0x{plan.sender.hex()} has too little for the transaction",
            where=refusal.where,
            why=f"it costs up to {plan.max_cost} wei; {refusal.text}",
            code="insufficient-funds",
        )
    if refusal.says(*_UNDERPRICED):
        return ChainError(
            "the node wants higher fees for the transaction",
            where=refusal.where,
            why=refusal.text,
            hint="raise --gas-price and --priority-gas-price; one that replaces another needs both "
            "an eighth higher",
            code="transaction-underpriced",
        )
    if refusal.says(*_NONCE_TOO_LOW):
        return ChainError(
            f"the nonce {plan.nonce} is used already",
            where=refusal.where,
            why=refusal.text,
            hint="another program may use the same account; try again",
            code="nonce-too-low",
        )
    return ChainError(
        "the node refused the transaction",
        where=refusal.where,
        why=refusal.text,
        code="transaction-refused",
    )
