"""The embedded chain does what the executable specification of Ethereum does.

The specification's package pins others that the project does not, so it is installed into an
environment of its own, once a run, from the package index that pip is set up for.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import venv
from pathlib import Path

import pytest
from comparison import Outcome, differences, outcome_of
from evm_chapters import PARTS, chapter
from watched_chain import watched_chain

WORKER = Path(__file__).with_name("eels_worker.py")
PACKAGES = ("ethereum-execution==2.20.0", "pycryptodome", "eth-keys", "rlp")
INSTALL_S, RUN_S = 600, 3600

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def specification(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the specification."""
    folder = tmp_path_factory.mktemp("specification")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, *PACKAGES], capture_output=True, text=True, timeout=INSTALL_S, check=False
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        pytest.skip(f"compared with ethereum-execution only where pip can install it: {said}")
    return python


@pytest.fixture(scope="module")
def outcomes(specification: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What the specification makes of every chapter."""
    folder = tmp_path_factory.mktemp("steps")
    steps, answers = folder / "steps.pickle", folder / "outcome.json"
    steps.write_bytes(pickle.dumps({name: chapter(name).steps for name in PARTS}))
    done = subprocess.run(
        [specification, WORKER, steps, answers],
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
        env={name: held for name, held in os.environ.items() if not name.startswith("PYTHON")},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {
        name: Outcome(steps=answer["steps"], state=answer["state"])
        for name, answer in json.loads(answers.read_text("utf-8")).items()
    }


@pytest.mark.parametrize("name", PARTS)
def test_embedded_chain_and_specification_agree(name: str, outcomes: dict[str, Outcome]) -> None:
    with watched_chain() as chain:
        embedded = outcome_of(chain, chapter(name))
    assert differences(embedded, outcomes[name]) == []
