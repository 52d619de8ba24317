"""The optimistic backend: a committed trace, and a contract that judges one disputed element."""

from __future__ import annotations

from verifiable.backends.optimistic.backend import OptimisticBackend

__all__ = ["OptimisticBackend"]
