"""Golden vectors of the registry: what the library says, the contract must say on every chain.

`contracts/test/ModelRegistry.vectors.t.sol` reads the same file in forge.
"""

from __future__ import annotations

import importlib.util
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from registry_kit import ALICE

from verifiable.chain.contracts.model_registry import ModelRegistered, ModelRegistry, Program
from verifiable.statement.hashing import keccak

VECTORS = Path(__file__).parents[2] / "vectors"
GOLDEN: dict[str, Any] = json.loads((VECTORS / "registry.json").read_text())
PROGRAMS: dict[str, Any] = {
    program["name"]: program
    for program in json.loads((VECTORS / "commitments.json").read_text())["programs"]
}

SCHEMA = (
    "(uint32,uint8,(string,uint32[],uint8,int64,int64,uint64,int64)[],"
    "(string,uint32[],uint8,int64,int64,uint64,int64)[],uint32[])"
)


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def tensor(spec: dict[str, Any]) -> tuple[Any, ...]:
    scale_bits = int.from_bytes(struct.pack(">d", float.fromhex(spec["scale"])), "big")
    return (
        spec["name"],
        spec["shape"],
        spec["width"],
        int(spec["lo"]),
        int(spec["hi"]),
        scale_bits,
        int(spec["zero_point"]),
    )


def test_vectors_are_what_the_generator_writes() -> None:
    spec = importlib.util.spec_from_file_location("make_registry", VECTORS / "make_registry.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert json.loads(json.dumps(module.vectors())) == GOLDEN


@pytest.mark.parametrize("record", GOLDEN["records"], ids=lambda record: record["name"])
def test_schema_is_what_another_encoder_makes(record: dict[str, Any]) -> None:
    schema = PROGRAMS[record["name"]]["header"]["schema"]
    value = (
        schema["node_count"],
        schema["max_height"],
        [tensor(spec) for spec in schema["inputs"]],
        [tensor(spec) for spec in schema["outputs"]],
        schema["output_nodes"],
    )
    assert encode([SCHEMA], [value]) == raw(record["schema"])
    assert record["program_root"] == PROGRAMS[record["name"]]["program_root"]


@pytest.mark.parametrize("record", GOLDEN["records"], ids=lambda record: record["name"])
def test_contract_computes_the_librarys_roots(
    registry: ModelRegistry, record: dict[str, Any]
) -> None:
    program = Program(
        spec_version=record["spec_version"],
        leaf_log2=record["leaf_log2"],
        graph_root=raw(record["graph_root"]),
        weights_root=raw(record["weights_root"]),
        tables_root=raw(record["tables_root"]),
        schema=raw(record["schema"]),
    )
    receipt = registry.register_model(ALICE, program)
    said = registry.events_in(receipt)[0]
    assert isinstance(said, ModelRegistered)
    assert said.program_root == raw(record["program_root"])
    assert registry.record_of(said.record_id).schema_hash == raw(record["schema_hash"])
    assert registry.record_id_of(raw(record["registrant"]), said.program_root) == raw(
        record["record_id"]
    )


@pytest.mark.parametrize("backend", GOLDEN["backends"], ids=lambda backend: backend["id"])
def test_selector_is_the_head_of_the_ids_hash(backend: dict[str, str]) -> None:
    assert raw(backend["selector"]) == keccak(backend["id"].encode())[:4]
