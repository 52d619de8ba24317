"""A small program with enough nodes and leaves that a game about it takes every kind of move.

Nineteen nodes over 600 elements: six residual blocks (an activation from a table, a scaling, a
sum) and a classifier. With leaves of 32 bytes the trace and its tensors are trees of height five,
so a reveal of sixteen nodes does not reach the ground.
"""

from __future__ import annotations

import numpy as np

from verifiable.backends.optimistic.trace import Inputs
from verifiable.program import operators as ops
from verifiable.program.program import Constant, Input, Node, Operand, Output, Program, Source

__all__ = ["BLOCKS", "LEAF_LOG2", "MATRIX", "demo_inputs", "demo_program"]

BLOCKS = 6
LEAF_LOG2 = 5
"""The smallest leaves that commitments allow."""

MATRIX = 3
"""Weight of the classifier."""

_SIZE = 600
_CLASSES = 10
_SEED = 7


def demo_program() -> Program:
    """The program; the same at every call."""
    rng = np.random.default_rng(_SEED)
    narrow = ops.Requantisation(shift=4, zero_point=0, lo=-128, hi=127)
    half = ops.Requantisation(shift=1, zero_point=0, lo=-128, hi=127)
    wide = ops.Requantisation(shift=0, zero_point=0, lo=-(1 << 31), hi=(1 << 31) - 1)
    shape = (1, _SIZE)

    def trace(index: int) -> Operand:
        return Operand(source=Source.TRACE, index=index, shape=shape)

    def weight(index: int, *dims: int) -> Operand:
        return Operand(source=Source.WEIGHT, index=index, shape=dims)

    table = Operand(source=Source.TABLE, index=0, shape=(1, 256))
    before = Operand(source=Source.INPUT, index=0, shape=shape)
    nodes: list[Node] = []
    for block in range(BLOCKS):
        first = 3 * block
        nodes += [
            Node(op=ops.LookupTable(x_min=-128), operands=(before, table), shape=shape, width=1),
            Node(
                op=ops.Affine(requant=narrow),
                operands=(trace(first), weight(0, _SIZE), weight(1, _SIZE), weight(2)),
                shape=shape,
                width=1,
            ),
            Node(
                op=ops.Add(a_multiplier=1, b_multiplier=1, offset=0, requant=half),
                operands=(before, trace(first + 1)),
                shape=shape,
                width=1,
            ),
        ]
        before = trace(first + 2)
    nodes.append(
        Node(
            op=ops.MatMul(requant=wide),
            operands=(before, weight(MATRIX, _CLASSES, _SIZE), weight(4, _CLASSES), weight(2)),
            shape=(1, _CLASSES),
            width=4,
        )
    )
    steps = np.arange(-128, 128)
    return Program(
        inputs=(Input(name="x", shape=shape, lo=-128, hi=127, scale=1.0, zero_point=0),),
        outputs=(
            Output(
                name="scores", node=len(nodes) - 1, shape=(1, _CLASSES), scale=1.0, zero_point=0
            ),
        ),
        nodes=tuple(nodes),
        weights=(
            Constant.of("scale", rng.integers(8, 40, _SIZE)),
            Constant.of("shift", rng.integers(-64, 64, _SIZE)),
            Constant.of("one", 1),
            Constant.of("matrix", rng.integers(-128, 128, (_CLASSES, _SIZE))),
            Constant.of("bias", rng.integers(-1000, 1000, _CLASSES)),
        ),
        tables=(Constant.of("relu", np.maximum(steps, steps // 8).reshape(1, 256)),),
    )


def demo_inputs(seed: int) -> Inputs:
    """Quantised inputs; each seed gives others."""
    return {"x": np.random.default_rng(seed).integers(-128, 128, (1, _SIZE))}
