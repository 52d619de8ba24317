"""The zkML systems side by side: gkr in both weight modes, ezkl, and JSTprove.

    python benchmarks/zk_peers.py --jstprove PATH_OF_ITS_ENVIRONMENT
    python benchmarks/zk_peers.py digits_mlp --systems gkr-committed ezkl --output FILE
    python benchmarks/zk_peers.py --show                   # the stored result as markdown

All in one run on one machine, one process at a time. `gkr` and `ezkl` prove the same integer
programs and the same random inputs; JSTprove quantises the float model in its own way. What each
figure is, benchmarks/README.md says. A system that is not there is skipped, and the result says
why.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from peers.bars import GKR, judge_bars, ratios
from peers.environment import environment
from peers.jstprove import JSTPROVE_VARIABLE, find_jstprove, measure_jstprove
from peers.measure import BACKENDS, attempt, measure_backend
from peers.process import BENCHMARKS, ROOT, backend_job
from peers.results import write_result
from peers.tables import peers_tables

RESULT = BENCHMARKS / "results" / "zk_peers.json"
DATA = {"digits_mlp": "digits", "digits_cnn": "digits", "lenet": "lenet", "mlp_1m": "mlp_1m"}
SYSTEMS = (*BACKENDS, "jstprove")
SETUP_RUNS = 5
VERIFY_RUNS = 9


def main() -> int:
    """Measure what the arguments name, or show a stored result."""
    wanted = _arguments()
    if wanted.show:
        sys.stdout.write(peers_tables(json.loads(wanted.output.read_text(encoding="utf-8"))))
        return 0
    result: dict[str, Any] = {
        "benchmark": "zk_peers",
        "environment": environment(),
        "jit": {},
        "models": {},
        "bars": [],
    }
    with tempfile.TemporaryDirectory(prefix="verifiable-bench-") as name:
        folder = Path(name)
        if set(GKR) & set(wanted.systems):
            result["jit"] = attempt(lambda: _measure_jit(folder))
        for model in wanted.models:
            result["models"][model] = _measure_model(folder / model, model, wanted)
            result["bars"] = [
                bar.to_json()
                for bar in judge_bars({k: v["systems"] for k, v in result["models"].items()})
            ]
            write_result(wanted.output, result, peers_tables(result))
    result["environment"]["load_1min_at_end"] = environment()["load_1min"]
    write_result(wanted.output, result, peers_tables(result))
    sys.stdout.write(peers_tables(result))
    figures = [model["systems"].values() for model in result["models"].values()]
    return int(any("failed" in system for systems in figures for system in systems))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(DATA)}")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--gkr-runs", type=int, default=9)
    parser.add_argument("--ezkl-runs", type=int, default=1)
    parser.add_argument("--jstprove-runs", type=int, default=3)
    parser.add_argument(
        "--jstprove",
        default=None,
        help="folder, interpreter or `jst` of the environment where JSTprove is installed "
        f"(default: ${JSTPROVE_VARIABLE}, then `jst` on the PATH)",
    )
    parser.add_argument("--output", type=Path, default=RESULT)
    parser.add_argument("--show", action="store_true", help="print the stored result as markdown")
    wanted = parser.parse_args()
    unknown = sorted(set(wanted.models) - set(DATA))
    if unknown:
        parser.error(f"unknown model {unknown[0]}; choose from {', '.join(DATA)}")
    wanted.models = wanted.models or list(DATA)
    return wanted


def _measure_jit(folder: Path) -> dict[str, Any]:
    """Time all kernels in an empty cache of machine code, then in the one that was filled.

    All jobs that follow use that cache, so that no figure of theirs has compiling in it.
    """
    os.environ["NUMBA_CACHE_DIR"] = str(folder / "numba")
    cold = backend_job(folder / "warm", {"job": "warm"})
    return {"cold": cold, "cached": backend_job(folder / "warm", {"job": "warm"})}


def _measure_model(folder: Path, model: str, wanted: argparse.Namespace) -> dict[str, Any]:
    program = folder / "program.onnx"
    sources = ROOT / "models"
    compiled = backend_job(
        folder,
        {
            "job": "compile",
            "model": str(sources / f"{model}.onnx"),
            "calibration": str(sources / f"{DATA[model]}_calibration.npz"),
            "program": str(program),
        },
    )
    systems: dict[str, dict[str, Any]] = {}
    for system in wanted.systems:
        print(f"{model}: {system} ...", file=sys.stderr, flush=True)
        if system == "jstprove":
            systems[system] = attempt(
                lambda: measure_jstprove(
                    find_jstprove(wanted.jstprove),
                    folder / "jstprove",
                    model=sources / f"{model}.onnx",
                    inputs=sources / f"{DATA[model]}_input.npz",
                    runs=wanted.jstprove_runs,
                )
            )
            continue
        runs = wanted.ezkl_runs if system == "ezkl" else wanted.gkr_runs
        systems[system] = attempt(
            partial(
                measure_backend,
                folder / system,
                program,
                system,
                runs=runs,
                setup_runs=1 if system == "ezkl" else SETUP_RUNS,
                verify_runs=VERIFY_RUNS,
            )
        )
        if "prove_s" in systems[system]:
            executed_s = compiled["execute_s"]["median"]
            overhead = systems[system]["prove_s"]["median"] / executed_s
            systems[system]["prove_over_execute"] = round(overhead, 1)
    return {"program": compiled, "systems": systems, "ratios": ratios(systems)}


if __name__ == "__main__":
    sys.exit(main())
