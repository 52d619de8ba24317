"""Opening V3 keystore files: the JSON in which wallets keep one key under a password.

The file is read and judged before the password is used: the costs of its key derivation come out
of the file, and absurd ones would take all memory or run for years.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from verifiable.chain.addresses import checksummed, parse_address
from verifiable.chain.json_text import read_json
from verifiable.errors import AccountError, InvalidInput
from verifiable.recursion import recursion_limit_kept

__all__ = ["Keystore", "foundry_keystore", "looks_secret", "read_keystore", "readable_by_others"]

KEYSTORE_BYTES = 1 << 16
KEY_BYTES = 32

SCRYPT_MEMORY_BYTES = 512 << 20
"""`128 * n * r`; wallets use 4 to 256 MiB."""

SCRYPT_WORK = 1 << 24
"""`n * r * p`: eight times what geth's standard setting costs, about ten seconds."""

PBKDF2_ROUNDS = 10_000_000

_HEX = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII | re.IGNORECASE)
_LIKE_KEY = re.compile(r"(?:0x)?[0-9a-f]{64}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Keystore:
    """A keystore file that was read and is well-formed, still locked.

    Attributes:
        where: the file, for people.
        address: that the file names, 20 bytes; None if it names none (Foundry's do not).
        fields: the JSON, in lower-case names.
    """

    where: str
    address: bytes | None
    fields: dict[str, Any]

    def __repr__(self) -> str:
        return f"Keystore({self.where!r})"

    def unlock(self, password: str) -> bytes:
        """Decrypt the key (32 bytes). Takes about a second with usual settings.

        Raises:
            AccountError: `wrong-password`.
        """
        with recursion_limit_kept():
            from eth_keyfile.keyfile import decode_keyfile_json

        key: bytes | None = None
        try:
            # it compares a keccak-256 over the ciphertext before it decrypts
            key = decode_keyfile_json(self.fields, password.encode("utf-8"))
        except ValueError:  # also UnicodeEncodeError, whose text quotes the password
            key = None
        if key is None:  # outside of the handler: its frames hold the password
            raise AccountError(
                "the password does not open the keystore",
                where=self.where,
                hint="check that it is the password of this file, in full",
                code="wrong-password",
            )
        return key


def foundry_keystore(name: str) -> Path:
    """The path of an account of `cast wallet list`; it need not exist.

    Raises:
        AccountError: (`no-such-keystore`) the name is no file's name.
    """
    if looks_secret(name):
        raise AccountError(
            "a private key stands where the name of an account belongs",
            hint="treat the key as published if this command line can be read by others",
            code="no-such-keystore",
        )
    if not name or name in (".", "..") or any(c in "/\\\0" or not c.isprintable() for c in name):
        raise AccountError(
            f"{name[:60]!r} is not the name of an account",
            why="it would lead out of ~/.foundry/keystores",
            hint="`cast wallet list` shows the names; for any other file use --keystore",
            code="no-such-keystore",
        )
    return Path(os.path.expanduser("~"), ".foundry", "keystores", name)


def looks_secret(text: str) -> bool:
    """Whether a text is a private key by its form, typed where something else belongs."""
    return _LIKE_KEY.fullmatch(text.strip()) is not None


def readable_by_others(path: Path) -> bool:
    """Whether the file's permissions let other users read it."""
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & 0o044)
    except OSError:
        return False


def read_keystore(path: Path) -> Keystore:
    """Read a keystore file without its password.

    Raises:
        AccountError: `no-such-keystore`; `malformed-keystore`, also for one whose key derivation
            would take more memory or time than any wallet asks for.
    """
    if looks_secret(path.name):
        raise AccountError(
            "a private key stands where the keystore's path belongs",
            hint="treat the key as published if this command line can be read by others",
            code="no-such-keystore",
        )
    where = str(path)
    raw, why = b"", ""
    try:
        with open(path, "rb") as stream:
            raw = stream.read(KEYSTORE_BYTES + 1)
    except (OSError, ValueError) as cause:  # ValueError: a null byte in the path
        why = (getattr(cause, "strerror", None) or "the path cannot be used").lower()
    if why:
        raise AccountError(
            "the keystore cannot be read", where=where, why=why, code="no-such-keystore"
        )
    if len(raw) > KEYSTORE_BYTES:
        _malformed(where, "it is far larger than a keystore")
    try:
        found = read_json(raw)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        _malformed(where, "it is not a JSON object")
    fields = _lower(found)
    version = fields.get("version")
    if type(version) is not int or version != 3:
        _malformed(where, "its version is not 3")
    _check_crypto(where, fields.get("crypto"))
    return Keystore(where=where, address=_address(where, fields.get("address")), fields=fields)


