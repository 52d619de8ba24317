"""Writing a result: the figures as JSON, and beside them the same as markdown for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["write_result"]


def write_result(output: Path, result: Mapping[str, Any], tables: str) -> None:
    """Write both files, each whole or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    _replace(output, json.dumps(result, indent=1) + "\n")
    _replace(output.with_suffix(".md"), tables)


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
