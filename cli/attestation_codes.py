"""What the error codes of attestations by hardware mean: a part of `codes.CODES`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["ATTESTATION_CODES"]

ATTESTATION_CODES: Mapping[str, str] = MappingProxyType(
    {
        "seed-too-short": "A simulated authority needs a seed of 16 bytes or more. Take 32 random "
        "bytes, or leave the seed out for the built-in, public one.",
    }
)
"""By code one or two sentences: what it means, what to do."""
