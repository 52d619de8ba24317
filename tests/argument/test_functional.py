"""Functionals against dense arrays of field elements, lane by lane."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import numpy as np
import pytest
from field_cases import ext, exts, words
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiable.argument import vectors
from verifiable.argument.functional import (
    EqPoint,
    Functional,
    PointTables,
    axis_bits,
    axis_points,
    bits_of,
    padded,
)
from verifiable.argument.goldilocks import ONE, ZERO, Ext
from verifiable.argument.multilinear import eq_bits

Shape = tuple[int, ...]
SIZES = st.integers(1, 5)
SHAPES = st.lists(SIZES, max_size=4).map(tuple)


def random_functional(shape: Shape, cuts: list[int], seed: int) -> Functional:
    """Random vectors, of several axes where there is no cut between them."""
    generator = np.random.default_rng(seed)
    ends = sorted({0, len(shape), *(cut for cut in cuts if cut < len(shape))})
    groups = [shape[start:stop] for start, stop in pairwise(ends)]
    return Functional(factors=tuple(words(generator, *group, 2) for group in groups))


@st.composite
def functionals(draw: st.DrawFn, shapes: st.SearchStrategy[Shape] = SHAPES) -> Functional:
    shape = draw(shapes)
    cuts = draw(st.lists(st.integers(0, 4), max_size=4))
    return random_functional(shape, cuts, draw(st.integers(0, 1 << 20)))


def dense(weights: Functional) -> np.ndarray:
    """The functional as an array of `Ext`: the product of its factors, lane by lane."""
    result = np.full((), ONE, dtype=object)
    for factor in weights.factors:
        values = np.empty(factor.shape[:-1], dtype=object)
        values.reshape(-1)[:] = vectors.to_exts(factor.reshape(-1, 2))
        result = np.multiply.outer(result, values)
    return np.asarray(result, dtype=object)


def same(weights: Functional, expected: np.ndarray) -> bool:
    found = dense(weights)
    return found.shape == expected.shape and bool((found == expected).all())


def total(values: np.ndarray) -> Ext:
    result = ZERO
    for value in np.asarray(values, dtype=object).reshape(-1):
        result = result + value
    return result


@given(functionals())
@settings(max_examples=60, deadline=None)
def test_its_own_table(weights: Functional) -> None:
    table = dense(weights)
    assert weights.shape == table.shape
    assert vectors.to_exts(weights.dense().reshape(-1, 2)) == list(table.reshape(-1))
    assert weights.total() == total(table)


@given(functionals(), st.integers(0, 1 << 20))
@settings(max_examples=60, deadline=None)
def test_applied_and_evaluated(weights: Functional, seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.integers(-(1 << 40), 1 << 40, weights.shape)
    assert weights.apply(values) == total(dense(weights) * values)
    point = tuple(exts(generator, bits_of(weights.shape) + 2))  # it takes the leading ones
    lanes = np.zeros(tuple(1 << axis_bits(size) for size in weights.shape), dtype=object)
    lanes[...] = ZERO
    lanes[tuple(slice(size) for size in weights.shape)] = dense(weights)
    expected = ZERO
    for index, lane in enumerate(lanes.reshape(-1)):
        expected = expected + lane * eq_bits(index, point[: bits_of(weights.shape)])
    assert weights.evaluate(PointTables(point)) == expected
    hi, lo = weights.halves()
    outer = [a * b for a in vectors.to_exts(hi) for b in vectors.to_exts(lo)]
    assert outer == list(lanes.reshape(-1))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_reshaped(data: st.DataObject) -> None:
    weights = data.draw(functionals())
    left, shape = prod(weights.shape), []
    for _ in range(data.draw(st.integers(0, 3))):
        size = data.draw(st.sampled_from([n for n in range(1, left + 1) if left % n == 0]))
        shape.append(size)
        left //= size
    if left > 1 or data.draw(st.booleans()):
        shape.append(left)
    there = weights.reshaped(tuple(shape))
    assert there.shape == tuple(shape)
    assert same(there, dense(weights).reshape(shape))
    assert same(there.reshaped(weights.shape), dense(weights))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_transposed(data: st.DataObject) -> None:
    result = data.draw(functionals())
    perm = data.draw(st.permutations(range(len(result.shape))))
    inverse = np.argsort(perm) if perm else []
    assert same(result.transposed(perm), dense(result).transpose([int(i) for i in inverse]))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_along_an_axis(data: st.DataObject) -> None:
    weights = data.draw(functionals(SHAPES.filter(len)))
    axis = data.draw(st.integers(0, len(weights.shape) - 1))
    taken = data.draw(st.lists(st.integers(0, weights.shape[axis] - 1), min_size=1, max_size=6))
    found = weights.along(axis, lambda lanes: lanes[taken])
    assert same(found, np.take(dense(weights), taken, axis=axis))
    scale = ext(np.random.default_rng(len(taken)))
    doubled = weights.along(axis, lambda lanes: vectors.ext_scale(lanes, scale))
    assert same(doubled, dense(weights) * scale)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_summed_over_what_repeats(data: st.DataObject) -> None:
    weights = data.draw(functionals())
    kept = [data.draw(st.booleans()) for _ in weights.shape]
    shape = tuple(n if keep else 1 for n, keep in zip(weights.shape, kept, strict=True))
    leading = next((i for i, size in enumerate(shape) if size != 1), len(shape))
    shape = shape[data.draw(st.integers(0, leading)) :]
    values = np.random.default_rng(5).integers(-99, 99, shape)
    found = weights.summed_to(shape)
    assert found.shape == shape
    spread = np.broadcast_to(values, weights.shape)
    assert found.apply(values) == total(dense(weights) * spread)


@given(SHAPES, st.integers(0, 1 << 20))
@settings(max_examples=40, deadline=None)
def test_at_a_point_is_the_extension_of_lanes_padded_with_zeros(shape: Shape, seed: int) -> None:
    generator = np.random.default_rng(seed)
    point = tuple(exts(generator, bits_of(shape)))
    values = generator.integers(-(1 << 62), 1 << 62, shape)
    lanes = padded(values, 0).reshape(-1)
    expected = total(np.array([eq_bits(i, point) * int(v) for i, v in enumerate(lanes)]))
    assert Functional.at(shape, point).apply(values) == expected
    whole = EqPoint(point=point)
    hi, lo = whole.halves()
    table = [a * b for a in vectors.to_exts(hi) for b in vectors.to_exts(lo)]
    assert table == [eq_bits(i, point) for i in range(len(lanes))]
    elsewhere = PointTables(tuple(exts(generator, len(point) + 1)))
    at = elsewhere.point[: len(point)]
    assert whole.evaluate(elsewhere) == total(
        np.array([a * eq_bits(i, at) for i, a in enumerate(table)])
    )


def test_last_axis_of_a_group_is_refused() -> None:
    joint = random_functional((2, 3), [], 1)
    with pytest.raises(ValueError, match="shares a group"):
        joint.split_last()
    rest, last = random_functional((2, 3), [1], 1).split_last()
    assert (rest.shape, last.shape) == ((2,), (3, 2))


def test_a_point_has_to_fit_its_shape() -> None:
    assert axis_points((3, 1, 2), [ONE, ZERO, ONE]) == [(ZERO, ONE), (), (ONE,)]
    with pytest.raises(ValueError, match="4 coordinates for a tensor of 3 variables"):
        axis_points((3, 1, 2), [ONE] * 4)
