"""`verifiable lock`: pin programs and their verification keys."""

from __future__ import annotations

import re
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
    quorum_option,
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
@quorum_option
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
@click.option(
    "--files",
    "pin_files",
    is_flag=True,
    help="Also pin the programs' files by path, size and SHA-256, for `verifiable check`.",
)
@click.option(
    "--golden",
    multiple=True,
    metavar="[NAME=]FILE",
    help="With --files: raw inputs (.npz) whose outputs are pinned; repeatable.",
)
@click.option(
    "--accuracy",
    multiple=True,
    metavar="[NAME=]FILE@FLOOR",
    help="With --files: labelled data (.npz with `labels`), and the smallest share of right rows "
    "in basis points (9700 is 97 %); repeatable.",
)
@click.option(
    "--pin-proof", type=FILE, multiple=True, help="With --files: a proof to keep; repeatable."
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
    quorum: Path | None,
    policy: Path | None,
    rpc_url: str | None,
    game: bytes | None,
    pin_files: bool,
    golden: tuple[str, ...],
    accuracy: tuple[str, ...],
    pin_proof: tuple[Path, ...],
    cache_dir: Path | None,
    time_limit_s: float | None,
    *,
    console: Console,
) -> None:
    """Write the commitments of PROGRAMS: program roots, and the key of each backend.

    Where no public setup can be had, the keys of a setup made on this machine are pinned, with a
    warning: proofs under them are refused unless the verifier allows it.
    """
    if (golden or accuracy or pin_proof) and not pin_files:
        raise click.UsageError("--golden, --accuracy and --pin-proof need --files")
    vectors = [_named_file(text) for text in golden]
    floors = [_named_floor(text) for text in accuracy]
    from verifiable.api import make_lock
    from verifiable.errors import SetupError
    from verifiable.files import write_bytes
    from verifiable.sources import check_output
    from verifiable.statement.pins import pins_to_json

    check_output(output, sources=(*programs, srs, quorum, policy, *pin_proof))
    with interruptible(console) as cancel, console.progress() as progress:

        def made(local: bool) -> Lock:
            return make_lock(
                programs,
                backends=backends,
                visibility=visibility,
                insecure_local_setup=local,
                srs=srs,
                weights=weights,
                quorum=quorum,
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
    if pin_files:
        from verifiable.integrity.pinning import Floor, Golden, with_pins

        lock = with_pins(
            lock,
            programs,
            output.parent,
            golden=[Golden(model=name, path=path) for name, path in vectors],
            floors=[Floor(model=name, path=path, floor=floor) for name, path, floor in floors],
            proofs=pin_proof,
        )
    write_bytes(output, lock.encode_lines() if pin_files else lock.encode())
    setups = setup_origins(lock.models, cache_dir)
    document = {
        "lock": str(output),
        "models": [
            {
                "name": model.name,
                "program_root": "0x" + model.program_root.hex(),
                **pins_to_json(model.pins),
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
            if model.pins.file is not None:
                out.line(f"  file {model.pins.file.path}: sha256 {model.pins.file.sha256.hex()}")
        out.line(f"{output}: whoever verifies with it trusts you to have derived these keys")
        for setup in sorted(set(setups.values()) - {"public"}):
            out.line(f"INSECURE: pins keys of a setup {_ORIGINS[setup]}", style="bold red")

    console.result(document, show)


def _named_file(text: str) -> tuple[str, Path]:
    """Read `[NAME=]FILE`."""
    name, _, path = text.rpartition("=")
    return name, Path(path)


def _named_floor(text: str) -> tuple[str, Path, int]:
    """Read `[NAME=]FILE@FLOOR`."""
    file, at, floor = text.rpartition("@")
    if not (file and at and re.fullmatch(r"[1-9][0-9]{0,4}", floor, re.ASCII)):
        raise click.UsageError(f"--accuracy {text!r} is not of the form [NAME=]FILE@9700")
    return (*_named_file(file), int(floor))


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
