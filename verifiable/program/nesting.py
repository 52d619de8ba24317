"""How deep a JSON text nests, told without parsing it.

Python's JSON reader recurses. Its guard is the interpreter's recursion limit, which other packages
raise (py-ecc does on import), and then a deeply nested text ends the process.
"""

from __future__ import annotations

import re

__all__ = ["check_nesting"]

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"?')
_OTHER = re.compile(r"[^\[\]{}]+")


def check_nesting(text: str, limit: int) -> None:
    """Refuse a text that nests deeper than `limit` arrays and objects.

    Raises:
        ValueError: it does.
    """
    depth = 0
    for bracket in _OTHER.sub("", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > limit:
            raise ValueError(f"nested deeper than {limit} levels")
