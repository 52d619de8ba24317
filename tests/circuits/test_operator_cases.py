"""Every operator in every variant is proven at the ends of its inputs' ranges, and between."""

from __future__ import annotations

import numpy as np
import pytest
from gkr_proving import bumped, refusals, show
from operator_cases import CASES, MADE_FOR_BOTH_ENDS

from verifiable.program import operators as ops
from verifiable.program.execute import execute
from verifiable.program.program import IntArray, Program

KINDS = {"lo": "committed", "hi": "public", "alternating": "public", "random": "committed"}
"""Inputs, and the weight mode that they are proven in."""

FAST, OTHERS = ("alternating", "random"), ("lo", "hi")
"""Each of the two meets both modes."""


def inputs_of(program: Program, kind: str) -> dict[str, IntArray]:
    generator = np.random.default_rng(7)
    found = {}
    for spec in program.inputs:
        lanes = np.arange(int(np.prod(spec.shape, dtype=np.int64))).reshape(spec.shape)
        found[spec.name] = {
            "lo": np.full(spec.shape, spec.lo),
            "hi": np.full(spec.shape, spec.hi),
            "alternating": np.where(lanes % 2 == 0, spec.lo, spec.hi),
            "random": generator.integers(spec.lo, spec.hi, spec.shape, endpoint=True),
        }[kind].astype(np.int64)
    return found


@pytest.mark.parametrize(
    "kinds", [FAST, pytest.param(OTHERS, marks=pytest.mark.slow)], ids=", ".join
)
@pytest.mark.parametrize("name", CASES)
def test_proven_at_the_ends(name: str, kinds: tuple[str, ...]) -> None:
    program = CASES[name]
    assert refusals(program) == []
    for kind in kinds:
        mode = KINDS[kind]
        shown = show(program, inputs_of(program, kind), mode)  # its own verifier accepted
        if kind in ("alternating", "random"):
            assert shown.failed() == [], kind
        if kind == "random":
            for which in (0, sum(output.size for output in shown.outputs) - 1):
                assert shown.lied(outputs=bumped(shown.outputs, which)) != []


@pytest.mark.parametrize("name", MADE_FOR_BOTH_ENDS)
def test_clamps_are_met_on_both_sides(name: str) -> None:
    program = CASES[name]
    found = np.concatenate(
        [execute(program, inputs_of(program, kind)).values[-1].reshape(-1) for kind in KINDS]
    )
    op = program.nodes[-1].op
    if isinstance(op, ops.LookupTable):
        table = program.tables[0].values
        assert np.isin(table[:, 0], found).any()
        assert np.isin(table[:, -1], found).any()
    else:
        assert op.requantisation is not None
        assert (found.min(), found.max()) == (op.requantisation.lo, op.requantisation.hi)
