"""Folders for work in progress: locked while their maker lives, so that others can be swept.

A process that is killed outright cannot remove its folder. Each folder therefore has a file beside
it on which its maker holds a lock, which the system releases at whatever end of the process.
Where locks are not supported, nothing is swept.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["scratch_folder", "sweep", "tree_bytes"]

_LOCK = ".lock"


@contextmanager
def scratch_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new empty folder of a random name, which nobody else may enter; removed at the end.

    Raises:
        OSError: it cannot be made.
    """
    handle, lock = _locked_file(parent, prefix)
    folder = lock.with_name(lock.name.removesuffix(_LOCK))
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)
        with suppress(OSError):  # a sweep may have been faster
            lock.unlink()


def sweep(parent: Path, prefix: str) -> int:
    """Remove the scratch folders whose makers are dead; count the bytes."""
    freed = 0
    try:
        names = sorted(name for name in os.listdir(parent) if name.startswith(prefix))
    except OSError:  # no such folder, so nothing to sweep
        return 0
    for name in names:
        folder = parent / name.removesuffix(_LOCK)
        if folder.is_symlink() or (not name.endswith(_LOCK) and not folder.is_dir()):
            continue
        freed += _sweep_one(folder)
    return freed


def tree_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # removed by another process in between
            total += path.lstat().st_size
    return total


def _sweep_one(folder: Path) -> int:
    """Remove a folder and its lock file, unless their maker lives."""
    lock = folder.with_name(folder.name + _LOCK)
    handle = -1
    with suppress(FileNotFoundError):  # the lock is made first and removed last: no maker lives
        try:
            handle = os.open(lock, os.O_RDWR)
        except PermissionError:  # another user's
            return 0
    try:
        if handle >= 0 and not _lock(handle):
            return 0
        freed = tree_bytes(folder)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        if handle >= 0:
            os.close(handle)
    with suppress(OSError):  # its maker, or another sweep, was faster
        lock.unlink()
    return freed


def _locked_file(parent: Path, prefix: str) -> tuple[int, Path]:
    """A new file with a lock on it."""
    while True:
        handle, name = tempfile.mkstemp(dir=parent, prefix=prefix, suffix=_LOCK)
        if _lock(handle, otherwise=True) and (sys.platform == "win32" or os.fstat(handle).st_nlink):
            return handle, Path(name)
        os.close(handle)  # a sweep took it in the moment before it was locked


def _lock(handle: int, *, otherwise: bool = False) -> bool:
    """Try to lock a file without waiting; `otherwise` where the system has no locks here."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except PermissionError:  # how Windows says that another holds it
        return False
    except OSError:
        return otherwise
    return True
