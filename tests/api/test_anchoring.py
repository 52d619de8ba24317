"""What names a record must agree, and the chain that is read is the one that was named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from verifiable.anchoring import anchored
from verifiable.chain.accounts import KeySigner
from verifiable.chain.contracts.model_registry import (
    CANONICAL_ADDRESS,
    CODE_HASH,
    ModelRegistry,
    Program,
)
from verifiable.chain.endpoint import open_chain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS, dev_key
from verifiable.errors import ChainError, InvalidInput
from verifiable.statement.hashing import Domain, domain_hash
from verifiable.statement.policy import Policy
from verifiable.statement.view import (
    DEVELOPMENT_CHAIN_ID,
    RegistryPin,
    backend_selector,
    record_id_of,
)

KEY = b"\x05" * 32
PROGRAM = Program(
    spec_version=1,
    leaf_log2=10,
    graph_root=b"\x01" * 32,
    weights_root=b"\x02" * 32,
    tables_root=b"\x03" * 32,
    schema=b"schema",
)


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """The URL of a chain's file, and the id of a record on it."""
    url = f"local:{tmp_path_factory.mktemp('chain') / 'chain.db'}"
    signer = KeySigner(dev_key(DEV_ACCOUNTS[0].address))
    with open_chain(url) as chain:
        registry = ModelRegistry.deploy(chain, signer)
        registry.register_model(signer, PROGRAM, keys={backend_selector("gkr"): KEY})
    commitment = (PROGRAM.graph_root, PROGRAM.weights_root, PROGRAM.tables_root)
    schema = domain_hash(Domain.SCHEMA, PROGRAM.schema)
    root = domain_hash(Domain.PROGRAM, b"\x00\x01", b"\x0a", *commitment, schema)
    return url, record_id_of(signer.address, root)


def pinned(record: bytes, **changes: object) -> Policy:
    pin = RegistryPin(
        chain_id=DEVELOPMENT_CHAIN_ID,
        address=CANONICAL_ADDRESS,
        code_hash=CODE_HASH,
        record_id=record,
    )
    return Policy(registry=replace(pin, **changes))


def test_names_become_a_pin_and_a_view(registered: tuple[str, bytes]) -> None:
    url, record = registered
    for spelled in (url, f"{url}/0x{CANONICAL_ADDRESS.hex()}"):
        policy, view = anchored(
            Policy(), registry=spelled, record="0x" + record.hex(), chain_id=None, backends=["gkr"]
        )
        assert policy == pinned(record)
        assert view is not None
        assert view.local
        assert view.registry is not None
        assert view.registry.record is not None
        assert view.registry.record.record_id == record
        assert view.registry.record.keys == {backend_selector("gkr"): KEY}


def test_without_a_registry_nothing_is_read() -> None:
    policy = Policy()
    assert anchored(policy, registry=None, record=None, chain_id=None, backends=[]) == (
        policy,
        None,
    )


@pytest.mark.parametrize("more", [{"record": bytes(32)}, {"chain_id": 5}])
def test_a_record_or_chain_needs_a_registry(more: dict[str, object]) -> None:
    arguments = {"record": None, "chain_id": None, **more}
    with pytest.raises(InvalidInput) as caught:
        anchored(Policy(), registry=None, backends=["gkr"], **arguments)
    assert caught.value.code == "registry-needed"


def test_a_registry_needs_a_record(registered: tuple[str, bytes]) -> None:
    with pytest.raises(InvalidInput) as caught:
        anchored(Policy(), registry=registered[0], record=None, chain_id=None, backends=["gkr"])
    assert caught.value.code == "record-needed"


@pytest.mark.parametrize("record", ["0x12", "zz" * 32, b"\x00" * 31])
def test_the_id_of_a_record_has_32_bytes(registered: tuple[str, bytes], record: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        anchored(Policy(), registry=registered[0], record=record, chain_id=None, backends=["gkr"])
    assert caught.value.code == "bad-digest"


@pytest.mark.parametrize("member", ["address", "record", "chain"])
def test_what_the_policy_pins_cannot_be_named_otherwise(
    registered: tuple[str, bytes], member: str
) -> None:
    url, record = registered
    given = {
        "registry": f"{url}/0x{'44' * 20}" if member == "address" else url,
        "record": bytes(32) if member == "record" else record,
        "chain_id": 5 if member == "chain" else None,
    }
    with pytest.raises(InvalidInput) as caught:
        anchored(pinned(record), backends=["gkr"], **given)
    assert (caught.value.code, caught.value.where) == ("two-records", member)


def test_a_url_alone_takes_the_address_of_the_policy(registered: tuple[str, bytes]) -> None:
    url, record = registered
    elsewhere = pinned(record, address=b"\x44" * 20)
    policy, view = anchored(elsewhere, registry=url, record=None, chain_id=None, backends=["gkr"])
    assert policy == elsewhere
    assert view is not None
    assert view.registry is not None
    assert (view.registry.address, view.registry.code_hash) == (b"\x44" * 20, None)


def test_a_chain_can_be_named_where_the_policy_names_none(registered: tuple[str, bytes]) -> None:
    url, record = registered
    policy, _ = anchored(
        pinned(record, chain_id=None),
        registry=url,
        record=None,
        chain_id=DEVELOPMENT_CHAIN_ID,
        backends=["gkr"],
    )
    assert policy == pinned(record)


def test_reading_makes_no_chain(tmp_path: Path) -> None:
    path = tmp_path / "typo.db"
    with pytest.raises(ChainError) as caught:
        anchored(
            Policy(), registry=f"local:{path}", record=bytes(32), chain_id=None, backends=["gkr"]
        )
    assert caught.value.code == "no-chain-file"
    assert not path.exists()
