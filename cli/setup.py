"""`verifiable setup`: derive a program's keys ahead of proving."""

from __future__ import annotations

from pathlib import Path

import click

from .console import Console, seconds_text
from .options import (
    FILE,
    backend_option,
    cache_option,
    interruptible,
    local_setup_option,
    quorum_option,
    reporting,
    srs_option,
    time_limit_option,
    visibility_option,
    weights_option,
)

__all__ = ["command"]


@click.command("setup", short_help="Derive a program's keys ahead of proving.")
@click.argument("program", type=FILE)
@backend_option
@visibility_option
@local_setup_option
@srs_option
@weights_option
@quorum_option
@cache_option
@time_limit_option
@reporting
def command(
    program: Path,
    backend: str,
    visibility: str,
    insecure_local_setup: bool,
    srs: Path | None,
    weights: str | None,
    quorum: Path | None,
    cache_dir: Path | None,
    time_limit_s: float | None,
    *,
    console: Console,
) -> None:
    """Derive the proving and verification keys of PROGRAM, and keep them in the cache."""
    from verifiable.api import setup

    with interruptible(console) as cancel, console.progress() as progress:
        found = setup(
            program,
            backend=backend,
            visibility=visibility,
            insecure_local_setup=insecure_local_setup,
            srs=srs,
            weights=weights,
            quorum=quorum,
            cache_dir=cache_dir,
            time_limit_s=time_limit_s,
            progress=progress,
            cancel=cancel,
        )
    document = {
        "backend": backend,
        "key_digest": "0x" + found.key.digest.hex(),
        "key": dict(found.key.fields),
        "setup_s": found.setup_s,
        "cached": found.cached,
        "folder": str(found.folder),
    }

    def show(out: Console) -> None:
        out.line(f"{backend} key 0x{found.key.digest.hex()}")
        for name, value in found.key.fields.items():
            out.line(f"  {name}: {value if len(value) <= 72 else value[:64] + '...'}")
        taken = "found in the cache" if found.cached else f"made in {seconds_text(found.setup_s)}"
        out.line(f"{taken}, kept in {found.folder}")

    console.result(document, show)
