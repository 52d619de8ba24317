"""The key of each backend, derived again from the program and from what else it follows from.

Most keys follow from the program alone. That of a dispute game follows from what stands on a chain
too, that of attestations from a policy; that of named people follows from people.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from verifiable.anchoring import key_in_game
from verifiable.attestations import key_accepted
from verifiable.auditing.report import DerivedKey
from verifiable.backends.base import Backend, ChainJudge, Key, Options, SetupOrigins, TimedJudge
from verifiable.backends.registry import get_backend
from verifiable.errors import (
    ChainError,
    InvalidInput,
    MalformedFile,
    MissingDependency,
    ResourceLimit,
    SetupError,
    UnsupportedModel,
    VerifiableError,
)
from verifiable.options import backend_options, options_taken
from verifiable.program.program import Program
from verifiable.progress import Cancellation, Progress, ProgressEvent, silent
from verifiable.sources import PathLike
from verifiable.statement.commitment import ProgramCommitment
from verifiable.statement.policy import Policy
from verifiable.statement.proof import VISIBILITIES

__all__ = ["Derivation", "derive"]

_PHASE = "derive keys"
_CANNOT = (
    ChainError,
    InvalidInput,
    MalformedFile,
    MissingDependency,
    ResourceLimit,
    SetupError,
    UnsupportedModel,
)
_REFUTED = frozenset(("game-not-genuine", "nodes-not-judged"))
"""What a node says of a game that can be nobody's key."""

_QUORUM = "quorum"
_OF_PEOPLE = (
    "not derivable: people. The key names members and a threshold, which people choose; give the "
    "file of their quorum, from them and not from the lock's author, by --quorum"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """How keys are derived; see `verifiable.audit` for the members."""

    policy: Policy | None = None
    rpc_url: str | None = None
    game: bytes | None = None
    chain_id: int | None = None
    visibility: str = "public"
    weights: str | None = None
    insecure_local_setup: bool = False
    srs: PathLike | None = None
    quorum: PathLike | None = None
    cache_dir: PathLike | None = None
    time_limit_s: float | None = None
    progress: Progress = silent
    cancel: Cancellation = field(default_factory=Cancellation)


def derive(
    name: str,
    program: Program,
    commitment: ProgramCommitment,
    how: Derivation,
    *,
    locked: Mapping[str, str] | None = None,
    left_out: bool = False,
) -> DerivedKey:
    """Derive the key of one backend, or say why not.

    Args:
        name: the backend's id.
        commitment: to `program`, with the leaf size of what is audited.
        locked: the fields of the key in the lock; they choose among the keys that follow from a
            program (visibility, weights, setup, game), and nothing else.
        left_out: the caller wants this one not derived.

    Raises:
        Cancelled.
    """
    how.cancel.check(_PHASE)
    try:
        cache_dir = None if how.cache_dir is None else Path(how.cache_dir)
        backend = get_backend(name, cache_dir=cache_dir)
    except VerifiableError as error:
        return _not_derived(name, str(error))
    if name == _QUORUM and how.quorum is None:
        return _not_derived(name, _OF_PEOPLE)
    estimate_s = (
        None if isinstance(backend, ChainJudge | TimedJudge) else _estimate(backend, program)
    )
    if left_out:
        why = "left out by the caller"
        return replace(_not_derived(name, why), estimate_s=estimate_s)
    how.progress(
        ProgressEvent(phase=_PHASE, message=f"deriving the {name} key", estimate_s=estimate_s)
    )
    began_s = time.perf_counter()
    fields = locked or {}
    try:
        key, follows_from = _key(backend, program, commitment, how, fields)
    except _CANNOT as error:
        refuted = error.code in _REFUTED
        return replace(_not_derived(name, str(error), refuted=refuted), estimate_s=estimate_s)
    return DerivedKey(
        backend=name,
        digest=key.digest,
        fields=MappingProxyType(dict(key.fields)),
        follows_from=follows_from,
        assumed=isinstance(backend, TimedJudge) and how.policy is None,
        from_cache=key.from_cache,
        estimate_s=estimate_s,
        derive_s=time.perf_counter() - began_s,
    )


def _not_derived(name: str, why: str, *, refuted: bool = False) -> DerivedKey:
    return DerivedKey(backend=name, fields=MappingProxyType({}), why_not=why, refuted=refuted)


def _estimate(backend: Backend, program: Program) -> float | None:
    try:
        return backend.estimate(program).setup_s
    except VerifiableError:
        return None  # deriving will say why


def _key(
    backend: Backend,
    program: Program,
    commitment: ProgramCommitment,
    how: Derivation,
    locked: Mapping[str, str],
) -> tuple[Key, str]:
    """The key, and what besides the program it follows from."""
    root = commitment.program_root
    if isinstance(backend, ChainJudge):
        return _key_of_game(backend, program, commitment, how, locked)
    if isinstance(backend, TimedJudge) and how.policy is not None:
        return key_accepted(backend, root, how.policy), "the given policy"
    options = _options(backend, how, locked)
    key = backend.setup(program, options).key
    if isinstance(backend, TimedJudge):
        return key, "the built-in simulator"
    if backend.id == _QUORUM:
        return key, "the given file of the quorum"
    if isinstance(backend, SetupOrigins):
        origin = backend.setup_origin(key.fields)
        return key, "" if origin == "public" else f"a setup that is not public ({origin})"
    return key, ""


def _key_of_game(
    judge: ChainJudge,
    program: Program,
    commitment: ProgramCommitment,
    how: Derivation,
    locked: Mapping[str, str],
) -> tuple[Key, str]:
    game = _game_in(locked) if how.game is None else how.game
    if game is None or how.rpc_url is None:
        raise SetupError(
            "this key follows from a game on a chain",
            hint="name a node and, where no lock does, the game: --rpc-url URL --game ADDRESS",
            code="game-needed",
        )
    chain_id = how.chain_id
    if chain_id is None and locked.get("chain_id", "").isdecimal():
        chain_id = int(locked["chain_id"])
    key = key_in_game(judge, program, commitment, url=how.rpc_url, game=game, chain_id=chain_id)
    return key, "what a node says of the game"


def _game_in(locked: Mapping[str, str]) -> bytes | None:
    try:
        game = bytes.fromhex(locked.get("game", ""))
    except ValueError:
        return None
    return game if len(game) == 20 else None


def _options(backend: Backend, how: Derivation, locked: Mapping[str, str]) -> Options:
    """The options that choose, of all keys that follow from the program, the one in question."""
    visibility = locked.get("visibility", how.visibility)
    local = how.insecure_local_setup
    if isinstance(backend, SetupOrigins) and locked and not local and how.srs is None:
        origin = backend.setup_origin(locked)
        if origin == "unknown":
            raise SetupError(
                "the reference string of the locked key is not on this machine",
                hint="give its file: --srs FILE",
                code="srs-not-held",
            )
        local = origin == "local"
    given = backend_options(
        visibility=visibility if visibility in VISIBILITIES else how.visibility,
        weights=locked.get("weights", how.weights),
        insecure_local_setup=local,
        srs=how.srs,
        quorum=how.quorum,
        cache_dir=how.cache_dir,
        time_limit_s=how.time_limit_s,
        progress=how.progress,
        cancel=how.cancel,
    )
    return options_taken(backend, given)
