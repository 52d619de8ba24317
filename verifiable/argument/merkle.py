"""Merkle trees over the columns of an encoded stack.

A leaf is SHA-256 of 0x00 and the column's words, eight little-endian bytes each; an inner node is
SHA-256 of 0x01 and its two children. The first byte keeps a node from passing as a leaf. All
columns of a tree have one length, fixed by the layout, and the number of leaves is a power of two.

Paths of several leaves are pruned together: level by level from the leaves, from left to right, a
sibling is listed only where it cannot be computed. Which ones these are follows from the positions,
so a proof carries no lengths.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import NewType

import numpy as np
import numpy.typing as npt

__all__ = [
    "DIGEST_BYTES",
    "LEAF_PREFIX",
    "NODE_PREFIX",
    "Root",
    "build",
    "hash_columns",
    "prove",
    "root_from",
    "siblings_needed",
]

DIGEST_BYTES = 32
LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"

Root = NewType("Root", bytes)
"""Digest at the top of a tree, 32 bytes."""


def hash_columns(columns: npt.NDArray[np.uint64]) -> bytes:
    """Hash columns that are given one a row.

    Args:
        columns: (columns, words) uint64, canonical.

    Returns:
        One 32-byte digest a column, concatenated.
    """
    words = np.ascontiguousarray(columns, dtype="<u8")
    return b"".join(sha256(LEAF_PREFIX + column.tobytes()).digest() for column in words)


def build(leaf_digests: bytes) -> tuple[bytes, ...]:
    """All levels of a tree, each the concatenation of its digests: leaves first, the root last.

    Raises:
        ValueError: if the number of leaves is no power of two.
    """
    count, rest = divmod(len(leaf_digests), DIGEST_BYTES)
    if rest or count < 1 or count & (count - 1):
        raise ValueError(f"{len(leaf_digests)} bytes are no power of two of digests")
    levels = [leaf_digests]
    while len(levels[-1]) > DIGEST_BYTES:
        level = levels[-1]
        pair = 2 * DIGEST_BYTES
        levels.append(
            b"".join(
                sha256(NODE_PREFIX + level[at : at + pair]).digest()
                for at in range(0, len(level), pair)
            )
        )
    return tuple(levels)


def siblings_needed(log_n: int, positions: Sequence[int]) -> int:
    """How many siblings the pruned paths of these leaves hold.

    Args:
        log_n: log2 of the number of leaves.
        positions: leaf indices, ascending and each once.

    Raises:
        ValueError: if there are no positions, or they are out of order or out of range.
    """
    return sum(1 for _ in _siblings(log_n, positions))


def prove(levels: Sequence[bytes], positions: Sequence[int]) -> bytes:
    """The siblings of the pruned paths, concatenated.

    Args:
        levels: what `build` returned.
        positions: leaf indices, ascending and each once.
    """
    return b"".join(
        levels[level][at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES]
        for level, at in _siblings(len(levels) - 1, positions)
    )


def root_from(log_n: int, positions: Sequence[int], leaf_digests: bytes, siblings: bytes) -> Root:
    """The root that these leaves and siblings lead to.

    Args:
        log_n: log2 of the number of leaves.
        positions: leaf indices, ascending and each once.
        leaf_digests: one digest for each position, concatenated.
        siblings: as many as `siblings_needed`, in the order of `prove`.

    Raises:
        ValueError: if the counts do not fit each other.
    """
    if len(leaf_digests) != len(positions) * DIGEST_BYTES:
        raise ValueError("as many leaf digests as positions are needed")
    if len(siblings) != siblings_needed(log_n, positions) * DIGEST_BYTES:
        raise ValueError("siblings do not fit the positions")
    known = {
        at: leaf_digests[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES]
        for place, at in enumerate(positions)
    }
    read = 0
    for _ in range(log_n):
        above: dict[int, bytes] = {}
        for at, digest in known.items():  # ascending, as dictionaries keep their order
            if at >> 1 in above:
                continue
            sibling = known.get(at ^ 1)
            if sibling is None:
                sibling = siblings[read : read + DIGEST_BYTES]
                read += DIGEST_BYTES
            pair = sibling + digest if at & 1 else digest + sibling
            above[at >> 1] = sha256(NODE_PREFIX + pair).digest()
        known = above
    return Root(known[0])


def _siblings(log_n: int, positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Level (0: leaves) and index of each sibling that has to be given, in order."""
    ascending = all(a < b for a, b in pairwise(positions))
    if not positions or not ascending or positions[0] < 0 or positions[-1] >> log_n:
        raise ValueError("positions are ascending, each once, and within the tree")
    known = list(positions)
    for level in range(log_n):
        present = set(known)
        for at in known:
            if at ^ 1 not in present:
                yield level, at ^ 1
        known = sorted({at >> 1 for at in known})
