"""The simulated enclave as a process: what it answers, what it refuses, and how it ends."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from verifiable.backends.tee.answer import Answer
from verifiable.backends.tee.binding import inference_digest, possession_digest
from verifiable.backends.tee.judge import judge_evidence
from verifiable.backends.tee.signatures import fault_of
from verifiable.backends.tee.simulator import answers, builtin, requests
from verifiable.backends.tee.simulator.enclave import serve
from verifiable.backends.tee.simulator.host import EnclaveProcess
from verifiable.backends.tee.simulator.seeds import BUILTIN_SEED, Seed
from verifiable.backends.tee.simulator.wire import encode_frame, receive
from verifiable.errors import (
    Cancelled,
    InvalidInput,
    MalformedModel,
    ProvingError,
    ResourceLimit,
    SetupError,
    VerifiableError,
)
from verifiable.program.execute import execute
from verifiable.program.onnx_file import dump_program
from verifiable.progress import Cancellation
from verifiable.statement.attestation import AttestationPolicy
from verifiable.statement.commitment import commit_program
from verifiable.statement.hashing import ProgramRoot
from verifiable.statement.statement import statement_of
from verifiable.statement.tensors import salted_root
from verifiable.testing.demo_program import demo_inputs, demo_program

AT = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
CONTEXT = b"\x0c" * 32
NONCE = bytes(range(32))
SALT = b"\x05" * 32
PROGRAM = demo_program()
FILE = dump_program(PROGRAM)
COMMITMENT = commit_program(PROGRAM)
KINDS = requests.KINDS
EACH_KIND = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def enclave() -> Iterator[EnclaveProcess]:
    with EnclaveProcess.start(FILE, KINDS, now=AT, limit_s=60) as process:
        yield process


@pytest.fixture
def mortal() -> Iterator[EnclaveProcess]:
    with EnclaveProcess.start(FILE, limit_s=60) as process:
        yield process


def honest_statement(number: int = 1):
    trace = execute(PROGRAM, demo_inputs(number))
    return statement_of(COMMITMENT, trace.inputs, trace.outputs, context=CONTEXT)


def accepts(evidence, answer: Answer) -> bool:
    ruling = judge_evidence(
        evidence,
        answer=answer,
        policy=AttestationPolicy(nonce=NONCE),
        now=AT,
        allow_builtin_simulator=True,
    )
    assert ruling.assurance == "simulated"
    return ruling.ok


def test_it_describes_what_it_measured(enclave: EnclaveProcess) -> None:
    found = enclave.describe()
    assert found.program_root == COMMITMENT.program_root == enclave.program_root
    assert found.public_key == enclave.public_key
    assert [tensor.name for tensor in found.inputs] == [spec.name for spec in PROGRAM.inputs]
    assert [tensor.shape for tensor in found.outputs] == [spec.shape for spec in PROGRAM.outputs]
    for kind in KINDS:
        reference = builtin.reference(kind, COMMITMENT.program_root)
        for name, value in reference.values.items():
            assert found.registers[f"{kind}/{name}"] == value


def test_it_computes_what_the_program_does(enclave: EnclaveProcess) -> None:
    found = enclave.execute(demo_inputs(3), CONTEXT)
    trace = execute(PROGRAM, demo_inputs(3))
    assert found.statement == honest_statement(3)
    for name, values in trace.outputs.items():
        np.testing.assert_array_equal(found.outputs[name], values)
        assert found.outputs[name].dtype == np.int64
        assert not found.outputs[name].flags.writeable


def test_a_salt_hides_the_root_of_the_inputs(enclave: EnclaveProcess) -> None:
    plain = honest_statement()
    for found in (
        enclave.execute(demo_inputs(1), CONTEXT, salt=SALT),
        enclave.sign(demo_inputs(1), CONTEXT, salt=SALT),
        enclave.attest_statement(demo_inputs(1), CONTEXT, NONCE, "tdx", salt=SALT),
    ):
        assert found.statement.input_root == salted_root(SALT, plain.input_root)
        assert found.statement.output_root == plain.output_root


def test_inputs_do_not_come_back(enclave: EnclaveProcess) -> None:
    inputs = demo_inputs(1)
    request = requests.Execute(task=enclave._task(inputs, CONTEXT, b""))
    answer = enclave._process.ask(request, limit_s=60)
    assert all(values.astype("<i8").tobytes() in request.body for values in inputs.values())
    assert not any(values.astype("<i8").tobytes() in answer.body for values in inputs.values())


@EACH_KIND
def test_a_quote_of_a_statement_is_accepted(enclave: EnclaveProcess, kind: str) -> None:
    found = enclave.attest_statement(demo_inputs(1), CONTEXT, NONCE, kind)
    assert found.statement == honest_statement()
    assert accepts(found.evidence, Answer(statement=found.statement, nonce=NONCE))
    other = honest_statement(2)
    assert not accepts(found.evidence, Answer(statement=other, nonce=NONCE))


@EACH_KIND
def test_a_quote_of_the_key_and_a_signature_are_accepted(
    enclave: EnclaveProcess, kind: str
) -> None:
    evidence = enclave.attest_key(NONCE, kind)
    signed = enclave.sign(demo_inputs(1), CONTEXT)
    answer = Answer(
        statement=signed.statement,
        mode="key",
        key=enclave.public_key,
        signature=signed.signature,
        challenge=NONCE,
    )
    assert signed.statement == honest_statement()
    assert accepts(evidence, answer)
    digest = inference_digest(honest_statement(2))
    assert fault_of(signed.signature, digest, enclave.public_key) == "signature-mismatch"


def test_a_key_quote_names_chain_and_registry(enclave: EnclaveProcess) -> None:
    here = enclave.attest_key(NONCE, "tdx").document
    there = enclave.attest_key(NONCE, "tdx", chain_id=1, registry=b"\1" * 20).document
    assert here[568:600] == there[568:600]  # address and tag
    assert here[600:632] != there[600:632]


def test_the_key_signs_its_registration_with_its_own_quote(enclave: EnclaveProcess) -> None:
    place = {"chain_id": 1, "registry": b"\1" * 20}
    wish = {"platform_id": b"\2" * 32, "deadline": 7}
    found = enclave.register_key(NONCE, **place, **wish)
    quote = found.evidence.document
    assert quote[568:632] == enclave.attest_key(NONCE, "tdx", **place).document[568:632]
    quote_digest = hashlib.sha256(quote[:632]).digest()
    digest = possession_digest(enclave.address, **place, **wish, quote_digest=quote_digest)
    assert fault_of(found.signature, digest, enclave.public_key) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"challenge": b"short"},
        {"chain_id": 0},
        {"chain_id": 1 << 64},
        {"registry": bytes(20)},
        {"registry": b"short"},
        {"platform_id": b"short"},
        {"deadline": -1},
        {"deadline": 1 << 64},
    ],
    ids=str,
)
def test_a_bad_registration_is_refused(enclave: EnclaveProcess, changes: dict) -> None:
    arguments = {
        "challenge": NONCE,
        "chain_id": 1,
        "registry": b"\1" * 20,
        "platform_id": b"\2" * 32,
        "deadline": 7,
    }
    with pytest.raises(InvalidInput) as raised:
        enclave.register_key(**{**arguments, **changes})
    assert raised.value.code == "bad-digest"


def test_evidence_is_dated_by_the_host(enclave: EnclaveProcess) -> None:
    later = AT + timedelta(hours=5)
    now, then = (enclave.attest_key(NONCE, "tdx", at=at).collateral for at in (AT, later))
    assert b"2026-03-01T11:55:00Z" in now
    assert b"2026-03-01T16:55:00Z" in then
    with pytest.raises(InvalidInput) as raised:
        enclave.attest_key(NONCE, "tdx", at=later.replace(tzinfo=None))
    assert raised.value.code == "naive-time"


def refusals() -> dict[str, tuple[dict[str, np.ndarray], bytes, str]]:
    inputs = demo_inputs(1)
    name, values = next(iter(inputs.items()))
    high = PROGRAM.inputs[0].hi + 1
    return {
        "missing": ({}, CONTEXT, "wrong-inputs"),
        "unknown": (inputs | {"spare": values}, CONTEXT, "wrong-inputs"),
        "shape": ({name: values.reshape(-1)[1:]}, CONTEXT, "wrong-shape"),
        "dtype": ({name: values.astype(np.float64)}, CONTEXT, "wrong-dtype"),
        "range": ({name: np.full_like(values, high)}, CONTEXT, "out-of-range"),
        "unsigned": ({name: np.full(values.shape, 1 << 63, np.uint64)}, CONTEXT, "out-of-range"),
        "context": (inputs, CONTEXT[1:], "bad-digest"),
    }


@pytest.mark.parametrize("case", refusals())
def test_bad_inputs_are_refused_and_it_goes_on(enclave: EnclaveProcess, case: str) -> None:
    inputs, context, code = refusals()[case]
    with pytest.raises(InvalidInput) as raised:
        enclave.sign(inputs, context)
    assert raised.value.code == code
    assert enclave.execute(demo_inputs(1), CONTEXT).statement == honest_statement()


def test_bad_arguments_are_refused(enclave: EnclaveProcess) -> None:
    for ask, code in (
        (lambda: enclave.execute(demo_inputs(1), CONTEXT, salt=b"short"), "bad-salt"),
        (lambda: enclave.attest_key(b"short", "tdx"), "bad-digest"),
        (lambda: enclave.attest_key(NONCE, "tdx", chain_id=1 << 64), "bad-digest"),
        (
            lambda: enclave.attest_statement(demo_inputs(1), CONTEXT, bytes(513), "tdx"),
            "bad-nonce",
        ),
    ):
        with pytest.raises(VerifiableError) as raised:
            ask()
        assert raised.value.code == code


def test_only_the_kinds_of_its_start_are_issued(mortal: EnclaveProcess) -> None:
    with pytest.raises(InvalidInput) as raised:
        mortal.attest_key(NONCE, "nitro")
    assert raised.value.code == "kind-not-issued"
    with pytest.raises(InvalidInput) as raised:
        EnclaveProcess.start(FILE, ("snp",), seed=Seed(value=bytes(16)))
    assert raised.value.code == "kind-not-issued"
    with pytest.raises(InvalidInput) as raised:
        EnclaveProcess.start(FILE, ("tpm",))
    assert raised.value.code == "unknown-option"


def test_a_fixed_key_and_time_give_the_same_bytes_again() -> None:
    def made(seed: Seed) -> tuple[bytes, ...]:
        with EnclaveProcess.start(FILE, KINDS[:2], seed=seed, fixed_key=True, now=AT) as process:
            signed = process.sign(demo_inputs(1), CONTEXT)
            quotes = [process.attest_key(NONCE, kind) for kind in KINDS[:2]]
            return (
                process.public_key,
                signed.signature,
                *(quote.document + quote.collateral for quote in quotes),
            )

    first, again = made(BUILTIN_SEED), made(BUILTIN_SEED)
    assert first == again
    other = made(Seed(value=b"another seed of 16"))
    assert not set(first) & set(other)


def test_what_is_no_program_is_refused() -> None:
    with pytest.raises(MalformedModel) as raised:
        EnclaveProcess.start(b"no program")
    assert raised.value.code == "not-onnx"


def test_every_thread_learns_that_it_was_killed(mortal: EnclaveProcess) -> None:
    os.kill(mortal.pid, signal.SIGSTOP)
    before = mortal.public_key
    errors: list[VerifiableError] = []

    def ask() -> None:
        try:
            mortal.sign(demo_inputs(1), CONTEXT)
        except VerifiableError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    deadline_s = time.monotonic() + 30
    while len(mortal._process._waiting) < 8:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    os.kill(mortal.pid, signal.SIGKILL)
    for thread in threads:
        thread.join(30)
    assert [(type(error), error.code) for error in errors] == [(ProvingError, "enclave-died")] * 8
    assert all("signal 9" in error.why and "start it again" in error.hint for error in errors)
    assert not mortal.alive
    with pytest.raises(ProvingError, match="ended"):
        mortal.describe()

    # all eight ask for a new one, and one is started
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(mortal.restart(replacing=before)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 8
    assert set(found) == {mortal.public_key}
    assert mortal.public_key != before
    signed = mortal.sign(demo_inputs(1), CONTEXT)
    assert fault_of(signed.signature, inference_digest(signed.statement), mortal.public_key) == ""


def test_a_closed_enclave_says_so(mortal: EnclaveProcess) -> None:
    mortal.close()
    mortal.close()
    with pytest.raises(ProvingError) as raised:
        mortal.sign(demo_inputs(1), CONTEXT)
    assert (raised.value.code, raised.value.why) == ("enclave-died", "it was closed")


def test_a_slow_answer_is_given_up_and_dropped() -> None:
    with EnclaveProcess.start(FILE, limit_s=0.3) as process:
        os.kill(process.pid, signal.SIGSTOP)
        with pytest.raises(ResourceLimit) as raised:
            process.execute(demo_inputs(1), CONTEXT)
        assert raised.value.code == "time-limit"
        os.kill(process.pid, signal.SIGCONT)
        process._limit_s = 60
        assert process.execute(demo_inputs(2), CONTEXT).statement == honest_statement(2)


def test_a_caller_can_stop_waiting(mortal: EnclaveProcess) -> None:
    os.kill(mortal.pid, signal.SIGSTOP)
    cancel = Cancellation()
    threading.Timer(0.2, cancel.cancel).start()
    with pytest.raises(Cancelled):
        mortal.sign(demo_inputs(1), CONTEXT, cancel=cancel)
    os.kill(mortal.pid, signal.SIGCONT)
    assert mortal.execute(demo_inputs(2), CONTEXT).statement == honest_statement(2)


def test_half_a_message_ends_the_process(mortal: EnclaveProcess) -> None:
    """Who gives up in the middle of a message would leave the next one unreadable."""
    os.kill(mortal.pid, signal.SIGSTOP)
    huge = requests.Load(program=bytes(32 << 20), kinds=(), seed=b"", fixed_key=False)
    with pytest.raises(ResourceLimit):
        mortal._process.ask(huge, limit_s=0.3)
    with pytest.raises(ProvingError) as raised:
        mortal.sign(demo_inputs(1), CONTEXT)
    assert raised.value.code == "enclave-died"


def test_it_ends_with_its_host() -> None:
    code = (
        "import os, sys\n"
        "from verifiable.backends.tee.simulator.host import EnclaveProcess\n"
        "from verifiable.program.onnx_file import dump_program\n"
        "from verifiable.testing.demo_program import demo_program\n"
        "process = EnclaveProcess.start(dump_program(demo_program()))\n"
        "print(process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    pid = int(ended.stdout)
    deadline_s = time.monotonic() + 30
    while _runs(pid):
        assert time.monotonic() < deadline_s, "the enclave outlives its host"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_it_inherits_no_secret_of_its_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEBODYS_TOKEN", "secret")
    with EnclaveProcess.start(FILE) as process:
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        limits = Path(f"/proc/{process.pid}/limits").read_text("ascii")
        assert os.readlink(f"/proc/{process.pid}/fd/0") == os.devnull
    assert b"SOMEBODYS_TOKEN" not in environment
    assert next(line for line in limits.splitlines() if "core file" in line).split()[4] == "0"


@pytest.fixture
def served() -> Iterator[tuple[socket.socket, threading.Thread]]:
    """The process's loop in a thread, with the other end of its socket."""
    ours, theirs = socket.socketpair()

    def run() -> None:
        with theirs:
            serve(theirs)

    thread = threading.Thread(target=run)
    thread.start()
    with ours:
        yield ours, thread
    thread.join(30)
    assert not thread.is_alive()


