"""Phases of setting up and proving: a child's job with progress, limits and typed errors."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from verifiable.backends.base import Options
from verifiable.backends.ezkl.child import Ending, run_child
from verifiable.backends.ezkl.format import EZKL_VERSION
from verifiable.cache import CACHE_DIR_VARIABLE
from verifiable.errors import (
    MissingDependency,
    ProvingError,
    ResourceLimit,
    SetupError,
    VerifiableError,
)
from verifiable.progress import ProgressEvent

__all__ = ["Phases", "missing_ezkl", "require_ezkl"]

_REPORT_EVERY_S = 0.5


def missing_ezkl(why: str) -> MissingDependency:
    """The error for a missing or wrong ezkl package."""
    return MissingDependency(
        f"the package ezkl {EZKL_VERSION} is needed",
        why=why,
        hint="run pip install 'verifiable[ezkl]'",
    )


def require_ezkl() -> None:
    """Find out before costly work whether a child process could import ezkl.

    Raises:
        MissingDependency: it is not installed, or another version is.
    """
    if find_spec("ezkl") is None:
        raise missing_ezkl("no package ezkl is installed")
    try:
        found = version("ezkl")
    except PackageNotFoundError as cause:
        raise missing_ezkl("it is not installed as a package") from cause
    if found != EZKL_VERSION:
        raise missing_ezkl(f"ezkl {found} is installed")


@dataclass(slots=True, kw_only=True)
class Phases:
    """Runs jobs one after the other and keeps their times and the largest memory."""

    folder: Path
    options: Options
    error: type[SetupError] | type[ProvingError]
    seconds: dict[str, float] = field(default_factory=dict)
    peak_rss_bytes: int = 0

    def run(
        self, phase: str, message: str, job: Mapping[str, Any], *, estimate_s: float | None = None
    ) -> Any:
        """Run one job under the options' limits and report progress while it runs.

        Raises:
            SetupError, ProvingError: (the class given) ezkl failed or panicked.
            ResourceLimit: the time limit passed, the child was killed, or a file could not be
                written.
            MissingDependency, Cancelled.
        """
        began = time.monotonic()
        reported = 0.0

        def report(elapsed: float) -> None:
            share = None if not estimate_s else min(elapsed / estimate_s, 0.99)
            self.options.progress(
                ProgressEvent(
                    phase=phase,
                    message=message,
                    fraction=share,
                    elapsed_s=elapsed,
                    estimate_s=estimate_s,
                )
            )

        def tick(peak: int) -> None:
            nonlocal reported
            self.options.cancel.check(phase)
            elapsed = time.monotonic() - began
            if elapsed - reported >= _REPORT_EVERY_S:
                reported = elapsed
                report(elapsed)

        self.options.cancel.check(phase)
        report(0.0)
        ending = run_child(job, self.folder, limit_s=self.options.time_limit_s, tick=tick)
        elapsed = time.monotonic() - began
        self.seconds[phase] = self.seconds.get(phase, 0.0) + elapsed
        self.peak_rss_bytes = max(self.peak_rss_bytes, ending.peak_rss_bytes)
        if ending.status != "ok":
            raise self._failure(phase, ending)
        self.options.progress(
            ProgressEvent(
                phase=phase,
                message=message,
                fraction=1.0,
                elapsed_s=elapsed,
                estimate_s=estimate_s,
            )
        )
        return ending.value

    def _failure(self, phase: str, ending: Ending) -> VerifiableError:
        where = f"ezkl, phase {phase}"
        if ending.status == "missing":
            return missing_ezkl(ending.message)
        if ending.status == "timeout":
            return ResourceLimit(
                "the time limit passed",
                where=where,
                why=ending.message,
                hint="raise the time limit (--time-limit), or prove a smaller model",
                code="time-limit",
            )
        if ending.status == "storage":
            return ResourceLimit(
                "files could not be written or read",
                where=f"{where}, {self.folder}",
                why=ending.message,
                hint=f"free some space, or name another folder in {CACHE_DIR_VARIABLE}",
                code="unwritable-cache",
            )
        if ending.status == "killed":
            return ResourceLimit(
                "the ezkl process ended before it gave a result",
                where=where,
                why=f"{ending.message}; peak memory {ending.peak_rss_bytes / 2**20:.0f} MiB",
                hint="most often memory ran out: see the estimate, free memory, "
                "or use a larger machine",
                code="process-killed",
            )
        what = "ezkl panicked" if ending.status == "panic" else "ezkl failed"
        return self.error(
            what,
            where=where,
            why=ending.message,
            hint="this is a fault of the circuit or of the library, not of the input's values; "
            "report it with the model",
            code=f"ezkl-{ending.status}",
        )
