"""Running one ezkl job in a child process, and telling apart the ways it can end.

The verifier uses this module too: it holds no clock; waiting is counted in ticks.
"""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import verifiable
from verifiable.backends.ezkl.format import EZKL_VERSION

__all__ = ["TICK_S", "Ending", "run_child"]

TICK_S = 0.2

_STDERR_TAIL_BYTES = 4000

_NO_RESULT_STATUS = 120
"""Above it is the worker's exit status where it could not write its result."""

_OS_ERROR = re.compile(r"\(os error (\d+)\)")
"""How ezkl (Rust) and the worker tell which error of the system they met."""

_STORAGE_ERRORS = frozenset(
    {
        errno.EFBIG,
        errno.EIO,
        errno.EMFILE,
        errno.ENAMETOOLONG,
        errno.ENFILE,
        errno.ENOENT,
        errno.ENOSPC,
        errno.EROFS,
        getattr(errno, "EDQUOT", errno.ENOSPC),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a job ended.

    Attributes:
        status: `ok`; `error` (ezkl raised); `panic` (ezkl's native code panicked); `missing`
            (ezkl is not installed, or another version); `killed` (by a signal, most often for
            memory); `storage` (files could not be written or read); `timeout`.
        value: what the job returned, if `ok`.
        message: ezkl's words otherwise, with the end of what it wrote to stderr.
        peak_rss_bytes: largest resident memory that was seen; 0 where the system does not say.
    """

    status: str
    value: Any = None
    message: str = ""
    peak_rss_bytes: int = 0


def run_child(
    job: Mapping[str, Any],
    folder: Path,
    *,
    limit_s: float | None,
    tick: Callable[[int], None] | None = None,
) -> Ending:
    """Run one job of `worker.py` in `folder` and wait for its end.

    Args:
        job: `job` names the function; the rest are its arguments. Relative paths are in `folder`.
        limit_s: seconds after which the child is killed.
        tick: called about every `TICK_S` seconds with the memory seen so far in bytes; whatever
            it raises kills the child and goes on to the caller.
    """
    try:
        whole = {**job, "ezkl_version": EZKL_VERSION, "parent": os.getpid()}
        (folder / "job.json").write_text(json.dumps(whole), encoding="utf-8")
        (folder / "result.json").unlink(missing_ok=True)
        stderr = open(folder / "stderr.txt", "wb")  # noqa: SIM115 - closed below
    except OSError as cause:
        return Ending(status="storage", message=cause.strerror or str(cause))
    with stderr:
        try:
            child = _start(folder, stderr)
        except OSError as cause:
            return Ending(status="killed", message=f"not started: {cause.strerror or cause}")
        peak = 0
        ticks = 0
        try:
            while True:
                try:
                    child.wait(TICK_S)
                    break
                except subprocess.TimeoutExpired:
                    ticks += 1
                peak = max(peak, _resident_peak(child.pid))
                if limit_s is not None and ticks * TICK_S > limit_s:
                    return Ending(
                        status="timeout",
                        message=f"stopped after {limit_s:g} s",
                        peak_rss_bytes=peak,
                    )
                if tick is not None:
                    tick(peak)
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
            if child.stdin is not None:
                child.stdin.close()
    return _ending(folder, child.returncode, peak)


def _start(folder: Path, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "verifiable.backends.ezkl.worker"],
        cwd=folder,
        env=_environment(),
        stdin=subprocess.PIPE,  # never written to; its end tells the child that this process died
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        start_new_session=True,  # a Ctrl-C reaches the parent, which ends the child itself
    )


def _environment() -> dict[str, str]:
    """The parent's environment, with this package importable and Rust's logging quiet."""
    root = str(Path(verifiable.__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    path = root if not inherited else os.pathsep.join((root, inherited))
    return {**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1", "RUST_LOG": "error"}


def _resident_peak(pid: int) -> int:
    """Peak resident bytes of a running process (Linux; 0 elsewhere)."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as stream:
            for line in stream:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        return 0
    return 0


def _ending(folder: Path, returncode: int, peak: int) -> Ending:
    words = _stderr_tail(folder)
    try:
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        if returncode >= _NO_RESULT_STATUS:
            return Ending(status="storage", message=os.strerror(returncode - _NO_RESULT_STATUS))
        # No result: the process died inside native code. Rust aborts when it cannot allocate.
        reason = f"exit status {returncode}" if returncode >= 0 else f"signal {-returncode}"
        return Ending(status="killed", message=f"{reason}. {words}".strip(), peak_rss_bytes=peak)
    peak = max(peak, result["peak_rss_bytes"])
    if "value" in result:
        return Ending(status="ok", value=result["value"], peak_rss_bytes=peak)
    status = "missing" if result["error"] == "ImportError" else "error"
    if result["panic"]:
        status = "panic"
    message = f"{result['message']} {words}".strip()
    refused = [int(match[1]) for match in _OS_ERROR.finditer(message)]
    refused = [number for number in refused if number in _STORAGE_ERRORS]
    if refused and status != "missing":
        status, message = "storage", f"{os.strerror(refused[0])}: {message}"
    return Ending(status=status, message=message, peak_rss_bytes=peak)


def _stderr_tail(folder: Path) -> str:
    """The end of what ezkl wrote, in one line."""
    try:
        data = (folder / "stderr.txt").read_bytes()[-_STDERR_TAIL_BYTES:]
    except OSError:
        return ""
    lines = data.decode("utf-8", "replace").split("\n")
    kept = [line.strip() for line in lines if line.strip() and "may impact precision" not in line]
    return " | ".join(kept[-6:])
