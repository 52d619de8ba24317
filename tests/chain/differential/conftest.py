"""The chains of the differential test; the kits of the folder above are used here too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from anvil_chain import AnvilChain, anvil_chain

from verifiable.chain.anvil import find_anvil
from verifiable.errors import ChainError


@pytest.fixture(scope="session")
def anvil() -> Iterator[AnvilChain | None]:
    """A running anvil; None where it is not installed."""
    try:
        path = find_anvil()
    except ChainError:
        yield None
        return
    with anvil_chain(path) as running:
        yield running
