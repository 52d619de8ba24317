"""Transactions that the chain signs itself, for the accounts whose keys everybody has."""

from __future__ import annotations

from verifiable.chain.local.blocks import BASE_FEE
from verifiable.chain.local.calls import estimate
from verifiable.chain.local.dev_accounts import dev_key
from verifiable.chain.local.fields import CallFields
from verifiable.chain.local.node import Node
from verifiable.chain.local.refusals import invalid_parameters, invalid_transaction
from verifiable.chain.local.transactions import (
    FEE_MARKET,
    LEGACY,
    WITH_ACCESS_LIST,
    Transaction,
    sign,
)

__all__ = ["PRIORITY_FEE", "sign_for_sender"]

PRIORITY_FEE = 10**9
"""Wei a unit of gas that is advised for the proposer, as anvil advises."""


def sign_for_sender(node: Node, fields: CallFields) -> Transaction:
    """Make a transaction of what was given, fill in the rest, and sign it.

    Raises:
        Refusal: (-32000) the sender is no development account, or there is nothing to do; (-32602)
            the fields contradict each other; (3) the transaction would revert.
    """
    key = None if fields.sender is None else dev_key(fields.sender)
    if fields.sender is None or key is None:
        raise invalid_transaction("unknown account")
    if fields.to is None and not fields.data:
        raise invalid_transaction("contract creation without any data provided")
    kind = _kind(fields)
    max_fee, priority_fee = _fees(fields, kind)
    nonce = fields.nonce
    if nonce is None:
        nonce = node.engine().account(fields.sender).nonce
    unsigned = Transaction(
        kind=kind,
        chain_id=node.chain_id if fields.chain_id is None else fields.chain_id,
        nonce=nonce,
        max_fee=max_fee,
        priority_fee=priority_fee,
        gas_limit=estimate(node, fields) if fields.gas is None else fields.gas,
        to=fields.to,
        value=fields.value,
        data=fields.data,
        access_list=fields.access_list or (),
    )
    return sign(unsigned, key)


def _kind(fields: CallFields) -> int:
    kind = fields.kind
    if kind is None:
        if fields.gas_price is None:
            return FEE_MARKET
        return LEGACY if fields.access_list is None else WITH_ACCESS_LIST
    if kind not in (LEGACY, WITH_ACCESS_LIST, FEE_MARKET):
        raise invalid_transaction(f"transaction type not supported: {kind:#04x}")
    if kind == FEE_MARKET and fields.gas_price is not None:
        raise invalid_parameters("a transaction of type 2 has no gasPrice")
    if kind != FEE_MARKET and (fields.max_fee, fields.priority_fee) != (None, None):
        raise invalid_parameters(f"a transaction of type {kind} has no maxFeePerGas")
    if kind == LEGACY and fields.access_list:
        raise invalid_parameters("a transaction of type 0 has no accessList")
    return kind


def _fees(fields: CallFields, kind: int) -> tuple[int, int]:
    """Maximal fee and priority fee; types 0 and 1 have one price for both."""
    if kind != FEE_MARKET:
        price = BASE_FEE + PRIORITY_FEE if fields.gas_price is None else fields.gas_price
        return price, price
    tip = fields.priority_fee
    if fields.max_fee is None:
        tip = PRIORITY_FEE if tip is None else tip
        return 2 * BASE_FEE + tip, tip
    return fields.max_fee, min(PRIORITY_FEE, fields.max_fee) if tip is None else tip
