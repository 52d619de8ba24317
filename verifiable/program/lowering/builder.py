"""Collects the nodes and constants of a program while it is lowered."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from verifiable.errors import Problem, UnsupportedModel
from verifiable.program import operators as ops
from verifiable.program.intervals import NodeRange, analyse_node, check_bounds
from verifiable.program.program import Constant, Input, Node, Operand, Source, width_of
from verifiable.program.shapes import result_shape

__all__ = ["Builder", "InputSlot"]


@dataclass(slots=True, kw_only=True)
class InputSlot:
    """A graph input whose integer form is settled by the first quantisation that reads it."""

    name: str
    shape: tuple[int, ...]
    spec: Input | None = None


@dataclass(slots=True)
class Builder:
    """The program under construction. Nodes are appended in topological order."""

    slots: list[InputSlot] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    ranges: list[NodeRange] = field(default_factory=list)
    weights: list[Constant] = field(default_factory=list)
    tables: list[Constant] = field(default_factory=list)
    _known: dict[tuple[Source, tuple[int, ...], bytes], Operand] = field(default_factory=dict)

    def weight(self, name: str, values: npt.ArrayLike) -> Operand:
        """Add a weight, or reuse an equal one."""
        return self._constant(Source.WEIGHT, self.weights, name, values)

    def table(self, name: str, values: npt.ArrayLike) -> Operand:
        """Add a lookup table, or reuse an equal one."""
        return self._constant(Source.TABLE, self.tables, name, values)

    def emit(self, op: ops.Operator, operands: tuple[Operand, ...], name: str) -> Operand:
        """Append a node and return its result under its own shape.

        Raises:
            UnsupportedModel: the node breaks a bound of the operators' definition.
        """
        shape = result_shape(op, tuple(operand.shape for operand in operands))
        constants = [self._values(operand) for operand in operands]
        found = analyse_node(op, [self.interval(operand) for operand in operands], constants)
        multiplier = constants[-1] if op.roles[-1] == "multiplier" else None
        problems = check_bounds(op, found, multiplier, name)
        if problems:
            raise UnsupportedModel(problems)
        width = width_of(found.lo, found.hi)
        self.nodes.append(Node(op=op, operands=operands, shape=shape, width=width, name=name))
        self.ranges.append(found)
        return Operand(source=Source.TRACE, index=len(self.nodes) - 1, shape=shape)

    def interval(self, operand: Operand) -> tuple[int, int]:
        """The static interval of an operand.

        Raises:
            UnsupportedModel: it is a graph input that no quantisation has settled.
        """
        if operand.source is Source.TRACE:
            found = self.ranges[operand.index]
            return found.lo, found.hi
        if operand.source is Source.INPUT:
            slot = self.slots[operand.index]
            if slot.spec is None:
                raise UnsupportedModel(
                    [
                        Problem(
                            code="input-not-quantised",
                            node=slot.name,
                            what="the graph input is used before it is quantised",
                            hint="quantise the input itself",
                        )
                    ]
                )
            return slot.spec.lo, slot.spec.hi
        values = self._values(operand)
        assert values is not None  # noqa: S101 - weights and tables have values
        return int(values.min()), int(values.max())

    def _values(self, operand: Operand) -> npt.NDArray[np.int64] | None:
        if operand.source is Source.WEIGHT:
            return self.weights[operand.index].values
        if operand.source is Source.TABLE:
            return self.tables[operand.index].values
        return None

    def _constant(
        self, source: Source, pool: list[Constant], name: str, values: npt.ArrayLike
    ) -> Operand:
        constant = Constant.of(name, values)
        key = (source, constant.values.shape, constant.values.tobytes())
        if key not in self._known:
            pool.append(constant)
            self._known[key] = Operand(
                source=source, index=len(pool) - 1, shape=constant.values.shape
            )
        return self._known[key]
