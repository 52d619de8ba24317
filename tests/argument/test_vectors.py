"""Vector arithmetic against Python integers, with values at the edges of the reduction."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from field_cases import EDGES, ext, exts, words

from verifiable.argument import vectors
from verifiable.argument.goldilocks import ONE, ZERO, Ext, P, root_of_unity

PAIRS = np.array(list(product(EDGES, EDGES)), np.uint64)


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(20)


def test_from_ints() -> None:
    ints = [0, 1, -1, 5, -5, 2**32, -(2**32), 2**63 - 1, -(2**63), P // 2]
    assert vectors.from_ints(np.array(ints)).tolist() == [value % P for value in ints]


@pytest.mark.parametrize(
    ("operation", "of_ints"),
    [
        (vectors.add, lambda a, b: a + b),
        (vectors.sub, lambda a, b: a - b),
        (vectors.mul, lambda a, b: a * b),
    ],
)
def test_base_operations_at_all_edges(
    operation: Callable[..., vectors.Words],
    of_ints: Callable[[int, int], int],
    generator: np.random.Generator,
) -> None:
    for a, b in ((PAIRS[:, 0], PAIRS[:, 1]), words(generator, 2, 1000)):
        expected = [of_ints(x, y) % P for x, y in zip(a.tolist(), b.tolist(), strict=True)]
        assert operation(a, b).tolist() == expected


def test_neg() -> None:
    assert vectors.neg(np.array(EDGES, np.uint64)).tolist() == [-value % P for value in EDGES]


def test_extension_operations(generator: np.random.Generator) -> None:
    a, b = words(generator, 2, 500, 2)
    xs, ys = vectors.to_exts(a), vectors.to_exts(b)
    scalar = ext(generator)
    both = list(zip(xs, ys, strict=True))
    assert vectors.to_exts(vectors.ext_add(a, b)) == [x + y for x, y in both]
    assert vectors.to_exts(vectors.ext_sub(a, b)) == [x - y for x, y in both]
    assert vectors.to_exts(vectors.ext_mul(a, b)) == [x * y for x, y in both]
    assert vectors.to_exts(vectors.ext_scale(a, scalar)) == [x * scalar for x in xs]
    assert np.array_equal(vectors.from_exts(xs), a)
    assert vectors.to_ext(a[3]) == xs[3]
    assert vectors.from_exts([]).shape == (0, 2)


@pytest.mark.filterwarnings("error")
def test_single_elements_wrap_silently() -> None:
    last = vectors.from_exts([Ext(P - 1, P - 2)])[0]
    assert vectors.to_ext(vectors.ext_mul(last, last)) == Ext(P - 1, P - 2) * Ext(P - 1, P - 2)
    assert vectors.to_ext(vectors.ext_scale(last, Ext(5, P - 1))) == Ext(P - 1, P - 2) * Ext(5, -1)


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 500])
def test_sums(count: int, generator: np.random.Generator) -> None:
    a, b = words(generator, count, 2), words(generator, count, 2)
    base = words(generator, count)
    xs, ys = vectors.to_exts(a), vectors.to_exts(b)
    assert vectors.ext_sum(a) == sum(xs, ZERO)
    assert vectors.ext_dot(a, b) == sum((x * y for x, y in zip(xs, ys, strict=True)), ZERO)
    scaled = (x * word for x, word in zip(xs, base.tolist(), strict=True))
    assert vectors.dot_base(base, a) == sum(scaled, ZERO)


def test_sums_do_not_wrap() -> None:
    assert vectors.ext_sum(np.full((100_000, 2), P - 1, np.uint64)) == Ext(-100_000, -100_000)


@pytest.mark.parametrize("variables", [0, 1, 2, 6, 7, 9])
def test_eq_table(variables: int, generator: np.random.Generator) -> None:
    point = exts(generator, variables)
    table = vectors.to_exts(vectors.eq_table(point))
    assert len(table) == 2**variables
    for x, weight in enumerate(table):
        expected = ONE
        for j, coordinate in enumerate(point):
            expected *= coordinate if x >> j & 1 else 1 - coordinate
        assert weight == expected


# Bits of the integers and length of the axis, on every path: limbs at once, integers split,
# axis split, and both.
@pytest.mark.parametrize(
    ("bits", "length"),
    [(1, 1), (8, 784), (8, 3), (20, 1000), (36, 1), (37, 300), (45, 100), (62, 50), (64, 7)],
)
def test_contract_is_exact(bits: int, length: int, generator: np.random.Generator) -> None:
    bound = 2 ** (bits - 1)
    ints = generator.integers(-bound, bound, size=(2, 3, length), dtype=np.int64)
    ints[0, 0] = -bound  # sums as large as they get, of either sign
    ints[0, 1] = bound - 1
    weights = words(generator, length, 2)
    weights[: length // 2] = P - 1
    result = vectors.contract(ints, weights)
    pairs = weights.tolist()
    for index in product(range(2), range(3)):
        row = ints[index].tolist()
        expected = [sum(v * w[k] for v, w in zip(row, pairs, strict=True)) % P for k in (0, 1)]
        assert result[index].tolist() == expected
    if bits <= 53:
        assert np.array_equal(vectors.contract(ints.astype(np.float64), weights), result)


def test_contract_splits_a_long_axis(
    generator: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Axes of 2^25 integers are split, and so are shorter ones if floats had fewer bits."""
    ints = generator.integers(-(2**15), 2**15, size=(2, 1000))
    weights = words(generator, 1000, 2)
    expected = vectors.contract(ints, weights)
    monkeypatch.setattr(vectors, "_FLOAT_BITS", 30)
    assert np.array_equal(vectors.contract(ints, weights), expected)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_contract_of_nothing(shape: tuple[int, int]) -> None:
    result = vectors.contract(np.zeros(shape, np.int64), np.ones((shape[1], 2), np.uint64))
    assert result.shape == (shape[0], 2)
    assert not result.any()


