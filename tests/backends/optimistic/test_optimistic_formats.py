"""Payload and key: one encoding, strict decoding, digests written again from the page."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiable.backends.optimistic.format import BACKEND_ID, VERSION, OptimisticKey, Payload
from verifiable.backends.optimistic.keys import key_of
from verifiable.backends.registry import get_backend
from verifiable.errors import MalformedFile, MalformedProof
from verifiable.statement.game import JudgeCode, Params, game_key
from verifiable.statement.hashing import keccak
from verifiable.statement.view import AssertionView

PAGE = (Path(__file__).parents[3] / "docs" / "formats" / "optimistic-payload.md").read_text()
EXAMPLE = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)[1])
PAYLOAD = Payload(
    chain_id=10, game=b"\x42" * 20, assertion_id=b"\x01" * 32, trace_root=b"\x02" * 32
)
KEY = OptimisticKey(
    version=VERSION, chain_id=10, game=b"\x42" * 20, code_hash=b"\x03" * 32, game_key=b"\x04" * 32
)


def canonical(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, sort_keys=True, separators=(",", ":")) + "\n").encode()


def test_example_of_the_page_is_the_payload() -> None:
    assert canonical(EXAMPLE) == PAYLOAD.encode()
    assert Payload.decode(canonical(EXAMPLE)) == PAYLOAD
    rows = re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.M)
    assert set(rows) == set(EXAMPLE) | set(KEY.to_key().fields)


def test_payload_says_where_to_read() -> None:
    place = get_backend(BACKEND_ID).place(PAYLOAD.encode())
    assert (place.chain_id, place.game, place.assertion_id) == (10, b"\x42" * 20, b"\x01" * 32)


@given(
    chain_id=st.integers(1, (1 << 63) - 1),
    game=st.binary(min_size=20, max_size=20),
    digests=st.binary(min_size=64, max_size=64),
)
def test_any_payload_is_read_back(chain_id: int, game: bytes, digests: bytes) -> None:
    payload = Payload(
        chain_id=chain_id, game=game, assertion_id=digests[:32], trace_root=digests[32:]
    )
    assert Payload.decode(payload.encode()) == payload


BROKEN = {
    "no format": {"format": None},
    "another format": {"format": EXAMPLE["format"].replace("v1", "v2")},
    "chain 0": {"chain_id": 0},
    "chain as text": {"chain_id": "10"},
    "a chain of 64 bits": {"chain_id": 1 << 63},
    "a short address": {"game": "0x42"},
    "capitals": {"game": "0x" + "AB" * 20},
    "no prefix": {"trace_root": "02" * 32},
    "a short digest": {"assertion_id": "0x" + "01" * 31},
    "a member too many": {"status": "final"},
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_payloads_are_refused(name: str) -> None:
    document = {key: value for key, value in (EXAMPLE | BROKEN[name]).items() if value is not None}
    with pytest.raises(MalformedProof):
        Payload.decode(canonical(document))


@pytest.mark.parametrize("name", EXAMPLE)
def test_each_member_is_needed(name: str) -> None:
    document = {key: value for key, value in EXAMPLE.items() if key != name}
    with pytest.raises(MalformedProof):
        Payload.decode(canonical(document))


def test_other_text_of_the_same_document_is_refused() -> None:
    for text in (
        json.dumps(EXAMPLE),
        canonical(EXAMPLE).decode().strip(),
        PAYLOAD.encode() + b"\n",
    ):
        data = text if isinstance(text, bytes) else text.encode()
        with pytest.raises(MalformedProof) as caught:
            Payload.decode(data)
        assert caught.value.code == "payload-not-canonical"
    with pytest.raises(MalformedProof):
        Payload.decode(canonical(EXAMPLE) + b" " * 5000)


def test_key_is_read_back_and_digests_what_the_page_says() -> None:
    key = KEY.to_key()
    assert OptimisticKey.from_fields(key.fields) == KEY
    assert get_backend(BACKEND_ID).decode_key(key.fields) == key
    assert key.digest == keccak(
        b"verifiable/optimistic-key/v1\x00"
        + b"\x05"
        + b"1.0.0"
        + (10).to_bytes(8, "big")
        + b"\x42" * 20
        + b"\x03" * 32
        + b"\x04" * 32
    )


def test_each_field_changes_the_digest() -> None:
    others: dict[str, Any] = {
        "version": "1.0.1", "chain_id": 11, "game": b"\x43" * 20, "code_hash": b"\x05" * 32,
        "game_key": b"\x05" * 32,
    }  # fmt: skip
    assert set(others) == set(KEY.to_key().fields)
    digests = {replace(KEY, **{name: value}).digest for name, value in others.items()}
    assert len(digests | {KEY.digest}) == 6


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", "1.0"),
        ("version", "1.0.0 "),
        ("chain_id", "010"),
        ("chain_id", "0"),
        ("chain_id", "0x0a"),
        ("chain_id", str(1 << 63)),
        ("chain_id", "٣"),
        ("game", "42" * 19),
        ("game", "AB" * 20),
        ("code_hash", "0x" + "03" * 31),
        ("game_key", "04" * 33),
        ("params", "1"),
    ],
)
def test_broken_keys_are_refused(name: str, value: str) -> None:
    with pytest.raises(MalformedFile) as caught:
        OptimisticKey.from_fields({**KEY.to_key().fields, name: value})
    assert caught.value.code == "malformed-key"


@pytest.mark.parametrize("name", KEY.to_key().fields)
def test_each_field_is_needed(name: str) -> None:
    fields = {key: value for key, value in KEY.to_key().fields.items() if key != name}
    with pytest.raises(MalformedFile):
        OptimisticKey.from_fields(fields)


PARAMS = Params(
    window=1, clock_a=2, clock_c=3, grace=4, max_moves=5, bond_a=6, bond_c=7, reward_bps=8,
    refund_bps=9, min_commit_age=10, gas_price_cap=11,
)  # fmt: skip
JUDGES = JudgeCode(judge=b"\x0a" * 32, router=b"\x0b" * 32, families=b"\x0c" * 32)


def test_game_key_is_over_program_code_and_rules() -> None:
    root = keccak(b"a program")
    words = b"".join(number.to_bytes(32, "big") for number in range(1, 12))
    assert game_key(root, JUDGES, PARAMS) == keccak(
        b"\x08" + root + b"\x0a" * 32 + b"\x0b" * 32 + b"\x0c" * 32 + keccak(words)
    )
    keys = {game_key(root, JUDGES, PARAMS), game_key(keccak(b"another"), JUDGES, PARAMS)}
    for name, number in asdict(PARAMS).items():
        keys.add(game_key(root, JUDGES, replace(PARAMS, **{name: number + 100})))
    for name in asdict(JUDGES):
        keys.add(game_key(root, replace(JUDGES, **{name: bytes(32)}), PARAMS))
    assert len(keys) == 2 + 11 + 3


def test_key_of_a_game_that_is_not_genuine_is_none() -> None:
    seen = AssertionView(
        game=b"\x42" * 20,
        code_hash=b"\x03" * 32,
        judges=JUDGES,
        params=PARAMS,
        assertion_id=bytes(32),
    )
    assert key_of(bytes(32), 10, seen) is not None
    for name in ("code_hash", "judges", "params"):
        assert key_of(bytes(32), 10, replace(seen, **{name: None})) is None


def test_longest_duration() -> None:
    assert PARAMS.longest_s == 1 + 2 + 3 + 5 * 4
