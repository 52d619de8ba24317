"""Secret keys at rest: keystores of EIP-2335 (version 4), as validators of Ethereum keep theirs.

The file is read and judged before the password is used: the costs of its key derivation come out
of the file, and absurd ones would take all memory or run for years.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import unicodedata
import uuid
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from verifiable.backends.quorum.curve import GROUP_ORDER, SECRET_BYTES, public_key_of
from verifiable.backends.quorum.points import G1_BYTES
from verifiable.errors import AccountError, MalformedFile, ResourceLimit
from verifiable.files import read_bytes
from verifiable.statement.strict_json import Field, decode_strict, encode_canonical

__all__ = ["QuorumKeystore", "lock_secret", "read_keystore", "write_private"]

_LIMIT_BYTES = 1 << 16
_SCRYPT = {"dklen": 32, "n": 1 << 18, "r": 8, "p": 1}
_MEMORY_BYTES = 512 << 20
_WORK = 1 << 24
_ROUNDS = 10_000_000
_AES_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QuorumKeystore:
    """A keystore that was read and is well-formed, still locked.

    Attributes:
        where: the file, for people.
        public_key: that the file names, compressed.
    """

    where: str
    public_key: bytes
    derivation: tuple[str, bytes, dict[str, int]]
    checksum: bytes
    initial_value: bytes
    ciphertext: bytes

    def unlock(self, password: str) -> int:
        """Decrypt the secret key. Takes about a second with usual settings.

        Raises:
            AccountError: `wrong-password`; `malformed-keystore` if the secret is another key's.
            MissingDependency: py-ecc is not installed.
        """
        key = _derived(password, *self.derivation)
        found = hashlib.sha256(key[16:32] + self.ciphertext).digest()
        if not hmac.compare_digest(found, self.checksum):
            raise AccountError(
                "the password does not open the keystore",
                where=self.where,
                hint="check that it is the password of this file, in full",
                code="wrong-password",
            )
        secret = int.from_bytes(_crypt(key[:16], self.initial_value, self.ciphertext), "big")
        if not 0 < secret < GROUP_ORDER or public_key_of(secret) != self.public_key:
            raise _bad(self.where, "its secret is not that of the public key in it")
        return secret


def lock_secret(secret: int, password: str, *, name: str = "") -> bytes:
    """The bytes of a keystore (scrypt, AES-128-CTR) that holds a secret key.

    Args:
        name: for people; goes into `description`.
    """
    salt, initial = secrets.token_bytes(32), secrets.token_bytes(_AES_BYTES)
    key = _derived(password, "scrypt", salt, _SCRYPT)
    ciphertext = _crypt(key[:16], initial, secret.to_bytes(SECRET_BYTES, "big"))
    checksum = hashlib.sha256(key[16:32] + ciphertext).hexdigest()
    return encode_canonical(
        {
            "crypto": {
                "kdf": {
                    "function": "scrypt",
                    "params": {**_SCRYPT, "salt": salt.hex()},
                    "message": "",
                },
                "checksum": {"function": "sha256", "params": {}, "message": checksum},
                "cipher": {
                    "function": "aes-128-ctr",
                    "params": {"iv": initial.hex()},
                    "message": ciphertext.hex(),
                },
            },
            "description": name,
            "pubkey": public_key_of(secret).hex(),
            "path": "",
            "uuid": str(uuid.uuid4()),
            "version": 4,
        }
    )


def read_keystore(path: str | os.PathLike[str]) -> QuorumKeystore:
    """Read a keystore file without its password.

    Raises:
        AccountError: (code `malformed-keystore`) it is none that can be opened here.
        MalformedFile, ResourceLimit: it cannot be read, is no strict JSON, or is far too large.
    """
    where = os.fspath(path)
    data = read_bytes(path, limit_bytes=_LIMIT_BYTES)
    root = decode_strict(data, limit_bytes=_LIMIT_BYTES, error=MalformedFile, name=where)
    found = root.object(
        ("crypto", "pubkey", "uuid", "version"), optional=("description", "path", "name")
    )
    if found["version"].integer() != 4:
        raise _bad(where, "its version is not 4")
    crypto = found["crypto"].object(("kdf", "checksum", "cipher"))
    parts = {name: item.object(("function", "params", "message")) for name, item in crypto.items()}
    if parts["checksum"]["function"].text() != "sha256":
        raise _bad(where, "its checksum is not SHA-256")
    if parts["cipher"]["function"].text() != "aes-128-ctr":
        raise _bad(where, "its cipher is not aes-128-ctr")
    cipher = parts["cipher"]["params"].object(("iv",))
    return QuorumKeystore(
        where=where,
        public_key=_hex(where, "pubkey", found["pubkey"], G1_BYTES),
        derivation=_derivation(where, parts["kdf"]),
        checksum=_hex(where, "checksum", parts["checksum"]["message"], 32),
        initial_value=_hex(where, "iv", cipher["iv"], _AES_BYTES),
        ciphertext=_hex(where, "ciphertext", parts["cipher"]["message"], SECRET_BYTES),
    )


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that its owner alone may read; never over one that is there.

    Raises:
        ResourceLimit: (code `unwritable-file`) it exists, or cannot be written.
    """
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with open(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as cause:
        raise ResourceLimit(
            "cannot write the file",
            where=str(path),
            why=cause.strerror or str(cause),
            hint="name a file that does not exist yet: a secret key is never overwritten",
            code="unwritable-file",
        ) from cause


def _derivation(where: str, kdf: dict[str, Field]) -> tuple[str, bytes, dict[str, int]]:
    function = kdf["function"].text()
    names = {"scrypt": ("dklen", "n", "r", "p"), "pbkdf2": ("dklen", "c")}.get(function)
    if names is None:
        raise _bad(where, "its key derivation is neither scrypt nor pbkdf2")
    extra = ("prf",) if function == "pbkdf2" else ()
    params = kdf["params"].object((*names, "salt", *extra))
    numbers = {name: params[name].integer(1, (1 << 31) - 1) for name in names}
    if numbers["dklen"] != 32:
        raise _bad(where, "its derived key is not of 32 bytes")
    if function == "scrypt":
        n, r, p = numbers["n"], numbers["r"], numbers["p"]
        if n < 2 or n & (n - 1) or n.bit_length() > 16 * r:
            raise _bad(where, "scrypt's n is not a power of two that its r allows")
        if 128 * n * r > _MEMORY_BYTES or n * r * p > _WORK:
            raise _bad(where, "its key derivation asks for more memory or time than any wallet")
    elif params["prf"].text() != "hmac-sha256":
        raise _bad(where, "its pbkdf2 is not over hmac-sha256")
    elif numbers["c"] > _ROUNDS:
        raise _bad(where, "its key derivation asks for more time than any wallet")
    return function, _hex(where, "salt", params["salt"], 32), numbers


def _derived(password: str, function: str, salt: bytes, numbers: dict[str, int]) -> bytes:
    text = unicodedata.normalize("NFKD", password)
    known = "".join(c for c in text if not (ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0))
    given = known.encode("utf-8", "surrogatepass")
    if function == "pbkdf2":
        return hashlib.pbkdf2_hmac("sha256", given, salt, numbers["c"], 32)
    return hashlib.scrypt(
        given,
        salt=salt,
        n=numbers["n"],
        r=numbers["r"],
        p=numbers["p"],
        maxmem=_MEMORY_BYTES + (64 << 20),
        dklen=32,
    )


def _crypt(key: bytes, initial_value: bytes, data: bytes) -> bytes:
    stream = Cipher(AES(key), CTR(initial_value)).encryptor()
    return stream.update(data) + stream.finalize()


def _hex(where: str, name: str, field: Field, size: int) -> bytes:
    try:
        value = bytes.fromhex(field.text().removeprefix("0x"))
    except ValueError:
        value = b""
    if len(value) != size:
        raise _bad(where, f"its {name} is not {size} bytes in hex")
    return value


def _bad(where: str, why: str) -> AccountError:
    return AccountError(
        "the file is not a keystore that can be opened",
        where=where,
        why=why,
        hint="make a new one by `verifiable quorum keygen`",
        code="malformed-keystore",
    )
