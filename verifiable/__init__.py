"""Verifiable inference: prove that an output is what a committed model computes.

The public names are loaded when they are first used, so that `import verifiable` costs next to
nothing and a missing optional package matters only to those who need it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from verifiable.api import (
        Forecast,
        ModelReport,
        ProgramReport,
        ProveItem,
        ProveResult,
        RunResult,
        compile,
        estimate,
        evaluate,
        evaluate_all,
        inspect,
        inspect_program,
        load_program,
        make_lock,
        prove,
        prove_many,
        run,
        save_program,
        setup,
        verify,
        verify_all,
    )
    from verifiable.auditing.audit import audit
    from verifiable.auditing.report import AuditReport
    from verifiable.backends.base import Setup
    from verifiable.errors import (
        Cancelled,
        InvalidInput,
        MalformedFile,
        MalformedInput,
        MalformedModel,
        MalformedProof,
        MissingDependency,
        ProvingError,
        ResourceLimit,
        SetupError,
        Undecided,
        UnsupportedModel,
        VerifiableError,
        VerificationError,
    )
    from verifiable.export import export_torch
    from verifiable.program.program import Program
    from verifiable.progress import Cancellation, ProgressEvent
    from verifiable.statement.attestation import AttestationPolicy, Reference
    from verifiable.statement.composite import CompositeVerdict
    from verifiable.statement.lock import Lock
    from verifiable.statement.policy import Policy
    from verifiable.statement.proof import Proof
    from verifiable.statement.statement import ZERO_CONTEXT, Statement
    from verifiable.statement.verdict import Check, Verdict

    __version__: str

__all__ = [
    "ZERO_CONTEXT",
    "AttestationPolicy",
    "AuditReport",
    "Cancellation",
    "Cancelled",
    "Check",
    "CompositeVerdict",
    "Forecast",
    "InvalidInput",
    "Lock",
    "MalformedFile",
    "MalformedInput",
    "MalformedModel",
    "MalformedProof",
    "MissingDependency",
    "ModelReport",
    "Policy",
    "Program",
    "ProgramReport",
    "ProgressEvent",
    "Proof",
    "ProveItem",
    "ProveResult",
    "ProvingError",
    "Reference",
    "ResourceLimit",
    "RunResult",
    "Setup",
    "SetupError",
    "Statement",
    "Undecided",
    "UnsupportedModel",
    "Verdict",
    "VerifiableError",
    "VerificationError",
    "__version__",
    "audit",
    "compile",
    "estimate",
    "evaluate",
    "evaluate_all",
    "export_torch",
    "inspect",
    "inspect_program",
    "load_program",
    "make_lock",
    "prove",
    "prove_many",
    "run",
    "save_program",
    "setup",
    "verify",
    "verify_all",
]

_HOME = {
    "ZERO_CONTEXT": "verifiable.statement.statement",
    "AttestationPolicy": "verifiable.statement.attestation",
    "AuditReport": "verifiable.auditing.report",
    "Cancellation": "verifiable.progress",
    "Check": "verifiable.statement.verdict",
    "CompositeVerdict": "verifiable.statement.composite",
    "Lock": "verifiable.statement.lock",
    "Policy": "verifiable.statement.policy",
    "Program": "verifiable.program.program",
    "ProgressEvent": "verifiable.progress",
    "Proof": "verifiable.statement.proof",
    "Reference": "verifiable.statement.attestation",
    "Setup": "verifiable.backends.base",
    "Statement": "verifiable.statement.statement",
    "Verdict": "verifiable.statement.verdict",
    "audit": "verifiable.auditing.audit",
    "export_torch": "verifiable.export",
    **dict.fromkeys(
        (
            "Forecast",
            "ModelReport",
            "ProgramReport",
            "ProveItem",
            "ProveResult",
            "RunResult",
            "compile",
            "estimate",
            "evaluate",
            "evaluate_all",
            "inspect",
            "inspect_program",
            "load_program",
            "make_lock",
            "prove",
            "prove_many",
            "run",
            "save_program",
            "setup",
            "verify",
            "verify_all",
        ),
        "verifiable.api",
    ),
    **dict.fromkeys(
        (
            "Cancelled",
            "InvalidInput",
            "MalformedFile",
            "MalformedInput",
            "MalformedModel",
            "MalformedProof",
            "MissingDependency",
            "ProvingError",
            "ResourceLimit",
            "SetupError",
            "Undecided",
            "UnsupportedModel",
            "VerifiableError",
            "VerificationError",
        ),
        "verifiable.errors",
    ),
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        found: object = version("verifiable")
    elif name in _HOME:
        found = getattr(import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return list(__all__)
