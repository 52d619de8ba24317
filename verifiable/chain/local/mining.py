"""Making blocks, and going back to before they were made."""

from __future__ import annotations

from verifiable.chain.engine import Result
from verifiable.chain.local.blocks import (
    BASE_FEE,
    BLOCK_GAS_LIMIT,
    EMPTY_ROOT,
    Header,
    bloom_of,
    encode_receipt,
    root_of_one,
)
from verifiable.chain.local.clock import after_block
from verifiable.chain.local.node import Node, state_root_of
from verifiable.chain.local.records import Included, Snapshot
from verifiable.chain.local.transactions import Transaction
from verifiable.chain.local.validity import check_sender, check_transaction
from verifiable.statement.hashing import keccak

__all__ = ["go_back", "include", "mine_empty", "take_snapshot"]


def include(node: Node, tx: Transaction) -> bytes:
    """Check a transaction and make a block of it.

    Returns:
        The transaction's hash.

    Raises:
        Refusal: (-32000) it breaks a rule of validity.
    """
    check_transaction(
        tx, chain_id=node.chain_id, base_fee=BASE_FEE, block_gas_limit=BLOCK_GAS_LIMIT
    )
    engine = node.engine()
    check_sender(tx, engine.account(tx.sender))
    env = node.next_env()
    result = engine.apply(env, tx.env(BASE_FEE))
    _add(node, time_s=env.time_s, tx=tx, result=result)
    return tx.hash


def mine_empty(node: Node) -> None:
    """Make a block without a transaction."""
    node.engine()
    _add(node, time_s=node.next_env().time_s)


def take_snapshot(node: Node) -> int:
    """Keep the head, its state and the clock, to go back to."""
    head = node.head
    return node.store.add_snapshot(
        Snapshot(number=head.number, state=head.state, travel=node.store.travel())
    )


def go_back(node: Node, identifier: int) -> bool:
    """Go back to a snapshot: later blocks, their transactions, receipts and logs are gone.

    The snapshot and all later ones are used up.

    Returns:
        False if there is no such snapshot.
    """
    snapshot = node.store.take_snapshot(identifier)
    if snapshot is None:
        return False
    node.store.drop_above(snapshot.number)
    node.store.set_head_state(snapshot.state)
    node.store.set_travel(snapshot.travel)
    node.refresh()
    return True


def _add(
    node: Node, *, time_s: int, tx: Transaction | None = None, result: Result | None = None
) -> None:
    head, store = node.head, node.store
    state = node.changed()
    logs = result.logs if result else ()
    bloom = bloom_of(logs)
    gas_used = result.gas_used if result else 0
    transactions_root = receipts_root = EMPTY_ROOT
    included = None
    if tx is not None and result is not None:
        receipt = encode_receipt(
            kind=tx.kind, ok=result.ok, cumulative_gas=gas_used, bloom=bloom, logs=logs
        )
        transactions_root, receipts_root = root_of_one(tx.raw), root_of_one(receipt)
        included = Included(
            hash=tx.hash,
            number=head.number + 1,
            raw=tx.raw,
            sender=tx.sender,
            ok=result.ok,
            created=result.created,
        )
    header = Header(
        parent_hash=head.hash,
        state_root=state_root_of(state),
        transactions_root=transactions_root,
        receipts_root=receipts_root,
        bloom=bloom,
        number=head.number + 1,
        gas_limit=BLOCK_GAS_LIMIT,
        gas_used=gas_used,
        time_s=time_s,
        prev_randao=keccak(head.hash),
        base_fee=BASE_FEE,
    )
    store.add_block(header, state, included=included, logs=logs, hash=keccak(header.encode()))
    travel = store.travel()
    after = after_block(travel, time_s=time_s, now_s=node.now())
    if after != travel:
        store.set_travel(after)
    node.refresh()
