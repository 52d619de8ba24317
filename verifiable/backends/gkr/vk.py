"""The verification key: everything public about a program that can change what a proof means.

It holds the program without its weights: the graph with shapes and attributes, input and output
ranges, multipliers and tables in full, and of each weight its shape and its bits. In the weight
mode `committed` it also holds the root over all weights. The layout of commitments, the list of
messages and the number of queries follow from it; none of them is in a proof.
`docs/formats/gkr-key.md` defines the bytes, canonical JSON, whose digest locks and registries pin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from verifiable.errors import MalformedProof
from verifiable.program.operators import OPERATORS, Operator, Requantisation
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
from verifiable.statement.strict_json import Field, decode_strict, encode_canonical, encode_hex

__all__ = ["KEY_FORMAT", "WEIGHT_MODES", "VerificationKey", "WeightSpec", "weight_bits"]

KEY_FORMAT = "application/vnd.verifiable.gkr-key.v1+json"
WEIGHT_MODES = ("committed", "public")
VK_LIMIT_BYTES = 64 << 20

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightSpec:
    """What the key says of one constant.

    Attributes:
        shape: of the constant.
        bits: its elements lie in [-2**(bits-1), 2**(bits-1)).
        values: the constant itself where it is public (multipliers), else None.
    """

    shape: tuple[int, ...]
    bits: int
    values: IntArray | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VerificationKey:
    """See the module's text.

    Attributes:
        program_root: the program that all backends share.
        weights: `committed` or `public`.
        inputs: (shape, lo, hi) of each input.
        outputs: (node, shape) of each output.
        nodes: without names and widths.
        product_reach: of each node with a requantisation the interval of `acc * M` for the weights
            of the key's maker, else None.
        constants: weights, in the program's order.
        tables: in the program's order, in full.
        weight_root: of the committed weights; 32 zero bytes in the mode `public`.
    """

    program_root: bytes
    weights: str
    inputs: tuple[tuple[tuple[int, ...], int, int], ...]
    outputs: tuple[tuple[int, tuple[int, ...]], ...]
    nodes: tuple[Node, ...]
    product_reach: tuple[Interval | None, ...]
    constants: tuple[WeightSpec, ...]
    tables: tuple[IntArray, ...]
    weight_root: bytes

    def encode(self) -> bytes:
        """Canonical JSON."""
        document = {
            "format": KEY_FORMAT,
            "program_root": encode_hex(self.program_root),
            "weights": self.weights,
            "weight_root": encode_hex(self.weight_root),
            "inputs": [{"shape": list(shape), "lo": lo, "hi": hi} for shape, lo, hi in self.inputs],
            "outputs": [{"node": node, "shape": list(shape)} for node, shape in self.outputs],
            "nodes": [
                _node(node, reach)
                for node, reach in zip(self.nodes, self.product_reach, strict=True)
            ],
            "constants": [
                {
                    "shape": list(spec.shape),
                    "bits": spec.bits,
                    "values": None if spec.values is None else spec.values.reshape(-1).tolist(),
                }
                for spec in self.constants
            ],
            "tables": [
                {"shape": list(table.shape), "values": table.reshape(-1).tolist()}
                for table in self.tables
            ],
        }
        return encode_canonical(document)

    @classmethod
    def decode(cls, data: bytes) -> VerificationKey:
        """Decode strictly; only what `encode` writes is accepted.

        Raises:
            MalformedProof: with the path of what is wrong.
        """
        root = decode_strict(data, limit_bytes=VK_LIMIT_BYTES, error=MalformedProof, name="gkr key")
        found = root.object(
            (
                "format", "program_root", "weights", "weight_root", "inputs", "outputs",
                "nodes", "constants", "tables",
            )
        )  # fmt: skip
        found["format"].choice((KEY_FORMAT,), code="unknown-format")
        nodes = [_read_node(item) for item in found["nodes"].array(limit=1 << 16)]
        key = cls(
            program_root=found["program_root"].digest(),
            weights=found["weights"].choice(WEIGHT_MODES),
            weight_root=found["weight_root"].digest(),
            inputs=tuple(_read_input(item) for item in found["inputs"].array(limit=1 << 10)),
            outputs=tuple(_read_output(item) for item in found["outputs"].array(limit=1 << 10)),
            nodes=tuple(node for node, _ in nodes),
            product_reach=tuple(reach for _, reach in nodes),
            constants=tuple(_read_spec(i) for i in found["constants"].array(limit=1 << 16)),
            tables=tuple(_read_table(item) for item in found["tables"].array(limit=1 << 12)),
        )
        if key.encode() != data:
            root.refuse("not the canonical encoding", code="not-canonical")
        return key

    def skeleton(self) -> Program:
        """The program with zeros in place of its weights; shapes and references are the key's."""
        return Program(
            inputs=tuple(
                Input(name=f"input{i}", shape=shape, lo=lo, hi=hi, scale=1.0, zero_point=0)
                for i, (shape, lo, hi) in enumerate(self.inputs)
            ),
            outputs=tuple(
                Output(name=f"output{i}", node=node, shape=shape, scale=1.0, zero_point=0)
                for i, (node, shape) in enumerate(self.outputs)
            ),
            nodes=self.nodes,
            weights=tuple(
                Constant(
                    name=f"weight{i}",
                    values=np.broadcast_to(np.int64(0), spec.shape)
                    if spec.values is None
                    else spec.values,
                    width=8,
                )
                for i, spec in enumerate(self.constants)
            ),
            tables=tuple(
                Constant(name=f"table{i}", values=table, width=8)
                for i, table in enumerate(self.tables)
            ),
        )


