"""What a program's proofs will be, before any is made: support, soundness, time and sizes."""

from __future__ import annotations

from dataclasses import replace
from math import prod

from verifiable.argument.soundness import Ledger
from verifiable.backends.base import Estimate, NodeSupport, Options
from verifiable.backends.gkr.derive import bare_key
from verifiable.backends.gkr.keys import weights_mode
from verifiable.backends.gkr.plan import make_plan
from verifiable.backends.gkr.schedule import schedules, soundness_of_plan
from verifiable.errors import UnsupportedModel
from verifiable.program.program import Program

__all__ = ["estimate_program", "soundness_of", "unsupported"]

_SECONDS_PER_VALUE_PROVE = 1.2e-7
_SECONDS_PER_VALUE_SETUP = 3.0e-7
_SECONDS_PER_MESSAGE = 6.0e-5
_MEMORY_BYTES, _MEMORY_PER_VALUE = 170 << 20, 90
_FILE_BYTES, _FILE_BYTES_PER_VALUE = 1500, 5
"""Of the file beside the payload: the statement, the program's header, inputs and outputs."""


def unsupported(program: Program) -> tuple[NodeSupport, ...]:
    """One entry per node that cannot be proven, and why."""
    # Names are for people and may occur twice; numbers tell the nodes apart.
    nodes = tuple(replace(node, name=str(index)) for index, node in enumerate(program.nodes))
    try:
        make_plan(bare_key(replace(program, nodes=nodes), "committed"))
    except UnsupportedModel as cause:
        return tuple(
            NodeSupport(
                node=int(problem.node) if problem.node.isdecimal() else 0,
                supported=False,
                why=problem.what,
                hint=problem.hint,
            )
            for problem in cause.problems
        )
    return ()


def soundness_of(program: Program, options: Options) -> Ledger:
    """The error budget of one proof, from a run of the protocol without data.

    Raises:
        UnsupportedModel: with every node that cannot be proven.
    """
    return soundness_of_plan(make_plan(bare_key(program, weights_mode(options))))


def estimate_program(program: Program) -> Estimate:
    """Scale observed costs by committed values and messages; an order of magnitude.

    Raises:
        UnsupportedModel: with every node that cannot be proven.
    """
    plan = make_plan(bare_key(program, "committed"))
    proof, *ranges = schedules(plan)
    weights = sum(1 << column.log_size for column in plan.weight_columns.values())
    witness = sum(1 << column.log_size for column in plan.witness_columns)
    messages = len(proof.schedule) * _SECONDS_PER_MESSAGE
    shapes = [item.shape for item in program.inputs] + [item.shape for item in program.outputs]
    vk_bytes = len(plan.key.encode())
    sizes = [side.proof_bytes + side.drawn_bytes for side in (proof, *ranges)]
    return Estimate(
        setup_s=0.02 + weights * _SECONDS_PER_VALUE_SETUP,
        prove_s=0.01 + messages + (weights + 3 * witness) * _SECONDS_PER_VALUE_PROVE,
        verify_s=0.01 + messages,
        memory_bytes=_MEMORY_BYTES + _MEMORY_PER_VALUE * (weights + witness),
        proof_bytes=sizes[0],
        proof_file_bytes=(sum(sizes) + vk_bytes) * 4 // 3  # base64
        + _FILE_BYTES
        + _FILE_BYTES_PER_VALUE * sum(map(prod, shapes)),
        key_bytes=vk_bytes,
        note=f"committed weights; 2^{plan.variables} committed values; scaled from observed runs "
        "on two cores, the kernels compiled",
    )
