"""How likely a false statement is accepted: one term for each kind of random check, added up.

Every challenge of the argument is drawn from the quadratic extension F of the Goldilocks field, so
F has about 2^128 elements. The protocol's functions hand each random check that they make to
`Side.note` as one of the terms below; `ledger` adds the errors exactly, as fractions, and only the
sums are turned into bits. A verifier computes the ledger from its own schedule, never from counts
that a proof brings.

Interactive soundness is the union bound over all terms. Under Fiat-Shamir someone who tries Q
hashes gains about a factor Q over the worst single round, so that round is reported too. Collisions
of the 256-bit hash are another matter and stand beside the sum as `HASH_BITS`.

References:
    BCIKS20, eprint 2020/654: proximity gaps of Reed-Solomon codes (lines, unique decoding).
    Diamond and Posen, eprint 2023/630; Diamond and Gruen, eprint 2024/1351: the same for
        combinations by a tensor of challenges.
    Haboeck, eprint 2022/1530; Papini and Haboeck, eprint 2023/1284: LogUp, and LogUp over GKR.
    Lund, Fortnow, Karloff, Nisan 1992: sumcheck.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, TypeAlias

__all__ = [
    "FIELD_SIZE",
    "HASH_BITS",
    "LOG_INVERSE_RATE",
    "QUERIES",
    "QUERY_ERROR",
    "Ledger",
    "LedgerRow",
    "Lookup",
    "LookupTree",
    "Opening",
    "Point",
    "Rlc",
    "Sumcheck",
    "Term",
    "decoding_radius",
    "ledger",
]

FIELD_SIZE = (2**64 - 2**32 + 1) ** 2
"""Elements of the challenge field."""

LOG_INVERSE_RATE = 2
"""log2 of codeword length over message length."""

QUERIES = 152
"""Columns drawn in an opening: 103.07 bits, so that the sum of all terms stays above 100."""

QUERY_ERROR = Fraction(5, 8)
"""Upper bound on the chance that one drawn column misses a lie, at every codeword length.

