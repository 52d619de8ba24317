"""The ezkl backend behind the common interface.

Proving code is imported when it is asked for, so that a verifier never loads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from verifiable.backends.base import Estimate, Evidence, Judgement, Key, NodeSupport, Options, Setup
from verifiable.backends.ezkl.format import BACKEND_ID, EZKL_VERSION, EzklKey, Payload
from verifiable.backends.ezkl.trust import srs_label
from verifiable.backends.ezkl.verify import EZKL_CHECKS, judge_payload
from verifiable.cache import Cache
from verifiable.errors import SetupError
from verifiable.program.execute import Trace
from verifiable.program.program import IntArray, Program
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import Statement

__all__ = ["EzklBackend"]


class EzklBackend:
    """zkML by the ezkl library: a Halo2 proof with KZG commitments.

    Options (`Options.settings`): `srs`, `public` (default) or `local-insecure`; `srs_file`, a
    reference string file to use instead.
    """

    id = BACKEND_ID
    version = EZKL_VERSION
    checks = EZKL_CHECKS
    settings = ("srs", "srs_file")
    cache_kinds = ("ezkl-keys", "ezkl-srs", "ezkl-verifier")

    def __init__(
        self,
        *,
        cache_dir: Path | None = None,
        listed_srs: Mapping[int, str] | None = None,
    ) -> None:
        """Make a backend.

        Args:
            cache_dir: where this verifier keeps the reference strings that it knows; the default
                cache folder if None.
            listed_srs: SHA-256 of public reference strings by logrows; the packaged list if None.
        """
        self._cache = Cache(cache_dir)
        self._listed_srs = listed_srs

    def support(self, program: Program) -> tuple[NodeSupport, ...]:
        """One entry per node that ezkl cannot prove, and why."""
        from verifiable.backends.ezkl.graph import unsupported

        return unsupported(program)

    def estimate(self, program: Program) -> Estimate:
        """Time, memory and sizes, from the number of cells of the circuit."""
        from verifiable.backends.ezkl.estimate import estimate_program

        return estimate_program(program)

    def setup(self, program: Program, options: Options) -> Setup:
        """Derive the keys of a program, or find them in the cache."""
        from verifiable.backends.ezkl.keys import set_up

        return set_up(program, options)

    def matching(self, proof: Proof, options: Options) -> Options:
        """The options of the reference string that a proof names, if this machine holds it."""
        options = replace(options, visibility=proof.visibility)
        if "srs_file" in options.settings:
            return options
        s_g2 = Payload.decode(proof.payload).s_g2
        cache = Cache(options.cache_dir)
        label = srs_label(s_g2, cache, self._listed_srs)
        chosen = {"public": {"srs": "public"}, "local": {"srs": "local-insecure"}}.get(label)
        if chosen is None:
            from verifiable.backends.ezkl.srs import stored_srs

            held = [item for item in stored_srs(cache) if item.s_g2 == s_g2]
            if not held:
                raise SetupError(
                    "the reference string of this proof is not on this machine",
                    hint="verify with a lock, or give the file (--srs FILE); for a proof under "
                    "the public ceremony's, `verifiable setup PROGRAM` fetches it",
                    code="srs-not-held",
                )
            chosen = {"srs_file": str(held[0].path)}
        return replace(options, settings=MappingProxyType(chosen))

    def prove(
        self, program: Program, trace: Trace, statement: Statement, setup: Setup, options: Options
    ) -> Evidence:
        """Prove a statement; the evidence has passed this backend's own verification."""
        from verifiable.backends.ezkl.prove import prove_trace

        return prove_trace(program, trace, statement, setup, options)

    def judge(
        self,
        proof: Proof,
        commitment: ProgramCommitment,
        inputs: Sequence[IntArray] | None,
        outputs: Sequence[IntArray] | None,
        key: Key | None,
        policy: Policy,
        program: Program | None,
    ) -> Judgement:
        """Check a proof's payload against its statement; the key stands for the weights."""
        del program  # the verification key is that of one set of weights (EZ-3)
        payload = Payload.decode(proof.payload)
        return judge_payload(
            proof.payload,
            visibility=proof.visibility,
            backend_version=proof.backend_version,
            context=proof.statement.context,
            inputs=inputs,
            outputs=outputs,
            key=None if key is None else EzklKey.from_fields(key.fields),
            srs_label=srs_label(payload.s_g2, self._cache, self._listed_srs),
            policy=policy,
        )

    def door_evidence(self, proof: Proof, key: Key, options: Options) -> bytes:
        """The bytes that `EzklDoor` takes for a proof.

        Raises:
            ProvingError: (code `not-for-a-chain`) the proof hides values, or is not of this key.
            SetupError, ResourceLimit, MissingDependency, Cancelled: as for proving.
        """
        from verifiable.backends.ezkl.onchain import artifact_words, evidence_of

        return evidence_of(proof, key, artifact_words(proof, key, options))

    def setup_origin(self, fields: Mapping[str, str]) -> str:
        """Who made the reference string of a key, as far as this machine knows."""
        label = srs_label(EzklKey.from_fields(fields).s_g2, self._cache, self._listed_srs)
        return label if label in ("public", "local") else "unknown"

    def decode_key(self, fields: Mapping[str, str]) -> Key:
        """Rebuild a key from the fields of a lock."""
        return EzklKey.from_fields(fields).to_key()
