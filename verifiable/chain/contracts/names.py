"""Names of Solidity as names of Python, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from verifiable.chain.abi import select
from verifiable.chain.artifact import Artifact

__all__ = ["contract_names", "snake_case"]


def snake_case(name: str) -> str:
    """`recordId` as `record_id`, `traceURI` as `trace_uri`, `MAX_MOVES` as `max_moves`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def contract_names(
    artifact: Artifact, kind: str, name: str, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Values by the names that the contract's members have; unknown ones stay as they are.

    Args:
        kind, name: which entry of the contract's interface, see `abi.select`.
        values: by the names that the members have in Python.

    Raises:
        ChainError: the contract has no such entry.
    """
    known = {snake_case(param.name): param.name for param in select(artifact, kind, name).inputs}
    return {known.get(key, key): value for key, value in values.items()}
