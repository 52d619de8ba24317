"""Verifying a proof: what the caller names is read, a key is found, and the verifier judges.

The verifier itself (`verifiable.verification`) has no clock, no network and no cache; what it needs
of them is brought together here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from verifiable.anchoring import anchored, game_address
from verifiable.attestations import attested
from verifiable.backends.base import Key
from verifiable.deriving import derive_key, needs_key, with_key_reason
from verifiable.errors import (
    InvalidInput,
    ResourceLimit,
    SetupError,
    Undecided,
    UnsupportedModel,
    VerificationError,
)
from verifiable.games import accepting, chain_judge, key_on_chain, refuse_other_games
from verifiable.progress import Cancellation, Progress, silent
from verifiable.sources import (
    InputSource,
    LockSource,
    PathLike,
    PolicySource,
    ProgramSource,
    ProofSource,
    input_specs,
    lock_of,
    policy_of,
    program_of,
    proof_of,
    quantised_input,
)
from verifiable.statement.lock import Lock
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.verdict import Verdict
from verifiable.statement.view import ChainView
from verifiable.verification import evaluate as judge
from verifiable.verification import examine

if TYPE_CHECKING:
    from verifiable.backends.quorum.keys import QuorumKey

__all__ = ["evaluate", "verify"]


def evaluate(
    proof: ProofSource,
    *,
    policy: PolicySource = None,
    program: ProgramSource | None = None,
    lock: LockSource = None,
    key_file: LockSource = None,
    inputs: InputSource | None = None,
    index: int | None = None,
    allow_insecure_setup: bool = False,
    registry: str | None = None,
    record: bytes | str | None = None,
    chain_id: int | None = None,
    rpc_url: str | None = None,
    game: bytes | str | None = None,
    quorum: QuorumKey | PathLike | None = None,
    recheck: bool = False,
    allow_local_chain: bool = False,
    nonce: bytes | None = None,
    allow_simulated: bool = False,
    simulated_roots: Sequence[bytes | PathLike] = (),
    view: ChainView | None = None,
    now: datetime | None = None,
    derive_keys: bool = True,
    keys: Mapping[str, Key] | None = None,
    srs: PathLike | None = None,
    cache_dir: PathLike | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
    phases_s: dict[str, float] | None = None,
) -> Verdict:
    """Judge a proof and return the verdict, whatever it is; see `verify` for the arguments.

    Args:
        phases_s: if given, gets the seconds that `read_chain`, `derive_key` and `verify` took.

    Raises:
        MalformedProof, MalformedFile, MalformedModel, MalformedInput: a file cannot be read.
        InvalidInput: the verifier's own raw inputs cannot be quantised, or the arguments that
            name a record contradict each other.
        ChainError: the chain could not be read.
        MissingDependency, ResourceLimit, Cancelled.
    """
    began_s = time.perf_counter()
    decoded = proof_of(proof)
    demanded = policy_of(
        policy, allow_insecure_setup=allow_insecure_setup, allow_local_chain=allow_local_chain
    )
    demanded = attested(
        demanded,
        decoded,
        nonce=nonce,
        allow_simulated=allow_simulated,
        simulated_roots=simulated_roots,
    )
    judge_of_games = chain_judge(decoded)
    trusted = None if game is None else game_address(game)
    if trusted is not None:
        demanded = accepting(demanded, decoded, judge_of_games, rpc_url, program)
    if view is None:
        place = None if judge_of_games is None else judge_of_games.place(decoded.payload)
        demanded, view = anchored(
            demanded,
            registry=registry,
            record=record,
            chain_id=chain_id,
            backends=(decoded.backend,),
            rpc_url=rpc_url,
            place=place,
        )
    elif (registry, record, chain_id, rpc_url) != (None, None, None, None):
        raise InvalidInput(
            "a view was read beforehand, so there is no chain to name",
            where="view",
            hint="give the view, with a policy that pins its record, or the registry's name",
            code="two-records",
        )
    read_chain_s = time.perf_counter() - began_s
    pinned = lock_of(lock)
    claimed = _claimed(lock_of(key_file), decoded, demanded)
    loaded = None if program is None else program_of(program)
    folder = None if cache_dir is None else Path(cache_dir)
    held = None
    if inputs is not None:
        held, _ = quantised_input(
            input_specs(decoded.program.schema), inputs, index=index, saturate=decoded.saturated
        )
    known = dict(keys or {})
    if quorum is not None:
        from verifiable.quorums import accepting_quorum

        demanded, known[decoded.backend] = accepting_quorum(demanded, decoded, quorum, known)
    reason = ("", "")
    derive_key_s = 0.0
    if trusted is not None:
        refuse_other_games(trusted, decoded, pinned, known)
    if judge_of_games is not None and needs_key(decoded, demanded, pinned, known):
        derive_began_s = time.perf_counter()
        try:
            found = key_on_chain(
                judge_of_games, decoded, demanded, view, loaded, trusted, rpc_url, chain_id
            )
        except SetupError as error:
            reason = (f"{error.what}{f': {error.why}' if error.why else ''}", error.hint)
        else:
            if found is not None and trusted is not None:
                known[decoded.backend] = found
            elif found is not None:  # of the game that the proof names, for the record to confirm
                claimed.setdefault(decoded.backend, found.fields)
        derive_key_s = time.perf_counter() - derive_began_s
    elif loaded is not None and needs_key(decoded, demanded, pinned, known):
        early = examine(
            decoded,
            demanded,
            program=loaded,
            lock=pinned,
            inputs=held,
            view=view,
            cache_dir=folder,
        )
        bad = next((check for check in early if check.status == "failed"), None)
        if bad is not None:
            reason = (f"not derived, since {bad.id} did not pass", f"see {bad.id}")
        elif not derive_keys:
            reason = ("deriving one was not asked for", "let it be derived, or give a lock")
        else:
            derive_began_s = time.perf_counter()
            try:
                key = derive_key(
                    decoded,
                    loaded,
                    srs=srs,
                    cache_dir=cache_dir,
                    time_limit_s=time_limit_s,
                    progress=progress,
                    cancel=cancel,
                )
            except (SetupError, ResourceLimit, UnsupportedModel) as error:
                why = f": {error.why}" if error.why else ""
                reason = (f"{error.what}{why}", error.hint or "verify with a lock")
            else:
                if key is not None:
                    known[decoded.backend] = key
            derive_key_s = time.perf_counter() - derive_began_s
    verdict = judge(
        decoded,
        demanded,
        view=view,
        now=now,
        program=loaded,
        lock=pinned,
        inputs=held,
        keys=known or None,
        claimed=claimed,
        recheck=recheck,
        cache_dir=folder,
    )
    if cancel is not None:  # who asked to stop is not told `proven`
        cancel.check("verify")
    if phases_s is not None:
        total_s = time.perf_counter() - began_s
        phases_s.update(
            read_chain=read_chain_s,
            derive_key=derive_key_s,
            verify=total_s - derive_key_s - read_chain_s,
        )
    return with_key_reason(verdict, *reason) if reason[0] else verdict


def verify(
    proof: ProofSource,
    *,
    policy: PolicySource = None,
    program: ProgramSource | None = None,
    lock: LockSource = None,
    key_file: LockSource = None,
    inputs: InputSource | None = None,
    index: int | None = None,
    allow_insecure_setup: bool = False,
    registry: str | None = None,
    record: bytes | str | None = None,
    chain_id: int | None = None,
    rpc_url: str | None = None,
    game: bytes | str | None = None,
    quorum: QuorumKey | PathLike | None = None,
    recheck: bool = False,
    allow_local_chain: bool = False,
    nonce: bytes | None = None,
    allow_simulated: bool = False,
    simulated_roots: Sequence[bytes | PathLike] = (),
    view: ChainView | None = None,
    now: datetime | None = None,
    derive_keys: bool = True,
    keys: Mapping[str, Key] | None = None,
    srs: PathLike | None = None,
    cache_dir: PathLike | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Verdict:
    """Verify a proof.

    Args:
        proof: a proof, the bytes of its file, or its path.
        policy: what the relying party demands; strict by default.
        program: the program that the proof must be about. Its key is derived here, by the
            backend's whole setup unless cached, if no lock holds it.
        lock: trusted programs and their keys; then the program is not needed.
        key_file: a lock that you need not trust, where a record is pinned: its key of the program
            counts if the record holds the key's digest.
        inputs: the raw input, where the proof does not show it, or to compare.
        index: the row, where `inputs` holds several.
        allow_insecure_setup: accept a setup whose maker can forge proofs.
        registry: `URL/ADDRESS` of a node and a model registry (or the URL alone, for the
            registry's canonical address): the chain is read, and the record there must name the
            program and the key.
        record: the id of the record that counts, where the policy names none.
        chain_id: the chain that it must stand on.
        rpc_url: your node, for a proof whose evidence lies on a chain, where no registry names
            one: the assertion that the proof names is read there.
        game: address of the dispute game that you trust, and so accept, where no lock and no
            record holds its key: one that you, or somebody whom you rely on, watches. It needs
            `program` and `rpc_url`.
        quorum: the quorum that you trust, and so accept, or its file (`verifiable quorum key`),
            where no lock and no record holds its key.
        recheck: also run the program, and demand the same output and trace; a proof whose
            evidence lies on a chain must be final there all the same.
        allow_local_chain: accept a development chain, whose holder can rewrite it.
        nonce: what you asked the prover to attest for; attestations made for another are refused.
        allow_simulated: accept attestations of the built-in simulator, whose seed is public: they
            show nothing about hardware, and the verdict says so.
        simulated_roots: certificates (or their files) of other simulated roots to accept.
        view: what was read of the chain before, in place of `registry`; the policy pins the
            record then, and nothing is read here.
        now: the time of judging, with a time zone; the verifier has no clock of its own, and an
            attestation is undecided without.
        derive_keys: whether a key may be derived; False never starts costly work.
        keys: by backend id, keys that the caller derived from the program before.
        srs: file with the public setup, to derive the key with where the backend rests on one.
        cache_dir, time_limit_s, progress, cancel: as for `prove`.

    Returns:
        A verdict that is `proven`, with the verified inputs and outputs.

    Raises:
        VerificationError: the evidence does not prove the statement; carries the verdict.
        Undecided: the verifier lacks a key, a program or an input; carries the verdict.
        All that `evaluate` raises.
    """
    verdict = evaluate(
        proof,
        policy=policy,
        program=program,
        lock=lock,
        key_file=key_file,
        inputs=inputs,
        index=index,
        allow_insecure_setup=allow_insecure_setup,
        registry=registry,
        record=record,
        chain_id=chain_id,
        rpc_url=rpc_url,
        game=game,
        quorum=quorum,
        recheck=recheck,
        allow_local_chain=allow_local_chain,
        nonce=nonce,
        allow_simulated=allow_simulated,
        simulated_roots=simulated_roots,
        view=view,
        now=now,
        derive_keys=derive_keys,
        keys=keys,
        srs=srs,
        cache_dir=cache_dir,
        time_limit_s=time_limit_s,
        progress=progress,
        cancel=cancel,
    )
    if verdict.outcome == "proven":
        return verdict
    first = verdict.failed[0]
    error = Undecided if verdict.outcome == "undecided" else VerificationError
    raise error(
        verdict,
        what=f"{first.id} {first.name}: {first.found or first.code}",
        code=first.code,
        hint=first.hint,
    )


def _claimed(key_file: Lock | None, proof: Proof, policy: Policy) -> dict[str, Mapping[str, str]]:
    """By backend id the fields of the program's keys in a file that nobody need trust.

    Raises:
        InvalidInput: no record is pinned that could vouch for them.
    """
    if key_file is None:
        return {}
    if policy.registry is None:
        raise InvalidInput(
            "a file with keys is named, but no record that could vouch for one",
            where="key_file",
            hint="give --registry and --record; or --lock instead, if you trust its author",
            code="key-without-record",
        )
    entry = key_file.entry(proof.statement.program_root)
    return {} if entry is None else dict(entry.backends)
