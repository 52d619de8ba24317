"""What a backend is: the one interface behind which every kind of evidence lives.

A backend proves statements about integer programs. It never sees a float model, never quantises,
and gets the witness (the executor's trace) ready made. Proving may use native code, child
processes and caches; judging is pure: no clock, no network, no randomness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from verifiable.program.program import IntArray, Program
from verifiable.progress import Cancellation, Progress, silent
from verifiable.statement.checks import CheckSpec
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import Statement
from verifiable.statement.verdict import Check
from verifiable.statement.view import AssertionView, ChainView

if TYPE_CHECKING:
    from verifiable.argument.soundness import Ledger
    from verifiable.backends.optimistic.trace import CommittedTrace
    from verifiable.program.execute import Trace

__all__ = [
    "Backend",
    "ChainJudge",
    "ChainPlace",
    "ChainProof",
    "ChainProver",
    "ChainSession",
    "DoorEvidence",
    "Estimate",
    "Evidence",
    "Judgement",
    "Key",
    "KeyInProof",
    "KeyOwners",
    "NodeSupport",
    "Options",
    "Setup",
    "SetupOrigins",
    "SoundnessLedger",
    "TimedJudge",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSupport:
    """Whether a backend can prove one node of a program."""

    node: int
    supported: bool
    why: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a backend expects to need, before any work starts. None: unknown for this backend.

    Measured constants are scaled by the size of the program; treat as an order of magnitude.
    `proof_bytes` is the bare proof as a chain would get it; `proof_file_bytes` the whole file, with
    all that its payload and its values take.
    """

    setup_s: float | None
    prove_s: float | None
    verify_s: float | None
    memory_bytes: int | None
    proof_bytes: int | None
    key_bytes: int | None
    note: str = ""
    proof_file_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to set up and prove; a backend refuses options that it does not know.

    Attributes:
        cache_dir: folder of content-addressed keys.
        visibility: `public`, or `hashed` where the backend offers it.
        time_limit_s: per phase; None for no limit.
        settings: the backend's own options by name (documented by each backend).
    """

    cache_dir: Path
    visibility: str = "public"
    time_limit_s: float | None = None
    settings: Mapping[str, str | bool] = field(default_factory=lambda: MappingProxyType({}))
    progress: Progress = silent
    cancel: Cancellation = field(default_factory=Cancellation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The verification key of (program, backend) as a lock or a registry pins it.

    Attributes:
        backend: backend id.
        digest: keccak-256 over the fields, as the backend's format page defines it.
        fields: what the digest covers, readable (hex digests, versions).
        from_cache: a setup found it in this machine's cache instead of deriving it now; says
            nothing of the key itself, and two keys that differ in this only are equal.
    """

    backend: str
    digest: bytes
    fields: Mapping[str, str]
    from_cache: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The result of a backend's setup: a key, and where the prover finds its material."""

    key: Key
    setup_s: float
    cached: bool
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What proving gives: the proof file's backend-specific part and its measurements."""

    payload: bytes
    prove_s: float
    peak_rss_mib: float
    phases_s: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A backend's part of a verdict.

    Attributes:
        checks: all of this backend's checks, in order; a missing one counts as failed.
        establishes, does_not_establish, reveals: sentences for the verdict.
        verified_version: the version of the backend that the evidence was checked to be of; empty
            if the checks bind none. Believed only if all of them are ok.
        details: lines for people on the evidence (its soundness term by term, sizes), which a
            verdict shows if it is proven; nothing may rest on them.
        assurance: `hardware` or `simulated`, by the root of trust that the evidence led to; empty
            for evidence without one. What is simulated is said so wherever the verdict is shown.
    """

    checks: tuple[Check, ...]
    establishes: tuple[str, ...] = ()
    does_not_establish: tuple[str, ...] = ()
    reveals: tuple[str, ...] = ()
    verified_version: str = ""
    details: tuple[str, ...] = ()
    assurance: str = ""


@runtime_checkable
class Backend(Protocol):
    """One way to prove a statement.

    The registry makes a backend by calling its class without arguments, or with `cache_dir`
    (a `Path`: where a verifier keeps what it knows by itself).

    Attributes:
        id: the name in proof files, policies and locks.
        version: dotted numbers.
        checks: every check that `judge` reports, in order. A verdict needs each of them exactly
            once; one that is missing, or not declared here, fails (check ST-14).
        settings: the names in `Options.settings` that it takes.
        cache_kinds: the kinds of its entries in the cache.
    """

    id: str
    version: str
    checks: tuple[CheckSpec, ...]
    settings: tuple[str, ...]
    cache_kinds: tuple[str, ...]

    def support(self, program: Program) -> tuple[NodeSupport, ...]:
        """One entry per node that is not supported, and why. Empty: the program can be proven."""

    def estimate(self, program: Program) -> Estimate:
        """Time, memory and sizes, without doing the work."""

    def setup(self, program: Program, options: Options) -> Setup:
        """Derive the keys of a program, or find them in the cache.

        Raises:
            UnsupportedModel, SetupError, ResourceLimit, MissingDependency, Cancelled.
        """

    def matching(self, proof: Proof, options: Options) -> Options:
        """The options under which `setup` derives the key that `proof` must verify under.

        For a verifier that holds the program. The proof only selects among what this machine
        holds; whether that is trusted is for `judge` to say.

        Raises:
            MalformedProof: the payload cannot be decoded.
            SetupError: (code `srs-not-held`) what the key follows from is not on this machine.
        """

    def prove(
        self, program: Program, trace: Trace, statement: Statement, setup: Setup, options: Options
    ) -> Evidence:
        """Prove a statement; the evidence has passed this backend's own verification.

        Raises:
            ProvingError, ResourceLimit, MissingDependency, Cancelled.
        """

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
        """Check a proof's payload against its statement, whose header has been checked already.

        Args:
            inputs, outputs: the values behind the statement's roots (already checked against
                them), or None where the verifier does not hold them.
            key: the key that the verifier trusts for this program, or None if it has none.
            program: the verifier's own program, whose root has been found to be the statement's,
                for backends that compute with the weights themselves; None if it has none.

        Raises:
            MalformedProof: the payload cannot be decoded.
            MissingDependency: the package that this backend verifies with is not installed.
        """

    def decode_key(self, fields: Mapping[str, str]) -> Key:
        """Rebuild a key from the fields of a lock.

        Raises:
            MalformedFile: a field is missing, unknown or not canonical.
        """


@runtime_checkable
class KeyOwners(Protocol):
    """A backend whose keys name parties, each of whom must show that its part is its own."""

    def require_owners(self, key: Key) -> None:
        """Refuse a key that nobody should vouch for, by a record for instance.

        Raises:
            MalformedFile: naming the party.
            MissingDependency: the package that this is checked with is not installed.
        """


@runtime_checkable
class KeyInProof(Protocol):
    """A backend whose proofs bring the key that they were made under.

    It is the prover's word, and counts only where a record that the policy pins holds its digest.
    """

    def key_in(self, proof: Proof) -> Key:
        """The key of a payload, of which nothing has been checked.

        Raises:
            MalformedProof: the payload cannot be decoded.
        """


@runtime_checkable
class SetupOrigins(Protocol):
    """A backend whose keys rest on a setup that somebody made, and could abuse."""

    def setup_origin(self, fields: Mapping[str, str]) -> str:
        """Who made the setup of a lock's key, as far as this machine knows.

        Returns:
            `public` (a ceremony's), `local` (made on this machine), or `unknown`.
        """


@runtime_checkable
class SoundnessLedger(Protocol):
    """A backend that says term by term how likely a false statement passes."""

    def soundness(self, program: Program, options: Options) -> Ledger:
        """The error budget of a proof about a program that the backend supports.

        Args:
            program: its sizes are what the terms follow from.
            options: as for `setup`; the settings may change the terms.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainPlace:
    """Where the evidence of a proof lies, as the proof says.

    Attributes:
        game: address of a dispute game, 20 bytes.
        assertion_id: name of an assertion there, 32 bytes.
    """

    chain_id: int
    game: bytes
    assertion_id: bytes


@runtime_checkable
class ChainJudge(Protocol):
    """A backend whose evidence lies on a chain: what was read there is an argument of judging.

    Its key follows from the root of a program and from contracts, not from the program's weights.
    """

    def place(self, payload: bytes) -> ChainPlace:
        """Where to read before judging a payload.

        Raises:
            MalformedProof: the payload cannot be decoded.
        """

    def key_on_chain(self, program_root: bytes, chain_id: int, seen: AssertionView) -> Key | None:
        """The key of a program and the game that was read; None if that game is not genuine."""

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
        """Judge like `Backend.judge`, with what was read of the chain.

        Args:
            view: None if nothing was read.
            recheck: also run the program, and demand the same result and trace.
        """


class ChainSession(Protocol):
    """Who sends what proving on a chain needs, and puts up the bond: an account at one game.

    The parts that know chains make one; a backend only uses it.
    """

    def assert_result(
        self, commitment: ProgramCommitment, committed: CommittedTrace, statement: Statement
    ) -> ChainPlace:
        """Assert a result, and return when a block holds the assertion.

        Asserting the same again finds the assertion that is there.

        Raises:
            ChainError, ResourceLimit, Cancelled.
        """

    def look(self, place: ChainPlace) -> ChainView:
        """What the chain says of an assertion.

        Raises:
            ChainError.
        """


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChainProof:
    """What proving on a chain gives.

    Attributes:
        outputs: of the program by name, int64, under their shapes.
        execute_s: seconds for running the program and committing to its trace.
        assert_s: seconds until a block held the assertion.
    """

    proof: Proof
    place: ChainPlace
    outputs: Mapping[str, IntArray]
    execute_s: float
    assert_s: float


@runtime_checkable
class ChainProver(Protocol):
    """A backend whose evidence is made by transactions: who sends them is an argument."""

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
        """Run a program once, commit to its trace, and assert what it computed.

        Args:
            inputs: quantised, by name.
            context: of the statement.
            saturated: raw values were clipped; goes into the proof.

        Raises:
            InvalidInput, ChainError, ResourceLimit, Cancelled.
        """


@runtime_checkable
class TimedJudge(Protocol):
    """A backend whose evidence has dates and a root of trust: both are arguments of judging.

    It enforces the policy's `maximum_age_s`, `assurance` and `attestation`. Its key follows from
    what the relying party's policy accepts, not from the program's weights. Its evidence stands
    for the input too (what runs there checks the values and computes their root), so whoever
    verifies need not hold one that the proof hides.
    """

    def key_under(self, program_root: bytes, policy: Policy) -> Key | None:
        """The key that a policy gives a program; None if the policy accepts no code at all."""

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
        """Judge like `Backend.judge`, at a time.

        Args:
            now: with a time zone; None leaves the evidence undecided.
        """


@runtime_checkable
class DoorEvidence(Protocol):
    """A backend whose evidence a contract can check: its door, behind the router of a chain."""

    def door_evidence(self, proof: Proof, key: Key, options: Options) -> bytes:
        """What the door takes as `proof`: the key's preimage, then the evidence.

        Nothing is verified here; the door does that.

        Args:
            proof: of this backend.
            key: the one that a record pins by its digest.
            options: as for `setup`; `settings` may hold what this backend needs besides.

        Raises:
            ProvingError: (code `not-for-a-chain`) this evidence cannot be checked by a contract.
            MalformedProof: the payload cannot be decoded.
            MalformedFile: the key cannot be.
        """
