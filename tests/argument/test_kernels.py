"""The kernels: both tiers against sums over the whole cube, and one against the other.

The first half checks what a sumcheck's messages have to satisfy, on Python integers, so that the
reference tier is not only compared with itself.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest
from field_cases import ext, exts, words

from verifiable.argument import vectors
from verifiable.argument.goldilocks import ONE, ZERO, Ext, P
from verifiable.argument.kernels import Kernels, RoundProver, load_kernels, warm
from verifiable.argument.vectors import Words

TIERS = ["reference", "numba"]
REFERENCE = load_kernels("reference")


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture(params=TIERS)
def kernels(request: pytest.FixtureRequest) -> Kernels:
    return load_kernels(request.param)


@pytest.fixture(params=[1, 3])
def numba(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kernels:
    """The compiled kernels on so many threads, which even short ranges are spread over."""
    pytest.importorskip("numba")
    from verifiable.argument.numba_kernels import NumbaKernels, fractions, sumcheck, tables

    for module in (fractions, sumcheck, tables):
        monkeypatch.setattr(module, "_GRAIN", 2)
    return NumbaKernels(request.param)


def live_lengths(cells: int) -> list[int]:
    """1, 2, 3, powers of two and their neighbours, and one in between."""
    lengths = {
        1,
        2,
        3,
        cells // 2 - 1,
        cells // 2,
        cells // 2 + 1,
        cells - 1,
        cells,
        cells * 5 // 8,
    }
    return sorted(n for n in lengths if 1 <= n <= cells)


def evaluate(degree: int, message: Sequence[Ext], claim: Ext, r: Ext) -> Ext:
    """Evaluate the polynomial with values message at 0, 2, .. and g(0) + g(1) = claim."""
    values = [message[0], claim - message[0], *message[1:]]
    assert len(values) == degree + 1
    total = ZERO
    for i, value in enumerate(values):
        term = value
        for j in range(degree + 1):
            if j != i:
                term *= (r - j) * Ext(i - j).inverse()
        total += term
    return total


def reduce(
    prover: RoundProver, claim: Ext, rounds: int, generator: np.random.Generator
) -> tuple[list[Ext], Ext, tuple[Ext, ...]]:
    """Run a sumcheck; return its point, the claim that is left and the final values."""
    point = []
    for _ in range(rounds):
        r = ext(generator)
        claim = evaluate(prover.degree, prover.round(), claim, r)
        prover.bind(r)
        point.append(r)
    return point, claim, prover.final()


def widened(table: Words) -> list[Ext]:
    return [Ext(w) for w in table.tolist()] if table.ndim == 1 else vectors.to_exts(table)


def value_at(table: Sequence[Ext], filler: Ext, point: Sequence[Ext]) -> Ext:
    """Evaluate the multilinear extension of a live prefix."""
    weights = vectors.to_exts(vectors.eq_table(point))
    full = [*table, *[filler] * (len(weights) - len(table))]
    return sum((w * v for w, v in zip(weights, full, strict=True)), ZERO)


KINDS = ["ee", "be", "eb", "bb", "eee", "beb", "bbb"]  # base and extension tables


def draw_tables(generator: np.random.Generator, kinds: str, lengths: Sequence[int]) -> list[Words]:
    return [
        words(generator, n) if kind == "b" else words(generator, n, 2)
        for kind, n in zip(kinds, lengths, strict=True)
    ]


# --- both tiers against the whole cube ---


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("rounds", [0, 1, 2, 4])
def test_product_sumcheck(
    kernels: Kernels, kinds: str, rounds: int, generator: np.random.Generator
) -> None:
    for n in live_lengths(2**rounds):
        lengths = [n, *[max(1, n - 1)] * (len(kinds) - 1)]
        tables = draw_tables(generator, kinds, lengths)
        cells = [widened(table) for table in tables]
        claim = ZERO
        for x in range(min(lengths)):
            term = ONE
            for table in cells:
                term *= table[x]
            claim += term
        prover = kernels.product(tables, rounds)
        assert prover.degree == len(kinds)
        point, claim, finals = reduce(prover, claim, rounds, generator)
        assert finals == tuple(value_at(table, ZERO, point) for table in cells)
        term = ONE
        for value in finals:
            term *= value
        assert term == claim


@pytest.mark.parametrize("rounds", [0, 1, 2, 4])
def test_fraction_sumcheck(kernels: Kernels, rounds: int, generator: np.random.Generator) -> None:
    for n in live_lengths(2 ** (rounds + 1)):
        p, q = words(generator, 2, n, 2)
        point, lam = exts(generator, rounds), ext(generator)
        claim = level_claim(vectors.to_exts(p), vectors.to_exts(q), point, lam)
        prover = kernels.fraction(p, q, point, lam, rounds)
        assert prover.degree == 3
        bound, claim, (p0, p1, q0, q1) = reduce(prover, claim, rounds, generator)
        ps, qs = vectors.to_exts(p), vectors.to_exts(q)
        for bit, p_value, q_value in ((ZERO, p0, q0), (ONE, p1, q1)):
            assert p_value == value_at(ps, ZERO, [bit, *bound])
            assert q_value == value_at(qs, ONE, [bit, *bound])
        weight = ONE
        for x, y in zip(point, bound, strict=True):
            weight *= x * y * 2 - x - y + 1
        assert weight * (p0 * q1 + p1 * q0 + lam * q0 * q1) == claim


def level_claim(p: list[Ext], q: list[Ext], point: list[Ext], lam: Ext) -> Ext:
    """Sum eq (p0 q1 + p1 q0 + lam q0 q1) over the whole cube."""
    claim = ZERO
    for x, weight in enumerate(vectors.to_exts(vectors.eq_table(point))):
        p0, p1 = ((p[i] if i < len(p) else ZERO) for i in (2 * x, 2 * x + 1))
        q0, q1 = ((q[i] if i < len(q) else ONE) for i in (2 * x, 2 * x + 1))
        claim += weight * (p0 * q1 + p1 * q0 + lam * q0 * q1)
    return claim


@pytest.mark.parametrize("log_size", [0, 1, 3, 5])
def test_fraction_tree(kernels: Kernels, log_size: int, generator: np.random.Generator) -> None:
    for n in live_lengths(2**log_size):
        numerators, denominators = words(generator, n), words(generator, n, 2)
        levels = kernels.fraction_tree(numerators, denominators, log_size)
        assert [len(p) for p, _ in levels] == [-(-n // 2**k) for k in range(log_size + 1)]
        assert vectors.to_exts(levels[0][0]) == widened(numerators)
        assert np.array_equal(levels[0][1], denominators)
        for (p, q), (sum_p, sum_q) in pairwise(levels):
            ps, qs = [*vectors.to_exts(p), ZERO], [*vectors.to_exts(q), ONE]
            for i, (top, bottom) in enumerate(
                zip(vectors.to_exts(sum_p), vectors.to_exts(sum_q), strict=True)
            ):
                p0, p1, q0, q1 = ps[2 * i], ps[2 * i + 1], qs[2 * i], qs[2 * i + 1]
                assert (top, bottom) == (p0 * q1 + p1 * q0, q0 * q1)


def test_lookup_denominators(kernels: Kernels, generator: np.random.Generator) -> None:
    a = np.array([0, 1, -1, 2**63 - 1, -(2**63), 300])
    b = a[::-1].copy()
    tag, alpha, beta = exts(generator, 3)
    for second in (None, b):
        result = vectors.to_exts(kernels.lookup_denominators(a, second, tag, alpha, beta))
        partners = [0] * len(a) if second is None else second.tolist()
        assert result == [
            beta - x - alpha * y - tag for x, y in zip(a.tolist(), partners, strict=True)
        ]


@pytest.mark.parametrize(("offset", "high", "low"), [(0, 4, 8), (3, 5, 1), (7, 1, 6), (0, 0, 3)])
def test_add_outer(
    kernels: Kernels, offset: int, high: int, low: int, generator: np.random.Generator
) -> None:
    target = words(generator, 40, 2)
    hi, lo = words(generator, high, 2), words(generator, low, 2)
    expected = vectors.to_exts(target)
    for i, x in enumerate(vectors.to_exts(hi)):
        for j, y in enumerate(vectors.to_exts(lo)):
            expected[offset + i * low + j] += x * y
    kernels.add_outer(target, offset, hi, lo)
    assert vectors.to_exts(target) == expected


@pytest.mark.parametrize("length", [1, 2, 4, 8, 32])
def test_encode_rows(kernels: Kernels, length: int, generator: np.random.Generator) -> None:
    rows = words(generator, 3, length)
    extended = np.concatenate([rows, np.zeros((3, 3 * length), np.uint64)], axis=1)
    assert np.array_equal(kernels.encode_rows(rows), vectors.ntt(extended))


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 70), (255, 5), (256, 131), (300, 64)])
def test_hash_columns(
    kernels: Kernels, rows: int, columns: int, generator: np.random.Generator
) -> None:
    matrix = words(generator, rows, columns)
    expected = b""
    for column in matrix.T.tolist():
        leaf = b"\x00" + b"".join(word.to_bytes(8, "little") for word in column)
        expected += hashlib.sha256(leaf).digest()
    assert kernels.hash_columns(matrix) == expected
    assert kernels.hash_columns(np.asfortranarray(matrix)) == expected


def test_eq_table_and_combine_rows(kernels: Kernels, generator: np.random.Generator) -> None:
    for variables in (0, 1, 5):
        point = exts(generator, variables)
        assert np.array_equal(kernels.eq_table(point), vectors.eq_table(point))
    weights, rows = words(generator, 4, 2), words(generator, 4, 7)
    assert np.array_equal(kernels.combine_rows(weights, rows), vectors.combine_rows(weights, rows))


# --- what is refused ---


def test_shapes_that_do_not_fit_are_refused(kernels: Kernels) -> None:
    one, two, five = (np.ones((n, 2), np.uint64) for n in (1, 2, 5))
    empty = np.ones((0, 2), np.uint64)
    ints = np.ones(3, np.int64)
    calls = [
        lambda: kernels.product([two], 1),
        lambda: kernels.product([two] * 4, 1),
        lambda: kernels.product([five, two], 2),
        lambda: kernels.product([two, empty], 2),
        lambda: kernels.fraction(two, one, [], ONE, 0),
        lambda: kernels.fraction(five, five, [ONE], ONE, 1),
        lambda: kernels.fraction(two, two, [ONE], ONE, 0),
        lambda: kernels.fraction(empty, empty, [ONE], ONE, 1),
        lambda: kernels.fraction_tree(five[:, 0].copy(), five, 2),
        lambda: kernels.fraction_tree(two[:, 0].copy(), one, 2),
        lambda: kernels.fraction_tree(empty[:, 0].copy(), empty, 2),
        lambda: kernels.lookup_denominators(ints, ints[:2], ONE, ONE, ONE),
        lambda: kernels.add_outer(five, 2, two, two),
        lambda: kernels.add_outer(five, -1, two, two),
        lambda: kernels.combine_rows(two, np.ones((3, 4), np.uint64)),
        lambda: kernels.encode_rows(np.ones((2, 6), np.uint64)),
    ]
    for call in calls:
        with pytest.raises(ValueError):  # noqa: PT011 - one sentence for each call
            call()


def test_rounds_out_of_order_are_refused(kernels: Kernels) -> None:
    table = np.ones((2, 2), np.uint64)
    for prover in (kernels.product([table] * 2, 1), kernels.fraction(table, table, [ONE], ONE, 1)):
        with pytest.raises(ValueError, match="1 variables"):
            prover.final()
        prover.bind(ONE)
        with pytest.raises(ValueError, match="bound already"):
            prover.round()
        with pytest.raises(ValueError, match="bound already"):
            prover.bind(ONE)


def test_names_of_kernels() -> None:
    assert load_kernels("reference").name == "reference"
    with pytest.raises(ValueError, match="no kernels called"):
        load_kernels("gpu")
    installed = importlib.util.find_spec("numba") is not None
    assert load_kernels().name == ("numba" if installed else "reference")


def test_warm_runs_every_kernel(kernels: Kernels) -> None:
    called = set()

    class Spy:
        def __getattr__(self, name: str) -> object:
            called.add(name)
            return getattr(kernels, name)

    warm(Spy())
    assert called == {name for name in vars(Kernels) if not name.startswith("_")}


def test_a_change_of_any_source_renames_the_cache() -> None:
    """numba looks at a kernel's own file only, and kernels inline functions of other files."""
    from verifiable.argument.numba_kernels import encoding, field, fractions, sumcheck, tables

    kernels = [
        value
        for module in (encoding, fractions, sumcheck, tables)
        for value in vars(module).values()
        if hasattr(value, "py_func") and not value.targetoptions.get("forceinline")
    ]
    assert len(kernels) > 10
    for kernel in kernels:
        assert kernel.py_func.__qualname__.endswith(field._source_digest())


