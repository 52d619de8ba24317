"""From an assertion on chain to the proof that names it.

Whoever asserts sends transactions and puts up a bond, which is the dispute part's affair; here the
assertion becomes a proof file. The file is good at once: what it proves, the chain decides later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from verifiable.backends.optimistic.format import BACKEND_ID, VERSION, Payload
from verifiable.program.program import IntArray
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.proof import Proof
from verifiable.statement.statement import Statement

__all__ = ["proof_of_assertion"]


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
