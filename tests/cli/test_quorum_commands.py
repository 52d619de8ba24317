"""`verifiable quorum` between parties who exchange files, and what each step refuses."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from sample_models import MODELS, REPOSITORY

import verifiable
import verifiable.quorums
from verifiable.quorums import make_keystore

INPUT = REPOSITORY / "models" / "digits_input.npz"
NAMES = ("alder", "birch", "cedar")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program, three parties' keys, and the password of all."""
    folder = tmp_path_factory.mktemp("quorum")
    (folder / "password").write_text("correct horse\n")
    verifiable.compile(
        MODELS / "digits_mlp.onnx",
        calibration=MODELS / "digits_calibration.npz",
        output=folder / "program.onnx",
    )
    for index, name in enumerate(NAMES):
        make_keystore(
            name,
            keystore=folder / f"{name}.json",
            public=folder / f"{name}.member",
            password="correct horse",  # noqa: S106
            seed=bytes((index,)) * 32,
        )
    return folder


@pytest.fixture(scope="module")
def quorum(place: Path) -> Path:
    path = place / "quorum.key"
    made = verifiable.quorums.make_quorum([place / f"{name}.member" for name in NAMES], 2)
    path.write_bytes(made.encode())
    return path


def sign(cli, place: Path, quorum: Path, name: str, *more: object):
    return cli(
        "quorum", "sign", place / "program.onnx", "--input", INPUT, "--quorum", quorum,
        "--keystore", place / f"{name}.json", "--password-file", place / "password",
        "-o", place / f"{name}.signature", "--json", *more,
    )  # fmt: skip


def test_keygen_never_overwrites_a_key(cli, tmp_path: Path, place: Path) -> None:
    keystore = tmp_path / "k.json"
    arguments = ("quorum", "keygen", "dog rose", "--keystore", keystore, "-o", tmp_path / "m",
                 "--password-file", place / "password", "--json")  # fmt: skip
    ran = cli(*arguments)
    assert ran.code == 0, ran.err
    assert ran.document["name"] == "dog rose"
    assert stat.S_IMODE(keystore.stat().st_mode) == 0o600
    kept = keystore.read_bytes()
    again = cli(*arguments)
    assert again.code == 1
    assert again.document["error"]["code"] == "unwritable-file"
    assert keystore.read_bytes() == kept


def test_a_quorum_needs_possession(cli, tmp_path: Path, place: Path) -> None:
    member = json.loads((place / "alder.member").read_text())
    other = json.loads((place / "birch.member").read_text())
    member["possession"] = other["possession"]
    bad = tmp_path / "alder.member"
    bad.write_text(json.dumps(member, sort_keys=True, separators=(",", ":")) + "\n")
    ran = cli("quorum", "key", bad, place / "birch.member", "--threshold", 2,
              "-o", tmp_path / "q", "--json")  # fmt: skip
    assert (ran.code, ran.document["error"]["code"]) == (3, "possession-not-proven")
    assert not (tmp_path / "q").exists()


def test_parties_sign_and_combine(cli, place: Path, quorum: Path) -> None:
    first = sign(cli, place, quorum, "alder")
    assert first.code == 0, first.err
    digest = first.document["statement_digest"]
    second = sign(cli, place, quorum, "cedar", "--statement", digest)
    assert second.document["statement_digest"] == digest
    proof = place / "proof.json"
    combine = ("quorum", "combine", place / "program.onnx", "--input", INPUT, "--quorum", quorum,
               "-o", proof, "--json")  # fmt: skip
    few = cli(*combine, place / "alder.signature")
    assert (few.code, few.document["error"]["code"]) == (1, "threshold-not-met")
    other_use = cli(*combine, place / "alder.signature", "--context", "11" * 32)
    assert other_use.document["error"]["code"] == "statement-differs"
    made = cli(*combine, place / "alder.signature", place / "cedar.signature")
    assert made.code == 0, made.err
    verify = ("verify", proof, "--program", place / "program.onnx", "--json")
    ran = cli(*verify, "--quorum", quorum)
    assert (ran.code, ran.document["verdict"]) == (0, "proven")
    assert ran.document["statement_digest"] == digest
    assert cli(*verify).document["verdict"] == "not_proven"
    lock = place / "model.lock"
    assert cli("lock", place / "program.onnx", "--backend", "quorum", "--quorum", quorum,
               "-o", lock, "--quiet").code == 0  # fmt: skip
    policy = place / "policy.json"
    policy.write_bytes(verifiable.Policy(backends={"quorum": None}).encode())
    locked = cli("verify", proof, "--lock", lock, "--policy", policy, "--json")
    assert locked.document["verdict"] == "proven"
    unnamed = cli(
        "verify", proof, "--program", place / "program.onnx", "--policy", policy, "--json"
    )
    assert (unnamed.code, unnamed.document["verdict"]) == (3, "undecided")


def test_another_result_is_not_signed(cli, place: Path, quorum: Path) -> None:
    (place / "birch.signature").unlink(missing_ok=True)
    ran = sign(cli, place, quorum, "birch", "--statement", "11" * 32)
    assert (ran.code, ran.document["error"]["code"]) == (1, "statement-differs")
    assert not (place / "birch.signature").exists()


def test_proving_takes_secret_keys(cli, place: Path, quorum: Path) -> None:
    prove = ("prove", place / "program.onnx", "--input", INPUT, "-o", place / "p.json", "--json")
    without = cli(*prove, "--backend", "quorum", "--quorum", quorum)
    assert (without.code, without.document["error"]["code"]) == (1, "signers-needed")
    nobody = cli(*prove, "--backend", "quorum")
    assert nobody.document["error"]["code"] == "quorum-needed"
    elsewhere = cli(*prove, "--backend", "gkr", "--quorum", quorum)
    assert elsewhere.document["error"]["code"] == "unknown-option"
    held = cli(*prove, "--backend", "quorum", "--quorum", quorum,
               "--quorum-password-file", place / "password",
               "--quorum-secret", place / "alder.json",
               "--quorum-secret", place / "birch.json")  # fmt: skip
    assert held.code == 0, held.err


def test_qr_3_a_lock_of_somebody_with_a_rogue_key_is_not_registered(
    cli, tmp_path: Path, place: Path, quorum: Path
) -> None:
    program, lock = place / "program.onnx", tmp_path / "model.lock"
    made = cli("lock", program, "--backend", "quorum", "--quorum", quorum, "-o", lock)
    assert made.code == 0, made.err
    text = lock.read_text()
    honest = [json.loads((place / f"{name}.member").read_text())["possession"] for name in NAMES]
    here = [item.removeprefix("0x") for item in honest]
    assert all(item in text for item in here)
    lock.write_text(text.replace(here[0], here[1]))
    ran = cli("register", program, "--lock", lock, "--dry-run", "--json")
    assert ran.code != 0
    assert ran.document["error"]["code"] == "possession-not-proven"