def answer_to(connection: socket.socket, type_: int, number: int, body: bytes):
    connection.sendall(encode_frame(type_, number, body))
    frame = receive(connection, limit_bytes=1 << 20)
    assert frame is not None
    assert frame.request == number
    return answers.ANSWERS[frame.type](frame.body)


def test_bytes_that_are_no_request_are_answered_by_an_error(served) -> None:
    connection, _ = served
    load = requests.Load(program=FILE, kinds=(), seed=bytes(16), fixed_key=False)
    assert isinstance(answer_to(connection, load.TYPE, 0, load.body), answers.Description)
    for number, (type_, body) in enumerate(
        [(99, b""), (load.TYPE, load.body[:100]), (requests.Sign.TYPE, b"short")], 1
    ):
        failed = answer_to(connection, type_, number, body)
        assert isinstance(failed, answers.Failed)
        assert failed.error.code == "enclave-protocol"
    described = answer_to(connection, requests.Describe.TYPE, 9, b"")
    assert described.program_root == ProgramRoot(COMMITMENT.program_root)


@pytest.mark.parametrize(
    ("first", "error", "code"),
    [
        (requests.Describe(), ProvingError, "enclave-protocol"),
        (
            requests.Load(program=FILE, kinds=(), seed=b"short", fixed_key=False),
            SetupError,
            "seed-too-short",
        ),
    ],
    ids=["not a load", "short seed"],
)
def test_a_first_message_that_loads_nothing_ends_it(served, first, error, code: str) -> None:
    connection, thread = served
    failed = answer_to(connection, first.TYPE, 0, first.body)
    assert (type(failed.error), failed.error.code) == (error, code)
    thread.join(30)
    assert not thread.is_alive()
