"""Every part of a gkr payload is changed, and refused for the reason that the manifest gives.

`MANIFEST` names, for each kind of message, the checks that may refuse a changed one. A message
without an entry fails `test_every_message_is_in_the_manifest`.
"""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise

import pytest
from gkr_lies import PROGRAMS, case_of
from gkr_parties import (
    ACCEPTED,
    Attempt,
    Case,
    honest,
    judged,
    make_case,
    payload_of,
    proven_ranges,
    ranges_verdict,
    verdict,
)
from gkr_programs import dense

from verifiable.argument.goldilocks import P
from verifiable.backends.gkr.format import PAYLOAD_MAGIC, Payload
from verifiable.errors import MalformedProof

MANIFEST: dict[str, set[str]] = {
    # Without lookups an operator or only the opening sees the root, which then draws other columns,
    # and maybe another number of them.
    r"witness|ranges": {"GK-7", "GK-9", "GK-12", "malformed"},
    r"lookup/root": {"GK-5", "GK-7"},
    r"lookup/(level|children)": {"GK-7"},
    r"multiplicity\d+": {"GK-8"},
    # At the leaves' point; in the operators; and beside a factor that is 0 on all lanes.
    r"\d+\.(y|x|max\d\.\d+)": {"GK-8", "GK-9", "GK-10"},
    r"\d+\.\w+\.(r\d+|h)": {"GK-8"},
    r"\d+\.MaxPool\.axis\d\.taps": {"GK-8", "GK-9"},
    r"\d+\.MaxPool\.axis\d\.first": {"GK-9", "GK-14"},
    r"\d+\.[\w.]+\.(above|below)\d+": {"GK-8", "GK-9", "GK-10"},
    r"\d+\.[\w.]+\.(over|under)\d+": {"GK-9"},
    r"\d+\.LookupTable\.x": {"GK-8", "GK-9"},
    r"\d+\.[\w.]+\.(above|below)": {"GK-9"},
    r"\d+\.(Add|Affine|Concat|Conv|MatMul|Mul)"
    r"(\.(a|b|bias|factors|group|part|multiplier|multiplier\.acc))?": {"GK-9"},
    r"weight\d+": {"GK-8", "GK-9"},
    r"weight\d+\.limb\d+": {"GK-9"},
    r"merge": {"GK-10"},
    r"merge/stack": {"GK-10", "GK-11"},  # without a claim there is nothing to merge
    r"opening-row": {"GK-11"},
    r"opening-(columns|siblings)": {"GK-12"},
}

Span = tuple[str, str, int, int]
Parts = list[tuple[Case, str, bytes, list[Span]]]


def expected_of(label: str) -> set[str] | None:
    """The manifest's entry for a message."""
    found = [checks for pattern, checks in MANIFEST.items() if re.fullmatch(pattern, label)]
    assert len(found) < 2, f"{label} has several entries"
    return found[0] if found else None


def parts_of(name: str, mode: str) -> Parts:
    """The proof, and in the mode `committed` that of the ranges, with where each message lies."""
    case = case_of(name, mode)
    attempt = Attempt.of(case)
    found = [(case, "proof", attempt.prove(), attempt.side.spans)]
    if case.weights is not None:
        ranges, side = proven_ranges(case)
        found.append((case, "ranges", ranges, side.spans))
    return found


def said(case: Case, part: str, data: bytes) -> str:
    return verdict(case, data) if part == "proof" else ranges_verdict(case, data)


