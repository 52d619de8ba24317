"""How close a program is to its float model on given data: a question of its own.

Commitments may be right and the scales bad; the other way round, a program that agrees with its
model may still be another one than the committed. So nothing here touches what is committed to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from verifiable.auditing.checks import AU_9
from verifiable.auditing.report import Agreement, Labelled
from verifiable.errors import InvalidInput, MalformedInput
from verifiable.integrity.programs import LABELS
from verifiable.program.accuracy import compare, run_float
from verifiable.program.arrays import Array, split_rows
from verifiable.program.border import quantise_input
from verifiable.program.execute import execute
from verifiable.program.program import IntArray, Program
from verifiable.program.quantise import input_shapes
from verifiable.progress import Cancellation, Progress
from verifiable.sources import InputSource, arrays_of, naming_input
from verifiable.statement.pins import BASIS_POINTS
from verifiable.statement.verdict import Check

__all__ = ["Data", "check_agreement", "check_floor", "measure", "read_data"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Data:
    """Raw inputs, and the right classes where they are known.

    Attributes:
        rows: by input name, arrays of shape (N, *input shape).
        labels: (N,) integers, or None.
    """

    rows: Mapping[str, Array]
    labels: IntArray | None


def check_floor(floor: int | None, data: object) -> None:
    """Refuse a floor that cannot be reached, or that nothing is measured for.

    Raises:
        InvalidInput: `bad-floor`, `floor-without-data`.
    """
    if floor is None:
        return
    if type(floor) is not int or not 0 < floor <= BASIS_POINTS:
        raise InvalidInput(
            f"a floor is a number of basis points from 1 to {BASIS_POINTS}, not {floor!r}",
            where="floor",
            hint="9700 is 97 %",
            code="bad-floor",
        )
    if data is None:
        raise InvalidInput(
            "agreement is measured on data, and none are given",
            where="floor",
            hint="give --data FILE.npz, or leave --floor out",
            code="floor-without-data",
        )


def read_data(source: InputSource, model: onnx.ModelProto) -> Data:
    """Read inputs and, if an array of that name is there, `labels`.

    Args:
        model: normalised; its inputs are what the arrays must be named.

    Raises:
        MalformedInput, InvalidInput: the data do not fit the model.
    """
    shapes = input_shapes(model)
    with naming_input(source):
        arrays = dict(arrays_of(source, tuple(shapes)))
        labels = arrays.pop(LABELS, None) if LABELS not in shapes else None
        rows = split_rows(arrays, shapes)
    count = min(array.shape[0] for array in rows.values())
    if labels is None:
        return Data(rows=rows, labels=None)
    if labels.dtype.kind not in "iu" or labels.size != count:
        raise MalformedInput(
            f"{LABELS!r} is not one integer for each of the {count} rows",
            where="data",
            hint="save the inputs and the right class of each row in one .npz file",
            code="labels-missing",
        )
    return Data(rows=rows, labels=labels.reshape(-1).astype(np.int64))


def measure(
    program: Program,
    model: onnx.ModelProto,
    data: Data,
    *,
    progress: Progress,
    cancel: Cancellation,
) -> Agreement:
    """Run both on every row; values that the program cannot hold are clipped, and counted.

    Raises:
        MalformedModel: onnxruntime cannot run the model.
        InvalidInput: a row is not finite.
        ResourceLimit, Cancelled.
    """
    compared = compare(program, model, data.rows, progress=progress, cancel=cancel)
    if data.labels is None:
        return Agreement(compared=compared)
    first = program.outputs[0].name
    count = data.labels.size
    real = run_float(model, data.rows)[first].reshape(count, -1).argmax(axis=1)
    found = np.empty(count, dtype=np.int64)
    for row in range(count):
        cancel.check("accuracy")
        integers = {
            spec.name: quantise_input(spec, data.rows[spec.name][row], saturate=True)[0]
            for spec in program.inputs
        }
        found[row] = execute(program, integers).outputs[first].reshape(-1).argmax()
    return Agreement(
        compared=compared,
        labelled=Labelled(
            rows=count,
            float_right=int((real == data.labels).sum()),
            program_right=int((found == data.labels).sum()),
        ),
    )


def check_agreement(agreement: Agreement, floor: int) -> Check:
    """Compare the share of rows on which the first output decides alike with a floor.

    Args:
        floor: basis points.
    """
    expected = f"at least {floor / 100:.2f} % of the rows decided as by the float model"
    share = agreement.compared.outputs[0].label_agreement
    if share is None:
        return AU_9.undecided(
            "agreement-not-measurable",
            expected=expected,
            found="the first output has one number, and decides nothing",
            hint="leave the floor out, and judge the errors in the report",
        )
    found = f"{share * 100:.2f} % of {agreement.compared.rows} rows"
    if share < floor / BASIS_POINTS:  # AU-9: two quotients that are equal round alike
        return AU_9.failed(
            expected=expected,
            found=found,
            hint="the scales may have been chosen on other data: compile again with typical ones",
        )
    return AU_9.ok(expected=expected, found=found)
