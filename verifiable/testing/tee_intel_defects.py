"""Every defect that Intel evidence can have, one at a time, with the check that refuses it.

    >>> for defect in INTEL_DEFECTS:
    ...     case = defect.case()

Each row is the honest case of `tee_intel_cases` with one thing wrong, everything else signed anew,
so that only the named check can refuse it. `INTEL_CONTROLS` stand beside: what looks odd and must
be accepted.
"""

from __future__ import annotations

from verifiable.testing.tee_intel_bytes import BODY_DEFECTS, BYTE_DEFECTS
from verifiable.testing.tee_intel_cases import (
    DefectGroup,
    IntelCase,
    IntelControl,
    IntelDefect,
)
from verifiable.testing.tee_intel_collateral import COLLATERAL_DEFECTS, IDENTITY_DEFECTS
from verifiable.testing.tee_intel_controls import INTEL_CONTROLS
from verifiable.testing.tee_intel_levels import TCB_DEFECTS
from verifiable.testing.tee_intel_signers import ROLE_DEFECTS, ROOT_DEFECTS

__all__ = [
    "INTEL_CONTROLS",
    "INTEL_DEFECTS",
    "DefectGroup",
    "IntelCase",
    "IntelControl",
    "IntelDefect",
]

INTEL_DEFECTS: tuple[IntelDefect, ...] = (
    *ROOT_DEFECTS,
    *ROLE_DEFECTS,
    *IDENTITY_DEFECTS,
    *COLLATERAL_DEFECTS,
    *TCB_DEFECTS,
    *BODY_DEFECTS,
    *BYTE_DEFECTS,
)
"""All of them; those of TEE-10 and TEE-12 are refused by the judge, who knows the statement."""
