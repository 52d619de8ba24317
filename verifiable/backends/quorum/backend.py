"""The quorum backend behind the common interface."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from verifiable.backends.base import (
    Estimate,
    Evidence,
    Judgement,
    Key,
    NodeSupport,
    Options,
    Setup,
)
from verifiable.backends.quorum.format import BACKEND_ID, VERSION
from verifiable.backends.quorum.held import read_password, read_quorum
from verifiable.backends.quorum.keys import QuorumKey
from verifiable.backends.quorum.keystore import read_keystore
from verifiable.backends.quorum.onchain import evidence_of
from verifiable.backends.quorum.signing import combine, require_possession, sign_statement
from verifiable.backends.quorum.verify import QUORUM_CHECKS, judge_quorum
from verifiable.errors import ProvingError, SetupError
from verifiable.program.program import IntArray, Program
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import Statement

if TYPE_CHECKING:
    from verifiable.program.execute import Trace

__all__ = ["QuorumBackend"]


class QuorumBackend:
    """k of n named parties executed the program, and signed what came out.

    One trusts that fewer than k of them lie. That is another kind of trust than in a proof, so the
    default policy does not accept it.
    """

    id = BACKEND_ID
    version = VERSION
    checks = QUORUM_CHECKS
    settings: tuple[str, ...] = ("quorum", "quorum_secrets", "quorum_password_file")
    cache_kinds: tuple[str, ...] = ()

    def __init__(self, *, cache_dir: Path | None = None) -> None:
        """Make a backend; its verifier keeps nothing, so `cache_dir` is not used."""

    def support(self, program: Program) -> tuple[NodeSupport, ...]:
        """Whatever executes can be signed."""
        return ()

    def estimate(self, program: Program) -> Estimate:
        """The execution itself, and then a second or two for each signature."""
        return Estimate(
            setup_s=None,
            prove_s=None,
            verify_s=None,
            memory_bytes=None,
            proof_bytes=None,
            key_bytes=None,
            note="each party executes the program once and signs in half a second; combining takes "
            "a second for each signature, verifying one and half a second for each member",
        )

    def setup(self, program: Program, options: Options) -> Setup:
        """The key of the quorum that the setting `quorum` names, the same for every program.

        Raises:
            SetupError: (code `quorum-needed`) none is named.
            MalformedFile: its file cannot be read, or a member does not show to hold its key.
            MissingDependency: py-ecc is not installed.
        """
        began_s = time.perf_counter()
        path = options.settings.get("quorum")
        if path is None:
            raise SetupError(
                "a key of the quorum backend says whose signatures count",
                hint="name the quorum's file (`verifiable quorum key`) by --quorum",
                code="quorum-needed",
            )
        key = read_quorum(str(path))
        require_possession(key)
        return Setup(
            key=key.to_key(),
            setup_s=time.perf_counter() - began_s,
            cached=False,
            folder=options.cache_dir,
        )

    def matching(self, proof: Proof, options: Options) -> Options:
        """The options as they are: a proof does not choose its quorum."""
        return options

    def prove(
        self, program: Program, trace: Trace, statement: Statement, setup: Setup, options: Options
    ) -> Evidence:
        """Sign with the secret keys of several members, where one holder has them.

        Parties that keep their keys to themselves use `verifiable quorum sign` and `combine`.

        Raises:
            ProvingError: (code `signers-needed`) no secret keys are given; or see `combine`.
            AccountError: a keystore cannot be opened.
            InvalidInput: a secret key is no member's.
            MissingDependency, Cancelled.
        """
        given = str(options.settings.get("quorum_secrets", ""))
        paths = [path for path in given.split("\0") if path]
        if not paths:
            raise ProvingError(
                "members sign with their secret keys, and none is given",
                hint="give --quorum-secret for each, or let each party run `verifiable quorum "
                "sign` and put the signatures together by `verifiable quorum combine`",
                code="signers-needed",
            )
        began_s = time.perf_counter()
        key = QuorumKey.from_fields(setup.key.fields)
        password = read_password(options.settings.get("quorum_password_file"))
        partials = []
        for path in paths:
            options.cancel.check("sign")
            secret = read_keystore(path).unlock(password)
            partials.append(sign_statement(secret, key, statement))
        signed_s = time.perf_counter()
        payload = combine(key, statement, partials)
        ended_s = time.perf_counter()
        return Evidence(
            payload=payload.encode(),
            prove_s=ended_s - began_s,
            peak_rss_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            phases_s={"sign": signed_s - began_s, "combine": ended_s - signed_s},
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
        """Check the members' signature against the trusted key.

        Raises:
            MalformedProof: the payload cannot be decoded.
            MissingDependency: py-ecc is not installed.
        """
        return judge_quorum(proof, key)

    def decode_key(self, fields: Mapping[str, str]) -> Key:
        """Rebuild a key from the fields of a lock."""
        return QuorumKey.from_fields(fields).to_key()

    def require_owners(self, key: Key) -> None:
        """Refuse a quorum with a member that does not show that it holds its key.

        Raises:
            MalformedFile: (code `possession-not-proven`) naming the member.
            MissingDependency: py-ecc is not installed.
        """
        require_possession(QuorumKey.from_fields(key.fields))

    def door_evidence(self, proof: Proof, key: Key, options: Options) -> bytes:
        """Bytes that the backend's door on a chain takes.

        Raises:
            ProvingError: (code `not-for-a-chain`) the proof is another quorum's, or its signature
                is no point.
            MalformedFile: (code `possession-not-proven`) a member does not show that it holds its
                key, which the door cannot see.
            MissingDependency: py-ecc is not installed.
        """
        self.require_owners(key)
        return evidence_of(proof, key)
