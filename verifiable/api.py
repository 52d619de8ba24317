"""The public verbs, on objects or paths.

`compile` a model, `run` the program, `prove` what it computes, `verify` the proof; beside them
`inspect` and `estimate` for what to expect, `setup` for the keys and `make_lock` to pin them. All
functions may be called from several threads at once; they keep no state but the cache folder.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from verifiable.combining import evaluate_all, verify_all
from verifiable.deriving import derive_key
from verifiable.judging import evaluate, verify
from verifiable.locking import make_lock
from verifiable.program.border import dequantise
from verifiable.program.compile import CompileOptions, compile_model
from verifiable.program.execute import execute
from verifiable.program.onnx_file import load_program, save_program
from verifiable.program.program import IntArray, Program
from verifiable.program.quantise import QuantiseOptions
from verifiable.program.source import load_model
from verifiable.progress import Cancellation, Progress, silent
from verifiable.proving import ProveItem, ProveResult, prove, prove_many, setup
from verifiable.sources import (
    InputSource,
    ModelSource,
    PathLike,
    ProgramSource,
    arrays_of,
    check_output,
    naming_input,
    program_of,
    quantised_input,
)
from verifiable.statement.commitment import commit_program
from verifiable.statement.header import check_header
from verifiable.survey import (
    Forecast,
    ModelReport,
    ProgramReport,
    estimate,
    inspect,
    inspect_program,
    refuse_program,
)

__all__ = [
    "Forecast",
    "ModelReport",
    "ProgramReport",
    "ProveItem",
    "ProveResult",
    "RunResult",
    "compile",
    "derive_key",
    "estimate",
    "evaluate",
    "evaluate_all",
    "inspect",
    "inspect_program",
    "load_program",
    "make_lock",
    "prove",
    "prove_many",
    "run",
    "save_program",
    "setup",
    "verify",
    "verify_all",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunResult:
    """One execution, seen from outside.

    Attributes:
        inputs, outputs: quantised values by name, int64 and read-only, under their shapes.
        output_values: the outputs as real numbers (float64), in the units of the float model.
        saturated: whether input values were clipped.
        execute_s: seconds that the program ran.
    """

    inputs: Mapping[str, IntArray]
    outputs: Mapping[str, IntArray]
    output_values: Mapping[str, npt.NDArray[np.float64]]
    saturated: bool
    execute_s: float


def compile(
    model: ModelSource,
    *,
    calibration: InputSource | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    cut_output: bool = False,
    activation: Literal["int8", "uint8", "int16"] = "int8",
    weights: Literal["int8", "int16"] = "int8",
    per_channel: bool = True,
    calibration_method: Literal["minmax", "percentile", "entropy"] = "minmax",
    scales: str | None = None,
    output: PathLike | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Program:
    """Compile an ONNX model, float or quantised already, to an integer program.

    Args:
        model: path, bytes or object.
        calibration: typical raw inputs, one row each: a mapping by input name, one array, or the
            path of an `.npz` file. Float models need it; for quantised ones it is compared only.
        shapes: input shapes by name, for models with dynamic axes other than the batch axis.
        cut_output: leave a final Softmax, LogSoftmax or Sigmoid to the reader of the output.
        activation: integer type of the tensors between operators.
        weights: integer type of the weights.
        per_channel: one weight scale per output channel instead of one per tensor.
        calibration_method: how the range of a tensor follows from the values seen.
        scales: activation scales of an earlier compilation (`program.metadata["scales"]`), to
            make the same program again without calibration data.
        output: also write the program to this file, atomically; not one of those that are read.

    Returns:
        The program. Its metadata tell the accuracy against the float model (`accuracy`, JSON) and
        what the compiler decided (`notes`).

    Raises:
        MalformedModel, MalformedInput: model or calibration data cannot be read or used, or the
            model is a compiled program already.
        InvalidInput: `output` is a file that is read.
        UnsupportedModel: with every reason at once.
        ResourceLimit, Cancelled.
    """
    if output is not None:
        check_output(output, sources=(model, calibration))
    refuse_program(model)
    rows: Mapping[str, npt.ArrayLike] | None = None
    if calibration is not None:
        bare = not isinstance(calibration, Mapping | str) and not hasattr(calibration, "__fspath__")
        rows = arrays_of(calibration, _input_names(model) if bare else ())
    options = CompileOptions(
        quantisation=QuantiseOptions(
            per_channel=per_channel,
            activation=activation,
            weights=weights,
            calibration_method=calibration_method,
        ),
        shapes=MappingProxyType(dict(shapes or {})),
        cut_output=cut_output,
        scales=scales,
    )
    with naming_input(calibration):
        compiled = compile_model(
            model, calibration=rows, options=options, progress=progress, cancel=cancel
        )
    check_header(commit_program(compiled.program))
    if output is not None:
        save_program(compiled.program, output)
    return compiled.program


def run(
    program: ProgramSource,
    input: InputSource,
    *,
    index: int | None = None,
    saturate: bool = False,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> RunResult:
    """Run a program exactly on one raw input; see `prove` for the arguments.

    Raises:
        MalformedModel, MalformedInput, InvalidInput, Cancelled.
    """
    loaded = program_of(program)
    integers, saturated = quantised_input(loaded.inputs, input, index=index, saturate=saturate)
    began_s = time.perf_counter()
    trace = execute(loaded, integers, progress=progress, cancel=cancel)
    execute_s = time.perf_counter() - began_s
    outputs = trace.outputs
    with np.errstate(over="ignore"):  # a number beyond float64 is infinite, and shown as such
        values = {
            spec.name: dequantise(outputs[spec.name], scale=spec.scale, zero_point=spec.zero_point)
            for spec in loaded.outputs
        }
    return RunResult(
        inputs=MappingProxyType(integers),
        outputs=MappingProxyType(outputs),
        output_values=MappingProxyType(values),
        saturated=saturated,
        execute_s=execute_s,
    )


def _input_names(model: ModelSource) -> tuple[str, ...]:
    graph = load_model(model).graph
    constants = {item.name for item in graph.initializer}
    return tuple(item.name for item in graph.input if item.name not in constants)
