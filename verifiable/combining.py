"""Verifying several proofs of one statement together: `ezkl or (tee and optimistic)`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypedDict, Unpack

from verifiable.attestations import timed_judge
from verifiable.backends.base import Key
from verifiable.errors import InvalidInput, Undecided, VerificationError
from verifiable.games import chain_judge
from verifiable.judging import evaluate
from verifiable.progress import Cancellation, Progress
from verifiable.sources import (
    InputSource,
    LockSource,
    PathLike,
    PolicySource,
    ProgramSource,
    ProofSource,
    lock_of,
    policy_of,
    program_of,
    proof_of,
)
from verifiable.statement.composite import CompositeVerdict, combine
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.requirement import Requirement
from verifiable.statement.verdict import Verdict
from verifiable.statement.view import ChainView

if TYPE_CHECKING:
    from verifiable.backends.quorum.keys import QuorumKey

__all__ = ["VerifyOptions", "evaluate_all", "required", "verify_all"]


class VerifyOptions(TypedDict, total=False):
    """Keywords of `verifiable.verify` that hold for each proof; one that only some backends take
    is given to those."""

    program: ProgramSource | None
    lock: LockSource
    key_file: LockSource
    inputs: InputSource | None
    index: int | None
    allow_insecure_setup: bool
    registry: str | None
    record: bytes | str | None
    chain_id: int | None
    rpc_url: str | None
    game: bytes | str | None
    quorum: QuorumKey | PathLike | None
    recheck: bool
    allow_local_chain: bool
    nonce: bytes | None
    allow_simulated: bool
    simulated_roots: Sequence[bytes | PathLike]
    view: ChainView | None
    now: datetime | None
    derive_keys: bool
    keys: Mapping[str, Key] | None
    srs: PathLike | None
    cache_dir: PathLike | None
    time_limit_s: float | None
    progress: Progress
    cancel: Cancellation | None


_OF_CHAINS = ("rpc_url", "game", "recheck")
_OF_ATTESTATIONS = ("nonce", "simulated_roots")


def evaluate_all(
    proofs: Sequence[ProofSource] | ProofSource,
    *,
    require: str | None = None,
    policy: PolicySource = None,
    phases_s: list[dict[str, float]] | None = None,
    **options: Unpack[VerifyOptions],
) -> CompositeVerdict:
    """Judge proofs together and return the verdict, whatever it is; see `verify_all`.

    Args:
        phases_s: if given, gets for each proof the seconds that `evaluate` reports.

    Raises:
        InvalidInput: the requirement cannot be read, there is none, there are two, or there are
            no proofs.
        All that `evaluate` raises, for any of the proofs.
    """
    demanded = None if policy is None else policy_of(policy)
    requirement = required(require, demanded)
    if demanded is None:  # who names kinds of evidence in a requirement accepts them
        demanded = Policy(backends=dict.fromkeys(requirement.names))
    each = replace(demanded, require=None)
    decoded = [proof_of(source) for source in _listed(proofs)]
    if not decoded:
        raise InvalidInput("there is no proof to judge", where="proofs", code="wrong-count")
    shared = _read_once(options)
    verdicts: list[Verdict] = []
    for proof, own in zip(decoded, _shared_out(decoded, each, shared), strict=True):
        seconds: dict[str, float] = {}
        verdicts.append(evaluate(proof, policy=each, phases_s=seconds, **own))
        if phases_s is not None:
            phases_s.append(seconds)
    return combine(requirement, verdicts)


def verify_all(
    proofs: Sequence[ProofSource] | ProofSource,
    *,
    require: str | None = None,
    policy: PolicySource = None,
    **options: Unpack[VerifyOptions],
) -> CompositeVerdict:
    """Verify that proofs of one statement are enough together.

    Args:
        proofs: one of each backend, in any order.
        require: which backends' proofs are enough, such as `ezkl or (tee and optimistic)` or
            `2 of (gkr, ezkl, tee)`; None: the policy's own requirement.
        policy: what each proof must meet by itself. Without one, the backends that `require`
            names are accepted, and all else is strict.
        options: as for `verify`; each is given to the proofs of those backends that take it.

    Returns:
        A verdict that is `proven`, with the verified inputs and outputs. A proof that the
        requirement does not need may have failed all the same: the verdict says so.

    Raises:
        VerificationError: the proofs are not enough, or are not of one statement; carries the
            verdict.
        Undecided: they could be enough with what is missing; carries the verdict.
        All that `evaluate_all` raises.
    """
    verdict = evaluate_all(proofs, require=require, policy=policy, **options)
    if verdict.outcome == "proven":
        return verdict
    first = verdict.failed[0]
    error = Undecided if verdict.outcome == "undecided" else VerificationError
    raise error(
        verdict, what=f"{first.id} {first.name}: {first.found}", code=first.code, hint=first.hint
    )


def required(require: str | None, policy: Policy | None) -> Requirement:
    """The requirement that counts: the caller's or the policy's.

    Raises:
        InvalidInput: it cannot be read, there is none (`requirement-needed`), or the two differ
            (`two-requirements`).
    """
    pinned = None if policy is None else policy.require
    text = pinned if require is None else require
    if text is None:
        raise InvalidInput(
            "several proofs are given, but not which of them are enough",
            where="require",
            hint="say so, as in: --require 'ezkl or (tee and optimistic)'",
            code="requirement-needed",
        )
    found = Requirement.parse(text)
    if pinned is not None and found != Requirement.parse(pinned):
        raise InvalidInput(
            "the policy has another requirement than the one that is given",
            where="require",
            why=f"{pinned} in the policy, {found} given",
            hint="leave it out, or change the policy",
            code="two-requirements",
        )
    return found


def _listed(proofs: Sequence[ProofSource] | ProofSource) -> list[ProofSource]:
    if isinstance(proofs, Proof | str | bytes | bytearray | memoryview | os.PathLike):
        return [proofs]
    return list(proofs)


def _read_once(options: VerifyOptions) -> VerifyOptions:
    """The options with files read, which are the same for each proof."""
    read = options.copy()
    program = options.get("program")
    if program is not None:
        read["program"] = program_of(program)
    for name in ("lock", "key_file"):
        if options.get(name) is not None:
            read[name] = lock_of(options[name])
    return read


def _shared_out(
    proofs: Sequence[Proof], policy: Policy, options: VerifyOptions
) -> list[VerifyOptions]:
    """The options of each proof.

    What none of the proofs takes is given to all, so that it is refused by name like any other.
    """
    on_chain = [chain_judge(proof) is not None for proof in proofs]
    attested = [timed_judge(proof) is not None for proof in proofs]
    takers = {
        "quorum": [proof.backend == "quorum" for proof in proofs],
        **dict.fromkeys(_OF_CHAINS, on_chain),
        **dict.fromkeys(_OF_ATTESTATIONS, attested),
    }
    if policy.registry is not None:  # the record is read at that node, for every proof
        takers["rpc_url"] = [True] * len(proofs)
    if options.get("registry") is None:  # a chain is named for the node, where no registry is
        takers["chain_id"] = takers["rpc_url"]
    found: list[VerifyOptions] = []
    for index in range(len(proofs)):
        own = options.copy()
        for name, takes in takers.items():
            if any(takes) and not takes[index]:
                own.pop(name, None)  # type: ignore[misc]
        found.append(own)
    return found
