"""Openings of committed tensors, and the witness from which a contract judges one element.

The Python twin of `contracts/src/optimistic/Openings.sol`: whole trees in memory, runs of
neighbouring leaves with range proofs, `abi.encode(Run[][])`. `docs/formats/step-witness.md` is
the format.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verifiable.backends.optimistic.reads import Segment, segments_of
from verifiable.program.execute import Trace
from verifiable.program.program import IntArray, Operand, Program, Source
from verifiable.statement.abi import Tail, encode_array, encode_struct, word
from verifiable.statement.hashing import (
    EMPTY_LEAF,
    Domain,
    TensorRoot,
    domain_hash,
    merkle_branch,
    merkle_root,
)
from verifiable.statement.node_desc import encode_node
from verifiable.statement.tensors import DEFAULT_LEAF_LOG2, leaf_count, pack

__all__ = [
    "Branch",
    "NodeOpening",
    "Run",
    "StepOpener",
    "TensorTree",
    "encode_witness",
    "open_run",
    "open_segments",
    "step_witness",
]

Branch = tuple[bytes, ...]
"""Siblings from a leaf up, 32 bytes each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Neighbouring leaves of a tensor, and the proof that they are its own.

    Attributes:
        first_leaf: position of the first one.
        data: whole leaves, back to back.
        siblings: range proof, level by level from the leaves up, left before right.
    """

    first_leaf: int
    data: bytes
    siblings: Branch

    def encoded(self) -> Tail:
        """`abi.encode` of this member of a list."""
        return encode_struct(
            (word(self.first_leaf), _encode_bytes(self.data), _encode_digests(self.siblings))
        )


class TensorTree:
    """A tensor's bytes and all levels of its tree.

    Args:
        values: any shape, int64.
        width: bytes per element.
        leaf_log2: log2 of the leaf size in bytes.

    Raises:
        InvalidInput: (code `value-out-of-width`) a value does not fit `width`.
    """

    __slots__ = ("data", "leaf_log2", "levels", "width")

    def __init__(self, values: IntArray, width: int, leaf_log2: int = DEFAULT_LEAF_LOG2) -> None:
        size = 1 << leaf_log2
        data = pack(values, width)
        leaves = leaf_count(values.size, width, leaf_log2)
        self.data = data + bytes(leaves * size - len(data))
        self.width = width
        self.leaf_log2 = leaf_log2
        self.levels = _levels(
            [
                domain_hash(Domain.DATA_LEAF, self.data[start : start + size])
                for start in range(0, len(self.data), size)
            ],
            domain_hash(Domain.DATA_LEAF, bytes(size)),
        )

    @property
    def root(self) -> TensorRoot:
        """The commitment to the tensor."""
        return TensorRoot(self.levels[-1][0])

    @property
    def leaves(self) -> int:
        """Number of data leaves."""
        return len(self.data) >> self.leaf_log2

    def leaf(self, index: int) -> bytes:
        """Bytes of one leaf.

        Raises:
            IndexError: the tensor has no such leaf.
        """
        self.check(index, 1)
        return self.data[index << self.leaf_log2 : (index + 1) << self.leaf_log2]

    def branch(self, index: int) -> Branch:
        """Siblings of one leaf, from the leaf up.

        Raises:
            IndexError: the tensor has no such leaf.
        """
        self.check(index, 1)
        return tuple(level[(index >> k) ^ 1] for k, level in enumerate(self.levels[:-1]))

    def leaf_of(self, element: int) -> int:
        """Position of the leaf that holds an element."""
        return element * self.width >> self.leaf_log2

    def check(self, first: int, count: int) -> None:
        """Refuse leaves that the tensor has not.

        Raises:
            IndexError: not all of `count` leaves from `first` on are there, or there are none.
        """
        if count < 1 or not 0 <= first <= self.leaves - count:
            raise IndexError(f"leaves {first} to {first + count} of {self.leaves}")


def open_run(tree: TensorTree, first: int, count: int) -> Run:
    """Open `count` neighbouring leaves from leaf `first` on.

    Raises:
        IndexError: the tensor has not all these leaves.
    """
    tree.check(first, count)
    siblings: list[bytes] = []
    low, high = first, first + count - 1
    for level in tree.levels[:-1]:
        if low & 1:
            siblings.append(level[low - 1])
        if not high & 1:
            siblings.append(level[high + 1])
        low, high = low >> 1, high >> 1
    size = tree.leaf_log2
    return Run(
        first_leaf=first,
        data=tree.data[first << size : (first + count) << size],
        siblings=tuple(siblings),
    )


def open_segments(tree: TensorTree, segments: Iterable[Segment]) -> tuple[Run, ...]:
    """Open all leaves that hold any of the segments, neighbours in one run.

    Args:
        tree: of the tensor.
        segments: in any order; they may overlap.
    """
    ranges: list[tuple[int, int]] = []
    for first, last in sorted(
        (tree.leaf_of(item.first), tree.leaf_of(item.first + item.length - 1)) for item in segments
    ):
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], last))
        else:
            ranges.append((first, last))
    return tuple(open_run(tree, first, last - first + 1) for first, last in ranges)


def encode_witness(runs: Sequence[Sequence[Run]]) -> bytes:
    """`abi.encode(Run[][])`: the runs of each operand, in the one encoding that contracts read."""
    lists = [encode_array([run.encoded() for run in of_operand]) for of_operand in runs]
    return encode_struct((encode_array(lists),))


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOpening:
    """Everything that opens one element of one node, from the roots of a program and a trace.

    Attributes:
        node: its id.
        element: row-major position in its result.
        claimed: the value that the trace holds there.
        desc, desc_branch: `abi.encode(NodeDesc)`, and its branch in the graph root.
        out_root, out_branch: root of the result, and its branch in the trace root.
        leaf_index, leaf, leaf_branch: the leaf that holds the element, in the result's tree.
        operand_roots, operand_branches: in the operands' order; branches lead to the trace,
            weights or tables root, or to the root of several inputs (empty for a lone input).
        runs: what the operator's rule reads of each operand.
    """

    node: int
    element: int
    claimed: int
    desc: bytes
    desc_branch: Branch
    out_root: TensorRoot
    out_branch: Branch
    leaf_index: int
    leaf: bytes
    leaf_branch: Branch
    operand_roots: tuple[TensorRoot, ...]
    operand_branches: tuple[Branch, ...]
    runs: tuple[tuple[Run, ...], ...]

    @property
    def witness(self) -> bytes:
        """`abi.encode(Run[][])`."""
        return encode_witness(self.runs)


class StepOpener:
    """Opens elements of one trace; keeps the trees that it has built.

    Args:
        trace: the values that were committed to, whether right or not.
        leaf_log2: the program's.
        trace_roots: roots of all trace tensors, if they are known; they are computed otherwise.
    """

    def __init__(
        self,
        trace: Trace,
        *,
        leaf_log2: int = DEFAULT_LEAF_LOG2,
        trace_roots: Sequence[TensorRoot] | None = None,
    ) -> None:
        self.trace = trace
        self.leaf_log2 = leaf_log2
        self._trees: dict[tuple[Source, int], TensorTree] = {}
        self._rows: dict[Source, list[bytes]] = {}
        self._known = trace_roots

    @property
    def program(self) -> Program:
        """What was run."""
        return self.trace.program

    @property
    def trace_root(self) -> bytes:
        """Root over the roots of all trace tensors."""
        return merkle_root(self._rows_of(Source.TRACE), EMPTY_LEAF)

    def tree(self, source: Source, index: int) -> TensorTree:
        """The tree of a tensor of the program or of the trace."""
        key = (source, index)
        if key not in self._trees:
            values, width = self._tensor(source, index)
            self._trees[key] = TensorTree(values, width, self.leaf_log2)
        return self._trees[key]

    def runs(self, node: int, element: int) -> tuple[tuple[Run, ...], ...]:
        """What the rule of `node` reads of each operand for one element.

        Raises:
            IndexError: the result has no such element.
        """
        spec = self.program.nodes[node]
        values = tuple(self.trace.operand(operand) for operand in spec.operands)
        return tuple(
            open_segments(self._operand_tree(operand), segments)
            for operand, segments in zip(
                spec.operands, segments_of(spec, element, values), strict=True
            )
        )

    def operand_roots(self, node: int) -> tuple[TensorRoot, ...]:
        """Roots of a node's operands, in order."""
        operands = self.program.nodes[node].operands
        return tuple(self._operand_tree(operand).root for operand in operands)

    def open(self, node: int, element: int) -> NodeOpening:
        """Open one element of one node.

        Raises:
            IndexError: there is no such node, or its result has no such element.
        """
        spec = self.program.nodes[node]
        result = self.tree(Source.TRACE, node)
        leaf = result.leaf_of(element)
        return NodeOpening(
            node=node,
            element=element,
            claimed=int(self.trace.values[node].flat[element]),
            desc=encode_node(self.program, node),
            desc_branch=merkle_branch(self._descriptor_leaves(), node, EMPTY_LEAF),
            out_root=result.root,
            out_branch=self._row_branch(Source.TRACE, node),
            leaf_index=leaf,
            leaf=result.leaf(leaf),
            leaf_branch=result.branch(leaf),
            operand_roots=self.operand_roots(node),
            operand_branches=tuple(
                self._row_branch(operand.source, operand.index) for operand in spec.operands
            ),
            runs=self.runs(node, element),
        )

    def _operand_tree(self, operand: Operand) -> TensorTree:
        return self.tree(operand.source, operand.index)

    def _tensor(self, source: Source, index: int) -> tuple[IntArray, int]:
        if source is Source.TRACE:
            return self.trace.values[index], self.program.nodes[index].width
        if source is Source.INPUT:
            return self.trace.inputs[index], self.program.inputs[index].width
        pool = self.program.weights if source is Source.WEIGHT else self.program.tables
        return pool[index].values, pool[index].width

    def _row_branch(self, source: Source, index: int) -> Branch:
        if source is Source.INPUT and len(self.program.inputs) == 1:
            return ()
        return merkle_branch(self._rows_of(source), index, EMPTY_LEAF)

    def _rows_of(self, source: Source) -> list[bytes]:
        """Leaves of the tree that names the tensors of one source."""
        if source not in self._rows:
            count = {
                Source.TRACE: len(self.program.nodes),
                Source.INPUT: len(self.program.inputs),
                Source.WEIGHT: len(self.program.weights),
                Source.TABLE: len(self.program.tables),
            }[source]
            roots: Sequence[TensorRoot] = (
                self._known
                if source is Source.TRACE and self._known is not None
                else [self.tree(source, index).root for index in range(count)]
            )
            domain = Domain.TRACE_TENSOR if source is Source.TRACE else Domain.NAMED_TENSOR
            self._rows[source] = [
                domain_hash(domain, index.to_bytes(4, "big"), root)
                for index, root in enumerate(roots)
            ]
        return self._rows[source]

    def _descriptor_leaves(self) -> list[bytes]:
        return [
            domain_hash(Domain.NODE_DESC, encode_node(self.program, index))
            for index in range(len(self.program.nodes))
        ]


