"""Reading with a size limit, and writing so that a reader never sees half a file."""

from __future__ import annotations

import os
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
    """Yield a temporary path beside `path`; move it there on success, remove it on any failure.

    For writers that insist on opening the file themselves.

    Raises:
        ResourceLimit: the folder cannot be written to, or the disk is full.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.name}.", suffix=target.suffix
        )
        os.close(handle)
    except OSError as cause:
        raise _unwritable(target, cause) from cause
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except OSError as cause:
        raise _unwritable(target, cause) from cause
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` atomically.

    Raises:
        ResourceLimit: the folder cannot be written to, or the disk is full.
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def _unwritable(target: Path, cause: OSError) -> ResourceLimit:
    return ResourceLimit(
        "cannot write the file",
        where=str(target),
        why=cause.strerror or type(cause).__name__,
        hint="check that the folder exists, is writable and has space",
        code="unwritable-file",
    )
