"""Where in the text of a JSON document a value stands: lines and columns for reports."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Pointer", "Region", "places_of"]

Pointer: TypeAlias = "tuple[str | int, ...]"

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+', re.DOTALL)
_MAX_DEPTH = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """From a first character to behind a last one; lines and columns from 1, in code points."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int


def places_of(text: str) -> dict[Pointer, Region]:
    """Where each value of a document stands, by the keys and positions that lead to it.

    Args:
        text: JSON that a strict reader has accepted.

    Returns:
        regions of the values at most five keys deep; `()` is the whole document.
    """
    import json

    starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def at(offset: int) -> tuple[int, int]:
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    found: dict[Pointer, Region] = {}
    # for each open bracket: where it stands, and the key or position of what comes next in it
    opened: list[tuple[int, str | int | None]] = []

    def pointer() -> Pointer:
        return tuple(key for _, key in opened if key is not None)

    def close(start: int, end: int) -> None:
        if len(opened) <= _MAX_DEPTH:
            (line, column), (last, behind) = at(start), at(end)
            found[pointer()] = Region(
                start_line=line, start_column=column, end_line=last, end_column=behind
            )

    waits_for_key = False
    for match in _TOKEN.finditer(text):
        mark, start, end = match[0], match.start(), match.end()
        if mark in "[{":
            opened.append((start, 0 if mark == "[" else None))
            waits_for_key = mark == "{"
        elif mark in "]}":
            begun, _ = opened.pop()
            close(begun, end)
            waits_for_key = False
        elif mark == ",":
            begun, key = opened[-1]
            waits_for_key = isinstance(key, str)
            opened[-1] = (begun, key if isinstance(key, str) else (key or 0) + 1)
        elif mark == ":":
            waits_for_key = False
        elif waits_for_key:
            opened[-1] = (opened[-1][0], json.loads(mark))
        else:
            close(start, end)
    return found
