"""Collateral is read strictly, and its signed texts to the byte."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiable.backends.tee.collateral import MAX_COLLATERAL_BYTES, Collateral
from verifiable.backends.tee.tcb import QeIdentity, TcbInfo
from verifiable.errors import MalformedProof
from verifiable.testing.tee_intel_cases import intel_fields

FIELDS = intel_fields()


def encoded(**changes: object) -> bytes:
    return json.dumps(FIELDS | changes).encode()


def refused(data: bytes) -> MalformedProof:
    with pytest.raises(MalformedProof) as caught:
        Collateral.from_json(data)
    return caught.value


def test_the_signed_texts_are_kept_to_the_byte() -> None:
    text = FIELDS["tcb_info"].replace(":", " :\t", 3)
    read = Collateral.from_json(encoded(tcb_info=text))
    assert read.tcb_info == text.encode()
    assert read.qe_identity == FIELDS["qe_identity"].encode()
    assert read.root_ca_crl.hex() == FIELDS["root_ca_crl"]
    assert read.pck_certificate_chain == b""


@pytest.mark.parametrize("extra", [{}, {"pck_certificate_chain": FIELDS["pck_crl_issuer_chain"]}])
def test_what_is_written_is_read(extra: dict[str, str]) -> None:
    read = Collateral.from_json(encoded(**extra))
    assert Collateral.from_json(read.to_json()) == read
    assert json.loads(read.to_json()) == FIELDS | extra


@pytest.mark.parametrize("key", sorted(FIELDS))
@pytest.mark.parametrize("value", [None, ""])
def test_an_empty_part_is_missing(key: str, value: str | None) -> None:
    assert refused(encoded(**{key: value})).code == "collateral-missing"


@pytest.mark.parametrize("key", sorted(FIELDS))
def test_an_absent_part_is_missing(key: str) -> None:
    fields = {name: value for name, value in FIELDS.items() if name != key}
    error = refused(json.dumps(fields).encode())
    assert error.code == "collateral-missing"
    assert key in error.what


def test_no_collateral_is_missing() -> None:
    assert refused(b"").code == "collateral-missing"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"pck_crl": FIELDS["pck_crl"].encode().hex()}, "hex of hex"),
        ({"pck_crl": "-----BEGIN X509 CRL-----"}, "PEM where hex"),
        ({"root_ca_crl": "3"}, "not hex"),
        ({"root_ca_crl": "30 31"}, "not hex"),
        ({"root_ca_crl": "31"}, "not hex of DER"),
        ({"tcb_info_signature": "00" * 63}, "63 bytes"),
        ({"tcb_info_signature": "00" * 65}, "1 to 128 bytes"),
        ({"tcb_info": {"id": "TDX"}}, "a string is expected"),
        ({"tcb_info": "\ud800"}, "not Unicode"),
        ({"comment": "no"}, "unknown key"),
    ],
)
def test_other_forms_are_named(changes: dict[str, object], what: str) -> None:
    assert what in refused(encoded(**changes)).what


def test_a_key_that_appears_twice_is_refused() -> None:
    text = encoded().decode()
    error = refused((text[:-1] + ', "pck_crl": "30"}').encode())
    assert error.code == "duplicate-key"


def test_size_is_bounded() -> None:
    assert refused(bytes(MAX_COLLATERAL_BYTES + 1)).code == "too-large"


@pytest.mark.parametrize("parse", [TcbInfo.parse, QeIdentity.parse])
@settings(max_examples=200, deadline=1000)
@given(data=st.binary(max_size=200))
def test_arbitrary_texts_end_in_a_typed_error(parse, data: bytes) -> None:
    with pytest.raises(MalformedProof):
        parse(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 40), 1 << 40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)


def paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path]
    if isinstance(value, dict):
        found += [found for key, item in value.items() for found in paths(item, (*path, key))]
    if isinstance(value, list):
        found += [found for key, item in enumerate(value) for found in paths(item, (*path, key))]
    return found


@pytest.mark.parametrize(
    ("text", "parse"),
    [(FIELDS["tcb_info"], TcbInfo.parse), (FIELDS["qe_identity"], QeIdentity.parse)],
    ids=["tcb-info", "qe-identity"],
)
@settings(max_examples=300, deadline=1000)
@given(data=st.data(), value=json_values)
def test_any_value_in_any_place_is_read_or_refused(text: str, parse, data, value: object) -> None:
    document = json.loads(text)
    path = data.draw(st.sampled_from(paths(document)[1:]))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with suppress(MalformedProof):
        assert parse(json.dumps(document).encode()).signed.version > 1
