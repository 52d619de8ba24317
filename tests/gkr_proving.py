"""Proofs of small programs by the gkr backend, and what its verifier says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import numpy as np

from verifiable.argument.kernels import Kernels, load_kernels
from verifiable.argument.prover_side import ProverSide
from verifiable.argument.transcript import Transcript
from verifiable.backends.base import Key, Options
from verifiable.backends.gkr.backend import GkrBackend
from verifiable.backends.gkr.format import Payload
from verifiable.backends.gkr.keys import Material, load_material, load_weights
from verifiable.backends.gkr.protocol import Public, run
from verifiable.backends.gkr.prove import prover_work
from verifiable.backends.gkr.witness import build_witness
from verifiable.errors import MalformedProof
from verifiable.program.execute import Trace, execute
from verifiable.program.program import IntArray, Program
from verifiable.statement.commitment import ProgramCommitment, commit_program
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import statement_of

__all__ = ["MODES", "Shown", "bumped", "options_for", "refusals", "show"]

MODES = ("committed", "public")
BACKEND = GkrBackend()


def options_for(folder: Path, mode: str) -> Options:
    return Options(cache_dir=folder, settings=MappingProxyType({"weights": mode}))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """A proof of one execution, and what a verifier would hold."""

    program: Program
    trace: Trace
    commitment: ProgramCommitment
    key: Key
    material: Material
    proof: Proof

    @property
    def inputs(self) -> list[IntArray]:
        return list(self.trace.inputs)

    @property
    def outputs(self) -> list[IntArray]:
        return [self.trace.outputs[spec.name] for spec in self.program.outputs]

    def failed(
        self, inputs: Sequence[IntArray] | None = None, outputs: Sequence[IntArray] | None = None
    ) -> list[str]:
        """The checks that did not pass, for the same payload under a statement on other values."""
        inputs = self.inputs if inputs is None else inputs
        outputs = self.outputs if outputs is None else outputs
        return self._judge(self.proof.payload, inputs, outputs)

    def lied(
        self, inputs: Sequence[IntArray] | None = None, outputs: Sequence[IntArray] | None = None
    ) -> list[str]:
        """The checks that stop a prover who claims other values of the same execution.

        All its messages are honest, and it goes on where its own checks fail.
        """
        inputs = self.inputs if inputs is None else inputs
        outputs = self.outputs if outputs is None else outputs
        messages = self.messages(load_kernels(), inputs=inputs, outputs=outputs, lenient=True)
        payload = replace(Payload.decode(self.proof.payload), proof=messages)
        return self._judge(payload.encode(), inputs, outputs)

    def messages(
        self,
        kernels: Kernels,
        *,
        inputs: Sequence[IntArray] | None = None,
        outputs: Sequence[IntArray] | None = None,
        lenient: bool = False,
    ) -> bytes:
        """The argument's messages, made by the given kernels."""
        inputs = self.inputs if inputs is None else inputs
        outputs = self.outputs if outputs is None else outputs
        constants = [constant.values for constant in self.program.weights]
        weights, lanes = load_weights(kernels, self.material, constants)
        witness = build_witness(self.material.plan, self.trace)
        witness.columns.update(lanes)
        public = Public(
            key_digest=self.material.key.digest,
            statement=statement_of(self.commitment, inputs, outputs),
            inputs=inputs,
            outputs=outputs,
            constants=dict(enumerate(constants)),
        )
        side = ProverSide(kernels, Transcript(), lenient=lenient)
        work = prover_work(kernels, self.material, witness, weights)
        run(side, self.material.plan, public, work)
        return side.proof

    def _judge(
        self, payload: bytes, inputs: Sequence[IntArray], outputs: Sequence[IntArray]
    ) -> list[str]:
        claimed = replace(
            self.proof,
            statement=statement_of(self.commitment, inputs, outputs),
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            payload=payload,
        )
        try:
            judgement = BACKEND.judge(
                claimed, self.commitment, inputs, outputs, self.key, Policy(), self.program
            )
        except MalformedProof as cause:  # other positions are drawn: other lengths of the paths
            return [cause.code]
        assert judgement.checks
        return [check.id for check in judgement.checks if not check.ok]


def show(program: Program, inputs: dict[str, IntArray], mode: str) -> Shown:
    """Set up and prove one execution; nothing is kept."""
    with TemporaryDirectory() as folder:
        options = options_for(Path(folder), mode)
        setup = BACKEND.setup(program, options)
        material = load_material(setup.folder)
        trace = execute(program, inputs)
        commitment = commit_program(program)
        outputs = [trace.outputs[spec.name] for spec in program.outputs]
        statement = statement_of(commitment, list(trace.inputs), outputs)
        evidence = BACKEND.prove(program, trace, statement, setup, options)
    proof = Proof(
        backend=BACKEND.id,
        backend_version=BACKEND.version,
        statement=statement,
        program=commitment,
        inputs=tuple(trace.inputs),
        outputs=tuple(outputs),
        payload=evidence.payload,
    )
    return Shown(
        program=program,
        trace=trace,
        commitment=commitment,
        key=setup.key,
        material=material,
        proof=proof,
    )


def refusals(program: Program) -> list[str]:
    """Why the backend cannot prove a program; empty if it can."""
    return [found.why for found in BACKEND.support(program) if not found.supported]


def bumped(
    tensors: Sequence[IntArray], which: int, *, ranges: Sequence[tuple[int, int]] | None = None
) -> list[IntArray] | None:
    """Copies of tensors with one element changed by 1.

    Args:
        tensors: in order; `which` counts through all of their elements, round and round.
        ranges: of the elements; without, the change goes towards 0, which every width holds.

    Returns:
        None if the element's range has one value only.
    """
    copies = [np.array(tensor) for tensor in tensors]
    position = which % sum(tensor.size for tensor in copies)
    number = 0
    while position >= copies[number].size:
        position -= copies[number].size
        number += 1
    lanes = copies[number].reshape(-1)
    old = int(lanes[position])
    if ranges is None:
        lanes[position] = old - 1 if old > 0 else old + 1
    else:
        lo, hi = ranges[number]
        if lo == hi:
            return None
        lanes[position] = old + 1 if old < hi else old - 1
    return copies
