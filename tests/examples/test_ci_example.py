"""The example of a workflow uses the action as it is, and its three checks do what they are for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from sample_models import MODELS, REPOSITORY

from verifiable.cli.main import main

WORKFLOW = (REPOSITORY / "examples" / "ci" / "models.yml").read_text("utf-8")
ACTION = (REPOSITORY / "action.yml").read_text("utf-8")
LEVELS = re.search(r"level: \[(.*)\]", WORKFLOW)[1].split(", ")
CONTEXT = "0x" + "11" * 32


def given() -> dict[str, str]:
    """What the workflow gives to the action."""
    (block,) = re.findall(r"uses: OWNER/verifiable@.*\n +with:\n((?: {10}.*\n)+)", WORKFLOW)
    return dict(line.strip().split(": ", 1) for line in block.splitlines())


def script() -> str:
    """The action's script that checks; see `tests/cli/test_check_outputs.py` for all of them."""
    body = ACTION.rpartition("run: |\n")[2]
    return "\n".join(line.strip() for line in body.splitlines())


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a model, golden inputs, a proof for one use, and a policy that demands that use."""
    for name in [name for name in os.environ if name.startswith("GITHUB_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    model = str(MODELS / "digits_mlp.onnx")
    image = str(MODELS / "digits_input.npz")
    shutil.copy(MODELS / "digits_input.npz", tmp_path / "golden.npz")
    calibration = ["--calibration", str(MODELS / "digits_calibration.npz")]
    pinned = ["--golden", "golden.npz", "--pin-proof", "p.json"]
    policy = {"format": "application/vnd.verifiable.policy.v1+json", "context": CONTEXT}
    (tmp_path / "policy.json").write_text(json.dumps(policy))
    for line in (
        ["compile", model, *calibration, "-o", "digits.program.onnx"],
        ["prove", "digits.program.onnx", "--input", image, "--context", CONTEXT, "-o", "p.json"],
        ["lock", "digits.program.onnx", "--files", *pinned, "-o", "model.lock"],
    ):
        result = CliRunner().invoke(main, line)
        assert result.exit_code == 0, (line, result.output)
    return tmp_path


def check(repository: Path, level: str) -> tuple[int, str]:
    """Run the action's script as the workflow's job of this level would."""
    binaries = repository / ".runner" / "verifiable" / "bin"
    binaries.mkdir(parents=True, exist_ok=True)
    command = binaries / "verifiable"
    code = "from verifiable.cli.main import main; main()"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n')
    command.chmod(0o755)
    values = given() | {"level": level, "policy": "policy.json" if level == "proof" else ""}
    output = repository / ".runner" / "output"
    output.write_text("")
    done = subprocess.run(
        ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script()],
        cwd=repository,
        env={
            **os.environ,
            **{f"VERIFIABLE_{name.upper()}": value for name, value in values.items()},
            "RUNNER_TEMP": str(repository / ".runner"),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(repository / ".runner" / "summary.md"),
        },
        check=False,
        capture_output=True,
    )
    return done.returncode, output.read_text()


def test_the_workflow_gives_inputs_that_the_action_has() -> None:
    inputs = set(re.findall(r"^  (\w+):$", ACTION.partition("outputs:")[0], re.MULTILINE))
    assert set(given()) <= inputs
    assert given()["policy"] == "${{ matrix.level == 'proof' && 'policy.json' || '' }}"
    assert set(LEVELS) <= {"hash", "program", "golden", "proof"}
    assert f"sarif_file: {given()['sarif']}" in WORKFLOW


def test_each_level_passes_and_notices(repository: Path) -> None:
    for level in LEVELS:
        assert check(repository, level) == (0, "result=passed\n"), level
        found = json.loads((repository / "models.sarif").read_text())
        assert found["runs"][0]["results"] == []
    changed = bytearray((repository / "digits.program.onnx").read_bytes())
    changed[1000] ^= 1
    (repository / "digits.program.onnx").write_bytes(changed)
    for level in LEVELS:
        assert check(repository, level)[0] == 1, level
    assert json.loads((repository / "models.sarif").read_text())["runs"][0]["results"]


def test_a_proof_for_another_use_is_noticed(repository: Path) -> None:
    policy = json.loads((repository / "policy.json").read_text())
    (repository / "policy.json").write_text(json.dumps(policy | {"context": "0x" + "22" * 32}))
    assert check(repository, "golden")[0] == 0
    assert check(repository, "proof") == (1, "result=failed\n")
