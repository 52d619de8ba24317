"""MatMul: `acc[r, n] = sum_k x[r, k] * weight[n, k] + bias[n]`, with r over all leading axes.

A claim `<acc, rows (x) u> = v` becomes

    v = total(rows) * <bias, u> + sum_k A(k) B(k)
    A(k) = sum_r rows(r) x(r, k),    B(k) = sum_n u(n) weight(n, k)

One sumcheck over k, degree 2, log K rounds, leaves A~(k*) and B~(k*):

    <x, rows (x) eq(k*, .)> = A~(k*),    <weight, u (x) eq(k*, .)> = B~(k*)

The verifier's work is O(N + K + the leading axes); the prover folds both matrices once.
Commits: what `requantise.py` says. Tables: none of its own. Soundness: 2 log K / F.
Paper: Thaler, "Time-optimal interactive proofs for circuit evaluation", CRYPTO 2013.
"""

from __future__ import annotations

from verifiable.argument import vectors
from verifiable.argument.functional import Functional, axis_bits
from verifiable.argument.goldilocks import Ext
from verifiable.circuits.contraction import dot_product, flattened, fold_leading, lane_table
from verifiable.circuits.requantise import Requantised
from verifiable.circuits.site import Interval
from verifiable.circuits.walk import Walk

__all__ = ["MatMulArgument"]


class MatMulArgument(Requantised):
    """The argument of one MatMul node."""

    def accumulator_interval(self) -> Interval:
        """K products of bounded factors, and a bias."""
        x, weight, bias, _ = self.site.operands
        corners = [a * b for a in (x.lo, x.hi) for b in (weight.lo, weight.hi)]
        terms = weight.view[1]
        return terms * min(corners) + bias.lo, terms * max(corners) + bias.hi

    def reduce_accumulator(self, walk: Walk, weights: Functional, value: Ext) -> None:
        """See the module's text."""
        x, weight, bias, _ = self.site.operands
        label = self.site.label
        rows, u = weights.split_last()
        outputs = Functional(factors=(u,))
        offset = walk.operand_value(bias, f"{label}.bias", outputs.reshaped(bias.view))
        terms = x.view[-1]

        def tables() -> list[vectors.Words]:
            by_row = walk.lanes(x).reshape(-1, terms)
            a = fold_leading(by_row, flattened(rows))
            b = fold_leading(walk.lanes(weight), u)
            return [lane_table(a), lane_table(b)]

        claim = value - rows.total() * offset
        point, a, b = dot_product(walk.side, label, claim, axis_bits(terms), tables)
        at = Functional.at((terms,), point).factors[0]
        walk.claim(x, Functional(factors=(*rows.factors, at)), a)
        walk.claim(weight, Functional(factors=(u, at)), b)
