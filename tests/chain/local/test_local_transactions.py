"""Signed transactions: one encoding each, and nothing but a refusal for all other bytes."""

from __future__ import annotations

from typing import Any

import pytest
import rlp
from eth_account import Account
from eth_keys.datatypes import PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from local_chain_kit import ALICE, ALICE_KEY, GWEI, NOBODY, legacy, signed

from verifiable.chain.local.dev_accounts import (
    DEV_ACCOUNTS,
    DEV_MNEMONIC,
    dev_key,
    is_dev_account,
)
from verifiable.chain.local.refusals import Refusal
from verifiable.chain.local.transactions import decode_transaction, read_transaction, sign

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
LISTED = [
    {"address": NOBODY, "storageKeys": ["0x" + "00" * 31 + "07", "0x" + "ff" * 32]},
    {"address": "0x" + "22" * 20, "storageKeys": []},
]

KINDS: dict[str, dict[str, Any]] = {
    "legacy": legacy(),
    "legacy creation": legacy(to=b"", data=b"\1\2\3"),
    "access list": {
        "type": 1,
        "maxFeePerGas": None,
        "maxPriorityFeePerGas": None,
        "gasPrice": 3 * GWEI,
        "accessList": LISTED,
    },
    "fee market": {"value": 5, "nonce": 300, "accessList": LISTED},
    "fee market creation": {"to": b"", "data": b"\0" * 100},
}


def raw_of(**fields: Any) -> bytes:
    return bytes.fromhex(signed(ALICE_KEY, **fields)[2:])


@pytest.mark.parametrize("kind", KINDS)
def test_decoding_agrees_with_eth_account_and_signing_gives_the_same_bytes(kind: str) -> None:
    raw = raw_of(**KINDS[kind])
    tx = decode_transaction(raw)
    assert "0x" + tx.sender.hex() == ALICE == Account.recover_transaction(raw).lower()
    assert sign(tx, ALICE_KEY) == tx
    assert tx.raw == raw
    fields = KINDS[kind]
    assert tx.nonce == fields.get("nonce", 0)
    assert tx.value == fields.get("value", 0)
    assert tx.data == fields.get("data", b"")
    assert tx.to == (None if "creation" in kind else bytes.fromhex(NOBODY[2:]))
    assert (tx.max_fee, tx.priority_fee) == {
        0: (10 * GWEI, 10 * GWEI),
        1: (3 * GWEI, 3 * GWEI),
        2: (10 * GWEI, GWEI),
    }[tx.kind]
    if "accessList" in fields:
        assert tx.access_list == (
            (bytes.fromhex(NOBODY[2:]), (7, 2**256 - 1)),
            (b"\x22" * 20, ()),
        )


def fields_of(raw: bytes) -> list[Any]:
    return list(rlp.decode(raw[1:]))


def typed(fields: list[Any]) -> bytes:
    return raw_of()[:1] + rlp.encode(fields)


def with_field(place: int, value: Any) -> bytes:
    fields = fields_of(raw_of(nonce=1, value=1))
    fields[place] = value
    return typed(fields)


def mirrored() -> bytes:
    """The same signature with `s` in the upper half: as good a proof of the same key."""
    fields = fields_of(raw_of())
    flipped = ORDER - int.from_bytes(fields[11], "big")
    parity = b"" if fields[9] else b"\1"
    return typed([*fields[:9], parity, fields[10], flipped])


def mirrored_legacy() -> bytes:
    fields = list(rlp.decode(raw_of(**legacy())))
    v = int.from_bytes(fields[6], "big")
    v += 1 if (v - 35) % 2 == 0 else -1
    return rlp.encode([*fields[:6], v, fields[7], ORDER - int.from_bytes(fields[8], "big")])


def legacy_with_v(v: int) -> bytes:
    fields = list(rlp.decode(raw_of(**legacy())))
    return rlp.encode([*fields[:6], v, *fields[7:]])


def no_curve_point() -> bytes:
    """An `r` that is no x coordinate."""
    return with_field(10, (5).to_bytes(1, "big"))


