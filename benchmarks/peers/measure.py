"""All figures of one backend on one program: setup, proofs and verification, one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from peers.process import Absent, Failed, backend_job

__all__ = ["BACKENDS", "attempt", "measure_backend"]

BACKENDS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "gkr-committed": ("gkr", {"weights": "committed"}),
    "gkr-public": ("gkr", {"weights": "public"}),
    "ezkl": ("ezkl", {"srs": "local-insecure"}),
}
"""By name of a system its backend and settings."""


def measure_backend(
    folder: Path, program: Path, system: str, *, runs: int, setup_runs: int, verify_runs: int
) -> dict[str, Any]:
    """Set up, prove and verify in three processes.

    Args:
        runs: proofs that count; before them one more where the process has something to warm up.
        setup_runs: setups that count, likewise.

    Raises:
        Absent: the backend's package is not installed.
        Failed: a job failed.
    """
    backend, settings = BACKENDS[system]
    if backend == "ezkl" and find_spec("ezkl") is None:
        raise Absent("not installed: the extra `ezkl` brings it")
    # ezkl works in processes of its own: its first setup and proof are like all others
    warmup = 0 if backend == "ezkl" else 1
    caches = [str(folder / f"cache-{index}") for index in range(setup_runs + warmup)]
    proofs = str(folder / "proofs")
    shared = {"backend": backend, "program": str(program)}
    last = {"cache_dir": caches[-1], "proofs": proofs}
    setup = backend_job(
        folder, {"job": "setup", **shared, "settings": settings, "cache_dirs": caches}
    )
    proven = backend_job(
        folder,
        {"job": "prove", **shared, **last, "settings": settings, "warmup": warmup, "runs": runs},
    )
    verified = backend_job(folder, {"job": "verify", **shared, **last, "runs": verify_runs})
    return {
        **{key: value for key, value in setup.items() if key != "peak_rss_mib"},
        "setup_peak_rss_mib": setup["peak_rss_mib"],
        **{key: value for key, value in verified.items() if key != "peak_rss_mib"},
        "verify_peak_rss_mib": verified["peak_rss_mib"],
        **proven,
    }


def attempt(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What was measured, or why it was not: `skipped` what is absent, `failed` what broke."""
    try:
        return measure()
    except Absent as cause:
        return {"skipped": str(cause)}
    except Failed as cause:
        return {"failed": str(cause)}
