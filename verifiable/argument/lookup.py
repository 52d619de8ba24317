"""LogUp over GKR: all lookups of a run shown to lie in their tables, in one tree of fractions.

A lookup is a pair (a, b) and the public number t of its table. With random alpha and beta its
fingerprint is a + alpha b + alpha^2 t, and

    sum over lookups of 1 / (beta - fingerprint)  =  sum over rows of mult / (beta - fingerprint)

holds as rational functions exactly if every lookup is a row, where mult counts the lookups of that
row. Only the multiplicities are committed. Both sides are the leaves of one tree: a block of
lookups has the numerators 1, a block of table rows the numerators -mult, and what fills the tree up
is 0 / 1. A node adds the fractions of its children,

    p = p0 q1 + p1 q0,      q = q0 q1,

so the root's numerator must be 0, and its denominator, the product of all leaves', must not be.

From the root down, each step takes a claim on (p, q) of the level with 2^i nodes, at a point r, to
one on the level below. With a random lam

    p~(r) + lam q~(r) = sum over x of eq(r, x) (p0 q1 + p1 q0 + lam q0 q1)(x),

a sumcheck of degree 3 and i rounds; the four values at its point are sent, and a random tau makes
one claim of two children: index bit 0 tells them apart, so tau becomes variable 0.

At the leaves `run` returns the claim, and `close` checks it against the values of the blocks'
columns at its point. Those are claims in turn, which the caller shows by other means. A block is
aligned to its size, so its own point is a prefix of the leaves' point.

Soundness: 2 (lookups + rows) / F for alpha and beta (Haboeck, eprint 2022/1530, fingerprints of
degree 2 in alpha), and 3 i + 2 over F for a step of i rounds (Papini and Haboeck, eprint
2023/1284). A pair that is in no table must not vanish by being looked up p times, so the number of
lookups has to be below p; `layout` sees to it. Multiplicities are any field elements: only their
sum per row matters, and rows that are equal would only add theirs up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verifiable.argument import vectors
from verifiable.argument.goldilocks import ONE, ZERO, Ext, P
from verifiable.argument.multilinear import eq, eq_bits
from verifiable.argument.side import Root, Side
from verifiable.argument.soundness import Lookup, LookupTree
from verifiable.argument.vectors import Words

if TYPE_CHECKING:
    from verifiable.argument.kernels import Level, RoundProver

__all__ = ["Leaves", "LookupClaim", "Slot", "close", "layout", "run"]

BlockValues = tuple[Ext, Ext, int]  # a, b, number of the table
TableValues = tuple[Ext, Ext, Ext, int]  # mult, a, b, number of the table


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """An aligned block of leaves: `offset` is a multiple of 2^log_size."""

    log_size: int
    offset: int

    def weight(self, point: Sequence[Ext]) -> Ext:
        """How much the block's own extension, at its prefix of `point`, counts in the leaves'."""
        return eq_bits(self.offset >> self.log_size, point[self.log_size :])


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaves:
    """Where each block of leaves lies.

    Attributes:
        lookups: the blocks of lookups, in the caller's order.
        tables: the blocks of table rows, in the caller's order.
        log_size: log2 of the leaves with filler, at least 1.
        live: leaves without filler; they come first.
    """

    lookups: tuple[Slot, ...]
    tables: tuple[Slot, ...]
    log_size: int
    live: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupClaim:
    """What is left to show: the extensions of all leaves' two parts at `point`."""

    point: tuple[Ext, ...]
    numerator: Ext
    denominator: Ext
    alpha: Ext
    beta: Ext


def layout(lookup_logs: Sequence[int], table_logs: Sequence[int]) -> Leaves:
    """Place blocks of 2^log leaves, largest first and otherwise in order, lookups before tables.

    Raises:
        ValueError: There is no block, or there are so many lookups that multiplicities could wrap
            around the field's characteristic.
    """
    logs = [*lookup_logs, *table_logs]
    if not logs or min(logs) < 0:
        raise ValueError("a lookup argument needs blocks of leaves, each of a power of two")
    if sum(1 << log for log in lookup_logs) >= P:
        raise ValueError("the number of lookups has to be below the field's characteristic")
    slots: dict[int, Slot] = {}
    live = 0
    for index in sorted(range(len(logs)), key=lambda at: -logs[at]):
        slots[index] = Slot(log_size=logs[index], offset=live)
        live += 1 << logs[index]
    ordered = tuple(slots[index] for index in range(len(logs)))
    return Leaves(
        lookups=ordered[: len(lookup_logs)],
        tables=ordered[len(lookup_logs) :],
        log_size=max(1, (live - 1).bit_length()),
        live=live,
    )


