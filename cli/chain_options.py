"""The options of commands that use a chain: cast's names, cast's environment variables.

Three groups: which node (`chain_options`), who signs (`signing_options`, which takes in the
transaction's own numbers), and which registry (`registry_option`). A key that is given here is
held in one dataclass that never shows it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from .options import FILE, Function

__all__ = [
    "DEFAULT_URL",
    "IN_MEMORY",
    "PRIVATE_KEY_VARIABLE",
    "ChainFlags",
    "SigningFlags",
    "account_options",
    "address",
    "chain_options",
    "given_options",
    "plainly",
    "registry_option",
    "signing_options",
    "wei_text",
]

DEFAULT_URL = "local:chain.db"
"""The chain of a project: a file in the working directory."""

IN_MEMORY = ("local:", "anvil:")
"""Chains that end with the command."""

PRIVATE_KEY_VARIABLE = "ETH_PRIVATE_KEY"
"""A key in the environment, which other processes of the user may read, but no shell history."""

_CHAINS = {
    "mainnet": 1,
    "optimism": 10,
    "polygon": 137,
    "base": 8453,
    "anvil": 31337,
    "local": 31337,
    "arbitrum": 42161,
    "base-sepolia": 84532,
    "hoodi": 560048,
    "sepolia": 11155111,
}
_UNITS = {"": 0, "wei": 0, "kwei": 3, "mwei": 6, "gwei": 9, "ether": 18, "eth": 18}
_AMOUNT = re.compile(r"(\d{1,40}(?:\.\d{1,18})?) ?([a-z]*)", re.ASCII)
_SOURCES = {
    "keystore": "--keystore",
    "account": "--account",
    "interactive": "--interactive",
    "private_key": "--private-key",
    "unlocked": "--unlocked",
}
"""By parameter the options that say where the signature comes from; at most one counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFlags:
    """Which node to ask.

    Attributes:
        url: as it was given; it may hold secrets, so it is for opening the chain only.
        chain_id: the chain that the node must be of; None for any.
        timeout_s: seconds that a transaction may take to be included; None for the default.
        anvil: the executable behind `anvil:`; None: where it is usually found.
    """

    url: str = field(repr=False)
    chain_id: int | None
    timeout_s: float | None
    anvil: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningFlags:
    """Who signs, and the numbers of the transaction; amounts in wei.

    Attributes:
        keystore: a keystore file (version 3).
        account: the name of a keystore in Foundry's folder.
        password_file: holds the keystore's password; without it, it is asked for.
        interactive: ask for the key itself.
        private_key: the key in hex.
        sender: the address that the key must have; picks one among development or unlocked
            accounts.
        unlocked: the node signs for `sender`.
        wait: False for `--async`.
        dry_run: only say what would be sent.
        yes: do not ask before spending.
    """

    keystore: Path | None
    account: str | None
    password_file: Path | None
    interactive: bool
    private_key: str | None = field(repr=False)
    sender: bytes | None
    unlocked: bool
    gas_limit: int | None
    gas_price: int | None
    priority_gas_price: int | None
    nonce: int | None
    legacy: bool
    confirmations: int
    wait: bool
    dry_run: bool
    yes: bool


def address(ctx: click.Context, parameter: click.Parameter, value: str | None) -> bytes | None:
    """Read an address, its checksum included where it has one (a callback of options)."""
    if value is None:
        return None
    from verifiable.chain.addresses import parse_address
    from verifiable.errors import InvalidInput

    try:
        return parse_address(value)
    except InvalidInput as error:
        raise click.BadParameter(str(error), ctx, parameter) from error


def wei_text(wei: int) -> str:
    """An amount for people, in ether."""
    whole, rest = divmod(wei, 10**18)
    return f"{whole}{f'.{rest:018d}'.rstrip('0') if rest else ''} ether"