With n = 4k and t = floor((n - k) / 2) a lie shows in at least t + 1 of the n columns, and
1 - (t + 1) / n <= 5/8 for every k >= 1 (see `verifiable.argument.opening`).
"""

HASH_BITS = 128
"""log2 of the work to find a collision of a 256-bit hash."""


def decoding_radius(codeword_log: int) -> int:
    """Most errors that still leave one nearest codeword: t = floor((n - k) / 2), n = 4k."""
    length = 1 << codeword_log
    return (length - (length >> LOG_INVERSE_RATE)) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sumcheck:
    """A sumcheck: each round's polynomial of that degree is checked at one random point."""

    label: str
    degree: int
    rounds: int

    name: ClassVar[str] = "sumcheck"
    formula: ClassVar[str] = "degree * rounds / F"
    reference: ClassVar[str] = "Lund et al. 1992"

    def __post_init__(self) -> None:
        _check_counts(self.label, self.degree, self.rounds)

    @property
    def error(self) -> Fraction:
        """Chance that a sumcheck ends in a true claim although it began with a false one."""
        return Fraction(self.degree * self.rounds, FIELD_SIZE)

    @property
    def round_error(self) -> Fraction:
        """The largest error of one round."""
        return Fraction(self.degree if self.rounds else 0, FIELD_SIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rlc:
    """`count` equations checked at once, weighted by the powers of one challenge."""

    label: str
    count: int

    name: ClassVar[str] = "random combination"
    formula: ClassVar[str] = "(count - 1) / F"
    reference: ClassVar[str] = "Schwartz-Zippel"

    def __post_init__(self) -> None:
        _check_counts(self.label, self.count)

    @property
    def error(self) -> Fraction:
        """Chance that the combination holds although one of the equations does not."""
        return Fraction(max(self.count - 1, 0), FIELD_SIZE)

    @property
    def round_error(self) -> Fraction:
        """The largest error of one round."""
        return self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """LogUp's sum of fractions at random alpha and beta.

    Attributes:
        label: which lookup argument.
        rows: lookups plus table rows, without filler.
        width: entries of a tuple, the table number among them; fingerprints have degree width - 1
            in alpha.
    """

    label: str
    rows: int
    width: int = 3

    name: ClassVar[str] = "lookup"
    formula: ClassVar[str] = "max(1, width - 1) * (lookups + table rows) / F"
    reference: ClassVar[str] = "eprint 2022/1530"

    def __post_init__(self) -> None:
        _check_counts(self.label, self.rows, self.width)

    @property
    def error(self) -> Fraction:
        """Chance that the sum is zero although some lookup is in no table."""
        return Fraction(max(self.width - 1, 1) * self.rows, FIELD_SIZE)

    @property
    def round_error(self) -> Fraction:
        """The largest error of one round (alpha and beta are drawn together)."""
        return self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupTree:
    """The tree that adds LogUp's fractions: level i costs 3i + 2, its sumcheck included.

    Level i has at most i rounds of degree 3, one combination of numerator and denominator, and one
    line through the two children. Where its sumchecks are noted as such too, they count twice:
    an error on the safe side.
    """

    label: str
    levels: int

    name: ClassVar[str] = "lookup tree"
    formula: ClassVar[str] = "sum over levels i = 1.. of (3 i + 2) / F"
    reference: ClassVar[str] = "eprint 2023/1284"

    def __post_init__(self) -> None:
        _check_counts(self.label, self.levels)

    @property
    def error(self) -> Fraction:
        """Chance that a false root ends in true claims on the leaves."""
        return Fraction(sum(3 * i + 2 for i in range(1, self.levels + 1)), FIELD_SIZE)

    @property
    def round_error(self) -> Fraction:
        """The largest error of one round: a sumcheck round of degree 3."""
        return Fraction(3 if self.levels else 0, FIELD_SIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Two tensors compared through their multilinear extensions at one random point."""

    label: str
    variables: int

    name: ClassVar[str] = "random point"
    formula: ClassVar[str] = "variables / F"
    reference: ClassVar[str] = "Schwartz-Zippel"

    def __post_init__(self) -> None:
        _check_counts(self.label, self.variables)

    @property
    def error(self) -> Fraction:
        """Chance that two different tensors agree at the point."""
        return Fraction(self.variables, FIELD_SIZE)

    @property
    def round_error(self) -> Fraction:
        """The largest error of one round (the coordinates are drawn together)."""
        return self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One opening of a tensor code at rate 1/4, decoded uniquely.

    Attributes:
        label: which opening.
        codeword_log: log2 of the codeword length n, the number of columns.
        rows_log: variables of the evaluation point that select the row.
        queries: columns drawn, with replacement.
    """

    label: str
    codeword_log: int
    rows_log: int
    queries: int

    def __post_init__(self) -> None:
        _check_counts(self.label, self.codeword_log, self.rows_log, self.queries)
        if self.codeword_log < LOG_INVERSE_RATE:
            raise ValueError(f"{self.label}: a codeword at rate 1/4 has at least 4 symbols")

    @property
    def proximity_error(self) -> Fraction:
        """Chance that far rows combine to a close row; each row variable adds n / F."""
        return Fraction(self.rows_log << self.codeword_log, FIELD_SIZE)

    @property
    def proximity_round_error(self) -> Fraction:
        """The largest part of it in one round: one row variable."""
        return Fraction(min(self.rows_log, 1) << self.codeword_log, FIELD_SIZE)

    @property
    def query_error(self) -> Fraction:
        """Chance that all drawn columns miss a lie; one round."""
        return QUERY_ERROR**self.queries


Term: TypeAlias = Sumcheck | Rlc | Lookup | LookupTree | Point | Opening
"""What `Side.note` takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """All terms of one kind.

    Attributes:
        name: the kind.
        formula: the error of one term, F the size of the challenge field.
        count: what the terms of this run add up to, in words.
        error: the sum of their errors.
        round_error: the largest error that one round of them has.
        reference: where the bound is proven.
    """

    name: str
    formula: str
    count: str
    error: Fraction
    round_error: Fraction
    reference: str

    @property
    def bits(self) -> float:
        """-log2 of the error; infinite if there is none."""
        return _bits(self.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The error budget of one run of the protocol."""

    rows: tuple[LedgerRow, ...]

    @property
    def error(self) -> Fraction:
        """The sum of all errors."""
        return sum((row.error for row in self.rows), Fraction(0))

    @property
    def total_bits(self) -> float:
        """Soundness of the interactive protocol; collisions of the hash not counted."""
        return _bits(self.error)

    @property
    def worst_round(self) -> LedgerRow | None:
        """The kind of term with the largest error in one round."""
        return max(self.rows, key=lambda row: row.round_error, default=None)

    @property
    def worst_round_bits(self) -> float:
        """-log2 of the largest error of one round, for Fiat-Shamir."""
        worst = self.worst_round
        return _bits(worst.round_error) if worst else math.inf

    def markdown(self) -> str:
        """Render the ledger as a table, with the sums in its last rows."""
        worst = self.worst_round
        cells = [("term", "error", "count", "bits", "reference"), ("---",) * 5]
        cells += [
            (row.name, row.formula, row.count, _shown(row.bits), row.reference) for row in self.rows
        ]
        cells += [
            ("**total**", "sum of the above", "", f"**{_shown(self.total_bits)}**", ""),
            ("worst round", "", worst.name if worst else "", _shown(self.worst_round_bits), ""),
            ("hash collision", "apart from the sum", "256-bit digests", f"{HASH_BITS}", ""),
        ]
        return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def ledger(terms: Iterable[Term]) -> Ledger:
    """Add up the terms of one run, a row for each kind that occurs."""
    noted = tuple(terms)
    sumchecks = [term for term in noted if isinstance(term, Sumcheck)]
    combinations = [term for term in noted if isinstance(term, Rlc)]
    lookups = [term for term in noted if isinstance(term, Lookup)]
    trees = [term for term in noted if isinstance(term, LookupTree)]
    points = [term for term in noted if isinstance(term, Point)]
    openings = [term for term in noted if isinstance(term, Opening)]

    rows = _opening_rows(openings)
    if lookups:
        total = sum(term.rows for term in lookups)
        rows.append(_row(lookups, f"{total} rows, {_times(len(lookups), 'argument')}"))
    if trees:
        total = sum(term.levels for term in trees)
        rows.append(_row(trees, f"{total} levels, {_times(len(trees), 'tree')}"))
    if sumchecks:
        total = sum(term.rounds for term in sumchecks)
        degree = max(term.degree for term in sumchecks)
        rows.append(
            _row(
                sumchecks,
                f"{total} rounds, {_times(len(sumchecks), 'sumcheck')}, degree <= {degree}",
            )
        )
    if combinations:
        total = sum(term.count for term in combinations)
        rows.append(
            _row(combinations, f"{total} equations, {_times(len(combinations), 'combination')}")
        )
    if points:
        total = sum(term.variables for term in points)
        rows.append(_row(points, f"{total} variables, {_times(len(points), 'point')}"))
    return Ledger(rows=tuple(rows))


def _opening_rows(openings: list[Opening]) -> list[LedgerRow]:
    if not openings:
        return []
    # A mix of sizes is shown one by one; usually there is a single opening.
    queries = ", ".join(f"q = {term.queries}" for term in openings)
    sizes = ", ".join(f"n = 2^{term.codeword_log}, {term.rows_log} variables" for term in openings)
    return [
        LedgerRow(
            name="query",
            formula="((1 + 1/4) / 2)^q, unique decoding",
            count=queries,
            error=sum((term.query_error for term in openings), Fraction(0)),
            round_error=max(term.query_error for term in openings),
            reference="eprint 2023/630",
        ),
        LedgerRow(
            name="proximity",
            formula="row variables * n / F",
            count=sizes,
            error=sum((term.proximity_error for term in openings), Fraction(0)),
            round_error=max(term.proximity_round_error for term in openings),
            reference="eprint 2020/654, 2023/630, 2024/1351",
        ),
    ]


def _row(
    terms: list[Sumcheck] | list[Rlc] | list[Lookup] | list[LookupTree] | list[Point], count: str
) -> LedgerRow:
    first = terms[0]
    return LedgerRow(
        name=first.name,
        formula=first.formula,
        count=count,
        error=sum((term.error for term in terms), Fraction(0)),
        round_error=max(term.round_error for term in terms),
        reference=first.reference,
    )


def _bits(error: Fraction) -> float:
    """-log2 of a fraction that may be far below the smallest float."""
    if not error:
        return math.inf
    return math.log2(error.denominator) - math.log2(error.numerator)


def _shown(bits: float) -> str:
    # Rounded down: a figure that is printed must not promise more than there is.
    return "no error" if math.isinf(bits) else f"{math.floor(bits * 100) / 100:.2f}"


def _times(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _check_counts(label: str, *counts: int) -> None:
    if min(counts) < 0:
        raise ValueError(f"{label}: a soundness term has a negative count")
