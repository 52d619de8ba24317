"""The registry's whole life, on its canonical address: every function, event and error."""

from __future__ import annotations

from typing import Any

from evm_scenario import Chapter, word

from verifiable.chain.abi import encode, select
from verifiable.chain.contracts.model_registry import ARTIFACT, CANONICAL_ADDRESS, CANONICAL_SALT
from verifiable.chain.local.genesis import DEPLOYMENT_PROXY
from verifiable.statement.hashing import Domain, domain_hash, keccak
from verifiable.statement.view import backend_selector, record_id_of

ALICE, MALLORY = 0, 1
KEY, OTHER_KEY = keccak(b"a key"), keccak(b"another key")
UNKNOWN = keccak(b"no record has this name")
GKR, EZKL, TEE = (backend_selector(name) for name in ("gkr", "ezkl", "tee"))

Program = tuple[int, int, bytes, bytes, bytes, bytes]


def program(number: int, *, schema_bytes: int = 640) -> Program:
    return 1, 10, keccak(b"graph"), word(number), bytes(32), b"\5" * schema_bytes


def root_of(opened: Program) -> bytes:
    spec, leaf, graph, weights, tables, schema = opened
    return domain_hash(
        Domain.PROGRAM,
        spec.to_bytes(2, "big"),
        leaf.to_bytes(1, "big"),
        graph,
        weights,
        tables,
        domain_hash(Domain.SCHEMA, schema),
    )


def calldata(function: str, *values: Any) -> bytes:
    entry = select(ARTIFACT, "function", function)
    return entry.selector + encode(entry.inputs, values, where=function)


def add_registry_steps(part: Chapter) -> None:
    """Deploy the registry as anyone would, and use all of it."""

    def send(name: str, function: str, *values: Any, sender: int = ALICE) -> None:
        part.send(name, CANONICAL_ADDRESS, calldata(function, *values), sender=sender)

    def ask(name: str, function: str, *values: Any) -> None:
        part.ask(name, CANONICAL_ADDRESS, calldata(function, *values))

    deployment = CANONICAL_SALT + ARTIFACT.bytecode
    part.send("registry: deploy", DEPLOYMENT_PROXY, deployment, gas=6_000_000)
    part.send("registry: deploy again", DEPLOYMENT_PROXY, deployment, gas=6_000_000)
    first, second, third = program(1), program(2), program(3, schema_bytes=2500)
    mine, next_one, frozen = (
        record_id_of(part.accounts[ALICE], root_of(opened)) for opened in (first, second, third)
    )
    send("registry: register", "registerModel", first, [], False, "")
    send("registry: register again", "registerModel", first, [], False, "")
    send("registry: register another's program", "registerModel", first, [], False, "", sender=1)
    keys = [(GKR, KEY), (EZKL, OTHER_KEY)]
    send(
        "registry: register with two keys and URI", "registerModel", second, keys, False, "ipfs://x"
    )
    send("registry: register frozen", "registerModel", third, [(GKR, KEY)], True, "u" * 80)
    twice = [(GKR, KEY), (GKR, KEY)]
    send("registry: register one key twice", "registerModel", program(4), twice, False, "")
    zero = [(GKR, bytes(32))]
    send("registry: register a zero key", "registerModel", program(5), zero, False, "")
    send("registry: add a key", "addBackend", mine, GKR, KEY)
    send("registry: add another key", "addBackend", mine, EZKL, OTHER_KEY)
    send("registry: add a key twice", "addBackend", mine, GKR, OTHER_KEY)
    send("registry: add a zero key", "addBackend", mine, TEE, bytes(32))
    send("registry: add to another's record", "addBackend", mine, TEE, KEY, sender=MALLORY)
    send("registry: add to no record", "addBackend", UNKNOWN, TEE, KEY)
    send("registry: add to a frozen record", "addBackend", frozen, TEE, KEY)
    send("registry: change the URI", "setMetadataURI", mine, "https://example.org/model")
    send("registry: change a frozen record's URI", "setMetadataURI", frozen, "")
    send("registry: change another's URI", "setMetadataURI", mine, "x", sender=MALLORY)
    send("registry: change no record's URI", "setMetadataURI", UNKNOWN, "x")
    send("registry: freeze another's record", "freeze", mine, sender=MALLORY)
    send("registry: freeze no record", "freeze", UNKNOWN)
    send("registry: freeze", "freeze", mine)
    send("registry: freeze again", "freeze", mine)
    send("registry: deprecate by another", "deprecate", mine, bytes(32), sender=MALLORY)
    send("registry: deprecate no record", "deprecate", UNKNOWN, bytes(32))
    send("registry: deprecate for no record", "deprecate", mine, UNKNOWN)
    send("registry: deprecate for itself", "deprecate", mine, mine)
    send("registry: deprecate for another", "deprecate", mine, next_one)
    send("registry: deprecate again", "deprecate", mine, bytes(32))
    send("registry: deprecate for none", "deprecate", next_one, bytes(32))
    for name, record in {"a record": mine, "no record": UNKNOWN}.items():
        for view in ("recordOf", "exists", "programOf", "uriOf", "successorOf"):
            ask(f"registry: {view} of {name}", view, record)
        ask(f"registry: keyOf of {name}", "keyOf", record, GKR)
    ask("registry: keyOf without a key", "keyOf", mine, TEE)
    ask("registry: recordIdOf", "recordIdOf", part.accounts[ALICE], root_of(first))
    ask("registry: version", "version")
    part.ask("registry: no such function", CANONICAL_ADDRESS, b"\1\2\3\4")
    part.send("registry: takes no ether", CANONICAL_ADDRESS, value=1)
