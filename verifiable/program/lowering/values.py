"""What an ONNX tensor can be while its graph is lowered.

Programs keep rank-4 activations as NHWC, ONNX as NCHW. A `View` says how an ONNX tensor reads a
program tensor, `reshape(transpose(inner, axes), shape)`, so that transposes and reshapes of the
graph cost nothing until an operator needs another order of bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf

import numpy as np
import numpy.typing as npt

from verifiable.errors import Problem, UnsupportedModel
from verifiable.program import operators as ops
from verifiable.program.lowering.builder import Builder
from verifiable.program.multiplier import Multiplier, multipliers_for
from verifiable.program.program import IntArray, Operand, width_of

__all__ = [
    "NHWC_AXES",
    "Accumulator",
    "Const",
    "FloatArray",
    "Function",
    "Linear",
    "Quantised",
    "RawInput",
    "Sum",
    "Target",
    "Unknown",
    "Value",
    "View",
    "quantise_real",
]

FloatArray = npt.NDArray[np.float64]
Shape = tuple[int, ...]

NHWC_AXES = (0, 3, 1, 2)
"""Where the ONNX axes (batch, channel, height, width) lie in an NHWC tensor."""


def quantise_real(value: float, scale: float, zero_point: int) -> int | float:
    """`floor(value / scale + 0.5) + zero_point`; infinities stay as they are."""
    if value in (inf, -inf):
        return value
    return int(np.floor(value / scale + 0.5)) + zero_point


def _moves_data(shape: Shape, axes: tuple[int, ...]) -> bool:
    long_axes = [axis for axis in axes if shape[axis] != 1]
    return long_axes != sorted(long_axes)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """An ONNX tensor as a reading of a program tensor.

    Attributes:
        operand: the program tensor, under its inner shape.
        axes: axis `i` of the transposed tensor is axis `axes[i]` of the inner one.
        shape: the ONNX shape; a reshape of the transposed shape.
    """

    operand: Operand
    axes: tuple[int, ...]
    shape: Shape

    @classmethod
    def plain(cls, operand: Operand) -> View:
        """The tensor as it lies."""
        return cls(operand=operand, axes=tuple(range(len(operand.shape))), shape=operand.shape)

    @property
    def transposed_shape(self) -> Shape:
        """The shape between transpose and reshape."""
        return tuple(self.operand.shape[axis] for axis in self.axes)

    @property
    def in_order(self) -> bool:
        """Whether the inner tensor's bytes are already in ONNX order."""
        return not _moves_data(self.operand.shape, self.axes)

    def reshaped(self, shape: Shape) -> View:
        """The same elements under another ONNX shape."""
        if self.in_order:
            return View.plain(replace(self.operand, shape=shape))
        return replace(self, shape=shape)

    def transposed(self, builder: Builder, perm: tuple[int, ...], name: str) -> View:
        """The ONNX transpose of this tensor; moves bytes only below a pending reshape."""
        base = (
            self if self.shape == self.transposed_shape else View.plain(self.ordered(builder, name))
        )
        return View(
            operand=base.operand,
            axes=tuple(base.axes[axis] for axis in perm),
            shape=tuple(base.shape[axis] for axis in perm),
        )

    def ordered(self, builder: Builder, name: str) -> Operand:
        """An operand whose bytes are in ONNX order, under the ONNX shape."""
        if self.in_order:
            return replace(self.operand, shape=self.shape)
        moved = builder.emit(
            ops.Transpose(perm=self.axes), (self.operand,), f"{name}/to_onnx_order"
        )
        return replace(moved, shape=self.shape)

    def with_axes(self, builder: Builder, axes: tuple[int, ...], name: str) -> Operand:
        """An operand that reads this ONNX tensor with its axis `i` at inner axis `axes[i]`."""
        if self.shape == self.transposed_shape and self.axes == axes:
            return self.operand
        base = (
            self if self.shape == self.transposed_shape else View.plain(self.ordered(builder, name))
        )
        perm = [0] * len(axes)
        for onnx_axis, inner_axis in enumerate(axes):
            perm[inner_axis] = base.axes[onnx_axis]
        shape = tuple(base.operand.shape[axis] for axis in perm)
        if not _moves_data(base.operand.shape, tuple(perm)):
            return replace(base.operand, shape=shape)
        return builder.emit(ops.Transpose(perm=tuple(perm)), (base.operand,), f"{name}/to_layout")

    def element_order(self) -> npt.NDArray[np.intp]:
        """For each ONNX element in row-major order, its position in the inner tensor."""
        size = int(np.prod(self.operand.shape))
        return np.arange(size).reshape(self.operand.shape).transpose(self.axes).ravel()

    def like(self, operand: Operand) -> View:
        """This reading of another tensor, of the same inner shape up to broadcasting."""
        made = View(operand=operand, axes=self.axes, shape=())
        pending = self.shape != self.transposed_shape
        return replace(made, shape=self.shape if pending else made.transposed_shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Quantisation parameters of a tensor, after the shift to signed integers."""

    scale: float
    zero_point: int
    lo: int
    hi: int

    def clipped(self, clip: tuple[float, float]) -> Target:
        """The same, with a clip of the real values folded into the bounds."""
        lo = max(self.lo, quantise_real(clip[0], self.scale, self.zero_point))
        hi = min(self.hi, quantise_real(clip[1], self.scale, self.zero_point))
        lo = min(lo, self.hi)
        return replace(self, lo=int(lo), hi=int(max(hi, lo)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Const:
    """A constant. `integers` holds it exactly as `(values, scale, axis)` if it came quantised."""

    values: FloatArray
    integers: tuple[IntArray, FloatArray, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawInput:
    """A graph input, perhaps transposed or reshaped, before its quantisation is known."""

    view: View
    integer_zero_point: int | None = None
    """For inputs of integer type: what the shift to signed integers added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantised:
    """Integers that stand for `(q - zero_point) * scale`."""

    view: View
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A nonlinear function of a quantised tensor; becomes a table once its scale is known.

    `apply` maps real values (rows, size) elementwise; `rows` is 1, or the channel count.
    """

    name: str
    x: Quantised
    apply: Callable[[FloatArray], FloatArray]
    rows: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A tensor whose producer was reported as a problem; its consumers stay silent."""


NO_CLIP = (-inf, inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accumulator:
    """An exact integer sum whose output scale is not known yet.

    Attributes:
        view: how ONNX reads the result (the operand inside is replaced when it is emitted).
        clip: real bounds from Relu or Clip, folded into the requantisation.
    """

    view: View
    name: str
    clip: tuple[float, float] = NO_CLIP

    def finish(self, builder: Builder, target: Target) -> Quantised:
        """Emit the node, requantised to `target`."""
        raise TypeError(type(self).__name__)

    def real_bound(self, builder: Builder) -> float:
        """A bound on the magnitude of the real result, from static ranges."""
        raise TypeError(type(self).__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear(Accumulator):
    """An accumulator of one activation or a product, `real = acc * scale`.

    Attributes:
        make: the operator, given its requantisation.
        x: activation operands.
        constants: names and values of the weight operands (the multiplier excluded).
        scale: broadcasts to the inner result, (1,) or per channel.
    """

    make: Callable[[ops.Requantisation], ops.Operator]
    x: tuple[Operand, ...]
    constants: tuple[tuple[str, IntArray], ...] = ()
    scale: FloatArray = field(default_factory=lambda: np.ones(1))

    def finish(self, builder: Builder, target: Target) -> Quantised:
        """Emit the node, requantised to `target`."""
        bounded = target.clipped(self.clip)
        ratios = (self.scale / target.scale).ravel()
        needed = (target.hi - target.lo).bit_length()
        chosen = _multipliers(self.name, [float(r) for r in ratios], needed)
        multiplier = np.array(chosen.values, dtype=np.int64).reshape(self.scale.shape)
        if (multiplier == multiplier.flat[0]).all():
            multiplier = multiplier.ravel()[:1]
        step = ops.Requantisation(
            shift=chosen.shift, zero_point=target.zero_point, lo=bounded.lo, hi=bounded.hi
        )
        view = self._emit(builder, step, multiplier)
        return Quantised(view=view, scale=target.scale, zero_point=target.zero_point)

    def unscaled(self, builder: Builder) -> Quantised | None:
        """Emit the exact accumulator itself, if one scale serves all channels and nothing clips."""
        if self.scale.size != 1 or self.clip != NO_CLIP:
            return None
        reach = self._acc_bound(builder)
        bound = 1 << (8 * max(width_of(-reach, reach), 4) - 1)
        step = ops.Requantisation(lo=-bound, hi=bound - 1)
        view = self._emit(builder, step, np.ones(1, dtype=np.int64))
        return Quantised(view=view, scale=float(self.scale.flat[0]), zero_point=0)

    def real_bound(self, builder: Builder) -> float:
        """A bound on the magnitude of the real result, from static ranges."""
        return _clip_bound(self._acc_bound(builder) * float(self.scale.max()), self.clip)

    def _acc_bound(self, builder: Builder) -> int:
        trial = Builder(
            slots=builder.slots,
            nodes=list(builder.nodes),
            ranges=list(builder.ranges),
            weights=list(builder.weights),
            tables=list(builder.tables),
        )
        bound = 1 << 62
        step = ops.Requantisation(lo=-bound, hi=bound - 1)
        self._emit(trial, step, np.ones(1, dtype=np.int64))
        found = trial.ranges[-1]
        return max(-found.acc_lo, found.acc_hi, 1)

    def _emit(self, builder: Builder, step: ops.Requantisation, multiplier: IntArray) -> View:
        operands = (
            *self.x,
            *(builder.weight(name, values) for name, values in self.constants),
            builder.weight(f"{self.name}/multiplier", multiplier),
        )
        return self.view.like(builder.emit(self.make(step), operands, self.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum(Accumulator):
    """`sign_a * (a - zero_a) * scale_a + sign_b * (b - zero_b) * scale_b` of two activations."""

    a: Operand
    b: Operand
    scales: tuple[float, float]
    zero_points: tuple[int, int]
    signs: tuple[int, int] = (1, 1)

    def finish(self, builder: Builder, target: Target) -> Quantised:
        """Emit the node: both sides rescaled to `target` with one shift."""
        bounded = target.clipped(self.clip)
        needed = (target.hi - target.lo).bit_length()
        chosen = _multipliers(self.name, [scale / target.scale for scale in self.scales], needed)
        ma, mb = (sign * value for sign, value in zip(self.signs, chosen.values, strict=True))
        op = ops.Add(
            a_multiplier=ma,
            b_multiplier=mb,
            offset=-(ma * self.zero_points[0] + mb * self.zero_points[1]),
            requant=ops.Requantisation(
                shift=chosen.shift, zero_point=target.zero_point, lo=bounded.lo, hi=bounded.hi
            ),
        )
        operand = builder.emit(op, (self.a, self.b), self.name)
        view = self.view.like(operand)
        return Quantised(view=view, scale=target.scale, zero_point=target.zero_point)

    def real_bound(self, builder: Builder) -> float:
        """A bound on the magnitude of the real result, from static ranges."""
        total = 0.0
        for operand, scale, zero in zip(
            (self.a, self.b), self.scales, self.zero_points, strict=True
        ):
            lo, hi = builder.interval(operand)
            total += max(abs(lo - zero), abs(hi - zero)) * scale
        return _clip_bound(total, self.clip)


def _multipliers(name: str, ratios: list[float], needed_bits: int) -> Multiplier:
    try:
        return multipliers_for(ratios, needed_bits=needed_bits)
    except ValueError as cause:
        raise UnsupportedModel(
            [
                Problem(
                    code="scale-ratio",
                    node=name,
                    what=str(cause),
                    hint="the scales of the operand and of the result lie too far apart",
                )
            ]
        ) from cause


def _clip_bound(bound: float, clip: tuple[float, float]) -> float:
    return max(min(bound, max(abs(clip[0]), abs(clip[1]))), 1e-30)


Value = Const | RawInput | Quantised | Function | Accumulator | Unknown
