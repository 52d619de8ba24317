"""What README and tutorial show is run as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from sample_models import MODELS, REPOSITORY

from verifiable.backends.registry import backend_ids
from verifiable.cli.main import COMMANDS, main

README = REPOSITORY / "README.md"
TUTORIAL = REPOSITORY / "docs" / "tutorial.md"
PAGES = (README, TUTORIAL, REPOSITORY / "docs" / "architecture.md", REPOSITORY / "CHANGELOG.md")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )


def commands(page: Path) -> list[tuple[list[str], int]]:
    """Arguments and expected exit code of each `verifiable` line of a page."""
    found = []
    for line in "".join(blocks(page, "")).splitlines():
        if line.startswith("verifiable "):
            command, _, comment = line.partition("  #")
            code = re.search(r"exit (\d)", comment)
            found.append((shlex.split(command)[1:], int(code[1]) if code else 0))
    return found


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models").symlink_to(MODELS, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_python_example_of_the_readme(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = blocks(README, "python")
    assert len(example.strip().splitlines()) <= 10
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "2"
    assert len(shown) > 2


def test_the_tutorial(workplace: Path) -> None:
    pytest.importorskip("ezkl", reason="proofs need the extra `ezkl`")
    (policy,) = blocks(TUTORIAL, "json")
    (workplace / "policy.json").write_text(policy, "utf-8")
    listed = commands(TUTORIAL)
    assert len(listed) > 12
    for arguments, code in listed:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == code, (arguments, result.output)


def run_readme(model: str, folder: Path) -> None:
    listed = [
        [word.replace("digits_cnn", model) for word in arguments]
        for arguments, _ in commands(README)
        if arguments[0] in ("compile", "prove", "verify", "lock")
    ]
    assert [arguments[0] for arguments in listed] == [
        "compile",
        "prove",
        "verify",
        "lock",
        "verify",
    ]
    for arguments in listed:
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, (arguments, result.output)
    assert {path.name for path in folder.iterdir() if path.is_file()} == {
        f"{model}.program.onnx",
        "model.lock",
        "proof.json",
    }


def test_the_commands_of_the_readme_on_the_small_model(workplace: Path) -> None:
    run_readme("digits_mlp", workplace)


def test_the_commands_of_the_readme(workplace: Path) -> None:
    run_readme("digits_cnn", workplace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_the_readme_knows_every_backend_and_only_real_commands() -> None:
    text = README.read_text("utf-8")
    for name in backend_ids():
        assert f"| `{name}` |" in text
    for page in PAGES:
        for word in re.findall(r"`verifiable ([a-z]+)", page.read_text("utf-8")):
            assert word in COMMANDS
