"""`verifiable audit`: exit codes, and what is shown to people and to programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sample_models import MODELS

import verifiable
from verifiable.cli import exits
from verifiable.program.scales import decode_scales, encode_scales

MODEL = MODELS / "digits_mlp.onnx"


@pytest.fixture
def folder(tmp_path: Path, digits_program: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the program; the current one."""
    shutil.copy(digits_program, tmp_path / "mlp.program.onnx")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def locked(folder: Path, cli: Callable[..., Any]) -> Path:
    path = folder / "model.lock"
    words = ("--backend", "gkr", "--backend", "tee", "-o", path, "-q")
    assert cli("lock", "mlp.program.onnx", *words).code == 0
    return path


def forge(lock: Path, backend: str, field: str) -> None:
    document = json.loads(lock.read_text())
    fields = document["models"][0]["backends"][backend]
    fields[field] = fields[field][:-1] + ("0" if fields[field][-1] != "0" else "1")
    lock.write_text(json.dumps(document))


def test_all_equal(locked: Path, cli: Callable[..., Any]) -> None:
    ran = cli("audit", MODEL, "mlp.program.onnx", "--lock", locked)
    assert ran.code == exits.OK
    assert "COMMITMENTS EQUAL: 7 checks" in ran.out
    assert "gkr key: 0x" in ran.out
    assert "deriving the gkr key (about" in ran.err
    quiet = cli("audit", MODEL, "mlp.program.onnx", "--lock", locked, "--json", "-q")
    assert quiet.err == ""
    assert quiet.document["commitments"] == quiet.document["result"].replace("passed", "equal")
    assert [item["backend"] for item in quiet.document["keys"]] == ["gkr", "tee"]
    assert all(item["ok"] for item in quiet.document["checks"])


def test_a_difference_is_1_and_names_the_place(locked: Path, cli: Callable[..., Any]) -> None:
    forge(locked, "gkr", "vk")
    ran = cli("audit", MODEL, "mlp.program.onnx", "--lock", locked)
    assert ran.code == exits.FAILED
    assert "DIFFERS: AU-7 locked key derived again (lock, gkr) [audited-key-differs]" in ran.out
    assert "expected: gkr vk: " in ran.out
    assert "COMMITMENTS DIFFERENT" in ran.out
    other = cli("audit", MODELS / "digits_cnn.onnx", "mlp.program.onnx", "--lock", locked)
    assert other.code == exits.FAILED
    assert "node 0 (MatMul '/1/Gemm'): MatMul, and Conv derived" in other.out
    assert "not compared: AU-7" in other.out
    assert "another one than PROGRAM says" in other.out


def test_a_key_that_is_left_out_is_3(locked: Path, cli: Callable[..., Any]) -> None:
    ran = cli("audit", MODEL, "mlp.program.onnx", "--lock", locked, "--backends", "tee")
    assert ran.code == exits.UNREADABLE
    assert "gkr key: not derived (about" in ran.out
    assert "left out by the caller" in ran.out
    assert "COMMITMENTS UNDECIDED" in ran.out
    both = cli("audit", MODEL, "mlp.program.onnx", "--lock", locked, "--backends", "tee, gkr")
    assert both.code == exits.OK


def test_the_floor_has_no_part_in_commitments(folder: Path, cli: Callable[..., Any]) -> None:
    data = ("--data", MODELS / "digits_test.npz")
    ran = cli("audit", MODEL, "mlp.program.onnx", *data, "--floor", 9700)
    assert ran.code == exits.OK
    assert "right: float model 444, program 444, of 450" in ran.out
    assert "against the float model, 450 rows:" in ran.out
    program = verifiable.load_program("mlp.program.onnx")
    scales = decode_scales(program.metadata["scales"])
    coarser = {name: replace(item, scale=item.scale * 256) for name, item in scales.items()}
    verifiable.compile(MODEL, scales=encode_scales(coarser), output="coarse.program.onnx")
    ran = cli("audit", MODEL, "coarse.program.onnx", *data, "--floor", 9700)
    assert ran.code == exits.FAILED
    assert "COMMITMENTS EQUAL: 5 checks; the floor of agreement is not reached" in ran.out
    ran = cli("audit", MODEL, "coarse.program.onnx", *data)
    assert ran.code == exits.OK


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "nothing-to-audit"),
        (("mlp.program.onnx", "--floor", 9700), "floor-without-data"),
        (("mlp.program.onnx", "--backends", "unheard-of"), "unknown-backend"),
        (("mlp.program.onnx", "--record", "11" * 32), "registry-needed"),
        (("mlp.program.onnx", "--backends", "gkr,"), "NAME,NAME"),
        (("mlp.program.onnx", "--floor", 0), "--floor"),
    ],
)
def test_usage_is_2(
    folder: Path, cli: Callable[..., Any], words: tuple[object, ...], told: str
) -> None:
    ran = cli("audit", MODEL, *words)
    assert ran.code == exits.USAGE
    assert told in ran.err


def test_a_float_model_and_a_lock_alone_is_2(locked: Path, cli: Callable[..., Any]) -> None:
    ran = cli("audit", MODEL, "--lock", locked)
    assert ran.code == exits.USAGE
    assert "audit-needs-scales" in ran.err


def test_what_cannot_be_read_is_3(locked: Path, cli: Callable[..., Any]) -> None:
    locked.write_text("{}")
    for words in (
        (MODEL, "mlp.program.onnx", "--lock", locked),
        (MODEL, "nowhere.onnx"),
        ("nowhere.onnx", "mlp.program.onnx"),
        (MODEL, MODEL),
        ("mlp.program.onnx", "mlp.program.onnx"),
    ):
        assert cli("audit", *words).code == exits.UNREADABLE


def test_a_record_on_chain(folder: Path, locked: Path, cli: Callable[..., Any]) -> None:
    registered = cli("register", "mlp.program.onnx", "--lock", locked, "--yes", "--json")
    record = registered.document["record"]
    words = ("audit", MODEL, "mlp.program.onnx", "--registry", "local:chain.db", "--record", record)
    ran = cli(*words, "--allow-local-chain", "--json")
    assert ran.code == exits.OK
    compared = {item["backend"] for item in ran.document["checks"] if item["id"] == "AU-8"}
    assert compared == {"gkr", "tee"}
    refused = cli(*words)
    assert refused.code == exits.FAILED
    assert "[local-chain]" in refused.out
