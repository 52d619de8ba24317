"""What a unit of gas may cost, and how much gas a transaction asks for."""

from __future__ import annotations

from dataclasses import dataclass

from verifiable.chain.answers import read_member, read_number
from verifiable.chain.rpc import Node, NodeRefusal
from verifiable.chain.transaction import MAX_TRANSACTION_GAS, TxOptions
from verifiable.errors import ChainError

__all__ = ["MAX_SUGGESTED_FEE", "Fees", "above_limit", "gas_limit", "suggest_fees"]

MAX_SUGGESTED_FEE = 10_000 * 10**9
"""Wei a unit of gas that a node may suggest; more must be set by hand.

The sender pays the tip that it offers, whatever others pay: a node that lies could empty the
account of who believes it.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """Wei a unit of gas.

    Attributes:
        max_fee: at most, the price itself for a legacy transaction.
        priority_fee: for the block's proposer; None for a legacy transaction.
    """

    max_fee: int
    priority_fee: int | None


def suggest_fees(node: Node, options: TxOptions) -> Fees:
    """Twice the base fee and a tip, or the gas price where blocks have no base fee.

    Twice the base fee lasts for six full blocks in a row, each of which raises it by an eighth.

    Raises:
        ChainError: the node fails; `bad-fees`: the options contradict each other; `fee-too-high`:
            the node suggests more than `MAX_SUGGESTED_FEE`.
    """
    head = node.ask("eth_getBlockByNumber", ["latest", False])
    base = read_member(head, "baseFeePerGas", "eth_getBlockByNumber")
    if base is None or options.legacy:
        if options.priority_gas_price is not None:
            raise _contradiction("a legacy transaction has no priority gas price")
        if options.gas_price is not None:
            return Fees(max_fee=options.gas_price, priority_fee=None)
        return Fees(max_fee=_modest(_gas_price(node)), priority_fee=None)
    base_fee = read_number(base, "eth_getBlockByNumber (base fee)", bits=128)
    tip = options.priority_gas_price
    if tip is None:
        tip = _modest(_suggested_tip(node, base_fee))
        if options.gas_price is not None:
            tip = min(tip, options.gas_price)
    if options.gas_price is not None:
        if tip > options.gas_price:
            raise _contradiction("the priority gas price is above the gas price")
        return Fees(max_fee=options.gas_price, priority_fee=tip)
    return Fees(max_fee=_modest(2 * base_fee) + tip, priority_fee=tip)


def gas_limit(estimate: int) -> int:
    """A fifth more than the estimate, since state may change before the transaction runs.

    Raises:
        ChainError: `gas-above-limit`: the estimate is above what any transaction may use.
    """
    if estimate > MAX_TRANSACTION_GAS:
        raise above_limit(f"{estimate} gas is needed")
    return min(-(-estimate * 6 // 5), MAX_TRANSACTION_GAS)


def above_limit(why: str) -> ChainError:
    """The error for a transaction that no block can hold."""
    return ChainError(
        f"the transaction needs more gas than the limit of {MAX_TRANSACTION_GAS} (2^24)",
        why=why,
        hint="no chain under the Osaka rules takes it; split the work",
        code="gas-above-limit",
    )


def _suggested_tip(node: Node, base_fee: int) -> int:
    try:
        return read_number(
            node.ask("eth_maxPriorityFeePerGas"), "eth_maxPriorityFeePerGas", bits=128
        )
    except NodeRefusal:  # not a method of every node
        return max(0, _gas_price(node) - base_fee)


def _gas_price(node: Node) -> int:
    return read_number(node.ask("eth_gasPrice"), "eth_gasPrice", bits=128)


def _modest(fee: int) -> int:
    if fee > MAX_SUGGESTED_FEE:
        raise ChainError(
            f"the node suggests a fee of {fee} wei a unit of gas",
            why=f"more than {MAX_SUGGESTED_FEE} is not taken from a node",
            hint="set --gas-price and --priority-gas-price if it is right",
            code="fee-too-high",
        )
    return fee


def _contradiction(why: str) -> ChainError:
    return ChainError("the fees contradict each other", why=why, code="bad-fees")
