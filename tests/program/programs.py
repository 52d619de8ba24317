"""Constants that several tests of programs share."""

from __future__ import annotations

from verifiable.circuits.samples import single
from verifiable.program import operators as ops

__all__ = ["INT32", "WIDE", "single"]

INT32 = (-(1 << 31), (1 << 31) - 1)
WIDE = ops.Requantisation(lo=-(1 << 63), hi=(1 << 63) - 1)
