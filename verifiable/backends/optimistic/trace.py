"""The committed trace: the root of every tensor that one execution computed, and the root of all.

The values of a trace are many, its roots are few: a `CommittedTrace` keeps the roots, and of the
values what fits a budget. The rest is computed again when a dispute asks for it, which gives the
same integers on any machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from verifiable.backends.optimistic.keccak_kernels import merkle_tree
from verifiable.program.execute import stream
from verifiable.program.program import IntArray, Program
from verifiable.progress import Cancellation, Progress, silent
from verifiable.statement.commitment import trace_root
from verifiable.statement.hashing import DIGEST_BYTES, Domain, TensorRoot, domain_hash
from verifiable.statement.tensors import DEFAULT_LEAF_LOG2, leaf_count

__all__ = ["DEFAULT_BUDGET_BYTES", "CommittedTrace", "commit_execution", "fast_tensor_root"]

DEFAULT_BUDGET_BYTES = 256 << 20
"""Of packed values that a committed trace keeps."""

Inputs = Mapping[str, npt.NDArray[np.integer]]

_NOTHING: IntArray = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommittedTrace:
    """One execution, committed.

    Attributes:
        program: what was run.
        inputs: quantised inputs by name.
        leaf_log2: log2 of the leaf size, as in the program's header.
        roots: of each node's tensor.
        root: over all of them, the `traceRoot`.
        outputs: the program's outputs by name, int64 and read-only, under their shapes.
        kept: packed values by node, as many of the first ones as fitted the budget.
    """

    program: Program
    inputs: Inputs
    leaf_log2: int
    roots: tuple[TensorRoot, ...]
    root: bytes
    outputs: Mapping[str, IntArray]
    kept: Mapping[int, bytes]

    def leaves(self, node: int) -> bytes:
        """The data of a tensor's leaves back to back, kept or computed again.

        Raises:
            IndexError: the program has no such node.
        """
        if not 0 <= node < len(self.roots):
            raise IndexError(f"node {node} of {len(self.roots)}")
        known = self.kept.get(node)
        if known is not None:
            return known
        for index, values in enumerate(stream(self.program, self.inputs)):
            if index == node:
                return _packed(values, self.program.nodes[node].width, self.leaf_log2).tobytes()
        raise AssertionError("a program yields one result for each of its nodes")


def commit_execution(
    program: Program,
    inputs: Inputs,
    *,
    leaf_log2: int = DEFAULT_LEAF_LOG2,
    budget_bytes: int = DEFAULT_BUDGET_BYTES,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> CommittedTrace:
    """Run a program and commit to every tensor on the way.

    Args:
        inputs: as `execute` takes them.
        budget_bytes: of packed values to keep.

    Raises:
        InvalidInput, MalformedModel, Cancelled: as `execute`.
    """
    roots: list[TensorRoot] = []
    kept: dict[int, bytes] = {}
    left_bytes = budget_bytes
    filler = _zero_leaf_digest(leaf_log2)
    results: dict[int, IntArray] = {spec.node: _NOTHING for spec in program.outputs}
    for index, values in enumerate(stream(program, inputs, progress=progress, cancel=cancel)):
        packed = _packed(values, program.nodes[index].width, leaf_log2)
        roots.append(_root_of(packed, leaf_log2, filler))
        if packed.nbytes <= left_bytes:
            kept[index] = packed.tobytes()
            left_bytes -= packed.nbytes
        if index in results:
            results[index] = values
    return CommittedTrace(
        program=program,
        inputs=inputs,
        leaf_log2=leaf_log2,
        roots=tuple(roots),
        root=trace_root(roots),
        outputs={spec.name: results[spec.node].reshape(spec.shape) for spec in program.outputs},
        kept=kept,
    )


def fast_tensor_root(
    values: IntArray, width: int, leaf_log2: int = DEFAULT_LEAF_LOG2
) -> TensorRoot:
    """`statement.tensors.tensor_root`, compiled; the values must fit `width`."""
    return _root_of(_packed(values, width, leaf_log2), leaf_log2, _zero_leaf_digest(leaf_log2))


def _packed(values: IntArray, width: int, leaf_log2: int) -> npt.NDArray[np.uint8]:
    """Big-endian elements, filled up with zero bytes to whole leaves."""
    packed = np.zeros(leaf_count(values.size, width, leaf_log2) << leaf_log2, np.uint8)
    packed.view(f">i{width}")[: values.size] = values.reshape(-1)
    return packed


def _root_of(
    packed: npt.NDArray[np.uint8], leaf_log2: int, filler: npt.NDArray[np.uint64]
) -> TensorRoot:
    leaves = packed.view("<u8").reshape(-1, 1 << (leaf_log2 - 3))
    nodes = np.empty((len(leaves), DIGEST_BYTES // 8), np.uint64)
    merkle_tree(leaves, nodes, filler.copy())
    return TensorRoot(nodes[0].tobytes())


def _zero_leaf_digest(leaf_log2: int) -> npt.NDArray[np.uint64]:
    digest = domain_hash(Domain.DATA_LEAF, bytes(1 << leaf_log2))
    return np.frombuffer(digest, "<u8").astype(np.uint64)
