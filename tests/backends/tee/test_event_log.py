"""The event log: the documented vector, strict decoding, and each way a log can lie."""

from __future__ import annotations

import json

import pytest

from verifiable.backends.tee.event_log import (
    PROGRAM_EVENT,
    READY_EVENT,
    Event,
    decode_log,
    encode_log,
    program_fault,
    program_register,
    replay,
)
from verifiable.errors import InvalidInput, MalformedProof

ROOT = b"\x11" * 32
PROGRAM = Event(name=PROGRAM_EVENT, payload=ROOT)
READY = Event(name=READY_EVENT, payload=b"")
OTHER = Event(name="boot", payload=b"x")


def test_the_vector() -> None:
    assert PROGRAM.digest.hex() == (
        "214e2c73613ce2fb6284f60f55e85f562de8ca154e5ebd6e139ffc5178e499df"
        "eccd1b92141f828d46c2bde67a7a80dc"
    )
    assert program_register(ROOT).hex() == (
        "1061f657aaef6bc962366a4a835c434c730337447992952008b06599d90fc036"
        "d15bc287cadbe98602be00dbe5e34de5"
    )


def test_replay_follows_order_and_count() -> None:
    found = [
        replay(events)
        for events in ((), (PROGRAM,), (PROGRAM, PROGRAM), (OTHER, PROGRAM), (PROGRAM, OTHER))
    ]
    assert found[0] == bytes(48)
    assert len(set(found)) == len(found)


def test_a_log_is_read_back() -> None:
    log = (OTHER, PROGRAM, READY)
    assert decode_log(encode_log(log)) == log


@pytest.mark.parametrize("log", [(PROGRAM,), (PROGRAM, READY), (OTHER, PROGRAM, READY)])
def test_honest_logs(log: tuple[Event, ...]) -> None:
    assert program_fault(log, ROOT) == ""
    assert program_fault(log, None) == ""


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ((), "0 events"),
        ((OTHER, READY), "0 events"),
        ((PROGRAM, PROGRAM), "2 events"),
        ((READY, PROGRAM), "after system-ready"),
        ((PROGRAM, READY, OTHER), "boot after system-ready"),
        ((PROGRAM, READY, READY), "system-ready after system-ready"),
        ((Event(name=PROGRAM_EVENT, payload=b"\x12" * 32),), "program 0x12"),
    ],
)
def test_lying_logs(log: tuple[Event, ...], why: str) -> None:
    assert why in program_fault(log, ROOT)


@pytest.mark.parametrize("name", ["", "A", "a:b", "a b", "x" * 65, "a\n"])
def test_names_that_would_make_the_encoding_ambiguous(name: str) -> None:
    with pytest.raises(InvalidInput):
        Event(name=name, payload=b"")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda log: log.update(format="x"), "unknown-format"),
        (lambda log: log.update(more=1), "unknown-key"),
        (lambda log: log["events"][0].update(name="A:"), "bad-event"),
        (lambda log: log["events"][0].update(payload="0xAA"), "not-hex"),
        (lambda log: log["events"][0].update(payload="0x" + "00" * 4097), "too-large"),
        (lambda log: log["events"][0].update(payload=None), "wrong-type"),
        (lambda log: log["events"][0].pop("payload"), "missing-key"),
        (lambda log: log["events"][0].update(digest="0x"), "unknown-key"),
        (lambda log: log.update(events=log["events"] * 257), "too-many"),
    ],
)
def test_malformed_logs(change, code: str) -> None:
    document = json.loads(encode_log((PROGRAM,)))
    change(document)
    with pytest.raises(MalformedProof) as caught:
        decode_log(json.dumps(document).encode())
    assert caught.value.code == code
