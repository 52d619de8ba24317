"""Commands with a backend that has options of its own, beside the one that rests on a setup."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from sample_models import MODELS

from verifiable.backends.registry import DEFAULT_BACKEND
from verifiable.cli import exits
from verifiable.statement.lock import Lock
from verifiable.statement.proof import Proof

pytestmark = pytest.mark.usefixtures("echo")

INPUT = ("--input", MODELS / "digits_input.npz")
ECHO = ("--backend", "echo")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.json"
    text = {"format": "application/vnd.verifiable.policy.v1+json", "backends": {"echo": None}}
    path.write_text(json.dumps(text))
    return path


@pytest.mark.parametrize("option", [("--insecure-local-setup",), ("--srs", "kzg.srs")])
@pytest.mark.parametrize("command", ["setup", "prove", "lock"])
def test_a_setup_is_refused_where_none_is_taken(
    cli, digits_program: Path, tmp_path: Path, command: str, option: tuple[str, ...]
) -> None:
    output = () if command == "setup" else ("-o", tmp_path / "out")
    given = INPUT if command == "prove" else ()
    cache = ("--cache-dir", tmp_path / "cache")
    honest = cli(command, digits_program, *given, *output, *ECHO, *cache)
    assert honest.code == exits.OK, honest.err
    (tmp_path / "out").unlink(missing_ok=True)
    ran = cli(command, digits_program, *given, *output, *ECHO, *cache, *option)
    assert ran.code == exits.USAGE
    assert "error [unknown-option]" in ran.err
    assert f"leave {option[0]} out" in ran.err.lower()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["setup", "prove", "lock"])
def test_a_weight_mode_is_refused_by_a_backend_that_has_none(
    cli, digits_program: Path, tmp_path: Path, command: str
) -> None:
    output = () if command == "setup" else ("-o", tmp_path / "out")
    given = INPUT if command == "prove" else ()
    arguments = (command, digits_program, *given, *output, "--backend", "ezkl", "--json")
    ran = cli(*arguments, "--weights", "public")
    assert ran.code == exits.USAGE
    error = ran.document["error"]
    assert (error["code"], error["where"]) == ("unknown-option", "weights")
    assert "leave --weights out" in error["hint"]
    assert cli(*arguments, "--weights", "secret").code == exits.USAGE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("weights", ["committed", "public"])
def test_the_weight_mode_goes_into_key_proof_and_lock(
    cli, digits_program: Path, tmp_path: Path, policy: Path, weights: str
) -> None:
    mode = ("--weights", weights)
    proof, lock = tmp_path / "proof.json", tmp_path / "model.lock"
    key = cli("setup", digits_program, *ECHO, *mode, "--json").document["key"]
    assert key["weights"] == weights
    assert cli("prove", digits_program, *INPUT, *ECHO, *mode, "-o", proof).code == 0
    locked = cli("lock", digits_program, *ECHO, *mode, "-o", lock, "--json").document
    assert locked["models"][0]["backends"]["echo"] == {**key, "setup": None}
    assert Lock.load(lock).models[0].backends["echo"] == key
    judged = ("verify", proof, "--policy", policy)
    assert cli(*judged, "--program", digits_program).code == exits.OK
    assert cli(*judged, "--program", digits_program, "--lock", lock).code == exits.OK
    # with public weights the key alone does not do
    by_lock = cli(*judged, "--lock", lock)
    assert by_lock.code == (exits.OK if weights == "committed" else exits.UNREADABLE)
    # a lock pins one mode, and refuses a proof of the other
    other = "public" if weights == "committed" else "committed"
    assert cli("prove", digits_program, *INPUT, *ECHO, "--weights", other, "-o", proof).code == 0
    assert cli(*judged, "--lock", lock, "--program", digits_program).code == exits.FAILED
    assert cli(*judged, "--program", digits_program).code == exits.OK


def test_a_lock_holds_the_keys_of_several_backends(
    cli, digits_program: Path, tmp_path: Path
) -> None:
    """What only one of them takes is given to that one."""
    pytest.importorskip("ezkl", reason="keys need the extra `ezkl`")
    lock = tmp_path / "model.lock"
    both = ("--backend", "ezkl", *ECHO, "--insecure-local-setup", "--weights", "public")
    ran = cli("lock", digits_program, *both, "-o", lock, "--json")
    assert ran.code == 0
    (model,) = Lock.load(lock).models
    assert set(model.backends) == {"ezkl", "echo"}
    assert model.backends["echo"]["weights"] == "public"
    setups = {name: item["setup"] for name, item in ran.document["models"][0]["backends"].items()}
    assert setups == {"ezkl": "local", "echo": None}


def test_a_setup_file_of_the_verifiers_is_for_proofs_that_rest_on_one(
    cli, digits_program: Path, tmp_path: Path, policy: Path
) -> None:
    proof = tmp_path / "proof.json"
    assert cli("prove", digits_program, *INPUT, *ECHO, "-o", proof).code == 0
    judged = ("verify", proof, "--program", digits_program, "--policy", policy)
    assert cli(*judged, "--srs", tmp_path / "absent.srs").code == exits.OK


@pytest.mark.parametrize("command", ["setup", "prove", "lock", "demo"])
def test_the_help_page_names_the_default_of_the_library(cli, command: str) -> None:
    page = " ".join(cli(command, "--help").out.split())
    assert re.search(rf"\[default: {DEFAULT_BACKEND}[],]", page)


def test_details_of_the_evidence_are_shown_if_it_is_proven(
    cli, digits_program: Path, tmp_path: Path, policy: Path
) -> None:
    proof = tmp_path / "proof.json"
    assert cli("prove", digits_program, *INPUT, *ECHO, "-o", proof).code == 0
    judged = ("verify", proof, "--policy", policy, "--program", digits_program)
    shown = cli(*judged).out
    assert "Details of the evidence:\n  - echo: 33 bytes\n" in shown
    assert cli(*judged, "--json").document["details"] == ["echo: 33 bytes"]
    lie = replace(Proof.load(proof), payload=b"c" + bytes(32))
    proof.write_bytes(lie.encode())
    refused = cli(*judged)
    assert refused.code == exits.FAILED
    assert "ECHO-3" in refused.out
    assert "Details" not in refused.out
    assert cli(*judged, "--json").document["details"] == []


def test_inspecting_a_program_shows_the_matrix_and_the_soundness_ledger(
    cli, digits_program: Path
) -> None:
    asked = ("inspect", digits_program, "--backend", "ezkl", *ECHO)
    shown = cli(*asked).out
    assert "echo: how likely a false statement is accepted" in shown
    assert "Lund et al. 1992" in shown
    assert shown.splitlines()[-2:] == [
        "digits_mlp.program.onnx: ezkl can prove it",
        "digits_mlp.program.onnx: echo can prove it",
    ]
    document = cli(*asked, "--json").document
    assert list(document["backends"]) == ["ezkl", "echo"]
    assert [item["operator"] for item in document["nodes"]] == ["MatMul", "MatMul"]
    assert document["backends"]["ezkl"] == {"supported": True, "problems": [], "soundness": None}
    ledger = document["backends"]["echo"]["soundness"]
    (term,) = ledger["terms"]
    assert set(term) == {"name", "formula", "count", "bits", "reference"}
    assert ledger["total_bits"] == term["bits"] > 120


def test_inspect_asks_only_the_backends_that_are_named(cli, digits_program: Path) -> None:
    def found(*options: str) -> dict[str, dict[str, dict[str, float]]]:
        return cli("inspect", digits_program, *ECHO, *options, "--json").document["backends"]

    assert list(found()) == ["echo"]
    bits = [found(*options)["echo"]["soundness"]["total_bits"]
            for options in ((), ("--weights", "committed"), ("--weights", "public"))]  # fmt: skip
    assert bits[0] == bits[1] < bits[2]
    model = MODELS / "digits_mlp.onnx"
    assert list(cli("inspect", model, *ECHO, "--json").document["backends"]) == ["echo"]
    for path in (digits_program, model):
        ran = cli("inspect", path, "--backend", "magic")
        assert ran.code == exits.USAGE
        assert "error [unknown-backend]" in ran.err


@pytest.mark.parametrize(
    "options",
    [
        ("model", "--weights", "public"),
        ("program", "--cut-output"),
        ("program", "--shape", "input=1,1,8,8"),
        ("program", "--backend", "ezkl", "--weights", "public"),
    ],
)
def test_options_of_inspect_that_would_do_nothing_are_2(
    cli, digits_program: Path, options: tuple[str, ...]
) -> None:
    path = digits_program if options[0] == "program" else MODELS / "digits_mlp.onnx"
    ran = cli("inspect", path, *options[1:])
    assert ran.code == exits.USAGE
    assert options[-2 if len(options) > 2 else -1] in ran.err
