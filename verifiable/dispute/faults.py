"""From what is known of another's trace to the proof that it is wrong, or to what must be shown.

The first node whose root differs from one's own reads operands that do not differ: its operands can
be opened, and any element of it that differs is wrong by its own rule. So the search goes left
first in the trace's tree; in the tensor any difference would do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from verifiable.backends.optimistic.openings import TensorTree, encode_witness, open_segments
from verifiable.backends.optimistic.reads import segments_of
from verifiable.chain.contracts.dispute_structs import (
    ElementProof,
    FaultKind,
    Opening,
    PaddingPlace,
    PaddingProof,
    Phase,
)
from verifiable.dispute.claimed_trace import ClaimedTrace, operand_values
from verifiable.dispute.one_element import element_of
from verifiable.dispute.shown import ClaimedTree, Difference, ShownTrace
from verifiable.program.program import Operand, Source
from verifiable.statement.hashing import TensorRoot

__all__ = ["Fault", "Hidden", "NotAFault", "find_fault"]


class NotAFault(Exception):
    """What differs is right by the reference: one's own trace is the wrong one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A proof that a trace is wrong.

    Attributes:
        kind: which proof it is.
        node: the node; 0 for padding of the trace's tree.
        place: the element, or the position of the padding.
        proof: `abi.encode` of it.
        claimed, expected: values of the element; None for padding.
    """

    kind: FaultKind
    node: int
    place: int
    proof: bytes
    claimed: int | None = None
    expected: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """The trace is wrong, and what must be shown before it can be proven.

    Attributes:
        phase: what is not known: children in the trace's or a tensor's tree, the root of a tensor,
            or the bytes of a leaf.
        node: from phase `NODE` on.
        level, index: the subtree in its tree; a leaf's level is 0.
        root: of the tensor, from phase `TENSOR` on.
    """

    phase: Phase
    node: int = 0
    level: int = 0
    index: int = 0
    root: bytes = b""


def find_fault(own: ClaimedTrace, trace_root: bytes, shown: ShownTrace) -> Fault | Hidden | None:
    """Find the first difference between a committed trace and one's own.

    Args:
        own: the right trace.
        trace_root: what was committed to.
        shown: what is known of it.

    Returns:
        None if the traces are equal.

    Raises:
        NotAFault: the element that differs is right by the reference.
    """
    trace = ClaimedTree(trace_root, own.tree(None), shown)
    found = trace.first_difference()
    if found is None:
        return None
    if found.padding:
        return _padding(PaddingPlace.TRACE, trace, found, PaddingProof(place=PaddingPlace.TRACE))
    if found.level:
        return Hidden(phase=Phase.TRACE, level=found.level, index=found.index)
    root = shown.tensor(found.digest)
    if root is None:
        return Hidden(phase=Phase.NODE, node=found.index)
    return _in_tensor(own, trace, found.index, root, shown)


def _in_tensor(
    own: ClaimedTrace, trace: ClaimedTree, node: int, root: TensorRoot, shown: ShownTrace
) -> Fault | Hidden:
    material = own.material
    tensor = ClaimedTree(root, own.tree(node), shown)
    found = tensor.first_difference()
    if found is None:
        raise AssertionError("roots of equal trees are equal")
    opened = PaddingProof(
        place=PaddingPlace.TENSOR,
        node=node,
        desc=material.descriptors[node],
        desc_branch=material.graph.branch(node),
        out_root=root,
        out_branch=_known(trace.branch(node)),
    )
    if found.padding:
        return _padding(PaddingPlace.TENSOR, tensor, found, opened)
    hidden = Hidden(phase=Phase.TENSOR, node=node, level=found.level, index=found.index, root=root)
    if found.level:
        return hidden
    leaf = shown.leaf(found.digest)
    if leaf is None or len(leaf) != material.leaf_bytes:
        return replace(hidden, phase=Phase.LEAF)
    branch = _known(tensor.branch(found.index))
    element = _first_element(own, node, found.index, leaf)
    if element is None:
        proof = replace(opened, place=PaddingPlace.TAIL, siblings=branch, leaf=leaf)
        return Fault(kind=FaultKind.PADDING, node=node, place=found.index, proof=proof.encode())
    return _wrong_element(own, trace, opened, element, leaf, branch)


def _wrong_element(
    own: ClaimedTrace,
    trace: ClaimedTree,
    opened: PaddingProof,
    element: int,
    leaf: bytes,
    branch: tuple[bytes, ...],
) -> Fault:
    node = own.material.program.nodes[opened.node]
    claimed = _value(leaf, element * node.width % len(leaf), node.width)
    read = [operand_values(own, operand) for operand in node.operands]
    values = tuple(array for array, _ in read)
    expected = element_of(node, element, values)
    if expected == claimed:
        raise NotAFault(f"element {element} of node {opened.node} is {claimed} by the reference")
    segments = segments_of(node, element, values)
    runs = [
        open_segments(TensorTree(array, width, own.material.leaf_log2), of_operand)
        if of_operand
        else ()
        for (array, width), of_operand in zip(read, segments, strict=True)
    ]
    proof = ElementProof(
        node=opened.node,
        desc=opened.desc,
        desc_branch=opened.desc_branch,
        out_root=opened.out_root,
        out_branch=opened.out_branch,
        elem=element,
        leaf=leaf,
        leaf_branch=branch,
        operands=tuple(_operand(own, trace, operand) for operand in node.operands),
        witness=encode_witness(runs),
    )
    return Fault(
        kind=FaultKind.ELEMENT,
        node=opened.node,
        place=element,
        proof=proof.encode(),
        claimed=claimed,
        expected=expected,
    )


def _operand(own: ClaimedTrace, trace: ClaimedTree, operand: Operand) -> Opening:
    """Root of an operand, which both traces share, and its branch in the other's tree."""
    if operand.source is Source.TRACE:
        branch = _known(trace.branch(operand.index))
        return Opening(root=own.roots[operand.index], branch=branch)
    if operand.source is Source.INPUT:
        root, path = own.material.input_opening(operand.index, own.inputs)
    else:
        root, path = own.material.constant_opening(operand)
    return Opening(root=root, branch=path)


def _first_element(own: ClaimedTrace, node: int, index: int, leaf: bytes) -> int | None:
    """The first element in a leaf that differs from one's own; None if only tail bytes do."""
    size, width = len(leaf), own.material.program.nodes[node].width
    right = own.leaves(node)[index * size : (index + 1) * size]
    first = index * size // width
    count = min(size // width, own.material.elements(node) - first)
    differing = np.flatnonzero(
        np.frombuffer(leaf, f">i{width}")[:count] != np.frombuffer(right, f">i{width}")[:count]
    )
    return first + int(differing[0]) if differing.size else None


def _padding(
    place: PaddingPlace, tree: ClaimedTree, found: Difference, opened: PaddingProof
) -> Fault:
    proof = replace(
        opened,
        place=place,
        level=found.level,
        index=found.index,
        hash=found.digest,
        siblings=_known(tree.path(found.level, found.index, tree.own.height)),
    )
    return Fault(kind=FaultKind.PADDING, node=opened.node, place=found.index, proof=proof.encode())


def _known(siblings: tuple[bytes, ...] | None) -> tuple[bytes, ...]:
    """Siblings of the way down to the first difference: they were shown, or are one's own."""
    if siblings is None:
        raise AssertionError("a branch at the left of a difference is not known")
    return siblings


def _value(leaf: bytes, start: int, width: int) -> int:
    return int.from_bytes(leaf[start : start + width], "big", signed=True)
