"""What to expect before any work starts: which backend can prove a model, and at what cost."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from verifiable.backends.base import Backend, Estimate
from verifiable.backends.registry import backend_ids, get_backend
from verifiable.errors import (
    MalformedModel,
    MissingDependency,
    Problem,
    UnsupportedModel,
    VerifiableError,
)
from verifiable.program.inspect import Inspection, OperatorRow, inspect_model
from verifiable.program.onnx_file import load_program
from verifiable.program.program import Program
from verifiable.sources import ModelSource, is_program

__all__ = [
    "Forecast",
    "ModelReport",
    "OperatorReport",
    "estimate",
    "inspect",
    "refusals",
    "refuse_program",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorReport:
    """One operator, and what each backend says to it.

    Attributes:
        operator: the operator with its shapes and the problems of compiling it.
        backends: by backend id its reasons against the operator; empty: it proves it; None: that
            cannot be said before the operator's shapes are known.
    """

    operator: OperatorRow
    backends: Mapping[str, tuple[Problem, ...] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """All there is to say on a model without running it.

    Attributes:
        inspection: what the compiler found.
        operators: in execution order.
        backends: by backend id every reason why it cannot prove the model; empty: it can.
    """

    inspection: Inspection
    operators: tuple[OperatorReport, ...]
    backends: Mapping[str, tuple[Problem, ...]]

    @property
    def supported(self) -> bool:
        """Whether the model compiles and some backend proves it."""
        return self.inspection.supported and any(not found for found in self.backends.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What one backend will need for a model, or why it cannot prove it."""

    backend: str
    problems: tuple[Problem, ...] = ()
    estimate: Estimate | None = None


def refusals(backend: Backend, program: Program) -> dict[int, Problem]:
    """By node, why a backend cannot prove a program; empty if it can."""
    return {
        item.node: Problem(
            code="unsupported-by-backend",
            node=program.nodes[item.node].name or f"node {item.node}",
            what=f"{program.nodes[item.node].op.name}: {item.why}",
            hint=item.hint,
        )
        for item in backend.support(program)
        if not item.supported
    }


def inspect(
    model: ModelSource,
    *,
    shapes: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
    cut_output: bool = False,
) -> ModelReport:
    """Report every operator of a model, and every reason against it, all at once.

    Args:
        model: path, bytes or object; a float model or one that is quantised already.
        shapes: input shapes by name, for models with dynamic axes.
        cut_output: leave a final Softmax, LogSoftmax or Sigmoid out.

    Raises:
        MalformedModel: it cannot be read at all, or is a compiled program already.
        MalformedInput: `shapes` does not fit the model's inputs.
    """
    refuse_program(model)
    found = inspect_model(model, shapes=shapes, cut_output=cut_output)
    by_backend = {name: _refusals_of(name, found.program) for name in backend_ids()}
    general = found.problems
    return ModelReport(
        inspection=found,
        operators=tuple(
            OperatorReport(
                operator=row,
                backends=MappingProxyType(
                    {name: _row_problems(row, refused) for name, refused in by_backend.items()}
                ),
            )
            for row in found.rows
        ),
        backends=MappingProxyType(
            {
                name: (*general, *(refused[node] for node in sorted(refused)))
                for name, refused in by_backend.items()
            }
        ),
    )


def refuse_program(model: ModelSource) -> None:
    """Refuse a compiled program where a model is expected.

    Raises:
        MalformedModel: (code `already-a-program`), or what is wrong with the program's file.
    """
    if not is_program(model):
        return
    if isinstance(model, str | bytes | os.PathLike):
        load_program(model)  # a damaged file is worth knowing of first
    raise MalformedModel(
        "the file is a compiled program already",
        where=str(model) if isinstance(model, str | os.PathLike) else "",
        hint="give the model that it was compiled from; a program can be run, proven and estimated",
        code="already-a-program",
    )


def estimate(
    model: ModelSource | Program,
    *,
    shapes: Mapping[str, tuple[int, ...]] = MappingProxyType({}),
    cut_output: bool = False,
) -> dict[str, Forecast]:
    """Time, memory and sizes for each backend, without doing the work.

    Args:
        model: a program, the path or bytes of its file, or a model that is not compiled yet; for
            the latter the real scales are unknown, which may change the figures somewhat.
        shapes, cut_output: as for `compile`; of no use for a compiled program.

    Raises:
        MalformedModel: it cannot be read.
        UnsupportedModel: it cannot be compiled.
    """
    program = model if isinstance(model, Program) else _lowered(model, shapes, cut_output)
    forecasts: dict[str, Forecast] = {}
    for name in backend_ids():
        refused = _refusals_of(name, program)
        forecasts[name] = Forecast(
            backend=name,
            problems=tuple(refused[node] for node in sorted(refused)),
            estimate=None if refused else get_backend(name).estimate(program),
        )
    return forecasts


def _lowered(
    model: ModelSource, shapes: Mapping[str, tuple[int, ...]], cut_output: bool
) -> Program:
    if isinstance(model, str | bytes | os.PathLike) and is_program(model):
        return load_program(model)
    found = inspect_model(model, shapes=shapes, cut_output=cut_output)
    if not found.supported:
        raise UnsupportedModel(found.problems)
    return found.program


def _refusals_of(name: str, program: Program) -> dict[int, Problem]:
    """As `refusals`; a backend that cannot even be asked refuses the whole program (node -1)."""
    try:
        return refusals(get_backend(name), program)
    except MissingDependency as error:
        told = f"{error.what}: {error.why}" if error.why else error.what
        return {-1: Problem(code=error.code, node="", what=told, hint=error.hint)}
    except VerifiableError as error:
        return {-1: Problem(code=error.code, node="", what=str(error), hint="")}


def _row_problems(row: OperatorRow, refused: Mapping[int, Problem]) -> tuple[Problem, ...] | None:
    own = tuple(refused[node] for node in row.nodes if node in refused)
    found = (*row.problems, *own, *((refused[-1],) if -1 in refused else ()))
    if not found and None in (*row.inputs, *row.outputs):
        return None
    return found
