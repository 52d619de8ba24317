"""Signing once and sending until a node has it, with fees and gas that a caller can set."""

from __future__ import annotations

from typing import Any

import pytest
from faulty_provider import (
    FaultyProvider,
    also_error,
    error,
    lost_answer,
    lost_request,
    result,
)
from public_network import GWEI, PublicNetwork

from verifiable.chain.accounts import KeySigner, UnlockedSigner
from verifiable.chain.client import Chain, PendingTransaction, TxOptions
from verifiable.chain.fees import MAX_SUGGESTED_FEE
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.errors import AccountError, ChainError, Reverted

TO = bytes.fromhex("00000000000000000000000000000000000a11ce")
PAY = {"to": TO, "data": b"", "value": 5}


class CountingSigner:
    """Notes what it is asked to sign."""

    def __init__(self, signer: KeySigner) -> None:
        self.signer = signer
        self.asked: list[Any] = []
        self.address = signer.address
        self.unlocked = False

    def sign(self, transaction: Any) -> bytes:
        self.asked.append(dict(transaction))
        return self.signer.sign(transaction)


@pytest.fixture
def counting(signer: KeySigner) -> CountingSigner:
    return CountingSigner(signer)


def test_a_payment_arrives(any_chain: Chain, signer: KeySigner) -> None:
    receipt = any_chain.send(signer, **PAY)
    assert receipt.status == 1
    assert receipt.gas_used == 21_000
    assert any_chain.balance(TO) == 5
    assert any_chain.balance(TO, receipt.block_number - 1) == 0
    assert any_chain.receipt(receipt.transaction_hash) == receipt
    assert any_chain.block(receipt.block_number).hash == receipt.block_hash


def test_a_legacy_payment_arrives(any_chain: Chain, signer: KeySigner) -> None:
    receipt = any_chain.send(signer, **PAY, options=TxOptions(legacy=True))
    assert receipt.status == 1
    assert any_chain.balance(TO) == 5


def test_the_node_can_sign(any_chain: Chain) -> None:
    unlocked = UnlockedSigner(DEV_ACCOUNTS[3].address)
    assert any_chain.send(unlocked, **PAY).status == 1
    assert any_chain.balance(TO) == 5


@pytest.mark.parametrize("fault", [lost_request, lost_answer, also_error(-32000, "already known")])
def test_a_transaction_is_signed_and_counted_once(
    provider: FaultyProvider, chain: Chain, counting: CountingSigner, fault: Any
) -> None:
    provider.plan("eth_sendRawTransaction", fault)
    assert chain.send(counting, **PAY).status == 1
    assert len(counting.asked) == 1
    assert chain.balance(TO) == 5
    raws = {params[0] for name, params in provider.seen if name == "eth_sendRawTransaction"}
    assert len(raws) == 1


@pytest.mark.parametrize(
    "text", ["already known", "ALREADY_EXISTS: already exists", "known transaction: 0xab"]
)
def test_a_transaction_that_the_node_has_is_sent(
    provider: FaultyProvider, chain: Chain, counting: CountingSigner, text: str
) -> None:
    provider.plan("eth_sendRawTransaction", also_error(-32000, text))
    assert chain.send(counting, **PAY).status == 1


