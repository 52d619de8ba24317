"""The checks that load programs: roots, keys, golden vectors, accuracy, proofs.

Imported only on the levels beyond `hash`: what is imported here takes a second to load.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from verifiable.api import evaluate, run
from verifiable.backends.registry import get_backend
from verifiable.errors import (
    InvalidInput,
    MalformedFile,
    MalformedInput,
    MalformedModel,
    MissingDependency,
    ResourceLimit,
    SetupError,
    UnsupportedModel,
)
from verifiable.integrity.checks import CI_6, CI_7, CI_8, CI_9, CI_10, CI_11
from verifiable.options import backend_options, options_taken
from verifiable.program.arrays import Array, load_npz
from verifiable.program.program import Program
from verifiable.progress import Cancellation, Progress, silent
from verifiable.sources import rows_of
from verifiable.statement.commitment import commit_program, outputs_root
from verifiable.statement.lock import Lock, LockedModel
from verifiable.statement.pins import BASIS_POINTS, AccuracyFloor, GoldenVector
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.verdict import Check

__all__ = [
    "LABELS",
    "Accuracy",
    "Judging",
    "check_accuracy",
    "check_golden",
    "check_keys",
    "check_proof",
    "check_root",
    "measured_accuracy",
    "output_root_of",
]

LABELS = "labels"
"""The array of a data set that names the right class of each row."""

_CANNOT_DERIVE = (MissingDependency, ResourceLimit, SetupError, UnsupportedModel, InvalidInput)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How proofs are judged; see `verifiable.verify` for the members.

    Attributes:
        trust: further keywords of `verifiable.evaluate` (registry, record, node, allowances).
    """

    policy: Policy
    now: datetime | None = None
    trust: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How many rows of a data set a program gets right."""

    right: int
    rows: int

    @property
    def basis_points(self) -> int:
        """The share in basis points, rounded down."""
        return self.right * BASIS_POINTS // self.rows

    def reaches(self, floor: int) -> bool:
        """Whether the share is at least `floor` basis points; exact."""
        return self.right * BASIS_POINTS >= floor * self.rows


def check_root(data: bytes, model: LockedModel) -> tuple[Check, Program | None]:
    """Commit to the program in a file, and compare its root with the lock's."""
    from verifiable.program.onnx_file import load_program

    expected = encode_hex(model.program_root)
    try:
        program = load_program(data)
        found = commit_program(program, leaf_log2=model.program.leaf_log2).program_root
    except (MalformedModel, UnsupportedModel) as error:
        return CI_6.failed(expected=expected, found=f"no program: {error}"), None
    if found != model.program_root:  # CI-6
        return CI_6.failed(
            expected=expected,
            found=encode_hex(found),
            hint="the file holds another program than its entry names: restore it, or write the "
            "lock again and have it reviewed",
        ), None
    return CI_6.ok(expected=expected, found=expected), program


def check_keys(
    program: Program,
    model: LockedModel,
    names: tuple[str, ...],
    *,
    cache_dir: Path | None = None,
    progress: Progress = silent,
    cancel: Cancellation | None = None,
) -> Iterator[tuple[str, Check]]:
    """Derive keys from a program again, and compare each with the lock's."""
    for name in names:
        fields = model.backends.get(name)
        if fields is None:
            continue
        backend = get_backend(name)
        try:
            options = backend_options(
                visibility=fields.get("visibility", "public"),
                weights=fields.get("weights"),
                cache_dir=cache_dir,
                progress=progress,
                cancel=cancel,
            )
            derived = backend.setup(program, options_taken(backend, options)).key.fields
        except _CANNOT_DERIVE as error:
            yield name, CI_7.undecided(expected=f"the {name} key", found=f"not derived: {error}")
            continue
        differing = sorted(
            key for key in {*derived, *fields} if derived.get(key) != fields.get(key)
        )
        if differing:  # CI-7
            first = differing[0]
            yield (
                name,
                CI_7.failed(
                    expected=f"{name} {first}: {fields.get(first)}",
                    found=f"{name} {first}: {derived.get(first)}",
                    hint="write the lock again from the program; another version of this package "
                    "may derive another key",
                ),
            )
        else:
            yield name, CI_7.ok(found=f"the {name} key follows from the program")


def output_root_of(program: Program, leaf_log2: int, path: Path, row: int) -> bytes:
    """Run a program on one row of a file of raw inputs, and commit to its output.

    Raises:
        MalformedInput, InvalidInput: the row is not there, or nothing that the program takes.
        ResourceLimit, Cancelled.
    """
    result = run(program, path, index=row)
    schema = commit_program(program, leaf_log2=leaf_log2).schema
    return outputs_root(schema, result.outputs, leaf_log2=leaf_log2)


