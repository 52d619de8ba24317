from __future__ import annotations

import pytest
from step_contracts import StepContracts


@pytest.fixture(scope="session")
def steps() -> StepContracts:
    return StepContracts()
