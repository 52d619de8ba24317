"""Derive every commitment of a model again, and compare it with who claims to hold it.

From the float model and the scales in the program's metadata the program is compiled again: its
root must be the program's, the lock's and the record's. From the program each backend's key is
derived again: it must be the lock's and the record's. Whoever does this trusts no lock's author and
no registrant for what follows from the model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import onnx

from verifiable.anchoring import anchored, game_address
from verifiable.auditing.agreement import (
    Data,
    check_agreement,
    check_floor,
    measure,
    read_data,
)
from verifiable.auditing.claims import (
    check_locked_key,
    check_locked_root,
    check_registered_key,
    check_registered_root,
    choose_entry,
)
from verifiable.auditing.keys import Derivation, derive
from verifiable.auditing.parts import compare_parts
from verifiable.auditing.recipe import recipe_of
from verifiable.auditing.report import Agreement, AuditFinding, AuditReport, DerivedKey, Subject
from verifiable.backends.registry import DEFAULT_BACKEND, backend_ids, get_backend
from verifiable.errors import InvalidInput
from verifiable.program.compile import compile_model
from verifiable.program.normalise import normalise
from verifiable.program.program import Program
from verifiable.program.quantise import is_quantised
from verifiable.program.source import load_model
from verifiable.progress import Cancellation, Progress, ProgressEvent, silent
from verifiable.sources import (
    InputSource,
    LockSource,
    ModelSource,
    PathLike,
    PolicySource,
    ProgramSource,
    lock_of,
    policy_of,
    program_of,
)
from verifiable.statement.commitment import ProgramCommitment, commit_program
from verifiable.statement.hashing import DIGEST_BYTES, TensorRoot
from verifiable.statement.lock import Lock, LockedModel
from verifiable.statement.policy import Policy
from verifiable.statement.registry import examine_record, limits_of_view, record_of
from verifiable.statement.statement import Statement
from verifiable.statement.tensors import DEFAULT_LEAF_LOG2
from verifiable.statement.verdict import Check
from verifiable.statement.view import ChainView, RecordView, backend_selector
from verifiable.survey import refuse_program

__all__ = ["audit"]

_PHASE = "audit"
_OF_PROOFS = "RG-6"


def audit(
    model: ModelSource,
    program: ProgramSource | None = None,
    *,
    lock: LockSource = None,
    name: str | None = None,
    registry: str | None = None,
    record: bytes | str | None = None,
    chain_id: int | None = None,
    rpc_url: str | None = None,
    game: bytes | str | None = None,
    policy: PolicySource = None,
    allow_local_chain: bool = False,
    backends: Sequence[str] | None = None,
    visibility: str = "public",
    weights: str | None = None,
    insecure_local_setup: bool = False,
    srs: PathLike | None = None,
    quorum: PathLike | None = None,
    data: InputSource | None = None,
    floor: int | None = None,
    cache_dir: PathLike | None = None,
    time_limit_s: float | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> AuditReport:
    """Derive every commitment of a model again, and report what is equal, whatever it is.

    Args:
        model: path, bytes or object; the float model, or one that came quantised.
        program: the compiled program, whose metadata have scales and options. It may be left out
            for a model that came quantised and was compiled without options.
        lock: what to compare with.
        name: of the lock's entry; without it the one of the derived program, or of `program`, or
            the only one.
        registry, record, chain_id, rpc_url, allow_local_chain: the record to compare with, as for
            `verifiable.verify`.
        game: the dispute game whose key to derive; else the one that the lock's key names. The node
            is `rpc_url`, or that of `registry`.
        policy: for a key that follows from what a relying party accepts (backend `tee`); without
            one it is derived for the built-in simulator. May pin the record too.
        backends: whose keys to derive; None: all that lock and record hold, or that of the default
            backend where there is neither. A key that is left out stays undecided.
        visibility, weights, insecure_local_setup, srs: as for `make_lock`, for keys that no lock
            describes; a locked key says these itself.
        quorum: the file of the quorum whose key counts (backend `quorum`), as its members
            published it: no program says who they are.
        data: raw inputs, with or without an array `labels`, to compare program and model on.
        floor: the smallest share of rows, in basis points, on which the first output must decide
            as the model's does.
        cache_dir, time_limit_s, progress, cancel: see `verifiable.prove`. What a key rests on is
            believed if it lies in the cache; an empty folder makes all of it anew.

    Returns:
        the report; `commitments` is `equal` only if something was compared and all of it is.

    Raises:
        MalformedModel, MalformedInput, MalformedFile: model, program, data, lock or policy cannot
            be read.
        InvalidInput: the arguments contradict each other, or leave nothing to compare.
        UnsupportedModel: the model cannot be compiled with these scales.
        ChainError, MissingDependency, ResourceLimit, Cancelled.
    """
    refuse_program(model)
    check_floor(floor, data)
    for item in backends or ():
        get_backend(item)  # says so, and what there is
    locked = lock_of(lock)
    given = None if program is None else program_of(program)
    demands = None if policy is None else policy_of(policy)
    pinned = policy_of(demands, allow_local_chain=allow_local_chain)
    on_record = (registry, record, pinned.registry) != (None, None, None)
    if given is None and locked is None and not on_record:
        raise InvalidInput(
            "there is nothing to compare what follows from the model with",
            hint="give the program, a lock (--lock) or a record (--registry, --record)",
            code="nothing-to-audit",
        )
    work = _Work(progress=progress, cancel=cancel or Cancellation(), findings=[])
    work.step("reading the model")
    source = load_model(model)
    options = recipe_of(given, quantised=is_quantised(source))
    measured: tuple[onnx.ModelProto, Data] | None = None
    if data is not None:  # data that do not fit are worth knowing of before anything costly
        plain = normalise(source, shapes=options.shapes, cut_output=options.cut_output).model
        measured = (plain, read_data(data, plain))
    derived = compile_model(source, options=options, progress=progress, cancel=work.cancel).program
    if given is not None:
        _compare_program(work, given, derived)
    entry = None if locked is None else choose_entry(locked, name, derived, given)
    if locked is not None:
        work.add("lock", check_locked_root(entry, derived))
    leaf_log2 = DEFAULT_LEAF_LOG2 if entry is None else entry.program.leaf_log2
    committed = commit_program(derived, leaf_log2=leaf_log2)
    view: ChainView | None = None
    if on_record:
        work.step("reading the record")
        pinned, view = anchored(
            pinned,
            registry=registry,
            record=record,
            chain_id=chain_id,
            backends=tuple(dict.fromkeys((*backend_ids(), *_locked_keys(entry)))),
            rpc_url=rpc_url,
        )
        _compare_record(work, pinned, view, committed)
    how = Derivation(
        policy=demands,
        rpc_url=rpc_url or _node_of(registry),
        game=None if game is None else game_address(game),
        chain_id=chain_id,
        visibility=visibility,
        weights=weights,
        insecure_local_setup=insecure_local_setup,
        srs=srs,
        quorum=quorum,
        cache_dir=cache_dir,
        time_limit_s=time_limit_s,
        progress=progress,
        cancel=work.cancel,
    )
    keys = _compare_keys(work, derived, committed, entry, view, backends, how)
    agreement: Agreement | None = None
    if measured is not None:
        agreement = measure(given or derived, *measured, progress=progress, cancel=work.cancel)
        if floor is not None:
            work.add("data", check_agreement(agreement, floor))
    return AuditReport(
        commitment=committed,
        same_source=_same_source(given, source),
        keys=keys,
        findings=tuple(work.findings),
        agreement=agreement,
        does_not_establish=_limits(locked, pinned, view, keys, agreement),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One audit under way."""

    progress: Progress
    cancel: Cancellation
    findings: list[AuditFinding]

    def step(self, message: str) -> None:
        self.cancel.check(_PHASE)
        self.progress(ProgressEvent(phase=_PHASE, message=message))

    def add(self, subject: Subject, check: Check, backend: str = "") -> None:
        self.findings.append(AuditFinding(subject=subject, check=check, backend=backend))

    def stands(self, subject: Subject) -> bool:
        """Whether nothing of a subject failed or stayed open so far."""
        found = [item.check.ok for item in self.findings if item.subject == subject]
        return bool(found) and all(found)


