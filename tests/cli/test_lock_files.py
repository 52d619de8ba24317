"""`verifiable lock --files`: what it writes passes, and what it cannot keep it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from check_kit import MODEL, PROOF, lock_of, pin_of
from sample_models import MODELS

from verifiable.cli import exits
from verifiable.integrity.hashing import PROGRAM_MARK
from verifiable.program.onnx_encode import PRODUCER

Cli = Callable[..., Any]
LOCK = ("lock", MODEL, "-q", "-o", "model.lock")


def test_what_is_pinned(repository: Path) -> None:
    (entry,) = lock_of(repository)["models"]
    assert entry["file"] == pin_of(repository, MODEL)
    assert entry["golden"][0]["input"] == pin_of(repository, "models/digits_input.npz")
    assert entry["golden"][0]["row"] == 0
    proof = json.loads((repository / PROOF).read_text())
    assert entry["golden"][0]["output_root"] == proof["statement"]["output_root"]
    assert entry["accuracy"]["floor_basis_points"] == 9000
    assert entry["proofs"] == [pin_of(repository, PROOF)]


def test_without_files_a_lock_is_what_it_was(repository: Path, cli: Cli) -> None:
    assert cli(*LOCK).code == 0
    assert not {"file", "golden", "accuracy", "proofs"} & set(lock_of(repository)["models"][0])
    assert len((repository / "model.lock").read_bytes().splitlines()) == 1


def test_all_rows_become_vectors(repository: Path, cli: Cli) -> None:
    data = np.load(MODELS / "digits_test.npz")["input"]
    np.savez("models/some.npz", input=data[:3])
    ran = cli(*LOCK, "--files", "--golden", "digits_mlp=models/some.npz")
    assert ran.code == 0, ran.err
    vectors = lock_of(repository)["models"][0]["golden"]
    assert [item["row"] for item in vectors] == [0, 1, 2]
    assert cli("check", "-q", "--level", "golden").code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--golden", "models/digits_input.npz"), None),
        (("--files", "--accuracy", "models/digits_test.npz"), None),
        (("--files", "--golden", "other=models/digits_input.npz"), "unknown-model"),
        (("--files", "--golden", "models/digits_rows.npz"), "too-many-vectors"),
        (("--files", "--accuracy", "models/digits_test.npz@10000"), "floor-not-reached"),
        (("--files", "--golden", str(MODELS / "digits_input.npz")), "outside-of-the-lock"),
    ],
)
def test_what_cannot_be_pinned_is_2(
    repository: Path, cli: Cli, arguments: tuple[str, ...], code: str | None
) -> None:
    data = np.load(MODELS / "digits_test.npz")["input"]
    np.savez("models/digits_rows.npz", input=data[:65])
    before = (repository / "model.lock").read_bytes()
    ran = cli(*LOCK, *arguments)
    assert ran.code == exits.USAGE, ran.err
    if code is not None:
        assert f"error [{code}]" in ran.err
    assert (repository / "model.lock").read_bytes() == before


def test_labels_are_needed(repository: Path, cli: Cli) -> None:
    ran = cli(*LOCK, "--files", "--accuracy", "models/digits_input.npz@1")
    assert ran.code == exits.UNREADABLE
    assert "error [labels-missing]" in ran.err


def test_a_proof_of_no_program_of_the_lock(repository: Path, cli: Cli) -> None:
    proof = json.loads((repository / PROOF).read_text())
    proof["statement"]["program_root"] = "0x" + "11" * 32
    Path("models/other.json").write_text(json.dumps(proof))
    ran = cli(*LOCK, "--files", "--pin-proof", "models/other.json")
    assert ran.code == exits.FAILED
    assert "error [proof-of-another-model]" in ran.err


def test_the_mark_is_the_one_that_compile_writes(repository: Path) -> None:
    assert b"\x12" + bytes((len(PRODUCER),)) + PRODUCER.encode() == PROGRAM_MARK
    assert (repository / MODEL).read_bytes()[2:].startswith(PROGRAM_MARK)
    shutil.copy(MODELS / "digits_mlp.onnx", "float.onnx")
    assert not Path("float.onnx").read_bytes()[2:].startswith(PROGRAM_MARK)
