"""Names of Solidity as names of Python."""

from __future__ import annotations

import re

__all__ = ["snake_case"]


def snake_case(name: str) -> str:
    """`recordId` as `record_id`, `traceURI` as `trace_uri`, `MAX_MOVES` as `max_moves`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
