"""`verifiable verify A.json B.json --require ...`, and `--key` with a record on a chain."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import verifiable
from verifiable.cli import exits
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof

REQUIRE = "gkr and tee"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Proofs of one statement by gkr and the simulated enclave, and one of another statement."""
    made = tmp_path_factory.mktemp("together")
    models = Path(__file__).resolve().parents[2] / "models"
    program = verifiable.compile(
        models / "digits_mlp.onnx",
        calibration=models / "digits_calibration.npz",
        output=made / "program.onnx",
    )
    for name in ("gkr", "tee"):
        proof = verifiable.prove(program, models / "digits_input.npz", backend=name).proof
        (made / f"{name}.json").write_bytes(proof.encode())
    other = verifiable.prove(
        program, models / "digits_input.npz", backend="tee", context=b"\x07" * 32
    )
    (made / "other.json").write_bytes(other.proof.encode())
    lock = verifiable.make_lock(program, backends=["gkr", "tee"])
    (made / "model.lock").write_bytes(lock.encode())
    return made


def verify(cli: Any, folder: Path, *names: str, more: tuple[object, ...] = ()) -> Any:
    proofs = [folder / f"{name}.json" for name in names]
    return cli("verify", *proofs, "--lock", folder / "model.lock", "--allow-simulated", *more)


def test_people_read_each_verdict_and_then_what_they_mean(cli, folder: Path) -> None:
    ran = verify(cli, folder, "gkr", "tee", more=("--require", REQUIRE))
    assert ran.code == exits.OK, ran.out + ran.err
    lines = ran.out.splitlines()
    assert f"{folder / 'gkr.json'}: gkr" in lines
    assert f"{folder / 'tee.json'}: tee" in lines
    assert f"Together, by the requirement {REQUIRE}:" in lines
    digest = Proof.load(folder / "gkr.json").statement.digest.hex()
    assert lines[-1].startswith(f"PROVEN (SIMULATED): {REQUIRE}: statement 0x{digest} (")
    assert sum(line.startswith("SIMULATED - NOT A TEE") for line in lines) == 2
    assert sum(line.startswith("PROVEN") for line in lines) == 3
    assert "RQ-4" in ran.out


def test_the_document_holds_every_verdict(cli, folder: Path) -> None:
    ran = verify(cli, folder, "gkr", "tee", more=("--require", REQUIRE, "--json"))
    found = ran.document
    assert (ran.code, found["verdict"], found["assurance"]) == (exits.OK, "proven", "simulated")
    assert found["requirement"] == REQUIRE
    assert found["counted"] == ["gkr", "tee"]
    assert [item["backend"] for item in found["proofs"]] == ["gkr", "tee"]
    assert [item["file"] for item in found["proofs"]] == [
        str(folder / "gkr.json"),
        str(folder / "tee.json"),
    ]
    assert [item["id"] for item in found["checks"]] == ["RQ-1", "RQ-2", "RQ-3", "RQ-4"]
    proof = Proof.load(folder / "gkr.json")
    assert np.array_equal(next(iter(found["outputs"].values())), proof.outputs[0])
    for name in ("verify_s", "read_chain_s", "derive_key_s"):
        assert found[name] >= 0


def test_exit_codes_are_those_of_one_proof(cli, folder: Path, tmp_path: Path) -> None:
    failed = verify(cli, folder, "gkr", "other", more=("--require", "gkr or tee"))
    assert failed.code == exits.FAILED
    assert "NOT PROVEN: RQ-1 one statement [statements-differ]" in failed.out
    missing = verify(cli, folder, "gkr", more=("--require", REQUIRE))
    assert missing.code == exits.UNREADABLE
    assert "UNDECIDED: RQ-4 requirement met [requirement-open]" in missing.out
    assert "tee: no proof was given" in missing.out
    false = tmp_path / "false.json"
    proof = Proof.load(folder / "gkr.json")
    payload = proof.payload[:-8] + bytes(8)
    false.write_bytes(replace(proof, payload=payload).encode())
    given = ("--lock", folder / "model.lock", "--allow-simulated")
    tampered = cli("verify", false, folder / "tee.json", "--require", REQUIRE, *given)
    assert tampered.code == exits.FAILED
    assert "RQ-4 requirement met [requirement-not-met]" in tampered.out
    spared = cli("verify", false, folder / "tee.json", "--require", "gkr or tee", *given)
    assert spared.code == exits.OK
    assert "anything by the gkr proof, which was given and is not proven" in spared.out


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("gkr or", "malformed-requirement"),
        ("gkr or gkr", "backend-named-twice"),
        ("3 of (gkr, tee)", "threshold-out-of-range"),
        (None, "requirement-needed"),
    ],
)
def test_a_wrong_requirement_is_a_wrong_command_line(cli, folder: Path, text, code: str) -> None:
    more = () if text is None else ("--require", text)
    ran = verify(cli, folder, "gkr", "tee", more=(*more, "--json"))
    assert ran.code == exits.USAGE
    assert ran.document["error"]["code"] == code


def test_the_policy_may_hold_the_requirement(cli, folder: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_bytes(Policy(backends={"gkr": None, "tee": None}, require="gkr or tee").encode())
    ran = verify(cli, folder, "gkr", more=("--policy", policy, "--json"))
    assert (ran.code, ran.document["requirement"]) == (exits.OK, "gkr or tee")
    two = verify(cli, folder, "gkr", more=("--policy", policy, "--require", "gkr", "--json"))
    assert (two.code, two.document["error"]["code"]) == (exits.USAGE, "two-requirements")
    policy.write_text('{"format": "application/vnd.verifiable.policy.v1+json", "require": "a or"}')
    bad = verify(cli, folder, "gkr", more=("--policy", policy, "--json"))
    assert (bad.code, bad.document["error"]["code"]) == (exits.UNREADABLE, "bad-requirement")


def test_a_registrant_vouches_for_a_lock_by_anybody(
    cli, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line that `register` prints verifies, and names the lock as nobody's word."""
    monkeypatch.chdir(tmp_path)
    lock = folder / "model.lock"
    made = cli("register", folder / "program.onnx", "--lock", lock, "--json")
    assert made.code == exits.OK, made.err
    words = made.document["verify"]
    assert words[3:5] == ["--key", str(lock)]
    shutil.copy(folder / "gkr.json", "PROOF.json")
    ran = cli(*words[1:])
    assert ran.code == exits.OK, ran.out
    assert "vouched for by the registrant of the pinned record" in ran.out
    # gkr proofs bring their key, so the file is not even needed
    assert cli(*words[1:3], *words[5:]).code == exits.OK
    # and without the record, the file is nobody's word
    bare = cli("verify", "PROOF.json", "--key", lock, "--json")
    assert (bare.code, bare.document["error"]["code"]) == (exits.USAGE, "key-without-record")
