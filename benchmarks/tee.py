"""What a simulated enclave costs beside plain execution, and how many statements it answers.

    python benchmarks/tee.py            # minutes; writes results/tee.json
    python benchmarks/tee.py --show     # the stored result as markdown

Plain runs and answers of the enclave alternate, so that both see the same machine. An answer is
what a caller waits for: inputs to the process, execution there, roots, signature or quote, and the
way back. A proof is the same through the backend, which compares with its own trace and encodes a
payload. Verification is the judgement of that payload in a process that has judged others before.

Run it on a quiet machine: each hand-over between threads and processes waits for a processor, and
so the medians of answers tell the load. Load and the caller's processor time are in the result.
A simulator says nothing about the time that real hardware takes for a quote.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from peers.environment import environment
from peers.process import BENCHMARKS, ROOT

import verifiable
from verifiable.backends.base import Options
from verifiable.backends.tee.answer import Answer
from verifiable.backends.tee.backend import TeeBackend
from verifiable.backends.tee.format import Payload
from verifiable.backends.tee.judge import judge_evidence
from verifiable.backends.tee.simulator.host import EnclaveProcess
from verifiable.backends.tee.simulator.requests import KINDS
from verifiable.program.execute import execute
from verifiable.program.onnx_file import dump_program
from verifiable.program.program import Program
from verifiable.statement.attestation import AttestationPolicy
from verifiable.statement.commitment import commit_program
from verifiable.statement.statement import statement_of

RESULT = BENCHMARKS / "results" / "tee.json"
MODELS = ROOT / "models"
CALIBRATION = {"digits_mlp": "digits", "lenet": "lenet"}
RUNS, WARM_UP = 200, 10
STATEMENTS, THREADS = 4000, 8
NONCE = bytes(range(32))
CONTEXT = b"\x0c" * 32
BARS_S = {"key": 0.005, "statement": 0.050, "verify": 0.010}
"""Most seconds: overhead in register-once and quote-per-statement mode, and verification."""


def main() -> int:
    """Measure, or show a stored result; 1 if a bar is not met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--show", action="store_true", help="print the stored result as markdown")
    parser.add_argument("--output", type=Path, default=RESULT)
    wanted = parser.parse_args()
    if wanted.show:
        sys.stdout.write(table(json.loads(wanted.output.read_text(encoding="utf-8"))))
        return 0
    result: dict[str, Any] = {
        "benchmark": "tee",
        "environment": environment(),
        "runs": RUNS,
        "bars_s": BARS_S,
        "models": {name: measure(name) for name in CALIBRATION},
    }
    result["environment"]["load_1min_after"] = environment()["load_1min"]
    wanted.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(table(result))
    return int(not all(row["within_bar"] for row in bars(result)))


def measure(name: str) -> dict[str, Any]:
    """All figures of one model."""
    calibration = MODELS / f"{CALIBRATION[name]}_calibration.npz"
    program = verifiable.compile(MODELS / f"{name}.onnx", calibration=calibration)
    inputs = _inputs(program)
    file = dump_program(program)
    began_s = time.perf_counter()
    with EnclaveProcess.start(file, KINDS) as process:
        start_s = time.perf_counter() - began_s
        jobs: dict[str, Callable[[], object]] = {
            "execute": lambda: execute(program, inputs),
            "execute in enclave": lambda: process.execute(inputs, CONTEXT),
            "key": lambda: process.sign(inputs, CONTEXT),
        }
        for kind in KINDS:
            jobs[f"statement {kind}"] = lambda kind=kind: process.attest_statement(
                inputs, CONTEXT, NONCE, kind
            )
            jobs[f"key quote {kind}"] = lambda kind=kind: process.attest_key(NONCE, kind)
        answers = _alternating(jobs)
        throughput = _throughput(process, inputs)
    proofs, verification = _through_backend(program, inputs)
    return {
        "parameters": sum(weight.values.size for weight in program.weights),
        "start_s": start_s,
        "plain": answers.pop("execute"),
        "answers": answers,
        "proofs": proofs,
        "verification": verification,
        "throughput": throughput,
    }


def _inputs(program: Program) -> dict[str, np.ndarray[Any, Any]]:
    chance = np.random.default_rng(7)
    return {
        spec.name: chance.integers(spec.lo, spec.hi, spec.shape, endpoint=True)
        for spec in program.inputs
    }


def _alternating(jobs: dict[str, Callable[[], object]]) -> dict[str, dict[str, float]]:
    times_s: dict[str, list[float]] = {name: [] for name in jobs}
    cpu_s: dict[str, list[float]] = {name: [] for name in jobs}
    for run in range(RUNS + WARM_UP):
        for name, job in jobs.items():
            began_s, began_cpu_s = time.perf_counter(), time.thread_time()
            job()
            if run >= WARM_UP:
                times_s[name].append(time.perf_counter() - began_s)
                cpu_s[name].append(time.thread_time() - began_cpu_s)
    return {
        name: _figures(found) | {"cpu_of_caller_median_s": statistics.median(cpu_s[name])}
        for name, found in times_s.items()
    }


