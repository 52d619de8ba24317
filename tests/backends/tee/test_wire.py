"""Frames and messages between host and enclave: one encoding each, and nothing else is read."""

from __future__ import annotations

import socket
import threading
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.simulator import answers, requests
from verifiable.backends.tee.simulator.wire import (
    HEADER_BYTES,
    Frame,
    encode_frame,
    receive,
)
from verifiable.errors import InvalidInput, ProvingError, VerifiableError
from verifiable.statement.hashing import ProgramRoot, TensorRoot
from verifiable.statement.statement import Statement

TASK = requests.Task(inputs=(bytes(16), b"\1" * 8), context=b"\2" * 32, salt=b"\3" * 32)
EXECUTED = answers.Executed(
    statement=Statement(
        program_root=ProgramRoot(b"\4" * 32),
        input_root=TensorRoot(b"\5" * 32),
        output_root=TensorRoot(b"\6" * 32),
        context=b"\7" * 32,
    ),
    outputs=(b"\x08" * 8,),
)
EVIDENCE = Evidence(
    kind="snp", document=b"doc", collateral=b"lists", chain=(b"a", b"bc"), event_log=b"log"
)
SAMPLES = (
    requests.Load(program=b"program", kinds=("tdx", "snp"), seed=b"s" * 16, fixed_key=True),
    requests.Describe(),
    requests.Execute(task=TASK),
    requests.AttestStatement(task=TASK, nonce=b"nonce", kind="nitro", at_us=-1),
    requests.AttestKey(
        challenge=b"\1" * 32, chain_id=2**64 - 1, registry=b"\2" * 20, kind="tdx", at_us=1
    ),
    requests.Sign(task=TASK),
    answers.Description(
        program_root=b"\1" * 32,
        public_key=b"\2" * 64,
        kinds=("tdx",),
        registers={"tdx/mrtd": b"\3" * 48},
        event_log=b"log",
        inputs=(answers.TensorShape(name="x", shape=(1, 2)),),
        outputs=(answers.TensorShape(name="y", shape=()),),
    ),
    EXECUTED,
    answers.Attested(executed=EXECUTED, evidence=EVIDENCE),
    answers.KeyAttested(evidence=EVIDENCE),
    answers.Signed(executed=EXECUTED, signature=b"\1" * 65),
)
REGISTERING = (
    requests.AttestKey(
        challenge=b"\1" * 32,
        chain_id=1,
        registry=b"\2" * 20,
        kind="tdx",
        at_us=1,
        registration=requests.Registration(platform_id=b"\3" * 32, deadline=2**64 - 1),
    ),
    answers.KeyAttested(evidence=EVIDENCE, signature=b"\1" * 65),
)
EACH = pytest.mark.parametrize(
    "message", SAMPLES + REGISTERING, ids=lambda message: type(message).__name__
)


def test_there_is_a_sample_of_every_message() -> None:
    declared = {requests.Load.TYPE, *requests.REQUESTS, *answers.ANSWERS}
    assert {message.TYPE for message in SAMPLES} == declared - {answers.Failed.TYPE}
    assert len({message.TYPE for message in SAMPLES}) == len(SAMPLES)


def test_no_request_reports_or_signs_bytes_of_the_hosts_choice() -> None:
    found = {decode.__self__ for decode in requests.REQUESTS.values()}
    assert {kind.__name__ for kind in found} == {
        "Describe",
        "Execute",
        "AttestStatement",
        "AttestKey",
        "Sign",
    }
    members = {member.name for kind in found for member in fields(kind)}
    for part in (requests.Task, requests.Registration):
        members |= {member.name for member in fields(part)}
    assert members == {
        "task",
        "inputs",
        "context",
        "salt",
        "nonce",
        "kind",
        "at_us",
        "challenge",
        "chain_id",
        "registry",
        "registration",
        "platform_id",
        "deadline",
    }


