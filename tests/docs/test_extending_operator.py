"""The worked example of `docs/extending/operator.md` runs: it proves, verifies and refuses lies."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from gkr_proving import MODES, Shown, show
from sample_models import REPOSITORY

from verifiable.argument.kernels import load_kernels
from verifiable.argument.rejection import Rejected
from verifiable.argument.soundness import Sumcheck
from verifiable.backends.gkr.protocol import Public
from verifiable.backends.gkr.schedule import schedules
from verifiable.backends.gkr.verify import verify_payload
from verifiable.circuits.arguments import ARGUMENTS
from verifiable.circuits.catalogue import missing
from verifiable.program.execute import execute
from verifiable.program.operators import OPERATORS
from verifiable.statement.statement import statement_of

FOLDER = REPOSITORY / "docs" / "extending"
PAGE = (FOLDER / "operator.md").read_text(encoding="utf-8")
SOURCE = "\n\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
CHECK = 'side.require("GK-9", "reduction-false", reduced.claim == weight * at * at, label)'

Load = Callable[[str], ModuleType]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Run a source as the module `energy`; the catalogue is as before afterwards."""
    before: list[tuple[dict, dict]] = [(table, dict(table)) for table in (OPERATORS, ARGUMENTS)]

    def run(source: str) -> ModuleType:
        path = tmp_path / "energy.py"
        path.write_text(source, "utf-8")
        spec = importlib.util.spec_from_file_location("energy", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "energy", module)
        spec.loader.exec_module(module)
        return module

    yield run
    for table, entries in before:
        table.clear()
        table.update(entries)


def honest(energy: ModuleType, mode: str) -> Shown:
    x = np.random.default_rng(3).integers(-20, 21, (3, 5))
    return show(energy.program, {"x0": x}, mode)


def cheated(energy: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Rejected | None:
    """What stops a prover whose accumulators are 99 too large, and who is honest otherwise."""
    shown = honest(energy, "committed")
    right = energy.energy_of
    monkeypatch.setattr(energy, "energy_of", lambda x: right(x) + 99)
    trace = execute(energy.program, {"x0": shown.inputs[0]})
    assert not np.array_equal(trace.values[0], shown.trace.values[0])
    liar = replace(shown, trace=trace)
    public = Public(
        key_digest=shown.material.key.digest,
        statement=statement_of(shown.commitment, liar.inputs, liar.outputs),
        inputs=liar.inputs,
        outputs=liar.outputs,
        constants={},
    )
    return verify_payload(liar.messages(load_kernels(), lenient=True), shown.material.plan, public)


def test_the_page_proves_and_verifies(load: Load, tmp_path: Path) -> None:
    energy = load(SOURCE)
    verdict = energy.demonstrate(tmp_path / "cache")
    assert verdict.outcome == "proven"
    squares = (np.arange(15).reshape(3, 5) ** 2).sum(axis=1)
    assert verdict.outputs["y"].tolist() == np.clip(((squares + 16) >> 5) - 100, -128, 127).tolist()


@pytest.mark.parametrize("mode", MODES)
def test_the_argument_is_counted_and_another_output_is_refused(load: Load, mode: str) -> None:
    shown = honest(load(SOURCE), mode)
    assert shown.failed() == []
    (y,) = shown.outputs
    assert shown.lied(outputs=[y - 1]) != []
    own = [term for term in schedules(shown.material.plan)[0].terms if "Energy" in term.label]
    assert Sumcheck(label="0.Energy", degree=3, rounds=2 + 3) in own


def test_a_wrong_accumulator_is_refused_by_the_reduction(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    rejected = cheated(load(SOURCE), monkeypatch)
    assert rejected is not None
    assert (rejected.check, rejected.where) == ("GK-9", "0.Energy")


def test_without_its_check_the_argument_would_accept_it(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SOURCE.count(CHECK) == 1
    assert cheated(load(SOURCE.replace(CHECK, "assert weight")), monkeypatch) is None


def test_the_page_says_what_is_still_missing(load: Load) -> None:
    assert missing() == ()
    load(SOURCE)
    assert missing() == ("Energy: ONNX body", "Energy: sample program")


def test_the_catalogue_is_as_before(load: Load) -> None:
    assert "Energy" not in OPERATORS
    assert all(kind.__name__ != "Energy" for kind in ARGUMENTS)


def test_links_and_files_of_the_page_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (FOLDER / target).exists(), target
    for path in re.findall(r"`((?:circuits|docs|tests|verifiable)/[\w/]+\.\w+)`", PAGE):
        assert (REPOSITORY / path).exists(), path
