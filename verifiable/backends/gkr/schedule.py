"""Runs of the protocol without data: what a key's proofs will hold, and how sound they are."""

from __future__ import annotations

import numpy as np

from verifiable.argument.schedule_side import ScheduleSide
from verifiable.argument.soundness import Ledger, ledger
from verifiable.backends.gkr.plan import Plan
from verifiable.backends.gkr.protocol import Public, run
from verifiable.backends.gkr.weight_ranges import plan_ranges, run_ranges
from verifiable.errors import Problem, UnsupportedModel
from verifiable.statement.hashing import ProgramRoot, TensorRoot
from verifiable.statement.statement import Statement

__all__ = ["SOUNDNESS_TARGET_BITS", "check_soundness", "schedules", "soundness_of_plan"]

SOUNDNESS_TARGET_BITS = 100
"""Least soundness of any proof: keys that would give less are not made, and not accepted."""


def schedules(plan: Plan) -> list[ScheduleSide]:
    """The runs of one proof, and of the weights' ranges if they are committed."""
    zero = bytes(32)
    public = Public(
        key_digest=zero,
        statement=Statement(
            program_root=ProgramRoot(zero),
            input_root=TensorRoot(zero),
            output_root=TensorRoot(zero),
        ),
        inputs=[np.zeros(shape, dtype=np.int64) for shape, _, _ in plan.key.inputs],
        outputs=[np.zeros(shape, dtype=np.int64) for _, shape in plan.key.outputs],
        constants={
            index: np.zeros(spec.shape, dtype=np.int64) if spec.values is None else spec.values
            for index, spec in enumerate(plan.key.constants)
        },
    )
    sides = [ScheduleSide()]
    run(sides[0], plan, public, None)
    if plan.weight_layout is not None:
        sides.append(ScheduleSide())
        run_ranges(sides[1], plan, plan_ranges(plan), zero, None)
    return sides


def soundness_of_plan(plan: Plan) -> Ledger:
    """The error budget of one proof and of the range proof that it rests on."""
    return ledger([term for side in schedules(plan) for term in side.terms])


def check_soundness(plan: Plan) -> None:
    """Refuse a program whose proofs would not be sound enough.

    Raises:
        UnsupportedModel: the errors of all random checks add up to too much.
    """
    bits = soundness_of_plan(plan).total_bits
    if bits < SOUNDNESS_TARGET_BITS:
        raise UnsupportedModel(
            [
                Problem(
                    code="not-sound-enough",
                    node="the program",
                    what=f"a proof of this size would have {bits:.1f} bits of soundness",
                    hint=f"smaller models reach the {SOUNDNESS_TARGET_BITS} bits that are needed",
                )
            ]
        )