def weight_bits(values: IntArray) -> int:
    """Signed bits that hold every element; at least 1."""
    lo, hi = (int(values.min()), int(values.max())) if values.size else (0, 0)
    return max((-lo - 1 if lo < 0 else lo).bit_length(), max(hi, 0).bit_length()) + 1


def _node(node: Node, reach: Interval | None) -> dict[str, object]:
    attributes = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in node.op.attributes().items()
    }
    return {
        "operator": node.op.name,
        "attributes": attributes,
        "operands": [
            {"source": operand.source.name.lower(), "index": operand.index,
             "shape": list(operand.shape)}
            for operand in node.operands
        ],
        "shape": list(node.shape),
        "product_reach": None if reach is None else list(reach),
    }  # fmt: skip


def _shape(field: Field) -> tuple[int, ...]:
    return field.shape(max_rank=6, max_elements=1 << 31)


def _read_node(item: Field) -> tuple[Node, Interval | None]:
    found = item.object(("operator", "attributes", "operands", "shape", "product_reach"))
    kind = OPERATORS[found["operator"].choice(tuple(OPERATORS))]
    operands = tuple(_read_operand(entry) for entry in found["operands"].array(limit=1 << 10))
    reach: Interval | None = None
    if not found["product_reach"].is_null:
        ends = [end.integer() for end in found["product_reach"].array(limit=2)]
        if len(ends) != 2 or ends[0] > ends[1]:
            item.refuse("no interval, or an empty one", code="out-of-bounds")
        reach = ends[0], ends[1]
    op = _read_operator(kind, found["attributes"])
    if (reach is None) != (op.requantisation is None):
        item.refuse("an interval without requantisation, or none with it", code="out-of-bounds")
    shape = _shape(found["shape"])
    return Node(op=op, operands=operands, shape=shape, width=8), reach


def _read_operator(kind: type[Operator], item: Field) -> Operator:
    hints: Mapping[str, Any] = get_type_hints(kind)
    own = [entry.name for entry in fields(kind) if entry.name != "requant"]
    step = ("shift", "zero_point", "lo", "hi") if "requant" in hints else ()
    found = item.object((*own, *step))
    values: dict[str, Any] = {}
    for name in own:
        sizes = get_args(hints[name])
        if get_origin(hints[name]) is not tuple:
            values[name] = found[name].integer()
            continue
        entries = found[name].array(limit=6)
        if Ellipsis not in sizes and len(entries) != len(sizes):
            found[name].refuse(f"{len(sizes)} integers are expected", code="out-of-bounds")
        values[name] = tuple(entry.integer() for entry in entries)
    if step:
        values["requant"] = Requantisation(**{name: found[name].integer() for name in step})
        if not 0 <= values["requant"].shift <= 40 or values["requant"].lo > values["requant"].hi:
            item.refuse("a shift or a clamp outside its bounds", code="out-of-bounds")
    return kind(**values)


def _read_operand(item: Field) -> Operand:
    found = item.object(("source", "index", "shape"))
    names = tuple(source.name.lower() for source in Source)
    return Operand(
        source=Source[found["source"].choice(names).upper()],
        index=found["index"].integer(0, 1 << 20),
        shape=_shape(found["shape"]),
    )


def _read_input(item: Field) -> tuple[tuple[int, ...], int, int]:
    found = item.object(("shape", "lo", "hi"))
    lo, hi = found["lo"].integer(), found["hi"].integer()
    if lo > hi:
        item.refuse("an empty interval", code="out-of-bounds")
    width_of(lo, hi)
    return _shape(found["shape"]), lo, hi


def _read_output(item: Field) -> tuple[int, tuple[int, ...]]:
    found = item.object(("node", "shape"))
    return found["node"].integer(0, 1 << 20), _shape(found["shape"])


def _read_spec(item: Field) -> WeightSpec:
    found = item.object(("shape", "bits", "values"))
    shape, bits = _shape(found["shape"]), found["bits"].integer(1, 64)
    if found["values"].is_null:
        return WeightSpec(shape=shape, bits=bits)
    values = found["values"].integers(shape=shape).reshape(shape)
    if weight_bits(values) != bits:
        item.refuse("the values need another number of bits", code="out-of-bounds")
    return WeightSpec(shape=shape, bits=bits, values=values)


def _read_table(item: Field) -> IntArray:
    found = item.object(("shape", "values"))
    shape = _shape(found["shape"])
    return found["values"].integers(shape=shape).reshape(shape)
