"""The tee backend behind the common interface.

It proves with the simulated enclave, a process of its own that lives as long as the backend that
started it; it judges evidence of simulated and real machines by the same code. Evidence of real
machines comes from there: this package starts none.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from verifiable.backends.base import (
    Estimate,
    Evidence,
    Judgement,
    Key,
    NodeSupport,
    Options,
    Setup,
)
from verifiable.backends.tee.answer import Answer
from verifiable.backends.tee.checks import TEE_CHECKS
from verifiable.backends.tee.conclusions import rule
from verifiable.backends.tee.format import BACKEND_ID, MODES, VERSION, Payload
from verifiable.backends.tee.keys import TeeKey, key_under, simulator_key
from verifiable.errors import InvalidInput
from verifiable.program.program import IntArray, Program
from verifiable.statement.commitment import ProgramCommitment, commit_program
from verifiable.statement.hashing import DIGEST_BYTES
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import Statement

if TYPE_CHECKING:
    from verifiable.backends.tee.prove import Enclaves
    from verifiable.backends.tee.simulator.builtin import SimulatedKind
    from verifiable.program.execute import Trace

__all__ = ["KINDS", "TeeBackend"]

KINDS: tuple[SimulatedKind, ...] = ("tdx", "nitro", "snp")
"""Kinds of evidence that the simulated enclave makes."""

Chosen = TypeVar("Chosen", bound=str)


class TeeBackend:
    """An enclave executes the program, and its machine's vendor vouches for the enclave.

    One trusts the vendor's keys, the machine, and the code whose measurements the policy accepts.
    That is another kind of trust than in a proof, so the default policy does not accept it.
    """

    id = BACKEND_ID
    version = VERSION
    checks = TEE_CHECKS
    settings: tuple[str, ...] = ("tee_kind", "tee_mode", "nonce", "salt")
    cache_kinds: tuple[str, ...] = ()

    def __init__(self, *, cache_dir: Path | None = None) -> None:
        """Make a backend; its verifier keeps nothing, so `cache_dir` is not used."""
        self._enclaves: Enclaves | None = None

    def support(self, program: Program) -> tuple[NodeSupport, ...]:
        """Whatever executes can be attested."""
        return ()

    def estimate(self, program: Program) -> Estimate:
        """Little beside the execution itself, in the enclave and outside."""
        return Estimate(
            setup_s=0.0,
            prove_s=None,
            verify_s=0.01,
            memory_bytes=None,
            proof_bytes=None,
            key_bytes=None,
            note="the program runs once more, in the enclave; the first proof also starts it",
        )

    def setup(self, program: Program, options: Options) -> Setup:
        """The key of a program in the built-in simulator.

        That of real machines follows from the reference values of a policy, see `key_under`.
        """
        key = simulator_key(commit_program(program).program_root).to_key()
        return Setup(key=key, setup_s=0.0, cached=False, folder=options.cache_dir)

    def matching(self, proof: Proof, options: Options) -> Options:
        """The options as they are: none changes a key."""
        return options

    def key_under(self, program_root: bytes, policy: Policy) -> Key | None:
        """The key that a policy gives a program; None if the policy accepts no code at all."""
        key = key_under(program_root, policy)
        return None if key is None else key.to_key()

    def prove(
        self, program: Program, trace: Trace, statement: Statement, setup: Setup, options: Options
    ) -> Evidence:
        """Let a simulated enclave execute the program and attest the statement.

        Raises:
            InvalidInput: a setting has a value that it cannot have.
            ProvingError: the enclave failed, or computed something else than the trace.
            MissingDependency, Cancelled.
        """
        from verifiable.backends.tee.prove import Enclaves, Wish

        wish = Wish(
            kind=_choice(options, "tee_kind", KINDS),
            mode=_choice(options, "tee_mode", MODES),
            nonce=_bytes(options, "nonce"),
            salt=_bytes(options, "salt"),
        )
        if self._enclaves is None:
            self._enclaves = Enclaves()
            weakref.finalize(self, self._enclaves.close)
        return self._enclaves.prove(program, trace, statement, wish, options)

    def judge(
        self,
        proof: Proof,
        commitment: ProgramCommitment,
        inputs: Sequence[IntArray] | None,
        outputs: Sequence[IntArray] | None,
        key: Key | None,
        policy: Policy,
        program: Program | None = None,
    ) -> Judgement:
        """Judge without a time: never more than undecided."""
        return self.judge_at(proof, commitment, inputs, outputs, key, policy, program, now=None)

    def judge_at(
        self,
        proof: Proof,
        commitment: ProgramCommitment,
        inputs: Sequence[IntArray] | None,
        outputs: Sequence[IntArray] | None,
        key: Key | None,
        policy: Policy,
        program: Program | None,
        *,
        now: datetime | None,
    ) -> Judgement:
        """Judge the evidence of a payload at a time.

        Raises:
            MalformedProof: the payload cannot be decoded.
            MissingDependency: a package that this evidence is verified with is not installed.
        """
        payload = Payload.decode(proof.payload)
        answer = Answer(
            statement=proof.statement,
            mode=payload.mode,
            nonce=payload.nonce,
            key=payload.key,
            signature=payload.signature,
            challenge=payload.challenge,
        )
        pinned = None if key is None else TeeKey.from_fields(key.fields)
        return rule(payload.evidence, policy, answer=answer, now=now, key=pinned)[1]

    def decode_key(self, fields: Mapping[str, str]) -> Key:
        """Rebuild a key from the fields of a lock."""
        return TeeKey.from_fields(fields).to_key()

    def door_evidence(self, proof: Proof, key: Key, options: Options) -> bytes:
        """What the door of a chain takes as evidence: a registry of keys, and a key's signature."""
        from verifiable.backends.tee.onchain import evidence_of  # no part of verifying

        return evidence_of(proof, key)


def _choice(options: Options, name: str, choices: tuple[Chosen, ...]) -> Chosen:
    """A setting that is one of a few texts; the first if it is not given.

    Raises:
        InvalidInput: (code `unknown-option`) it is another one.
    """
    given = options.settings.get(name, choices[0])
    for choice in choices:
        if given == choice:
            return choice
    raise InvalidInput(
        f"{given!r} is not one of {', '.join(choices)}",
        where=name,
        hint=f"choose one of {', '.join(choices)}",
        code="unknown-option",
    )


def _bytes(options: Options, name: str) -> bytes:
    """A setting of 32 bytes in hex; empty if it is not given.

    Raises:
        InvalidInput: (code `bad-nonce-or-salt`) it is not.
    """
    if name not in options.settings:
        return b""
    try:
        value = bytes.fromhex(str(options.settings[name]))
    except ValueError:
        value = b""
    if len(value) != DIGEST_BYTES:
        raise InvalidInput(
            f"{DIGEST_BYTES} bytes in hex are needed", where=name, code="bad-nonce-or-salt"
        )
    return value
