"""What a party says that a trace is: the roots of all tensors, and on demand any node of any tree.

A dispute needs of a trace a few nodes of its tree, of one tensor's tree, and one leaf. The honest
trace computes tensors again when they are asked for; what it keeps is bounded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from math import prod
from typing import Generic, Protocol, TypeVar

import numpy as np

from verifiable.backends.optimistic.trace import CommittedTrace
from verifiable.chain.contracts.dispute_structs import Opening
from verifiable.dispute.material import Material, named_root
from verifiable.dispute.trees import Tree, data_tree
from verifiable.program.program import IntArray, Operand, Source
from verifiable.statement.hashing import EMPTY_LEAF, Domain, TensorRoot, domain_hash
from verifiable.statement.tensors import unpack

__all__ = [
    "ClaimedTrace",
    "HonestTrace",
    "operand_values",
    "output_openings",
    "output_root",
    "trace_row",
    "trace_tree",
]

T = TypeVar("T")

_RECENT_BYTES = 256 << 20


class ClaimedTrace(Protocol):
    """A trace to which a party commits."""

    @property
    def material(self) -> Material:
        """The program."""

    @property
    def inputs(self) -> tuple[IntArray, ...]:
        """Quantised inputs in the program's order."""

    @property
    def roots(self) -> Sequence[TensorRoot]:
        """Root of each node's tensor."""

    @property
    def root(self) -> bytes:
        """The `traceRoot`."""

    def leaves(self, node: int) -> bytes:
        """Leaves of a node's tensor, back to back."""

    def tree(self, node: int | None) -> Tree:
        """The tree of a node's tensor; with None, the tree over the roots of all."""


class HonestTrace:
    """The one right trace of an execution.

    Args:
        material: of the program that was run.
        committed: the execution.
        recent_bytes: of tensors and trees to keep, besides those that `committed` keeps.
    """

    def __init__(
        self, material: Material, committed: CommittedTrace, *, recent_bytes: int = _RECENT_BYTES
    ) -> None:
        if committed.program is not material.program or committed.leaf_log2 != material.leaf_log2:
            raise ValueError("the trace is that of another program, or has other leaves")
        self.material = material
        self.roots: Sequence[TensorRoot] = committed.roots
        self.root = committed.root
        self.inputs = tuple(
            np.asarray(committed.inputs[spec.name], dtype=np.int64).reshape(spec.shape)
            for spec in material.program.inputs
        )
        self._committed = committed
        self._data: _Recent[bytes] = _Recent(recent_bytes)
        self._trees: _Recent[Tree] = _Recent(recent_bytes)

    def leaves(self, node: int) -> bytes:
        """Leaves of a node's tensor, back to back."""
        found = self._data.get(node)
        if found is None:
            found = self._committed.leaves(node)
            self._data.put(node, found, len(found))
        return found

    def tree(self, node: int | None) -> Tree:
        """The tree of a node's tensor; with None, the tree over the roots of all."""
        found = self._trees.get(node)
        if found is None:
            if node is None:
                found = trace_tree(self.roots)
            else:
                found = data_tree(self.leaves(node), self.material.leaf_log2)
            self._trees.put(node, found, found.nbytes)
        return found


class _Recent(Generic[T]):
    """Values by node; the least recently used ones are dropped when they are too many bytes."""

    def __init__(self, limit_bytes: int) -> None:
        self._left_bytes = limit_bytes
        self._kept: OrderedDict[int | None, tuple[T, int]] = OrderedDict()

    def get(self, node: int | None) -> T | None:
        """What is kept of a node."""
        if node not in self._kept:
            return None
        self._kept.move_to_end(node)
        return self._kept[node][0]

    def put(self, node: int | None, value: T, size_bytes: int) -> None:
        """Keep a value, at least until the next one comes."""
        self._kept[node] = value, size_bytes
        self._left_bytes -= size_bytes
        while self._left_bytes < 0 and len(self._kept) > 1:
            self._left_bytes += self._kept.popitem(last=False)[1][1]


def trace_tree(roots: Sequence[TensorRoot]) -> Tree:
    """The tree over the roots of all tensors of a trace."""
    return Tree([trace_row(node, root) for node, root in enumerate(roots)], EMPTY_LEAF)


def trace_row(node: int, root: bytes) -> bytes:
    """Leaf of the trace's tree: the node's id with the root of its tensor."""
    return domain_hash(Domain.TRACE_TENSOR, node.to_bytes(4, "big"), root)


def operand_values(trace: ClaimedTrace, operand: Operand) -> tuple[IntArray, int]:
    """Values behind an operand under its shape, and bytes per element."""
    program = trace.material.program
    if operand.source is Source.INPUT:
        spec = program.inputs[operand.index]
        return trace.inputs[operand.index].reshape(operand.shape), spec.width
    if operand.source is not Source.TRACE:
        return program.constant(operand), trace.material.constant(operand).width
    node = program.nodes[operand.index]
    data = trace.leaves(operand.index)[: prod(node.shape) * node.width]
    return unpack(data, node.width, operand.shape), node.width


def output_openings(trace: ClaimedTrace) -> tuple[Opening, ...]:
    """Root of each output and its branch into the trace, as an assertion shows them."""
    tree = trace.tree(None)
    return tuple(
        Opening(root=trace.roots[node], branch=tree.branch(node))
        for node in trace.material.commitment.schema.output_nodes
    )


def output_root(trace: ClaimedTrace) -> TensorRoot:
    """The `outputRoot` that a statement about this trace has."""
    return named_root([trace.roots[spec.node] for spec in trace.material.program.outputs])