# --- one tier against the other ---


def both(
    left: RoundProver, right: RoundProver, rounds: int, challenges: Iterator[Ext]
) -> tuple[Ext, ...]:
    """Run two provers on the same challenges; every message has to be the same."""
    for _ in range(rounds):
        assert left.round() == right.round()
        assert left.round() == right.round(), "asking again changes nothing"
        r = next(challenges)
        left.bind(r)
        right.bind(r)
    finals = left.final()
    assert finals == right.final()
    return finals


def challenges_from(generator: np.random.Generator) -> Iterator[Ext]:
    yield from (ZERO, ONE, Ext(P - 1, P - 1))
    while True:
        yield ext(generator)


@pytest.mark.parametrize("kinds", KINDS)
def test_product_parity(numba: Kernels, kinds: str, generator: np.random.Generator) -> None:
    for rounds in range(8):
        for n in live_lengths(2**rounds):
            tables = draw_tables(generator, kinds, [n] * len(kinds))
            copies = [table.copy() for table in tables]
            left, right = (k.product(tables, rounds) for k in (REFERENCE, numba))
            both(left, right, rounds, challenges_from(generator))
            for table, copy in zip(tables, copies, strict=True):
                assert np.array_equal(table, copy), "the caller's tables are read only"


def test_fraction_parity(numba: Kernels, generator: np.random.Generator) -> None:
    special = iter([ZERO, ONE] * 1000)
    for rounds in range(8):
        for n in live_lengths(2 ** (rounds + 1)):
            p, q = words(generator, 2, n, 2)
            copies = p.copy(), q.copy()
            point, lam = exts(generator, rounds), ext(generator)
            if rounds:  # a coordinate 0 leaves h(1) out of the sum
                point[int(generator.integers(rounds))] = next(special)
            left, right = (k.fraction(p, q, point, lam, rounds) for k in (REFERENCE, numba))
            both(left, right, rounds, challenges_from(generator))
            assert np.array_equal(p, copies[0])
            assert np.array_equal(q, copies[1])


