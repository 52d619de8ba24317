"""What README and tutorial show is run as it stands there."""

from __future__ import annotations

import os
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
CHAIN = REPOSITORY / "docs" / "chain.md"
ATTESTATIONS = REPOSITORY / "docs" / "backends" / "tee.md"
QUORUMS = REPOSITORY / "docs" / "backends" / "quorum.md"
PAGES = (
    README,
    TUTORIAL,
    CHAIN,
    ATTESTATIONS,
    QUORUMS,
    REPOSITORY / "docs" / "formats" / "tee-bundle.md",
    REPOSITORY / "docs" / "architecture.md",
    REPOSITORY / "docs" / "protocol" / "optimistic.md",
    REPOSITORY / "docs" / "design" / "0004-chain.md",
    REPOSITORY / "CHANGELOG.md",
)
PRINTED = {
    "RECORD": (["register"], re.compile(r"^record (0x[0-9a-f]{64})\b", re.MULTILINE)),
    "GAME": (["dispute", "deploy"], re.compile(r"^game (0x[0-9a-fA-F]{40})\b", re.MULTILINE)),
}
"""Words that stand for what the last such command printed."""


def blocks(page: Path, language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [text for kind, text in found if kind == language]


def commands(page: Path) -> list[tuple[list[str], int]]:
    """Arguments and expected exit code of each `verifiable` line of a page."""
    found = []
    for line in "".join(blocks(page, "")).splitlines():
        if line.startswith("verifiable "):
            command, _, comment = line.partition("  #")
            code = re.search(r"exit (\d)", comment)
            found.append((shlex.split(command)[1:], int(code[1]) if code else 0))
    return found


def run(listed: list[tuple[list[str], int]]) -> None:
    """Run commands; some words in them stand for what an earlier one printed."""
    known: dict[str, str] = {}
    for arguments, code in listed:
        result = CliRunner().invoke(main, [known.get(word, word) for word in arguments])
        assert result.exit_code == code, (arguments, result.output)
        for word, (words, pattern) in PRINTED.items():
            if arguments[: len(words)] == words and code == 0:
                found = pattern.search(result.stdout)
                assert found, result.output
                known[word] = found[1]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("ETH_") or name == "CHAIN"]:
        monkeypatch.delenv(name)
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
    run(listed)


def test_the_page_on_attestations(workplace: Path) -> None:
    listed = commands(ATTESTATIONS)
    assert {arguments[0] for arguments, _ in listed} >= {"prove", "verify", "tee"}
    assert {code for _, code in listed} == {0, 1}
    run(listed)


def test_the_page_on_quorums(workplace: Path) -> None:
    (workplace / "password.txt").write_text("correct horse battery staple\n")
    listed = commands(QUORUMS)
    assert {arguments[1] for arguments, _ in listed if arguments[0] == "quorum"} == {
        "keygen",
        "key",
        "show",
        "sign",
        "combine",
    }
    run(listed)


def test_the_page_on_the_chain(workplace: Path) -> None:
    listed = commands(CHAIN)
    assert {arguments[0] for arguments, _ in listed} >= {
        "register",
        "registry",
        "verify",
        "dispute",
    }
    assert {code for _, code in listed} == {0, 1, 3}
    run(listed)


def test_the_python_example_of_the_page_on_the_chain(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(commands(CHAIN)[:2])
    capsys.readouterr()
    (example,) = blocks(CHAIN, "python")
    exec(compile(example, "chain.md", "exec"), {})  # noqa: S102
    assert "True" in capsys.readouterr().out


def run_readme(model: str, folder: Path) -> None:
    listed = [
        ([word.replace("digits_cnn", model) for word in arguments], code)
        for arguments, code in commands(README)
        if arguments[0] != "doctor"
    ]
    assert [arguments[0] for arguments, _ in listed] == [
        "compile",
        "prove",
        "verify",
        "lock",
        "verify",
        "register",
        "registry",
        "verify",
        "prove",
        "verify",
        "verify",
    ]
    run(listed)
    assert {path.name for path in folder.iterdir() if path.is_file()} == {
        f"{model}.program.onnx",
        "attested.json",
        "chain.db",
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
