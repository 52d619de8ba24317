"""The typed client follows the contract, and takes no router that somebody tampered with."""

from __future__ import annotations

import inspect
from types import MappingProxyType

import pytest
from registry_kit import ALICE, fresh_program, name_of

from verifiable.chain.abi import entries_of
from verifiable.chain.artifact import load_artifact
from verifiable.chain.client import Chain
from verifiable.chain.contracts.inference_verifier import (
    ARTIFACT,
    Clause,
    Evidence,
    InferenceVerifier,
)
from verifiable.chain.contracts.model_registry import ModelRegistry
from verifiable.chain.contracts.names import snake_case
from verifiable.chain.contracts.router_release import (
    DOORS,
    Wiring,
    check_door,
    default_doors,
    deploy_parts,
    door_part,
    read_wiring,
    router_parts,
)
from verifiable.errors import ChainError, InvalidInput, Reverted
from verifiable.statement.hashing import TensorRoot
from verifiable.statement.statement import ProgramRoot, Statement
from verifiable.statement.view import backend_selector

NOT_FUNCTIONS = {"artifact", "at", "deploy", "chain", "address", "send", "plan", "call_of"}
STATEMENT = Statement(
    program_root=ProgramRoot(b"\x01" * 32),
    input_root=TensorRoot(b"\x02" * 32),
    output_root=TensorRoot(b"\x03" * 32),
)


@pytest.fixture(scope="module")
def router(registry: ModelRegistry) -> InferenceVerifier:
    doors = {name: default_doors()[name] for name in ("optimistic", "tee")}
    return InferenceVerifier.deploy(registry.chain, ALICE, registry.address, doors)


def test_each_function_has_a_method_and_each_method_a_function() -> None:
    methods = {name for name in vars(InferenceVerifier) if name[0] != "_"} - NOT_FUNCTIONS
    functions = {entry.name: entry for entry in entries_of(ARTIFACT, "function")}
    assert methods == {snake_case(name) for name in functions}
    for name, function in functions.items():
        parameters = inspect.signature(getattr(InferenceVerifier, snake_case(name))).parameters
        expected = {snake_case(param.name) for param in function.inputs}
        assert set(parameters) - {"self", "block"} == expected, name


def test_each_backend_with_a_door_has_its_artifact() -> None:
    constructor = ARTIFACT.abi[0]
    assert [item["name"] for item in constructor["inputs"]] == [
        "records",
        *(f"{name}Door" for name in DOORS),
    ]
    for backend in default_doors():
        assert load_artifact(DOORS[backend]).name == DOORS[backend]


def test_a_router_says_what_it_asks(registry: ModelRegistry, router: InferenceVerifier) -> None:
    assert router.version() == "1.0.0"
    assert router.registry() == registry.address == router.wiring.registry
    assert set(router.wiring.doors) == {"optimistic", "tee"}
    for name in DOORS:
        assert router.door_of(name) == router.wiring.doors.get(name, bytes(20))
    assert router.door_of("gkr") == bytes(20)


def test_the_same_wiring_has_the_same_address(
    registry: ModelRegistry, router: InferenceVerifier
) -> None:
    doors = {name: default_doors()[name] for name in ("tee", "optimistic")}
    parts = router_parts(registry.address, doors)
    assert [part.artifact.name for part in parts] == [
        "OptimisticDoor",
        "TeeDoor",
        "InferenceVerifier",
    ]
    assert deploy_parts(registry.chain, ALICE, parts) == router.address
    assert InferenceVerifier.at(registry.chain, router.address).wiring == router.wiring


def test_an_unknown_record_is_refused(router: InferenceVerifier) -> None:
    name = name_of(fresh_program())
    with pytest.raises(Reverted) as caught:
        router.verify(name, STATEMENT, "tee", b"")
    assert caught.value.name == "ModelRegistry_UnknownRecord"


