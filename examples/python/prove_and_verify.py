"""Compile a model, prove an answer of it, and verify it as somebody who holds only a lock would.

    python examples/python/prove_and_verify.py [FOLDER]

FOLDER is where program, lock and proof are written; default: the working directory.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

import verifiable

MODELS = Path(__file__).resolve().parents[2] / "models"


def main(folder: Path) -> None:
    """Play the author of a model, its prover and a verifier, who share files and nothing else."""
    # The author compiles the model to integers, once, and publishes what its proofs are judged by.
    program = verifiable.compile(
        MODELS / "digits_mlp.onnx",
        calibration=MODELS / "digits_calibration.npz",
        output=folder / "digits.program.onnx",
    )
    (folder / "model.lock").write_bytes(verifiable.make_lock(program).encode())

    # The prover runs it. The context binds the proof to one use: here, to somebody's request.
    request = b"request 4711 of shop.example".rjust(32, b"\0")
    image = np.load(MODELS / "digits_input.npz")["input"]
    result = verifiable.prove(program, image, context=request)
    (folder / "proof.json").write_bytes(result.proof.encode())
    print(f"proved in {result.prove_s:.3f} s, {result.proof_bytes} bytes")

    # The verifier needs neither the model nor the prover's machine.
    policy = verifiable.Policy(context=request)
    verdict = verifiable.verify(folder / "proof.json", lock=folder / "model.lock", policy=policy)
    print("class", int(verdict.outputs["output"].argmax()))
    print("does not establish:", *verdict.does_not_establish, sep="\n  ")

    # Whoever changes the answer is told which check found it out.
    statement = replace(result.statement, output_root=result.statement.input_root)
    lie = replace(result.proof, statement=statement)
    try:
        verifiable.verify(lie, lock=folder / "model.lock", policy=policy)
    except verifiable.VerificationError as refused:
        print("refused:", refused.code)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
