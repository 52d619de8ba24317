"""What the error codes of `verifiable audit` mean."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["AUDIT_CODES"]

AUDIT_CODES: Mapping[str, str] = MappingProxyType(
    {
        "agreement-below-floor": "The program decides as its float model does on fewer rows than "
        "the floor demands. No commitment is wrong by that; compile with typical data.",
        "agreement-not-measurable": "The first output is one number, so it decides nothing that "
        "could agree. Leave --floor out and judge the errors in the report.",
        "audit-needs-scales": "A float model gives a program only with the scales of its "
        "activations, which lie in the metadata of the program that `verifiable compile` wrote.",
        "audited-graph-differs": "Model and scales give another node than the program has. The "
        "message names the first one.",
        "audited-key-differs": "The lock holds another key than the one that follows from the "
        "program. Find out who wrote the lock, from which program and with which settings.",
        "audited-key-not-derived": "A key was not derived again: it was left out, needs something "
        "that is not here, or follows from no program. The audit is undecided for it.",
        "audited-registered-key-differs": "The record on chain holds another key than the one that "
        "follows from the program, or than the lock.",
        "audited-root-not-locked": "The lock names another program than the one that model and "
        "scales give. The message says which parts differ.",
        "audited-root-not-registered": "The record on chain names another program than the one "
        "that model and scales give.",
        "audited-schema-differs": "An input or output of the program has another name, shape, "
        "bound, scale or zero point than model and scales give.",
        "audited-tables-differ": "A table of a function in the program is not the one that model "
        "and scales give. The message names the first entry.",
        "audited-weights-differ": "A weight, bias or multiplier of the program is not the one that "
        "model and scales give. The message names the first element.",
        "bad-floor": "A floor is a number of basis points from 1 to 10000; 9700 is 97 %.",
        "floor-without-data": "A floor says how often program and model must agree on data, and "
        "no data are given. Give --data, or leave --floor out.",
        "malformed-recipe": "The metadata of the program are not what `verifiable compile` writes, "
        "so it does not say how it was compiled.",
        "nothing-to-audit": "What follows from a model can only be compared with a program, a lock "
        "or a record. Name one.",
    }
)
"""By code one or two sentences: what it means, what to do."""