def step_witness(
    program: Program,
    trace: Trace,
    node: int,
    element: int,
    *,
    leaf_log2: int = DEFAULT_LEAF_LOG2,
) -> bytes:
    """The witness from which a contract judges one element of one node of a trace.

    Args:
        program: what was run; the trace's.
        trace: the committed values.
        node, element: what is judged.
        leaf_log2: the program's.

    Raises:
        IndexError: there is no such node, or its result has no such element.
        ValueError: the trace is that of another program.
    """
    if trace.program is not program:
        raise ValueError("the trace is that of another program")
    return encode_witness(StepOpener(trace, leaf_log2=leaf_log2).runs(node, element))


def _levels(leaves: list[bytes], filler: bytes) -> list[list[bytes]]:
    """All levels of a tree from the leaves to the root, each but the root's of an even length."""
    levels = [leaves]
    while len(levels[-1]) > 1:
        level = levels[-1]
        if len(level) % 2:
            level.append(filler)
        levels.append(
            [
                domain_hash(Domain.INNER_NODE, level[i], level[i + 1])
                for i in range(0, len(level), 2)
            ]
        )
        filler = domain_hash(Domain.INNER_NODE, filler, filler)
    return levels


def _encode_bytes(data: bytes) -> Tail:
    return Tail(word(len(data)) + data + bytes(-len(data) % 32))


def _encode_digests(digests: Branch) -> Tail:
    return Tail(word(len(digests)) + b"".join(digests))
