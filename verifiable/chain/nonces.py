"""Which nonce comes next, one transaction of an account at a time.

Behind one address there may be several nodes, of which some do not know yet what another has
taken: their count is too low for a moment. So the last nonce used is remembered, and forgotten
after a minute, when a transaction that is still unknown has been dropped rather than delayed.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from verifiable.chain.answers import read_number
from verifiable.chain.rpc import Node
from verifiable.statement.view import DEVELOPMENT_CHAIN_ID

__all__ = ["MEMORY_S", "NextNonce", "next_nonce"]

MEMORY_S = 60.0


@dataclass
class _Account:
    lock: threading.Lock = field(default_factory=threading.Lock)
    last_used: int = -1
    used_at_s: float = -math.inf


_accounts: dict[tuple[int, str, bytes], _Account] = {}
_accounts_lock = threading.Lock()


class NextNonce:
    """The nonce to use, and the way to say that the node has taken it."""

    def __init__(self, value: int, used: Callable[[], None]) -> None:
        self.value = value
        self.used = used


@contextmanager
def next_nonce(
    node: Node, *, chain_id: int, address: bytes, chosen: int | None = None
) -> Iterator[NextNonce]:
    """Hold an account while a transaction is signed and sent.

    Args:
        node: is asked for the account's count, pending transactions included.
        chain_id, address: name the account.
        chosen: a nonce that the caller insists on.

    Yields:
        The nonce. No other thread of this process gets one for the account until the block ends.

    Raises:
        ChainError: the node does not tell the count.
    """
    with _accounts_lock:
        account = _accounts.setdefault((chain_id, node.source, address), _Account())
    with account.lock:
        if chosen is None:
            method = "eth_getTransactionCount"
            count = read_number(node.ask(method, [f"0x{address.hex()}", "pending"]), method)
            chosen = max(count, _remembered(account, chain_id))
        value = chosen

        def used() -> None:
            account.last_used = max(value, account.last_used if _fresh(account) else 0)
            account.used_at_s = time.monotonic()

        yield NextNonce(value, used)


def _remembered(account: _Account, chain_id: int) -> int:
    """One more than the last nonce used; 0 where the node knows better.

    A development chain is one node, and its holder may turn it back or start it anew.
    """
    kept = _fresh(account) and chain_id != DEVELOPMENT_CHAIN_ID
    return account.last_used + 1 if kept else 0


def _fresh(account: _Account) -> bool:
    return time.monotonic() - account.used_at_s < MEMORY_S
