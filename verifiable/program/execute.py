"""Running a program: inputs in, the value of every trace tensor out, all together or one by one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from verifiable.errors import InvalidInput, MalformedModel
from verifiable.program import fast, reference
from verifiable.program.program import Input, IntArray, Node, Operand, Program, Source
from verifiable.progress import Cancellation, Progress, ProgressEvent, silent

__all__ = ["Tier", "Trace", "execute", "stream"]

Tier = Literal["fast", "reference"]
_FORGOTTEN: IntArray = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """Everything that one execution computed.

    Attributes:
        program: what was run.
        inputs: read-only int64 arrays in the order of `program.inputs`, under their shapes.
        values: read-only int64 result of each node, under the node's shape.
    """

    program: Program
    inputs: tuple[IntArray, ...]
    values: tuple[IntArray, ...]

    @property
    def outputs(self) -> dict[str, IntArray]:
        """The program's outputs by name, under their shapes in the schema."""
        return {
            output.name: self.values[output.node].reshape(output.shape)
            for output in self.program.outputs
        }

    def operand(self, operand: Operand) -> IntArray:
        """The values that a node reads through `operand`, under the operand's shape."""
        return _read(self.program, self.inputs, self.values, operand)


def execute(
    program: Program,
    inputs: Mapping[str, npt.NDArray[np.integer]],
    *,
    tier: Tier = "fast",
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Trace:
    """Run `program` exactly; both tiers give the same integers, on any machine.

    Args:
        inputs: for each program input an integer array of its shape, values in its [lo, hi].
        tier: `fast` uses BLAS where that is proven exact; `reference` is the plain oracle.
        progress, cancel: reported to and checked before every node.

    Raises:
        InvalidInput: an input is missing, unknown, of another shape or dtype, or out of range.
        MalformedModel: a value left the bounds that the range analysis has to prove.
        Cancelled: by the caller.
    """
    values_in = _checked_inputs(program, inputs)
    steps = _steps(program, values_in, tier, progress, cancel)
    return Trace(program=program, inputs=values_in, values=tuple(steps))


def stream(
    program: Program,
    inputs: Mapping[str, npt.NDArray[np.integer]],
    *,
    tier: Tier = "fast",
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Iterator[IntArray]:
    """Run `program` and yield each node's result once, in node order.

    Holds a result only until its last reader has run, so that a long program needs no memory for
    its whole trace. Arguments and errors are those of `execute`; inputs are checked at once.
    """
    return _steps(program, _checked_inputs(program, inputs), tier, progress, cancel)


def _steps(
    program: Program,
    values_in: tuple[IntArray, ...],
    tier: Tier,
    progress: Progress,
    cancel: Cancellation | None,
) -> Iterator[IntArray]:
    plan = fast.plan(program) if tier == "fast" else None
    forgotten = _forgotten_after(program)
    began_s = time.perf_counter()
    values: list[IntArray] = []
    for index, node in enumerate(program.nodes):
        if cancel is not None:
            cancel.check("execute")
        if progress is not silent:
            progress(
                ProgressEvent(
                    phase="execute",
                    message=node.name or node.op.name,
                    fraction=index / len(program.nodes),
                    elapsed_s=time.perf_counter() - began_s,
                )
            )
        try:
            if plan is not None:
                moving = [
                    (values if operand.source is Source.TRACE else values_in)[
                        operand.index
                    ].reshape(operand.shape)
                    for operand in node.operands
                    if operand.source in (Source.TRACE, Source.INPUT)
                ]
                result = plan.kernels[index](*moving)
            else:
                operands = tuple(_read(program, values_in, values, o) for o in node.operands)
                result = reference.apply(node.op, operands)
        except OverflowError as cause:
            raise MalformedModel(
                "a value leaves the bounds of the format",
                where=_place(index, node),
                why=str(cause),
                hint="compile the model again: the range analysis refuses such a program",
                code="bounds-exceeded",
            ) from cause
        if plan is None or not plan.fits[index]:
            _check_width(index, node, result)
        result.setflags(write=False)
        values.append(result)
        yield result
        for read in forgotten[index]:
            values[read] = _FORGOTTEN


def _forgotten_after(program: Program) -> tuple[tuple[int, ...], ...]:
    """For each node the earlier results (or its own) that no later node reads."""
    last_reader = list(range(len(program.nodes)))
    for index, node in enumerate(program.nodes):
        for operand in node.operands:
            if operand.source is Source.TRACE:
                last_reader[operand.index] = index
    forgotten: list[list[int]] = [[] for _ in program.nodes]
    for read, reader in enumerate(last_reader):
        forgotten[reader].append(read)
    return tuple(map(tuple, forgotten))


def _read(
    program: Program, inputs: Sequence[IntArray], values: Sequence[IntArray], operand: Operand
) -> IntArray:
    """The values that a node reads through `operand`, under the operand's shape."""
    if operand.source is Source.TRACE:
        return values[operand.index].reshape(operand.shape)
    if operand.source is Source.INPUT:
        return inputs[operand.index].reshape(operand.shape)
    return program.constant(operand)


def _place(index: int, node: Node) -> str:
    return f"node {index} ({node.op.name} {node.name})"


def _check_width(index: int, node: Node, result: IntArray) -> None:
    bound = 1 << (8 * node.width - 1)
    lo, hi = int(result.min()), int(result.max())
    if lo < -bound or hi >= bound:
        raise MalformedModel(
            f"a value does not fit the declared {node.width} bytes per element",
            where=_place(index, node),
            why=f"the results span [{lo}, {hi}]",
            hint="compile the model again",
            code="bounds-exceeded",
        )


def _checked_inputs(
    program: Program, inputs: Mapping[str, npt.NDArray[np.integer]]
) -> tuple[IntArray, ...]:
    expected = [spec.name for spec in program.inputs]
    unknown = sorted(set(inputs) - set(expected))
    missing = [name for name in expected if name not in inputs]
    if unknown or missing:
        text = "; ".join(
            f"{kind}: {', '.join(names)}"
            for kind, names in (("missing", missing), ("unknown", unknown))
            if names
        )
        raise InvalidInput(
            "the inputs do not fit the program",
            why=text,
            hint=f"the program takes {', '.join(expected)}",
            code="wrong-inputs",
        )
    return tuple(_checked_input(spec, inputs[spec.name]) for spec in program.inputs)


def _checked_input(spec: Input, values: npt.NDArray[np.integer]) -> IntArray:
    given = np.asarray(values)
    if not np.issubdtype(given.dtype, np.integer):
        raise InvalidInput(
            f"dtype {given.dtype} where integers are expected",
            where=spec.name,
            hint="quantise raw values with quantise_input first",
            code="wrong-dtype",
        )
    if given.shape != spec.shape:
        raise InvalidInput(
            f"shape {given.shape} where {spec.shape} is expected",
            where=spec.name,
            code="wrong-shape",
        )
    if given.size and (int(given.min()) < spec.lo or int(given.max()) > spec.hi):
        index = tuple(int(i) for i in np.argwhere((given < spec.lo) | (given > spec.hi))[0])
        raise InvalidInput(
            f"value {int(given[index])} is out of range",
            where=f"{spec.name}{list(index)}",
            why=f"the program accepts integers in [{spec.lo}, {spec.hi}]",
            code="out-of-range",
        )
    owned = np.array(given, dtype=np.int64, order="C")
    owned.setflags(write=False)
    return owned
