"""`verifiable srs`: the reference strings (KZG setups) of the ezkl backend."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import Console, bytes_text
from .options import FILE, cache_option, interruptible, reporting

if TYPE_CHECKING:
    from verifiable.backends.ezkl.srs import StoredSrs

__all__ = ["command"]

_MEANINGS = {
    "public": "of the public ceremony",
    "local": "made on this machine: INSECURE, for tests and demos",
    "unknown": "of unknown origin: whoever made it may be able to forge",
}


@click.group("srs")
def command() -> None:
    """List, import, fetch or generate reference strings."""


@command.command("list")
@cache_option
@reporting
def list_stored(cache_dir: Path | None, *, console: Console) -> None:
    """List the stored reference strings, and who made them."""
    from verifiable.backends.ezkl.srs import stored_srs
    from verifiable.cache import Cache

    cache = Cache(cache_dir)
    found = sorted(stored_srs(cache), key=lambda item: (item.logrows, item.label, item.sha256))
    document: dict[str, object] = {
        "cache_dir": str(cache.root),
        "srs": [_document(item) for item in found],
    }

    def show(out: Console) -> None:
        if not found:
            out.line(f"{cache.root} holds no reference string")
            out.line("fetch one (`verifiable srs fetch K`) or import a file of the ceremony")
            return
        out.table(
            ("logrows", "origin", "size", "sha256"),
            [
                (str(item.logrows), item.label, bytes_text(item.path.stat().st_size), item.sha256)
                for item in found
            ],
            styles={"public": "green", "local": "yellow", "unknown": "yellow"},
            right=("logrows", "size"),
        )

    console.result(document, show)


@command.command("import")
@click.argument("file", type=FILE)
@cache_option
@reporting
def import_file(file: Path, cache_dir: Path | None, *, console: Console) -> None:
    """Check FILE and keep a copy; it counts as public only if its SHA-256 is listed."""
    from verifiable.backends.ezkl.srs import import_srs
    from verifiable.cache import Cache

    _report(console, import_srs(file, Cache(cache_dir)))


@command.command("fetch")
@click.argument("logrows", type=click.IntRange(1, 26))
@cache_option
@reporting
def fetch(logrows: int, cache_dir: Path | None, *, console: Console) -> None:
    """Fetch the public reference string of 2^LOGROWS rows, and check its SHA-256."""
    _obtain(logrows, cache_dir, console, local=False)


@command.command("generate")
@click.argument("logrows", type=click.IntRange(1, 26))
@cache_option
@reporting
def generate(logrows: int, cache_dir: Path | None, *, console: Console) -> None:
    """Make an INSECURE reference string here: whoever makes it can forge proofs."""
    _obtain(logrows, cache_dir, console, local=True)


def _obtain(logrows: int, cache_dir: Path | None, console: Console, *, local: bool) -> None:
    from verifiable.backends.ezkl.srs import obtain_srs
    from verifiable.options import backend_options

    with interruptible(console) as cancel, console.progress() as progress:
        options = backend_options(
            insecure_local_setup=local, cache_dir=cache_dir, progress=progress, cancel=cancel
        )
        found = obtain_srs(logrows, options)
    _report(console, found)


def _document(item: StoredSrs) -> dict[str, object]:
    return {
        "logrows": item.logrows,
        "label": item.label,
        "sha256": item.sha256,
        "s_g2": item.s_g2.hex(),
        "path": str(item.path),
    }


def _report(console: Console, item: StoredSrs) -> None:
    if item.label != "public":
        console.warn(f"this reference string is {_MEANINGS[item.label]}")

    def show(out: Console) -> None:
        out.line(f"2^{item.logrows} rows, {item.label}: {_MEANINGS[item.label]}")
        out.line(f"sha256 {item.sha256}")
        out.line(f"kept in {item.path}")

    console.result(_document(item), show)
