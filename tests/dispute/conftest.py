"""One chain for all tests of a worker, put back after each; people and inputs are a test's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest
from attack_kit import Table
from dispute_kit import World, tiny_inputs, tiny_program
from judge_kit import Committed, Judge

from verifiable.chain.accounts import KeySigner
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEVELOPMENT_PARAMS
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


# --- for the attack matrix


@pytest.fixture(scope="session")
def table(world: World) -> Table:
    return Table(world)


@pytest.fixture(scope="session")
def judge(world: World) -> Judge:
    return Judge(world.game)


@pytest.fixture
def right(material: Material, inputs) -> Committed:
    return Committed.honest(material, inputs)


@pytest.fixture
def alice(world: World) -> KeySigner:
    return world.person()


@pytest.fixture
def carol(world: World) -> KeySigner:
    return world.person()


@pytest.fixture
def mallory(world: World) -> KeySigner:
    return world.person()


@pytest.fixture(scope="session")
def patient(world: World) -> Table:
    """A game whose commits take four blocks to be usable."""
    rules = replace(DEVELOPMENT_PARAMS, min_commit_age=4)
    return Table(world, DisputeGame.deploy(world.chain, world.person(), rules))