def with_word(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + value.to_bytes(8, "little") + data[at + 8 :]


def word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def changed(kind: str, data: bytes, at: int) -> bytes:
    """One field element more by one, or one bit of a digest flipped."""
    if kind == "digests":
        return data[:at] + bytes((data[at] ^ 0x40,)) + data[at + 1 :]
    return with_word(data, at, (word(data, at) + 1) % P)


def places(kind: str, start: int, end: int) -> range:
    return range(start, end, 32 if kind == "digests" else 8)


def first_and_last(spans: list[Span]) -> Iterator[Span]:
    """Of each label the first and the last message."""
    labels = [label for label, *_ in spans]
    for index, span in enumerate(spans):
        if index in (labels.index(span[0]), len(labels) - 1 - labels[::-1].index(span[0])):
            yield span


ALL = [(name, mode) for name in PROGRAMS for mode in ("public", "committed")]


@pytest.mark.parametrize(("name", "mode"), ALL)
def test_every_message_is_in_the_manifest(name: str, mode: str) -> None:
    for _, _, data, spans in parts_of(name, mode):
        assert spans[0][2] == 0
        assert spans[-1][3] == len(data)
        assert all(a[3] == b[2] for a, b in pairwise(spans))
        assert not {label for label, *_ in spans if expected_of(label) is None}


def test_every_entry_of_the_manifest_has_a_message() -> None:
    labels = {label for name, mode in ALL for part in parts_of(name, mode) for label, *_ in part[3]}
    unused = [
        pattern for pattern in MANIFEST if not any(re.fullmatch(pattern, label) for label in labels)
    ]
    assert not unused


def test_the_walker_can_miss_an_entry() -> None:
    """A control: a label of no protocol has no entry."""
    assert expected_of("0.MatMul.hint") is None


@pytest.mark.parametrize(("name", "mode"), ALL)
def test_a_changed_message_is_refused_by_its_check(name: str, mode: str) -> None:
    """First and last element of the first and last message of each label."""
    for case, part, data, spans in parts_of(name, mode):
        assert said(case, part, data) == ACCEPTED
        for label, kind, start, end in first_and_last(spans):
            expected = expected_of(label)
            assert expected is not None
            if start == end:
                continue
            for at in {start, places(kind, start, end)[-1]}:
                found = said(case, part, changed(kind, data, at))
                assert found.split()[0] in expected, (label, at)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["public", "committed"])
@pytest.mark.parametrize("name", ["dense", "wide clamp", "wide maximum", "fan out"])
def test_every_element_of_every_message_is_bound(name: str, mode: str) -> None:
    for case, part, data, spans in parts_of(name, mode):
        for label, kind, start, end in spans:
            expected = expected_of(label)
            assert expected is not None
            for at in places(kind, start, end):
                found = said(case, part, changed(kind, data, at))
                assert found.split()[0] in expected, (label, at)


def test_every_word_of_a_small_proof_is_bound() -> None:
    case = case_of("MatMul, plain")
    data = honest(case)
    for at in range(0, len(data), 8):
        assert verdict(case, with_word(data, at, (word(data, at) + 1) % P)) != ACCEPTED


def refused(case: Case, data: bytes) -> None:
    """Refused by a check, or as malformed; anything else is raised."""
    assert verdict(case, data) != ACCEPTED


@pytest.mark.parametrize("flip", [0x01, 0x80])
def test_bytes_of_a_small_proof_are_bound(flip: int) -> None:
    case = case_of("MatMul, plain")
    data = honest(case)
    for at in range(flip % 13, len(data), 13):
        refused(case, data[:at] + bytes((data[at] ^ flip,)) + data[at + 1 :])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MatMul, plain", "Transpose, plain"])
def test_every_byte_of_a_small_proof_is_bound(name: str) -> None:
    case = case_of(name)
    data = honest(case)
    for at in range(len(data)):
        refused(case, data[:at] + bytes((data[at] ^ (1 << at % 8),)) + data[at + 1 :])


# --- Encodings --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "mode"), [("dense", "committed"), ("wide clamp", "public")])
def test_words_that_are_not_canonical_are_malformed(name: str, mode: str) -> None:
    twins = 0
    for case, part, data, spans in parts_of(name, mode):
        for _, kind, start, end in first_and_last(spans):
            if kind == "digests":
                continue
            for at in {start, end - 8}:
                value = word(data, at)
                others = {P, (1 << 64) - 1, P + value % (2**32 - 1)}
                if P + value < 1 << 64:
                    others.add(P + value)  # another encoding of the same number
                    twins += 1
                for other in others:
                    found = said(case, part, with_word(data, at, other))
                    assert found == "malformed number-not-canonical"
    assert twins


@pytest.mark.parametrize(("name", "mode"), [("dense", "committed"), ("wide clamp", "public")])
def test_a_proof_cut_off_at_any_message_is_malformed(name: str, mode: str) -> None:
    for case, part, data, spans in parts_of(name, mode):
        for _, _, start, end in spans:
            for length in {start, max(start, end - 1)} - {len(data)}:
                assert said(case, part, data[:length]) == "malformed payload-truncated"
        assert said(case, part, data + b"\x00") == "malformed payload-trailing-bytes"


