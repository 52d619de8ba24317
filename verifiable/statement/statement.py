"""The statement: what a proof claims, independent of how it is proven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from verifiable.errors import InvalidInput
from verifiable.program.program import IntArray
from verifiable.statement.commitment import ProgramCommitment, inputs_root, outputs_root
from verifiable.statement.hashing import (
    DIGEST_BYTES,
    Domain,
    ProgramRoot,
    StatementDigest,
    TensorRoot,
    domain_hash,
)

__all__ = [
    "ZERO_CONTEXT",
    "ProgramRoot",
    "Statement",
    "StatementDigest",
    "TensorRoot",
    "statement_of",
]

ZERO_CONTEXT = bytes(DIGEST_BYTES)
"""The context of a proof that is bound to no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Program `program_root` maps the values of `input_root` to those of `output_root`.

    Attributes:
        context: 32 bytes that bind the proof to one use (a nonce, a request on chain).
    """

    program_root: ProgramRoot
    input_root: TensorRoot
    output_root: TensorRoot
    context: bytes = ZERO_CONTEXT

    def __post_init__(self) -> None:
        for name in ("program_root", "input_root", "output_root", "context"):
            value = getattr(self, name)
            if not isinstance(value, bytes) or len(value) != DIGEST_BYTES:
                raise InvalidInput(f"{name} is not 32 bytes", where="statement", code="bad-digest")

    @property
    def digest(self) -> StatementDigest:
        """keccak-256 of `0a` and the four members: what every backend binds."""
        return StatementDigest(
            domain_hash(
                Domain.STATEMENT, self.program_root, self.input_root, self.output_root, self.context
            )
        )


def statement_of(
    commitment: ProgramCommitment,
    inputs: Mapping[str, IntArray] | Sequence[IntArray],
    outputs: Mapping[str, IntArray] | Sequence[IntArray],
    *,
    context: bytes = ZERO_CONTEXT,
) -> Statement:
    """The statement that a program maps these quantised inputs to these outputs.

    Raises:
        InvalidInput: values or context do not fit.
    """
    return Statement(
        program_root=commitment.program_root,
        input_root=inputs_root(commitment.schema, inputs, leaf_log2=commitment.leaf_log2),
        output_root=outputs_root(commitment.schema, outputs, leaf_log2=commitment.leaf_log2),
        context=context,
    )
