"""What the error codes of requirements and of several proofs together mean."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["REQUIREMENT_CODES"]

REQUIREMENT_CODES: Mapping[str, str] = MappingProxyType(
    {
        "backend-named-twice": "A requirement names each backend once, so that no evidence is "
        "counted twice.",
        "backend-proven-twice": "Two proofs of one backend were given. Give the one that you rely "
        "on.",
        "bad-requirement": "The requirement in the policy cannot be read; the message says where.",
        "malformed-requirement": "The requirement cannot be read from the character that is named. "
        "It has backends' names, `and`, `or`, parentheses, and `2 of (a, b, c)`; `and` binds "
        "tighter than `or`.",
        "proof-not-named": "A proof was given of a backend that the requirement does not name, so "
        "it cannot count. Leave it out, or name the backend.",
        "requirement-needed": "Several proofs were given, but not which of them are enough: say so "
        "with --require, or in the policy's member `require`.",
        "requirement-not-accepted": "The policy's requirement names a backend that its `backends` "
        "does not accept. Add it there, if its trust assumption is acceptable.",
        "requirement-not-met": "The proofs are not enough together: of those that the requirement "
        "needs, some are not proven. The single verdicts say why.",
        "requirement-open": "The proofs are not enough yet: what is missing or undecided could "
        "still meet the requirement.",
        "requirement-too-large": "A requirement has at most 1024 bytes and 16 parentheses inside "
        "each other.",
        "statements-differ": "The proofs are of different statements. Prove one program on one "
        "input, with one context, and hidden inputs with one salt.",
        "threshold-out-of-range": "In `2 of (a, b, c)` the number is at least 1 and at most the "
        "number of parts.",
        "two-requirements": "The policy has one requirement, and another is given. Leave it out, "
        "or change the policy.",
    }
)
