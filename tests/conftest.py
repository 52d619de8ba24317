"""What every test shares: one cache folder, and one proof that is made once a run.

Under xdist each worker is a process of its own, so the shared things lie in the parent of the
workers' base folders, and the first worker that needs one makes it while the others wait.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sample_backend import EchoBackend
from sample_models import MODELS, Proven

import verifiable
from verifiable.backends import registry

WAIT_S = 300


@pytest.fixture(scope="session")
def shared_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run see."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", autouse=True)
def cache_dir(shared_dir: Path) -> Iterator[Path]:
    """The cache of this run: tests neither use nor touch the user's."""
    folder = shared_dir / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERIFIABLE_CACHE_DIR", str(folder))
        yield folder


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Let one process in at a time; a folder is made atomically on every system."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            lock.mkdir()
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{lock} was never released") from None
            time.sleep(0.1)
    try:
        yield
    finally:
        lock.rmdir()


@pytest.fixture(scope="session")
def proven(shared_dir: Path, cache_dir: Path) -> Callable[[str], Proven]:
    """Make, once a run, program and proof of a sample model of digits by name."""

    def make(name: str) -> Proven:
        pytest.importorskip("ezkl", reason="proofs need the extra `ezkl`")
        program_path = shared_dir / f"{name}.program.onnx"
        proof_path = shared_dir / f"{name}.proof.json"
        with _only_one(shared_dir / f"{name}.lock"):
            if not proof_path.exists():
                program = verifiable.compile(
                    MODELS / f"{name}.onnx",
                    calibration=MODELS / "digits_calibration.npz",
                    output=program_path,
                )
                result = verifiable.prove(
                    program,
                    MODELS / "digits_input.npz",
                    backend="ezkl",
                    insecure_local_setup=True,
                    cache_dir=cache_dir,
                )
                proof_path.write_bytes(result.proof.encode())
        return Proven(
            program=verifiable.load_program(program_path),
            proof=verifiable.Proof.load(proof_path),
            program_path=program_path,
            proof_path=proof_path,
            cache_dir=cache_dir,
        )

    return make


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> type[EchoBackend]:
    """A backend `echo` that takes no time; a test may replace its parts by monkeypatching."""
    monkeypatch.setitem(registry._IN_TREE, "echo", "sample_backend:EchoBackend")
    return EchoBackend


@pytest.fixture(scope="session")
def digits_mlp_proof(proven: Callable[[str], Proven]) -> Proven:
    """The proof that most tests use; takes seconds."""
    return proven("digits_mlp")


@pytest.fixture(scope="session")
def digits_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the digits_mlp program, for tests that prove nothing."""
    path = tmp_path_factory.mktemp("program") / "digits_mlp.program.onnx"
    verifiable.compile(
        MODELS / "digits_mlp.onnx", calibration=MODELS / "digits_calibration.npz", output=path
    )
    return path
