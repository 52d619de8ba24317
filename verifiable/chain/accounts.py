"""Who signs: a keystore, a key, a development account, or the node itself.

A key lives in one object that signs and gives its address, and nothing else: it is in no text, no
error, and cannot be copied or pickled. Keys that everybody knows sign for development chains only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from verifiable.chain.addresses import checksummed
from verifiable.chain.keystore import (
    Keystore,
    check_address,
    foundry_keystore,
    read_keystore,
    readable_by_others,
)
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS, dev_key, is_dev_account
from verifiable.chain.signing import CURVE_ORDER, Signer, Transaction
from verifiable.errors import AccountError
from verifiable.recursion import recursion_limit_kept
from verifiable.statement.view import ADDRESS_BYTES, DEVELOPMENT_CHAIN_ID

__all__ = ["KeySigner", "Prompt", "SignerChoice", "UnlockedSigner", "parse_key", "signer_from"]

PASSWORD_BYTES = 4096

Prompt = Callable[[str], str]
"""Asks a person for a secret, without showing what is typed; takes what to ask for."""

_KEY = re.compile(r"(?:0x)?([0-9a-fA-F]{64})", re.ASCII)


class KeySigner:
    """Signs with a private key that it never gives away.

    Attributes:
        address: of the account, 20 bytes.
        unlocked: False: the node does not hold the key.
    """

    __slots__ = ("_address", "_key")

    def __init__(self, key: bytes) -> None:
        """Take a private key.

        Args:
            key: 32 bytes, see `parse_key`.

        Raises:
            AccountError: (`malformed-private-key`) it is not a key.
        """
        self._key = _checked_key(key)
        self._address = _address_of(self._key)

    @property
    def address(self) -> bytes:
        """The account's address."""
        return self._address

    @property
    def unlocked(self) -> bool:
        """The key is here and not with the node."""
        return False

    def sign(self, transaction: Transaction) -> bytes:
        """Sign a transaction.

        Returns:
            The raw transaction.

        Raises:
            AccountError: (`development-key`) the key is public knowledge and the chain is not a
                development chain; (`no-chain-id`) the transaction would count on every chain;
                (`cannot-sign`) a field of the transaction is wrong.
        """
        chain_id = transaction.get("chainId")
        if type(chain_id) is not int or chain_id < 1:
            raise AccountError(
                "a transaction without a chain's id is not signed",
                why="it could be repeated on every chain",
                code="no-chain-id",
            )
        refuse_development_key(self._address, chain_id)
        with recursion_limit_kept():
            from eth_account import Account

        raw, failure = b"", ""
        try:
            raw = bytes(Account.sign_transaction(dict(transaction), self._key).raw_transaction)
        except Exception as cause:  # of eth_account, eth_utils or rlp; none of them is documented
            failure = type(cause).__name__
        if failure:  # outside of the handler: frames of the cause hold the key
            raise AccountError(
                "the transaction cannot be signed",
                where=checksummed(self._address),
                why=f"one of its fields is wrong ({failure})",
                code="cannot-sign",
            )
        return raw

    def __repr__(self) -> str:
        return f"KeySigner({checksummed(self._address)})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a signer holds a private key and is neither copied nor pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a signer holds a private key and is neither copied nor pickled")


class UnlockedSigner:
    """An account whose key the node holds: the node signs what is sent to it.

    Attributes:
        address: of the account, 20 bytes.
        unlocked: True.
    """

    __slots__ = ("_address",)

    def __init__(self, address: bytes) -> None:
        if len(address) != ADDRESS_BYTES:
            raise AccountError("an account has an address of 20 bytes", code="no-account")
        self._address = address

    @property
    def address(self) -> bytes:
        """The account's address."""
        return self._address

    @property
    def unlocked(self) -> bool:
        """The node has the key."""
        return True

    def sign(self, transaction: Transaction) -> bytes:
        """Refuse: the key is not here.

        Raises:
            AccountError: `no-account`.
        """
        raise AccountError(
            "only the node can sign for this account",
            where=checksummed(self._address),
            hint="leave out --unlocked and name a keystore",
            code="no-account",
        )

    def __repr__(self) -> str:
        return f"UnlockedSigner({checksummed(self._address)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerChoice:
    """Who signs, and what the person who chose it should know, a sentence each."""

    signer: Signer
    notes: tuple[str, ...] = ()


