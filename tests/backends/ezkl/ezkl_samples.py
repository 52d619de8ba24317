"""Programs and proofs for the tests of the ezkl backend."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from verifiable.backends.base import Key, Options, Setup
from verifiable.backends.ezkl.backend import EzklBackend
from verifiable.program import operators as ops
from verifiable.program.execute import Trace, execute
from verifiable.program.program import (
    Constant,
    Input,
    IntArray,
    Node,
    Operand,
    Output,
    Program,
    Source,
)
from verifiable.statement.commitment import commit_program
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import Statement, statement_of

LOCAL = {"srs": "local-insecure"}
ALLOWING = Policy(allow_insecure=frozenset({"local_setup"}))
CONTEXT = bytes(range(32))


def tiny_program(*, mirrored: bool = False) -> Program:
    """One dense layer of 5 inputs and 3 outputs with a clamp on both sides.

    `mirrored` is another model with the same set of constants, hence the same settings.
    """
    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 128, (3, 5))
    weights = (
        Constant.of("weight", weight[:, ::-1] if mirrored else weight),
        Constant.of("bias", rng.integers(-900, 900, (3,))),
        Constant.of("multiplier", rng.integers(300, 500, (3,))),
    )
    node = Node(
        op=ops.MatMul(requant=ops.Requantisation(shift=14, zero_point=-20, lo=-128, hi=127)),
        operands=(
            Operand(source=Source.INPUT, index=0, shape=(1, 5)),
            Operand(source=Source.WEIGHT, index=0, shape=(3, 5)),
            Operand(source=Source.WEIGHT, index=1, shape=(3,)),
            Operand(source=Source.WEIGHT, index=2, shape=(3,)),
        ),
        shape=(1, 3),
        width=1,
        name="dense",
    )
    return Program(
        inputs=(Input(name="x", shape=(1, 5), lo=-128, hi=127, scale=0.1, zero_point=0),),
        outputs=(Output(name="y", node=0, shape=(1, 3), scale=0.1, zero_point=-20),),
        nodes=(node,),
        weights=weights,
    )


def rows_for(program: Program, count: int, seed: int = 0) -> list[dict[str, IntArray]]:
    """Inputs of a program: all lowest, all highest, corners, then uniform ones."""
    rng = np.random.default_rng(seed)
    rows = []
    for index in range(count):
        row = {}
        for spec in program.inputs:
            ends = np.array([spec.lo, spec.hi])
            if index < 2:
                values = np.full(spec.shape, ends[index])
            elif index == 2:
                values = rng.choice(ends, spec.shape)
            else:
                values = rng.integers(spec.lo, spec.hi, spec.shape, endpoint=True)
            row[spec.name] = values.astype(np.int64)
        rows.append(row)
    return rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proven:
    """A program, its setup, and one proof with all that a verifier of it may hold."""

    program: Program
    setup: Setup
    trace: Trace
    statement: Statement
    proof: Proof

    @property
    def key(self) -> Key:
        return self.setup.key


def prove(
    program: Program,
    cache_dir: Path,
    *,
    visibility: str = "public",
    context: bytes = CONTEXT,
    seed: int = 3,
) -> Proven:
    """Set up and prove one random input under a local reference string."""
    backend = EzklBackend(cache_dir=cache_dir)
    options = Options(cache_dir=cache_dir, visibility=visibility, settings=LOCAL)
    setup = backend.setup(program, options)
    trace = execute(program, rows_for(program, 4, seed)[3])
    outputs = tuple(trace.outputs[spec.name] for spec in program.outputs)
    commitment = commit_program(program)
    statement = statement_of(commitment, trace.inputs, outputs, context=context)
    evidence = backend.prove(program, trace, statement, setup, options)
    proof = Proof(
        backend=backend.id,
        backend_version=backend.version,
        statement=statement,
        program=commitment,
        visibility=visibility,
        inputs=trace.inputs if visibility == "public" else None,
        outputs=outputs,
        payload=evidence.payload,
    )
    return Proven(program=program, setup=setup, trace=trace, statement=statement, proof=proof)
