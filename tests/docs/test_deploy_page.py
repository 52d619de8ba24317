"""`docs/deploy.md` is run as it stands, on the embedded chain and on anvil."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sample_models import MODELS, REPOSITORY

pytest.importorskip("web3", reason="the chain needs the extra `chain`")
pytest.importorskip("py_ecc", reason="quorums need the extra `quorum`")

from verifiable.chain.anvil import find_anvil, run_anvil
from verifiable.chain.contracts.dispute_release import DEFAULT_PARAMS
from verifiable.chain.contracts.model_registry import CANONICAL_ADDRESS, CODE_HASH
from verifiable.chain.endpoint import open_chain
from verifiable.cli.main import main
from verifiable.errors import ChainError

PAGE = REPOSITORY / "docs" / "deploy.md"
TEXT = PAGE.read_text("utf-8")
PRINTED = {
    "RECORD": (["register"], re.compile(r"^record (0x[0-9a-f]{64})\b", re.MULTILINE)),
    "GAME": (["dispute", "deploy"], re.compile(r"^game (0x[0-9a-fA-F]{40})\b", re.MULTILINE)),
    "ROUTER": (["router", "deploy"], re.compile(r"^router (0x[0-9a-fA-F]{40})\b", re.MULTILINE)),
}
"""Words that stand for what such a command printed."""

STEPS = {
    "model registry": ["registry", "deploy"],
    "dispute game with its judges": ["dispute", "deploy"],
    "router with the doors for optimistic, tee and quorum": ["router", "deploy"],
    "a record with three keys": ["register"],
}
"""Rows of the table of gas, by the command that they are about."""


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    return [text for kind, text in found if kind == language]


def commands() -> list[tuple[list[str], int]]:
    """Arguments and expected exit code of each line of the plain blocks."""
    found = []
    for line in "".join(blocks("")).splitlines():
        assert line.startswith("verifiable "), line
        command, _, comment = line.partition("  #")
        code = re.search(r"exit (\d)", comment)
        found.append((shlex.split(command)[1:], int(code[1]) if code else 0))
    return found


def gas_table() -> dict[str, int]:
    rows = re.findall(r"^\| ([^|]+) \| ([\d,]+) \|$", TEXT, re.MULTILINE)
    return {name: int(gas.replace(",", "")) for name, gas in rows}


@pytest.fixture(params=["local:", pytest.param("anvil:", marks=pytest.mark.slow)])
def url(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    for name in [name for name in os.environ if name.startswith("ETH_") or name == "CHAIN"]:
        monkeypatch.delenv(name)
    (tmp_path / "models").symlink_to(MODELS, target_is_directory=True)
    (tmp_path / "password").write_text("for a rehearsal")
    monkeypatch.chdir(tmp_path)
    if request.param == "local:":
        yield "local:chain.db"
        return
    try:
        found = find_anvil()
    except ChainError as absent:
        pytest.skip(f"on anvil only where it is installed: {absent.what}")
    with run_anvil(found) as running:
        monkeypatch.setenv("ETH_RPC_URL", running.url)
        yield running.url


def write_policy(known: dict[str, str]) -> None:
    """The policy of the page, with what the commands before it printed."""
    (text,) = blocks("json")
    values = {
        "CHAIN_ID": "31337",
        "REGISTRY": f"0x{CANONICAL_ADDRESS.hex()}",
        "CODE_HASH": f"0x{CODE_HASH.hex()}",
        "RECORD": known["RECORD"],
    }
    for word, value in values.items():
        assert text.count(word) == 1, word
        text = text.replace(word, value)
    Path("policy.json").write_text(text, "utf-8")


@pytest.mark.slow
def test_the_page(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    known = {"URL": url}
    gas: dict[str, int] = {}
    for arguments, code in commands():
        if "policy.json" in arguments and not Path("policy.json").exists():
            write_policy(known)
        result = CliRunner().invoke(main, [known.get(word, word) for word in arguments])
        assert result.exit_code == code, (arguments, result.output)
        for word, (words, pattern) in PRINTED.items():
            if arguments[: len(words)] == words:
                found = pattern.search(result.stdout)
                assert found, result.output
                known[word] = found[1]
        spent = re.findall(r"([\d,]+) gas\b", result.stdout)
        for name, words in STEPS.items():
            if arguments[: len(words)] == words and "--dry-run" not in arguments:
                gas[name] = sum(int(number.replace(",", "")) for number in spent)
    capsys.readouterr()
    (snippet,) = blocks("python")
    exec(compile(snippet, "deploy.md", "exec"), {"url": url})  # noqa: S102
    address = capsys.readouterr().out.strip().removeprefix("attestations 0x")
    with open_chain(url) as chain:
        assert chain.code(bytes.fromhex(address))
        block = chain._node.ask("eth_getBlockByNumber", ["latest", False])
        gas["attestation registry"] = int(block["gasUsed"], 16)
    assert set(gas) == set(gas_table())
    for name, measured in gas.items():
        assert gas_table()[name] == pytest.approx(measured, rel=0.01), (name, measured)


def test_the_page_shows_each_step_and_only_real_commands() -> None:
    """What it runs covers what a deployment needs; blocks that are not run name real commands."""
    run = {tuple(arguments[:2]) for arguments, _ in commands()}
    assert run >= {
        ("registry", "deploy"),
        ("dispute", "deploy"),
        ("router", "deploy"),
        ("quorum", "key"),
        ("registry", "freeze"),
        ("dispute", "watch"),
        ("router", "policy"),
    }
    assert {code for _, code in commands()} == {0, 1, 3}
    shown = [line for text in blocks("sh") for line in text.splitlines()]
    for line in shown:
        words = shlex.split(line.partition(" #")[0])
        if words[:1] == ["verifiable"]:
            names = [word for word in words[1:3] if re.fullmatch(r"[a-z-]+", word)]
            result = CliRunner().invoke(main, [*names, "--help"])
            assert result.exit_code == 0, line
            for option in (word for word in words if word.startswith("--")):
                assert option in result.output, (line, option)
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert target.startswith("http") or (PAGE.parent / target).exists(), target
    assert f"{DEFAULT_PARAMS.bond_a / 10**18:g} ether for each assertion" in TEXT
