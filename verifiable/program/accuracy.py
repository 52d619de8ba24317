"""How far an integer program is from the float model that it was compiled from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from verifiable.errors import MalformedModel
from verifiable.program.border import dequantise, quantise_input
from verifiable.program.execute import execute
from verifiable.program.program import Program
from verifiable.progress import Cancellation, Progress, ProgressEvent, silent

__all__ = ["Accuracy", "OutputAccuracy", "compare", "run_float"]

PHASE = "accuracy"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputAccuracy:
    """Agreement on one output, over all rows.

    Attributes:
        mean_error, max_error: absolute difference of the real values.
        mean_relative_error: mean absolute difference over mean magnitude of the float output;
            None where that output is 0 throughout.
        label_agreement: share of rows with the same largest element along the last axis; None
            where that axis has one element.
    """

    name: str
    mean_error: float
    max_error: float
    mean_relative_error: float | None
    label_agreement: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """The comparison over a set of inputs.

    Attributes:
        rows: number of inputs.
        saturated_rows: how many of them had a value outside the program's input range.
    """

    rows: int
    saturated_rows: int
    outputs: tuple[OutputAccuracy, ...]

    def to_json(self) -> str:
        """Canonical JSON, as it is stored in a program's metadata."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))


def run_float(
    model: onnx.ModelProto, rows: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[np.float64]]:
    """Run a float model on rows of inputs with onnxruntime.

    Args:
        rows: by input name, arrays of shape (N, *input shape).

    Returns:
        By output name, arrays of shape (N, *output shape).

    Raises:
        MalformedModel: onnxruntime cannot run the model.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # its fusions of quantised graphs compute other integers, and refuse some valid graphs
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        names = [output.name for output in session.get_outputs()]
        types = {
            item.name: _NUMPY_TYPES.get(item.type, np.float32) for item in session.get_inputs()
        }
        count = min(array.shape[0] for array in rows.values())
        found = [
            session.run(names, {name: array[i].astype(types[name]) for name, array in rows.items()})
            for i in range(count)
        ]
    except Exception as cause:  # onnxruntime has no public base class for its errors
        raise MalformedModel(
            "onnxruntime cannot run the model",
            why=f"{type(cause).__name__}: {cause}",
            code="not-runnable",
        ) from cause
    columns = zip(*found, strict=True)
    return {
        name: np.stack(column).astype(np.float64)
        for name, column in zip(names, columns, strict=True)
    }


_NUMPY_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(uint16)": np.uint16,
    "tensor(int16)": np.int16,
}


def compare(
    program: Program,
    model: onnx.ModelProto,
    rows: Mapping[str, npt.NDArray[Any]],
    *,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Accuracy:
    """Compare a program with the float model that it stands for.

    Args:
        rows: by input name, arrays of shape (N, *input shape).

    Raises:
        MalformedModel: onnxruntime cannot run the model.
        InvalidInput: a row is not finite.
        Cancelled: `cancel` was set.
    """
    expected = run_float(model, rows)
    count = min(array.shape[0] for array in rows.values())
    found: dict[str, list[npt.NDArray[np.float64]]] = {item.name: [] for item in program.outputs}
    saturated_rows = 0
    for index in range(count):
        if cancel is not None:
            cancel.check(PHASE)
        pairs = {
            spec.name: quantise_input(spec, rows[spec.name][index], saturate=True)
            for spec in program.inputs
        }
        saturated_rows += any(saturated for _, saturated in pairs.values())
        trace = execute(program, {name: values for name, (values, _) in pairs.items()})
        for item in program.outputs:
            real = dequantise(
                trace.outputs[item.name], scale=item.scale, zero_point=item.zero_point
            )
            found[item.name].append(real)
        progress(
            ProgressEvent(
                phase=PHASE,
                message="comparing with the float model",
                fraction=(index + 1) / count,
            )
        )
    return Accuracy(
        rows=count,
        saturated_rows=saturated_rows,
        outputs=tuple(
            _output_accuracy(name, np.stack(values), expected[name])
            for name, values in found.items()
        ),
    )


def _output_accuracy(
    name: str, found: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]
) -> OutputAccuracy:
    error = np.abs(found - expected)
    magnitude = float(np.abs(expected).mean())
    agreement = None
    if found.ndim > 1 and found.shape[-1] > 1:
        agreement = float((found.argmax(axis=-1) == expected.argmax(axis=-1)).mean())
    return OutputAccuracy(
        name=name,
        mean_error=float(error.mean()),
        max_error=float(error.max()),
        mean_relative_error=float(error.mean()) / magnitude if magnitude else None,
        label_agreement=agreement,
    )
