"""The rules that a transaction must satisfy before the engine sees it.

An engine below the transaction layer checks none of them. Every rule answers -32000 with geth's
wording, on which clients match; the order is geth's too, so that the first broken rule is named.
"""

from __future__ import annotations

from verifiable.chain.engine import Account
from verifiable.chain.gas import (
    MAX_INITCODE_BYTES,
    MAX_TRANSACTION_GAS,
    floor_gas,
    intrinsic_gas,
)
from verifiable.chain.local.refusals import invalid_transaction
from verifiable.chain.local.transactions import Transaction

__all__ = ["MAX_NONCE", "check_sender", "check_transaction"]

MAX_NONCE = (1 << 64) - 2
"""EIP-2681: the account's next nonce must fit in 64 bits."""


def check_transaction(
    tx: Transaction, *, chain_id: int, base_fee: int, block_gas_limit: int
) -> None:
    """Check what needs no account: chain, size, gas and fees.

    Raises:
        Refusal: (-32000) names the first rule that is broken.
    """
    if tx.chain_id != chain_id:
        raise invalid_transaction(
            f"invalid sender: invalid chain id for signer: have {tx.chain_id} want {chain_id}"
        )
    if tx.to is None and len(tx.data) > MAX_INITCODE_BYTES:
        raise invalid_transaction(
            f"max initcode size exceeded: code size {len(tx.data)}, limit {MAX_INITCODE_BYTES}"
        )
    if tx.gas_limit > block_gas_limit:
        raise invalid_transaction("exceeds block gas limit")
    if tx.gas_limit > MAX_TRANSACTION_GAS:
        raise invalid_transaction(
            f"transaction gas limit too high (cap: {MAX_TRANSACTION_GAS}, tx: {tx.gas_limit})"
        )
    _check_fees(tx, base_fee)
    message = tx.env(base_fee)
    if tx.gas_limit < (needed := intrinsic_gas(message)):
        raise invalid_transaction(
            f"intrinsic gas too low: gas {tx.gas_limit}, minimum needed {needed}"
        )
    if tx.gas_limit < (needed := floor_gas(message)):
        raise invalid_transaction(
            f"insufficient gas for floor data gas cost: gas {tx.gas_limit}, minimum needed {needed}"
        )


def check_sender(tx: Transaction, account: Account) -> None:
    """Check what depends on the sender's account: nonce, code, balance.

    Raises:
        Refusal: (-32000) names the first rule that is broken.
    """
    if tx.nonce < account.nonce:
        raise invalid_transaction(f"nonce too low: next nonce {account.nonce}, tx nonce {tx.nonce}")
    if tx.nonce > MAX_NONCE:
        raise invalid_transaction(
            f"nonce has max value: address 0x{tx.sender.hex()}, nonce: {tx.nonce}"
        )
    if tx.nonce > account.nonce:  # there is no pool where it could wait
        raise invalid_transaction(
            f"nonce too high: next nonce {account.nonce}, tx nonce {tx.nonce}"
        )
    if account.code:  # EIP-3607
        raise invalid_transaction(
            f"sender not an eoa: address 0x{tx.sender.hex()}, len(code): {len(account.code)}"
        )
    cost = tx.gas_limit * tx.max_fee + tx.value
    if account.balance < cost:
        raise invalid_transaction(
            f"insufficient funds for gas * price + value: balance {account.balance}, "
            f"tx cost {cost}, overshot {cost - account.balance}"
        )


def _check_fees(tx: Transaction, base_fee: int) -> None:
    if tx.priority_fee > tx.max_fee:
        raise invalid_transaction(
            f"max priority fee per gas higher than max fee per gas: address 0x{tx.sender.hex()}, "
            f"maxPriorityFeePerGas: {tx.priority_fee}, maxFeePerGas: {tx.max_fee}"
        )
    if tx.max_fee < base_fee:
        raise invalid_transaction(
            f"max fee per gas less than block base fee: address 0x{tx.sender.hex()}, "
            f"maxFeePerGas: {tx.max_fee}, baseFee: {base_fee}"
        )
