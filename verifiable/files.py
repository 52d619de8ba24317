"""Reading with a size limit, and writing so that a reader never sees half a file."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from verifiable.errors import MalformedFile, ResourceLimit

__all__ = ["atomic_path", "read_bytes", "write_bytes"]


def read_bytes(
    path: str | os.PathLike[str],
    *,
    limit_bytes: int,
    error: type[MalformedFile] = MalformedFile,
) -> bytes:
    """Read a whole file of at most `limit_bytes` bytes.

    Raises:
        MalformedFile: (or the subclass `error`) the file cannot be opened or read.
        ResourceLimit: it is larger than `limit_bytes`.
    """
    try:
        with open(path, "rb") as stream:
            data = stream.read(limit_bytes + 1)
    except (OSError, ValueError) as cause:  # ValueError: a null byte in the path
        raise error(
            "cannot read the file",
            where=os.fspath(path),
            why=getattr(cause, "strerror", None) or str(cause),
            code="unreadable-file",
        ) from cause
    if len(data) > limit_bytes:
        raise ResourceLimit(
            f"the file is larger than {limit_bytes} bytes",
            where=os.fspath(path),
            code="file-too-large",
        )
    return data


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path; its content is at `path` on success, and gone on any failure.

    For writers that insist on opening the file themselves. A file is replaced as a whole, in the
    folder where a symbolic link leads; it keeps the permissions that it had, and a new one gets
    those that the process's umask leaves (proofs hold inputs). What is no file (a device, a
    pipe) is never replaced: the finished content is written into it.

    Raises:
        ResourceLimit: `path` is a folder or cannot be written to, or the disk is full.
    """
    where = os.fspath(path)
    try:
        found = _found_at(where)
        special = found is not None and (not stat.S_ISREG(found.st_mode) or _of_the_system(where))
        target = Path(where if special else os.path.realpath(where))
        folder = Path(tempfile.gettempdir()) if special else target.parent
        if found is not None and not os.access(where, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        temporary = _create(folder, target.suffix, private=special)
    except (OSError, ValueError) as cause:  # ValueError: a null byte in the path
        raise _unwritable(where, cause) from cause
    try:
        yield temporary
        if special:
            with open(temporary, "rb") as content, open(where, "wb") as stream:
                shutil.copyfileobj(content, stream)
        else:
            with open(temporary, "rb+") as stream:
                os.fsync(stream.fileno())
            if found is not None:
                os.chmod(temporary, stat.S_IMODE(found.st_mode) & 0o777)
            os.replace(temporary, target)
    except OSError as cause:
        raise _unwritable(where, cause) from cause
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` atomically, as `atomic_path` does.

    Raises:
        ResourceLimit: `path` is a folder or cannot be written to, or the disk is full.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def _found_at(path: str) -> os.stat_result | None:
    """What lies at a path, links followed; None if nothing does, or a link leads nowhere."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return found


def _of_the_system(path: str) -> bool:
    """Whether a path names an open file of a process (`/dev/stdout`), not a place in a folder."""
    return os.path.abspath(path).startswith(("/dev/", "/proc/"))


def _create(folder: Path, suffix: str, *, private: bool) -> Path:
    """A new empty file. Unlike `tempfile`'s, it gets the permissions that the umask leaves."""
    while True:
        path = folder / f".verifiable-{secrets.token_hex(8)}{suffix[:16]}"
        try:
            handle = os.open(
                path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if private else 0o666
            )
        except FileExistsError:
            continue
        os.close(handle)
        return path


def _unwritable(path: str, cause: OSError | ValueError) -> ResourceLimit:
    return ResourceLimit(
        "cannot write the file",
        where=path,
        why=getattr(cause, "strerror", None) or str(cause) or type(cause).__name__,
        hint="name a file in a folder that exists, is writable and has space",
        code="unwritable-file",
    )