def check_golden(program: Program, model: LockedModel, vector: GoldenVector, path: Path) -> Check:
    """Run a golden input, and compare the output's commitment with the lock's."""
    expected = encode_hex(vector.output_root)
    try:
        found = output_root_of(program, model.program.leaf_log2, path, vector.row)
    except (MalformedInput, InvalidInput) as error:
        return CI_8.failed(expected=expected, found=f"no output: {error}")
    if found != vector.output_root:  # CI-8
        return CI_8.failed(
            expected=expected,
            found=encode_hex(found),
            hint="the lock's output was not computed by this program on this input",
        )
    return CI_8.ok(expected=expected, found=expected)


def measured_accuracy(program: Program, path: Path) -> Accuracy:
    """Run a program on every row of labelled data; the class is the largest output's position.

    Args:
        program: the first output counts; of equal values the first.
        path: an `.npz` file with the program's inputs, and `labels`, one integer a row.

    Raises:
        MalformedInput, InvalidInput: the data do not fit the program.
        ResourceLimit, Cancelled.
    """
    arrays: dict[str, Array] = dict(load_npz(path))
    labels = arrays.pop(LABELS, None)
    if labels is None or labels.dtype.kind not in "iu":
        raise MalformedInput(
            f"there is no array {LABELS!r} of integers",
            where=str(path),
            hint="save the inputs and the right class of each row in one .npz file",
            code="labels-missing",
        )
    rows = rows_of(program.inputs, arrays)
    classes = labels.reshape(-1).tolist()
    if len(classes) != len(rows) or not rows:
        raise MalformedInput(
            f"{len(classes)} labels for {len(rows)} rows", where=str(path), code="wrong-count"
        )
    first = program.outputs[0].name
    right = 0
    for row, label in zip(rows, classes, strict=True):
        output = run(program, row).outputs[first]
        right += int(output.reshape(-1).argmax()) == label
    return Accuracy(right=right, rows=len(rows))


def check_accuracy(program: Program, floor: AccuracyFloor, path: Path) -> Check:
    """Measure the accuracy on the pinned data, and compare it with the lock's floor."""
    expected = f"at least {floor.floor / 100:.2f} %"
    try:
        accuracy = measured_accuracy(program, path)
    except (MalformedInput, InvalidInput) as error:
        return CI_9.failed(expected=expected, found=f"not measured: {error}")
    found = f"{accuracy.basis_points / 100:.2f} % ({accuracy.right} of {accuracy.rows} rows)"
    if not accuracy.reaches(floor.floor):  # CI-9
        return CI_9.failed(
            expected=expected,
            found=found,
            hint="the model is worse than its floor; do not lower the floor without a reason",
        )
    return CI_9.ok(expected=expected, found=found)


def check_proof(
    path: Path, lock: Lock, entry: LockedModel | None, judging: Judging
) -> Iterator[tuple[LockedModel | None, Check]]:
    """Judge a proof under the lock.

    Args:
        path: of the proof file.
        entry: that names the proof; None for one that the caller gave.

    Yields:
        the entry of the program that the proof is about, and what came of a check.

    Raises:
        ChainError, MissingDependency, Cancelled: the proof cannot be judged here.
    """
    try:
        proof = Proof.load(path)
    except MalformedFile as error:
        yield entry, CI_10.failed(expected="a proof", found=f"{error} [{error.code}]")
        return
    about = lock.entry(proof.statement.program_root)
    if entry is not None:
        if about is not entry:  # CI-11
            yield (
                entry,
                CI_11.failed(
                    expected=encode_hex(entry.program_root),
                    found=encode_hex(proof.statement.program_root),
                    hint="the entry names a proof of another model",
                ),
            )
        else:
            yield entry, CI_11.ok(found=encode_hex(proof.statement.program_root))
    yield about if entry is None else entry, _judged(proof, lock, judging)


def _judged(proof: Proof, lock: Lock, judging: Judging) -> Check:
    try:
        verdict = evaluate(
            proof, policy=judging.policy, lock=lock, now=judging.now, **judging.trust
        )
    except MalformedFile as error:
        return CI_10.failed(expected="proven", found=f"{error} [{error.code}]")
    except ResourceLimit as error:
        return CI_10.undecided(expected="proven", found=f"{error} [{error.code}]")
    statement = encode_hex(verdict.statement_digest)
    if verdict.outcome == "proven":
        return CI_10.ok(expected="proven", found=f"proven by {verdict.backend}: {statement}")
    first = verdict.failed[0]
    found = f"{first.id} {first.name} [{first.code}] {first.found}".rstrip()
    if verdict.outcome == "undecided":
        return CI_10.undecided(expected="proven", found=found, hint=first.hint)
    return CI_10.failed(expected="proven", found=found, hint=first.hint)  # CI-10
