"""The public values of an ezkl proof, recomputed from the statement.

A Halo2 proof is checked against a list of field elements, the instances: every program input in
order, the context as sixteen limbs, every output, and a 0: the excess of the circuit's remainders
(see `circuit.py`). The verifier builds them itself; the proof file has no say in them.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifiable.program.program import IntArray

__all__ = [
    "CONTEXT_LIMBS",
    "FIELD_MODULUS",
    "MAX_INPUT",
    "context_limbs",
    "felt",
    "shown_outputs",
]

FIELD_MODULUS = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
"""Order of the scalar field of BN254."""

CONTEXT_LIMBS = 16

MAX_INPUT = 1 << 24
"""Largest magnitude of an input: ezkl reads inputs as float32."""


def context_limbs(context: bytes) -> list[int]:
    """The 32 bytes of a context as sixteen big-endian 16-bit integers."""
    if len(context) != 2 * CONTEXT_LIMBS:
        raise ValueError("a context has 32 bytes")
    return [int.from_bytes(context[i : i + 2], "big") for i in range(0, len(context), 2)]


def felt(value: int) -> str:
    """A signed integer as ezkl writes field elements: 32 bytes, little-endian, hex."""
    return (value % FIELD_MODULUS).to_bytes(32, "little").hex()


def shown_outputs(outputs: Sequence[IntArray]) -> list[list[int]]:
    """What the circuit's outputs must be: the program's, row-major, and an excess of 0."""
    return [[int(value) for value in tensor.reshape(-1)] for tensor in outputs] + [[0]]
