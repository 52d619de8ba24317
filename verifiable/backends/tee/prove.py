"""Proving with simulated enclaves: one process for each program, started at the first proof.

In `statement` mode the enclave makes a quote for each statement. In `key` mode it makes one for its
key, which then signs; the quote is made again when it has become a minute old, or when somebody
asks for it with another nonce.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from verifiable.backends.base import Evidence, Options
from verifiable.backends.tee.evidence import Evidence as Attestation
from verifiable.backends.tee.format import Mode, Payload
from verifiable.backends.tee.simulator.builtin import SimulatedKind
from verifiable.backends.tee.simulator.host import EnclaveProcess
from verifiable.errors import ProvingError, ResourceLimit
from verifiable.program.execute import Trace
from verifiable.program.onnx_file import dump_program
from verifiable.program.program import Program
from verifiable.progress import Cancellation
from verifiable.statement.hashing import DIGEST_BYTES
from verifiable.statement.statement import Statement

__all__ = ["KEY_QUOTE_AGE_S", "Enclaves", "Wish"]

KEY_QUOTE_AGE_S = 60.0
"""A key quote is used for as many seconds; verifiers take Nitro's for 300."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What evidence to make.

    Attributes:
        nonce: the verifier's, 32 bytes, or empty.
        salt: 32 bytes that hide the root of the input, or empty.
    """

    kind: SimulatedKind
    mode: Mode
    nonce: bytes
    salt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeyQuote:
    """A quote for an enclave's key, when it was made, and by the monotonic clock."""

    evidence: Attestation
    at: datetime
    made_s: float


class _Enclave:
    """One process, and the key quotes that it made."""

    def __init__(self, program: Program, limit_s: float | None) -> None:
        self.process = EnclaveProcess.start(
            dump_program(program), ("tdx", "nitro", "snp"), limit_s=limit_s
        )
        self.lock = threading.Lock()
        self.quotes: dict[tuple[SimulatedKind, bytes], _KeyQuote] = {}

    def key_quote(self, kind: SimulatedKind, challenge: bytes, cancel: Cancellation) -> _KeyQuote:
        """The key quote for a challenge, made now if there is none that is recent."""
        with self.lock:
            quote = self.quotes.get((kind, challenge))
            if quote is None or time.monotonic() - quote.made_s > KEY_QUOTE_AGE_S:
                at = datetime.now(UTC)
                quote = _KeyQuote(
                    evidence=self.process.attest_key(challenge, kind, at=at, cancel=cancel),
                    at=at,
                    made_s=time.monotonic(),
                )
                self.quotes = {(kind, challenge): quote}
            return quote


class Enclaves:
    """The enclave processes of a backend, by program. May be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[bytes, _Enclave] = {}

    def close(self) -> None:
        """End all processes; each key is gone with its own."""
        with self._lock:
            running, self._running = self._running, {}
        for enclave in running.values():
            enclave.process.close()

    def prove(
        self, program: Program, trace: Trace, statement: Statement, wish: Wish, options: Options
    ) -> Evidence:
        """Execute in the enclave and attest; see `TeeBackend.prove`.

        Raises:
            ProvingError: the enclave failed, or its result is not that of the trace.
            ResourceLimit: it took longer than the time limit.
            MissingDependency, Cancelled.
        """
        options.cancel.check("attest")
        began_s = time.perf_counter()
        root = statement.program_root
        enclave = self._enclave(program, root, options.time_limit_s)
        started_s = time.perf_counter()
        try:
            stated, payload = _attest(enclave, trace, statement, wish, options.cancel)
        except (ProvingError, ResourceLimit):
            self._forget(root, enclave)  # the next proof starts a new process, with a new key
            raise
        if stated != statement:
            raise ProvingError(
                "the enclave computed something else than the program does here",
                where=f"statement {stated.digest.hex()}",
                hint="report it: both run the same code",
                code="enclave-differs",
            )
        ended_s = time.perf_counter()
        return Evidence(
            payload=payload.encode(),
            prove_s=ended_s - began_s,
            peak_rss_mib=_peak_rss_mib(enclave.process.pid),
            phases_s={"start enclave": started_s - began_s, "attest": ended_s - started_s},
        )

    def _enclave(self, program: Program, root: bytes, limit_s: float | None) -> _Enclave:
        with self._lock:
            enclave = self._running.get(root)
            if enclave is None or not enclave.process.alive:
                enclave = self._running[root] = _Enclave(program, limit_s)
            return enclave

    def _forget(self, root: bytes, enclave: _Enclave) -> None:
        with self._lock:
            if self._running.get(root) is enclave:
                del self._running[root]
        enclave.process.close()


def _attest(
    enclave: _Enclave, trace: Trace, statement: Statement, wish: Wish, cancel: Cancellation
) -> tuple[Statement, Payload]:
    """What the enclave states, and the evidence of it."""
    process, context = enclave.process, statement.context
    inputs = {
        spec.name: values for spec, values in zip(trace.program.inputs, trace.inputs, strict=True)
    }
    if wish.mode == "statement":
        at = datetime.now(UTC)
        attested = process.attest_statement(
            inputs, context, wish.nonce, wish.kind, salt=wish.salt, at=at, cancel=cancel
        )
        payload = Payload(mode=wish.mode, evidence=attested.evidence, nonce=wish.nonce, at=at)
        return attested.statement, payload
    challenge = wish.nonce or bytes(DIGEST_BYTES)
    quote = enclave.key_quote(wish.kind, challenge, cancel)
    signed = process.sign(inputs, context, salt=wish.salt, cancel=cancel)
    payload = Payload(
        mode=wish.mode,
        evidence=quote.evidence,
        key=process.public_key,
        signature=signed.signature,
        challenge=challenge,
        at=quote.at,
    )
    return signed.statement, payload


def _peak_rss_mib(pid: int) -> float:
    """Largest resident memory of a process so far, in MiB; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("ascii")
    except OSError:
        return 0.0
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
