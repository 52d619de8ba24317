"""Linear functionals on tensors: the left-hand side of every claim.

A claim says `<T, F> = v`, where `<T, F>` is the sum over all lanes of `T[lane] * F[lane]`. Two
kinds of F are enough for the whole protocol:

- `EqPoint`: the evaluation of the multilinear extension of a committed block, all lanes included;
- `Functional`: a product of one vector per group of neighbouring axes, over the *real* lanes of a
  tensor only. Lanes that pad an axis to a power of two never matter to it.

Every operator that is linear with public coefficients (views, transposes, concatenations, pads,
sums, pools by addition) turns a functional on its result into functionals on its operands, the
adjoint map, without a message between prover and verifier. What stays small in the operator stays
small in the functional: its extension at a point costs the verifier the sum of the axes' lengths,
not their product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from verifiable.argument import vectors
from verifiable.argument.goldilocks import ONE, Ext, P
from verifiable.argument.multilinear import eq

__all__ = [
    "EqPoint",
    "ExtArray",
    "Functional",
    "PointTables",
    "axis_bits",
    "axis_points",
    "bits_of",
    "padded",
]

ExtArray = npt.NDArray[np.uint64]
Shape = tuple[int, ...]


def axis_bits(size: int) -> int:
    """Variables that index an axis of `size` lanes."""
    return (size - 1).bit_length()


def bits_of(shape: Shape) -> int:
    """Variables of a tensor whose axes are each padded to a power of two."""
    return sum(axis_bits(size) for size in shape)


def axis_points(shape: Shape, point: Sequence[Ext]) -> list[tuple[Ext, ...]]:
    """Split a point into one per axis; the last axis owns the first coordinates."""
    parts: list[tuple[Ext, ...]] = []
    at = 0
    for size in reversed(shape):
        bits = axis_bits(size)
        parts.append(tuple(point[at : at + bits]))
        at += bits
    if at != len(point):
        raise ValueError(f"{len(point)} coordinates for a tensor of {at} variables")
    return parts[::-1]


def padded(values: npt.NDArray[Any], fill: int, axes: int | None = None) -> npt.NDArray[Any]:
    """Pad each of the first `axes` axes (all if None) to a power of two with `fill`."""
    shape = values.shape if axes is None else values.shape[:axes]
    target = tuple(1 << axis_bits(size) for size in shape)
    if target == shape:
        return np.ascontiguousarray(values)
    result = np.full(target + values.shape[len(shape) :], fill, dtype=values.dtype)
    result[tuple(slice(size) for size in shape)] = values
    return result


@lru_cache(maxsize=256)
def _eq_table(point: tuple[Ext, ...]) -> ExtArray:
    """The eq table of a point, which many columns and axes share."""
    table = vectors.eq_table(point)
    table.setflags(write=False)
    return table


class PointTables:
    """The eq tables of one point, made once for each range of its coordinates."""

    def __init__(self, point: Sequence[Ext]) -> None:
        self.point = tuple(point)
        self._made: dict[tuple[int, int], ExtArray] = {}

    def table(self, first: int, bits: int) -> ExtArray:
        """eq of the coordinates `first .. first + bits - 1`: (2**bits, 2)."""
        known = self._made.get((first, bits))
        if known is None:
            known = _eq_table(self.point[first : first + bits])
            self._made[first, bits] = known
        return known


@dataclass(frozen=True, slots=True, kw_only=True)
class EqPoint:
    """The evaluation of a committed block's multilinear extension at `point`."""

    point: tuple[Ext, ...]

    def evaluate(self, tables: PointTables) -> Ext:
        """Its own multilinear extension at a point of as many leading coordinates."""
        return eq(self.point, tables.point[: len(self.point)])

    def halves(self) -> tuple[ExtArray, ExtArray]:
        """(hi, lo) whose outer product is the dense table, lanes in order."""
        half = len(self.point) // 2
        return _eq_table(self.point[half:]), _eq_table(self.point[:half])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Functional:
    """A product of vectors, one for each group of neighbouring axes.

    Attributes:
        factors: extension arrays of shape (d_1, .., d_k, 2); their axes in order are the tensor's.
    """

    factors: tuple[ExtArray, ...]

    @classmethod
    def at(cls, shape: Shape, point: Sequence[Ext]) -> Functional:
        """The evaluation at `point` of a tensor whose padding lanes are 0."""
        parts = axis_points(shape, point)
        return cls(
            factors=tuple(_eq_table(part)[:size] for size, part in zip(shape, parts, strict=True))
        )

    @property
    def shape(self) -> Shape:
        """The tensor's shape."""
        return tuple(size for factor in self.factors for size in factor.shape[:-1])

    def total(self) -> Ext:
        """`<1, F>`: the sum over all real lanes."""
        result = ONE
        for factor in self.factors:
            result = result * vectors.ext_sum(factor.reshape(-1, 2))
        return result

    def apply(self, values: npt.NDArray[np.int64]) -> Ext:
        """`<values, F>` for an integer tensor that the caller holds."""
        if not self.factors:
            return Ext.of(int(values.reshape(())))
        last = self.factors[-1].reshape(-1, 2)
        partial = vectors.contract(values.reshape(-1, len(last)), last)
        for factor in reversed(self.factors[:-1]):
            flat = factor.reshape(-1, 2)
            partial = contract_ext(partial.reshape(-1, len(flat), 2), flat)
        return vectors.to_ext(partial.reshape(2))

    def evaluate(self, tables: PointTables) -> Ext:
        """Its multilinear extension (0 on padding lanes) at a point's leading coordinates."""
        result = ONE
        first = 0
        for factor in reversed(self.factors):
            part = factor
            for size in reversed(factor.shape[:-1]):
                bits = axis_bits(size)
                part = contract_ext(part, tables.table(first, bits)[:size])
                first += bits
            result = result * vectors.to_ext(part)
        return result

    def halves(self) -> tuple[ExtArray, ExtArray]:
        """(hi, lo) whose outer product is the dense table over the padded lanes."""
        flat = [padded(f, 0, f.ndim - 1).reshape(-1, 2) for f in self.factors]
        if not flat:
            return vectors.from_exts([ONE]), vectors.from_exts([ONE])
        hi = vectors.from_exts([ONE])
        for factor in flat[:-1]:
            hi = _outer(hi, factor)
        return hi, flat[-1]

    def dense(self) -> ExtArray:
        """The table over the real lanes: shape + (2,)."""
        joint = vectors.from_exts([ONE])
        for factor in self.factors:
            joint = _outer(joint, factor.reshape(-1, 2))
        return joint.reshape(*self.shape, 2)

    # --- Adjoint maps: from a functional on a result to one on what it was made of -------------

    def reshaped(self, shape: Shape) -> Functional:
        """The same lanes in row-major order under another shape."""
        if shape == self.shape:
            return self
        factors: list[ExtArray] = []
        pending: ExtArray | None = None  # axes of the old shape not yet laid out, flattened
        queue = list(self.factors)
        at = 0
        while at < len(shape):
            # The shortest run of new axes that equals a run of old groups.
            size, stop = shape[at], at + 1
            if pending is None:
                pending = queue.pop(0).reshape(-1, 2) if queue else vectors.from_exts([ONE])
            while len(pending) != size:
                if len(pending) < size:
                    pending = _outer(pending, queue.pop(0).reshape(-1, 2))
                else:
                    size *= shape[stop]
                    stop += 1
            factors.append(pending.reshape(*shape[at:stop], 2))
            pending, at = None, stop
        for rest in queue:  # axes of one lane: a plain number each
            scale = vectors.to_ext(rest.reshape(2))
            if factors:
                factors[-1] = vectors.ext_scale(factors[-1], scale)
            else:
                factors.append(vectors.from_exts([scale]).reshape(2))
        return Functional(factors=tuple(factors))

    def transposed(self, perm: Sequence[int]) -> Functional:
        """On x, for a result whose axis i is axis `perm[i]` of x."""
        starts, start = {}, 0
        for factor in self.factors:
            rank = factor.ndim - 1
            source = list(perm[start : start + rank])
            if source != list(range(source[0], source[0] + rank)) if source else False:
                return self._joint_transposed(perm)
            starts[source[0] if source else -1] = factor
            start += rank
        return Functional(factors=tuple(starts[key] for key in sorted(starts)))

    def _joint_transposed(self, perm: Sequence[int]) -> Functional:
        inverse = np.argsort(perm)
        joint = self.dense().transpose(*inverse, len(perm))
        return Functional(factors=(np.ascontiguousarray(joint),))

    def along(self, axis: int, change: Callable[[ExtArray], ExtArray]) -> Functional:
        """Apply a linear map to one axis.

        Args:
            axis: of the tensor.
            change: from (d, rest, 2) to (d', rest, 2), the axis first and the others flattened.
        """
        start = 0
        factors = list(self.factors)
        for position, factor in enumerate(factors):
            rank = factor.ndim - 1
            if axis < start + rank:
                moved = np.moveaxis(factor, axis - start, 0)
                rest = moved.shape[1:-1]
                changed = change(np.ascontiguousarray(moved).reshape(len(moved), prod(rest), 2))
                back = np.moveaxis(changed.reshape(len(changed), *rest, 2), 0, axis - start)
                factors[position] = np.ascontiguousarray(back)
                break
            start += rank
        return Functional(factors=tuple(factors))

    def cut(self, axis: int, start: int, stop: int) -> Functional:
        """On the lanes `start .. stop - 1` of an axis."""
        return self.along(axis, lambda lanes: lanes[start:stop])

    def summed_to(self, shape: Shape) -> Functional:
        """On an operand of `shape` that was broadcast to this functional's shape."""
        result = self
        lead = len(self.shape) - len(shape)
        for axis, (have, want) in enumerate(zip((1,) * lead + shape, self.shape, strict=True)):
            if have == 1 and want != 1:
                result = result.along(axis, sum_axis)
        return result.reshaped(shape) if lead else result

    def split_last(self) -> tuple[Functional, ExtArray]:
        """(all axes but the last, the last axis's vector); the last axis must be its own group."""
        last = self.factors[-1]
        if last.ndim != 2:
            raise ValueError("the last axis shares a group with others")
        return Functional(factors=self.factors[:-1]), last


