"""The public verbs, on objects or paths.

`compile` a model, `run` the program, `prove` what it computes, `verify` the proof; beside them
`inspect` and `estimate` for what to expect, `setup` for the keys and `make_lock` to pin them. All
functions may be called from several threads at once; they keep no state but the cache folder.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from verifiable.anchoring import anchored, game_address, key_in_game
from verifiable.attestations import attested, key_accepted, timed_judge
from verifiable.backends.base import ChainJudge, Key, TimedJudge
from verifiable.backends.registry import DEFAULT_BACKEND, backend_ids, get_backend
from verifiable.errors import (
    InvalidInput,
    ResourceLimit,
    SetupError,
    Undecided,
    UnsupportedModel,
    VerificationError,
)
from verifiable.games import accepting, chain_judge, key_on_chain, refuse_other_games
from verifiable.options import backend_options, options_taken, refuse_untaken
from verifiable.program.border import dequantise
from verifiable.program.compile import CompileOptions, compile_model
from verifiable.program.execute import execute
from verifiable.program.onnx_file import load_program, save_program
from verifiable.program.program import IntArray, Program
from verifiable.program.quantise import QuantiseOptions
from verifiable.program.source import load_model
from verifiable.progress import Cancellation, Progress, ProgressEvent, silent
from verifiable.proving import ProveItem, ProveResult, prove, prove_many, setup
from verifiable.sources import (
    InputSource,
    LockSource,
    ModelSource,
    PathLike,
    PolicySource,
    ProgramSource,
    ProofSource,
    arrays_of,
    check_output,
    input_specs,
    lock_of,
    naming_input,
    policy_of,
    program_of,
    proof_of,
    quantised_input,
)
from verifiable.statement.commitment import commit_program
from verifiable.statement.header import check_header
from verifiable.statement.lock import MAX_LOCK_NAME_BYTES, Lock, LockedModel
from verifiable.statement.names import without_controls
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.verdict import Verdict
from verifiable.statement.view import ChainView
from verifiable.survey import (
    Forecast,
    ModelReport,
    ProgramReport,
    estimate,
    inspect,
    inspect_program,
    refuse_program,
)
from verifiable.verification import evaluate as judge
from verifiable.verification import examine

__all__ = [
    "Forecast",
    "ModelReport",
    "ProgramReport",
    "ProveItem",
    "ProveResult",
    "RunResult",
    "compile",
    "derive_key",
    "estimate",
    "evaluate",
    "inspect",
    "inspect_program",
    "load_program",
    "make_lock",
    "prove",
    "prove_many",
    "run",
    "save_program",
    "setup",
    "verify",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunResult:
    """One execution, seen from outside.

    Attributes:
        inputs, outputs: quantised values by name, int64 and read-only, under their shapes.
        output_values: the outputs as real numbers (float64), in the units of the float model.
        saturated: whether input values were clipped.
        execute_s: seconds that the program ran.
    """

    inputs: Mapping[str, IntArray]
    outputs: Mapping[str, IntArray]
    output_values: Mapping[str, npt.NDArray[np.float64]]
    saturated: bool
    execute_s: float


def compile(
    model: ModelSource,
    *,
    calibration: InputSource | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    cut_output: bool = False,
    activation: Literal["int8", "uint8", "int16"] = "int8",
    weights: Literal["int8", "int16"] = "int8",
    per_channel: bool = True,
    calibration_method: Literal["minmax", "percentile", "entropy"] = "minmax",
    scales: str | None = None,
    output: PathLike | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Program:
    """Compile an ONNX model, float or quantised already, to an integer program.

    Args:
        model: path, bytes or object.
        calibration: typical raw inputs, one row each: a mapping by input name, one array, or the
            path of an `.npz` file. Float models need it; for quantised ones it is compared only.
        shapes: input shapes by name, for models with dynamic axes other than the batch axis.
        cut_output: leave a final Softmax, LogSoftmax or Sigmoid to the reader of the output.
        activation: integer type of the tensors between operators.
        weights: integer type of the weights.
        per_channel: one weight scale per output channel instead of one per tensor.
        calibration_method: how the range of a tensor follows from the values seen.
        scales: activation scales of an earlier compilation (`program.metadata["scales"]`), to
            make the same program again without calibration data.
        output: also write the program to this file, atomically; not one of those that are read.

    Returns:
        The program. Its metadata tell the accuracy against the float model (`accuracy`, JSON) and
        what the compiler decided (`notes`).

    Raises:
        MalformedModel, MalformedInput: model or calibration data cannot be read or used, or the
            model is a compiled program already.
        InvalidInput: `output` is a file that is read.
        UnsupportedModel: with every reason at once.
        ResourceLimit, Cancelled.
    """
    if output is not None:
        check_output(output, sources=(model, calibration))
    refuse_program(model)
    rows: Mapping[str, npt.ArrayLike] | None = None
    if calibration is not None:
        bare = not isinstance(calibration, Mapping | str) and not hasattr(calibration, "__fspath__")
        rows = arrays_of(calibration, _input_names(model) if bare else ())
    options = CompileOptions(
        quantisation=QuantiseOptions(
            per_channel=per_channel,
            activation=activation,
            weights=weights,
            calibration_method=calibration_method,
        ),
        shapes=MappingProxyType(dict(shapes or {})),
        cut_output=cut_output,
        scales=scales,
    )
    with naming_input(calibration):
        compiled = compile_model(
            model, calibration=rows, options=options, progress=progress, cancel=cancel
        )
    check_header(commit_program(compiled.program))
    if output is not None:
        save_program(compiled.program, output)
    return compiled.program


def run(
    program: ProgramSource,
    input: InputSource,
    *,
    index: int | None = None,
    saturate: bool = False,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> RunResult:
    """Run a program exactly on one raw input; see `prove` for the arguments.

    Raises:
        MalformedModel, MalformedInput, InvalidInput, Cancelled.
    """
    loaded = program_of(program)
    integers, saturated = quantised_input(loaded.inputs, input, index=index, saturate=saturate)
    began_s = time.perf_counter()
    trace = execute(loaded, integers, progress=progress, cancel=cancel)
    execute_s = time.perf_counter() - began_s
    outputs = trace.outputs
    with np.errstate(over="ignore"):  # a number beyond float64 is infinite, and shown as such
        values = {
            spec.name: dequantise(outputs[spec.name], scale=spec.scale, zero_point=spec.zero_point)
            for spec in loaded.outputs
        }
    return RunResult(
        inputs=MappingProxyType(integers),
        outputs=MappingProxyType(outputs),
        output_values=MappingProxyType(values),
        saturated=saturated,
        execute_s=execute_s,
    )


def make_lock(
    programs: ProgramSource | Sequence[ProgramSource],
    *,
    names: Sequence[str] | None = None,
    backends: Sequence[str] = (DEFAULT_BACKEND,),
    visibility: str = "public",
    insecure_local_setup: bool = False,
    srs: PathLike | None = None,
    weights: str | None = None,
    policy: PolicySource = None,
    rpc_url: str | None = None,
    game: bytes | str | None = None,
    chain_id: int | None = None,
    cache_dir: PathLike | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Lock:
    """Pin programs and their verification keys, so that others verify without the programs.

    Whoever uses the lock trusts its author to have derived the keys from the programs.

    Args:
        programs: one or several, as objects or paths. A program that comes twice has one entry,
            under its first name.
        names: for people; default: the file's name, or `model`.
        backends: whose keys to derive; the other arguments are those of `prove`. What only some
            of the backends take is given to those.
        policy: for a backend whose key names the code that may attest, what you accept; without
            one it names the built-in simulator's.
        rpc_url, game, chain_id: for a backend whose evidence lies on a chain, a node, the dispute
            game that counts, and the chain that the node must be of.

    Raises:
        InvalidInput: the names are not as many as the programs, or one cannot be written; or an
            option is none that a backend takes.
        MalformedModel, UnsupportedModel, SetupError, ResourceLimit, MissingDependency, Cancelled.
    """
    sources = (
        list(programs)
        if isinstance(programs, Sequence) and not isinstance(programs, str | bytes)
        else [programs]
    )
    labels = _labels(sources, names)
    wanted = (backends,) if isinstance(backends, str) else tuple(backends)
    options = backend_options(
        visibility=visibility,
        insecure_local_setup=insecure_local_setup,
        srs=srs,
        weights=weights,
        cache_dir=cache_dir,
        time_limit_s=time_limit_s,
        progress=progress,
        cancel=cancel,
    )
    chosen = {name: get_backend(name) for name in wanted}
    refuse_untaken(tuple(chosen.values()), options)
    if game is not None and not any(isinstance(item, ChainJudge) for item in chosen.values()):
        raise InvalidInput(
            f"this is nothing that the backend {', '.join(chosen)} takes",
            where="game",
            hint="leave --game out, or choose a backend that takes it",
            code="unknown-option",
        )
    accepted = None if policy is None else policy_of(policy)
    if accepted is not None and not any(isinstance(item, TimedJudge) for item in chosen.values()):
        raise InvalidInput(
            f"this is nothing that the backend {', '.join(chosen)} takes",
            where="policy",
            hint="leave --policy out, or choose a backend that takes it",
            code="unknown-option",
        )
    models: dict[bytes, LockedModel] = {}
    for label, source in zip(labels, sources, strict=True):
        program = program_of(source)
        header = commit_program(program)
        check_header(header)
        if header.program_root in models:
            continue
        keys = {
            name: key_in_game(
                backend, program, header, url=rpc_url, game=game_address(game), chain_id=chain_id
            )
            if isinstance(backend, ChainJudge) and rpc_url is not None and game is not None
            else key_accepted(backend, header.program_root, accepted)
            if isinstance(backend, TimedJudge) and accepted is not None
            else backend.setup(program, options_taken(backend, options)).key
            for name, backend in chosen.items()
        }
        models[header.program_root] = LockedModel(
            name=label,
            program=header,
            backends=MappingProxyType({name: key.fields for name, key in keys.items()}),
        )
    # whatever the strict reader refuses must not be written
    return Lock.decode(Lock(models=tuple(models.values())).encode())


def derive_key(
    proof: ProofSource,
    program: ProgramSource,
    *,
    srs: PathLike | None = None,
    cache_dir: PathLike | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Key | None:
    """Derive from a program the key that a proof about it must verify under.

    This is the backend's whole setup, unless it is cached: the estimate is reported as progress
    before the work starts. None if the proof is about another program: then no key can help.

    Raises:
        MalformedProof, MalformedModel: what came in cannot be read.
        UnsupportedModel, SetupError, ResourceLimit, MissingDependency, Cancelled.
    """
    decoded = proof_of(proof)
    loaded = program_of(program)
    committed = commit_program(loaded, leaf_log2=decoded.program.leaf_log2)
    if committed.program_root != decoded.statement.program_root:
        return None
    backend = get_backend(decoded.backend)
    given = backend_options(
        srs=srs,
        cache_dir=cache_dir,
        time_limit_s=time_limit_s,
        progress=progress,
        cancel=cancel,
    )
    # which backend it is, the proof says: the caller's setup is for those that rest on one
    options = backend.matching(decoded, options_taken(backend, given))
    expected_s = backend.estimate(loaded).setup_s
    duration = "" if expected_s is None else f" in about {max(expected_s, 1):,.0f} s"
    progress(
        ProgressEvent(
            phase="derive key",
            message=f"found in the cache, or derived from the program{duration}",
        )
    )
    return backend.setup(loaded, options).key


def evaluate(
    proof: ProofSource,
    *,
    policy: PolicySource = None,
    program: ProgramSource | None = None,
    lock: LockSource = None,
    inputs: InputSource | None = None,
    index: int | None = None,
    allow_insecure_setup: bool = False,
    registry: str | None = None,
    record: bytes | str | None = None,
    chain_id: int | None = None,
    rpc_url: str | None = None,
    game: bytes | str | None = None,
    recheck: bool = False,
    allow_local_chain: bool = False,
    nonce: bytes | None = None,
    allow_simulated: bool = False,
    simulated_roots: Sequence[bytes | PathLike] = (),
    view: ChainView | None = None,
    now: datetime | None = None,
    derive_keys: bool = True,
    keys: Mapping[str, Key] | None = None,
    srs: PathLike | None = None,
    cache_dir: PathLike | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
    phases_s: dict[str, float] | None = None,
) -> Verdict:
    """Judge a proof and return the verdict, whatever it is; see `verify` for the arguments.

    Args:
        phases_s: if given, gets the seconds that `read_chain`, `derive_key` and `verify` took.

    Raises:
        MalformedProof, MalformedFile, MalformedModel, MalformedInput: a file cannot be read.
        InvalidInput: the verifier's own raw inputs cannot be quantised, or the arguments that
            name a record contradict each other.
        ChainError: the chain could not be read.
        MissingDependency, ResourceLimit, Cancelled.
    """
    began_s = time.perf_counter()
    decoded = proof_of(proof)
    demanded = policy_of(
        policy, allow_insecure_setup=allow_insecure_setup, allow_local_chain=allow_local_chain
    )
    demanded = attested(
        demanded,
        decoded,
        nonce=nonce,
        allow_simulated=allow_simulated,
        simulated_roots=simulated_roots,
    )
    judge_of_games = chain_judge(decoded)
    trusted = None if game is None else game_address(game)
    if trusted is not None:
        demanded = accepting(demanded, decoded, judge_of_games, rpc_url, program)
    if view is None:
        place = None if judge_of_games is None else judge_of_games.place(decoded.payload)
        demanded, view = anchored(
            demanded,
            registry=registry,
            record=record,
            chain_id=chain_id,
            backends=(decoded.backend,),
            rpc_url=rpc_url,
            place=place,
        )
    elif (registry, record, chain_id, rpc_url) != (None, None, None, None):
        raise InvalidInput(
            "a view was read beforehand, so there is no chain to name",
            where="view",
            hint="give the view, with a policy that pins its record, or the registry's name",
            code="two-records",
        )
    read_chain_s = time.perf_counter() - began_s
    pinned = lock_of(lock)
    loaded = None if program is None else program_of(program)
    folder = None if cache_dir is None else Path(cache_dir)
    held = None
    if inputs is not None:
        held, _ = quantised_input(
            input_specs(decoded.program.schema), inputs, index=index, saturate=decoded.saturated
        )
    known = dict(keys or {})
    reason = ("", "")
    derive_key_s = 0.0
    if trusted is not None:
        refuse_other_games(trusted, decoded, pinned, known)
    if judge_of_games is not None and _needs_key(decoded, demanded, pinned, known):
        derive_began_s = time.perf_counter()
        try:
            found = key_on_chain(
                judge_of_games, decoded, demanded, view, loaded, trusted, rpc_url, chain_id
            )
        except SetupError as error:
            reason = (f"{error.what}{f': {error.why}' if error.why else ''}", error.hint)
        else:
            if found is not None:
                known[decoded.backend] = found
        derive_key_s = time.perf_counter() - derive_began_s
    elif loaded is not None and _needs_key(decoded, demanded, pinned, known):
        early = examine(
            decoded,
            demanded,
            program=loaded,
            lock=pinned,
            inputs=held,
            view=view,
            cache_dir=folder,
        )
        bad = next((check for check in early if check.status == "failed"), None)
        if bad is not None:
            reason = (f"not derived, since {bad.id} did not pass", f"see {bad.id}")
        elif not derive_keys:
            reason = ("deriving one was not asked for", "let it be derived, or give a lock")
        else:
            derive_began_s = time.perf_counter()
            try:
                key = derive_key(
                    decoded,
                    loaded,
                    srs=srs,
                    cache_dir=cache_dir,
                    time_limit_s=time_limit_s,
                    progress=progress,
                    cancel=cancel,
                )
            except (SetupError, ResourceLimit, UnsupportedModel) as error:
                why = f": {error.why}" if error.why else ""
                reason = (f"{error.what}{why}", error.hint or "verify with a lock")
            else:
                if key is not None:
                    known[decoded.backend] = key
            derive_key_s = time.perf_counter() - derive_began_s
    verdict = judge(
        decoded,
        demanded,
        view=view,
        now=now,
        program=loaded,
        lock=pinned,
        inputs=held,
        keys=known or None,
        recheck=recheck,
        cache_dir=folder,
    )
    if cancel is not None:  # who asked to stop is not told `proven`
        cancel.check("verify")
    if phases_s is not None:
        total_s = time.perf_counter() - began_s
        phases_s.update(
            read_chain=read_chain_s,
            derive_key=derive_key_s,
            verify=total_s - derive_key_s - read_chain_s,
        )
    return _with_key_reason(verdict, *reason) if reason[0] else verdict


def verify(
    proof: ProofSource,
    *,
    policy: PolicySource = None,
    program: ProgramSource | None = None,
    lock: LockSource = None,
    inputs: InputSource | None = None,
    index: int | None = None,
    allow_insecure_setup: bool = False,
    registry: str | None = None,
    record: bytes | str | None = None,
    chain_id: int | None = None,
    rpc_url: str | None = None,
    game: bytes | str | None = None,
    recheck: bool = False,
    allow_local_chain: bool = False,
    nonce: bytes | None = None,
    allow_simulated: bool = False,
    simulated_roots: Sequence[bytes | PathLike] = (),
    view: ChainView | None = None,
    now: datetime | None = None,
    derive_keys: bool = True,
    keys: Mapping[str, Key] | None = None,
    srs: PathLike | None = None,
    cache_dir: PathLike | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Verdict:
    """Verify a proof.

    Args:
        proof: a proof, the bytes of its file, or its path.
        policy: what the relying party demands; strict by default.
        program: the program that the proof must be about. Its key is derived here, by the
            backend's whole setup unless cached, if no lock holds it.
        lock: trusted programs and their keys; then the program is not needed.
        inputs: the raw input, where the proof does not show it, or to compare.
        index: the row, where `inputs` holds several.
        allow_insecure_setup: accept a setup whose maker can forge proofs.
        registry: `URL/ADDRESS` of a node and a model registry (or the URL alone, for the
            registry's canonical address): the chain is read, and the record there must name the
            program and the key.
        record: the id of the record that counts, where the policy names none.
        chain_id: the chain that it must stand on.
        rpc_url: your node, for a proof whose evidence lies on a chain, where no registry names
            one: the assertion that the proof names is read there.
        game: address of the dispute game that you trust, and so accept, where no lock and no
            record holds its key: one that you, or somebody whom you rely on, watches. It needs
            `program` and `rpc_url`.
        recheck: also run the program, and demand the same output and trace; a proof whose
            evidence lies on a chain must be final there all the same.
        allow_local_chain: accept a development chain, whose holder can rewrite it.
        nonce: what you asked the prover to attest for; attestations made for another are refused.
        allow_simulated: accept attestations of the built-in simulator, whose seed is public: they
            show nothing about hardware, and the verdict says so.
        simulated_roots: certificates (or their files) of other simulated roots to accept.
        view: what was read of the chain before, in place of `registry`; the policy pins the
            record then, and nothing is read here.
        now: the time of judging, with a time zone; the verifier has no clock of its own, and an
            attestation is undecided without.
        derive_keys: whether a key may be derived; False never starts costly work.
        keys: by backend id, keys that the caller derived from the program before.
        srs: file with the public setup, to derive the key with where the backend rests on one.
        cache_dir, time_limit_s, progress, cancel: as for `prove`.

    Returns:
        A verdict that is `proven`, with the verified inputs and outputs.

    Raises:
        VerificationError: the evidence does not prove the statement; carries the verdict.
        Undecided: the verifier lacks a key, a program or an input; carries the verdict.
        All that `evaluate` raises.
    """
    verdict = evaluate(
        proof,
        policy=policy,
        program=program,
        lock=lock,
        inputs=inputs,
        index=index,
        allow_insecure_setup=allow_insecure_setup,
        registry=registry,
        record=record,
        chain_id=chain_id,
        rpc_url=rpc_url,
        game=game,
        recheck=recheck,
        allow_local_chain=allow_local_chain,
        nonce=nonce,
        allow_simulated=allow_simulated,
        simulated_roots=simulated_roots,
        view=view,
        now=now,
        derive_keys=derive_keys,
        keys=keys,
        srs=srs,
        cache_dir=cache_dir,
        time_limit_s=time_limit_s,
        progress=progress,
        cancel=cancel,
    )
    if verdict.outcome == "proven":
        return verdict
    first = verdict.failed[0]
    error = Undecided if verdict.outcome == "undecided" else VerificationError
    raise error(
        verdict,
        what=f"{first.id} {first.name}: {first.found or first.code}",
        code=first.code,
        hint=first.hint,
    )


def _input_names(model: ModelSource) -> tuple[str, ...]:
    graph = load_model(model).graph
    constants = {item.name for item in graph.initializer}
    return tuple(item.name for item in graph.input if item.name not in constants)


def _labels(sources: Sequence[ProgramSource], names: Sequence[str] | None) -> list[str]:
    """A name for each program of a lock."""
    if names is None:
        return [_name_of(source) for source in sources]
    given = [names] if isinstance(names, str) else list(names)
    if len(given) != len(sources):
        raise InvalidInput(
            f"{len(given)} names for {len(sources)} programs", where="names", code="wrong-count"
        )
    for name in given:
        if not isinstance(name, str) or _writable_name(name) != name:
            raise InvalidInput(
                f"a name is 1 to {MAX_LOCK_NAME_BYTES} bytes without control characters",
                where=f"names: {name!r:.80}",
                code="bad-name",
            )
    return given


def _name_of(source: ProgramSource) -> str:
    """A name made of the file's; every name that a file can have gives one."""
    if not isinstance(source, str | os.PathLike):
        return "model"
    return _writable_name(Path(source).name.removesuffix(".onnx").removesuffix(".program"))


def _writable_name(text: str) -> str:
    """The nearest text that a lock can hold as a name."""
    data = without_controls(text).encode("utf-8")[:MAX_LOCK_NAME_BYTES]
    return data.decode("utf-8", "ignore") or "model"


def _needs_key(proof: Proof, policy: Policy, lock: Lock | None, known: Mapping[str, Key]) -> bool:
    """Whether deriving a key could change the verdict."""
    if proof.backend not in policy.backends or proof.backend in known:
        return False
    if proof.backend not in backend_ids():
        return False
    if timed_judge(proof) is not None:
        return False  # the policy gives it, which costs nothing
    entry = None if lock is None else lock.entry(proof.statement.program_root)
    return entry is None or proof.backend not in entry.backends


def _with_key_reason(verdict: Verdict, why: str, hint: str) -> Verdict:
    """Say in KEY-1 why no key was derived, instead of asking for a program."""
    return replace(
        verdict,
        checks=tuple(
            replace(check, found=f"none: {why}", hint=hint)
            if check.id == "KEY-1" and check.code == "no-key"
            else check
            for check in verdict.checks
        ),
    )
