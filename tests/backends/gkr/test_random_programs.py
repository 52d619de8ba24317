"""Random programs of every operator: honest proofs are accepted, in both modes, and lies are not.

Whatever `support` accepts is proven; a program that it refuses has to be refused by setup too. The
strategies lean to extremes, so a few of their programs are beyond the field, or have tables that
are too far from 0. How many is counted: a backend that refuses everything would pass any test.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from gkr_proving import BACKEND, MODES, Shown, bumped, options_for, refusals, show
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from verifiable.backends.gkr.verify import GKR_CHECKS
from verifiable.errors import UnsupportedModel
from verifiable.program.execute import execute
from verifiable.program.operators import OPERATORS
from verifiable.program.program import IntArray, Program
from verifiable.testing.strategies import cases

Case = tuple[Program, dict[str, IntArray]]

FAST, SLOW = 30, 2000
LEAST_SUPPORTED = 0.8
ARGUMENT = {check.id for check in GKR_CHECKS} - {"GK-1", "GK-2", "GK-3", "GK-4"}


def check(case: Case, which: int) -> bool:
    """Whether the program is supported; everything else is asserted."""
    program, inputs = case
    if refusals(program):
        for mode in MODES:
            with TemporaryDirectory() as folder, pytest.raises(UnsupportedModel):
                BACKEND.setup(program, options_for(Path(folder), mode))
        return False
    for mode in MODES:
        shown = show(program, inputs, mode)
        assert shown.failed() == []
        other = bumped(shown.outputs, which)
        assert shown.failed(outputs=other) != []
        assert stopped(shown.lied(outputs=other))
        ranges = [(spec.lo, spec.hi) for spec in program.inputs]
        other = bumped(shown.inputs, which, ranges=ranges)
        if other is not None:
            assert shown.failed(inputs=other) != []
            if not same_outputs(shown, other):  # else the statement is true
                assert stopped(shown.lied(inputs=other))
    return True


def same_outputs(shown: Shown, inputs: list[IntArray]) -> bool:
    names = [spec.name for spec in shown.program.inputs]
    outputs = execute(shown.program, dict(zip(names, inputs, strict=True))).outputs
    return all(np.array_equal(outputs[name], shown.trace.outputs[name]) for name in outputs)


def stopped(failed: list[str]) -> bool:
    """Whether a check of the argument failed, and not only one before it."""
    return failed[:1] != [] and failed[0] in ARGUMENT


def run(examples: int) -> tuple[Counter[bool], Counter[str]]:
    """Check random programs; counts whether they are supported, and the supported operators."""
    supported: Counter[bool] = Counter()
    operators: Counter[str] = Counter()

    @seed(20)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(), st.integers(0, 1 << 20))
    def every(case: Case, which: int) -> None:
        found = check(case, which)
        supported[found] += 1
        if found:
            operators.update(node.op.name for node in case[0].nodes)

    every()
    return supported, operators


def test_random_programs() -> None:
    supported, operators = run(FAST)
    assert supported[True] >= LEAST_SUPPORTED * supported.total()
    assert len(operators) >= len(OPERATORS) - 2


@pytest.mark.slow
def test_many_random_programs() -> None:
    supported, operators = run(SLOW)
    assert supported[True] >= LEAST_SUPPORTED * supported.total()
    assert set(operators) == set(OPERATORS)
