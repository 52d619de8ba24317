"""Hashing files, and finding compiled programs, without loading anything heavy."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from verifiable.errors import MalformedFile
from verifiable.statement.pins import FilePin

__all__ = ["PROGRAM_MARK", "FileHash", "hash_file", "is_program_file", "programs_below", "same"]

PROGRAM_MARK = b"\x12\x0averifiable"
"""What follows the first two bytes of a compiled program: the name of its producer."""

_BLOCK_BYTES = 1 << 20

FileHash = tuple[bytes, int]
"""SHA-256 and size in bytes."""


def hash_file(path: Path) -> FileHash | None:
    """SHA-256 and size of a file; None if nothing lies there, or what is no regular file.

    Args:
        path: links are followed; a device or a pipe is never opened.

    Raises:
        MalformedFile: (code `unreadable-file`) the system refuses to read it.
    """
    digest = hashlib.sha256()
    size = 0
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as stream:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
                size += len(block)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as cause:
        raise _unreadable(cause, path) from cause
    return digest.digest(), size


def same(found: FileHash | None, pin: FilePin) -> bool:
    """Whether what was found is what the lock says."""
    return found == (pin.sha256, pin.size)


def is_program_file(path: Path) -> bool:
    """Whether a file says by its first bytes that it is a compiled program.

    Raises:
        MalformedFile: (code `unreadable-file`) the system refuses to read it.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as stream:
            return stream.read(2 + len(PROGRAM_MARK))[2:] == PROGRAM_MARK
    except FileNotFoundError:  # a link that leads nowhere
        return False
    except OSError as cause:
        raise _unreadable(cause, path) from cause


def programs_below(folder: Path) -> Iterator[Path]:
    """Compiled programs (`*.onnx`) in a folder, in order; hidden folders are left out.

    Raises:
        MalformedFile: (code `unreadable-file`) the system refuses to read a file or a folder.
    """

    def refuse(cause: OSError) -> None:  # else a folder that cannot be read would look empty
        raise _unreadable(cause, folder)

    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(".onnx") and is_program_file(Path(parent, name)):
                yield Path(parent, name)


def _unreadable(cause: OSError, path: Path) -> MalformedFile:
    return MalformedFile(
        "cannot read the file",
        where=str(cause.filename or path),
        why=cause.strerror or str(cause),
        code="unreadable-file",
    )
