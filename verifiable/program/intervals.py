"""Static range analysis: the interval that each value of a program can reach.

Intervals follow from the weights and the input schema alone, never from samples. They prove the
bounds of `docs/formats/operators.md` (multipliers, shifts, 62-bit products), choose element widths,
and tell fast executors and provers which machine type or decomposition is wide enough.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import numpy.typing as npt

from verifiable.errors import Problem, UnsupportedModel
from verifiable.program import operators as ops
from verifiable.program.multiplier import MAX_MULTIPLIER, MAX_SHIFT
from verifiable.program.program import IntArray, Node, Operand, Program, Source, width_of

__all__ = ["PRODUCT_BOUND", "NodeRange", "analyse", "analyse_node", "check_bounds"]

PRODUCT_BOUND = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRange:
    """Reachable intervals of one node, all inclusive.

    Attributes:
        acc_lo, acc_hi: the accumulator before the multiplier (equal to lo, hi for operators
            without requantisation).
        product_lo, product_hi: accumulator times multiplier.
        lo, hi: the result.
    """

    acc_lo: int
    acc_hi: int
    product_lo: int
    product_hi: int
    lo: int
    hi: int


Interval = tuple[int, int]
Channels = npt.NDArray[np.object_]


def analyse(program: Program) -> tuple[NodeRange, ...]:
    """Compute every node's intervals.

    Raises:
        UnsupportedModel: bounds are broken; all nodes that break one are listed.
    """
    ranges: list[NodeRange] = []
    problems: list[Problem] = []
    for index, node in enumerate(program.nodes):
        found = analyse_node(
            node.op,
            [_operand_interval(program, ranges, operand) for operand in node.operands],
            [_operand_constant(program, operand) for operand in node.operands],
        )
        ranges.append(found)
        multipliers = program.constant(node.operands[-1]) if _has_multiplier(node) else None
        label = node.name or f"{node.op.name} {index}"
        problems.extend(check_bounds(node.op, found, multipliers, label))
    if problems:
        raise UnsupportedModel(problems)
    return tuple(ranges)


def check_bounds(
    op: ops.Operator, found: NodeRange, multipliers: IntArray | None, label: str
) -> list[Problem]:
    """List the bounds of the operators' definition that a node breaks."""
    step = op.requantisation
    if step is None:
        return []
    problems = []
    if not 0 <= step.shift <= MAX_SHIFT:
        problems.append(_bound(label, f"shift {step.shift} is not in 0..{MAX_SHIFT}"))
        return problems
    if multipliers is not None and not (
        int(multipliers.min()) >= 1 and int(multipliers.max()) <= MAX_MULTIPLIER
    ):
        problems.append(_bound(label, "a multiplier is not in 1..2^31 - 1"))
    reach = max(-found.product_lo, found.product_hi, -found.acc_lo, found.acc_hi)
    if reach + (1 << (step.shift + 1)) >= PRODUCT_BOUND:
        problems.append(_bound(label, f"|acc * M| can reach 2^{reach.bit_length() - 1}, over 2^62"))
    try:
        width_of(step.lo, step.hi)
    except ValueError as cause:
        problems.append(_bound(label, str(cause)))
    if step.lo > step.hi:
        problems.append(_bound(label, f"the clamp [{step.lo}, {step.hi}] is empty"))
    return problems


def _bound(label: str, what: str) -> Problem:
    return Problem(
        code="range-bound",
        node=label,
        what=what,
        hint="use narrower activations or weights, or split the reduction",
    )


def _has_multiplier(node: Node) -> bool:
    return node.op.roles[-1] == "multiplier"


def _operand_interval(program: Program, ranges: list[NodeRange], operand: Operand) -> Interval:
    if operand.source is Source.TRACE:
        return ranges[operand.index].lo, ranges[operand.index].hi
    if operand.source is Source.INPUT:
        return program.inputs[operand.index].lo, program.inputs[operand.index].hi
    values = program.constant(operand)
    return int(values.min()), int(values.max())


def _operand_constant(program: Program, operand: Operand) -> IntArray | None:
    if operand.source in (Source.WEIGHT, Source.TABLE):
        return program.constant(operand)
    return None


@singledispatch
def analyse_node(
    op: ops.Operator, intervals: list[Interval], constants: list[IntArray | None]
) -> NodeRange:
    """Intervals of one node from its operands' intervals and constant values."""
    raise TypeError(f"no range rule for {op.name}")


def _exact(lo: int, hi: int) -> NodeRange:
    return NodeRange(acc_lo=lo, acc_hi=hi, product_lo=lo, product_hi=hi, lo=lo, hi=hi)


def _requantised(
    step: ops.Requantisation, acc_lo: Channels, acc_hi: Channels, multiplier: IntArray | None
) -> NodeRange:
    """Carry per-channel accumulator intervals through multiplier, shift and clamp."""
    m = np.ones((1,), dtype=object) if multiplier is None else multiplier.astype(object)
    acc_lo, acc_hi = np.asarray(acc_lo, dtype=object), np.asarray(acc_hi, dtype=object)
    # m >= 0 keeps the order; products of rank 0 come back as plain integers.
    low, high = np.asarray(acc_lo * m, dtype=object), np.asarray(acc_hi * m, dtype=object)
    half = (1 << step.shift >> 1) if 0 <= step.shift <= MAX_SHIFT else 0
    shift = step.shift if 0 <= step.shift <= MAX_SHIFT else 0
    product_lo, product_hi = int(low.min()), int(high.max())
    result_lo = ((product_lo + half) >> shift) + step.zero_point
    result_hi = ((product_hi + half) >> shift) + step.zero_point
    return NodeRange(
        acc_lo=int(acc_lo.min()),
        acc_hi=int(acc_hi.max()),
        product_lo=product_lo,
        product_hi=product_hi,
        lo=min(max(result_lo, step.lo), step.hi),
        hi=min(max(result_hi, step.lo), step.hi),
    )


