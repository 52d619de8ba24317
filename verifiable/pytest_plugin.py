"""A pytest plugin: the fixture `checked_models`, the files of models that are as the lock says.

Loaded by pytest wherever this package is installed, so it imports nothing until the fixture is
asked for. In `pytest.ini` or `pyproject.toml`, `verifiable_lock` names the lock (`model.lock` in
the root folder by default), and `verifiable_level` how deep to look (`hash`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

__all__ = ["checked_models", "pytest_addoption"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the settings."""
    parser.addini("verifiable_lock", "lock of the models, for checked_models", default="model.lock")
    parser.addini("verifiable_level", "how deep checked_models looks", default="hash")


@pytest.fixture(scope="session")
def checked_models(pytestconfig: pytest.Config) -> Mapping[str, Path]:
    """By name in the lock the path of each model's file; fails if any is not as locked."""
    from verifiable.errors import VerifiableError
    from verifiable.integrity.check import check
    from verifiable.integrity.report import level_of

    lock = pytestconfig.rootpath / str(pytestconfig.getini("verifiable_lock"))
    try:
        report = check(lock=lock, level=level_of(str(pytestconfig.getini("verifiable_level"))))
    except VerifiableError as error:
        pytest.fail(f"the models could not be checked: {error} [{error.code}]", pytrace=False)
    if report.result != "passed":
        told = "\n".join(
            f"{item.check.id} {item.check.name} {item.model} {item.path} [{item.check.code}] "
            f"{item.check.found}"
            for item in report.bad
        )
        pytest.fail(f"models are not as {lock} says: {report.result}\n{told}", pytrace=False)
    return MappingProxyType({item.model: lock.parent / item.path for item in report.files})
