"""Pinning programs and their keys in a lock, so that others verify without the programs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

from verifiable.anchoring import game_address, key_in_game
from verifiable.attestations import key_accepted
from verifiable.backends.base import ChainJudge, TimedJudge
from verifiable.backends.registry import DEFAULT_BACKEND, get_backend
from verifiable.errors import InvalidInput
from verifiable.options import backend_options, options_taken, refuse_untaken
from verifiable.progress import Cancellation, Progress, silent
from verifiable.sources import PathLike, PolicySource, ProgramSource, policy_of, program_of
from verifiable.statement.commitment import commit_program
from verifiable.statement.header import check_header
from verifiable.statement.lock import MAX_LOCK_NAME_BYTES, Lock, LockedModel
from verifiable.statement.names import without_controls

__all__ = ["make_lock"]


def make_lock(
    programs: ProgramSource | Sequence[ProgramSource],
    *,
    names: Sequence[str] | None = None,
    backends: Sequence[str] = (DEFAULT_BACKEND,),
    visibility: str = "public",
    insecure_local_setup: bool = False,
    srs: PathLike | None = None,
    weights: str | None = None,
    quorum: PathLike | None = None,
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
        quorum=quorum,
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
