"""Objects or paths: what callers of the public API may hand in, brought to one form."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from verifiable.errors import InvalidInput, MalformedInput
from verifiable.files import atomic_path
from verifiable.program.arrays import Array, load_npz, select_row, split_rows
from verifiable.program.border import quantise_input
from verifiable.program.onnx_encode import PRODUCER
from verifiable.program.onnx_file import load_program
from verifiable.program.program import Input, IntArray, Program
from verifiable.statement.commitment import Schema
from verifiable.statement.lock import Lock
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof

if TYPE_CHECKING:
    import onnx

__all__ = [
    "InputSource",
    "LockSource",
    "ModelSource",
    "PathLike",
    "PolicySource",
    "ProgramSource",
    "ProofSource",
    "arrays_of",
    "check_output",
    "input_specs",
    "is_program",
    "lock_of",
    "naming_input",
    "policy_of",
    "program_of",
    "proof_of",
    "quantised_input",
    "rows_of",
]

PathLike: TypeAlias = "str | os.PathLike[str]"

ModelSource: TypeAlias = "str | os.PathLike[str] | bytes | onnx.ModelProto"
"""An ONNX model: its path, the bytes of its file, or the parsed model."""

ProgramSource: TypeAlias = "Program | bytes | str | os.PathLike[str]"
"""A compiled program, the path of its file, or the bytes of one."""

ProofSource: TypeAlias = "Proof | bytes | bytearray | memoryview | str | os.PathLike[str]"
"""A proof, the bytes of its file, or the path."""

InputSource: TypeAlias = "Mapping[str, npt.ArrayLike] | npt.ArrayLike | str | os.PathLike[str]"
"""Raw values: arrays by input name, one array for a model with one input, or an `.npz` path."""

PolicySource: TypeAlias = "Policy | str | os.PathLike[str] | None"
LockSource: TypeAlias = "Lock | str | os.PathLike[str] | None"


def program_of(source: ProgramSource) -> Program:
    """The program itself, or the one in the file.

    Raises:
        MalformedModel, ResourceLimit: the file is not a program's.
        InvalidInput: the argument is of no kind that can be read.
    """
    if isinstance(source, Program):
        return source
    if not isinstance(source, bytes | str | os.PathLike):
        _refuse_type(source, "a program")
    return load_program(source)


def proof_of(source: ProofSource) -> Proof:
    """The proof itself, or the one in the file.

    Raises:
        MalformedProof: the file is not a proof.
        InvalidInput: the argument is of no kind that can be read.
    """
    if isinstance(source, Proof):
        return source
    if isinstance(source, bytes | bytearray | memoryview):
        return Proof.decode(bytes(source))
    if not isinstance(source, str | os.PathLike):
        _refuse_type(source, "a proof")
    return Proof.load(source)


def is_program(source: ModelSource) -> bool:
    """Whether a model is a program file already, sound or damaged: by its first bytes."""
    mark = b"\x12" + bytes((len(PRODUCER),)) + PRODUCER.encode()  # after the format version
    if isinstance(source, bytes):
        return source[2 : 2 + len(mark)] == mark
    if isinstance(source, str | os.PathLike):
        with suppress(OSError, ValueError), open(source, "rb") as stream:
            return stream.read(2 + len(mark))[2:] == mark
        return False
    return getattr(source, "producer_name", "") == PRODUCER


def check_output(path: PathLike, *, sources: Iterable[object] = ()) -> None:
    """Find out before costly work whether its result can be written; leaves nothing behind.

    Args:
        path: of the file to write.
        sources: what the work reads; those that are paths must not lead to the same file.

    Raises:
        InvalidInput: (code `output-is-input`) writing would replace a file that is read.
        ResourceLimit: (code `unwritable-file`) it cannot.
    """
    for source in sources:
        if isinstance(source, str | os.PathLike) and _same_file(path, source):
            raise InvalidInput(
                "the output would replace a file that is read",
                where=os.fspath(path),
                hint="name another file for the output",
                code="output-is-input",
            )
    with suppress(_OnlyAsked), atomic_path(path):
        raise _OnlyAsked


def _same_file(one: PathLike, other: PathLike | str) -> bool:
    """Whether two paths lead to one regular file, links of both kinds followed."""
    with suppress(OSError, ValueError):
        return os.path.isfile(other) and os.path.samefile(one, other)
    return False


class _OnlyAsked(Exception):
    """Ends an attempt to write before anything was written."""


def _refuse_type(source: object, what: str) -> NoReturn:
    raise InvalidInput(
        f"{type(source).__name__} where {what} or the path of its file is expected",
        code="wrong-type",
    )


def lock_of(source: LockSource) -> Lock | None:
    """The lock itself, or the one in the file.

    Raises:
        MalformedFile: the file is not a lock.
    """
    if source is None or isinstance(source, Lock):
        return source
    if not isinstance(source, str | os.PathLike):
        _refuse_type(source, "a lock")
    return Lock.load(source)


def policy_of(
    source: PolicySource,
    *,
    allow_insecure_setup: bool = False,
    allow_local_chain: bool = False,
) -> Policy:
    """The policy, strict by default; the flags add `local_setup`, `local_chain` to it.

    Raises:
        MalformedFile: the file is not a policy.
    """
    if source is None:
        policy = Policy()
    elif isinstance(source, Policy):
        policy = source
    elif isinstance(source, str | os.PathLike):
        policy = Policy.load(source)
    else:
        _refuse_type(source, "a policy")
    flags = {"local_setup": allow_insecure_setup, "local_chain": allow_local_chain}
    added = frozenset(name for name, allowed in flags.items() if allowed)
    return replace(policy, allow_insecure=policy.allow_insecure | added) if added else policy


def arrays_of(source: InputSource, names: Sequence[str]) -> dict[str, Array]:
    """Raw arrays by name; a bare array belongs to the only name.

    Raises:
        MalformedInput: the file is no `.npz` of numbers, or the values form no array.
        InvalidInput: a bare array where there are several inputs.
    """
    if isinstance(source, str | os.PathLike):
        return load_npz(source)
    if isinstance(source, Mapping):
        unnamed = next((name for name in source if not isinstance(name, str)), None)
        if unnamed is not None:
            raise MalformedInput(
                f"{unnamed!r} is not the name of an input",
                hint=f"name the arrays {', '.join(names)}" if names else "",
                code="wrong-names",
            )
        return {name: _array(name, values) for name, values in source.items()}
    if len(names) != 1:
        raise InvalidInput(
            f"one array where the model has {len(names)} inputs",
            hint=f"pass a mapping with the names {', '.join(names)}",
            code="wrong-inputs",
        )
    return {names[0]: _array(names[0], source)}


def _array(name: str, values: npt.ArrayLike) -> Array:
    try:
        return np.asarray(values)
    except (TypeError, ValueError, OverflowError) as cause:
        raise MalformedInput(
            "the values form no array",
            where=f"array {name}",
            why=str(cause),
            hint="give rows of equal length",
            code="not-numeric",
        ) from cause


_OF_INPUTS = frozenset(
    (
        "index-needed",
        "no-such-row",
        "not-finite",
        "not-numeric",
        "out-of-range",
        "wrong-dtype",
        "wrong-names",
        "wrong-shape",
    )
)


@contextmanager
def naming_input(source: object) -> Iterator[None]:
    """Put the file's name in front of what is wrong with the arrays that it holds."""
    try:
        yield
    except (MalformedInput, InvalidInput) as error:
        if isinstance(source, str | os.PathLike) and error.code in _OF_INPUTS:
            path = os.fspath(source)
            if not error.where.startswith(path):
                error.where = f"{path}: {error.where}" if error.where else path
        raise


