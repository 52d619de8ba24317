"""The ledger of soundness: known figures, exact sums, and bounds that hold at every length."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from verifiable.argument.soundness import (
    FIELD_SIZE,
    QUERIES,
    QUERY_ERROR,
    Ledger,
    Lookup,
    LookupTree,
    Opening,
    Point,
    Rlc,
    Sumcheck,
    Term,
    decoding_radius,
    ledger,
)


def published_setting(stack_log: int, rows_log: int, queries: int) -> list[Term]:
    """Two families of 2^v lookups (widths 2 and 3), tables of 2^16 rows, 10^5 cubic rounds."""
    rows = 2**stack_log + 2**16
    return [
        Opening(
            label="opening",
            codeword_log=stack_log - rows_log + 2,
            rows_log=rows_log,
            queries=queries,
        ),
        Lookup(label="pairs", rows=rows, width=2),
        Lookup(label="triples", rows=rows, width=3),
        LookupTree(label="pairs", levels=stack_log + 1),
        LookupTree(label="triples", levels=stack_log + 1),
        Sumcheck(label="walk", degree=3, rounds=10**5),
        Rlc(label="merge", count=2**12),
    ]


def bits_by_name(budget: Ledger) -> dict[str, float]:
    return {row.name: row.bits for row in budget.rows}


@pytest.mark.parametrize(
    ("stack_log", "rows_log", "proximity", "lookup", "total"),
    [(20, 7, 110.2, 106.3, 100.33), (22, 8, 109.0, 104.4, 100.26), (24, 9, 107.8, 102.4, 100.04)],
)
def test_figures_of_the_design_table_are_reproduced(
    stack_log: int, rows_log: int, proximity: float, lookup: float, total: float
) -> None:
    budget = ledger(published_setting(stack_log, rows_log, 148))
    bits = bits_by_name(budget)
    assert round(bits["query"], 2) == 100.35
    assert round(bits["proximity"], 1) == proximity
    assert round(bits["lookup"], 1) == lookup
    assert round(bits["sumcheck"], 1) == 109.8
    assert round(budget.total_bits, 2) == total
    assert round(budget.worst_round_bits, 2) == 100.35


@pytest.mark.parametrize(("stack_log", "rows_log"), [(20, 7), (22, 8), (24, 9)])
def test_the_shipped_number_of_queries_leaves_a_hundred_bits_in_all(
    stack_log: int, rows_log: int
) -> None:
    budget = ledger(published_setting(stack_log, rows_log, QUERIES))
    assert QUERIES == 152
    assert round(bits_by_name(budget)["query"], 2) == 103.07
    assert budget.total_bits >= 101.6
    assert budget.worst_round_bits >= 102.9


def test_148_queries_are_the_fewest_whose_error_alone_is_below_a_hundred_bits() -> None:
    assert Fraction(1, 2**100) >= QUERY_ERROR**148
    assert Fraction(1, 2**100) < QUERY_ERROR**147


@pytest.mark.parametrize("codeword_log", range(2, 33))
def test_the_query_bound_covers_what_unique_decoding_gives_at_every_length(
    codeword_log: int,
) -> None:
    length, dimension = 1 << codeword_log, 1 << codeword_log - 2
    distance = length - dimension + 1
    radius = decoding_radius(codeword_log)
    assert 2 * radius < distance <= 2 * (radius + 1)
    shown_by = min(radius + 1, distance - radius)  # a far word; a wrong row beside a close word
    assert Fraction(length - shown_by, length) <= QUERY_ERROR


@pytest.mark.parametrize(
    ("term", "numerator", "round_numerator"),
    [
        (Sumcheck(label="s", degree=2, rounds=20), 40, 2),
        (Sumcheck(label="s", degree=3, rounds=0), 0, 0),
        (Rlc(label="r", count=5), 4, 4),
        (Rlc(label="r", count=1), 0, 0),
        (Rlc(label="r", count=0), 0, 0),
        (Lookup(label="l", rows=100), 200, 200),
        (Lookup(label="l", rows=100, width=1), 100, 100),
        (LookupTree(label="t", levels=3), 5 + 8 + 11, 3),
        (LookupTree(label="t", levels=0), 0, 0),
        (Point(label="p", variables=7), 7, 7),
    ],
)
def test_each_term_has_its_exact_error(term: Term, numerator: int, round_numerator: int) -> None:
    (row,) = ledger([term]).rows
    assert row.error == Fraction(numerator, FIELD_SIZE)
    assert row.round_error == Fraction(round_numerator, FIELD_SIZE)


def test_an_opening_has_a_query_row_and_a_proximity_row() -> None:
    query, proximity = ledger([Opening(label="o", codeword_log=10, rows_log=6, queries=40)]).rows
    assert query.error == query.round_error == Fraction(5**40, 8**40)
    assert proximity.error == Fraction(6 * 1024, FIELD_SIZE)
    assert proximity.round_error == Fraction(1024, FIELD_SIZE)


def test_errors_of_one_kind_add_up_and_the_worst_round_is_the_largest_of_all() -> None:
    budget = ledger(
        [
            Sumcheck(label="a", degree=2, rounds=20),
            Point(label="b", variables=7),
            Sumcheck(label="c", degree=3, rounds=10),
        ]
    )
    assert bits_by_name(budget)["sumcheck"] == pytest.approx(math.log2(FIELD_SIZE) - math.log2(70))
    assert budget.error == Fraction(77, FIELD_SIZE)
    worst = budget.worst_round
    assert worst is not None
    assert worst.name == "random point"
    assert budget.worst_round_bits == pytest.approx(math.log2(FIELD_SIZE) - math.log2(7))


def test_errors_below_the_smallest_float_keep_their_bits() -> None:
    (query, _) = ledger([Opening(label="o", codeword_log=4, rows_log=0, queries=10**4)]).rows
    assert query.bits == pytest.approx(10**4 * math.log2(1.6), rel=1e-12)


def test_a_run_without_terms_has_no_error() -> None:
    budget = ledger([])
    assert budget.total_bits == budget.worst_round_bits == math.inf
    assert budget.worst_round is None


def test_the_rendered_ledger_shows_every_term_and_never_rounds_up() -> None:
    budget = ledger(published_setting(22, 8, 148))
    text = budget.markdown()
    lines = text.splitlines()
    assert all(line.count("|") == 6 for line in lines)
    for row in budget.rows:
        (line,) = (line for line in lines if line.startswith(f"| {row.name} |"))
        shown = float(line.split("|")[4])
        assert row.bits - 0.01 < shown <= row.bits
    assert f"| **{math.floor(budget.total_bits * 100) / 100:.2f}** |" in text
    assert "| hash collision |" in text
    assert "| 128 |" in text


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        Sumcheck(label="s", degree=2, rounds=-1)
    with pytest.raises(ValueError, match="negative"):
        Opening(label="o", codeword_log=4, rows_log=-1, queries=2)
    with pytest.raises(ValueError, match="at least 4"):
        Opening(label="o", codeword_log=1, rows_log=1, queries=2)
