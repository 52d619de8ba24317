"""The verifier: a proof, a policy and what the verifier holds, judged into a verdict.

`evaluate` runs every check and never decides by omission: a check that was not run counts against
the proof. `verify` returns the verdict only if it is `proven`. Neither has a clock, a network or
randomness; the time is an argument.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy.typing as npt

from verifiable.backends.base import Backend, ChainJudge, Judgement, Key, TimedJudge
from verifiable.backends.registry import get_backend
from verifiable.errors import (
    InvalidInput,
    MalformedProof,
    MissingDependency,
    ResourceLimit,
    Undecided,
    VerificationError,
)
from verifiable.key_origin import find_key, told
from verifiable.program.border import dequantise
from verifiable.program.program import IntArray, Program
from verifiable.statement import checks as table
from verifiable.statement.checks import CheckSpec
from verifiable.statement.commitment import ProgramCommitment, TensorSpec, commit_program
from verifiable.statement.examination import HeldInputs, examine_statement, hold_inputs
from verifiable.statement.lock import Lock
from verifiable.statement.policy import Policy
from verifiable.statement.proof import PROOF_FORMAT, Proof
from verifiable.statement.registry import (
    examine_record,
    examine_registered_key,
    limits_of_view,
    record_established,
)
from verifiable.statement.statement import ZERO_CONTEXT
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.verdict import SIMULATED_MARK, Check, FloatArray, Verdict, outcome_of
from verifiable.statement.view import ChainView

__all__ = ["evaluate", "examine", "verify"]


def evaluate(
    proof: Proof | bytes | str | os.PathLike[str],
    policy: Policy,
    *,
    view: ChainView | None = None,
    now: datetime | None = None,
    program: Program | None = None,
    lock: Lock | None = None,
    inputs: Mapping[str, npt.ArrayLike] | None = None,
    keys: Mapping[str, Key] | None = None,
    claimed: Mapping[str, Mapping[str, str]] | None = None,
    recheck: bool = False,
    cache_dir: Path | None = None,
) -> Verdict:
    """Judge a proof: run all checks and say what they add up to.

    At least one of `program`, `lock`, `policy.program_roots` and `policy.registry` must name the
    program, else the verdict is undecided; all that are given must agree with the proof.

    Args:
        proof: a proof, the bytes of a proof file, or its path.
        policy: what the relying party demands.
        view: what a chain said of the record that `policy.registry` pins, and of the assertion
            that the proof names, read beforehand.
        now: the time of judging, with a time zone. Evidence with dates is undecided without one.
        program: the program that the proof must be about.
        lock: the programs that are trusted, and their keys.
        inputs: quantised inputs by name that the verifier holds (integers under the schema's
            shapes). Needed if the proof does not show them; compared if it does.
        keys: by backend id a key that this verifier derived from the program itself; takes
            precedence over the lock's.
        claimed: by backend id the fields of a key, from anybody: it counts where the policy pins
            a record that holds its digest, and no key is in `keys` or the lock.
        recheck: also run the program, where the backend offers that, and demand the same result.
        cache_dir: where this verifier keeps what backends know by themselves; their default if
            None.

    Returns:
        the verdict; the verified values are in it only if it is `proven`.

    Raises:
        MalformedProof: the proof cannot be decoded.
        MissingDependency: the package that the backend verifies with is not installed.
        InvalidInput, MalformedModel: an argument of the caller's own is of the wrong kind.

    Soundness:
        Nothing is believed because the proof says so: roots are computed from the values, the
        program comes from the caller, the key from the caller or the lock, or it is the one whose
        digest a pinned record holds, and an error inside the backend counts against the proof. A
        view is believed as far as the policy's pin goes.
    """
    _check_arguments(policy, view, now, keys)
    proof = _decoded(proof)
    held = hold_inputs(proof, inputs)
    backend, accepted = _find_backend(proof, policy, cache_dir)
    _check_recheck(backend, recheck)
    key = find_key(proof, policy, backend, lock=lock, keys=keys, claimed=claimed, view=view)
    record = examine_record(policy, view, proof.statement)
    checks = _statement_checks(proof, policy, backend, accepted, held, program, lock, record)
    if record:
        digest = None if key.key is None else key.key.digest
        record = (*record, examine_registered_key(proof.backend, digest, view, record))
    judgement = _judge(
        proof,
        policy,
        backend,
        key.key,
        held,
        program,
        [*checks, key.check, *record],
        view=view,
        now=now,
        recheck=recheck,
    )
    version_check = _examine_verified_version(proof, policy, judgement)
    checks += [judgement.checks[0], version_check, key.check, *record, *judgement.checks[1:]]
    origin = key.origin if key.check.ok else key.origin or key.check.found or "no key"
    return _conclude(proof, tuple(checks), judgement, held, policy, view, key_origin=origin)


def examine(
    proof: Proof | bytes | str | os.PathLike[str],
    policy: Policy,
    *,
    program: Program | None = None,
    lock: Lock | None = None,
    inputs: Mapping[str, npt.ArrayLike] | None = None,
    view: ChainView | None = None,
    cache_dir: Path | None = None,
) -> tuple[Check, ...]:
    """Run the checks that need neither a key nor the evidence: ST-1 to ST-13, and the record's.

    For callers who would spend much on a key: where one of these fails, no key can help. The
    arguments and errors are those of `evaluate`.
    """
    proof = _decoded(proof)
    backend, accepted = _find_backend(proof, policy, cache_dir)
    held = hold_inputs(proof, inputs)
    record = examine_record(policy, view, proof.statement)
    checks = _statement_checks(proof, policy, backend, accepted, held, program, lock, record)
    return (*checks, *record)


def verify(
    proof: Proof | bytes | str | os.PathLike[str],
    policy: Policy,
    *,
    view: ChainView | None = None,
    now: datetime | None = None,
    program: Program | None = None,
    lock: Lock | None = None,
    inputs: Mapping[str, npt.ArrayLike] | None = None,
    keys: Mapping[str, Key] | None = None,
    claimed: Mapping[str, Mapping[str, str]] | None = None,
    recheck: bool = False,
    cache_dir: Path | None = None,
) -> Verdict:
    """Verify a proof; see `evaluate` for the arguments.

    Returns:
        a verdict that is `proven`.

    Raises:
        VerificationError: a check failed; carries the verdict and that check's code.
        Undecided: the verifier lacks something; carries the verdict.
        MalformedProof, MissingDependency, InvalidInput: as `evaluate`.
    """
    verdict = evaluate(
        proof,
        policy,
        view=view,
        now=now,
        program=program,
        lock=lock,
        inputs=inputs,
        keys=keys,
        claimed=claimed,
        recheck=recheck,
        cache_dir=cache_dir,
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


def _statement_checks(
    proof: Proof,
    policy: Policy,
    backend: Backend | None,
    accepted: Check,
    held: HeldInputs,
    program: Program | None,
    lock: Lock | None,
    record: tuple[Check, ...],
) -> list[Check]:
    examined = examine_statement(
        proof,
        policy,
        held=held,
        program=_committed(program, proof),
        lock=lock,
        record=record,
        enforced=_TIMED_DEMANDS if isinstance(backend, TimedJudge) else frozenset(),
        inputs_vouched=isinstance(backend, TimedJudge),
    )
    return [table.ST_1.ok(expected=PROOF_FORMAT, found=PROOF_FORMAT), accepted, *examined]


def _check_arguments(
    policy: Policy,
    view: ChainView | None,
    now: datetime | None,
    keys: Mapping[str, Key] | None,
) -> None:
    if view is not None and not isinstance(view, ChainView):
        raise InvalidInput(
            f"{type(view).__name__} is no view of a chain", where="view", code="wrong-type"
        )
    if view is not None and policy.registry is None and view.assertion is None:
        raise InvalidInput(
            "a view of a record shows nothing where the policy pins none",
            where="view",
            hint="name chain, registry and record in the policy",
            code="view-without-registry",
        )
    if now is not None and not isinstance(now, datetime):
        raise InvalidInput(
            f"the time is a datetime, not {type(now).__name__}", where="now", code="wrong-type"
        )
    for name, key in (keys or {}).items():
        if not isinstance(key, Key):
            raise InvalidInput(
                f"{type(key).__name__} is no key", where=f"keys[{name!r}]", code="wrong-type"
            )
    if now is not None and now.utcoffset() is None:
        raise InvalidInput("the time has no time zone", where="now", code="naive-time")


def _check_recheck(backend: Backend | None, recheck: bool) -> None:
    """Refuse a demand that would be ignored: only some evidence is checked by running again."""
    if recheck and backend is not None and not isinstance(backend, ChainJudge):
        raise InvalidInput(
            f"the backend {backend.id} does not repeat the execution",
            where="recheck",
            why="its evidence is a proof, which makes that needless",
            hint="leave --recheck out",
            code="recheck-not-offered",
        )


def _decoded(proof: Proof | bytes | str | os.PathLike[str]) -> Proof:
    """A proof that went through the strict decoder, also if it was built in memory."""
    if isinstance(proof, Proof):
        return Proof.decode(proof.encode())
    if isinstance(proof, bytes | bytearray | memoryview):
        return Proof.decode(bytes(proof))
    if not isinstance(proof, str | os.PathLike):
        raise InvalidInput(
            f"{type(proof).__name__} where a proof or the path of its file is expected",
            where="proof",
            code="wrong-type",
        )
    return Proof.load(proof)


def _committed(program: Program | None, proof: Proof) -> ProgramCommitment | None:
    """The verifier's own commitment to its program, with the leaf size of the proof's header."""
    return None if program is None else commit_program(program, leaf_log2=proof.program.leaf_log2)


def _find_backend(
    proof: Proof, policy: Policy, cache_dir: Path | None
) -> tuple[Backend | None, Check]:
    # ST-2: the policy, never the proof, decides which kinds of evidence count.
    accepted = ", ".join(sorted(policy.backends))
    if proof.backend not in policy.backends:
        return None, table.ST_2.failed(
            expected=accepted,
            found=proof.backend,
            hint="name the backend in the policy if its trust assumption is acceptable",
        )
    try:
        backend = get_backend(proof.backend, cache_dir=cache_dir)
        return backend, table.ST_2.ok(expected=accepted, found=proof.backend)
    except MissingDependency:
        raise
    except Exception as cause:
        return None, table.ST_2.undecided(
            "backend-not-installed",
            expected=proof.backend,
            found=told(cause),
            hint="install the package that brings this backend, or repair it",
        )


def _declared(backend: Backend) -> tuple[CheckSpec, ...]:
    """The checks that a backend declares; none if a third party's forgot to."""
    return tuple(getattr(backend, "checks", ()))


