"""What the ezkl backend costs on the sample models, as JSON.

    python benchmarks/ezkl_baseline.py                      # digits_mlp and digits_cnn
    python benchmarks/ezkl_baseline.py lenet mlp_1m         # minutes each, gigabytes of memory

Each model is set up once in an empty cache (the local reference string is generated before and
timed apart), then proven and verified `--repeat` times. Seconds are wall clock.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import verifiable
from verifiable.api import compile
from verifiable.backends.base import Options
from verifiable.backends.ezkl.backend import EzklBackend
from verifiable.backends.ezkl.format import EZKL_VERSION, Payload
from verifiable.backends.ezkl.graph import build
from verifiable.backends.ezkl.keys import load_material
from verifiable.backends.ezkl.settings import plan_circuit
from verifiable.backends.ezkl.srs import obtain_srs
from verifiable.backends.ezkl.verify import SOUNDNESS_BITS
from verifiable.files import write_bytes
from verifiable.program.execute import execute
from verifiable.program.program import IntArray, Program
from verifiable.progress import ProgressEvent
from verifiable.statement.commitment import commit_program
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import statement_of

ROOT = Path(__file__).resolve().parents[1]
CALIBRATION = {
    "digits_mlp": "digits_calibration",
    "digits_cnn": "digits_calibration",
    "lenet": "lenet_calibration",
    "mlp_1m": "mlp_1m_calibration",
}


def main() -> int:
    """Run the benchmark and write its result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["digits_mlp", "digits_cnn"])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--output", type=Path, default=None)
    wanted = parser.parse_args()
    unknown = sorted(set(wanted.models) - set(CALIBRATION))
    if unknown:
        parser.error(f"unknown model {unknown[0]}; choose from {', '.join(CALIBRATION)}")
    output = wanted.output or ROOT / "benchmarks" / "results" / "ezkl_baseline.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    models: dict[str, Any] = {}
    if output.exists():
        models = json.loads(output.read_text(encoding="utf-8"))["models"]
    for name in wanted.models:
        models[name] = {**measure(name, wanted.repeat), "environment": environment()}
        text = json.dumps({"benchmark": "ezkl_baseline", "models": models}, indent=1)
        write_bytes(output, text.encode() + b"\n")
        print(json.dumps(models[name]["summary"]))
    return 0


def environment() -> dict[str, Any]:
    """The machine and the versions."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "commit": commit,
        "cpu_count": os.cpu_count(),
        "ezkl": EZKL_VERSION,
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "machine": platform.machine(),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "verifiable": getattr(verifiable, "__version__", ""),
    }


def measure(name: str, repeat: int) -> dict[str, Any]:
    """Set up, prove and verify one model."""
    models = ROOT / "models"
    program = compile(models / f"{name}.onnx", calibration=models / f"{CALIBRATION[name]}.npz")
    plan = plan_circuit(build(program))
    with tempfile.TemporaryDirectory(prefix="verifiable-bench-") as folder:
        options = Options(cache_dir=Path(folder), settings={"srs": "local-insecure"}, progress=say)
        began = time.perf_counter()
        obtain_srs(plan.logrows, options)
        srs_s = time.perf_counter() - began
        backend = EzklBackend(cache_dir=Path(folder))
        setup = backend.setup(program, options)
        runs = [prove_once(program, backend, setup, options, seed) for seed in range(repeat)]
        material = load_material(setup.folder)
        pk_bytes = material.pk.stat().st_size
    estimate = backend.estimate(program)
    return {
        "summary": {
            "model": name,
            "setup_s": round(setup.setup_s, 2),
            "prove_s_median": median(runs, "prove_s"),
            "verify_s_median": median(runs, "verify_s"),
            "peak_rss_mib": max(run["peak_rss_mib"] for run in runs),
            "pk_bytes": pk_bytes,
            "vk_bytes": len(material.vk),
            "proof_bytes": runs[0]["proof_bytes"],
            "payload_bytes": runs[0]["payload_bytes"],
            "soundness_bits": SOUNDNESS_BITS,
        },
        "circuit": {
            "cells": plan.cells,
            "logrows": plan.logrows,
            "decomposition_base": plan.base,
            "decomposition_digits": plan.digits,
            "parameters": program.parameter_count,
        },
        "local_srs_s": round(srs_s, 2),
        "prove_s_spread": spread(runs, "prove_s"),
        "verify_s_spread": spread(runs, "verify_s"),
        "runs": runs,
        "estimate": {
            "setup_s": estimate.setup_s,
            "prove_s": estimate.prove_s,
            "memory_bytes": estimate.memory_bytes,
            "proof_bytes": estimate.proof_bytes,
            "key_bytes": estimate.key_bytes,
        },
    }


def prove_once(
    program: Program, backend: EzklBackend, setup: Any, options: Options, seed: int
) -> dict[str, Any]:
    """Prove one random input and verify the proof as a stranger with the key would."""
    rng = np.random.default_rng(seed)
    inputs: dict[str, IntArray] = {
        spec.name: rng.integers(spec.lo, spec.hi, spec.shape, dtype=np.int64, endpoint=True)
        for spec in program.inputs
    }
    trace = execute(program, inputs)
    outputs = tuple(trace.outputs[spec.name] for spec in program.outputs)
    commitment = commit_program(program)
    statement = statement_of(commitment, trace.inputs, outputs)
    evidence = backend.prove(program, trace, statement, setup, options)
    proof = Proof(
        backend=backend.id,
        backend_version=backend.version,
        statement=statement,
        program=commitment,
        inputs=trace.inputs,
        outputs=outputs,
        payload=evidence.payload,
    )
    policy = Policy(allow_insecure=frozenset({"local_setup"}))
    began = time.perf_counter()
    judgement = backend.judge(proof, commitment, trace.inputs, outputs, setup.key, policy)
    verify_s = time.perf_counter() - began
    if not all(check.ok for check in judgement.checks):
        raise SystemExit(f"the proof does not verify: {judgement.checks}")
    return {
        "prove_s": round(evidence.prove_s, 3),
        "phases_s": {name: round(value, 3) for name, value in evidence.phases_s.items()},
        "verify_s": round(verify_s, 3),
        "peak_rss_mib": round(evidence.peak_rss_mib, 1),
        "proof_bytes": len(Payload.decode(evidence.payload).proof),
        "payload_bytes": len(evidence.payload),
    }


def median(runs: list[dict[str, Any]], key: str) -> float:
    """Median of one measurement."""
    return float(round(statistics.median(run[key] for run in runs), 3))


def spread(runs: list[dict[str, Any]], key: str) -> list[float]:
    """Smallest and largest of one measurement."""
    values = [run[key] for run in runs]
    return [min(values), max(values)]


def say(event: ProgressEvent) -> None:
    """One line at the end of each phase."""
    if event.fraction == 1.0:
        print(f"{event.phase}: {event.elapsed_s:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