def _dot(weight: IntArray, interval: Interval, *, may_drop: bool) -> tuple[Channels, Channels]:
    """Bounds of `sum_k w[n, k] * x[k]` per row n, for x in the interval.

    Args:
        weight: (N, K).
        may_drop: each term may also be absent (padding), which counts as 0.
    """
    lo, hi = interval
    if max(-int(weight.min()), int(weight.max())) * weight.shape[1] >= PRODUCT_BOUND:
        weight = weight.astype(object)
    positive = np.maximum(weight, 0).sum(axis=1).astype(object)  # (N,)
    negative = np.minimum(weight, 0).sum(axis=1).astype(object)
    if may_drop:
        lo, hi = min(lo, 0), max(hi, 0)
    return positive * lo + negative * hi, positive * hi + negative * lo


@analyse_node.register
def _(op: ops.MatMul, intervals: list[Interval], constants: list[IntArray | None]) -> NodeRange:
    _, weight, bias, multiplier = constants
    assert weight is not None  # noqa: S101 - roles were checked
    assert bias is not None  # noqa: S101 - roles were checked
    low, high = _dot(weight, intervals[0], may_drop=False)
    shift = bias.astype(object)
    return _requantised(op.requant, low + shift, high + shift, multiplier)


@analyse_node.register
def _(op: ops.Conv, intervals: list[Interval], constants: list[IntArray | None]) -> NodeRange:
    _, weight, bias, multiplier = constants
    assert weight is not None  # noqa: S101 - roles were checked
    assert bias is not None  # noqa: S101 - roles were checked
    lo, hi = intervals[0]
    centred = (lo - op.x_zero_point, hi - op.x_zero_point)
    rows = weight.reshape(weight.shape[0], -1)
    low, high = _dot(rows, centred, may_drop=any(op.pads))
    shift = bias.astype(object)
    return _requantised(op.requant, low + shift, high + shift, multiplier)


@analyse_node.register
def _(op: ops.Affine, intervals: list[Interval], constants: list[IntArray | None]) -> NodeRange:
    _, weight, bias, multiplier = constants
    assert weight is not None  # noqa: S101 - roles were checked
    assert bias is not None  # noqa: S101 - roles were checked
    lo, hi = intervals[0]
    w, b = weight.astype(object), bias.astype(object)
    ends = (w * lo + b, w * hi + b)
    return _requantised(op.requant, np.minimum(*ends), np.maximum(*ends), multiplier)


@analyse_node.register
def _(op: ops.Add, intervals: list[Interval], constants: list[IntArray | None]) -> NodeRange:
    (a_lo, a_hi), (b_lo, b_hi) = intervals
    a = sorted((a_lo * op.a_multiplier, a_hi * op.a_multiplier))
    b = sorted((b_lo * op.b_multiplier, b_hi * op.b_multiplier))
    low = np.array([a[0] + b[0] + op.offset], dtype=object)
    high = np.array([a[1] + b[1] + op.offset], dtype=object)
    return _requantised(op.requant, low, high, None)


@analyse_node.register
def _(op: ops.Mul, intervals: list[Interval], constants: list[IntArray | None]) -> NodeRange:
    (a_lo, a_hi), (b_lo, b_hi) = intervals[:2]
    corners = [
        (a - op.a_zero_point) * (b - op.b_zero_point) for a in (a_lo, a_hi) for b in (b_lo, b_hi)
    ]
    low = np.array([min(corners)], dtype=object)
    high = np.array([max(corners)], dtype=object)
    return _requantised(op.requant, low, high, constants[2])


@analyse_node.register
def _(
    op: ops.LookupTable, intervals: list[Interval], constants: list[IntArray | None]
) -> NodeRange:
    table = constants[1]
    assert table is not None  # noqa: S101 - roles were checked
    last = table.shape[1] - 1
    # Sorted: after a multiplier that `check_bounds` has refused, an interval may be upside down.
    first, final = sorted(min(max(x - op.x_min, 0), last) for x in intervals[0])
    reached = table[:, first : final + 1]
    return _exact(int(reached.min()), int(reached.max()))


@analyse_node.register
def _(op: ops.SumPool, intervals: list[Interval], constants: list[IntArray | None]) -> NodeRange:
    lo, hi = intervals[0]
    count = op.kernel[0] * op.kernel[1]
    row = np.ones((1, count), dtype=np.int64)
    low, high = _dot(row, (lo - op.x_zero_point, hi - op.x_zero_point), may_drop=any(op.pads))
    return _requantised(op.requant, low, high, constants[1])


@analyse_node.register(ops.MaxPool)
@analyse_node.register(ops.Transpose)
@analyse_node.register(ops.Concat)
def _(op: ops.Operator, intervals: list[Interval], constants: list[IntArray | None]) -> NodeRange:
    return _exact(min(lo for lo, _ in intervals), max(hi for _, hi in intervals))


@analyse_node.register
def _(op: ops.Pad, intervals: list[Interval], constants: list[IntArray | None]) -> NodeRange:
    lo, hi = intervals[0]
    if any(op.before) or any(op.after):
        lo, hi = min(lo, op.value), max(hi, op.value)
    return _exact(lo, hi)
