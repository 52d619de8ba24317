"""The gkr backend behind the common interface.

Proving code is imported when it is asked for, so that a verifier never loads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from verifiable.argument.soundness import Ledger
from verifiable.backends.base import Estimate, Evidence, Judgement, Key, NodeSupport, Options, Setup
from verifiable.backends.gkr.format import BACKEND_ID, VERSION, GkrKey, Payload
from verifiable.backends.gkr.verify import GKR_CHECKS, judge_payload
from verifiable.program.program import IntArray, Program
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import Statement

if TYPE_CHECKING:
    from verifiable.program.execute import Trace

__all__ = ["GkrBackend"]


class GkrBackend:
    """Transparent zkML: sumchecks over the integer program, LogUp-GKR, a hash-based commitment.

    Options (`Options.settings`): `weights`, `committed` (default) or `public`.
    """

    id = BACKEND_ID
    version = VERSION
    checks = GKR_CHECKS
    settings = ("weights",)
    cache_kinds = ("gkr-keys",)

    def __init__(self, *, cache_dir: Path | None = None) -> None:
        """Make a backend; its verifier keeps nothing, so `cache_dir` is not used."""

    def support(self, program: Program) -> tuple[NodeSupport, ...]:
        """One entry per node that cannot be proven, and why."""
        from verifiable.backends.gkr.survey import unsupported

        return unsupported(program)

    def estimate(self, program: Program) -> Estimate:
        """Time, memory and sizes, from the number of committed values."""
        from verifiable.backends.gkr.survey import estimate_program

        return estimate_program(program)

    def soundness(self, program: Program, options: Options) -> Ledger:
        """The error budget of a proof, from a run of the protocol without data."""
        from verifiable.backends.gkr.survey import soundness_of

        return soundness_of(program, options)

    def setup(self, program: Program, options: Options) -> Setup:
        """Derive the key of a program, or find it in the cache."""
        from verifiable.backends.gkr.keys import set_up

        return set_up(program, options)

    def matching(self, proof: Proof, options: Options) -> Options:
        """The options of the weight mode that the proof was made in."""
        settings = {**options.settings, "weights": Payload.decode(proof.payload).weights}
        return replace(options, visibility=proof.visibility, settings=MappingProxyType(settings))

    def prove(
        self, program: Program, trace: Trace, statement: Statement, setup: Setup, options: Options
    ) -> Evidence:
        """Prove a statement; the evidence has passed this backend's own verification."""
        from verifiable.backends.gkr.prove import prove_trace

        return prove_trace(program, trace, statement, setup, options)

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
        """Check a proof's payload against its statement."""
        return judge_payload(proof, commitment, inputs, outputs, key, policy, program)

    def key_in(self, proof: Proof) -> Key:
        """The key that a proof brings: the prover's word, of which nothing has been checked."""
        payload = Payload.decode(proof.payload)
        return GkrKey.of(payload.vk, payload.weights).to_key()

    def decode_key(self, fields: Mapping[str, str]) -> Key:
        """Rebuild a key from the fields of a lock."""
        return GkrKey.from_fields(fields).to_key()
