"""Deriving the verification key of a program, all but the root of committed weights.

It needs no kernel and no commitment, so a verifier that holds the program derives it too, and takes
no more than that root from anybody.
"""

from __future__ import annotations

from verifiable.backends.gkr.vk import VerificationKey, WeightSpec, weight_bits
from verifiable.program.intervals import analyse
from verifiable.program.program import Program, Source
from verifiable.statement.commitment import commit_program

__all__ = ["NO_ROOT", "bare_key"]

NO_ROOT = bytes(32)
"""Stands where no root of weights is known, or none is needed."""


def bare_key(program: Program, mode: str, program_root: bytes | None = None) -> VerificationKey:
    """The verification key without the weights' root.

    Args:
        program: the program.
        mode: the weight mode.
        program_root: of the program, where the caller has it.

    Raises:
        UnsupportedModel: the program breaks the operators' bounds.
    """
    ranges = analyse(program)
    public = _multipliers(program)
    return VerificationKey(
        program_root=program_root or commit_program(program).program_root,
        weights=mode,
        inputs=tuple((spec.shape, spec.lo, spec.hi) for spec in program.inputs),
        outputs=tuple((spec.node, spec.shape) for spec in program.outputs),
        nodes=program.nodes,
        product_reach=tuple(
            (found.product_lo, found.product_hi) if node.op.requantisation is not None else None
            for node, found in zip(program.nodes, ranges, strict=True)
        ),
        constants=tuple(
            WeightSpec(
                shape=constant.values.shape,
                bits=weight_bits(constant.values),
                values=constant.values if index in public else None,
            )
            for index, constant in enumerate(program.weights)
        ),
        tables=tuple(table.values for table in program.tables),
        weight_root=NO_ROOT,
    )


def _multipliers(program: Program) -> frozenset[int]:
    """The constants that are somewhere a multiplier: they are public."""
    return frozenset(
        operand.index
        for node in program.nodes
        if node.op.roles[-1] == "multiplier"
        for operand in node.operands[-1:]
        if operand.source is Source.WEIGHT
    )
