"""What differs between the backends that are measured, and is no part of their interface."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from verifiable.backends.base import Options
from verifiable.program.program import Program
from verifiable.statement.verdict import Check

__all__ = ["Traits", "traits_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """One backend's.

    Attributes:
        prepare: what is done once a machine before the first setup, and timed apart.
        bare_bytes: size of the proof as a chain would get it, from a payload.
        soundness_bits: what the verdict's checks, by id, say on soundness.
    """

    prepare: Callable[[Program, Options], None]
    bare_bytes: Callable[[bytes], int]
    soundness_bits: Callable[[Mapping[str, Check]], float | None]


def traits_of(backend: str) -> Traits:
    """The traits of a backend by id."""
    return {"ezkl": _EZKL, "gkr": _GKR}[backend]


def _generate_srs(program: Program, options: Options) -> None:
    """Generate the local reference string, which all programs of one size share."""
    from verifiable.backends.ezkl.graph import build
    from verifiable.backends.ezkl.settings import plan_circuit
    from verifiable.backends.ezkl.srs import obtain_srs

    obtain_srs(plan_circuit(build(program)).logrows, options)


def _ezkl_proof_bytes(payload: bytes) -> int:
    from verifiable.backends.ezkl.format import Payload

    return len(Payload.decode(payload).proof)


def _gkr_proof_bytes(payload: bytes) -> int:
    """Without the key and the proof of the weights' ranges, which are the same in every proof."""
    from verifiable.backends.gkr.format import Payload

    return len(Payload.decode(payload).proof)


def _ezkl_bits(checks: Mapping[str, Check]) -> float | None:
    from verifiable.backends.ezkl.verify import SOUNDNESS_BITS

    return float(SOUNDNESS_BITS)


def _gkr_bits(checks: Mapping[str, Check]) -> float | None:
    """The number of bits that the check of soundness found."""
    told = re.search(r"\d+(\.\d+)?", checks["GK-4"].found)
    return None if told is None else float(told[0])


def _nothing(program: Program, options: Options) -> None:
    return None


_EZKL = Traits(prepare=_generate_srs, bare_bytes=_ezkl_proof_bytes, soundness_bits=_ezkl_bits)
_GKR = Traits(prepare=_nothing, bare_bytes=_gkr_proof_bytes, soundness_bits=_gkr_bits)