@pytest.mark.parametrize(
    "changes",
    [{"kind": "nitro"}, {"kind": "snp"}, {"chain_id": 0}, {"registry": bytes(20)}],
    ids=str,
)
def test_a_registration_is_of_a_tdx_quote_and_somewhere(changes: dict[str, object]) -> None:
    request = replace(REGISTERING[0], **changes)
    with pytest.raises(ProvingError) as raised:
        requests.AttestKey.decode(request.body)
    assert raised.value.code == "enclave-protocol"
    plain = replace(request, registration=None)
    assert requests.AttestKey.decode(plain.body) == plain


@pytest.mark.parametrize("size", [1, 64])
def test_a_proof_of_possession_is_a_whole_signature(size: int) -> None:
    body = answers.KeyAttested(evidence=EVIDENCE, signature=bytes(size)).body
    with pytest.raises(ProvingError) as raised:
        answers.KeyAttested.decode(body)
    assert raised.value.code == "enclave-protocol"


@EACH
def test_a_message_comes_back(message: requests.Message) -> None:
    assert type(message).decode(message.body) == message


@EACH
def test_a_shorter_or_longer_body_is_refused(message: requests.Message) -> None:
    body = message.body
    for other in (*(body[:size] for size in range(len(body))), body + b"\0"):
        with pytest.raises(ProvingError) as raised:
            type(message).decode(other)
        assert raised.value.code == "enclave-protocol"


@EACH
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_an_altered_body_is_read_as_it_is_or_refused(
    message: requests.Message, data: st.DataObject
) -> None:
    body = bytearray(message.body or b"\0")
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    refusal = None
    try:
        found = type(message).decode(bytes(body))
    except ProvingError as error:
        refusal = error.code
    if refusal is None:
        assert len(found.body) <= len(body)  # registers of one name fall together
        assert type(message).decode(found.body) == found
    else:
        assert refusal == "enclave-protocol"


def test_an_error_keeps_its_class_and_words() -> None:
    error = InvalidInput("what", where="where", why="why", hint="hint", code="a-code")
    found = answers.Failed.decode(answers.Failed(error=error).body).error
    assert type(found) is InvalidInput
    assert (str(found), found.code) == (str(error), "a-code")


def test_an_error_of_another_class_becomes_one_of_proving() -> None:
    found = answers.Failed.decode(answers.Failed(error=VerifiableError("odd")).body).error
    assert type(found) is ProvingError


def test_a_long_text_is_cut_between_characters() -> None:
    error = ProvingError("é" * 5000)
    found = answers.Failed.decode(answers.Failed(error=error).body).error
    assert found.what == "é" * 2048


def test_an_unknown_error_is_refused() -> None:
    body = bytearray(answers.Failed(error=ProvingError("x")).body)
    body[0] = 200
    with pytest.raises(ProvingError, match="understand"):
        answers.Failed.decode(bytes(body))


@pytest.fixture
def pair():
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def test_frames_come_in_order_whatever_their_size(pair) -> None:
    left, right = pair
    bodies = [b"", b"x", bytes(3 << 20), b"last"]

    def send() -> None:
        for number, body in enumerate(bodies):
            left.sendall(encode_frame(number, number + 7, body))
        left.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    for number, body in enumerate(bodies):
        frame = receive(right, limit_bytes=3 << 20)
        assert frame == Frame(type=number, request=number + 7, body=body)
    assert receive(right, limit_bytes=1) is None
    sender.join()


def test_a_frame_over_its_limit_is_refused_before_it_is_read(pair) -> None:
    left, right = pair
    left.sendall(encode_frame(1, 1, bytes(100))[:HEADER_BYTES])
    with pytest.raises(ProvingError) as raised:
        receive(right, limit_bytes=99)
    assert raised.value.code == "enclave-protocol"


@pytest.mark.parametrize("kept", [1, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 3])
def test_a_frame_that_is_cut_off_is_refused(pair, kept: int) -> None:
    left, right = pair
    left.sendall(encode_frame(1, 1, b"body")[:kept])
    left.close()
    with pytest.raises(ProvingError) as raised:
        receive(right, limit_bytes=99)
    assert raised.value.code == "enclave-protocol"
