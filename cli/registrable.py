"""What of a program goes on record: its header, and the digest of each backend's key."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from verifiable.backends.registry import DEFAULT_BACKEND

from .console import Console
from .lock import setup_origins
from .options import (
    FILE,
    Function,
    cache_option,
    interruptible,
    local_setup_option,
    srs_option,
    time_limit_option,
    visibility_option,
    weights_option,
)

if TYPE_CHECKING:
    from verifiable.statement.commitment import ProgramCommitment
    from verifiable.statement.lock import LockedModel

__all__ = ["KeyFlags", "Registrable", "key_options", "registrable"]

_DERIVING = ("visibility", "insecure_local_setup", "srs", "weights", "time_limit_s")
"""Options that say how keys are derived, and mean nothing where a lock brings them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFlags:
    """Which keys, and how they are derived; see `verifiable.make_lock`."""

    backends: tuple[str, ...]
    lock: Path | None
    visibility: str
    insecure_local_setup: bool
    srs: Path | None
    weights: str | None
    cache_dir: Path | None
    time_limit_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrable:
    """A program's header and its keys' digests (32 bytes) by backend id."""

    header: ProgramCommitment
    keys: Mapping[str, bytes]


def key_options(function: Function) -> Function:
    """Add the options of `verifiable lock` and `--lock`, and pass them as `key_flags`."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kw: Any) -> Any:
        given = {name: kw.pop(name) for name in KeyFlags.__dataclass_fields__}
        return function(*args, key_flags=_checked(KeyFlags(**given)), **kw)

    decorated: Function = wrapper
    for option in reversed(
        (
            click.option(
                "--backend",
                "backends",
                multiple=True,
                help="Whose keys; repeatable.  "
                f"[default: {DEFAULT_BACKEND}, or all that --lock holds]",
            ),
            click.option(
                "--lock",
                type=FILE,
                help="Take the keys from this lock, whose author you trust, and derive none.",
            ),
            visibility_option,
            local_setup_option,
            srs_option,
            weights_option,
            cache_option,
            time_limit_option,
        )
    ):
        decorated = option(decorated)
    return decorated


def _checked(flags: KeyFlags) -> KeyFlags:
    ctx = click.get_current_context()
    if flags.lock is not None:
        for parameter in ctx.command.params:
            name = parameter.name or ""
            if name in _DERIVING and ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                told = parameter.opts[0]
                raise click.UsageError(f"{told} is for deriving keys, which --lock brings")
    return flags


def registrable(console: Console, program: Path, flags: KeyFlags) -> Registrable:
    """Derive the keys of a program, or take them from a lock that names the program.

    Raises:
        InvalidInput: (codes `program-not-in-lock`, `key-not-in-lock`) the lock lacks something.
        MalformedModel, MalformedFile, UnsupportedModel, SetupError, ResourceLimit,
        MissingDependency, Cancelled.
    """
    from verifiable.backends.base import KeyOwners
    from verifiable.backends.registry import get_backend

    entry = _derived(console, program, flags) if flags.lock is None else _locked(program, flags)
    for name, origin in setup_origins([entry], flags.cache_dir).items():
        if origin != "public":
            console.warn(
                f"the {name} key rests on a setup that is not the public one ({origin}): its maker "
                "can forge proofs under this key"
            )
    keys = {}
    for name, fields in entry.backends.items():
        backend = get_backend(name)
        key = backend.decode_key(fields)
        if isinstance(backend, KeyOwners):
            backend.require_owners(key)  # whoever registers a key vouches for it
        keys[name] = key.digest
    return Registrable(header=entry.program, keys=keys)


def _derived(console: Console, program: Path, flags: KeyFlags) -> LockedModel:
    from verifiable.api import make_lock

    with interruptible(console) as cancel, console.progress() as progress:
        lock = make_lock(
            [program],
            backends=flags.backends or (DEFAULT_BACKEND,),
            visibility=flags.visibility,
            insecure_local_setup=flags.insecure_local_setup,
            srs=flags.srs,
            weights=flags.weights,
            cache_dir=flags.cache_dir,
            time_limit_s=flags.time_limit_s,
            progress=progress,
            cancel=cancel,
        )
    return lock.models[0]


def _locked(program: Path, flags: KeyFlags) -> LockedModel:
    from dataclasses import replace

    from verifiable.api import load_program
    from verifiable.errors import InvalidInput
    from verifiable.statement.commitment import commit_program
    from verifiable.statement.lock import Lock

    lock = Lock.load(str(flags.lock))
    root = commit_program(load_program(program)).program_root
    entry = lock.entry(root)
    if entry is None:
        raise InvalidInput(
            "the lock does not name this program",
            where=str(flags.lock),
            why=f"it holds no program root 0x{root.hex()}",
            hint="write the lock from this program, or leave --lock out",
            code="program-not-in-lock",
        )
    missing = [name for name in flags.backends if name not in entry.backends]
    if missing or not entry.backends:
        raise InvalidInput(
            f"the lock holds no key of {', '.join(missing) or 'any backend'} for this program",
            where=str(flags.lock),
            hint="write the lock with this --backend, or leave --lock out",
            code="key-not-in-lock",
        )
    wanted = flags.backends or tuple(entry.backends)
    return replace(entry, backends={name: entry.backends[name] for name in wanted})
