"""Tables of lookups: their formulas against their rows, and one encoding each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiable.argument.goldilocks import ONE, ZERO, Ext, P
from verifiable.argument.tables import (
    LARGEST_LOG_SIZE,
    LARGEST_VALUE,
    ClampTable,
    GraphTable,
    Table,
    decode_table,
)
from verifiable.errors import MalformedFile

words = st.one_of(st.sampled_from([0, 1, P - 1]), st.integers(0, P - 1))
elements = st.builds(Ext, words, words)
ends = st.one_of(
    st.integers(-40, 40), st.sampled_from([-LARGEST_VALUE, LARGEST_VALUE, LARGEST_VALUE - 1])
)


@st.composite
def clamps(draw: st.DrawFn) -> ClampTable:
    lo, hi = sorted((draw(ends), draw(ends)))
    return ClampTable(
        start=draw(st.integers(-40, 40)), log_size=draw(st.integers(0, 5)), lo=lo, hi=hi
    )


graphs = st.builds(
    GraphTable,
    start=st.integers(-40, 40),
    values=st.lists(ends, min_size=1, max_size=20).map(tuple),
)
tables = st.one_of(clamps(), graphs)


def extension(column: Sequence[int], point: Sequence[Ext]) -> Ext:
    """The multilinear extension, from its definition."""
    total = ZERO
    for index, value in enumerate(column):
        weight = Ext.of(value)
        for j, x in enumerate(point):
            weight = weight * (x if index >> j & 1 else ONE - x)
        total += weight
    return total


@given(tables, st.data())
def test_the_extensions_are_those_of_the_rows(table: Table, data: st.DataObject) -> None:
    point = data.draw(st.tuples(*[elements] * table.log_size))
    a, b = (column.tolist() for column in table.rows())
    assert len(a) == len(b) == 1 << table.log_size
    assert table.evaluate(point) == (extension(a, point), extension(b, point))


@given(tables)
def test_at_a_rows_number_the_extensions_are_the_row(table: Table) -> None:
    for index, (a, b) in enumerate(zip(*(c.tolist() for c in table.rows()), strict=True)):
        bits = [Ext(index >> j & 1) for j in range(table.log_size)]
        assert table.evaluate(bits) == (Ext.of(a), Ext.of(b))


@given(clamps())
def test_a_clamps_rows_are_its_definition(table: ClampTable) -> None:
    a, b = (column.tolist() for column in table.rows())
    assert a == [table.start + j for j in range(1 << table.log_size)]
    assert b == [min(max(value, table.lo), table.hi) for value in a]


def test_a_range_is_a_clamp_to_zero() -> None:
    a, b = ClampTable(start=0, log_size=3, lo=0, hi=0).rows()
    assert a.tolist() == list(range(8))
    assert not b.any()


def test_a_graph_is_padded_by_its_last_value() -> None:
    table = GraphTable(start=-2, values=(5, -7, 3, 9, 4))
    assert table.log_size == 3
    a, b = table.rows()
    assert a.tolist() == [-2, -1, 0, 1, 2, 3, 4, 5]
    assert b.tolist() == [5, -7, 3, 9, 4, 4, 4, 4]
    padded = GraphTable(start=-2, values=(5, -7, 3, 9, 4, 4, 4, 4))
    assert padded == table
    assert hash(padded) == hash(table)
    assert padded.encode() == table.encode()


def test_a_large_graph_is_evaluated_as_a_small_one() -> None:
    values = np.random.default_rng(3).integers(-(2**62), 2**62, size=1 << 11).tolist()
    table = GraphTable(start=0, values=tuple(values))
    point = [Ext(3 * j + 1, P - j) for j in range(11)]
    halves = [
        GraphTable(start=0, values=tuple(part)).evaluate(point[:10])[1]
        for part in (values[:1024], values[1024:])
    ]
    assert table.evaluate(point)[1] == halves[0] + point[10] * (halves[1] - halves[0])


def test_equal_tables_are_one_key() -> None:
    clamp = ClampTable(start=0, log_size=2, lo=0, hi=3)
    graph = GraphTable(start=0, values=(0, 1, 2, 3))
    twins = {clamp, graph, ClampTable(start=0, log_size=2, lo=0, hi=3)}
    assert len(twins) == 2
    assert len(twins | {ClampTable(start=0, log_size=2, lo=0, hi=4)}) == 3
    assert len(twins | {GraphTable(start=1, values=(0, 1, 2, 3))}) == 3


def test_rows_of_a_graph_cannot_be_changed() -> None:
    table = GraphTable(start=0, values=(1, 2))
    with pytest.raises(ValueError, match="read-only"):
        table.rows()[1][0] = 5


@pytest.mark.parametrize("variables", [0, 2, 4])
def test_a_point_of_other_variables_is_refused(variables: int) -> None:
    for table in (
        ClampTable(start=0, log_size=3, lo=0, hi=1),
        GraphTable(start=0, values=tuple(range(8))),
    ):
        with pytest.raises(ValueError, match="variables"):
            table.evaluate([ONE] * variables)


@pytest.mark.parametrize(
    ("start", "log_size", "lo", "hi"),
    [
        (0, -1, 0, 0),
        (0, LARGEST_LOG_SIZE + 1, 0, 0),
        (0, 2, 1, 0),
        (0, 2, -LARGEST_VALUE - 1, 0),
        (0, 2, 0, LARGEST_VALUE + 1),
        (-LARGEST_VALUE - 1, 2, 0, 0),
        (LARGEST_VALUE - 3, 2, 0, 0),
    ],
)
def test_impossible_clamps_are_refused(start: int, log_size: int, lo: int, hi: int) -> None:
    with pytest.raises(ValueError, match="table"):
        ClampTable(start=start, log_size=log_size, lo=lo, hi=hi)


@pytest.mark.parametrize(
    ("start", "values"),
    [
        (0, ()),
        (0, (LARGEST_VALUE + 1,)),
        (0, (0, -LARGEST_VALUE - 1)),
        (LARGEST_VALUE, (0,)),
        (LARGEST_VALUE - 3, (0, 0, 0)),
    ],
)
def test_impossible_graphs_are_refused(start: int, values: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="table"):
        GraphTable(start=start, values=values)


def test_the_largest_numbers_have_residues_of_their_own() -> None:
    assert 2 * LARGEST_VALUE + 1 < P


@given(st.lists(tables, min_size=1, max_size=3))
def test_encodings_follow_each_other_and_come_back(listed: list[Table]) -> None:
    data = b"".join(table.encode() for table in listed)
    found: list[Table] = []
    offset = 0
    while offset < len(data):
        table, offset = decode_table(data, offset)
        found.append(table)
    assert found == listed
    assert offset == len(data)


def test_the_encodings_are_pinned() -> None:
    clamp = ClampTable(start=-1, log_size=2, lo=0, hi=1)
    assert clamp.encode().hex() == "0002" + "ff" * 8 + "00" * 8 + "01" + "00" * 7
    graph = GraphTable(start=1, values=(2, 3))
    assert graph.encode().hex() == "0101" + "".join(f"{n:02x}" + "00" * 7 for n in (1, 2, 3))


@given(tables, st.data())
def test_changed_encodings_are_refused_or_of_another_table(
    table: Table, data: st.DataObject
) -> None:
    encoded = bytearray(table.encode())
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    try:
        found, end = decode_table(bytes(encoded))
    except MalformedFile:
        return
    assert found != table
    # A graph may have become a shorter one: then its encoding is a prefix.
    assert found.encode() == bytes(encoded[:end])


@given(tables)
def test_shortened_encodings_are_refused(table: Table) -> None:
    encoded = table.encode()
    for size in range(len(encoded)):
        with pytest.raises(MalformedFile, match="it ends inside") as caught:
            decode_table(encoded[:size])
        assert caught.value.code == "malformed-table"


def test_a_giant_table_is_refused_before_it_is_read() -> None:
    head = GraphTable(start=0, values=(1,)).encode()[:10]
    for log_size in (31, LARGEST_LOG_SIZE, LARGEST_LOG_SIZE + 1, 255):
        with pytest.raises(MalformedFile):
            decode_table(head[:1] + bytes([log_size]) + head[2:] + bytes(64))
    # A clamp is a formula, whatever its size.
    table = ClampTable(start=0, log_size=LARGEST_LOG_SIZE, lo=0, hi=5)
    assert decode_table(table.encode()) == (table, len(table.encode()))
    assert table.evaluate([ZERO] * LARGEST_LOG_SIZE) == (ZERO, ZERO)
    assert table.evaluate([ONE] * LARGEST_LOG_SIZE) == (Ext(2**LARGEST_LOG_SIZE - 1), Ext(5))
