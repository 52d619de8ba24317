"""Nonces: one at a time, and never the same twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from faulty_provider import FaultyProvider, error
from public_network import PublicNetwork

from verifiable.chain import nonces
from verifiable.chain.accounts import KeySigner
from verifiable.chain.client import Chain, TxOptions
from verifiable.errors import ChainError

TO = bytes.fromhex("00000000000000000000000000000000000a11ce")
PAY = {"to": TO, "data": b"", "value": 5}
SENT = TxOptions(wait=False)


def test_threads_get_different_nonces(chain: Chain, signer: KeySigner) -> None:
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda _: chain.send(signer, **PAY), range(16)))
    assert len({receipt.transaction_hash for receipt in receipts}) == 16
    assert chain.balance(TO) == 16 * 5


def test_a_node_that_lags_gives_no_nonce_twice(
    public_chain: Chain, network: PublicNetwork, stranger: KeySigner
) -> None:
    for _ in range(3):  # the count stays at 7: another node took them
        public_chain.send(stranger, **PAY, options=SENT)
    assert [fields["nonce"] for fields in network.sent()] == [7, 8, 9]


def test_a_node_that_is_ahead_is_believed(
    public_chain: Chain, network: PublicNetwork, stranger: KeySigner
) -> None:
    public_chain.send(stranger, **PAY, options=SENT)
    network.counts["pending"] = 12
    public_chain.send(stranger, **PAY, options=SENT)
    assert [fields["nonce"] for fields in network.sent()] == [7, 12]


def test_what_was_used_is_forgotten_after_a_minute(
    public_chain: Chain,
    network: PublicNetwork,
    stranger: KeySigner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    public_chain.send(stranger, **PAY, options=SENT)
    monkeypatch.setattr(nonces, "MEMORY_S", 0.0)
    public_chain.send(stranger, **PAY, options=TxOptions(wait=False, gas_limit=22_000))
    assert [fields["nonce"] for fields in network.sent()] == [7, 7]


def test_a_replacement_does_not_turn_the_count_back(
    public_chain: Chain, network: PublicNetwork, stranger: KeySigner
) -> None:
    public_chain.send(stranger, **PAY, options=SENT)
    public_chain.send(stranger, **PAY, options=SENT)
    public_chain.send(stranger, **PAY, options=TxOptions(wait=False, nonce=7, gas_limit=30_000))
    public_chain.send(stranger, **PAY, options=SENT)
    assert [fields["nonce"] for fields in network.sent()] == [7, 8, 7, 9]


def test_a_refused_transaction_uses_no_nonce(
    network: PublicNetwork, stranger: KeySigner, request: pytest.FixtureRequest
) -> None:
    provider = FaultyProvider(network)
    chain = Chain(provider, url=request.node.name)
    provider.plan("eth_sendRawTransaction", error(-32000, "transaction underpriced"))
    with pytest.raises(ChainError) as caught:
        chain.send(stranger, **PAY, options=SENT)
    assert caught.value.code == "transaction-underpriced"
    chain.send(stranger, **PAY, options=SENT)
    assert [fields["nonce"] for fields in network.sent()] == [7]


def test_clients_of_one_node_share_what_was_used(
    network: PublicNetwork, stranger: KeySigner, request: pytest.FixtureRequest
) -> None:
    for _ in range(2):
        Chain(network, url=request.node.name).send(stranger, **PAY, options=SENT)
    assert [fields["nonce"] for fields in network.sent()] == [7, 8]


def test_a_plan_uses_no_nonce(public_chain: Chain, stranger: KeySigner) -> None:
    assert [public_chain.plan(stranger.address, **PAY).nonce for _ in range(2)] == [7, 7]


def test_a_development_chain_may_start_anew(chain: Chain, signer: KeySigner) -> None:
    from verifiable.chain.local.chain import LocalChain
    from verifiable.chain.local.provider import LocalProvider

    chain.send(signer, **PAY)
    with LocalChain.open(None) as fresh:
        again = Chain(LocalProvider(fresh), url=chain.source)
        assert again.send(signer, **PAY).status == 1
