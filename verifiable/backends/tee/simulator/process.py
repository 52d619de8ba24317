"""A running enclave process as its host sees it: requests out, answers in, from many threads.

Requests carry numbers, so that any number of them is on its way at once; one thread reads the
answers and hands each to whoever waits for it. The enclave takes them in turn.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import verifiable
from verifiable.backends.tee.simulator.answers import ANSWERS, Answer, Failed
from verifiable.backends.tee.simulator.requests import Load, Request
from verifiable.backends.tee.simulator.wire import (
    Frame,
    encode_frame,
    receive,
    refused,
)
from verifiable.errors import ProvingError, ResourceLimit
from verifiable.progress import Cancellation

__all__ = ["Process"]

_TICK_S = 0.1
_STDERR_TAIL_BYTES = 2000
_MAX_ANSWER_BYTES = (1 << 32) - 1
_END_WAIT_S = 5.0

_KEPT = (
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "MKL_NUM_THREADS",
    "NUMBA_CACHE_DIR",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "PATH",
    "SYSTEMROOT",
    "TMPDIR",
)
"""Of the host's environment the enclave gets these: nothing that holds somebody's secret."""


class Process:
    """One process. Once it has ended, every request raises `ProvingError` (code `enclave-died`).

    Raises:
        ProvingError: (code `enclave-died`) the process could not be started.
    """

    def __init__(self) -> None:
        self._sending = threading.Lock()
        self._state = threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[Frame | None]] = {}
        self._next = 0
        self._ended = False
        self._closed = False
        self._why = ""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process has ended
        ours, theirs = socket.socketpair()
        try:
            self._child: subprocess.Popen[bytes] = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "verifiable.backends.tee.simulator.enclave",
                    str(os.getpid()),
                ],
                env=_environment(),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                start_new_session=True,  # a Ctrl-C reaches the host, which ends the enclave itself
            )
        except OSError as cause:
            ours.close()
            self._stderr.close()
            self._why = f"not started: {cause.strerror or cause}"
            raise self._died() from cause
        finally:
            theirs.close()
        self._connection = ours
        self._reader = threading.Thread(
            target=self._read, name=f"enclave {self._child.pid}", daemon=True
        )
        self._reader.start()

    @property
    def pid(self) -> int:
        """Of the process."""
        pid: int = self._child.pid
        return pid

    @property
    def alive(self) -> bool:
        """Whether it still answers, as far as is known."""
        return not self._ended

    def ask(
        self, request: Request | Load, *, limit_s: float | None, cancel: Cancellation | None = None
    ) -> Answer:
        """Send a request and wait for its answer. Any thread may, at any time.

        Args:
            request: what to send.
            limit_s: after so many seconds it is given up; the enclave finishes it, and the answer
                is dropped.
            cancel: looked at ten times a second while waiting.

        Raises:
            VerifiableError: what the enclave answered.
            ProvingError: (code `enclave-died`) the process ended before the answer.
            ResourceLimit: (code `time-limit`) there was no answer in time.
            Cancelled: by the caller.
        """
        until_s = None if limit_s is None else time.monotonic() + limit_s
        answers: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        with self._state:
            if self._ended:
                raise self._died()
            number = self._next
            self._next += 1
            self._waiting[number] = answers
        try:
            self._send(encode_frame(request.TYPE, number, request.body), until_s, cancel)
            frame = self._wait(answers, until_s, cancel)
        finally:
            with self._state:
                self._waiting.pop(number, None)
        if frame is None:
            raise self._died()
        decode = ANSWERS.get(frame.type)
        if decode is None:
            raise refused(f"an answer of type {frame.type}")
        answer = decode(frame.body)
        if isinstance(answer, Failed):
            raise answer.error
        return answer

    def close(self) -> None:
        """End the process, and with it its key. Whoever waits gets `enclave-died`."""
        with self._state:
            self._closed = True
        with contextlib.suppress(OSError):  # it has ended already
            self._connection.shutdown(socket.SHUT_RDWR)
        self._child.kill()
        if threading.current_thread() is not self._reader:
            self._reader.join()

    def _wait(
        self,
        answers: queue.SimpleQueue[Frame | None],
        until_s: float | None,
        cancel: Cancellation | None,
    ) -> Frame | None:
        if until_s is None and cancel is None:
            return answers.get()
        while True:
            try:
                return answers.get(timeout=_TICK_S)
            except queue.Empty:
                _check(until_s, cancel)

    def _send(self, frame: bytes, until_s: float | None, cancel: Cancellation | None) -> None:
        """Write one frame; other threads wait for the end of it."""
        while not self._sending.acquire(timeout=_TICK_S):
            _check(until_s, cancel)
        left = memoryview(frame)
        try:
            while left:
                try:
                    left = left[self._connection.send(left, socket.MSG_DONTWAIT) :]
                except BlockingIOError:
                    # the enclave is at work: it reads on when it is done
                    waiting = select.poll()
                    waiting.register(self._connection, select.POLLOUT)
                    waiting.poll(1000 * _TICK_S)
                    _check(until_s, cancel)
        except OSError:
            raise self._died() from None
        except BaseException:
            if len(left) < len(frame):
                self._child.kill()  # half a message: nothing after it could be read
            raise
        finally:
            self._sending.release()

    def _read(self) -> None:
        """Hand out answers until the process ends."""
        try:
            while (frame := receive(self._connection, limit_bytes=_MAX_ANSWER_BYTES)) is not None:
                with self._state:
                    answers = self._waiting.pop(frame.request, None)
                if answers is not None:  # else its caller has given up
                    answers.put(frame)
        except (OSError, ProvingError) as cause:
            self._why = str(cause)
        self._finish()

    def _finish(self) -> None:
        self._child.kill()
        status = self._child.wait()
        words = self._last_words()
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        with self._state:
            self._ended = True
            self._why = "it was closed" if self._closed else f"{how}. {words}".rstrip(". ")
            waiting, self._waiting = self._waiting, {}
        for answers in waiting.values():
            answers.put(None)
        self._stderr.close()
        self._connection.close()

    def _last_words(self) -> str:
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - _STDERR_TAIL_BYTES))
        lines = self._stderr.read().decode("utf-8", "replace").splitlines()
        return " | ".join([line.strip() for line in lines if line.strip()][-4:])

    def _died(self) -> ProvingError:
        return ProvingError(
            "the enclave process ended before it answered",
            where="simulated enclave",
            why=self._why or "the connection broke",
            hint="start it again; its key is gone, so attest the new one",
            code="enclave-died",
        )


def _check(until_s: float | None, cancel: Cancellation | None) -> None:
    """Whether to go on waiting.

    Raises:
        ResourceLimit: (code `time-limit`) no.
        Cancelled: no.
    """
    if cancel is not None:
        cancel.check("attest")
    if until_s is not None and time.monotonic() > until_s:
        raise ResourceLimit(
            "the enclave did not answer in time",
            where="simulated enclave",
            hint="raise the time limit; the request may still be at work",
            code="time-limit",
        )


def _environment() -> dict[str, str]:
    root = str(Path(verifiable.__file__).resolve().parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    path = root if not inherited else os.pathsep.join((root, inherited))
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"}
