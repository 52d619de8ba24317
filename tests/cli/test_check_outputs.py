"""What other tools read of `verifiable check`: SARIF, summary, in-toto, action, hook, fixture."""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from check_kit import MODEL, flip, lock_of, pin_of, write_lock
from sample_models import REPOSITORY

from verifiable.integrity.checks import INTEGRITY_CHECKS
from verifiable.integrity.places import places_of
from verifiable.statement.lock import Lock

Cli = Callable[..., Any]


def many_models(repository: Path, count: int) -> list[str]:
    """A repository of many models whose lock has a line for each member."""
    document = lock_of(repository)
    (entry,) = document["models"]
    found = []
    for number in range(count):
        path = f"models/copy {number}.bin"
        shutil.copy(repository / MODEL, repository / path)
        flip(repository / path, 5000 + number)  # no two files alike
        root = "0x" + f"{number:064x}"  # the level `hash` reads no headers
        file = pin_of(repository, path)
        found.append({**entry, "name": f"m{number}", "program_root": root, "file": file})
    write_lock(repository, {**document, "models": [entry, *found]})
    return [item["file"]["path"] for item in found]


def sarif_of(cli: Cli, *arguments: object) -> tuple[int, dict[str, Any], dict[str, Any]]:
    ran = cli("check", "-q", "--sarif", "out.sarif", *arguments)
    document = json.loads(Path("out.sarif").read_text("utf-8"))
    (run,) = document["runs"]
    return ran.code, document, run


