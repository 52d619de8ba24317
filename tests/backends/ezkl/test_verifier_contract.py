"""ezkl's contract and its artifacts: derived, pinned, and refused where they are others."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ezkl_samples import LOCAL, Proven

from verifiable.backends.base import Options
from verifiable.backends.ezkl import phases as phases_module
from verifiable.backends.ezkl import solc as solc_module
from verifiable.backends.ezkl import verifier_contract as contract_module
from verifiable.backends.ezkl.child import Ending
from verifiable.backends.ezkl.format import EzklKey, Payload
from verifiable.backends.ezkl.keys import load_material
from verifiable.backends.ezkl.onchain import ceremony_held
from verifiable.backends.ezkl.solc import SOLC_VARIABLE, compile_contract, compiler_command
from verifiable.backends.ezkl.srs_file import G2_GENERATOR_BYTES
from verifiable.backends.ezkl.verifier_contract import (
    CODE_BYTES,
    CODE_HASH,
    SOURCE_SHA256,
    held_verifier,
    make_verifier,
)
from verifiable.backends.ezkl.vka import ceremony_digest, proof_length, vka_digest, vka_words
from verifiable.errors import MissingDependency, SetupError
from verifiable.statement.hashing import keccak

ONE = b"// SPDX-License-Identifier: MIT\npragma solidity 0.8.37;\ncontract One {}\n"


@pytest.fixture
def compiler() -> None:
    try:
        compiler_command()
    except MissingDependency as absent:
        pytest.skip(f"needs a compiler: {absent.why}")


def options(cache: Path) -> Options:
    return Options(cache_dir=cache, settings=LOCAL)


def script(path: Path, lines: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{lines}\n")
    path.chmod(0o755)
    return path


# -- the artifact --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["proven", "hashed", "other_program"])
def test_the_length_of_proofs_follows_from_the_artifact(
    name: str, request: pytest.FixtureRequest
) -> None:
    case: Proven = request.getfixturevalue(name)
    key = EzklKey.from_fields(case.key.fields)
    words = vka_words((case.setup.folder / "vka.bin").read_bytes())
    assert vka_digest(words) == key.vka_digest
    assert proof_length(words) == key.proof_length
    assert len(Payload.decode(case.proof.payload).proof) == key.proof_length


def test_artifacts_of_other_weights_or_visibility_differ(
    proven: Proven, hashed: Proven, other_program: Proven
) -> None:
    digests = {case.key.fields["vka_digest"] for case in (proven, hashed, other_program)}
    assert len(digests) == 3


def test_the_artifact_names_the_reference_string(proven: Proven) -> None:
    words = vka_words((proven.setup.folder / "vka.bin").read_bytes())
    point = Payload.decode(proven.proof.payload).s_g2
    assert ceremony_digest(point) == keccak(words[640:768])
    assert ceremony_digest(G2_GENERATOR_BYTES) != ceremony_digest(point)


def test_what_is_no_artifact_is_refused(proven: Proven) -> None:
    data = (proven.setup.folder / "vka.bin").read_bytes()
    for wrong in (b"", data[:-1], data + bytes(32), data[:8], (33).to_bytes(8, "little") * 133):
        with pytest.raises(SetupError) as caught:
            vka_words(wrong)
        assert caught.value.code == "malformed-vka"
    words = vka_words(data)
    for changed in (words[: 33 * 32 + 31] + b"\x00", words[: 33 * 32 + 31] + b"\xff"):
        with pytest.raises(SetupError) as caught:
            proof_length(changed)
        assert caught.value.code == "malformed-vka"
    for point in (b"", bytes(127), b"\xff" * 128):
        with pytest.raises(SetupError) as caught:
            ceremony_digest(point)
        assert caught.value.code == "srs-point"


def test_a_ceremony_that_is_not_here_is_not_known(ezkl_cache: Path, tmp_path: Path) -> None:
    assert ceremony_held(tmp_path) is None
    assert ceremony_held(ezkl_cache) is None  # it holds a local string only


# -- the contract --------------------------------------------------------------------------------


def test_the_contract_is_made_once_and_kept(compiler: None, ezkl_cache: Path) -> None:
    made = make_verifier(options(ezkl_cache))
    assert (len(made.code), keccak(made.code)) == (CODE_BYTES, CODE_HASH)
    assert made.creation.endswith(made.code)
    assert held_verifier(ezkl_cache) == made == make_verifier(options(ezkl_cache))


@pytest.mark.parametrize("file", ["code.bin", "creation.bin"])
def test_another_contract_in_the_cache_is_removed(
    file: str, compiler: None, ezkl_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_verifier(options(ezkl_cache))
    monkeypatch.setattr(contract_module.Cache, "find", lambda *words: place)
    place = tmp_path / made.folder.name
    shutil.copytree(made.folder, place)
    assert held_verifier(tmp_path) is not None  # the control
    data = (place / file).read_bytes()
    (place / file).write_bytes(data[:-1] + bytes((data[-1] ^ 1,)))
    assert held_verifier(tmp_path) is None


def test_another_source_is_not_compiled(
    ezkl_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SOLC_VARIABLE, str(script(tmp_path / "solc", "")))
    monkeypatch.setattr(contract_module, "_write_source", lambda phases: b"contract Other {}")
    with pytest.raises(SetupError) as caught:
        make_verifier(options(tmp_path))
    assert caught.value.code == "wrong-verifier-source"
    assert SOURCE_SHA256 in caught.value.why
    assert held_verifier(tmp_path) is None


def test_another_code_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SOLC_VARIABLE, str(script(tmp_path / "solc", "")))
    monkeypatch.setattr(contract_module, "_write_source", lambda phases: ONE)
    monkeypatch.setattr(contract_module, "SOURCE_SHA256", hashlib.sha256(ONE).hexdigest())
    monkeypatch.setattr(contract_module, "compile_contract", lambda source, name: (b"ab", b"b"))
    with pytest.raises(SetupError) as caught:
        make_verifier(options(tmp_path))
    assert caught.value.code == "wrong-verifier-code"
    assert held_verifier(tmp_path) is None


def test_nothing_is_downloaded_for_it(
    ezkl_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ezkl looks for a compiler after it has written the source; only that failure is passed."""
    seen: list[Ending] = []
    genuine = phases_module.run_child

    def run(*words: object, **more: object) -> Ending:
        seen.append(genuine(*words, **more))
        return seen[-1]

    monkeypatch.setenv(SOLC_VARIABLE, str(script(tmp_path / "solc", "")))
    monkeypatch.setattr(phases_module, "run_child", run)
    monkeypatch.setattr(contract_module, "compile_contract", lambda source, name: (b"", b""))
    with pytest.raises(SetupError) as caught:
        make_verifier(options(tmp_path))
    assert caught.value.code == "wrong-verifier-code"  # the source was the pinned one
    assert [ending.status for ending in seen] == ["ok"] * 5


