"""The compiled kernels behind the interface `Kernels`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from verifiable.argument.goldilocks import Ext
from verifiable.argument.kernels import Level, RoundProver
from verifiable.argument.numba_kernels import encoding, fractions, sumcheck, tables
from verifiable.argument.numba_kernels.threads import Threads
from verifiable.argument.vectors import Words, from_exts

__all__ = ["NumbaKernels"]


class NumbaKernels:
    """The operations of `Kernels`, compiled when first called and kept in numba's cache."""

    name = "numba"

    def __init__(self, threads: int | None = None) -> None:
        """Prepare kernels that use `threads` threads; by default one for each usable core."""
        self._threads = Threads(threads)

    def product(self, tables: Sequence[Words], rounds: int) -> RoundProver:
        """Start a sumcheck of a product of tables; see `Kernels.product`."""
        return sumcheck.ProductRounds(tables, rounds, self._threads)

    def fraction(
        self, p: Words, q: Words, point: Sequence[Ext], lam: Ext, rounds: int
    ) -> RoundProver:
        """Start a sumcheck of a level of fractions; see `Kernels.fraction`."""
        return fractions.FractionRounds(p, q, point, lam, rounds, self._threads)

    def fraction_tree(self, numerators: Words, denominators: Words, log_size: int) -> list[Level]:
        """Add fractions pairwise up to the root; see `Kernels.fraction_tree`."""
        return fractions.fraction_tree(numerators, denominators, log_size, self._threads)

    def lookup_denominators(
        self, a: NDArray[np.int64], b: NDArray[np.int64] | None, tag: Ext, alpha: Ext, beta: Ext
    ) -> Words:
        """Return beta - a - alpha b - tag; see `Kernels.lookup_denominators`."""
        return tables.lookup_denominators(a, b, tag, alpha, beta, self._threads)

    def eq_table(self, point: Sequence[Ext]) -> Words:
        """Evaluate eq(point, x) for all x; see `Kernels.eq_table`."""
        return tables.eq_table(from_exts(point), self._threads)

    def add_outer(self, target: Words, offset: int, hi: Words, lo: Words) -> None:
        """Add an outer product to a part of `target`; see `Kernels.add_outer`."""
        tables.add_outer(target, offset, hi, lo, self._threads)

    def combine_rows(self, weights: Words, rows: Words) -> Words:
        """Sum weighted rows; see `Kernels.combine_rows`."""
        return tables.combine_rows(weights, rows, self._threads)

    def encode_rows(self, rows: Words) -> Words:
        """Encode rows at rate 1/4; see `Kernels.encode_rows`."""
        return encoding.encode_rows(rows, self._threads)

    def hash_columns(self, matrix: Words) -> bytes:
        """Hash columns; see `Kernels.hash_columns`."""
        return encoding.hash_columns(matrix, self._threads)
