"""The smallest programs: one node of each operator, in the variants that backends tell apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

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
from verifiable.program.shapes import Shape, result_shape

__all__ = ["SAMPLES", "single"]


def single(
    op: ops.Operator,
    shapes: Sequence[Shape],
    constants: Iterable[npt.ArrayLike] = (),
    *,
    lo: int = -128,
    hi: int = 127,
    width: int | None = None,
) -> Program:
    """A program of one node.

    Args:
        op: the operator.
        shapes: of the inputs `x0`, `x1`, ..., which are the node's first operands.
        constants: its further operands (for a LookupTable, the table).
        lo, hi: range of all inputs.
        width: of the result; by default the smallest that holds its static range.
    """
    arrays = [np.asarray(values, dtype=np.int64) for values in constants]
    pool = tuple(Constant.of(f"c{index}", values) for index, values in enumerate(arrays))
    tabled = isinstance(op, ops.LookupTable)
    source = Source.TABLE if tabled else Source.WEIGHT
    operands = (
        *(Operand(source=Source.INPUT, index=i, shape=shape) for i, shape in enumerate(shapes)),
        *(Operand(source=source, index=i, shape=a.shape) for i, a in enumerate(arrays)),
    )
    shape = result_shape(op, tuple(operand.shape for operand in operands))
    if width is None:
        ends = [(lo, hi)] * len(shapes) + [(int(a.min()), int(a.max())) for a in arrays]
        found = analyse_node(op, ends, [*(None for _ in shapes), *arrays])
        width = width_of(found.lo, found.hi)
    return Program(
        inputs=tuple(
            Input(name=f"x{i}", shape=shape, lo=lo, hi=hi, scale=1.0, zero_point=0)
            for i, shape in enumerate(shapes)
        ),
        outputs=(Output(name="y", node=0, shape=shape, scale=1.0, zero_point=0),),
        nodes=(Node(op=op, operands=operands, shape=shape, width=width, name="only"),),
        weights=() if tabled else pool,
        tables=pool if tabled else (),
    )


_INT8 = ops.Requantisation(shift=4, lo=-128, hi=127)
_IMAGE: Shape = (1, 5, 5, 2)
_NO_PADS, _PADS = (0, 0, 0, 0), (1, 1, 1, 1)
_KERNEL = np.ones((2, 3, 3, 2), dtype=np.int64)


def _conv(
    *, pads: tuple[int, int, int, int] = _NO_PADS, dilation: int = 1, group: int = 1
) -> Program:
    op = ops.Conv(
        strides=(1, 1),
        pads=pads,
        dilations=(dilation, dilation),
        group=group,
        x_zero_point=0,
        requant=_INT8,
    )
    return single(op, [_IMAGE], [_KERNEL[..., : 2 // group], [0, 0], [1]])


def _max_pool(*, pads: tuple[int, int, int, int] = _NO_PADS, dilation: int = 1) -> Program:
    op = ops.MaxPool(kernel=(2, 2), strides=(1, 1), pads=pads, dilations=(dilation, dilation))
    return single(op, [_IMAGE])


def _sum_pool(*, pads: tuple[int, int, int, int] = _NO_PADS, dilation: int = 1) -> Program:
    op = ops.SumPool(
        kernel=(2, 2),
        strides=(1, 1),
        pads=pads,
        dilations=(dilation, dilation),
        x_zero_point=0,
        requant=_INT8,
    )
    return single(op, [_IMAGE], [[1]])


SAMPLES: Mapping[str, Mapping[str, Program]] = MappingProxyType(
    {
        "MatMul": {"plain": single(ops.MatMul(requant=_INT8), [(1, 2)], [[[1, 2]], [0], [1]])},
        "Conv": {
            "plain": _conv(),
            "pads": _conv(pads=_PADS),
            "groups": _conv(group=2),
            "dilations": _conv(dilation=2),
        },
        "Affine": {"plain": single(ops.Affine(requant=_INT8), [(2,)], [[1, 2], [0], [1]])},
        "Add": {
            "plain": single(
                ops.Add(a_multiplier=1, b_multiplier=2, offset=0, requant=_INT8), [(2,), (2,)]
            )
        },
        "Mul": {
            "plain": single(
                ops.Mul(a_zero_point=0, b_zero_point=0, requant=_INT8), [(2,), (2,)], [[1]]
            )
        },
        "LookupTable": {
            "one row": single(ops.LookupTable(x_min=-128), [(2,)], [[range(256)]]),
            "a row per channel": single(ops.LookupTable(x_min=-128), [(2,)], [[range(256)] * 2]),
        },
        "MaxPool": {
            "plain": _max_pool(),
            "pads": _max_pool(pads=_PADS),
            "dilations": _max_pool(dilation=2),
        },
        "SumPool": {
            "plain": _sum_pool(),
            "pads": _sum_pool(pads=_PADS),
            "dilations": _sum_pool(dilation=2),
        },
        "Transpose": {"plain": single(ops.Transpose(perm=(1, 0)), [(2, 3)])},
        "Concat": {"plain": single(ops.Concat(axis=0), [(2,), (2,)])},
        "Pad": {
            "zeros": single(ops.Pad(before=(1,), after=(1,), value=0), [(2,)]),
            "another value": single(ops.Pad(before=(1,), after=(1,), value=-5), [(2,)]),
        },
    }
)
"""By operator and variant, in the order of the operators' catalogue."""
