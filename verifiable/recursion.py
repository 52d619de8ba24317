"""Keeps Python's recursion limit where packages raise it on import.

py-ecc sets it to 100,000 for its own sake. At that depth a recursion in C (the reader of JSON, for
one) runs out of stack before it runs into the limit, and the process ends without an exception.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["EVM_RECURSION_LIMIT", "recursion_limit_kept"]

EVM_RECURSION_LIMIT = 12 * 1024
"""What py-evm needs for 1,024 calls within one another."""


@contextmanager
def recursion_limit_kept(*, at_least: int = 0) -> Iterator[None]:
    """Give the limit back after the block, or `at_least` where the caller needs that much."""
    limit = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(max(limit, at_least))
