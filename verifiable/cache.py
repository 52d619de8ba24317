"""A folder of content-addressed results that are dear to compute: keys, reference strings.

An entry is a folder `KIND/KEY` that appears whole or not at all: it is filled under a temporary
name and renamed. Its manifest lists the size and SHA-256 of every file; both are checked before
an entry is used (the digest only of files up to `DIGEST_LIMIT_BYTES`, so that a proving key of
gigabytes is not read twice). A damaged entry counts as absent.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from verifiable.errors import ResourceLimit

__all__ = ["CACHE_DIR_VARIABLE", "WORK_PREFIX", "Cache", "CacheEntry", "default_cache_dir"]

CACHE_DIR_VARIABLE = "VERIFIABLE_CACHE_DIR"
DIGEST_LIMIT_BYTES = 64 << 20

WORK_PREFIX = ".work-"
"""Start of the names of short-lived folders that work makes beside the entries."""

_MANIFEST = "manifest.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}\Z")
_PARTIAL = ".partial-"


def default_cache_dir() -> Path:
    """The cache folder: `$VERIFIABLE_CACHE_DIR`, else the platform's place for caches."""
    chosen = os.environ.get(CACHE_DIR_VARIABLE)
    if chosen:
        return Path(chosen)
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "verifiable"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """One entry: its kind (what made it), its key, and the bytes it takes on disk."""

    kind: str
    key: str
    size_bytes: int
    folder: Path


class Cache:
    """The entries under one root folder; safe to share between processes."""

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.root = Path(root) if root is not None else default_cache_dir()

    def find(self, kind: str, key: str) -> Path | None:
        """The folder of an entry whose files agree with its manifest, or None."""
        folder = self._folder(kind, key)
        return folder if _is_intact(folder) else None

    @contextmanager
    def fill(self, kind: str, key: str) -> Iterator[Path]:
        """Yield an empty folder on the cache's disk; it becomes the entry when the block succeeds.

        An entry that another process completed meanwhile is left as it is, unless it is damaged.

        Raises:
            ResourceLimit: the cache folder cannot be written to.
        """
        target = self._folder(kind, key)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=_PARTIAL))
        except OSError as cause:
            raise _unwritable(target, cause) from cause
        try:
            yield partial
            self._complete(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def entries(self) -> tuple[CacheEntry, ...]:
        """All entries, by kind and key."""
        if not self.root.is_dir():
            return ()
        return tuple(
            CacheEntry(kind=kind.name, key=entry.name, size_bytes=_size(entry), folder=entry)
            for kind in sorted(self.root.iterdir())
            if kind.is_dir() and _NAME.match(kind.name)
            for entry in sorted(kind.iterdir())
            if entry.is_dir() and _NAME.match(entry.name)
        )

    def size_bytes(self) -> int:
        """Bytes that all entries take together."""
        return sum(entry.size_bytes for entry in self.entries())

    def clear(self, kind: str | None = None) -> int:
        """Remove the entries (of one kind), and what interrupted work left; count the bytes.

        Work that is going on loses its folder too. Other files under the root stay.
        """
        freed = 0
        for entry in self.entries():
            if kind in (None, entry.kind):
                freed += entry.size_bytes
                shutil.rmtree(entry.folder, ignore_errors=True)
        left = [*self.root.glob(f"{kind or '*'}/{_PARTIAL}*")]
        if kind is None:
            left += self.root.glob(f"{WORK_PREFIX}*")
        for folder in left:
            freed += _size(folder)
            shutil.rmtree(folder, ignore_errors=True)
        return freed

    def _folder(self, kind: str, key: str) -> Path:
        if not _NAME.match(kind) or not _NAME.match(key):
            raise ValueError(f"not a cache name: {kind!r}, {key!r}")
        return self.root / kind / key

    def _complete(self, partial: Path, target: Path) -> None:
        try:
            _write_manifest(partial)
            if target.exists() and not _is_intact(target):
                shutil.rmtree(target)
            os.replace(partial, target)
        except OSError as cause:
            if not _is_intact(target):  # else another process was first, with the same content
                raise _unwritable(target, cause) from cause


def _write_manifest(folder: Path) -> None:
    listed = {
        path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(folder.iterdir())
    }
    text = json.dumps(listed, sort_keys=True, indent=1)
    (folder / _MANIFEST).write_text(text, encoding="utf-8")


def _is_intact(folder: Path) -> bool:
    try:
        listed = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        return bool(listed) and all(
            _file_agrees(folder / name, item["bytes"], item["sha256"])
            for name, item in listed.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _file_agrees(path: Path, size: int, sha256: str) -> bool:
    if path.stat().st_size != size:
        return False
    return size > DIGEST_LIMIT_BYTES or _sha256(path) == sha256


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except OSError:  # removed by another process in between
            continue
    return total


def _unwritable(target: Path, cause: OSError) -> ResourceLimit:
    return ResourceLimit(
        "cannot write to the cache",
        where=str(target),
        why=cause.strerror or type(cause).__name__,
        hint=f"free some space, or name another folder in {CACHE_DIR_VARIABLE}",
        code="unwritable-cache",
    )
