"""The simulated enclave: a process that loads one program, and answers for what it computes.

    python -m verifiable.backends.tee.simulator.enclave PARENT

Its host starts it (`host.py`) with one end of a socket as standard input. It measures the program,
makes a key that never leaves it, and then answers one request after another. It executes what it
attests: roots and report data are computed here, from the inputs that came and the outputs that it
computed itself, and there is no request that reports or signs bytes of the host's choice. Of the
inputs only their root goes back, salted if the host gave a salt.

It is not isolated from its host: whoever runs on the machine can read this process. Its time is the
host's word, as it would be in most real enclaves. It ends when its host does.
"""

from __future__ import annotations

import hashlib
import os
import select
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from math import prod
from typing import Any, TypeVar

import numpy as np

from verifiable.backends.tee.binding import (
    SIGNED_QUOTE_BYTES,
    inference_digest,
    key_report_data,
    possession_digest,
    statement_report_data,
)
from verifiable.backends.tee.signatures import address_of, library, wire_form
from verifiable.backends.tee.simulator.answers import (
    Answer,
    Attested,
    Description,
    Executed,
    Failed,
    KeyAttested,
    Signed,
    TensorShape,
)
from verifiable.backends.tee.simulator.measuring import Machine, Measurements
from verifiable.backends.tee.simulator.requests import (
    MAX_LOAD_BYTES,
    REQUESTS,
    SMALL_BYTES,
    AttestKey,
    AttestStatement,
    Execute,
    Load,
    Request,
    Sign,
    Task,
)
from verifiable.backends.tee.simulator.seeds import Seed
from verifiable.backends.tee.simulator.wire import Frame, encode_frame, receive, refused
from verifiable.errors import InvalidInput, ProvingError, ResourceLimit, VerifiableError
from verifiable.program.execute import execute
from verifiable.program.onnx_file import load_program
from verifiable.program.program import IntArray
from verifiable.statement.commitment import commit_program, inputs_root, outputs_root
from verifiable.statement.statement import Statement
from verifiable.statement.tensors import salted_root