def test_one_bit_of_one_weight_is_named_by_the_sarif(repository: Path, cli: Cli) -> None:
    paths = many_models(repository, 20)
    began_s = time.monotonic()
    code, _, run = sarif_of(cli)
    assert time.monotonic() - began_s < 5
    assert (code, run["results"]) == (0, [])
    flip(repository / paths[7], 9000)
    code, document, run = sarif_of(cli)
    assert code == 1
    (result,) = run["results"]
    assert result["ruleId"] == "CI-3"
    assert result["level"] == "error"
    assert "'m7'" in result["message"]["text"]
    assert paths[7] in result["message"]["text"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "model.lock", "uriBaseId": "SRCROOT"}
    region = place["region"]
    lines = (repository / "model.lock").read_text("utf-8").splitlines()
    assert '"file": {' in lines[region["startLine"] - 1]
    told = "\n".join(lines[region["startLine"] - 1 : region["endLine"]])
    assert paths[7] in told
    assert paths[8] not in told
    (related,) = result["relatedLocations"]
    uri = related["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == paths[7].replace(" ", "%20")
    assert document["version"] == "2.1.0"


def test_the_sarif_has_what_the_schema_demands(repository: Path, cli: Cli) -> None:
    """The whole schema is not installable; these are its required members and closed lists."""
    (repository / MODEL).unlink()
    _, document, run = sarif_of(cli)
    assert set(document) == {"$schema", "version", "runs"}
    driver = run["tool"]["driver"]
    assert driver["name"] == "verifiable"
    assert [rule["id"] for rule in driver["rules"]] == [spec.id for spec in INTEGRITY_CHECKS]
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["fullDescription"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    assert run["originalUriBaseIds"]["SRCROOT"]["uri"].endswith("/")
    assert all(item["executionSuccessful"] is True for item in run["invocations"])
    assert run["results"]
    for result in run["results"]:
        assert result["message"]["text"]
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert all(isinstance(item, str) for item in result["partialFingerprints"].values())
        for location in (*result["locations"], *result["relatedLocations"]):
            physical = location["physicalLocation"]
            assert physical["artifactLocation"]["uri"]
            assert all(number >= 1 for number in physical.get("region", {}).values())


def test_paths_in_sarif_are_relative_to_the_workspace(
    repository: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / MODEL).unlink()
    monkeypatch.setenv("GITHUB_WORKSPACE", str(repository.parent))
    _, _, run = sarif_of(cli)
    place = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place["uri"] == "repository/model.lock"


def test_a_lock_of_files_has_a_line_for_each_entry(repository: Path) -> None:
    data = (repository / "model.lock").read_bytes()
    lock = Lock.decode(data)
    assert lock.encode_lines() == data
    assert len(data.splitlines()) == 2 + len(lock.models)
    assert Lock.decode(lock.encode()) == lock


@pytest.mark.parametrize("indent", [None, 0, 2])
def test_places_are_those_of_the_values(indent: int | None) -> None:
    document = {"a": [1, {"b": 'x"]},\\', "c": []}, []], "d": {}, "é": {"e": None, "f": [True]}}
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    lines = text.splitlines(keepends=True)
    places = places_of(text)
    assert len(places) == 12
    for pointer, region in places.items():
        value: Any = document
        for key in pointer:
            value = value[key]
        start = sum(map(len, lines[: region.start_line - 1])) + region.start_column - 1
        end = sum(map(len, lines[: region.end_line - 1])) + region.end_column - 1
        assert json.loads(text[start:end]) == value, pointer


def test_the_summary_is_appended_and_holds_no_markup_of_strangers(
    repository: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = repository / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    cli("check", "-q")
    assert summary.read_text().startswith("before\n### Models: passed\n")
    document = lock_of(repository)
    document["models"][0]["name"] = "<img src=x>|[a](b)"
    write_lock(repository, document)
    flip(repository / MODEL, 1000)
    assert cli("check", "-q").code == 1
    text = summary.read_text()
    assert text.count("### Models") == 2
    assert "### Models: **failed**" in text
    assert "| CI\\-3 model file unchanged | \\<img src=x\\>\\|\\[a\\]\\(b\\) |" in text


def test_the_in_toto_statement_names_the_files_and_the_result(repository: Path, cli: Cli) -> None:
    cli("check", "-q", "--in-toto", "statement.json")
    statement = json.loads(Path("statement.json").read_text())
    assert set(statement) == {"_type", "subject", "predicateType", "predicate"}
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "urn:verifiable:model-check:v1"
    digest = hashlib.sha256((repository / MODEL).read_bytes()).hexdigest()
    assert statement["subject"] == [{"name": MODEL, "digest": {"sha256": digest}}]
    assert statement["predicate"]["result"] == "passed"
    lock = hashlib.sha256((repository / "model.lock").read_bytes()).hexdigest()
    assert statement["predicate"]["lock_sha256"] == lock
    flip(repository / MODEL, 1000)
    assert cli("check", "-q", "--in-toto", "statement.json").code == 1
    changed = json.loads(Path("statement.json").read_text())
    assert changed["predicate"]["result"] == "failed"
    assert changed["subject"] != statement["subject"]


HEAVY = {"Crypto", "numpy", "onnx", "onnxruntime", "rich", "cryptography", "verifiable.api"}


def _loaded(code: str, folder: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        cwd=folder,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_hashing_loads_nothing_heavy(repository: Path) -> None:
    code = (
        "from verifiable.cli.main import main\n"
        "assert not main(['check', '-q'], standalone_mode=False)"
    )
    loaded = _loaded(code, repository)
    assert "verifiable.integrity.check" in loaded
    assert not loaded & HEAVY


def test_the_plugin_loads_nothing_before_it_is_used(repository: Path) -> None:
    loaded = _loaded("import verifiable.pytest_plugin", repository)
    assert not loaded & (HEAVY | {"verifiable.integrity"})


def test_the_hook_takes_less_than_a_second(repository: Path) -> None:
    text = (REPOSITORY / ".pre-commit-hooks.yaml").read_text("utf-8")
    (entry,) = re.findall(r"^  entry: verifiable (.*)$", text, re.MULTILINE)
    assert "pass_filenames: false" in text
    many_models(repository, 20)
    used_s = []  # of the processor: what else the machine does is not the hook's
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-c", "from verifiable.cli.main import main; main()", *entry.split()],
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used_s.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.returncode == 0, done.stdout + done.stderr
    assert min(used_s) < 1


def _steps(text: str) -> list[str]:
    """The scripts of a composite action; its few lines need no library for YAML."""
    found = re.findall(r"^( +)run: \|\n((?:\1  .*\n)+)", text, re.MULTILINE)
    return [
        "\n".join(line[len(indent) + 2 :] for line in body.splitlines()) for indent, body in found
    ]


def test_the_script_of_the_action(repository: Path, tmp_path: Path) -> None:
    text = (REPOSITORY / "action.yml").read_text("utf-8")
    install, check = _steps(text)
    assert "pip install" in install
    assert "${{" not in install + check  # what a workflow gives is never part of a script
    binaries = tmp_path / "verifiable" / "bin"
    binaries.mkdir(parents=True)
    command = binaries / "verifiable"
    code = "from verifiable.cli.main import main; main()"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n')
    command.chmod(0o755)

    def run(level: str = "hash") -> tuple[int, str]:
        output = tmp_path / "output"
        output.write_text("")
        done = subprocess.run(
            ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", check],
            cwd=repository,
            env={
                **os.environ,
                "RUNNER_TEMP": str(tmp_path),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
                "VERIFIABLE_LOCK": "model.lock",
                "VERIFIABLE_LEVEL": level,
                "VERIFIABLE_POLICY": "",
                "VERIFIABLE_SARIF": "out.sarif",
            },
            check=False,
            capture_output=True,
        )
        return done.returncode, output.read_text()

    assert run() == (0, "result=passed\n")
    assert "Models: passed" in (tmp_path / "summary.md").read_text()
    flip(repository / MODEL, 1000)
    assert run() == (1, "result=failed\n")
    assert json.loads((repository / "out.sarif").read_text())["runs"][0]["results"]
    assert run("none") == (2, "result=undecided\n")


TEST = """
def test_models(checked_models):
    assert list(checked_models) == ["digits_mlp"]
    assert checked_models["digits_mlp"].is_file()
"""


def test_the_fixture(repository: Path) -> None:
    (repository / "test_models.py").write_text(TEST)

    def run(*settings: str) -> tuple[int, str]:
        options = ("-p", "verifiable.pytest_plugin", "-p", "no:cacheprovider", "--rootdir", ".")
        ini = repository / "pytest.ini"
        ini.write_text("\n".join(("[pytest]", *settings)))
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *options, "test_models.py"],
            cwd=repository,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        )
        return done.returncode, done.stdout

    assert run()[0] == 0
    assert run("verifiable_level = golden")[0] == 0
    code, told = run("verifiable_lock = none.lock")
    assert (code, "unreadable-file" in told) == (1, True)
    code, told = run("verifiable_level = all")
    assert (code, "unknown-level" in told) == (1, True)
    flip(repository / MODEL, 1000)
    code, told = run()
    assert code == 1
    assert "CI-3 model file unchanged digits_mlp" in told
