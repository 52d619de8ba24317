"""Reading JSON of strangers: how deep and how much is found before anything is built.

Python's reader recurses in C. Where another package has raised the recursion limit (py-ecc does, so
web3 does), or in a thread with a small stack, deep nesting would end the process; and empty lists,
three bytes each, would take thirty times their size in memory.
"""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["read_json"]

MAX_DEPTH = 64
MAX_CONTAINERS = 1 << 18
"""Arrays and objects: a log has two."""

MAX_COMMAS = 1 << 22

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
"""One without an end goes to the end of the text: looked for again from each quote, a text of
quotes would take hours."""
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def read_json(raw: bytes) -> Any:
    """Read one JSON value in UTF-8, without `NaN` and infinities.

    Raises:
        ValueError: it is none, or holds more, or lies deeper, than any node's answer.
    """
    text = raw.decode("utf-8")  # other encodings, which json would guess, hide brackets
    structure = _STRING.sub(b"", raw)
    if structure.count(b"[") + structure.count(b"{") > MAX_CONTAINERS:
        raise ValueError("too many arrays and objects")
    if structure.count(b",") > MAX_COMMAS:
        raise ValueError("too many values")
    depth = 0
    for bracket in structure.translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
    return json.loads(text, parse_constant=_no_number)


def _no_number(name: str) -> float:
    raise ValueError(name)