def _wei(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """Read `30000000000` or `30gwei`."""
    if value is None:
        return None
    found = _AMOUNT.fullmatch(value.strip().lower())
    if not found or found[2] not in _UNITS:
        raise click.BadParameter("a number of wei, or one such as 30gwei", ctx, parameter)
    whole, _, fraction = found[1].partition(".")
    fraction = fraction.rstrip("0")
    digits = _UNITS[found[2]]
    if len(fraction) > digits:
        raise click.BadParameter("this is not a whole number of wei", ctx, parameter)
    return int(whole + fraction.ljust(digits, "0"))


def _chain_id(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """Read a chain id in decimal, or one of the names that are known."""
    if value is None:
        return None
    if value.lower() in _CHAINS:
        return _CHAINS[value.lower()]
    if not re.fullmatch(r"[1-9]\d{0,18}", value, re.ASCII):
        known = ", ".join(_CHAINS)
        raise click.BadParameter(f"a chain id is needed, or one of: {known}", ctx, parameter)
    return int(value)


def _names_of(option: Function) -> set[str]:
    """The spellings of an option that has not been added to a command yet."""

    def probe() -> None:
        """Takes the option, and is never called."""

    (parameter,) = getattr(option(probe), "__click_params__", [])
    return set(parameter.opts)


_NODE = (
    click.option(
        "-r",
        "--rpc-url",
        "url",
        default=DEFAULT_URL,
        show_default=True,
        envvar="ETH_RPC_URL",
        show_envvar=True,
        help="The node: `local:` or `local:FILE` (embedded), `anvil:`, http(s), ws(s), or an IPC "
        "path.",
    ),
    click.option(
        "-c",
        "--chain",
        "chain_id",
        callback=_chain_id,
        envvar="CHAIN",
        show_envvar=True,
        metavar="ID",
        help="The chain that the node must be of: an id, or a name such as sepolia.",
    ),
    click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(min=0, min_open=True),
        envvar="ETH_TIMEOUT",
        show_envvar=True,
        help="Seconds to wait for a transaction to be included.",
    ),
    click.option("--anvil", type=FILE, help="The executable for `anvil:`, if not on PATH."),
)
_SIGNING = (
    click.option(
        "--keystore",
        type=FILE,
        envvar="ETH_KEYSTORE",
        show_envvar=True,
        help="Sign with this keystore file.",
    ),
    click.option(
        "--account",
        envvar="ETH_KEYSTORE_ACCOUNT",
        show_envvar=True,
        metavar="NAME",
        help="Sign with this keystore of ~/.foundry/keystores.",
    ),
    click.option(
        "--password-file",
        type=FILE,
        envvar="ETH_PASSWORD",
        show_envvar=True,
        help="File with the keystore's password; asked for without it.",
    ),
    click.option("-i", "--interactive", is_flag=True, help="Ask for the private key."),
    click.option(
        "--private-key",
        metavar="KEY",
        help="Sign with this key. Others on this machine can read it here: prefer a keystore.",
    ),
    click.option(
        "--from",
        "sender",
        callback=address,
        envvar="ETH_FROM",
        show_envvar=True,
        metavar="ADDRESS",
        help="The address that signs: the key must have it.",
    ),
    click.option("--unlocked", is_flag=True, help="Let the node sign, for the account of --from."),
    click.option(
        "--gas-limit",
        type=click.IntRange(min=21_000),
        envvar="ETH_GAS_LIMIT",
        show_envvar=True,
        help="Units of gas, instead of the estimate.",
    ),
    click.option(
        "--gas-price",
        callback=_wei,
        envvar="ETH_GAS_PRICE",
        show_envvar=True,
        metavar="WEI",
        help="The most that a unit of gas may cost; 30gwei is understood too.",
    ),
    click.option(
        "--priority-gas-price",
        callback=_wei,
        envvar="ETH_PRIORITY_GAS_PRICE",
        show_envvar=True,
        metavar="WEI",
        help="The tip for a unit of gas.",
    ),
    click.option("--nonce", type=click.IntRange(min=0), help="Instead of the account's next."),
    click.option("--legacy", is_flag=True, help="Send a transaction without EIP-1559 fees."),
    click.option(
        "--confirmations",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Blocks to wait for, the transaction's own included.",
    ),
    click.option("--async", "no_wait", is_flag=True, help="Print the last hash and leave."),
    click.option("--dry-run", is_flag=True, help="Say what would be sent and cost; send nothing."),
    click.option("-y", "--yes", is_flag=True, help="Do not ask before spending."),
)
_OF_ONE_TRANSACTION = {
    "--gas-limit",
    "--nonce",
    "--legacy",
    "--confirmations",
    "--async",
    "--dry-run",
}
_ACCOUNT = tuple(option for option in _SIGNING if not _names_of(option) & _OF_ONE_TRANSACTION)
registry_option = click.option(
    "--registry",
    callback=address,
    metavar="ADDRESS",
    help="The model registry's contract, instead of the one of its canonical address.",
)


def chain_options(function: Function) -> Function:
    """Add the options of the node, and pass them as `chain`."""
    return _collected(function, name="chain", options=_NODE, build=ChainFlags)


def signing_options(function: Function) -> Function:
    """Add the options of who signs and of the transaction, and pass them as `signing`."""
    return _collected(function, name="signing", options=_SIGNING, build=_signing_flags)


def account_options(function: Function) -> Function:
    """Add the options of who signs and pays, without those of one transaction; as `signing`."""
    return _collected(function, name="signing", options=_ACCOUNT, build=_account_flags)


def plainly(decorator: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """A group of options that reads no environment variables.

    For commands that need no chain as a rule: what somebody set for other tools must not stop
    them.
    """

    def add(function: Function) -> Function:
        before = _parameters_of(function)
        decorated = decorator(function)
        for parameter in getattr(decorated, "__click_params__", []):
            if parameter.name not in before:
                parameter.envvar = None
                parameter.show_envvar = False
        return decorated

    return add


def given_options(*decorators: Callable[[Function], Function]) -> list[str]:
    """Which options of groups are on the command line of the running command.

    Args:
        decorators: groups, such as `chain_options`.
    """
    ctx = click.get_current_context()
    names: set[str] = set()
    for decorator in decorators:

        def probe() -> None:
            """Takes the group's options, and is never called."""

        names |= _parameters_of(decorator(probe))
    return [
        parameter.opts[-1]
        for parameter in ctx.command.params
        if parameter.name in names
        and ctx.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]


def _collected(
    function: Function, *, name: str, options: tuple[Any, ...], build: Callable[..., object]
) -> Function:
    """Wrap a command so that some of its options come as one argument."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kw: Any) -> Any:
        given = {key: kw.pop(key) for key in names}
        return function(*args, **{name: build(**given)}, **kw)

    before = _parameters_of(function)
    decorated: Function = wrapper
    for option in reversed(options):
        decorated = option(decorated)
    names = _parameters_of(decorated) - before
    return decorated


def _parameters_of(function: Function) -> set[str]:
    """Names of the parameters that click's decorators have left on a function so far."""
    return {parameter.name for parameter in getattr(function, "__click_params__", [])}


def _account_flags(**given: Any) -> SigningFlags:
    """Flags of who signs; each transaction is as usual.

    Raises:
        click.UsageError: see `_signing_flags`.
    """
    return _signing_flags(
        no_wait=False,
        gas_limit=None,
        nonce=None,
        legacy=False,
        confirmations=1,
        dry_run=False,
        **given,
    )


def _signing_flags(*, no_wait: bool, **given: Any) -> SigningFlags:
    """Leave at most one source of the signature; the command line outdoes the environment.

    Raises:
        click.UsageError: two are given in one place, or an option lacks what it needs.
    """
    ctx = click.get_current_context()
    sources = [name for name in _SOURCES if given[name]]
    written = [
        name for name in sources if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    chosen = written or sources
    if len(chosen) > 1:
        told = " and ".join(_SOURCES[name] for name in chosen)
        raise click.UsageError(f"{told} exclude each other: one account signs")
    for name in set(sources) - set(chosen):
        given[name] = None
    if given["unlocked"] and given["sender"] is None:
        raise click.UsageError("--unlocked needs --from: the account for which the node signs")
    if no_wait and ctx.get_parameter_source("confirmations") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--async waits for nothing, so --confirmations has no meaning")
    if given["legacy"] and given["priority_gas_price"] is not None:
        raise click.UsageError("--legacy transactions have no --priority-gas-price")
    return SigningFlags(wait=not no_wait, **given)
