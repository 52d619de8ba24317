"""One element of one node, by the reference and from as little of the operands as it needs."""

from __future__ import annotations

from dataclasses import replace
from functools import singledispatch

import numpy as np

from verifiable.program import operators as ops
from verifiable.program import reference
from verifiable.program.program import IntArray, Node

__all__ = ["element_of"]

Operands = tuple[IntArray, ...]


def element_of(node: Node, element: int, operands: Operands) -> int:
    """What a node's operator gives at one position of its result.

    Args:
        node: the node.
        element: row-major position.
        operands: int64 values under the operands' shapes.

    Raises:
        IndexError: the result has no such element.
        OverflowError: the operator is not defined on these values.
    """
    place = tuple(int(at) for at in np.unravel_index(element, node.shape))
    return int(_element(node.op, node, place, operands))


@singledispatch
def _element(op: ops.Operator, node: Node, place: tuple[int, ...], operands: Operands) -> int:
    """Operators that only move elements: the whole result costs little."""
    return int(reference.apply(op, operands)[place])


@_element.register
def _(op: ops.MatMul, node: Node, place: tuple[int, ...], operands: Operands) -> int:
    x, weight, bias, multiplier = operands
    channel = slice(place[-1], place[-1] + 1)
    row = x[place[:-1]][np.newaxis]
    factor = _one(multiplier, node.shape, place)
    return reference.apply(op, (row, weight[channel], bias[channel], factor)).item()


@_element.register
def _(op: ops.Conv, node: Node, place: tuple[int, ...], operands: Operands) -> int:
    x, weight, bias, multiplier = operands
    image, row, column, channel = place
    group = channel // (weight.shape[0] // op.group)
    inputs = slice(group * weight.shape[3], (group + 1) * weight.shape[3])
    alone = replace(op, group=1)
    factor = np.broadcast_to(multiplier, node.shape)[image, :, :, channel][np.newaxis, ..., None]
    result = reference.apply(
        alone,
        (
            x[image : image + 1, :, :, inputs],
            weight[channel : channel + 1],
            bias[channel : channel + 1],
            factor,
        ),
    )
    return int(result[0, row, column, 0])


@_element.register(ops.MaxPool)
@_element.register(ops.SumPool)
def _(op: ops.MaxPool | ops.SumPool, node: Node, place: tuple[int, ...], operands: Operands) -> int:
    image, row, column, channel = place
    x = operands[0][image : image + 1, :, :, channel : channel + 1]
    rest = (
        np.broadcast_to(operand, node.shape)[image, :, :, channel][np.newaxis, ..., None]
        for operand in operands[1:]
    )
    return int(reference.apply(op, (x, *rest))[0, row, column, 0])


@_element.register(ops.Affine)
@_element.register(ops.Add)
@_element.register(ops.Mul)
def _(op: ops.Operator, node: Node, place: tuple[int, ...], operands: Operands) -> int:
    alone = tuple(_one(operand, node.shape, place) for operand in operands)
    return reference.apply(op, alone).item()


@_element.register
def _(op: ops.LookupTable, node: Node, place: tuple[int, ...], operands: Operands) -> int:
    x, table = operands
    row = place[-1] if len(table) > 1 else 0
    return reference.apply(op, (x[place].reshape(1), table[row : row + 1])).item()


def _one(operand: IntArray, shape: tuple[int, ...], place: tuple[int, ...]) -> IntArray:
    """The one element that an operand broadcasts to a place, as an array of one."""
    alone: IntArray = np.broadcast_to(operand, shape)[place].reshape(1)
    return alone
