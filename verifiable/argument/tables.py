"""Tables of pairs that lookups point into: ranges and clamps by formula, other graphs by value.

A table of 2^k rows has the columns a and b. Row j has a = start + j, so no two rows share a, and b
is a function of it: a clamp, or anything listed. The verifier evaluates the multilinear extensions
of both columns at the leaves' point: by a formula in O(k) for a clamp, from the list for a graph.

A range check is a clamp to 0: the rows are (start + j, 0).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from verifiable.argument import vectors
from verifiable.argument.goldilocks import Ext
from verifiable.argument.multilinear import identity, index_below, less_than
from verifiable.errors import MalformedFile

__all__ = ["LARGEST_LOG_SIZE", "LARGEST_VALUE", "ClampTable", "GraphTable", "Table", "decode_table"]

IntArray = NDArray[np.int64]

LARGEST_VALUE = 1 << 62
"""Bound on absolute values, so that different integers have different residues mod p."""

LARGEST_LOG_SIZE = 32

_CLAMP = 0
_GRAPH = 1
_HEAD = struct.Struct("<BBq")  # kind, log_size, start
_BOUNDS = struct.Struct("<qq")  # lo, hi

_LOW_VARIABLES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ClampTable:
    """Rows (start + j, min(max(start + j, lo), hi)) for j in 0..2^log_size-1.

    Raises:
        ValueError: A number is out of bounds, or lo is above hi.
    """

    start: int
    log_size: int
    lo: int
    hi: int

    def __post_init__(self) -> None:
        _check_domain(self.start, self.log_size)
        if not -LARGEST_VALUE <= self.lo <= self.hi <= LARGEST_VALUE:
            raise ValueError(f"a table cannot clamp to {self.lo}..{self.hi}")

    def rows(self) -> tuple[IntArray, IntArray]:
        """The columns a and b: each (2^log_size,) int64."""
        a = np.arange(self.start, self.start + (1 << self.log_size), dtype=np.int64)
        return a, np.clip(a, self.lo, self.hi)

    def evaluate(self, point: Sequence[Ext]) -> tuple[Ext, Ext]:
        """The multilinear extensions of a and b at a point of log_size variables.

        Raises:
            ValueError: The point has another number of variables.
        """
        _check_point(point, self.log_size)
        size = 1 << self.log_size
        # b is lo on the rows before `first`, hi from `end` on, and a in between.
        first = min(max(self.lo - self.start, 0), size)
        end = min(max(self.hi - self.start + 1, 0), size)
        before, until = less_than(first, point), less_than(end, point)
        between = index_below(end, point) - index_below(first, point)
        b = before * self.lo + (1 - until) * self.hi + (until - before) * self.start + between
        return identity(point) + self.start, b

    def encode(self) -> bytes:
        """The one encoding of this table."""
        return _HEAD.pack(_CLAMP, self.log_size, self.start) + _BOUNDS.pack(self.lo, self.hi)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphTable:
    """Rows (start + j, values[j]) for j in 0..2^log_size-1.

    Attributes:
        start: a of the first row.
        values: b of each row. Padded to a power of two by repeating the last one: the rows added
            are rows like any others, so lookups may point to them.

    Raises:
        ValueError: There are no values, or a number is out of bounds.
    """

    start: int
    values: tuple[int, ...]
    _array: IntArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a table without values")
        log_size = (len(self.values) - 1).bit_length()
        _check_domain(self.start, log_size)
        if min(self.values) < -LARGEST_VALUE or max(self.values) > LARGEST_VALUE:
            raise ValueError("a value of a table is too large")
        missing = (1 << log_size) - len(self.values)
        padded = self.values + self.values[-1:] * missing
        array = np.array(padded, dtype=np.int64)
        array.setflags(write=False)
        object.__setattr__(self, "values", padded)
        object.__setattr__(self, "_array", array)

    @property
    def log_size(self) -> int:
        """log2 of the number of rows."""
        return (len(self.values) - 1).bit_length()

    def rows(self) -> tuple[IntArray, IntArray]:
        """The columns a and b: each (2^log_size,) int64, b read-only."""
        a = np.arange(self.start, self.start + len(self.values), dtype=np.int64)
        return a, self._array

    def evaluate(self, point: Sequence[Ext]) -> tuple[Ext, Ext]:
        """The multilinear extensions of a and b at a point of log_size variables.

        Raises:
            ValueError: The point has another number of variables.
        """
        _check_point(point, self.log_size)
        low = min(self.log_size, _LOW_VARIABLES)
        part = vectors.contract(self._array.reshape(-1, 1 << low), vectors.eq_table(point[:low]))
        b = vectors.ext_dot(part, vectors.eq_table(point[low:]))
        return identity(point) + self.start, b

    def encode(self) -> bytes:
        """The one encoding of this table."""
        head = _HEAD.pack(_GRAPH, self.log_size, self.start)
        return head + self._array.astype("<i8", copy=False).tobytes()


Table: TypeAlias = ClampTable | GraphTable


def decode_table(data: bytes, offset: int = 0) -> tuple[Table, int]:
    """Decode the table that begins at `offset`.

    Returns:
        The table, and where what follows it begins.

    Raises:
        MalformedFile: There is no table, or not in the one encoding that it has.
    """
    if len(data) - offset < _HEAD.size:
        raise _malformed("it ends inside a table's head")
    kind, log_size, start = _HEAD.unpack_from(data, offset)
    offset += _HEAD.size
    if log_size > LARGEST_LOG_SIZE or kind not in (_CLAMP, _GRAPH):
        raise _malformed(f"kind {kind} with 2^{log_size} rows is no table")
    size = _BOUNDS.size if kind == _CLAMP else 8 << log_size
    if len(data) - offset < size:
        raise _malformed("it ends inside a table")
    try:
        if kind == _CLAMP:
            lo, hi = _BOUNDS.unpack_from(data, offset)
            return ClampTable(start=start, log_size=log_size, lo=lo, hi=hi), offset + size
        values = np.frombuffer(data, dtype="<i8", count=1 << log_size, offset=offset)
        return GraphTable(start=start, values=tuple(values.tolist())), offset + size
    except ValueError as cause:
        raise _malformed(str(cause)) from cause


def _check_domain(start: int, log_size: int) -> None:
    if not 0 <= log_size <= LARGEST_LOG_SIZE:
        raise ValueError(f"a table of 2^{log_size} rows")
    if not -LARGEST_VALUE <= start <= LARGEST_VALUE - (1 << log_size):
        raise ValueError(f"the rows of a table cannot begin at {start}")


def _check_point(point: Sequence[Ext], log_size: int) -> None:
    if len(point) != log_size:
        raise ValueError(f"a point of {len(point)} variables for a table of 2^{log_size} rows")


def _malformed(why: str) -> MalformedFile:
    return MalformedFile(
        "a lookup table cannot be decoded",
        where="tables",
        why=why,
        hint="the file was damaged or made by another program",
        code="malformed-table",
    )
