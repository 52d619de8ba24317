"""The committed trace equals the reference commitment, and keeps no more than it must."""

from __future__ import annotations

import gc
import weakref
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from sample_models import MODELS

import verifiable
from verifiable.backends.optimistic.keccak_kernels import merkle_tree
from verifiable.backends.optimistic.trace import commit_execution, fast_tensor_root
from verifiable.program.execute import execute, stream
from verifiable.statement.commitment import trace_root
from verifiable.statement.hashing import EMPTY_LEAF, Domain, domain_hash, merkle_root
from verifiable.statement.tensors import pack, tensor_root
from verifiable.testing.strategies import cases


@pytest.mark.parametrize("leaf_bytes", [32, 256, 1024])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 31, 33])
def test_the_compiled_tree_is_the_reference_tree(leaf_bytes: int, count: int) -> None:
    leaves = np.random.default_rng(count).integers(0, 256, (count, leaf_bytes), dtype=np.uint8)
    digests = [domain_hash(Domain.DATA_LEAF, bytes(leaf)) for leaf in leaves]
    zero = domain_hash(Domain.DATA_LEAF, bytes(leaf_bytes))
    nodes = np.empty((count, 4), np.uint64)
    merkle_tree(leaves.view("<u8"), nodes, np.frombuffer(zero, "<u8").copy())
    assert nodes[0].tobytes() == merkle_root(digests, zero)
    given = np.frombuffer(b"".join(digests), "<u8").reshape(count, 4).copy()
    merkle_tree(np.empty((0, 4), np.uint64), given, np.zeros(4, np.uint64))
    assert given[0].tobytes() == merkle_root(digests, EMPTY_LEAF)


@pytest.mark.parametrize("width", [1, 2, 4, 8])
@pytest.mark.parametrize("leaf_log2", [5, 8, 10])
def test_fast_roots_equal_the_reference(width: int, leaf_log2: int) -> None:
    rng = np.random.default_rng(width)
    bound = 1 << (8 * width - 1)
    for size in (1, (1 << leaf_log2) // width, (1 << leaf_log2) // width + 1, 3000):
        values = rng.integers(-bound, bound, size, dtype=np.int64)
        values[0], values[-1] = -bound, bound - 1
        root = tensor_root(values, width, leaf_log2)
        assert fast_tensor_root(values, width, leaf_log2) == root


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_a_committed_execution_is_the_commitment_of_its_trace(case: tuple) -> None:
    program, inputs = case
    trace = execute(program, inputs)
    for leaf_log2 in (5, 10):
        for budget in (1 << 30, 0):
            made = commit_execution(program, inputs, leaf_log2=leaf_log2, budget_bytes=budget)
            roots = [
                tensor_root(values, node.width, leaf_log2)
                for values, node in zip(trace.values, program.nodes, strict=True)
            ]
            assert list(made.roots) == roots
            assert made.root == trace_root(roots)
            for index, (values, node) in enumerate(zip(trace.values, program.nodes, strict=True)):
                data = pack(values, node.width)
                assert made.leaves(index) == data + bytes(-len(data) % (1 << leaf_log2))


@settings(max_examples=100, deadline=None)
@given(case=cases())
def test_streaming_gives_what_executing_gives(case: tuple) -> None:
    program, inputs = case
    for tier in ("fast", "reference"):
        wanted = execute(program, inputs, tier=tier).values
        found = tuple(stream(program, inputs, tier=tier))
        assert len(found) == len(wanted)
        assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_a_stream_forgets_what_nobody_reads_any_more() -> None:
    program, inputs = _lenet()
    seen: list[weakref.ref] = []
    alive_most = 0
    for values in stream(program, inputs):
        seen.append(weakref.ref(values))
        del values
        gc.collect()
        alive_most = max(alive_most, sum(ref() is not None for ref in seen))
    assert len(seen) == len(program.nodes) > 4
    assert alive_most <= 2  # a chain: the result, and the one that it was computed from


def test_the_budget_bounds_what_is_kept() -> None:
    program, inputs = _lenet()
    everything = commit_execution(program, inputs)
    sizes = [len(everything.leaves(node)) for node in range(len(program.nodes))]
    assert len(everything.kept) == len(sizes)
    budget = sizes[0] + 1
    some = commit_execution(program, inputs, budget_bytes=budget)
    assert 0 in some.kept
    assert sum(map(len, some.kept.values())) <= budget
    again = [some.leaves(node) for node in range(len(sizes))]
    assert again == [everything.leaves(node) for node in range(len(sizes))]


def test_a_node_that_does_not_exist_has_no_leaves() -> None:
    made = commit_execution(*_lenet())
    for node in (-1, len(made.roots)):
        with pytest.raises(IndexError):
            made.leaves(node)


@lru_cache(maxsize=1)
def _compiled() -> verifiable.Program:
    return verifiable.compile(MODELS / "lenet.onnx", calibration=MODELS / "lenet_calibration.npz")


def _lenet() -> tuple:
    program = _compiled()
    rng = np.random.default_rng(3)
    return program, {
        spec.name: rng.integers(spec.lo, spec.hi + 1, spec.shape) for spec in program.inputs
    }
