"""Which elements of its operands one element of a node's result reads.

This mirrors the contracts' rules: what they look up has to be in the witness, in runs of
neighbouring leaves. Values matter only where they choose what is read (LookupTable).
"""

from __future__ import annotations

from functools import singledispatch
from math import prod
from typing import NamedTuple

import numpy as np

from verifiable.program import operators as ops
from verifiable.program.program import IntArray, Node

__all__ = ["Segment", "segments_of"]

Shape = tuple[int, ...]


class Segment(NamedTuple):
    """Neighbouring elements of an operand: row-major position of the first, and how many."""

    first: int
    length: int


Reads = tuple[tuple[Segment, ...], ...]


def segments_of(node: Node, element: int, operands: tuple[IntArray, ...]) -> Reads:
    """List what the rule of `node` reads for one element of its result.

    Args:
        node: the node.
        element: row-major position in the node's result.
        operands: int64 values under the operands' shapes.

    Returns:
        For each operand its segments in ascending order; none if it is not read.

    Raises:
        IndexError: the result has no such element.
    """
    if not 0 <= element < prod(node.shape):
        raise IndexError(f"element {element} of a result of {prod(node.shape)}")
    return _segments(node.op, node, element, operands)


@singledispatch
def _segments(op: ops.Operator, node: Node, element: int, operands: tuple[IntArray, ...]) -> Reads:
    raise NotImplementedError(f"no rule for {op.name}")


@_segments.register
def _(op: ops.MatMul, node: Node, element: int, operands: tuple[IntArray, ...]) -> Reads:
    channels, length = operands[1].shape
    row, channel = divmod(element, channels)
    return (
        (Segment(row * length, length),),
        (Segment(channel * length, length),),
        _one(channel),
        _broadcast(element, node.shape, operands[3].shape),
    )


@_segments.register
def _(op: ops.Conv, node: Node, element: int, operands: tuple[IntArray, ...]) -> Reads:
    x, weight = operands[0].shape, operands[1].shape
    batch, row, column, channel = _coordinates(element, node.shape)
    group = channel // (weight[0] // op.group)
    merged = op.dilations[1] == 1 and op.group == 1
    taps_y = _taps(op, 0, weight[1], x[1], row)
    taps_z = _taps(op, 1, weight[2], x[2], column)
    moving: list[Segment] = []
    constants: list[Segment] = []
    for i, y in taps_y:
        for j, z in taps_z[:1] if merged else taps_z:
            count = weight[3] * (len(taps_z) if merged else 1)
            first = ((batch * x[1] + y) * x[2] + z) * x[3] + group * weight[3]
            moving.append(Segment(first, count))
            start = ((channel * weight[1] + i) * weight[2] + j) * weight[3]
            constants.append(Segment(start, count))
    return (
        tuple(moving),
        _hull(constants),
        _one(channel),
        _broadcast(element, node.shape, operands[3].shape),
    )


@_segments.register(ops.Affine)
@_segments.register(ops.Add)
@_segments.register(ops.Mul)
def _(op: ops.Operator, node: Node, element: int, operands: tuple[IntArray, ...]) -> Reads:
    return tuple(_broadcast(element, node.shape, operand.shape) for operand in operands)


@_segments.register
def _(op: ops.LookupTable, node: Node, element: int, operands: tuple[IntArray, ...]) -> Reads:
    rows, size = operands[1].shape
    column = min(max(int(operands[0].flat[element]) - op.x_min, 0), size - 1)
    return _one(element), _one(element % rows * size + column)


@_segments.register(ops.MaxPool)
@_segments.register(ops.SumPool)
def _(
    op: ops.MaxPool | ops.SumPool, node: Node, element: int, operands: tuple[IntArray, ...]
) -> Reads:
    x = operands[0].shape
    batch, row, column, channel = _coordinates(element, node.shape)
    moving = tuple(
        Segment(((batch * x[1] + y) * x[2] + z) * x[3] + channel, 1)
        for _, y in _taps(op, 0, op.kernel[0], x[1], row)
        for _, z in _taps(op, 1, op.kernel[1], x[2], column)
    )
    rest = (_broadcast(element, node.shape, operand.shape) for operand in operands[1:])
    return (moving, *rest)


@_segments.register
def _(op: ops.Transpose, node: Node, element: int, operands: tuple[IntArray, ...]) -> Reads:
    place = [0] * len(op.perm)
    for axis, coordinate in zip(op.perm, _coordinates(element, node.shape), strict=True):
        place[axis] = coordinate
    return (_one(_position(place, operands[0].shape)),)


@_segments.register
def _(op: ops.Concat, node: Node, element: int, operands: tuple[IntArray, ...]) -> Reads:
    place = _coordinates(element, node.shape)
    reads: list[tuple[Segment, ...]] = [()] * len(operands)
    for index, operand in enumerate(operands):
        if place[op.axis] < operand.shape[op.axis]:
            reads[index] = _one(_position(place, operand.shape))
            break
        place[op.axis] -= operand.shape[op.axis]
    return tuple(reads)


@_segments.register
def _(op: ops.Pad, node: Node, element: int, operands: tuple[IntArray, ...]) -> Reads:
    shape = operands[0].shape
    place = [
        coordinate - before
        for coordinate, before in zip(_coordinates(element, node.shape), op.before, strict=True)
    ]
    inside = all(0 <= at < size for at, size in zip(place, shape, strict=True))
    return (_one(_position(place, shape)) if inside else (),)


def _one(index: int) -> tuple[Segment, ...]:
    return (Segment(index, 1),)


def _hull(segments: list[Segment]) -> tuple[Segment, ...]:
    """One segment from the first element to the last: weights of a channel are neighbours."""
    if not segments:
        return ()
    first, last = segments[0], segments[-1]
    return (Segment(first.first, last.first + last.length - first.first),)


def _broadcast(element: int, result: Shape, operand: Shape) -> tuple[Segment, ...]:
    place = _coordinates(element, result)[len(result) - len(operand) :]
    return _one(
        _position([at if size > 1 else 0 for at, size in zip(place, operand, strict=True)], operand)
    )


def _coordinates(element: int, shape: Shape) -> list[int]:
    return [int(at) for at in np.unravel_index(element, shape)]


def _position(place: list[int], shape: Shape) -> int:
    index = 0
    for at, size in zip(place, shape, strict=True):
        index = index * size + at
    return index


def _taps(
    op: ops.Conv | ops.MaxPool | ops.SumPool, axis: int, kernel: int, size: int, place: int
) -> list[tuple[int, int]]:
    """Taps of a window that are not padding, with the position that each reads."""
    start = op.strides[axis] * place - op.pads[axis]
    dilation = op.dilations[axis]
    first = max(0, -(start // dilation))
    end = min(kernel, -((start - size) // dilation))
    return [(tap, start + tap * dilation) for tap in range(first, end)]
