"""The committed description of one node: `abi.encode(NodeDesc)`, leaf of the graph root.

A contract decodes it with `abi.decode(desc, (NodeDesc))`:

    struct OperandRef {
        uint8 kind;          // 0 trace, 1 weight, 2 table, 3 input
        uint32 id;           // node id, or position among weights, tables or inputs
        uint8 width;         // bytes per element of the tensor behind it
        uint32[] shape;      // shape under which this node reads it (same row-major elements)
    }
    struct NodeDesc {
        uint32 nodeId;
        uint16 opcode;
        OperandRef[] operands;
        uint32[] shape;      // of the result
        uint8 width;         // of the result
        int64[] attributes;  // flat, in the operator's defined order
    }

The flat attributes need no lengths of their own: those of each attribute follow from the opcode
and, for `perm`, `before` and `after`, from the rank of the first operand.
"""

from __future__ import annotations

from verifiable.errors import MalformedModel
from verifiable.program.operators import Operator
from verifiable.program.program import Node, Operand, Program, Source
from verifiable.statement.abi import Tail, encode_array, encode_struct, encode_words, word

__all__ = ["encode_node", "flat_attributes"]


def flat_attributes(op: Operator) -> tuple[int, ...]:
    """All attributes of an operator as one list of integers, in its defined order.

    Raises:
        MalformedModel: one does not fit int64.
    """
    flat: list[int] = []
    for value in op.attributes().values():
        flat.extend(value if isinstance(value, tuple) else (value,))
    if any(not -(1 << 63) <= value < 1 << 63 for value in flat):
        raise MalformedModel("an attribute does not fit 64 signed bits", where=op.name)
    return tuple(flat)


def _operand_width(program: Program, operand: Operand) -> int:
    if operand.source is Source.TRACE:
        return program.nodes[operand.index].width
    if operand.source is Source.INPUT:
        return program.inputs[operand.index].width
    pool = program.weights if operand.source is Source.WEIGHT else program.tables
    return pool[operand.index].width


def _operand(program: Program, operand: Operand) -> Tail:
    return encode_struct(
        (
            word(operand.source),
            word(operand.index),
            word(_operand_width(program, operand)),
            encode_words(operand.shape),
        )
    )


def encode_node(program: Program, index: int) -> bytes:
    """Encode node `index` of a program as `abi.encode(NodeDesc)`.

    Raises:
        MalformedModel: an attribute does not fit int64.
    """
    node: Node = program.nodes[index]
    desc = encode_struct(
        (
            word(index),
            word(node.op.opcode),
            encode_array([_operand(program, operand) for operand in node.operands]),
            encode_words(node.shape),
            word(node.width),
            encode_words(flat_attributes(node.op)),
        )
    )
    return encode_struct((desc,))
