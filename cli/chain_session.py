"""From the options of a chain to an open chain, and to who signs on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .chain_options import PRIVATE_KEY_VARIABLE, ChainFlags, SigningFlags
from .console import Console

if TYPE_CHECKING:
    from verifiable.chain.client import Chain
    from verifiable.chain.signing import Signer

__all__ = ["chosen_signer", "opened_chain"]


@contextmanager
def opened_chain(flags: ChainFlags, *, reading: bool = False) -> Iterator[Chain]:
    """Open the chain of the options for the length of the block.

    Args:
        flags: of `chain_options`.
        reading: the command only reads, so that a file which is not there is not made.

    Raises:
        MissingDependency: the extra `chain` is not installed.
        ChainError: there is no such chain, or it has another id.
    """
    from verifiable.chain.endpoint import open_chain

    limits = {} if flags.timeout_s is None else {"timeout_s": flags.timeout_s}
    with open_chain(
        flags.url, chain_id=flags.chain_id, anvil=flags.anvil, reading=reading, **limits
    ) as chain:
        yield chain


def chosen_signer(flags: SigningFlags, chain: Chain, console: Console) -> Signer:
    """Who signs on an open chain; asks for a password or a key where the options say so.

    Raises:
        AccountError: there is no such account, it cannot be opened, or it may not sign here.
    """
    from verifiable.chain.accounts import signer_from

    key = flags.private_key
    if key is not None:
        console.warn(
            "a private key on the command line is seen in the list of processes and kept by the "
            "shell; use a keystore (--account, --keystore)"
        )
    elif not (flags.keystore or flags.account or flags.interactive or flags.unlocked):
        key = os.environ.get(PRIVATE_KEY_VARIABLE) or None
    choice = signer_from(
        chain_id=chain.chain_id,
        keystore=None if flags.keystore is None else Path(flags.keystore),
        account=flags.account,
        password_file=flags.password_file,
        private_key=key,
        interactive=flags.interactive,
        unlocked=flags.unlocked,
        sender=flags.sender,
        prompt=_ask if sys.stdin.isatty() else None,
    )
    for note in choice.notes:
        console.say(note)
    return choice.signer


def _ask(what: str) -> str:
    """Ask for a secret on the terminal, without showing what is typed."""
    answer: str = click.prompt(what, hide_input=True, err=True)
    return answer