def _compare_program(work: _Work, given: Program, derived: Program) -> None:
    work.step("comparing the program")
    commitments = (commit_program(given), commit_program(derived))
    for check in compare_parts(given, derived, commitments):
        work.add("program", check)


def _compare_record(
    work: _Work, pinned: Policy, view: ChainView | None, committed: ProgramCommitment
) -> None:
    """Whether the record is the one that was meant (RG-*), and names the derived program."""
    nothing = TensorRoot(bytes(DIGEST_BYTES))
    about = Statement(program_root=committed.program_root, input_root=nothing, output_root=nothing)
    # RG-6 speaks of proofs; the last check here says the same of a derived program
    checks = [item for item in examine_record(pinned, view, about) if item.id != _OF_PROOFS]
    for check in checks:
        work.add("record", check)
    counts = all(check.ok for check in checks)
    found = record_of(view) if counts else None
    work.add("record", check_registered_root(found, committed.program_root))


def _compare_keys(
    work: _Work,
    derived: Program,
    committed: ProgramCommitment,
    entry: LockedModel | None,
    view: ChainView | None,
    backends: Sequence[str] | None,
    how: Derivation,
) -> tuple[DerivedKey, ...]:
    """Derive the keys of what names the derived program, and compare them."""
    locked = _locked_keys(entry)
    registered = _registered_keys(record_of(view), locked)
    right_lock, right_record = work.stands("lock"), work.stands("record")
    claimed = dict.fromkeys(
        (*(locked if right_lock else ()), *(registered if right_record else ()))
    )
    if backends is None:
        bare = entry is None and view is None and work.stands("program")
        wanted = (DEFAULT_BACKEND,) if bare else tuple(claimed)
    else:
        wanted = tuple(dict.fromkeys(backends))
    keys = {
        name: derive(
            name, derived, committed, how, locked=locked.get(name), left_out=name not in wanted
        )
        for name in dict.fromkeys((*wanted, *claimed))
    }
    for name, fields in locked.items():
        key = keys.get(name) if right_lock else None
        work.add("lock", check_locked_key(name, fields, key), name)
    for name, digest in registered.items():
        key = keys.get(name) if right_record else None
        work.add("record", check_registered_key(name, digest, key, locked.get(name)), name)
    return tuple(keys.values())


