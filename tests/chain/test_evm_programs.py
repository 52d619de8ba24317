"""Gas, status, output, logs and state of small programs, as an independent EVM has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engine_samples import ETHER, block
from evm_programs import SENDER, programs
from program_runs import run_on_anvil, run_on_engine
from reference_node import anvil_if_any, reference_node

from verifiable.chain.pyevm_engine import PyEvmEngine

STORED = json.loads(
    (Path(__file__).parents[1] / "vectors" / "evm_programs.json").read_text("utf-8")
)["programs"]


def as_json(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return json.loads(json.dumps(runs))


@pytest.fixture(scope="module")
def runs() -> list[dict[str, Any]]:
    engine = PyEvmEngine({})
    engine.fund(SENDER, 10_000 * ETHER)
    return as_json(run_on_engine(engine, block(coinbase=bytes(20)), programs()))


@pytest.mark.parametrize("at", range(len(STORED)), ids=[run["name"] for run in STORED])
def test_program(runs: list[dict[str, Any]], at: int) -> None:
    assert runs[at] == STORED[at]


def test_every_program_is_stored() -> None:
    assert [program.name for program in programs()] == [run["name"] for run in STORED]


def test_the_programs_fail_and_succeed() -> None:
    steps = [step for run in STORED for step in run["steps"]]
    assert len(STORED) > 150
    assert sum(not step["ok"] for step in steps) > 20
    assert sum(bool(step["logs"]) for step in steps) > 5
    assert sum(bool(step["created"]) for step in steps) > 5


def test_anvil_still_answers_so() -> None:
    binary = anvil_if_any()
    if binary is None:
        pytest.skip("anvil is not installed: the stored results are not asked for again")
    with reference_node(binary) as rpc:
        assert as_json(run_on_anvil(rpc, programs())) == STORED
