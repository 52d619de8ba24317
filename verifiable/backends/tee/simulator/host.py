"""The host of a simulated enclave: starts its process, asks it, and starts it again.

What the host is told is what anybody is told: outputs, roots, evidence, signatures. The key stays
in the process. It ends with its host, and whoever starts another one gets another key.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from verifiable.backends.tee.binding import MAX_NONCE_BYTES
from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.signatures import address_of
from verifiable.backends.tee.simulator.answers import (
    Attested,
    Description,
    Executed,
    KeyAttested,
    Signed,
)
from verifiable.backends.tee.simulator.builtin import SimulatedKind
from verifiable.backends.tee.simulator.process import Process
from verifiable.backends.tee.simulator.requests import (
    KINDS,
    AttestKey,
    AttestStatement,
    Describe,
    Execute,
    Load,
    Registration,
    Request,
    Sign,
    Task,
)
from verifiable.backends.tee.simulator.results import (
    AttestedExecution,
    Execution,
    KeyRegistration,
    SignedExecution,
)
from verifiable.backends.tee.simulator.seeds import BUILTIN_SEED, Seed
from verifiable.backends.tee.simulator.values import input_bytes, read_outputs
from verifiable.backends.tee.simulator.wire import refused
from verifiable.errors import InvalidInput
from verifiable.progress import Cancellation
from verifiable.statement.hashing import DIGEST_BYTES
from verifiable.statement.statement import ZERO_CONTEXT
from verifiable.statement.view import ADDRESS_BYTES

__all__ = ["START_LIMIT_S", "EnclaveProcess"]

START_LIMIT_S = 120.0
"""Longest time that starting and loading may take."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Found = TypeVar("Found")
Inputs = Mapping[str, npt.NDArray[np.integer]]


