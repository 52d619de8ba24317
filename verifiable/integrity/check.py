"""Compare the models of a repository with its lock.

The level says how deep: `hash` reads the lock's pins and hashes files, nothing else, so that it is
fit for a hook before each commit; `program` loads the programs, compares their roots and derives
keys; `golden` runs them; `proof` judges proofs. Each level does what those before it do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verifiable.errors import InvalidInput, MalformedFile
from verifiable.files import read_bytes
from verifiable.integrity.checks import (
    CI_1,
    CI_2,
    CI_3,
    CI_4,
    CI_5,
    CI_6,
    CI_10,
    CI_12,
    CI_13,
    CI_14,
)
from verifiable.integrity.hashing import (
    hash_file,
    programs_below,
    same,
)
from verifiable.integrity.report import LEVELS, CheckedFile, Finding, Level, Report, level_of
from verifiable.progress import Cancellation, Progress, ProgressEvent, silent
from verifiable.statement.checks import CheckSpec
from verifiable.statement.pins import MAX_LOCK_BYTES, FilePin, PinnedModel, read_pinned
from verifiable.statement.strict_json import naming_file
from verifiable.statement.verdict import Check

if TYPE_CHECKING:
    from verifiable.integrity.programs import Judging
    from verifiable.sources import PolicySource
    from verifiable.statement.lock import Lock

__all__ = ["check"]

_NOT_RUN = "not run: a file of this entry is not the locked one, see above"


def check(
    paths: Sequence[str | os.PathLike[str]] = (),
    *,
    lock: str | os.PathLike[str] = "model.lock",
    level: Level = "hash",
    keys: Sequence[str] = ("gkr",),
    proofs: Sequence[str | os.PathLike[str]] = (),
    policy: PolicySource = None,
    now: datetime | None = None,
    signature: str | os.PathLike[str] | None = None,
    signature_key: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
    **trust: Any,
) -> Report:
    """Compare models with a lock, and report what was found, whatever it is.

    Args:
        paths: folders or files to look at; none: the lock's folder. A file must be locked, and so
            must each compiled program in a folder.
        lock: the lock; the paths in it are relative to its folder.
        level: `hash`, `program`, `golden` or `proof`.
        keys: the backends whose keys are derived again, on the levels from `program`.
        proofs: files of proofs besides those that the lock names, on the level `proof`.
        policy, now: for proofs; see `verifiable.verify`.
        signature: an OpenSSF model signature (`model.sig`), whose files lie beside it.
        signature_key: the public key (PEM) that must have made it.
        cache_dir, progress, cancel: see `verifiable.prove`.
        trust: for proofs, what else `verifiable.evaluate` takes: `registry`, `record`, `chain_id`,
            `rpc_url`, `game`, `nonce`, `allow_insecure_setup`, `allow_local_chain`,
            `allow_simulated`, `simulated_roots`.

    Returns:
        the report; its `result` is `passed` only if something was looked at and all of it is well.

    Raises:
        MalformedFile: lock, policy, signature or key cannot be read.
        InvalidInput: the arguments contradict each other.
        ChainError, MissingDependency, ResourceLimit, Cancelled.
    """
    _refuse_contradictions(level, proofs, policy, trust, signature, signature_key)
    data = read_bytes(lock, limit_bytes=MAX_LOCK_BYTES)
    with naming_file(lock):
        pinned = read_pinned(data)
    # `parent` of the path as given, so that reports show names as short as the caller's
    root = Path(lock).parent
    work = _Work(
        root=root, level=level, progress=progress, cancel=cancel or Cancellation(), findings=[]
    )
    chosen = _select(work, pinned, [Path(path) for path in paths])
    files: list[CheckedFile] = []
    for index, model in chosen:
        work.step(model.name)
        found = _check_files(work, index, model)
        if found is not None:
            files.append(found)
    if signature is not None and signature_key is not None:
        _check_signature(work, Path(signature), Path(signature_key), chosen)
    kept: tuple[str, ...] = ()
    if LEVELS.index(level) > 0 and chosen:
        kept = _check_programs(
            work,
            data,
            lock,
            chosen,
            keys=tuple(keys),
            proofs=[Path(path) for path in proofs],
            policy=policy,
            now=now,
            trust=trust,
            cache_dir=None if cache_dir is None else Path(cache_dir),
        )
    return Report(
        level=level,
        lock=os.fspath(lock),
        lock_data=data,
        findings=tuple(work.findings),
        files=tuple(files),
        does_not_establish=_limits(level, kept, signature is not None),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One check under way."""

    root: Path
    level: Level
    progress: Progress
    cancel: Cancellation
    findings: list[Finding]

    def looks(self, level: Level) -> bool:
        return LEVELS.index(self.level) >= LEVELS.index(level)

    def step(self, name: str) -> None:
        self.cancel.check("check")
        self.progress(ProgressEvent(phase="check", message=name))

    def add(
        self, check: Check, model: str = "", path: str = "", pointer: tuple[str | int, ...] = ()
    ) -> bool:
        self.findings.append(Finding(check=check, model=model, path=path, pointer=pointer))
        return check.ok

    def failed_in(self, index: int) -> bool:
        """Whether something of an entry failed so far."""
        return any(
            item.pointer[:2] == ("models", index) and item.check.status == "failed"
            for item in self.findings
        )


