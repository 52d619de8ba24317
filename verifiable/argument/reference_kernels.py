"""The readable kernels: what each operation is, in numpy, with the implied tails written out.

They are the oracle of the numba kernels, and a fallback where numba is not installed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from verifiable.argument import vectors
from verifiable.argument.goldilocks import ONE, ZERO, Ext
from verifiable.argument.kernels import Level, RoundProver
from verifiable.argument.vectors import Words, ext_add, ext_mul, ext_sub

__all__ = ["ReferenceKernels"]

Combine = Callable[[list[Words]], Words]


class ReferenceKernels:
    """The operations of `Kernels`, in numpy."""

    name = "reference"

    def product(self, tables: Sequence[Words], rounds: int) -> RoundProver:
        """Start a sumcheck of a product of tables; see `Kernels.product`."""
        if len(tables) not in (2, 3):
            raise ValueError(f"a product takes 2 or 3 tables, not {len(tables)}")
        padded = [_pad(_widen(table), 1 << rounds, ZERO) for table in tables]
        return _Rounds(padded, rounds, degree=len(tables), combine=_product)

    def fraction(
        self, p: Words, q: Words, point: Sequence[Ext], lam: Ext, rounds: int
    ) -> RoundProver:
        """Start a sumcheck of a level of fractions; see `Kernels.fraction`."""
        if len(p) != len(q) or len(point) != rounds:
            raise ValueError("numerators, denominators and point do not fit each other")
        p = _pad(p, 2 << rounds, ZERO)
        q = _pad(q, 2 << rounds, ONE)

        def combine(tables: list[Words]) -> Words:
            eq, p0, p1, q0, q1 = tables
            cross = ext_add(ext_mul(p0, q1), ext_mul(p1, q0))
            return ext_mul(eq, ext_add(cross, vectors.ext_scale(ext_mul(q0, q1), lam)))

        tables = [vectors.eq_table(point), p[0::2], p[1::2], q[0::2], q[1::2]]
        return _Rounds(tables, rounds, degree=3, combine=combine, internal=1)

    def fraction_tree(self, numerators: Words, denominators: Words, log_size: int) -> list[Level]:
        """Add fractions pairwise up to the root; see `Kernels.fraction_tree`."""
        live = len(numerators)
        if live != len(denominators) or not 1 <= live <= 1 << log_size:
            raise ValueError("numerators, denominators and log_size do not fit each other")
        p, q = _widen(numerators), denominators
        levels = [(p, q)]
        for _ in range(log_size):
            even = len(p) + len(p) % 2  # a fraction without a partner gets 0 / 1
            p, q = _pad(p, even, ZERO), _pad(q, even, ONE)
            p0, p1, q0, q1 = p[0::2], p[1::2], q[0::2], q[1::2]
            p, q = ext_add(ext_mul(p0, q1), ext_mul(p1, q0)), ext_mul(q0, q1)
            levels.append((p, q))
        return levels

    def lookup_denominators(
        self, a: NDArray[np.int64], b: NDArray[np.int64] | None, tag: Ext, alpha: Ext, beta: Ext
    ) -> Words:
        """Return beta - a - alpha b - tag; see `Kernels.lookup_denominators`."""
        fingerprints = _widen(vectors.from_ints(a))
        if b is not None:
            if len(a) != len(b):
                raise ValueError(f"the columns of a lookup differ in length: {len(a)}, {len(b)}")
            wide = _widen(vectors.from_ints(b))
            fingerprints = ext_add(fingerprints, vectors.ext_scale(wide, alpha))
        return ext_sub(vectors.from_exts([beta - tag]), fingerprints)

    def eq_table(self, point: Sequence[Ext]) -> Words:
        """Evaluate eq(point, x) for all x; see `Kernels.eq_table`."""
        return vectors.eq_table(point)

    def add_outer(self, target: Words, offset: int, hi: Words, lo: Words) -> None:
        """Add an outer product to a part of `target`; see `Kernels.add_outer`."""
        end = offset + len(hi) * len(lo)
        if not 0 <= offset <= end <= len(target):
            raise ValueError(f"cells {offset} to {end} are not all inside 0 to {len(target)}")
        outer = ext_mul(hi[:, None, :], lo[None, :, :]).reshape(-1, 2)
        target[offset:end] = ext_add(target[offset:end], outer)

    def combine_rows(self, weights: Words, rows: Words) -> Words:
        """Sum weighted rows; see `Kernels.combine_rows`."""
        return vectors.combine_rows(weights, rows)

    def encode_rows(self, rows: Words) -> Words:
        """Encode rows at rate 1/4; see `Kernels.encode_rows`."""
        count, length = rows.shape
        extended = np.zeros((count, 4 * length), np.uint64)
        extended[:, :length] = rows
        return vectors.ntt(extended)

    def hash_columns(self, matrix: Words) -> bytes:
        """Hash columns; see `Kernels.hash_columns`."""
        columns = matrix.T.astype("<u8", order="C")
        return b"".join(hashlib.sha256(b"\x00" + column.tobytes()).digest() for column in columns)


class _Rounds:
    """A sumcheck over full tables: evaluate, sum and fold, without any shortcut."""

    def __init__(
        self,
        tables: list[Words],
        rounds: int,
        *,
        degree: int,
        combine: Combine,
        internal: int = 0,
    ) -> None:
        self.degree = degree
        self._tables = tables
        self._rounds = rounds
        self._combine = combine
        self._internal = internal  # how many of the first tables are not among the final values

    def round(self) -> tuple[Ext, ...]:
        """Return g(0), g(2), .., g(degree)."""
        _require_more(self._rounds)
        evaluations = []
        for t in (0, *range(2, self.degree + 1)):
            values = [_at(table, Ext(t)) for table in self._tables]
            evaluations.append(vectors.ext_sum(self._combine(values)))
        return tuple(evaluations)

    def bind(self, r: Ext) -> None:
        """Fix the current variable to `r`."""
        _require_more(self._rounds)
        self._tables = [_at(table, r) for table in self._tables]
        self._rounds -= 1

    def final(self) -> tuple[Ext, ...]:
        """Return the tables' values at the bound point."""
        if self._rounds:
            raise ValueError(f"{self._rounds} variables of the sumcheck are not bound yet")
        return tuple(vectors.to_ext(table[0]) for table in self._tables[self._internal :])


def _at(table: Words, t: Ext) -> Words:
    """Fix the lowest variable of a table (2m, 2) to `t`: (m, 2)."""
    low, high = table[0::2], table[1::2]
    return ext_add(low, vectors.ext_scale(ext_sub(high, low), t))


def _product(tables: list[Words]) -> Words:
    product = tables[0]
    for table in tables[1:]:
        product = ext_mul(product, table)
    return product


def _widen(table: Words) -> Words:
    """Return a base table (n,) as an extension table (n, 2), and an extension table as it is."""
    if table.ndim == 2:
        return table
    return np.stack([table, np.zeros_like(table)], axis=1)


def _pad(table: Words, length: int, filler: Ext) -> Words:
    """Write the implied tail out."""
    if not 1 <= len(table) <= length:
        raise ValueError(f"a table has {len(table)} cells where 1 to {length} are possible")
    padded = np.empty((length, 2), np.uint64)
    padded[: len(table)] = table
    padded[len(table) :] = (filler.c0, filler.c1)
    return padded


def _require_more(rounds: int) -> None:
    if rounds == 0:
        raise ValueError("all variables of the sumcheck are bound already")