def _locked_keys(entry: LockedModel | None) -> Mapping[str, Mapping[str, str]]:
    return {} if entry is None else entry.backends


def _registered_keys(record: RecordView | None, others: Iterable[str]) -> dict[str, bytes]:
    """By backend id the keys of a record, which holds them by selector."""
    if record is None:
        return {}
    names = {backend_selector(name): name for name in (*backend_ids(), *others)}
    return {names[selector]: digest for selector, digest in record.keys.items()}


def _node_of(registry: str | None) -> str | None:
    if registry is None:
        return None
    from verifiable.chain.endpoint import parse_registry_url

    return parse_registry_url(registry)[0]


def _same_source(given: Program | None, source: onnx.ModelProto) -> bool | None:
    named = None if given is None else given.metadata.get("source_sha256")
    if named is None:
        return None
    return named == hashlib.sha256(source.SerializeToString(deterministic=True)).hexdigest()


def _limits(
    lock: Lock | None,
    pinned: Policy,
    view: ChainView | None,
    keys: tuple[DerivedKey, ...],
    agreement: Agreement | None,
) -> tuple[str, ...]:
    """What a report says nothing about."""
    found = [
        "that the model, its scales and its options are good ones: only what follows from them"
    ]
    if agreement is None:
        found.append("that the program decides as the float model does (--data)")
    if lock is not None and len(lock.models) > 1:
        found.append(f"anything about the lock's {len(lock.models) - 1} other entries")
    if lock is not None:
        found.append("anything that the lock pins for `verifiable check`")
    for key in keys:
        if key.digest is not None and key.follows_from:
            found.append(f"that {key.follows_from} deserves the trust of the {key.backend} key")
        if key.from_cache:
            found.append(
                f"that what this machine's cache holds for the {key.backend} key is genuine "
                "(an empty --cache-dir makes it anew)"
            )
    if view is not None and pinned.registry is not None:
        found.extend(limits_of_view(pinned.registry, view))
        found.append("that the record holds no key for a backend that is not installed here")
    return tuple(found)
