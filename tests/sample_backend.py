"""A whole backend that takes no time, for tests of what stands around backends.

Its evidence is the statement's digest, which anyone can write down: it is sound for nobody. Like a
backend of one's own it has two ways to stand for the weights, and needs the program for one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from verifiable.argument.soundness import Ledger, Sumcheck, ledger
from verifiable.backends.base import (
    Estimate,
    Evidence,
    Judgement,
    Key,
    NodeSupport,
    Options,
    Setup,
)
from verifiable.errors import MalformedFile, MalformedProof, VerifiableError
from verifiable.program.execute import Trace
from verifiable.program.program import IntArray, Program
from verifiable.statement.checks import CheckSpec
from verifiable.statement.commitment import ProgramCommitment, commit_program
from verifiable.statement.hashing import keccak
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import Statement

ECHO_1 = CheckSpec(
    id="ECHO-1", name="echo key", codes=("echo-key-differs",), refuses="Another key."
)
ECHO_2 = CheckSpec(
    id="ECHO-2", name="echo weights", codes=("echo-program-missing",), refuses="No program."
)
ECHO_3 = CheckSpec(
    id="ECHO-3", name="echo evidence", codes=("echo-false",), refuses="Another statement."
)


class EchoBackend:
    """Accepts whoever writes down the statement's digest; setting `weights` as for real ones."""

    id = "echo"
    version = "1.0"
    checks: tuple[CheckSpec, ...] = (ECHO_1, ECHO_2, ECHO_3)
    settings = ("weights",)
    cache_kinds: tuple[str, ...] = ()

    def __init__(self, *, cache_dir: Path | None = None) -> None:
        pass

    def support(self, program: Program) -> tuple[NodeSupport, ...]:
        return ()

    def estimate(self, program: Program) -> Estimate:
        return Estimate(
            setup_s=0.0, prove_s=0.0, verify_s=0.0, memory_bytes=1, proof_bytes=33, key_bytes=1
        )

    def setup(self, program: Program, options: Options) -> Setup:
        weights = options.settings.get("weights", "committed")
        if weights not in ("committed", "public"):
            raise VerifiableError("no such mode", code="unknown-option")
        root = commit_program(program).program_root.hex()
        key = self.decode_key({"program_root": root, "weights": str(weights)})
        return Setup(key=key, setup_s=0.0, cached=False, folder=options.cache_dir)

    def matching(self, proof: Proof, options: Options) -> Options:
        weights = "public" if proof.payload[:1] == b"p" else "committed"
        return replace(options, settings=MappingProxyType({"weights": weights}))

    def prove(
        self, program: Program, trace: Trace, statement: Statement, setup: Setup, options: Options
    ) -> Evidence:
        payload = setup.key.fields["weights"][:1].encode() + statement.digest
        return Evidence(payload=payload, prove_s=0.0, peak_rss_mib=0.0, phases_s={"echo": 0.0})

    def soundness(self, program: Program, options: Options) -> Ledger:
        weights = options.settings.get("weights", "committed")
        rounds = len(program.nodes) * (1 if weights == "public" else 2)
        return ledger((Sumcheck(label="echo", degree=2, rounds=rounds),))

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
        mode, digest = proof.payload[:1], proof.payload[1:]
        if len(digest) != 32:
            raise MalformedProof("not the evidence of an echo", code="payload-size")
        if key is None:
            return Judgement(checks=(ECHO_1.undecided(), ECHO_2.skipped(), ECHO_3.skipped()))
        same = key.fields["weights"][:1].encode() == mode
        lacking = mode == b"p" and program is None
        return Judgement(
            checks=(
                ECHO_1.ok() if same else ECHO_1.failed(found=mode.decode("ascii", "replace")),
                ECHO_2.undecided() if lacking else ECHO_2.ok(),
                ECHO_3.ok() if digest == proof.statement.digest else ECHO_3.failed(),
            ),
            verified_version=self.version,
            details=(f"echo: {len(proof.payload)} bytes",),
        )

    def decode_key(self, fields: Mapping[str, str]) -> Key:
        if set(fields) != {"program_root", "weights"}:
            raise MalformedFile("not a key of this backend", code="malformed-key")
        text = fields["program_root"] + fields["weights"]
        return Key(backend=self.id, digest=keccak(text.encode()), fields=fields)
