"""A program with everything of its commitment that a dispute opens, computed once."""

from __future__ import annotations

from functools import cached_property
from math import prod

from verifiable.backends.optimistic.trace import Inputs, fast_tensor_root
from verifiable.dispute.trees import Tree
from verifiable.program.program import Constant, IntArray, Operand, Program, Source
from verifiable.statement.commitment import ProgramCommitment, commit_program, inputs_root
from verifiable.statement.hashing import EMPTY_LEAF, Domain, TensorRoot, domain_hash, tree_height
from verifiable.statement.node_desc import encode_node
from verifiable.statement.tensors import DEFAULT_LEAF_LOG2, leaf_count

__all__ = ["Material", "named_root"]


class Material:
    """A program, its header, and the openings of its nodes and constants.

    Args:
        program: what is disputed about.
        leaf_log2: log2 of the leaf size in bytes; part of the program root.
        commitment: the program's, if it has been computed already.

    Attributes:
        commitment: the header, made again from the program.
        descriptors: `abi.encode(NodeDesc)` of each node.
        graph: the tree over them.

    Raises:
        MalformedModel: the program breaks the rules of a committed program.
    """

    def __init__(
        self,
        program: Program,
        *,
        leaf_log2: int = DEFAULT_LEAF_LOG2,
        commitment: ProgramCommitment | None = None,
    ) -> None:
        self.program = program
        self.commitment = commitment or commit_program(program, leaf_log2=leaf_log2)
        self.leaf_log2 = self.commitment.leaf_log2
        self.descriptors = tuple(encode_node(program, index) for index in range(self.node_count))
        self.graph = Tree(
            [domain_hash(Domain.NODE_DESC, desc) for desc in self.descriptors], EMPTY_LEAF
        )

    @property
    def program_root(self) -> bytes:
        """The digest that names the program."""
        return self.commitment.program_root

    @property
    def node_count(self) -> int:
        """Number of nodes, which is the number of trace tensors."""
        return len(self.program.nodes)

    @property
    def leaf_bytes(self) -> int:
        """Bytes of a leaf."""
        return 1 << self.leaf_log2

    def elements(self, node: int) -> int:
        """Elements of a node's tensor."""
        return prod(self.program.nodes[node].shape)

    def leaf_count(self, node: int) -> int:
        """Leaves of a node's tensor."""
        width = self.program.nodes[node].width
        return leaf_count(self.elements(node), width, self.leaf_log2)

    def height(self, node: int | None) -> int:
        """Height of a node's tensor; with None, of the tree over all of them."""
        return tree_height(self.node_count if node is None else self.leaf_count(node))

    def constant(self, operand: Operand) -> Constant:
        """The weight or table behind an operand."""
        pool = self.program.weights if operand.source is Source.WEIGHT else self.program.tables
        return pool[operand.index]

    def constant_opening(self, operand: Operand) -> tuple[TensorRoot, tuple[bytes, ...]]:
        """Root of a weight or table, and its branch to the root over all of them."""
        weight = operand.source is Source.WEIGHT
        roots, tree = self._weights if weight else self._tables
        return roots[operand.index], tree.branch(operand.index)

    def input_opening(
        self, index: int, inputs: tuple[IntArray, ...]
    ) -> tuple[TensorRoot, tuple[bytes, ...]]:
        """Root of one input and its branch to the input root; of a lone one the branch is empty."""
        roots = [
            fast_tensor_root(values, spec.width, self.leaf_log2)
            for values, spec in zip(inputs, self.program.inputs, strict=True)
        ]
        return roots[index], () if len(roots) == 1 else _named(roots).branch(index)

    def input_root(self, inputs: Inputs) -> TensorRoot:
        """Root of quantised inputs.

        Raises:
            InvalidInput: they do not fit the program.
        """
        values = {name: array.astype("int64") for name, array in inputs.items()}
        return inputs_root(self.commitment.schema, values, leaf_log2=self.leaf_log2)

    @cached_property
    def _weights(self) -> tuple[list[TensorRoot], Tree]:
        return self._rows(self.program.weights)

    @cached_property
    def _tables(self) -> tuple[list[TensorRoot], Tree]:
        return self._rows(self.program.tables)

    def _rows(self, constants: tuple[Constant, ...]) -> tuple[list[TensorRoot], Tree]:
        roots = [fast_tensor_root(item.values, item.width, self.leaf_log2) for item in constants]
        return roots, _named(roots)


def named_root(roots: list[TensorRoot]) -> TensorRoot:
    """Root over several inputs or outputs; a lone one's is its own."""
    return roots[0] if len(roots) == 1 else TensorRoot(_named(roots).root)


def _named(roots: list[TensorRoot]) -> Tree:
    rows = [
        domain_hash(Domain.NAMED_TENSOR, index.to_bytes(4, "big"), root)
        for index, root in enumerate(roots)
    ]
    return Tree(rows or [EMPTY_LEAF], EMPTY_LEAF)
