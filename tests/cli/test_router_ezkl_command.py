"""An ezkl proof before contracts, by commands alone: ezkl's contract, its door, and a router.

All of it is on a chain in a file, under a reference string that was made here, so that honest
evidence counts as simulated. What follows from the public ceremony is tried in `test_on_chain.py`.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from game_kit import small_program

from verifiable.backends.ezkl.format import Payload
from verifiable.backends.ezkl.solc import SOLC_VARIABLE, compiler_command
from verifiable.backends.ezkl.verifier_contract import CODE_BYTES, CODE_HASH
from verifiable.cli.main import main
from verifiable.errors import MissingDependency
from verifiable.program.onnx_file import save_program
from verifiable.statement.proof import Proof

NO_CEREMONY = "0x" + "00" * 32
CONTEXT = "0x" + "2a" * 32


def run(*words: object) -> tuple[int, Any]:
    """The exit status and the one object on stdout; any exception that got out is raised."""
    result = CliRunner().invoke(main, [*map(str, words), "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.stderr
    return result.exit_code, json.loads(result.stdout)


def done(*words: object) -> Any:
    """What a command says that has to succeed."""
    code, document = run(*words)
    assert code == 0, document
    return document


def refused(*words: object) -> tuple[int, str]:
    """The exit status and the code of the error."""
    code, document = run(*words)
    return code, document["error"]["code"]


def write_model(folder: Path) -> None:
    save_program(small_program(), folder / "program.onnx")
    np.savez(folder / "input.npz", x=np.array([[-4.0, 2.5, 0.5, 7.0]]))


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory and a cache of this test alone, and no settings of the user's."""
    for name in [name for name in os.environ if name.startswith("ETH_") or name == "CHAIN"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("VERIFIABLE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- what is refused before ezkl is asked


@pytest.mark.parametrize("kind", ["absent", "folder"])
def test_without_a_compiler_ezkl_is_not_even_started(
    kind: str, cli, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = workplace / "solc"
    if kind == "folder":
        path.mkdir()
    monkeypatch.setenv(SOLC_VARIABLE, str(path))
    ran = cli("router", "ezkl-verifier", "--json")
    assert (ran.code, ran.document["error"]["code"]) == (2, "no-compiler")
    assert str(path) in ran.document["error"]["why"]
    assert "gen_settings" not in ran.err
    told = cli("router", "ezkl-verifier")
    assert (told.code, told.out) == (2, "")
    assert "[no-compiler]" in told.err


@pytest.mark.parametrize("text", ["", "0x", "00" * 31, "00" * 33, "0x" + "zz" * 32, "none"])
def test_a_ceremony_is_32_bytes_in_hex(text: str, workplace: Path) -> None:
    words = ("router", "deploy", "--door", "ezkl", "--ceremony", text)
    assert refused(*words) == (2, "usage-error")
    assert not (workplace / "chain.db").exists()


def test_a_door_before_no_contract_is_not_deployed(workplace: Path) -> None:
    words = ("router", "deploy", "--door", "ezkl", "--ceremony", NO_CEREMONY)
    assert refused(*words) == (1, "verifier-not-compiled")
    assert refused(*words, "--door", "tee", "--dry-run") == (1, "verifier-not-compiled")
    assert not (workplace / "chain.db").exists()


def test_only_a_proof_by_ezkl_is_registered(workplace: Path) -> None:
    """The kind of proof is told before anything has to be compiled, or a chain made."""
    write_model(workplace)
    done("prove", "program.onnx", "--input", "input.npz", "-o", "gkr.json")
    assert refused("router", "ezkl-register", "gkr.json") == (1, "not-for-a-chain")
    (workplace / "text.json").write_text("no proof")
    assert refused("router", "ezkl-register", "text.json") == (3, "malformed-json")
    assert refused("router", "ezkl-register", "absent.json") == (3, "unreadable-file")
    assert not (workplace / "chain.db").exists()


# --- the whole path


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What the commands left in a folder, with the contracts' names on its chain."""

    folder: Path
    record: str
    router: str
    compiled: dict[str, Any]
    deployed: dict[str, Any]
    circuit: dict[str, Any]

    @property
    def asked(self) -> tuple[str, ...]:
        return "--router", self.router, "--record", self.record, "--lock", "model.lock"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    pytest.importorskip("ezkl", reason="proofs need the extra `ezkl`")
    try:
        compiler_command()
    except MissingDependency as absent:
        pytest.skip(f"ezkl's contract must be compiled: {absent.why}")
    folder = tmp_path_factory.mktemp("router-ezkl")
    write_model(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("ETH_") or name == "CHAIN"]:
            patch.delenv(name)
        patch.setenv("VERIFIABLE_CACHE_DIR", str(folder / "cache"))
        patch.chdir(folder)
        return made_stage(folder)


def made_stage(folder: Path) -> Stage:
    local = ("program.onnx", "--backend", "ezkl", "--insecure-local-setup")
    done("setup", *local)
    done("prove", *local, "--input", "input.npz", "--context", CONTEXT, "-o", "proof.json")
    done("lock", *local, "-o", "model.lock")
    record = done("register", "program.onnx", "--lock", "model.lock")["record"]
    compiled = done("router", "ezkl-verifier")
    door = ("router", "deploy", "--door", "ezkl")
    assert refused(*door) == (1, "ceremony-not-held")  # only a local string is in the cache
    assert refused("router", "ezkl-register", "proof.json") == (1, "no-code")
    deployed = done(*door, "--ceremony", NO_CEREMONY)
    ask = ("router", "verify", "proof.json", "--router", deployed["router"], "--record", record)
    code, document = run(*ask, "--lock", "model.lock", "--simulated")
    assert (code, document["error"]) == (1, "EzklDoor_NotRegistered")
    circuit = done("router", "ezkl-register", "proof.json")
    proof = Proof.load(folder / "proof.json")
    payload = Payload.decode(proof.payload)
    changed = payload.proof[:-1] + bytes((payload.proof[-1] ^ 1,))
    tampered = replace(proof, payload=replace(payload, proof=changed).encode())
    (folder / "tampered.json").write_bytes(tampered.encode())
    return Stage(
        folder=folder,
        record=record,
        router=deployed["router"],
        compiled=compiled,
        deployed=deployed,
        circuit=circuit,
    )


@pytest.fixture
def place(stage: Stage, workplace: Path) -> Path:
    """A copy of all files, as the working directory; the cache is not among them."""
    for path in stage.folder.iterdir():
        if path.is_file():
            shutil.copy(path, workplace / path.name)
    return workplace


@pytest.mark.slow
def test_each_command_says_what_it_made(stage: Stage, place: Path) -> None:
    compiled = stage.compiled
    assert compiled["code_hash"] == f"0x{CODE_HASH.hex()}"
    assert (compiled["code_bytes"], compiled["ceremony"]) == (CODE_BYTES, None)
    assert Path(compiled["folder"]).is_relative_to(stage.folder / "cache")
    assert (stage.deployed["found"], list(stage.deployed["doors"])) == (False, ["ezkl"])
    assert [item["call"] for item in stage.deployed["transactions"]] == [
        "Halo2VerifierReusable (deployment)",
        "EzklDoor (deployment)",
        "InferenceVerifier (deployment)",
    ]
    (model,) = json.loads((place / "model.lock").read_text())["models"]
    pinned = model["backends"]["ezkl"]["vka_digest"].removeprefix("0x")
    assert stage.circuit["vka_digest"] == f"0x{pinned}"
    (sent,) = stage.circuit["transactions"]
    assert sent["call"] == "Halo2VerifierReusable.registerVka"
    assert sent["to"] == stage.circuit["verifier"]


@pytest.mark.slow
def test_a_local_reference_string_counts_for_development_only(stage: Stage, place: Path) -> None:
    """The cache here is empty, so the evidence follows from proof and lock alone."""
    ask = ("router", "verify", "proof.json", *stage.asked)
    code, document = run(*ask)
    assert (code, document["verdict"]) == (1, "refused")
    assert (document["error"], document["simulated_too"]) == ("InferenceVerifier_Simulated", False)
    code, document = run(*ask, "--simulated")
    assert (code, document["verdict"], document["error"]) == (0, "accepted", None)
    assert (document["backends"], document["simulated_too"]) == (["ezkl"], True)
    proof = Proof.load(place / "proof.json")
    assert document["statement_digest"] == f"0x{proof.statement.digest.hex()}"
    (sent,) = done(*ask, "--simulated", "--send")["transactions"]
    assert 300_000 < sent["gas_used"] < 3_000_000


@pytest.mark.slow
def test_the_verdict_is_told_in_words_too(stage: Stage, place: Path, cli) -> None:
    ask = ("router", "verify", "proof.json", *stage.asked)
    ran = cli(*ask)
    assert (ran.code, ran.out.splitlines()[0]) == (1, "REFUSED: evidence of ezkl")
    ran = cli(*ask, "--simulated")
    assert (ran.code, ran.out.splitlines()[0]) == (0, "ACCEPTED: evidence of ezkl")
    assert "SIMULATED evidence was taken too: it shows nothing" in ran.out


@pytest.mark.slow
def test_a_tampered_proof_is_refused(stage: Stage, place: Path) -> None:
    ask = ("router", "verify", "tampered.json", *stage.asked)
    for more in ((), ("--simulated",), ("--simulated", "--send")):
        code, document = run(*ask, *more)
        assert (code, document["verdict"]) == (1, "refused"), more
        assert document["error"] == "EzklDoor_NotAccepted", more


@pytest.mark.slow
def test_a_policy_may_name_ezkl_beside_others(stage: Stage, place: Path) -> None:
    ask = ("router", "policy", "proof.json", *stage.asked, "--simulated", "--require")
    assert done(*ask, "ezkl or (tee and optimistic)")["clauses"] == ["ezkl", "tee and optimistic"]
    code, document = run(*ask, "ezkl and tee")
    assert (code, document["error"]) == (1, "InferenceVerifier_PolicyNotMet")


@pytest.mark.slow
def test_what_decides_nothing_is_undecided(stage: Stage, place: Path) -> None:
    named = ("--router", stage.router, "--record", stage.record)
    assert refused("router", "verify", "proof.json", *named) == (3, "key-needed")
    chain = ("--rpc-url", "local:other.db")
    ask = ("router", "verify", "proof.json", *stage.asked)
    assert refused(*ask, *chain) == (3, "no-chain-file")


@pytest.mark.slow
def test_off_chain_neither_chain_nor_reference_string_is_taken_unasked(
    stage: Stage, place: Path
) -> None:
    def failed(*more: str) -> tuple[int, set[str]]:
        code, document = run(*verify, *named, *more)
        checks = document["checks"]
        return code, {item["code"] for item in checks if item["status"] == "failed"}

    registry = f"local:chain.db/{stage.deployed['registry']}"
    verify = ("verify", "proof.json", "--key", "model.lock", "--registry", registry)
    named = ("--chain", stage.deployed["chain"], "--record", stage.record)
    allowed = ("--allow-local-chain", "--allow-insecure-setup")
    assert failed() == (1, {"local-chain"})
    assert failed(allowed[0]) == (1, {"insecure-setup"})
    assert failed(*allowed) == (0, set())


@pytest.mark.slow
def test_what_stands_is_found_and_another_ceremony_is_another_door(
    stage: Stage, place: Path
) -> None:
    cache = ("--cache-dir", stage.folder / "cache")
    door = ("router", "deploy", "--door", "ezkl", *cache, "--ceremony")
    again = done(*door, NO_CEREMONY)
    assert (again["found"], again["transactions"]) == (True, [])
    assert (again["router"], again["doors"]) == (stage.router, stage.deployed["doors"])
    other = done(*door, "0x" + "11" * 32, "--dry-run")
    assert (other["found"], other["dry_run"]) == (False, True)
    assert other["router"] != stage.router
    assert [item["sent"] for item in other["transactions"]] == [False, False]  # the contract stands
    assert refused("router", "deploy", "--door", "ezkl", *cache) == (1, "ceremony-not-held")
    told = done("router", "ezkl-register", "proof.json", *cache, "--dry-run")
    assert told["vka_digest"] == stage.circuit["vka_digest"]
    assert [item["sent"] for item in told["transactions"]] == [False]