def test_combine_rows(generator: np.random.Generator) -> None:
    weights, rows = words(generator, 5, 2), words(generator, 5, 9)
    xs = vectors.to_exts(weights)
    expected = [
        sum((x * word for x, word in zip(xs, column, strict=True)), ZERO)
        for column in rows.T.tolist()
    ]
    assert vectors.to_exts(vectors.combine_rows(weights, rows)) == expected


@pytest.mark.parametrize("log_n", [0, 1, 2, 3, 6])
def test_ntt_by_definition(log_n: int, generator: np.random.Generator) -> None:
    n = 2**log_n
    rows = words(generator, 3, n)
    root = root_of_unity(log_n)
    for row, out in zip(rows.tolist(), vectors.ntt(rows).tolist(), strict=True):
        assert out == [
            sum(v * pow(root, i * j, P) for i, v in enumerate(row)) % P for j in range(n)
        ]


def test_ntt_is_multiplicative(generator: np.random.Generator) -> None:
    """A transform turns polynomial products into products: a check at a size worth having."""
    n = 2**9
    a, b = np.zeros((2, 1, n), np.uint64)
    a[0, : n // 2], b[0, : n // 2] = words(generator, 2, n // 2)
    convolved = [0] * n
    for i, x in enumerate(a[0, : n // 2].tolist()):
        for j, y in enumerate(b[0, : n // 2].tolist()):
            convolved[i + j] += x * y
    direct = vectors.ntt(np.array([[value % P for value in convolved]], np.uint64))
    assert np.array_equal(vectors.mul(vectors.ntt(a), vectors.ntt(b)), direct)


def test_lengths_that_differ_are_refused() -> None:
    two, three = np.ones((2, 2), np.uint64), np.ones((3, 2), np.uint64)
    for call in (
        lambda: vectors.ext_dot(two, three),
        lambda: vectors.dot_base(two[:, 0], three),
        lambda: vectors.contract(np.ones((4, 2), np.int64), three),
        lambda: vectors.combine_rows(two, three),
    ):
        with pytest.raises(ValueError, match="differ in length"):
            call()
    with pytest.raises(ValueError, match="power of two"):
        vectors.ntt(np.ones((1, 3), np.uint64))
