"""`verifiable lock`: pin programs and their verification keys."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verifiable.backends.registry import DEFAULT_BACKEND

from .chain_options import address
from .console import Console
from .options import (
    FILE,
    cache_option,
    interruptible,
    local_setup_option,
    output_option,
    reporting,
    srs_option,
    time_limit_option,
    visibility_option,
    weights_option,
)

if TYPE_CHECKING:
    from verifiable.statement.lock import Lock, LockedModel

__all__ = ["command", "setup_origins"]

_ORIGINS = {"local": "made on this machine", "unknown": "of unknown origin"}


@click.command("lock", short_help="Pin programs and their verification keys.")
@click.argument("programs", type=FILE, nargs=-1, required=True)
@output_option("the lock")
@click.option(
    "--backend",
    "backends",
    multiple=True,
    default=(DEFAULT_BACKEND,),
    show_default=True,
    help="Whose keys to pin; repeatable.",
)
@visibility_option
@local_setup_option
@srs_option
@weights_option
@click.option(
    "--policy",
    type=FILE,
    help="The code that may attest (backend tee), by its reference values; else the simulator's.",
)
@click.option("-r", "--rpc-url", metavar="URL", help="A node, for the key of --game.")
@click.option(
    "--game",
    callback=address,
    metavar="ADDRESS",
    help="The dispute game that counts (backend optimistic): one that you watch.",
)
@cache_option
@time_limit_option
@reporting
def command(
    programs: tuple[Path, ...],
    output: Path,
    backends: tuple[str, ...],
    visibility: str,
    insecure_local_setup: bool,
    srs: Path | None,
    weights: str | None,
    policy: Path | None,
    rpc_url: str | None,
    game: bytes | None,
    cache_dir: Path | None,
    time_limit_s: float | None,
    *,
    console: Console,
) -> None:
    """Write the commitments of PROGRAMS: program roots, and the key of each backend.

    Where no public setup can be had, the keys of a setup made on this machine are pinned, with a
    warning: proofs under them are refused unless the verifier allows it.
    """
    from verifiable.api import make_lock
    from verifiable.errors import SetupError
    from verifiable.files import write_bytes
    from verifiable.sources import check_output

    check_output(output, sources=(*programs, srs, policy))
    with interruptible(console) as cancel, console.progress() as progress:

        def made(local: bool) -> Lock:
            return make_lock(
                programs,
                backends=backends,
                visibility=visibility,
                insecure_local_setup=local,
                srs=srs,
                weights=weights,
                policy=policy,
                rpc_url=rpc_url,
                game=game,
                cache_dir=cache_dir,
                time_limit_s=time_limit_s,
                progress=progress,
                cancel=cancel,
            )

        try:
            lock = made(insecure_local_setup)
        except SetupError as error:
            if error.code != "srs-unavailable" or insecure_local_setup:
                raise
            console.warn(f"no public setup ({error.what}): the lock pins keys of a local one")
            lock = made(True)
    write_bytes(output, lock.encode())
    setups = setup_origins(lock.models, cache_dir)
    document = {
        "lock": str(output),
        "models": [
            {
                "name": model.name,
                "program_root": "0x" + model.program_root.hex(),
                "backends": {
                    name: {**fields, "setup": setups.get(name)}
                    for name, fields in model.backends.items()
                },
            }
            for model in lock.models
        ],
    }

    def show(out: Console) -> None:
        for model in lock.models:
            out.line(f"{model.name!r}: program root 0x{model.program_root.hex()}")
            for name, fields in model.backends.items():
                for field, value in fields.items():
                    text = value if len(value) <= 72 else value[:64] + "..."
                    out.line(f"  {name} {field}: {text}")
        out.line(f"{output}: whoever verifies with it trusts you to have derived these keys")
        for setup in sorted(set(setups.values()) - {"public"}):
            out.line(f"INSECURE: pins keys of a setup {_ORIGINS[setup]}", style="bold red")

    console.result(document, show)


def setup_origins(models: Iterable[LockedModel], cache_dir: Path | None) -> dict[str, str]:
    """By backend that has one, the origin of its setup: `public`, `local` or `unknown`."""
    from verifiable.backends.base import SetupOrigins
    from verifiable.backends.registry import get_backend

    found: dict[str, str] = {}
    for model in models:
        for name, fields in model.backends.items():
            backend = get_backend(name, cache_dir=cache_dir)
            if isinstance(backend, SetupOrigins):
                found[name] = backend.setup_origin(fields)
    return found
