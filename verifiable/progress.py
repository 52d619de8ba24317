"""Progress of long work, and a way to cancel it from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from verifiable.errors import Cancelled

__all__ = ["Cancellation", "Progress", "ProgressEvent", "silent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressEvent:
    """One report of a running phase.

    Attributes:
        phase: short stable name (`quantise`, `setup`, `prove`, ...).
        message: one line for people.
        fraction: share of this phase that is done, 0..1, or None if unknown.
        elapsed_s: seconds since the phase began.
        estimate_s: expected total seconds of the phase, or None if unknown.
    """

    phase: str
    message: str = ""
    fraction: float | None = None
    elapsed_s: float = 0.0
    estimate_s: float | None = None


Progress = Callable[[ProgressEvent], None]


def silent(event: ProgressEvent) -> None:
    """Ignore progress: the default of the library."""


class Cancellation:
    """A flag that one thread sets and the working thread checks between steps."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop at its next check."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._event.is_set()

    def check(self, phase: str) -> None:
        """Raise `Cancelled` if `cancel` was called."""
        if self._event.is_set():
            raise Cancelled("the work was cancelled", where=phase)
