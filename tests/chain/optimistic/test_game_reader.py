"""The reader of one assertion: honest nodes, nodes that move, nodes and games that lie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from game_kit import ALICE, CAROL, finalise, honest, lying, make_assertion, reject, small_program
from twisted_node import Answer, Node

from verifiable.chain.client import Chain
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEVELOPMENT_PARAMS
from verifiable.chain.deployment import DEPLOYMENT_PROXY, DEPLOYMENT_PROXY_CODE
from verifiable.chain.game_reader import read_assertion
from verifiable.chain.local.chain import LocalChain
from verifiable.errors import ChainError
from verifiable.statement.hashing import keccak
from verifiable.statement.view import AssertionView, ChainView


class Standing:
    """A game with one pending assertion, and nodes in front of it."""

    def __init__(self, chain: LocalChain) -> None:
        self.local = chain
        self.game = DisputeGame.deploy(Chain(Node(chain)), ALICE)
        self.execution = honest(small_program())
        self.said = make_assertion(self.game, self.execution)

    def node(self, *, public: bool = False) -> Node:
        node = Node(self.local)
        if public:
            node.result("eth_chainId", "0x1")
        return node

    def read(self, node: Node, **other: Any) -> ChainView:
        wanted = {"game": self.game.address, "assertion_id": self.said.assertion_id}
        chain = Chain(node, url="node")
        node.asked.clear()
        return read_assertion(chain, **(wanted | other))


@pytest.fixture(scope="module")
def standing() -> Iterator[Standing]:
    with LocalChain.open(None) as chain:
        yield Standing(chain)


def seen(view: ChainView) -> AssertionView:
    assert view.registry is None
    assert view.assertion is not None
    return view.assertion


def test_assertion_is_read_at_one_block(standing: Standing) -> None:
    node = standing.node()
    view = standing.read(node)
    assert (view.chain_id, view.finalized, view.source) == (31337, False, "node")
    assert seen(view) == AssertionView(
        game=standing.game.address,
        code_hash=standing.game.release.code_hash,
        judges=standing.game.release.code,
        params=DEVELOPMENT_PARAMS,
        assertion_id=standing.said.assertion_id,
        status="pending",
        statement_digest=standing.execution.statement.digest,
        trace_root=standing.execution.trace_root,
        asserter=ALICE.address,
        asserted_at_s=standing.said.asserted_at,
        open_games=0,
    )
    at = hex(view.block.number)
    reads = [params[-1] for method, params in node.asked if method in ("eth_call", "eth_getCode")]
    assert set(reads) == {at}
    methods = [method for method in node.methods() if method != "web3_clientVersion"]
    assert methods[1] == "eth_getCode", "the code comes first"


def test_status_follows_the_game(standing: Standing) -> None:
    true = make_assertion(standing.game, honest(small_program(1)))
    false = lying(honest(small_program(2)))
    wrong = make_assertion(standing.game, false)
    standing.game.open_game(CAROL, wrong.assertion_id)
    view = standing.read(standing.node(), assertion_id=wrong.assertion_id)
    assert (seen(view).status, seen(view).open_games) == ("pending", 1)
    reject(standing.game, wrong.assertion_id, false, node=0, element=1)
    finalise(standing.game, true.assertion_id)
    for said, status in ((wrong, "rejected"), (true, "final")):
        view = standing.read(standing.node(), assertion_id=said.assertion_id)
        assert seen(view).status == status


def test_public_chain_is_read_at_its_finalized_block(standing: Standing) -> None:
    node = standing.node(public=True)
    view = standing.read(node)
    assert (view.chain_id, view.finalized) == (1, True)
    tags = [params[0] for method, params in node.asked if method == "eth_getBlockByNumber"]
    assert tags == ["finalized", hex(view.block.number)]


def test_unknown_assertion(standing: Standing) -> None:
    view = standing.read(standing.node(), assertion_id=keccak(b"nobody asserted this"))
    found = seen(view)
    assert found.status == "unknown"
    assert (found.statement_digest, found.trace_root, found.asserter) == (None, None, None)
    assert found.params == DEVELOPMENT_PARAMS


@pytest.mark.parametrize(
    ("address", "code_hash"),
    [(b"\x77" * 20, None), (DEPLOYMENT_PROXY, keccak(DEPLOYMENT_PROXY_CODE))],
)
def test_what_is_no_game_is_asked_nothing(
    standing: Standing, address: bytes, code_hash: bytes | None
) -> None:
    node = standing.node()
    found = seen(standing.read(node, game=address))
    assert (found.code_hash, found.judges, found.params) == (code_hash, None, None)
    assert found.status == "unknown"
    assert "eth_call" not in node.methods()


def test_forged_game_is_not_asked_for_assertions(standing: Standing) -> None:
    """A node, or a forger, that shows other rules than the code holds."""
    node = standing.node()
    shown = standing.game.contract.encode("params")

    def longer(params: list[Any], honest_answer: Answer) -> Answer:
        if params[0].get("data") != f"0x{shown.hex()}":
            return honest_answer
        words = bytearray.fromhex(honest_answer["result"][2:])
        words[31] ^= 1
        return {**honest_answer, "result": f"0x{words.hex()}"}

    node.twists["eth_call"] = longer
    found = seen(standing.read(node))
    assert (found.judges, found.params, found.status) == (None, None, "unknown")
    asked = standing.game.contract.encode("assertionOf", standing.said.assertion_id)
    assert not any(
        params[0].get("data") == f"0x{asked.hex()}"
        for method, params in node.asked
        if method == "eth_call"
    )


def test_reorganisation_is_read_again(standing: Standing) -> None:
    node = standing.node()
    numbered = 0

    def twist(params: list[Any], honest_answer: Answer) -> Answer:
        nonlocal numbered
        numbered += params[0] != "latest"
        if params[0] == "latest" or numbered > 1:
            return honest_answer
        return {**honest_answer, "result": {**honest_answer["result"], "hash": "0x" + "ab" * 32}}

    node.twists["eth_getBlockByNumber"] = twist
    view = standing.read(node)
    assert seen(view).status == "pending"
    assert view.block.hash != b"\xab" * 32
    assert numbered == 2


WORD = "00" * 32
GARBAGE = {
    "nothing": None,
    "a number": 7,
    "empty": "0x",
    "a word too few": "0x" + WORD * 7,
    "a status of 4": "0x" + WORD * 3 + "00" * 31 + "04" + WORD * 4,
    "a dirty address": "0x" + "01" + "00" * 31 + WORD * 7,
    "a time of 49 bits": "0x" + WORD + "00" * 25 + "01" + "00" * 6 + WORD * 6,
}


@pytest.mark.parametrize("name", GARBAGE)
def test_nonsense_for_an_assertion_is_a_chain_error(standing: Standing, name: str) -> None:
    node = standing.node()
    asked = standing.game.contract.encode("assertionOf", standing.said.assertion_id)
    node.twists["eth_call"] = lambda params, honest_answer: (
        {**honest_answer, "result": GARBAGE[name]}
        if params[0].get("data") == f"0x{asked.hex()}"
        else honest_answer
    )
    with pytest.raises(ChainError):
        standing.read(node)
