"""Every operator has an argument, and every sample of it can be proven in both weight modes."""

from __future__ import annotations

import inspect
import sys

import pytest
from gkr_proving import MODES, refusals

from verifiable.backends.gkr.keys import bare_key
from verifiable.backends.gkr.plan import make_plan
from verifiable.circuits.arguments import ARGUMENTS
from verifiable.circuits.samples import SAMPLES
from verifiable.program.operators import OPERATORS


def test_every_operator_has_an_argument() -> None:
    assert set(ARGUMENTS) == set(OPERATORS.values())
    assert len(set(ARGUMENTS.values())) == len(ARGUMENTS)


@pytest.mark.parametrize("name", OPERATORS)
def test_an_argument_states_its_equation_and_its_cost(name: str) -> None:
    argument = ARGUMENTS[OPERATORS[name]]
    assert inspect.isclass(argument)
    module = sys.modules[argument.__module__]
    text = inspect.getdoc(module)
    assert text is not None
    assert text.startswith(f"{name}: ")
    assert "error" in text or "Soundness" in text
    assert "ommit" in text or "ommits" in text


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_can_be_proven(name: str) -> None:
    for program in SAMPLES[name].values():
        assert refusals(program) == []
        for mode in MODES:
            assert make_plan(bare_key(program, mode)).arguments