class EnclaveProcess:
    """One simulated enclave with one program. Threads may share it; use it as a context manager.

    Every request can raise, besides what it says itself: `ProvingError` (code `enclave-died`: the
    process has ended; `restart` gives another, with another key), `ResourceLimit` (code
    `time-limit`), `Cancelled`, and `InvalidInput` where the inputs do not fit the program.

    The evidence is dated by the host's clock, or by the time that the host says: an enclave has no
    trustworthy one. Who needs freshness sends a nonce.
    """

    def __init__(
        self, load: Load, *, now: datetime | None, limit_s: float | None, start_limit_s: float
    ) -> None:
        """For `start`."""
        self._load = load
        self._now = now
        self._limit_s = limit_s
        self._start_limit_s = start_limit_s
        self._restarting = threading.Lock()
        self._process, self._description = self._begin(None)
        self._finalizer = weakref.finalize(self, self._process.close)

    @classmethod
    def start(
        cls,
        program_bytes: bytes,
        kinds: Sequence[SimulatedKind] = ("tdx",),
        *,
        seed: Seed = BUILTIN_SEED,
        fixed_key: bool = False,
        now: datetime | None = None,
        limit_s: float | None = None,
        start_limit_s: float = START_LIMIT_S,
    ) -> EnclaveProcess:
        """Start a process and let it load a program.

        Args:
            program_bytes: of the program file.
            kinds: of evidence that it can issue.
            seed: of the simulated vendors; by default the built-in one, which everybody knows.
                SNP evidence is issued under that one alone: its RSA chain is a stored file.
            fixed_key: take the enclave's key from seed and program, so that everything comes out
                again byte for byte; it is as secret as the seed. Else the key is random.
            now: the time of all evidence, with time zone; None: the host's clock at each request.
            limit_s: longest wait for one answer, in seconds; None: for ever.
            start_limit_s: longest wait for the start.

        Raises:
            MalformedModel, ResourceLimit: the program cannot be loaded, or not in time.
            MissingDependency: a package of the extra `tee` is not installed.
            SetupError: the seed is too short.
            ProvingError: (code `enclave-died`) the process did not start.
        """
        for kind in kinds:
            if kind not in KINDS:
                raise InvalidInput(
                    f"{kind!r} is no kind of simulated evidence",
                    where="kinds",
                    hint=f"choose of {', '.join(KINDS)}",
                    code="unknown-option",
                )
        load = Load(program=program_bytes, kinds=tuple(kinds), seed=seed.value, fixed_key=fixed_key)
        return cls(load, now=now, limit_s=limit_s, start_limit_s=start_limit_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still answers, as far as is known."""
        return self._process.alive

    @property
    def public_key(self) -> bytes:
        """The enclave's key on secp256k1, `x || y`, 64 bytes; another after a restart."""
        return self._description.public_key

    @property
    def address(self) -> bytes:
        """Of the key, 20 bytes."""
        return address_of(self.public_key)

    @property
    def program_root(self) -> bytes:
        """Of the loaded program, as the enclave computed it."""
        return self._description.program_root

    def close(self) -> None:
        """End the process; its key is gone. Requests that wait raise `ProvingError`."""
        self._process.close()
        self._finalizer.detach()

    def restart(
        self, *, replacing: bytes | None = None, cancel: Cancellation | None = None
    ) -> bytes:
        """End the process if it still runs, and start another with a new key.

        Args:
            replacing: do so only if the key is still this one, so that of many threads that saw a
                process die one starts the next.

        Returns:
            the new public key.

        Raises:
            ProvingError: as `start`.
        """
        with self._restarting:
            if replacing is None or replacing == self.public_key:
                self._process.close()
                self._finalizer.detach()
                self._process, self._description = self._begin(cancel)
                self._finalizer = weakref.finalize(self, self._process.close)
            return self.public_key

    def describe(self, *, cancel: Cancellation | None = None) -> Description:
        """What the enclave is: program, key, measurements, inputs and outputs."""
        return self._ask(Describe(), Description, cancel)

    def execute(
        self,
        inputs: Inputs,
        context: bytes = ZERO_CONTEXT,
        *,
        salt: bytes = b"",
        cancel: Cancellation | None = None,
    ) -> Execution:
        """Execute the program, with no evidence.

        Args:
            inputs: by name integers in the program's shapes and ranges. They do not come back: the
                statement has their root.
            context: 32 bytes that bind the statement to one use.
            salt: 32 random bytes that hide the root of guessable inputs
                (`statement.tensors.salted_root`); empty for none.
        """
        task = self._task(inputs, context, salt)
        executed = self._ask(Execute(task=task), Executed, cancel)
        return Execution(
            outputs=read_outputs(self._description.outputs, executed.outputs),
            statement=executed.statement,
        )

    def attest_statement(
        self,
        inputs: Inputs,
        context: bytes,
        nonce: bytes,
        kind: SimulatedKind,
        *,
        salt: bytes = b"",
        at: datetime | None = None,
        cancel: Cancellation | None = None,
    ) -> AttestedExecution:
        """Execute the program, and issue evidence that reports the statement.

        Args:
            inputs, context, salt: see `execute`.
            nonce: the verifier's, at most 512 bytes; empty for none.
            kind: of the evidence.
            at: the time to date it with; None: as said at the start.
        """
        if len(nonce) > MAX_NONCE_BYTES:
            raise InvalidInput(
                f"a nonce is at most {MAX_NONCE_BYTES} bytes", where="nonce", code="bad-nonce"
            )
        request = AttestStatement(
            task=self._task(inputs, context, salt), nonce=nonce, kind=kind, at_us=self._at(at)
        )
        attested = self._ask(request, Attested, cancel)
        return AttestedExecution(
            outputs=read_outputs(self._description.outputs, attested.executed.outputs),
            statement=attested.executed.statement,
            evidence=attested.evidence,
        )

    def attest_key(
        self,
        challenge: bytes,
        kind: SimulatedKind,
        *,
        chain_id: int = 0,
        registry: bytes = bytes(ADDRESS_BYTES),
        at: datetime | None = None,
        cancel: Cancellation | None = None,
    ) -> Evidence:
        """Issue evidence that reports the enclave's key; arguments as `binding.key_report_data`.

        Raises:
            InvalidInput: a length or the chain's id does not fit.
        """
        request = AttestKey(
            challenge=challenge,
            chain_id=chain_id,
            registry=registry,
            kind=kind,
            at_us=self._at(at),
        )
        return self._ask_key(request, cancel).evidence

    def register_key(
        self,
        challenge: bytes,
        *,
        chain_id: int,
        registry: bytes,
        platform_id: bytes,
        deadline: int,
        at: datetime | None = None,
        cancel: Cancellation | None = None,
    ) -> KeyRegistration:
        """Issue what an `AttestationRegistry` needs to register the enclave's key.

        Args:
            challenge: hash of one of the chain's last 256 blocks.
            chain_id, registry: where; neither may be zero.
            platform_id: of the simulated machine, as the registry names it, 32 bytes.
            deadline: last second in which the signature counts, since 1970.
            at: the time to date the evidence with; None: as said at the start.

        Raises:
            InvalidInput: a length or a number does not fit, or the enclave issues no TDX quotes.
        """
        if not chain_id or not any(registry):
            raise InvalidInput(
                "a key is registered on a chain, by a contract",
                where="register key",
                why="the chain's id or the registry is zero",
                code="bad-digest",
            )
        if len(platform_id) != DIGEST_BYTES or not 0 <= deadline < 1 << 64:
            raise InvalidInput(
                "a platform's id is 32 bytes, a deadline below 2^64",
                where="register key",
                code="bad-digest",
            )
        request = AttestKey(
            challenge=challenge,
            chain_id=chain_id,
            registry=registry,
            kind="tdx",
            at_us=self._at(at),
            registration=Registration(platform_id=platform_id, deadline=deadline),
        )
        found = self._ask_key(request, cancel)
        return KeyRegistration(evidence=found.evidence, signature=found.signature)

    def sign(
        self,
        inputs: Inputs,
        context: bytes,
        *,
        salt: bytes = b"",
        cancel: Cancellation | None = None,
    ) -> SignedExecution:
        """Execute the program, and sign the statement with the enclave's key (EIP-712).

        Args:
            inputs, context, salt: see `execute`.
        """
        signed = self._ask(Sign(task=self._task(inputs, context, salt)), Signed, cancel)
        return SignedExecution(
            outputs=read_outputs(self._description.outputs, signed.executed.outputs),
            statement=signed.executed.statement,
            signature=signed.signature,
        )

    def _begin(self, cancel: Cancellation | None) -> tuple[Process, Description]:
        process = Process()
        try:
            found = process.ask(self._load, limit_s=self._start_limit_s, cancel=cancel)
            if not isinstance(found, Description):
                raise refused(f"{type(found).__name__} where a description is due")
        except BaseException:
            process.close()
            raise
        return process, found

    def _ask(self, request: Request, due: type[Found], cancel: Cancellation | None) -> Found:
        found = self._process.ask(request, limit_s=self._limit_s, cancel=cancel)
        if not isinstance(found, due):
            raise refused(f"{type(found).__name__} where {due.__name__} is due")
        return found

    def _ask_key(self, request: AttestKey, cancel: Cancellation | None) -> KeyAttested:
        if (
            len(request.challenge) != DIGEST_BYTES
            or len(request.registry) != ADDRESS_BYTES
            or not 0 <= request.chain_id < 1 << 64
        ):
            raise InvalidInput(
                "a challenge is 32 bytes, a registry an address, a chain's id below 2^64",
                where="attest key",
                code="bad-digest",
            )
        found = self._ask(request, KeyAttested, cancel)
        if bool(found.signature) != (request.registration is not None):
            raise refused("a proof of possession where none is due, or none where one is")
        return found

    def _at(self, at: datetime | None) -> int:
        chosen = at or self._now or datetime.now(UTC)
        if chosen.tzinfo is None:
            raise InvalidInput("the time has no time zone", where="at", code="naive-time")
        return (chosen - _EPOCH) // _MICROSECOND

    def _task(self, inputs: Inputs, context: bytes, salt: bytes) -> Task:
        expected = self._description.inputs
        if set(inputs) != {tensor.name for tensor in expected}:
            raise InvalidInput(
                "the inputs do not fit the program",
                where="inputs",
                why=f"got {', '.join(sorted(inputs)) or 'none'}",
                hint=f"the program takes {', '.join(tensor.name for tensor in expected)}",
                code="wrong-inputs",
            )
        if len(context) != 32:
            raise InvalidInput("a context is 32 bytes", where="context", code="bad-digest")
        if len(salt) not in (0, 32):
            raise InvalidInput("a salt has 32 bytes", where="salt", code="bad-salt")
        return Task(
            inputs=tuple(input_bytes(tensor, inputs[tensor.name]) for tensor in expected),
            context=context,
            salt=salt,
        )
