"""The table of backends: those of this package, and third parties' by entry point.

A backend is imported when it is asked for, so a missing optional dependency of one never breaks
the others.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from verifiable.backends.base import Backend
from verifiable.errors import VerifiableError

__all__ = ["DEFAULT_BACKEND", "backend_ids", "get_backend"]

DEFAULT_BACKEND = "ezkl"

_GROUP = "verifiable.backends"
_IN_TREE = {"ezkl": "verifiable.backends.ezkl:EzklBackend"}


def backend_ids() -> tuple[str, ...]:
    """Ids of all installed backends, those of this package first."""
    others = sorted(point.name for point in entry_points(group=_GROUP))
    return (*_IN_TREE, *(name for name in others if name not in _IN_TREE))


def get_backend(name: str) -> Backend:
    """Return the backend with this id.

    Raises:
        VerifiableError: (code `unknown-backend`) there is none.
    """
    if name in _IN_TREE:
        module, _, attribute = _IN_TREE[name].partition(":")
        made: Backend = getattr(import_module(module), attribute)()
        return made
    for point in entry_points(group=_GROUP):
        if point.name == name:
            loaded: Backend = point.load()()
            return loaded
    raise VerifiableError(
        f"there is no backend named {name!r}",
        hint=f"use one of: {', '.join(backend_ids())}",
        code="unknown-backend",
    )
