"""The main line, as the README and the tutorial show it: compile, prove, verify, lock."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sample_models import MODELS, Proven

from verifiable import Proof


def compile_prove(cli, folder: Path, model: str) -> None:
    program = folder / f"{model}.program.onnx"
    compiled = cli(
        "compile",
        MODELS / f"{model}.onnx",
        "--calibration",
        MODELS / "digits_calibration.npz",
        "-o",
        program,
    )
    assert compiled.code == 0
    assert "label agreement" in compiled.out
    proved = cli(
        "prove",
        program,
        "--input",
        MODELS / "digits_input.npz",
        "--backend",
        "ezkl",
        "--insecure-local-setup",
        "-o",
        folder / "proof.json",
        "--json",
    )
    assert proved.code == 0
    document = proved.document
    for key in ("setup_s", "execute_s", "prove_s", "peak_rss_mib"):
        assert document[key] > 0, key
    assert document["backend"] == "ezkl"
    assert document["proof_bytes"] == (folder / "proof.json").stat().st_size
    digest = Proof.load(folder / "proof.json").statement.digest
    assert document["statement_digest"] == "0x" + digest.hex()


def verify_and_lock(cli, folder: Path, model: str) -> None:
    proof, program = folder / "proof.json", folder / f"{model}.program.onnx"
    lock = folder / "model.lock"
    by_program = cli("verify", proof, "--program", program, "--allow-insecure-setup")
    assert by_program.code == 0
    assert by_program.out.splitlines()[-1].startswith("PROVEN: statement 0x")
    strict = cli("verify", proof, "--program", program, "--json")
    assert strict.code == 1
    failed = [check for check in strict.document["checks"] if check["status"] == "failed"]
    assert [(check["id"], check["code"]) for check in failed] == [("EZ-6", "insecure-setup")]
    locked = cli("lock", program, "--backend", "ezkl", "-o", lock)
    assert locked.code == 0
    assert "warning: no public setup" in locked.err
    last = "INSECURE: pins keys of a setup made on this machine"
    assert locked.out.splitlines()[-1] == last
    document = cli(
        "lock", program, "--backend", "ezkl", "--insecure-local-setup", "-o", lock, "--json"
    ).document
    assert document["models"][0]["backends"]["ezkl"]["setup"] == "local"
    by_lock = cli("verify", proof, "--lock", lock, "--allow-insecure-setup")
    assert by_lock.code == 0
    assert "the lock's author" in by_lock.out


def test_digits_mlp(cli, tmp_path: Path) -> None:
    compile_prove(cli, tmp_path, "digits_mlp")
    verify_and_lock(cli, tmp_path, "digits_mlp")


@pytest.mark.slow
def test_digits_cnn(cli, tmp_path: Path) -> None:
    compile_prove(cli, tmp_path, "digits_cnn")
    verify_and_lock(cli, tmp_path, "digits_cnn")


def test_verify_json_has_the_promised_shape(cli, digits_mlp_proof: Proven) -> None:
    made = digits_mlp_proof
    ran = cli(
        "verify",
        made.proof_path,
        "--program",
        made.program_path,
        "--allow-insecure-setup",
        "--json",
    )
    assert ran.code == 0
    document = ran.document
    assert document["verdict"] == "proven"
    assert document["statement_digest"] == "0x" + made.proof.statement.digest.hex()
    assert document["verify_s"] > 0
    assert len(document["checks"]) > 20
    for check in document["checks"]:
        assert {"id", "name", "ok", "expected", "found", "hint"} <= set(check)
        assert check["ok"] is True
    for part in ("establishes", "does_not_establish", "reveals"):
        assert document[part], part
    assert document["outputs"] == {"output": made.proof.outputs[0].tolist()}


def test_a_lock_needs_neither_model_nor_cache(
    shell, digits_mlp_proof: Proven, tmp_path: Path
) -> None:
    made = digits_mlp_proof
    lock = tmp_path / "model.lock"
    assert (
        shell(
            "lock", made.program_path, "--backend", "ezkl", "--insecure-local-setup", "-o", lock
        ).code
        == 0
    )
    shutil.copy(made.proof_path, tmp_path / "proof.json")
    elsewhere = {"VERIFIABLE_CACHE_DIR": str(tmp_path / "empty")}
    arguments = ("verify", tmp_path / "proof.json", "--lock", lock, "--json")
    allowed = shell(*arguments, "--allow-insecure-setup", env=elsewhere)
    assert allowed.code == 0
    strict = shell(*arguments, env=elsewhere)
    assert strict.code == 1
    failed = [check for check in strict.document["checks"] if check["status"] == "failed"]
    assert [check["found"] for check in failed] == ["of unknown origin"]


def test_without_the_reference_string_the_program_alone_decides_nothing(
    cli, digits_mlp_proof: Proven, tmp_path: Path
) -> None:
    made = digits_mlp_proof
    arguments = ("verify", made.proof_path, "--program", made.program_path, "--json")
    elsewhere = ("--allow-insecure-setup", "--cache-dir", tmp_path / "empty")
    undecided = cli(*arguments, *elsewhere)
    assert undecided.code == 3
    key = next(item for item in undecided.document["checks"] if item["id"] == "KEY-1")
    assert "is not on this machine" in key["found"]
    assert "--srs FILE" in key["hint"]
    stored = made.cache_dir.glob("ezkl-srs/local-k*/kzg.srs")  # other tests leave other sizes
    assert 0 in {cli(*arguments, *elsewhere, "--srs", srs).code for srs in stored}


@pytest.mark.parametrize("fit_statement", [False, True], ids=["changed", "recommitted"])
def test_a_tampered_output_is_refused(
    cli, digits_mlp_proof: Proven, tmp_path: Path, fit_statement: bool
) -> None:
    from dataclasses import replace

    from verifiable.statement.commitment import outputs_root

    proof = digits_mlp_proof.proof
    changed = proof.outputs[0].copy()
    changed[0, 0] ^= 1
    lie = replace(proof, outputs=(changed,))
    if fit_statement:
        root = outputs_root(proof.program.schema, lie.outputs)
        lie = replace(lie, statement=replace(proof.statement, output_root=root))
    path = tmp_path / "lie.json"
    path.write_bytes(lie.encode())
    ran = cli("verify", path, "--program", digits_mlp_proof.program_path, "--allow-insecure-setup")
    assert ran.code == 1
    expected = "EZ-9 zero-knowledge proof [proof-rejected]" if fit_statement else "ST-9 output"
    assert ran.out.splitlines()[-1].startswith(f"NOT PROVEN: {expected}")
    assert "verified output" not in ran.out


def test_context_and_policy(cli, digits_mlp_proof: Proven, tmp_path: Path) -> None:
    made = digits_mlp_proof
    policy = tmp_path / "policy.json"
    arguments = ("verify", made.proof_path, "--program", made.program_path, "--policy", policy)
    for context, code in (("00" * 32, 0), ("11" * 32, 1)):
        policy.write_text(
            json.dumps(
                {
                    "format": "application/vnd.verifiable.policy.v1+json",
                    "context": "0x" + context,
                    "allow_insecure": ["local_setup"],
                }
            )
        )
        ran = cli(*arguments, "--json")
        assert ran.code == code
        failed = [check["code"] for check in ran.document["checks"] if check["status"] == "failed"]
        assert failed == ([] if code == 0 else ["wrong-context"])


def test_hashed_input_stays_out_of_the_proof(cli, digits_program: Path, tmp_path: Path) -> None:
    pytest.importorskip("ezkl", reason="proofs need the extra `ezkl`")
    proof = tmp_path / "proof.json"
    proved = cli(
        "prove",
        digits_program,
        "--input",
        MODELS / "digits_input.npz",
        "--backend",
        "ezkl",
        "--insecure-local-setup",
        "--visibility",
        "hashed",
        "--context",
        "0x" + "ab" * 32,
        "-o",
        proof,
    )
    assert proved.code == 0
    assert Proof.load(proof).inputs is None
    arguments = ("verify", proof, "--program", digits_program, "--allow-insecure-setup", "--json")
    without = cli(*arguments)
    assert without.code == 3
    assert without.document["verdict"] == "undecided"
    codes = {check["code"] for check in without.document["checks"] if not check["ok"]}
    assert "input-missing" in codes
    assert cli(*arguments, "--input", MODELS / "digits_input.npz").code == 0
    other = cli(*arguments, "--input", MODELS / "digits_calibration.npz", "--index", 5)
    assert other.code == 1
    failed = [check["id"] for check in other.document["checks"] if check["status"] == "failed"]
    assert failed[0] == "ST-7"
