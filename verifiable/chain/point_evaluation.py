"""The precompile of EIP-4844: a polynomial committed to by KZG takes a value at a point.

py-evm's own reads the ceremony's points anew at every call, which takes most of a second, and
decides by `assert`, which `python -O` leaves out. The pairing itself is ckzg's in both.
"""

from __future__ import annotations

import hashlib
from functools import cache

import ckzg
from eth.precompiles.point_evaluation import TRUSTED_SETUP_PATH

__all__ = ["GAS", "OUTPUT", "is_evaluation"]

GAS = 50_000

_FIELD_ELEMENTS = 4096
_MODULUS = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
OUTPUT = _FIELD_ELEMENTS.to_bytes(32, "big") + _MODULUS.to_bytes(32, "big")
"""What the precompile answers to every true claim."""

_INPUT_BYTES = 192
_VERSION = b"\x01"


@cache
def _setup() -> object:
    return ckzg.load_trusted_setup(TRUSTED_SETUP_PATH, 0)


def is_evaluation(data: bytes) -> bool:
    """Whether the input (versioned hash, z, y, commitment, proof) is well-formed and true."""
    if len(data) != _INPUT_BYTES:
        return False
    versioned_hash, z, y = data[:32], data[32:64], data[64:96]
    commitment, proof = data[96:144], data[144:]
    if versioned_hash != _VERSION + hashlib.sha256(commitment).digest()[1:]:
        return False
    try:
        return bool(ckzg.verify_kzg_proof(commitment, z, y, proof, _setup()))
    except (RuntimeError, ValueError):  # how ckzg says that an operand is not well-formed
        return False
