"""Hypothesis strategies: random valid programs of every operator, and inputs for them.

Values and shapes lean to the edges where implementations differ: shift 0, the ends of integer
types, axes of one element, pads, groups, dilations, per-channel multipliers, broadcasts, tables
with one row for each channel, and operands that are views of earlier tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from types import MappingProxyType
from typing import Protocol, TypeVar

import numpy as np
from hypothesis import strategies as st

from verifiable.program import operators as ops
from verifiable.program.intervals import analyse_node
from verifiable.program.program import (
    Constant,
    Input,
    IntArray,
    Node,
    Operand,
    Output,
    Program,
    Source,
    width_of,
)
from verifiable.program.shapes import Shape, result_shape

__all__ = ["SMALL_LIMIT", "cases", "inputs_for", "programs"]

SMALL_LIMIT = 1 << 24
"""In `small` programs every value and every raw sum stays below this (exact in float32)."""

_MAX_ELEMENTS = 600
_MAX_MULTIPLIER = (1 << 31) - 1
_WIDE_RANGES = [(-128, 127), (0, 127), (0, 1), (-7, -3), (5, 5), (-32768, 32767), (0, 65535)]
_HUGE_RANGES = [(-(1 << 31), (1 << 31) - 1), (-(1 << 24) - 1, (1 << 24) + 1)]
_MAX_POSITIONS = 120  # the reference visits each spatial position
_KEYS = st.sampled_from(["accuracy", "source", "scales", "note é"])
_TEXT = st.characters(exclude_categories=["Cs"])
_NAMES = st.sampled_from(["", "conv", "conv", "a:b", "0", "layer/1/MatMul_output_0", "Größe"])
T = TypeVar("T")


class _Draw(Protocol):
    def __call__(self, strategy: st.SearchStrategy[T], /) -> T: ...


@dataclass(slots=True)
class _Tensor:
    source: Source
    index: int
    shape: Shape
    lo: int
    hi: int

    def under(self, shape: Shape) -> Operand:
        return Operand(source=self.source, index=self.index, shape=shape)


@dataclass(slots=True)
class _Builder:
    """A program that grows by one random node at a time."""

    draw: _Draw
    small: bool
    tensors: list[_Tensor] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    weights: list[Constant] = field(default_factory=list)
    tables: list[Constant] = field(default_factory=list)

    # --- drawing ----------------------------------------------------------------------------

    def pick(self, *choices: T) -> T:
        return self.draw(st.sampled_from(choices))

    def range(self) -> tuple[int, int]:
        return self.pick(*_WIDE_RANGES, *([] if self.small else _HUGE_RANGES))

    def values(self, shape: Shape, lo: int, hi: int) -> IntArray:
        """Random values, half of them at 0, +-1 or the ends of [lo, hi]."""
        rng = np.random.default_rng(self.draw(st.integers(0, (1 << 32) - 1)))
        uniform = rng.integers(lo, hi, size=shape, endpoint=True)
        edges = np.array([v for v in (lo, lo + 1, -1, 0, 1, hi - 1, hi) if lo <= v <= hi])
        return np.where(rng.random(shape) < 0.5, uniform, rng.choice(edges, size=shape))

    def weight(self, values: IntArray) -> Operand:
        return self._constant(self.weights, Source.WEIGHT, values)

    def table(self, values: IntArray) -> Operand:
        return self._constant(self.tables, Source.TABLE, values)

    def _constant(self, pool: list[Constant], source: Source, values: IntArray) -> Operand:
        pool.append(Constant.of(self.draw(_NAMES), values))
        # Some constants are seen through a reshape, as activations are.
        stored = self.pick(values.shape, values.shape, (values.size,))
        pool[-1] = Constant.of(pool[-1].name, values.reshape(stored))
        return Operand(source=source, index=len(pool) - 1, shape=values.shape)

    def factored(self, count: int, rank: int) -> Shape:
        shape = []
        for _ in range(rank - 1):
            size = self.pick(*[d for d in range(1, count + 1) if count % d == 0])
            shape.append(size)
            count //= size
        return (*shape, count)

    def view(self, rank: int | None = None) -> tuple[_Tensor, Operand]:
        """An earlier tensor, under its own shape or another one."""
        # Mostly the latest, so that chains form: optimisers of runtimes work across operators.
        tensor = self.pick(*self.tensors, *self.tensors[-1:] * len(self.tensors))
        wanted = rank or self.pick(len(tensor.shape), 1, 2, 3, 4, 5)
        if len(tensor.shape) == wanted and self.pick(True, True, False):
            return tensor, tensor.under(tensor.shape)
        return tensor, tensor.under(self.factored(prod(tensor.shape), wanted))

    def image(self) -> tuple[_Tensor, Operand]:
        """A view of rank 4 that has few spatial positions."""
        tensor, x = self.view(4)
        if x.shape[1] * x.shape[2] > _MAX_POSITIONS:
            x = tensor.under((1, 1, 1, prod(x.shape)))
        return tensor, x

    def broadcastable(self, shape: Shape) -> Shape:
        axes = tuple(1 if self.pick(True, False) else size for size in shape)
        return axes[self.pick(0, 0, *range(len(axes) + 1)) :]

    def requant(self, acc_bound: int) -> tuple[ops.Requantisation, int]:
        """A requantisation that keeps the bounds, and the largest multiplier it allows."""
        shift = self.pick(0, 1, 7, 16, 31, 40)
        room = ((1 << 62) - (2 << shift) - 1) // max(acc_bound, 1)
        if room < 1:
            shift, room = 0, ((1 << 62) - 3) // max(acc_bound, 1)
        lo, hi = self.range()
        zero_point = self.pick(0, lo, hi, -1, -128, 1)
        step = ops.Requantisation(shift=shift, zero_point=zero_point, lo=lo, hi=hi)
        return step, min(room, _MAX_MULTIPLIER)

    def multiplier(self, shape: Shape, largest: int) -> Operand:
        channel = shape[-1:]
        form: Shape = self.pick((1,), channel, channel, (), self.broadcastable(shape))
        return self.weight(self.values(form, 1, largest))

    def add(self, op: ops.Operator, operands: tuple[Operand, ...]) -> None:
        shape = result_shape(op, tuple(operand.shape for operand in operands))
        known = {(t.source, t.index): (t.lo, t.hi) for t in self.tensors}
        constants = [self._values(operand) for operand in operands]
        intervals = [
            known[o.source, o.index] if c is None else (int(c.min()), int(c.max()))
            for o, c in zip(operands, constants, strict=True)
        ]
        found = analyse_node(op, intervals, constants)
        width = width_of(found.lo, found.hi)
        node = Node(op=op, operands=operands, shape=shape, width=width, name=self.draw(_NAMES))
        self.tensors.append(_Tensor(Source.TRACE, len(self.nodes), shape, lo=found.lo, hi=found.hi))
        self.nodes.append(node)

    def _values(self, operand: Operand) -> IntArray | None:
        if operand.source not in (Source.WEIGHT, Source.TABLE):
            return None
        pool = self.weights if operand.source is Source.WEIGHT else self.tables
        return pool[operand.index].values.reshape(operand.shape)

    def dot_weight(self, shape: Shape, reach: int) -> IntArray:
        """Weights (channels first) whose dot products respect the limits."""
        lo, hi = self.pick(
            (-127, 127), (-1, 1), (0, 0), (-32767, 32767), (-128, -1), (1 << 30,) * 2
        )
        weight = self.values(shape, lo, hi)
        limit = SMALL_LIMIT if self.small else 1 << 58
        count = prod(shape[1:])
        largest = (limit - 1) // (max(reach, 1) * count)
        return np.clip(weight, -largest, largest)


def _reach(tensor: _Tensor, zero_point: int = 0) -> int:
    return max(abs(tensor.lo - zero_point), abs(tensor.hi - zero_point))


def _bias(build: _Builder, channels: int) -> IntArray:
    edge = 1 << 24
    lo, hi = build.pick((0, 0), (-1000, 1000), (edge - 1, edge + 1), (-(1 << 40), 1 << 40))
    return build.values((channels,), lo, hi)


def _matmul(build: _Builder) -> None:
    tensor, x = build.view()
    inner, channels = x.shape[-1], build.pick(1, 2, 3, 7)
    weight = build.dot_weight((channels, inner), _reach(tensor))
    bias = _bias(build, channels)
    bound = int(np.abs(weight).sum(axis=1).max()) * _reach(tensor) + int(np.abs(bias).max())
    step, largest = build.requant(bound)
    shape = (*x.shape[:-1], channels)
    operands = (x, build.weight(weight), build.weight(bias), build.multiplier(shape, largest))
    build.add(ops.MatMul(requant=step), operands)


@dataclass(frozen=True, slots=True)
class _Window:
    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]


def _window(build: _Builder, height: int, width: int) -> _Window:
    """A window that fits; pads may be as wide as the window's reach less one."""
    axes = []
    for size in (height, width):
        kernel, dilation = build.pick(1, 2, 3), build.pick(1, 1, 2, 3)
        most = reach = dilation * (kernel - 1)
        before, after = build.pick(0, most, 1, most), build.pick(0, 0, most)
        before = min(before, most)
        if size + before + after < reach + 1:
            kernel, dilation, before, after = 1, 1, 0, 0
        axes.append((kernel, build.pick(1, 1, 2, 3), before, after, dilation))
    (ky, sy, top, bottom, dy), (kx, sx, left, right, dx) = axes
    return _Window((ky, kx), (sy, sx), (top, left, bottom, right), (dy, dx))


