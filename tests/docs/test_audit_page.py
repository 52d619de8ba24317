"""What the page on auditing shows is run as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from sample_models import MODELS, REPOSITORY

from verifiable.auditing.checks import AUDIT_CHECKS
from verifiable.cli.main import main

PAGE = REPOSITORY / "docs" / "audit.md"


def test_the_commands_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ETH_RPC_URL", "CHAIN", "ETH_PRIVATE_KEY", "ETH_FROM"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "models").symlink_to(MODELS, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text("utf-8")
    lines = re.findall(r"^verifiable (.*)$", text, re.MULTILINE)
    verbs = [line.split()[0] for line in lines]
    assert verbs == ["compile", "lock", "register", "audit", "audit", "audit"]
    record = ""
    for line in lines:
        words = [record if word == "ID" else word for word in shlex.split(line)]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, (line, result.output)
        record = record or "".join(re.findall(r"record (0x[0-9a-f]{64})", result.stdout)[:1])
    (example,) = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_page_knows_all_checks_and_leads_somewhere() -> None:
    text = PAGE.read_text("utf-8")
    listed = set()
    for first, _, last in re.findall(r"AU-(\d+)( to AU-(\d+))?", text):
        listed |= set(range(int(first), int(last or first) + 1))
    assert {f"AU-{number}" for number in listed} == {spec.id for spec in AUDIT_CHECKS}
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (PAGE.parent / target).exists(), target
