"""Files that a member or a relying party holds: the quorum, and a password."""

from __future__ import annotations

import os

from verifiable.backends.quorum.keys import QuorumKey
from verifiable.errors import AccountError, VerifiableError
from verifiable.files import read_bytes

__all__ = ["read_password", "read_quorum"]

_QUORUM_BYTES = 1 << 16
_PASSWORD_BYTES = 4096


def read_quorum(path: str | os.PathLike[str]) -> QuorumKey:
    """Read a quorum's file.

    Raises:
        MalformedFile, ResourceLimit.
    """
    return QuorumKey.decode(read_bytes(path, limit_bytes=_QUORUM_BYTES))


def read_password(path: str | bool | None) -> str:
    """The password in a file; line ends at its end do not count. The path is never shown.

    Raises:
        AccountError: (code `no-password`) there is none, or it cannot be read.
    """
    text: str | None = None
    if path is not None:
        try:
            text = read_bytes(str(path), limit_bytes=_PASSWORD_BYTES).decode("utf-8")
        except (VerifiableError, UnicodeDecodeError):
            text = None
    if text is None:  # outside of the handler: its texts may quote what was mistaken for a path
        raise AccountError(
            "the password file cannot be read" if path is not None else "no password is given",
            hint="give a file that holds it by --password-file",
            code="no-password",
        )
    return text.rstrip("\r\n")
