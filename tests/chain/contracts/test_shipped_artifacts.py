"""What is shipped is what the sources compile to: by their hashes, and by the compiler if here."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import verifiable.chain.artifacts
from verifiable.chain.artifact import artifact_names, load_artifact

ROOT = Path(__file__).parents[3]
CONTRACTS = ROOT / "contracts"
FILES = sorted((ROOT / "verifiable" / "chain" / "artifacts").glob("*.json"))
STALE = "run `make contracts`"

IMPORT = re.compile(r'^import\b[^"]*"([^"]+)";', re.MULTILINE)


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def source(name: str) -> Path:
    """A source of ours, or of a library that npm installed."""
    ours = CONTRACTS / name
    return ours if name.startswith("src/") else CONTRACTS / "node_modules" / name


def imports(name: str, text: str) -> set[str]:
    found = set()
    for target in IMPORT.findall(text):
        if target.startswith("."):
            path = (CONTRACTS / name).parent / target
            target = path.resolve().relative_to(CONTRACTS.resolve()).as_posix()
        found.add(target)
    return found


def test_all_files_are_shipped_and_named_after_their_contracts() -> None:
    assert FILES, "no artifact"
    assert artifact_names() == tuple(path.stem for path in FILES)
    assert Path(verifiable.chain.artifacts.__file__).parent == FILES[0].parent


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recorded_sources_are_the_files(path: Path) -> None:
    recorded = read(path)["sources"]
    for name, digest in recorded.items():
        file = source(name)
        if not name.startswith("src/") and not file.is_file():
            continue  # a library is here only after `npm ci`; `contracts/build.py --check` has it
        text = file.read_bytes()
        assert hashlib.sha256(text).hexdigest() == digest, f"{name} changed: {STALE}"
        assert imports(name, text.decode()) <= set(recorded), f"{name} imports more: {STALE}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_own_sources_are_recorded(path: Path) -> None:
    """At least the file that defines the contract, or the hashes above would show nothing."""
    artifact = read(path)
    (target,) = artifact["compiler"]["settings"]["compilationTarget"]
    assert target in artifact["sources"]
    text = source(target).read_text(encoding="utf-8")
    assert re.search(rf"^contract {artifact['contractName']}\b", text, re.MULTILINE)
    assert f"pragma solidity {artifact['compiler']['version'].partition('+')[0]};" in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_are_written_in_one_way_only(path: Path) -> None:
    artifact = read(path)
    text = json.dumps(artifact, indent=1, sort_keys=True) + "\n"
    assert path.read_text(encoding="utf-8") == text, STALE
    entries = [(item["type"], item.get("name", "")) for item in artifact["abi"]]
    assert entries == sorted(entries)
    assert artifact["license"] == "Apache-2.0"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_settings_are_those_of_the_project(path: Path) -> None:
    profile = tomllib.loads((CONTRACTS / "foundry.toml").read_text())["profile"]["default"]
    compiler = read(path)["compiler"]
    package = json.loads((CONTRACTS / "package.json").read_text())
    assert compiler["version"].partition("+")[0] == package["devDependencies"]["solc"]
    assert compiler["settings"]["evmVersion"] == profile["evm_version"] == "cancun"
    assert compiler["settings"]["optimizer"] == {"enabled": True, "runs": 200}
    assert compiler["settings"]["metadata"] == {"appendCBOR": False, "bytecodeHash": "none"}


@pytest.mark.parametrize("name", artifact_names())
def test_code_fits_a_chain_and_its_deployment(name: str) -> None:
    artifact = load_artifact(name)
    assert 0 < len(artifact.runtime) <= 24_576
    if not artifact.immutable_references:
        assert artifact.runtime in artifact.bytecode  # what its constructor needs may follow
        assert artifact.code_hash is not None


def test_lock_file_names_no_download_address() -> None:
    """What npm installs is pinned by its hash; from which mirror is the installer's affair."""
    packages = json.loads((CONTRACTS / "package-lock.json").read_text())["packages"]
    for name, package in packages.items():
        if name:
            assert package["integrity"].startswith("sha512-"), name
            resolved = package.get("resolved", "https://registry.npmjs.org/")
            assert resolved.startswith("https://registry.npmjs.org/"), name


@pytest.mark.slow  # `make contracts-check` does the same
@pytest.mark.skipif(
    shutil.which("node") is None or not (CONTRACTS / "node_modules" / "solc").is_dir(),
    reason="compiled again only with Node and `npm ci` in contracts/",
)
def test_compiler_makes_the_same_bytes() -> None:
    done = subprocess.run(
        [sys.executable, CONTRACTS / "build.py", "--check"],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
