"""stdout is the result and stderr the talk; terminals get colour, pipes never; Ctrl-C is clean."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sample_models import MODELS, REPOSITORY

COMMAND = [sys.executable, "-c", "from verifiable.cli.main import main; main()"]
ANSI = "\x1b["


def test_stdout_is_one_json_object_for_every_command(cli, digits_mlp_proof, tmp_path: Path) -> None:
    program, proof = digits_mlp_proof.program_path, digits_mlp_proof.proof_path
    model, rows = MODELS / "digits_mlp.onnx", MODELS / "digits_calibration.npz"
    for arguments in (
        ("inspect", model),
        ("estimate", model),
        ("estimate", program),
        ("compile", model, "--calibration", rows, "-o", tmp_path / "out.onnx"),
        ("setup", program, "--backend", "ezkl", "--insecure-local-setup"),
        ("run", program, "--input", MODELS / "digits_input.npz"),
        ("lock", program, "--backend", "ezkl", "--insecure-local-setup", "-o", tmp_path / "lock"),
        ("verify", proof, "--program", program, "--allow-insecure-setup"),
        ("verify", proof, "--at", "2030-01-31T12:00:00Z"),
        ("explain", "EZ-9"),
        ("explain", "out-of-range"),
        ("explain", proof),
        ("srs", "list"),
        ("cache", "list"),
        ("doctor",),
    ):
        document = cli(*arguments, "--json").document
        assert isinstance(document, dict), arguments
        quiet = cli(*arguments, "--json", "--quiet")
        assert "error" not in document
        assert quiet.err == "", arguments


def test_pipes_get_no_colour_and_no_animation(shell, digits_mlp_proof) -> None:
    ran = shell("verify", digits_mlp_proof.proof_path, "--program", digits_mlp_proof.program_path)
    assert ran.code == 1
    assert ANSI not in ran.out + ran.err
    assert "\r" not in ran.out + ran.err
    assert "NOT PROVEN" not in ran.err


def buffered() -> dict[str, str]:
    """This environment with the buffers that users have: they fail once more on leaving."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def ended(redirection: str, *arguments: object) -> tuple[int, str]:
    """The exit code and the stderr of a command under a redirection of the shell's."""
    words = " ".join(map(shlex.quote, [*COMMAND, *map(str, arguments)]))
    done = subprocess.run(
        ["/bin/sh", "-c", f"{words} {redirection}"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=buffered(),
        timeout=120,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the full device is a Linux thing")
@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_result_that_cannot_be_written_is_one_line_and_no_success(
    digits_mlp_proof, redirection: str, as_json: tuple[str, ...]
) -> None:
    made = digits_mlp_proof
    for arguments, expected in (
        (("verify", made.proof_path, "--program", made.program_path, "--allow-insecure-setup"), 3),
        (("explain", "EZ-9"), 1),
        (("--help",), 1),
    ):
        options = () if arguments == ("--help",) else ("-q", *as_json)
        code, err = ended(redirection, *arguments, *options)
        assert code == expected, err
        assert err.startswith("error ["), err
        assert len(err.splitlines()) == 1, err


@pytest.mark.skipif(sys.platform == "win32", reason="broken pipes are a POSIX thing")
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_reader_who_left_gets_no_complaint_and_no_verdict(
    digits_mlp_proof, as_json: tuple[str, ...]
) -> None:
    """Above all not the exit code of a false proof."""
    made = digits_mlp_proof
    proven = ("verify", made.proof_path, "--program", made.program_path, "--allow-insecure-setup")
    for arguments, expected in ((proven, 3), (("explain", "EZ-9"), 1)):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [*COMMAND, *map(str, arguments), "--quiet", *as_json],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            env=buffered(),
            timeout=120,
            check=False,
        )
        os.close(writer)
        assert (done.returncode, done.stderr) == (expected, "")


@pytest.mark.skipif(sys.platform == "win32", reason="the shell's redirections are a POSIX thing")
def test_a_closed_stderr_changes_nothing_else(digits_mlp_proof, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, _ = ended(f">{shlex.quote(str(out))} 2>&-", "explain", "EZ-9")
    assert code == 0
    assert out.read_text().startswith("EZ-9")


def on_terminal(*arguments: object, env: dict[str, str] | None = None) -> str:
    """What a command writes when stdout and stderr are a terminal."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **(env or {})}
    environment.pop("NO_COLOR", None) if env is None else None
    process = subprocess.Popen(
        COMMAND + [str(item) for item in arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment,
        cwd=REPOSITORY,
    )
    os.close(follower)
    chunks = []
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:  # the other side is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    process.wait(60)
    os.close(leader)
    return b"".join(chunks).decode("utf-8", "replace")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are a POSIX thing")
def test_terminals_get_colour_unless_it_is_unwanted(digits_mlp_proof) -> None:
    arguments = ("verify", digits_mlp_proof.proof_path, "-q")
    assert f"{ANSI}1;3" in on_terminal(*arguments)  # bold and a colour
    plain = on_terminal(*arguments, env={"NO_COLOR": "1"})
    assert f"{ANSI}1;3" not in plain
    assert f"{ANSI}3" not in plain


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are a POSIX thing")
def test_terminals_see_progress(digits_program: Path, tmp_path: Path) -> None:
    shown = on_terminal(
        "compile",
        MODELS / "digits_mlp.onnx",
        "--calibration",
        MODELS / "digits_calibration.npz",
        "-o",
        tmp_path / "out.onnx",
    )
    assert "accuracy" in shown
    assert (tmp_path / "out.onnx").read_bytes() == digits_program.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is a POSIX thing")
def test_ctrl_c_leaves_nothing_behind(digits_program: Path, tmp_path: Path) -> None:
    pytest.importorskip("ezkl", reason="proofs need the extra `ezkl`")
    cache, output = tmp_path / "cache", tmp_path / "proof.json"
    process = subprocess.Popen(
        [
            *COMMAND,
            "prove",
            str(digits_program),
            "--input",
            str(MODELS / "digits_input.npz"),
            "--backend",
            "ezkl",
            "--insecure-local-setup",
            "--cache-dir",
            str(cache),
            "-o",
            str(output),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("srs:"):
            break
    time.sleep(0.3)  # inside the child process's work
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert "cancelled" in err
    assert not output.exists()
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert left in ([], [".verifiable-cache"])  # the mark that the folder is a cache


def test_a_keyboard_interrupt_is_one_line(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("verifiable.survey.inspect_model", interrupted)
    ran = cli("inspect", MODELS / "digits_mlp.onnx")
    assert ran.code == 130
    assert ran.err == "interrupted: nothing was written\n"
