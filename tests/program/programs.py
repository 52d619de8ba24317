"""Small programs by hand, for tests that need to know what is in them."""

from __future__ import annotations

import numpy as np

from verifiable.program import operators as ops
from verifiable.program.intervals import analyse_node
from verifiable.program.program import (
    Constant,
    Input,
    Node,
    Operand,
    Output,
    Program,
    Source,
    width_of,
)
from verifiable.program.shapes import result_shape

INT32 = (-(1 << 31), (1 << 31) - 1)
INT64 = (-(1 << 63), (1 << 63) - 1)
WIDE = ops.Requantisation(lo=INT64[0], hi=INT64[1])


def single(op, shapes, constants=(), *, lo=-128, hi=127, width=None):
    """A program of one node `op` over inputs of `shapes`, then weights (or one table)."""
    inputs = tuple(
        Input(name=f"x{i}", shape=shape, lo=lo, hi=hi, scale=1.0, zero_point=0)
        for i, shape in enumerate(shapes)
    )
    arrays = [np.asarray(values, dtype=np.int64) for values in constants]
    pool = tuple(Constant.of(f"c{i}", values) for i, values in enumerate(arrays))
    table = isinstance(op, ops.LookupTable)
    source = Source.TABLE if table else Source.WEIGHT
    operands = tuple(
        Operand(source=Source.INPUT, index=i, shape=spec.shape) for i, spec in enumerate(inputs)
    ) + tuple(Operand(source=source, index=i, shape=a.shape) for i, a in enumerate(arrays))
    shape = result_shape(op, tuple(operand.shape for operand in operands))
    if width is None:
        ends = [(lo, hi)] * len(inputs) + [(int(a.min()), int(a.max())) for a in arrays]
        found = analyse_node(op, ends, [None] * len(inputs) + arrays)
        width = width_of(found.lo, found.hi)
    return Program(
        inputs=inputs,
        outputs=(Output(name="y", node=0, shape=shape, scale=1.0, zero_point=0),),
        nodes=(Node(op=op, operands=operands, shape=shape, width=width, name="only"),),
        weights=() if table else pool,
        tables=pool if table else (),
    )
