"""Random nodes of every operator with operands at the edges, as programs and traces of their own.

Values lean to the ends of their types, 0 and +-1; requantisation to shift 0, ties, empty and wide
clamps; shapes to axes of one element, broadcasts, views, pads wider than x, dilations and groups.
What the operators' bounds do not allow is drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod

import numpy as np

from verifiable.program import operators as ops
from verifiable.program import reference
from verifiable.program.execute import Trace
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
from verifiable.program.shapes import result_shape

__all__ = ["GENERATORS", "case_of", "elements_of", "wrong_values"]

Shape = tuple[int, ...]
Drawn = tuple[ops.Operator, list[IntArray]]

_LIMIT = {width: 1 << (8 * width - 1) for width in (1, 2, 4, 8)}


class Draw:
    """A seeded generator that prefers edges."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def pick(self, *choices):
        return choices[int(self.rng.integers(len(choices)))]

    def shape(self, *, most_rank: int = 6, least_rank: int = 0) -> Shape:
        rank = int(self.rng.integers(least_rank, most_rank + 1))
        sizes = (1, 1, 2, 3, 5, 7) if rank < 4 else (1, 1, 2, 3)
        return tuple(self.pick(*sizes) for _ in range(rank))

    def values(self, shape: Shape, width: int | None = None) -> IntArray:
        bound = _LIMIT[width or self.pick(1, 1, 1, 2, 4, 8)]
        uniform = self.rng.integers(-bound, bound - 1, size=shape, endpoint=True)
        edges = np.array([-bound, 1 - bound, -1, 0, 1, 2, -2, bound - 2, bound - 1])
        chosen = self.rng.choice(edges, size=shape)
        return np.where(self.rng.random(shape) < self.pick(0.2, 0.8), uniform, chosen)

    def broadcastable(self, shape: Shape) -> Shape:
        axes = tuple(self.pick(1, size) for size in shape)
        return axes[self.pick(0, 0, *range(len(axes) + 1)) :]

    def multiplier(self, shape: Shape) -> IntArray:
        form = self.pick((), (1,), shape[-1:], self.broadcastable(shape))
        if self.pick(True, False):
            return np.ones(form, dtype=np.int64)
        return self.rng.integers(1, self.pick(3, 1 << 16, (1 << 31) - 1), size=form, endpoint=True)

    def requant(self) -> ops.Requantisation:
        lo, hi = self.pick(
            (-128, 127), (0, 127), (-(1 << 31), (1 << 31) - 1), (-(1 << 63), (1 << 63) - 1),
            (-(1 << 40), 1 << 40), (7, 7),
        )  # fmt: skip
        return ops.Requantisation(
            shift=self.pick(0, 1, 1, 2, 7, 16, 31, 40),
            zero_point=self.pick(0, 0, -128, 1, 127, 1 << 33),
            lo=lo,
            hi=hi,
        )


def _matmul(draw: Draw) -> Drawn:
    inner, channels = draw.pick(1, 2, 31, 32, 33, 70), draw.pick(1, 2, 3)
    x = draw.values((*draw.shape(most_rank=3), inner), draw.pick(1, 1, 1, 2, 4))
    weight = draw.values((channels, inner), draw.pick(1, 1, 1, 2, 4))
    shape = (*x.shape[:-1], channels)
    bias = draw.values((channels,), draw.pick(1, 4))
    return ops.MatMul(requant=draw.requant()), [x, weight, bias, draw.multiplier(shape)]


def _window(draw: Draw) -> dict[str, tuple[int, ...]]:
    pads = (0, 0, 0, 1, 2, 5)
    return {
        "strides": (draw.pick(1, 1, 2, 3), draw.pick(1, 1, 2, 3)),
        "pads": (draw.pick(*pads), draw.pick(*pads), draw.pick(*pads), draw.pick(*pads)),
        "dilations": (draw.pick(1, 1, 2, 4), draw.pick(1, 1, 2, 4)),
    }


def _image(draw: Draw, channels: int) -> IntArray:
    sizes = (draw.pick(1, 1, 2), draw.pick(1, 3, 5), draw.pick(1, 2, 6), channels)
    return draw.values(sizes, draw.pick(1, 1, 1, 2))


