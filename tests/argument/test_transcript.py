"""The transcript: its exact construction, and that no two histories share a challenge."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifiable.argument import transcript as transcript_module
from verifiable.argument.goldilocks import Ext, P
from verifiable.argument.transcript import Transcript, TranscriptEvent

Step = Callable[[Transcript], Any]


def after(*steps: Step) -> Ext:
    """The challenge that follows some steps."""
    transcript = Transcript()
    for step in steps:
        step(transcript)
    return transcript.challenge("after")


def absorbed(label: str, data: bytes) -> Step:
    return lambda transcript: transcript.absorb(label, data)


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def words_of(block: bytes) -> list[int]:
    return [int.from_bytes(block[at : at + 8], "little") for at in range(0, 32, 8)]


def test_the_construction_is_the_documented_one() -> None:
    transcript = Transcript()
    transcript.absorb("first", b"some data")
    alpha = transcript.challenge("alpha")
    beta = transcript.challenge("beta")
    drawn = transcript.positions("where", 6, 10)

    state = sha256(bytes(32) + b"\x00" + b"\x05first" + u64(9) + b"some data").digest()
    state = sha256(state + b"\x01" + b"\x05alpha").digest()
    assert [alpha.c0, alpha.c1] == words_of(sha256(state + b"\x03" + u64(0)).digest())[:2]
    state = sha256(state + b"\x01" + b"\x04beta").digest()
    assert [beta.c0, beta.c1] == words_of(sha256(state + b"\x03" + u64(0)).digest())[:2]
    state = sha256(state + b"\x02" + b"\x05where" + u64(6) + u64(10)).digest()
    words = [word for i in (0, 1) for word in words_of(sha256(state + b"\x03" + u64(i)).digest())]
    assert drawn == tuple(word % 1024 for word in words[:6])


def test_its_values_are_pinned() -> None:
    transcript = Transcript()
    transcript.absorb("message", bytes(range(16)))
    assert transcript.challenge("challenge").to_bytes().hex() == (
        "2d0d00b9413e87352d081cf7954f06eb"
    )
    assert transcript.positions("positions", 5, 8) == (79, 75, 104, 140, 41)


HISTORIES: dict[str, tuple[Step, ...]] = {
    "nothing": (),
    "an empty message": (absorbed("a", b""),),
    "two empty messages": (absorbed("a", b""), absorbed("a", b"")),
    "a message": (absorbed("a", b"bc"),),
    "the label longer, the data shorter": (absorbed("ab", b"c"),),
    "the same bytes in two messages": (absorbed("a", b"b"), absorbed("a", b"c")),
    "another label": (absorbed("b", b"bc"),),
    "another order": (absorbed("b", b"bc"), absorbed("a", b"bc")),
    "that order": (absorbed("a", b"bc"), absorbed("b", b"bc")),
    "zeros": (absorbed("a", bytes(2)),),
    "more zeros": (absorbed("a", bytes(3)),),
    "a challenge": (lambda t: t.challenge("a"),),
    "two challenges": (lambda t: t.challenge("a"), lambda t: t.challenge("a")),
    "a challenge of another label": (lambda t: t.challenge("b"),),
    "positions": (lambda t: t.positions("a", 1, 4),),
    "no positions": (lambda t: t.positions("a", 0, 4),),
    "more positions": (lambda t: t.positions("a", 2, 4),),
    "wider positions": (lambda t: t.positions("a", 1, 5),),
    "data like a frame": (absorbed("a", b"\x00\x01a" + u64(0)),),
}


def test_different_histories_have_different_challenges() -> None:
    drawn = {name: after(*steps) for name, steps in HISTORIES.items()}
    assert len(set(drawn.values())) == len(HISTORIES)
    assert {name: after(*steps) for name, steps in HISTORIES.items()} == drawn


messages = st.lists(
    st.tuples(st.sampled_from(["a", "b", "ab", "aa"]), st.binary(max_size=4)), max_size=4
)


@given(messages, messages)
def test_challenges_agree_exactly_when_histories_do(
    one: list[tuple[str, bytes]], other: list[tuple[str, bytes]]
) -> None:
    drawn = [after(*(absorbed(*message) for message in item)) for item in (one, other)]
    assert (drawn[0] == drawn[1]) == (one == other)


def test_words_at_or_above_the_modulus_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [[P, 2**64 - 1, P - 1, P + 1], [P, P, P, P], [7, 8, 9, 10]]

    class Hash:
        def __init__(self, data: bytes) -> None:
            # only the output stream ends in a separator and a counter after 32 bytes
            self.counter = data[33] if len(data) == 41 and data[32] == 3 else None

        def digest(self) -> bytes:
            if self.counter is None:
                return bytes(32)
            return b"".join(u64(word) for word in blocks[self.counter])

    monkeypatch.setattr(transcript_module, "sha256", Hash)
    assert Transcript().challenge("c") == Ext(P - 1, 7)
    # positions take every word: the low bits of a word are uniform without rejection
    assert Transcript().positions("p", 5, 3) == (P % 8, 7, (P - 1) % 8, (P + 1) % 8, P % 8)


@pytest.mark.parametrize("log_n", [0, 1, 5, 32, 63, 64])
def test_positions_lie_in_their_range(log_n: int) -> None:
    drawn = Transcript().positions("p", 300, log_n)
    assert len(drawn) == 300
    assert all(0 <= position < 1 << log_n for position in drawn)
    assert max(drawn).bit_length() == log_n  # 300 draws miss the upper half with 2^-300
    assert Transcript().positions("p", 0, log_n) == ()


def test_positions_are_drawn_with_replacement_and_near_uniformly() -> None:
    drawn = Transcript().positions("p", 16_000, 4)
    counts = [drawn.count(value) for value in range(16)]
    # 1000 expected, standard deviation 31
    assert all(800 < count < 1200 for count in counts)
    assert drawn != tuple(sorted(drawn))


@pytest.mark.parametrize("label", ["", "x" * 256, "naïve"])
def test_labels_that_do_not_fit_are_refused(label: str) -> None:
    for step in (absorbed(label, b""), lambda t: t.challenge(label)):
        with pytest.raises(ValueError, match=r"label|ascii"):
            step(Transcript())
    with pytest.raises(ValueError, match=r"label|ascii"):
        Transcript().positions(label, 1, 1)


@pytest.mark.parametrize(("count", "log_n"), [(-1, 3), (1, -1), (1, 65)])
def test_impossible_positions_are_refused(count: int, log_n: int) -> None:
    with pytest.raises(ValueError, match="cannot be drawn"):
        Transcript().positions("p", count, log_n)


def test_every_step_is_recorded() -> None:
    events: list[TranscriptEvent] = []
    transcript = Transcript(record=events.append)
    transcript.absorb("m", b"data")
    c = transcript.challenge("c")
    (position,) = transcript.positions("p", 1, 20)
    assert events == [
        TranscriptEvent(kind="absorb", label="m", data=b"data"),
        TranscriptEvent(kind="challenge", label="c", data=c.to_bytes()),
        TranscriptEvent(kind="positions", label="p", data=u64(position)),
    ]
    silent = Transcript()
    silent.absorb("m", b"data")
    assert silent.challenge("c") == c  # a recorder changes nothing