_Chosen = Sequence[tuple[int, PinnedModel]]


def _refuse_contradictions(
    level: str,
    proofs: Sequence[object],
    policy: object,
    trust: dict[str, Any],
    signature: object,
    signature_key: object,
) -> None:
    level_of(level)
    if level != "proof" and (proofs or policy is not None or any(trust.values())):
        raise InvalidInput(
            f"proofs, and what judges them, are not looked at on the level {level}",
            hint="ask for the level `proof`, or leave them out",
            code="level-without-proofs",
        )
    if (signature is None) != (signature_key is None):
        raise InvalidInput(
            "a signature says nothing without the key that must have made it",
            hint="give both --signature and --signature-key",
            code="signature-needs-key",
        )


# -- which entries, and which files must be among them --------------------------------------------


def _select(work: _Work, pinned: tuple[PinnedModel, ...], paths: list[Path]) -> _Chosen:
    """The entries to look at; files that must be locked and are not become findings (CI-4)."""
    locked = {
        _absolute(work.root / model.pins.file.path): index
        for index, model in enumerate(pinned)
        if model.pins.file is not None
    }
    chosen: set[int] = set()
    for path in paths or [work.root]:
        if not path.is_dir():
            index = locked.get(_absolute(path))
            if index is not None:
                chosen.add(index)
            elif path.exists():
                work.add(_not_locked(path), path=str(path))
            else:
                raise MalformedFile(
                    "cannot read the file",
                    where=str(path),
                    why="there is none, and the lock names none there",
                    code="unreadable-file",
                )
            continue
        below = _absolute(path)
        for index, model in enumerate(pinned):
            file = model.pins.file
            if _within(_absolute(work.root / file.path if file else work.root), below):
                chosen.add(index)
        stray = [item for item in programs_below(path) if _absolute(item) not in locked]
        for item in stray:
            work.add(_not_locked(item), path=str(item))
        if not stray:
            work.add(CI_4.ok(found=f"each program in {path}"), path=str(path))
    if not chosen:  # CI-1
        work.add(
            CI_1.undecided(
                expected="at least one locked model",
                found="none",
                hint="write a lock with `verifiable lock --files`, or name other paths",
            )
        )
    return [(index, pinned[index]) for index in sorted(chosen)]


def _not_locked(path: Path) -> Check:
    return CI_4.failed(  # CI-4
        expected="an entry of the lock",
        found=f"none for {path}",
        hint="have the model reviewed and locked, or remove it",
    )


def _absolute(path: Path) -> str:
    return os.path.abspath(path)


def _within(path: str, folder: str) -> bool:
    return os.path.commonpath((path, folder)) == folder


# -- level `hash` --------------------------------------------------------------------------------


def _check_files(work: _Work, index: int, model: PinnedModel) -> CheckedFile | None:
    pins = model.pins
    lacking = _lacking(work, model)
    if lacking:
        work.add(
            CI_1.undecided(
                expected=lacking,
                found="none in this entry",
                hint="write the lock again with it (`verifiable lock --help`)",
            ),
            model.name,
            pointer=("models", index),
        )
    for pin, pointer in _data(index, model):
        found = hash_file(work.root / pin.path)
        if found is None:
            lost = CI_5.failed(expected=_told(pin), found="no such file", hint="restore the file")
            work.add(lost, model.name, pin.path, pointer)
        else:
            work.add(_unchanged(CI_5, pin, found), model.name, pin.path, pointer)  # CI-5
    if pins.file is None:
        return None
    place = (model.name, pins.file.path, ("models", index, "file"))
    found = hash_file(work.root / pins.file.path)
    if found is None:  # CI-2
        work.add(
            CI_2.failed(
                expected=pins.file.path,
                found="no such file",
                hint="restore the file, or have the entry removed in a review",
            ),
            *place,
        )
        return None
    work.add(CI_2.ok(found=pins.file.path), *place)
    work.add(_unchanged(CI_3, pins.file, found), *place)  # CI-3
    return CheckedFile(
        model=model.name,
        program_root=model.program_root,
        path=pins.file.path,
        sha256=found[0],
        size=found[1],
    )