_TIMED_DEMANDS = frozenset(("maximum_age_s", "assurance"))


def _judge(
    proof: Proof,
    policy: Policy,
    backend: Backend | None,
    key: Key | None,
    held: HeldInputs,
    program: Program | None,
    before: list[Check],
    *,
    view: ChainView | None,
    now: datetime | None,
    recheck: bool,
) -> Judgement:
    """Let the backend judge the evidence; the first check of the result is ST-14.

    What the backend gets has passed the checks in `before`: the values are those of the
    statement's roots (ST-7, ST-9), and the program, if there is one, is the statement's (ST-5).
    """
    bad = next((check for check in before if check.status in ("failed", "skipped")), None)
    if backend is None or bad is not None:
        hint = f"{bad.id} did not pass" if bad is not None else "there is no backend to ask"
        declared = () if backend is None else _declared(backend)
        return Judgement(
            checks=(
                table.ST_14.skipped(hint=hint),
                *(spec.skipped(hint=hint) for spec in declared),
            )
        )
    try:
        given = (proof, proof.program, held.verified, proof.outputs, key, policy, program)
        if isinstance(backend, ChainJudge):
            judgement = backend.judge_on_chain(*given, view=view, recheck=recheck)
        elif isinstance(backend, TimedJudge):
            judgement = backend.judge_at(*given, now=now)
        else:
            judgement = backend.judge(*given)
        return _with_completeness(backend, judgement)
    except (MalformedProof, MissingDependency, KeyboardInterrupt, SystemExit):
        raise
    except (OSError, MemoryError, ResourceLimit) as cause:
        # A full disk or too little memory says something of this machine, not of the evidence.
        return _not_judged(
            backend,
            table.ST_14.undecided(
                "verifier-trouble",
                expected="the backend judges the evidence",
                found=told(cause),
                hint="free memory and disk space, or verify on another machine",
            ),
        )
    except BaseException as cause:
        # Native libraries panic outside `Exception`; whatever broke, nothing was shown.
        return _not_judged(
            backend,
            table.ST_14.failed(
                "verifier-error",
                expected="the backend judges the evidence",
                found=told(cause),
                hint="the evidence may be crafted, or the backend is broken",
            ),
        )


