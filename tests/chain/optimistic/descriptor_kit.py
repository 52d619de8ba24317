"""Node descriptors as plain data: read from a program, changed, encoded again; and who is valid.

`is_valid` follows the operators' page through the package's shape rules, not through contracts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from math import prod

from eth_abi import encode

from verifiable.program import operators as ops
from verifiable.program.program import Program
from verifiable.program.shapes import result_shape
from verifiable.statement.node_desc import encode_node, flat_attributes

__all__ = ["Descriptor", "Reference", "changes", "descriptor_of", "is_valid"]

_TYPE = "(uint32,uint16,(uint8,uint32,uint8,uint32[])[],uint32[],uint8,int64[])"
_OPCODES = {op.opcode: op for op in ops.OPERATORS.values()}
_LENGTHS = {"strides": 2, "pads": 4, "dilations": 2, "kernel": 2}
_MOVING = (0, 3)


@dataclass(frozen=True, slots=True)
class Reference:
    kind: int
    id: int
    width: int
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Descriptor:
    node_id: int
    opcode: int
    operands: tuple[Reference, ...]
    shape: tuple[int, ...]
    width: int
    attributes: tuple[int, ...]

    def encoded(self) -> bytes:
        operands = [(o.kind, o.id, o.width, list(o.shape)) for o in self.operands]
        values = (self.node_id, self.opcode, operands, list(self.shape), self.width,
                  list(self.attributes))  # fmt: skip
        return encode([_TYPE], [values])


def descriptor_of(program: Program, index: int) -> Descriptor:
    node = program.nodes[index]
    widths = [
        {
            0: lambda i: program.nodes[i].width,
            1: lambda i: program.weights[i].width,
            2: lambda i: program.tables[i].width,
            3: lambda i: program.inputs[i].width,
        }[operand.source](operand.index)
        for operand in node.operands
    ]
    found = Descriptor(
        node_id=index,
        opcode=node.op.opcode,
        operands=tuple(
            Reference(int(o.source), o.index, width, o.shape)
            for o, width in zip(node.operands, widths, strict=True)
        ),
        shape=node.shape,
        width=node.width,
        attributes=flat_attributes(node.op),
    )
    assert found.encoded() == encode_node(program, index)
    return found


def operator_of(opcode: int, attributes: tuple[int, ...]) -> ops.Operator | None:
    """The operator with these attributes; None if their number is wrong."""
    kind = _OPCODES[opcode]
    if kind is ops.Transpose:
        return ops.Transpose(perm=attributes)
    if kind is ops.Pad:
        rank = len(attributes) // 2
        if len(attributes) != 2 * rank + 1:
            return None
        *sizes, value = attributes
        return ops.Pad(before=tuple(sizes[:rank]), after=tuple(sizes[rank:]), value=value)
    rest = list(attributes)
    values: dict[str, object] = {}
    names = [item.name for item in fields(kind)]
    for name in (item for item in names if item != "requant"):
        length = _LENGTHS.get(name, 1)
        taken, rest = rest[:length], rest[length:]
        if len(taken) != length:
            return None
        values[name] = tuple(taken) if name in _LENGTHS else taken[0]
    if "requant" in names:
        if len(rest) != 4:
            return None
        shift, zero_point, lo, hi = rest
        values["requant"] = ops.Requantisation(shift=shift, zero_point=zero_point, lo=lo, hi=hi)
        rest = []
    return None if rest else kind(**values)


def is_valid(desc: Descriptor) -> bool:
    """Whether a valid program can hold this node, as far as the node alone tells."""
    tensors = [(desc.width, desc.shape), *((o.width, o.shape) for o in desc.operands)]
    for width, shape in tensors:
        if width not in (1, 2, 4, 8) or len(shape) > 6 or min(shape, default=1) < 1:
            return False
        if prod(shape) > 1 << 31:
            return False
    if desc.opcode not in _OPCODES:
        return False
    op = operator_of(desc.opcode, desc.attributes)
    roles = _OPCODES[desc.opcode].roles
    if desc.opcode == ops.Concat.opcode:
        roles = ("x",) * len(desc.operands)
    if op is None or len(roles) != len(desc.operands):
        return False
    for role, operand in zip(roles, desc.operands, strict=True):
        allowed = _MOVING if role in ("x", "a", "b") else (2,) if role == "table" else (1,)
        if operand.kind not in allowed or (operand.kind == 0 and operand.id >= desc.node_id):
            return False
    step = op.requantisation
    if step is not None and not (0 <= step.shift <= 40 and step.lo <= step.hi):
        return False
    try:
        return result_shape(op, tuple(o.shape for o in desc.operands)) == desc.shape
    except ValueError:
        return False


def changes(desc: Descriptor) -> Iterator[Descriptor]:
    """Descriptors that differ in one place; many are still valid."""
    for i, value in enumerate(desc.attributes):
        near = (value - 1, value + 1, 0, 1, -1, 2, 3, 40, 41, 64, -(1 << 63), (1 << 63) - 1)
        for other in near:
            if other != value and -(1 << 63) <= other < 1 << 63:
                yield replace(desc, attributes=_set(desc.attributes, i, other))
    yield replace(desc, attributes=(*desc.attributes, 0))
    yield replace(desc, attributes=desc.attributes[:-1])
    for shape in _shapes(desc.shape):
        yield replace(desc, shape=shape)
    for width in (0, 1, 2, 3, 4, 8, 16, 255):
        yield replace(desc, width=width)
    for i, operand in enumerate(desc.operands):
        for shape in _shapes(operand.shape):
            yield replace(desc, operands=_set(desc.operands, i, replace(operand, shape=shape)))
        for kind in range(5):
            other = replace(operand, kind=kind)
            yield replace(desc, operands=_set(desc.operands, i, other))
            yield replace(desc, operands=_set(desc.operands, i, replace(other, id=desc.node_id)))
        for width in (0, 3, 8, 9):
            yield replace(desc, operands=_set(desc.operands, i, replace(operand, width=width)))
        yield replace(desc, operands=desc.operands[:i] + desc.operands[i + 1 :])
    yield replace(desc, operands=desc.operands[::-1])
    yield replace(desc, operands=desc.operands * 2)
    yield replace(desc, operands=())
    for opcode in (*range(13), 256, 65535):
        yield replace(desc, opcode=opcode)
    yield replace(desc, node_id=0)


def _set(items: tuple, index: int, value: object) -> tuple:
    return (*items[:index], value, *items[index + 1 :])


def _shapes(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    yield (*shape, 1)
    yield (1, *shape)
    yield (1,) * (7 - len(shape)) + shape
    yield shape[1:]
    yield shape[:-1]
    yield shape[::-1]
    yield (1 << 31,)
    yield ((1 << 31) + 1,)
    yield (1 << 16,) * 4  # a product of 2^64
    yield ((1 << 32) - 1,) * 6
    for i, size in enumerate(shape):
        for other in (0, 1, size + 1, size - 1, (1 << 32) - 1):
            if other >= 0 and other != size:
                yield _set(shape, i, other)
