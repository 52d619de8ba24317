"""A verifier of gkr needs Python and numpy: no kernels, no compiler, no prover, no network."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from gkr_programs import activation

from verifiable import api

VERIFIER = """
import json, sys

BLOCKED = {"numba", "llvmlite", "onnx", "onnxruntime", "click", "rich", "torch", "ezkl"}
PROVER = (
    "verifiable.argument.kernels", "verifiable.argument.numba_kernels",
    "verifiable.argument.prover_side", "verifiable.argument.reference_kernels",
    "verifiable.argument.stack_commit", "verifiable.backends.gkr.keys",
    "verifiable.backends.gkr.prove", "verifiable.backends.gkr.witness",
    "verifiable.program.execute", "verifiable.proving", "verifiable.cli",
)

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED or name.startswith(PROVER):
            raise ImportError(f"{name} is not for a verifier")

sys.meta_path.insert(0, Block())

import socket
def no_network(*_, **__):
    raise RuntimeError("the network is not for a verifier")
socket.socket = no_network

from verifiable.statement.lock import Lock
from verifiable.statement.policy import Policy
from verifiable.verification import evaluate

proof, lock = sys.argv[1:]
verdict = evaluate(proof, Policy(backends={"gkr": None}), lock=Lock.load(lock))
print(json.dumps({
    "outcome": verdict.outcome,
    "failed": [check.id for check in verdict.failed],
    "loaded": [name for name in sys.modules if name.split(".")[0] in BLOCKED],
}))
"""


def said(proof: Path, lock: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", VERIFIER, str(proof), str(lock)],
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_verifier_without_prover_and_kernels_judges_proofs(tmp_path: Path) -> None:
    program = activation()
    proof = api.prove(
        program, np.array([[1.0, -2.0, 3.0, 40.0]]), backend="gkr", cache_dir=tmp_path / "cache"
    ).proof
    lock = api.make_lock(program, names=["model"], backends=["gkr"], cache_dir=tmp_path / "cache")
    files = tmp_path / "proof.json", tmp_path / "lock.json"
    files[0].write_bytes(proof.encode())
    files[1].write_bytes(lock.encode())
    assert said(*files) == {"outcome": "proven", "failed": [], "loaded": []}
    # The control: it does judge.
    at = len(proof.payload) - 1
    broken = proof.payload[:at] + bytes((proof.payload[at] ^ 1,))
    files[0].write_bytes(replace(proof, payload=broken).encode())
    found = said(*files)
    assert found["outcome"] == "not_proven"
    assert isinstance(found["failed"], list)
    assert found["failed"][0] == "GK-12"