def test_a_type_that_the_node_does_not_know_is_no_known_transaction(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    provider.always("eth_sendRawTransaction", error(-32000, "unknown transaction type"))
    with pytest.raises(ChainError) as caught:
        chain.send(signer, **PAY)
    assert caught.value.code == "transaction-refused"


def test_a_used_nonce_is_success_if_the_node_has_the_hash(
    provider: FaultyProvider, chain: Chain, counting: CountingSigner
) -> None:
    # the first answer is lost; the embedded chain refuses the second, since it mines at once
    provider.plan("eth_sendRawTransaction", lost_answer, also_error(-32000, "nonce too low"))
    assert chain.send(counting, **PAY).status == 1
    assert chain.balance(TO) == 5


@pytest.mark.parametrize(
    "text", ["existing tx with same hash", "too many requests", "replacement underpriced"]
)
def test_no_refusal_hides_a_transaction_that_the_node_has(
    provider: FaultyProvider, chain: Chain, counting: CountingSigner, text: str
) -> None:
    provider.plan("eth_sendRawTransaction", lost_answer)
    provider.always("eth_sendRawTransaction", error(-32000, text))
    assert chain.send(counting, **PAY).status == 1
    assert chain.balance(TO) == 5


def test_a_used_nonce_is_an_error_if_the_node_lacks_the_hash(
    provider: FaultyProvider, chain: Chain, counting: CountingSigner
) -> None:
    provider.always("eth_sendRawTransaction", error(-32000, "nonce too low"))
    with pytest.raises(ChainError) as caught:
        chain.send(counting, **PAY)
    assert caught.value.code == "nonce-too-low"
    assert len(counting.asked) == 1


def test_no_answer_at_all_names_the_hash(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    provider.always("eth_sendRawTransaction", lost_request)
    with pytest.raises(PendingTransaction) as caught:
        chain.send(signer, **PAY)
    assert caught.value.code == "transaction-unknown"
    assert caught.value.transaction is not None
    assert caught.value.transaction.hex() in str(caught.value)
    assert provider.count("eth_sendRawTransaction") == 5


def test_lost_answers_do_not_hide_a_transaction_that_arrived(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    provider.plan("eth_sendRawTransaction", lost_answer, *[lost_request] * 4)
    assert chain.send(signer, **PAY).status == 1


def test_a_hash_of_something_else_is_not_believed(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    provider.always("eth_sendRawTransaction", result("0x" + "ab" * 32))
    with pytest.raises(PendingTransaction) as caught:
        chain.send(signer, **PAY)
    assert caught.value.code == "transaction-unknown"
    assert "ab" * 32 in caught.value.why
    assert "ab" * 32 not in caught.value.what


@pytest.mark.parametrize("found", [1, 10, 31338])
def test_a_wrong_chain_is_refused_before_anything_is_signed(
    provider: FaultyProvider, found: int
) -> None:
    provider.plan("eth_chainId", result(hex(found)))
    with pytest.raises(ChainError, match=f"chain {found}, not on chain 31337") as caught:
        Chain(provider, chain_id=31337)
    assert caught.value.code == "wrong-chain"
    assert [name for name, _ in provider.seen] == ["eth_chainId"]
    assert Chain(provider, chain_id=31337).chain_id == 31337


def test_the_chain_id_is_signed(chain: Chain, counting: CountingSigner) -> None:
    chain.send(counting, **PAY)
    chain.send(counting, **PAY, options=TxOptions(legacy=True))
    assert [fields["chainId"] for fields in counting.asked] == [31337, 31337]
    assert [fields.get("type") for fields in counting.asked] == [2, None]


def test_a_public_key_signs_on_no_other_chain(public_chain: Chain, signer: KeySigner) -> None:
    with pytest.raises(AccountError):
        public_chain.send(signer, **PAY)


# --- gas and fees


def test_fees_are_twice_the_base_fee_and_a_tip(
    public_chain: Chain, network: PublicNetwork, stranger: KeySigner
) -> None:
    public_chain.send(stranger, **PAY, options=TxOptions(wait=False))
    fields = network.sent()[0]
    assert fields["maxFeePerGas"] == 22 * GWEI
    assert fields["maxPriorityFeePerGas"] == 2 * GWEI
    assert fields["gas"] == 60_000
    assert fields["chainId"] == 1
    assert fields["nonce"] == 7


def test_everything_can_be_set_by_hand(
    public_chain: Chain, network: PublicNetwork, stranger: KeySigner
) -> None:
    options = TxOptions(
        gas_limit=77_000, gas_price=9 * GWEI, priority_gas_price=GWEI, nonce=3, wait=False
    )
    receipt = public_chain.send(stranger, **PAY, options=options)
    assert receipt.pending
    fields = network.sent()[0]
    assert fields["maxFeePerGas"] == 9 * GWEI
    assert fields["maxPriorityFeePerGas"] == GWEI
    assert fields["gas"] == 77_000
    assert fields["nonce"] == 3
    assert "eth_estimateGas" not in network.seen
    assert "eth_getTransactionCount" not in network.seen


def test_the_tip_is_no_more_than_the_price(public_chain: Chain, stranger: KeySigner) -> None:
    plan = public_chain.plan(stranger.address, **PAY, options=TxOptions(gas_price=GWEI))
    assert (plan.max_fee, plan.priority_fee) == (GWEI, GWEI)


def test_without_base_fees_the_price_is_paid(
    public_chain: Chain, network: PublicNetwork, stranger: KeySigner
) -> None:
    network.base_fee = None
    plan = public_chain.plan(stranger.address, **PAY)
    assert (plan.max_fee, plan.priority_fee) == (12 * GWEI, None)
    assert plan.max_cost == 60_000 * 12 * GWEI + 5
    plan = public_chain.plan(stranger.address, **PAY, options=TxOptions(gas_price=3))
    assert plan.max_fee == 3


def test_a_node_without_tips(network: PublicNetwork, stranger: KeySigner) -> None:
    provider = FaultyProvider(network)
    provider.always("eth_maxPriorityFeePerGas", error(-32601, "the method does not exist"))
    plan = Chain(provider, url="no tips").plan(stranger.address, **PAY)
    assert (plan.max_fee, plan.priority_fee) == (22 * GWEI, 2 * GWEI)


@pytest.mark.parametrize("method", ["eth_maxPriorityFeePerGas", "eth_gasPrice", "base fee"])
def test_a_node_cannot_make_one_pay_any_price(
    network: PublicNetwork, public_chain: Chain, stranger: KeySigner, method: str
) -> None:
    options = TxOptions(legacy=method == "eth_gasPrice")
    if method == "base fee":
        network.base_fee = MAX_SUGGESTED_FEE
    else:
        network.methods[method] = lambda: hex(MAX_SUGGESTED_FEE + 1)
    with pytest.raises(ChainError) as caught:
        public_chain.plan(stranger.address, **PAY, options=options)
    assert caught.value.code == "fee-too-high"
    by_hand = TxOptions(
        gas_price=MAX_SUGGESTED_FEE * 2,
        priority_gas_price=None if options.legacy else 1,
        legacy=options.legacy,
    )
    assert public_chain.plan(stranger.address, **PAY, options=by_hand)


@pytest.mark.parametrize(
    "options",
    [
        TxOptions(gas_price=1, priority_gas_price=2),
        TxOptions(legacy=True, priority_gas_price=2),
    ],
)
def test_fees_that_contradict_each_other(
    public_chain: Chain, stranger: KeySigner, options: TxOptions
) -> None:
    with pytest.raises(ChainError) as caught:
        public_chain.plan(stranger.address, **PAY, options=options)
    assert caught.value.code == "bad-fees"


@pytest.mark.parametrize(
    ("estimate", "gas"),
    [(21_000, 25_200), (21_001, 25_202), (1 << 24, 1 << 24), (14_000_000, 1 << 24), (5, 6)],
)
def test_gas_is_a_fifth_more_than_the_estimate(
    network: PublicNetwork, public_chain: Chain, stranger: KeySigner, estimate: int, gas: int
) -> None:
    network.methods["eth_estimateGas"] = lambda message: hex(estimate)
    assert public_chain.plan(stranger.address, **PAY).gas == gas


def test_an_estimate_above_the_limit_is_an_error(
    network: PublicNetwork, public_chain: Chain, stranger: KeySigner
) -> None:
    network.methods["eth_estimateGas"] = lambda message: hex((1 << 24) + 1)
    with pytest.raises(ChainError, match="16777217 gas is needed") as caught:
        public_chain.send(stranger, **PAY)
    assert caught.value.code == "gas-above-limit"
    assert not network.raw


def test_a_limit_above_the_limit_is_an_error(chain: Chain, counting: CountingSigner) -> None:
    with pytest.raises(ChainError, match="set to 16777217") as caught:
        chain.send(counting, **PAY, options=TxOptions(gas_limit=(1 << 24) + 1))
    assert caught.value.code == "gas-above-limit"
    assert not counting.asked


def test_more_gas_than_any_block_has(any_chain: Chain, signer: KeySigner) -> None:
    far = bytes.fromhex("5f63ffffffff52")  # PUSH0 PUSH4 MSTORE: four gigabytes of memory
    with pytest.raises(ChainError) as caught:
        any_chain.send(signer, to=None, data=far)
    assert caught.value.code in ("gas-above-limit", "reverted")


def test_a_poor_account(any_chain: Chain, stranger: KeySigner) -> None:
    for options in (TxOptions(), TxOptions(gas_limit=21_000)):
        with pytest.raises(ChainError) as caught:
            any_chain.send(stranger, **PAY, options=options)
        assert caught.value.code == "insufficient-funds"


def test_fees_that_the_node_finds_too_low(any_chain: Chain, signer: KeySigner) -> None:
    with pytest.raises(ChainError) as caught:
        any_chain.send(signer, **PAY, options=TxOptions(gas_price=1, gas_limit=21_000))
    assert caught.value.code == "transaction-underpriced"


def test_a_plan_sends_nothing(any_chain: Chain, signer: KeySigner) -> None:
    before = any_chain.block().number
    plan = any_chain.plan(signer.address, **PAY)
    assert plan.nonce == 0
    assert plan.gas == 25_200
    assert plan.max_cost == plan.gas * plan.max_fee + 5
    assert (plan.chain_id, plan.to, plan.sender) == (31337, TO, signer.address)
    assert any_chain.block().number == before


def test_a_node_that_refuses_to_execute_says_so(
    provider: FaultyProvider, chain: Chain, signer: KeySigner
) -> None:
    provider.plan("eth_estimateGas", error(3, "execution reverted", "0x"))
    with pytest.raises(Reverted):
        chain.send(signer, **PAY)
    provider.plan("eth_estimateGas", error(-32000, "gas required exceeds allowance (16777216)"))
    with pytest.raises(ChainError) as caught:
        chain.send(signer, **PAY)
    assert caught.value.code == "gas-above-limit"
    provider.plan("eth_estimateGas", error(-32000, "state is not available"))
    with pytest.raises(ChainError) as caught:
        chain.send(signer, **PAY)
    assert caught.value.code == "request-refused"