def input_specs(schema: Schema) -> tuple[Input, ...]:
    """The inputs as a program declares them, from the schema that a verifier has instead."""
    return tuple(
        Input(
            name=spec.name,
            shape=spec.shape,
            lo=spec.lo,
            hi=spec.hi,
            scale=spec.scale,
            zero_point=spec.zero_point,
        )
        for spec in schema.inputs
    )


def quantised_input(
    specs: Sequence[Input], source: InputSource, *, index: int | None = None, saturate: bool = False
) -> tuple[dict[str, IntArray], bool]:
    """Take one raw input and turn it into the program's integers.

    Args:
        specs: the inputs of the program.
        source: raw values in the units of the float model.
        index: the row, where the source holds several.
        saturate: clip values that the program cannot hold.

    Returns:
        int64 arrays by name, and whether any value was clipped.

    Raises:
        MalformedInput: names, shapes or rows do not fit.
        InvalidInput: a value is NaN, infinite or out of range.
    """
    if index is not None and type(index) is not int:
        raise InvalidInput(f"the index of a row is an integer, not {index!r}", code="wrong-type")
    shapes = {spec.name: spec.shape for spec in specs}
    quantised: dict[str, IntArray] = {}
    saturated = False
    with naming_input(source):
        row = select_row(arrays_of(source, tuple(shapes)), shapes, index)
        for spec in specs:
            quantised[spec.name], clipped = quantise_input(spec, row[spec.name], saturate=saturate)
            saturated = saturated or clipped
    return quantised, saturated


def rows_of(specs: Sequence[Input], source: InputSource) -> list[dict[str, Array]]:
    """Every row of a source that may hold several, each as arrays by name.

    Raises:
        MalformedInput: names, shapes or numbers of rows do not fit.
    """
    shapes = {spec.name: spec.shape for spec in specs}
    with naming_input(source):
        arrays = split_rows(arrays_of(source, tuple(shapes)), shapes)
    count = min((array.shape[0] for array in arrays.values()), default=0)
    return [{name: array[row] for name, array in arrays.items()} for row in range(count)]
