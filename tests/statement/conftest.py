"""Registers the toy backend for the tests of the statement and the verifier's frame."""

from __future__ import annotations

import pytest
from statement_samples import ToyBackend

from verifiable.backends import registry


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> type[ToyBackend]:
    """The toy backend under the id `toy`; a test may replace its parts by monkeypatching."""
    monkeypatch.setitem(registry._IN_TREE, "toy", "statement_samples:ToyBackend")
    return ToyBackend
