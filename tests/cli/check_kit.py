"""Repositories of models for the tests of `verifiable check`: made once, copied, and broken."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

SIGNED = Path(__file__).resolve().parents[1] / "vectors" / "model_signing"
MODEL = "models/digits_mlp.program.onnx"
PROOF = "models/proof.json"


def lock_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "model.lock").read_text("utf-8"))


def write_lock(folder: Path, document: dict[str, Any]) -> None:
    """A lock that people might write: indented, so that each member has a line of its own."""
    (folder / "model.lock").write_text(json.dumps(document, indent=1), "utf-8")


def pin_of(folder: Path, path: str) -> dict[str, Any]:
    data = (folder / path).read_bytes()
    return {"path": path, "sha256": "0x" + hashlib.sha256(data).hexdigest(), "size": len(data)}


def flip(path: Path, offset: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[offset % len(data)] ^= 1
    path.write_bytes(data)


def codes_of(document: dict[str, Any]) -> dict[str, str]:
    """By check id the code, of what failed or is undecided."""
    return {
        item["id"]: item["code"]
        for item in document["checks"]
        if item["status"] in ("failed", "undecided")
    }
