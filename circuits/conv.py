"""Conv: two-dimensional convolution over NHWC, with strides, pads, dilations and groups.

With functionals per axis, a claim `<acc, b (x) h (x) w (x) u> = v` becomes a sum over positions
q = (q_h, q_w) and channels c of x:

    S_i(q_h) = sum of h(y) over outputs y whose tap i reads q_h        the same for w: S'_j(q_w)
    X(q, c)  = sum_n b(n) * (x(n, q, c) - zero_point)
    K(q, c)  = sum_ij S_i(q_h) S'_j(q_w) sum_o u(o) weight(o, i, j, c)
    v        = total(b, h, w) * <bias, u> + sum over q, c of X(q, c) K(q, c)

A tap that falls outside x has no term, which is the zero padding. One sumcheck over (q, c), degree
2, leaves the values of X~ and K~ at a point (q*, c*):

    <x, b (x) eq((q*, c*), .)> = X~ + zero_point * total
    <weight, u (x) S~(q*_h) (x) S'~(q*_w) (x) eq(c*, .)> = K~
    S~(q*_h)_i = sum_q S_i(q) eq(q*_h, q)

so the kernel's claim is one more functional with a vector per axis, which the commitment's opening
takes as it is. Groups: channel c of x is lane c - g C / G of the filters of group g alone, so the
claim on the weights splits into one for each group (into a single one where filters are one channel
deep).

Verifier: O(kh (H' + H) + kw (W' + W) + O + C). Commits: what `requantise.py` says.
Soundness: 2 log(H W C) / F. Papers: Thaler, CRYPTO 2013; Liu, Xie, Zhang, "zkCNN", CCS 2021
(another reduction).
"""

from __future__ import annotations

import numpy as np

from verifiable.argument import vectors
from verifiable.argument.functional import (
    ExtArray,
    Functional,
    bits_of,
)
from verifiable.argument.goldilocks import ZERO, Ext
from verifiable.circuits.contraction import dot_product, fold_leading, lane_table, sum_of_outer
from verifiable.circuits.requantise import Requantised
from verifiable.circuits.site import Interval
from verifiable.circuits.walk import Walk
from verifiable.circuits.windows import scatter, tap_positions
from verifiable.program import operators as ops
from verifiable.program.program import IntArray

__all__ = ["ConvArgument"]


