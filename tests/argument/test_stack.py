"""Where columns lie in a stack: aligned, apart, found again through the multilinear extension."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiable.argument.stack import Block, address_bits, first_row_after, layout

SIZES = st.lists(st.integers(0, 9), min_size=1, max_size=12).map(
    lambda logs: [(f"c{place}", log) for place, log in enumerate(logs)]
)


@given(sizes=SIZES, row_bits=st.integers(0, 7), start=st.integers(0, 3))
def test_blocks_are_aligned_apart_and_within_the_rows(
    sizes: list[tuple[str, int]], row_bits: int, start: int
) -> None:
    first_row = first_row_after(start, sizes, row_bits)
    stack = layout(sizes, row_bits, first_row)
    assert {name: block.log_size for name, block in stack.blocks.items()} == dict(sizes)
    taken = np.zeros(stack.end_row << row_bits, dtype=np.int64)
    for name, block in stack.blocks.items():
        assert block.name == name
        assert block.offset % (1 << block.log_size) == 0
        assert block.index << block.log_size == block.offset
        taken[block.offset : block.offset + (1 << block.log_size)] += 1
    assert taken.max() == 1
    assert not taken[: first_row << row_bits].any()
    # every row but the last is full
    assert taken[first_row << row_bits : (stack.end_row - 1) << row_bits].all()
    assert taken[(stack.end_row - 1) << row_bits :].any()
    assert 1 << address_bits([stack]) >= len(taken)


def test_largest_columns_come_first_and_equal_ones_keep_their_order() -> None:
    stack = layout([("a", 1), ("b", 3), ("c", 3), ("d", 0)], 2)
    assert list(stack.blocks) == ["b", "c", "a", "d"]
    assert [block.offset for block in stack.blocks.values()] == [0, 8, 16, 18]
    assert (stack.rows, stack.end_row, stack.row_length, stack.codeword_log) == (5, 5, 4, 4)


def test_offsets_count_from_the_start_of_the_virtual_stack() -> None:
    stack = layout([("a", 3)], 2, first_row=6)
    assert stack.blocks["a"] == Block(name="a", log_size=3, offset=24)
    assert stack.blocks["a"].index == 3
    assert (stack.rows, stack.end_row) == (2, 8)


def test_a_stack_starts_at_a_multiple_of_its_largest_column() -> None:
    sizes = [("a", 4), ("b", 0)]
    assert [first_row_after(row, sizes, 2) for row in (0, 1, 4, 5)] == [0, 4, 4, 8]
    assert first_row_after(5, [("b", 0)], 2) == 5
    with pytest.raises(ValueError, match="no multiple"):
        layout(sizes, 2, first_row=2)


@pytest.mark.parametrize(
    ("sizes", "row_bits", "first_row"),
    [([], 2, 0), ([("a", 1), ("a", 2)], 2, 0), ([("a", -1)], 2, 0), ([("a", 1)], 2, -1)],
)
def test_stacks_that_cannot_be_are_refused(
    sizes: list[tuple[str, int]], row_bits: int, first_row: int
) -> None:
    with pytest.raises(ValueError, match=r"column|negative"):
        layout(sizes, row_bits, first_row)


def test_one_address_space_holds_several_stacks() -> None:
    witness = layout([("w", 5)], 2)  # rows 0..7
    weights = layout([("v", 4), ("b", 1)], 2, first_row=8)  # rows 8..12
    assert address_bits([witness]) == 2 + 3
    assert address_bits([weights, witness]) == 2 + 4
    assert address_bits([layout([("w", 0)], 2)]) == 2
    with pytest.raises(ValueError, match="share row"):
        address_bits([witness, layout([("v", 2)], 2, first_row=7)])
    with pytest.raises(ValueError, match="one length"):
        address_bits([witness, layout([("v", 2)], 3, first_row=8)])
    with pytest.raises(ValueError, match="no stack"):
        address_bits([])


def test_a_layout_cannot_be_changed() -> None:
    stack = layout([("a", 1)], 2)
    with pytest.raises(TypeError):
        stack.blocks["a"] = Block(name="a", log_size=1, offset=2)
