"""The value of a committed stack's multilinear extension at one point: a tensor-code opening.

Each stack is a matrix of base field elements with rows of length C = 2^row_bits. Its rows are
encoded by a Reed-Solomon code of rate 1/4 (code length n = 4C) and a Merkle tree over the columns
is the commitment. All stacks of one opening lie in one address space, the virtual stack, each from
its own `first_row`; with w = eq(row coordinates of the point, .) the claim reads

    sum over lo of eq(low coordinates, lo) * u[lo] = value,    u = sum over rows of w[row] * row.

The prover sends u, one row that combines the rows of all stacks. Then columns are drawn, the same
for all stacks, and opened. The verifier checks

* GK-11: that u gives the value;
* GK-12: that every opened column lies under its root;
* GK-13: that every opened column, combined with w, is that column of u's codeword.

Soundness:
    Take all stacks together as one matrix of words (rows of zeros where no stack lies). It is fixed
    by the roots. Let k = C, n = 4k, d = n - k + 1, and t = floor((n - k) / 2), the radius of unique
    decoding.

    *Far.* Assume that no choice of one codeword a row agrees with the matrix on n - t columns. By
    correlated agreement for Reed-Solomon codes up to the unique decoding radius (BCIKS20, eprint
    2020/654), carried over to tensor combinations (Diamond and Posen, eprint 2023/630; Diamond and
    Gruen, eprint 2024/1351), the words' combination with w is then more than t away from *every*
    codeword, but for a chance of (row variables) * n / F over the row coordinates. So whatever u is
    sent, at least t + 1 columns betray it.

    *Close.* Otherwise that choice of codewords is unique; call its messages M, and D the at most t
    columns where it differs from the matrix. M is fixed by the roots alone. Since the encoder's
    points lie in the base field and the words do, M does too: its conjugate is as close, hence
    equal. If u is not w * M, the two codewords differ in at least d columns, and at least d - t of
    them are outside D, where the columns' combination is that of w * M: at least t + 1 columns
    betray u. If u = w * M, then GK-11 compares `value` with the extension of M at the point.

    A column drawn uniformly misses t + 1 of them with a chance of at most 1 - (t + 1) / n <= 5/8,
    and q columns, drawn with replacement after u was absorbed, with (5/8)^q.

    *Why no separate row tests proximity.* Such a row would be a second combination, by fresh
    challenges, for points that the prover can influence. Here the row coordinates of the point are
    themselves challenges, drawn uniformly after every root was absorbed (the merging sumcheck
    draws them), so w is the tensor that the theorem asks for. **The caller must keep to this**: an
    opening at a point whose row coordinates are chosen, known or drawn before a root was absorbed
    proves nothing. The low coordinates may be anything.

    *Why several stacks count once.* There is one matrix, one w, one u and one draw of positions. A
    lie in any stack, the weights' or the witness's, is a lie in that matrix, and the two cases
    above never ask which rows it is in. Neither the query nor the proximity term is multiplied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np

from verifiable.argument import merkle, vectors
from verifiable.argument.goldilocks import Ext
from verifiable.argument.merkle import Root
from verifiable.argument.side import Side
from verifiable.argument.soundness import LOG_INVERSE_RATE, Opening
from verifiable.argument.stack import StackLayout, address_bits
from verifiable.argument.vectors import Words

__all__ = ["CommittedStack", "Oracle", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """What both sides know of one committed stack."""

    root: Root
    layout: StackLayout


class CommittedStack(Protocol):
    """What the prover's side asks of a stack that it committed to."""

    def combine(self, weights: Words) -> Words:
        """Sum of weights (rows, 2) times rows: (C, 2)."""
        ...

    def columns(self, positions: Sequence[int]) -> Words:
        """Columns of the encoded stack, one a row: (positions, rows)."""
        ...

    def siblings(self, positions: Sequence[int]) -> bytes:
        """Siblings of the pruned Merkle paths of these columns."""
        ...