class ConvArgument(Requantised):
    """The argument of one Conv node."""

    def accumulator_interval(self) -> Interval:
        """Each tap inside x adds one bounded product, each outside nothing."""
        x, weight, bias, _ = self.site.operands
        zero = self._op().x_zero_point
        corners = [a * b for a in (x.lo - zero, x.hi - zero) for b in (weight.lo, weight.hi)]
        _, height, width, depth = weight.view
        terms = height * width * depth
        return terms * min(0, *corners) + bias.lo, terms * max(0, *corners) + bias.hi

    def reduce_accumulator(self, walk: Walk, weights: Functional, value: Ext) -> None:
        """See the module's text."""
        op, label, side = self._op(), self.site.label, walk.side
        x, weight, bias, _ = self.site.operands
        outer, u = weights.split_last()
        batch, rows, columns = outer.factors
        offset = walk.operand_value(
            bias, f"{label}.bias", Functional(factors=(u,)).reshaped(bias.view)
        )
        positions = x.view[1:]  # (H, W, C)
        across = self._taps(rows, 0)  # (kh, H, 2)
        along = self._taps(columns, 1)  # (kw, W, 2)

        def tables() -> list[ExtArray]:
            centred = walk.lanes(x) - op.x_zero_point
            image = fold_leading(centred, batch)  # (H, W, C, 2)
            filters = self._filters(walk.lanes(weight), u)  # (kh, kw, C, 2)
            return [lane_table(image), lane_table(self._spread(walk, filters, across, along))]

        bits = bits_of(positions)
        claim = value - outer.total() * offset
        point, at_x, at_kernel = dot_product(side, label, claim, bits, tables)
        here = Functional.at(positions, point)
        seen = Functional(factors=(batch, *here.factors))
        walk.claim(x, seen, at_x + seen.total() * op.x_zero_point)
        eq_h, eq_w, eq_c = here.factors
        by_row = vectors.from_exts([vectors.ext_dot(tap, eq_h) for tap in across])
        by_column = vectors.from_exts([vectors.ext_dot(tap, eq_w) for tap in along])
        self._claim_weights(walk, (u, by_row, by_column, eq_c), at_kernel)

    def _claim_weights(self, walk: Walk, vectors_of: tuple[ExtArray, ...], value: Ext) -> None:
        """`<weight, u (x) rows (x) columns (x) channels> = value`, split by groups."""
        u, by_row, by_column, channels = vectors_of
        weight, group = self.site.operands[1], self._op().group
        filters, depth = len(u) // group, len(channels) // group
        if group == 1 or depth == 1:
            if group > 1:  # one channel deep: the channel's factor goes with its filters
                by_filter = np.repeat(channels, filters, axis=0)
                u = vectors.ext_mul(u, np.ascontiguousarray(by_filter))
                channels = vectors.from_exts([Ext.of(1)])
            walk.claim(weight, Functional(factors=(u, by_row, by_column, channels)), value)
            return
        total = ZERO
        for g in range(group):
            own = np.zeros_like(u)
            own[g * filters : (g + 1) * filters] = u[g * filters : (g + 1) * filters]
            part = channels[g * depth : (g + 1) * depth]
            factors = Functional(factors=(own, by_row, by_column, part))
            total = total + walk.operand_value(weight, f"{self.site.label}.group", factors)
        # GK-9: the groups together make up the kernel's value.
        walk.side.require("GK-9", "reduction-false", total == value, f"{self.site.label}.group")

    def _taps(self, outputs: ExtArray, axis: int) -> ExtArray:
        """S_i on one axis: outputs (H', 2) -> (taps, H, 2)."""
        op, size = self._op(), self.site.operands[0].view[1 + axis]
        positions = tap_positions(
            len(outputs),
            self.site.operands[1].view[1 + axis],
            op.strides[axis],
            op.dilations[axis],
            op.pads[axis],
            size,
        )
        by_output = outputs[:, np.newaxis]
        return np.stack([scatter(by_output, taps, size)[:, 0] for taps in positions])

    def _filters(self, weight: IntArray, u: ExtArray) -> ExtArray:
        """`sum_o u(o) weight(o, i, j, c)` with c counted over all groups: (kh, kw, C, 2)."""
        group = self._op().group
        filters = len(u) // group
        parts = [
            fold_leading(
                weight[g * filters : (g + 1) * filters], u[g * filters : (g + 1) * filters]
            )
            for g in range(group)
        ]
        return np.concatenate(parts, axis=2)

    def _spread(self, walk: Walk, filters: ExtArray, across: ExtArray, along: ExtArray) -> ExtArray:
        """K(q, c): (H, W, C, 2)."""
        kernels = walk.side.kernels
        height, width = across.shape[1], along.shape[1]
        taps_h, taps_w, channels = filters.shape[:3]
        # First over i, for every row q_h and tap j; then over j, for every q_w.
        by_row = sum_of_outer(kernels, across, filters.reshape(taps_h, -1, 2))  # (H, kw * C, 2)
        by_tap = by_row.reshape(height, taps_w, channels, 2).transpose(1, 0, 2, 3)
        spread = sum_of_outer(kernels, along, by_tap.reshape(taps_w, -1, 2))  # (W, H * C, 2)
        return spread.reshape(width, height, channels, 2).transpose(1, 0, 2, 3)

    def _op(self) -> ops.Conv:
        op = self.site.node.op
        assert isinstance(op, ops.Conv)  # noqa: S101 - the registry's key
        return op
