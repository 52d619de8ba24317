"""A folder of content-addressed results that are dear to compute: keys, reference strings.

An entry is a folder `KIND/KEY` that appears whole or not at all: it is filled under a temporary
name and renamed. Its manifest names the format, the kind and the key, and lists the size and
SHA-256 of every file. All are checked before an entry is used (a digest only of files up to
`DIGEST_LIMIT_BYTES`, so that a proving key of gigabytes is not read twice). A damaged entry, or
one that lies under another's name, counts as absent.

The key says what the content was derived from, and verifiers believe it. Who can write to the
folder could lie to them, so one that others may write to is refused. A marker file tells a cache
from a folder that was named by mistake; without it, and without its manifest, nothing is removed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from verifiable.errors import ResourceLimit, SetupError
from verifiable.scratch import scratch_folder, sweep, tree_bytes

__all__ = ["CACHE_DIR_VARIABLE", "Cache", "CacheEntry", "default_cache_dir", "storage_errors"]

CACHE_DIR_VARIABLE = "VERIFIABLE_CACHE_DIR"
DIGEST_LIMIT_BYTES = 64 << 20

_MARKER = ".verifiable-cache"
_MARKER_TEXT = "This folder is a cache of `verifiable`; `verifiable cache clear` empties it.\n"
_MANIFEST = "manifest.json"
_ENTRY_FORMAT = "verifiable-cache-entry/1"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}\Z")
_PARTIAL = ".partial-"
_WORK = ".work-"


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
    """The entries under one root folder; safe to share between processes of one user."""

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.root = Path(root) if root is not None else default_cache_dir()

    def find(self, kind: str, key: str) -> Path | None:
        """The folder of an entry whose files agree with its manifest, or None.

        Raises:
            SetupError: others may write to the cache.
        """
        folder = self._folder(kind, key)
        if not _is_intact(folder, kind, key):
            return None
        self.check_private()
        for part in (folder.parent, folder):
            _check_private(part)
        return folder

    @contextmanager
    def fill(self, kind: str, key: str) -> Iterator[Path]:
        """Yield an empty folder on the cache's disk; it becomes the entry when the block succeeds.

        An entry that another process completed meanwhile is left as it is, unless it is damaged.

        Raises:
            ResourceLimit: the cache cannot be written to, or its disk is full.
            SetupError: others may write to the cache.
        """
        target = self._folder(kind, key)
        with storage_errors(target):
            self._open()
            target.parent.mkdir(mode=0o700, exist_ok=True)
            _check_private(target.parent)
            sweep(target.parent, _PARTIAL)
            with scratch_folder(target.parent, _PARTIAL) as partial:
                yield partial
                _complete(partial, target, kind, key)

    @contextmanager
    def work_folder(self) -> Iterator[Path]:
        """Yield an empty folder on the cache's disk, removed afterwards whatever happens.

        Raises:
            ResourceLimit: the cache cannot be written to, or its disk is full.
            SetupError: others may write to the cache.
        """
        with storage_errors(self.root):
            self._open()
            sweep(self.root, _WORK)
            with scratch_folder(self.root, _WORK) as folder:
                yield folder

    def discard(self, kind: str, key: str) -> None:
        """Remove one entry, if it is there."""
        shutil.rmtree(self._folder(kind, key), ignore_errors=True)

    def entries(self) -> tuple[CacheEntry, ...]:
        """All entries that this cache made, damaged ones included, by kind and key."""
        return tuple(
            CacheEntry(kind=kind, key=key, size_bytes=tree_bytes(folder), folder=folder)
            for kind in _names(self.root)
            for key in _names(self.root / kind)
            if _manifest(folder := self.root / kind / key, kind, key)
        )

    def size_bytes(self) -> int:
        """Bytes that all entries take together."""
        return sum(entry.size_bytes for entry in self.entries())

    def clear(self, kind: str | None = None) -> int:
        """Remove the entries (of one kind), and what killed work left; count the bytes.

        What other processes are working on stays, and so does every file that no cache made.

        Raises:
            SetupError: the folder is not a cache.
        """
        if not self._is_marked():
            if not _holds_something(self.root):
                return 0
            raise SetupError(
                "this folder is not a cache",
                where=str(self.root),
                why=f"it has no file {_MARKER}",
                hint="name the folder that keys were cached in, or remove the files yourself",
                code="not-a-cache",
            )
        freed = 0
        for entry in self.entries():
            if kind in (None, entry.kind):
                freed += entry.size_bytes
                shutil.rmtree(entry.folder, ignore_errors=True)
        for name in _names(self.root):
            if kind in (None, name):
                freed += sweep(self.root / name, _PARTIAL)
        if kind is None:
            freed += sweep(self.root, _WORK)
        return freed

    def check_private(self) -> None:
        """Refuse a root folder in which others could place entries.

        Raises:
            SetupError: it belongs to another user, or everybody may write to it (POSIX).
        """
        _check_private(self.root)

    def _folder(self, kind: str, key: str) -> Path:
        if not _NAME.match(kind) or not _NAME.match(key):
            raise ValueError(f"not a cache name: {kind!r}, {key!r}")
        return self.root / kind / key

    def _open(self) -> None:
        """Make the root folder and its marker, if they are not there.

        Raises:
            OSError: that cannot be done.
            SetupError: others may write to the cache.
        """
        if "\0" in str(self.root):  # which the system's calls refuse with an error of another kind
            raise OSError(errno.EINVAL, "a null byte in the path")
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.check_private()
        if not self._is_marked():
            (self.root / _MARKER).write_text(_MARKER_TEXT, encoding="utf-8")

    def _is_marked(self) -> bool:
        try:
            return (self.root / _MARKER).read_text(encoding="utf-8") == _MARKER_TEXT
        except (OSError, ValueError):
            return False


@contextmanager
def storage_errors(where: Path) -> Iterator[None]:
    """Turn what the file system refuses inside the block into `ResourceLimit`.

    Broken connections (a progress report into a closed pipe) are no business of the disk's.
    """
    try:
        yield
    except (ConnectionError, InterruptedError):
        raise
    except OSError as cause:
        raise ResourceLimit(
            "cannot write to the cache",
            where=str(where),
            why=cause.strerror or str(cause) or type(cause).__name__,
            hint=f"free some space, or name another folder in {CACHE_DIR_VARIABLE}",
            code="unwritable-cache",
        ) from cause


def _complete(partial: Path, target: Path, kind: str, key: str) -> None:
    try:
        _write_manifest(partial, kind, key)
        if target.exists() and not _is_intact(target, kind, key):
            shutil.rmtree(target)
        os.replace(partial, target)
    except OSError:
        if not _is_intact(target, kind, key):
            raise
        # else another process was first, with the same content


def _write_manifest(folder: Path, kind: str, key: str) -> None:
    listed = {
        path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(folder.iterdir())
    }
    whole = {"format": _ENTRY_FORMAT, "kind": kind, "key": key, "files": listed}
    text = json.dumps(whole, sort_keys=True, indent=1)
    (folder / _MANIFEST).write_text(text, encoding="utf-8")


def _manifest(folder: Path, kind: str, key: str) -> dict[str, dict[str, object]]:
    """The files that the manifest of an entry lists; empty if it is not this entry's."""
    try:
        whole = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        named = (whole["format"], whole["kind"], whole["key"])
        files = whole["files"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    ours = named == (_ENTRY_FORMAT, kind, key) and isinstance(files, dict)
    return files if ours and not folder.is_symlink() else {}


def _is_intact(folder: Path, kind: str, key: str) -> bool:
    listed = _manifest(folder, kind, key)
    try:
        return bool(listed) and all(
            _file_agrees(folder / name, item["bytes"], item["sha256"])
            for name, item in listed.items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _file_agrees(path: Path, size: object, sha256: object) -> bool:
    if path.stat().st_size != size:
        return False
    return path.stat().st_size > DIGEST_LIMIT_BYTES or _sha256(path) == sha256


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _names(folder: Path) -> list[str]:
    """Names of the folders in a folder that may be kinds or keys, sorted."""
    try:
        with os.scandir(folder) as found:
            return sorted(
                item.name
                for item in found
                if _NAME.match(item.name) and item.is_dir(follow_symlinks=False)
            )
    except (OSError, ValueError):  # ValueError: a null byte in the path
        return []


def _holds_something(folder: Path) -> bool:
    try:
        return bool(os.listdir(folder))
    except (OSError, ValueError):
        return False


def _check_private(folder: Path) -> None:
    if sys.platform == "win32":
        return
    try:
        found = folder.stat()
    except (OSError, ValueError):  # nothing is there, so nothing can be believed
        return
    if found.st_uid != os.geteuid():
        why = "it belongs to another user"
    elif found.st_mode & 0o002:
        why = "everybody may write to it"
    else:
        return
    raise SetupError(
        "the cache folder cannot be trusted",
        where=str(folder),
        why=f"{why}, who could put false keys there",
        hint=f"name a folder of your own in {CACHE_DIR_VARIABLE}, or change owner and permissions",
        code="unsafe-cache",
    )
