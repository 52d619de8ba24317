"""Result shapes of operators, and the structural rules that every program obeys."""

from __future__ import annotations

from functools import singledispatch
from math import prod

from verifiable.errors import MalformedModel
from verifiable.program import operators as ops
from verifiable.program.program import Program, Source

__all__ = ["Shape", "check_structure", "result_shape"]

Shape = tuple[int, ...]

MAX_RANK = 6
MAX_ELEMENTS = 1 << 31


class _ShapeMismatch(ValueError):
    """Operands that do not fit an operator; becomes `MalformedModel` with the node's name."""


@singledispatch
def result_shape(op: ops.Operator, shapes: tuple[Shape, ...]) -> Shape:
    """Shape of the result of `op` on operands of `shapes`.

    Raises:
        ValueError: the operands do not fit the operator.
    """
    raise _ShapeMismatch(f"no shape rule for {op.name}")


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise _ShapeMismatch(text)


def _broadcasts_to(shape: Shape, target: Shape) -> bool:
    if len(shape) > len(target):
        return False
    tail = target[len(target) - len(shape) :]
    return all(have in (1, want) for have, want in zip(shape, tail, strict=True))


def _window(size: int, kernel: int, stride: int, before: int, after: int, dilation: int) -> int:
    _require(min(kernel, stride, dilation) >= 1, "kernel, stride and dilation are at least 1")
    _require(before >= 0 and after >= 0, "pads are not negative")
    reach = dilation * (kernel - 1) + 1
    span = size + before + after - reach
    _require(span >= 0, "the window is larger than the padded input")
    return span // stride + 1


def _pooled(op: ops.MaxPool | ops.SumPool | ops.Conv, x: Shape, kernel: tuple[int, int]) -> Shape:
    _require(len(x) == 4, "x has rank 4 (batch, height, width, channel)")
    top, left, bottom, right = op.pads
    (sy, sx), (dy, dx) = op.strides, op.dilations
    height = _window(x[1], kernel[0], sy, top, bottom, dy)
    width = _window(x[2], kernel[1], sx, left, right, dx)
    return (x[0], height, width)


@result_shape.register
def _(op: ops.MatMul, shapes: tuple[Shape, ...]) -> Shape:
    x, weight, bias, multiplier = shapes
    _require(len(x) >= 1 and len(weight) == 2, "x has rank >= 1 and weight rank 2")
    _require(x[-1] == weight[1], "the last axes of x and weight are equal")
    _require(bias == (weight[0],), "bias is (N,)")
    shape = (*x[:-1], weight[0])
    _require(_broadcasts_to(multiplier, shape), "multiplier broadcasts to the result")
    return shape


@result_shape.register
def _(op: ops.Conv, shapes: tuple[Shape, ...]) -> Shape:
    x, weight, bias, multiplier = shapes
    _require(len(weight) == 4, "weight has rank 4 (O, kh, kw, C / group)")
    head = _pooled(op, x, (weight[1], weight[2]))
    _require(op.group >= 1 and weight[0] % op.group == 0, "group divides the output channels")
    _require(x[3] == weight[3] * op.group, "weight's last axis times group is x's channels")
    _require(bias == (weight[0],), "bias is (O,)")
    shape = (*head, weight[0])
    _require(_broadcasts_to(multiplier, shape), "multiplier broadcasts to the result")
    return shape


@result_shape.register
def _(op: ops.Affine, shapes: tuple[Shape, ...]) -> Shape:
    x, *constants = shapes
    for constant in constants:
        _require(_broadcasts_to(constant, x), "the constants broadcast to x")
    return x


@result_shape.register(ops.Add)
@result_shape.register(ops.Mul)
def _(op: ops.Operator, shapes: tuple[Shape, ...]) -> Shape:
    a, b, *multiplier = shapes
    rank = max(len(a), len(b))
    wide_a = (1,) * (rank - len(a)) + a
    wide_b = (1,) * (rank - len(b)) + b
    pairs = list(zip(wide_a, wide_b, strict=True))
    _require(all(p == q or 1 in (p, q) for p, q in pairs), "a and b broadcast together")
    shape = tuple(max(pair) for pair in pairs)
    for constant in multiplier:
        _require(_broadcasts_to(constant, shape), "multiplier broadcasts to the result")
    return shape


@result_shape.register
def _(op: ops.LookupTable, shapes: tuple[Shape, ...]) -> Shape:
    x, table = shapes
    _require(len(table) == 2, "table has rank 2 (rows, size)")
    _require(table[0] == 1 or (len(x) > 0 and table[0] == x[-1]), "one row, or one per channel")
    return x


@result_shape.register
def _(op: ops.MaxPool, shapes: tuple[Shape, ...]) -> Shape:
    (x,) = shapes
    shape = (*_pooled(op, x, op.kernel), x[3])
    _require(
        _windows_touch(x[1], shape[1], op.kernel[0], op.strides[0], op.pads[0], op.dilations[0])
        and _windows_touch(
            x[2], shape[2], op.kernel[1], op.strides[1], op.pads[1], op.dilations[1]
        ),
        "every window holds at least one position that is not padding",
    )
    return shape


