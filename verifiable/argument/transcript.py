"""The Fiat-Shamir transcript: SHA-256 states that absorb messages and yield challenges.

    absorb:     state = H(state | 00 | len(label) | label | len(data) | data)
    challenge:  state = H(state | 01 | len(label) | label), words from H(state | 03 | counter)
    positions:  state = H(state | 02 | len(label) | label | count | log_n), words likewise

Lengths of labels take one byte, all other numbers are eight little-endian bytes. Every input of H
can be read back unambiguously, so two different histories have two different states. A challenge
changes the state too: drawing twice gives two values, and later draws depend on earlier ones.

An element of the extension takes two words below p; a word that is not is skipped, so challenges
are uniform. Positions are the low bits of words and need no rejection: their range is a power of
two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from verifiable.argument.goldilocks import Ext, P

__all__ = ["AnyTranscript", "Recorder", "Transcript", "TranscriptEvent"]

_ABSORB = b"\x00"
_CHALLENGE = b"\x01"
_POSITIONS = b"\x02"
_OUTPUT = b"\x03"

_WORD_BYTES = 8
_LONGEST_LABEL = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptEvent:
    """One step of a transcript, for tests that compare both sides.

    Attributes:
        kind: "absorb", "challenge" or "positions".
        label: what it was called.
        data: the bytes absorbed, or the encoding of what was drawn.
    """

    kind: str
    label: str
    data: bytes


Recorder = Callable[[TranscriptEvent], None]


class AnyTranscript(Protocol):
    """What the sides of the protocol ask of a transcript."""

    def absorb(self, label: str, data: bytes) -> None:
        """Take in a message."""

    def challenge(self, label: str) -> Ext:
        """Draw an element of the extension field."""

    def positions(self, label: str, count: int, log_n: int) -> tuple[int, ...]:
        """Draw `count` numbers below 2^log_n, with replacement, in the order drawn."""


class Transcript:
    """The transcript of one run; both sides feed theirs with the same messages."""

    def __init__(self, *, record: Recorder | None = None) -> None:
        """Start from an empty history.

        Args:
            record: told of every step; for tests.
        """
        self._state = bytes(32)
        self._record = record

    def absorb(self, label: str, data: bytes) -> None:
        """Take in a message under a label.

        Raises:
            ValueError: The label is empty, too long or not ASCII.
        """
        size = len(data).to_bytes(_WORD_BYTES, "little")
        self._state = sha256(self._state + _ABSORB + _framed(label) + size + data).digest()
        if self._record is not None:
            self._record(TranscriptEvent(kind="absorb", label=label, data=data))

    def challenge(self, label: str) -> Ext:
        """Draw a uniform element of the extension field.

        Raises:
            ValueError: The label is empty, too long or not ASCII.
        """
        seed = sha256(self._state + _CHALLENGE + _framed(label)).digest()
        self._state = seed
        words: list[int] = []
        counter = 0
        while len(words) < 2:
            words += [word for word in _words(seed, counter) if word < P]
            counter += 1
        drawn = Ext(words[0], words[1])
        if self._record is not None:
            self._record(TranscriptEvent(kind="challenge", label=label, data=drawn.to_bytes()))
        return drawn

    def positions(self, label: str, count: int, log_n: int) -> tuple[int, ...]:
        """Draw `count` uniform numbers below 2^log_n, with replacement, in the order drawn.

        Raises:
            ValueError: `count` is negative, `log_n` is not in 0..64, or the label does not fit.
        """
        if count < 0 or not 0 <= log_n <= 64:
            raise ValueError(f"{count} positions of {log_n} bits cannot be drawn")
        asked = count.to_bytes(_WORD_BYTES, "little") + log_n.to_bytes(_WORD_BYTES, "little")
        seed = sha256(self._state + _POSITIONS + _framed(label) + asked).digest()
        self._state = seed
        mask = (1 << log_n) - 1
        drawn: list[int] = []
        counter = 0
        while len(drawn) < count:
            drawn += [word & mask for word in _words(seed, counter)]
            counter += 1
        found = tuple(drawn[:count])
        if self._record is not None:
            data = b"".join(position.to_bytes(_WORD_BYTES, "little") for position in found)
            self._record(TranscriptEvent(kind="positions", label=label, data=data))
        return found


def _framed(label: str) -> bytes:
    data = label.encode("ascii")  # UnicodeEncodeError is a ValueError
    if not 0 < len(data) <= _LONGEST_LABEL:
        raise ValueError(f'a label has 1 to {_LONGEST_LABEL} characters, unlike "{label}"')
    return bytes((len(data),)) + data


def _words(seed: bytes, counter: int) -> tuple[int, int, int, int]:
    """Four words of the output stream."""
    block = sha256(seed + _OUTPUT + counter.to_bytes(_WORD_BYTES, "little")).digest()
    return (
        int.from_bytes(block[:8], "little"),
        int.from_bytes(block[8:16], "little"),
        int.from_bytes(block[16:24], "little"),
        int.from_bytes(block[24:], "little"),
    )
