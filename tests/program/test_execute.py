"""Both executors: equal on random programs, right on worked examples, strict on inputs."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from programs import WIDE, single

from verifiable.errors import Cancelled, InvalidInput, MalformedModel
from verifiable.program import fast
from verifiable.program import operators as ops
from verifiable.program.execute import execute
from verifiable.program.intervals import analyse
from verifiable.program.operators import OPERATORS
from verifiable.program.reference import requantise
from verifiable.progress import Cancellation
from verifiable.testing.strategies import cases

TIERS = ["reference", "fast"]


@settings(max_examples=250, deadline=None)
@given(case=cases())
def test_fast_equals_reference(case):
    program, inputs = case
    slow = execute(program, inputs, tier="reference")
    quick = execute(program, inputs, tier="fast")
    for node, want, got in zip(program.nodes, slow.values, quick.values, strict=True):
        assert got.dtype == want.dtype == np.int64
        assert got.shape == want.shape == node.shape
        assert not got.flags.writeable
        np.testing.assert_array_equal(got, want, err_msg=str(node.op))


@settings(max_examples=100, deadline=None)
@given(case=cases())
def test_values_stay_inside_the_range_analysis(case):
    program, inputs = case
    trace = execute(program, inputs)
    for known, values in zip(analyse(program), trace.values, strict=True):
        assert known.lo <= values.min()
        assert values.max() <= known.hi


def test_random_programs_cover_every_operator_and_both_kinds_of_kernel():
    seen = set()
    by_reference = set()

    @settings(max_examples=300, deadline=None, database=None, derandomize=True)
    @given(case=cases())
    def collect(case):
        program, _ = case
        plan = fast.plan(program)
        for node, kernel in zip(program.nodes, plan.kernels, strict=True):
            seen.add(node.op.name)
            if getattr(kernel, "func", None) is fast._by_reference:
                by_reference.add(node.op.name)

    collect()
    assert seen == set(OPERATORS)
    assert by_reference & {"MatMul", "Conv", "SumPool"}


# Columns: acc, M, shift, zero point, lo, hi, expected (docs/formats/operators.md, Vectors).
REQUANTISATION = [
    (-3, 1, 2, 0, -128, 127, -1),
    (5, 1, 1, 0, -128, 127, 3),
    (-5, 1, 1, 0, -128, 127, -2),
    (-1, 1, 1, 0, -128, 127, 0),
    (1, 1, 1, 0, -128, 127, 1),
    (7, 3, 0, 0, -128, 127, 21),
    (-7, 3, 0, -2, -128, 127, -23),
    (1000, 1, 0, 0, -128, 127, 127),
    (-1000, 1, 0, 0, -128, 127, -128),
    (-1000, 1, 0, 5, 5, 127, 5),
    (1 << 20, (1 << 31) - 1, 40, 0, -(1 << 31), (1 << 31) - 1, 2048),
    (-(1 << 20), (1 << 31) - 1, 40, 0, -(1 << 31), (1 << 31) - 1, -2048),
    ((1 << 24) + 1, 1, 0, 0, -(1 << 31), (1 << 31) - 1, (1 << 24) + 1),
    ((1 << 40) - 1, 1, 40, 0, -128, 127, 1),
    ((1 << 39) - 1, 1, 40, 0, -128, 127, 0),
    (-(1 << 39) - 1, 1, 40, 0, -128, 127, -1),
    (-(1 << 39), 1, 40, 0, -128, 127, 0),
]


@pytest.mark.parametrize(
    ("acc", "m", "shift", "zero_point", "lo", "hi", "expected"), REQUANTISATION
)
def test_requantisation_vectors(acc, m, shift, zero_point, lo, hi, expected):
    step = ops.Requantisation(shift=shift, zero_point=zero_point, lo=lo, hi=hi)
    assert requantise(np.array([acc]), m, step).tolist() == [expected]
    program = single(ops.Affine(requant=step), [(1,)], [[1], [acc], [m]], lo=0, hi=0)
    for tier in TIERS:
        assert execute(program, {"x0": np.array([0])}, tier=tier).values[0].tolist() == [expected]


def image(values):
    return np.array(values, dtype=np.int64)[None, :, :, None]


STEP8 = ops.Requantisation(lo=-128, hi=127)
PLAIN = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}
X33 = image([[1, 2, 3], [4, 5, 6], [-7, -8, -9]])
ONES22 = np.ones((1, 2, 2, 1), dtype=np.int64)
# Each: operator, inputs, constants, expected result; computed by hand.
EXAMPLES = {
    "MatMul": (
        ops.MatMul(requant=ops.Requantisation(shift=1, lo=-128, hi=127)),
        [np.array([[1, -2]])],
        [[[3, 4], [5, -6]], [1, 0], [1, 2]],
        [[-2, 17]],  # (3 - 8 + 1) / 2 and (5 + 12) * 2 / 2
    ),
    "Conv with pads": (
        ops.Conv(**(PLAIN | {"pads": (1, 0, 0, 1)}), group=1, x_zero_point=1, requant=STEP8),
        [X33],
        [ONES22, [10], [1]],
        image([[11, 13, 12], [18, 22, 17], [0, 0, 5]]).tolist(),
    ),
    "Conv with dilation, stride and groups": (
        ops.Conv(strides=(2, 1), pads=(0,) * 4, dilations=(2, 1), group=2, x_zero_point=0,
                 requant=STEP8),
        [np.array([[[[1, 10]], [[2, 20]], [[3, 30]]]])],
        [[[[[1]], [[2]]], [[[0]], [[1]]]], [0, 5], [1]],
        [[[[7, 35]]]],  # 1 + 2 * 3 and 30 + 5
    ),
    "Affine": (
        ops.Affine(requant=STEP8), [np.array([[1, 2], [3, 4]])], [[2, -1], [[5], [6]], [1]],
        [[7, 3], [12, 2]],
    ),
    "Add": (
        ops.Add(a_multiplier=3, b_multiplier=-1, offset=2,
                requant=ops.Requantisation(shift=1, zero_point=1, lo=-128, hi=127)),
        [np.array([1, 2]), np.array([[10], [20]])], [],
        [[-1, 0], [-6, -5]],  # floor((-5 + 1) / 2) + 1 = -1, ...
    ),
    "Mul": (
        ops.Mul(a_zero_point=1, b_zero_point=-1, requant=STEP8),
        [np.array([3, -4]), np.array([[2], [-6]])], [[2]],
        [[12, -30], [-20, 50]],
    ),
    "LookupTable": (
        ops.LookupTable(x_min=-1), [np.array([-9, -1, 0, 1, 9])], [[[7, 8, 9]]],
        [7, 7, 8, 9, 9],
    ),
    "LookupTable by channel": (
        ops.LookupTable(x_min=0), [np.array([[0, 0], [1, 1]])], [[[1, 2], [3, 4]]],
        [[1, 3], [2, 4]],
    ),
    "MaxPool ignores padding": (
        ops.MaxPool(kernel=(2, 2), strides=(2, 2), pads=(1, 1, 0, 0), dilations=(1, 1)),
        [image([[-5, -6], [-7, -8]]).repeat(2, axis=3)], [],
        image([[-5]]).repeat(2, axis=3).tolist(),
    ),
    "MaxPool with dilation": (
        ops.MaxPool(kernel=(2, 2), strides=(1, 1), pads=(0,) * 4, dilations=(2, 2)),
        [X33], [], image([[3]]).tolist(),
    ),
    "SumPool": (
        ops.SumPool(kernel=(2, 2), **(PLAIN | {"pads": (0, 0, 1, 0), "strides": (2, 2)}),
                    x_zero_point=1, requant=STEP8),
        [X33], [[1]], image([[8], [-17]]).tolist(),
    ),
    "Transpose": (
        ops.Transpose(perm=(1, 0)), [np.array([[1, 2, 3]])], [], [[1], [2], [3]],
    ),
    "Concat": (
        ops.Concat(axis=1), [np.array([[1]]), np.array([[2, 3]])], [], [[1, 2, 3]],
    ),
    "Pad": (
        ops.Pad(before=(0, 1), after=(1, 0), value=-9), [np.array([[4]])], [],
        [[-9, 4], [-9, -9]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_worked_example(name, tier):
    op, inputs, constants, expected = EXAMPLES[name]
    program = single(op, [values.shape for values in inputs], constants)
    trace = execute(program, {f"x{i}": v for i, v in enumerate(inputs)}, tier=tier)
    assert trace.outputs["y"].tolist() == expected


def test_every_operator_has_a_worked_example():
    assert {op.name for op, *_ in EXAMPLES.values()} == set(OPERATORS)


@pytest.mark.parametrize("exponent", [24, 53, 61])
@pytest.mark.parametrize("delta", [-1, 0, 1])
def test_sums_around_the_limits_of_floats_are_exact(exponent, delta):
    large = (1 << exponent) + delta
    program = single(ops.MatMul(requant=WIDE), [(2,)], [[[large, 1]], [0], [1]], lo=0, hi=1)
    for tier in TIERS:
        trace = execute(program, {"x0": np.array([1, 1])}, tier=tier)
        assert trace.values[0].tolist() == [large + 1]


@pytest.mark.parametrize("tier", TIERS)
def test_leaving_the_bounds_is_refused(tier):
    constants = [[[1 << 40]], [0], [1 << 30]]
    program = single(ops.MatMul(requant=STEP8), [(1,)], constants)
    assert execute(program, {"x0": np.array([0])}, tier=tier).values[0].tolist() == [0]
    with pytest.raises(MalformedModel, match="only") as caught:
        execute(program, {"x0": np.array([1])}, tier=tier)
    assert caught.value.code == "bounds-exceeded"


@pytest.mark.parametrize("tier", TIERS)
def test_a_result_wider_than_declared_is_refused(tier):
    program = single(ops.MatMul(requant=WIDE), [(1,)], [[[2]], [0], [1]], width=1)
    assert execute(program, {"x0": np.array([-64])}, tier=tier).values[0].tolist() == [-128]
    with pytest.raises(MalformedModel, match="does not fit the declared 1 bytes") as caught:
        execute(program, {"x0": np.array([64])}, tier=tier)
    assert caught.value.code == "bounds-exceeded"


PAIR = single(ops.Concat(axis=0), [(2,), (2,)])


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"x1": None}, "wrong-inputs", ""),
        ({"other": np.array([0, 0])}, "wrong-inputs", ""),
        ({"x1": np.array([0.0, 1.0])}, "wrong-dtype", "x1"),
        ({"x1": np.array([True, False])}, "wrong-dtype", "x1"),
        ({"x1": np.array([[0, 1]])}, "wrong-shape", "x1"),
        ({"x1": np.array([0, 128])}, "out-of-range", "x1[1]"),
        ({"x1": np.array([-129, 0])}, "out-of-range", "x1[0]"),
        ({"x1": np.array([0, 1 << 63], dtype=np.uint64)}, "out-of-range", "x1[1]"),
    ],
)
def test_wrong_inputs_are_refused(change, code, where):
    inputs = {"x0": np.array([0, 0]), "x1": np.array([-128, 127], dtype=np.int8)}
    assert execute(PAIR, inputs).values[0].tolist() == [0, 0, -128, 127]
    inputs = {name: values for name, values in (inputs | change).items() if values is not None}
    with pytest.raises(InvalidInput) as caught:
        execute(PAIR, inputs)
    assert (caught.value.code, caught.value.where) == (code, where)


def test_a_trace_owns_its_inputs():
    given_array = np.array([1, 2])
    trace = execute(PAIR, {"x0": given_array, "x1": given_array})
    given_array[0] = 9
    assert trace.inputs[0].tolist() == [1, 2]
    assert not trace.inputs[0].flags.writeable
    assert trace.operand(PAIR.nodes[0].operands[1]).tolist() == [1, 2]


def test_threads_share_a_plan():
    rng = np.random.default_rng(3)
    weight = rng.integers(-127, 128, size=(64, 64))
    op = ops.MatMul(requant=ops.Requantisation(shift=9, lo=-128, hi=127))
    program = single(op, [(64,)], [weight, np.zeros(64), [1]])
    inputs = [rng.integers(-128, 128, size=64) for _ in range(40)]
    want = [execute(program, {"x0": x}, tier="reference").values[0] for x in inputs]
    wrong = []

    def work():
        for x, expected in zip(inputs, want, strict=True):
            if not np.array_equal(execute(program, {"x0": x}).values[0], expected):
                wrong.append(x)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_plan_dies_with_its_program():
    program = replace(PAIR)
    fast.plan(program)
    assert fast.plan(program) is fast.plan(program)
    gone = weakref.ref(program)
    del program
    gc.collect()
    assert gone() is None


def test_progress_and_cancellation():
    inputs = {"x0": np.array([0, 0]), "x1": np.array([0, 0])}
    events = []
    execute(PAIR, inputs, progress=events.append)
    assert [(event.phase, event.message, event.fraction) for event in events] == [
        ("execute", "only", 0.0)
    ]
    cancel = Cancellation()
    cancel.cancel()
    with pytest.raises(Cancelled):
        execute(PAIR, inputs, cancel=cancel)