def _not_judged(backend: Backend, first: Check) -> Judgement:
    skipped = (spec.skipped(hint="ST-14 did not pass") for spec in _declared(backend))
    return Judgement(checks=(first, *skipped))


def _examine_verified_version(proof: Proof, policy: Policy, judgement: Judgement) -> Check:
    # ST-15: the policy's lowest version means the evidence's, not the one that a file claims.
    bad = next((check for check in judgement.checks if not check.ok), None)
    if bad is not None:
        return table.ST_15.skipped(hint=f"{bad.id} did not pass")
    lowest = policy.backends.get(proof.backend)
    expected, found = proof.backend_version, judgement.verified_version
    if found == expected:
        return table.ST_15.ok(expected=expected, found=found)
    if found:
        return table.ST_15.failed(
            "backend-version-mismatch",
            expected=expected,
            found=found,
            hint="the proof file says another version than its evidence was made with",
        )
    if lowest is not None:
        return table.ST_15.failed(
            "backend-version-not-verified",
            expected=f"evidence that binds its version, {lowest} or later",
            found="none",
            hint="this backend does not bind a version; leave the lowest one out of the policy",
        )
    return table.ST_15.ok(expected="any version", found="not bound by the evidence")


def _with_completeness(backend: Backend, judgement: Judgement) -> Judgement:
    # ST-14: each declared check is reported exactly once, and no other.
    declared = [spec.id for spec in _declared(backend)]
    reported = [check.id for check in judgement.checks]
    missing = tuple(spec for spec in _declared(backend) if spec.id not in reported)
    extra = [name for name in reported if name not in declared or reported.count(name) > 1]
    expected = ", ".join(declared) or "at least one declared check"
    if not declared or extra:
        first = table.ST_14.failed("undeclared-check", expected=expected, found=", ".join(reported))
    elif missing:
        first = table.ST_14.failed("check-not-run", expected=expected, found=", ".join(reported))
    else:
        first = table.ST_14.ok(expected=expected, found=", ".join(reported))
    hint = "the backend did not report this check"
    skipped = (spec.skipped(hint=hint) for spec in missing)
    return replace(judgement, checks=(first, *judgement.checks, *skipped))


