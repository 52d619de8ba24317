"""How commands fail: the exit code, one clear message, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sample_models import MODELS

from verifiable.backends.ezkl import child
from verifiable.cli import exits
from verifiable.cli.main import COMMANDS

INPUT = MODELS / "digits_input.npz"
CALIBRATION = MODELS / "digits_calibration.npz"


def test_help_of_every_command(cli) -> None:
    page = cli("--help")
    assert page.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in page.out
        own = cli(name, "--help")
        assert own.code == 0
        assert own.out.startswith("Usage: ")


def test_version(cli) -> None:
    ran = cli("--version")
    assert (ran.code, ran.out.split()[0]) == (0, "verifiable")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("prove",),
        ("verify", "proof.json", "--at", "yesterday"),
        ("verify", "proof.json", "--at", "2030-13-01T00:00:00Z"),
        ("compile", "model.onnx", "-o", "out.onnx", "--shape", "input=1,x"),
        ("compile", "model.onnx", "-o", "out.onnx", "--shape", "input=1", "--shape", "input=2"),
        ("compile", MODELS / "digits_mlp.onnx", "-o", "never-written.onnx"),
        ("explain", "no-such-code"),
        ("lock", "-o", "model.lock"),
    ],
)
def test_usage_is_2(cli, arguments: tuple[object, ...]) -> None:
    ran = cli(*arguments)
    assert ran.code == exits.USAGE
    assert ran.out == ""
    assert ran.err
    assert not Path("never-written.onnx").exists()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--input", CALIBRATION), "index-needed"),
        (("--input", CALIBRATION, "--index", 256), "no-such-row"),
        (("--input", INPUT, "--backend", "magic"), "unknown-backend"),
        (("--input", INPUT, "--insecure-local-setup", "--srs", "kzg.srs"), "two-setups"),
        (("--input", INPUT, "--context", "abc"), None),
    ],
)
def test_wrong_options_of_prove_are_2(
    cli, digits_program: Path, tmp_path: Path, options: tuple[object, ...], code: str | None
) -> None:
    output = tmp_path / "proof.json"
    ran = cli("prove", digits_program, "-o", output, *options)
    assert ran.code == exits.USAGE
    if code is not None:
        assert f"error [{code}]" in ran.err
    assert not output.exists()


def test_unreadable_files_are_3(cli, digits_program: Path, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\x00garbage")
    absent = tmp_path / "absent"
    for arguments in (
        ("verify", garbage),
        ("verify", absent),
        ("verify", garbage, "--lock", absent),
        ("inspect", garbage),
        ("estimate", garbage),
        ("run", garbage, "--input", INPUT),
        ("run", MODELS / "digits_mlp.onnx", "--input", INPUT),
        ("run", digits_program, "--input", garbage),
        ("srs", "import", garbage),
        ("explain", garbage),
    ):
        ran = cli(*arguments)
        assert ran.code == exits.UNREADABLE, (arguments, ran.err)
        assert ran.err.startswith("error ["), arguments
        assert ran.out == ""


def test_failed_work_is_1(cli, digits_program: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.npz"
    np.savez(bad, input=np.full((1, 1, 8, 8), 1e9, dtype=np.float32))
    refused = cli("run", digits_program, "--input", bad)
    assert refused.code == exits.FAILED
    assert (
        "error [out-of-range]: input[0, 0, 0, 0]: value 1000000000.0 is out of range" in refused.err
    )
    clipped = cli("run", digits_program, "--input", bad, "--saturate")
    assert clipped.code == exits.OK
    assert "warning: input values were clipped" in clipped.err
    nowhere = cli(
        "compile",
        MODELS / "digits_mlp.onnx",
        "--calibration",
        CALIBRATION,
        "-o",
        tmp_path / "no" / "folder.onnx",
    )
    assert nowhere.code == exits.FAILED
    assert "error [unwritable-file]" in nowhere.err


def test_errors_under_json_are_objects_on_stdout(cli, tmp_path: Path) -> None:
    ran = cli("verify", tmp_path / "absent.json", "--json")
    assert ran.code == exits.UNREADABLE
    error = ran.document["error"]
    assert error["code"] == "unreadable-file"
    assert error["where"].endswith("absent.json")
    assert set(error) == {"code", "what", "where", "why", "hint"}


def test_a_proof_about_nothing_that_is_trusted_is_undecided(cli, digits_mlp_proof) -> None:
    ran = cli("verify", digits_mlp_proof.proof_path, "--allow-insecure-setup", "--json")
    assert ran.code == exits.UNREADABLE
    assert ran.document["verdict"] == "undecided"
    assert ran.document["outputs"] is None


def test_a_missing_ezkl_is_2_with_what_to_install(
    cli, digits_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "verifiable.backends.ezkl.phases.run_child",
        lambda *_, **__: child.Ending(status="missing", message="No module named 'ezkl'"),
    )
    output = tmp_path / "proof.json"
    cache = tmp_path / "cache"
    ran = cli(
        "prove",
        digits_program,
        "--input",
        INPUT,
        "--insecure-local-setup",
        "--cache-dir",
        cache,
        "-o",
        output,
    )
    assert ran.code == exits.USAGE
    assert "pip install 'verifiable[ezkl]'" in ran.err
    assert not output.exists()
    assert not any(path.is_file() for path in cache.rglob("*"))


def test_all_reasons_at_once(cli, tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    path = tmp_path / "unsupported.onnx"
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Det", ["x"], ["d"], name="determinant"),
            helper.make_node("Sign", ["d"], ["s"], name="sign"),
        ],
        "unsupported",
        [value("x", TensorProto.FLOAT, [1, 4, 4])],
        [value("s", TensorProto.FLOAT, [1])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    rows = tmp_path / "rows.npz"
    np.savez(rows, x=np.ones((3, 4, 4), dtype=np.float32))
    ran = cli("compile", path, "--calibration", rows, "-o", tmp_path / "out.onnx", "--json")
    assert ran.code == exits.FAILED
    problems = ran.document["error"]["problems"]
    assert {problem["node"] for problem in problems} == {"determinant", "sign"}
    assert all(f"  - {problem['node']}" in ran.err for problem in problems)
    inspected = cli("inspect", path, "--json")
    assert inspected.code == exits.OK
    assert inspected.document["supported"] is False
    assert len(inspected.document["problems"]) == 2
    assert cli("estimate", path).code == exits.FAILED


def test_defects_have_no_traceback_unless_asked(
    shell, cli, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("broken on purpose")

    monkeypatch.setattr("verifiable.survey.inspect_model", broken)
    ran = cli("inspect", MODELS / "digits_mlp.onnx", "--json")
    assert ran.code == exits.FAILED
    assert ran.document["error"]["code"] == "internal-error"
    assert "ZeroDivisionError: broken on purpose" in ran.err
    with pytest.raises(AssertionError):  # the fixture itself asserts that there is no traceback
        cli("inspect", MODELS / "digits_mlp.onnx", env={"VERIFIABLE_DEBUG": "1"})


def test_texts_of_strangers_do_not_reach_the_terminal(
    cli, digits_mlp_proof, tmp_path: Path
) -> None:
    document = json.loads(digits_mlp_proof.proof_path.read_text())
    document["backend"] = "\x1b]0;owned\x07"
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(document, sort_keys=True, separators=(",", ":")))
    for arguments in (("verify", path), ("explain", path), ("verify", path, "--json")):
        ran = cli(*arguments)
        assert "\x1b" not in ran.out + ran.err, arguments
        assert "\x07" not in ran.out + ran.err, arguments
    assert "owned" in cli("verify", path).err + cli("verify", path).out
