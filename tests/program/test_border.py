"""The border: raw numbers to integers and back, at every edge."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiable.errors import InvalidInput
from verifiable.program.border import dequantise, quantise_input
from verifiable.program.program import Input


def spec(*, shape=(1,), lo=-128, hi=127, scale=0.5, zero_point=0):
    return Input(name="x", shape=shape, lo=lo, hi=hi, scale=scale, zero_point=zero_point)


@pytest.mark.parametrize(
    ("raw", "scale", "zero_point", "expected"),
    [
        (0.0, 0.5, 0, 0),
        (-0.0, 0.5, 0, 0),
        (0.25, 0.5, 0, 1),  # ties go up
        (-0.25, 0.5, 0, 0),
        (-0.75, 0.5, 0, -1),
        (0.75, 0.5, 3, 5),
        (0.2499999999, 0.5, 0, 0),
        # In float64 this quotient plus a half is 1, so the result is 1: the sum is rounded.
        (math.nextafter(0.5, 0), 1.0, 0, 1),
        (1.0, 1 / 255, -128, 127),
        (5e-324, 1.0, 0, 0),
    ],
)
def test_vectors(raw, scale, zero_point, expected):
    values, saturated = quantise_input(spec(scale=scale, zero_point=zero_point), [raw])
    assert (values.tolist(), values.dtype, saturated) == ([expected], np.int64, False)
    assert not values.flags.writeable


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.uint64, bool])
def test_every_real_dtype_is_read(dtype):
    values, _ = quantise_input(spec(shape=(2,)), np.array([1, 0], dtype=dtype))
    assert values.tolist() == [2, 0]


@pytest.mark.parametrize("saturate", [False, True])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_a_number_is_refused(bad, saturate):
    with pytest.raises(InvalidInput) as caught:
        quantise_input(spec(shape=(1, 2)), [[0.0, bad]], saturate=saturate)
    assert (caught.value.code, caught.value.where) == ("not-finite", "x[0, 1]")


def test_the_ends_of_the_range():
    inside = [-64.25, math.nextafter(63.75, 0)]
    values, saturated = quantise_input(spec(shape=(2,)), inside)
    assert (values.tolist(), saturated) == ([-128, 127], False)
    for outside in (math.nextafter(-64.25, -100), 63.75, 1e300, -1e300):
        with pytest.raises(InvalidInput) as caught:
            quantise_input(spec(), [outside])
        assert (caught.value.code, caught.value.where) == ("out-of-range", "x[0]")
        assert repr(outside) in str(caught.value)
        assert "[-64.25, 63.75)" in str(caught.value)
        values, saturated = quantise_input(spec(), [outside], saturate=True)
        assert (values.tolist(), saturated) == ([127 if outside > 0 else -128], True)


def test_a_quotient_that_overflows_saturates():
    tiny = spec(scale=1e-300)
    assert quantise_input(tiny, [1e300], saturate=True)[0].tolist() == [127]
    with pytest.raises(InvalidInput, match="out of range"):
        quantise_input(tiny, [-1e300])


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ([0.0, 0.0], "wrong-shape"),
        (0.0, "wrong-shape"),
        ([1j], "wrong-dtype"),
        (["1"], "wrong-dtype"),
        ([None], "wrong-dtype"),
    ],
)
def test_other_arrays_are_refused(raw, code):
    with pytest.raises(InvalidInput) as caught:
        quantise_input(spec(), raw)
    assert caught.value.code == code


def test_rank_zero():
    values, _ = quantise_input(spec(shape=()), 1.0)
    assert (values.shape, int(values)) == ((), 2)


@given(
    raw=st.floats(-1e6, 1e6),
    scale=st.floats(1e-3, 1e3),
    zero_point=st.sampled_from([-128, 0, 1, 127]),
)
def test_quantising_is_the_definition_in_float64(raw, scale, zero_point):
    wide = spec(lo=-(1 << 40), hi=1 << 40, scale=scale, zero_point=zero_point)
    values, _ = quantise_input(wide, [raw])
    assert int(values[0]) == math.floor(raw / scale + 0.5) + zero_point
    # ... and is within half a step (and float64's rounding) of the real quotient.
    distance = abs(Fraction(raw) / Fraction(scale) - (int(values[0]) - zero_point))
    assert distance <= Fraction(1, 2) + Fraction(1, 1 << 20)


@given(value=st.integers(-128, 127), scale=st.floats(1e-6, 1e6), zero_point=st.integers(-128, 127))
def test_every_integer_survives_the_way_out_and_in(value, scale, zero_point):
    real = dequantise(np.array([value]), scale=scale, zero_point=zero_point)
    assert real.dtype == np.float64
    back, saturated = quantise_input(spec(scale=scale, zero_point=zero_point), real)
    assert (back.tolist(), saturated) == ([value], False)
