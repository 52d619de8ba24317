"""Twenty random inputs of each sample model, proven by gkr and by ezkl: the same statements.

    python benchmarks/agreement.py              # an hour and a half on two cores, most of it ezkl
    python benchmarks/agreement.py lenet        # goes on where an earlier run was stopped

Each proof is verified as a stranger with the program verifies it. The result is written after each
proof, so that a run can be stopped; the same test with fewer proofs by ezkl is in
`tests/backends/gkr/test_agreement.py`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from peers.environment import environment
from peers.process import BENCHMARKS, ROOT

import verifiable
from verifiable.program.border import dequantise

RESULT = BENCHMARKS / "results" / "agreement.json"
DATA = {"digits_mlp": "digits", "digits_cnn": "digits", "lenet": "lenet", "mlp_1m": "mlp_1m"}
BACKENDS = ("gkr", "ezkl")
INPUTS = 20


def main() -> int:
    """Prove what is missing from the result; 1 if any two digests differ."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", default=list(DATA))
    parser.add_argument("--output", type=Path, default=RESULT)
    wanted = parser.parse_args()
    result: dict[str, Any] = {"benchmark": "agreement", "inputs": INPUTS, "models": {}}
    if wanted.output.exists():
        result = json.loads(wanted.output.read_text(encoding="utf-8"))
    result["environment"] = environment()

    def save() -> None:
        partial = wanted.output.with_name(wanted.output.name + ".partial")
        partial.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        partial.replace(wanted.output)

    for model in wanted.models:
        found = result["models"].setdefault(model, {name: [] for name in BACKENDS})
        for backend in BACKENDS:
            _complete(model, backend, found[backend], save)
        found["agree"] = found["gkr"] == found["ezkl"] and len(found["gkr"]) == INPUTS
        save()
        sys.stdout.write(f"{model}: {'agree' if found['agree'] else 'DIFFER'}\n")
    return 0 if all(result["models"][model]["agree"] for model in wanted.models) else 1


def _complete(model: str, backend: str, digests: list[str], save: Callable[[], None]) -> None:
    """Prove and verify the inputs that have no digest yet."""
    program = verifiable.compile(
        ROOT / "models" / f"{model}.onnx",
        calibration=ROOT / "models" / f"{DATA[model]}_calibration.npz",
    )
    rows = _random_rows(program)[len(digests) :]
    if not len(rows):
        return
    local: dict[str, Any] = {"insecure_local_setup": True} if backend == "ezkl" else {}
    policy = verifiable.Policy(backends={backend: None}, allow_insecure=frozenset({"local_setup"}))
    with tempfile.TemporaryDirectory(prefix="verifiable-agreement-") as name:
        cache = Path(name)
        key = verifiable.setup(program, backend=backend, cache_dir=cache, **local).key
        items: Sequence[Any] = list(rows)
        for item in verifiable.prove_many(
            program, items, backend=backend, cache_dir=cache, **local
        ):
            proof = item.unwrap().proof
            verifiable.verify(proof.encode(), policy=policy, program=program, keys={backend: key})
            digests.append(proof.statement.digest.hex())
            save()


def _random_rows(program: verifiable.Program) -> np.ndarray:
    """Raw inputs over all that the program accepts: (INPUTS, ...) float64."""
    (spec,) = program.inputs
    rng = np.random.default_rng(20)
    rows = rng.integers(spec.lo, spec.hi, (INPUTS, *spec.shape), dtype=np.int64, endpoint=True)
    return dequantise(rows, scale=spec.scale, zero_point=spec.zero_point)


if __name__ == "__main__":
    sys.exit(main())
