"""The integer program: what every backend proves.

A `Program` is a straight line of nodes. Node `i` computes trace tensor `i` from earlier trace
tensors, program inputs, weights and tables. All values are signed integers. A reshape is no node:
an operand carries the shape under which its node reads it, over the same row-major elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from math import prod
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from verifiable.program.operators import Operator

__all__ = [
    "Constant",
    "Input",
    "IntArray",
    "Node",
    "Operand",
    "Output",
    "Program",
    "Source",
    "width_of",
]

IntArray = npt.NDArray[np.int64]


class Source(IntEnum):
    """Where an operand comes from; the numbers are part of the committed format."""

    TRACE = 0
    WEIGHT = 1
    TABLE = 2
    INPUT = 3


def width_of(lo: int, hi: int) -> int:
    """Bytes per element (1, 2, 4 or 8) of the smallest signed type that holds [lo, hi]."""
    for width in (1, 2, 4, 8):
        bound = 1 << (8 * width - 1)
        if -bound <= lo and hi < bound:
            return width
    raise ValueError(f"[{lo}, {hi}] does not fit 64 signed bits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """A reference to a tensor, and the shape under which it is read.

    Attributes:
        source: which list `index` points into.
        index: position in that list.
        shape: shape seen by the node; its product equals the tensor's element count.
    """

    source: Source
    index: int
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operator application.

    Attributes:
        op: the operator with its attributes.
        operands: references in the order of the operator's `roles` (Concat: two or more of `x`).
        shape: shape of the result.
        width: bytes per element of the result: the smallest that holds its static range.
        name: for people; not committed.
    """

    op: Operator
    operands: tuple[Operand, ...]
    shape: tuple[int, ...]
    width: int
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Constant:
    """A weight, bias, multiplier or table: read-only int64 values and their committed width."""

    name: str
    values: IntArray
    width: int

    @classmethod
    def of(cls, name: str, values: npt.ArrayLike) -> Constant:
        """Make a constant of the smallest width from any integer array."""
        array = np.array(values, dtype=np.int64, order="C")
        array.setflags(write=False)
        width = width_of(int(array.min()), int(array.max())) if array.size else 1
        return cls(name=name, values=array, width=width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A program input: `x_q = floor(x / scale + 0.5) + zero_point`, in [lo, hi]."""

    name: str
    shape: tuple[int, ...]
    lo: int
    hi: int
    scale: float
    zero_point: int

    @property
    def width(self) -> int:
        """Bytes per element."""
        return width_of(self.lo, self.hi)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A program output: trace tensor `node` under `shape`; `y = (y_q - zero_point) * scale`."""

    name: str
    node: int
    shape: tuple[int, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True, weakref_slot=True, kw_only=True, eq=False)
class Program:
    """An integer program.

    Attributes:
        inputs, outputs: the schema, in ONNX order and ONNX axis order.
        nodes: in topological order; the id of a trace tensor is its node's position.
        weights, tables: constants.
        metadata: provenance (scales, accuracy, source digest); not covered by the program root.
    """

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    nodes: tuple[Node, ...]
    weights: tuple[Constant, ...]
    tables: tuple[Constant, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def constant(self, operand: Operand) -> IntArray:
        """The values of a weight or table operand, under the operand's shape."""
        pool = self.weights if operand.source is Source.WEIGHT else self.tables
        return pool[operand.index].values.reshape(operand.shape)

    def tensor_shape(self, operand: Operand) -> tuple[int, ...]:
        """The shape of the tensor behind an operand, before any reshape."""
        if operand.source is Source.TRACE:
            return self.nodes[operand.index].shape
        if operand.source is Source.INPUT:
            return self.inputs[operand.index].shape
        pool = self.weights if operand.source is Source.WEIGHT else self.tables
        return pool[operand.index].values.shape

    @property
    def parameter_count(self) -> int:
        """Number of weight elements (biases and multipliers included)."""
        return sum(prod(constant.values.shape) for constant in self.weights)
