"""Contracts of a few instructions, and artifacts for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from verifiable.chain.artifact import Artifact, parse_artifact

ECHO = bytes.fromhex("365f5f37365ff3")
"""Returns what it is called with."""

ECHO_REVERT = bytes.fromhex("365f5f37365ffd")
"""Reverts with what it is called with."""


def initcode_for(runtime: bytes) -> bytes:
    """What deploys a runtime code of less than 256 bytes: CODECOPY and RETURN."""
    return bytes.fromhex(f"60{len(runtime):02x}8060095f395ff3") + runtime


def artifact_json(name: str = "Small", **members: Any) -> bytes:
    """An artifact file; members as given, the others fit for `ECHO`."""
    entry = {
        "contractName": name,
        "abi": [],
        "bytecode": f"0x{initcode_for(ECHO).hex()}",
        "deployedBytecode": f"0x{ECHO.hex()}",
        "immutableReferences": {},
        "compiler": {"version": "0.8.37", "settings": {}},
        "sources": {},
        "license": "MIT",
    }
    return json.dumps(entry | members).encode()


def artifact(
    name: str, abi: Sequence[dict[str, Any]] = (), runtime: bytes = ECHO, **members: Any
) -> Artifact:
    """An artifact of a runtime code."""
    return parse_artifact(
        artifact_json(
            name,
            abi=list(abi),
            bytecode=f"0x{initcode_for(runtime).hex()}",
            deployedBytecode=f"0x{runtime.hex()}",
            **members,
        )
    )


def entry(kind: str, name: str, *types: str, **members: Any) -> dict[str, Any]:
    """An entry of an ABI; parameters are called a, b, .."""
    inputs = [{"name": chr(97 + place), "type": text} for place, text in enumerate(types)]
    return {"type": kind, "name": name, "inputs": inputs} | members
