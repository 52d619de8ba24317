"""Many threads against one enclave process: every answer is right, and comes to who asked."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from verifiable.backends.tee.binding import inference_digest
from verifiable.backends.tee.signatures import fault_of
from verifiable.backends.tee.simulator.host import EnclaveProcess
from verifiable.backends.tee.simulator.results import SignedExecution
from verifiable.errors import ProvingError
from verifiable.program.execute import execute
from verifiable.program.onnx_file import dump_program
from verifiable.statement.commitment import commit_program
from verifiable.statement.statement import statement_of
from verifiable.testing.demo_program import demo_inputs, demo_program

THREADS = 8
DISTINCT_INPUTS = 16
PROGRAM = demo_program()
FILE = dump_program(PROGRAM)
COMMITMENT = commit_program(PROGRAM)


def context_of(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.mark.parametrize("count", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_answer_is_wrong_lost_or_doubled(count: int) -> None:
    traces = [execute(PROGRAM, demo_inputs(seed)) for seed in range(DISTINCT_INPUTS)]
    assert len({trace.inputs[0].tobytes() for trace in traces}) == DISTINCT_INPUTS

    with EnclaveProcess.start(FILE, limit_s=120) as process:

        def ask(number: int) -> tuple[int, SignedExecution]:
            inputs = demo_inputs(number % DISTINCT_INPUTS)
            return number, process.sign(inputs, context_of(number))

        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(ask, range(count)))
        key = process.public_key

    assert [number for number, _ in answers] == list(range(count))
    assert len({answer.signature for _, answer in answers}) == count
    for number, answer in answers:
        trace = traces[number % DISTINCT_INPUTS]
        expected = statement_of(COMMITMENT, trace.inputs, trace.outputs, context=context_of(number))
        assert answer.statement == expected
        for name, values in trace.outputs.items():
            assert answer.outputs[name].tobytes() == values.tobytes()
        assert fault_of(answer.signature, inference_digest(expected), key) == ""


def test_what_was_answered_before_a_kill_is_right_and_the_rest_is_refused() -> None:
    """Killed among answers: each call has one of two ends, and a restart goes on."""
    answered, refused = [], []
    enough = threading.Event()
    inputs = demo_inputs(1)

    with EnclaveProcess.start(FILE, limit_s=120) as process:
        first_key = process.public_key

        def ask(thread: int) -> None:
            for turn in range(10_000):
                try:
                    answered.append(process.sign(inputs, context_of(thread << 32 | turn)))
                except ProvingError as error:
                    refused.append(error.code)
                    return
                if len(answered) > 50:
                    enough.set()

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        os.kill(process.pid, signal.SIGKILL)
        for thread in threads:
            thread.join(60)
        assert refused == ["enclave-died"] * THREADS
        for answer in answered:
            assert fault_of(answer.signature, inference_digest(answer.statement), first_key) == ""

        second_key = process.restart()
        assert second_key != first_key
        again = process.sign(inputs, context_of(1))
        digest = inference_digest(again.statement)
        assert fault_of(again.signature, digest, second_key) == ""
        assert fault_of(again.signature, digest, first_key) == "signature-mismatch"
