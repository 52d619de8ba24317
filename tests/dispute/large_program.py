"""A perceptron of about ten million parameters on a batch, made without a float model."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from verifiable.program import operators as ops
from verifiable.program.program import (
    Constant,
    Input,
    IntArray,
    Node,
    Operand,
    Output,
    Program,
    Source,
)

SIZES = (2048, 2048, 2048, 1024)
"""Features before, between and after the three layers: 10.5 million weights."""


def large_mlp(*, batch: int, seed: int = 7) -> Program:
    """Three dense layers of int8, each result clamped to [0, 127] (a ReLU)."""
    rng = np.random.default_rng(seed)
    requant = ops.Requantisation(shift=12, zero_point=0, lo=0, hi=127)
    weights: list[Constant] = []
    nodes: list[Node] = []

    def weight(values: IntArray) -> Operand:
        weights.append(Constant.of(f"weight {len(weights)}", values))
        return Operand(source=Source.WEIGHT, index=len(weights) - 1, shape=values.shape)

    source, index = Source.INPUT, 0
    for layer, (fan_in, fan_out) in enumerate(pairwise(SIZES)):
        nodes.append(
            Node(
                op=ops.MatMul(requant=requant),
                operands=(
                    Operand(source=source, index=index, shape=(batch, fan_in)),
                    weight(rng.integers(-128, 128, (fan_out, fan_in))),
                    weight(rng.integers(-128, 128, fan_out)),
                    weight(np.array(1)),
                ),
                shape=(batch, fan_out),
                width=1,
            )
        )
        source, index = Source.TRACE, layer
    return Program(
        inputs=(
            Input(name="x", shape=(batch, SIZES[0]), lo=-128, hi=127, scale=1.0, zero_point=0),
        ),
        outputs=(
            Output(
                name="y", node=len(nodes) - 1, shape=(batch, SIZES[-1]), scale=1.0, zero_point=0
            ),
        ),
        nodes=tuple(nodes),
        weights=tuple(weights),
        tables=(),
    )


def batch_for(program: Program, *, seed: int = 11) -> dict[str, IntArray]:
    """Random values for all inputs."""
    rng = np.random.default_rng(seed)
    return {spec.name: rng.integers(spec.lo, spec.hi + 1, spec.shape) for spec in program.inputs}
