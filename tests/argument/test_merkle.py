"""Merkle trees: against a tree written out by hand, and every change to a path changes the root."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiable.argument.merkle import build, hash_columns, prove, root_from, siblings_needed


def leaves_of(log_n: int) -> list[bytes]:
    return [sha256(b"leaf%d" % at).digest() for at in range(1 << log_n)]


def root_by_recursion(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    half = len(leaves) // 2
    below = root_by_recursion(leaves[:half]) + root_by_recursion(leaves[half:])
    return sha256(b"\x01" + below).digest()


@st.composite
def trees_and_positions(draw: st.DrawFn) -> tuple[int, tuple[int, ...]]:
    log_n = draw(st.integers(0, 6))
    chosen = draw(st.sets(st.integers(0, (1 << log_n) - 1), min_size=1))
    return log_n, tuple(sorted(chosen))


@given(case=trees_and_positions())
def test_opened_leaves_lead_to_the_root(case: tuple[int, tuple[int, ...]]) -> None:
    log_n, positions = case
    leaves = leaves_of(log_n)
    levels = build(b"".join(leaves))
    assert levels[-1] == root_by_recursion(leaves)
    siblings = prove(levels, positions)
    assert len(siblings) == 32 * siblings_needed(log_n, positions)
    opened = b"".join(leaves[at] for at in positions)
    assert root_from(log_n, positions, opened, siblings) == levels[-1]


@given(case=trees_and_positions(), data=st.data())
def test_any_changed_bit_of_leaves_or_siblings_changes_the_root(
    case: tuple[int, tuple[int, ...]], data: st.DataObject
) -> None:
    log_n, positions = case
    leaves = leaves_of(log_n)
    levels = build(b"".join(leaves))
    opened = b"".join(leaves[at] for at in positions)
    path = bytearray(opened + prove(levels, positions))
    bit = data.draw(st.integers(0, len(path) * 8 - 1))
    path[bit // 8] ^= 1 << bit % 8
    found = root_from(log_n, positions, bytes(path[: len(opened)]), bytes(path[len(opened) :]))
    assert found != levels[-1]


def test_leaves_at_exchanged_positions_lead_elsewhere() -> None:
    leaves = leaves_of(3)
    levels = build(b"".join(leaves))
    siblings = prove(levels, (2, 5))
    assert root_from(3, (2, 5), leaves[2] + leaves[5], siblings) == levels[-1]
    assert root_from(3, (2, 5), leaves[5] + leaves[2], siblings) != levels[-1]


def test_a_pruned_path_lists_only_what_cannot_be_computed() -> None:
    assert siblings_needed(3, (0,)) == 3
    assert siblings_needed(3, (0, 1)) == 2
    assert siblings_needed(3, (0, 2)) == 3
    assert siblings_needed(3, (0, 7)) == 4
    assert siblings_needed(3, tuple(range(8))) == 0
    levels = build(b"".join(leaves_of(3)))
    leaf, inner = levels[0], levels[1]
    assert prove(levels, (0, 2)) == leaf[32:64] + leaf[96:128] + levels[2][32:64]
    assert prove(levels, (6,)) == leaf[224:256] + inner[64:96] + levels[2][:32]


@pytest.mark.parametrize("positions", [(), (1, 1), (2, 1), (-1, 2), (0, 8)])
def test_positions_out_of_order_or_range_are_refused(positions: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        siblings_needed(3, positions)
    with pytest.raises(ValueError, match="ascending"):
        root_from(3, positions, bytes(32 * len(positions)), b"")


def test_counts_that_do_not_fit_are_refused() -> None:
    levels = build(b"".join(leaves_of(2)))
    siblings = prove(levels, (1,))
    with pytest.raises(ValueError, match="siblings"):
        root_from(2, (1,), levels[0][32:64], siblings[:-1])
    with pytest.raises(ValueError, match="siblings"):
        root_from(2, (1,), levels[0][32:64], siblings + bytes(32))
    with pytest.raises(ValueError, match="leaf digests"):
        root_from(2, (1,), levels[0][:64], siblings)
    for size in (0, 31, 33, 96):
        with pytest.raises(ValueError, match="power of two"):
            build(bytes(size))


def test_columns_are_hashed_as_a_zero_byte_and_little_endian_words() -> None:
    columns = np.array([[1, 2**64 - 2**32], [258, 0]], dtype=np.uint64)
    assert hash_columns(columns) == b"".join(
        sha256(b"\x00" + b"".join(int(word).to_bytes(8, "little") for word in column)).digest()
        for column in columns
    )
    assert hash_columns(columns.T.copy().T) == hash_columns(columns)
    assert hash_columns(np.zeros((2, 0), dtype=np.uint64)) == sha256(b"\x00").digest() * 2
