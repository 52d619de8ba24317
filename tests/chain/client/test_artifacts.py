"""Artifact files: read strictly, compared with immutables masked."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from small_contracts import ECHO, artifact, artifact_json

from verifiable.chain.artifact import (
    ImmutableRange,
    artifact_names,
    load_artifact,
    parse_artifact,
)
from verifiable.errors import ChainError
from verifiable.statement.hashing import keccak


def test_every_shipped_artifact_can_be_read() -> None:
    assert "ModelRegistry" in artifact_names()
    for name in artifact_names():
        found = load_artifact(name)
        assert found.name == name
        assert found.bytecode
        assert found.matches(found.runtime)
        assert not found.matches(b"")
        assert not found.matches(found.runtime + b"\x00")


def test_an_artifact_that_is_not_shipped() -> None:
    for name in ("Nothing", "../artifact", "__init__", ""):
        with pytest.raises(ChainError) as caught:
            load_artifact(name)
        assert caught.value.code == "unknown-artifact"


def test_immutables_are_masked() -> None:
    references = {"9": [{"start": 5, "length": 2}], "7": [{"start": 1, "length": 2}]}
    held = artifact("Held", immutableReferences=references)
    assert held.immutable_references == (
        ImmutableRange(start=1, length=2),
        ImmutableRange(start=5, length=2),
    )
    assert held.code_hash is None
    for place in range(len(ECHO)):
        code = bytearray(ECHO)
        code[place] ^= 0xFF
        assert held.matches(bytes(code)) == (place in (1, 2, 5, 6))
    assert artifact("Echo").code_hash == keccak(ECHO)


@pytest.mark.parametrize(
    "members",
    [
        {"contractName": 7},
        {"license": None},
        {"abi": {}},
        {"abi": ["x"]},
        {"bytecode": "6000"},
        {"bytecode": "0x600"},
        {"bytecode": "0x" + "__$abc$__"},
        {"bytecode": "0x" + "00" * 49_153},
        {"deployedBytecode": None},
        {"deployedBytecode": "0xZZ"},
        {"immutableReferences": []},
        {"immutableReferences": {"1": [{"start": 0}]}},
        {"immutableReferences": {"1": [{"start": 0, "length": 8}]}},
        {"immutableReferences": {"1": [{"start": -1, "length": 2}]}},
        {"immutableReferences": {"1": [{"start": True, "length": 2}]}},
        {"immutableReferences": {"1": 7}},
        {"compiler": "0.8"},
        {"compiler": {"version": "0.8"}},
        {"sources": {"a.sol": "12"}},
        {"sources": []},
        {"more": 1},
    ],
)
def test_a_damaged_artifact(members: dict[str, Any]) -> None:
    assert parse_artifact(artifact_json())
    with pytest.raises(ChainError) as caught:
        parse_artifact(artifact_json(**members), where="Small.json")
    assert caught.value.code == "damaged-artifact"
    assert "Small.json" in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 2_000])
def test_a_file_that_is_no_artifact(data: bytes) -> None:
    with pytest.raises(ChainError) as caught:
        parse_artifact(data)
    assert caught.value.code == "damaged-artifact"


@pytest.mark.parametrize("module", ["artifact", "signing", "reverts", "contract", "client"])
def test_web3_is_not_loaded(module: str) -> None:
    code = f"import sys, verifiable.chain.{module}; sys.exit('web3' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
