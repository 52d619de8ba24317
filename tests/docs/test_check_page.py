"""What the page on checking models shows is run as it stands there."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from sample_models import MODELS, REPOSITORY

from verifiable.cli.main import main
from verifiable.integrity.checks import INTEGRITY_CHECKS

PAGE = REPOSITORY / "docs" / "check.md"


def test_the_commands_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GITHUB_")]:
        monkeypatch.delenv(name)
    (tmp_path / "models").symlink_to(MODELS, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^verifiable (.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [line.split()[0] for line in lines] == ["compile", "prove", "lock", "check", "check"]
    for line in lines:
        result = CliRunner().invoke(main, shlex.split(line))
        assert result.exit_code == 0, (line, result.output)


def test_the_page_knows_all_checks_and_leads_somewhere() -> None:
    text = PAGE.read_text("utf-8")
    listed = set()
    for first, _, last in re.findall(r"CI-(\d+)( to CI-(\d+))?", text):
        listed |= set(range(int(first), int(last or first) + 1))
    assert {f"CI-{number}" for number in listed} == {spec.id for spec in INTEGRITY_CHECKS}
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("http"):
            assert (PAGE.parent / target).exists(), target
