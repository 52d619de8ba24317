"""Programs of one operator in its variants, and programs whose graphs are unusual."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from types import MappingProxyType

import numpy as np
from operator_graphs import Graph, viewed

from verifiable.circuits.samples import SAMPLES, single
from verifiable.program import operators as ops
from verifiable.program.program import IntArray, Operand, Program

__all__ = ["CASES", "MADE_FOR_BOTH_ENDS"]

INT32 = (-(1 << 31), (1 << 31) - 1)
INT8 = ops.Requantisation(shift=4, lo=-128, hi=127)


def step(shift: int = 4, zero_point: int = 0, lo: int = -128, hi: int = 127) -> ops.Requantisation:
    return ops.Requantisation(shift=shift, zero_point=zero_point, lo=lo, hi=hi)


def ramp(*shape: int, lo: int = -7, hi: int = 7) -> IntArray:
    """Different integers of both signs, in a fixed order."""
    numbers = np.arange(prod(shape), dtype=np.int64) * 5 % (hi - lo + 1) + lo
    return numbers.reshape(shape)


# --- Requantisation ------------------------------------------------------------------------------

_STEPS: Mapping[str, ops.Requantisation] = {
    "s=0": step(0),
    "s=0 no clamp": step(0, lo=-(1 << 40), hi=1 << 40),
    "s=0 no clamp zero point": step(0, zero_point=-77, lo=-(1 << 40), hi=1 << 40),
    "s=0 wide clamp": step(0, lo=-1000, hi=1 << 21),
    "s=1": step(1),
    "s=7 zero point at lo": step(7, zero_point=-128),
    "s=40": step(40, lo=-3, hi=3),
    "relu": step(4, lo=0),
    "one value": step(4, lo=5, hi=5),
    "zero point beyond the clamp": step(4, zero_point=300),
    "wide, both ends, no power of two": step(1, lo=-(1 << 20) - 3, hi=(1 << 19) + 5),
    "wide, both ends, a power of two": step(1, lo=-(1 << 20), hi=(1 << 20) - 1),
    "wide, upper end only": step(1, lo=-(1 << 40), hi=12345),
    "wide, lower end only": step(1, lo=-12345, hi=1 << 40),
    "wide, neither end": step(1, lo=-(1 << 40), hi=1 << 40),
    "wide, one value": step(1, lo=-9, hi=-9),
    "wide, two values": step(1, lo=-1, hi=0),
    "wide, zero point": step(1, zero_point=1 << 22, lo=-5, hi=(1 << 22) + 5),
}


def _requantised() -> Iterator[tuple[str, Program]]:
    weight, bias = ramp(3, 5), [9, -4, 1]
    for name, requant in _STEPS.items():
        big = (1 << 16) + 1 if "wide" in name else 3
        if requant.shift == 40:
            big = (1 << 31) - 1
        yield (
            f"requantised {name}",
            single(ops.MatMul(requant=requant), [(2, 5)], [weight, bias, [big, 1, big]]),
        )
    for name, shape in (
        ("scalar", ()),
        ("one", (1,)),
        ("channels", (3,)),
        ("rows", (4, 1)),
        ("leading axis", (2, 1, 1)),
        ("all", (2, 4, 3)),
        ("rows and channels", (4, 3)),
        ("leading ones", (1, 1, 3)),
    ):
        multiplier = ramp(*shape, lo=1, hi=11)
        for shift in (0, 3):
            constants = [weight, bias, multiplier]
            op = ops.MatMul(requant=step(shift))
            yield f"multiplier {name} s={shift}", single(op, [(2, 4, 5)], constants)
    acc = ops.MatMul(requant=step(0, lo=-(1 << 40), hi=1 << 40))
    yield (
        "multiplier all, no clamp",
        single(acc, [(2, 4, 5)], [weight, bias, ramp(2, 4, 3, lo=1, hi=11)]),
    )


# --- Operators -----------------------------------------------------------------------------------


def _matmul(x: tuple[int, ...], channels: int) -> Program:
    weight, bias = ramp(channels, x[-1]), ramp(channels, lo=-100, hi=100)
    return single(ops.MatMul(requant=INT8), [x], [weight, bias, [3]])


def _conv(
    image: tuple[int, ...],
    kernel: tuple[int, int],
    channels: int,
    *,
    strides: tuple[int, int] = (1, 1),
    pads: tuple[int, int, int, int] = (0, 0, 0, 0),
    dilations: tuple[int, int] = (1, 1),
    group: int = 1,
    zero_point: int = 0,
) -> Program:
    op = ops.Conv(
        strides=strides,
        pads=pads,
        dilations=dilations,
        group=group,
        x_zero_point=zero_point,
        requant=INT8,
    )
    weight = ramp(channels, *kernel, image[3] // group)
    return single(op, [image], [weight, ramp(channels, lo=-50, hi=50), ramp(channels, lo=1, hi=9)])


def _convs() -> Iterator[tuple[str, Program]]:
    yield "conv 1x1", _conv((1, 3, 5, 2), (1, 1), 3)
    yield "conv whole image", _conv((2, 3, 5, 2), (3, 5), 3)
    yield "conv stride 2", _conv((1, 6, 7, 2), (3, 3), 3, strides=(2, 2))
    yield "conv stride beyond the kernel", _conv((1, 7, 7, 1), (2, 1), 2, strides=(3, 4))
    yield "conv pads", _conv((2, 4, 5, 3), (3, 3), 2, pads=(1, 2, 0, 1), zero_point=-128)
    yield "conv dilation", _conv((1, 7, 6, 2), (3, 2), 2, dilations=(2, 3), zero_point=5)
    yield (
        "conv all at once",
        _conv(
            (2, 6, 5, 4), (3, 2), 6, strides=(2, 1), pads=(2, 1, 1, 0), dilations=(2, 2), group=2
        ),
    )
    yield "conv depthwise", _conv((1, 4, 4, 3), (3, 3), 3, pads=(1, 1, 1, 1), group=3, zero_point=7)
    yield "conv depthwise, two filters each", _conv((1, 4, 4, 3), (2, 2), 6, group=3)
    yield "conv group 2", _conv((1, 4, 4, 6), (2, 2), 4, group=2, zero_point=-3)
    yield "conv group 3, one filter each", _conv((1, 3, 3, 6), (2, 2), 3, group=3)
    yield "conv one position", _conv((1, 1, 1, 1), (1, 1), 1)


def _max_pools() -> Iterator[tuple[str, Program]]:
    for name, shape, kernel, strides, pads, dilations, interval in (
        ("1x1", (2, 3, 3, 2), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1), (-128, 127)),
        ("1x1 stride 2", (1, 5, 5, 2), (1, 1), (2, 3), (0, 0, 0, 0), (1, 1), (-128, 127)),
        ("2x2", (2, 4, 4, 3), (2, 2), (2, 2), (0, 0, 0, 0), (1, 1), (-128, 127)),
        ("3x3 stride 1", (1, 5, 5, 2), (3, 3), (1, 1), (0, 0, 0, 0), (1, 1), (-128, 127)),
        ("3x3 stride 2 pads", (3, 5, 6, 1), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), (-128, -3)),
        ("dilation", (1, 6, 6, 2), (2, 3), (1, 1), (0, 2, 1, 2), (3, 2), (-128, 127)),
        ("1x3", (2, 3, 5, 2), (1, 3), (1, 1), (0, 1, 0, 1), (1, 1), (-128, 127)),
        ("3x1", (2, 5, 3, 2), (3, 1), (1, 2), (1, 0, 1, 0), (1, 1), (3, 90)),
        ("one-sided pads", (1, 3, 3, 1), (3, 3), (1, 1), (2, 0, 0, 2), (1, 1), (-128, 127)),
        ("windows of one real tap", (1, 2, 2, 1), (2, 2), (2, 2), (1, 1, 1, 1), (1, 1), (-9, 9)),
        ("int32", (1, 4, 4, 2), (2, 2), (2, 2), (0, 0, 0, 0), (1, 1), INT32),
        ("int32 3x3 pads", (2, 3, 4, 1), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), INT32),
        ("int32 1x2", (1, 2, 5, 2), (1, 2), (1, 1), (0, 0, 0, 0), (1, 1), INT32),
        ("one value only", (1, 3, 3, 1), (2, 2), (1, 1), (0, 0, 0, 0), (1, 1), (5, 5)),
        ("one position", (1, 1, 1, 1), (2, 2), (1, 1), (1, 0, 0, 1), (1, 1), (-128, 127)),
    ):
        op = ops.MaxPool(kernel=kernel, strides=strides, pads=pads, dilations=dilations)
        yield f"max pool {name}", single(op, [shape], lo=interval[0], hi=interval[1])


def _sum_pools() -> Iterator[tuple[str, Program]]:
    for name, shape, kernel, strides, pads, dilations, zero_point in (
        ("2x2", (2, 4, 4, 3), (2, 2), (2, 2), (0, 0, 0, 0), (1, 1), 0),
        ("global", (2, 3, 5, 3), (3, 5), (1, 1), (0, 0, 0, 0), (1, 1), -128),
        ("pads", (1, 5, 4, 2), (3, 3), (2, 1), (2, 1, 0, 2), (1, 1), 9),
        ("dilation", (1, 6, 6, 1), (2, 3), (1, 1), (0, 4, 1, 4), (3, 2), -7),
        ("stride beyond the kernel", (1, 7, 7, 2), (1, 2), (3, 3), (0, 0, 0, 0), (1, 1), 3),
    ):
        op = ops.SumPool(
            kernel=kernel,
            strides=strides,
            pads=pads,
            dilations=dilations,
            x_zero_point=zero_point,
            requant=INT8,
        )
        yield f"sum pool {name}", single(op, [shape], [ramp(shape[3], lo=2, hi=7)])


def _elementwise() -> Iterator[tuple[str, Program]]:
    for name, weight, bias in (
        ("per channel", (4,), (4,)),
        ("scalar", (), ()),
        ("full", (2, 3, 4), (2, 3, 4)),
        ("rows", (3, 1), (1, 4)),
        ("leading axis", (2, 1, 1), (1, 1, 1)),
        ("mixed", (2, 1, 4), (3, 1)),
    ):
        constants = [ramp(*weight), ramp(*bias, lo=-90, hi=90), [5]]
        yield f"affine {name}", single(ops.Affine(requant=INT8), [(2, 3, 4)], constants)
    affine = ops.Affine(requant=INT8)
    yield "affine of a scalar", single(affine, [()], [ramp(), ramp(), 3])
    for name, a, b in (
        ("same", (2, 3, 4), (2, 3, 4)),
        ("b repeats", (2, 3, 4), (4,)),
        ("a repeats", (3, 1), (2, 3, 4)),
        ("both repeat", (2, 1, 4), (3, 1)),
        ("outer", (5, 1), (1, 3)),
        ("a scalar", (), (2, 3)),
        ("scalars", (), ()),
        ("ones", (1, 1), (1,)),
    ):
        mul = ops.Mul(a_zero_point=-5, b_zero_point=9, requant=step(6))
        yield f"mul {name}", single(mul, [a, b], [3])
        add = ops.Add(a_multiplier=-3, b_multiplier=100, offset=77, requant=step(3))
        yield f"add {name}", single(add, [a, b])
    wide = ops.Add(a_multiplier=1, b_multiplier=-1, offset=0, requant=step(0, lo=-(1 << 30), hi=9))
    yield "add int32", single(wide, [(3, 5), (3, 5)], lo=INT32[0], hi=INT32[1])
    nothing = ops.Add(a_multiplier=0, b_multiplier=0, offset=5, requant=step(0))
    yield "add of nothing", single(nothing, [(3,), (3,)])


def _tables() -> Iterator[tuple[str, Program]]:
    square = np.arange(-128, 128, dtype=np.int64) ** 2
    by_channel = np.stack([square, -square, square + 3])
    narrow = ramp(3, 16, lo=-99, hi=99)
    for name, table, x_min, shape, interval in (
        ("one row", square[np.newaxis], -128, (3, 5), (-128, 127)),
        ("per channel", by_channel, -128, (2, 3), (-128, 127)),
        ("narrow, both clamps", narrow[:1], -5, (4, 3), (-128, 127)),
        ("narrow per channel", narrow, -5, (4, 3), (-128, 127)),
        ("above all x", narrow[:1], 200, (4, 3), (-128, 127)),
        ("below all x", narrow[:1], -300, (4, 3), (-128, 127)),
        ("of one entry", narrow[:1, :1], 3, (4, 3), (-128, 127)),
        ("wide x", narrow[:1], -5, (2, 3), INT32),
        ("wide x per channel", narrow, -5, (5, 3), INT32),
        ("wide x, a power of two", by_channel, -128, (5, 3), INT32),
        ("wide x, one entry", narrow[:1, :1], 3, (2, 3), INT32),
        ("wide x above", narrow, 3, (5, 3), (0, 1 << 30)),
        ("wide x below", narrow, -3, (5, 3), (-(1 << 30), 0)),
        ("wide x beyond the table", narrow, -3, (5, 3), (1 << 29, 1 << 30)),
        ("wide values", narrow[:1] * (1 << 40), -5, (2, 3), (-128, 127)),
        ("of a scalar", square[np.newaxis], -128, (), (-128, 127)),
    ):
        op = ops.LookupTable(x_min=x_min)
        yield f"table {name}", single(op, [shape], [table], lo=interval[0], hi=interval[1])
    for name, requant in (
        ("fused", step(4)),
        ("fused, s=0", step(0, zero_point=3)),
        ("fused, narrow clamp", step(2, lo=-3, hi=6)),
        ("after a wide requantisation", step(0, lo=INT32[0], hi=INT32[1])),
    ):
        graph = Graph()
        big = 3 if "fused" in name else 1 << 21
        operands = graph.weight(ramp(3, 5)), graph.weight([9, -4, 1]), graph.weight([big])
        x = graph.node(ops.MatMul(requant=requant), graph.input(2, 5), *operands)
        y = graph.node(ops.LookupTable(x_min=-128), x, graph.table(square[np.newaxis]))
        yield f"table {name}", graph.program(y)
    graph = Graph()
    x = graph.node(_ADD_INT8, graph.input(2, 3), graph.input(2, 3))
    y = graph.node(ops.LookupTable(x_min=-128), x, graph.table(by_channel))
    yield "table per channel after a requantisation", graph.program(y)
    graph = Graph()
    x = graph.node(_ADD_INT8, graph.input(2, 3), graph.input(2, 3))
    y = graph.node(ops.LookupTable(x_min=-128), x, graph.table(square[np.newaxis]))
    yield "table after a requantisation that is an output", graph.program(y, x)


def _movers() -> Iterator[tuple[str, Program]]:
    yield "transpose 4 axes", single(ops.Transpose(perm=(2, 0, 3, 1)), [(2, 3, 1, 5)])
    yield "transpose of a scalar", single(ops.Transpose(perm=()), [()])
    yield "concat in the middle", single(ops.Concat(axis=1), [(2, 3, 2), (2, 1, 2), (2, 4, 2)])
    yield (
        "pad on all sides",
        single(ops.Pad(before=(1, 0, 2), after=(0, 3, 1), value=-129), [(2, 3, 1)]),
    )
    yield "pad of a scalar", single(ops.Pad(before=(), after=(), value=4), [()])


# --- Graphs --------------------------------------------------------------------------------------

_ADD_INT8 = ops.Add(a_multiplier=1, b_multiplier=1, offset=0, requant=step(1))
_MUL_INT8 = ops.Mul(a_zero_point=-3, b_zero_point=-3, requant=step(7))


def _dense(graph: Graph, x: Operand, channels: int) -> Operand:
    inner = x.shape[-1]
    operands = (
        graph.weight(ramp(channels, inner)),
        graph.weight(ramp(channels, lo=-30, hi=30)),
        graph.weight([5]),
    )
    return graph.node(ops.MatMul(requant=INT8), x, *operands)


def _graphs() -> Iterator[tuple[str, Program]]:
    graph = Graph()
    x = graph.input(2, 3)
    yield "x * x", graph.program(graph.node(_MUL_INT8, x, x, graph.weight([1])))

    graph = Graph()
    x = _dense(graph, graph.input(2, 3), 3)
    yield "x * x of a result", graph.program(graph.node(_MUL_INT8, x, x, graph.weight([1])))

    graph = Graph()
    x = _dense(graph, graph.input(2, 3), 3)
    yield "x + x", graph.program(graph.node(_ADD_INT8, x, x))

    graph = Graph()
    x = graph.input(2, 3)
    for _ in range(3):
        x = graph.node(_ADD_INT8, x, _dense(graph, x, 3))
    yield "residual chain", graph.program(x)

    graph = Graph()
    x = _dense(graph, graph.input(2, 3), 4)
    turned = graph.node(ops.Transpose(perm=(1, 0)), x)
    consumers = [
        viewed(graph.node(_ADD_INT8, x, x), 8),
        viewed(graph.node(_MUL_INT8, x, x, graph.weight([1])), 8),
        viewed(turned, 8),
        viewed(_dense(graph, viewed(x, 4, 2), 2), 8),
        viewed(graph.node(ops.Pad(before=(0,), after=(0,), value=0), viewed(x, 8)), 8),
    ]
    yield "five consumers", graph.program(graph.node(ops.Concat(axis=0), *consumers))

    graph = Graph()
    x = graph.input(2, 3)
    used = _dense(graph, x, 3)
    for unused in (_dense(graph, used, 2), used):
        graph.node(ops.Transpose(perm=(1, 0)), unused)
    image = viewed(used, 1, 2, 3, 1)
    pool = ops.MaxPool(kernel=(2, 2), strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1))
    graph.node(pool, image)
    yield "unused results", graph.program(graph.node(_ADD_INT8, used, x))

    graph = Graph()
    x = _dense(graph, graph.input(2, 3), 3)
    y = graph.node(_ADD_INT8, x, x)
    yield "two outputs, one under way", graph.program(y, x)

    graph = Graph()
    x = _dense(graph, graph.input(2, 3), 3)
    yield "one result as two outputs", graph.program(x, viewed(x, 6), viewed(x, 3, 1, 2))

    graph = Graph()
    x = graph.input(2, 3)
    turned = graph.node(ops.Transpose(perm=(1, 0)), x)
    yield "outputs that only move inputs", graph.program(turned, viewed(turned, 6))

    graph = Graph()
    x = _dense(graph, graph.input(2, 3), 5)
    turned = graph.node(ops.Transpose(perm=(1, 0)), viewed(x, 5, 2))
    joined = graph.node(ops.Concat(axis=0), turned, viewed(x, 2, 5))
    outer = graph.node(ops.Pad(before=(1, 2), after=(3, 0), value=9), joined)
    yield (
        "outputs through transpose, concat and pad",
        graph.program(turned, joined, viewed(outer, 56)),
    )

    graph = Graph()
    x = _dense(graph, graph.input(3, 4), 5)  # (3, 5)
    a = graph.node(ops.Transpose(perm=(1, 0, 2)), viewed(x, 5, 1, 3))
    b = graph.node(ops.Transpose(perm=(1, 0)), viewed(a, 15, 1))
    y = graph.node(ops.Transpose(perm=(2, 0, 1)), viewed(b, 3, 5, 1))
    yield "views that merge and split odd axes", graph.program(_dense(graph, viewed(y, 5, 3), 2))

    graph = Graph()
    x = _dense(graph, graph.input(2, 3, 5), 6)  # (2, 3, 6)
    a = graph.node(ops.Transpose(perm=(0, 2, 1)), x)  # (2, 6, 3)
    b = graph.node(ops.Concat(axis=1), viewed(a, 4, 9), viewed(x, 4, 9))  # (4, 18)
    c = graph.node(ops.Transpose(perm=(1, 0)), viewed(b, 12, 6))  # rows cut across both
    yield "views across seams", graph.program(graph.node(_ADD_INT8, viewed(c, 72), viewed(b, 72)))

    graph = Graph()
    x, weight = graph.input(1, 4, 4, 3), graph.weight(ramp(2, 2, 2, 3))
    conv = ops.Conv(
        strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), group=1, x_zero_point=0, requant=INT8
    )
    y = graph.node(conv, x, weight, graph.weight([1, 2]), graph.weight([1]))
    pooled = graph.node(pool, y)
    yield "conv, pool, flatten, dense", graph.program(_dense(graph, viewed(pooled, 1, 8), 3))

    graph = Graph()
    a, b, c = graph.input(2, 3), graph.input(3, lo=0, hi=255), graph.input(lo=-3, hi=3)
    y = graph.node(_MUL_INT8, graph.node(_ADD_INT8, a, b), c, graph.weight([1]))
    yield "three inputs", graph.program(y)

    graph = Graph()
    x = graph.input()
    y = graph.node(_MUL_INT8, graph.node(_ADD_INT8, x, x), viewed(x, 1, 1), graph.weight(1))
    yield "scalars only", graph.program(y)

    graph = Graph()
    shared = graph.weight(ramp(3, 3, lo=1, hi=9))
    bias = graph.weight([1, 2, 3])
    x = graph.node(ops.MatMul(requant=INT8), graph.input(3, 3), shared, bias, shared)
    y = graph.node(ops.MatMul(requant=INT8), x, shared, bias, bias)
    yield "constants in several roles", graph.program(y)

    graph = Graph()
    a, b = graph.input(2, 3), graph.input(2, 3)
    yield "an input that nobody reads", graph.program(_dense(graph, b, 2), _dense(graph, b, 2))


def _all() -> Iterator[tuple[str, Program]]:
    for operator, variants in SAMPLES.items():
        for variant, program in variants.items():
            yield f"sample {operator} {variant}", program
    for shape, channels in (((5,), 3), ((2, 3, 5), 4), ((3, 1), 4), ((4, 5), 1), ((1, 1), 1)):
        yield f"matmul {shape} to {channels}", _matmul(shape, channels)
    for part in (
        _requantised, _convs, _max_pools, _sum_pools, _elementwise, _tables, _movers, _graphs,
    ):  # fmt: skip
        yield from part()


CASES: Mapping[str, Program] = MappingProxyType(dict(_all()))
"""By name."""

MADE_FOR_BOTH_ENDS = (
    "requantised s=0",
    "requantised wide, both ends, no power of two",
    "requantised wide, both ends, a power of two",
    "requantised s=1",
    "add int32",
    "table narrow, both clamps",
    "table wide x per channel",
)
"""Cases whose clamp is met on both sides by the inputs of the tests, checked there."""
