"""The circuit computes what the executor computes, bit for bit, and never fails on a valid input.

All at witness level: ezkl's own evaluation of the circuit, without keys.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ezkl_samples import rows_for, tiny_program
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from verifiable.backends.base import Options
from verifiable.backends.ezkl import simulate as simulate_module
from verifiable.backends.ezkl.circuit import float32_parts
from verifiable.backends.ezkl.graph import build, unsupported
from verifiable.backends.ezkl.settings import plan_circuit
from verifiable.backends.ezkl.simulate import simulate
from verifiable.errors import ProvingError
from verifiable.program import operators as ops
from verifiable.program.execute import execute
from verifiable.program.program import Input, Node, Operand, Output, Program, Source
from verifiable.testing.strategies import programs

sys.path.insert(0, str(Path(__file__).parents[2] / "program"))
from programs import WIDE, single

ROWS = 6


def check_exact(program: Program, cache_dir: Path, count: int = ROWS) -> None:
    rows = rows_for(program, count)
    found = simulate(program, rows, Options(cache_dir=cache_dir))
    assert len(found) == count
    for row, outputs in zip(rows, found, strict=True):
        expected = execute(program, row, tier="reference").outputs
        assert outputs.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(outputs[name], values)


def requant(shift: int = 0, zero_point: int = 0, lo: int = -128, hi: int = 127) -> object:
    return ops.Requantisation(shift=shift, zero_point=zero_point, lo=lo, hi=hi)


def dense(step: object, weight: object, bias: object, multiplier: object, **spec: int) -> Program:
    weight = np.asarray(weight)
    constants = [weight, np.broadcast_to(bias, weight.shape[:1]), multiplier]
    return single(ops.MatMul(requant=step), [(1, weight.shape[1])], constants, **spec)


def conv(kernel: tuple[int, int, int, int], size: int = 5, **changes: object) -> Program:
    values = {
        "strides": (1, 1),
        "pads": (0, 0, 0, 0),
        "dilations": (1, 1),
        "group": 1,
        "x_zero_point": 0,
        "requant": requant(shift=9),
    }
    op = ops.Conv(**{**values, **changes})
    rng = np.random.default_rng(1)
    weight = rng.integers(-127, 128, kernel)
    channels = kernel[3] * op.group
    constants = [weight, rng.integers(-3000, 3000, kernel[:1]), rng.integers(1, 9, kernel[:1])]
    return single(op, [(1, size, size, channels)], constants)


def pool(kind: type, size: int = 5, **changes: object) -> Program:
    values = {"kernel": (2, 2), "strides": (2, 2), "pads": (0, 0, 0, 0), "dilations": (1, 1)}
    op = kind(**{**values, **changes})
    constants = [[3]] if kind is ops.SumPool else []
    return single(op, [(1, size, size, 2)], constants, lo=-128, hi=-3)


CASES = {
    "no clamp, no zero point": dense(requant(8, lo=-(10**6), hi=10**6), [[1, 2]], 0, [1]),
    "ties round up": dense(requant(1), [[1]], 0, [1]),
    "shift 1 of odd and even": dense(requant(1, zero_point=-1), [[3]], 1, [1]),
    "zero point cancels the clamp": dense(requant(4, zero_point=-128), [[9, -9]], 0, [1]),
    "zero point beyond float32": dense(requant(4, (1 << 24) + 1, lo=0, hi=1 << 30), [[9]], 0, [1]),
    "only the upper clamp": dense(requant(4, lo=-(10**4), hi=5), [[9, -9]], 0, [1]),
    "only the lower clamp": dense(requant(4, lo=-5, hi=10**4), [[9, -9]], 0, [1]),
    "clamp to one value": dense(requant(4, lo=7, hi=7), [[9, -9]], 0, [1]),
    "clamp far away": dense(requant(0, lo=10**6, hi=10**6 + 1), [[9, -9]], 0, [1]),
    "shift of one division": dense(requant(23), [[127, -127]], 5, [3001]),
    "shift of two divisions": dense(requant(24), [[127, -127]], 5, [3001]),
    "shift 31": dense(requant(31), [[127, -127]], 5, [(1 << 31) - 1]),
    "shift 40": dense(requant(40, lo=-3, hi=3), [[127, -127]], 5, [(1 << 31) - 1]),
    "multiplier per channel": dense(requant(8), [[1], [1]], 0, [1, 300]),
    "multiplier beyond float32": dense(requant(30), [[1, -1]], 0, [(1 << 24) + 1]),
    "bias 2^24 - 1": dense(WIDE, [[1]], (1 << 24) - 1, [1]),
    "bias 2^24": dense(WIDE, [[1]], 1 << 24, [1]),
    "bias 2^24 + 1": dense(WIDE, [[1]], (1 << 24) + 1, [1]),
    "bias -2^24 - 1": dense(WIDE, [[1]], -(1 << 24) - 1, [1]),
    "bias 2^40 + 2^17 + 1": dense(WIDE, [[1]], (1 << 40) + (1 << 17) + 1, [1]),
    "input of 2^24": dense(WIDE, [[1, 1]], 0, [1], lo=-(1 << 24), hi=1 << 24),
    "rank-1 input": single(
        ops.MatMul(requant=WIDE), [(3,)], [np.arange(6).reshape(2, 3), [1, 2], [1]]
    ),
    "conv": conv((3, 3, 3, 2)),
    "conv with pads and a zero point": conv((3, 3, 3, 2), pads=(1, 2, 0, 1), x_zero_point=-128),
    "conv without pads but a zero point": conv((3, 2, 2, 1), x_zero_point=17),
    "conv with dilations": conv((2, 2, 3, 1), dilations=(2, 1)),
    "conv with groups": conv((4, 2, 2, 1), group=2),
    "depthwise conv": conv((3, 3, 3, 1), group=3, pads=(1, 1, 1, 1)),
    "conv of one channel": conv((1, 3, 3, 1), pads=(1, 1, 1, 1)),
    "conv of one channel and position": conv((1, 5, 5, 1)),
    "conv with strides": conv((2, 3, 3, 1), strides=(2, 3), pads=(0, 1, 1, 0)),
    "conv whose stride skips positions": conv((2, 1, 1, 1), strides=(2, 3)),
    "conv whose stride skips, padded": conv((2, 1, 3, 1), strides=(3, 1), pads=(1, 0, 2, 0)),
    "max pool of negative values, padded": pool(ops.MaxPool, pads=(1, 1, 1, 1)),
    "max pool, overlapping": pool(ops.MaxPool, kernel=(3, 2), strides=(1, 1)),
    "max pool of one tap": pool(ops.MaxPool, kernel=(1, 1)),
    "sum pool": pool(ops.SumPool, x_zero_point=-3, pads=(0, 1, 0, 1), requant=requant(4)),
    "table": single(ops.LookupTable(x_min=-128), [(2, 3)], [np.arange(256)[None] * 7 - 900]),
    "table that clamps its index": single(ops.LookupTable(x_min=-5), [(2, 3)], [[[4, 5, 6]]]),
    "table by channel": single(
        ops.LookupTable(x_min=-128), [(1, 4, 3)], [np.arange(768).reshape(3, 256) - 300]
    ),
    "pad with a value": single(ops.Pad(before=(0, 2), after=(1, 0), value=-9), [(2, 3)]),
    "one constant in two places": single(
        ops.Add(
            a_multiplier=1,
            b_multiplier=(1 << 24) + 1,
            offset=(1 << 24) + 1,
            requant=requant(16),
        ),
        [(2,), (2,)],
    ),
    "add": single(
        ops.Add(a_multiplier=-3, b_multiplier=(1 << 24) + 1, offset=-9, requant=requant(24)),
        [(1, 3), (3, 1)],
    ),
    "mul": single(
        ops.Mul(a_zero_point=3, b_zero_point=-128, requant=requant(9)), [(2, 3), (1,)], [[5]]
    ),
    "affine": single(
        ops.Affine(requant=requant(6)), [(2, 3)], [[[1, -2, 300]], [[5], [-70000]], [[2]]]
    ),
    "flattened image without a batch axis": replace(
        flat := conv((2, 3, 3, 2)),
        inputs=(replace(flat.inputs[0], shape=(5, 5, 2)),),
        outputs=(replace(flat.outputs[0], shape=(18,)),),
    ),
    "one tensor shown twice": replace(
        twice := conv((2, 3, 3, 1)),
        outputs=(twice.outputs[0], replace(twice.outputs[0], name="z", shape=(18,))),
    ),
    "transpose": single(ops.Transpose(perm=(2, 0, 1)), [(2, 3, 4)]),
    "concat": single(ops.Concat(axis=1), [(2, 3), (2, 1)]),
}


@pytest.mark.parametrize("name", CASES)
def test_each_operator_is_exact(name: str, tmp_path: Path) -> None:
    assert unsupported(CASES[name]) == ()
    check_exact(CASES[name], tmp_path)


def test_the_cases_cover_every_operator() -> None:
    covered = {type(node.op).__name__ for program in CASES.values() for node in program.nodes}
    assert covered == set(ops.OPERATORS)


@pytest.mark.slow  # which programs are drawn differs from run to run; the cases above do not
def test_random_programs_are_exact(tmp_path_factory: pytest.TempPathFactory) -> None:
    seen: Counter[str] = Counter()

    @settings(
        max_examples=60,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(program=programs(max_nodes=4))
    def check(program: Program) -> None:
        assume(not unsupported(program))
        check_exact(program, tmp_path_factory.getbasetemp() / "simulate", count=4)
        seen.update(type(node.op).__name__ for node in program.nodes)

    check()
    assert sum(seen.values()) >= 25  # else the programs were too few to tell
    assert len(seen) >= 6


@settings(deadline=None)
@given(st.lists(st.integers(-(1 << 61), 1 << 61), min_size=1, max_size=6))
def test_constants_are_split_into_exact_float32_parts(values: list[int]) -> None:
    array = np.array(values, dtype=np.int64)
    parts = float32_parts(array)
    np.testing.assert_array_equal(sum(parts), array)
    for part in parts:
        np.testing.assert_array_equal(part.astype(np.float32).astype(np.int64), part)
    assert len(parts) <= 3


def test_the_planned_digits_are_just_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound on written values is tight: with half of it the lowest input already fails."""
    program = tiny_program()
    plan = plan_circuit(build(program))
    assert plan.base**plan.digits - 1 >= build(program).written_bound
    smaller = replace(plan, base=plan.base // 4)
    monkeypatch.setattr(simulate_module, "plan_circuit", lambda circuit: smaller)
    with pytest.raises(ProvingError) as caught:
        check_exact(program, tmp_path)
    assert "decomposition error" in caught.value.why


@pytest.mark.parametrize(
    "name",
    [
        "zero point cancels the clamp",
        "shift of one division",
        "shift of two divisions",
        "shift 31",
        "shift 40",
        "add",
        "conv",
        "max pool of negative values, padded",
        "table",
    ],
)
def test_the_bound_on_written_values_suffices(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the smallest base that holds the bound every input still has a witness."""
    circuit = build(CASES[name])
    plan = plan_circuit(circuit)
    base = 2
    while base**plan.digits - 1 < circuit.written_bound:
        base += 1
    assert base <= plan.base
    rows = max(plan.logrows, base.bit_length() + 1)
    tight = replace(plan, base=base, logrows=rows)
    monkeypatch.setattr(simulate_module, "plan_circuit", lambda circuit: tight)
    check_exact(CASES[name], tmp_path)


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (pool(ops.MaxPool, dilations=(2, 1)), "dilation"),
        (dense(WIDE, [[1]], 0, [1], lo=0, hi=(1 << 24) + 1), "float32"),
        (dense(WIDE, [[1 << 24]], 0, [1]), "float32"),
        (dense(requant(30), [[1 << 20]], 0, [(1 << 31) - 1]), "divides exactly"),
        (
            single(ops.LookupTable(x_min=0), [(1, 2)], [np.zeros((2, 40000))], lo=0, hi=40000),
            "entries",
        ),
        (single(ops.LookupTable(x_min=0), [(2,)], [[[1 << 24, 0]]]), "float32"),
    ],
)
def test_what_ezkl_cannot_do_exactly_is_refused_by_name(program: Program, words: str) -> None:
    (problem,) = unsupported(program)
    assert problem.node == 0
    assert not problem.supported
    assert words in problem.why
    assert problem.hint


def test_large_results_that_no_input_can_change_are_refused() -> None:
    """ezkl's reader folds them in float32, where -16777217 is -16777216."""
    wide = ops.Requantisation(shift=7, lo=-(1 << 25), hi=1 << 25)
    for offset, refused in ((-(1 << 40), True), (5, False)):
        op = ops.Add(a_multiplier=0, b_multiplier=0, offset=offset, requant=wide)
        image = Operand(source=Source.INPUT, index=0, shape=(1, 4))
        program = Program(
            inputs=(Input(name="x", shape=(1, 4), lo=-128, hi=127, scale=1.0, zero_point=0),),
            outputs=(Output(name="y", node=0, shape=(1, 4), scale=1.0, zero_point=0),),
            nodes=(Node(op=op, operands=(image, image), shape=(1, 4), width=4),),
            weights=(),
        )
        assert bool(unsupported(program)) is refused
