"""A fresh embedded chain a test, and one anvil a run where it is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from local_chain_kit import Node, embedded, over_http, result

from verifiable.chain.anvil import find_anvil, run_anvil
from verifiable.chain.local.chain import LocalChain
from verifiable.errors import ChainError


@pytest.fixture
def chain() -> Iterator[LocalChain]:
    with LocalChain.open(None) as chain:
        yield chain


@pytest.fixture
def local(chain: LocalChain) -> Node:
    return embedded(chain)


@pytest.fixture(scope="session")
def running_anvil() -> Iterator[Node]:
    try:
        path = find_anvil()
    except ChainError as absent:
        pytest.skip(f"compared with anvil only where it is installed: {absent.what}")
    with run_anvil(path) as anvil:
        yield over_http(anvil.url)


@pytest.fixture
def anvil(running_anvil: Node) -> Iterator[Node]:
    """A running anvil, set back afterwards."""
    snapshot = result(running_anvil, "evm_snapshot")
    yield running_anvil
    assert result(running_anvil, "evm_revert", snapshot)
