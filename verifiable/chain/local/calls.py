"""Messages that leave no trace: calls, and estimates of the gas that a transaction needs."""

from __future__ import annotations

from verifiable.chain.engine import BlockEnv, Engine, Result, TxEnv
from verifiable.chain.gas import MAX_INITCODE_BYTES, MAX_TRANSACTION_GAS, required_gas
from verifiable.chain.local.fields import LATEST, PENDING, BlockId, CallFields
from verifiable.chain.local.node import Node
from verifiable.chain.local.refusals import (
    Refusal,
    halted,
    invalid_parameters,
    invalid_transaction,
    reverted,
)

__all__ = ["CALL_GAS", "call", "estimate"]

CALL_GAS = 30_000_000
"""What a call may use; it is no transaction, so EIP-7825 does not bind it."""

_TRANSFER_GAS = 21_000
_SLACK_GAS = 5_000
_NOBODY = bytes(20)


def call(node: Node, fields: CallFields, block: BlockId = LATEST) -> bytes:
    """Run a message on the state after a block.

    At the newest block it sees the number and the time of the one that comes next, at a block
    given by number or hash those of that block. The sender needs no balance and no nonce.

    Returns:
        The return data.

    Raises:
        Refusal: (3) it reverted; (-32000) it stopped otherwise, or there is no such block.
    """
    engine, env = _at(node, block)
    gas = CALL_GAS if fields.gas is None else min(fields.gas, CALL_GAS)
    message = _message(fields, gas)
    _check_message(message)
    if gas < (needed := required_gas(message)):
        raise invalid_transaction(f"intrinsic gas too low: gas {gas}, minimum needed {needed}")
    result = engine.call(env, message)
    return _output(result)


def estimate(node: Node, fields: CallFields, block: BlockId = LATEST) -> int:
    """Find a gas limit with which a transaction passes.

    More than it uses: refunds come at the end only, and an inner call gets at most 63/64 of what
    is left. So start above what was used, and raise until it passes.

    Returns:
        Units of gas, at most 2^24 (EIP-7825).

    Raises:
        Refusal: (3) it reverts; (-32000) no gas limit that is allowed and paid for is enough.
    """
    engine, env = _at(node, block)
    sender = engine.account(fields.sender or _NOBODY)
    if fields.value > sender.balance:
        raise invalid_transaction("insufficient funds for transfer")
    allowance = MAX_TRANSACTION_GAS if fields.gas is None else min(fields.gas, MAX_TRANSACTION_GAS)
    if price := _price(fields):
        allowance = min(allowance, (sender.balance - fields.value) // price)
    ceiling = _message(fields, allowance)
    _check_message(ceiling)
    if allowance < required_gas(ceiling):
        raise _too_little(allowance)
    result = engine.call(env, ceiling)
    if result.halt == "out of gas":
        raise _too_little(allowance)
    _output(result)
    used = result.gas_used
    if used == _TRANSFER_GAS:
        return used
    tries = [used + used // 63 + _SLACK_GAS]
    while tries[-1] < allowance:
        limit = tries[-1]
        if engine.call(env, _message(fields, limit)).ok:
            return limit
        tries.append(limit + limit // 4)  # a refund is at most a fifth of what was used before it
    return allowance


def _at(node: Node, block: BlockId) -> tuple[Engine, BlockEnv]:
    found = node.require(block)
    env = node.next_env() if block in (LATEST, PENDING) else node.env_of(found)
    return node.engine(found.state), env


def _message(fields: CallFields, gas: int) -> TxEnv:
    return TxEnv(
        sender=fields.sender or _NOBODY,
        to=fields.to,
        value=fields.value,
        data=fields.data,
        nonce=0,
        gas_limit=gas,
        gas_price=_price(fields),
        priority_fee=0,
        access_list=fields.access_list or (),
    )


def _price(fields: CallFields) -> int:
    """What GASPRICE reads; a call that names no price has none."""
    return fields.gas_price or fields.max_fee or 0


def _check_message(message: TxEnv) -> None:
    if message.to is None and len(message.data) > MAX_INITCODE_BYTES:
        raise invalid_transaction(
            f"max initcode size exceeded: code size {len(message.data)}, limit {MAX_INITCODE_BYTES}"
        )
    if message.gas_price >= 1 << 192:
        raise invalid_parameters("the gas price is out of range")


def _output(result: Result) -> bytes:
    if result.ok:
        return result.output
    raise halted(result.halt) if result.halt else reverted(result.output)


def _too_little(allowance: int) -> Refusal:
    return invalid_transaction(f"gas required exceeds allowance ({allowance})")