def test_fractions_of_large_tables(numba: Kernels, generator: np.random.Generator) -> None:
    """Enough variables that the table of high eq weights is used up too."""
    rounds, n = 10, 1500
    p, q = words(generator, 2, n, 2)
    point, lam = exts(generator, rounds), ext(generator)
    left, right = (k.fraction(p, q, point, lam, rounds) for k in (REFERENCE, numba))
    finals = both(left, right, rounds, challenges_from(generator))
    assert len(set(finals)) == 4


def test_binding_without_asking(numba: Kernels, generator: np.random.Generator) -> None:
    tables = draw_tables(generator, "bee", [13, 13, 13])
    point, lam = exts(generator, 4), ext(generator)
    for left, right in (
        (REFERENCE.product(tables[:2], 4), numba.product(tables[:2], 4)),
        (REFERENCE.product(tables, 4), numba.product(tables, 4)),
        (k.fraction(tables[1], tables[2], point, lam, 4) for k in (REFERENCE, numba)),
    ):
        for r in exts(generator, 4):
            left.bind(r)
            right.bind(r)
        assert left.final() == right.final()


@pytest.mark.parametrize("n", [1, 2, 3, 63, 64, 65, 100])
def test_fraction_tree_parity(numba: Kernels, n: int, generator: np.random.Generator) -> None:
    arguments = (words(generator, n), words(generator, n, 2), 7)
    for left, right in zip(
        REFERENCE.fraction_tree(*arguments), numba.fraction_tree(*arguments), strict=True
    ):
        assert np.array_equal(left[0], right[0])
        assert np.array_equal(left[1], right[1])