def _figures(times_s: list[float]) -> dict[str, float]:
    deciles = statistics.quantiles(times_s, n=10)
    return {
        "median_s": statistics.median(times_s),
        "p10_s": deciles[0],
        "p90_s": deciles[-1],
        "min_s": min(times_s),
    }


def _through_backend(
    program: Program, inputs: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Proofs by the backend, and the judgement of each."""
    commitment = commit_program(program)
    trace = execute(program, inputs)
    statement = statement_of(commitment, trace.inputs, trace.outputs, context=CONTEXT)
    policy = AttestationPolicy(nonce=NONCE)
    proving: dict[str, Callable[[], object]] = {"execute": lambda: execute(program, inputs)}
    judging: dict[str, Callable[[], object]] = {}
    for mode in ("key", "statement"):
        for kind in KINDS:
            settings = {"tee_kind": kind, "tee_mode": mode, "nonce": NONCE.hex()}
            options = Options(cache_dir=MODELS, settings=settings)  # nothing is cached
            backend = TeeBackend()  # one each: it keeps the key quote of the last kind alone
            setup = backend.setup(program, options)

            def prove(
                backend: TeeBackend = backend, options: Options = options, setup: Any = setup
            ) -> bytes:
                return backend.prove(program, trace, statement, setup, options).payload

            def judge(data: bytes) -> None:
                payload = Payload.decode(data)
                answer = Answer(
                    statement=statement,
                    mode=payload.mode,
                    nonce=payload.nonce,
                    key=payload.key,
                    signature=payload.signature,
                    challenge=payload.challenge,
                )
                ruling = judge_evidence(
                    payload.evidence,
                    answer=answer,
                    policy=policy,
                    now=datetime.now(UTC),
                    allow_builtin_simulator=True,
                )
                assert ruling.ok, [check for check in ruling.checks if not check.ok]  # noqa: S101

            proving[f"{mode} {kind}"] = prove
            made = prove()
            judging[f"{mode} {kind}"] = lambda made=made, judge=judge: judge(made)
    return _alternating(proving), _alternating(judging)


def _throughput(process: EnclaveProcess, inputs: dict[str, Any]) -> dict[str, float]:
    """Signed statements a second: one thread, and several with and without a lock around each."""

    def run(threads: int, lock: threading.Lock | None) -> float:
        def ask(number: int) -> None:
            context = number.to_bytes(32, "big")
            if lock is None:
                process.sign(inputs, context)
            else:
                with lock:
                    process.sign(inputs, context)

        began_s = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(ask, range(STATEMENTS)))
        return STATEMENTS / (time.perf_counter() - began_s)

    return {
        "statements": STATEMENTS,
        "threads": THREADS,
        "one_thread_per_s": run(1, None),
        "pipelined_per_s": run(THREADS, None),
        "one_at_a_time_per_s": run(THREADS, threading.Lock()),
    }


def bars(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Each bar of each model: what was found, and whether it holds."""
    rows = []
    for model, found in result["models"].items():
        for part in ("answers", "proofs"):
            plain = found["plain" if part == "answers" else "proofs"]
            plain_s = plain["median_s"] if part == "answers" else plain["execute"]["median_s"]
            for name, figures in found[part].items():
                mode = name.partition(" ")[0]
                if mode not in BARS_S or name.startswith("key quote"):
                    continue
                over_s = figures["median_s"] - plain_s
                rows.append(_bar(model, f"{part}, {name}", over_s, BARS_S[mode]))
        for name, figures in found["verification"].items():
            rows.append(_bar(model, f"verify, {name}", figures["median_s"], BARS_S["verify"]))
    return rows


def _bar(model: str, name: str, found_s: float, bar_s: float) -> dict[str, Any]:
    return {
        "model": model,
        "name": name,
        "found_s": found_s,
        "bar_s": bar_s,
        "within_bar": found_s <= bar_s,
    }


def table(result: dict[str, Any]) -> str:
    """The figures as markdown."""
    lines = [
        "| program | what | over plain execution (verify: whole), ms | bar, ms | |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    for row in bars(result):
        lines.append(
            f"| {row['model']} | {row['name']} | {1000 * row['found_s']:.2f} | "
            f"{1000 * row['bar_s']:.0f} | {'met' if row['within_bar'] else 'missed'} |"
        )
    lines += [
        "",
        "| program | plain, ms | one thread, 1/s | 8 threads, 1/s | one at a time, 1/s |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for model, found in result["models"].items():
        per_s = found["throughput"]
        lines.append(
            f"| {model} | {1000 * found['plain']['median_s']:.2f} | "
            f"{per_s['one_thread_per_s']:.0f} | {per_s['pipelined_per_s']:.0f} | "
            f"{per_s['one_at_a_time_per_s']:.0f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
