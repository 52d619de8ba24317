"""From steps to transactions: say what they cost, ask before spending, send, and report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from .chain_options import SigningFlags, wei_text
from .console import Console, plain, printable

if TYPE_CHECKING:
    from verifiable.chain.client import Chain
    from verifiable.chain.signing import Signer
    from verifiable.chain.transaction import Plan, Receipt, TxOptions

__all__ = [
    "Done",
    "Step",
    "address_text",
    "agree",
    "carry_out",
    "hex_text",
    "show_done",
    "transactions",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One transaction that a command needs.

    Attributes:
        what: for people, as a command (`register the program`).
        call: contract and function, for steps that cannot be planned yet.
        to: the contract, 20 bytes.
        plan: asks the node what the transaction would be; None if that depends on a step ahead.
        send: signs and sends it; None if another was quicker and nothing was sent.
    """

    what: str
    call: str
    to: bytes
    plan: Callable[[TxOptions], Plan] | None
    send: Callable[[TxOptions], Receipt | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a step: planned only (`--dry-run`), or sent."""

    step: Step
    plan: Plan | None
    receipt: Receipt | None


def carry_out(
    console: Console, chain: Chain, signer: Signer, signing: SigningFlags, steps: Sequence[Step]
) -> tuple[Done, ...]:
    """Send the steps one after the other; all but the last are waited for in any case.

    On a chain where gas costs money, cost is shown and confirmed first.

    Raises:
        InvalidInput: (code `confirmation-needed`) nobody is there to confirm.
        Cancelled: the user said no; nothing was sent.
        ChainError: (`insufficient-funds`) the account cannot pay for all of them; or a node or a
            contract refused.
        AccountError.
    """
    from verifiable.statement.view import DEVELOPMENT_CHAIN_ID

    options = [_options(signing, index, len(steps)) for index in range(len(steps))]
    costs = chain.chain_id != DEVELOPMENT_CHAIN_ID
    plans: list[Plan | None] = [None] * len(steps)
    if signing.dry_run or costs:
        plans = _planned(steps, options)
    if signing.dry_run:
        return tuple(
            Done(step=step, plan=plan, receipt=None)
            for step, plan in zip(steps, plans, strict=True)
        )
    if costs and steps:
        _confirm(console, chain, signer, steps, plans, yes=signing.yes)
    done = []
    for step, option, plan in zip(steps, options, plans, strict=True):
        console.sending = True
        console.say(f"{step.what}: sending to {address_text(step.to)} on chain {chain.chain_id}")
        agreed = option if plan is None else _as_agreed(option, plan)
        receipt = step.send(agreed)
        if receipt is None:
            console.say(f"{step.what}: done by another meanwhile")
        else:
            done.append(Done(step=step, plan=plan, receipt=receipt))
    return tuple(done)


def transactions(done: Sequence[Done]) -> list[dict[str, object]]:
    """The steps for a JSON result, in order."""
    return [_document(item) for item in done]


def show_done(out: Console, done: Sequence[Done]) -> None:
    """Write what was sent, or what would be."""
    for item in done:
        if item.receipt is None:
            out.line(f"would {item.step.what}: {item.step.call} at {address_text(item.step.to)}")
            if item.plan is None:
                out.line("  its gas can be estimated once the steps before it are done")
                continue
            for name, value in item.plan.arguments.items():
                text = str(plain(value))
                out.line(f"  {name}: {text if len(text) <= 200 else text[:192] + '...'}")
            gas, cost = item.plan.gas, wei_text(item.plan.max_cost)
            out.line(f"  at most {gas:,} gas, {cost}, nonce {item.plan.nonce}")
        elif item.receipt.pending:
            out.line(f"{item.step.what}: sent as {hex_text(item.receipt.transaction_hash)}")
        else:
            out.line(
                f"{item.step.what}: block {item.receipt.block_number}, "
                f"{item.receipt.gas_used:,} gas, {hex_text(item.receipt.transaction_hash)}"
            )


def address_text(address: bytes) -> str:
    """An address with its checksum."""
    from verifiable.chain.addresses import checksummed

    return checksummed(address)


def hex_text(data: bytes) -> str:
    """Bytes as `0x` and hex."""
    return "0x" + data.hex()


def _options(signing: SigningFlags, index: int, count: int) -> TxOptions:
    from verifiable.chain.transaction import TxOptions

    return TxOptions(
        gas_limit=signing.gas_limit,
        gas_price=signing.gas_price,
        priority_gas_price=signing.priority_gas_price,
        nonce=None if signing.nonce is None else signing.nonce + index,
        legacy=signing.legacy,
        confirmations=signing.confirmations if index == count - 1 else 1,
        wait=signing.wait or index < count - 1,
    )


def _planned(steps: Sequence[Step], options: Sequence[TxOptions]) -> list[Plan | None]:
    """What each step would be; the nonces count on from the first, as they will when sent."""
    plans: list[Plan | None] = []
    first: int | None = None
    for index, (step, option) in enumerate(zip(steps, options, strict=True)):
        plan = None if step.plan is None else step.plan(option)
        if plan is not None:
            if first is None:
                first = plan.nonce - (0 if option.nonce is None else index)
            plan = replace(plan, nonce=first + index)
        plans.append(plan)
    return plans


def _as_agreed(options: TxOptions, plan: Plan) -> TxOptions:
    """What was shown is what is signed: a node that asks for more afterwards gets no more."""
    return replace(
        options,
        gas_limit=plan.gas,
        gas_price=plan.max_fee,
        priority_gas_price=plan.priority_fee,
        legacy=plan.priority_fee is None,
    )


def agree(
    console: Console,
    chain: Chain,
    signer: Signer,
    wei: int,
    lines: Sequence[str],
    *,
    yes: bool,
    question: str = "Send?",
) -> None:
    """Show what would be spent, and let it pass only if somebody said so.

    Args:
        wei: that the account must have.
        lines: what it is for.
        yes: `--yes` was given.

    Raises:
        InvalidInput: (code `confirmation-needed`) nobody is there to confirm.
        Cancelled: the user said no.
        ChainError: (`insufficient-funds`) the account has less.
    """
    from verifiable.errors import Cancelled, ChainError, InvalidInput

    lines = [
        f"chain {chain.chain_id} at {chain.source}, signed by {address_text(signer.address)}",
        *(f"  {line}" for line in lines),
    ]
    balance = chain.balance(signer.address)
    if balance < wei:
        raise ChainError(
            "the account has too little for this",
            where=f"chain {chain.chain_id}",
            why=f"{address_text(signer.address)} has {wei_text(balance)}, and up to "
            f"{wei_text(wei)} may be needed",
            hint="fund it, or lower --gas-price",
            code="insufficient-funds",
        )
    if yes:
        for line in lines:
            console.say(line)
        return
    for line in lines:  # under --quiet too: nobody agrees to what they do not see
        click.echo(printable(line), err=True)
    if not sys.stdin.isatty():
        raise InvalidInput(
            "sending this costs money, and nobody is here to agree",
            where=f"chain {chain.chain_id}",
            hint="look at it with --dry-run, then give --yes",
            code="confirmation-needed",
        )
    if not click.confirm(question, err=True):
        raise Cancelled("nothing was sent")


def _confirm(
    console: Console,
    chain: Chain,
    signer: Signer,
    steps: Sequence[Step],
    plans: Sequence[Plan | None],
    *,
    yes: bool,
) -> None:
    """Let steps pass only if somebody agreed to their cost."""
    total = sum(plan.max_cost for plan in plans if plan is not None)
    lines = [
        f"{step.what}: {step.call} of {address_text(step.to)}"
        + ("" if plan is None else f", at most {plan.gas:,} gas, {wei_text(plan.max_cost)}")
        for step, plan in zip(steps, plans, strict=True)
    ]
    agree(
        console,
        chain,
        signer,
        total,
        [*lines, f"together at most {wei_text(total)}"],
        yes=yes,
    )


def _document(item: Done) -> dict[str, object]:
    document: dict[str, object] = {
        "what": item.step.what,
        "call": item.step.call,
        "to": address_text(item.step.to),
        "sent": item.receipt is not None,
    }
    if item.plan is not None:
        document |= {
            "arguments": plain(item.plan.arguments),
            "data": hex_text(item.plan.data),
            "nonce": item.plan.nonce,
            "gas_limit": item.plan.gas,
            "max_fee_per_gas_wei": item.plan.max_fee,
            "priority_fee_per_gas_wei": item.plan.priority_fee,
            "max_cost_wei": item.plan.max_cost,
        }
    receipt = item.receipt
    if receipt is not None:
        known = not receipt.pending
        document |= {
            "transaction": hex_text(receipt.transaction_hash),
            "block": receipt.block_number if known else None,
            "gas_used": receipt.gas_used if known else None,
            "cost_wei": receipt.gas_used * receipt.effective_gas_price if known else None,
        }
    return document
