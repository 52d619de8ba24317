"""Keeping the secrets of a URL out of everything that people or logs see.

Providers put keys where they like: user info, a segment of the path, a query. So none of these
is ever shown, and what a node answers is searched for them before it becomes a message.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

__all__ = ["Redactor", "basic_credentials"]

SEGMENT_CHARACTERS = 8
"""Shorter pieces of a path or a query (`v2`, `1`) are words that occur in honest messages."""

HIDDEN = "***"

_HEX = re.compile(r"0x[0-9a-fA-F]*", re.ASCII)


def basic_credentials(user: str, password: str) -> str:
    """The value of an `Authorization` header (RFC 7617, UTF-8)."""
    pair = f"{user}:{password}".encode()
    return "Basic " + base64.b64encode(pair).decode("ascii")


class Redactor:
    """Replaces the secrets of one URL in texts; never shows them itself."""

    __slots__ = ("_secrets",)

    def __init__(self, *, user: str = "", password: str = "", target: str = "") -> None:
        path, _, query = target.partition("?")
        pieces = [path, *path.split("/"), query]
        pieces += [pair.partition("=")[2] for pair in query.split("&")]
        found = {piece for piece in pieces if len(piece) >= SEGMENT_CHARACTERS} | {user, password}
        if user or password:
            found.add(basic_credentials(user, password).removeprefix("Basic "))
        self._secrets = _longest_first(found | {unquote(text) for text in found})

    def text(self, text: str) -> str:
        """The text without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def value(self, value: Any) -> Any:
        """A value of JSON with the secrets taken out of its texts, names included.

        Hex stays as it is: a revert's data must not change.
        """
        if isinstance(value, str):
            return value if _HEX.fullmatch(value) else self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.value(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def __repr__(self) -> str:
        return "Redactor()"


def _longest_first(secrets: Iterable[str]) -> tuple[str, ...]:
    """So that a secret inside of a longer one does not break the longer one up."""
    return tuple(sorted(filter(None, secrets), key=len, reverse=True))
