"""zkML by the ezkl library: see `docs/design/ezkl.md` and `docs/formats/ezkl-payload.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verifiable.backends.ezkl.backend import EzklBackend

__all__ = ["EzklBackend"]


def __getattr__(name: str) -> Any:
    """Load the backend on first use: the child process imports this package too."""
    if name == "EzklBackend":
        from verifiable.backends.ezkl.backend import EzklBackend

        return EzklBackend
    raise AttributeError(name)
