"""Phases of long work: their times, their progress, and where they can be cancelled."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from verifiable.backends.base import Options
from verifiable.progress import ProgressEvent

__all__ = ["Phases"]


@dataclass(slots=True, kw_only=True)
class Phases:
    """Runs phases one after another.

    Attributes:
        options: whose progress and cancellation are used.
        total: how many phases there will be, for the fraction that is reported.
        seconds: of each phase that has ended.
    """

    options: Options
    total: int
    seconds: dict[str, float] = field(default_factory=dict)

    _name: str = ""
    _began: float = 0.0

    def enter(self, name: str) -> None:
        """End the phase that is running, and begin another.

        Raises:
            Cancelled: by the caller.
        """
        self.end()
        self.options.cancel.check(name)
        self._name, self._began = name, time.perf_counter()
        self._report(f"{name} ...", 0.0)

    def end(self) -> None:
        """End the phase that is running, if one is."""
        if not self._name:
            return
        elapsed = time.perf_counter() - self._began
        self.seconds[self._name] = self.seconds.get(self._name, 0.0) + elapsed
        self._report("done", elapsed)
        self._name = ""

    def _report(self, message: str, elapsed_s: float) -> None:
        self.options.progress(
            ProgressEvent(
                phase=self._name,
                message=message,
                fraction=min(1.0, len(self.seconds) / self.total),
                elapsed_s=elapsed_s,
            )
        )
