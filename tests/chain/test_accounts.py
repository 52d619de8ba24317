"""Every source of a signature, every refusal, and that no key or password shows anywhere."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from leaks import leaks_of

from verifiable.chain.accounts import (
    CURVE_ORDER,
    KeySigner,
    SignerChoice,
    UnlockedSigner,
    parse_key,
    signer_from,
)
from verifiable.chain.endpoint import open_chain
from verifiable.chain.keystore import read_keystore
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.chain.transaction import TxOptions
from verifiable.errors import AccountError

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
ADDRESS = bytes.fromhex("2c7536e3605d9c16a7a3d7b1898e529396a65c23")
PASSWORD = "Pa55w0rdMark3r"  # noqa: S105, a marker to look for
SECRETS = (KEY, KEY.upper(), str(int(KEY, 16)), repr(bytes.fromhex(KEY))[2:-1], PASSWORD)
PUBLIC = 1
DEVELOPMENT = 31337
TRANSACTION = {
    "chainId": PUBLIC,
    "nonce": 7,
    "gas": 21_000,
    "value": 5,
    "data": b"",
    "to": bytes(19) + b"\x01",
    "type": 2,
    "maxFeePerGas": 10,
    "maxPriorityFeePerGas": 1,
}

Change = Callable[[dict[str, Any]], None]


def keystore_of(key: str = KEY, *, kdf: str = "scrypt") -> dict[str, Any]:
    """A keystore as eth-account writes it, at the least cost."""
    made = Account.encrypt(key, PASSWORD, kdf=kdf, iterations=2 if kdf == "scrypt" else 1)
    return dict(made)


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    """A keystore file of the marker key."""
    return written(tmp_path / "key.json", keystore_of())


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    """A file with the marker password."""
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    return path


def written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    path.chmod(0o600)
    return path


def refusal(**given: Any) -> AccountError:
    """The error of a choice; checked for the markers on the way."""
    with pytest.raises(AccountError) as caught:
        signer_from(**{"chain_id": PUBLIC, **given})
    assert not leaks_of(caught.value, *SECRETS)
    return caught.value


# --- sources


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
def test_a_keystore_file(kdf: str, tmp_path: Path, password_file: Path) -> None:
    path = written(tmp_path / "key.json", keystore_of(kdf=kdf))
    choice = signer_from(chain_id=PUBLIC, keystore=path, password_file=password_file)
    assert choice.signer.address == ADDRESS
    assert not choice.signer.unlocked
    assert choice.notes == ()


def test_a_keystore_of_usual_cost(tmp_path: Path) -> None:
    path = written(tmp_path / "key.json", Account.encrypt(KEY, PASSWORD, kdf="scrypt"))
    choice = signer_from(chain_id=PUBLIC, keystore=path, prompt=lambda _: PASSWORD)
    assert choice.signer.address == ADDRESS


def test_a_foundry_account(
    tmp_path: Path, password_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".foundry" / "keystores"
    folder.mkdir(parents=True)
    content = keystore_of()
    del content["address"]  # Foundry's have none
    written(folder / "my key", content)
    choice = signer_from(chain_id=PUBLIC, account="my key", password_file=password_file)
    assert choice.signer.address == ADDRESS
    assert refusal(account="other", password_file=password_file).code == "no-such-keystore"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", "a\0b", "a\nb", KEY])
def test_names_that_lead_elsewhere(name: str) -> None:
    assert refusal(account=name).code == "no-such-keystore"


def test_old_keystores_with_capitals(tmp_path: Path) -> None:
    content = keystore_of()
    content["Crypto"] = content.pop("crypto")
    content["address"] = "0x" + content["address"].removeprefix("0x").upper()
    path = written(tmp_path / "key.json", content)
    choice = signer_from(chain_id=PUBLIC, keystore=path, prompt=lambda _: PASSWORD)
    assert choice.signer.address == ADDRESS


@pytest.mark.parametrize("text", [KEY, f"0x{KEY}", f" 0x{KEY.upper()}\n"])
def test_a_private_key(text: str) -> None:
    assert signer_from(chain_id=PUBLIC, private_key=text).signer.address == ADDRESS
    asked = []

    def prompt(what: str) -> str:
        asked.append(what)
        return text

    choice = signer_from(chain_id=PUBLIC, interactive=True, prompt=prompt)
    assert choice.signer.address == ADDRESS
    assert asked == ["Private key"]


def test_an_unlocked_account() -> None:
    signer = signer_from(chain_id=PUBLIC, unlocked=True, sender=ADDRESS).signer
    assert isinstance(signer, UnlockedSigner)
    assert signer.address == ADDRESS
    assert signer.unlocked
    with pytest.raises(AccountError) as caught:
        signer.sign(TRANSACTION)
    assert caught.value.code == "no-account"
    assert refusal(unlocked=True).code == "no-account"
    with pytest.raises(AccountError) as caught:
        UnlockedSigner(b"short")
    assert caught.value.code == "no-account"


def test_a_development_chain_has_accounts_of_its_own() -> None:
    choice = signer_from(chain_id=DEVELOPMENT)
    assert choice.signer.address == DEV_ACCOUNTS[0].address
    assert "development account" in choice.notes[0]
    for account in DEV_ACCOUNTS:
        chosen = signer_from(chain_id=DEVELOPMENT, sender=account.address).signer
        assert chosen.address == account.address
    assert refusal(chain_id=DEVELOPMENT, sender=ADDRESS).code == "no-account"
    assert refusal().code == "no-account"
    assert refusal(sender=DEV_ACCOUNTS[0].address).code == "no-account"


@pytest.mark.parametrize("account", DEV_ACCOUNTS)
def test_development_keys_sign_for_development_chains_only(account: Any, tmp_path: Path) -> None:
    key = account.private_key.hex()
    path = written(tmp_path / "key.json", keystore_of(key))
    ways: list[dict[str, Any]] = [
        {"private_key": key},
        {"interactive": True, "prompt": lambda _: key},
        {"keystore": path, "prompt": lambda _: PASSWORD},
        {"unlocked": True, "sender": account.address},
    ]
    for way in ways:
        assert signer_from(chain_id=DEVELOPMENT, **way).signer.address == account.address
        error = refusal(**way)
        assert error.code == "development-key"
        assert not leaks_of(error, key)
    signer = KeySigner(account.private_key)
    assert signer.sign({**TRANSACTION, "chainId": DEVELOPMENT})
    with pytest.raises(AccountError) as caught:
        signer.sign(TRANSACTION)
    assert caught.value.code == "development-key"


SOURCES: dict[str, Any] = {
    "keystore": Path("x"),
    "account": "x",
    "private_key": KEY,
    "interactive": True,
    "unlocked": True,
}


@pytest.mark.parametrize("one", SOURCES)
@pytest.mark.parametrize("other", SOURCES)
def test_one_source_only(one: str, other: str) -> None:
    if one < other:
        error = refusal(**{one: SOURCES[one], other: SOURCES[other]}, sender=ADDRESS)
        assert error.code == "several-accounts"
        assert " and " in error.why


def test_the_sender_must_be_the_key(keystore: Path, password_file: Path) -> None:
    signed_by = signer_from(chain_id=PUBLIC, private_key=KEY, sender=ADDRESS)
    assert signed_by.signer.address == ADDRESS
    assert refusal(private_key=KEY, sender=bytes(20)).code == "sender-mismatch"
    error = refusal(keystore=keystore, password_file=password_file, sender=bytes(20))
    assert error.code == "sender-mismatch"
    assert "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23" in error.why


# --- keys


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        KEY[:-1],
        KEY + "0",
        f"0X{KEY}",
        f"{KEY[:-1]}g",
        f"{KEY[:32]} {KEY[32:]}",
        KEY.replace("4", "\N{FULLWIDTH DIGIT FOUR}", 1),
        "0" * 64,
        f"{CURVE_ORDER:064x}",
        "f" * 64,
    ],
)
def test_malformed_private_keys(text: str) -> None:
    error = refusal(private_key=text)
    assert error.code == "malformed-private-key"
    assert not text or not leaks_of(error, text[:8] if len(text) > 8 else "\0")
    assert refusal(interactive=True, prompt=lambda _: text).code == "malformed-private-key"


def test_the_smallest_and_the_largest_key() -> None:
    for number in (1, CURVE_ORDER - 1):
        assert len(KeySigner(number.to_bytes(32, "big")).address) == 20
    for number in (0, CURVE_ORDER):
        with pytest.raises(AccountError):
            KeySigner(number.to_bytes(32, "big"))
    with pytest.raises(AccountError):
        KeySigner(b"\x01")


def test_a_signature_is_the_one_of_eth_account() -> None:
    signed = KeySigner(parse_key(KEY)).sign(TRANSACTION)
    assert signed == Account.sign_transaction(TRANSACTION, KEY).raw_transaction
    assert Account.recover_transaction(signed).lower() == f"0x{ADDRESS.hex()}"
    legacy = {k: v for k, v in TRANSACTION.items() if not k.startswith("max") and k != "type"}
    legacy["gasPrice"] = 10
    raw = KeySigner(parse_key(KEY)).sign(legacy)
    assert Account.recover_transaction(raw).lower() == f"0x{ADDRESS.hex()}"


@pytest.mark.parametrize("chain_id", [None, 0, -1, "1", True, 1.0])
def test_no_signature_without_a_chain(chain_id: object) -> None:
    with pytest.raises(AccountError) as caught:
        KeySigner(parse_key(KEY)).sign({**TRANSACTION, "chainId": chain_id})
    assert caught.value.code == "no-chain-id"


@pytest.mark.parametrize(
    "wrong", [{"nonce": -1}, {"gas": "many"}, {"to": b"short"}, {"unknown": 1}, {"value": None}]
)
def test_transactions_that_cannot_be_signed(wrong: dict[str, object]) -> None:
    with pytest.raises(AccountError) as caught:
        KeySigner(parse_key(KEY)).sign({**TRANSACTION, **wrong})
    assert caught.value.code == "cannot-sign"
    assert caught.value.__context__ is None
    assert not leaks_of(caught.value, *SECRETS)


def test_a_signer_shows_no_key_and_cannot_be_copied() -> None:
    signer = KeySigner(parse_key(KEY))
    choice = SignerChoice(signer=signer)
    for text in (repr(signer), str(signer), f"{signer}", repr(choice), repr([signer])):
        assert not any(secret in text for secret in SECRETS)
        assert "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23" in text
    assert not hasattr(signer, "__dict__")
    actions: list[Callable[[object], object]] = [copy.copy, copy.deepcopy, pickle.dumps]
    for action in actions:
        with pytest.raises(TypeError, match="neither copied nor pickled") as caught:
            action(signer)
        assert not leaks_of(caught.value, *SECRETS)
    for holder in (choice, [signer], {"signer": signer}):
        for action in actions[1:]:
            with pytest.raises(TypeError, match="neither copied nor pickled"):
                action(holder)
    with pytest.raises(TypeError):
        json.dumps(signer)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="neither copied nor pickled"):
            pickle.dumps(signer, protocol)


def test_logs_show_no_key(
    keystore: Path, password_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("test").debug("is captured")
    choice = signer_from(chain_id=PUBLIC, keystore=keystore, password_file=password_file)
    choice.signer.sign(TRANSACTION)
    refusal(keystore=keystore, prompt=lambda _: PASSWORD + "x")
    assert "is captured" in caplog.text
    assert not any(secret in caplog.text for secret in SECRETS)


# --- passwords


def test_wrong_passwords(keystore: Path) -> None:
    for wrong in ("", PASSWORD + " ", PASSWORD.lower(), f"\ud800{PASSWORD}"):
        error = refusal(keystore=keystore, prompt=lambda _, wrong=wrong: wrong)
        assert error.code == "wrong-password"
        assert error.__context__ is None


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_line_ends_do_not_count(end: str, keystore: Path, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes((PASSWORD + end).encode())
    choice = signer_from(chain_id=PUBLIC, keystore=keystore, password_file=path)
    assert choice.signer.address == ADDRESS


def test_spaces_of_a_password_count(tmp_path: Path) -> None:
    made = Account.encrypt(KEY, f" {PASSWORD}\tä ", kdf="pbkdf2", iterations=1)
    keystore = written(tmp_path / "key.json", made)
    path = tmp_path / "password"
    path.write_text(f" {PASSWORD}\tä \n", "utf-8")
    assert signer_from(chain_id=PUBLIC, keystore=keystore, password_file=path).signer.address
    path.write_text(f"{PASSWORD}\tä", "utf-8")
    assert refusal(keystore=keystore, password_file=path).code == "wrong-password"


def test_password_files_that_cannot_be_read(keystore: Path, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * 5000)
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff" + PASSWORD.encode())
    for path in (large, binary, tmp_path, Path(PASSWORD), Path("a\0" + PASSWORD)):
        error = refusal(keystore=keystore, password_file=path)
        assert error.code == "no-password"
        assert str(path) not in str(error)  # it may be the password itself


def test_nobody_can_be_asked(keystore: Path) -> None:
    assert refusal(keystore=keystore).code == "no-password"
    assert refusal(interactive=True).code == "no-password"


def test_a_refused_prompt_is_the_callers(keystore: Path) -> None:
    def prompt(_what: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        signer_from(chain_id=PUBLIC, keystore=keystore, prompt=prompt)


def test_files_that_others_may_read_are_told(keystore: Path, password_file: Path) -> None:
    keystore.chmod(0o644)
    password_file.chmod(0o640)
    choice = signer_from(chain_id=PUBLIC, keystore=keystore, password_file=password_file)
    assert len(choice.notes) == 2
    assert str(keystore) in choice.notes[0]
    assert "password file" in choice.notes[1]
    assert not any(secret in note for note in choice.notes for secret in SECRETS)


# --- keystore files


def _set(*path: str, value: object) -> Change:
    def change(content: dict[str, Any]) -> None:
        for name in path[:-1]:
            content = content[name]
        if value is ...:
            del content[path[-1]]
        else:
            content[path[-1]] = value

    return change


KDF = ("crypto", "kdfparams")


@pytest.mark.parametrize(
    "change",
    [
        _set("version", value=4),
        _set("version", value="3"),
        _set("version", value=True),
        _set("version", value=...),
        _set("crypto", value=...),
        _set("crypto", value=[]),
        _set("address", value=5),
        _set("address", value="0x12"),
        _set("address", value="11" * 20),
        _set("crypto", "cipher", value="aes-256-cbc"),
        _set("crypto", "cipher", value=...),
        _set("crypto", "cipherparams", value=None),
        _set("crypto", "cipherparams", "iv", value="00"),
        _set("crypto", "cipherparams", "iv", value="g" * 32),
        _set("crypto", "ciphertext", value="00" * 31),
        _set("crypto", "ciphertext", value="00" * 64),
        _set("crypto", "ciphertext", value=7),
        _set("crypto", "mac", value="00"),
        _set("crypto", "mac", value=...),
        _set("crypto", "kdf", value="argon2"),
        _set("crypto", "kdf", value=...),
        _set(*KDF, value=...),
        _set(*KDF, "salt", value=""),
        _set(*KDF, "salt", value="0"),
        _set(*KDF, "dklen", value=16),
        _set(*KDF, "dklen", value="32"),
        _set(*KDF, "n", value=0),
        _set(*KDF, "n", value=1),
        _set(*KDF, "n", value=3),
        _set(*KDF, "n", value=-2),
        _set(*KDF, "n", value=2.0),
        _set(*KDF, "n", value=True),
        _set(*KDF, "n", value=1 << 20),
        _set(*KDF, "n", value=1 << 62),
        _set(*KDF, "r", value=1 << 30),
        _set(*KDF, "r", value=0),
        _set(*KDF, "p", value=1 << 30),
        _set(*KDF, "p", value=...),
    ],
)
def test_malformed_keystores(change: Change, tmp_path: Path) -> None:
    content = keystore_of()
    change(content)
    path = written(tmp_path / "key.json", content)
    start = time.monotonic()
    error = refusal(keystore=path, prompt=lambda _: PASSWORD)
    assert error.code == "malformed-keystore"
    assert str(path) in str(error)
    assert time.monotonic() - start < 3


def test_a_scrypt_n_that_its_r_does_not_allow(tmp_path: Path) -> None:
    content = keystore_of()
    content["crypto"]["kdfparams"].update(n=1 << 16, r=1)
    path = written(tmp_path / "key.json", content)
    assert refusal(keystore=path, prompt=lambda _: PASSWORD).code == "malformed-keystore"


@pytest.mark.parametrize(
    "change",
    [
        _set(*KDF, "c", value=10_000_001),
        _set(*KDF, "c", value=0),
        _set(*KDF, "prf", value="hmac-sha1"),
        _set(*KDF, "prf", value=...),
    ],
)
def test_malformed_pbkdf2_keystores(change: Change, tmp_path: Path) -> None:
    content = keystore_of(kdf="pbkdf2")
    change(content)
    path = written(tmp_path / "key.json", content)
    assert refusal(keystore=path, prompt=lambda _: PASSWORD).code == "malformed-keystore"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff\xfe",
        b"[" * 60_000,
        b"{" + b" " * 70_000 + b"}",
        KEY.encode(),
    ],
)
def test_files_that_are_no_keystores(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(content)
    assert refusal(keystore=path, prompt=lambda _: PASSWORD).code == "malformed-keystore"


def test_keystores_that_are_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path, Path("a\0b"), Path(KEY), Path(f"0x{KEY}")):
        assert refusal(keystore=path, prompt=lambda _: PASSWORD).code == "no-such-keystore"


def test_a_tampered_key_is_a_wrong_password(tmp_path: Path) -> None:
    content = keystore_of()
    head = content["crypto"]["ciphertext"]
    content["crypto"]["ciphertext"] = f"{int(head[:2], 16) ^ 1:02x}{head[2:]}"
    path = written(tmp_path / "key.json", content)
    assert refusal(keystore=path, prompt=lambda _: PASSWORD).code == "wrong-password"


def test_a_locked_keystore_shows_its_path_only(keystore: Path) -> None:
    locked = read_keystore(keystore)
    assert repr(locked) == f"Keystore({str(keystore)!r})"
    assert locked.address == ADDRESS


# --- on a chain


def test_a_development_account_pays_on_the_embedded_chain() -> None:
    with open_chain("local:") as chain:
        signer = signer_from(chain_id=chain.chain_id).signer
        receipt = chain.send(
            signer, to=ADDRESS, data=b"", value=10**18, options=TxOptions(gas_limit=21_000)
        )
        assert receipt.status == 1
        own = signer_from(chain_id=chain.chain_id, private_key=KEY).signer
        assert chain.send(own, to=b"\x11" * 20, data=b"", value=1).status == 1
        unlocked = signer_from(
            chain_id=chain.chain_id, unlocked=True, sender=DEV_ACCOUNTS[1].address
        ).signer
        assert chain.send(unlocked, to=ADDRESS, data=b"", value=1).status == 1
        assert chain.balance(ADDRESS) < 10**18 + 1
