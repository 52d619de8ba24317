"""Receipts that come late, vanish, move, or are not what was asked for."""

from __future__ import annotations

from typing import Any

import pytest
from faulty_provider import FaultyProvider, changed, error, honest, lost_request, result
from public_network import GWEI, PublicNetwork, block_hash

from verifiable.chain.accounts import KeySigner
from verifiable.chain.artifact import load_artifact
from verifiable.chain.client import Chain, PendingTransaction, TxOptions
from verifiable.chain.transaction import replacement_of
from verifiable.errors import ChainError, Reverted
from verifiable.progress import ProgressEvent

TO = bytes.fromhex("00000000000000000000000000000000000a11ce")
PAY = {"to": TO, "data": b"", "value": 5}


def watched(network: PublicNetwork, script: list[Any], name: str) -> tuple[Chain, list[str]]:
    """A client that does the next step of a script at every pause, and what it told."""
    told: list[str] = []
    steps = iter(script)

    def pause(seconds: float) -> None:
        step = next(steps, None)
        if step is None:
            raise AssertionError("the client waits for ever")
        step(network)

    def tell(event: ProgressEvent) -> None:
        told.append(event.message.partition(" ")[2])

    return Chain(network, url=name, progress=tell, sleep=pause), told


def mine(number: int, branch: int = 0, status: int = 1) -> Any:
    def step(network: PublicNetwork) -> None:
        network.mined = dict.fromkeys(network.raw, (number, branch, status))
        network.head, network.branch = max(network.head, number), branch

    return step


def grow(number: int) -> Any:
    return lambda network: setattr(network, "head", number)


def drop(network: PublicNetwork) -> None:
    network.mined.clear()


def test_a_receipt_that_comes_late(
    network: PublicNetwork, stranger: KeySigner, request: pytest.FixtureRequest
) -> None:
    chain, told = watched(network, [grow(101), grow(102), mine(103)], request.node.name)
    receipt = chain.send(stranger, **PAY)
    assert receipt.block_number == 103
    assert receipt.block_hash.hex() == block_hash(103)[2:]
    assert told == []


def test_confirmations_are_blocks_on_top(
    network: PublicNetwork, stranger: KeySigner, request: pytest.FixtureRequest
) -> None:
    script = [mine(101), grow(102), grow(103)]
    chain, told = watched(network, script, request.node.name)
    receipt = chain.send(stranger, **PAY, options=TxOptions(confirmations=3))
    assert receipt.block_number == 101
    assert network.head == 103
    assert told == ["is in block 101"]


def test_a_receipt_that_moves_to_another_block(
    network: PublicNetwork, stranger: KeySigner, request: pytest.FixtureRequest
) -> None:
    script = [mine(101), grow(102), mine(102, branch=1), grow(103), grow(104)]
    chain, told = watched(network, script, request.node.name)
    receipt = chain.send(stranger, **PAY, options=TxOptions(confirmations=3))
    assert receipt.block_number == 102
    assert receipt.block_hash.hex() == block_hash(102, 1)[2:]
    assert network.head == 104
    assert told == ["is in block 101", "moved to block 102 by a reorganisation"]


def test_a_receipt_that_vanishes_and_comes_back(
    network: PublicNetwork, stranger: KeySigner, request: pytest.FixtureRequest
) -> None:
    script = [mine(101), drop, mine(103, branch=1), grow(105)]
    chain, told = watched(network, script, request.node.name)
    receipt = chain.send(stranger, **PAY, options=TxOptions(confirmations=3))
    assert receipt.block_number == 103
    assert told == [
        "is in block 101",
        "lost its block to a reorganisation",
        "is in block 103",
    ]


def test_a_block_that_others_have_left_confirms_nothing(
    network: PublicNetwork, stranger: KeySigner, request: pytest.FixtureRequest
) -> None:
    def left_behind(network: PublicNetwork) -> None:
        network.head, network.branch = 110, 1  # the receipt still names a block of branch 0

    script = [mine(101), left_behind, mine(102, branch=1)]
    chain, _ = watched(network, script, request.node.name)
    receipt = chain.send(stranger, **PAY, options=TxOptions(confirmations=3))
    assert receipt.block_hash.hex() == block_hash(102, 1)[2:]


def test_a_transaction_that_fails_after_a_reorganisation(
    network: PublicNetwork, stranger: KeySigner, request: pytest.FixtureRequest
) -> None:
    network.methods["eth_call"] = lambda message, block: "0x"
    script = [mine(101), mine(102, branch=1, status=0), grow(110)]
    chain, _ = watched(network, script, request.node.name)
    with pytest.raises(Reverted, match="run again before its block, it passes") as caught:
        chain.send(stranger, **PAY, options=TxOptions(confirmations=3))
    assert caught.value.transaction is not None


