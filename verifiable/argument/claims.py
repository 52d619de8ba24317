"""Claims on committed columns, and their merge into one evaluation of the committed stack.

All columns of all commitments lie in one address space (`stack.py`). A claim `<column, F> = v`
becomes a sum over the whole stack, with F moved to the column's block. With a random g, all claims
become one:

    sum over addresses x of  P(x) * E(x)  =  sum_i g^i v_i,      E = sum_i g^i F_i on its block

One sumcheck of degree 2 leaves one evaluation of P, which the commitments open, and one of E, which
the verifier computes from the functionals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from verifiable.argument import vectors
from verifiable.argument.functional import EqPoint, ExtArray, Functional, PointTables
from verifiable.argument.goldilocks import ONE, ZERO, Ext
from verifiable.argument.multilinear import eq_bits
from verifiable.argument.soundness import Rlc
from verifiable.argument.stack import Block

if TYPE_CHECKING:
    from verifiable.argument.kernels import RoundProver
    from verifiable.argument.side import Side

__all__ = ["Claim", "ClaimBook", "merge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`<column, weights> = value`, still to be shown."""

    column: str
    weights: EqPoint | Functional
    value: Ext


@dataclass(slots=True)
class ClaimBook:
    """Every claim on a committed column that the protocol has made so far, in order."""

    claims: list[Claim] = field(default_factory=list)

    def add(self, column: str, weights: EqPoint | Functional, value: Ext) -> None:
        """Take a claim; `merge` discharges all of them."""
        self.claims.append(Claim(column=column, weights=weights, value=value))


def merge(
    side: Side,
    claims: Sequence[Claim],
    blocks: Mapping[str, Block],
    variables: int,
    stack: Callable[[], ExtArray],
) -> tuple[tuple[Ext, ...], Ext]:
    """Reduce all claims to one evaluation of the stack.

    Args:
        side: prover's or verifier's.
        claims: on columns of `blocks`.
        blocks: where each column lies in the address space.
        variables: of the address space.
        stack: the prover's words in address order: (n,) with n at most `2**variables`.

    Returns:
        the point (one challenge per variable) and the value that the stack must have there.
    """
    side.note(Rlc(label="merge", count=len(claims)))
    g = side.challenge("merge/combine")
    powers: list[Ext] = []  # none where a program only moves its inputs
    power, total = ONE, ZERO
    for claim in claims:
        powers.append(power)
        total = total + power * claim.value
        power = power * g
    reduced = side.sumcheck(
        "merge",
        rounds=variables,
        degree=2,
        claim=total,
        start=lambda: _prover(side, claims, powers, blocks, variables, stack()),
    )
    finals = reduced.finals
    value = side.value("merge/stack", lambda: _given(finals)[0])
    at = reduced.point
    if side.verifying or finals is not None:
        weight = finals[1] if finals is not None else _evaluate(claims, powers, blocks, at)
        # GK-10: the claims hold only if the stack has this value at this point.
        side.require("GK-10", "merge-false", reduced.claim == value * weight, "merge")
    return at, value


def _given(finals: tuple[Ext, ...] | None) -> tuple[Ext, ...]:
    assert finals is not None  # noqa: S101 - the prover's side has them
    return finals


def _evaluate(
    claims: Sequence[Claim],
    powers: Sequence[Ext],
    blocks: Mapping[str, Block],
    point: tuple[Ext, ...],
) -> Ext:
    """The multilinear extension of E at `point`."""
    tables = PointTables(point)
    prefixes: dict[str, Ext] = {}
    weight = ZERO
    for power, claim in zip(powers, claims, strict=True):
        prefix = prefixes.get(claim.column)
        if prefix is None:
            block = blocks[claim.column]
            prefix = eq_bits(block.offset >> block.log_size, point[block.log_size :])
            prefixes[claim.column] = prefix
        weight = weight + power * prefix * claim.weights.evaluate(tables)
    return weight


def _prover(
    side: Side,
    claims: Sequence[Claim],
    powers: Sequence[Ext],
    blocks: Mapping[str, Block],
    variables: int,
    words: ExtArray,
) -> RoundProver:
    weights = np.zeros((len(words), 2), dtype=np.uint64)
    for power, claim in zip(powers, claims, strict=True):
        hi, lo = claim.weights.halves()
        if len(hi) < len(lo):
            hi = vectors.ext_scale(hi, power)
        else:
            lo = vectors.ext_scale(lo, power)
        side.kernels.add_outer(weights, blocks[claim.column].offset, hi, lo)
    return side.kernels.product([words, weights], variables)
