"""The typed client of the model registry, on every chain that is here."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from dataclasses import fields
from typing import Any

import pytest
from registry_kit import (
    ALICE,
    EZKL,
    GKR,
    KEY,
    MALLORY,
    OTHER_KEY,
    UNKNOWN,
    fresh_program,
    name_of,
    root_of,
)

from verifiable.chain.abi import AbiEntry, entries_of
from verifiable.chain.client import Chain
from verifiable.chain.contracts import model_registry as client
from verifiable.chain.contracts.model_registry import (
    AlreadyDeprecated,
    AlreadyRegistered,
    BackendAdded,
    Frozen,
    KeyAlreadySet,
    MetadataURIChanged,
    ModelRegistered,
    ModelRegistry,
    NotRegistrant,
    Record,
    RecordDeprecated,
    RecordFrozen,
    RegistryError,
    SelfSuccessor,
    UnknownRecord,
    ZeroKey,
    error_of,
)
from verifiable.errors import ChainError, Reverted
from verifiable.statement.hashing import Domain, domain_hash, keccak

NOT_FUNCTIONS = {"at", "deploy", "events", "events_in", "chain", "address", "artifact"}
NOT_ARGUMENTS = {"self", "signer", "options", "block"}


def snake(name: str) -> str:
    """Written again: `setMetadataURI` is `set_metadata_uri`."""
    return "_".join(re.findall("[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)).lower()


def entries(kind: str) -> dict[str, AbiEntry]:
    return {entry.name: entry for entry in entries_of(client.ARTIFACT, kind)}


def test_each_function_has_a_method_and_each_method_a_function() -> None:
    methods = {name for name in vars(ModelRegistry) if name[0] != "_"} - NOT_FUNCTIONS
    functions = entries("function")
    assert methods == {snake(name) for name in functions}
    for name, function in functions.items():
        arguments = set(inspect.signature(getattr(ModelRegistry, snake(name))).parameters)
        assert arguments - NOT_ARGUMENTS == {snake(param.name) for param in function.inputs}, name


def test_each_event_has_a_dataclass_with_its_fields() -> None:
    events = entries("event")
    assert {kind.__name__ for kind in client.EVENTS} == set(events)
    for kind in client.EVENTS:
        expected = [snake(param.name) for param in events[kind.__name__].inputs]
        assert [field.name for field in fields(kind)] == ["log", *expected], kind


def test_each_error_has_a_dataclass_with_its_fields() -> None:
    errors = entries("error")
    assert set(client.ERRORS) == set(errors)
    for name, kind in client.ERRORS.items():
        assert [field.name for field in fields(kind)] == [
            snake(param.name) for param in errors[name].inputs
        ], name


def test_structs_have_the_fields_of_the_contract() -> None:
    program = entries("function")["registerModel"].inputs[0]
    record = entries("function")["recordOf"].outputs[0]
    for param, kind in ((program, client.Program), (record, client.Record)):
        assert [field.name for field in fields(kind)] == [
            snake(part.name) for part in param.components
        ]


def test_registered_record_is_read_back(registry: ModelRegistry) -> None:
    program = fresh_program()
    receipt = registry.register_model(
        ALICE, program, keys={GKR: KEY, EZKL: OTHER_KEY}, freeze_now=True, uri="ipfs://x"
    )
    name = name_of(program)
    assert registry.record_id_of(ALICE.address, root_of(program)) == name
    assert registry.exists(name)
    assert registry.record_of(name) == Record(
        registrant=ALICE.address,
        registered_at=receipt.block_number,
        spec_version=1,
        leaf_log2=10,
        frozen=True,
        deprecated=False,
        program_root=root_of(program),
        graph_root=program.graph_root,
        weights_root=program.weights_root,
        tables_root=program.tables_root,
        schema_hash=domain_hash(Domain.SCHEMA, program.schema),
    )
    assert registry.program_of(name) == root_of(program)
    assert registry.key_of(name, GKR) == KEY
    assert registry.key_of(name, EZKL) == OTHER_KEY
    assert registry.uri_of(name) == "ipfs://x"
    assert registry.successor_of(name) == bytes(32)
    said = registry.events_in(receipt)
    assert [type(event) for event in said] == [
        ModelRegistered,
        BackendAdded,
        BackendAdded,
        RecordFrozen,
    ]
    assert said[0] == ModelRegistered(
        log=said[0].log,
        record_id=name,
        registrant=ALICE.address,
        program_root=root_of(program),
        program=program,
        uri="ipfs://x",
    )
    assert [event.key_digest for event in said[1:3]] == [KEY, OTHER_KEY]


def test_changes_are_made_and_said(registry: ModelRegistry) -> None:
    old, new = fresh_program(), fresh_program()
    registry.register_model(ALICE, old)
    registry.register_model(MALLORY, new)
    name, successor = name_of(old), name_of(new, MALLORY)
    before = registry.chain.block().number

    said = [
        event
        for receipt in (
            registry.add_backend(ALICE, name, GKR, KEY),
            registry.freeze(ALICE, name),
            registry.deprecate(ALICE, name, successor),
            registry.set_metadata_uri(ALICE, name, "ipfs://elsewhere"),
        )
        for event in registry.events_in(receipt)
    ]
    logs = [event.log for event in said]
    assert said == [
        BackendAdded(log=logs[0], record_id=name, backend=GKR, key_digest=KEY),
        RecordFrozen(log=logs[1], record_id=name),
        RecordDeprecated(log=logs[2], record_id=name, successor=successor),
        MetadataURIChanged(log=logs[3], record_id=name, uri="ipfs://elsewhere"),
    ]
    record = registry.record_of(name)
    assert record.frozen
    assert record.deprecated
    assert registry.successor_of(name) == successor
    assert registry.uri_of(name) == "ipfs://elsewhere"
    # the past stays readable: nothing of this was so before
    past = registry.record_of(name, block=before)
    assert (past.frozen, past.deprecated) == (False, False)
    assert registry.key_of(name, GKR, block=before) == bytes(32)


def test_events_are_found_by_their_indexed_fields(registry: ModelRegistry) -> None:
    mine, others = fresh_program(), fresh_program()
    start = registry.register_model(ALICE, mine).block_number
    registry.register_model(MALLORY, others)

    def found(**filters: bytes) -> list[bytes]:
        events = registry.events(ModelRegistered, from_block=start, filters=filters)
        return [event.record_id for event in events]

    assert found() == [name_of(mine), name_of(others, MALLORY)]
    assert found(registrant=MALLORY.address) == [name_of(others, MALLORY)]
    assert found(record_id=name_of(mine)) == [name_of(mine)]
    assert found(program_root=root_of(mine), registrant=MALLORY.address) == []
    with pytest.raises(ChainError, match="no indexed uri") as caught:
        found(uri=b"ipfs://x")
    assert caught.value.code == "unknown-member"


def test_squatter_has_a_record_of_another_name(registry: ModelRegistry) -> None:
    program = fresh_program()
    registry.register_model(MALLORY, program, keys={GKR: OTHER_KEY}, freeze_now=True)
    assert not registry.exists(name_of(program))
    registry.register_model(ALICE, program, keys={GKR: KEY})
    assert registry.key_of(name_of(program), GKR) == KEY
    assert registry.record_of(name_of(program)).registrant == ALICE.address


def test_text_that_is_none_hides_nothing(registry: ModelRegistry) -> None:
    """Anyone can register a URI that is not UTF-8; the records beside it stay readable."""
    mine, hostile = fresh_program(), fresh_program()
    start = registry.register_model(ALICE, mine, uri="ipfs://x").block_number
    preimage = tuple(getattr(hostile, field.name) for field in fields(hostile))
    data = registry.contract.encode("registerModel", preimage, [], False, "MARK")
    assert data.count(b"MARK") == 1
    registry.chain.send(MALLORY, to=registry.address, data=data.replace(b"MARK", b"a\xff\xfeb"))
    said = registry.events(ModelRegistered, from_block=start)
    assert [event.uri for event in said] == ["ipfs://x", "a\ufffd\ufffdb"]
    assert registry.uri_of(name_of(hostile, MALLORY)) == "a\ufffd\ufffdb"


def refusals(registry: ModelRegistry) -> list[tuple[Any, RegistryError]]:
    """A call that the contract refuses, and the reason that it must give."""
    program, frozen = fresh_program(), fresh_program()
    registry.register_model(ALICE, program, keys={GKR: KEY})
    registry.register_model(ALICE, frozen, freeze_now=True)
    registry.deprecate(ALICE, name_of(frozen))
    name, shut = name_of(program), name_of(frozen)
    return [
        (
            lambda: registry.register_model(ALICE, program),
            AlreadyRegistered(record_id=name),
        ),
        (lambda: registry.record_of(UNKNOWN), UnknownRecord(record_id=UNKNOWN)),
        (lambda: registry.freeze(ALICE, UNKNOWN), UnknownRecord(record_id=UNKNOWN)),
        (
            lambda: registry.freeze(MALLORY, name),
            NotRegistrant(record_id=name, caller=MALLORY.address),
        ),
        (
            lambda: registry.add_backend(ALICE, name, GKR, OTHER_KEY),
            KeyAlreadySet(record_id=name, backend=GKR, key_digest=KEY),
        ),
        (lambda: registry.add_backend(ALICE, name, EZKL, bytes(32)), ZeroKey(backend=EZKL)),
        (lambda: registry.add_backend(ALICE, shut, GKR, KEY), Frozen(record_id=shut)),
        (lambda: registry.deprecate(ALICE, shut), AlreadyDeprecated(record_id=shut)),
        (lambda: registry.deprecate(ALICE, name, name), SelfSuccessor(record_id=name)),
    ]


def test_each_refusal_has_its_reason(registry: ModelRegistry) -> None:
    cases = refusals(registry)
    for attempt, reason in cases:
        with pytest.raises(Reverted) as caught:
            attempt()
        assert error_of(caught.value) == reason
        assert caught.value.transaction is None, "it was sent although it had to fail"
    assert {type(reason) for _, reason in cases} == set(client.ERRORS.values())


def test_errors_of_others_are_not_the_registrys() -> None:
    assert error_of(Reverted("x", name="Error", arguments={"message": "no"})) is None
    assert error_of(Reverted("x")) is None


def test_deploying_twice_finds_what_stands(open_node: Chain, registry: ModelRegistry) -> None:
    before = open_node.block().number
    assert ModelRegistry.deploy(open_node, MALLORY).address == registry.address
    assert open_node.block().number == before, "a transaction was sent"


def test_canonical_address_and_code_are_what_was_published(registry: ModelRegistry) -> None:
    assert registry.address == client.CANONICAL_ADDRESS
    assert client.CANONICAL_ADDRESS.hex() == "6a5efd62be42e35c9f8a4373e4dc3478da7b5c6f"
    assert keccak(registry.chain.code(registry.address)) == client.CODE_HASH
    assert client.CODE_HASH.hex() == (
        "6421466d7255dba52676d3d1e84b48ba5129e2d5a42fa4689cbcb122284ee7d3"
    )
    assert registry.version() == "1.0.0"


def test_other_code_is_no_registry(open_node: Chain, registry: ModelRegistry) -> None:
    from verifiable.chain.deployment import DEPLOYMENT_PROXY

    for address, code in ((DEPLOYMENT_PROXY, "other-code"), (bytes(19) + b"\x77", "no-code")):
        with pytest.raises(ChainError) as caught:
            ModelRegistry.at(open_node, address)
        assert caught.value.code == code


def test_reading_a_record_loads_neither_arrays_nor_web3() -> None:
    """They would double the time of a command that reads one."""
    code = (
        "import sys, verifiable.chain.contracts.model_registry as client\n"
        "import verifiable.chain.endpoint as endpoint\n"
        "with endpoint.open_chain('local:') as chain:\n"
        "    assert chain.code(client.CANONICAL_ADDRESS) == b''\n"
        "print({'numpy', 'web3', 'eth_account', 'requests'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
