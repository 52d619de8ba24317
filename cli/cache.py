"""`verifiable cache`: what the cache folder holds, and clearing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import Console, bytes_text, counted
from .options import cache_option, reporting

if TYPE_CHECKING:
    from verifiable.cache import Cache

__all__ = ["command"]


@click.group("cache")
def command() -> None:
    """List or clear the cached keys and reference strings."""


@command.command("list")
@cache_option
@reporting
def list_entries(cache_dir: Path | None, *, console: Console) -> None:
    """List what the cache holds."""
    from verifiable.cache import Cache

    cache = Cache(cache_dir)
    entries = cache.entries()
    document = {
        "cache_dir": str(cache.root),
        "size_bytes": sum(entry.size_bytes for entry in entries),
        "entries": [
            {"kind": entry.kind, "key": entry.key, "size_bytes": entry.size_bytes}
            for entry in entries
        ],
    }

    def show(out: Console) -> None:
        if entries:
            rows = [(entry.kind, entry.key, bytes_text(entry.size_bytes)) for entry in entries]
            out.table(("kind", "key", "size"), rows, right=("size",))
        total = bytes_text(sum(entry.size_bytes for entry in entries))
        out.line(f"{cache.root}: {counted(len(entries), 'entry', 'entries')}, {total}")

    console.result(document, show)


@command.command("clear")
@click.option("--kind", help="Only entries of this kind, as `list` shows it.")
@cache_option
@reporting
def clear_entries(kind: str | None, cache_dir: Path | None, *, console: Console) -> None:
    """Remove cached entries; keys are made again when they are needed."""
    from verifiable.cache import Cache

    cache = Cache(cache_dir)
    if kind is not None:
        _check_kind(kind, cache)
    freed = cache.clear(kind)
    document = {"cache_dir": str(cache.root), "freed_bytes": freed}
    console.result(document, lambda out: out.line(f"{cache.root}: freed {bytes_text(freed)}"))


def _check_kind(kind: str, cache: Cache) -> None:
    """Refuse a kind that no backend makes and no entry has: misspelt, it would clear nothing.

    Raises:
        click.UsageError: naming the kinds that there are.
    """
    from verifiable.backends.registry import backend_ids, get_backend
    from verifiable.errors import VerifiableError

    known = {entry.kind for entry in cache.entries()}
    for name in backend_ids():
        try:
            known.update(getattr(get_backend(name), "cache_kinds", ()))
        except VerifiableError:  # a backend that cannot be loaded has nothing to say
            continue
    if kind not in known:
        raise click.UsageError(f"--kind {kind!r} is none of: {', '.join(sorted(known))}")
