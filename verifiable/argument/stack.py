"""Where each committed column lies in a stack of rows.

A commitment is to one matrix, the stack, with C = 2^row_bits field elements a row. Columns of
power-of-two size are laid one after another along its rows, largest first, each aligned to its own
size. So a column is one block of addresses: a point of the stack's multilinear extension splits
into the block's own coordinates (the low ones) and the address bits that select the block.

Several stacks share one address space, the virtual stack: each starts at its own `first_row`, and
rows that belong to no stack are zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

__all__ = ["Block", "StackLayout", "address_bits", "first_row_after", "layout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One column's place.

    Attributes:
        name: the column.
        log_size: log2 of its length.
        offset: address of its first element in the virtual stack, a multiple of its length.
    """

    name: str
    log_size: int
    offset: int

    @property
    def index(self) -> int:
        """The address bits above the block's own: `eq_bits(index, point[log_size:])` selects it."""
        return self.offset >> self.log_size


@dataclass(frozen=True, slots=True, kw_only=True)
class StackLayout:
    """One stack: its blocks by name, in the order in which they lie.

    Attributes:
        row_bits: log2 of the row length C.
        first_row: the virtual row at which the stack starts.
        rows: rows in use; any number, not padded to a power of two.
        blocks: read-only; a block's offset counts from address 0 of the virtual stack.
    """

    row_bits: int
    first_row: int
    rows: int
    blocks: Mapping[str, Block]

    @property
    def row_length(self) -> int:
        """Field elements in a row."""
        return 1 << self.row_bits

    @property
    def end_row(self) -> int:
        """The virtual row after the last one."""
        return self.first_row + self.rows

    @property
    def codeword_log(self) -> int:
        """log2 of the number of columns of the encoded stack (rate 1/4)."""
        return self.row_bits + 2


def layout(sizes: Sequence[tuple[str, int]], row_bits: int, first_row: int = 0) -> StackLayout:
    """Lay out columns, given as (name, log2 of length), largest first and otherwise in order.

    Raises:
        ValueError: without columns, at a name that occurs twice, at a negative size, or where
            `first_row` is no multiple of the rows of the largest column.
    """
    if not sizes:
        raise ValueError("a stack holds at least one column")
    if row_bits < 0 or first_row < 0 or min(log_size for _, log_size in sizes) < 0:
        raise ValueError("sizes and places in a stack are not negative")
    if first_row % _largest_rows(sizes, row_bits):
        raise ValueError(
            f"row {first_row} is no multiple of the largest column's "
            f"{_largest_rows(sizes, row_bits)} rows"
        )
    blocks: dict[str, Block] = {}
    used = first_row << row_bits
    # Sizes are powers of two that do not grow, so every offset is aligned without gaps.
    for name, log_size in sorted(sizes, key=lambda entry: -entry[1]):
        if name in blocks:
            raise ValueError(f"column {name!r} occurs twice in a stack")
        blocks[name] = Block(name=name, log_size=log_size, offset=used)
        used += 1 << log_size
    rows = -(-used >> row_bits) - first_row
    return StackLayout(
        row_bits=row_bits, first_row=first_row, rows=rows, blocks=MappingProxyType(blocks)
    )


def first_row_after(end_row: int, sizes: Sequence[tuple[str, int]], row_bits: int) -> int:
    """The first row, `end_row` or later, at which columns of these sizes may start."""
    step = _largest_rows(sizes, row_bits)
    return -(-end_row // step) * step


def address_bits(layouts: Iterable[StackLayout]) -> int:
    """Variables of the virtual stack that holds these stacks.

    Raises:
        ValueError: without stacks, if row lengths differ, or if two stacks share a row.
    """
    placed = sorted(layouts, key=lambda stack: stack.first_row)
    if not placed:
        raise ValueError("no stack to address")
    for before, after in pairwise(placed):
        if before.row_bits != after.row_bits:
            raise ValueError("stacks of one opening have rows of one length")
        if before.end_row > after.first_row:
            raise ValueError(f"two stacks share row {after.first_row}")
    return placed[0].row_bits + (placed[-1].end_row - 1).bit_length()


def _largest_rows(sizes: Sequence[tuple[str, int]], row_bits: int) -> int:
    return 1 << max(0, max(log_size for _, log_size in sizes) - row_bits)