def test_time_runs_out(public_chain: Chain, network: PublicNetwork, stranger: KeySigner) -> None:
    with pytest.raises(PendingTransaction, match=r"in no block after 0\.1 s") as caught:
        public_chain.send(stranger, **PAY)
    failure = caught.value
    assert failure.code == "transaction-timeout"
    assert failure.transaction is not None
    assert f"0x{failure.transaction.hex()}" in str(failure)
    assert failure.replacement is not None
    assert failure.replacement.nonce == 7
    assert failure.replacement.gas_price == 24_750_000_000
    assert failure.replacement.priority_gas_price == 2_250_000_000
    network.methods["eth_sendRawTransaction"] = None
    assert public_chain.replacement(failure.transaction) == failure.replacement
    public_chain.send(stranger, **PAY, options=TxOptions(nonce=7, wait=False, gas_price=GWEI * 25))


def test_time_runs_out_before_the_confirmations(
    public_chain: Chain, network: PublicNetwork, stranger: KeySigner
) -> None:
    network.methods["eth_getTransactionCount"] = lambda address, tag: (mine(101)(network), "0x7")[1]
    network.methods["eth_getTransactionReceipt"] = lambda name: (
        mine(101)(network),
        network.eth_getTransactionReceipt(name),
    )[1]
    with pytest.raises(PendingTransaction, match="in block 101, but not yet 9 deep") as caught:
        public_chain.send(stranger, **PAY, options=TxOptions(confirmations=9))
    assert caught.value.code == "transaction-timeout"
    assert caught.value.replacement is None


def test_another_transaction_takes_the_nonce(
    public_chain: Chain, network: PublicNetwork, stranger: KeySigner
) -> None:
    network.counts["latest"] = 8
    with pytest.raises(PendingTransaction, match="another one has its nonce 7") as caught:
        public_chain.send(stranger, **PAY)
    assert caught.value.code == "transaction-replaced"


