"""The options of a chain: cast's names and variables, and which of two counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import pytest
from click.testing import CliRunner

from verifiable.cli.chain_options import (
    DEFAULT_URL,
    ChainFlags,
    SigningFlags,
    chain_options,
    registry_option,
    signing_options,
    wei_text,
)

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
VARIABLES = (
    "ETH_RPC_URL", "CHAIN", "ETH_TIMEOUT", "ETH_KEYSTORE", "ETH_KEYSTORE_ACCOUNT", "ETH_PASSWORD",
    "ETH_FROM", "ETH_GAS_LIMIT", "ETH_GAS_PRICE", "ETH_PRIORITY_GAS_PRICE",
)  # fmt: skip

Read = Callable[..., tuple[ChainFlags, SigningFlags]]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def read() -> Read:
    """Read a command line; a refused one raises what click would print."""
    found: list[Any] = []

    @click.command()
    @chain_options
    @signing_options
    @registry_option
    def command(chain: ChainFlags, signing: SigningFlags, registry: bytes | None) -> None:
        found.append((chain, signing, registry))

    def run(*arguments: str, **variables: str) -> Any:
        result = CliRunner().invoke(command, arguments, env=variables, standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return found[-1]

    return run


def test_defaults(read: Read) -> None:
    chain, signing, registry = read()
    assert (chain.url, chain.chain_id, chain.timeout_s) == (DEFAULT_URL, None, None)
    assert registry is None
    assert signing == SigningFlags(
        keystore=None,
        account=None,
        password_file=None,
        interactive=False,
        private_key=None,
        sender=None,
        unlocked=False,
        gas_limit=None,
        gas_price=None,
        priority_gas_price=None,
        nonce=None,
        legacy=False,
        confirmations=1,
        wait=True,
        dry_run=False,
        yes=False,
    )


def test_casts_variables(read: Read) -> None:
    variables = {
        "ETH_RPC_URL": "http://node.example",
        "CHAIN": "11155111",
        "ETH_TIMEOUT": "7",
        "ETH_KEYSTORE": "/keys/one",
        "ETH_PASSWORD": "/keys/password",
        "ETH_FROM": ADDRESS,
        "ETH_GAS_LIMIT": "100000",
        "ETH_GAS_PRICE": "30gwei",
        "ETH_PRIORITY_GAS_PRICE": "1000000000",
    }
    chain, signing, _ = read(**variables)
    assert (chain.url, chain.chain_id, chain.timeout_s) == ("http://node.example", 11155111, 7.0)
    assert str(signing.keystore) == "/keys/one"
    assert str(signing.password_file) == "/keys/password"
    assert signing.sender == bytes.fromhex(ADDRESS[2:])
    assert signing.gas_limit == 100_000
    assert (signing.gas_price, signing.priority_gas_price) == (30 * 10**9, 10**9)
    assert read(ETH_KEYSTORE_ACCOUNT="me")[1].account == "me"


def test_the_command_line_outdoes_the_environment(read: Read) -> None:
    chain, signing, _ = read(
        "-r", "local:", "-c", "sepolia", "--account", "me",
        ETH_RPC_URL="http://node.example", CHAIN="1", ETH_KEYSTORE="/keys/one",
    )  # fmt: skip
    assert (chain.url, chain.chain_id) == ("local:", 11155111)
    assert (signing.account, signing.keystore) == ("me", None)


@pytest.mark.parametrize(
    ("arguments", "variables", "told"),
    [
        (("--account", "a", "--private-key", KEY), {}, "--account and --private-key exclude"),
        (("-i", "--keystore", "k"), {}, "--keystore and --interactive exclude"),
        ((), {"ETH_KEYSTORE": "k", "ETH_KEYSTORE_ACCOUNT": "a"}, "exclude each other"),
        (("--unlocked",), {}, "--unlocked needs --from"),
        (("--async", "--confirmations", "2"), {}, "--confirmations has no meaning"),
        (("--legacy", "--priority-gas-price", "1"), {}, "have no --priority-gas-price"),
        (("--from", ADDRESS.replace("f39F", "f39f")), {}, "wrong checksum"),
        (("--from", "0x1234"), {}, "not an address"),
        (("--registry", "0x1234"), {}, "not an address"),
        (("--chain", "nowhere"), {}, "a chain id is needed"),
        (("--chain", "0"), {}, "a chain id is needed"),
        (("--chain", "٣"), {}, "a chain id is needed"),
        (("--gas-price", "much"), {}, "a number of wei"),
        (("--gas-price", "1 parsec"), {}, "a number of wei"),
        (("--gas-price", "-1"), {}, "a number of wei"),
        (("--gas-price", "0.5"), {}, "not a whole number of wei"),
        (("--gas-price", "0.0000000001gwei"), {}, "not a whole number of wei"),
        (("--gas-limit", "20999"), {}, "--gas-limit"),
        (("--nonce", "-1"), {}, "--nonce"),
        (("--confirmations", "0"), {}, "--confirmations"),
        (("--timeout", "0"), {}, "--timeout"),
    ],
)
def test_refused(
    read: Read, arguments: tuple[str, ...], variables: dict[str, str], told: str
) -> None:
    with pytest.raises(click.UsageError) as caught:
        read(*arguments, **variables)
    assert told in caught.value.format_message()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "wei"),
    [
        ("0", 0),
        ("1", 1),
        ("12wei", 12),
        ("30gwei", 30 * 10**9),
        ("1.5 gwei", 1_500_000_000),
        ("0.000000000000000001ether", 1),
        ("2ETH", 2 * 10**18),
        ("123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_amounts_are_exact(read: Read, text: str, wei: int) -> None:
    assert read("--gas-price", text)[1].gas_price == wei


@pytest.mark.parametrize(
    ("wei", "text"),
    [
        (0, "0 ether"),
        (1, "0.000000000000000001 ether"),
        (10**18, "1 ether"),
        (25 * 10**18, "25 ether"),
        (1_234_500_000_000_000_000, "1.2345 ether"),
        (123456789012345678901234567890, "123456789012.34567890123456789 ether"),
    ],
)
def test_amounts_for_people_are_exact(wei: int, text: str) -> None:
    assert wei_text(wei) == text


def test_keys_and_urls_are_not_shown(read: Read) -> None:
    chain, signing, _ = read("--private-key", KEY, "-r", "https://user:secret@node.example/abc")
    assert KEY not in repr(signing)
    assert KEY[2:] not in str(signing)
    assert "secret" not in repr(chain)
    assert "abc" not in repr(chain)
    assert signing.private_key == KEY
