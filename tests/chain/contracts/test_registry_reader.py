"""The reader of one record: honest nodes, nodes that move, and nodes that answer nonsense."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registry_kit import ALICE, EZKL, GKR, KEY, MALLORY, UNKNOWN, fresh_program, name_of, root_of
from twisted_node import Answer, Node

from verifiable.chain.client import Chain
from verifiable.chain.contracts.model_registry import (
    CANONICAL_ADDRESS,
    CODE_HASH,
    ModelRegistry,
    Program,
)
from verifiable.chain.deployment import DEPLOYMENT_PROXY, DEPLOYMENT_PROXY_CODE
from verifiable.chain.local.chain import LocalChain
from verifiable.chain.reader import read_registry
from verifiable.errors import ChainError, Reverted
from verifiable.statement.hashing import keccak
from verifiable.statement.view import BlockRef, ChainView, RegistryView, record_id_of


class Registered:
    """A chain with one record of Alice, and a node in front of it."""

    def __init__(self, chain: LocalChain) -> None:
        self.local = chain
        self.program: Program = fresh_program()
        self.name = name_of(self.program)
        registry = ModelRegistry.deploy(Chain(Node(chain)), ALICE)
        registry.register_model(ALICE, self.program, keys={GKR: KEY})
        self.registry = registry

    def node(self, *, public: bool = False) -> Node:
        node = Node(self.local)
        if public:
            node.result("eth_chainId", "0x1")
        return node

    def read(self, node: Node, **other: Any) -> ChainView:
        wanted = {
            "address": CANONICAL_ADDRESS,
            "record_id": self.name,
            "backends": ("gkr", "ezkl"),
        }
        chain = Chain(node, url="node")
        node.asked.clear()
        return read_registry(chain, **(wanted | other))


def shown(view: ChainView) -> RegistryView:
    assert view.registry is not None
    return view.registry


@pytest.fixture(scope="module")
def registered() -> Iterator[Registered]:
    with LocalChain.open(None) as chain:
        yield Registered(chain)


def test_record_is_read_at_one_block(registered: Registered) -> None:
    node = registered.node()
    view = registered.read(node)
    assert view.chain_id == 31337
    assert not view.finalized
    assert shown(view).address == CANONICAL_ADDRESS
    assert shown(view).code_hash == CODE_HASH
    assert view.source == "node"
    assert shown(view).record is not None
    assert shown(view).record.record_id == registered.name
    assert shown(view).record.registrant == ALICE.address
    assert shown(view).record.program_root == root_of(registered.program)
    assert shown(view).record.keys == {GKR: KEY}, "only what was asked for and is set"
    assert (shown(view).record.frozen, shown(view).record.deprecated) == (False, False)
    at = hex(view.block.number)
    assert [params[-1] for method, params in node.asked if method == "eth_call"] == [at] * 3
    assert [params[-1] for method, params in node.asked if method == "eth_getCode"] == [at]
    methods = [method for method in node.methods() if method != "web3_clientVersion"]
    assert methods[1] == "eth_getCode", "the code comes first"


@pytest.mark.parametrize("name", ["anvil/v1.7.1", "HardhatNetwork/2.22", "localchain/0.1"])
def test_a_node_for_development_is_known_by_its_name(registered: Registered, name: str) -> None:
    for said, local in ((name, True), ("Geth/v1.16", False), (7, False)):
        node = registered.node()
        node.result("web3_clientVersion", said)
        assert registered.read(node).development == local


def test_state_of_the_record_is_read(registered: Registered) -> None:
    program = fresh_program()
    registry, name = registered.registry, name_of(program, MALLORY)
    registry.register_model(MALLORY, program, keys={EZKL: KEY}, freeze_now=True)
    registry.deprecate(MALLORY, name)
    record = shown(registered.read(registered.node(), record_id=name, backends=("ezkl",))).record
    assert record is not None
    assert (record.registrant, record.frozen, record.deprecated) == (MALLORY.address, True, True)
    assert record.keys == {EZKL: KEY}


def test_public_chain_is_read_at_its_finalized_block(registered: Registered) -> None:
    node = registered.node(public=True)
    view = registered.read(node)
    assert (view.chain_id, view.finalized) == (1, True)
    tags = [params[0] for method, params in node.asked if method == "eth_getBlockByNumber"]
    assert tags == ["finalized", hex(view.block.number)]


def test_public_chain_without_finality_is_refused(registered: Registered) -> None:
    node = registered.node(public=True)
    node.result("eth_getBlockByNumber", None)
    with pytest.raises(ChainError) as caught:
        registered.read(node)
    assert caught.value.code == "no-finalized-block"


def test_address_without_code_is_not_called(registered: Registered) -> None:
    node = registered.node()
    view = registered.read(node, address=b"\x77" * 20)
    assert (shown(view).code_hash, shown(view).record) == (None, None)
    assert "eth_call" not in node.methods()


def test_other_code_is_not_called(registered: Registered) -> None:
    node = registered.node()
    view = registered.read(node, address=DEPLOYMENT_PROXY)
    assert shown(view).code_hash == keccak(DEPLOYMENT_PROXY_CODE)
    assert shown(view).record is None
    assert "eth_call" not in node.methods()


def test_unknown_record_is_none(registered: Registered) -> None:
    view = registered.read(registered.node(), record_id=UNKNOWN)
    assert shown(view).code_hash == CODE_HASH
    assert shown(view).record is None


def moved(honest: Answer) -> Answer:
    """The same block with another hash."""
    return {**honest, "result": {**honest["result"], "hash": "0x" + "ab" * 32}}


def test_reorganisation_is_read_again(registered: Registered) -> None:
    node = registered.node()
    numbered = 0

    def twist(params: list[Any], honest: Answer) -> Answer:
        nonlocal numbered
        numbered += params[0] != "latest"
        return moved(honest) if params[0] != "latest" and numbered == 1 else honest

    node.twists["eth_getBlockByNumber"] = twist
    view = registered.read(node)
    assert shown(view).record is not None
    assert node.methods().count("eth_getCode") == 2, "not read again"
    assert view.block.hash != b"\xab" * 32


def test_block_that_vanishes_is_read_again(registered: Registered) -> None:
    node = registered.node()
    numbered = 0

    def twist(params: list[Any], honest: Answer) -> Answer:
        nonlocal numbered
        numbered += params[0] != "latest"
        return {**honest, "result": None} if params[0] != "latest" and numbered == 1 else honest

    node.twists["eth_getBlockByNumber"] = twist
    assert shown(registered.read(node)).record is not None
    assert node.methods().count("eth_getCode") == 2


def test_chain_that_never_stands_still_is_refused(registered: Registered) -> None:
    node = registered.node()
    node.twists["eth_getBlockByNumber"] = lambda params, honest: (
        honest if params[0] == "latest" else moved(honest)
    )
    with pytest.raises(ChainError) as caught:
        registered.read(node)
    assert caught.value.code == "chain-reorganised"


def test_failure_of_a_read_whose_block_moved_is_read_again(registered: Registered) -> None:
    node = registered.node()
    calls = 0

    def failing_once(_params: list[Any], honest: Answer) -> Answer:
        nonlocal calls
        calls += 1
        return {**honest, "result": "0x12"} if calls == 1 else honest

    node.twists["eth_call"] = failing_once
    node.twists["eth_getBlockByNumber"] = lambda params, honest: (
        moved(honest) if params[0] != "latest" and calls == 1 else honest
    )
    assert shown(registered.read(node)).record is not None


def test_revert_that_the_registry_cannot_give_is_no_missing_record(registered: Registered) -> None:
    node = registered.node()
    node.twists["eth_call"] = lambda _params, honest: {
        "jsonrpc": "2.0",
        "id": honest["id"],
        "error": {"code": 3, "message": "execution reverted", "data": "0x"},
    }
    with pytest.raises(Reverted):
        registered.read(node)


WORD = "00" * 32
GARBAGE = {
    "nothing": None,
    "no hex": "record",
    "a number": 7,
    "a list": [],
    "empty": "0x",
    "a word too few": "0x" + WORD * 10,
    "a byte too few": "0x" + (WORD * 11)[2:],
    "a bool of two": "0x" + WORD * 4 + "00" * 31 + "02" + WORD * 6,
    "a dirty address": "0x" + "01" + "00" * 31 + WORD * 10,
    "a block number of 49 bits": "0x" + WORD + "00" * 25 + "01" + "00" * 6 + WORD * 9,
    "a version of 17 bits": "0x" + WORD * 2 + "00" * 29 + "010000" + WORD * 8,
    "too much of it": "0x" + WORD * 40_000,
}


@pytest.mark.parametrize("name", GARBAGE)
@pytest.mark.parametrize("method", ["eth_call", "eth_getBlockByNumber"])
def test_nonsense_is_a_chain_error(registered: Registered, method: str, name: str) -> None:
    node = registered.node()
    node.result(method, GARBAGE[name])
    with pytest.raises(ChainError):
        registered.read(node)


@pytest.mark.parametrize("name", ["nothing", "no hex", "a number", "a list", "too much of it"])
def test_nonsense_for_code_is_a_chain_error(registered: Registered, name: str) -> None:
    node = registered.node()
    node.result("eth_getCode", GARBAGE[name])
    with pytest.raises(ChainError):
        registered.read(node)


WORDS = st.one_of(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 3).map(lambda value: value.to_bytes(32, "big")),
    st.binary(min_size=20, max_size=20).map(lambda address: bytes(12) + address),
)


@settings(max_examples=60, deadline=None)
@given(words=st.lists(WORDS, min_size=10, max_size=12), cut=st.integers(0, 3))
def test_any_answer_is_a_record_or_a_chain_error(
    registered: Registered, words: list[bytes], cut: int
) -> None:
    node = registered.node()
    node.result("eth_call", f"0x{b''.join(words)[cut:].hex()}")
    try:
        view = registered.read(node)
    except ChainError:
        return
    assert shown(view).record is not None
    assert len(view.record.registrant) == 20
    assert len(view.record.program_root) == 32


def test_record_of_another_keeps_its_own_name(registered: Registered) -> None:
    """A node that answers with a squatter's record cannot pass it off as the one asked for."""
    program = fresh_program()
    registered.registry.register_model(MALLORY, program)
    squatted = registered.registry.contract.encode("recordOf", name_of(program, MALLORY))
    node = registered.node()
    honest = registered.local.request(
        "eth_call", [{"to": f"0x{CANONICAL_ADDRESS.hex()}", "data": f"0x{squatted.hex()}"}]
    )
    node.result("eth_call", honest["result"])
    view = registered.read(node, backends=())
    assert shown(view).record is not None
    assert shown(view).record.record_id == record_id_of(MALLORY.address, root_of(program))
    assert shown(view).record.record_id != registered.name


def test_block_of_the_view_is_the_chains(registered: Registered) -> None:
    view = registered.read(registered.node())
    head = registered.local.request("eth_getBlockByNumber", ["latest", False])["result"]
    assert view.block == BlockRef(
        number=int(head["number"], 16),
        hash=bytes.fromhex(head["hash"][2:]),
        time_s=int(head["timestamp"], 16),
    )
