from __future__ import annotations

from collections.abc import Iterator

import pytest
from anvil_steps import fast_steps
from step_contracts import StepContracts


@pytest.fixture(scope="session")
def steps() -> StepContracts:
    return StepContracts()


@pytest.fixture(scope="session")
def fast() -> Iterator[StepContracts]:
    with fast_steps() as contracts:
        yield contracts
