"""A quorum of three whose secrets are known, and proofs that it signed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from game_kit import small_program

from verifiable.backends.base import Key
from verifiable.backends.quorum.curve import possession_of, public_key_of, sign
from verifiable.backends.quorum.format import VERSION, Payload, bitmap_of, message_of
from verifiable.backends.quorum.keys import QuorumKey
from verifiable.backends.quorum.members import Member
from verifiable.program.execute import execute
from verifiable.statement.commitment import commit_program
from verifiable.statement.lock import Lock, LockedModel
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import ZERO_CONTEXT, Statement, statement_of
from verifiable.statement.verdict import Verdict
from verifiable.verification import evaluate

SECRETS = {"alder": 101, "birch": 102, "cedar": 103}
POLICY = Policy(backends={"quorum": None})


def member(name: str, secret: int) -> Member:
    return Member(name=name, public_key=public_key_of(secret), possession=possession_of(secret))


@cache
def quorum(threshold: int = 2) -> QuorumKey:
    return QuorumKey.of([member(name, secret) for name, secret in SECRETS.items()], threshold)


@cache
def proven(context: bytes = ZERO_CONTEXT) -> Proof:
    """A proof of the small program that says everything but who signed."""
    program = small_program()
    rng = np.random.default_rng(0)
    inputs = {spec.name: rng.integers(spec.lo, spec.hi + 1, spec.shape) for spec in program.inputs}
    trace = execute(program, inputs)
    commitment = commit_program(program)
    return Proof(
        backend="quorum",
        backend_version=VERSION,
        statement=statement_of(commitment, trace.inputs, trace.outputs, context=context),
        program=commitment,
        visibility="public",
        inputs=trace.inputs,
        outputs=tuple(trace.outputs[spec.name] for spec in program.outputs),
        saturated=False,
        payload=b"",
    )


def payload_by(
    key: QuorumKey, secrets: dict[str, int], statement: Statement, *, digest: bytes | None = None
) -> Payload:
    """The payload of members who sign; their sum is signed with the sum of their secrets."""
    named = [index for index, item in enumerate(key.members) if item.name in secrets]
    message = message_of(key.digest if digest is None else digest, statement.digest)
    return Payload(
        key_digest=key.digest,
        signers=bitmap_of(named, len(key.members)),
        signature=sign(sum(secrets.values()), message),
    )


@cache
def honest() -> Proof:
    """Signed by two of the three."""
    proof = proven()
    signers = {name: SECRETS[name] for name in ("alder", "cedar")}
    return replace(proof, payload=payload_by(quorum(), signers, proof.statement).encode())


def with_payload(payload: Payload) -> Proof:
    return replace(proven(), payload=payload.encode())


def judged(proof: Proof, key: QuorumKey | Key | None) -> Verdict:
    """A proof under a lock that pins the program, and the quorum if there is one."""
    held = key.to_key() if isinstance(key, QuorumKey) else key
    model = LockedModel(
        name="small",
        program=proven().program,
        backends={} if held is None else {"quorum": held.fields},
    )
    return evaluate(proof, POLICY, lock=Lock(models=(model,)))


def refused(verdict: Verdict, check: str, code: str, *, outcome: str = "not_proven") -> None:
    first = next(item for item in verdict.failed if item.id != "KEY-1")
    assert (first.id, first.code) == (check, code)
    assert verdict.outcome == outcome
    assert first.hint
    # no other check stops this lie
    told = {item.id for item in verdict.failed if item.status != "skipped"}
    assert told - {"KEY-1"} == {check}
