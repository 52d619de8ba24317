"""Whatever is ambiguous in a JSON document is refused, with a code and a path."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiable.errors import MalformedProof
from verifiable.statement.strict_json import Field, decode_strict, encode_canonical


def decode(data: bytes, limit_bytes: int = 1000) -> Field:
    return decode_strict(data, limit_bytes=limit_bytes, error=MalformedProof, name="doc")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "malformed-json"),
        (b"{", "malformed-json"),
        (b"{} {}", "malformed-json"),
        (b"{}x", "malformed-json"),
        (b"\xef\xbb\xbf{}", "malformed-json"),
        (b'{"a":1,}', "malformed-json"),
        (b"{'a':1}", "malformed-json"),
        (b'{"a":01}', "malformed-json"),
        (b'{"a":+1}', "malformed-json"),
        (b'{"a":.5}', "malformed-json"),
        (b'{"a":0x10}', "malformed-json"),
        (b'{"a":"\n"}', "malformed-json"),
        (b'{"a":1,"a":1}', "duplicate-key"),
        (b'{"a":1,"\\u0061":1}', "duplicate-key"),
        (b'{"a":1.0}', "number-not-canonical"),
        (b'{"a":1e3}', "number-not-canonical"),
        (b'{"a":-0}', "number-not-canonical"),
        (b'{"a":[1,-0]}', "number-not-canonical"),
        (b'{"a":-00}', "number-not-canonical"),
        (b'{"a":-1E5}', "number-not-canonical"),
        (b'{"a":NaN}', "number-not-canonical"),
        (b'{"a":-Infinity}', "number-not-canonical"),
        (b'{"a":' + b"9" * 400 + b"}", "number-not-canonical"),
        (b'"\xff"', "not-utf8"),
        (b'"' + b"x" * 1000 + b'"', "too-large"),
        (b"[" * 9 + b"]" * 9, "too-deep"),
        (b"[" * 400, "too-deep"),
    ],
)
def test_bad_documents(data: bytes, code: str) -> None:
    with pytest.raises(MalformedProof) as caught:
        decode(data)
    assert caught.value.code == code
    assert caught.value.where == "doc"


def test_a_flood_of_empty_containers_is_refused_before_parsing() -> None:
    data = b"[" + b"{}," * (1 << 18) + b"{}]"
    with pytest.raises(MalformedProof) as caught:
        decode(data, limit_bytes=10_000_000)
    assert caught.value.code == "too-many"


def test_floods_of_keys_and_of_values_are_refused_before_parsing() -> None:
    keys = b",".join(b'"%x":1' % index for index in range((1 << 18) + 1))
    values = b"1," * (1 << 23) + b"1,1"
    for data in (b"{" + keys + b"}", b"[" + values + b"]"):
        with pytest.raises(MalformedProof) as caught:
            decode(data, limit_bytes=64 << 20)
        assert caught.value.code == "too-many"


def test_a_duplicate_key_among_many_is_found_in_linear_time() -> None:
    """Counting each key among all of them would take minutes here."""
    keys = ",".join(f'"{index:06d}":1' for index in range(200_000))
    with pytest.raises(MalformedProof, match="199999") as caught:
        decode(f'{{{keys},"199999":1}}'.encode(), limit_bytes=10_000_000)
    assert caught.value.code == "duplicate-key"


@pytest.mark.parametrize("text", ["-0", "00", "9" * 30, "1e5", "-0.0"])
def test_odd_numbers_inside_strings_are_text(text: str) -> None:
    assert decode(f'{{"a":"{text}"}}'.encode()).mapping()["a"].text() == text


def test_brackets_in_strings_are_no_nesting() -> None:
    assert decode(b'{"a":"[[[[[[[[[[[[\\"[[[[["}').mapping()["a"].text() == '[[[[[[[[[[[["[[[[['


@pytest.mark.parametrize("unit", [b'"\\', b'\\"', b'"\\"', b"[", b'{"', b'\\\\"'])
def test_depth_is_found_in_linear_time(unit: bytes) -> None:
    """A pattern that backtracks would take minutes here."""
    data = unit * 400_000
    for tail in (b"", b"\\", b'"'):
        with pytest.raises(MalformedProof):
            decode(data + tail, limit_bytes=10_000_000)


def _at(document: bytes) -> Field:
    return decode(document).mapping()["a"]


@pytest.mark.parametrize(
    ("document", "read", "code"),
    [
        (b'{"a":true}', lambda a: a.integer(), "wrong-type"),
        (b'{"a":"1"}', lambda a: a.integer(), "wrong-type"),
        (b'{"a":9223372036854775808}', lambda a: a.integer(), "out-of-bounds"),
        (b'{"a":3}', lambda a: a.integer(0, 2), "out-of-bounds"),
        (b'{"a":1}', lambda a: a.boolean(), "wrong-type"),
        (b'{"a":null}', lambda a: a.boolean(), "wrong-type"),
        (b'{"a":1}', lambda a: a.text(), "wrong-type"),
        (b'{"a":""}', lambda a: a.text(), "out-of-bounds"),
        (b'{"a":"xxx"}', lambda a: a.text(limit_bytes=2), "out-of-bounds"),
        (b'{"a":"\\ud800"}', lambda a: a.text(), "not-unicode"),
        (b'{"a":"x\\n"}', lambda a: a.name(limit_bytes=9), "control-character"),
        (b'{"a":"\\u0085"}', lambda a: a.name(limit_bytes=9), "control-character"),
        (b'{"a":"\\u2028"}', lambda a: a.name(limit_bytes=9), "control-character"),
        (b'{"a":"\\u202e"}', lambda a: a.name(limit_bytes=9), "control-character"),
        (b'{"a":{"\\udfff":1}}', lambda a: a.mapping(), "not-unicode"),
        (b'{"a":"c"}', lambda a: a.choice(("a", "b")), "out-of-bounds"),
        (b'{"a":1}', lambda a: a.array(limit=2), "wrong-type"),
        (b'{"a":[1,2,3]}', lambda a: a.array(limit=2), "too-many"),
        (b'{"a":[]}', lambda a: a.mapping(), "wrong-type"),
        (b'{"a":{}}', lambda a: a.object(("b",)), "missing-key"),
        (b'{"a":{"b":1,"c":1}}', lambda a: a.object(("b",)), "unknown-key"),
        (b'{"a":1}', lambda a: a.integers(shape=(1,)), "wrong-type"),
        (b'{"a":[1]}', lambda a: a.integers(shape=(1, 2)), "wrong-count"),
        (b'{"a":[]}', lambda a: a.integers(shape=()), "wrong-count"),
        (b'{"a":[1,true]}', lambda a: a.integers(shape=(2,)), "wrong-type"),
        (b'{"a":[1,"2"]}', lambda a: a.integers(shape=(2,)), "wrong-type"),
        (b'{"a":[[1],[2]]}', lambda a: a.integers(shape=(2,)), "wrong-type"),
        (b'{"a":[9223372036854775808]}', lambda a: a.integers(shape=(1,)), "out-of-bounds"),
        (b'{"a":[1,1,1]}', lambda a: a.shape(max_rank=2, max_elements=9), "too-many"),
        (b'{"a":[0]}', lambda a: a.shape(max_rank=2, max_elements=9), "out-of-bounds"),
        (b'{"a":[-1]}', lambda a: a.shape(max_rank=2, max_elements=9), "out-of-bounds"),
        (b'{"a":[5,2]}', lambda a: a.shape(max_rank=2, max_elements=9), "out-of-bounds"),
        (b'{"a":"0x00"}', lambda a: a.digest(), "not-hex"),
        (b'{"a":"' + b"00" * 33 + b'"}', lambda a: a.digest(), "not-hex"),
        (b'{"a":"0x' + b"AA" * 32 + b'"}', lambda a: a.digest(), "not-hex"),
        (b'{"a":"0X' + b"aa" * 32 + b'"}', lambda a: a.digest(), "not-hex"),
        (b'{"a":"0x' + b"aa" * 33 + b'"}', lambda a: a.digest(), "out-of-bounds"),
        ('{"a":"0x' + "a" * 63 + '٣"}', lambda a: a.digest(), "out-of-bounds"),
        (b'{"a":1}', lambda a: a.digest(), "wrong-type"),
        (b'{"a":1}', lambda a: a.base64(limit_bytes=9), "wrong-type"),
        (b'{"a":"YWJ"}', lambda a: a.base64(limit_bytes=9), "not-base64"),
        (b'{"a":"YW Jj"}', lambda a: a.base64(limit_bytes=9), "not-base64"),
        (b'{"a":"YWJj="}', lambda a: a.base64(limit_bytes=9), "not-base64"),
        (b'{"a":"YWJjZH=="}', lambda a: a.base64(limit_bytes=9), "not-base64"),
        (b'{"a":"YW-_"}', lambda a: a.base64(limit_bytes=9), "not-base64"),
        ('{"a":"YWJé"}', lambda a: a.base64(limit_bytes=9), "not-base64"),
        (b'{"a":"YWJj"}', lambda a: a.base64(limit_bytes=2), "too-large"),
        (b'{"a":"0.5"}', lambda a: a.exact_float(), "not-float"),
        (b'{"a":"0x1p-1"}', lambda a: a.exact_float(), "not-float"),
        (b'{"a":"-0x1.0000000000000p-1"}', lambda a: a.exact_float(), "not-float"),
        (b'{"a":"0x0.0p+0"}', lambda a: a.exact_float(), "not-float"),
        (b'{"a":"inf"}', lambda a: a.exact_float(), "not-float"),
        (b'{"a":"nan"}', lambda a: a.exact_float(), "not-float"),
        (b'{"a":"0x1p999999"}', lambda a: a.exact_float(), "not-float"),
        (b'{"a":"one"}', lambda a: a.exact_float(), "not-float"),
    ],
)
def test_bad_fields(document: bytes | str, read: Callable[[Field], object], code: str) -> None:
    data = document.encode() if isinstance(document, str) else document
    with pytest.raises(MalformedProof) as caught:
        read(_at(data))
    assert caught.value.code == code
    assert caught.value.where.startswith("doc.a")


def test_good_fields() -> None:
    assert _at(b'{"a":-1}').integer() == -1
    assert _at(b'{"a":0}').integer() == 0
    assert _at(b'{"a":-9223372036854775808}').integer() == -(2**63)
    assert _at(b'{"a":"YWJj"}').base64(limit_bytes=3) == b"abc"
    assert _at(b'{"a":""}').base64(limit_bytes=3) == b""
    assert _at(b'{"a":"0x1.999999999999ap-4"}').exact_float() == 0.1
    assert _at(b'{"a":[2,3]}').shape(max_rank=2, max_elements=6) == (2, 3)
    values = _at(b'{"a":[1,-2]}').integers(shape=(2, 1))
    assert values.tolist() == [[1], [-2]]
    assert not values.flags.writeable


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(JSON_VALUES)
def test_what_is_written_is_read_back(value: object) -> None:
    assert decode(encode_canonical(value), limit_bytes=100_000).value == value


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_the_one_error(data: bytes) -> None:
    with contextlib.suppress(MalformedProof):
        decode(data)
