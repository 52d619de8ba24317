"""Ranges of independent work, spread over a few threads.

The compiled kernels release the GIL, so plain threads run them side by side. That spares numba's
own parallel mode, which costs seconds of compile time for each kernel. Every kernel here is exact,
so how a range is cut cannot change a result.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["Threads"]


class Threads:
    """A pool that cuts ranges into one part a thread; its threads start when first needed."""

    def __init__(self, count: int | None = None) -> None:
        if count is None:
            count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
        self.count = max(1, count or os.cpu_count() or 1)
        self._executor: ThreadPoolExecutor | None = None

    def run(self, work: Callable[[int, int, int], None], total: int, *, grain: int) -> int:
        """Call work(part, start, stop) on parts that cover 0..total, and wait for all of them.

        Args:
            work: what to do; `part` counts the parts from 0, below `count`.
            total: the length of the range.
            grain: a part is at least this long, so that short ranges stay on this thread.

        Returns:
            The number of parts.
        """
        parts = min(self.count, total // grain)
        if parts <= 1:
            work(0, 0, total)
            return 1
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self.count - 1, "verifiable-kernels")
        cuts = [total * part // parts for part in range(parts + 1)]
        others = [
            self._executor.submit(work, part, cuts[part], cuts[part + 1])
            for part in range(1, parts)
        ]
        work(0, 0, cuts[1])
        for other in others:
            other.result()
        return parts
