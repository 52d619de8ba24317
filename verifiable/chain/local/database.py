"""Opening the SQLite file of a chain, and what its failures are called."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from verifiable.errors import ChainError

__all__ = ["APPLICATION_ID", "BUSY_S", "connect", "damaged", "failure", "foreign", "mismatch"]

APPLICATION_ID = 0x76657269  # "veri": how SQLite files of this kind are told apart

BUSY_S = 60.0
"""Another process may hold the file for as long as its transaction executes."""


def mismatch(path: Path | None, what: str, found: str, wanted: str) -> ChainError:
    """The error for a file that was made with something else than what opens it."""
    return ChainError(
        f"the chain file has another {what}",
        where=str(path or "memory"),
        why=f"it was made with {what} {found}, and this is {wanted}",
        hint="open it with what made it, or name a new file",
        code="chain-file-mismatch",
    )


def failure(path: Path | None, cause: sqlite3.Error) -> ChainError:
    """What went wrong in SQLite, in this package's terms."""
    where = str(path or "memory")
    name = getattr(cause, "sqlite_errorname", "")
    if name.startswith("SQLITE_NOTADB"):
        return foreign(path, "it is no SQLite database")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return ChainError(
            "the chain file stayed locked",
            where=where,
            why=f"another process has been writing to it for {BUSY_S:.0f} seconds",
            hint="wait for it, or end it",
            code="chain-file-busy",
        )
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")):
        return ChainError(
            "cannot open the chain file",
            where=where,
            why=str(cause),
            hint="name a file in a folder that exists and is writable",
            code="unusable-chain-file",
        )
    return damaged(path, str(cause))


def damaged(path: Path | None, why: str) -> ChainError:
    """The error for a file that lacks a part, or that the disk failed."""
    return ChainError(
        "the chain file cannot be read or written",
        where=str(path or "memory"),
        why=why,
        hint="check the disk's space; a damaged file has to be removed",
        code="chain-file-failed",
    )


def connect(path: Path | None) -> sqlite3.Connection:
    """Open or make a file, and change nothing in one that is not a chain's.

    Args:
        path: None: in memory.

    Raises:
        ChainError: it is something else, or cannot be opened or written.
    """
    if path is not None and path.is_dir():
        raise ChainError(
            "cannot open the chain file",
            where=str(path),
            why="it is a folder",
            hint="name a file in it",
            code="unusable-chain-file",
        )
    try:
        database = sqlite3.connect(
            ":memory:" if path is None else path.absolute(),  # a file may have that name too
            timeout=BUSY_S,
            isolation_level=None,  # transactions begin and end where we say
            check_same_thread=False,  # the chain's lock lets one thread in
        )
    except (sqlite3.Error, ValueError) as cause:  # ValueError: a null byte in the path
        if isinstance(cause, ValueError):
            cause = sqlite3.OperationalError(str(cause))
            cause.sqlite_errorname = "SQLITE_CANTOPEN"
        raise failure(path, cause) from cause
    try:
        application_id = database.execute("PRAGMA application_id").fetchone()[0]
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application_id != APPLICATION_ID and (application_id or tables):
            raise foreign(path, "it is a SQLite database of something else")
        _journal(database)
    except sqlite3.Error as cause:
        database.close()
        raise failure(path, cause) from cause
    except BaseException:
        database.close()
        raise
    return database


def _journal(database: sqlite3.Connection) -> None:
    """Write ahead. SQLite does not wait for others when it changes the journal's kind: we do."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as cause:
            if "locked" not in str(cause) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    database.execute("PRAGMA synchronous = NORMAL")


def foreign(path: Path | None, why: str) -> ChainError:
    """The error for a file of something else."""
    return ChainError(
        "this is no chain file",
        where=str(path or "memory"),
        why=why,
        hint="name a new file, or one that `local:PATH` made",
        code="not-a-chain-file",
    )
