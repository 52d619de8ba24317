"""One job with a backend of this package, in a process of its own.

    python -m peers.backend_job REQUEST.json RESULT.json

A request names a `job` and has that job's arguments. What the jobs share lies in files: the
program, the cache with the keys, the lock and the proofs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from peers.families import write_model
from peers.figures import series
from peers.traits import traits_of
from verifiable.api import compile
from verifiable.backends.base import Backend, Options, Setup
from verifiable.backends.registry import get_backend
from verifiable.errors import Undecided
from verifiable.files import write_bytes
from verifiable.program.execute import execute
from verifiable.program.onnx_file import load_program, save_program
from verifiable.program.program import IntArray, Program
from verifiable.progress import ProgressEvent
from verifiable.statement.commitment import commit_program
from verifiable.statement.lock import Lock, LockedModel
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import statement_of
from verifiable.verification import verify

__all__ = ["random_inputs"]

T = TypeVar("T")


def main() -> int:
    """Do the job that the request names."""
    asked, answered = (Path(argument) for argument in sys.argv[1:])
    request = json.loads(asked.read_text(encoding="utf-8"))
    job = _JOBS[request.pop("job")]
    answered.write_text(json.dumps(job(**request)), encoding="utf-8")
    return 0


def compile_job(*, model: str, calibration: str, program: str) -> dict[str, Any]:
    """Compile a float model and time what its program takes without any proof."""
    compiled = compile(model, calibration=calibration)
    save_program(compiled, program)
    inputs = random_inputs(compiled, seed=0)
    execute(compiled, inputs)
    times = [_timed(lambda: execute(compiled, inputs))[0] for _ in range(20)]
    return {
        "parameters": compiled.parameter_count,
        "activations": sum(int(np.prod(node.shape)) for node in compiled.nodes)
        + sum(int(np.prod(spec.shape)) for spec in compiled.inputs),
        "nodes": len(compiled.nodes),
        "program_bytes": Path(program).stat().st_size,
        "program_root": commit_program(compiled).program_root.hex(),
        "execute_s": series(times, 6),
    }


def family_job(
    *, kind: str, parameters: int, model: str, calibration: str, seed: int
) -> dict[str, Any]:
    """Write a float model of a family and its calibration data."""
    return dict(
        write_model(kind, parameters, model=Path(model), calibration=Path(calibration), seed=seed)
    )


def setup_job(
    *, backend: str, settings: Mapping[str, str], program: str, cache_dirs: list[str]
) -> dict[str, Any]:
    """Derive the keys once in each of the caches; the last one is for the jobs that follow."""
    loaded = load_program(program)
    prover = get_backend(backend)
    traits = traits_of(backend)
    prepared_s, setup_s = [], []
    for folder in cache_dirs:
        options = _options(folder, settings)
        prepared_s.append(_timed(lambda options=options: traits.prepare(loaded, options))[0])
        elapsed_s, setup = _timed(lambda options=options: prover.setup(loaded, options))
        if setup.cached:
            raise SystemExit(f"{folder} has keys already")
        setup_s.append(elapsed_s)
    files = {path.name: path.stat().st_size for path in sorted(setup.folder.iterdir())}
    lock = _lock(loaded, setup)
    return {
        "setup_first_s": round(setup_s[0], 4),
        "setup_s": series(setup_s[1:] or setup_s),
        "prepare_s": round(prepared_s[0], 3),
        "key_files_bytes": files,
        "key_bytes": sum(files.values()),
        "lock_bytes": len(lock.encode()),
    }


def prove_job(
    *,
    backend: str,
    settings: Mapping[str, str],
    program: str,
    cache_dir: str,
    warmup: int,
    runs: int,
    proofs: str,
) -> dict[str, Any]:
    """Prove random inputs, one for each run, and write the proofs and a lock.

    `prove_s` is the time of the backend's whole `prove`, its own verification included; the first
    proof of the process is told apart where there is a warm-up.
    """
    loaded = load_program(program)
    prover = get_backend(backend)
    options = _options(cache_dir, settings)
    setup = prover.setup(loaded, options)
    if not setup.cached:
        raise SystemExit("the keys were not in the cache")
    commitment = commit_program(loaded)
    folder = Path(proofs)
    folder.mkdir(parents=True)
    write_bytes(folder / "lock.json", _lock(loaded, setup).encode())
    first_s = []
    prove_s: list[float] = []
    phases: dict[str, list[float]] = {}
    digests = []
    payload_bytes = file_bytes = bare_bytes = 0
    for index in range(-warmup, runs):
        trace = execute(loaded, random_inputs(loaded, seed=max(index, 0)))
        outputs = tuple(trace.outputs[spec.name] for spec in loaded.outputs)
        statement = statement_of(commitment, trace.inputs, outputs)
        began = time.perf_counter()
        evidence = prover.prove(loaded, trace, statement, setup, options)
        elapsed_s = time.perf_counter() - began
        if index < 0:
            first_s.append(elapsed_s)
            continue
        prove_s.append(elapsed_s)
        for name, seconds in evidence.phases_s.items():
            phases.setdefault(name, []).append(seconds)
        proof = Proof(
            backend=prover.id,
            backend_version=prover.version,
            statement=statement,
            program=commitment,
            inputs=trace.inputs,
            outputs=outputs,
            payload=evidence.payload,
        )
        digests.append(proof.statement.digest.hex())
        data = proof.encode()
        payload_bytes, file_bytes = len(proof.payload), len(data)
        bare_bytes = traits_of(backend).bare_bytes(proof.payload)
        write_bytes(folder / f"{index}.json", data)
    return {
        "prove_first_s": round(first_s[0], 4) if first_s else None,
        "prove_s": series(prove_s),
        "phases_s": {name: series(values) for name, values in phases.items()},
        "proof_bytes": bare_bytes,
        "payload_bytes": payload_bytes,
        "proof_file_bytes": file_bytes,
        "statement_digests": digests,
    }


def verify_job(
    *, backend: str, cache_dir: str, program: str, proofs: str, runs: int
) -> dict[str, Any]:
    """Verify the proofs as a stranger with a lock, with and without the program."""
    folder = Path(proofs)
    lock = Lock.load(folder / "lock.json")
    loaded = load_program(program)
    files = sorted(path for path in folder.glob("*.json") if path.name != "lock.json")
    data = [path.read_bytes() for path in files]
    policy = Policy(backends={backend: None}, allow_insecure=frozenset({"local_setup"}))
    entry = lock.entry(commit_program(loaded).program_root)
    if entry is None:
        raise SystemExit("the lock is of another program")
    key = get_backend(backend).decode_key(entry.backends[backend])
    cache = Path(cache_dir)

    def whole(index: int) -> object:
        proof = data[index % len(data)]
        return verify(proof, policy, program=loaded, keys={backend: key}, cache_dir=cache)

    def key_only(index: int) -> object:
        return verify(data[index % len(data)], policy, lock=lock, cache_dir=cache)

    first_s, verdict = _timed(lambda: whole(0))
    whole_s = [_timed(lambda index=index: whole(index))[0] for index in range(runs)]
    try:
        key_only(0)
        key_only_s = [_timed(lambda index=index: key_only(index))[0] for index in range(runs)]
    except Undecided:  # this backend needs the program to verify
        key_only_s = []
    judge = _judge(get_backend(backend, cache_dir=cache), data[0], loaded, key, policy)
    judge()
    judge_s = [_timed(judge)[0] for _ in range(runs)]
    checks = {check.id: check for check in verdict.checks}
    return {
        "verify_first_s": round(first_s, 4),
        "verify_s": series(whole_s),
        "verify_with_key_only_s": series(key_only_s) if key_only_s else None,
        "judge_s": series(judge_s),
        "soundness_bits": traits_of(backend).soundness_bits(checks),
        "verifier_imports_numba": "numba" in sys.modules,
    }


def warm_job() -> dict[str, Any]:
    """Compile all kernels, or load them if an earlier process left them in numba's cache."""
    from verifiable.argument.kernels import load_kernels, warm

    load_s, kernels = _timed(load_kernels)
    warm_s, _ = _timed(lambda: warm(kernels))
    return {"kernels": kernels.name, "load_s": round(load_s, 3), "warm_s": round(warm_s, 3)}


