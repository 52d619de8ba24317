"""Deriving the key that a proof must verify under, from the verifier's own program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from verifiable.attestations import timed_judge
from verifiable.backends.base import Key
from verifiable.backends.registry import backend_ids, get_backend
from verifiable.options import backend_options, options_taken
from verifiable.progress import Cancellation, Progress, ProgressEvent, silent
from verifiable.sources import PathLike, ProgramSource, ProofSource, program_of, proof_of
from verifiable.statement.commitment import commit_program
from verifiable.statement.lock import Lock
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.verdict import Verdict

__all__ = ["derive_key", "needs_key", "with_key_reason"]


def derive_key(
    proof: ProofSource,
    program: ProgramSource,
    *,
    srs: PathLike | None = None,
    cache_dir: PathLike | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Key | None:
    """Derive from a program the key that a proof about it must verify under.

    This is the backend's whole setup, unless it is cached: the estimate is reported as progress
    before the work starts. None if the proof is about another program: then no key can help.

    Raises:
        MalformedProof, MalformedModel: what came in cannot be read.
        UnsupportedModel, SetupError, ResourceLimit, MissingDependency, Cancelled.
    """
    decoded = proof_of(proof)
    loaded = program_of(program)
    committed = commit_program(loaded, leaf_log2=decoded.program.leaf_log2)
    if committed.program_root != decoded.statement.program_root:
        return None
    backend = get_backend(decoded.backend)
    given = backend_options(
        srs=srs,
        cache_dir=cache_dir,
        time_limit_s=time_limit_s,
        progress=progress,
        cancel=cancel,
    )
    # which backend it is, the proof says: the caller's setup is for those that rest on one
    options = backend.matching(decoded, options_taken(backend, given))
    expected_s = backend.estimate(loaded).setup_s
    duration = "" if expected_s is None else f" in about {max(expected_s, 1):,.0f} s"
    progress(
        ProgressEvent(
            phase="derive key",
            message=f"found in the cache, or derived from the program{duration}",
        )
    )
    return backend.setup(loaded, options).key


def needs_key(proof: Proof, policy: Policy, lock: Lock | None, known: Mapping[str, Key]) -> bool:
    """Whether deriving a key could change the verdict."""
    if proof.backend not in policy.backends or proof.backend in known:
        return False
    if proof.backend not in backend_ids():
        return False
    if timed_judge(proof) is not None:
        return False  # the policy gives it, which costs nothing
    entry = None if lock is None else lock.entry(proof.statement.program_root)
    return entry is None or proof.backend not in entry.backends


def with_key_reason(verdict: Verdict, why: str, hint: str) -> Verdict:
    """Say in KEY-1 why no key was derived, instead of asking for a program."""
    return replace(
        verdict,
        checks=tuple(
            replace(check, found=f"none: {why}", hint=hint)
            if check.id == "KEY-1" and check.code == "no-key"
            else check
            for check in verdict.checks
        ),
    )
