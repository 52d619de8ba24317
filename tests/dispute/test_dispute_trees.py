"""Trees, single elements and first differences, against the references."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from dispute_kit import honest, tiny_inputs
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiable.backends.optimistic.trace import commit_execution
from verifiable.chain.contracts.dispute_structs import FaultKind, Phase
from verifiable.dispute.claimed_trace import HonestTrace
from verifiable.dispute.faults import Fault, Hidden, NotAFault, find_fault
from verifiable.dispute.material import Material
from verifiable.dispute.one_element import element_of
from verifiable.dispute.shown import ShownTrace
from verifiable.dispute.trees import Tree, levels_shown
from verifiable.program.execute import execute
from verifiable.statement.hashing import (
    EMPTY_LEAF,
    keccak,
    merkle_branch,
    merkle_root,
    root_from_branch,
)
from verifiable.testing.lying_traces import wrong_element, wrong_padding
from verifiable.testing.strategies import cases


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 9, 17])
@pytest.mark.parametrize("filler", [EMPTY_LEAF, keccak(b"another")])
def test_a_tree_is_the_reference_tree(count: int, filler: bytes) -> None:
    leaves = [keccak(bytes((i,))) for i in range(count)]
    tree = Tree(leaves, filler)
    assert tree.root == merkle_root(leaves, filler)
    for index in range(count):
        assert tree.branch(index) == merkle_branch(leaves, index, filler)
        assert root_from_branch(leaves[index], index, tree.branch(index), count=count) == tree.root
    for level in range(tree.height + 1):
        for down in range(level + 1):
            shown = ShownTrace()
            for index in range(1 << (tree.height - level)):
                assert shown.add_nodes(tree.descendants(level, index, down)) == tree.at(
                    level, index
                )
    with pytest.raises(IndexError):
        tree.at(0, 1 << tree.height)


def test_reveals_are_aligned_to_four_levels() -> None:
    assert [levels_shown(height) for height in range(10)] == [0, 1, 2, 3, 4, 1, 2, 3, 4, 1]


@settings(max_examples=80, deadline=None)
@given(case=cases(), data=st.data())
def test_one_element_is_the_references(case: tuple, data: st.DataObject) -> None:
    program, inputs = case
    trace = execute(program, inputs, tier="reference")
    for node, values in zip(program.nodes, trace.values, strict=True):
        operands = tuple(trace.operand(operand) for operand in node.operands)
        last = prod(node.shape) - 1
        for element in {0, last, data.draw(st.integers(0, last))}:
            assert element_of(node, element, operands) == values.flat[element]


@settings(max_examples=40, deadline=None)
@given(case=cases(), data=st.data())
def test_any_wrong_element_of_any_program_is_found(case: tuple, data: st.DataObject) -> None:
    """With everything shown the planted difference is found; where there is none, nothing is."""
    program, inputs = case
    material = Material(program, leaf_log2=5)
    node = data.draw(st.integers(0, len(program.nodes) - 1))
    element = data.draw(st.integers(0, material.elements(node) - 1))
    own = honest(material, inputs)
    try:
        lie = wrong_element(material, inputs, node=node, element=element)
    except (OverflowError, ValueError):
        return  # what follows from the wrong value is not defined
    finding = find_fault(own, lie.root, all_of(lie))
    assert isinstance(finding, Fault)
    assert (finding.kind, finding.node, finding.place) == (FaultKind.ELEMENT, node, element)
    assert find_fault(own, own.root, ShownTrace()) is None


def all_of(trace) -> ShownTrace:
    shown = ShownTrace()
    shown.add_tree(trace.tree(None))
    for node, root in enumerate(trace.roots):
        shown.add_tensor(node, root)
        shown.add_tree(trace.tree(node))
        shown.add_leaves(trace.leaves(node), trace.material.leaf_bytes)
    return shown


def test_what_must_be_shown_follows_the_leftmost_difference(material: Material) -> None:
    inputs = tiny_inputs(77)
    own, lie = honest(material, inputs), wrong_element(material, inputs, node=2, element=40)
    shown = ShownTrace()
    assert find_fault(own, lie.root, shown) == Hidden(phase=Phase.TRACE, level=3, index=0)
    tree = lie.tree(None)
    shown.add_nodes(tree.descendants(3, 0, 3))
    assert find_fault(own, lie.root, shown) == Hidden(phase=Phase.NODE, node=2)
    shown.add_tensor(2, lie.roots[2])
    hidden = find_fault(own, lie.root, shown)
    assert hidden == Hidden(phase=Phase.TENSOR, node=2, level=2, index=0, root=lie.roots[2])
    shown.add_nodes(lie.tree(2).descendants(2, 0, 2))
    hidden = find_fault(own, lie.root, shown)
    assert hidden == Hidden(phase=Phase.LEAF, node=2, level=0, index=1, root=lie.roots[2])
    shown.add_leaf(lie.leaves(2)[32:64])
    assert isinstance(find_fault(own, lie.root, shown), Fault)


def test_a_wrong_trace_of_ones_own_convicts_nobody(material: Material) -> None:
    inputs = tiny_inputs(78)
    right = honest(material, inputs)
    mistaken = wrong_element(material, inputs, node=2, element=9)
    with pytest.raises(NotAFault):
        find_fault(mistaken, right.root, all_of(right))


def test_wrong_padding_is_found_at_its_place(material: Material) -> None:
    inputs = tiny_inputs(79)
    own = honest(material, inputs)
    for node, place in ((None, 3), (3, 3)):
        lie = wrong_padding(material, inputs, node=node)
        finding = find_fault(own, lie.root, all_of(lie))
        assert isinstance(finding, Fault)
        assert (finding.kind, finding.place) == (FaultKind.PADDING, place)


def test_a_trace_that_keeps_nothing_gives_the_same(material: Material) -> None:
    inputs = tiny_inputs(80)
    kept = honest(material, inputs)
    committed = commit_execution(material.program, inputs, leaf_log2=5, budget_bytes=0)
    poor = HonestTrace(material, committed, recent_bytes=1)
    for node in (3, 0, 4, 1, 2, 3):
        assert poor.leaves(node) == kept.leaves(node)
        assert poor.tree(node).root == poor.roots[node] == kept.roots[node]
    assert poor.tree(None).root == kept.root
    assert np.array_equal(poor.inputs[0], inputs["x"])
