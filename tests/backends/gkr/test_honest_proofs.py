"""Honest controls beside the cheating provers: the same programs, and nothing but the truth."""

from __future__ import annotations

import pytest
from gkr_lies import (
    PROGRAMS,
    case_of,
)
from gkr_parties import (
    ACCEPTED,
    Attempt,
    honest,
    verdict,
)


@pytest.mark.parametrize("mode", ["public", "committed"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_an_honest_proof_is_accepted(name: str, mode: str) -> None:
    case = case_of(name, mode)
    assert verdict(case, honest(case)) == ACCEPTED


def test_a_prover_that_does_not_lie_is_the_honest_one() -> None:
    case = case_of("dense")
    lied = Attempt.of(case).prove({"lookup/root": lambda values, side: values})
    assert lied == honest(case)
