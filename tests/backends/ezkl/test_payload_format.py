"""The bytes of the ezkl payload and key: strict both ways."""

from __future__ import annotations

from dataclasses import replace

import pytest

from verifiable.backends.ezkl.format import PAYLOAD_MAGIC, EzklKey, Payload
from verifiable.errors import MalformedFile, MalformedProof

SAMPLE = Payload(
    ezkl_version="23.0.5", s_g2=bytes(range(128)), proof=b"proof", settings=b"{}", vk=b"key"
)
KEY = EzklKey.of(
    vk=b"key",
    settings=b"{}",
    s_g2=bytes(range(128)),
    visibility="public",
    vka_digest=bytes(range(32)),
    proof_length=3072,
)


def test_a_payload_survives_the_round_trip() -> None:
    assert Payload.decode(SAMPLE.encode()) == SAMPLE


def test_ez_1_every_truncation_is_refused() -> None:
    data = SAMPLE.encode()
    for count in range(len(data)):
        with pytest.raises(MalformedProof) as caught:
            Payload.decode(data[:count])
        assert caught.value.code in ("payload-truncated", "payload-magic"), count


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (SAMPLE.encode() + b"\x00", "payload-trailing-bytes"),
        (b"VFEZ\x02" + SAMPLE.encode()[5:], "payload-magic"),
        (replace(SAMPLE, ezkl_version="23.0").encode(), "payload-version"),
        (replace(SAMPLE, ezkl_version="23.0.5\n").encode(), "payload-version"),
        (replace(SAMPLE, ezkl_version="").encode(), "payload-version"),
        (replace(SAMPLE, proof=b"").encode(), "payload-size"),
        (replace(SAMPLE, settings=b"").encode(), "payload-size"),
        (replace(SAMPLE, vk=b"").encode(), "payload-size"),
        (PAYLOAD_MAGIC + b"\x0623.0.5" + bytes(128) + b"\xff\xff\xff\xff", "payload-size"),
    ],
)
def test_ez_1_malformed_payloads_are_refused_with_their_code(data: bytes, code: str) -> None:
    with pytest.raises(MalformedProof) as caught:
        Payload.decode(data)
    assert caught.value.code == code
    assert caught.value.where.startswith("proof.payload, ")


def test_a_key_survives_the_fields_of_a_lock() -> None:
    assert EzklKey.from_fields(KEY.to_key().fields) == KEY
    assert KEY.to_key().digest == KEY.digest


def test_the_digest_of_a_key_covers_every_field() -> None:
    changed = [
        replace(KEY, ezkl_version="23.0.6"),
        replace(KEY, vk_sha256=bytes(32)),
        replace(KEY, settings_sha256=bytes(32)),
        replace(KEY, s_g2=bytes(128)),
        replace(KEY, visibility="hashed"),
        replace(KEY, vka_digest=bytes(32)),
        replace(KEY, proof_length=3104),
    ]
    assert len(changed) == len(KEY.to_key().fields)
    assert len({key.digest for key in (KEY, *changed)}) == 1 + len(changed)


@pytest.mark.parametrize(
    "change",
    [
        {"vk_sha256": None},
        {"extra": "1"},
        {"ezkl_version": "23"},
        {"vk_sha256": "AB" * 32},
        {"vk_sha256": "ab" * 31},
        {"s_g2": "0x" + "ab" * 127},
        {"visibility": "secret"},
        {"vka_digest": "0x" + "ab" * 31},
        {"vka_digest": None},
        {"proof_length": "0"},
        {"proof_length": "03072"},
        {"proof_length": "3072\n"},
        {"proof_length": str((4 << 20) + 1)},
    ],
)
def test_fields_that_are_not_canonical_are_refused(change: dict[str, str | None]) -> None:
    fields = {**KEY.to_key().fields, **change}
    present = {name: value for name, value in fields.items() if value is not None}
    with pytest.raises(MalformedFile) as caught:
        EzklKey.from_fields(present)
    assert caught.value.code == "malformed-key"
