"""The default backend through the command line: both weight modes, locks, ledgers, refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sample_models import MODELS

from verifiable.backends.gkr.format import Payload
from verifiable.cli import exits
from verifiable.statement.proof import Proof

INPUT = ("--input", MODELS / "digits_input.npz")


@pytest.fixture(scope="module")
def proofs(digits_program: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A proof in each weight mode."""
    from click.testing import CliRunner

    from verifiable.cli.main import main

    folder = tmp_path_factory.mktemp("gkr")
    made = {mode: folder / f"{mode}.json" for mode in ("committed", "public")}
    for mode, path in made.items():
        arguments = ("prove", digits_program, *INPUT, "--weights", mode, "-o", path)
        assert CliRunner().invoke(main, [str(item) for item in arguments]).exit_code == 0
    return made


def test_committed_weights_need_the_key_alone_and_public_ones_the_program(
    cli, digits_program: Path, proofs: dict[str, Path], tmp_path: Path
) -> None:
    for mode, proof in proofs.items():
        lock = tmp_path / f"{mode}.lock"
        assert cli("lock", digits_program, "--weights", mode, "-o", lock).code == exits.OK
        assert cli("verify", proof, "--program", digits_program).code == exits.OK
        both = ("--program", digits_program, "--lock", lock)
        assert cli("verify", proof, *both).code == exits.OK
        by_lock = cli("verify", proof, "--lock", lock, "--json")
        assert by_lock.code == (exits.OK if mode == "committed" else exits.UNREADABLE)
        (other,) = (path for name, path in proofs.items() if name != mode)
        refused = cli("verify", other, *both, "--json")
        assert refused.code == exits.FAILED
        failed = [item["id"] for item in refused.document["checks"] if item["status"] == "failed"]
        assert failed == ["GK-1"]


def test_verify_shows_the_ledger_and_says_that_nothing_is_hidden(
    cli, digits_program: Path, proofs: dict[str, Path]
) -> None:
    arguments = ("verify", proofs["committed"], "--program", digits_program)
    shown = cli(*arguments).out
    assert "Details of the evidence:" in shown
    assert "zero-knowledge" in shown
    (bits,) = (row for row in shown.splitlines() if row.startswith(" GK-4 "))
    assert " bits" in bits
    document = cli(*arguments, "--json").document
    assert any("query" in line for line in document["details"])
    assert any("not zero-knowledge" in sentence for sentence in document["reveals"])


def test_inspect_shows_more_than_100_bits_in_both_modes(cli, digits_program: Path) -> None:
    for options in ((), ("--weights", "committed"), ("--weights", "public")):
        arguments = ("inspect", digits_program, "--backend", "gkr", *options)
        ledger = cli(*arguments, "--json").document["backends"]["gkr"]["soundness"]
        assert ledger["total_bits"] >= 100
        assert {"query", "proximity"} <= {term["name"] for term in ledger["terms"]}
        assert "bits in all" in cli(*arguments).out


def test_a_setup_of_somebody_is_nothing_that_gkr_takes(
    cli, digits_program: Path, tmp_path: Path
) -> None:
    prove = ("prove", digits_program, *INPUT, "-o", tmp_path / "proof.json")
    for option in (("--insecure-local-setup",), ("--srs", "kzg.srs")):
        ran = cli(*prove, *option)
        assert ran.code == exits.USAGE
        assert f"Leave {option[0]} out" in ran.err
    hashed = cli(*prove, "--visibility", "hashed")
    assert hashed.code == exits.USAGE
    assert "error [visibility-unsupported]" in hashed.err
    assert list(tmp_path.iterdir()) == []


def test_gk_15_bytes_after_the_proof_make_it_unreadable(
    cli, digits_program: Path, proofs: dict[str, Path], tmp_path: Path
) -> None:
    proof = Proof.load(proofs["committed"])
    payload = Payload.decode(proof.payload)
    for changed, code in (
        (payload.proof, None),
        (payload.proof + b"\x00", "payload-trailing-bytes"),
        (payload.proof[:-1], "payload-truncated"),
    ):
        path = tmp_path / "proof.json"
        data = replace(payload, proof=changed).encode()
        path.write_bytes(replace(proof, payload=data).encode())
        ran = cli("verify", path, "--program", digits_program, "--json")
        assert ran.code == (exits.OK if code is None else exits.UNREADABLE)
        assert ran.document.get("error", {}).get("code") == code


def test_the_keys_of_gkr_are_listed_and_cleared(cli, digits_program: Path, tmp_path: Path) -> None:
    cache = ("--cache-dir", tmp_path / "cache")
    first = cli("setup", digits_program, *cache, "--json").document
    second = cli("setup", digits_program, *cache, "--json").document
    assert (first["backend"], first["cached"], second["cached"]) == ("gkr", False, True)
    assert first["key_digest"] == second["key_digest"]
    listed = cli("cache", "list", *cache, "--json").document["entries"]
    assert [item["kind"] for item in listed] == ["gkr-keys"]
    assert cli("cache", "clear", "--kind", "gkr-keys", *cache).code == exits.OK
    assert cli("cache", "list", *cache, "--json").document["entries"] == []


def test_the_demo_of_the_default_backend(cli, tmp_path: Path) -> None:
    ran = cli("demo", "--backend", "gkr", "--keep", tmp_path / "kept", "--json")
    assert ran.code == exits.OK
    document = ran.document
    assert list(document["backends"]) == ["gkr"]
    assert document["backends"]["gkr"]["local_setup"] is False
    output, statement, evidence = document["tampered"]
    failed = [
        [check["id"] for check in lie["checks"] if check["status"] == "failed"]
        for lie in (output, statement)
    ]
    assert failed[0] == ["ST-9"]
    assert failed[1][0].startswith("GK-")
    assert evidence["refused"] is True
    assert evidence.get("error") or any(
        check["id"].startswith("GK-") for check in evidence["checks"] if check["status"] == "failed"
    )
    assert (tmp_path / "kept" / "gkr.proof.json").exists()
