"""Small programs of several nodes, grown one node at a time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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

__all__ = ["Graph", "viewed"]


def viewed(operand: Operand, *shape: int) -> Operand:
    """The same elements under another shape."""
    return replace(operand, shape=shape)


@dataclass(slots=True)
class Graph:
    """A program that grows; every method returns the operand that it made."""

    inputs: list[Input] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    weights: list[Constant] = field(default_factory=list)
    tables: list[Constant] = field(default_factory=list)
    intervals: dict[tuple[Source, int], tuple[int, int]] = field(default_factory=dict)

    def input(self, *shape: int, lo: int = -128, hi: int = 127) -> Operand:
        index = len(self.inputs)
        self.inputs.append(
            Input(name=f"x{index}", shape=shape, lo=lo, hi=hi, scale=1.0, zero_point=0)
        )
        self.intervals[Source.INPUT, index] = (lo, hi)
        return Operand(source=Source.INPUT, index=index, shape=shape)

    def weight(self, values: npt.ArrayLike) -> Operand:
        return self._constant(self.weights, Source.WEIGHT, values)

    def table(self, values: npt.ArrayLike) -> Operand:
        return self._constant(self.tables, Source.TABLE, values)

    def node(self, op: ops.Operator, *operands: Operand) -> Operand:
        shape: Shape = result_shape(op, tuple(operand.shape for operand in operands))
        constants = [
            self._pool(o.source)[o.index].values.reshape(o.shape)
            if o.source in (Source.WEIGHT, Source.TABLE)
            else None
            for o in operands
        ]
        found = analyse_node(op, [self.intervals[o.source, o.index] for o in operands], constants)
        index = len(self.nodes)
        width = width_of(found.lo, found.hi)
        self.nodes.append(
            Node(op=op, operands=operands, shape=shape, width=width, name=f"n{index}")
        )
        self.intervals[Source.TRACE, index] = (found.lo, found.hi)
        return Operand(source=Source.TRACE, index=index, shape=shape)

    def program(self, *outputs: Operand) -> Program:
        return Program(
            inputs=tuple(self.inputs),
            outputs=tuple(
                Output(name=f"y{i}", node=o.index, shape=o.shape, scale=1.0, zero_point=0)
                for i, o in enumerate(outputs)
            ),
            nodes=tuple(self.nodes),
            weights=tuple(self.weights),
            tables=tuple(self.tables),
        )

    def _pool(self, source: Source) -> list[Constant]:
        return self.weights if source is Source.WEIGHT else self.tables

    def _constant(self, pool: list[Constant], source: Source, values: npt.ArrayLike) -> Operand:
        array = np.asarray(values, dtype=np.int64)
        index = len(pool)
        pool.append(Constant.of(f"c{index}", array))
        self.intervals[source, index] = (int(array.min()), int(array.max()))
        return Operand(source=source, index=index, shape=array.shape)
