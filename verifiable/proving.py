"""From a program and a raw input to a proof that has been verified."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

import numpy as np

from verifiable.asserting import ChainGiven, prove_on_chain
from verifiable.backends.base import Backend, ChainProver, ChainSession, Options, Setup
from verifiable.backends.registry import DEFAULT_BACKEND, get_backend
from verifiable.errors import (
    Cancelled,
    InvalidInput,
    ProvingError,
    UnsupportedModel,
    VerifiableError,
)
from verifiable.options import backend_options, refuse_untaken
from verifiable.program.execute import Trace, execute
from verifiable.program.program import IntArray, Program
from verifiable.progress import Cancellation, Progress, ProgressEvent, silent
from verifiable.sources import (
    InputSource,
    PathLike,
    ProgramSource,
    program_of,
    quantised_input,
    rows_of,
)
from verifiable.statement.attestation import AttestationPolicy
from verifiable.statement.commitment import ProgramCommitment, commit_program
from verifiable.statement.hashing import DIGEST_BYTES
from verifiable.statement.header import check_header
from verifiable.statement.policy import INSECURE_ALLOWANCES, Policy
from verifiable.statement.proof import Proof
from verifiable.statement.statement import ZERO_CONTEXT, Statement, statement_of
from verifiable.statement.tensors import salted_root
from verifiable.survey import refusals
from verifiable.verification import evaluate

if TYPE_CHECKING:
    from verifiable.chain.signing import Signer

__all__ = ["ProveItem", "ProveResult", "prove", "prove_many", "setup"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProveResult:
    """A proof, and what it took.

    Attributes:
        proof: the proof; `proof.encode()` is the file.
        statement: what it claims.
        outputs: the program's outputs by name, int64, under their shapes.
        setup_s: seconds for the keys, next to nothing if they were cached.
        execute_s, prove_s: seconds for running the program, and for the backend's proving.
        verify_s: seconds for verifying the finished proof before it was returned.
        proof_bytes: size of the proof file.
        peak_rss_mib: largest resident memory of the backend's proving, in MiB.
        phases_s: seconds of each phase by name.
        setup_cached: whether the keys came from the cache.
    """

    proof: Proof
    statement: Statement
    outputs: Mapping[str, IntArray]
    setup_s: float
    execute_s: float
    prove_s: float
    verify_s: float
    proof_bytes: int
    peak_rss_mib: float
    phases_s: Mapping[str, float]
    setup_cached: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProveItem:
    """One outcome of `prove_many`: a result or the error that this input ended with."""

    index: int
    result: ProveResult | None = None
    error: VerifiableError | None = None

    def unwrap(self) -> ProveResult:
        """The result; raises the error if there is none."""
        if self.error is not None:
            raise self.error
        if self.result is None:
            raise ValueError("an item holds a result or an error")
        return self.result


def setup(
    program: ProgramSource,
    *,
    backend: str = DEFAULT_BACKEND,
    visibility: str = "public",
    insecure_local_setup: bool = False,
    srs: PathLike | None = None,
    weights: str | None = None,
    quorum: PathLike | None = None,
    cache_dir: PathLike | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Setup:
    """Derive the keys of a program, or find them in the cache; see `prove` for the arguments.

    Raises:
        UnsupportedModel, SetupError, ResourceLimit, MissingDependency, MalformedModel, Cancelled.
    """
    options = backend_options(
        visibility=visibility,
        insecure_local_setup=insecure_local_setup,
        srs=srs,
        weights=weights,
        quorum=quorum,
        cache_dir=cache_dir,
        time_limit_s=time_limit_s,
        progress=progress,
        cancel=cancel,
    )
    loaded = program_of(program)
    chosen = get_backend(backend)
    refuse_untaken((chosen,), options)
    _refuse_unsupported(chosen, loaded)
    return chosen.setup(loaded, options)


def prove(
    program: ProgramSource,
    input: InputSource,
    *,
    index: int | None = None,
    backend: str = DEFAULT_BACKEND,
    context: bytes = ZERO_CONTEXT,
    visibility: str = "public",
    saturate: bool = False,
    insecure_local_setup: bool = False,
    srs: PathLike | None = None,
    weights: str | None = None,
    tee_kind: str | None = None,
    tee_mode: str | None = None,
    nonce: bytes | None = None,
    salt: bytes | None = None,
    quorum: PathLike | None = None,
    quorum_secrets: Sequence[PathLike] = (),
    quorum_password_file: PathLike | None = None,
    rpc_url: str | None = None,
    game: bytes | str | None = None,
    account: Signer | str | None = None,
    password_file: PathLike | None = None,
    journal: PathLike | None = None,
    trace_dir: PathLike | None = None,
    trace_url: str | None = None,
    session: ChainSession | None = None,
    cache_dir: PathLike | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> ProveResult:
    """Run a program on a raw input and prove that its output is what the program computes.

    The input is checked before any key is made, and the finished proof is verified before it is
    returned.

    Args:
        program: a compiled program or the path of its file.
        input: raw values, in the units of the float model: a mapping by input name, one array, or
            the path of an `.npz` file.
        index: the row, where the input holds several.
        backend: kind of evidence.
        context: 32 bytes that bind the proof to one use.
        visibility: `public`; or `hashed`, which keeps the input out of the proof file: whoever
            verifies must hold it.
        saturate: clip values that the program cannot hold instead of refusing them; the proof
            then says so, and verifiers refuse it unless their policy allows it.
        insecure_local_setup: use a setup made on this machine. Whoever made it can forge proofs,
            so verifiers refuse them by default.
        srs: file with the public setup; default: the cached one.
        weights: of backends that offer both, how the evidence stands for the program's weights:
            `committed`, then the key is all that a verifier needs; or `public`, then it must hold
            the program.
        tee_kind: of an attestation, which vendor's form it has: `tdx`, `nitro` or `snp`.
        tee_mode: of an attestation, whether each statement has its own (`statement`), or one stands
            for a key that signs statements (`key`).
        nonce: 32 bytes that the verifier chose, which an attestation is made for.
        salt: 32 random bytes that hide the root of an input, where the proof hides the input and
            the evidence stands for it (attestations): else whoever can guess it can check the
            guess. Keep them to open the root later.
        quorum: of a backend whose named parties sign, the file that says who they are
            (`verifiable quorum key`).
        quorum_secrets: keystores of those of its members that sign here.
        quorum_password_file: holds the password of these keystores.
        rpc_url: of a backend that proves by a bonded assertion on a chain, the node
            (see `verifiable.chain.endpoint.open_chain`). The proof is returned as soon as a block
            holds the assertion, and proves something when that is final: until then somebody must
            defend it (`verifiable dispute watch`).
        game: the address of the dispute game; default: the one with the usual rules.
        account: who signs and puts up the bond: the name of a keystore in Foundry's folder, or a
            signer (`verifiable.chain.accounts`); default: a development account, on development
            chains only.
        password_file: of that keystore.
        journal: the account's own file of what it has sent; default: one for each chain and
            account, in the working directory. With it, what was cut off goes on.
        trace_dir: folder to write the trace to, for you to publish.
        trace_url: where the trace will be found, told on the chain.
        session: who asserts, opened beforehand, in place of the seven arguments above.
        cache_dir: folder of the cached keys; default: `verifiable.cache.default_cache_dir()`.
        time_limit_s: seconds that each phase may take.
        progress: called with a `ProgressEvent` now and then, from the calling thread.
        cancel: set by another thread to stop the work.

    Raises:
        MalformedModel, MalformedInput, InvalidInput: what came in cannot be read, or is refused;
            so is an option that the backend does not take (code `unknown-option`).
        UnsupportedModel: the backend cannot prove this program; carries every reason.
        SetupError, ProvingError, ResourceLimit, MissingDependency, Cancelled.
        AccountError, ChainError: of an assertion, the account or the node refuses.
    """
    _check_context(context)
    prover = _Prover(
        program_of(program),
        get_backend(backend),
        backend_options(
            visibility=visibility,
            insecure_local_setup=insecure_local_setup,
            srs=srs,
            weights=weights,
            tee_kind=tee_kind,
            tee_mode=tee_mode,
            nonce=nonce,
            salt=salt,
            quorum=quorum,
            quorum_secrets=quorum_secrets,
            quorum_password_file=quorum_password_file,
            cache_dir=cache_dir,
            time_limit_s=time_limit_s,
            progress=progress,
            cancel=cancel,
        ),
    )
    given = ChainGiven(
        rpc_url=rpc_url,
        game=game,
        account=account,
        password_file=password_file,
        journal=journal,
        trace_dir=trace_dir,
        trace_url=trace_url,
        session=session,
    )
    if isinstance(prover.backend, ChainProver):
        return prover.on_chain(input, given=given, index=index, saturate=saturate, context=context)
    given.refuse(prover.backend)
    trace, saturated, execute_s = prover.execute(input, index=index, saturate=saturate)
    statement = prover.statement(trace, context)
    keys = prover.setup()
    return prover.prove(trace, statement, keys, saturated=saturated, execute_s=execute_s)


def prove_many(
    program: ProgramSource,
    inputs: InputSource | Iterable[InputSource],
    *,
    backend: str = DEFAULT_BACKEND,
    context: bytes = ZERO_CONTEXT,
    visibility: str = "public",
    saturate: bool = False,
    insecure_local_setup: bool = False,
    srs: PathLike | None = None,
    weights: str | None = None,
    tee_kind: str | None = None,
    tee_mode: str | None = None,
    nonce: bytes | None = None,
    salt: bytes | None = None,
    quorum: PathLike | None = None,
    quorum_secrets: Sequence[PathLike] = (),
    quorum_password_file: PathLike | None = None,
    cache_dir: PathLike | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Iterator[ProveItem]:
    """Prove several inputs under one setup; an error of one does not lose the others.

    Args:
        inputs: an `.npz` path, a mapping or an array with one row an input; or any iterable (a
            list, a generator) of inputs as `prove` takes them.

    The other arguments are those of `prove`. The setup is done before this returns; each proof is
    made when the iterator is asked for it.

    Raises:
        As `prove` for program, backend and setup. What goes wrong with one input is in its item;
        only `Cancelled` ends the iteration.
    """
    _check_context(context)
    prover = _Prover(
        program_of(program),
        get_backend(backend),
        backend_options(
            visibility=visibility,
            insecure_local_setup=insecure_local_setup,
            srs=srs,
            weights=weights,
            tee_kind=tee_kind,
            tee_mode=tee_mode,
            nonce=nonce,
            salt=salt,
            quorum=quorum,
            quorum_secrets=quorum_secrets,
            quorum_password_file=quorum_password_file,
            cache_dir=cache_dir,
            time_limit_s=time_limit_s,
            progress=progress,
            cancel=cancel,
        ),
    )
    if isinstance(prover.backend, ChainProver):
        raise ProvingError(
            f"the backend {prover.backend.id} proves one input after the other, on a chain",
            hint="call `prove` for each input, with a node and an account",
            code="assert-on-chain",
        )
    sources = _each(prover.program, inputs)
    keys = prover.setup()

    def items() -> Iterator[ProveItem]:
        for index, source in enumerate(sources):
            try:
                trace, saturated, execute_s = prover.execute(source, index=None, saturate=saturate)
                result = prover.prove(
                    trace,
                    prover.statement(trace, context),
                    keys,
                    saturated=saturated,
                    execute_s=execute_s,
                )
            except Cancelled:
                raise
            except VerifiableError as error:
                yield ProveItem(index=index, error=error)
            else:
                yield ProveItem(index=index, result=result)

    return items()


def _check_context(context: bytes) -> None:
    if not isinstance(context, bytes) or len(context) != DIGEST_BYTES:
        raise InvalidInput(
            f"a context is {DIGEST_BYTES} bytes",
            where="context",
            hint="hash whatever names the use, with SHA-256 for instance",
            code="bad-digest",
        )


def _each(program: Program, inputs: InputSource | Iterable[InputSource]) -> Iterable[InputSource]:
    if isinstance(inputs, str | os.PathLike | Mapping | np.ndarray):
        return rows_of(program.inputs, cast(InputSource, inputs))
    if not isinstance(inputs, Iterable):
        raise InvalidInput(
            f"{type(inputs).__name__} where several inputs are expected",
            hint="pass an .npz path, a mapping, an array of rows, or a list of inputs",
            code="wrong-inputs",
        )
    return inputs


def _refuse_unsupported(backend: Backend, program: Program) -> None:
    refused = refusals(backend, program)
    if refused:
        raise UnsupportedModel(
            [refused[node] for node in sorted(refused)], where=f"backend {backend.id}"
        )


class _Prover:
    """One program, backend and set of options; makes any number of proofs."""

    def __init__(self, program: Program, backend: Backend, options: Options) -> None:
        refuse_untaken((backend,), options)
        _refuse_unsupported(backend, program)
        self.program = program
        self.backend = backend
        self.options = options
        self.commitment: ProgramCommitment = commit_program(program)
        check_header(self.commitment)

    def execute(
        self, source: InputSource, *, index: int | None, saturate: bool
    ) -> tuple[Trace, bool, float]:
        """The trace of one raw input, whether the input was clipped, and the seconds it took."""
        integers, saturated = quantised_input(
            self.program.inputs, source, index=index, saturate=saturate
        )
        began_s = time.perf_counter()
        trace = execute(
            self.program, integers, progress=self.options.progress, cancel=self.options.cancel
        )
        return trace, saturated, time.perf_counter() - began_s

    def statement(self, trace: Trace, context: bytes) -> Statement:
        """What will be proven."""
        stated = statement_of(self.commitment, trace.inputs, trace.outputs, context=context)
        salt = self.options.settings.get("salt")
        if salt is None:
            return stated
        root = salted_root(bytes.fromhex(str(salt)), stated.input_root)
        return replace(stated, input_root=root)

    def on_chain(
        self,
        source: InputSource,
        *,
        given: ChainGiven,
        index: int | None,
        saturate: bool,
        context: bytes,
    ) -> ProveResult:
        """Run once, assert on a chain, and verify; there are no keys to make."""
        assert isinstance(self.backend, ChainProver)  # noqa: S101 (narrows the type)
        integers, saturated = quantised_input(
            self.program.inputs, source, index=index, saturate=saturate
        )
        made, verify_s = prove_on_chain(
            self.backend,
            self.program,
            self.commitment,
            integers,
            given=given,
            context=context,
            saturated=saturated,
            options=self.options,
        )
        return ProveResult(
            proof=made.proof,
            statement=made.proof.statement,
            outputs=MappingProxyType(dict(made.outputs)),
            setup_s=0.0,
            execute_s=made.execute_s,
            prove_s=made.assert_s,
            verify_s=verify_s,
            proof_bytes=len(made.proof.encode()),
            peak_rss_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            phases_s=MappingProxyType({"execute": made.execute_s, "assert": made.assert_s}),
            setup_cached=False,
        )

    def setup(self) -> Setup:
        """The keys."""
        return self.backend.setup(self.program, self.options)

    def prove(
        self,
        trace: Trace,
        statement: Statement,
        keys: Setup,
        *,
        saturated: bool,
        execute_s: float,
    ) -> ProveResult:
        """Prove and verify."""
        evidence = self.backend.prove(self.program, trace, statement, keys, self.options)
        public = self.options.visibility == "public"
        proof = Proof(
            backend=self.backend.id,
            backend_version=self.backend.version,
            statement=statement,
            program=self.commitment,
            visibility=self.options.visibility,
            inputs=trace.inputs if public else None,
            outputs=tuple(trace.outputs[spec.name] for spec in self.program.outputs),
            saturated=saturated,
            payload=evidence.payload,
        )
        verify_s = self._verify(proof, trace, keys)
        return ProveResult(
            proof=proof,
            statement=statement,
            outputs=MappingProxyType(trace.outputs),
            setup_s=keys.setup_s,
            execute_s=execute_s,
            prove_s=evidence.prove_s,
            verify_s=verify_s,
            proof_bytes=len(proof.encode()),
            peak_rss_mib=evidence.peak_rss_mib,
            phases_s=MappingProxyType({"execute": execute_s, **evidence.phases_s}),
            setup_cached=keys.cached,
        )

    def _verify(self, proof: Proof, trace: Trace, keys: Setup) -> float:
        """Judge the proof as any verifier will, but for what only a policy can forbid."""
        began_s = time.perf_counter()
        nonce = self.options.settings.get("nonce")
        demands = None
        if nonce is not None:
            demands = AttestationPolicy(nonce=bytes.fromhex(str(nonce)))
        self.options.progress(ProgressEvent(phase="verify", message="the finished proof"))
        own = dict(zip((spec.name for spec in self.program.inputs), trace.inputs, strict=True))
        verdict = evaluate(
            proof,
            Policy(
                backends={self.backend.id: None},
                allow_insecure=frozenset(INSECURE_ALLOWANCES),
                allow_saturated=True,
                minimum_soundness_bits=0,
                attestation=demands,
            ),
            now=datetime.now(UTC),  # a prover may look at a clock, evidence with dates needs it
            program=self.program,
            inputs=None if "salt" in self.options.settings else own,
            keys={self.backend.id: keys.key},
            cache_dir=self.options.cache_dir,
        )
        if verdict.outcome != "proven":
            first = verdict.failed[0]
            raise ProvingError(
                "the finished proof does not verify",
                where=f"{first.id} {first.name}",
                why=f"expected {first.expected}, found {first.found}",
                hint="clear the cache and try again; if it happens again, report it",
                code="own-proof-refused",
            )
        return time.perf_counter() - began_s