def _lacking(work: _Work, model: PinnedModel) -> str:
    """What the level needs that an entry does not have."""
    if model.pins.file is None:
        return "the file that holds the program (`file`)"
    if work.level == "golden" and not (model.pins.golden or model.pins.accuracy):
        return "golden vectors or a floor of accuracy"
    return ""


def _data(index: int, model: PinnedModel) -> Iterator[tuple[FilePin, tuple[str | int, ...]]]:
    """What an entry pins beside the program's file, each file once."""
    pins = model.pins
    seen: set[FilePin] = set()
    listed = [
        *((item.input, ("golden", place, "input")) for place, item in enumerate(pins.golden)),
        *([(pins.accuracy.dataset, ("accuracy", "dataset"))] if pins.accuracy else []),
        *((item, ("proofs", place)) for place, item in enumerate(pins.proofs)),
    ]
    for pin, pointer in listed:
        if pin not in seen:
            seen.add(pin)
            yield pin, ("models", index, *pointer)


def _told(pin: FilePin) -> str:
    return f"sha256 {pin.sha256.hex()}, {pin.size} bytes"


def _unchanged(spec: CheckSpec, pin: FilePin, found: tuple[bytes, int]) -> Check:
    expected = _told(pin)
    if not same(found, pin):
        return spec.failed(
            expected=expected,
            found=f"sha256 {found[0].hex()}, {found[1]} bytes",
            hint="restore the file, or have it reviewed and write the lock again",
        )
    return spec.ok(expected=expected, found=expected)


# -- a signature ----------------------------------------------------------------------------------


def _check_signature(work: _Work, path: Path, key: Path, chosen: _Chosen) -> None:
    from verifiable.integrity.signature import load_public_key, load_signature

    signed = load_signature(path)
    if not signed.signed_by(load_public_key(key)):
        found = "another key's signature, or one of other content"
    elif not signed.consistent:
        found = "a digest of the whole that is not that of its files"
    else:
        found = ""
    if found:  # CI-12
        work.add(
            CI_12.failed(
                expected=f"a signature by {key}",
                found=found,
                hint="get model and signature from their source again; check that the key is right",
            ),
            path=str(path),
        )
        return
    work.add(CI_12.ok(found=f"signed by {key}"), path=str(path))
    folder = path.parent
    for name, digest in signed.files.items():
        work.cancel.check("check")
        got = hash_file(folder / name)
        if got is None or got[0] != digest:  # CI-13
            work.add(
                CI_13.failed(
                    expected=f"sha256 {digest.hex()}",
                    found="no such file" if got is None else f"sha256 {got[0].hex()}",
                    hint="restore the file that was signed",
                ),
                path=str(folder / name),
            )
    if not any(item.check.id == CI_13.id for item in work.findings):
        work.add(CI_13.ok(found=f"{len(signed.files)} files"), path=str(path))
    listed = {_absolute(folder / name) for name in signed.files}
    for index, model in chosen:
        file = model.pins.file
        if file is None:
            continue
        place = (model.name, file.path, ("models", index, "file"))
        if _absolute(work.root / file.path) in listed:
            work.add(CI_14.ok(found=file.path), *place)
        else:  # CI-14
            work.add(
                CI_14.failed(
                    expected=f"{file.path} in the signed list",
                    found="not signed",
                    hint="sign the folder that holds the model",
                ),
                *place,
            )


# -- levels `program`, `golden`, `proof` ---------------------------------------------------------


