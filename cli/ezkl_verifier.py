"""`verifiable router ezkl-verifier`: ezkl's verifier contract, compiled into the cache."""

from __future__ import annotations

from pathlib import Path

import click

from .console import Console, bytes_text
from .options import cache_option, interruptible, reporting, time_limit_option

__all__ = ["command"]


@click.command("ezkl-verifier", short_help="Compile ezkl's verifier contract into the cache.")
@cache_option
@time_limit_option
@reporting
def command(cache_dir: Path | None, time_limit_s: float | None, *, console: Console) -> None:
    """Have ezkl write its verifier contract, and compile it into the cache.

    One contract serves all models; only checking ezkl proofs on a chain needs it. It needs ezkl,
    and a compiler: `npm ci` in contracts/ of the project's sources, or a solc that is named in
    VERIFIABLE_SOLC. Source and code must be those that this release knows.
    """
    from verifiable.backends.base import Options
    from verifiable.backends.ezkl.onchain import ceremony_held
    from verifiable.backends.ezkl.verifier_contract import (
        CODE_BYTES,
        CODE_HASH,
        SOURCE_SHA256,
        make_verifier,
    )

    with interruptible(console) as cancel, console.progress() as progress:
        made = make_verifier(
            Options(
                cache_dir=cache_dir, time_limit_s=time_limit_s, progress=progress, cancel=cancel
            )
        )
    ceremony = ceremony_held(cache_dir)
    document = {
        "code_hash": f"0x{CODE_HASH.hex()}",
        "code_bytes": CODE_BYTES,
        "source_sha256": SOURCE_SHA256,
        "ceremony": None if ceremony is None else f"0x{ceremony.hex()}",
        "folder": str(made.folder),
    }

    def show(out: Console) -> None:
        out.line(f"code hash 0x{CODE_HASH.hex()}, {bytes_text(CODE_BYTES)}")
        out.line(f"source sha256 {SOURCE_SHA256}")
        out.line(f"kept in {made.folder}")
        if ceremony is None:
            out.line("no file of the public ceremony is here: a door made now trusts none")
        else:
            out.line(f"the public ceremony is 0x{ceremony.hex()} to a door")

    console.result(document, show)
