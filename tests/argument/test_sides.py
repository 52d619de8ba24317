"""The three sides: one protocol text, the same messages, strict reading, typed refusals."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from verifiable.argument.goldilocks import ZERO, Ext, P
from verifiable.argument.proof_stream import ProofReader, ProofWriter
from verifiable.argument.prover_side import ProverSide
from verifiable.argument.reference_kernels import ReferenceKernels
from verifiable.argument.rejection import Rejected
from verifiable.argument.schedule_side import ScheduledStep, ScheduleSide
from verifiable.argument.side import Side
from verifiable.argument.soundness import Rlc, Sumcheck
from verifiable.argument.transcript import Transcript, TranscriptEvent
from verifiable.argument.vectors import Words
from verifiable.argument.verifier_side import VerifierSide
from verifiable.errors import MalformedProof, ProvingError

KERNELS = ReferenceKernels()
VALUE = Ext(3, P - 1)
VALUES = (Ext(0, 1), Ext(P - 1, 0), Ext(5, 6))
EXTS = np.array([[1, 2], [P - 1, 0]], np.uint64)
WORDS = np.array([0, 1, P - 1, 2**32], np.uint64)
DIGEST = bytes(range(32))
TABLES = [np.array([1, 2, 3, 4], np.uint64), np.array([5, 6, 7, 8], np.uint64)]
SUM = Ext(1 * 5 + 2 * 6 + 3 * 7 + 4 * 8)


def every_step(side: Side) -> list[Any]:
    """A protocol that uses all that a side offers; returns what it got."""
    side.absorb("statement", b"public")
    got: list[Any] = [
        side.digest("root", lambda: DIGEST),
        side.challenge("alpha"),
        side.value("value", lambda: VALUE),
        side.values("values", 3, lambda: VALUES),
        side.challenges("beta", 2),
        side.exts("exts", 2, lambda: EXTS).tolist(),
    ]
    side.note(Rlc(label="all", count=3))
    reduced = side.sumcheck(
        "sum", rounds=2, degree=2, claim=SUM, start=lambda: side.kernels.product(TABLES, 2)
    )
    got += [reduced.point, reduced.claim]
    positions = side.positions("where", 3, 4)
    got += [positions, side.words("words", 4, lambda: WORDS).tolist()]
    # a number of digests that follows from what was drawn
    got.append(side.digests("path", positions[0] % 2 + 1, lambda: DIGEST * (positions[0] % 2 + 1)))
    side.require("GK-0", "holds", True, "nowhere")
    side.finish()
    return got


def prove() -> tuple[bytes, list[Any], ProverSide]:
    side = ProverSide(KERNELS, Transcript())
    got = every_step(side)
    return side.proof, got, side


def test_the_verifier_reads_what_the_prover_sent() -> None:
    proof, sent, prover = prove()
    verifier = VerifierSide(proof, Transcript())
    assert every_step(verifier) == sent
    assert verifier.terms == prover.terms
    assert verifier.terms == [
        Rlc(label="all", count=3),
        Sumcheck(label="sum", degree=2, rounds=2),
    ]
    assert (prover.proving, verifier.proving) == (True, False)


def test_both_sides_absorb_and_draw_the_same() -> None:
    logs: list[list[TranscriptEvent]] = [[], []]
    side = ProverSide(KERNELS, Transcript(record=logs[0].append))
    every_step(side)
    every_step(VerifierSide(side.proof, Transcript(record=logs[1].append)))
    assert logs[0] == logs[1]
    # every byte of the proof was absorbed, in order, between the public data and the last draw
    absorbed = [event for event in logs[1] if event.kind == "absorb"]
    assert b"".join(event.data for event in absorbed[1:]) == side.proof


def test_the_order_of_messages_is_pinned() -> None:
    schedule = ScheduleSide()
    every_step(schedule)
    assert [(step.label, step.kind, step.count) for step in schedule.schedule[:-1]] == [
        ("statement", "absorb", 6),
        ("root", "digests", 1),
        ("alpha", "challenge", 1),
        ("value", "exts", 1),
        ("values", "exts", 3),
        ("beta", "challenge", 1),
        ("beta", "challenge", 1),
        ("exts", "exts", 2),
        ("sum", "exts", 2),
        ("sum", "challenge", 1),
        ("sum", "exts", 2),
        ("sum", "challenge", 1),
        ("where", "positions", 3),
        ("words", "words", 4),
    ]


def test_the_schedule_is_that_of_the_prover() -> None:
    proof, _, prover = prove()
    schedule = ScheduleSide()
    got = every_step(schedule)
    fixed = 32 + 16 * (1 + 3 + 2 + 4)
    assert schedule.proof_bytes == fixed
    last = schedule.schedule[-1]
    assert last == ScheduledStep(label="path", kind="digests", count=last.count)
    assert schedule.drawn_bytes == 8 * 4 + 32 * last.count
    assert fixed + 8 * 4 + 32 <= len(proof) <= fixed + 8 * 4 + 64
    assert schedule.terms == prover.terms
    assert got[2] == ZERO
    assert got[3] == (ZERO,) * 3
    again = ScheduleSide()
    every_step(again)
    assert again.schedule == schedule.schedule


def test_a_schedule_makes_no_check() -> None:
    ScheduleSide().require("GK-0", "never", False, "nowhere")


@pytest.mark.parametrize("side", [VerifierSide(b"", Transcript()), ScheduleSide()])
def test_only_a_prover_has_kernels(side: Side) -> None:
    with pytest.raises(RuntimeError, match="no kernels"):
        _ = side.kernels


def test_only_a_prover_computes() -> None:
    def never() -> Any:
        raise AssertionError("computed")

    calls: list[Callable[[Side], object]] = [
        lambda side: side.value("m", never),
        lambda side: side.values("m", 2, never),
        lambda side: side.exts("m", 2, never),
        lambda side: side.words("m", 2, never),
        lambda side: side.digest("m", never),
        lambda side: side.digests("m", 2, never),
        lambda side: side.sumcheck("m", rounds=1, degree=1, claim=ZERO, start=never),
    ]
    for call in calls:
        call(VerifierSide(bytes(64), Transcript()))
        call(ScheduleSide())
        with pytest.raises(AssertionError, match="computed"):
            call(ProverSide(KERNELS, Transcript()))


def test_the_verifier_refuses_a_false_equation() -> None:
    side = VerifierSide(b"", Transcript())
    side.require("GK-5", "lookup-sum", True, "here")
    with pytest.raises(Rejected) as caught:
        side.require("GK-5", "lookup-sum", False, "here")
    assert (caught.value.check, caught.value.code, caught.value.where) == (
        "GK-5",
        "lookup-sum",
        "here",
    )
    assert str(caught.value) == "GK-5 (lookup-sum): here"


def test_the_prover_does_not_send_a_false_equation() -> None:
    side = ProverSide(KERNELS, Transcript())
    side.require("GK-5", "lookup-sum", True, "here")
    with pytest.raises(ProvingError) as caught:
        side.require("GK-5", "lookup-sum", False, "here")
    assert (caught.value.code, caught.value.where) == ("lookup-sum", "here")
    assert "GK-5" in str(caught.value)
    ProverSide(KERNELS, Transcript(), lenient=True).require("GK-5", "lookup-sum", False, "here")


SHAPES: dict[str, Callable[[Side], object]] = {
    "too few values": lambda side: side.values("m", 2, lambda: (VALUE,)),
    "too many values": lambda side: side.values("m", 2, lambda: VALUES),
    "base words for extension elements": lambda side: side.exts("m", 4, lambda: WORDS),
    "too few extension elements": lambda side: side.exts("m", 3, lambda: EXTS),
    "extension elements for base words": lambda side: side.words("m", 2, lambda: EXTS),
    "too many words": lambda side: side.words("m", 3, lambda: WORDS),
    "a short digest": lambda side: side.digest("m", lambda: DIGEST[:31]),
    "too few digests": lambda side: side.digests("m", 2, lambda: DIGEST),
}


@pytest.mark.parametrize("name", SHAPES)
def test_messages_of_another_length_are_not_sent(name: str) -> None:
    side = ProverSide(KERNELS, Transcript())
    with pytest.raises(ValueError, match="m: a message of shape"):
        SHAPES[name](side)
    assert side.proof == b""


def test_shortened_proofs_are_refused_at_every_length() -> None:
    proof, _, _ = prove()
    for size in range(len(proof)):
        with pytest.raises(MalformedProof) as caught:
            every_step(VerifierSide(proof[:size], Transcript()))
        assert caught.value.code == "payload-truncated"


@pytest.mark.parametrize("tail", [b"\x00", bytes(8), DIGEST])
def test_lengthened_proofs_are_refused(tail: bytes) -> None:
    proof, _, _ = prove()
    with pytest.raises(MalformedProof) as caught:
        every_step(VerifierSide(proof + tail, Transcript()))
    assert caught.value.code == "payload-trailing-bytes"


def before_words(side: Side) -> None:
    """Messages of words alone, so that every word of the proof is one."""
    side.value("value", lambda: VALUE)
    side.values("values", 3, lambda: VALUES)
    side.exts("exts", 2, lambda: EXTS)
    side.words("words", 4, lambda: WORDS)
    side.finish()


@pytest.mark.parametrize("word", [P, P + 1, 2**64 - 1])
def test_every_word_has_to_be_canonical(word: int) -> None:
    side = ProverSide(KERNELS, Transcript())
    before_words(side)
    before_words(VerifierSide(side.proof, Transcript()))
    assert len(side.proof) == 16 * 8
    for place in range(0, len(side.proof), 8):
        changed = side.proof[:place] + word.to_bytes(8, "little") + side.proof[place + 8 :]
        with pytest.raises(MalformedProof) as caught:
            before_words(VerifierSide(changed, Transcript()))
        assert caught.value.code == "number-not-canonical"


def test_a_verifier_takes_the_largest_word() -> None:
    largest = (P - 1).to_bytes(8, "little")
    side = VerifierSide(largest * 5, Transcript())
    assert side.value("v", lambda: ZERO) == Ext(P - 1, P - 1)
    assert side.words("w", 1, lambda: WORDS).tolist() == [P - 1]
    assert side.exts("e", 1, lambda: EXTS).tolist() == [[P - 1, P - 1]]
    side.finish()


def test_what_was_read_cannot_be_written_to() -> None:
    side = VerifierSide(bytes(64), Transcript())
    for array in (side.words("w", 2, lambda: WORDS), side.exts("e", 1, lambda: EXTS)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_every_flipped_byte_changes_the_challenges_after_it() -> None:
    def last_draw(proof: bytes) -> Ext:
        side = VerifierSide(proof, Transcript())
        side.digest("root", lambda: DIGEST)
        side.values("values", 3, lambda: VALUES)
        side.exts("exts", 2, lambda: EXTS)
        side.words("words", 4, lambda: WORDS)
        side.digests("path", 2, lambda: DIGEST)
        return side.challenge("end")

    proof = bytes(32 + 3 * 16 + 2 * 16 + 4 * 8 + 64)
    drawn = {last_draw(proof)}
    for place in range(len(proof)):
        changed = bytearray(proof)
        changed[place] ^= 1
        drawn.add(last_draw(bytes(changed)))
    assert len(drawn) == len(proof) + 1


def test_a_proof_is_its_messages() -> None:
    writer = ProofWriter()
    assert writer.proof == b""
    for message in (b"ab", b"", b"c"):
        writer.write(message)
    assert writer.proof == b"abc"
    reader = ProofReader(writer.proof)
    assert (reader.take(2, "m"), reader.take(0, "m"), reader.take(1, "m")) == (b"ab", b"", b"c")
    reader.finish()


def test_a_giant_message_is_refused_before_it_is_allocated() -> None:
    reader = ProofReader(bytes(8))
    takes: list[Callable[[], tuple[Any, bytes]]] = [
        lambda: reader.words(1 << 60, "m"),
        lambda: reader.exts(1 << 60, "m"),
    ]
    for take in takes:
        with pytest.raises(MalformedProof):
            take()


def test_the_verifiers_modules_load_no_prover() -> None:
    code = (
        "import sys; from verifiable.argument import lookup, tables, verifier_side, schedule_side;"
        "print([m for m in sys.modules if 'numba' in m or 'llvmlite' in m or m.endswith(("
        "'prover_side', '.kernels', 'reference_kernels', 'stack_commit'))])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def words_message(array: Words) -> bytes:
    side = ProverSide(KERNELS, Transcript())
    side.words("w", array.size, lambda: array)
    return side.proof


def test_words_are_little_endian_whatever_the_layout_of_the_array() -> None:
    array = np.arange(8, dtype=np.uint64)
    assert words_message(array) == b"".join(value.to_bytes(8, "little") for value in range(8))
    assert words_message(array[::2]) == words_message(array[::2].copy())
    assert words_message(array.astype(">u8")) == words_message(array)
