"""Static quantisation by onnxruntime: from a float model and data to a QDQ model.

Weights become symmetric int8 (or int16), biases int32 with scale `scale_x * scale_w`, and every
tensor between two operators gets a QuantizeLinear and a DequantizeLinear. Constants of elementwise
operators stay in floating point: they end up in multipliers and tables that are computed from
them, and rounding them first would only lose accuracy.
"""

from __future__ import annotations

import builtins
import logging
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from verifiable.errors import (
    MalformedInput,
    Problem,
    UnsupportedModel,
    VerifiableError,
)
from verifiable.program.arrays import split_rows
from verifiable.program.graph import Graph
from verifiable.progress import Cancellation, Progress, ProgressEvent, silent

__all__ = ["QUANTISED_OPERATORS", "QuantiseOptions", "input_shapes", "is_quantised", "quantise"]

QUANTISED_OPERATORS = (
        "Add", "AveragePool", "Clip", "Concat", "Conv", "Div", "Erf", "Flatten", "Gelu", "Gemm",
        "GlobalAveragePool", "HardSigmoid", "HardSwish", "LeakyRelu", "MatMul", "MaxPool", "Mul",
        "PRelu", "Pad", "Relu", "Reshape", "Sigmoid", "Squeeze", "Sub", "Tanh", "Transpose",
        "Unsqueeze",
)  # fmt: skip
FLOAT_CONSTANTS = ("Add", "Div", "Mul", "PRelu", "Sub")
PERCENTILE = 99.99
PHASE = "quantise"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantiseOptions:
    """How to quantise.

    Attributes:
        per_channel: one weight scale per output channel instead of one per tensor.
        activation: integer type of the tensors between operators.
        weights: integer type of the weights. With 16 bits on both sides the error is that of
            the calibrated ranges alone; with 8 bits of weights, theirs remains.
        calibration_method: how the range of a tensor follows from the values seen: their minimum
            and maximum, their 0.01 and 99.99 percentiles, or the range of least relative entropy.
    """

    per_channel: bool = True
    activation: Literal["int8", "uint8", "int16"] = "int8"
    weights: Literal["int8", "int16"] = "int8"
    calibration_method: Literal["minmax", "percentile", "entropy"] = "minmax"


def is_quantised(model: onnx.ModelProto) -> bool:
    """Whether the model already holds quantised tensors."""
    return any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in model.graph.node)


def input_shapes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """The static shape of each input of a normalised model, by name."""
    return {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in model.graph.input
    }


