"""The contracts judge every operator exactly as the reference computes it, in both directions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from step_cases import GENERATORS, case_of, elements_of, wrong_values
from step_contracts import StepContracts

from verifiable.backends.optimistic.openings import StepOpener
from verifiable.program.execute import Trace, execute
from verifiable.program.operators import OPERATORS
from verifiable.testing.strategies import cases

VECTORS = Path(__file__).parents[2] / "vectors" / "steps.json"
SAMPLE = 10
"""Elements per operator in the fast set."""


def test_each_operator_has_a_generator() -> None:
    assert set(GENERATORS) == set(OPERATORS)


def judge(steps: StepContracts, trace: Trace, node: int, elements: list[int], draw: int) -> int:
    """Both directions for some elements of a node; returns how many were judged."""
    opener = StepOpener(trace, leaf_log2=(5, 5, 8, 10)[draw % 4])
    width = trace.program.nodes[node].width
    for element in elements:
        opening = opener.open(node, element)
        arguments = (opening.operand_roots, opening.witness)
        honest = int(trace.values[node].flat[element])
        assert opening.claimed == honest
        head = (opening.desc, opener.leaf_log2, element)
        assert not steps.is_fault(*head, honest, *arguments).fault, (trace.program, element)
        others = wrong_values(honest, width)
        wrong = others[(draw + element) % len(others)]
        assert steps.is_fault(*head, wrong, *arguments).fault, (trace.program, element, wrong)
    return len(elements)


def agree(steps: StepContracts, name: str, count: int, per_node: int) -> None:
    rng = np.random.default_rng(list(name.encode()))
    judged = draw = 0
    while judged < count:
        trace = case_of(name, rng)
        node = len(trace.program.nodes) - 1
        assert trace.program.nodes[node].op.name == name
        elements = list(elements_of(trace, rng, per_node))[: min(per_node, count - judged)]
        judged += judge(steps, trace, node, elements, draw)
        draw += 1


@pytest.mark.parametrize("name", GENERATORS)
def test_contract_and_reference_agree(steps: StepContracts, name: str) -> None:
    agree(steps, name, SAMPLE, per_node=2)


def test_shipped_contracts_judge_the_vectors(steps: StepContracts) -> None:
    cases = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]
    assert {case["operator"] for case in cases} == set(OPERATORS)
    for case in cases[::3]:
        data = {name: bytes.fromhex(case[name][2:]) for name in ("desc", "witness")}
        roots = [bytes.fromhex(root[2:]) for root in case["operand_roots"]]
        for value, fault in ((case["value"], False), (case["wrong"][-1], True)):
            head = (data["desc"], case["leaf_log2"], case["element"], int(value))
            assert steps.is_fault(*head, roots, data["witness"]).fault is fault


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATORS)
def test_contract_and_reference_agree_on_a_thousand(fast: StepContracts, name: str) -> None:
    agree(fast, name, 1000, per_node=4)


@pytest.mark.slow
@seed(20260)
@settings(max_examples=60, database=None, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases(), draw=st.integers(0, 1 << 16))
def test_random_programs_are_judged_node_by_node(fast: StepContracts, case, draw: int) -> None:
    program, inputs = case
    trace = execute(program, inputs, tier="reference")
    for index in range(len(program.nodes)):
        fast.check_node(StepOpener(trace).open(index, 0).desc, 10)
        judge(fast, trace, index, [draw % trace.values[index].size], draw)


def test_wrong_values_hold_every_edge_and_bit() -> None:
    assert wrong_values(0, 1) == [1, -1, -128, 127, 2, 4, 8, 16, 32, 64]
    assert {-128, 127, -2, -65} < set(wrong_values(-1, 1))
    assert len(wrong_values(5, 8)) >= 64
