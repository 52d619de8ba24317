"""Write `commitments.json`: golden vectors of every commitment, made by the library.

    python tests/vectors/make_commitments.py

The checker (`tests/statement/test_commitment_vectors.py`) shares no code with the library. Vectors
change only with `specVersion`; a diff after a run without such a change is a bug.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "statement"))

from statement_samples import dense_program, every_operator_program, pair_program  # noqa: E402

from verifiable.program.program import Constant, IntArray, Program  # noqa: E402
from verifiable.statement.commitment import (  # noqa: E402
    commit_program,
    inputs_root,
    outputs_root,
    trace_root,
)
from verifiable.statement.hashing import (  # noqa: E402
    EMPTY_LEAF,
    ProgramRoot,
    TensorRoot,
    keccak,
    merkle_branch,
    merkle_root,
)
from verifiable.statement.header import header_to_json  # noqa: E402
from verifiable.statement.node_desc import encode_node  # noqa: E402
from verifiable.statement.statement import Statement  # noqa: E402
from verifiable.statement.strict_json import encode_hex  # noqa: E402
from verifiable.statement.tensors import (  # noqa: E402
    leaf_count,
    pack,
    salted_root,
    tensor_branch,
    tensor_root,
)


def tensor_vector(
    values: Sequence[int], shape: tuple[int, ...], width: int, leaf_log2: int
) -> dict[str, object]:
    array: IntArray = np.array(values, dtype=np.int64).reshape(shape)
    branches = []
    for index in range(leaf_count(array.size, width, leaf_log2)):
        leaf, siblings = tensor_branch(array, width, index, leaf_log2)
        branches.append(
            {
                "index": index,
                "leaf": encode_hex(leaf),
                "siblings": [encode_hex(item) for item in siblings],
            }
        )
    return {
        "values": [str(value) for value in values],
        "shape": list(shape),
        "width": width,
        "leaf_log2": leaf_log2,
        "packed": encode_hex(pack(array, width)),
        "root": encode_hex(tensor_root(array, width, leaf_log2)),
        "branches": branches,
    }


def tensors() -> list[dict[str, object]]:
    rng = np.random.default_rng(11)
    cases = [
        ([0], (1,), 1, 10),
        ([-1], (1, 1), 8, 10),
        ([-128, 127, -1, 0, 1], (5,), 1, 5),
        ([-(2**15), 2**15 - 1, -2, 2], (2, 2), 2, 5),
        ([-(2**31), 2**31 - 1], (2,), 4, 5),
        ([-(2**63), 2**63 - 1, 0, -1], (4,), 8, 5),
    ]
    for count in (31, 32, 33, 64, 65, 96, 97, 160):
        shape = (count,)
        cases.append((rng.integers(-128, 128, count).tolist(), shape, 1, 5))
    cases.append((rng.integers(-(2**31), 2**31, 200).tolist(), (10, 20), 4, 8))
    cases.append((rng.integers(-(2**15), 2**15, 1537).tolist(), (1, 1537), 2, 10))
    return [tensor_vector(*case) for case in cases]


def trees() -> list[dict[str, object]]:
    found = []
    for count in (0, 1, 2, 3, 4, 5, 7, 8, 9):
        leaves = [keccak(bytes((count, index))) for index in range(count)]
        branches = [
            {
                "index": index,
                "siblings": [encode_hex(item) for item in merkle_branch(leaves, index, EMPTY_LEAF)],
            }
            for index in range(count)
        ]
        found.append(
            {
                "leaves": [encode_hex(leaf) for leaf in leaves],
                "filler": encode_hex(EMPTY_LEAF),
                "root": encode_hex(merkle_root(leaves, EMPTY_LEAF)),
                "branches": branches,
            }
        )
    return found


def constant_vector(constant: Constant) -> dict[str, object]:
    return {
        "width": constant.width,
        "shape": list(constant.values.shape),
        "values": [str(value) for value in constant.values.reshape(-1).tolist()],
    }


def values_vector(program: Program, seed: int) -> dict[str, object]:
    """Random inputs and outputs inside the schema, and their roots."""
    commitment = commit_program(program)
    schema = commitment.schema
    rng = np.random.default_rng(seed)
    found: dict[str, object] = {}
    for kind, specs, root_of in (
        ("input", schema.inputs, inputs_root),
        ("output", schema.outputs, outputs_root),
    ):
        arrays = [rng.integers(spec.lo, spec.hi, spec.shape, endpoint=True) for spec in specs]
        root = root_of(schema, arrays, leaf_log2=commitment.leaf_log2)
        found[f"{kind}s"] = [
            [str(value) for value in array.reshape(-1).tolist()] for array in arrays
        ]
        found[f"{kind}_root"] = encode_hex(root)
    return found


def program_vector(name: str, program: Program, leaf_log2: int) -> dict[str, object]:
    commitment = commit_program(program, leaf_log2=leaf_log2)
    return {
        "name": name,
        "header": header_to_json(commitment),
        "nodes": [
            {
                "operator": node.op.name,
                "opcode": node.op.opcode,
                "operands": [
                    {
                        "kind": int(operand.source),
                        "id": operand.index,
                        "elements": prod(operand.shape),
                        "shape": list(operand.shape),
                    }
                    for operand in node.operands
                ],
                "shape": list(node.shape),
                "width": node.width,
                "attributes": {
                    key: [str(item) for item in value] if isinstance(value, tuple) else str(value)
                    for key, value in node.op.attributes().items()
                },
                "desc": encode_hex(encode_node(program, index)),
            }
            for index, node in enumerate(program.nodes)
        ],
        "weights": [constant_vector(constant) for constant in program.weights],
        "tables": [constant_vector(constant) for constant in program.tables],
        "schema_hash": encode_hex(commitment.schema.digest),
        "program_root": encode_hex(commitment.program_root),
    }


def statements() -> list[dict[str, object]]:
    found = []
    for seed in range(3):
        parts = [keccak(bytes((seed, index))) for index in range(4)]
        if seed == 0:
            parts[3] = bytes(32)
        statement = Statement(
            program_root=ProgramRoot(parts[0]),
            input_root=TensorRoot(parts[1]),
            output_root=TensorRoot(parts[2]),
            context=parts[3],
        )
        found.append(
            {
                "program_root": encode_hex(parts[0]),
                "input_root": encode_hex(parts[1]),
                "output_root": encode_hex(parts[2]),
                "context": encode_hex(parts[3]),
                "digest": encode_hex(statement.digest),
            }
        )
    return found


def salted() -> dict[str, object]:
    salt, root = keccak(b"salt"), TensorRoot(keccak(b"root"))
    return {
        "salt": encode_hex(salt),
        "root": encode_hex(root),
        "salted": encode_hex(salted_root(salt, root)),
    }


def traces() -> list[dict[str, object]]:
    found = []
    for count in (1, 3):
        roots = [TensorRoot(keccak(bytes((index,)))) for index in range(count)]
        found.append(
            {
                "tensor_roots": [encode_hex(root) for root in roots],
                "trace_root": encode_hex(trace_root(roots)),
            }
        )
    return found


def vectors() -> dict[str, object]:
    """All vectors, JSON-ready; integers of tensors as decimal strings."""
    keccaks = [b"", b"abc", bytes(135), bytes(136), bytes(137), bytes(range(256)) * 5]
    named = {"dense": dense_program(), "pair": pair_program(), "every": every_operator_program()}
    return {
        "about": "golden vectors of docs/formats/commitments.md",
        "generator": "tests/vectors/make_commitments.py",
        "checker": "tests/statement/test_commitment_vectors.py",
        "spec_version": 1,
        "keccak": [
            {"data": encode_hex(data), "digest": encode_hex(keccak(data))} for data in keccaks
        ],
        "tensors": tensors(),
        "trees": trees(),
        "programs": [
            program_vector(f"{name}-{leaf_log2}", program, leaf_log2)
            for name, program in named.items()
            for leaf_log2 in (5, 10)
        ],
        "values": [
            {"program": f"{name}-10", **values_vector(program, seed)}
            for seed, (name, program) in enumerate(named.items())
        ],
        "traces": traces(),
        "statements": statements(),
        "salted": salted(),
    }


if __name__ == "__main__":
    (HERE / "commitments.json").write_text(json.dumps(vectors(), indent=1) + "\n")
