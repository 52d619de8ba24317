"""A registry on the embedded chain, and on anvil where it is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from verifiable.chain.anvil import find_anvil
from verifiable.chain.client import Chain
from verifiable.chain.contracts.model_registry import ModelRegistry
from verifiable.chain.endpoint import open_chain
from verifiable.errors import ChainError

from registry_kit import ALICE  # isort: skip


@pytest.fixture(scope="module", params=["local:", "anvil:"])
def open_node(request: pytest.FixtureRequest) -> Iterator[Chain]:
    if request.param == "anvil:":
        try:
            find_anvil()
        except ChainError as absent:
            pytest.skip(f"on anvil only where it is installed: {absent.what}")
    with open_chain(request.param) as chain:
        yield chain


@pytest.fixture(scope="module")
def registry(open_node: Chain) -> ModelRegistry:
    """At the canonical address; the tests of a module share it and use programs of their own."""
    return ModelRegistry.deploy(open_node, ALICE)
