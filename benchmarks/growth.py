"""How the `gkr` backend grows with the size of the model: a table, a plot and fitted exponents.

    python benchmarks/growth.py                            # 10k to 4M parameters; minutes
    python benchmarks/growth.py --systems ezkl --sizes 2000 4000 --output FILE
    python benchmarks/growth.py --show                     # the stored result as markdown

Two families with random weights, `mlp` (784-h-h-10) and `cnn` (three 3x3 convolutions over 32x32),
compiled as any float model is. Each size is measured in processes of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from peers.environment import environment
from peers.figures import slope
from peers.measure import BACKENDS, attempt, measure_backend
from peers.process import BENCHMARKS, backend_job
from peers.results import write_result
from peers.tables import growth_tables

RESULT = BENCHMARKS / "results" / "growth.json"
KINDS = ("mlp", "cnn")
SIZES = (10_000, 40_000, 160_000, 640_000, 1_600_000, 4_000_000)
SEED = 7
SETUP_RUNS = 1
VERIFY_RUNS = 5
TAIL = 3
SLACK = 0.1
"""Tables are padded to powers of two, so that times rise in steps: what the exponent of a few
neighbouring sizes may exceed 1 by. The exponent over all sizes gets no slack."""

MEASURES = ("prove_s", "verify_s", "proof_bytes", "memory_mib", "setup_s")


def main() -> int:
    """Measure what the arguments name, or show a stored result."""
    wanted = _arguments()
    if wanted.show:
        sys.stdout.write(growth_tables(json.loads(wanted.output.read_text(encoding="utf-8"))))
        return 0
    result: dict[str, Any] = {"benchmark": "growth", "environment": environment(), "points": []}
    with tempfile.TemporaryDirectory(prefix="verifiable-growth-") as name:
        for kind in wanted.kinds:
            for size in sorted(wanted.sizes):
                folder = Path(name) / f"{kind}-{size}"
                result["points"] += _measure(folder, kind, size, wanted)
                result["fits"] = fits(result["points"])
                write_result(wanted.output, result, growth_tables(result))
    sys.stdout.write(growth_tables(result))
    if wanted.plot:
        from peers.plots import plot_growth

        plot_growth(result, wanted.output.with_suffix(".png"))
    return int(any("failed" in point for point in result["points"]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument(
        "--systems", nargs="+", choices=list(BACKENDS), default=["gkr-committed", "gkr-public"]
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULT)
    parser.add_argument("--no-plot", dest="plot", action="store_false")
    parser.add_argument("--show", action="store_true", help="print the stored result as markdown")
    return parser.parse_args()


def _measure(
    folder: Path, kind: str, size: int, wanted: argparse.Namespace
) -> list[dict[str, Any]]:
    """One point for each system."""
    files = {name: str(folder / name) for name in ("model.onnx", "calibration.npz", "program.onnx")}
    model = {"model": files["model.onnx"], "calibration": files["calibration.npz"]}
    family = backend_job(
        folder, {"job": "family", "kind": kind, "parameters": size, "seed": SEED, **model}
    )
    compiled = backend_job(folder, {"job": "compile", "program": files["program.onnx"], **model})
    points = []
    for system in wanted.systems:
        print(f"{kind} {size:,}: {system} ...", file=sys.stderr, flush=True)
        figures = attempt(
            partial(
                measure_backend,
                folder / system,
                Path(files["program.onnx"]),
                system,
                runs=wanted.runs,
                setup_runs=SETUP_RUNS,
                verify_runs=VERIFY_RUNS,
            )
        )
        points.append(
            {
                "kind": kind,
                "system": system,
                "width": family["width"],
                "parameters": compiled["parameters"],
                "activations": compiled["activations"],
                "program_root": compiled["program_root"],
                "execute_s": compiled["execute_s"],
                **figures,
            }
        )
    return points


def fits(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each family and system the exponents against parameters + activations.

    `at_most_linear` is about the time of proving: the exponent over all sizes is at most 1, and
    that of the largest sizes, where fixed costs no longer flatter it, at most 1 and some slack.
    """
    found = []
    for kind, system in dict.fromkeys((point["kind"], point["system"]) for point in points):
        rows = [
            point
            for point in points
            if (point["kind"], point["system"]) == (kind, system) and "prove_s" in point
        ]
        if len(rows) < 2:
            continue
        sizes = [point["parameters"] + point["activations"] for point in rows]
        whole = {name: slope(sizes, [value_of(row, name) for row in rows]) for name in MEASURES}
        tail = {
            name: slope(sizes[-TAIL:], [value_of(row, name) for row in rows[-TAIL:]])
            for name in MEASURES
        }
        found.append(
            {
                "kind": kind,
                "system": system,
                "exponents": {name: round(value, 3) for name, value in whole.items()},
                "exponents_of_the_largest": {name: round(value, 3) for name, value in tail.items()},
                "at_most_linear": whole["prove_s"] <= 1 and tail["prove_s"] <= 1 + SLACK,
            }
        )
    return found


def value_of(point: Mapping[str, Any], name: str) -> float:
    """A measurement of a point, above zero."""
    if name == "memory_mib":
        return float(point["peak_rss_mib"])
    value = point[name]
    return float(value["median"] if isinstance(value, Mapping) else value)


if __name__ == "__main__":
    sys.exit(main())