def test_a_node_that_is_away_for_a_while(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    provider.plan("eth_getTransactionReceipt", *[lost_request] * 12)
    assert chain.send(signer, **PAY).status == 1


def test_a_node_that_does_not_come_back(
    provider: FaultyProvider, pauses: list[float], signer: KeySigner
) -> None:
    chain = Chain(provider, url="gone", timeout_s=0.0, sleep=pauses.append)
    provider.always("eth_getTransactionReceipt", lost_request)
    with pytest.raises(PendingTransaction) as caught:
        chain.send(signer, **PAY)
    assert caught.value.code == "chain-unreachable"
    assert caught.value.transaction is not None


def test_a_node_that_goes_before_it_tells_of_the_nonce(
    network: PublicNetwork, stranger: KeySigner
) -> None:
    provider = FaultyProvider(network)
    chain = Chain(provider, url="going", timeout_s=0.0, sleep=lambda seconds: None)
    provider.plan("eth_getTransactionCount", honest)
    provider.always("eth_getTransactionCount", lost_request)
    with pytest.raises(PendingTransaction) as caught:
        chain.send(stranger, **PAY)
    assert caught.value.code == "transaction-timeout"
    assert caught.value.transaction is not None
    assert caught.value.replacement is not None


def test_a_node_that_goes_before_it_shows_the_contract(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    provider.always("eth_getCode", lost_request)
    with pytest.raises(PendingTransaction) as caught:
        chain.deploy(signer, load_artifact("ModelRegistry"))
    assert caught.value.code == "chain-unreachable"
    assert caught.value.transaction is not None


@pytest.mark.parametrize(
    "fault",
    [
        changed(transactionHash="0x" + "ab" * 32),
        changed(blockHash="0x" + "ab" * 31),
        changed(blockHash=None),
        changed(status=None),
        changed(status="0x2"),
        changed(status=1),
        changed(gasUsed="0x" + "f" * 17),
        changed(logs=None),
        changed(logs=[{}]),
        changed(logs=[7]),
        changed(contractAddress="0x12"),
        result([]),
        result("0x"),
        result(True),
    ],
)
def test_a_receipt_is_checked(
    provider: FaultyProvider, chain: Chain, signer: KeySigner, fault: Any
) -> None:
    provider.always("eth_getTransactionReceipt", fault)
    with pytest.raises(PendingTransaction) as caught:
        chain.send(signer, **PAY)
    assert caught.value.code == "bad-answer"
    assert caught.value.transaction is not None


def test_logs_of_another_transaction_are_not_believed(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    log = {
        "address": "0x" + "11" * 20,
        "topics": [],
        "data": "0x",
        "logIndex": "0x0",
        "blockNumber": "0x1",
        "blockHash": "0x" + "11" * 32,
        "transactionHash": "0x" + "11" * 32,
    }
    provider.always("eth_getTransactionReceipt", changed(logs=[log]))
    with pytest.raises(PendingTransaction, match="of another transaction or block"):
        chain.send(signer, **PAY)


# --- failed transactions


def test_the_reason_of_a_failed_transaction(any_chain: Chain, signer: KeySigner) -> None:
    artifact = load_artifact("ModelRegistry")
    registry = any_chain.contract(artifact, any_chain.deploy(signer, artifact).address)
    record = b"\x07" * 32
    with pytest.raises(Reverted) as caught:
        registry.send(signer, "freeze", record, options=TxOptions(gas_limit=200_000))
    failure = caught.value
    assert failure.code == "reverted"
    assert failure.name == "ModelRegistry_UnknownRecord"
    assert failure.arguments == {"recordId": record}
    assert failure.why.endswith("on the block before, where it may fail otherwise)")
    assert failure.transaction is not None
    receipt = any_chain.receipt(failure.transaction)
    assert receipt is not None
    assert receipt.status == 0
    with pytest.raises(Reverted) as caught:
        registry.send(signer, "freeze", record)
    assert caught.value.transaction is None
    assert caught.value.name == "ModelRegistry_UnknownRecord"
    assert "on the block before" not in caught.value.why


def test_a_transaction_without_enough_gas(any_chain: Chain, signer: KeySigner) -> None:
    artifact = load_artifact("ModelRegistry")
    registry = any_chain.contract(artifact, any_chain.deploy(signer, artifact).address)
    with pytest.raises(Reverted, match="raise --gas-limit") as caught:
        registry.send(signer, "freeze", bytes(32), options=TxOptions(gas_limit=21_600))
    assert caught.value.name == ""
    assert caught.value.data == b""
    assert caught.value.transaction is not None


def test_a_reason_that_the_node_does_not_keep(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    artifact = load_artifact("ModelRegistry")
    registry = chain.contract(artifact, chain.deploy(signer, artifact).address)
    provider.always("eth_call", error(-32000, "missing trie node"))
    with pytest.raises(Reverted, match="the reason cannot be read") as caught:
        registry.send(signer, "freeze", bytes(32), options=TxOptions(gas_limit=200_000))
    assert caught.value.name == ""
    assert caught.value.transaction is not None


# --- replacing


def test_both_fees_rise_by_an_eighth_at_least(public_chain: Chain, stranger: KeySigner) -> None:
    options = TxOptions(gas_price=9, priority_gas_price=1, confirmations=4)
    raised = replacement_of(public_chain.plan(stranger.address, **PAY, options=options), options)
    assert (raised.gas_price, raised.priority_gas_price) == (11, 2)
    assert (raised.nonce, raised.confirmations, raised.legacy) == (7, 4, False)
    plan = public_chain.plan(stranger.address, **PAY, options=TxOptions(legacy=True))
    raised = replacement_of(plan)
    assert (raised.gas_price, raised.priority_gas_price) == (13_500_000_000, None)
    assert raised.legacy


def test_a_replacement_is_taken_by_a_real_mempool(any_chain: Chain, signer: KeySigner) -> None:
    if any_chain.source.startswith("local"):
        with pytest.raises(ChainError) as caught:  # no mempool: what is sent is mined
            any_chain.replacement(any_chain.send(signer, **PAY).transaction_hash)
        assert caught.value.code == "no-such-transaction"
        return
    node = any_chain._node
    node.ask("evm_setAutomine", [False])
    first = any_chain.send(signer, **PAY, options=TxOptions(wait=False))
    same = TxOptions(nonce=0, wait=False, gas_limit=30_000)
    with pytest.raises(ChainError) as caught:
        any_chain.send(signer, **PAY, options=same)
    assert caught.value.code == "transaction-underpriced"
    raised = any_chain.replacement(first.transaction_hash, TxOptions(wait=False))
    second = any_chain.send(signer, **PAY, options=raised)
    node.ask("evm_mine")
    assert any_chain.receipt(first.transaction_hash) is None
    found = any_chain.receipt(second.transaction_hash)
    assert found is not None
    assert found.status == 1
    assert any_chain.balance(TO) == 5


def test_there_is_nothing_to_replace(chain: Chain) -> None:
    with pytest.raises(ChainError) as caught:
        chain.replacement(bytes(32))
    assert caught.value.code == "no-such-transaction"


def test_honest_receipts_pass(provider: FaultyProvider, chain: Chain, signer: KeySigner) -> None:
    provider.always("eth_getTransactionReceipt", honest)
    assert chain.send(signer, **PAY).status == 1
