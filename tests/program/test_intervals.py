"""The range analysis holds on every execution, and is reached where it claims to be exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from verifiable.errors import UnsupportedModel
from verifiable.program import operators as ops
from verifiable.program.execute import execute
from verifiable.program.intervals import PRODUCT_BOUND, analyse
from verifiable.program.program import (
    Constant,
    Input,
    IntArray,
    Node,
    Operand,
    Output,
    Program,
    Source,
)
from verifiable.testing.strategies import cases


@settings(max_examples=60, deadline=None)
@given(cases())
def test_every_executed_value_lies_in_its_interval(
    case: tuple[Program, dict[str, IntArray]],
) -> None:
    program, inputs = case
    ranges = analyse(program)
    trace = execute(program, inputs, tier="reference")
    for found, values in zip(ranges, trace.values, strict=True):
        assert found.lo <= int(values.min())
        assert int(values.max()) <= found.hi


def matmul(
    weight: np.ndarray, bias: int = 0, multiplier: int = 1, shift: int = 0, lo: int = -(1 << 40),
    hi: int = 1 << 40, x: tuple[int, int] = (-128, 127),
) -> Program:  # fmt: skip
    """A program of one MatMul with one output."""
    size = weight.size
    operand = Operand(source=Source.INPUT, index=0, shape=(1, size))
    constants = (
        Constant.of("w", weight.reshape(1, size)),
        Constant.of("b", [bias]),
        Constant.of("m", [multiplier]),
    )
    step = ops.Requantisation(shift=shift, lo=lo, hi=hi)
    refs = tuple(
        Operand(source=Source.WEIGHT, index=i, shape=c.values.shape)
        for i, c in enumerate(constants)
    )
    node = Node(op=ops.MatMul(requant=step), operands=(operand, *refs), shape=(1, 1), width=8)
    return Program(
        inputs=(Input(name="x", shape=(1, size), lo=x[0], hi=x[1], scale=1.0, zero_point=0),),
        outputs=(Output(name="y", node=0, shape=(1, 1), scale=1.0, zero_point=0),),
        nodes=(node,),
        weights=constants,
    )


def test_interval_of_a_dot_product_is_exact() -> None:
    weight = np.array([3, -5, 0, 7])
    program = matmul(weight, bias=11, multiplier=3, shift=2)
    (found,) = analyse(program)
    extremes = [np.where(weight > 0, hi, lo) for lo, hi in ((-128, 127), (127, -128))]
    results = sorted(
        int(execute(program, {"x": x.reshape(1, -1)}, tier="reference").values[0][0, 0])
        for x in extremes
    )
    assert [found.lo, found.hi] == results
    reach = (3 + 7) * 127 + 5 * 128 + 11
    assert (found.acc_lo, found.acc_hi) == (-(3 + 7) * 128 - 5 * 127 + 11, reach)


def test_dropped_taps_of_padded_convolutions_count_as_zero() -> None:
    operand = Operand(source=Source.INPUT, index=0, shape=(1, 2, 2, 1))
    constants = (
        Constant.of("w", np.full((1, 3, 3, 1), -2)),
        Constant.of("b", [0]),
        Constant.of("m", [1]),
    )
    refs = tuple(
        Operand(source=Source.WEIGHT, index=i, shape=c.values.shape)
        for i, c in enumerate(constants)
    )
    op = ops.Conv(
        strides=(1, 1), pads=(1, 1, 1, 1), dilations=(1, 1), group=1, x_zero_point=0,
        requant=ops.Requantisation(lo=-(1 << 40), hi=1 << 40),
    )  # fmt: skip
    program = Program(
        inputs=(Input(name="x", shape=(1, 2, 2, 1), lo=5, hi=9, scale=1.0, zero_point=0),),
        outputs=(Output(name="y", node=0, shape=(1, 2, 2, 1), scale=1.0, zero_point=0),),
        nodes=(Node(op=op, operands=(operand, *refs), shape=(1, 2, 2, 1), width=8),),
        weights=constants,
    )
    (found,) = analyse(program)
    assert (found.lo, found.hi) == (-2 * 9 * 9, 0)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"shift": 41}, "shift 41"),
        ({"multiplier": 1 << 31}, "multiplier"),
        ({"multiplier": 0}, "multiplier"),
        ({"weight": np.array([1 << 30]), "multiplier": (1 << 31) - 1}, "2^62"),
        ({"bias": PRODUCT_BOUND}, "2^62"),
        ({"lo": 3, "hi": 2}, "empty"),
    ],
)
def test_broken_bounds_are_refused_by_name(arguments: dict, reason: str) -> None:
    arguments = {"weight": np.array([1]), **arguments}
    with pytest.raises(UnsupportedModel) as caught:
        analyse(matmul(**arguments))
    assert caught.value.problems[0].node == "MatMul 0"
    assert reason in str(caught.value)


def test_the_last_product_below_the_bound_is_accepted() -> None:
    analyse(matmul(np.array([0]), bias=PRODUCT_BOUND - 3, x=(0, 0)))
    with pytest.raises(UnsupportedModel):
        analyse(matmul(np.array([0]), bias=PRODUCT_BOUND - 2, x=(0, 0)))
