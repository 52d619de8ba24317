"""What the lowering of one operator can see: the graph, the values so far, the program so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from verifiable.errors import Problem, UnsupportedModel
from verifiable.program.graph import Graph, GraphNode
from verifiable.program.lowering.builder import Builder
from verifiable.program.lowering.tables import emit_table, function_bound
from verifiable.program.lowering.values import (
    Accumulator,
    Const,
    Function,
    Linear,
    Quantised,
    RawInput,
    Target,
    Unknown,
    Value,
)

__all__ = ["Context", "Handler", "PoisonedError", "WeightRule", "refuse"]

SETTLED_BOUND = 32767
"""Tensors without quantisation parameters of their own become symmetric 16-bit integers."""


class PoisonedError(Exception):
    """An operand comes from a node that was reported already: nothing more to say."""


def refuse(
    node: GraphNode, what: str, *, hint: str = "", code: str = "unsupported"
) -> UnsupportedModel:
    """Make the error that reports a node as a problem."""
    return UnsupportedModel([Problem(code=code, node=node.label, what=what, hint=hint)])


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightRule:
    """How float weights become integers: symmetric, the largest magnitude mapped to `bound`.

    Attributes:
        per_channel: one scale per output channel instead of one per tensor.
        bound: 127 for int8, 32767 for int16.
    """

    per_channel: bool = True
    bound: int = 127


@dataclass(slots=True, kw_only=True)
class Context:
    """The state of one lowering.

    Attributes:
        weight_rule: how float weights become integers.
        notes: decisions that the user should know of, for metadata and the report.
    """

    graph: Graph
    weight_rule: WeightRule
    builder: Builder = field(default_factory=Builder)
    values: dict[str, Value] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def shape(self, node: GraphNode, name: str) -> tuple[int, ...]:
        """The static ONNX shape of a tensor.

        Raises:
            UnsupportedModel: it is not known.
        """
        shape = self.graph.shape(name)
        if shape is None:
            raise refuse(
                node, f"the shape of {name} is not static", hint="fix it with --shape NAME=DIMS"
            )
        return shape

    def is_read(self, name: str) -> bool:
        """Whether anything reads a tensor."""
        return bool(name) and (name in self.graph.outputs or bool(self.graph.consumers(name)))

    def value(self, node: GraphNode, name: str) -> Value:
        """The value of a tensor.

        Raises:
            PoisonedError: its producer was refused.
            UnsupportedModel: it is of a type that programs cannot hold.
        """
        if name not in self.values:
            array = self.graph.array(name)
            if array is None:
                raise refuse(node, f"input {name!r} is not a numeric tensor")
            self.values[name] = Const(values=array.astype(np.float64))
        found = self.values[name]
        if isinstance(found, Unknown):
            raise PoisonedError
        return found

    def const(self, node: GraphNode, name: str) -> Const:
        """The value of a tensor that must be constant."""
        found = self.value(node, name)
        if not isinstance(found, Const):
            raise refuse(node, f"input {name!r} has to be a constant")
        return found

    def is_const(self, node: GraphNode, name: str) -> bool:
        """Whether a tensor is a constant."""
        return isinstance(self.value(node, name), Const)

    def movable(self, node: GraphNode, name: str) -> Quantised | RawInput:
        """A tensor for an operator that only moves values; accumulators are settled first."""
        found = self.value(node, name)
        if isinstance(found, RawInput):
            return found
        return self.quantised(node, name)

    def quantised(self, node: GraphNode, name: str) -> Quantised:
        """A tensor as integers with one scale; settles accumulators and functions."""
        found = self.value(node, name)
        if isinstance(found, Quantised):
            return found
        if isinstance(found, Accumulator | Function):
            settled = self.conformed(self._settle(found, name), name)
            self.values[name] = settled
            return settled
        if isinstance(found, RawInput):
            raise refuse(
                node,
                f"the graph input {name!r} is used before it is quantised",
                code="input-not-quantised",
                hint="quantise the input itself",
            )
        raise refuse(node, f"input {name!r} is a constant where an activation is expected")

    def output(self, node: GraphNode, name: str) -> Quantised:
        """A tensor as a program output: an exact accumulator where one scale serves it all."""
        found = self.value(node, name)
        if isinstance(found, Linear):
            exact = found.unscaled(self.builder)
            if exact is not None:
                return self.conformed(exact, name)
        return self.quantised(node, name)

    def finish(self, value: Accumulator | Function, target: Target) -> Quantised:
        """Emit a pending value, requantised to `target`."""
        if isinstance(value, Function):
            return emit_table(self.builder, value, target)
        return value.finish(self.builder, target)

    def conformed(self, value: Quantised, name: str) -> Quantised:
        """A tensor under the shape that ONNX gives it: constants of higher rank add axes of 1."""
        shape = self.graph.shape(name)
        if shape is None or shape == value.view.shape:
            return value
        return replace(value, view=value.view.reshaped(shape))

    def _settle(self, value: Accumulator | Function, name: str) -> Quantised:
        if isinstance(value, Function):
            bound = function_bound(self.builder, value)
        else:
            bound = value.real_bound(self.builder)
        self.notes.append(
            f"{name} has no quantisation parameters: its static range, +-{bound:.6g}, is mapped to "
            "16 bits"
        )
        target = Target(
            scale=bound / SETTLED_BOUND, zero_point=0, lo=-SETTLED_BOUND - 1, hi=SETTLED_BOUND
        )
        return self.finish(value, target)


Handler = Callable[[Context, GraphNode], Value]
