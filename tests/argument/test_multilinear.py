"""Closed formulas of multilinear extensions, against sums over whole tables."""

from __future__ import annotations

import numpy as np
import pytest
from field_cases import exts

from verifiable.argument import multilinear, vectors
from verifiable.argument.goldilocks import ONE, ZERO, Ext


@pytest.fixture(params=range(6))
def point(request: pytest.FixtureRequest) -> list[Ext]:
    return exts(np.random.default_rng(request.param), request.param)


def weights(point: list[Ext]) -> list[Ext]:
    return vectors.to_exts(vectors.eq_table(point))


def test_eq(point: list[Ext]) -> None:
    other = exts(np.random.default_rng(9), len(point))
    expected = vectors.ext_dot(vectors.eq_table(point), vectors.eq_table(other))
    assert multilinear.eq(point, other) == expected
    for index, weight in enumerate(weights(point)):
        assert multilinear.eq_bits(index, point) == weight
        bits = [Ext(index >> j & 1) for j in range(len(point))]
        assert multilinear.eq(bits, point) == weight


def test_less_than_and_index_below(point: list[Ext]) -> None:
    table = weights(point)
    for t in range(2 ** len(point) + 1):
        assert multilinear.less_than(t, point) == sum(table[:t], ZERO)
        below = (weight * i for i, weight in enumerate(table[:t]))
        assert multilinear.index_below(t, point) == sum(below, ZERO)


def test_identity(point: list[Ext]) -> None:
    expected = sum((weight * i for i, weight in enumerate(weights(point))), ZERO)
    assert multilinear.identity(point) == expected


def test_at_corners() -> None:
    corner = [ONE, ZERO, ONE]  # bits of 5, the lowest first
    assert multilinear.identity(corner) == 5
    assert [multilinear.less_than(t, corner) for t in (5, 6)] == [ZERO, ONE]
    assert [multilinear.index_below(t, corner) for t in (5, 6)] == [ZERO, Ext(5)]


def test_values_outside_the_cube_are_refused(point: list[Ext]) -> None:
    size = 2 ** len(point)
    for call in (multilinear.less_than, multilinear.index_below):
        for t in (-1, size + 1):
            with pytest.raises(ValueError, match="outside"):
                call(t, point)
    for index in (-1, size):
        with pytest.raises(ValueError, match="outside"):
            multilinear.eq_bits(index, point)
    with pytest.raises(ValueError, match="zip"):
        multilinear.eq(point, [*point, ONE])
