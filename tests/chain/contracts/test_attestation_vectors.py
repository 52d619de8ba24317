"""Golden vectors of the attestation registry: digests as every chain computes them.

`contracts/test/tee/AttestationVectors.t.sol` registers the same keys in forge, where the hash of a
block can be chosen.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from attestation_kit import OWNER
from eth_keys.datatypes import Signature

from verifiable.chain.client import Chain
from verifiable.chain.contracts.attestation_registry import AttestationRegistry, Terms

VECTORS = Path(__file__).parents[2] / "vectors"
GOLDEN: dict[str, Any] = json.loads((VECTORS / "attestation_registry.json").read_text())


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


TERMS = Terms(
    owner=raw(GOLDEN["owner"]),
    delay_s=GOLDEN["delay_s"],
    svn=raw(GOLDEN["svn"]),
    qe_svn=GOLDEN["qe_svn"],
)


@pytest.fixture(scope="module")
def registry(open_node: Chain) -> AttestationRegistry:
    return AttestationRegistry.deploy(open_node, OWNER, TERMS)


def test_vectors_are_what_the_generator_writes() -> None:
    spec = importlib.util.spec_from_file_location(
        "make_attestations", VECTORS / "make_attestations.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert json.loads(json.dumps(module.vectors())) == GOLDEN


@pytest.mark.parametrize("vector", GOLDEN["keys"], ids=lambda vector: vector["name"])
def test_contract_computes_the_same(registry: AttestationRegistry, vector: dict[str, Any]) -> None:
    assert registry.address == raw(GOLDEN["registry"])
    assert registry.chain.chain_id == GOLDEN["chain_id"]
    quote, key = raw(vector["quote_prefix"]), raw(vector["key"])
    assert quote[568:600] == key + b"VERIFIABLEK1"
    assert registry.binding_of(key, raw(GOLDEN["challenge"])) == quote[600:632]
    platform_id = registry.platform_id_of(
        raw(vector["pck_x"]), raw(vector["pck_y"]), raw(vector["ppid"]), vector["hardware"]
    )
    assert platform_id == raw(vector["platform_id"])


@pytest.mark.parametrize("vector", GOLDEN["keys"], ids=lambda vector: vector["name"])
@pytest.mark.parametrize(
    ("digest", "signature"),
    [("possession_digest", "pop"), ("inference_digest", "signature")],
)
def test_signatures_are_the_keys(vector: dict[str, Any], digest: str, signature: str) -> None:
    data = raw(vector[signature])
    form = Signature(data[:64] + bytes((data[64] - 27,)))
    signer = form.recover_public_key_from_msg_hash(raw(vector[digest])).to_canonical_address()
    assert signer == raw(vector["key"])