BAD_VRS = "invalid transaction v, r, s values"
MALFORMED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "typed transaction too short"),
    "a single byte": (b"\2", "rlp: "),
    "cut": (raw_of()[:-1], "rlp: "),
    "something behind": (raw_of() + b"\0", "rlp: "),
    "not a list": (b"\2" + rlp.encode(b"x" * 60), "rlp: expected List"),
    "field missing": (typed(fields_of(raw_of())[:-1]), "rlp: too few elements: 11, want 12"),
    "field too many": (typed([*fields_of(raw_of()), b""]), "rlp: too many elements: 13, want 12"),
    "length with a leading zero": (b"\2\xf9\0" + raw_of()[2:], "rlp: "),
    "nonce with a leading zero": (with_field(1, b"\0\1"), "rlp: non-canonical integer"),
    "nonce as a zero byte": (with_field(1, b"\0"), "rlp: non-canonical integer"),
    "nonce of 65 bits": (with_field(1, b"\1" * 9), "rlp: number of more than 64 bits"),
    "gas of 65 bits": (with_field(4, b"\1" * 9), "rlp: number of more than 64 bits"),
    "value of 257 bits": (with_field(6, b"\1" * 33), "rlp: number of more than 256 bits"),
    "fee of 257 bits": (with_field(3, b"\1" * 33), "rlp: number of more than 256 bits"),
    "nonce as a list": (with_field(1, []), "rlp: expected String, decoding field nonce"),
    "data as a list": (with_field(7, [b"a"]), "rlp: expected String, decoding field data"),
    "address of 19 bytes": (with_field(5, b"\1" * 19), "rlp: input string has a wrong size"),
    "access list as a string": (with_field(8, b""), "rlp: expected List"),
    "entry as a string": (with_field(8, [b"ab"]), "rlp: an entry of accessList"),
    "entry without slots": (with_field(8, [[b"\1" * 20]]), "rlp: an entry of accessList"),
    "slots as a string": (with_field(8, [[b"\1" * 20, b""]]), "rlp: an entry of accessList"),
    "slot of 31 bytes": (with_field(8, [[b"\1" * 20, [b"\1" * 31]]]), "rlp: accessList"),
    "slot as a list": (with_field(8, [[b"\1" * 20, [[]]]]), "rlp: expected String"),
    "listed address of 21 bytes": (with_field(8, [[b"\1" * 21, []]]), "rlp: accessList"),
    "parity of 2": (with_field(9, b"\2"), BAD_VRS),
    "r of zero": (with_field(10, b""), BAD_VRS),
    "r of the order": (with_field(10, ORDER.to_bytes(32, "big")), BAD_VRS),
    "s of zero": (with_field(11, b""), BAD_VRS),
    "s in the upper half": (mirrored(), BAD_VRS),
    "s in the upper half, legacy": (mirrored_legacy(), BAD_VRS),
    "legacy v of 29": (legacy_with_v(29), BAD_VRS),
    "legacy v of 0": (legacy_with_v(0), BAD_VRS),
    "legacy v of 27": (legacy_with_v(27), "only replay-protected (EIP-155)"),
    "r that is no point": (no_curve_point(), "invalid sender: invalid signature"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_bytes_are_refused(name: str) -> None:
    raw, message = MALFORMED[name]
    with pytest.raises(Refusal) as refusal:
        decode_transaction(raw)
    assert refusal.value.code == -32000
    assert refusal.value.message.startswith(message)


def test_the_mirrored_signature_is_of_the_same_key() -> None:
    """So the rule of the lower half is what refuses it, and nothing else."""
    tx = read_transaction(mirrored())
    honest = decode_transaction(raw_of())
    assert (tx.r, tx.s, tx.v) == (honest.r, ORDER - honest.s, 1 - honest.v)
    assert tx.hash != honest.hash


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(raw_of()) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_another_senders(place: int, change: int) -> None:
    raw = bytearray(raw_of())
    raw[place] ^= change
    assert sender_or_refusal(bytes(raw)) != ALICE


def sender_or_refusal(raw: bytes) -> str | int:
    try:
        return "0x" + decode_transaction(raw).sender.hex()
    except Refusal as refusal:
        return refusal.code


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([b"", b"\1", b"\2", b"\xc0", b"\xf8\x4e", b"\xff"]))
def test_any_bytes_give_a_transaction_or_a_refusal(tail: bytes, head: bytes) -> None:
    with pytest.raises(Refusal):
        decode_transaction(head + tail)


def test_deep_nesting_is_refused() -> None:
    nested: bytes = b"\xc0"
    for _ in range(3_000):
        nested = rlp.codec.length_prefix(len(nested), 0xC0) + nested
    with pytest.raises(Refusal) as refusal:
        decode_transaction(nested)
    assert refusal.value.message.startswith("rlp: ")


def test_development_accounts_are_those_of_the_mnemonic() -> None:
    Account.enable_unaudited_hdwallet_features()
    for index, known in enumerate(DEV_ACCOUNTS):
        derived = Account.from_mnemonic(DEV_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
        assert bytes.fromhex(derived.address[2:]) == known.address
        assert bytes(derived.key) == known.private_key == dev_key(known.address)
        assert PrivateKey(known.private_key).public_key.to_canonical_address() == known.address
        assert is_dev_account(known.address)
        assert known.private_key.hex() not in repr(known)
        assert repr(known.private_key) not in repr(known)
    assert len(DEV_ACCOUNTS) == 10
    assert not is_dev_account(bytes(20))
    assert dev_key(bytes(20)) is None
