"""What the host of a simulated enclave gets from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from verifiable.backends.tee.evidence import Evidence
from verifiable.program.program import IntArray
from verifiable.statement.statement import Statement

__all__ = ["AttestedExecution", "Execution", "KeyRegistration", "SignedExecution"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Execution:
    """What the enclave computed.

    Attributes:
        outputs: by name int64 arrays, read-only.
        statement: with the roots that the enclave computed.
    """

    outputs: Mapping[str, IntArray]
    statement: Statement


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AttestedExecution(Execution):
    """What the enclave computed, with evidence that reports the statement."""

    evidence: Evidence


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignedExecution(Execution):
    """What the enclave computed, with its key's signature of the statement: 65 bytes `r||s||v`."""

    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeyRegistration:
    """What registers an enclave's key on chain; the rest is known to who asked for it.

    Attributes:
        evidence: a TDX quote that reports the key.
        signature: by which the key asks to be registered with this quote, 65 bytes `r||s||v`.
    """

    evidence: Evidence
    signature: bytes