def _windows_touch(
    size: int, count: int, kernel: int, stride: int, before: int, dilation: int
) -> bool:
    last = (count - 1) * stride - before
    if dilation <= size:  # no window steps over x: only the first and the last can miss it
        return last < size and -(-before // dilation) < kernel
    return last < size and all(
        # The first tap that is not ahead of x.
        -(start // dilation) < kernel and start % dilation < size
        for start in range(-before, min(0, last + 1), stride)
    )


@result_shape.register
def _(op: ops.SumPool, shapes: tuple[Shape, ...]) -> Shape:
    x, multiplier = shapes
    shape = (*_pooled(op, x, op.kernel), x[3])
    _require(_broadcasts_to(multiplier, shape), "multiplier broadcasts to the result")
    return shape


@result_shape.register
def _(op: ops.Transpose, shapes: tuple[Shape, ...]) -> Shape:
    (x,) = shapes
    _require(sorted(op.perm) == list(range(len(x))), "perm is a permutation of the axes")
    return tuple(x[axis] for axis in op.perm)


@result_shape.register
def _(op: ops.Concat, shapes: tuple[Shape, ...]) -> Shape:
    _require(len(shapes) >= 2, "Concat joins at least two tensors")
    first = shapes[0]
    _require(0 <= op.axis < len(first), "axis lies inside the rank")
    for shape in shapes:
        _require(len(shape) == len(first), "all operands have one rank")
        _require(
            all(p == q for i, (p, q) in enumerate(zip(shape, first, strict=True)) if i != op.axis),
            "all axes but the joined one are equal",
        )
    joined = sum(shape[op.axis] for shape in shapes)
    return (*first[: op.axis], joined, *first[op.axis + 1 :])


@result_shape.register
def _(op: ops.Pad, shapes: tuple[Shape, ...]) -> Shape:
    (x,) = shapes
    _require(len(op.before) == len(op.after) == len(x), "one pad per axis on each side")
    _require(min((*op.before, *op.after), default=0) >= 0, "pads are not negative")
    return tuple(b + n + a for b, n, a in zip(op.before, x, op.after, strict=True))


def check_structure(program: Program) -> None:
    """Check what holds for every program whatever its values: references, roles, shapes.

    Raises:
        MalformedModel: naming the node and the rule it breaks.
    """
    if not program.inputs or not program.outputs or not program.nodes:
        raise MalformedModel("a program has at least one input, one node and one output")
    for spec in program.inputs:
        _check_shape(spec.shape, f"input {spec.name}")
    for index, node in enumerate(program.nodes):
        where = f"node {index} ({node.op.name} {node.name})"
        _check_shape(node.shape, where)
        roles = node.op.roles
        if isinstance(node.op, ops.Concat):
            roles = ("x",) * len(node.operands)
        if len(roles) != len(node.operands):
            raise MalformedModel(
                f"{len(node.operands)} operands where {len(roles)} are expected", where=where
            )
        for role, operand in zip(roles, node.operands, strict=True):
            _check_operand(program, index, role, operand.source, operand.index, where)
            _check_shape(operand.shape, f"{where} operand {role}")
            if prod(operand.shape) != prod(program.tensor_shape(operand)):
                raise MalformedModel(f"operand {role} has another element count", where=where)
        try:
            shape = result_shape(node.op, tuple(operand.shape for operand in node.operands))
        except _ShapeMismatch as cause:
            raise MalformedModel("operands do not fit", where=where, why=str(cause)) from cause
        if shape != node.shape:
            raise MalformedModel(f"shape {node.shape} where {shape} follows", where=where)
    for output in program.outputs:
        if not 0 <= output.node < len(program.nodes) or prod(output.shape) != prod(
            program.nodes[output.node].shape
        ):
            raise MalformedModel("the output does not match its node", where=output.name)


def _check_shape(shape: Shape, where: str) -> None:
    if len(shape) > MAX_RANK or any(size < 1 for size in shape) or prod(shape) > MAX_ELEMENTS:
        raise MalformedModel(
            f"shape {shape} is outside what a program may hold",
            where=where,
            why=f"rank <= {MAX_RANK}, every axis >= 1, at most 2^31 elements",
        )


def _check_operand(
    program: Program, node: int, role: str, source: Source, index: int, where: str
) -> None:
    limits = {
        Source.TRACE: node,
        Source.INPUT: len(program.inputs),
        Source.WEIGHT: len(program.weights),
        Source.TABLE: len(program.tables),
    }
    if not 0 <= index < limits[source]:
        raise MalformedModel(f"operand {role} points outside the program", where=where)
    expected = (
        {Source.TABLE}
        if role == "table"
        else {Source.TRACE, Source.INPUT}
        if role in ("x", "a", "b")
        else {Source.WEIGHT}
    )
    if source not in expected:
        raise MalformedModel(f"operand {role} cannot be a {source.name.lower()}", where=where)
