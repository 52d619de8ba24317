"""JSTprove as a peer: the same float model, quantised and proven by its own program.

It is found by its command line tool, `jst`, in an environment of its own. Compiling and making
the witness go through that tool. Proving and verifying call the program that the tool calls
(`expander-exec`) with the tool's arguments: this is the step whose time the tool prints as its
own figure, without the seconds that its Python imports take.

That program starts Open MPI, whose choice of a network takes up to a second a call even for one
process. The times are given as it is and with the transports fixed, which is the faster.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers.figures import series
from peers.process import Absent, Failed, Finished, run_process

__all__ = ["JSTPROVE_VARIABLE", "JstProve", "find_jstprove", "measure_jstprove"]

JSTPROVE_VARIABLE = "JSTPROVE"

_VERSION = "2.1.0"
_ALONE = {
    "OMPI_MCA_ess_singleton_isolated": "1",  # no daemon beside a single process
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
}
_TRANSPORTS_FIXED = {**_ALONE, "OMPI_MCA_btl": "self", "OMPI_MCA_pml": "ob1"}
_LOCATE = """
import sys
from importlib.metadata import version
from importlib.util import find_spec
print(version("JSTprove"), find_spec("python.core.binaries").submodule_search_locations[0])
"""
_EXPORT_INPUT = """
import json, sys
import numpy as np
arrays = np.load(sys.argv[1])
first = {name: arrays[name][:1].reshape(-1).tolist() for name in arrays.files}
json.dump(first, open(sys.argv[2], "w"))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class JstProve:
    """An installation.

    Attributes:
        jst, python: its tool, and the interpreter beside it.
        prover: the program that proves and verifies.
    """

    version: str
    jst: Path
    python: Path
    prover: Path


def find_jstprove(chosen: str | None) -> JstProve:
    """Find the installation that was chosen, or that the environment variable names.

    Args:
        chosen: an environment's folder, its interpreter, or its `jst`.

    Raises:
        Absent: saying why there is none that works.
    """
    named = chosen or os.environ.get(JSTPROVE_VARIABLE) or shutil.which("jst")
    if not named:
        raise Absent(f"not installed: give --jstprove or set {JSTPROVE_VARIABLE}")
    place = Path(named).absolute()  # not resolved: an environment's interpreter is a link
    folder = place / "bin" if place.is_dir() else place.parent
    jst, python = folder / "jst", folder / "python"
    for path in (jst, python):
        if not path.exists():
            raise Absent(
                f"not installed: there is no {path.name} in the environment that was named"
            )
    located = run_process([python, "-c", _LOCATE])
    if located.status != 0:
        raise Absent(f"cannot be loaded: {_last_line(located)}")
    version, _, binaries = located.output.strip().splitlines()[-1].partition(" ")
    if version != _VERSION:
        raise Absent(f"version {version} is installed, and {_VERSION} is what these figures are of")
    prover = Path(binaries) / "expander-exec"
    if not os.access(prover, os.X_OK):
        raise Absent("its prover, expander-exec, may not be executed")
    started = run_process([prover, "--help"], env=_ALONE)
    if "error while loading shared libraries" in started.output:
        raise Absent(f"its prover cannot be loaded: {_last_line(started)}")
    return JstProve(version=version, jst=jst, python=python, prover=prover)


def measure_jstprove(
    installed: JstProve, folder: Path, *, model: Path, inputs: Path, runs: int
) -> dict[str, Any]:
    """Compile, prove and verify one model on the first row of its inputs.

    Raises:
        Failed: a step failed.
    """
    folder.mkdir(parents=True)
    at = {name: folder / name for name in ("circuit.txt", "in.json", "out.json", "wit", "proof")}
    circuit, witness, proof = at["circuit.txt"], at["wit"], at["proof"]
    _succeed(run_process([installed.python, "-c", _EXPORT_INPUT, inputs, at["in.json"]]))
    tool: list[str | Path] = [installed.jst, "--no-banner"]
    compiled = _succeed(
        run_process([*tool, "compile", "-m", model, "-c", circuit], cwd=folder, env=_ALONE)
    )
    witness_files: list[str | Path] = ["-i", at["in.json"], "-o", at["out.json"], "-w", witness]
    witnessed = _succeed(
        run_process(
            [*tool, "witness", "-c", circuit, *witness_files],
            cwd=folder,
            env=_ALONE,
        )
    )

    files_in: list[str | Path] = ["-c", circuit, "-w", witness]

    def step(mode: str, env: Mapping[str, str]) -> Finished:
        direction = "-o" if mode == "prove" else "-i"
        command: list[str | Path] = [installed.prover, "-p", "Hyrax", mode]
        return _succeed(run_process([*command, *files_in, direction, proof], cwd=folder, env=env))

    proven = [step("prove", _TRANSPORTS_FIXED) for _ in range(runs)]
    verified = [step("verify", _TRANSPORTS_FIXED) for _ in range(runs)]
    proven_as_is = [step("prove", _ALONE) for _ in range(runs)]
    verified_as_is = [step("verify", _ALONE) for _ in range(runs)]
    files = {
        path.name: path.stat().st_size
        for path in sorted(folder.glob("circuit*"))
        if path.suffix in (".txt", ".json", ".onnx")
    }
    return {
        "version": installed.version,
        "setup_s": series([_own_figure(compiled)]),
        "setup_with_imports_s": series([compiled.wall_s]),
        "setup_peak_rss_mib": round(compiled.peak_rss_mib, 1),
        "witness_s": series([_own_figure(witnessed)]),
        "prove_s": series([done.wall_s for done in proven]),
        "prove_cpu_s": series([done.cpu_s for done in proven]),
        "prove_as_is_s": series([done.wall_s for done in proven_as_is]),
        "verify_s": series([done.wall_s for done in verified]),
        "verify_as_is_s": series([done.wall_s for done in verified_as_is]),
        "proof_bytes": proof.stat().st_size,
        "key_files_bytes": files,
        "key_bytes": sum(files.values()),
        "peak_rss_mib": round(max(done.peak_rss_mib for done in proven), 1),
        "verify_peak_rss_mib": round(max(done.peak_rss_mib for done in verified), 1),
        "soundness_bits": None,
    }


def _succeed(done: Finished) -> Finished:
    if done.status != 0:
        raise Failed(f"ended with status {done.status}: {_last_line(done)}")
    return done


def _own_figure(done: Finished) -> float:
    """Seconds that the tool prints for the program that it called."""
    told = re.search(r"Rust time taken: ([0-9.]+) seconds", done.output)
    if told is None:
        raise Failed("the tool did not print its time")
    return float(told[1])


def _last_line(done: Finished) -> str:
    lines = [line for line in done.output.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"status {done.status}"
