"""Commitment to a program: the header whose hash is the program root.

The header (`ProgramCommitment`) is small and travels in proof files and locks, so that a verifier
without the program knows names, shapes and scales of what it checks; the program root binds it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from verifiable.errors import InvalidInput, MalformedModel
from verifiable.program.program import Constant, Input, IntArray, Output, Program
from verifiable.statement.abi import Tail, encode_array, encode_struct, encode_text, encode_words
from verifiable.statement.abi import word as abi_word
from verifiable.statement.hashing import (
    EMPTY_LEAF,
    Domain,
    ProgramRoot,
    TensorRoot,
    domain_hash,
    merkle_root,
)
from verifiable.statement.names import control_in
from verifiable.statement.node_desc import encode_node
from verifiable.statement.tensors import DEFAULT_LEAF_LOG2, tensor_height, tensor_root

__all__ = [
    "MAX_NAME_BYTES",
    "SPEC_VERSION",
    "ProgramCommitment",
    "Schema",
    "TensorSpec",
    "commit_program",
    "inputs_root",
    "outputs_root",
    "trace_root",
]

SPEC_VERSION = 1
MAX_NAME_BYTES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSpec:
    """What a verifier knows of one input or output: `real = (value - zero_point) * scale`.

    Attributes:
        name: the name in the ONNX file, unique among inputs or among outputs.
        shape: in ONNX axis order.
        width: committed bytes per element.
        lo, hi: the integers it may hold, both included.
        scale: exact float64, positive and finite.
        zero_point: the integer that stands for 0.0.
    """

    name: str
    shape: tuple[int, ...]
    width: int
    lo: int
    hi: int
    scale: float
    zero_point: int

    def encoded(self) -> Tail:
        """The ABI encoding of this member of the schema."""
        scale_bits = int.from_bytes(struct.pack(">d", self.scale), "big")
        return encode_struct(
            (
                encode_text(self.name),
                encode_words(self.shape),
                abi_word(self.width),
                abi_word(self.lo),
                abi_word(self.hi),
                abi_word(scale_bits),
                abi_word(self.zero_point),
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The outside of a program.

    Attributes:
        inputs, outputs: in ONNX order.
        output_nodes: for each output the id of the node that computes it.
        node_count: number of nodes, which is the number of trace tensors.
        max_height: largest height of a trace tensor's tree.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    output_nodes: tuple[int, ...]
    node_count: int
    max_height: int

    @property
    def encoded(self) -> bytes:
        """`abi.encode(Schema)`, as a contract decodes it."""
        body = encode_struct(
            (
                abi_word(self.node_count),
                abi_word(self.max_height),
                encode_array([spec.encoded() for spec in self.inputs]),
                encode_array([spec.encoded() for spec in self.outputs]),
                encode_words(self.output_nodes),
            )
        )
        return encode_struct((body,))

    @property
    def digest(self) -> bytes:
        """`schemaHash`: keccak-256 of `0c` and `abi.encode(Schema)`."""
        return domain_hash(Domain.SCHEMA, self.encoded)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramCommitment:
    """The header of a program: everything that the program root hashes, the schema opened."""

    spec_version: int
    leaf_log2: int
    graph_root: bytes
    weights_root: bytes
    tables_root: bytes
    schema: Schema

    @property
    def program_root(self) -> ProgramRoot:
        """The one digest that names the program."""
        return ProgramRoot(
            domain_hash(
                Domain.PROGRAM,
                self.spec_version.to_bytes(2, "big"),
                self.leaf_log2.to_bytes(1, "big"),
                self.graph_root,
                self.weights_root,
                self.tables_root,
                self.schema.digest,
            )
        )


def commit_program(program: Program, *, leaf_log2: int = DEFAULT_LEAF_LOG2) -> ProgramCommitment:
    """Commit to graph, attributes, shapes, weights, tables, scales and schema of a program.

    Not covered: names of nodes and constants, and the metadata.

    Raises:
        MalformedModel: a constant, attribute or name breaks the rules of a committed program.
    """
    _check_names([spec.name for spec in program.inputs], "input")
    _check_names([spec.name for spec in program.outputs], "output")
    leaves = [
        domain_hash(Domain.NODE_DESC, encode_node(program, index))
        for index in range(len(program.nodes))
    ]
    heights = [tensor_height(prod(node.shape), node.width, leaf_log2) for node in program.nodes]
    return ProgramCommitment(
        spec_version=SPEC_VERSION,
        leaf_log2=leaf_log2,
        graph_root=merkle_root(leaves, EMPTY_LEAF),
        weights_root=_constants_root(program.weights, leaf_log2),
        tables_root=_constants_root(program.tables, leaf_log2),
        schema=Schema(
            inputs=tuple(_input_spec(spec) for spec in program.inputs),
            outputs=tuple(_output_spec(program, spec) for spec in program.outputs),
            output_nodes=tuple(spec.node for spec in program.outputs),
            node_count=len(program.nodes),
            max_height=max(heights, default=0),
        ),
    )


def inputs_root(
    schema: Schema,
    values: Mapping[str, IntArray] | Sequence[IntArray],
    *,
    leaf_log2: int = DEFAULT_LEAF_LOG2,
) -> TensorRoot:
    """`inputRoot` of quantised inputs: the tensor's root, or the root over rows 03 if several.

    Args:
        schema: of the program.
        values: int64 arrays under the schema's shapes, by name or in the schema's order.
        leaf_log2: the program's.

    Raises:
        InvalidInput: names, shapes or values do not fit the schema.
    """
    return _values_root(schema.inputs, values, leaf_log2)


def outputs_root(
    schema: Schema,
    values: Mapping[str, IntArray] | Sequence[IntArray],
    *,
    leaf_log2: int = DEFAULT_LEAF_LOG2,
) -> TensorRoot:
    """`outputRoot` of quantised outputs; see `inputs_root`."""
    return _values_root(schema.outputs, values, leaf_log2)


def trace_root(roots: Sequence[TensorRoot]) -> bytes:
    """Root over the tensor roots of all nodes of one execution, in node order."""
    leaves = [
        domain_hash(Domain.TRACE_TENSOR, index.to_bytes(4, "big"), root)
        for index, root in enumerate(roots)
    ]
    return merkle_root(leaves, EMPTY_LEAF)


def _named_root(roots: Sequence[TensorRoot]) -> bytes:
    leaves = [
        domain_hash(Domain.NAMED_TENSOR, index.to_bytes(4, "big"), root)
        for index, root in enumerate(roots)
    ]
    return merkle_root(leaves, EMPTY_LEAF)


def _constants_root(constants: Sequence[Constant], leaf_log2: int) -> bytes:
    try:
        return _named_root([tensor_root(item.values, item.width, leaf_log2) for item in constants])
    except InvalidInput as cause:
        raise MalformedModel("a constant does not fit its width", why=cause.why) from cause


def _values_root(
    specs: Sequence[TensorSpec],
    values: Mapping[str, IntArray] | Sequence[IntArray],
    leaf_log2: int,
) -> TensorRoot:
    names = [spec.name for spec in specs]
    if isinstance(values, Mapping):
        if set(values) != set(names):
            raise InvalidInput(
                "the names do not fit the program",
                why=f"expected {names}, got {sorted(values)}",
                code="wrong-names",
            )
        values = [values[name] for name in names]
    if len(values) != len(specs):
        raise InvalidInput(
            "the number of tensors does not fit the program",
            why=f"expected {len(specs)}, got {len(values)}",
            code="wrong-count",
        )
    roots: list[TensorRoot] = []
    for spec, array in zip(specs, values, strict=True):
        if array.shape != spec.shape or array.dtype != np.int64:
            raise InvalidInput(
                "the tensor does not fit the program",
                where=spec.name,
                why=f"expected int64 {spec.shape}, got {array.dtype} {array.shape}",
                code="wrong-shape",
            )
        roots.append(tensor_root(array, spec.width, leaf_log2))
    return roots[0] if len(roots) == 1 else TensorRoot(_named_root(roots))


def _input_spec(spec: Input) -> TensorSpec:
    return TensorSpec(
        name=spec.name,
        shape=spec.shape,
        width=spec.width,
        lo=spec.lo,
        hi=spec.hi,
        scale=spec.scale,
        zero_point=spec.zero_point,
    )


def _output_spec(program: Program, spec: Output) -> TensorSpec:
    """The bounds of an output: its node's clamp, cut to what the committed width can hold."""
    node = program.nodes[spec.node]
    lo, hi = -(1 << (8 * node.width - 1)), (1 << (8 * node.width - 1)) - 1
    step = node.op.requantisation
    if step is not None:
        lo, hi = max(lo, step.lo), min(hi, step.hi)
    return TensorSpec(
        name=spec.name,
        shape=spec.shape,
        width=node.width,
        lo=lo,
        hi=hi,
        scale=spec.scale,
        zero_point=spec.zero_point,
    )


def _check_names(names: Sequence[str], kind: str) -> None:
    """Values are handed out by name, so a name that is missing or used twice would be a trap."""
    for name in names:
        try:
            size = len(name.encode("utf-8"))
        except UnicodeEncodeError:
            size = 0
        if not 0 < size <= MAX_NAME_BYTES:
            raise MalformedModel(
                f"an {kind} has a name that is not 1 to {MAX_NAME_BYTES} bytes of UTF-8",
                where=repr(name[:40]),
            )
        if control_in(name):
            raise MalformedModel(
                f"an {kind} has a name with a control character",
                where=repr(name[:40]),
                hint="rename it in the model; a report would show it as something else",
                code="control-character",
            )
    if len(set(names)) != len(names):
        raise MalformedModel(f"two {kind}s have the same name", why=", ".join(names))
