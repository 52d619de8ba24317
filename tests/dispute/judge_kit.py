"""Ask the deployed judge of proofs directly, about traces that need not be asserted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from verifiable.backends.optimistic.openings import StepOpener
from verifiable.chain.artifact import load_artifact
from verifiable.chain.contract import Contract
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_structs import (
    ElementProof,
    FaultKind,
    Opening,
    ProgramFacts,
    values_of,
)
from verifiable.dispute.claimed_trace import ClaimedTrace
from verifiable.dispute.faults import Fault, find_fault
from verifiable.dispute.material import Material
from verifiable.dispute.shown import ShownTrace
from verifiable.errors import Reverted
from verifiable.program import reference
from verifiable.program.execute import Trace, execute
from verifiable.program.program import IntArray, Source
from verifiable.testing.lying_traces import GivenTrace

__all__ = [
    "Committed", "Judge", "Verdict", "changed", "changes_of", "claimed", "facts_of", "searched",
]  # fmt: skip

Verdict = tuple[int, int] | str
"""Node and place of a fault, or the name of the error with which the judge refused."""


class Judge:
    """The judge and the router of a deployed game."""

    def __init__(self, game: DisputeGame) -> None:
        address, self.router = game.verifiers()
        self._contract = Contract(game.chain, load_artifact("FaultJudge"), address)

    def check(
        self,
        material: Material,
        input_root: bytes,
        trace_root: bytes,
        kind: FaultKind,
        proof: bytes,
        facts: ProgramFacts | None = None,
    ) -> Verdict:
        """What the judge says of a proof; `facts` are others than those of the program."""
        trace = (self.router, input_root, trace_root, values_of(facts or facts_of(material)))
        try:
            node, place = self._contract.call("check", trace, int(kind), proof)
        except Reverted as refusal:
            return refusal.name or "refused"
        return int(node), int(place)


def facts_of(material: Material) -> ProgramFacts:
    """What a game keeps of a program."""
    commitment = material.commitment
    return ProgramFacts(
        graph_root=commitment.graph_root,
        weights_root=commitment.weights_root,
        tables_root=commitment.tables_root,
        node_count=material.node_count,
        input_count=len(material.program.inputs),
        leaf_log2=material.leaf_log2,
        max_height=max(material.height(node) for node in range(material.node_count)),
        output_ids=tuple(output.node for output in material.program.outputs),
    )


class Committed:
    """A trace, right or not, committed to; opens each of its elements.

    Attributes:
        values: of each node.
    """

    def __init__(
        self, material: Material, inputs: tuple[IntArray, ...], values: Sequence[IntArray]
    ) -> None:
        self.material = material
        self.inputs = inputs
        self.values = tuple(values)
        trace = Trace(program=material.program, inputs=inputs, values=self.values)
        self._trace = trace
        self.opener = StepOpener(trace, leaf_log2=material.leaf_log2)

    @classmethod
    def honest(cls, material: Material, inputs: dict[str, IntArray]) -> Committed:
        trace = execute(material.program, inputs)
        return cls(material, trace.inputs, trace.values)

    def with_element(self, node: int, element: int, value: int, *, propagate: bool) -> Committed:
        """Another value at one place; later nodes are computed from it, or are not."""
        values = list(self.values)
        values[node] = values[node].copy()
        values[node].flat[element] = value
        if propagate:
            for later in range(node + 1, len(values)):
                values[later] = self._computed(later, values)
        return Committed(self.material, self.inputs, values)

    @cached_property
    def faults(self) -> set[tuple[int, int]]:
        """Nodes and elements that are not what the reference gives on the committed operands."""
        found = set()
        for node, held in enumerate(self.values):
            right = self._computed(node, self.values)
            found |= {(node, int(place)) for place in np.flatnonzero(held != right)}
        return found

    @property
    def input_root(self) -> bytes:
        names = [spec.name for spec in self.material.program.inputs]
        return self.material.input_root(dict(zip(names, self.inputs, strict=True)))

    @property
    def root(self) -> bytes:
        return self.opener.trace_root

    def proof(self, node: int, element: int) -> ElementProof:
        """Everything that opens an element, whether it is wrong or not."""
        found = self.opener.open(node, element)
        return ElementProof(
            node=node,
            desc=found.desc,
            desc_branch=tuple(found.desc_branch),
            out_root=found.out_root,
            out_branch=tuple(found.out_branch),
            elem=element,
            leaf=found.leaf,
            leaf_branch=tuple(found.leaf_branch),
            operands=tuple(
                Opening(root=root, branch=tuple(branch))
                for root, branch in zip(found.operand_roots, found.operand_branches, strict=True)
            ),
            witness=found.witness,
        )

    def _computed(self, node: int, values: Sequence[IntArray]) -> IntArray:
        spec = self.material.program.nodes[node]
        operands = tuple(
            values[operand.index].reshape(operand.shape)
            if operand.source is Source.TRACE
            else self._trace.operand(operand)
            for operand in spec.operands
        )
        return reference.apply(spec.op, operands)


def searched(own: Committed, lie: ClaimedTrace) -> Fault:
    """What a challenger finds that holds the whole trace of a liar."""
    shown = ShownTrace()
    shown.add_tree(lie.tree(None))
    for node, root in enumerate(lie.roots):
        shown.add_tensor(node, root)
        shown.add_tree(lie.tree(node))
        shown.add_leaves(lie.leaves(node), own.material.leaf_bytes)
    found = find_fault(claimed(own), lie.root, shown)
    assert isinstance(found, Fault)
    return found


def claimed(
    committed: Committed,
    tails: dict[int, bytes] | None = None,
    padding: dict[int | None, dict[int, bytes]] | None = None,
) -> GivenTrace:
    """A trace as agents hold it, with other last leaves or other padding if they are given."""
    material = committed.material
    tensors = []
    for node, values in enumerate(committed.values):
        data = values.astype(f">i{material.program.nodes[node].width}").tobytes()
        data += bytes(material.leaf_count(node) * material.leaf_bytes - len(data))
        tail = (tails or {}).get(node)
        tensors.append(data if tail is None else data[: -len(tail)] + tail)
    return GivenTrace(material, committed.inputs, tensors, padding)


def changed(proof: ElementProof, **changes: object) -> bytes:
    """A proof with other members, encoded."""
    return replace(proof, **changes).encode()


def changes_of(value: int, width: int) -> dict[str, int]:
    """By name, all other values that a test of one element puts in its place."""
    bits = 8 * width
    bound = 1 << (bits - 1)

    def signed(pattern: int) -> int:
        return (pattern + bound) % (2 * bound) - bound

    found = {"+1": signed(value + 1), "-1": signed(value - 1), "min": -bound, "max": bound - 1}
    found |= {f"bit {bit}": signed(value ^ (1 << bit)) for bit in range(bits)}
    return {name: other for name, other in found.items() if other != value}
