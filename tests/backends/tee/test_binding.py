"""The digests that evidence binds: fixed vectors, an independent encoder, and what each covers."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from eth_abi import encode
from eth_account.messages import _hash_eip191_message, encode_typed_data

from verifiable.backends.tee.binding import (
    KEY_TAG,
    inference_digest,
    is_key_report_data,
    key_report_data,
    possession_digest,
    statement_report_data,
)
from verifiable.errors import InvalidInput
from verifiable.statement.hashing import ProgramRoot, TensorRoot, keccak
from verifiable.statement.statement import Statement

STATEMENT = Statement(
    program_root=ProgramRoot(b"\x11" * 32),
    input_root=TensorRoot(b"\x22" * 32),
    output_root=TensorRoot(b"\x33" * 32),
)
NONCE = bytes(range(32))
KEY = bytes(range(64))
ADDRESS = b"\xaa" * 20


def test_statement_vectors() -> None:
    assert statement_report_data(STATEMENT, NONCE, b"").hex() == (
        "337a3d585f3e1de8c1fa88991b217ac956177aaebcf8b1a762ab48fb73fb933b"
        "9fa64510b4d862ee8e9d2ba0c44ff05d02550f5ecf56bc914f41418f4186db85"
    )
    assert statement_report_data(STATEMENT, NONCE, KEY).hex() == (
        "f925dec0cbfa6e3c6336119768dec9695d52266b4115cc52852f56e2d66d803b"
        "f6e1d5f33039187e7fc4ff55140bbc7c84067510619322e5f137478eb1a78b94"
    )


def test_the_encoding_is_the_documented_one() -> None:
    def prefixed(data: bytes) -> bytes:
        return len(data).to_bytes(8, "little") + data

    expected = hashlib.sha512(
        prefixed(b"verifiable/tee/statement/v1")
        + prefixed(b"\x11" * 32 + b"\x22" * 32 + b"\x33" * 32 + bytes(32))
        + prefixed(b"")
        + prefixed(b"")
    ).digest()
    assert statement_report_data(STATEMENT, b"", b"") == expected


def test_every_part_of_a_statement_quote_is_bound() -> None:
    fields = ("program_root", "input_root", "output_root", "context")
    others = [replace(STATEMENT, **{name: b"\x77" * 32}) for name in fields]
    found = [statement_report_data(other, NONCE, KEY) for other in (STATEMENT, *others)]
    found += [
        statement_report_data(STATEMENT, b"", KEY),
        statement_report_data(STATEMENT, NONCE + b"\x00", KEY),
        statement_report_data(STATEMENT, NONCE, b""),
        statement_report_data(STATEMENT, NONCE, KEY[::-1]),
    ]
    assert len(set(found)) == len(found)


def test_bytes_cannot_move_between_nonce_and_key() -> None:
    assert statement_report_data(STATEMENT, KEY, b"") != statement_report_data(STATEMENT, b"", KEY)


def test_key_quotes_are_as_a_contract_encodes_them() -> None:
    label = keccak(b"verifiable/tee/key/v1")
    registry = b"\x44" * 20
    found = key_report_data(ADDRESS, chain_id=31337, registry=registry, challenge=NONCE)
    values = (label, 31337, "0x" + registry.hex(), "0x" + ADDRESS.hex(), NONCE)
    kinds = ("bytes32", "uint256", "address", "address", "bytes32")
    assert found == ADDRESS + b"VERIFIABLEK1" + keccak(encode(kinds, values))


def test_every_part_of_a_key_quote_is_bound() -> None:
    found = {
        key_report_data(ADDRESS, challenge=NONCE),
        key_report_data(b"\xab" * 20, challenge=NONCE),
        key_report_data(ADDRESS, challenge=bytes(32)),
        key_report_data(ADDRESS, chain_id=1, challenge=NONCE),
        key_report_data(ADDRESS, registry=b"\x01" * 20, challenge=NONCE),
    }
    assert len(found) == 5


def test_the_tag_keeps_the_two_kinds_apart() -> None:
    assert is_key_report_data(key_report_data(ADDRESS, challenge=NONCE))
    assert not is_key_report_data(statement_report_data(STATEMENT, NONCE, KEY))
    assert len(KEY_TAG) == 12


@pytest.mark.parametrize(
    ("domain", "types"),
    [
        ({}, []),
        (
            {"chainId": 10, "verifyingContract": "0x" + "44" * 20},
            [
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
        ),
    ],
)
def test_signed_digests_are_what_wallets_compute(
    domain: dict[str, object], types: list[dict[str, str]]
) -> None:
    names = ("programRoot", "inputRoot", "outputRoot", "context")
    document = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                *types,
            ],
            "Inference": [{"name": name, "type": "bytes32"} for name in names],
        },
        "primaryType": "Inference",
        "domain": {"name": "verifiable/tee", "version": "1", **domain},
        "message": {
            "programRoot": STATEMENT.program_root,
            "inputRoot": STATEMENT.input_root,
            "outputRoot": STATEMENT.output_root,
            "context": STATEMENT.context,
        },
    }
    place = {"chain_id": 10, "registry": b"\x44" * 20} if domain else {}
    signable = encode_typed_data(full_message=document)
    assert inference_digest(STATEMENT, **place) == _hash_eip191_message(signable)


def test_every_part_is_signed() -> None:
    fields = ("program_root", "input_root", "output_root", "context")
    others = [replace(STATEMENT, **{name: b"\x77" * 32}) for name in fields]
    assert len({inference_digest(item) for item in (STATEMENT, *others)}) == 5


REGISTRATION = {
    "chain_id": 10,
    "registry": b"\x44" * 20,
    "platform_id": b"\x55" * 32,
    "quote_digest": b"\x66" * 32,
    "deadline": 1_800_000_000,
}


def test_a_registration_is_signed_as_wallets_sign_it() -> None:
    members = {
        "key": "address",
        "platformId": "bytes32",
        "quoteDigest": "bytes32",
        "deadline": "uint64",
    }
    domain = {
        "name": "string",
        "version": "string",
        "chainId": "uint256",
        "verifyingContract": "address",
    }
    document = {
        "types": {
            "EIP712Domain": [{"name": name, "type": kind} for name, kind in domain.items()],
            "RegisterKey": [{"name": name, "type": kind} for name, kind in members.items()],
        },
        "primaryType": "RegisterKey",
        "domain": {
            "name": "verifiable/tee",
            "version": "1",
            "chainId": 10,
            "verifyingContract": "0x" + "44" * 20,
        },
        "message": {
            "key": "0x" + ADDRESS.hex(),
            "platformId": REGISTRATION["platform_id"],
            "quoteDigest": REGISTRATION["quote_digest"],
            "deadline": REGISTRATION["deadline"],
        },
    }
    signable = encode_typed_data(full_message=document)
    assert possession_digest(ADDRESS, **REGISTRATION) == _hash_eip191_message(signable)


@pytest.mark.parametrize(
    "changes",
    [
        {"address": bytes(19)},
        {"registry": bytes(21)},
        {"chain_id": 0},
        {"chain_id": 1 << 64},
        {"platform_id": bytes(31)},
        {"quote_digest": bytes(33)},
        {"deadline": -1},
        {"deadline": 1 << 64},
    ],
    ids=str,
)
def test_a_registration_of_wrong_lengths_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        possession_digest(**{"address": ADDRESS, **REGISTRATION, **changes})


@pytest.mark.parametrize(
    "call",
    [
        lambda: statement_report_data(STATEMENT, bytes(513), b""),
        lambda: statement_report_data(STATEMENT, b"", bytes(65)),
        lambda: key_report_data(bytes(19), challenge=NONCE),
        lambda: key_report_data(ADDRESS, challenge=bytes(31)),
        lambda: key_report_data(ADDRESS, registry=bytes(21), challenge=NONCE),
        lambda: key_report_data(ADDRESS, chain_id=-1, challenge=NONCE),
        lambda: inference_digest(STATEMENT, chain_id=1),
        lambda: inference_digest(STATEMENT, chain_id=1, registry=bytes(3)),
    ],
)
def test_wrong_lengths_are_refused(call) -> None:
    with pytest.raises(InvalidInput):
        call()