def signer_from(
    *,
    chain_id: int,
    keystore: Path | None = None,
    account: str | None = None,
    password_file: Path | None = None,
    private_key: str | None = None,
    interactive: bool = False,
    unlocked: bool = False,
    sender: bytes | None = None,
    prompt: Prompt | None = None,
) -> SignerChoice:
    """Find who signs. Without any source, a development chain's own account does.

    Args:
        chain_id: of the chain for which will be signed.
        keystore: a V3 keystore file.
        account: the name of a keystore in `~/.foundry/keystores`.
        password_file: holds the keystore's password; line ends at its end do not count.
        private_key: in hex; the caller warns of keys on a command line.
        interactive: ask `prompt` for the private key.
        unlocked: the node signs for `sender`.
        sender: the address that must come out, 20 bytes; picks one of the development accounts.
        prompt: asks for a password or a key; None where nobody can be asked.

    Raises:
        AccountError: `several-accounts`, `no-account`, `no-such-keystore`, `malformed-keystore`,
            `no-password`, `wrong-password`, `malformed-private-key`, `development-key`,
            `sender-mismatch`.
    """
    given = {
        "a keystore file": keystore is not None,
        "an account's name": account is not None,
        "a private key": private_key is not None,
        "a key to be asked for": interactive,
        "an unlocked account": unlocked,
    }
    named = [name for name, present in given.items() if present]
    if len(named) > 1:
        raise AccountError(
            "more than one account is given to sign with",
            why=" and ".join(named),
            hint="leave all but one out",
            code="several-accounts",
        )
    notes: list[str] = []
    signer: Signer
    if unlocked:
        signer = _unlocked(sender)
    elif private_key is not None:
        signer = KeySigner(parse_key(private_key))
    elif interactive:
        if prompt is None:
            raise _nobody_to_ask("the private key")
        signer = KeySigner(parse_key(prompt("Private key")))
    elif keystore is not None or account is not None:
        path = keystore if account is None else foundry_keystore(account)
        signer = _from_keystore(Path(path or ""), password_file, prompt, notes)
    else:
        signer = _development(sender, chain_id)
        notes.append(f"signed by the development account {checksummed(signer.address)}")
    refuse_development_key(signer.address, chain_id)
    if sender is not None and signer.address != sender:
        raise AccountError(
            "the key is not that of the sender",
            why=f"it signs for {checksummed(signer.address)}, and {checksummed(sender)} is wanted",
            hint="correct --from (ETH_FROM), or use the other key",
            code="sender-mismatch",
        )
    return SignerChoice(signer=signer, notes=tuple(notes))


def parse_key(text: str) -> bytes:
    """Read a private key: 64 hex digits, `0x` before them or not.

    Raises:
        AccountError: (`malformed-private-key`) it is not one. The text is not shown.
    """
    found = _KEY.fullmatch(text.strip())
    if found is None:
        raise _malformed_key("it is not 64 hex digits")
    return _checked_key(bytes.fromhex(found[1]))


def refuse_development_key(address: bytes, chain_id: int) -> None:
    """Refuse an account whose key is public knowledge, but on a development chain.

    Raises:
        AccountError: `development-key`.
    """
    if chain_id != DEVELOPMENT_CHAIN_ID and is_dev_account(address):
        raise AccountError(
            "a development account signs for development chains only",
            where=checksummed(address),
            why=f"its key is public, and this chain has the id {chain_id}",
            hint="use an account of your own, and send nothing to this one",
            code="development-key",
        )


def _checked_key(key: bytes) -> bytes:
    if len(key) != 32 or not 0 < int.from_bytes(key, "big") < CURVE_ORDER:
        raise _malformed_key("it is not a number that the curve secp256k1 allows")
    return bytes(key)


def _malformed_key(why: str) -> AccountError:
    return AccountError(
        "this is not a private key",
        why=why,
        hint="it is not shown here; check that it was copied in full",
        code="malformed-private-key",
    )


def _address_of(key: bytes) -> bytes:
    with recursion_limit_kept():
        from eth_keys.datatypes import PrivateKey

    address: bytes = PrivateKey(key).public_key.to_canonical_address()
    return address


def _unlocked(sender: bytes | None) -> UnlockedSigner:
    if sender is None:
        raise AccountError(
            "it is not said which of the node's accounts signs",
            hint="name it by --from",
            code="no-account",
        )
    return UnlockedSigner(sender)


def _development(sender: bytes | None, chain_id: int) -> KeySigner:
    key = DEV_ACCOUNTS[0].private_key if sender is None else dev_key(sender)
    if chain_id != DEVELOPMENT_CHAIN_ID or key is None:
        raise AccountError(
            "there is no account to sign with",
            why="" if key is None else f"the chain of id {chain_id} has none of its own",
            hint="name a keystore by --keystore or --account",
            code="no-account",
        )
    return KeySigner(key)


def _from_keystore(
    path: Path, password_file: Path | None, prompt: Prompt | None, notes: list[str]
) -> KeySigner:
    keystore = read_keystore(path)
    if readable_by_others(path):
        notes.append(f"others may read the keystore {path}: chmod 600 it")
    if password_file is not None:
        password = _password_in(password_file)
        if readable_by_others(password_file):
            notes.append("others may read the password file: chmod 600 it")
    elif prompt is not None:
        password = prompt(f"Password of {path}")
    else:
        raise _nobody_to_ask("the keystore's password", where=keystore.where)
    return _opened(keystore, password)


def _opened(keystore: Keystore, password: str) -> KeySigner:
    signer = KeySigner(keystore.unlock(password))
    check_address(keystore, signer.address)
    return signer


def _password_in(path: Path) -> str:
    """The password in a file. The path is never shown: it may be the password itself."""
    password, why = "", ""
    try:
        with open(path, "rb") as stream:
            raw = stream.read(PASSWORD_BYTES + 1)
        password = raw.decode("utf-8").rstrip("\r\n")
        if len(raw) > PASSWORD_BYTES:
            why = f"it is larger than {PASSWORD_BYTES} bytes"
    except UnicodeDecodeError:
        why = "it is not UTF-8"
    except (OSError, ValueError) as cause:
        why = (getattr(cause, "strerror", None) or "the path cannot be used").lower()
    if why:
        raise AccountError(
            "the password file cannot be read",
            why=why,
            hint="--password-file and ETH_PASSWORD are the path of a file, not the password",
            code="no-password",
        )
    return password


def _nobody_to_ask(what: str, *, where: str = "") -> AccountError:
    return AccountError(
        f"nobody can be asked for {what}",
        where=where,
        why="there is no terminal",
        hint="give a file by --password-file (ETH_PASSWORD)",
        code="no-password",
    )
