"""The small script of the Python API does what it says."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest
from sample_models import REPOSITORY

SCRIPT = REPOSITORY / "examples" / "python" / "prove_and_verify.py"


def test_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(tmp_path)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("proved in ")
    assert shown[1] == "class 2"
    assert shown[-1] == "refused: output-mismatch"
    assert {path.name for path in tmp_path.iterdir()} == {
        "digits.program.onnx",
        "model.lock",
        "proof.json",
    }


def test_the_page_lists_every_example_and_leads_somewhere() -> None:
    folder = REPOSITORY / "examples"
    text = (folder / "README.md").read_text("utf-8")
    listed = set(re.findall(r"^\| \[`(\w+)/`\]", text, re.MULTILINE))
    assert listed == {path.name for path in folder.iterdir() if path.is_dir()}
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (folder / target).exists(), target
    for path in re.findall(r"python (examples/[\w/.]+)", text):
        assert (REPOSITORY / path).is_file(), path