@pytest.mark.parametrize("variables", [0, 1, 7, 12, 13])
def test_eq_table_parity(numba: Kernels, variables: int, generator: np.random.Generator) -> None:
    point = exts(generator, variables)
    assert np.array_equal(REFERENCE.eq_table(point), numba.eq_table(point))


@pytest.mark.parametrize("log_length", range(12))
def test_encode_parity(numba: Kernels, log_length: int, generator: np.random.Generator) -> None:
    rows = words(generator, 3, 2**log_length)
    assert np.array_equal(REFERENCE.encode_rows(rows), numba.encode_rows(rows))
    full = np.full((1, 2**log_length), P - 1, np.uint64)
    assert np.array_equal(REFERENCE.encode_rows(full), numba.encode_rows(full))


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (5, 127), (9, 128), (40, 300)])
def test_row_parity(
    numba: Kernels, rows: int, columns: int, generator: np.random.Generator
) -> None:
    weights, matrix = words(generator, rows, 2), words(generator, rows, columns)
    assert np.array_equal(
        REFERENCE.combine_rows(weights, matrix), numba.combine_rows(weights, matrix)
    )
    assert REFERENCE.hash_columns(matrix) == numba.hash_columns(matrix)


def test_denominators_and_outer_parity(numba: Kernels, generator: np.random.Generator) -> None:
    a, b = words(generator, 2, 1001).view(np.int64)
    tag, alpha, beta = exts(generator, 3)
    for second in (None, b):
        left, right = (
            k.lookup_denominators(a, second, tag, alpha, beta) for k in (REFERENCE, numba)
        )
        assert np.array_equal(left, right)
    target = words(generator, 1000, 2)
    copy = target.copy()
    hi, lo = words(generator, 31, 2), words(generator, 29, 2)
    REFERENCE.add_outer(target, 50, hi, lo)
    numba.add_outer(copy, 50, hi, lo)
    assert np.array_equal(target, copy)
