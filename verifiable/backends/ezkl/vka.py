"""The verification key as ezkl's reusable verifier contract takes it: the key artifact (VKA).

ezkl can write one contract for all circuits; what tells circuits apart is then a list of words that
travels with each proof. They are a program for the verifier, so hostile ones may accept anything:
they are derived from the verification key, and their digest is pinned. They follow from the
verification key, the settings and `s_g2` alone, all of which a proof file carries.
"""

from __future__ import annotations

from typing import Any

from verifiable.backends.ezkl.srs_file import negated_g2
from verifiable.errors import SetupError
from verifiable.statement.hashing import keccak

__all__ = ["DECIMALS", "ceremony_digest", "proof_length", "vka_digest", "vka_job", "vka_words"]

DECIMALS = 18
"""Enters the last word, hence the digest; says how the verifier rounds values that nobody reads."""

WORD_BYTES = 32
_COUNT_BYTES = 8

_EVALUATIONS = 3
"""Word that holds how many evaluations a proof has."""

_S_G2 = 20
"""First of the four words with the negative of the reference string's second G2 point."""

_ROUNDS = 33
"""First word of the list of rounds: how many bytes of points a proof has in each."""

_OPENING_BYTES = 2 * 2 * WORD_BYTES
"""The two points at the end of a proof."""


def vka_job(*, vk: str, settings: str, srs: str, vka: str) -> dict[str, Any]:
    """The child's job that derives an artifact; the arguments are paths."""
    return {
        "job": "vka",
        "vk": vk,
        "settings": settings,
        "srs": srs,
        "vka": vka,
        "decimals": DECIMALS,
    }


def vka_words(data: bytes) -> bytes:
    """The words of an artifact's file, one after the other; the file begins with their count.

    Raises:
        SetupError: it is not such a file.
    """
    count = int.from_bytes(data[:_COUNT_BYTES], "little")
    words = data[_COUNT_BYTES:]
    if count <= _ROUNDS or len(words) != count * WORD_BYTES:
        raise _malformed(f"{len(words)} bytes of words, {count} words announced")
    return words


def vka_digest(words: bytes) -> bytes:
    """What pins an artifact; the verifier contract answers with it."""
    return keccak(words)


def proof_length(words: bytes) -> int:
    """Bytes of every proof that the verifier reads under an artifact.

    The contract itself does not look where a proof ends, so whoever calls it must.

    Raises:
        SetupError: the words do not hold a list of rounds.
    """
    points = 0
    place = _ROUNDS
    data = _word(words, place)
    left = data & 0xFF  # words that the list has
    data >>= 8
    if not left:
        raise _malformed("no list of rounds")
    while left:
        while data:
            points += data & 0xFFFF
            data >>= 24  # the bytes of a round's points and how many challenges follow it
        left -= 1
        place += 1
        data = _word(words, place) if left else 0
    return points + WORD_BYTES * _word(words, _EVALUATIONS) + _OPENING_BYTES


def ceremony_digest(s_g2: bytes) -> bytes:
    """What an artifact says of the reference string: keccak-256 over its four words from 20.

    Args:
        s_g2: 128 bytes, as in a reference string file.

    Raises:
        SetupError: no such coordinates.
    """
    try:
        found = negated_g2(s_g2)
    except ValueError as cause:
        raise SetupError(
            "not a point of a reference string",
            where="s_g2",
            hint="get the reference string again from its public source",
            code="srs-point",
        ) from cause
    return keccak(b"".join(value.to_bytes(WORD_BYTES, "big") for value in found))


def _word(words: bytes, index: int) -> int:
    start = index * WORD_BYTES
    if start + WORD_BYTES > len(words):
        raise _malformed("it ends inside the list of rounds")
    return int.from_bytes(words[start : start + WORD_BYTES], "big")


def _malformed(why: str) -> SetupError:
    return SetupError(
        "not a verification key artifact of ezkl",
        where="ezkl, vka",
        why=why,
        hint="clear the cache and set up again; if it happens again, report it with the program",
        code="malformed-vka",
    )
