"""Small programs that make each part of the gkr argument do its work."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from verifiable.circuits.samples import SAMPLES, single
from verifiable.program import operators as ops
from verifiable.program.program import (
    Constant,
    Input,
    Node,
    Operand,
    Output,
    Program,
    Source,
)
from verifiable.program.shapes import Shape, result_shape

INT8 = ops.Requantisation(shift=4, lo=-128, hi=127)
GENTLE = ops.Requantisation(shift=6, lo=-128, hi=127)
RELU = ops.Requantisation(shift=5, lo=0, hi=127)
PLAIN = ops.Requantisation(shift=0, lo=-(1 << 40), hi=1 << 40)


class Sketch:
    """A program under construction; tensors are operands."""

    def __init__(self, *shapes: Shape, lo: int = -128, hi: int = 127) -> None:
        self._inputs = tuple(
            Input(name=f"x{i}", shape=shape, lo=lo, hi=hi, scale=1.0, zero_point=0)
            for i, shape in enumerate(shapes)
        )
        self._nodes: list[Node] = []
        self._weights: list[Constant] = []
        self._tables: list[Constant] = []

    def input(self, index: int = 0) -> Operand:
        return Operand(source=Source.INPUT, index=index, shape=self._inputs[index].shape)

    def weight(self, values: npt.ArrayLike) -> Operand:
        array = np.asarray(values, dtype=np.int64)
        self._weights.append(Constant.of(f"w{len(self._weights)}", array))
        return Operand(source=Source.WEIGHT, index=len(self._weights) - 1, shape=array.shape)

    def table(self, values: npt.ArrayLike) -> Operand:
        array = np.asarray(values, dtype=np.int64)
        self._tables.append(Constant.of(f"t{len(self._tables)}", array))
        return Operand(source=Source.TABLE, index=len(self._tables) - 1, shape=array.shape)

    def node(self, op: ops.Operator, *operands: Operand, width: int = 8) -> Operand:
        shape = result_shape(op, tuple(operand.shape for operand in operands))
        self._nodes.append(
            Node(op=op, operands=operands, shape=shape, width=width, name=f"n{len(self._nodes)}")
        )
        return Operand(source=Source.TRACE, index=len(self._nodes) - 1, shape=shape)

    def program(self, *outputs: Operand) -> Program:
        return Program(
            inputs=self._inputs,
            outputs=tuple(
                Output(name=f"y{i}", node=o.index, shape=o.shape, scale=1.0, zero_point=0)
                for i, o in enumerate(outputs)
            ),
            nodes=tuple(self._nodes),
            weights=tuple(self._weights),
            tables=tuple(self._tables),
        )


def weights(shape: Sequence[int], seed: int, reach: int = 20) -> npt.NDArray[np.int64]:
    """Random weights whose ends are both there, so that all seeds give the same bits."""
    values = np.random.default_rng(seed).integers(-reach, reach + 1, tuple(shape))
    values.reshape(-1)[:2] = (-reach, reach)
    return values


@cache
def dense(seed: int = 0, *, terms: int = 4) -> Program:
    """One dense layer of 3 results: the smallest program with a remainder and a clamp."""
    s = Sketch((1, terms))
    y = s.node(
        ops.MatMul(requant=INT8),
        s.input(),
        s.weight(weights((3, terms), seed)),
        s.weight(weights((3,), seed + 100)),
        s.weight([1]),
    )
    return s.program(y)


@cache
def two_layers(seed: int = 0, *, swapped: bool = False) -> Program:
    """Two dense layers, 4 to 4 to 4; `swapped` uses the two layers' weights the other way round."""
    s = Sketch((1, 4))
    parts = [
        (s.weight(weights((4, 4), seed + i)), s.weight(weights((4,), seed + 50 + i)))
        for i in range(2)
    ]
    if swapped:
        parts.reverse()
    one = s.weight([1])
    x = s.input()
    for weight, bias in parts:
        x = s.node(ops.MatMul(requant=GENTLE), x, weight, bias, one)
    return s.program(x)


@cache
def fan_out() -> Program:
    """One tensor with three consumers, and one virtual tensor with two."""
    s = Sketch((2, 4))
    hidden = s.node(
        ops.MatMul(requant=RELU),
        s.input(),
        s.weight(weights((4, 4), 3)),
        s.weight(weights((4,), 4)),
        s.weight([1]),
    )
    turned = s.node(ops.Transpose(perm=(1, 0)), hidden)
    sums = ops.Add(a_multiplier=1, b_multiplier=3, offset=0, requant=INT8)
    square = s.node(
        ops.Mul(a_zero_point=0, b_zero_point=0, requant=INT8), hidden, hidden, s.weight([1])
    )
    back = s.node(ops.Transpose(perm=(1, 0)), turned)
    total = s.node(sums, square, back)
    return s.program(total, turned)


@cache
def activation(table: str = "square") -> Program:
    """A dense layer and a table that is joined to its clamp."""
    values = np.arange(-128, 128)
    s = Sketch((1, 4))
    hidden = s.node(
        ops.MatMul(requant=INT8),
        s.input(),
        s.weight(weights((4, 4), 3)),
        s.weight(weights((4,), 4)),
        s.weight([1]),
    )
    image = values if table == "identity" else values * values // 128
    y = s.node(ops.LookupTable(x_min=-128), hidden, s.table([image]))
    return s.program(y)


WIDE_CLAMP = single(
    ops.MatMul(requant=ops.Requantisation(shift=0, lo=-100, hi=100)),
    [(1, 2)],
    [[[300, 200]], [0], [1]],
)
"""The accumulator's reach is too wide for a table, so the clamp is shown by products."""

WIDE_INDEX = single(ops.LookupTable(x_min=-2), [(2,)], [[[5, -3, 8, 1]]], lo=-40000, hi=40000)
"""A table over a domain far smaller than x's."""

WIDE_POOL = single(
    ops.MaxPool(kernel=(1, 2), strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1)),
    [(1, 1, 3, 1)],
    lo=-40000,
    hi=40000,
)
"""A maximum whose differences are too wide for a table."""

DEEP_GROUPS = single(
    ops.Conv(
        strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), group=2, x_zero_point=3, requant=INT8
    ),
    [(1, 3, 3, 4)],
    [weights((4, 2, 2, 2), 7), weights((4,), 8), [1]],
)
"""Two groups of two channels: the claim on the kernel is split."""

ROW_MULTIPLIERS = single(
    ops.MatMul(requant=INT8),
    [(3, 2)],
    [weights((2, 2), 1, 9), [3, -4], [[1], [2], [3]]],
)
"""A multiplier for each row: neither one for all, nor one for each lane of the last axis."""

WIDE_WEIGHTS = single(
    ops.MatMul(requant=ops.Requantisation(shift=14, lo=-128, hi=127)),
    [(1, 2)],
    [[[1 << 20, -(1 << 20)]], [5], [1]],
)
"""Weights and a remainder of more bits than one limb has."""

SINGLES: dict[str, Program] = {
    f"{name}, {variant}": program
    for name, variants in SAMPLES.items()
    for variant, program in variants.items()
} | {
    "wide clamp": WIDE_CLAMP,
    "wide index": WIDE_INDEX,
    "wide maximum": WIDE_POOL,
    "deep groups": DEEP_GROUPS,
    "row multipliers": ROW_MULTIPLIERS,
    "wide weights": WIDE_WEIGHTS,
}
