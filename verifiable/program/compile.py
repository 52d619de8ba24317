"""From a model file to an integer program: the main line of `verifiable compile`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from types import MappingProxyType
from typing import Any

import numpy.typing as npt
import onnx

from verifiable.errors import MalformedInput
from verifiable.program.accuracy import Accuracy, compare, run_float
from verifiable.program.arrays import split_rows
from verifiable.program.graph import Graph
from verifiable.program.lowering.context import WeightRule
from verifiable.program.lowering.lower import lower
from verifiable.program.normalise import normalise
from verifiable.program.program import Program
from verifiable.program.quantise import QuantiseOptions, input_shapes, is_quantised, quantise
from verifiable.program.scales import (
    Scales,
    TensorScale,
    decode_scales,
    encode_scales,
    extract_scales,
    insert_scales,
    scale_of,
)
from verifiable.program.source import load_model
from verifiable.progress import Cancellation, Progress, ProgressEvent, silent

__all__ = ["CompileOptions", "Compiled", "compile_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOptions:
    """How to compile.

    Attributes:
        quantisation: types and calibration method; ignored for models that come quantised.
        shapes: input shapes by name, for models with dynamic axes.
        cut_output: leave a final Softmax, LogSoftmax or Sigmoid to the reader of the output.
        scales: activation scales to use instead of calibrating (as stored in a program's
            metadata): compiles the same program again from the model alone.
    """

    quantisation: QuantiseOptions = field(default_factory=QuantiseOptions)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    cut_output: bool = False
    scales: Scales | str | None = None

    @property
    def weight_rule(self) -> WeightRule:
        """How float weights become integers."""
        bound = {"int8": 127, "int16": 32767}[self.quantisation.weights]
        return WeightRule(per_channel=self.quantisation.per_channel, bound=bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A program, how close it is to its model, and what the compiler decided on the way."""

    program: Program
    accuracy: Accuracy | None
    notes: tuple[str, ...]


def compile_model(
    source: str | PathLike[str] | bytes | onnx.ModelProto,
    *,
    calibration: Mapping[str, npt.ArrayLike] | None = None,
    options: CompileOptions | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Compiled:
    """Compile an ONNX model to an integer program.

    Args:
        source: float model, or one that is quantised already (QDQ form).
        calibration: typical inputs by name, one or more rows each. Needed for float models unless
            `options.scales` is given; otherwise used only for the accuracy report.
        options: see `CompileOptions`.

    Raises:
        MalformedModel: the model cannot be read.
        MalformedInput: the calibration data are missing or do not fit the model.
        UnsupportedModel: with all problems of the model.
        Cancelled: `cancel` was set.
    """
    options = options or CompileOptions()
    progress(ProgressEvent(phase="read", message="reading and simplifying the model"))
    model = load_model(source)
    normalised = normalise(model, shapes=options.shapes, cut_output=options.cut_output)
    plain = normalised.model
    rows = None if calibration is None else split_rows(calibration, input_shapes(plain))
    scales: Scales | None = None
    quantised = plain
    if not is_quantised(plain):
        scales = _scales(plain, rows, options, progress, cancel)
        quantised = insert_scales(plain, scales)
    if cancel is not None:
        cancel.check("lower")
    progress(ProgressEvent(phase="lower", message="lowering to integers"))
    lowered = lower(quantised, options.weight_rule)
    notes = (*normalised.notes, *_constant_inputs(rows), *lowered.notes)
    program = lowered.program
    accuracy = None
    if rows is not None:
        accuracy = compare(program, plain, rows, progress=progress, cancel=cancel)
    metadata = _metadata(model, scales, options, notes, accuracy)
    return Compiled(
        program=replace(program, metadata=MappingProxyType(metadata)),
        accuracy=accuracy,
        notes=notes,
    )


def _scales(
    plain: onnx.ModelProto,
    rows: Mapping[str, npt.NDArray[Any]] | None,
    options: CompileOptions,
    progress: Progress,
    cancel: Cancellation | None,
) -> Scales:
    if options.scales is not None:
        return decode_scales(options.scales) if isinstance(options.scales, str) else options.scales
    if rows is None:
        raise MalformedInput(
            "a float model needs calibration data",
            why="the integer scale of each tensor is chosen from the values that it takes",
            hint="give an .npz with a few hundred typical inputs: --calibration FILE.npz",
            code="calibration-needed",
        )
    progress(ProgressEvent(phase="quantise", message="choosing scales on the calibration data"))
    quantised = quantise(plain, rows, options.quantisation, progress=progress, cancel=cancel)
    return {**extract_scales(quantised), **_own_scales(plain, rows, quantised, options)}


def _own_scales(
    plain: onnx.ModelProto,
    rows: Mapping[str, npt.NDArray[Any]],
    quantised: onnx.ModelProto,
    options: CompileOptions,
) -> dict[str, TensorScale]:
    """Scales that the quantiser leaves out or gets wrong, by the range of the data.

    It skips an input that only a clip reads, and gives an output that a clip also reads the
    range behind the clip.
    """
    graph, dtype = Graph(plain), options.quantisation.activation
    known = extract_scales(quantised)
    found = {name: scale_of(rows[name], dtype) for name in graph.inputs if name not in known}
    clipped = [
        name
        for name in graph.outputs
        if any(reader.is_op("Relu", "Clip") for reader in graph.consumers(name))
    ]
    if clipped:
        real = run_float(plain, rows)
        found.update((name, scale_of(real[name], dtype)) for name in clipped)
    return found


def _constant_inputs(rows: Mapping[str, npt.NDArray[Any]] | None) -> tuple[str, ...]:
    """A note for each input whose calibration data never vary: its scales say little."""
    return tuple(
        f"the calibration data of {name} are constant: scales chosen on them may not fit real data"
        for name, values in (rows or {}).items()
        if values.min() == values.max()
    )


def _metadata(
    model: onnx.ModelProto,
    scales: Scales | None,
    options: CompileOptions,
    notes: tuple[str, ...],
    accuracy: Accuracy | None,
) -> dict[str, str]:
    found = {
        "source_sha256": hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest(),
        "notes": json.dumps(notes, separators=(",", ":")),
        "options": json.dumps(
            {
                "cut_output": options.cut_output,
                "per_channel": options.quantisation.per_channel,
                "weights": options.quantisation.weights,
                "shapes": {name: list(shape) for name, shape in sorted(options.shapes.items())},
            },
            sort_keys=True,
            separators=(",", ":"),
        ),
    }
    if scales is not None:
        found["scales"] = encode_scales(scales)
    if accuracy is not None:
        found["accuracy"] = accuracy.to_json()
    return found
