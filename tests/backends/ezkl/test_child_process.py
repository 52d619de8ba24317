"""ezkl's child process: every way in which it can end becomes a typed error with its phase."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from verifiable.backends.base import Options
from verifiable.backends.ezkl import child
from verifiable.backends.ezkl.child import run_child
from verifiable.backends.ezkl.format import EZKL_VERSION
from verifiable.backends.ezkl.phases import Phases
from verifiable.errors import (
    Cancelled,
    MissingDependency,
    ProvingError,
    ResourceLimit,
    VerifiableError,
)
from verifiable.progress import Cancellation, ProgressEvent

# Stands in for ezkl in the child: the function's name is how it misbehaves.
FAKE_EZKL = """
import json, os, signal, sys, time
FULL = "[io] failed: No space left on device (os error 28)"
class PanicException(BaseException): pass
def verify(proof, settings, vk, srs):
    print("noise on stdout"); sys.stdout.flush()
    os.write(1, b"noise on the file descriptor")
    kind = open("vk.key").read()
    if kind == "panic": raise PanicException("index out of bounds")
    if kind == "raise": print("[tensor] too large", file=sys.stderr); raise RuntimeError("no luck")
    if kind == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if kind == "abort": os.write(2, b"memory allocation of 64 bytes failed"); os.abort()
    if kind == "sleep": time.sleep(60)
    if kind == "slow": time.sleep(1.5)
    if kind == "home": assert os.environ["HOME"] == os.getcwd()
    if kind == "none": return None
    if kind == "full": raise RuntimeError(FULL)
    if kind == "full for python": open("/dev/full", "w").write("x" * 9999)
    if kind == "no result": os.symlink("/dev/full", "result.part")
    if kind == "no words": os.symlink("/dev/full", "result.part"); os.close(2)
    return True
"""


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a job, whose child finds the fake library first."""
    library = tmp_path / "library"
    library.mkdir()
    (library / "ezkl.py").write_text(FAKE_EZKL)
    genuine = child._environment()

    def environment() -> dict[str, str]:
        return {**genuine, "PYTHONPATH": f"{library}{os.pathsep}{genuine['PYTHONPATH']}"}

    monkeypatch.setattr(child, "_environment", environment)
    folder = tmp_path / "job"
    folder.mkdir()
    return folder


def job(folder: Path, kind: str) -> dict[str, object]:
    (folder / "vk.key").write_text(kind)
    return {
        "job": "verify",
        "inputs": [],
        "hashed": False,
        "outputs": [],
        "proof": [1, 2],
        "settings": "settings.json",
        "vk": "vk.key",
        "srs": "kzg.srs",
    }


def phases(folder: Path, **options: object) -> Phases:
    return Phases(
        folder=folder,
        options=Options(cache_dir=folder, **options),
        error=ProvingError,
    )


