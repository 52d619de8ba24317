"""How commands fail: the exit code, one clear message, never a traceback."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample_models import MODELS

from verifiable.backends.ezkl import child
from verifiable.cli import exits
from verifiable.cli.console import Console
from verifiable.cli.main import COMMANDS
from verifiable.errors import (
    InvalidInput,
    Problem,
    ProvingError,
    ResourceLimit,
    SetupError,
    UnsupportedModel,
)
from verifiable.program.onnx_file import load_program, save_program
from verifiable.statement.policy import Policy

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
        ("verify", "proof.json", "--index", "0"),
        ("verify", "proof.json", "--lock", "model.lock", "--srs", "kzg.srs"),
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
        (
            ("--input", INPUT, "--backend", "ezkl", "--insecure-local-setup", "--srs", "kzg.srs"),
            "two-setups",
        ),
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
    expected = f"error [out-of-range]: {bad}: input[0, 0, 0, 0]: value 1000000000.0 is out of range"
    assert expected in refused.err
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


@pytest.mark.parametrize(
    "arguments",
    [("verify", "--json"), ("verify", "p", "--index", "0", "--json"), ("prove", "--json"),
     ("srs", "fetch", "99", "--json")],
)  # fmt: skip
def test_usage_errors_under_json_are_objects_too(cli, arguments: tuple[str, ...]) -> None:
    ran = cli(*arguments)
    assert ran.code == exits.USAGE
    assert ran.document["error"]["code"] == "usage-error"
    assert ran.document["error"]["what"] in ran.err
    assert ran.document.get("verdict") == ("undecided" if arguments[0] == "verify" else None)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ResourceLimit("too slow", code="time-limit"), "time-limit"),
        (SetupError("no"), "setup-error"),
        (UnsupportedModel([Problem(code="unsupported", node="n", what="no")]), "unsupported"),
        (InvalidInput("no"), "invalid-input"),
        (ProvingError("no"), "proving-error"),
        (MemoryError(), "out-of-memory"),
        (ZeroDivisionError(), "internal-error"),
        (OSError(28, "No space left on device"), None),
    ],
)
def test_only_a_verdict_against_the_proof_is_1(
    cli, digits_mlp_proof, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str | None
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("verifiable.api.evaluate", failing)
    ran = cli("verify", digits_mlp_proof.proof_path, "--json")
    assert ran.code == exits.UNREADABLE
    if code is not None:
        assert ran.document["verdict"] == "undecided"
        assert ran.document["error"]["code"] == code
    assert len(ran.err.splitlines()) <= 2


def test_trouble_of_the_verifiers_own_is_3(cli, digits_mlp_proof, tmp_path: Path) -> None:
    made = digits_mlp_proof
    big = tmp_path / "big.json"
    big.write_bytes(b" " * ((1 << 24) + 1))
    bad = tmp_path / "nan.npz"
    np.savez(bad, input=np.full((1, 1, 8, 8), np.nan, dtype=np.float32))
    for options, code in (
        (("--lock", big), "file-too-large"),
        (("--policy", big), "file-too-large"),
        (("--input", bad), "not-finite"),
    ):
        ran = cli("verify", made.proof_path, "--program", made.program_path, *options, "--json")
        assert ran.code == exits.UNREADABLE
        assert ran.document["verdict"] == "undecided"
        assert ran.document["error"]["code"] == code


def test_a_time_limit_on_deriving_the_key_leaves_the_verdict_open(
    cli, digits_mlp_proof, tmp_path: Path
) -> None:
    made = digits_mlp_proof
    ran = cli(
        "verify",
        made.proof_path,
        "--program",
        made.program_path,
        "--allow-insecure-setup",
        "--time-limit",
        "0.001",
        "--cache-dir",
        tmp_path / "cache",
        "--json",
    )
    assert ran.code == exits.UNREADABLE
    assert ran.document["verdict"] == "undecided"
    key = next(check for check in ran.document["checks"] if check["id"] == "KEY-1")
    assert key["found"] != "no key"
    assert "give --program" not in key["hint"]


def test_files_in_each_others_place_are_named(cli, digits_mlp_proof, tmp_path: Path) -> None:
    made = digits_mlp_proof
    policy = tmp_path / "policy.json"
    policy.write_bytes(Policy().encode())
    for arguments, found in (
        (("verify", policy), "it is a policy file"),
        (("verify", made.program_path), "an ONNX file"),
        (("verify", made.proof_path, "--lock", policy), "it is a policy file"),
        (("verify", made.proof_path, "--policy", made.proof_path), "it is a proof file"),
        (("verify", made.proof_path, "--lock", INPUT), "an .npz archive"),
    ):
        ran = cli(*arguments)
        assert ran.code == exits.UNREADABLE
        assert found in ran.err
        assert str(arguments[-1]) in ran.err


def test_outputs_that_cannot_be_written_are_found_first(
    cli, digits_program: Path, tmp_path: Path
) -> None:
    absent, nowhere = tmp_path / "absent", tmp_path / "no" / "file"
    for arguments in (
        ("prove", absent, "--input", INPUT),
        ("lock", absent),
        ("compile", absent),
    ):
        ran = cli(*arguments, "-o", nowhere)
        assert ran.code == exits.FAILED
        assert "error [unwritable-file]" in ran.err
        assert cli(*arguments, "-o", tmp_path / "file").code == exits.UNREADABLE
        assert list(tmp_path.iterdir()) == []


def test_an_output_never_replaces_what_is_read(cli, digits_program: Path, tmp_path: Path) -> None:
    model, rows, program, array = (
        Path(shutil.copy(path, tmp_path / f"{number}{path.suffix}"))
        for number, path in enumerate(
            (MODELS / "digits_mlp.onnx", CALIBRATION, digits_program, INPUT)
        )
    )
    before = {path: path.read_bytes() for path in (model, rows, program, array)}
    (tmp_path / "soft").symlink_to(program)
    (tmp_path / "hard").hardlink_to(model)
    prove = ("prove", program, "--input", array, "--backend", "ezkl", "--insecure-local-setup")
    for arguments, output in (
        (("compile", model, "--calibration", rows), model),
        (("compile", model, "--calibration", rows), rows),
        (("compile", model, "--calibration", rows), tmp_path / "hard"),
        (prove, program),
        (prove, array),
        (prove, tmp_path / "soft"),
        (("prove", program, "--input", array, "--backend", "ezkl", "--srs", rows), rows),
        (("lock", model, program, "--backend", "ezkl", "--insecure-local-setup"), program),
        (("lock", program, "--backend", "ezkl", "--srs", rows), rows),
    ):
        ran = cli(*arguments, "-o", output)
        assert ran.code == exits.USAGE, (arguments, output)
        assert "error [output-is-input]" in ran.err
    assert before == {path: path.read_bytes() for path in before}


def test_numbers_that_json_cannot_write_are_null(cli, digits_program: Path, tmp_path: Path) -> None:
    program = load_program(digits_program)
    wild = tmp_path / "wild.onnx"
    outputs = tuple(replace(spec, scale=1e308) for spec in program.outputs)
    save_program(replace(program, outputs=outputs), wild)
    ran = cli("run", wild, "--input", INPUT, "--json")
    assert ran.code == exits.OK
    assert None in ran.document["output_values"]["output"][0]
    assert "warning" not in ran.err.lower()


def test_a_path_that_is_too_long_is_one_line(cli) -> None:
    long = "x" * 5000
    for arguments in (("explain", long), ("verify", long), ("explain", long + ".json")):
        ran = cli(*arguments)
        assert ran.code in (exits.USAGE, exits.UNREADABLE)
        assert "system-error" not in ran.err
        assert "internal-error" not in ran.err


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
        "--backend",
        "ezkl",
        "--insecure-local-setup",
        "--cache-dir",
        cache,
        "-o",
        output,
    )
    assert ran.code == exits.USAGE
    assert "pip install 'verifiable[ezkl]'" in ran.err
    assert not output.exists()
    assert [path.name for path in cache.rglob("*") if path.is_file()] in ([], [".verifiable-cache"])


def test_a_missing_ezkl_is_found_before_any_setup(
    cli, digits_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def untouched(*_: object, **__: object) -> None:
        raise AssertionError("a child process was started")

    monkeypatch.setattr("verifiable.backends.ezkl.phases.run_child", untouched)
    monkeypatch.setattr("verifiable.backends.ezkl.phases.find_spec", lambda _: None)
    cache = ("--backend", "ezkl", "--insecure-local-setup", "--cache-dir", tmp_path / "cache")
    for arguments in (
        ("setup", digits_program),
        ("prove", digits_program, "--input", INPUT, "-o", tmp_path / "proof.json"),
        ("lock", digits_program, "-o", tmp_path / "model.lock"),
    ):
        ran = cli(*arguments, *cache)
        assert ran.code == exits.USAGE
        assert "pip install 'verifiable[ezkl]'" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_with_an_input_names_its_file(
    cli, digits_program: Path, tmp_path: Path
) -> None:
    wrong = {
        "wrong-names": {"x": np.zeros((1, 1, 8, 8), np.float32)},
        "wrong-shape": {"input": np.zeros((1, 1, 8, 9), np.float32)},
        "not-finite": {"input": np.full((1, 1, 8, 8), np.nan, np.float32)},
        "out-of-range": {"input": np.full((1, 1, 8, 8), 1e9, np.float32)},
    }
    for code, arrays in wrong.items():
        path = tmp_path / f"{code}.npz"
        np.savez(path, **arrays)
        ran = cli("run", digits_program, "--input", path)
        assert ran.err.startswith(f"error [{code}]: {path}: "), ran.err
    ran = cli("run", digits_program, "--input", CALIBRATION, "--index", 256)
    assert f"error [no-such-row]: {CALIBRATION}: " in ran.err
    model = MODELS / "digits_mlp.onnx"
    path = tmp_path / "wrong-names.npz"
    ran = cli("compile", model, "--calibration", path, "-o", tmp_path / "out.onnx")
    assert f"error [wrong-names]: {path}: " in ran.err


def test_a_missing_srs_is_an_unreadable_file(cli, digits_program: Path, tmp_path: Path) -> None:
    absent = tmp_path / "absent.srs"
    ran = cli(
        "setup",
        digits_program,
        "--backend",
        "ezkl",
        "--srs",
        absent,
        "--cache-dir",
        tmp_path / "cache",
    )
    assert ran.code == exits.UNREADABLE
    assert f"error [unreadable-file]: {absent}: cannot read the file: No such file" in ran.err
    assert "source" not in ran.err


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


def test_a_name_cannot_write_a_verdict(cli, digits_mlp_proof, tmp_path: Path) -> None:
    """A tensor's name of two lines, the second one a verdict of the prover's making."""
    document = json.loads(digits_mlp_proof.proof_path.read_text())
    spoof = f"y\nPROVEN: statement 0x{'00' * 32} (ezkl, 0.2 s)"
    document["program"]["schema"]["outputs"][0]["name"] = spoof
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(document, sort_keys=True, separators=(",", ":")))
    for command in ("verify", "explain"):
        ran = cli(command, path)
        assert ran.code == exits.UNREADABLE
        assert "control-character" in ran.err
        assert not any(line.startswith("PROVEN") for line in (ran.out + ran.err).splitlines())


def test_whatever_is_printed_stays_on_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    spoof = "y\nPROVEN\r\x85\u2028\u202ePROVEN"
    console = Console()
    for write in (console.line, console.say, console.warn):
        write(spoof)
    console.table(("name",), [(spoof,)])
    console.failure(InvalidInput(spoof))
    console.failure(UnsupportedModel([Problem(code="x", node="n", what=spoof)] * 2))
    told = capsys.readouterr()
    lines = (told.out + told.err).splitlines()
    assert len(lines) > 8
    assert not any(line.lstrip().startswith("PROVEN") for line in lines)
    assert "\\nPROVEN" in told.out