# -- the compiler --------------------------------------------------------------------------------


def test_a_compiler_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    native = script(tmp_path / "solc", "")
    monkeypatch.setenv(SOLC_VARIABLE, str(native))
    assert compiler_command() == [str(native)]
    node = tmp_path / "solc.js"
    node.write_text("#!/usr/bin/env node\n")
    monkeypatch.setenv(SOLC_VARIABLE, str(node))
    monkeypatch.setattr(solc_module.shutil, "which", lambda name: "/usr/bin/node")
    assert compiler_command() == ["/usr/bin/node", str(node)]


@pytest.mark.parametrize("kind", ["absent", "no node", "folder"])
def test_no_compiler_is_a_typed_error(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "solc"
    if kind == "no node":
        path.write_text("#!/usr/bin/env node\n")
        monkeypatch.setenv("PATH", os.fspath(tmp_path / "nowhere"))
    elif kind == "folder":
        path.mkdir()
    monkeypatch.setenv(SOLC_VARIABLE, str(path))
    with pytest.raises(MissingDependency) as caught:
        compile_contract(ONE, name="One")
    assert caught.value.code == "no-compiler"
    assert SOLC_VARIABLE in caught.value.hint


def test_without_sources_the_path_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SOLC_VARIABLE, raising=False)
    monkeypatch.setattr(solc_module.verifiable, "__file__", str(tmp_path / "v" / "__init__.py"))
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(MissingDependency):
        compiler_command()
    native = script(tmp_path / "solc", "")
    assert compiler_command() == [str(native)]


VERSION = "import sys\nif '--version' in sys.argv: print('Version: 0.8.37+commit'); sys.exit()\n"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("print('Version: 0.8.36+commit')", "no-compiler"),
        ("import sys; sys.exit(3)", "no-compiler"),
        (VERSION + "print('no JSON')", "compiler-failed"),
        (VERSION + "print('[]')", "compiler-failed"),
        (VERSION + "print('{}')", "compiler-failed"),
    ],
)
def test_what_is_no_such_compiler_is_a_typed_error(
    lines: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SOLC_VARIABLE, str(script(tmp_path / "solc", lines)))
    with pytest.raises((MissingDependency, SetupError)) as caught:
        compile_contract(ONE, name="One")
    assert caught.value.code == code


def test_a_source_that_does_not_compile_is_a_typed_error(compiler: None) -> None:
    creation, code = compile_contract(ONE, name="One")
    assert code
    assert creation.endswith(code)
    for source, name in ((b"contract One {", "One"), (ONE, "Two")):
        with pytest.raises(SetupError) as caught:
            compile_contract(source, name=name)
        assert caught.value.code == "compiler-failed"


# -- keys of an older release --------------------------------------------------------------------


def without_artifact(folder: Path) -> None:
    (folder / "vka.bin").unlink()


def of_the_old_form(folder: Path) -> None:
    about = json.loads((folder / "key.json").read_text())
    for name in ("vka_digest", "proof_length"):
        del about["key"][name]
    (folder / "key.json").write_text(json.dumps(about))


def of_another_program(folder: Path) -> None:
    data = bytearray((folder / "vka.bin").read_bytes())
    data[-1] ^= 1
    (folder / "vka.bin").write_bytes(bytes(data))


@pytest.mark.parametrize("change", [without_artifact, of_the_old_form, of_another_program])
def test_keys_without_their_artifact_are_not_used(
    change: Callable[[Path], None], proven: Proven, tmp_path: Path
) -> None:
    folder = tmp_path / proven.setup.folder.name
    shutil.copytree(proven.setup.folder, folder)
    assert load_material(folder).key == EzklKey.from_fields(proven.key.fields)  # the control
    change(folder)
    with pytest.raises(SetupError) as caught:
        load_material(folder)
    assert caught.value.code == "keys-unavailable"
