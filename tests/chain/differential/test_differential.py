"""The embedded chain does what an independent node does, step by step and in all accounts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from anvil_chain import AnvilChain
from comparison import differences, figures, outcome_of
from evm_chapters import PARTS, QUICK_PARTS, SLOW_PARTS, chapter
from watched_chain import watched_chain

STORED = json.loads(
    (Path(__file__).parents[3] / "benchmarks" / "results" / "evm_gas.json").read_text("utf-8")
)
ALL_PARTS = (
    *QUICK_PARTS,
    *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW_PARTS),
)


@pytest.mark.parametrize("name", ALL_PARTS)
def test_embedded_chain_does_what_anvil_does(name: str, anvil: AnvilChain | None) -> None:
    with watched_chain() as chain:
        embedded = outcome_of(chain, chapter(name))
    if anvil is not None:
        with anvil.fresh():
            assert differences(embedded, outcome_of(anvil, chapter(name))) == []
    assert figures(embedded) == STORED["chapters"][name]  # what anvil did when they were written


def test_anvil_takes_part(anvil: AnvilChain | None) -> None:
    if anvil is None:
        pytest.skip("anvil is not installed: compared with what it did elsewhere")


def test_figures_are_of_this_scenario() -> None:
    assert STORED["chapters"].keys() == PARTS.keys()


def test_scenario_succeeds_fails_and_is_refused() -> None:
    steps = [step for part in STORED["chapters"].values() for step in part["steps"]]
    assert sum(step.get("ok", False) for step in steps) > 250
    assert sum(not step.get("ok", True) for step in steps) > 50
    names = [step["name"] for step in steps]
    for group in ("deploy", "registry:", "calldata floor:", "CREATE2", "estimated", "MODEXP"):
        assert any(name.startswith(group) for name in names), group
