"""The tee backend behind the common interface.

It proves with the simulated enclave, a process of its own that lives as long as the backend that
started it; it judges evidence of simulated and real machines by the same code. Evidence of real
machines comes from there: this package starts none.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

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
from verifiable.backends.tee.format import BACKEND_ID, MODES, VERSION, Mode, Payload
from verifiable.backends.tee.keys import TeeKey, key_under, simulator_key
from verifiable.errors import InvalidInput
from verifiable.program.program import IntArray, Program
from verifiable.statement.commitment import ProgramCommitment, commit_program
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import Statement

if TYPE_CHECKING:
    from verifiable.backends.tee.prove import Enclaves
    from verifiable.backends.tee.simulator.builtin import SimulatedKind
    from verifiable.program.execute import Trace

__all__ = ["KINDS", "TeeBackend"]

KINDS = ("tdx", "nitro", "snp")
"""Kinds of evidence that the simulated enclave makes."""


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
        began_s = time.perf_counter()
        key = simulator_key(commit_program(program).program_root).to_key()
        return Setup(
            key=key,
            setup_s=time.perf_counter() - began_s,
            cached=False,
            folder=options.cache_dir,
        )

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
        from verifiable.backends.tee.prove import Enclaves

        kind, mode, nonce = _settings(options)
        if self._enclaves is None:
            self._enclaves = Enclaves()
            weakref.finalize(self, self._enclaves.close)
        return self._enclaves.prove(
            program, trace, statement, kind=kind, mode=mode, nonce=nonce, cancel=options.cancel
        )

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


def _settings(options: Options) -> tuple[SimulatedKind, Mode, bytes]:
    """Kind, mode and nonce of the evidence to make.

    Raises:
        InvalidInput: (code `unknown-option` or `bad-nonce`) a value is none of these.
    """
    kind = str(options.settings.get("tee_kind", KINDS[0]))
    mode = str(options.settings.get("tee_mode", MODES[0]))
    for name, value, choices in (("tee_kind", kind, KINDS), ("tee_mode", mode, MODES)):
        if value not in choices:
            raise InvalidInput(
                f"{value!r} is not one of {', '.join(choices)}",
                where=name,
                hint=f"choose one of {', '.join(choices)}",
                code="unknown-option",
            )
    text = str(options.settings.get("nonce", ""))
    try:
        nonce = bytes.fromhex(text)
    except ValueError:
        nonce = b"?"
    if len(nonce) not in (0, 32):
        raise InvalidInput(
            "a nonce is 32 bytes in hex",
            where="nonce",
            hint="take the one that the verifier gave you",
            code="bad-nonce",
        )
    return cast("SimulatedKind", kind), cast(Mode, mode), nonce
