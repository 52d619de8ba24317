"""What an agent must not forget between two starts: secrets of its commits, and what it sent.

All decisions come from the chain's state. A journal holds what the chain cannot tell: the salts,
which must be on the disk before a commit is sent, and under which nonce the last transaction went
out, so that a second one takes its place instead of coming on top.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
from pathlib import Path
from types import TracebackType
from typing import Any

from verifiable.errors import MalformedFile, ResourceLimit

__all__ = ["Journal"]

_MAX_BYTES = 64 << 20
_DIGEST = "[0-9a-f]{64}"
_MEMBERS: dict[str, dict[str, Any]] = {
    "salt": {"salt": _DIGEST},
    "sending": {"nonce": int, "fee": int},
    "unsent": {"nonce": int},
}
"""Of entries by kind: the type of a member, or a pattern of its text."""
_FORMAT = "verifiable-dispute-journal-1"


class Journal:
    """An append-only file of JSON lines, for one process at a time.

    Args:
        path: of the file; made if it is not there, readable by its owner only.

    Raises:
        ResourceLimit: `journal-in-use`: another agent has it open; `unwritable-file`.
        MalformedFile: `malformed-journal`: it is no journal, or is damaged in the middle.
    """

    entries: list[dict[str, Any]]

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except (OSError, ValueError) as cause:
            raise ResourceLimit(
                "the journal cannot be opened",
                where=os.fspath(path),
                why=getattr(cause, "strerror", None) or str(cause),
                hint="name a file in a folder that exists and is writable",
                code="unwritable-file",
            ) from cause
        try:
            self._lock()
            self.entries = self._read()
            if not self.entries:
                self.add("journal", format=_FORMAT)
                _sync_folder(self.path.parent)
        except BaseException:
            os.close(self._handle)
            raise
        self._closed = False

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another agent have the journal."""
        if not self._closed:
            self._closed = True
            os.close(self._handle)

    def add(self, kind: str, **members: Any) -> dict[str, Any]:
        """Append an entry; it is on the disk when this returns.

        Args:
            kind: of the entry.
            members: JSON values.

        Raises:
            ResourceLimit: `unwritable-file`: the disk is full or failed.
        """
        entry = {"kind": kind, **members}
        line = json.dumps(entry, sort_keys=True).encode("ascii") + b"\n"
        start = os.lseek(self._handle, 0, os.SEEK_END)
        try:
            while line:
                line = line[os.write(self._handle, line) :]
            os.fsync(self._handle)
        except OSError as cause:
            os.ftruncate(self._handle, start)  # half a line would spoil the next one
            raise ResourceLimit(
                "the journal cannot be written",
                where=os.fspath(self.path),
                why=cause.strerror or str(cause),
                code="unwritable-file",
            ) from cause
        self.entries.append(entry)
        return entry

    def last(self, *kinds: str, **members: Any) -> dict[str, Any] | None:
        """The last entry of any of these kinds that has these members; None if there is none."""
        fitting = (
            index
            for index, entry in reversed(tuple(enumerate(self.entries)))
            if entry["kind"] in kinds and members.items() <= entry.items()
        )
        index = next(fitting, None)
        return None if index is None else self.entries[index]

    def salt(self, purpose: int, subject: bytes, payload: bytes) -> bytes:
        """The salt of a commit: made once, and the same at every later call."""
        named = {"purpose": purpose, "subject": subject.hex(), "payload": payload.hex()}
        found = self.last("salt", **named) or self.add("salt", **named, salt=secrets.token_hex(32))
        return bytes.fromhex(str(found["salt"]))

    def _lock(self) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as cause:
            raise ResourceLimit(
                "another agent uses this journal",
                where=os.fspath(self.path),
                why="two agents with one journal would do everything twice",
                hint="stop the other one, or give this one a journal of its own",
                code="journal-in-use",
            ) from cause

    def _read(self) -> list[dict[str, Any]]:
        """All whole entries; a last line that a crash cut off is dropped from the file."""
        data = b""
        while len(data) <= _MAX_BYTES and (piece := os.read(self._handle, 1 << 20)):
            data += piece
        whole = data[: data.rfind(b"\n") + 1]
        if len(data) > _MAX_BYTES or (data and not whole and len(data) > 4096):
            raise self._damaged("it is too large, or no text")
        if len(whole) < len(data):
            os.ftruncate(self._handle, len(whole))
            os.lseek(self._handle, len(whole), os.SEEK_SET)
        entries = [self._entry(number, line) for number, line in enumerate(whole.splitlines(), 1)]
        if entries and entries[0].get("format") != _FORMAT:
            raise self._damaged(f"its first line does not say {_FORMAT}")
        return entries

    def _entry(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict) or not isinstance(entry.get("kind"), str):
            raise self._damaged(f"line {number} is no entry")
        for member, kind in _MEMBERS.get(entry["kind"], {}).items():
            value = entry.get(member)
            fits = isinstance(value, str) and isinstance(kind, str) and re.fullmatch(kind, value)
            if not (fits or kind is type(value)):
                raise self._damaged(f"line {number} has no usable {member}")
        return entry

    def _damaged(self, why: str) -> MalformedFile:
        return MalformedFile(
            "this is not a journal of an agent",
            where=os.fspath(self.path),
            why=why,
            hint="keep the file and begin another one; a commit whose salt is lost is made anew",
            code="malformed-journal",
        )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