def _conv(build: _Builder) -> None:
    tensor, x = build.image()
    window = _window(build, x.shape[1], x.shape[2])
    group = build.pick(*[d for d in range(1, x.shape[3] + 1) if x.shape[3] % d == 0])
    channels = group * build.pick(1, 2)
    zero_point = build.pick(0, tensor.lo, -128, 3)
    reach = _reach(tensor, zero_point)
    weight = build.dot_weight((channels, *window.kernel, x.shape[3] // group), reach)
    bias = _bias(build, channels)
    sums = np.abs(weight).sum(axis=(1, 2, 3))
    step, largest = build.requant(int(sums.max()) * reach + int(np.abs(bias).max()))
    op = ops.Conv(
        strides=window.strides,
        pads=window.pads,
        dilations=window.dilations,
        group=group,
        x_zero_point=zero_point,
        requant=step,
    )
    constants = (build.weight(weight), build.weight(bias))
    shapes = (x.shape, weight.shape, bias.shape, ())
    shape = result_shape(op, shapes)
    build.add(op, (x, *constants, build.multiplier(shape, largest)))


def _affine(build: _Builder) -> None:
    tensor, x = build.view()
    weight = build.values(build.broadcastable(x.shape), *build.pick((-127, 127), (-1, 1), (0, 3)))
    bias = build.values(build.broadcastable(x.shape), -(1 << 24) - 1, (1 << 24) + 1)
    bound = int(np.abs(weight).max()) * _reach(tensor) + int(np.abs(bias).max())
    step, largest = build.requant(bound)
    constants = (build.weight(weight), build.weight(bias))
    build.add(ops.Affine(requant=step), (x, *constants, build.multiplier(x.shape, largest)))


def _pair(build: _Builder) -> tuple[_Tensor, Operand, _Tensor, Operand]:
    """Two operands that broadcast: a tensor and itself, a view, or any of one element."""
    a_tensor, a = build.view()
    same = [t for t in build.tensors if prod(t.shape) == prod(a.shape)]
    single = [t for t in build.tensors if prod(t.shape) == 1]
    b_tensor = build.pick(*same, *single)
    shape = a.shape if prod(b_tensor.shape) == prod(a.shape) else (1,)
    if len(a.shape) == 1 and prod(a.shape) <= 16 and shape == a.shape:
        shape = build.pick(shape, (*shape, 1))  # both sides broadcast: (n,) with (n, 1)
    b = b_tensor.under(shape)
    return (a_tensor, a, b_tensor, b) if build.pick(True, False) else (b_tensor, b, a_tensor, a)


def _add(build: _Builder) -> None:
    a_tensor, a, b_tensor, b = _pair(build)
    a_factor, b_factor = (build.pick(1, -1, 0, 255, (1 << 24) + 1) for _ in range(2))
    offset = build.pick(0, 1, -1, (1 << 24) + 1, -(1 << 40))
    bound = _reach(a_tensor) * abs(a_factor) + _reach(b_tensor) * abs(b_factor) + abs(offset)
    if bound >= 1 << 61:
        return
    step, _ = build.requant(bound)
    op = ops.Add(a_multiplier=a_factor, b_multiplier=b_factor, offset=offset, requant=step)
    build.add(op, (a, b))


def _mul(build: _Builder) -> None:
    a_tensor, a, b_tensor, b = _pair(build)
    a_zero, b_zero = build.pick(0, a_tensor.lo, -5), build.pick(0, b_tensor.hi, 9)
    bound = _reach(a_tensor, a_zero) * _reach(b_tensor, b_zero)
    if bound >= 1 << 61:
        return
    step, largest = build.requant(bound)
    shape = np.broadcast_shapes(a.shape, b.shape)
    op = ops.Mul(a_zero_point=a_zero, b_zero_point=b_zero, requant=step)
    build.add(op, (a, b, build.multiplier(shape, largest)))


def _lookup(build: _Builder) -> None:
    tensor, x = build.view()
    size = build.pick(1, 2, 16, 256)
    rows = build.pick(1, x.shape[-1])
    table = build.values((rows, size), *build.range())
    # Tables that start above, at and below the smallest x, so that both clamps are used.
    op = ops.LookupTable(x_min=build.pick(tensor.lo, tensor.lo + 1, tensor.lo - 3, 0))
    build.add(op, (x, build.table(table)))


def _max_pool(build: _Builder) -> None:
    _, x = build.image()
    window = _window(build, x.shape[1], x.shape[2])
    op = ops.MaxPool(
        kernel=window.kernel,
        strides=window.strides,
        pads=window.pads,
        dilations=window.dilations,
    )
    try:
        result_shape(op, (x.shape,))
    except ValueError:  # a window of padding only: not a valid program
        return
    build.add(op, (x,))


def _sum_pool(build: _Builder) -> None:
    tensor, x = build.image()
    window = _window(build, x.shape[1], x.shape[2])
    zero_point = build.pick(0, tensor.lo, 3)
    bound = _reach(tensor, zero_point) * prod(window.kernel)
    step, largest = build.requant(bound)
    op = ops.SumPool(
        kernel=window.kernel,
        strides=window.strides,
        pads=window.pads,
        dilations=window.dilations,
        x_zero_point=zero_point,
        requant=step,
    )
    shape = result_shape(op, (x.shape, ()))
    build.add(op, (x, build.multiplier(shape, largest)))


def _transpose(build: _Builder) -> None:
    _, x = build.view()
    perm = build.draw(st.permutations(range(len(x.shape))))
    build.add(ops.Transpose(perm=tuple(perm)), (x,))


def _concat(build: _Builder) -> None:
    first, x = build.view()
    others = [t for t in build.tensors if prod(t.shape) == prod(first.shape)]
    parts = [x, *(build.pick(*others).under(x.shape) for _ in range(build.pick(1, 2)))]
    if prod(x.shape) * len(parts) <= _MAX_ELEMENTS:
        build.add(ops.Concat(axis=build.pick(*range(len(x.shape)))), tuple(parts))


def _pad(build: _Builder) -> None:
    tensor, x = build.view()
    before = tuple(build.pick(0, 0, 1, 2) for _ in x.shape)
    after = tuple(build.pick(0, 0, 1, 3) for _ in x.shape)
    value = build.pick(0, tensor.lo, tensor.hi, -129)
    op = ops.Pad(before=before, after=after, value=value)
    if prod(result_shape(op, (x.shape,))) <= _MAX_ELEMENTS:
        build.add(op, (x,))


_GROWERS: tuple[Callable[[_Builder], None], ...] = (
    _transpose, _matmul, _conv, _conv, _affine, _add, _mul, _lookup, _max_pool,
    _sum_pool, _concat, _pad,
)  # fmt: skip


@st.composite
def programs(draw: st.DrawFn, *, small: bool = False, max_nodes: int = 6) -> Program:
    """Random programs that pass `check_structure` and the range analysis, widths included.

    Args:
        small: keep all values and all raw dot products below 2^24 in magnitude, so that
            float32 implementations are exact (biases, offsets and products may be larger).
        max_nodes: most nodes that are tried; a node that would break a bound is left out.
    """
    build = _Builder(draw=draw, small=small)
    inputs = []
    for index in range(build.pick(1, 1, 2)):
        shape = tuple(build.pick(1, 2, 3, 4, 5) for _ in range(build.pick(4, 4, 1, 2, 3)))
        lo, hi = build.range()
        spec = Input(
            name=("image", "Mask 2")[index],
            shape=shape,
            lo=lo,
            hi=hi,
            scale=build.pick(1.0, 0.1, 1 / 255, 2.0**-20),
            zero_point=build.pick(0, lo, hi),
        )
        inputs.append(spec)
        build.tensors.append(_Tensor(Source.INPUT, index, shape, lo=lo, hi=hi))
    for _ in range(build.pick(*range(1, max_nodes + 1))):
        build.pick(*_GROWERS)(build)
    if not build.nodes:
        _transpose(build)
    last = len(build.nodes) - 1
    outputs = []
    for index, node in enumerate([last, *build.pick([], [0], [last])]):
        shape = build.nodes[node].shape
        outputs.append(
            Output(
                name=f"scores{index}",
                node=node,
                shape=build.pick(shape, (prod(shape),)),
                scale=build.pick(1.0, 0.3),
                zero_point=build.pick(0, -128),
            )
        )
    return Program(
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        nodes=tuple(build.nodes),
        weights=tuple(build.weights),
        tables=tuple(build.tables),
        metadata=MappingProxyType(draw(st.dictionaries(_KEYS, st.text(_TEXT), max_size=2))),
    )


@st.composite
def inputs_for(draw: st.DrawFn, program: Program) -> dict[str, IntArray]:
    """Inputs of `program` in range: uniform, at the edges, or all at one end."""
    found = {}
    for spec in program.inputs:
        rng = np.random.default_rng(draw(st.integers(0, (1 << 32) - 1)))
        kind = draw(st.sampled_from(["mixed", "ends", "lo", "hi"]))
        values = rng.integers(spec.lo, spec.hi, size=spec.shape, endpoint=True)
        ends = rng.choice(np.array([spec.lo, spec.hi]), size=spec.shape)
        values = {
            "mixed": np.where(rng.random(spec.shape) < 0.7, values, ends),
            "ends": ends,
            "lo": np.full(spec.shape, spec.lo),
            "hi": np.full(spec.shape, spec.hi),
        }[kind]
        found[spec.name] = values.astype(np.int64)
    return found


@st.composite
def cases(draw: st.DrawFn, *, small: bool = False) -> tuple[Program, dict[str, IntArray]]:
    """A program and inputs for it."""
    program = draw(programs(small=small))
    return program, draw(inputs_for(program))