# --- The payload around the proof -------------------------------------------------------------


@pytest.fixture(scope="module")
def committed() -> tuple[Case, bytes]:
    case = make_case(dense(), "committed", ranges=True)
    return case, payload_of(case, honest(case))


PAYLOAD_FIELDS = {
    "magic": ("payload-magic",),
    "mode": ("payload-mode", "payload-size", "GK-1"),
    "length of vk": ("payload-truncated", "payload-size", "payload-trailing-bytes", "GK-1"),
    "vk": ("GK-1",),
    "length of ranges": ("payload-truncated", "payload-size", "payload-trailing-bytes"),
    "ranges": ("GK-3", "number-not-canonical"),
    "length of proof": ("payload-truncated", "payload-size", "payload-trailing-bytes"),
    "proof": ("GK-", "number-not-canonical"),
}


def fields_of(payload: bytes) -> dict[str, tuple[int, int]]:
    """Where each field of a payload lies; the walk ends where the payload does."""
    found = {"magic": (0, len(PAYLOAD_MAGIC)), "mode": (5, 6)}
    at = 6
    for name in ("vk", "ranges", "proof"):
        size = int.from_bytes(payload[at : at + 4], "big")
        found[f"length of {name}"] = (at, at + 4)
        found[name] = (at + 4, at + 4 + size)
        at += 4 + size
    assert at == len(payload)
    return found


def why(case: Case, payload: bytes) -> str:
    """The check, or the code of what is malformed."""
    try:
        found = judged(case, payload)
    except MalformedProof as malformed:
        return malformed.code
    assert len(found) == 1
    return next(iter(found))


def test_every_field_of_a_payload_is_in_the_manifest(committed: tuple[Case, bytes]) -> None:
    assert set(fields_of(committed[1])) == set(PAYLOAD_FIELDS)
    assert set(Payload.__dataclass_fields__) == {"weights", "vk", "ranges", "proof"}


@pytest.mark.parametrize("field", PAYLOAD_FIELDS)
def test_a_changed_field_of_a_payload_is_refused(field: str, committed: tuple[Case, bytes]) -> None:
    """Every byte of every field; of the two proofs and the key a sample."""
    case, payload = committed
    start, end = fields_of(payload)[field]
    step = 1 if end - start <= 64 else (end - start) // 60
    for at in [*range(start, end, step), end - 1]:
        for flip in (0x01, 0x80):
            found = why(case, payload[:at] + bytes((payload[at] ^ flip,)) + payload[at + 1 :])
            assert found.startswith(PAYLOAD_FIELDS[field]), at


def test_every_byte_of_a_key_is_pinned(committed: tuple[Case, bytes]) -> None:
    case, payload = committed
    start, end = fields_of(payload)["vk"]
    for at in range(start, end):
        flipped = payload[:at] + bytes((payload[at] ^ 0x04,)) + payload[at + 1 :]
        assert judged(case, flipped) == {"GK-1": "key-mismatch"}


def test_a_payload_cut_off_anywhere_is_malformed(committed: tuple[Case, bytes]) -> None:
    case, payload = committed
    ends = {end for _, end in fields_of(payload).values()} | {start + 1 for start in range(80)}
    for length in sorted(ends | set(range(0, len(payload), 997))):
        if length < len(payload):
            assert why(case, payload[:length]) in ("payload-truncated", "payload-magic",
                                                   "payload-mode")  # fmt: skip


def test_a_payload_ends_where_its_proof_does(committed: tuple[Case, bytes]) -> None:
    case, payload = committed
    assert why(case, payload + b"\x00") == "payload-trailing-bytes"
    assert why(case, payload + payload) == "payload-trailing-bytes"


@pytest.mark.parametrize("part", ["vk", "ranges", "proof"])
@pytest.mark.parametrize("size", [2**31 - 1, 2**31, 2**32 - 1])
def test_a_giant_length_costs_no_memory(
    part: str, size: int, committed: tuple[Case, bytes]
) -> None:
    case, payload = committed
    start, end = fields_of(payload)[f"length of {part}"]
    crafted = payload[:start] + size.to_bytes(4, "big") + payload[end:]
    tracemalloc.start()
    try:
        assert why(case, crafted) == "payload-truncated"
        assert tracemalloc.get_traced_memory()[1] < 4 * len(payload) + (1 << 20)
    finally:
        tracemalloc.stop()