__all__ = ["Enclave", "serve"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PARENT_CHECK_MS = 1000
_CONNECTION_LOST = 3

Made = TypeVar("Made")


class Enclave:
    """A loaded program with its key and its machine. One request at a time.

    Args:
        load: the host's first message.

    Raises:
        MalformedModel, ResourceLimit: the program cannot be loaded.
        MissingDependency: a package of the extra `tee` is not installed.
        SetupError: the seed is too short.
    """

    def __init__(self, load: Load) -> None:
        seed = Seed(value=load.seed)
        self._program = load_program(load.program)
        self._commitment = commit_program(self._program)
        self._measured = Measurements(self._commitment.program_root)
        self._machine = Machine(seed, self._measured, load.kinds)
        self._kinds = load.kinds
        curve = library()
        secret = None
        if load.fixed_key:
            secret = seed.secp256k1(f"enclave/{self._measured.program_root.hex()}")
        self._key: Any = curve.PrivateKey(secret)  # None: 32 bytes of the operating system's
        self._public_key: bytes = self._key.public_key.format(compressed=False)[1:]

    @property
    def largest_request_bytes(self) -> int:
        """Of the body of a request that fits the program."""
        return SMALL_BYTES + sum(12 + 8 * prod(spec.shape) for spec in self._program.inputs)

    def describe(self) -> Description:
        """What it is: program, key, measurements, and what it takes and gives."""
        return Description(
            program_root=self._measured.program_root,
            public_key=self._public_key,
            kinds=self._kinds,
            registers=self._measured.registers(self._kinds),
            event_log=self._measured.event_log,
            inputs=tuple(TensorShape(name=s.name, shape=s.shape) for s in self._program.inputs),
            outputs=tuple(TensorShape(name=s.name, shape=s.shape) for s in self._program.outputs),
        )

    def answer(self, request: Request) -> Answer:
        """Answer one request.

        Raises:
            InvalidInput: the inputs do not fit the program.
            MalformedModel: a value left the bounds that the program has.
        """
        if isinstance(request, AttestStatement):
            executed = self._execute(request.task)
            data = statement_report_data(executed.statement, request.nonce, b"")
            evidence = self._machine.attest(
                request.kind, data, nonce=request.nonce, public_key=b"", at=_time(request.at_us)
            )
            return Attested(executed=executed, evidence=evidence)
        if isinstance(request, Sign):
            executed = self._execute(request.task)
            signature = self._signed(inference_digest(executed.statement))
            return Signed(executed=executed, signature=signature)
        if isinstance(request, AttestKey):
            return self._attest_key(request)
        if isinstance(request, Execute):
            return self._execute(request.task)
        return self.describe()

    def _attest_key(self, request: AttestKey) -> KeyAttested:
        """Quote the key and, if asked to, sign that it be registered with this very quote."""
        address = address_of(self._public_key)
        data = key_report_data(
            address,
            chain_id=request.chain_id,
            registry=request.registry,
            challenge=request.challenge,
        )
        evidence = self._machine.attest(
            request.kind,
            data,
            nonce=request.challenge,
            public_key=self._public_key,
            at=_time(request.at_us),
        )
        if request.registration is None:
            return KeyAttested(evidence=evidence)
        digest = possession_digest(
            address,
            chain_id=request.chain_id,
            registry=request.registry,
            platform_id=request.registration.platform_id,
            quote_digest=hashlib.sha256(evidence.document[:SIGNED_QUOTE_BYTES]).digest(),
            deadline=request.registration.deadline,
        )
        return KeyAttested(evidence=evidence, signature=self._signed(digest))

    def _signed(self, digest: bytes) -> bytes:
        """The key's signature of what was hashed here: 65 bytes."""
        return wire_form(self._key.sign_recoverable(digest, hasher=None))

    def _execute(self, task: Task) -> Executed:
        """Run the program; the statement is of what was computed here and nothing else."""
        schema, leaf_log2 = self._commitment.schema, self._commitment.leaf_log2
        trace = execute(self._program, self._inputs(task.inputs))
        outputs = trace.outputs
        input_root = inputs_root(schema, trace.inputs, leaf_log2=leaf_log2)
        if task.salt:
            input_root = salted_root(task.salt, input_root)
        statement = Statement(
            program_root=self._measured.program_root,
            input_root=input_root,
            output_root=outputs_root(schema, outputs, leaf_log2=leaf_log2),
            context=task.context,
        )
        return Executed(
            statement=statement,
            outputs=tuple(
                values.astype("<i8", copy=False).tobytes() for values in outputs.values()
            ),
        )

    def _inputs(self, given: tuple[bytes, ...]) -> Mapping[str, IntArray]:
        expected = self._program.inputs
        if len(given) != len(expected):
            raise InvalidInput(
                f"{len(given)} tensors where {len(expected)} are expected",
                where="inputs",
                code="wrong-count",
            )
        found = {}
        for spec, data in zip(expected, given, strict=True):
            if len(data) != 8 * prod(spec.shape):
                raise InvalidInput(
                    f"{len(data)} bytes where {8 * prod(spec.shape)} are expected",
                    where=spec.name,
                    code="wrong-shape",
                )
            found[spec.name] = np.frombuffer(data, "<i8").astype(np.int64).reshape(spec.shape)
        return found


def serve(connection: socket.socket) -> int:
    """Load what the first message says, then answer until the host closes the connection.

    Returns:
        the exit status: 0 after the host has closed it.
    """
    first = receive(connection, limit_bytes=MAX_LOAD_BYTES)
    if first is None:
        return 0

    enclave, failed = _attempt(partial(_load, first))
    if enclave is None:
        _send(connection, first.request, failed)
        return 1
    _send(connection, first.request, enclave.describe())
    del first  # the program file, which nobody needs any more
    limit_bytes = enclave.largest_request_bytes
    while (frame := receive(connection, limit_bytes=limit_bytes)) is not None:
        done, failed = _attempt(partial(_answer, enclave, frame))
        _send(connection, frame.request, failed if done is None else done)
    return 0


def _load(first: Frame) -> Enclave:
    if first.type != Load.TYPE:
        raise refused(f"a first message of type {first.type}")
    return Enclave(Load.decode(first.body))


def _answer(enclave: Enclave, frame: Frame) -> Answer:
    decode = REQUESTS.get(frame.type)
    if decode is None:
        raise refused(f"a request of type {frame.type}")
    return enclave.answer(decode(frame.body))


def _attempt(work: Callable[[], Made]) -> tuple[Made | None, Failed]:
    """The result of `work`, or what the host is told of its failure: one request ends no other."""
    try:
        return work(), _UNUSED
    except VerifiableError as error:
        return None, Failed(error=error)
    except MemoryError:
        return None, Failed(
            error=ResourceLimit(
                "the enclave ran out of memory",
                where="simulated enclave",
                hint="free memory, or use a smaller model",
                code="out-of-memory",
            )
        )
    except Exception as cause:
        return None, Failed(
            error=ProvingError(
                "the enclave failed in a way that it should not",
                where="simulated enclave",
                why=f"{type(cause).__name__}: {cause}",
                hint="report it with the model and the input",
                code="enclave-failed",
            )
        )


_UNUSED = Failed(error=ProvingError("nothing failed"))


def _send(connection: socket.socket, request: int, answer: Answer) -> None:
    connection.sendall(encode_frame(answer.TYPE, request, answer.body))


def _time(at_us: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=at_us)
    except OverflowError:
        raise refused("a time that no calendar has") from None


def _end_with_host(connection: socket.socket, parent: int) -> None:
    """End this process when the host has closed the connection or is gone, whatever runs here."""
    watched = select.poll()
    watched.register(connection, 0)  # nothing but the end: what is to be read is read elsewhere
    while not watched.poll(_PARENT_CHECK_MS):
        if os.getppid() != parent:
            break
    os._exit(0)


def main() -> int:
    """Run the process that `host.py` starts."""
    parent = int(sys.argv[1])
    descriptor = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # no library reads the host's messages
    os.close(nothing)
    _keep_memory_off_disk()
    with socket.socket(fileno=descriptor) as connection:
        threading.Thread(target=_end_with_host, args=(connection, parent), daemon=True).start()
        try:
            return serve(connection)
        except (OSError, ProvingError) as cause:
            sys.stderr.write(f"{cause}\n")
            return _CONNECTION_LOST


def _keep_memory_off_disk() -> None:
    """Write no core file, which would hold the key."""
    try:
        import resource
    except ImportError:  # no such files on this system
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


if __name__ == "__main__":
    sys.exit(main())