def quantise(
    model: onnx.ModelProto,
    calibration: Mapping[str, npt.ArrayLike],
    options: QuantiseOptions | None = None,
    *,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> onnx.ModelProto:
    """Quantise a normalised float model. Equal arguments give equal bytes.

    Args:
        model: as `normalise` returns it.
        calibration: typical inputs by name, one or more rows each (see `split_rows`).
        options: see `QuantiseOptions`.
        progress: called after each calibration row.
        cancel: checked before each calibration row.

    Returns:
        The model with QuantizeLinear and DequantizeLinear nodes and all shapes.

    Raises:
        MalformedInput: the calibration data do not fit the model, or are not finite.
        UnsupportedModel: onnxruntime cannot run or quantise the model.
        Cancelled: `cancel` was set.
    """
    options = options or QuantiseOptions()
    rows = _calibration_rows(model, calibration)
    reader = _RowReader(rows, progress, cancel)
    present = {node.op_type for node in model.graph.node if node.domain in ("", "ai.onnx")}
    try:
        quantised = _quantise_static(
            model, reader, [name for name in QUANTISED_OPERATORS if name in present], options
        )
    except VerifiableError:
        raise
    except Exception as cause:
        # onnxruntime raises its own exception types, and plain ones on graphs it does not expect
        raise UnsupportedModel(
            [
                Problem(
                    code="quantisation-failed",
                    node="",
                    what=f"onnxruntime cannot quantise the model ({type(cause).__name__}: {cause})",
                    hint="see which operators are supported by `verifiable inspect`",
                )
            ],
            where=model.graph.name,
        ) from cause
    graph = Graph(quantised)
    _restore_float_constants(graph, model)
    graph.prune()
    graph.infer()
    return graph.to_model()


def _calibration_rows(
    model: onnx.ModelProto, calibration: Mapping[str, npt.ArrayLike]
) -> dict[str, npt.NDArray[Any]]:
    try:
        rows = split_rows(calibration, input_shapes(model))
    except MalformedInput as cause:
        raise MalformedInput(
            cause.what,
            where=f"calibration data, {cause.where}" if cause.where else "calibration data",
            why=cause.why,
            hint=cause.hint,
            code=cause.code,
        ) from cause
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    found = {}
    for name, array in rows.items():
        with np.errstate(over="ignore"):
            array = array.astype(helper.tensor_dtype_to_np_dtype(types[name]))
        finite = np.isfinite(array).reshape(array.shape[0], -1).all(axis=1)
        if not finite.all():
            raise MalformedInput(
                "the calibration data hold NaN, infinity, or values too large for the model",
                where=f"calibration data, array {name}, row {int(np.argmin(finite))}",
                hint="remove these rows",
                code="not-finite",
            )
        found[name] = array
    return found


class _RowReader:
    """Hands the rows to onnxruntime one by one: its CalibrationDataReader, without the import."""

    def __init__(
        self,
        rows: Mapping[str, npt.NDArray[Any]],
        progress: Progress,
        cancel: Cancellation | None,
    ) -> None:
        self._rows = rows
        self._progress = progress
        self._cancel = cancel
        self._count = int(next(iter(rows.values())).shape[0])
        self._next = 0
        self._started = time.monotonic()

    def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
        if self._cancel is not None:
            self._cancel.check(PHASE)
        self._progress(
            ProgressEvent(
                phase=PHASE,
                message=f"calibration row {self._next} of {self._count}",
                fraction=self._next / self._count,
                elapsed_s=time.monotonic() - self._started,
            )
        )
        if self._next == self._count:
            return None
        self._next += 1
        return {name: array[self._next - 1] for name, array in self._rows.items()}

    def __iter__(self) -> _RowReader:
        return self

    def __next__(self) -> dict[str, npt.NDArray[Any]]:
        row = self.get_next()
        if row is None:
            raise StopIteration
        return row

    def __len__(self) -> int:
        return self._count

    def set_range(self, start_index: int, end_index: int) -> None:
        self._next, self._count = start_index, end_index


def _quantise_static(
    model: onnx.ModelProto,
    reader: _RowReader,
    op_types: list[str],
    options: QuantiseOptions,
) -> onnx.ModelProto:
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    CalibrationDataReader.register(_RowReader)
    types = {"int8": QuantType.QInt8, "uint8": QuantType.QUInt8, "int16": QuantType.QInt16}
    source = onnx.ModelProto()
    source.CopyFrom(model)  # quantize_static writes into what it is given
    with tempfile.TemporaryDirectory(prefix="verifiable-quantise-") as folder, _quiet():
        target = Path(folder) / "quantised.onnx"
        quantize_static(
            source,
            str(target),
            reader,
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=op_types,
            per_channel=options.per_channel,
            activation_type=types[options.activation],
            weight_type=types[options.weights],
            calibrate_method={
                "minmax": CalibrationMethod.MinMax,
                "percentile": CalibrationMethod.Percentile,
                "entropy": CalibrationMethod.Entropy,
            }[options.calibration_method],
            extra_options={
                # Transpose, MaxPool, ... at the start of a model too
                "ForceQuantizeNoInputCheck": True,
                "WeightSymmetric": True,
                "CalibPercentile": PERCENTILE,
            },
        )
        return onnx.load(target)


def _restore_float_constants(graph: Graph, model: onnx.ModelProto) -> None:
    originals = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in graph:
        if not node.is_op(*FLOAT_CONSTANTS):
            continue
        for name in node.inputs:
            dequantise = graph.producer(name)
            if dequantise is None or not dequantise.is_op("DequantizeLinear"):
                continue
            original = name.removesuffix("_DequantizeLinear_Output")
            if graph.is_constant(dequantise.inputs[0]) and original in originals:
                graph.tensors[original] = originals[original]
                graph.set_inputs(node, [original if have == name else have for have in node.inputs])


# onnxruntime's quantiser prints to stdout and logs advice that does not fit here. Both are
# stopped for the calling thread only; other threads may quantise, print and log meanwhile.

_silenced = threading.local()


def _thread_is_silent() -> bool:
    return getattr(_silenced, "depth", 0) > 0


class _SilentThreadFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not _thread_is_silent() or record.levelno >= logging.ERROR


def _print_unless_silent(*values: object, **options: Any) -> None:
    if not _thread_is_silent():
        builtins.print(*values, **options)


_filter = _SilentThreadFilter()


@contextmanager
def _quiet() -> Iterator[None]:
    from onnxruntime.quantization import calibrate, onnx_model, quant_utils

    for module in (calibrate, onnx_model, quant_utils):
        module.print = _print_unless_silent
    root = logging.getLogger()
    root.addFilter(_filter)
    # logging.warning() would otherwise configure the root logger of the application
    placeholder = None if root.handlers else logging.NullHandler()
    if placeholder is not None:
        root.addHandler(placeholder)
    _silenced.depth = getattr(_silenced, "depth", 0) + 1
    try:
        yield
    finally:
        _silenced.depth -= 1
        if placeholder is not None:
            root.removeHandler(placeholder)
