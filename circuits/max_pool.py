"""MaxPool: the maximum over each window, positions outside x ignored.

The maximum is taken one axis at a time and one tap at a time:

    m_0 = tap_0,    m_j = m_(j-1) + relu(tap_j - m_(j-1)),    relu(d) = clamp(d, 0, infinity)

Every m_j is at least each of its taps and equal to one of them, because relu is a function: bound
and attainment come from the same lookup (d, relu(d)), or from `clamp.py`'s products where values
are wide. A tap outside x is replaced by one of the same window inside it. Taps are gathers along an
axis, so the values of all taps at the leaves' point z become one claim, with a random c:

    sum_j c^j tap_j~(z) = <x, sum_j c^j (eq(z, .) moved to where tap j reads)>

First the width is reduced, for every row of x; then the height. A window of one position commits
nothing and moves claims on.

Commits: m_j for j >= 1 of each axis; k_h + k_w - 2 columns for a window of k_h by k_w (the last one
is y). Tables: one clamp at 0. Soundness: the lookups', and (taps - 1) / F for each axis. Paper:
Papini and Haboeck, LogUp over GKR, eprint 2023/1284.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from verifiable.argument import vectors
from verifiable.argument.functional import ExtArray, Functional, padded
from verifiable.argument.goldilocks import ONE, ZERO, Ext
from verifiable.argument.soundness import Rlc
from verifiable.circuits.clamp import Clamp
from verifiable.circuits.lookups import UNBOUNDED, TableBook, TableKey
from verifiable.circuits.site import Column, Interval, Seen, Shape, Site
from verifiable.circuits.walk import Lookup, Suffix, Walk, Witness, flat
from verifiable.circuits.windows import nearest_taps, scatter, tap_positions
from verifiable.program import operators as ops
from verifiable.program.program import IntArray

__all__ = ["MaxPoolArgument"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """The maximum along one axis.

    Attributes:
        axis: of the tensor.
        taps: (taps, outputs), positions along the axis that each output reads; all inside.
        source: the column that it reads; None: x itself.
        shape: of its result.
        columns: m_1 .. m_(taps-1).
        clamps: relu(tap_j - m_(j-1)) for j = 1 .. taps - 1.
    """

    axis: int
    taps: IntArray
    source: Column | None
    shape: Shape
    columns: tuple[Column, ...]
    clamps: tuple[Clamp, ...]


class MaxPoolArgument:
    """The argument of one MaxPool node."""

    def __init__(self, site: Site, book: TableBook) -> None:
        """Plan one stage for each axis whose windows hold more than one position."""
        op = site.node.op
        assert isinstance(op, ops.MaxPool)  # noqa: S101 - the registry's key
        self.site = site
        self.x: Seen = site.operands[0]
        self.interval: Interval = (self.x.lo, self.x.hi)
        width = max(self.x.hi, 0) - min(self.x.lo, 0)
        shape = list(self.x.view)
        taps = {
            axis: nearest_taps(
                tap_positions(
                    site.shape[axis],
                    op.kernel[axis - 1],
                    op.strides[axis - 1],
                    op.dilations[axis - 1],
                    op.pads[axis - 1],
                    shape[axis],
                )
            )
            for axis in (1, 2)
        }
        self._single = {axis: found for axis, found in taps.items() if len(found) == 1}
        self.stages: list[_Stage] = []
        # An axis with one tap is a gather of x, which the first stage's claims pass through.
        for axis in self._single:
            shape[axis] = site.shape[axis]
        source: Column | None = None
        wanted = [axis for axis in (2, 1) if axis not in self._single]
        for axis in wanted:
            shape[axis] = site.shape[axis]
            result = tuple(shape)
            count = len(taps[axis])
            names = [f"{site.index}.max{axis}.{j}" for j in range(1, count)]
            if axis == wanted[-1]:
                names[-1] = f"{site.index}.y"
            columns = tuple(Column(name=name, shape=result) for name in names)
            clamps = tuple(
                Clamp.of(
                    f"{site.label}.axis{axis}.{j}",
                    result,
                    (0, UNBOUNDED),
                    (-width, width),
                    site.sizes,
                    book,
                )
                for j in range(1, count)
            )
            self.stages.append(
                _Stage(
                    axis=axis,
                    taps=taps[axis],
                    source=source,
                    shape=result,
                    columns=columns,
                    clamps=clamps,
                )
            )
            source = columns[-1]

    @property
    def result(self) -> Column | None:
        """The column of y; None where windows hold one position."""
        return self.stages[-1].columns[-1] if self.stages else None

    @property
    def columns(self) -> tuple[Column, ...]:
        """Every running maximum, and what the clamps commit."""
        return tuple(
            column
            for stage in self.stages
            for column in (*stage.columns, *(c for clamp in stage.clamps for c in clamp.columns))
        )

    @property
    def lookups(self) -> tuple[tuple[TableKey, int], ...]:
        """Table and log2 of the lanes of each of its blocks of lookups."""
        return tuple(
            (table, stage.columns[0].log_size)
            for stage in self.stages
            for clamp in stage.clamps
            for table in clamp.tables
        )

    def fill(self, witness: Witness) -> None:
        """Write the running maxima and their lookups."""
        values = witness.tensor(self.x)
        for axis, taps in self._single.items():
            values = np.take(values, taps[0], axis=axis)
        for stage in self.stages:
            running = np.take(values, stage.taps[0], axis=stage.axis)
            for column, clamp, at in zip(stage.columns, stage.clamps, stage.taps[1:], strict=True):
                tap = np.take(values, at, axis=stage.axis)
                larger = np.maximum(running, tap)
                rise = padded(larger - running, 0)
                clamp.fill(witness, padded(tap - running, 0), rise)
                witness.virtual[f"{clamp.name}.y"] = flat(rise)
                witness.columns[column.name] = flat(padded(larger, 0))
                running = larger
            values = running

    def close(self, walk: Walk, suffix: Suffix) -> list[Lookup]:
        """At the leaves' point: send all taps and maxima, and claim the taps together."""
        found: list[Lookup] = []
        for stage in self.stages:
            found += self._close_stage(walk, stage, suffix(stage.columns[0].log_size))
        return found

    def _close_stage(self, walk: Walk, stage: _Stage, point: tuple[Ext, ...]) -> list[Lookup]:
        side = walk.side
        label = f"{self.site.label}.axis{stage.axis}"
        at = Functional.at(stage.shape, point)
        taps = side.values(
            f"{label}.taps", len(stage.taps), lambda: self._tap_values(walk, stage, at)
        )
        found: list[Lookup] = []
        running = taps[0]
        for column, clamp, tap in zip(stage.columns, stage.clamps, taps[1:], strict=True):
            larger = walk.column_at(column.name, point)
            found += clamp.close(walk, point, larger - running, tap - running)[1]
            running = larger
        side.note(Rlc(label=f"{label}.taps", count=len(taps)))
        c = side.challenge(f"{label}.combine")
        powers = [ONE]
        for _ in taps[1:]:
            powers.append(powers[-1] * c)
        value = ZERO
        for power, tap in zip(powers, taps, strict=True):
            value = value + power * tap
        self._claim_source(walk, stage, self._pulled(at, stage, powers), value)
        return found

    def _pulled(self, at: Functional, stage: _Stage, powers: list[Ext]) -> Functional:
        """The functional on the stage's source that all taps together are."""
        size = self._source_shape(stage)[stage.axis]

        def pull(outputs: ExtArray) -> ExtArray:
            total = scatter(outputs, stage.taps[0], size)
            for power, taps in zip(powers[1:], stage.taps[1:], strict=True):
                scaled = vectors.ext_scale(outputs, power)
                total = vectors.add(total, scatter(scaled, taps, size))
            return total

        return at.along(stage.axis, pull)

    def _source_shape(self, stage: _Stage) -> Shape:
        if stage.source is not None:
            return stage.source.shape
        shape = list(self.x.view)
        for axis, taps in self._single.items():
            shape[axis] = taps.shape[1]
        return tuple(shape)

    def _claim_source(self, walk: Walk, stage: _Stage, weights: Functional, value: Ext) -> None:
        if stage.source is not None:
            walk.claim_column(stage.source.name, weights, value)
        else:
            walk.claim(self.x, self._through_single(weights), value)

    def _through_single(self, weights: Functional) -> Functional:
        """From x as axes of one tap leave it, to x."""
        for axis, taps in self._single.items():
            pull = partial(scatter, positions=taps[0], size=self.x.view[axis])
            weights = weights.along(axis, pull)
        return weights

    def _tap_values(self, walk: Walk, stage: _Stage, at: Functional) -> tuple[Ext, ...]:
        """The prover's values of all taps."""
        if stage.source is not None:
            lanes = tuple(slice(size) for size in stage.source.shape)
            full = tuple(1 << (size - 1).bit_length() for size in stage.source.shape)
            values = walk.column(stage.source.name).reshape(full)[lanes]
        else:
            values = walk.lanes(self.x)
            for axis, taps in self._single.items():
                values = np.take(values, taps[0], axis=axis)
        return tuple(at.apply(np.take(values, taps, axis=stage.axis)) for taps in stage.taps)

    def reduce(self, walk: Walk) -> None:
        """Show the clamps' products to vanish; move claims on where nothing is committed."""
        for weights, value in walk.claims_on(self.site.index):
            walk.claim(self.x, self._through_single(weights), value)
        for stage in self.stages:
            for j, clamp in enumerate(stage.clamps):
                self._reduce_clamp(walk, stage, j, clamp)

    def _reduce_clamp(self, walk: Walk, stage: _Stage, j: int, clamp: Clamp) -> None:
        column = stage.columns[j]

        def before_at(walk: Walk, point: tuple[Ext, ...]) -> Ext:
            if j > 0:
                return walk.column_at(stage.columns[j - 1].name, point)
            label = f"{self.site.label}.axis{stage.axis}.first"
            at = Functional.at(stage.shape, point)
            value = walk.side.value(label, lambda: self._tap_values(walk, stage, at)[0])
            self._claim_source(walk, stage, self._pulled_first(at, stage), value)
            return value

        def lanes() -> IntArray:
            return walk.virtual(f"{clamp.name}.y")

        clamp.reduce(
            walk,
            lambda walk, point: walk.column_at(column.name, point) - before_at(walk, point),
            lanes,
        )

    def _pulled_first(self, at: Functional, stage: _Stage) -> Functional:
        size = self._source_shape(stage)[stage.axis]
        return at.along(stage.axis, lambda outputs: scatter(outputs, stage.taps[0], size))
