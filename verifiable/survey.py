"""What to expect before any work starts: which backend can prove a model, and at what cost."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from verifiable.backends.base import Backend, Estimate, SoundnessLedger
from verifiable.backends.registry import backend_ids, get_backend
from verifiable.errors import (
    MalformedModel,
    MissingDependency,
    Problem,
    UnsupportedModel,
    VerifiableError,
)
from verifiable.options import backend_options, options_taken, refuse_untaken
from verifiable.program.inspect import Inspection, OperatorRow, inspect_model
from verifiable.program.onnx_file import load_program
from verifiable.program.program import Node, Program
from verifiable.sources import ModelSource, ProgramSource, is_program, program_of

if TYPE_CHECKING:
    from verifiable.argument.soundness import Ledger

__all__ = [
    "Forecast",
    "ModelReport",
    "NodeReport",
    "OperatorReport",
    "ProgramReport",
    "estimate",
    "inspect",
    "inspect_program",
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
class NodeReport:
    """One node of a program, and by backend id its reasons against it; none: it proves it."""

    node: Node
    backends: Mapping[str, tuple[Problem, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramReport:
    """What each backend says to a compiled program.

    Attributes:
        program: the program.
        nodes: in the order of execution.
        backends: by backend id every reason why it cannot prove the program; empty: it can.
        soundness: by id of each backend that can prove it and keeps a ledger, how likely a false
            statement passes, term by term.
    """

    program: Program
    nodes: tuple[NodeReport, ...]
    backends: Mapping[str, tuple[Problem, ...]]
    soundness: Mapping[str, Ledger]

    @property
    def supported(self) -> bool:
        """Whether some backend proves the program."""
        return any(not found for found in self.backends.values())


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
    backends: Sequence[str] | None = None,
) -> ModelReport:
    """Report every operator of a model, and every reason against it, all at once.

    Args:
        model: path, bytes or object; a float model or one that is quantised already.
        shapes: input shapes by name, for models with dynamic axes.
        cut_output: leave a final Softmax, LogSoftmax or Sigmoid out.
        backends: ids of those to ask; all if None.

    Raises:
        VerifiableError: (code `unknown-backend`) one of `backends` is not there.
        MalformedModel: it cannot be read at all, or is a compiled program already.
        MalformedInput: `shapes` does not fit the model's inputs.
    """
    names = _wanted(backends)
    refuse_program(model)
    found = inspect_model(model, shapes=shapes, cut_output=cut_output)
    by_backend = {name: _refusals_of(name, found.program) for name in names}
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


def inspect_program(
    program: ProgramSource,
    *,
    backends: Sequence[str] | None = None,
    weights: str | None = None,
) -> ProgramReport:
    """Report what backends say to every node of a program, and how sound their proofs would be.

    Args:
        program: a program, or the path or bytes of its file.
        backends: ids of those to ask; all if None.
        weights: as for `prove`, for the backends that take it.

    Raises:
        VerifiableError: (code `unknown-backend`) one of `backends` is not there.
        MalformedModel: it cannot be read.
        InvalidInput: (code `unknown-option`) none of the backends takes `weights`.
    """
    names = _wanted(backends)
    loaded = program_of(program)
    refused = {name: _refusals_of(name, loaded) for name in names}
    asked = {name: get_backend(name) for name in names if -1 not in refused[name]}
    options = backend_options(weights=weights)
    refuse_untaken(tuple(asked.values()), options)
    return ProgramReport(
        program=loaded,
        nodes=tuple(
            NodeReport(
                node=node,
                backends=MappingProxyType(
                    {
                        name: tuple(found[key] for key in (index, -1) if key in found)
                        for name, found in refused.items()
                    }
                ),
            )
            for index, node in enumerate(loaded.nodes)
        ),
        backends=MappingProxyType(
            {name: tuple(found[node] for node in sorted(found)) for name, found in refused.items()}
        ),
        soundness=MappingProxyType(
            {
                name: backend.soundness(loaded, options_taken(backend, options))
                for name, backend in asked.items()
                if not refused[name] and isinstance(backend, SoundnessLedger)
            }
        ),
    )


def _wanted(backends: Sequence[str] | None) -> tuple[str, ...]:
    """The ids of the backends to ask."""
    known = backend_ids()
    for name in backends or ():
        if name not in known:
            get_backend(name)  # says so, and what there is
    return known if backends is None else tuple(dict.fromkeys(backends))


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
