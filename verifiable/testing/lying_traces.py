"""Traces of asserters that lie, and agents that misbehave: for tests and demonstrations.

    >>> lie = wrong_element(material, inputs, node=3, element=0, delta=1)

Each lie is committed to as an honest trace would be, so it can be asserted, published and shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from verifiable.backends.optimistic.trace import Inputs
from verifiable.chain.contracts.dispute_structs import Phase
from verifiable.dispute.agent import Action
from verifiable.dispute.asserter import Asserter
from verifiable.dispute.challenger import Challenger
from verifiable.dispute.claimed_trace import ClaimedTrace, trace_row
from verifiable.dispute.game_state import GameState
from verifiable.dispute.material import Material
from verifiable.dispute.trees import Tree, data_tree
from verifiable.program import reference
from verifiable.program.execute import execute
from verifiable.program.program import Constant, IntArray, Operand, Program, Source
from verifiable.statement.hashing import EMPTY_LEAF, Domain, TensorRoot, domain_hash, keccak
from verifiable.statement.tensors import pack

__all__ = [
    "FalseChallenger",
    "GivenTrace",
    "StallingAsserter",
    "StallingChallenger",
    "wrong_element",
    "wrong_input",
    "wrong_output",
    "wrong_padding",
    "wrong_tail",
    "wrong_weights",
]


class GivenTrace:
    """A trace of given tensors, right or wrong.

    Args:
        material: of the program that it pretends to be of.
        inputs: that it pretends to be of, in the program's order.
        tensors: leaves of each node's tensor, back to back.
        padding: for a node (None: the trace's own tree) digests of leaves behind the last one.
    """

    def __init__(
        self,
        material: Material,
        inputs: tuple[IntArray, ...],
        tensors: Sequence[bytes],
        padding: Mapping[int | None, Mapping[int, bytes]] | None = None,
    ) -> None:
        self.material = material
        self.inputs = inputs
        self._tensors = tuple(tensors)
        self._padding = dict(padding or {})
        self._trees: dict[int | None, Tree] = {}

    @cached_property
    def roots(self) -> tuple[TensorRoot, ...]:
        """Root of each node's tensor."""
        return tuple(TensorRoot(self.tree(node).root) for node in range(len(self._tensors)))

    @property
    def root(self) -> bytes:
        """The `traceRoot`."""
        return self.tree(None).root

    def leaves(self, node: int) -> bytes:
        """Leaves of a node's tensor, back to back."""
        return self._tensors[node]

    def tree(self, node: int | None) -> Tree:
        """The tree of a node's tensor; with None, the tree over the roots of all."""
        if node not in self._trees:
            self._trees[node] = self._planted(node)
        return self._trees[node]

    def _planted(self, node: int | None) -> Tree:
        if node is None:
            filler = EMPTY_LEAF
            tree = Tree([trace_row(i, root) for i, root in enumerate(self.roots)], filler)
        else:
            filler = domain_hash(Domain.DATA_LEAF, bytes(self.material.leaf_bytes))
            tree = data_tree(self._tensors[node], self.material.leaf_log2)
        wrong = self._padding.get(node)
        if not wrong:
            return tree
        leaves = [wrong.get(i, tree.at(0, i)) for i in range(1 << tree.height)]
        return Tree(leaves, filler)


def wrong_element(
    material: Material,
    inputs: Inputs,
    *,
    node: int,
    element: int,
    delta: int = 1,
    propagate: bool = True,
) -> GivenTrace:
    """One element is off, and what follows from it is computed from it, or is not.

    Args:
        node, element: which.
        delta: what is added; it turns around at the ends of the type.
        propagate: later nodes read the wrong value; False: everything else is right.
    """
    program = material.program
    right = execute(program, inputs)
    width = program.nodes[node].width
    bound = 1 << (8 * width - 1)
    values: list[IntArray] = []
    for index, spec in enumerate(program.nodes):
        result = right.values[index]
        if propagate and index > node:
            operands = tuple(
                _operand(program, right.inputs, values, operand) for operand in spec.operands
            )
            result = reference.apply(spec.op, operands)
        if index == node:
            result = result.copy()
            wrong = int(result.flat[element]) + delta
            result.flat[element] = (wrong + bound) % (2 * bound) - bound
        values.append(result)
    return _given(material, right.inputs, values)


def wrong_output(material: Material, inputs: Inputs, *, element: int = 0) -> GivenTrace:
    """One element of the first output is off by one."""
    node = material.program.outputs[0].node
    return wrong_element(material, inputs, node=node, element=element)


def wrong_weights(
    material: Material, inputs: Inputs, *, weight: int = 0, element: int = 0
) -> GivenTrace:
    """Another element in one weight: computed by another program than the one it pretends."""
    program = material.program
    constant = program.weights[weight]
    values = constant.values.copy()
    bound = 1 << (8 * constant.width - 1)
    values.flat[element] += 1 if values.flat[element] < bound - 1 else -1
    values.setflags(write=False)
    other = Constant(name=constant.name, values=values, width=constant.width)
    weights = (*program.weights[:weight], other, *program.weights[weight + 1 :])
    trace = execute(replace(program, weights=weights), inputs)
    return _given(material, trace.inputs, trace.values)


def wrong_input(material: Material, inputs: Inputs, others: Inputs) -> GivenTrace:
    """Computed on `others`, and asserted of `inputs`."""
    trace = execute(material.program, others)
    said = tuple(np.asarray(inputs[spec.name], np.int64) for spec in material.program.inputs)
    return _given(material, said, trace.values)


def wrong_tail(material: Material, inputs: Inputs, *, node: int) -> GivenTrace:
    """The last byte behind a tensor's elements is not zero.

    Raises:
        ValueError: its elements fill its last leaf.
    """
    honest = execute(material.program, inputs)
    tensors = _packed(material, honest.values)
    used = material.elements(node) * material.program.nodes[node].width
    if used == len(tensors[node]):
        raise ValueError(f"tensor {node} has no tail bytes")
    tensors[node] = tensors[node][:-1] + b"\x01"
    return GivenTrace(material, honest.inputs, tensors)


def wrong_padding(material: Material, inputs: Inputs, *, node: int | None = None) -> GivenTrace:
    """A leaf behind the last one of a tensor, or of the trace, is not the filler.

    Raises:
        ValueError: the leaves fill the tree.
    """
    honest = execute(material.program, inputs)
    count = material.node_count if node is None else material.leaf_count(node)
    if count == 1 << material.height(node):
        raise ValueError("the tree has no padding")
    wrong = {(1 << material.height(node)) - 1: keccak(b"no padding")}
    return GivenTrace(
        material, honest.inputs, _packed(material, honest.values), padding={node: wrong}
    )


class StallingAsserter(Asserter):
    """Plays as an asserter until a game reaches a phase, and is silent then.

    Attributes:
        silent_from: the phase.
    """

    silent_from: Phase = Phase.TRACE

    def reveal(self, game: GameState) -> Iterator[Action]:
        """Show what a game asks for, unless it has come too far."""
        if game.phase < self.silent_from:
            yield from super().reveal(game)


class StallingChallenger(Challenger):
    """Opens games about whatever it can, and never moves in them."""

    def judge(self, assertion: object) -> bool | None:
        """Call every assertion wrong."""
        return False

    def challenge(self, assertion: object) -> Iterator[Action]:
        """Open a game, and wait."""
        for action in super().challenge(assertion):  # type: ignore[arg-type]
            if action.name == "openGame":
                yield action


class FalseChallenger(Challenger):
    """Holds a wrong trace to be right, and challenges whoever asserts the right one.

    Attributes:
        believed: the wrong trace.
    """

    believed: ClaimedTrace

    def own_trace(self, inputs: Inputs) -> ClaimedTrace:
        """What it believes."""
        return self.believed


def _given(
    material: Material, inputs: tuple[IntArray, ...], values: Sequence[IntArray]
) -> GivenTrace:
    return GivenTrace(material, inputs, _packed(material, values))


def _packed(material: Material, values: Sequence[IntArray]) -> list[bytes]:
    tensors = []
    for node, array in enumerate(values):
        data = pack(array, material.program.nodes[node].width)
        tensors.append(data + bytes(material.leaf_count(node) * material.leaf_bytes - len(data)))
    return tensors


def _operand(
    program: Program,
    inputs: Sequence[IntArray],
    values: Sequence[IntArray],
    operand: Operand,
) -> IntArray:
    if operand.source is Source.TRACE:
        return values[operand.index].reshape(operand.shape)
    if operand.source is Source.INPUT:
        return inputs[operand.index].reshape(operand.shape)
    return program.constant(operand)
