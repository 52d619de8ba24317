"""Finds every error code that the sources can raise, by reading them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def codes_in(folders: Iterable[Path]) -> dict[str, set[str]]:
    """By code, the files that use it."""
    trees = {
        path: ast.parse(path.read_text("utf-8"))
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
    }
    positions: dict[str, int] = {}
    for tree in trees.values():
        positions.update(_code_positions(tree))
    found: dict[str, set[str]] = {}
    for path, tree in trees.items():
        for code in _codes(tree, positions):
            found.setdefault(code, set()).add(path.name)
    return found


def _code_positions(tree: ast.Module) -> dict[str, int]:
    """Where each function takes its parameter `code`, `self` not counted."""
    positions = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names = [item.arg for item in node.args.args if item.arg not in ("self", "cls")]
            # an __init__ is called by its class's name, and codes of JSON-RPC are numbers
            if "code" in names and node.name != "__init__":
                positions[node.name] = names.index("code")
    return positions


def _codes(tree: ast.Module, positions: dict[str, int]) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            for keyword in node.keywords:
                if keyword.arg == "code":
                    yield from _texts(keyword.value)
                if keyword.arg == "codes":
                    yield from _texts(keyword.value)
            position = positions.get(name)
            if position is not None and position < len(node.args):
                yield from _texts(node.args[position])
        elif isinstance(node, ast.FunctionDef):
            names = [*node.args.args, *node.args.kwonlyargs]
            defaults = [
                *([None] * (len(node.args.args) - len(node.args.defaults))),
                *node.args.defaults,
                *node.args.kw_defaults,
            ]
            for item, default in zip(names, defaults, strict=True):
                if item.arg == "code" and default is not None:
                    yield from _texts(default)
        elif isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "default_code" for target in node.targets
        ):
            yield from _texts(node.value)


def _texts(node: ast.expr) -> Iterable[str]:
    """Every constant that is a code in an expression (conditionals included)."""
    for item in ast.walk(node):
        value = item.value if isinstance(item, ast.Constant) else None
        if isinstance(value, str) and CODE.fullmatch(value):
            yield value
