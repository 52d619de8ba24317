"""The table of backends: those of this package, and third parties' by entry point.

A backend is imported when it is asked for, so a missing optional dependency of one never breaks
the others; nor does this module itself load anything heavy, for the pages of help name the default.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from verifiable.errors import MissingDependency, VerifiableError

if TYPE_CHECKING:
    from verifiable.backends.base import Backend

__all__ = ["DEFAULT_BACKEND", "backend_ids", "get_backend"]

DEFAULT_BACKEND = "gkr"
"""What the public functions and the commands take if nothing else is asked for."""

_GROUP = "verifiable.backends"
_IN_TREE = {
    "gkr": "verifiable.backends.gkr:GkrBackend",
    "ezkl": "verifiable.backends.ezkl:EzklBackend",
    "optimistic": "verifiable.backends.optimistic:OptimisticBackend",
    "tee": "verifiable.backends.tee.backend:TeeBackend",
    "quorum": "verifiable.backends.quorum.backend:QuorumBackend",
}


def backend_ids() -> tuple[str, ...]:
    """Ids of all installed backends, those of this package first."""
    others = sorted(point.name for point in entry_points(group=_GROUP))
    return (*_IN_TREE, *(name for name in others if name not in _IN_TREE))


def get_backend(name: str, *, cache_dir: Path | None = None) -> Backend:
    """Return the backend with this id.

    Args:
        name: the id.
        cache_dir: where a verifier keeps what it knows by itself (genuine reference strings, for
            instance); the backend's default if None.

    Raises:
        VerifiableError: (code `unknown-backend`) there is none.
        MissingDependency: (code `broken-backend`) a third party's cannot be loaded or made.
    """
    if name in _IN_TREE:
        module, _, attribute = _IN_TREE[name].partition(":")
        return _made(getattr(import_module(module), attribute), cache_dir)
    for point in entry_points(group=_GROUP):
        if point.name == name:
            return _third_party(point, cache_dir)
    raise VerifiableError(
        f"there is no backend named {name!r}",
        hint=f"use one of: {', '.join(backend_ids())}",
        code="unknown-backend",
    )


def _third_party(point: EntryPoint, cache_dir: Path | None) -> Backend:
    """A backend of another package, whose faults must not become this package's."""
    try:
        return _made(point.load(), cache_dir)
    except Exception as cause:
        package = point.dist.name if point.dist is not None else "of unknown name"
        raise MissingDependency(
            f"the backend {point.name!r} of the package {package} cannot be loaded",
            why=f"{point.value}: {type(cause).__name__}: {cause}",
            hint="repair, update or remove that package",
            code="broken-backend",
        ) from cause


def _made(factory: Callable[..., Backend], cache_dir: Path | None) -> Backend:
    return factory() if cache_dir is None else factory(cache_dir=cache_dir)
