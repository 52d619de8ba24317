"""JSON of strangers: its depth and its size are found before it is read."""

from __future__ import annotations

import json

import pytest

from verifiable.chain import json_text
from verifiable.chain.json_text import MAX_DEPTH, read_json


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * depth + closing * depth).encode()


@pytest.mark.parametrize(
    "value", [None, True, 7, -0.5, "", 'a "quoted\\" [[[[{', ["é", {"a": [1, {}]}], {"[": "}\\"}]
)
def test_what_json_writes_is_read(value: object) -> None:
    assert read_json(json.dumps(value).encode()) == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


def test_depth() -> None:
    assert read_json(nested(MAX_DEPTH))
    for raw in (
        nested(MAX_DEPTH + 1),
        nested(200_000),
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'["\\"",' + b"[" * 200_000,
    ):
        with pytest.raises(ValueError, match="nested too deeply"):
            read_json(raw)


def test_brackets_in_strings_do_not_count() -> None:
    text = "[{" * 1_000 + '"' + "\\"
    assert read_json(json.dumps([text, text]).encode()) == [text, text]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[1",
        b'"a',
        b"NaN",
        b"[Infinity]",
        b"\xff",
        b"1 2",
        nested(3).decode().encode("utf-16"),
        nested(3).decode().encode("utf-32"),
        b"\xef\xbb\xbf[]",
        b"9" * 5_000,
        b'"\\' * 1_000_000,  # found in one pass, or never
    ],
)
def test_what_is_no_json(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(raw)


def test_amounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MAX_CONTAINERS", 4)
    monkeypatch.setattr(json_text, "MAX_COMMAS", 5)
    assert read_json(b"[[],{},[],1,2,3]") == [[], {}, [], 1, 2, 3]
    with pytest.raises(ValueError, match="arrays and objects"):
        read_json(b"[[],{},[],[]]")
    with pytest.raises(ValueError, match="values"):
        read_json(b"[1,2,3,4,5,6,7]")
