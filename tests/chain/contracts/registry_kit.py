"""Two people and programs that nobody has registered before."""

from __future__ import annotations

from itertools import count

from verifiable.chain.accounts import KeySigner
from verifiable.chain.contracts.model_registry import Program
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.statement.hashing import Domain, domain_hash, keccak
from verifiable.statement.view import backend_selector, record_id_of

ALICE = KeySigner(DEV_ACCOUNTS[0].private_key)
MALLORY = KeySigner(DEV_ACCOUNTS[1].private_key)

GKR, EZKL = backend_selector("gkr"), backend_selector("ezkl")
KEY, OTHER_KEY = keccak(b"a key"), keccak(b"another key")
UNKNOWN = keccak(b"no record has this name")

_number = count()


def fresh_program() -> Program:
    return Program(
        spec_version=1,
        leaf_log2=10,
        graph_root=keccak(b"graph"),
        weights_root=next(_number).to_bytes(32, "big"),
        tables_root=bytes(32),
        schema=b"a schema",
    )


def root_of(program: Program) -> bytes:
    return domain_hash(
        Domain.PROGRAM,
        program.spec_version.to_bytes(2, "big"),
        program.leaf_log2.to_bytes(1, "big"),
        program.graph_root,
        program.weights_root,
        program.tables_root,
        domain_hash(Domain.SCHEMA, program.schema),
    )


def name_of(program: Program, registrant: KeySigner = ALICE) -> bytes:
    return record_id_of(registrant.address, root_of(program))
