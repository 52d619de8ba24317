"""Chains that the client is tested on: the embedded one, with and without faults, and anvil."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.importorskip("web3", reason="the chain needs the extra `chain`")

from faulty_provider import FaultyProvider
from public_network import PublicNetwork

from verifiable.chain.accounts import KeySigner
from verifiable.chain.anvil import find_anvil
from verifiable.chain.client import Chain
from verifiable.chain.endpoint import open_chain
from verifiable.chain.local.chain import LocalChain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.chain.local.provider import LocalProvider
from verifiable.errors import ChainError


@pytest.fixture
def signer() -> KeySigner:
    return KeySigner(DEV_ACCOUNTS[0].private_key)


@pytest.fixture
def other_signer() -> KeySigner:
    return KeySigner(DEV_ACCOUNTS[1].private_key)


@pytest.fixture
def stranger() -> KeySigner:
    """An account with a key that nobody else knows."""
    return KeySigner(b"\x11" * 32)


@pytest.fixture
def provider() -> Iterator[FaultyProvider]:
    """The embedded chain behind a provider that can fail."""
    with LocalChain.open(None) as local:
        yield FaultyProvider(LocalProvider(local))


@pytest.fixture
def pauses() -> list[float]:
    """Seconds that the client would have waited."""
    return []


@pytest.fixture
def chain(provider: FaultyProvider, pauses: list[float]) -> Chain:
    """The client over `provider`; it does not wait, and notes how long it would have."""
    return Chain(provider, url="https://node.example", timeout_s=10.0, sleep=pauses.append)


@pytest.fixture(params=["local:", "anvil:"])
def any_chain(request: pytest.FixtureRequest) -> Iterator[Chain]:
    """The client on each development chain of this machine."""
    if request.param == "anvil:":
        try:
            find_anvil()
        except ChainError as cause:
            pytest.skip(f"anvil is not installed: {cause.code}")
    with open_chain(request.param) as chain:
        yield chain


@pytest.fixture
def network() -> PublicNetwork:
    return PublicNetwork()


@pytest.fixture
def public_chain(network: PublicNetwork, request: pytest.FixtureRequest) -> Chain:
    """The client on the made-up public network; nonces are remembered by the test's name."""
    return Chain(network, url=f"https://{request.node.name}", timeout_s=0.1)
