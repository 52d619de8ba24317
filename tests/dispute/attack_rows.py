"""What the rows of the attack matrix share: a lie, and how an assertion ends."""

from __future__ import annotations

import numpy as np
from attack_kit import Table
from judge_kit import Committed, Judge, claimed, searched

from verifiable.chain.accounts import KeySigner
from verifiable.chain.contracts.dispute_structs import (
    AssertionStatus,
    FaultKind,
)
from verifiable.dispute.faults import Fault
from verifiable.program import operators as ops
from verifiable.program.program import Constant, Input, Node, Operand, Output, Program, Source
from verifiable.testing.lying_traces import (
    GivenTrace,
)

ELEMENT, PADDING = FaultKind.ELEMENT, FaultKind.PADDING
REJECTED, FINAL = AssertionStatus.REJECTED, AssertionStatus.FINALIZED
PENDING = AssertionStatus.PENDING


def lying(right: Committed, node: int = 2, element: int = 40, delta: int = 1) -> GivenTrace:
    """A trace with one wrong element, and what follows from it."""
    value = int(right.values[node].flat[element])
    value += delta if value + delta <= 127 else -delta
    return claimed(right.with_element(node, element, value, propagate=True))


def rejected_by(
    table: Table, right: Committed, lie: GivenTrace, liar: KeySigner, prover: KeySigner
) -> Fault:
    """Assert a lie, and bring it down by the proof that a challenger finds."""
    assertion = table.claim(liar, lie)
    found = searched(right, lie)
    table.prove(prover, assertion, found.proof, kind=found.kind)
    assert table.game.status(assertion) is REJECTED
    return found


def stands(table: Table, assertion: bytes, by: KeySigner) -> None:
    """The honest control: once its window has passed, it becomes final."""
    table.pass_window(assertion)
    table.send(by, "finalize", assertion)
    assert table.game.status(assertion) is FINAL


def edge_program() -> Program:
    """Scalings of 16 numbers that meet ties, both ends of 32 bits, and no shift at all."""
    shape = (1, 16)
    x = Operand(source=Source.INPUT, index=0, shape=shape)
    lo, hi = -(1 << 31), (1 << 31) - 1
    narrow = {"zero_point": 0, "lo": -128, "hi": 127}

    def node(weight: int, requant: ops.Requantisation, width: int) -> Node:
        constants = tuple(
            Operand(source=Source.WEIGHT, index=index, shape=()) for index in (weight, 2, 3)
        )
        return Node(
            op=ops.Affine(requant=requant), operands=(x, *constants), shape=shape, width=width
        )

    return Program(
        inputs=(Input(name="x", shape=shape, lo=-128, hi=127, scale=1.0, zero_point=0),),
        outputs=(Output(name="y", node=2, shape=shape, scale=1.0, zero_point=0),),
        nodes=(
            node(0, ops.Requantisation(shift=1, **narrow), 1),
            node(0, ops.Requantisation(shift=0, **narrow), 1),
            node(1, ops.Requantisation(shift=0, zero_point=0, lo=lo, hi=hi), 4),
        ),
        weights=(
            Constant.of("three", 3),
            Constant.of("large", 1 << 24),
            Constant.of("none", 0),
            Constant.of("one", 1),
        ),
    )


EDGES = (-128, -127, -43, -42, -3, -2, -1, 0, 1, 2, 3, 41, 42, 43, 126, 127)


def verdict_on(judge: Judge, right: Committed, node: int, element: int, value: int):
    """What the judge says if a trace holds a value at a place."""
    lie = right.with_element(node, element, value, propagate=True)
    proof = lie.proof(node, element).encode()
    return judge.check(lie.material, lie.input_root, lie.root, ELEMENT, proof)


def lie_values(right: Committed, lie: GivenTrace) -> Committed:
    """The values of a lying trace, to open right elements of it."""
    program = right.material.program
    values = [
        np.frombuffer(lie.leaves(node), f">i{spec.width}")[: right.values[node].size]
        .astype(np.int64)
        .reshape(spec.shape)
        for node, spec in enumerate(program.nodes)
    ]
    found = Committed(right.material, right.inputs, values)
    assert found.root == lie.root
    return found
