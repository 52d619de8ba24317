"""What committing to an execution costs beside the execution itself.

    python benchmarks/asserting.py            # a minute; writes results/asserting.json
    python benchmarks/asserting.py --show     # the stored result as markdown

Plain runs and committed runs alternate in one warm process, so that both see the same machine. A
committed run ends with the roots of all tensors and the trace root, kept in memory for a dispute.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from peers.environment import environment
from peers.process import BENCHMARKS, ROOT

sys.path.insert(0, str(ROOT / "tests" / "dispute"))

from large_program import batch_for, large_mlp

import verifiable
from verifiable.backends.optimistic.trace import commit_execution
from verifiable.program.execute import execute
from verifiable.program.program import Program

RESULT = BENCHMARKS / "results" / "asserting.json"
MODELS = ROOT / "models"
RUNS = {"lenet": 300, "mlp_1m": 300, "mlp_10m_batch_64": 30}


def main() -> int:
    """Measure, or show a stored result; 1 if a bar is not met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--show", action="store_true", help="print the stored result as markdown")
    parser.add_argument("--output", type=Path, default=RESULT)
    wanted = parser.parse_args()
    if wanted.show:
        sys.stdout.write(table(json.loads(wanted.output.read_text(encoding="utf-8"))))
        return 0
    result: dict[str, Any] = {"benchmark": "asserting", "environment": environment(), "models": {}}
    for name, runs in RUNS.items():
        result["models"][name] = _measure(_program(name), runs)
    wanted.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(table(result))
    return int(not all(model["within_bar"] for model in result["models"].values()))


def _program(name: str) -> Program:
    if name.startswith("mlp_10m"):
        return large_mlp(batch=64)
    return verifiable.compile(
        MODELS / f"{name}.onnx", calibration=MODELS / f"{name}_calibration.npz"
    )


def _measure(program: Program, runs: int) -> dict[str, Any]:
    inputs = batch_for(program)
    jobs: dict[str, Callable[[], object]] = {
        "execute": lambda: execute(program, inputs),
        "commit": lambda: commit_execution(program, inputs),
    }
    times_s: dict[str, list[float]] = {name: [] for name in jobs}
    for run in range(runs + 3):
        for name, job in jobs.items():
            began_s = time.perf_counter()
            job()
            if run >= 3:  # the first ones compile kernels and fill caches
                times_s[name].append(time.perf_counter() - began_s)
    plain_s, committed_s = (statistics.median(times_s[name]) for name in ("execute", "commit"))
    bar_s = 1.5 * plain_s if plain_s >= 0.01 else max(1.5 * plain_s, plain_s + 0.001)
    return {
        "parameters": sum(weight.values.size for weight in program.weights),
        "trace_bytes": sum(int(np.prod(node.shape)) * node.width for node in program.nodes),
        "runs": runs,
        "execute_median_s": plain_s,
        "commit_median_s": committed_s,
        "commit_spread_s": [min(times_s["commit"]), max(times_s["commit"])],
        "ratio": committed_s / plain_s,
        "bar_s": bar_s,
        "within_bar": committed_s <= bar_s,
    }


def table(result: dict[str, Any]) -> str:
    """The figures as markdown."""
    lines = [
        "| program | parameters | run, ms | run and commit, ms | ratio | bar, ms |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, found in result["models"].items():
        plain, committed, bar = (
            f"{1000 * found[key]:.2f}" for key in ("execute_median_s", "commit_median_s", "bar_s")
        )
        lines.append(
            f"| {name} | {found['parameters']:,} | {plain} | {committed} | "
            f"{found['ratio']:.2f} | {bar} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