def test_a_result_comes_back_and_noise_does_not(
    fake: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    ending = run_child(job(fake, "fine"), fake, limit_s=60)
    assert ending.status == "ok"
    assert ending.value == {"accepted": True}
    assert ending.peak_rss_bytes > 1 << 20
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_only_true_counts_as_accepted(fake: Path) -> None:
    assert run_child(job(fake, "none"), fake, limit_s=60).value["accepted"] is False


@pytest.mark.parametrize(
    ("kind", "error", "code", "words"),
    [
        ("panic", ProvingError, "ezkl-panic", "index out of bounds"),
        ("raise", ProvingError, "ezkl-error", "[tensor] too large"),
        ("kill", ResourceLimit, "process-killed", "signal 9"),
        ("abort", ResourceLimit, "process-killed", "memory allocation of 64 bytes failed"),
    ],
)
def test_failures_become_typed_errors(
    kind: str, error: type[VerifiableError], code: str, words: str, fake: Path
) -> None:
    with pytest.raises(error) as caught:
        phases(fake).run("prove", "proving", job(fake, kind))
    assert caught.value.code == code
    assert words in caught.value.why
    assert caught.value.where == "ezkl, phase prove"
    assert caught.value.hint


def test_the_time_limit_ends_the_child(fake: Path) -> None:
    with pytest.raises(ResourceLimit) as caught:
        phases(fake, time_limit_s=0.5).run("prove", "proving", job(fake, "sleep"))
    assert caught.value.code == "time-limit"


def test_cancelling_ends_the_child(fake: Path) -> None:
    cancel = Cancellation()
    threading.Timer(0.6, cancel.cancel).start()
    with pytest.raises(Cancelled):
        phases(fake, cancel=cancel).run("prove", "proving", job(fake, "sleep"))


def test_an_interrupt_ends_the_child(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    children: list[int] = []

    class Watched(subprocess.Popen[bytes]):
        def kill(self) -> None:
            super().kill()
            children.append(self.wait())

    monkeypatch.setattr(subprocess, "Popen", Watched)

    def interrupt(peak: int) -> None:
        started.append(peak)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_child(job(fake, "sleep"), fake, limit_s=None, tick=interrupt)
    assert len(started) == 1
    assert children == [-signal.SIGKILL]


def test_progress_comes_at_least_once_a_second(fake: Path) -> None:
    events: list[ProgressEvent] = []
    phases(fake, progress=events.append).run("prove", "proving", job(fake, "slow"), estimate_s=2.0)
    times = [event.elapsed_s for event in events]
    assert times == sorted(times)
    assert max(b - a for a, b in itertools.pairwise(times)) < 1.0
    assert len(events) >= 3
    assert events[0].fraction == 0.0
    assert events[-1].fraction == 1.0
    assert {event.phase for event in events} == {"prove"}


def test_a_missing_package_is_named(fake: Path) -> None:
    (fake.parent / "library" / "ezkl.py").write_text("raise ImportError('no ezkl here')")
    with pytest.raises(MissingDependency) as caught:
        phases(fake).run("prove", "proving", job(fake, "fine"))
    assert "verifiable[ezkl]" in caught.value.hint


@pytest.mark.parametrize("home", [None, "/nonexistent"])
def test_home_is_set_for_ezkl(
    home: str | None, fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = child._environment()
    environment.pop("HOME", None)
    if home is not None:
        environment["HOME"] = home
    monkeypatch.setattr(child, "_environment", lambda: environment)
    assert run_child(job(fake, "home"), fake, limit_s=60).status == "ok"


# -- what the disk refuses -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["full", "full for python", "no result", "no words"])
def test_a_full_disk_is_not_taken_for_another_fault(kind: str, fake: Path) -> None:
    if kind != "full" and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(ResourceLimit) as caught:
        phases(fake).run("keys", "deriving", job(fake, kind))
    assert caught.value.code == "unwritable-cache"
    assert "ezkl, phase keys" in caught.value.where
    assert "memory" not in str(caught.value)
    assert "No space left" in caught.value.why


def test_a_folder_that_vanished_is_a_typed_error(fake: Path) -> None:
    described = job(fake, "fine")
    with pytest.raises(ResourceLimit) as caught:
        phases(fake / "absent").run("keys", "deriving", described)
    assert caught.value.code == "unwritable-cache"


# -- the end of the parent -----------------------------------------------------------------------

PARENT = """
import sys
from pathlib import Path
from verifiable.backends.ezkl import child
genuine = child._environment()
child._environment = lambda: {**genuine, "PYTHONPATH": sys.argv[2]}
child.run_child(eval(sys.argv[3]), Path(sys.argv[1]), limit_s=None, tick=lambda peak: print(peak))
"""


def _ended(pid: int, within_s: float) -> bool:
    """Whether a process that is nobody's child here ends in time; a zombie has ended."""
    for _ in range(int(within_s / 0.05)):
        try:
            status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if status == "Z":
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("way", ["system", "watch"])
def test_the_child_does_not_outlive_its_parent(
    way: str, ending: signal.Signals, fake: Path, tmp_path: Path
) -> None:
    path = child._environment()["PYTHONPATH"]
    if way == "watch":  # as on systems that cannot tie a process to its parent
        (tmp_path / "library" / "ctypes.py").write_text(
            "class CDLL:\n    def __init__(self, name): self.prctl = lambda *words: 0\n"
        )
    command = [sys.executable, "-c", PARENT, str(fake), path, repr(job(fake, "sleep"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        for _ in range(200):
            children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
            if children and (fake / "proof.json").exists():
                break
            time.sleep(0.05)
        (pid,) = map(int, children)
        assert not _ended(pid, 0.3)
        parent.send_signal(ending)
        parent.wait()
        assert _ended(pid, 10)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_ctrl_c_reaches_the_caller_and_ends_the_child(fake: Path) -> None:
    path = child._environment()["PYTHONPATH"]
    # A shell starts work in the background with the signal ignored, and children inherit that.
    script = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{PARENT}"
    command = [sys.executable, "-c", script, str(fake), path, repr(job(fake, "sleep"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        while not (fake / "proof.json").exists():
            time.sleep(0.05)
        parent.send_signal(signal.SIGINT)
        _, words = parent.communicate(timeout=10)
    assert parent.returncode == -signal.SIGINT
    assert words.splitlines()[-1] == b"KeyboardInterrupt"


# -- the installed version -----------------------------------------------------------------------


def test_another_version_of_ezkl_is_not_used(fake: Path, tmp_path: Path) -> None:
    (tmp_path / "library" / "ezkl.py").write_text("raise RuntimeError('imported')")
    about = tmp_path / "library" / "ezkl-22.0.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ezkl\nVersion: 22.0.0\n")
    with pytest.raises(MissingDependency) as caught:
        phases(fake).run("prove", "proving", job(fake, "fine"))
    assert EZKL_VERSION in caught.value.what
    assert caught.value.why == "ezkl 22.0.0 is installed"
    assert "verifiable[ezkl]" in caught.value.hint
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: ezkl\nVersion: {EZKL_VERSION}\n")
    (tmp_path / "library" / "ezkl.py").write_text(FAKE_EZKL)
    assert run_child(job(fake, "fine"), fake, limit_s=60).status == "ok"


def test_importing_the_verifier_does_not_import_ezkl_or_the_prover() -> None:
    script = (
        "import sys, json, verifiable.verification, verifiable.backends.registry as r;"
        "r.get_backend('ezkl'); print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(run.stdout))
    prover = {f"verifiable.backends.ezkl.{name}" for name in ("prove", "keys", "graph", "phases")}
    assert not loaded & ({"ezkl", "onnx", "onnxruntime", "click"} | prover)
