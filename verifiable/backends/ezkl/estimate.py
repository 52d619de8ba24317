"""What proving a program with ezkl will take, before any work starts."""

from __future__ import annotations

from math import prod

from verifiable.backends.base import Estimate
from verifiable.backends.ezkl.keys import setup_seconds, supported_circuit
from verifiable.backends.ezkl.prove import prove_seconds
from verifiable.backends.ezkl.settings import blocks_of, plan_circuit
from verifiable.program.program import Program

__all__ = ["estimate_program"]

_KEY_BYTES_PER_BLOCK_ROW = 5400
_MEMORY_PER_KEY_BYTE = 2.9
_MEMORY_BYTES = 40 << 20
_PROOF_BYTES, _PROOF_BYTES_PER_BLOCK = 1000, 2600
_VK_BITS_PER_BLOCK_ROW = 19
_SETTINGS_BYTES, _SETTINGS_BYTES_PER_BLOCK = 1300, 800
_FILE_BYTES, _FILE_BYTES_PER_VALUE = 1500, 5
"""Of the file beside the payload: the statement, the program's header, inputs and outputs."""


def estimate_program(program: Program) -> Estimate:
    """Scale observed costs by the circuit's cells; an order of magnitude.

    Raises:
        UnsupportedModel: with every node that ezkl cannot prove.
    """
    plan = plan_circuit(supported_circuit(program))
    blocks = blocks_of(plan)
    proof_bytes = _PROOF_BYTES + _PROOF_BYTES_PER_BLOCK * blocks
    vk_bytes = blocks * (1 << plan.logrows) * _VK_BITS_PER_BLOCK_ROW // 8
    settings_bytes = _SETTINGS_BYTES + _SETTINGS_BYTES_PER_BLOCK * blocks
    shapes = [item.shape for item in program.inputs] + [item.shape for item in program.outputs]
    key_bytes = blocks * (1 << plan.logrows) * _KEY_BYTES_PER_BLOCK_ROW
    return Estimate(
        setup_s=setup_seconds(plan),
        prove_s=prove_seconds(plan.cells),
        verify_s=0.5,
        memory_bytes=int(key_bytes * _MEMORY_PER_KEY_BYTE) + _MEMORY_BYTES,
        proof_bytes=proof_bytes,
        proof_file_bytes=(proof_bytes + vk_bytes + settings_bytes) * 4 // 3  # base64
        + _FILE_BYTES
        + _FILE_BYTES_PER_VALUE * sum(map(prod, shapes)),
        key_bytes=key_bytes,
        note=f"about {plan.cells} cells at logrows {plan.logrows}; scaled from observed runs on "
        "two cores; a missing reference string adds its download or generation",
    )
