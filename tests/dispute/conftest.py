"""One chain for all tests of a worker, put back after each; people and inputs are a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from dispute_kit import World, tiny_inputs, tiny_program

from verifiable.dispute.material import Material

_seed = count(1)


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    made = World()
    yield made
    made.local.close()


@pytest.fixture(autouse=True)
def _put_back(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave no open games behind: their clocks would run in the next test, and agents watch all."""
    if "world" not in request.fixturenames:
        yield
        return
    shared: World = request.getfixturevalue("world")
    kept = shared.result("evm_snapshot")
    yield
    assert shared.result("evm_revert", kept)


@pytest.fixture(scope="session")
def material() -> Material:
    return Material(tiny_program(), leaf_log2=5)


@pytest.fixture
def inputs():
    """Inputs that no other test has, so that no challenger meddles with another test's game."""
    return tiny_inputs(next(_seed))
