"""From an assertion on chain to the proof that names it.

Whoever asserts sends transactions and puts up a bond, which is the dispute part's affair
(`verifiable dispute assert`); here the assertion becomes a proof file. The file is good at once:
what it proves, the chain decides later.
"""

from __future__ import annotations

from verifiable.backends.optimistic.format import BACKEND_ID, VERSION, Payload
from verifiable.program.execute import Trace
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.proof import Proof
from verifiable.statement.statement import Statement

__all__ = ["proof_of_assertion"]


def proof_of_assertion(
    commitment: ProgramCommitment,
    trace: Trace,
    statement: Statement,
    payload: Payload,
    *,
    saturated: bool = False,
    show_inputs: bool = True,
) -> Proof:
    """The proof that an assertion is evidence of a statement.

    Args:
        commitment: to the program that was run.
        trace: its inputs and outputs go into the file.
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
        inputs=trace.inputs if show_inputs else None,
        outputs=tuple(trace.outputs[spec.name] for spec in commitment.schema.outputs),
        saturated=saturated,
        payload=payload.encode(),
    )
