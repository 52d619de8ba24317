"""A tiny program with one node of each operator, and a dot product in two parts with its sum.

Values stay small, so that every tensor has one byte an element where the operator allows it; with
leaves of 32 bytes most tensors have several leaves, a tail, and padding above it.
"""

from __future__ import annotations

import numpy as np

from verifiable.backends.optimistic.trace import Inputs
from verifiable.program import operators as ops
from verifiable.program.program import Constant, Input, Node, Operand, Output, Program, Source

__all__ = ["LEAF_LOG2", "NAMES", "PARTS", "operator_inputs", "operator_program"]

LEAF_LOG2 = 5
NAMES = (
    "Affine", "LookupTable", "Conv", "MaxPool", "SumPool", "Transpose", "Pad", "Concat", "Mul",
    "Add", "MatMul", "MatMul", "Add",
)  # fmt: skip
"""Operators of the nodes in order; the last three are the sum of two dot products."""

PARTS = (10, 11, 12)

_LIMITS = {1: 127, 2: (1 << 15) - 1, 4: (1 << 31) - 1}


def operator_program() -> Program:
    """Thirteen nodes; the first reads the input of shape (1, 5, 5, 4), in the executors' layout."""
    rng = np.random.default_rng(20261128)
    image = (1, 5, 5, 4)
    nodes: list[Node] = []

    def requant(shift: int, width: int = 1, zero_point: int = 0) -> ops.Requantisation:
        limit = _LIMITS[width]
        return ops.Requantisation(shift=shift, zero_point=zero_point, lo=-limit - 1, hi=limit)

    def trace(index: int, shape: tuple[int, ...] | None = None) -> Operand:
        return Operand(source=Source.TRACE, index=index, shape=shape or nodes[index].shape)

    def weight(index: int, *shape: int) -> Operand:
        return Operand(source=Source.WEIGHT, index=index, shape=shape)

    def node(op: ops.Operator, operands: tuple[Operand, ...], *shape: int, width: int = 1) -> None:
        nodes.append(Node(op=op, operands=operands, shape=shape, width=width))

    window = {"strides": (1, 1), "pads": (1, 0, 0, 1), "dilations": (1, 2)}
    x = Operand(source=Source.INPUT, index=0, shape=image)
    node(ops.Affine(requant=requant(2)), (x, weight(0, 4), weight(1, 4), weight(2)), *image)
    node(
        ops.LookupTable(x_min=-128),
        (trace(0), Operand(source=Source.TABLE, index=0, shape=(1, 256))),
        *image,
    )
    node(
        ops.Conv(**window, group=2, x_zero_point=1, requant=requant(7, zero_point=-1)),
        (trace(1), weight(3, 6, 2, 2, 2), weight(4, 6), weight(5, 6)),
        1, 5, 4, 6,
    )  # fmt: skip
    node(ops.MaxPool(kernel=(2, 2), **window), (trace(2),), 1, 5, 3, 6)
    node(
        ops.SumPool(kernel=(2, 2), **window, x_zero_point=-1, requant=requant(2)),
        (trace(2), weight(2)),
        1, 5, 3, 6,
    )  # fmt: skip
    node(ops.Transpose(perm=(0, 3, 1, 2)), (trace(3),), 1, 6, 5, 3)
    node(ops.Pad(before=(0, 0, 1, 0), after=(0, 0, 0, 1), value=-7), (trace(5),), 1, 6, 6, 4)
    node(ops.Concat(axis=1), (trace(6), trace(2, (1, 5, 6, 4))), 1, 11, 6, 4)
    node(
        ops.Mul(a_zero_point=0, b_zero_point=3, requant=requant(6)),
        (trace(3, (1, 90)), trace(4, (1, 90)), weight(2)),
        1, 90,
    )  # fmt: skip
    node(
        ops.Add(a_multiplier=3, b_multiplier=-1, offset=5, requant=requant(1)),
        (trace(8), trace(3, (1, 90))),
        1, 90,
    )  # fmt: skip
    for part, source in ((6, 8), (7, 9)):
        node(
            ops.MatMul(requant=requant(0, 4)),
            (trace(source), weight(part, 9, 90), weight(8, 9), weight(2)),
            1, 9, width=4,
        )  # fmt: skip
    node(
        ops.Add(a_multiplier=1, b_multiplier=1, offset=0, requant=requant(12)),
        (trace(10), trace(11)),
        1, 9,
    )  # fmt: skip
    steps = np.arange(-128, 128)
    return Program(
        inputs=(Input(name="x", shape=image, lo=-128, hi=127, scale=1.0, zero_point=0),),
        outputs=(Output(name="y", node=12, shape=(1, 9), scale=1.0, zero_point=0),),
        nodes=tuple(nodes),
        weights=(
            Constant.of("scale", rng.integers(-5, 6, 4)),
            Constant.of("shift", rng.integers(-40, 40, 4)),
            Constant.of("one", 1),
            Constant.of("kernel", rng.integers(-128, 128, (6, 2, 2, 2))),
            Constant.of("bias", rng.integers(-90, 90, 6)),
            Constant.of("multiplier", rng.integers(1, 4, 6)),
            Constant.of("left", rng.integers(-128, 128, (9, 90))),
            Constant.of("right", rng.integers(-128, 128, (9, 90))),
            Constant.of("none", np.zeros(9, dtype=np.int64)),
        ),
        tables=(Constant.of("relu", np.maximum(steps, -(steps // 8)).reshape(1, 256)),),
    )


def operator_inputs(seed: int = 1) -> Inputs:
    """Quantised inputs; each seed gives others."""
    return {"x": np.random.default_rng(seed).integers(-128, 128, (1, 5, 5, 4))}
