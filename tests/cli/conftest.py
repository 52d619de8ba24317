"""Runs commands in this process, or in one of their own where signals and streams matter."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from check_kit import MODEL, PROOF
from click.testing import CliRunner
from sample_models import MODELS, REPOSITORY

from verifiable.cli.main import main


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The result of a command with `--json`: the whole of stdout is one object."""
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def cli() -> Run:
    """Run a command in this process; tracebacks are for tests of the debug variable only."""

    def run(
        *arguments: object, env: dict[str, str | None] | None = None, tracebacks: bool = False
    ) -> Ran:
        result = CliRunner().invoke(main, [str(item) for item in arguments], env=env)
        unexpected = result.exception
        if unexpected is not None and not isinstance(unexpected, SystemExit):
            raise unexpected
        assert tracebacks or "Traceback" not in result.stderr
        return Ran(code=result.exit_code, out=result.stdout, err=result.stderr)

    return run


@pytest.fixture
def shell() -> Run:
    """Run a command in a process of its own, from the root of the repository."""

    def run(*arguments: object, env: dict[str, str] | None = None, unset: str = "") -> Ran:
        environment = {**os.environ, **(env or {})}
        environment.pop(unset, None)
        done = subprocess.run(
            [sys.executable, "-c", "from verifiable.cli.main import main; main()"]
            + [str(item) for item in arguments],
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            env=environment,
            timeout=300,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return Ran(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


@pytest.fixture(scope="session")
def made_repository(tmp_path_factory: pytest.TempPathFactory, digits_program: Path) -> Path:
    """A repository with one model and all that a lock can pin; tests take copies."""
    folder = tmp_path_factory.mktemp("repository") / "made"
    (folder / "models").mkdir(parents=True)
    shutil.copy(digits_program, folder / MODEL)
    for name in ("digits_input.npz", "digits_test.npz"):
        shutil.copy(MODELS / name, folder / "models" / name)
    proof = folder / PROOF
    for words in (
        ("prove", folder / MODEL, "--input", MODELS / "digits_input.npz", "-o", proof, "-q"),
        (
            *("lock", folder / MODEL, "-q", "-o", folder / "model.lock", "--files"),
            *("--golden", folder / "models" / "digits_input.npz"),
            *("--accuracy", f"{folder / 'models' / 'digits_test.npz'}@9000"),
            *("--pin-proof", proof),
        ),
    ):
        result = CliRunner().invoke(main, [str(word) for word in words])
        assert result.exit_code == 0, result.stderr
    return folder


@pytest.fixture
def repository(made_repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that repository, which is the current folder."""
    folder = tmp_path / "repository"
    shutil.copytree(made_repository, folder)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)
    return folder
