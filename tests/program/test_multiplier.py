"""Scale ratios as integer multipliers: precise where it shows, cheap where it does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiable.program.multiplier import (
    CHEAP_SHIFT,
    MAX_MULTIPLIER,
    MAX_SHIFT,
    SPARE_BITS,
    multipliers_for,
)

ratios = st.floats(min_value=2.0**-20, max_value=2.0**10)


@given(ratios, st.sampled_from([8, 16]))
def test_a_ratio_keeps_the_bits_that_the_output_can_show(ratio: float, bits: int) -> None:
    found = multipliers_for([ratio], needed_bits=bits)
    assert 1 <= found.values[0] <= MAX_MULTIPLIER
    assert 0 <= found.shift <= MAX_SHIFT
    assert found.relative_error([ratio]) <= 2.0**-bits
    if found.shift > CHEAP_SHIFT:
        assert found.values[0] <= 1 << bits  # nothing is spent beyond what is needed


@given(st.lists(ratios, min_size=2, max_size=6))
def test_channels_share_a_shift_and_none_vanishes(several: list[float]) -> None:
    found = multipliers_for(several, needed_bits=8)
    assert min(found.values) >= 1
    largest = max(several)
    position = several.index(largest)
    assert abs(found.values[position] / 2**found.shift / largest - 1) <= 2.0**-8


@pytest.mark.parametrize(
    ("ratio", "expected"), [(1.0, (1, 0)), (0.5, (1, 1)), (0.75, (3, 2)), (4.0, (4, 0))]
)
def test_exact_ratios_take_the_smallest_shift(ratio: float, expected: tuple[int, int]) -> None:
    found = multipliers_for([ratio], needed_bits=8)
    assert (found.values[0], found.shift) == expected


def test_spare_bits_are_used_while_the_shift_is_cheap() -> None:
    found = multipliers_for([1 / 3], needed_bits=8)
    assert found.shift == min(CHEAP_SHIFT, 8 + 1 + SPARE_BITS)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf"), 2.0**32])
def test_impossible_ratios_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="ratio"):
        multipliers_for([bad], needed_bits=8)
