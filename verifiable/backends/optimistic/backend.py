"""The optimistic backend behind the common interface.

Its evidence is an assertion on a chain that nobody refuted, so judging takes a view of that chain,
and making it takes a session that sends transactions: both are brought by whoever calls. Nothing
here has a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from verifiable.backends.base import (
    ChainPlace,
    ChainProof,
    ChainSession,
    Estimate,
    Evidence,
    Judgement,
    Key,
    NodeSupport,
    Options,
    Setup,
)
from verifiable.backends.optimistic.format import BACKEND_ID, VERSION, OptimisticKey, Payload
from verifiable.backends.optimistic.keys import key_of
from verifiable.backends.optimistic.verify import OPTIMISTIC_CHECKS, judge_assertion
from verifiable.errors import ProvingError, SetupError
from verifiable.program.program import IntArray, Program
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import Statement
from verifiable.statement.view import AssertionView, ChainView

if TYPE_CHECKING:
    from verifiable.program.execute import Trace

__all__ = ["OptimisticBackend"]


class OptimisticBackend:
    """Bonded assertions that stand unless somebody shows one wrong element.

    One trusts that one honest party watched the game in time, the chain, and the contracts. That
    is another kind of trust than in a proof, so the default policy does not accept it.
    """

    id = BACKEND_ID
    version = VERSION
    checks = OPTIMISTIC_CHECKS
    settings: tuple[str, ...] = ()
    cache_kinds: tuple[str, ...] = ()

    def __init__(self, *, cache_dir: Path | None = None) -> None:
        """Make a backend; its verifier keeps nothing, so `cache_dir` is not used."""

    def support(self, program: Program) -> tuple[NodeSupport, ...]:
        """Every operator has a rule; whether a contract judges a node, that contract says."""
        return ()

    def estimate(self, program: Program) -> Estimate:
        """Times do not say much here: an assertion is final when its window is over."""
        return Estimate(
            setup_s=0.0,
            prove_s=None,
            verify_s=None,
            memory_bytes=None,
            proof_bytes=None,
            key_bytes=None,
            note="the program is run once and every tensor hashed; then the game's window passes",
        )

    def setup(self, program: Program, options: Options) -> Setup:
        """Always raises: a key names a game on a chain, which nothing here can read.

        Raises:
            SetupError: `game-needed`.
        """
        raise SetupError(
            "a key of the optimistic backend names a game on a chain",
            hint="pin it by `verifiable lock` with --game ADDRESS and --rpc-url URL",
            code="game-needed",
        )

    def matching(self, proof: Proof, options: Options) -> Options:
        """The options as they are: none changes a key."""
        return options

    def prove(
        self, program: Program, trace: Trace, statement: Statement, setup: Setup, options: Options
    ) -> Evidence:
        """Always raises: asserting takes a session on a chain; see `prove_on_chain`.

        Raises:
            ProvingError: `assert-on-chain`.
        """
        raise ProvingError(
            "the evidence of the optimistic backend is a bonded assertion on a chain",
            hint="name a node and an account, by --rpc-url and --account for instance",
            code="assert-on-chain",
        )

    def prove_on_chain(
        self,
        program: Program,
        commitment: ProgramCommitment,
        inputs: Mapping[str, IntArray],
        *,
        context: bytes,
        saturated: bool,
        session: ChainSession,
        options: Options,
    ) -> ChainProof:
        """Run a program once, commit to its trace, and assert what it computed under a bond."""
        from verifiable.backends.optimistic.prove import assert_and_prove  # compiles kernels

        return assert_and_prove(
            program,
            commitment,
            inputs,
            context=context,
            saturated=saturated,
            session=session,
            options=options,
        )

    def place(self, payload: bytes) -> ChainPlace:
        """Where to read before judging a payload."""
        return Payload.decode(payload).place

    def key_on_chain(self, program_root: bytes, chain_id: int, seen: AssertionView) -> Key | None:
        """The key of a program and the game that was read; None if that game is not genuine."""
        key = key_of(program_root, chain_id, seen)
        return None if key is None else key.to_key()

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
        """Judge without a view of the chain: never more than undecided."""
        return self.judge_on_chain(
            proof, commitment, inputs, outputs, key, policy, program, view=None, recheck=False
        )

    def judge_on_chain(
        self,
        proof: Proof,
        commitment: ProgramCommitment,
        inputs: Sequence[IntArray] | None,
        outputs: Sequence[IntArray] | None,
        key: Key | None,
        policy: Policy,
        program: Program | None,
        *,
        view: ChainView | None,
        recheck: bool,
    ) -> Judgement:
        """Check the assertion that a payload names against what was read of the chain."""
        return judge_assertion(
            proof, commitment, inputs, key, policy, program, view=view, recheck=recheck
        )

    def decode_key(self, fields: Mapping[str, str]) -> Key:
        """Rebuild a key from the fields of a lock."""
        return OptimisticKey.from_fields(fields).to_key()

    def door_evidence(self, proof: Proof, key: Key, options: Options) -> bytes:
        """What the door of a chain takes as evidence: the game that the key names."""
        from verifiable.backends.optimistic.onchain import evidence_of  # no part of verifying

        return evidence_of(proof, key)
