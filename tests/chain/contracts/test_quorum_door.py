"""The quorum's door on every chain that is here answers as forge and the library do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from registry_kit import ALICE

from verifiable.backends.quorum.format import Payload
from verifiable.backends.quorum.keys import QuorumKey
from verifiable.chain.artifact import load_artifact
from verifiable.chain.client import Chain, Deployment
from verifiable.chain.contract import Contract
from verifiable.errors import Reverted

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "quorum.json").read_text())
QUORUM, STATEMENT = VECTORS["quorum"], VECTORS["statement"]


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


@pytest.fixture(scope="module")
def door(open_node: Chain) -> Deployment:
    return open_node.deploy(ALICE, load_artifact("QuorumDoor"))


@pytest.fixture(scope="module")
def checked(open_node: Chain, door: Deployment) -> Contract:
    return open_node.contract(load_artifact("QuorumDoor"), door.address)


def ask(door: Contract, key_digest: str, statement: str, proof: str) -> object:
    pinned = (bytes(32), bytes(32), bytes(32), 1, 10, raw(key_digest))
    return door.call("check", pinned, (bytes(32),) * 4, raw(statement), raw(proof))


def test_it_takes_what_the_library_makes(checked: Contract) -> None:
    assert ask(checked, QUORUM["key_digest"], STATEMENT["digest"], QUORUM["proof"]) is False
    for member in QUORUM["members"]:
        checked.call("checkMember", raw(member["long_key"]), raw(member["possession"]))
    assert checked.call("version") == "1.0.0"
    key = QuorumKey.from_fields(QUORUM["fields"])
    assert raw(QUORUM["proof"]).startswith(key.preimage)
    assert Payload.decode(QUORUM["payload"].encode()).key_digest == key.digest


def test_it_refuses_another_statement(checked: Contract) -> None:
    with pytest.raises(Reverted) as caught:
        ask(checked, QUORUM["key_digest"], "22" * 32, QUORUM["proof"])
    assert caught.value.name == "QuorumDoor_NotSigned"


def test_it_refuses_a_key_made_from_anothers(checked: Contract) -> None:
    claimed = VECTORS["claimed"]
    with pytest.raises(Reverted) as caught:
        checked.call("checkMember", raw(claimed["long_key"]), raw(claimed["possession"]))
    assert caught.value.name == "QuorumDoor_NotPossessed"


ERRORS = {
    "IV-43": "QuorumDoor_BadQuorum",
    "IV-44": "QuorumDoor_NotOrdered",
    "IV-45": "QuorumDoor_UnknownSigner",
    "IV-46": "QuorumDoor_TooFewSigners",
    "IV-47": "QuorumDoor_KeysCancelOut",
}


@pytest.mark.parametrize("name", sorted(VECTORS["refused"]))
def test_it_refuses(checked: Contract, name: str) -> None:
    case = VECTORS["refused"][name]
    with pytest.raises(Reverted) as caught:
        ask(checked, case["key_digest"], STATEMENT["digest"], case["proof"])
    assert caught.value.name == ERRORS[name[:5]]


def test_it_refuses_a_signature_that_is_no_point(checked: Contract) -> None:
    proof = bytearray(raw(QUORUM["proof"]))
    proof[-1] ^= 1
    with pytest.raises(Reverted) as caught:
        ask(checked, QUORUM["key_digest"], STATEMENT["digest"], bytes(proof).hex())
    assert caught.value.name == "Bls12381_NoAnswer"
