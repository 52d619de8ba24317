"""What a prover's kernels do: one interface, a readable tier and a fast tier behind it.

The reference kernels are the oracle: plain numpy that states what each operation is. The numba
kernels compute the same words. Field arithmetic is exact, so neither the tier nor the number of
threads can change a proof.

Tables are *live prefixes*: of any length n up to 2^rounds (or 2^log_size). What lies beyond n is
implied: 0 in a table of a product, and the fraction 0 / 1 in a tree of fractions.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from verifiable.argument.goldilocks import Ext
from verifiable.argument.vectors import Words

__all__ = ["Kernels", "Level", "RoundProver", "load_kernels", "ready_kernels", "warm"]

Level = tuple[Words, Words]  # numerators and denominators of a level of fractions, each (n, 2)


class RoundProver(Protocol):
    """The prover's state of one sumcheck; variable 0, the lowest index bit, is bound first."""

    degree: int

    def round(self) -> tuple[Ext, ...]:
        """Return g(0), g(2), .., g(degree) of the current variable's polynomial g."""

    def bind(self, r: Ext) -> None:
        """Fix the current variable to `r` and move on to the next one."""

    def final(self) -> tuple[Ext, ...]:
        """Return the tables' values at the bound point, after the last round."""


class Kernels(Protocol):
    """The heavy operations of a prover."""

    name: str

    def product(self, tables: Sequence[Words], rounds: int) -> RoundProver:
        """Start a sumcheck of sum_x prod_i tables[i][x] over x in 0..2^rounds-1.

        Args:
            tables: 2 or 3 tables, each base (n,) or extension (n, 2), n in 1..2^rounds.
            rounds: the number of variables.

        Returns:
            A prover of degree len(tables), with one final value for each table.

        Raises:
            ValueError: The tables are not 2 or 3, or one is empty or longer than 2^rounds.
        """

    def fraction(
        self, p: Words, q: Words, point: Sequence[Ext], lam: Ext, rounds: int
    ) -> RoundProver:
        """Start a sumcheck of sum_x eq(point, x) (p0 q1 + p1 q0 + lam q0 q1)(x).

        Here p0(x) = p[2x], p1(x) = p[2x + 1], and q likewise: the step from one level of a tree
        of fractions to the level below it.

        Args:
            p: numerators (n, 2), n in 1..2^(rounds + 1); 0 beyond n.
            q: denominators (n, 2); 1 beyond n.
            point: `rounds` elements.
            lam: the weight of the denominators.
            rounds: the number of variables.

        Returns:
            A prover of degree 3 with final values (p0, p1, q0, q1).

        Raises:
            ValueError: Lengths do not fit each other.
        """

    def fraction_tree(self, numerators: Words, denominators: Words, log_size: int) -> list[Level]:
        """Add fractions pairwise up to the root: log_size + 1 levels, the leaves first.

        Args:
            numerators: base (n,), n in 1..2^log_size; 0 beyond n.
            denominators: extension (n, 2); 1 beyond n.
            log_size: log2 of the padded number of leaves.

        Raises:
            ValueError: Lengths do not fit each other.
        """

    def lookup_denominators(
        self, a: NDArray[np.int64], b: NDArray[np.int64] | None, tag: Ext, alpha: Ext, beta: Ext
    ) -> Words:
        """Return beta - a - alpha b - tag for each row: (n, 2). Without `b`, b is 0.

        Raises:
            ValueError: `a` and `b` differ in length.
        """

    def eq_table(self, point: Sequence[Ext]) -> Words:
        """Evaluate eq(point, x) for all x in 0..2^k-1, k = len(point): (2^k, 2)."""

    def add_outer(self, target: Words, offset: int, hi: Words, lo: Words) -> None:
        """Add hi[i] lo[j] to target[offset + i * len(lo) + j], in place.

        Raises:
            ValueError: The products do not all fall inside `target`.
        """

    def combine_rows(self, weights: Words, rows: Words) -> Words:
        """Sum weights[r] rows[r] over r: (R, 2) extension weights, (R, C) base rows, to (C, 2).

        Raises:
            ValueError: The numbers of weights and rows differ.
        """

    def encode_rows(self, rows: Words) -> Words:
        """Encode rows (R, C) at rate 1/4: the transform of each row, extended by zeros to 4C.

        Raises:
            ValueError: C is not a power of two.
        """

    def hash_columns(self, matrix: Words) -> bytes:
        """Hash columns: SHA-256 of a zero byte and the column's R little-endian words.

        Args:
            matrix: (R, n) uint64.

        Returns:
            n digests of 32 bytes, one after the other.
        """


def load_kernels(name: str | None = None) -> Kernels:
    """Load the kernels called `name`, "numba" or "reference"; by default the fastest there is.

    Raises:
        ValueError: There are no kernels of that name.
        ImportError: numba was asked for and is not installed.
    """
    if name is None:
        name = "numba" if importlib.util.find_spec("numba") else "reference"
    if name == "numba":
        from verifiable.argument.numba_kernels import NumbaKernels

        return NumbaKernels()
    if name == "reference":
        from verifiable.argument.reference_kernels import ReferenceKernels

        return ReferenceKernels()
    raise ValueError(f'there are no kernels called "{name}"; there are "numba" and "reference"')


@cache
def ready_kernels() -> Kernels:
    """The fastest kernels there are, compiled; made on the first call of a process.

    The first call after an installation compiles them (seconds), the first one of any other
    process loads what was compiled.
    """
    kernels = load_kernels()
    warm(kernels)
    return kernels


def warm(kernels: Kernels) -> None:
    """Run every kernel once on a few elements, so that none is compiled later."""
    r = Ext(3, 5)
    base = np.arange(1, 9, dtype=np.uint64)
    ext = np.stack([base, base], axis=1)
    # The shapes that kernels may treat apart: a mix of base and extension tables, 2 and 3 tables.
    for tables in ([base, base], [base, ext], [ext, ext], [base, base, base], [ext, base, ext]):
        _run(kernels.product(tables, 3), r)
    _run(kernels.fraction(ext, ext, [r, r], r, 2), r)
    kernels.fraction_tree(base, ext, 3)
    ints = base.astype(np.int64)
    kernels.lookup_denominators(ints, None, r, r, r)
    kernels.lookup_denominators(ints, ints, r, r, r)
    kernels.add_outer(ext.copy(), 0, ext[:2], ext[:4])
    kernels.eq_table([r] * 3)
    kernels.combine_rows(ext[:2], base.reshape(2, 4))
    kernels.hash_columns(kernels.encode_rows(base.reshape(2, 4)))


def _run(prover: RoundProver, r: Ext) -> None:
    for _ in range(3 if prover.degree == 2 else 2):
        prover.round()
        prover.bind(r)