def open(
    side: Side,
    oracles: Sequence[Oracle],
    committed: Callable[[], Sequence[CommittedStack]],
    point: Sequence[Ext],
    value: Ext,
    queries: int,
) -> None:
    """Show, or check, that the virtual stack's multilinear extension is `value` at `point`.

    Args:
        side: the prover's or the verifier's.
        oracles: the stacks; rows of one length, no row shared.
        committed: the prover's stacks in the same order; never called by a verifier.
        point: one coordinate for each address bit, the lowest first. Those above `row_bits` have to
            be challenges drawn after all roots were absorbed, see the module's text.
        value: the claim.
        queries: columns to draw, with replacement.

    Raises:
        Rejected: GK-11, GK-12 or GK-13 does not hold.
        ValueError: if the stacks do not fit each other or the point.
    """
    if address_bits(oracle.layout for oracle in oracles) > len(point):
        raise ValueError(f"a point of {len(point)} coordinates does not reach all rows")
    row_bits = oracles[0].layout.row_bits
    codeword_log = row_bits + LOG_INVERSE_RATE
    stacks = cache(committed)
    table = vectors.eq_table(point[row_bits:])  # (virtual rows, 2)
    weights = [table[oracle.layout.first_row : oracle.layout.end_row] for oracle in oracles]

    def combined_row() -> Words:
        parts = [stack.combine(w) for stack, w in zip(stacks(), weights, strict=True)]
        return _sum_of(parts)

    combined = side.exts("opening-row", 1 << row_bits, combined_row)  # (C, 2)
    # GK-11: the combined row gives the value that is claimed at the point.
    side.require(
        "GK-11",
        "opening-value",
        vectors.ext_dot(vectors.eq_table(point[:row_bits]), combined) == value,
        "the combined row against the claimed value",
    )
    side.note(
        Opening(
            label="opening",
            codeword_log=codeword_log,
            rows_log=len(point) - row_bits,
            queries=queries,
        )
    )
    drawn = side.positions("opening-positions", queries, codeword_log)
    positions = tuple(sorted(set(drawn)))
    siblings_count = merkle.siblings_needed(codeword_log, positions)

    opened = [
        _opened_columns(side, index, oracle, stacks, positions, siblings_count)
        for index, oracle in enumerate(oracles)
    ]
    if not side.verifying:
        return
    parts = [
        vectors.combine_rows(w, np.ascontiguousarray(columns.T))
        for w, columns in zip(weights, opened, strict=True)
    ]
    codeword = _encode(combined)  # (n, 2)
    # GK-13: the combined row is the combination of the rows that were committed to.
    side.require(
        "GK-13",
        "opening-column",
        np.array_equal(_sum_of(parts), codeword[list(positions)]),
        "the opened columns against the combined row's codeword",
    )


def _opened_columns(
    side: Side,
    index: int,
    oracle: Oracle,
    stacks: Callable[[], Sequence[CommittedStack]],
    positions: tuple[int, ...],
    siblings_count: int,
) -> Words:
    """Columns of one stack that lie under its root: (positions, rows)."""
    rows = oracle.layout.rows
    columns = side.words(
        "opening-columns",
        len(positions) * rows,
        lambda: stacks()[index].columns(positions).reshape(-1),
    ).reshape(len(positions), rows)
    siblings = side.digests(
        "opening-siblings", siblings_count, lambda: stacks()[index].siblings(positions)
    )
    if not side.verifying:
        return columns
    leaves = merkle.hash_columns(columns)
    found = merkle.root_from(oracle.layout.codeword_log, positions, leaves, siblings)
    # GK-12: the opened columns are those under the committed root.
    side.require(
        "GK-12", "opening-path", found == oracle.root, f"columns of committed stack {index}"
    )
    return columns


def _encode(row: Words) -> Words:
    """The codeword of one extension row: (C, 2) to (4C, 2)."""
    padded = np.zeros((2, len(row) << LOG_INVERSE_RATE), dtype=np.uint64)
    padded[:, : len(row)] = row.T
    return vectors.ntt(padded).T


def _sum_of(parts: Sequence[Words]) -> Words:
    """Add up extension arrays of one shape."""
    total = parts[0]
    for part in parts[1:]:
        total = vectors.ext_add(total, part)
    return total
