"""The strict decoder of CBOR against another implementation, and at each of its guards."""

from __future__ import annotations

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiable.backends.tee.cose import ES384, Sign1, decode_cbor
from verifiable.backends.tee.simulator.seeds import Seed, sign_raw
from verifiable.errors import MalformedProof

KEY = Seed(value=b"a seed for tests of signed messages").p384("cose")
LEAVES = st.none() | st.integers(-(1 << 64), (1 << 64) - 1) | st.binary() | st.text()
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=9) | st.integers(0, 99), inner, max_size=5)
    ),
    max_leaves=12,
)


def depth_of(value: object) -> int:
    inner = value if isinstance(value, list) else []
    if isinstance(value, dict):
        inner = value.values()
    return 1 + max((depth_of(item) for item in inner), default=-1)


def message(payload: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    signed = cbor2.dumps(["Signature1", ES384, b"", payload])
    return cbor2.dumps([ES384, {}, payload, sign_raw(key, signed)])


def refusal(data: bytes) -> MalformedProof:
    with pytest.raises(MalformedProof) as caught:
        decode_cbor(data)
    return caught.value


@given(VALUES)
@settings(deadline=1000)
def test_what_another_encoder_writes_is_read_as_it_was(value: object) -> None:
    data = cbor2.dumps(value)
    if depth_of(value) > 4:
        assert "deep" in refusal(data).what
    else:
        assert decode_cbor(data) == value


@given(st.binary(max_size=64))
@settings(deadline=1000, max_examples=500)
def test_what_is_read_is_what_another_decoder_reads(data: bytes) -> None:
    try:
        value = decode_cbor(data)
    except MalformedProof:
        return
    assert cbor2.loads(data) == value


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "ends too early"),
        ("42ff", "ends too early"),
        ("1817", "shortest form"),
        ("1900ff", "shortest form"),
        ("1a0000ffff", "shortest form"),
        ("1b00000000ffffffff", "shortest form"),
        ("5801", "shortest form"),
        ("5f4100ff", "where a value starts"),
        ("7f6161ff", "where a value starts"),
        ("1c", "where a value starts"),
        ("f4", "where a value starts"),
        ("f7", "where a value starts"),
        ("f90000", "where a value starts"),
        ("c100", "where a value starts"),
        ("ff", "where a value starts"),
        ("61ff", "UTF-8"),
        ("a2000000f6", "occurs twice"),
        ("bf00000001ff", "occurs twice"),
        ("a14000", "neither a number nor text"),
        ("a1f600", "neither a number nor text"),
        ("a18000", "neither a number nor text"),
        ("bf00ff", "where a value starts"),
        ("818181818180", "too deep"),
        ("9f9f9f9f9f9f", "too deep"),
        ("990101", "more than 256"),
        ("b90101", "more than 256"),
        ("9f" + "00" * 257 + "ff", "more than 256"),
        ("5bffffffffffffffff", "ends too early"),
    ],
)
def test_each_guard_refuses_what_it_is_for(data: str, why: str) -> None:
    refused = refusal(bytes.fromhex(data))
    assert why in refused.what
    assert refused.code == "evidence-malformed"


@pytest.mark.parametrize("data", ["0000", "f6f6", "8000", "a0ff"])
def test_nothing_follows_a_value(data: str) -> None:
    assert refusal(bytes.fromhex(data)).code == "trailing-bytes"


@pytest.mark.parametrize("size", [0, 23, 24, 255, 256, 5000])
def test_a_message_is_signed_over_its_payload_as_received(size: int) -> None:
    payload = bytes(size)
    found = Sign1.decode(message(payload))
    assert found.payload == payload
    assert found.signed_bytes == cbor2.dumps(["Signature1", ES384, b"", payload])
    assert found.is_signed_by(KEY.public_key())
    other = Seed(value=b"another seed for tests of messages").p384("cose")
    assert not found.is_signed_by(other.public_key())


@pytest.mark.parametrize("signature", [bytes(96), b"\xff" * 96, b"\0" * 95 + b"\1"])
def test_numbers_out_of_range_are_no_signature(signature: bytes) -> None:
    assert not Sign1(payload=b"", signature=signature).is_signed_by(KEY.public_key())


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([ES384, {}, b"", bytes(95)], "evidence-malformed"),
        ([ES384, {}, b"", "r and s"], "evidence-malformed"),
        ([ES384, {}, None, bytes(96)], "evidence-malformed"),
        ([ES384, {1: -35}, b"", bytes(96)], "unsupported-evidence"),
        ([ES384, None, b"", bytes(96)], "unsupported-evidence"),
        ([b"", {}, b"", bytes(96)], "unsupported-evidence"),
        ([bytes.fromhex("a10126"), {}, b"", bytes(96)], "unsupported-evidence"),
        ([{1: -35}, {}, b"", bytes(96)], "unsupported-evidence"),
        ([ES384, {}, b""], "evidence-malformed"),
        ({}, "evidence-malformed"),
    ],
)
def test_other_messages_are_refused(parts: object, code: str) -> None:
    with pytest.raises(MalformedProof) as caught:
        Sign1.decode(cbor2.dumps(parts))
    assert caught.value.code == code


def test_the_tag_is_the_one_of_signed_messages() -> None:
    plain = message(b"payload")
    assert Sign1.decode(b"\xd2" + plain) == Sign1.decode(plain)
    for tag in (b"\xd1", b"\xd8\x12", b"\xd2\xd2"):
        with pytest.raises(MalformedProof):
            Sign1.decode(tag + plain)


def test_a_header_of_indefinite_length_is_refused() -> None:
    plain = message(b"payload")
    assert plain[6:7] == b"\xa0"
    with pytest.raises(MalformedProof):
        Sign1.decode(plain[:6] + b"\xbf\xff" + plain[7:])
