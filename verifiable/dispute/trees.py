"""A Merkle tree with all its levels: any node, branch or row of descendants without hashing again.

Levels are kept as bytes, since a tensor may have a million leaves. Padding is canonical: a node
behind the last leaf is the filler of its level.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifiable.statement.hashing import DIGEST_BYTES, Domain, domain_hash, tree_height

__all__ = ["Tree", "data_tree", "levels_shown"]


class Tree:
    """A tree over digests of leaves, completed by fillers.

    Args:
        leaves: at least one digest.
        filler: stands for a missing leaf.

    Attributes:
        height: levels above the leaves.
        count: number of leaves that were given.
    """

    __slots__ = ("_fillers", "_levels", "count", "height")

    def __init__(self, leaves: Sequence[bytes], filler: bytes) -> None:
        self.count = len(leaves)
        self.height = tree_height(self.count)
        self._levels = [b"".join(leaves)]
        self._fillers = [filler]
        for _ in range(self.height):
            level = self._levels[-1]
            if len(level) % (2 * DIGEST_BYTES):
                level += self._fillers[-1]
            self._levels.append(
                b"".join(
                    domain_hash(Domain.INNER_NODE, level[at : at + 2 * DIGEST_BYTES])
                    for at in range(0, len(level), 2 * DIGEST_BYTES)
                )
            )
            self._fillers.append(domain_hash(Domain.INNER_NODE, self._fillers[-1] * 2))

    @property
    def root(self) -> bytes:
        """The node on top."""
        return self._levels[-1]

    @property
    def nbytes(self) -> int:
        """Bytes of all levels."""
        return sum(map(len, self._levels))

    def at(self, level: int, index: int) -> bytes:
        """The node at a position of a level; level 0 holds the leaves.

        Raises:
            IndexError: the tree has no such position.
        """
        if not 0 <= level <= self.height or not 0 <= index < 1 << (self.height - level):
            raise IndexError(f"node {index} of level {level} in a tree of height {self.height}")
        start = index * DIGEST_BYTES
        return self._levels[level][start : start + DIGEST_BYTES] or self._fillers[level]

    def path(self, level: int, index: int, top: int) -> tuple[bytes, ...]:
        """Siblings from a node up to its ancestor at level `top`."""
        return tuple(self.at(k, (index >> (k - level)) ^ 1) for k in range(level, top))

    def branch(self, index: int) -> tuple[bytes, ...]:
        """Siblings of a leaf up to the root."""
        return self.path(0, index, self.height)

    def descendants(self, level: int, index: int, down: int) -> tuple[bytes, ...]:
        """All descendants of a node, `down` levels below it."""
        return tuple(self.at(level - down, (index << down) + k) for k in range(1 << down))


def data_tree(leaves: bytes, leaf_log2: int) -> Tree:
    """The tree of a tensor.

    Args:
        leaves: its leaves back to back.
        leaf_log2: log2 of the bytes in one.
    """
    size = 1 << leaf_log2
    return Tree(
        [
            domain_hash(Domain.DATA_LEAF, leaves[start : start + size])
            for start in range(0, len(leaves), size)
        ],
        domain_hash(Domain.DATA_LEAF, bytes(size)),
    )


def levels_shown(height: int) -> int:
    """Levels that one reveal opens: what is left to a multiple of four, or four; 0 at a leaf."""
    return 0 if height == 0 else (height - 1) % 4 + 1
