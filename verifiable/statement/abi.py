"""The few cases of Solidity's ABI encoding that descriptors and schemas need.

A value is static (one or more 32-byte words in place) or dynamic (an offset in the head, the data
in the tail). A `Tail` marks encoded data as dynamic; plain bytes are static words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = [
    "Tail",
    "encode_array",
    "encode_bytes",
    "encode_struct",
    "encode_text",
    "encode_words",
    "word",
]

WORD = 32


class Tail(bytes):
    """Encoded data of a dynamic type."""


def word(value: int) -> bytes:
    """One 32-byte word: `uint*` and, by sign extension, `int*` of any size."""
    return value.to_bytes(WORD, "big", signed=value < 0)


def encode_struct(members: Sequence[bytes]) -> Tail:
    """A struct with at least one dynamic member."""
    head_bytes = sum(WORD if isinstance(member, Tail) else len(member) for member in members)
    head: list[bytes] = []
    tail: list[bytes] = []
    offset = head_bytes
    for member in members:
        if isinstance(member, Tail):
            head.append(word(offset))
            tail.append(member)
            offset += len(member)
        else:
            head.append(member)
    return Tail(b"".join(head + tail))


def encode_words(values: Iterable[int]) -> Tail:
    """A dynamic array of integers, such as `uint32[]` or `int64[]`."""
    words = [word(value) for value in values]
    return Tail(word(len(words)) + b"".join(words))


def encode_array(items: Sequence[Tail]) -> Tail:
    """A dynamic array of dynamic structs."""
    return Tail(word(len(items)) + (encode_struct(items) if items else b""))


def encode_bytes(data: bytes) -> Tail:
    """A `bytes`: byte count, then the bytes padded to whole words."""
    return Tail(word(len(data)) + data + bytes(-len(data) % WORD))


def encode_text(text: str) -> Tail:
    """A `string`: the `bytes` of its UTF-8."""
    return encode_bytes(text.encode("utf-8"))
