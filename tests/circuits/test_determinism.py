"""The same execution gives the same bytes: for any threads, kernels, run and process."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gkr_proving import MODES, Shown, show
from operator_cases import CASES, ramp, step

from verifiable.argument.reference_kernels import ReferenceKernels
from verifiable.backends.gkr import keys, prove
from verifiable.circuits.samples import single
from verifiable.program import operators as ops
from verifiable.program.program import Program

SMALL = (
    "conv, pool, flatten, dense",
    "requantised wide, both ends, no power of two",
    "multiplier all s=3",
    "table wide x per channel",
    "max pool int32 3x3 pads",
    "five consumers",
)
ONE_FAST = ("public", pytest.param("committed", marks=pytest.mark.slow))


def large() -> Program:
    """Enough lanes for the kernels to share them out between threads."""
    constants = [ramp(128, 96, lo=-127, hi=127), ramp(128), ramp(128, lo=1, hi=99)]
    return single(ops.MatMul(requant=step(12)), [(128, 96)], constants)


def proof_of(program: Program, mode: str) -> Shown:
    generator = np.random.default_rng(11)
    inputs = {
        spec.name: generator.integers(spec.lo, spec.hi, spec.shape, endpoint=True).astype(np.int64)
        for spec in program.inputs
    }
    return show(program, inputs, mode)


@pytest.fixture
def shared_out(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The number of parts of every range that kernels share out."""
    threads = pytest.importorskip("verifiable.argument.numba_kernels.threads")
    found: list[int] = []
    original = threads.Threads.run

    def run(self, work, total, *, grain):
        found.append(original(self, work, total, grain=grain))
        return found[-1]

    monkeypatch.setattr(threads.Threads, "run", run)
    return found


@pytest.mark.parametrize("mode", ONE_FAST)
def test_any_number_of_threads(mode: str, shared_out: list[int]) -> None:
    from verifiable.argument.numba_kernels import NumbaKernels

    shown = proof_of(large(), mode)
    made = {}
    for threads in (1, 2, 4):
        shared_out.clear()
        made[threads] = shown.messages(NumbaKernels(threads=threads))
        assert max(shared_out) == threads
    assert made[1] == made[2] == made[4]
    assert shown.proof.payload.endswith(made[1])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", SMALL)
def test_any_kernels_and_any_run(name: str, mode: str) -> None:
    shown, again = proof_of(CASES[name], mode), proof_of(CASES[name], mode)
    assert shown.proof.encode() == again.proof.encode()
    assert shown.key == again.key
    messages = shown.messages(ReferenceKernels())
    assert len(messages) > 1000
    assert shown.proof.payload.endswith(messages)


@pytest.mark.parametrize("name", SMALL[:3])
def test_any_kernels_derive_the_same_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = proof_of(CASES[name], "committed")
    loaded: list[str] = []

    def reference(*args: object, **options: object) -> ReferenceKernels:
        loaded.append(name)
        return ReferenceKernels()

    for module in (keys, prove):
        monkeypatch.setattr(module, "ready_kernels", reference)
    again = proof_of(CASES[name], "committed")
    assert len(loaded) == 2  # one to set up, one to prove
    assert again.key == shown.key
    assert again.proof.encode() == shown.proof.encode()


def digest_of(name: str, mode: str) -> str:
    return hashlib.sha256(proof_of(CASES[name], mode).proof.encode()).hexdigest()


@pytest.mark.parametrize("mode", ONE_FAST)
def test_a_fresh_process(mode: str) -> None:
    here = Path(__file__).parent
    code = (
        f"import sys; sys.path[:0] = [{str(here)!r}, {str(here.parent)!r}]\n"
        f"from test_determinism import SMALL, digest_of\n"
        f"print(digest_of(SMALL[0], {mode!r}))"
    )
    for seed in ("0", "1"):
        found = subprocess.run(  # order of sets and dicts by hash must not matter
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": "", "HOME": str(Path.home())},
            capture_output=True,
            text=True,
            check=True,
        )
        assert found.stdout.strip() == digest_of(SMALL[0], mode)
