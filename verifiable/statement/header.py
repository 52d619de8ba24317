"""A program's header as JSON, the same in proof files and in locks."""

from __future__ import annotations

import math

from verifiable.errors import MalformedModel
from verifiable.program.shapes import MAX_ELEMENTS, MAX_RANK
from verifiable.statement.commitment import (
    MAX_NAME_BYTES,
    SPEC_VERSION,
    ProgramCommitment,
    Schema,
    TensorSpec,
)
from verifiable.statement.strict_json import Field, encode_hex
from verifiable.statement.tensors import LEAF_LOG2_CHOICES, WIDTHS

__all__ = ["check_header", "header_to_json", "read_header"]

MAX_TENSORS = 256
MAX_NODES = 1 << 20


def check_header(commitment: ProgramCommitment) -> None:
    """Refuse a program whose header no verifier would read, before any work is spent on it.

    Raises:
        MalformedModel: naming the field.
    """
    read_header(Field(header_to_json(commitment), "program", MalformedModel))


def header_to_json(commitment: ProgramCommitment) -> dict[str, object]:
    """The header as a JSON object."""
    schema = commitment.schema
    return {
        "spec_version": commitment.spec_version,
        "leaf_log2": commitment.leaf_log2,
        "graph_root": encode_hex(commitment.graph_root),
        "weights_root": encode_hex(commitment.weights_root),
        "tables_root": encode_hex(commitment.tables_root),
        "schema": {
            "inputs": [_tensor_to_json(spec) for spec in schema.inputs],
            "outputs": [_tensor_to_json(spec) for spec in schema.outputs],
            "output_nodes": list(schema.output_nodes),
            "node_count": schema.node_count,
            "max_height": schema.max_height,
        },
    }


def _tensor_to_json(spec: TensorSpec) -> dict[str, object]:
    return {
        "name": spec.name,
        "shape": list(spec.shape),
        "width": spec.width,
        "lo": spec.lo,
        "hi": spec.hi,
        "scale": spec.scale.hex(),
        "zero_point": spec.zero_point,
    }


def read_header(field: Field) -> ProgramCommitment:
    """Read a header; its bounds are those of any program, not of one that exists.

    Raises:
        MalformedFile: (or the document's subclass) naming the field.
    """
    found = field.object(
        ("spec_version", "leaf_log2", "graph_root", "weights_root", "tables_root", "schema")
    )
    version = found["spec_version"].integer(0, 0xFFFF)
    if version != SPEC_VERSION:
        found["spec_version"].refuse(
            f"commitments of version {version} are unknown",
            hint="use a release that knows this version",
            code="unknown-spec-version",
        )
    leaf_log2 = found["leaf_log2"].integer(0, 255)
    if leaf_log2 not in LEAF_LOG2_CHOICES:
        found["leaf_log2"].refuse(f"not one of {LEAF_LOG2_CHOICES}", code="out-of-bounds")
    return ProgramCommitment(
        spec_version=version,
        leaf_log2=leaf_log2,
        graph_root=found["graph_root"].digest(),
        weights_root=found["weights_root"].digest(),
        tables_root=found["tables_root"].digest(),
        schema=_read_schema(found["schema"]),
    )


def _read_schema(field: Field) -> Schema:
    found = field.object(("inputs", "outputs", "output_nodes", "node_count", "max_height"))
    inputs = _read_tensors(found["inputs"])
    outputs = _read_tensors(found["outputs"])
    node_count = found["node_count"].integer(1, MAX_NODES)
    nodes = tuple(
        item.integer(0, node_count - 1) for item in found["output_nodes"].array(limit=MAX_TENSORS)
    )
    if len(nodes) != len(outputs):
        found["output_nodes"].refuse("one node id per output is expected", code="wrong-count")
    return Schema(
        inputs=inputs,
        outputs=outputs,
        output_nodes=nodes,
        node_count=node_count,
        max_height=found["max_height"].integer(0, 63),
    )


def _read_tensors(field: Field) -> tuple[TensorSpec, ...]:
    specs = tuple(_read_tensor(item) for item in field.array(limit=MAX_TENSORS))
    if not specs:
        field.refuse("at least one tensor is expected", code="wrong-count")
    if len({spec.name for spec in specs}) != len(specs):
        field.refuse("two tensors have the same name", code="duplicate-name")
    return specs


def _read_tensor(field: Field) -> TensorSpec:
    found = field.object(("name", "shape", "width", "lo", "hi", "scale", "zero_point"))
    width = found["width"].integer(1, 8)
    if width not in WIDTHS:
        found["width"].refuse(f"not one of {WIDTHS}", code="out-of-bounds")
    bound = 1 << (8 * width - 1)
    lo = found["lo"].integer(-bound, bound - 1)
    spec = TensorSpec(
        name=found["name"].name(limit_bytes=MAX_NAME_BYTES),
        shape=found["shape"].shape(max_rank=MAX_RANK, max_elements=MAX_ELEMENTS),
        width=width,
        lo=lo,
        hi=found["hi"].integer(lo, bound - 1),
        scale=found["scale"].exact_float(),
        zero_point=found["zero_point"].integer(),
    )
    farthest = max(abs(spec.lo - spec.zero_point), abs(spec.hi - spec.zero_point))
    if not math.isfinite(farthest * spec.scale):
        found["scale"].refuse(
            "values of this tensor stand for numbers beyond float64",
            hint="compile the model with smaller scales",
            code="out-of-bounds",
        )
    return spec
