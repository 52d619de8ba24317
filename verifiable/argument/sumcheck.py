"""The sumcheck protocol, written once for all sides.

Claim: the sum of g over {0,1}^n is v, where g has degree at most d in each variable. In round j the
prover sends the polynomial g_j(X) = sum of g over the later variables, the earlier ones bound to
challenges and the current one to X. It sends d values, g_j(0), g_j(2), .., g_j(d), because
g_j(1) = v - g_j(0) is what the verifier would check. The next claim is g_j at a challenge. After n
rounds one value of g is left to show, at a point of challenges. Variable 0 is bound first.

Soundness: if v is false, some g_j must differ from the true polynomial while both agree at the
challenge, which happens with probability at most d / F in a round (Lund, Fortnow, Karloff, Nisan
1992). The degree is the verifier's own: a longer polynomial cannot be sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from verifiable.argument.goldilocks import Ext, P
from verifiable.argument.side import Reduced, Side
from verifiable.argument.soundness import Sumcheck

if TYPE_CHECKING:
    from verifiable.argument.kernels import RoundProver

__all__ = ["evaluate_round", "reduce"]


def reduce(
    side: Side,
    label: str,
    *,
    rounds: int,
    degree: int,
    claim: Ext,
    start: Callable[[], RoundProver],
) -> Reduced:
    """Reduce a claim on a sum over 2^rounds points to a claim on one value of the summand.

    Args:
        side: any.
        label: of its messages and challenges.
        rounds: variables; with none the claim is on the summand already.
        degree: of the summand in each variable, at least 1.
        claim: the sum.
        start: makes the prover's state.

    Raises:
        ValueError: The prover's state has another degree.
    """
    if rounds < 0 or degree < 1:
        raise ValueError(f"{label}: a sumcheck of {rounds} rounds and degree {degree}")
    side.note(Sumcheck(label=label, degree=degree, rounds=rounds))
    prover = start() if side.proving else None
    if prover is not None and prover.degree != degree:
        raise ValueError(f"{label}: kernels of degree {prover.degree} for degree {degree}")
    point: list[Ext] = []
    for _ in range(rounds):
        sent = side.values(label, degree, lambda: _of(prover).round())
        r = side.challenge(label)
        claim = evaluate_round(sent, claim, r)
        point.append(r)
        if prover is not None:
            prover.bind(r)
    finals = None if prover is None else prover.final()
    return Reduced(point=tuple(point), claim=claim, finals=finals)


def evaluate_round(sent: Sequence[Ext], claim: Ext, r: Ext) -> Ext:
    """Evaluate a round's polynomial at `r`.

    Args:
        sent: g(0), g(2), .., g(d).
        claim: g(0) + g(1).
        r: the challenge.
    """
    # Newton's form on the nodes 0, 1, .., d: divided differences, then one product a degree. The
    # differences are kept as plain integers, to be reduced once.
    first, *others = sent
    c0 = [first.c0, claim.c0 - first.c0, *(value.c0 for value in others)]
    c1 = [first.c1, claim.c1 - first.c1, *(value.c1 for value in others)]
    degree = len(sent)
    for order in range(1, degree + 1):
        for at in range(degree, order - 1, -1):
            c0[at] -= c0[at - 1]
            c1[at] -= c1[at - 1]
    scales = _inverse_factorials(degree)
    total = Ext(c0[degree] * scales[degree], c1[degree] * scales[degree])
    for at in range(degree - 1, -1, -1):
        total = total * (r - at) + Ext(c0[at] * scales[at], c1[at] * scales[at])
    return total


@cache
def _inverse_factorials(degree: int) -> tuple[int, ...]:
    """1 / k! mod p for k = 0..degree."""
    found = [1]
    for k in range(1, degree + 1):
        found.append(found[-1] * pow(k, -1, P) % P)
    return tuple(found)


def _of(prover: RoundProver | None) -> RoundProver:
    assert prover is not None  # noqa: S101 - only a proving side computes messages
    return prover
