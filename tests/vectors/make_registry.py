"""Write `registry.json`: what the model registry must make of the golden programs.

    python tests/vectors/make_registry.py

The programs are those of `commitments.json`. The same file is checked by the contract itself, in
forge (`contracts/test/ModelRegistry.vectors.t.sol`) and on the embedded chain
(`tests/chain/contracts/test_registry_vectors.py`).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "statement"))

from statement_samples import dense_program, every_operator_program, pair_program  # noqa: E402

from verifiable.statement.commitment import ProgramCommitment, commit_program  # noqa: E402
from verifiable.statement.strict_json import encode_hex  # noqa: E402
from verifiable.statement.view import backend_selector, record_id_of  # noqa: E402

BACKENDS = ("gkr", "ezkl", "optimistic", "tee")


def record_vector(name: str, commitment: ProgramCommitment, registrant: bytes) -> dict[str, object]:
    return {
        "name": name,
        "spec_version": commitment.spec_version,
        "leaf_log2": commitment.leaf_log2,
        "graph_root": encode_hex(commitment.graph_root),
        "weights_root": encode_hex(commitment.weights_root),
        "tables_root": encode_hex(commitment.tables_root),
        "schema": encode_hex(commitment.schema.encoded),
        "schema_hash": encode_hex(commitment.schema.digest),
        "program_root": encode_hex(commitment.program_root),
        "registrant": encode_hex(registrant),
        "record_id": encode_hex(record_id_of(registrant, commitment.program_root)),
    }


def vectors() -> dict[str, object]:
    programs = {"dense": dense_program(), "pair": pair_program(), "every": every_operator_program()}
    registrants = [b"\xff" * 20, *(bytes(19) + bytes((index,)) for index in range(1, 6))]
    cases = [(name, leaf_log2) for name in programs for leaf_log2 in (5, 10)]
    return {
        "about": "golden vectors of docs/formats/registry.md",
        "generator": "tests/vectors/make_registry.py",
        "checkers": [
            "contracts/test/ModelRegistry.vectors.t.sol",
            "tests/chain/contracts/test_registry_vectors.py",
        ],
        "backends": [
            {"id": backend, "selector": encode_hex(backend_selector(backend))}
            for backend in BACKENDS
        ],
        "records": [
            record_vector(
                f"{name}-{leaf_log2}", commit_program(programs[name], leaf_log2=leaf_log2), person
            )
            for (name, leaf_log2), person in zip(cases, registrants, strict=True)
        ],
    }


if __name__ == "__main__":
    (HERE / "registry.json").write_text(json.dumps(vectors(), indent=1) + "\n")
