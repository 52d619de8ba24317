"""One run of a program, an assertion of its result, and the proof that names the assertion.

Whoever asserts sends transactions and puts up a bond, which is the dispute part's affair; here the
assertion becomes a proof file. The file is good at once: what it proves, the chain decides later.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from verifiable.backends.base import ChainProof, ChainSession, Options
from verifiable.backends.optimistic.format import BACKEND_ID, VERSION, Payload
from verifiable.backends.optimistic.trace import commit_execution
from verifiable.program.program import IntArray, Program
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.proof import Proof
from verifiable.statement.statement import Statement, statement_of

__all__ = ["assert_and_prove", "proof_of_assertion"]


def assert_and_prove(
    program: Program,
    commitment: ProgramCommitment,
    inputs: Mapping[str, IntArray],
    *,
    context: bytes,
    saturated: bool,
    session: ChainSession,
    options: Options,
) -> ChainProof:
    """Run a program once, commit to its trace, and assert what it computed under a bond.

    The arguments and errors are those of `backends.base.ChainProver.prove_on_chain`.
    """
    began_s = time.perf_counter()
    committed = commit_execution(
        program,
        inputs,
        leaf_log2=commitment.leaf_log2,
        progress=options.progress,
        cancel=options.cancel,
    )
    execute_s = time.perf_counter() - began_s
    ordered = tuple(
        np.asarray(inputs[spec.name], np.int64).reshape(spec.shape) for spec in program.inputs
    )
    statement = statement_of(commitment, ordered, committed.outputs, context=context)
    place = session.assert_result(commitment, committed, statement)
    proof = proof_of_assertion(
        commitment,
        ordered,
        committed.outputs,
        statement,
        Payload(
            chain_id=place.chain_id,
            game=place.game,
            assertion_id=place.assertion_id,
            trace_root=committed.root,
        ),
        saturated=saturated,
        show_inputs=options.visibility == "public",
    )
    return ChainProof(
        proof=proof,
        place=place,
        outputs=committed.outputs,
        execute_s=execute_s,
        assert_s=time.perf_counter() - began_s - execute_s,
    )


def proof_of_assertion(
    commitment: ProgramCommitment,
    inputs: Sequence[IntArray],
    outputs: Mapping[str, IntArray],
    statement: Statement,
    payload: Payload,
    *,
    saturated: bool = False,
    show_inputs: bool = True,
) -> Proof:
    """The proof that an assertion is evidence of a statement.

    Args:
        commitment: to the program that was run.
        inputs: quantised, in the program's order; they go into the file, if it shows them.
        outputs: by name; they go into the file.
        statement: what was asserted.
        payload: where the assertion stands.
        saturated: raw input values were clipped.
        show_inputs: False keeps the input out of the file: whoever verifies must hold it.
    """
    return Proof(
        backend=BACKEND_ID,
        backend_version=VERSION,
        statement=statement,
        program=commitment,
        visibility="public" if show_inputs else "hashed",
        inputs=tuple(inputs) if show_inputs else None,
        outputs=tuple(outputs[spec.name] for spec in commitment.schema.outputs),
        saturated=saturated,
        payload=payload.encode(),
    )