def _malformed(where: str, why: str) -> NoReturn:
    raise AccountError(
        "the file is not a keystore that can be opened",
        where=where,
        why=why,
        hint="make a new one, for instance by `cast wallet import` or `geth account new`",
        code="malformed-keystore",
    )


def _lower(value: dict[str, Any]) -> dict[str, Any]:
    """Names in lower case: some old wallets write `Crypto`."""
    return {
        name.lower(): _lower(item) if isinstance(item, dict) else item
        for name, item in value.items()
    }


def _address(where: str, value: object) -> bytes | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        _malformed(where, "its address is not a text")
    try:
        return parse_address("0x" + value.removeprefix("0x").lower())
    except InvalidInput:
        pass
    _malformed(where, "its address is not one")


def _check_crypto(where: str, crypto: object) -> None:
    if not isinstance(crypto, dict):
        _malformed(where, "it has no part `crypto`")
    if crypto.get("cipher") != "aes-128-ctr":
        _malformed(where, "its cipher is not aes-128-ctr")
    cipher = crypto.get("cipherparams")
    _hex(where, "initial value", cipher.get("iv") if isinstance(cipher, dict) else None, 16)
    _hex(where, "ciphertext", crypto.get("ciphertext"), KEY_BYTES)
    _hex(where, "check value", crypto.get("mac"), 32)
    parameters = crypto.get("kdfparams")
    if not isinstance(parameters, dict):
        _malformed(where, "it has no parameters of key derivation")
    _hex(where, "salt", parameters.get("salt"), None)
    if _number(where, parameters, "dklen") != 32:
        _malformed(where, "its derived key is not of 32 bytes")
    kdf = crypto.get("kdf")
    if kdf == "scrypt":
        n, r, p = (_number(where, parameters, name) for name in "nrp")
        if n < 2 or n & (n - 1) or n.bit_length() > 16 * r:
            _malformed(where, "scrypt's n is not a power of two that its r allows")
        if 128 * n * r > SCRYPT_MEMORY_BYTES or n * r * p > SCRYPT_WORK:
            _malformed(where, "its key derivation asks for more memory or time than any wallet")
    elif kdf == "pbkdf2":
        if parameters.get("prf") != "hmac-sha256":
            _malformed(where, "its pbkdf2 is not over hmac-sha256")
        if _number(where, parameters, "c") > PBKDF2_ROUNDS:
            _malformed(where, "its key derivation asks for more time than any wallet")
    else:
        _malformed(where, "its key derivation is neither scrypt nor pbkdf2")


def _number(where: str, parameters: dict[str, Any], name: str) -> int:
    value = parameters.get(name)
    if type(value) is not int or not 0 < value < 1 << 31:
        _malformed(where, f"its `{name}` is not a positive number")
    return value


def _hex(where: str, name: str, value: object, size: int | None) -> None:
    digits = value.removeprefix("0x") if isinstance(value, str) else ""
    if not digits or not _HEX.fullmatch(digits):
        _malformed(where, f"its {name} is not hex")
    if size is not None and len(digits) != 2 * size:
        _malformed(where, f"its {name} is not of {size} bytes")


def check_address(keystore: Keystore, address: bytes) -> None:
    """Refuse a file that names another account than its key's."""
    if keystore.address is not None and keystore.address != address:
        _malformed(keystore.where, f"its key is that of {checksummed(address)}, not as it says")
