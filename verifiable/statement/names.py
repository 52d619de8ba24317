"""Which characters a name may hold, where people or terminals will read it.

A name with a line break or a reversal of the writing direction could make a report say something
that no verifier said.
"""

from __future__ import annotations

import re

__all__ = ["control_in", "without_controls"]

# C0, DEL and C1 controls; line and paragraph separators; marks that turn the writing direction;
# lone surrogates, which no encoder takes. Spelled out, since tables of Unicode differ by release.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def control_in(text: str) -> str:
    """The first character of a text that no name may hold, or an empty string."""
    found = _CONTROLS.search(text)
    return found[0] if found else ""


def without_controls(text: str) -> str:
    """The text with `_` for each character that no name may hold."""
    return _CONTROLS.sub("_", text)