def contract_ext(array: ExtArray, weights: ExtArray) -> ExtArray:
    """`sum_k array[.., k, :] * weights[k, :]` in the extension: (.., K, 2), (K, 2) -> (.., 2)."""
    if array.ndim == 2:
        return vectors.from_exts([vectors.ext_dot(array, weights)]).reshape(2)
    return _sum_second_last(vectors.ext_mul(array, weights))


def sum_axis(array: ExtArray) -> ExtArray:
    """Sum over the first axis: (d, rest, 2) -> (1, rest, 2)."""
    return _sum_second_last(np.moveaxis(array, 0, -2))[np.newaxis]


def _sum_second_last(array: ExtArray) -> ExtArray:
    """Field sum over axis -2; halves of words are added, so that nothing overflows 64 bits."""
    low = (array & np.uint64(0xFFFFFFFF)).sum(axis=-2, dtype=np.uint64)
    high = (array >> np.uint64(32)).sum(axis=-2, dtype=np.uint64)
    # high < 2^63 for up to 2^31 terms: reduce both words and put them together in the field.
    top = vectors.mul(high % np.uint64(P), np.uint64(1 << 32))
    return vectors.add(top, low % np.uint64(P))


def _outer(left: ExtArray, right: ExtArray) -> ExtArray:
    """Outer product flattened: (h, 2), (l, 2) -> (h * l, 2)."""
    if len(left) == 1 and bool(left[0, 0] == 1) and bool(left[0, 1] == 0):
        return right
    return vectors.ext_mul(left[:, None, :], right[None, :, :]).reshape(-1, 2)
