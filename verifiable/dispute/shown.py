"""What one party has seen of a trace that another committed to.

Everything is kept under the digest that it hashes to, so nothing that was not committed to can get
in, whoever sends it, and what was shown in one game is known in all. `ClaimedTree` joins it with a
tree of one's own: below a node that both trees share, one's own is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verifiable.dispute.claimed_trace import trace_row
from verifiable.dispute.trees import Tree
from verifiable.statement.hashing import Domain, TensorRoot, domain_hash

__all__ = ["ClaimedTree", "Difference", "ShownTrace"]


class ShownTrace:
    """Parts of a committed trace, by digest."""

    def __init__(self) -> None:
        self._more: ShownTrace | None = None
        self._children: dict[bytes, tuple[bytes, bytes]] = {}
        self._leaves: dict[bytes, bytes] = {}
        self._tensors: dict[bytes, TensorRoot] = {}
        self._trees: dict[bytes, Tree] = {}

    def look_into(self, more: ShownTrace) -> None:
        """Know what another one knows too; it may grow."""
        self._more = more

    def add_nodes(self, level: Sequence[bytes]) -> bytes:
        """Learn all descendants of a node at one level; returns the node.

        Raises:
            ValueError: their number is no power of two.
        """
        if not level or len(level) & (len(level) - 1):
            raise ValueError("a complete level has a power of two as its number of nodes")
        while len(level) > 1:
            level = [
                self._add_pair(left, right)
                for left, right in zip(level[::2], level[1::2], strict=True)
            ]
        return level[0]

    def add_path(self, digest: bytes, index: int, siblings: Sequence[bytes]) -> bytes:
        """Learn the nodes on a branch; returns the one at its top."""
        for sibling in siblings:
            pair = (sibling, digest) if index & 1 else (digest, sibling)
            digest = self._add_pair(*pair)
            index >>= 1
        return digest

    def add_tensor(self, node: int, root: bytes) -> bytes:
        """Learn the root of a node's tensor; returns the leaf of the trace's tree."""
        row = trace_row(node, root)
        self._tensors[row] = TensorRoot(root)
        return row

    def add_leaf(self, data: bytes) -> bytes:
        """Learn a leaf of a tensor; returns its digest."""
        digest = domain_hash(Domain.DATA_LEAF, data)
        self._leaves[digest] = data
        return digest

    def add_leaves(self, data: bytes, size: int) -> None:
        """Learn all leaves of a tensor.

        Args:
            data: leaves of `size` bytes, back to back.
        """
        for start in range(0, len(data), size):
            self.add_leaf(data[start : start + size])

    def add_tree(self, tree: Tree) -> bytes:
        """Learn a whole tree; returns its root."""
        self._trees[tree.root] = tree
        return tree.root

    def children(self, root: bytes, level: int, index: int) -> tuple[bytes, bytes] | None:
        """Children of a node of a tree that is known as a whole."""
        tree = self._trees.get(root)
        if tree is not None and level <= tree.height:
            return tree.at(level - 1, 2 * index), tree.at(level - 1, 2 * index + 1)
        return None if self._more is None else self._more.children(root, level, index)

    def children_of(self, digest: bytes) -> tuple[bytes, bytes] | None:
        """Children of a node, wherever it stands."""
        found = self._children.get(digest)
        if found is None and self._more is not None:
            found = self._more.children_of(digest)
        return found

    def tensor(self, row: bytes) -> TensorRoot | None:
        """Root of the tensor behind a leaf of the trace's tree."""
        found = self._tensors.get(row)
        if found is None and self._more is not None:
            found = self._more.tensor(row)
        return found

    def leaf(self, digest: bytes) -> bytes | None:
        """Bytes of a leaf of a tensor."""
        found = self._leaves.get(digest)
        if found is None and self._more is not None:
            found = self._more.leaf(digest)
        return found

    def _add_pair(self, left: bytes, right: bytes) -> bytes:
        digest = domain_hash(Domain.INNER_NODE, left, right)
        self._children[digest] = left, right
        return digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Where two trees part, as far down as the other one is known.

    Attributes:
        level: height of the subtree.
        index: its position at that level.
        digest: its root in the other tree.
        padding: there is no leaf under it.
    """

    level: int
    index: int
    digest: bytes
    padding: bool


class ClaimedTree:
    """Another party's tree, as far as it is known.

    Args:
        root: to which that party committed.
        own: the tree that is right.
        shown: what is known of the other.
    """

    def __init__(self, root: bytes, own: Tree, shown: ShownTrace) -> None:
        self.root = root
        self.own = own
        self._shown = shown

    def at(self, level: int, index: int) -> bytes | None:
        """A node of the other tree; None if it is not known."""
        digest = self.root
        for above in range(self.own.height, level, -1):
            place = index >> (above - level)
            if digest == self.own.at(above, place):
                return self.own.at(level, index)
            pair = self._children(above, place, digest)
            if pair is None:
                return None
            digest = pair[(index >> (above - level - 1)) & 1]
        return digest

    def path(self, level: int, index: int, top: int) -> tuple[bytes, ...] | None:
        """Siblings from a node up to its ancestor at level `top`; None if one is not known."""
        siblings = [self.at(k, (index >> (k - level)) ^ 1) for k in range(level, top)]
        known = tuple(digest for digest in siblings if digest is not None)
        return known if len(known) == len(siblings) else None

    def branch(self, index: int) -> tuple[bytes, ...] | None:
        """Siblings of a leaf up to the root; None if one is not known."""
        return self.path(0, index, self.own.height)

    def first_difference(self, level: int | None = None, index: int = 0) -> Difference | None:
        """The leftmost place where the trees differ, as deep as the other one is known.

        Args:
            level, index: look only below this node, which must be known.

        Returns:
            None if they are equal there.
        """
        level = self.own.height if level is None else level
        digest = self.at(level, index)
        if digest is None or digest == self.own.at(level, index):
            return None
        while level:
            if index << level >= self.own.count:
                break
            pair = self._children(level, index, digest)
            if pair is None:
                break
            level, index = level - 1, 2 * index
            if pair[0] == self.own.at(level, index):
                index += 1
            digest = pair[index & 1]
        padding = index << level >= self.own.count
        return Difference(level=level, index=index, digest=digest, padding=padding)

    def _children(self, level: int, index: int, digest: bytes) -> tuple[bytes, bytes] | None:
        found = self._shown.children(self.root, level, index)
        return self._shown.children_of(digest) if found is None else found
