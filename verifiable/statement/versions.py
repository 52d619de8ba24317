"""Versions of backends: dotted numbers, compared number by number."""

from __future__ import annotations

import re

__all__ = ["parse_version"]

_VERSION = re.compile(r"(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8})){0,5}", re.ASCII)


def parse_version(text: str) -> tuple[int, ...] | None:
    """Numbers of a version such as `23.0.5`, trailing zeros dropped; None if it is not one.

    A pre-release (`1.0rc1`) has no place in this order and is not a version here.
    """
    if _VERSION.fullmatch(text) is None:
        return None
    numbers = [int(part) for part in text.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
