"""What a lock or a record claims, against what was derived: the program's root, and the keys."""

from __future__ import annotations

from collections.abc import Mapping

from verifiable.auditing.checks import AU_5, AU_6, AU_7, AU_8
from verifiable.auditing.parts import parts_of
from verifiable.auditing.report import DerivedKey
from verifiable.backends.registry import get_backend
from verifiable.errors import InvalidInput, MalformedFile, VerifiableError
from verifiable.program.program import Program
from verifiable.statement.checks import CheckSpec
from verifiable.statement.commitment import commit_program
from verifiable.statement.lock import Lock, LockedModel
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.verdict import Check
from verifiable.statement.view import RecordView

__all__ = [
    "check_locked_key",
    "check_locked_root",
    "check_registered_key",
    "check_registered_root",
    "choose_entry",
]

_NOT_THIS_PROGRAM = "it names another program, or does not count: see above"


def choose_entry(
    lock: Lock, name: str | None, derived: Program, given: Program | None
) -> LockedModel | None:
    """The entry that is meant: of this name, of the derived program, of `given`, or the only one.

    Raises:
        InvalidInput: (code `unknown-model`) no entry, or several, have this name.
    """
    if name is not None:
        named = [model for model in lock.models if model.name == name]
        if len(named) != 1:
            raise InvalidInput(
                f"{'no entry is' if not named else 'several entries are'} named {name!r}",
                where="lock",
                hint=f"the lock names {', '.join(repr(model.name) for model in lock.models)}",
                code="unknown-model",
            )
        return named[0]
    for program in (derived,) if given is None else (derived, given):
        for model in lock.models:
            committed = commit_program(program, leaf_log2=model.program.leaf_log2)
            if committed.program_root == model.program_root:
                return model
    return lock.models[0] if len(lock.models) == 1 else None


def check_locked_root(entry: LockedModel | None, derived: Program) -> Check:
    """Compare the program of a lock's entry with the derived one."""
    if entry is None:
        return AU_5.failed(
            expected=encode_hex(commit_program(derived).program_root),
            found="an entry for neither this program nor the given one",
            hint="choose the entry by --name to see which part of the program differs",
        )
    committed = commit_program(derived, leaf_log2=entry.program.leaf_log2)
    expected, found = encode_hex(committed.program_root), encode_hex(entry.program_root)
    if committed.program_root != entry.program_root:  # AU-5
        mine, theirs = parts_of(committed), parts_of(entry.program)
        differing = [part for part in mine if mine[part] != theirs[part]]
        told = f"other {', '.join(differing)}" if differing else "another version of commitments"
        return AU_5.failed(
            expected=expected,
            found=f"{found} (entry {entry.name!r}): {told}",
            hint="the lock was written from another model, from other scales, or was changed",
        )
    return AU_5.ok(expected=expected, found=found)


def check_registered_root(record: RecordView | None, program_root: bytes) -> Check:
    """Compare the program of a record with the derived one.

    Args:
        record: None where none was found, or none that counts.
    """
    if record is None:
        return AU_6.skipped(hint="no record that counts was read, see above")
    expected, found = encode_hex(program_root), encode_hex(record.program_root)
    if program_root != record.program_root:  # AU-6
        return AU_6.failed(
            expected=expected,
            found=found,
            hint="the record is another model's, or was made from other scales",
        )
    return AU_6.ok(expected=expected, found=found)


def check_locked_key(name: str, fields: Mapping[str, str], derived: DerivedKey | None) -> Check:
    """Compare a key in a lock, field by field, with the derived one.

    Args:
        name: the backend.
        derived: None where the lock names another program.
    """
    if derived is None:
        return AU_7.skipped(hint=_NOT_THIS_PROGRAM)
    try:
        locked = get_backend(name).decode_key(fields).digest
    except MalformedFile as error:  # AU-7
        return AU_7.failed(expected=f"a {name} key", found=f"{error} [{error.code}]")
    except VerifiableError:  # no such backend here, so that none was derived
        locked = b""
    if derived.digest is None:
        return _not_derived(AU_7, name, derived)
    expected, found = encode_hex(derived.digest), encode_hex(locked)
    if locked != derived.digest:  # AU-7
        names = (*derived.fields, *fields)
        first = next((key for key in names if derived.fields.get(key) != fields.get(key)), "digest")
        return _differing(
            AU_7,
            derived,
            expected=f"{name} {first}: {derived.fields.get(first, expected)}",
            found=f"{name} {first}: {fields.get(first, found)}",
        )
    return AU_7.ok(expected=expected, found=found)


def check_registered_key(
    name: str, registered: bytes, derived: DerivedKey | None, locked: Mapping[str, str] | None
) -> Check:
    """Compare a key in a record with the derived one, or at least with the lock's.

    Args:
        name: the backend.
        registered: the key's digest in the record.
        derived: None where the record names another program.
        locked: the key's fields in the lock; None if it has none.
    """
    if derived is None:
        return AU_8.skipped(hint=_NOT_THIS_PROGRAM)
    found = encode_hex(registered)
    if derived.digest is None:
        other = _digest(name, locked)
        if other is not None and other != registered:  # AU-8
            return AU_8.failed(
                expected=f"the lock's key, {encode_hex(other)}",
                found=found,
                hint="lock and record hold different keys: one of them is wrong",
            )
        return _not_derived(AU_8, name, derived)
    expected = encode_hex(derived.digest)
    if registered != derived.digest:  # AU-8
        return _differing(AU_8, derived, expected=f"{name} {expected}", found=f"{name} {found}")
    return AU_8.ok(expected=expected, found=found)


def _digest(name: str, fields: Mapping[str, str] | None) -> bytes | None:
    """The digest of a lock's key; None if there is none, or none that can be read."""
    if fields is None:
        return None
    try:
        return get_backend(name).decode_key(fields).digest
    except VerifiableError:
        return None


def _not_derived(spec: CheckSpec, name: str, derived: DerivedKey) -> Check:
    expected = f"the {name} key, derived again"
    if derived.refuted:
        return spec.failed(expected=expected, found=derived.why_not)
    return spec.undecided("audited-key-not-derived", expected=expected, found=derived.why_not)


def _differing(spec: CheckSpec, derived: DerivedKey, *, expected: str, found: str) -> Check:
    if derived.assumed:
        return spec.undecided(
            "audited-key-not-derived",
            expected=f"{expected} ({derived.follows_from})",
            found=found,
            hint="this key follows from what a relying party accepts: give that by --policy",
        )
    rests = f"; it was derived from {derived.follows_from}" if derived.follows_from else ""
    return spec.failed(
        expected=expected,
        found=found,
        hint="the key is another program's, was derived with other settings or by another release, "
        f"or is forged{rests}",
    )
