"""keccak-256 with domain bytes, and the binary Merkle trees of all commitments.

Every preimage starts with a domain byte, so that a leaf can never be read as an inner node or as
a hash of another kind. Trees have canonical padding: a missing leaf is the tree's filler `Z_0`, and
an empty subtree of height k is `Z_k = H(01, Z_{k-1}, Z_{k-1})`. `docs/formats/commitments.md`
defines every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NewType

from Crypto.Hash import keccak as _keccak

__all__ = [
    "DIGEST_BYTES",
    "EMPTY_LEAF",
    "Domain",
    "ProgramRoot",
    "StatementDigest",
    "TensorRoot",
    "domain_hash",
    "keccak",
    "merkle_branch",
    "merkle_root",
    "root_from_branch",
    "tree_height",
]

ProgramRoot = NewType("ProgramRoot", bytes)
TensorRoot = NewType("TensorRoot", bytes)
StatementDigest = NewType("StatementDigest", bytes)

DIGEST_BYTES = 32

EMPTY_LEAF = bytes(DIGEST_BYTES)
"""Filler of trees whose leaves are hashes of records (nodes, named tensors, trace tensors)."""


class Domain(IntEnum):
    """First byte of every preimage. 06 to 09 belong to contracts and are never used here."""

    DATA_LEAF = 0x00
    INNER_NODE = 0x01
    NODE_DESC = 0x02
    NAMED_TENSOR = 0x03
    PROGRAM = 0x04
    TRACE_TENSOR = 0x05
    STATEMENT = 0x0A
    SALTED = 0x0B
    SCHEMA = 0x0C


def keccak(data: bytes) -> bytes:
    """keccak-256 of `data` (not SHA3-256, which pads differently)."""
    digest: bytes = _keccak.new(digest_bits=256, data=data).digest()
    return digest


def domain_hash(domain: Domain, *parts: bytes) -> bytes:
    """keccak-256 of the domain byte followed by all parts."""
    return keccak(bytes((domain,)) + b"".join(parts))


def tree_height(count: int) -> int:
    """Height of the tree over `count` leaves: `ceil(log2(max(1, count)))`."""
    return max(0, count - 1).bit_length()


def _parents(level: Sequence[bytes], filler: bytes) -> list[bytes]:
    padded = [*level, filler] if len(level) % 2 else level
    return [
        domain_hash(Domain.INNER_NODE, padded[i], padded[i + 1]) for i in range(0, len(padded), 2)
    ]


def merkle_root(leaves: Sequence[bytes], filler: bytes) -> bytes:
    """Root of the tree over `leaves`, completed to a power of two by `filler`.

    The root of no leaves is the filler itself.

    Args:
        leaves: digests of the leaves, 32 bytes each.
        filler: `Z_0`, the digest that stands for a missing leaf.
    """
    level: Sequence[bytes] = leaves or [filler]
    while len(level) > 1:
        level = _parents(level, filler)
        filler = domain_hash(Domain.INNER_NODE, filler, filler)
    return level[0]


def merkle_branch(leaves: Sequence[bytes], index: int, filler: bytes) -> tuple[bytes, ...]:
    """Siblings of leaf `index` from the leaf up; exactly `tree_height(len(leaves))` of them.

    Raises:
        IndexError: `index` is not the position of a leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    level: Sequence[bytes] = leaves
    siblings: list[bytes] = []
    while len(level) > 1:
        sibling = index ^ 1
        siblings.append(level[sibling] if sibling < len(level) else filler)
        level = _parents(level, filler)
        filler = domain_hash(Domain.INNER_NODE, filler, filler)
        index >>= 1
    return tuple(siblings)


def root_from_branch(
    leaf: bytes, index: int, siblings: Sequence[bytes], *, count: int
) -> bytes | None:
    """Root that a branch leads to, or None if it has not the shape of a branch of this tree.

    The caller compares the result with the root that it trusts.

    Args:
        leaf: digest of the leaf.
        index: its position, which must be below `count`.
        siblings: from the leaf up.
        count: number of leaves of the tree; implies the branch's length, which is never sent.

    Soundness:
        Without the two shape rules an inner node could be opened as if it were a leaf, and a leaf
        at a position that does not exist.
    """
    if not 0 <= index < count or len(siblings) != tree_height(count):
        return None
    digest = leaf
    for sibling in siblings:
        pair = (sibling, digest) if index & 1 else (digest, sibling)
        digest = domain_hash(Domain.INNER_NODE, *pair)
        index >>= 1
    return digest
