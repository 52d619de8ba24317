"""From a program to the graph that ezkl proves, one rule per operator.

Built from the program's nodes rather than from the bodies in `program.onnx`, which say the same
in steps that are dear or wrong in ezkl. What ezkl cannot do exactly is refused by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import onnx

from verifiable.backends.base import NodeSupport
from verifiable.backends.ezkl.circuit import MAX_DIVIDEND, CircuitBuilder, Tensor
from verifiable.backends.ezkl.instances import CONTEXT_LIMBS, MAX_INPUT
from verifiable.program import operators as ops
from verifiable.program.intervals import NodeRange, analyse
from verifiable.program.program import IntArray, Node, Operand, Program, Source

__all__ = ["MAX_TABLE", "Circuit", "build", "unsupported"]

MAX_TABLE = 1 << 16
"""Entries of one lookup table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """A program as ezkl sees it, and what the choice of settings needs to know.

    Attributes:
        model: the ONNX graph; inputs are the program's, then `context`; outputs are the
            program's, then the excess of all remainders, which is 0 in honest proofs.
        written_bound: largest magnitude that the circuit writes in digits.
        cells: elements by kind of step.
        table_rows: entries of all lookup tables.
    """

    model: onnx.ModelProto
    written_bound: int
    cells: dict[str, int]
    table_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One node being built: its operands as tensors (None for constants) and constants."""

    node: Node
    found: NodeRange
    builder: CircuitBuilder
    tensors: tuple[Tensor | None, ...]
    constants: tuple[IntArray | None, ...]

    def tensor(self, position: int) -> Tensor:
        tensor = self.tensors[position]
        assert tensor is not None  # noqa: S101 - the program's structure was checked
        return tensor

    def constant(self, position: int) -> IntArray:
        constant = self.constants[position]
        assert constant is not None  # noqa: S101 - the program's structure was checked
        return constant

    @property
    def accumulator(self) -> tuple[int, int]:
        return self.found.acc_lo, self.found.acc_hi

    def requantise(self, acc: Tensor, multiplier: IntArray | None) -> Tensor:
        """`clamp(floor((acc * M + half) / 2**s) + zero_point, lo, hi)`.

        A clamp is one ReLU a side, and none where the range analysis shows the side to be idle.
        """
        step = self.node.op.requantisation
        assert step is not None  # noqa: S101 - only called for operators that have one
        found, builder = self.found, self.builder
        half = 1 << step.shift >> 1
        lowest = ((found.product_lo + half) >> step.shift) + step.zero_point
        highest = ((found.product_hi + half) >> step.shift) + step.zero_point
        base = step.lo if lowest < step.lo else 0  # what the running value lacks
        x = acc
        if multiplier is not None:
            x = builder.scale(acc, multiplier, (found.product_lo, found.product_hi))
        if step.shift:
            x = builder.floor_shift(x, half, step.shift, step.zero_point - base)
        else:
            x = builder.add(x, step.zero_point - base)
        if lowest < step.lo:
            x = builder.relu(x)
        elif step.shift and highest <= step.hi:
            x = builder.bounded(x)  # no clamp of this node writes the quotient in digits
        if highest > step.hi:
            rest = builder.relu(builder.subtract_from(step.hi - base, x))
            return builder.subtract_from(step.hi, rest)
        return builder.add(x, base)


def build(program: Program) -> Circuit:
    """Build the graph of a program without unsupported nodes."""
    ranges = analyse(program)
    builder = CircuitBuilder()
    shapes = _shapes_read(program)
    inputs = [
        Tensor(name=f"input_{i}", shape=shapes.get(i, spec.shape), lo=spec.lo, hi=spec.hi)
        for i, spec in enumerate(program.inputs)
    ]
    context = Tensor(name="context", shape=(1, CONTEXT_LIMBS), lo=0, hi=0xFFFF)
    values: list[Tensor] = []

    def tensor_of(operand: Operand) -> Tensor | None:
        if operand.source is Source.TRACE:
            return builder.reshape(values[operand.index], operand.shape)
        if operand.source is Source.INPUT:
            return builder.reshape(inputs[operand.index], operand.shape)
        return None

    for node, found in zip(program.nodes, ranges, strict=True):
        step = _Step(
            node=node,
            found=found,
            builder=builder,
            tensors=tuple(tensor_of(operand) for operand in node.operands),
            constants=tuple(_constant_of(program, operand) for operand in node.operands),
        )
        made = _build(node.op, step)
        values.append(Tensor(name=made.name, shape=node.shape, lo=found.lo, hi=found.hi))
    outputs = [values[spec.node] for spec in program.outputs]
    for index, tensor in enumerate(outputs[1:], start=1):  # ezkl shows a tensor only once
        outputs[index] = builder.add(builder.add(tensor, index), -index)
    outputs.append(builder.total_excess(context))
    return Circuit(
        model=builder.model([*inputs, context], outputs),
        written_bound=builder.written_bound,
        cells=dict(builder.cells),
        table_rows=builder.table_rows,
    )


def _shapes_read(program: Program) -> dict[int, tuple[int, ...]]:
    """By input, the shape under which the first node reads it.

    The public values are flat, so inputs and outputs stand in the graph under the shapes of the
    nodes beside them. A reshape there may hide the batch axis: ezkl's reader then drops it from a
    convolution, and ezkl reads what is left in a wrong layout.
    """
    shapes: dict[int, tuple[int, ...]] = {}
    for node in program.nodes:
        for operand in node.operands:
            if operand.source is Source.INPUT:
                shapes.setdefault(operand.index, operand.shape)
    return shapes


def _constant_of(program: Program, operand: Operand) -> IntArray | None:
    if operand.source in (Source.WEIGHT, Source.TABLE):
        return program.constant(operand)
    return None


@singledispatch
def _build(op: ops.Operator, step: _Step) -> Tensor:
    raise TypeError(f"no rule for {op.name}")  # `unsupported` refuses it before


@_build.register
def _(op: ops.MatMul, step: _Step) -> Tensor:
    weight, bias, multiplier = (step.constant(i) for i in (1, 2, 3))
    acc = step.builder.matmul(step.tensor(0), weight, step.accumulator)
    return step.requantise(_within(step, step.builder.add(acc, bias)), multiplier)


@_build.register
def _(op: ops.Conv, step: _Step) -> Tensor:
    weight, bias, multiplier = (step.constant(i) for i in (1, 2, 3))
    x = step.tensor(0)
    if any(op.pads):  # padding contributes 0 only if the zero point is taken off before
        x = step.builder.add(x, -op.x_zero_point)
    else:
        bias = bias - op.x_zero_point * weight.reshape(weight.shape[0], -1).sum(axis=1)
    acc = step.builder.convolve(
        x,
        _dilated(weight, op.dilations),
        strides=op.strides,
        pads=op.pads,
        group=op.group,
        shape=step.node.shape,
        interval=step.accumulator,
    )
    return step.requantise(_within(step, step.builder.add(acc, bias)), multiplier)


@_build.register
def _(op: ops.SumPool, step: _Step) -> Tensor:
    channels = step.node.shape[3]
    ones = np.ones((channels, *op.kernel, 1), dtype=np.int64)
    x = step.builder.add(step.tensor(0), -op.x_zero_point)
    acc = step.builder.convolve(
        x,
        _dilated(ones, op.dilations),
        strides=op.strides,
        pads=op.pads,
        group=channels,
        shape=step.node.shape,
        interval=step.accumulator,
    )
    return step.requantise(acc, step.constant(1))


@_build.register
def _(op: ops.Affine, step: _Step) -> Tensor:
    weight, bias, multiplier = (step.constant(i) for i in (1, 2, 3))
    acc = step.builder.scale(step.tensor(0), weight, step.accumulator)
    return step.requantise(_within(step, step.builder.add(acc, bias)), multiplier)


@_build.register
def _(op: ops.Add, step: _Step) -> Tensor:
    builder = step.builder
    sides = [
        builder.scale(tensor, np.array([factor]), _scaled(tensor, factor))
        for tensor, factor in (
            (step.tensor(0), op.a_multiplier),
            (step.tensor(1), op.b_multiplier),
        )
    ]
    acc = builder.binary("Add", sides[0], sides[1], step.accumulator)
    return step.requantise(_within(step, builder.add(acc, op.offset)), None)


@_build.register
def _(op: ops.Mul, step: _Step) -> Tensor:
    builder = step.builder
    a = builder.add(step.tensor(0), -op.a_zero_point)
    b = builder.add(step.tensor(1), -op.b_zero_point)
    acc = builder.binary("Mul", a, b, step.accumulator)
    return step.requantise(acc, step.constant(2))


@_build.register
def _(op: ops.LookupTable, step: _Step) -> Tensor:
    return step.builder.look_up(step.tensor(0), _reached(op, step.tensor(0), step.constant(1)))


@_build.register
def _(op: ops.MaxPool, step: _Step) -> Tensor:
    return step.builder.max_pool(
        step.tensor(0),
        kernel=op.kernel,
        strides=op.strides,
        pads=op.pads,
        shape=step.node.shape,
    )


@_build.register
def _(op: ops.Transpose, step: _Step) -> Tensor:
    return step.builder.transpose(step.tensor(0), op.perm)


@_build.register
def _(op: ops.Concat, step: _Step) -> Tensor:
    parts = [step.tensor(i) for i in range(len(step.tensors))]
    return step.builder.concat(parts, op.axis, step.node.shape)


@_build.register
def _(op: ops.Pad, step: _Step) -> Tensor:
    return step.builder.pad(step.tensor(0), op.before, op.after, op.value)


def _within(step: _Step, acc: Tensor) -> Tensor:
    """The accumulator under the interval that the range analysis found for it."""
    lo, hi = step.accumulator
    return Tensor(name=acc.name, shape=acc.shape, lo=lo, hi=hi)


def _scaled(tensor: Tensor, factor: int) -> tuple[int, int]:
    ends = (tensor.lo * factor, tensor.hi * factor)
    return min(ends), max(ends)


def _dilated(weight: IntArray, dilations: tuple[int, int]) -> IntArray:
    """The kernel with zeros between its taps: ezkl has no dilation, and drops constant zeros.

    Args:
        weight: (O, kh, kw, C / group).
    """
    (dy, dx), (rows, height, width, depth) = dilations, weight.shape
    wide = np.zeros((rows, dy * (height - 1) + 1, dx * (width - 1) + 1, depth), dtype=np.int64)
    wide[:, ::dy, ::dx] = weight
    return wide


def _reached(op: ops.LookupTable, x: Tensor, table: IntArray) -> IntArray:
    """The table over exactly the interval of x, so that the index needs no clamp."""
    index = np.clip(np.arange(x.lo, x.hi + 1) - op.x_min, 0, table.shape[1] - 1)
    return table[:, index]


# -- what is not supported ----------------------------------------------------------------------


def unsupported(program: Program) -> tuple[NodeSupport, ...]:
    """Every node that this backend cannot prove, with the reason; all at once.

    Raises:
        UnsupportedModel: the program breaks the bounds of the operators' definition.
    """
    ranges = analyse(program)
    found: list[NodeSupport] = []
    for index, (node, interval) in enumerate(zip(program.nodes, ranges, strict=True)):
        found.extend(
            NodeSupport(node=index, supported=False, why=why, hint=hint)
            for why, hint in (
                *_operand_problems(program, ranges, node),
                *_value_problems(node, interval),
            )
        )
    return tuple(found)


def _value_problems(node: Node, found: NodeRange) -> Sequence[tuple[str, str]]:
    op = node.op
    problems = []
    if _build.dispatch(type(op)) is _build.dispatch(ops.Operator):
        problems.append((f"ezkl has no rule for {op.name}", "prove it with another backend"))
    step = op.requantisation
    if step is not None and step.shift:
        reach = max(abs(found.product_lo), abs(found.product_hi)) + (1 << step.shift)
        if 4 * reach >= MAX_DIVIDEND:
            problems.append(
                (
                    f"acc * M can reach 2^{reach.bit_length() - 1}; ezkl divides exactly "
                    f"below 2^{MAX_DIVIDEND.bit_length() - 3}",
                    "use narrower activations or weights",
                )
            )
    reach = max(abs(found.acc_lo), abs(found.product_lo))
    if step is not None and found.acc_lo == found.acc_hi and 4 * reach >= MAX_INPUT:
        problems.append(
            (
                f"the accumulator is always {found.acc_lo}, and ezkl's reader folds constants in "
                "float32",
                "leave out a node whose result does not depend on the input",
            )
        )
    if isinstance(op, ops.MaxPool) and op.dilations != (1, 1) and op.kernel != (1, 1):
        problems.append(("ezkl ignores the dilation of a MaxPool", "use dilation 1"))
    return problems


def _operand_problems(
    program: Program, ranges: tuple[NodeRange, ...], node: Node
) -> Sequence[tuple[str, str]]:
    problems = []
    for role, operand in zip(node.op.roles, node.operands, strict=False):
        if operand.source is Source.INPUT:
            spec = program.inputs[operand.index]
            if max(abs(spec.lo), abs(spec.hi)) > MAX_INPUT:
                problems.append(
                    (
                        f"input {spec.name} reaches beyond 2^{MAX_INPUT.bit_length() - 1}, "
                        "and ezkl reads inputs as float32",
                        "use a narrower input",
                    )
                )
        if operand.source is Source.WEIGHT and role == "weight":
            values = program.constant(operand)
            if not isinstance(node.op, ops.Affine) and int(np.abs(values).max()) >= 1 << 24:
                problems.append(
                    ("a weight is 2^24 or larger, beyond float32", "use narrower weights")
                )
    if isinstance(node.op, ops.LookupTable):
        problems.extend(_table_problems(program, ranges, node))
    return problems


def _table_problems(
    program: Program, ranges: tuple[NodeRange, ...], node: Node
) -> Sequence[tuple[str, str]]:
    source, table = node.operands[0], program.constant(node.operands[1])
    if source.source is Source.TRACE:
        lo, hi = ranges[source.index].lo, ranges[source.index].hi
    else:
        lo, hi = program.inputs[source.index].lo, program.inputs[source.index].hi
    problems = []
    if (hi - lo + 1) * table.shape[0] > MAX_TABLE:
        problems.append(
            (f"the table has more than {MAX_TABLE} entries", "use 8-bit activations here")
        )
    if int(np.abs(table).max()) >= 1 << 24:
        problems.append(("a table entry is 2^24 or larger, beyond float32", "use a narrower table"))
    return problems
