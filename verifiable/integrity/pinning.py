"""Writing the pins of a lock: what `verifiable lock` adds to its entries for `verifiable check`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from verifiable.errors import InvalidInput, MalformedInput
from verifiable.integrity.hashing import hash_file
from verifiable.integrity.programs import measured_accuracy, output_root_of
from verifiable.program.onnx_file import load_program
from verifiable.program.program import Program
from verifiable.sources import rows_of
from verifiable.statement.commitment import commit_program
from verifiable.statement.hashing import ProgramRoot
from verifiable.statement.lock import Lock, LockedModel
from verifiable.statement.pins import (
    BASIS_POINTS,
    MAX_VECTORS,
    AccuracyFloor,
    FilePin,
    GoldenVector,
)
from verifiable.statement.proof import Proof

__all__ = ["Floor", "Golden", "with_pins"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """Inputs whose outputs are pinned: all rows of an `.npz` file.

    Attributes:
        model: the entry's name; empty where there is one entry.
    """

    path: Path
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """Labelled data, and the smallest share of right rows in basis points."""

    path: Path
    floor: int
    model: str = ""


def with_pins(
    lock: Lock,
    programs: Sequence[Path],
    folder: Path,
    *,
    golden: Sequence[Golden] = (),
    floors: Sequence[Floor] = (),
    proofs: Sequence[Path] = (),
) -> Lock:
    """The lock with the pins of its programs' files, and of what else is given.

    Args:
        lock: made of these programs.
        programs: their files; of a program that comes twice the first counts.
        folder: in which the lock will lie; all files must lie below.
        golden, floors: by model; each program is run, and its own outputs are pinned.
        proofs: each goes to the entry of its program.

    Raises:
        InvalidInput: a file lies elsewhere, a name is no entry's, a floor is above what the
            program reaches, or a proof is of no program of the lock.
        MalformedFile, ResourceLimit, Cancelled.
    """
    entries = {model.program_root: model for model in lock.models}
    loaded: dict[bytes, Program] = {}
    for path in programs:
        program = load_program(path)
        root = commit_program(program).program_root
        if root in loaded:
            continue
        loaded[root] = program
        pins = replace(entries[root].pins, file=_pin(path, folder))
        entries[root] = replace(entries[root], pins=pins)
    for vectors in golden:
        entry = _entry(entries, vectors.model)
        pinned = _vectors(loaded[entry.program_root], entry, vectors.path, folder)
        pins = replace(entry.pins, golden=(*entry.pins.golden, *pinned))
        entries[entry.program_root] = replace(entry, pins=pins)
    for wanted in floors:
        entry = _entry(entries, wanted.model)
        floor = _floor(loaded[entry.program_root], wanted, folder)
        entries[entry.program_root] = replace(entry, pins=replace(entry.pins, accuracy=floor))
    for path in proofs:
        found = entries.get(Proof.load(path).statement.program_root)
        if found is None:
            raise InvalidInput(
                "the proof is about no program of the lock",
                where=str(path),
                hint="lock its program too, or leave the proof out",
                code="proof-of-another-model",
            )
        pins = replace(found.pins, proofs=(*found.pins.proofs, _pin(path, folder)))
        entries[found.program_root] = replace(found, pins=pins)
    made = Lock(models=tuple(entries[model.program_root] for model in lock.models))
    # whatever the strict reader refuses must not be written
    return Lock.decode(made.encode())


def _entry(entries: Mapping[ProgramRoot, LockedModel], name: str) -> LockedModel:
    found = [model for model in entries.values() if name in ("", model.name)]
    if len(found) != 1:
        known = ", ".join(sorted(model.name for model in entries.values()))
        raise InvalidInput(
            f"{name!r} names {len(found)} entries of the lock"
            if name
            else f"there are {len(found)} entries, and none is named",
            hint=f"write NAME=FILE with one of: {known}",
            code="unknown-model",
        )
    return found[0]


def _vectors(program: Program, entry: LockedModel, path: Path, folder: Path) -> list[GoldenVector]:
    count = len(rows_of(program.inputs, path))
    if count > MAX_VECTORS:
        raise InvalidInput(
            f"{count} golden inputs, and an entry holds {MAX_VECTORS}",
            where=str(path),
            hint="choose those that tell most; labelled data measure the rest",
            code="too-many-vectors",
        )
    pin = _pin(path, folder)
    leaf_log2 = entry.program.leaf_log2
    return [
        GoldenVector(input=pin, row=row, output_root=output_root_of(program, leaf_log2, path, row))
        for row in range(count)
    ]


def _floor(program: Program, wanted: Floor, folder: Path) -> AccuracyFloor:
    accuracy = measured_accuracy(program, wanted.path)
    if not 1 <= wanted.floor <= BASIS_POINTS or not accuracy.reaches(wanted.floor):
        raise InvalidInput(
            f"a floor of {wanted.floor} basis points, and the program reaches "
            f"{accuracy.basis_points} ({accuracy.right} of {accuracy.rows} rows)",
            where=str(wanted.path),
            hint=f"give a floor from 1 to {max(1, accuracy.basis_points)}",
            code="floor-not-reached",
        )
    return AccuracyFloor(dataset=_pin(wanted.path, folder), floor=wanted.floor)


def _pin(path: Path, folder: Path) -> FilePin:
    found = hash_file(path)
    if found is None:
        raise MalformedInput("there is no such file", where=str(path), code="unreadable-file")
    relative = Path(os.path.relpath(os.path.abspath(path), os.path.abspath(folder))).as_posix()
    if relative.split("/")[0] == "..":
        raise InvalidInput(
            "the file does not lie below the lock's folder",
            where=str(path),
            why=f"the lock is written to {folder}",
            hint="write the lock to a folder that holds the files, such as the repository's root",
            code="outside-of-the-lock",
        )
    return FilePin(path=relative, sha256=found[0], size=found[1])