def _conv(draw: Draw) -> Drawn:
    group, per_group, per_output = draw.pick(1, 1, 2, 3), draw.pick(1, 2, 12), draw.pick(1, 2)
    kernel = (draw.pick(1, 2, 3), draw.pick(1, 2, 3))
    weight = draw.values((group * per_output, *kernel, per_group), draw.pick(1, 1, 1, 2))
    op = ops.Conv(
        **_window(draw), group=group, x_zero_point=draw.pick(0, -128, 3), requant=draw.requant()
    )
    x = _image(draw, group * per_group)
    bias = draw.values((len(weight),), draw.pick(1, 4))
    shape = result_shape(op, (x.shape, weight.shape, bias.shape, ()))
    return op, [x, weight, bias, draw.multiplier(shape)]


def _affine(draw: Draw) -> Drawn:
    x = draw.values(draw.shape(), draw.pick(1, 2, 4))
    constants = [draw.values(draw.broadcastable(x.shape), draw.pick(1, 2, 4)) for _ in range(2)]
    return ops.Affine(requant=draw.requant()), [x, *constants, draw.multiplier(x.shape)]


def _pair(draw: Draw) -> tuple[IntArray, IntArray]:
    shape = draw.shape()
    a = draw.values(shape, draw.pick(1, 2, 4))
    b = draw.values(draw.broadcastable(shape), draw.pick(1, 2, 4))
    if draw.pick(True, False) and len(shape) > 1:  # both sides broadcast
        a = a[:1]
    return (a, b) if draw.pick(True, False) else (b, a)


def _add(draw: Draw) -> Drawn:
    factors = (1, -1, 0, 255, -(1 << 20))
    op = ops.Add(
        a_multiplier=draw.pick(*factors),
        b_multiplier=draw.pick(*factors),
        offset=draw.pick(0, 1, -1, -(1 << 40)),
        requant=draw.requant(),
    )
    return op, list(_pair(draw))


def _mul(draw: Draw) -> Drawn:
    a, b = _pair(draw)
    op = ops.Mul(
        a_zero_point=draw.pick(0, -128, 5), b_zero_point=draw.pick(0, 127), requant=draw.requant()
    )
    return op, [a, b, draw.multiplier(np.broadcast_shapes(a.shape, b.shape))]


def _lookup(draw: Draw) -> Drawn:
    x = draw.values(draw.shape())
    rows = draw.pick(1, *x.shape[-1:])
    table = draw.values((rows, draw.pick(1, 2, 16, 256)))
    return ops.LookupTable(x_min=draw.pick(0, -128, int(x.min()), int(x.max()))), [x, table]


def _max_pool(draw: Draw) -> Drawn:
    kernel = (draw.pick(1, 2, 3), draw.pick(1, 2, 3))
    x = draw.values(_image(draw, draw.pick(1, 3, 40)).shape)
    return ops.MaxPool(kernel=kernel, **_window(draw)), [x]


def _sum_pool(draw: Draw) -> Drawn:
    op = ops.SumPool(
        kernel=(draw.pick(1, 2, 3), draw.pick(1, 2, 3)),
        **_window(draw),
        x_zero_point=draw.pick(0, -128, 3),
        requant=draw.requant(),
    )
    x = _image(draw, draw.pick(1, 3, 40))
    return op, [x, draw.multiplier(result_shape(op, (x.shape, ())))]


def _transpose(draw: Draw) -> Drawn:
    x = draw.values(draw.shape())
    return ops.Transpose(perm=tuple(int(i) for i in draw.rng.permutation(x.ndim))), [x]


def _concat(draw: Draw) -> Drawn:
    shape = draw.shape(least_rank=1)
    axis = int(draw.rng.integers(len(shape)))
    parts = [
        draw.values((*shape[:axis], draw.pick(1, 2, 9), *shape[axis + 1 :]))
        for _ in range(draw.pick(2, 2, 3))
    ]
    return ops.Concat(axis=axis), parts


def _pad(draw: Draw) -> Drawn:
    x = draw.values(draw.shape())
    op = ops.Pad(
        before=tuple(draw.pick(0, 0, 1, 4) for _ in x.shape),
        after=tuple(draw.pick(0, 0, 1, 4) for _ in x.shape),
        value=draw.pick(0, -1, -(1 << 63), (1 << 63) - 1),
    )
    return op, [x]