def random_inputs(program: Program, *, seed: int) -> dict[str, IntArray]:
    """Inputs drawn uniformly from all that the program accepts; the same for the same seed."""
    rng = np.random.default_rng(seed)
    return {
        spec.name: rng.integers(spec.lo, spec.hi, spec.shape, dtype=np.int64, endpoint=True)
        for spec in program.inputs
    }


def _options(cache_dir: str, settings: Mapping[str, str]) -> Options:
    return Options(cache_dir=Path(cache_dir), settings=dict(settings), progress=_say)


def _judge(
    backend: Backend, data: bytes, program: Program, key: Any, policy: Policy
) -> Callable[[], None]:
    """The backend's own part of verification, on a proof that is decoded already."""
    proof = Proof.decode(data)

    def judge() -> None:
        judgement = backend.judge(
            proof, proof.program, proof.inputs, proof.outputs, key, policy, program
        )
        if not all(check.ok for check in judgement.checks):
            raise SystemExit(f"the proof does not verify: {judgement.checks}")

    return judge


def _lock(program: Program, setup: Setup) -> Lock:
    keys = {setup.key.backend: setup.key.fields}
    return Lock(models=(LockedModel(name="model", program=commit_program(program), backends=keys),))


def _timed(call: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    value = call()
    return time.perf_counter() - began, value


def _say(event: ProgressEvent) -> None:
    if event.fraction == 1.0 and "VERIFIABLE_BENCH_VERBOSE" in os.environ:
        print(f"{event.phase}: {event.elapsed_s:.2f} s", file=sys.stderr)


_JOBS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "compile": compile_job,
    "family": family_job,
    "setup": setup_job,
    "prove": prove_job,
    "verify": verify_job,
    "warm": warm_job,
}


if __name__ == "__main__":
    sys.exit(main())
