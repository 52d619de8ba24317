"""The checks that the code declares, as the security page's generator finds them."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from check_places import REPOSITORY

from verifiable.statement.checks import CheckSpec

__all__ = ["declared", "generator"]


def generator() -> ModuleType:
    """The module `docs/security_table.py`, which is no part of the package."""
    path = REPOSITORY / "docs" / "security_table.py"
    spec = importlib.util.spec_from_file_location("security_table", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def declared() -> list[CheckSpec]:
    """Every check of this package, in the order of the page."""
    return [spec for _, specs in generator().sections() for spec in specs]
