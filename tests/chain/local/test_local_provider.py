"""The embedded chain behind web3.py: formatters, errors and a contract's whole life."""

from __future__ import annotations

import pytest
from local_chain_kit import (
    ALICE,
    ALICE_KEY,
    EMIT,
    NOBODY,
    REVERT_WITH_CALLDATA,
    embedded,
    initcode,
    signed,
    word,
)
from web3 import Web3
from web3.exceptions import (
    BlockNotFound,
    ContractCustomError,
    ContractLogicError,
    ContractPanicError,
    TransactionNotFound,
    Web3RPCError,
)

from verifiable.chain.local.chain import LocalChain
from verifiable.chain.local.provider import LocalProvider


@pytest.fixture
def w3(chain: LocalChain) -> Web3:
    return Web3(LocalProvider(chain))


def test_web3_reads_all_answers(w3: Web3) -> None:
    assert w3.is_connected()
    assert w3.eth.chain_id == 31337
    assert w3.client_version.startswith("localchain/")
    assert w3.client_version.endswith("/py-evm/osaka (development only)")
    alice = Web3.to_checksum_address(ALICE)
    assert w3.eth.accounts[0] == alice
    sent = w3.eth.send_transaction({"from": alice, "to": Web3.to_checksum_address(NOBODY)})
    receipt = w3.eth.wait_for_transaction_receipt(sent)
    assert receipt["status"] == 1
    assert receipt["gasUsed"] == 21_000
    assert w3.eth.get_transaction(sent)["blockNumber"] == 1
    block = w3.eth.get_block("latest", full_transactions=True)
    assert block["transactions"][0]["hash"] == sent
    assert w3.eth.get_block("pending")["number"] == 2
    assert w3.eth.get_balance(alice, 0) == 10_000 * 10**18
    assert w3.eth.fee_history(1, "latest", [50])["reward"] == [[10**9]]
    assert w3.eth.gas_price == 2 * 10**9
    assert w3.eth.max_priority_fee == 10**9
    assert w3.eth.syncing is False
    assert w3.net.version == "31337"


def test_web3_raises_its_own_errors(w3: Web3) -> None:
    with pytest.raises(TransactionNotFound):
        w3.eth.get_transaction_receipt(bytes(32))
    with pytest.raises(BlockNotFound):
        w3.eth.get_block(7)
    with pytest.raises(Web3RPCError, match="nonce too high"):
        w3.eth.send_raw_transaction(signed(ALICE_KEY, nonce=3))
    with pytest.raises(Web3RPCError, match="does not exist"):
        w3.manager.request_blocking("eth_nope", [])
    response = w3.provider.make_request("eth_getBalance", [object()])
    assert response["error"]["code"] == -32602
    assert response["error"]["message"].startswith("parameters cannot be written as JSON")


def test_contracts_revert_and_emit_as_on_a_node(w3: Web3) -> None:
    def deploy(code: bytes) -> str:
        sent = w3.eth.send_transaction({"from": w3.eth.accounts[0], "data": initcode(code)})
        return w3.eth.wait_for_transaction_receipt(sent)["contractAddress"]

    target = deploy(REVERT_WITH_CALLDATA)
    with pytest.raises(ContractCustomError) as custom:
        w3.eth.call({"to": target, "data": b"\xde\xad\xbe\xef"})
    assert custom.value.data == "0xdeadbeef"
    with pytest.raises(ContractPanicError):
        w3.eth.call({"to": target, "data": bytes.fromhex("4e487b71") + word(0x11)})
    reason = word(32) + word(5) + b"stop!".ljust(32, b"\0")
    with pytest.raises(ContractLogicError, match="stop!"):
        w3.eth.estimate_gas({"to": target, "data": bytes.fromhex("08c379a0") + reason})

    emitter = deploy(EMIT)
    watched = w3.eth.filter({"address": emitter})
    w3.eth.send_transaction({"from": w3.eth.accounts[0], "to": emitter, "data": word(5)})
    assert [len(log["topics"]) for log in watched.get_new_entries()] == [0, 1, 2, 4]
    assert len(w3.eth.get_logs({"address": emitter, "fromBlock": 0, "topics": [word(5)]})) == 3
    assert w3.eth.get_code(emitter) == EMIT
    assert w3.eth.get_storage_at(emitter, 0) == word(0)


def test_answers_are_copies(chain: LocalChain) -> None:
    first = embedded(chain)("eth_accounts")["result"]
    first.clear()
    assert len(embedded(chain)("eth_accounts")["result"]) == 10


def test_a_closed_chain_is_not_connected(chain: LocalChain) -> None:
    provider = LocalProvider(chain)
    assert provider.is_connected()
    chain.close()
    assert not provider.is_connected()