GENERATORS: dict[str, Callable[[Draw], Drawn]] = {
    "MatMul": _matmul,
    "Conv": _conv,
    "Affine": _affine,
    "Add": _add,
    "Mul": _mul,
    "LookupTable": _lookup,
    "MaxPool": _max_pool,
    "SumPool": _sum_pool,
    "Transpose": _transpose,
    "Concat": _concat,
    "Pad": _pad,
}


def case_of(name: str, rng: np.random.Generator) -> Trace:
    """A program whose last node is a random one of operator `name`, and its honest trace."""
    draw = Draw(rng)
    while True:
        try:
            op, operands = GENERATORS[name](draw)
            shape = result_shape(op, tuple(item.shape for item in operands))
            if prod(shape) <= 4096:
                return build_trace(op, operands, draw)
        except (ValueError, OverflowError):
            continue  # not a valid node: a window does not fit, or a product reaches 2^62


def build_trace(op: ops.Operator, operands: list[IntArray], draw: Draw) -> Trace:
    """Wrap one node: activations come from inputs or from nodes that copy them."""
    roles = ("x",) * len(operands) if isinstance(op, ops.Concat) else op.roles
    pools: dict[Source, list[IntArray]] = {source: [] for source in Source}
    copies = draw.pick(True, False)
    references = []
    nodes = []
    for role, values in zip(roles, operands, strict=True):
        source = {"x": Source.INPUT, "a": Source.INPUT, "b": Source.INPUT}.get(
            role, Source.TABLE if role == "table" else Source.WEIGHT
        )
        stored = values.reshape(-1) if draw.pick(True, False) else values
        pools[source].append(stored)
        index = len(pools[source]) - 1
        if source is Source.INPUT and copies:
            perm = tuple(range(stored.ndim))
            copied = Operand(source=Source.INPUT, index=index, shape=stored.shape)
            nodes.append(
                Node(
                    op=ops.Transpose(perm=perm),
                    operands=(copied,),
                    shape=stored.shape,
                    width=_width(stored),
                )
            )
            pools[Source.TRACE].append(stored)
            source, index = Source.TRACE, len(nodes) - 1
        references.append(Operand(source=source, index=index, shape=values.shape))
    result = reference.apply(op, tuple(operands))
    nodes.append(Node(op=op, operands=tuple(references), shape=result.shape, width=_width(result)))
    program = Program(
        inputs=tuple(
            Input(name=f"x{i}", shape=v.shape, lo=int(v.min()), hi=int(v.max()), scale=1.0,
                  zero_point=0)
            for i, v in enumerate(pools[Source.INPUT])
        ),
        outputs=(
            Output(name="y", node=len(nodes) - 1, shape=result.shape, scale=1.0, zero_point=0),
        ),
        nodes=tuple(nodes),
        weights=tuple(Constant.of("w", v) for v in pools[Source.WEIGHT]),
        tables=tuple(Constant.of("t", v) for v in pools[Source.TABLE]),
    )  # fmt: skip
    values = (*pools[Source.TRACE], result)
    return Trace(program=program, inputs=tuple(pools[Source.INPUT]), values=values)


def elements_of(trace: Trace, rng: np.random.Generator, count: int) -> Iterator[int]:
    """Elements of the last node: the first, the last, then random ones."""
    size = trace.values[-1].size
    yield from dict.fromkeys([0, size - 1, *(int(i) for i in rng.integers(size, size=count))])


def wrong_values(value: int, width: int) -> list[int]:
    """All that a leaf of this width can hold instead, at its edges and one bit away."""
    low, high = -_LIMIT[width], _LIMIT[width] - 1
    pattern = value & (2 * _LIMIT[width] - 1)
    flips = [pattern ^ (1 << bit) for bit in range(8 * width)]
    signed = [flip - 2 * _LIMIT[width] if flip > high else flip for flip in flips]
    near = [v for v in (value + 1, value - 1, low, high, 0) if low <= v <= high]
    return [v for v in dict.fromkeys([*near, *signed]) if v != value]


def _width(values: IntArray) -> int:
    return width_of(int(values.min()), int(values.max()))