def test_a_door_that_is_not_ours_is_refused(
    registry: ModelRegistry, open_node: Chain, router: InferenceVerifier
) -> None:
    """A router of this release over a door of somebody's own."""
    yes = registry.address  # a contract, and no door
    doors = MappingProxyType({**router.wiring.doors, "tee": yes})
    forged = Wiring(registry=registry.address, doors=doors).part
    address = deploy_parts(open_node, ALICE, (forged,))
    with pytest.raises(ChainError) as caught:
        InferenceVerifier.at(open_node, address)
    assert caught.value.code == "other-code"
    assert "TeeDoor" in caught.value.what
    with pytest.raises(ChainError) as swapped:
        check_door(open_node, "optimistic", router.wiring.doors["tee"])
    assert swapped.value.code == "other-code"


def test_a_registry_that_is_not_ours_is_refused(
    open_node: Chain, router: InferenceVerifier
) -> None:
    forged = Wiring(registry=router.wiring.doors["tee"], doors=router.wiring.doors).part
    address = deploy_parts(open_node, ALICE, (forged,))
    with pytest.raises(ChainError) as caught:
        read_wiring(open_node, address)
    assert caught.value.code == "other-code"
    assert "ModelRegistry" in caught.value.what


def test_a_router_with_bytes_of_ones_own_is_refused(
    open_node: Chain, router: InferenceVerifier
) -> None:
    """Immutables that no constructor left there: `registry()` says one, and another is asked."""
    own = open_node.deploy(ALICE, ModelRegistry.artifact).address
    code = open_node.code(router.address)
    spans = [slice(item.start, item.start + item.length) for item in ARTIFACT.immutable_references]
    places = [span for span in spans if code[span][-20:] == router.wiring.registry]
    assert len(places) > 1
    named = set()
    for span in places:
        forged = bytearray(code)
        forged[span] = bytes(12) + own
        assert ARTIFACT.matches(bytes(forged))
        copier = bytes.fromhex(f"61{len(forged):04x}80600c6000396000f3")  # creates what follows
        receipt = open_node.send(ALICE, to=None, data=copier + bytes(forged))
        assert receipt.contract_address is not None
        contract = open_node.contract(ARTIFACT, receipt.contract_address)
        named.add(contract.call("registry"))
        with pytest.raises(ChainError) as caught:
            InferenceVerifier.at(open_node, receipt.contract_address)
        assert caught.value.code == "other-code"
        assert "InferenceVerifier" in caught.value.what
    assert named == {own, router.wiring.registry}


def test_another_contract_is_no_router(open_node: Chain, registry: ModelRegistry) -> None:
    for address, code in ((registry.address, "other-code"), (b"\x99" * 20, "no-code")):
        with pytest.raises(ChainError) as caught:
            InferenceVerifier.at(open_node, address)
        assert caught.value.code == code


def test_unknown_doors_are_refused(registry: ModelRegistry) -> None:
    stray = default_doors()["tee"]
    for make in (
        lambda: door_part("gkr"),
        lambda: router_parts(registry.address, {"gkr": stray}),
        lambda: check_door(registry.chain, "gkr", stray.address),
    ):
        with pytest.raises(InvalidInput) as caught:
            make()
        assert caught.value.code == "unknown-door"


def test_no_router_without_a_registry(open_node: Chain) -> None:
    parts = router_parts(b"\x99" * 20, {})
    with pytest.raises(Reverted) as caught:
        deploy_parts(open_node, ALICE, parts)
    assert caught.value.name in ("InferenceVerifier_NoCode", "")


def test_clauses_are_said_in_words() -> None:
    assert Clause(threshold=1, backends=("ezkl",)).text == "ezkl"
    assert Clause(threshold=2, backends=("tee", "optimistic")).text == "tee and optimistic"
    assert Clause(threshold=1, backends=("tee", "ezkl")).text == "1 of tee, ezkl"


def test_a_call_is_the_contracts() -> None:
    evidence = Evidence(backend="tee", proof=b"\x07")
    name, *given = InferenceVerifier.call_of(bytes(32), STATEMENT, [evidence], simulated=True)
    assert name == "verifySimulated"
    assert given[-2:] == [backend_selector("tee"), b"\x07"]
    clauses = (Clause(threshold=1, backends=("tee",)),)
    name, *given = InferenceVerifier.call_of(bytes(32), STATEMENT, [evidence], any_of=clauses)
    assert name == "verifyPolicy"
    assert given[2:] == [[(1, [backend_selector("tee")])], [(backend_selector("tee"), b"\x07")]]
