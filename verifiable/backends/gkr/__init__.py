"""Our own fast, transparent zkML: see `docs/protocol/gkr.md`."""

from __future__ import annotations

from verifiable.backends.gkr.backend import GkrBackend

__all__ = ["GkrBackend"]
