"""What a model is made of, and everything that stands in the way of compiling it.

No calibration data is needed: made-up scales stand in for the activations, so the real lowering
runs and reports its own reasons. Nothing here raises because a model is unsupported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from types import MappingProxyType

import onnx

from verifiable.errors import Problem, UnsupportedModel
from verifiable.program.graph import Graph
from verifiable.program.lowering.lower import try_lower
from verifiable.program.normalise import normalise
from verifiable.program.program import Node, Program
from verifiable.program.quantise import is_quantised
from verifiable.program.scales import insert_scales, placeholder_scales
from verifiable.program.source import load_model

__all__ = ["Inspection", "OperatorRow", "inspect_model"]

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorRow:
    """One operator of the simplified ONNX graph.

    Attributes:
        name: node name, or what stands for it.
        op_type: ONNX operator, with its domain if it is not the standard one.
        inputs, outputs: tensor shapes; None where a shape is not static.
        problems: why it cannot be compiled; empty if it can.
        nodes: positions of the program nodes that it became.
    """

    name: str
    op_type: str
    inputs: tuple[Shape | None, ...]
    outputs: tuple[Shape | None, ...]
    problems: tuple[Problem, ...]
    nodes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """The whole report.

    Attributes:
        rows: every operator, in execution order.
        problems: all problems, those of no single operator (inputs, shapes) included.
        notes: what simplification and lowering changed.
        program: lowered with made-up scales; partial if there are problems. Fit for shapes, costs
            and support, not for execution.
        quantised: whether the model came quantised.
    """

    rows: tuple[OperatorRow, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    program: Program
    quantised: bool

    @property
    def supported(self) -> bool:
        """Whether the model can be compiled."""
        return not self.problems


def inspect_model(
    source: str | PathLike[str] | bytes | onnx.ModelProto,
    *,
    shapes: Mapping[str, Shape] = MappingProxyType({}),
    cut_output: bool = False,
) -> Inspection:
    """Report on a model.

    Raises:
        MalformedModel: the file cannot be read at all.
        MalformedInput: `shapes` does not fit the model's inputs.
    """
    try:
        model = load_model(source)
    except UnsupportedModel as error:
        return _unreadable(error.problems)
    normalised = normalise(model, shapes=shapes, cut_output=cut_output, allow_unresolved=True)
    plain = normalised.model
    quantised = is_quantised(plain)
    lowered = try_lower(plain if quantised else insert_scales(plain, placeholder_scales(plain)))
    lowered_problems = [
        problem
        for problem in lowered.problems
        if quantised or problem.code not in ("range-bound", "bias-range", "scale-ratio")
    ]  # those bounds follow from scales, and the scales are made up
    problems = list(normalised.problems)
    dynamic = {problem.node for problem in problems if problem.code == "dynamic-shape"}
    problems.extend(
        problem
        for problem in lowered_problems
        if problem not in problems
        and not (problem.code == "dynamic-shape" and problem.node in dynamic)
    )
    graph = Graph(plain)
    rows = tuple(
        OperatorRow(
            name=node.label,
            op_type=f"{node.domain}.{node.op_type}" if node.domain else node.op_type,
            inputs=tuple(graph.shape(name) for name in node.inputs if name),
            outputs=tuple(graph.shape(name) for name in node.outputs if name),
            problems=tuple(problem for problem in problems if problem.node == node.label),
            nodes=tuple(
                index
                for index, made in enumerate(lowered.program.nodes)
                if operator_of(made) == node.label
            ),
        )
        for node in graph.sorted_nodes()
    )
    return Inspection(
        rows=rows,
        problems=tuple(problems),
        notes=(*normalised.notes, *(lowered.notes if quantised else ())),
        program=lowered.program,
        quantised=quantised,
    )


def operator_of(node: Node) -> str:
    """The ONNX operator that a program node was made for."""
    for suffix in ("/to_layout", "/to_onnx_order", "/rescale"):
        if node.name.endswith(suffix):
            return node.name.removesuffix(suffix)
    return node.name


def _unreadable(problems: tuple[Problem, ...]) -> Inspection:
    return Inspection(
        rows=(),
        problems=problems,
        notes=(),
        program=Program(inputs=(), outputs=(), nodes=(), weights=()),
        quantised=False,
    )
