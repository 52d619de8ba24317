"""Running one job in a process of its own, and what it took of memory.

Memory is what the kernel counted for the process and for the children that it waited for,
whichever was largest, so nothing is sampled and nothing is missed. A child starts with the count
of the process that made it: whoever measures must stay small, so this module and its callers in
the parent import neither numpy nor the library.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["BENCHMARKS", "ROOT", "Absent", "Failed", "Finished", "backend_job", "run_process"]

BENCHMARKS = Path(__file__).resolve().parents[1]
ROOT = BENCHMARKS.parent

_MIB_PER_COUNT = 2**-20 if sys.platform == "darwin" else 2**-10
"""The kernel counts resident memory in bytes on macOS, in KiB elsewhere."""


class Absent(Exception):
    """What is to be measured is not installed here."""


class Failed(Exception):
    """A job ended without a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a process ended.

    Attributes:
        wall_s, cpu_s: elapsed time, and the processors' time of it and its children.
        peak_rss_mib: largest resident memory of it or of one of its children.
        output: standard output and standard error together.
    """

    status: int
    wall_s: float
    cpu_s: float
    peak_rss_mib: float
    output: str


def run_process(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run a command to its end.

    Args:
        env: changes to this process's environment.

    Raises:
        Failed: the command cannot be started.
    """
    with tempfile.TemporaryFile() as shown:
        began = time.perf_counter()
        try:
            process = subprocess.Popen(
                [str(part) for part in command],
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=shown,
                stderr=subprocess.STDOUT,
            )
        except OSError as cause:
            raise Failed(f"{command[0]}: {cause}") from cause
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # an interrupt too must not leave the measured process behind
            process.kill()
            raise
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)  # it has been waited for
        shown.seek(0)
        output = shown.read().decode(errors="replace")
    return Finished(
        status=process.returncode,
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        peak_rss_mib=usage.ru_maxrss * _MIB_PER_COUNT,
        output=output,
    )


def backend_job(
    folder: Path, request: Mapping[str, Any], *, env: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Run one job of `peers.backend_job` and return its result, its peak memory included.

    Args:
        folder: for the request and the result; created.
        request: `job` and its arguments, as that module defines them.

    Raises:
        Failed: with the last line of what the job printed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    asked, answered = folder / "request.json", folder / "result.json"
    answered.unlink(missing_ok=True)
    asked.write_text(json.dumps(request), encoding="utf-8")
    paths = [str(BENCHMARKS), str(ROOT), os.environ.get("PYTHONPATH", "")]
    done = run_process(
        [sys.executable, "-m", "peers.backend_job", asked, answered],
        env={"PYTHONPATH": os.pathsep.join(part for part in paths if part), **(env or {})},
    )
    if done.status != 0 or not answered.exists():
        print(done.output, file=sys.stderr)
        told = (done.output.strip().splitlines() or [""])[-1]
        raise Failed(f"{request['job']} ended with status {done.status}: {told}")
    found: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
    return {**found, "peak_rss_mib": round(done.peak_rss_mib, 1), "job_s": round(done.wall_s, 2)}
