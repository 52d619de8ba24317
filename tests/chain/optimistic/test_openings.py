"""Openings lead to the roots that the package commits to, whatever the shapes."""

from __future__ import annotations

import numpy as np
import pytest
from eth_abi import decode
from step_cases import GENERATORS, case_of

from verifiable.backends.optimistic.openings import (
    StepOpener,
    TensorTree,
    encode_witness,
    open_run,
    open_segments,
    step_witness,
)
from verifiable.backends.optimistic.reads import Segment, segments_of
from verifiable.program.program import Source
from verifiable.statement.commitment import commit_program, inputs_root, trace_root
from verifiable.statement.hashing import Domain, domain_hash, root_from_branch
from verifiable.statement.tensors import tensor_branch, tensor_root


def root_of_run(tree: TensorTree, run) -> bytes:
    """The contract's way: level by level, left before right, in plain Python."""
    size = 1 << tree.leaf_log2
    nodes = [
        domain_hash(Domain.DATA_LEAF, run.data[at : at + size])
        for at in range(0, len(run.data), size)
    ]
    first, siblings = run.first_leaf, list(run.siblings)
    for _ in range((tree.leaves - 1).bit_length()):
        if first % 2:
            nodes.insert(0, siblings.pop(0))
        if len(nodes) % 2:
            nodes.append(siblings.pop(0))
        nodes = [
            domain_hash(Domain.INNER_NODE, nodes[i], nodes[i + 1]) for i in range(0, len(nodes), 2)
        ]
        first //= 2
    assert not siblings
    (root,) = nodes
    return root


@pytest.mark.parametrize("leaves", [1, 2, 3, 4, 5, 7, 8, 9, 17])
@pytest.mark.parametrize("width", [1, 8])
def test_every_run_leads_to_the_root(leaves: int, width: int) -> None:
    rng = np.random.default_rng(leaves)
    values = rng.integers(-128, 127, size=(leaves * 32 // width,), endpoint=True)
    tree = TensorTree(values, width, 5)
    assert tree.leaves == leaves
    assert tree.root == tensor_root(values, width, 5)
    for first in range(leaves):
        assert (tree.leaf(first), tree.branch(first)) == tensor_branch(values, width, first, 5)
        for count in range(1, leaves - first + 1):
            run = open_run(tree, first, count)
            assert root_of_run(tree, run) == tree.root
            assert run.data == b"".join(tree.leaf(i) for i in range(first, first + count))


def test_a_run_outside_of_the_tensor_is_refused() -> None:
    tree = TensorTree(np.zeros(64, dtype=np.int64), 1, 5)
    for first, count in [(0, 0), (-1, 1), (2, 1), (1, 2), (0, 3)]:
        with pytest.raises(IndexError):
            open_run(tree, first, count)


def test_segments_share_runs() -> None:
    tree = TensorTree(np.arange(256) % 100, 1, 5)
    runs = open_segments(tree, [Segment(200, 2), Segment(0, 1), Segment(30, 4), Segment(5, 1)])
    assert [(run.first_leaf, len(run.data) // 32) for run in runs] == [(0, 2), (6, 1)]
    assert open_segments(tree, []) == ()


def test_witness_is_canonical_abi() -> None:
    tree = TensorTree(np.arange(100), 1, 5)
    runs = [[open_run(tree, 0, 2), open_run(tree, 3, 1)], [], [open_run(tree, 1, 1)]]
    decoded = decode(["(uint32,bytes,bytes32[])[][]"], encode_witness(runs))[0]
    expected = tuple(
        tuple((run.first_leaf, run.data, run.siblings) for run in item) for item in runs
    )
    assert decoded == expected


@pytest.mark.parametrize("name", GENERATORS)
def test_an_opening_leads_to_all_roots(name: str) -> None:
    rng = np.random.default_rng(list(name.encode()))
    for _ in range(5):
        trace = case_of(name, rng)
        program = trace.program
        header = commit_program(program, leaf_log2=5)
        opener = StepOpener(trace, leaf_log2=5)
        node = len(program.nodes) - 1
        element = int(rng.integers(trace.values[node].size))
        opening = opener.open(node, element)
        count = len(program.nodes)

        leaf = domain_hash(Domain.NODE_DESC, opening.desc)
        found = root_from_branch(leaf, node, opening.desc_branch, count=count)
        assert found == header.graph_root

        roots = [opener.tree(Source.TRACE, i).root for i in range(count)]
        assert opener.trace_root == trace_root(roots)
        row = domain_hash(Domain.TRACE_TENSOR, node.to_bytes(4, "big"), opening.out_root)
        found = root_from_branch(row, node, opening.out_branch, count=count)
        assert found == opener.trace_root

        leaf = domain_hash(Domain.DATA_LEAF, opening.leaf)
        result = opener.tree(Source.TRACE, node)
        assert result.root == opening.out_root
        found = root_from_branch(leaf, opening.leaf_index, opening.leaf_branch, count=result.leaves)
        assert found == opening.out_root
        width = program.nodes[node].width
        at = element * width - (opening.leaf_index << 5)
        assert int.from_bytes(opening.leaf[at : at + width], "big", signed=True) == opening.claimed

        targets = {
            Source.TRACE: (opener.trace_root, count),
            Source.WEIGHT: (header.weights_root, len(program.weights)),
            Source.TABLE: (header.tables_root, len(program.tables)),
            Source.INPUT: (
                inputs_root(header.schema, trace.inputs, leaf_log2=5),
                len(program.inputs),
            ),
        }
        operands = zip(
            program.nodes[node].operands,
            opening.operand_roots,
            opening.operand_branches,
            strict=True,
        )
        for operand, root, branch in operands:
            target, rows = targets[operand.source]
            if operand.source is Source.INPUT and rows == 1:
                assert (root, branch) == (target, ())
                continue
            traced = operand.source is Source.TRACE
            domain = Domain.TRACE_TENSOR if traced else Domain.NAMED_TENSOR
            row = domain_hash(domain, operand.index.to_bytes(4, "big"), root)
            assert root_from_branch(row, operand.index, branch, count=rows) == target
        assert step_witness(program, trace, node, element, leaf_log2=5) == opening.witness


def test_known_roots_are_not_computed_again() -> None:
    trace = case_of("Add", np.random.default_rng(3))
    opener = StepOpener(trace)
    count = len(trace.program.nodes)
    roots = [opener.tree(Source.TRACE, i).root for i in range(count)]
    assert StepOpener(trace, trace_roots=roots).trace_root == opener.trace_root
    assert StepOpener(trace, trace_roots=roots[::-1]).trace_root != opener.trace_root or count == 1


def test_elements_outside_are_refused() -> None:
    trace = case_of("MatMul", np.random.default_rng(1))
    node = trace.program.nodes[-1]
    operands = tuple(trace.operand(operand) for operand in node.operands)
    for element in (-1, trace.values[-1].size):
        with pytest.raises(IndexError):
            segments_of(node, element, operands)


def test_a_trace_of_another_program_is_refused() -> None:
    rng = np.random.default_rng(1)
    trace, other = case_of("MatMul", rng), case_of("MatMul", rng)
    with pytest.raises(ValueError, match="another program"):
        step_witness(other.program, trace, 0, 0)