def run(
    side: Side,
    root: Root,
    leaves: Leaves,
    start: Callable[[Ext, Ext], tuple[Words, Words]],
) -> LookupClaim:
    """Reduce "every lookup is a row of its table" to a claim on the leaves.

    Args:
        side: any.
        root: the commitment to multiplicities and to what is looked up. It is absorbed here too, so
            that alpha and beta cannot be drawn before it.
        leaves: the layout.
        start: from (alpha, beta) the prover's leaves: numerators, base (live,), and denominators
            (live, 2).

    Raises:
        Rejected: GK-5, GK-6 or GK-7 does not hold.
    """
    side.absorb("lookup/commitment", root)
    side.note(Lookup(label="lookup", rows=leaves.live))
    side.note(LookupTree(label="lookup", levels=leaves.log_size))
    alpha = side.challenge("lookup/alpha")
    beta = side.challenge("lookup/beta")

    tree: list[Level] = []  # of the prover: the levels still to be used, the leaves first
    if side.proving:
        tree = side.kernels.fraction_tree(*start(alpha, beta), leaves.log_size)
    p, q = side.values("lookup/root", 2, lambda: _root(tree))
    # GK-5: the fractions add up to zero, so lookups and table rows cancel.
    side.require("GK-5", "lookup-sum", p == ZERO, "the lookups against their tables")
    # GK-6: no leaf has the denominator zero; a fraction p / 0 would make the sum mean nothing.
    side.require("GK-6", "lookup-denominator", q != ZERO, "the product of all denominators")

    point: tuple[Ext, ...] = ()
    for rounds in range(leaves.log_size):
        if tree:
            tree.pop()  # the level of the claim; what is left ends with the level below it
        point, p, q = _descend(side, rounds, point, p, q, tree)
    return LookupClaim(point=point, numerator=p, denominator=q, alpha=alpha, beta=beta)


def close(
    side: Side,
    leaves: Leaves,
    claim: LookupClaim,
    lookups: Sequence[BlockValues],
    tables: Sequence[TableValues],
) -> None:
    """Check the claim on the leaves against the values of all blocks at their points.

    A block's point is `claim.point[:log_size]`. All values must have been sent, or follow from what
    was, and have to be shown by the caller: this is one equation between them.

    Args:
        side: any.
        leaves: the layout.
        claim: what `run` returned.
        lookups: for each block of lookups the values of a and b, and its table's number.
        tables: for each block of rows the values of mult, a and b, and its own number.

    Raises:
        Rejected: GK-8 does not hold.
        ValueError: There are not as many values as blocks.
    """
    alpha, beta = claim.alpha, claim.beta
    alpha_squared = alpha * alpha
    numerator, denominator, filler = ZERO, ZERO, ONE
    blocks = [
        *((slot, ONE, values) for slot, values in zip(leaves.lookups, lookups, strict=True)),
        *(
            (slot, -values[0], values[1:])
            for slot, values in zip(leaves.tables, tables, strict=True)
        ),
    ]
    for slot, top, (a, b, number) in blocks:
        weight = slot.weight(claim.point)
        numerator += weight * top
        denominator += weight * (beta - a - alpha * b - alpha_squared * number)
        filler -= weight
    # GK-8: the blocks and the filler, 0 / 1, make up the leaves that the tree was built on.
    side.require(
        "GK-8",
        "lookup-leaves",
        numerator == claim.numerator and denominator + filler == claim.denominator,
        "the values of the blocks of lookups",
    )


def _descend(
    side: Side, rounds: int, point: tuple[Ext, ...], p: Ext, q: Ext, tree: Sequence[Level]
) -> tuple[tuple[Ext, ...], Ext, Ext]:
    """Take a claim on the level of 2^rounds nodes to one on the level below, the last of `tree`."""
    lam = side.challenge("lookup/combine")

    def start() -> RoundProver:
        return side.kernels.fraction(*tree[-1], point, lam, rounds)

    reduced = side.sumcheck("lookup/level", rounds=rounds, degree=3, claim=p + lam * q, start=start)
    p0, p1, q0, q1 = side.values("lookup/children", 4, lambda: reduced.finals or ())
    # GK-7: the children's fractions add up to the claim on this level.
    side.require(
        "GK-7",
        "lookup-level",
        reduced.claim == eq(point, reduced.point) * (p0 * q1 + p1 * q0 + lam * (q0 * q1)),
        f"the level of 2^{rounds} sums of lookups",
    )
    tau = side.challenge("lookup/child")
    return (tau, *reduced.point), p0 + tau * (p1 - p0), q0 + tau * (q1 - q0)


def _root(tree: Sequence[Level]) -> tuple[Ext, Ext]:
    p, q = tree[-1]
    return vectors.to_ext(p[0]), vectors.to_ext(q[0])