def _check_programs(
    work: _Work,
    data: bytes,
    lock_path: str | os.PathLike[str],
    chosen: _Chosen,
    *,
    keys: tuple[str, ...],
    proofs: list[Path],
    policy: PolicySource,
    now: datetime | None,
    trust: dict[str, Any],
    cache_dir: Path | None,
) -> tuple[str, ...]:
    """Run the checks that load programs; returns the backends whose keys were left alone."""
    from verifiable.integrity.programs import Judging
    from verifiable.sources import policy_of
    from verifiable.statement.lock import Lock

    with naming_file(lock_path):
        lock = Lock.decode(data)
    for index, model in chosen:
        work.step(model.name)
        _check_program(work, lock, index, model, keys, cache_dir)
    if work.looks("proof"):
        judging = Judging(
            policy=policy_of(policy), now=now, trust={**trust, "cache_dir": cache_dir}
        )
        _check_proofs(work, lock, chosen, proofs, judging)
    kept = {name for index, _ in chosen for name in lock.models[index].backends}
    return tuple(sorted(kept - set(keys)))


def _check_program(
    work: _Work,
    lock: Lock,
    index: int,
    model: PinnedModel,
    keys: tuple[str, ...],
    cache_dir: Path | None,
) -> None:
    from verifiable.integrity.programs import (
        check_accuracy,
        check_golden,
        check_keys,
        check_root,
    )
    from verifiable.program.onnx_file import MAX_FILE_BYTES

    pins, entry = model.pins, lock.models[index]
    if pins.file is None:
        return
    base: tuple[str | int, ...] = ("models", index)
    place = (model.name, pins.file.path)
    if work.failed_in(index):
        work.add(CI_6.skipped(hint=_NOT_RUN), *place, (*base, "program_root"))
        return
    content = read_bytes(work.root / pins.file.path, limit_bytes=MAX_FILE_BYTES)
    root, program = check_root(content, entry)
    work.add(root, *place, (*base, "program_root"))
    if program is None:
        return
    for name, key in check_keys(
        program, entry, keys, cache_dir=cache_dir, progress=work.progress, cancel=work.cancel
    ):
        work.add(key, *place, (*base, "backends", name))
    if not work.looks("golden"):
        return
    for number, vector in enumerate(pins.golden):
        work.cancel.check("check")
        checked = check_golden(program, entry, vector, work.root / vector.input.path)
        work.add(checked, model.name, vector.input.path, (*base, "golden", number, "output_root"))
    if pins.accuracy is not None:
        dataset = pins.accuracy.dataset.path
        checked = check_accuracy(program, pins.accuracy, work.root / dataset)
        work.add(checked, model.name, dataset, (*base, "accuracy", "floor_basis_points"))


def _check_proofs(
    work: _Work, lock: Lock, chosen: _Chosen, proofs: list[Path], judging: Judging
) -> None:
    from verifiable.integrity.programs import check_proof

    shown: set[bytes] = set()
    for index, model in chosen:
        entry = lock.models[index]
        failed = work.failed_in(index)
        for number, pin in enumerate(model.pins.proofs):
            work.cancel.check("check")
            if failed:  # what lies there may be anything, a pipe also
                skipped = CI_10.skipped(hint=_NOT_RUN)
                work.add(skipped, model.name, pin.path, ("models", index, "proofs", number))
                continue
            for about, checked in check_proof(work.root / pin.path, lock, entry, judging):
                if about is not None:
                    shown.add(about.program_root)
                work.add(checked, model.name, pin.path, ("models", index, "proofs", number))
    for path in proofs:
        work.cancel.check("check")
        for about, checked in check_proof(path, lock, None, judging):
            if about is not None:
                shown.add(about.program_root)
            work.add(checked, "" if about is None else about.name, str(path))
    for index, model in chosen:
        if model.program_root not in shown:
            lacking = CI_1.undecided(
                expected="a proof",
                found="none for this model",
                hint="name one in the lock, or give it by --proof",
            )
            work.add(lacking, model.name, pointer=("models", index))


def _limits(level: Level, kept: tuple[str, ...], signed: bool) -> tuple[str, ...]:
    """What a report of this level says nothing about."""
    found = ["that the lock itself is right: whoever may change it decides what passes"]
    if level == "hash":
        found.append("that a file holds the program that its entry names (level program)")
    elif kept:
        found.append(f"that the keys of {', '.join(kept)} belong to the programs (--derive)")
    if level in ("hash", "program"):
        found.append("that programs give the golden outputs and are accurate (level golden)")
    if level != "proof":
        found.append("that proofs about the models verify (level proof)")
    if not signed:
        found.append("who made the models (--signature)")
    return tuple(found)