def _conclude(
    proof: Proof,
    checks: tuple[Check, ...],
    judgement: Judgement,
    held: HeldInputs,
    policy: Policy,
    view: ChainView | None,
    *,
    key_origin: str,
) -> Verdict:
    """Put the verdict together; `key_origin` is empty if this verifier derived the key."""
    statement = proof.statement
    outcome = outcome_of(checks)
    not_established = [
        "that the model is accurate, fair or fit for a purpose",
        "that the input is authentic, or was quantised from the data that someone has in mind",
        "that the float model gives the same result: the proof is about the integer program",
    ]
    if policy.registry is not None and view is not None:
        not_established += limits_of_view(policy.registry, view)
    if key_origin:
        not_established.append(f"that the key belongs to the program: {key_origin} (KEY-1)")
    if not proof.saturated:
        not_established.append(
            "that no raw input value was clipped: `saturated` is the prover's word, which nothing "
            "binds"
        )
    if policy.context is None:
        not_established.append(
            "that the proof was made for this use: the policy names no context, so a proof can be "
            "shown again elsewhere"
        )
    shown = "the input and the output" if proof.inputs is not None else "the output"
    verified = outcome == "proven"
    inputs = held.verified if verified else None
    if verified and inputs is None:
        not_established.append(
            "which input it was: nobody showed its values, only their root, from which one of few "
            "possible inputs can be found by trying"
        )
    established: tuple[str, ...] = ()
    # Every sentence carries it: one that is quoted alone must not pass for the real thing.
    mark = SIMULATED_MARK if judgement.assurance == "simulated" else ""
    if outcome == "proven":
        use = "no context" if statement.context == ZERO_CONTEXT else encode_hex(statement.context)
        established = (
            f"the output is what program {encode_hex(statement.program_root)} computes on the "
            f"input, bit for bit (context: {use})",
            *(record_established(view) if policy.registry is not None else ()),
            *judgement.establishes,
        )
        established = tuple(mark + sentence for sentence in established)
    schema = proof.program.schema
    return Verdict(
        outcome=outcome,
        statement_digest=statement.digest,
        backend=proof.backend,
        checks=checks,
        establishes=established,
        does_not_establish=(*not_established, *judgement.does_not_establish),
        reveals=(f"{shown}: in the proof file", *judgement.reveals),
        details=judgement.details if outcome == "proven" else (),
        assurance=judgement.assurance,
        inputs=None if inputs is None else _by_name(schema.inputs, inputs),
        outputs=_by_name(schema.outputs, proof.outputs) if verified else None,
        input_values=None if inputs is None else _real(schema.inputs, inputs),
        output_values=_real(schema.outputs, proof.outputs) if verified else None,
    )


def _by_name(specs: tuple[TensorSpec, ...], values: tuple[IntArray, ...]) -> dict[str, IntArray]:
    return {spec.name: array for spec, array in zip(specs, values, strict=True)}


def _real(specs: tuple[TensorSpec, ...], values: tuple[IntArray, ...]) -> dict[str, FloatArray]:
    found: dict[str, FloatArray] = {}
    for spec, array in zip(specs, values, strict=True):
        real = dequantise(array, scale=spec.scale, zero_point=spec.zero_point)
        real.setflags(write=False)
        found[spec.name] = real
    return found
