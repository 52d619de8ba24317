"""What host and enclave say to each other: one class a message, each with one strict encoding.

These are all requests that an enclave answers. None signs bytes of the host's choice: what is
reported or signed is always a statement that the enclave computed, or its own key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, Literal, Protocol, Self, cast

from verifiable.backends.tee.binding import MAX_NONCE_BYTES, PUBLIC_KEY_BYTES
from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.signatures import SIGNATURE_BYTES
from verifiable.backends.tee.simulator.builtin import SimulatedKind
from verifiable.backends.tee.simulator.wire import Fields, Reader, refused
from verifiable.errors import (
    InvalidInput,
    MalformedModel,
    MissingDependency,
    ProvingError,
    ResourceLimit,
    SetupError,
    VerifiableError,
)
from verifiable.program.onnx_file import MAX_FILE_BYTES
from verifiable.statement.hashing import DIGEST_BYTES, ProgramRoot, TensorRoot
from verifiable.statement.statement import Statement
from verifiable.statement.view import ADDRESS_BYTES

__all__ = [
    "ANSWERS",
    "KINDS",
    "MAX_LOAD_BYTES",
    "REQUESTS",
    "SMALL_BYTES",
    "Answer",
    "AttestKey",
    "AttestStatement",
    "Attested",
    "Describe",
    "Description",
    "Execute",
    "Executed",
    "Failed",
    "KeyAttested",
    "Load",
    "Message",
    "Request",
    "Sign",
    "Signed",
    "Task",
    "TensorShape",
]

KINDS: tuple[SimulatedKind, ...] = ("tdx", "nitro", "snp")

SMALL_BYTES = 1 << 16
"""What a message holds beside tensors and evidence is smaller."""

MAX_LOAD_BYTES = MAX_FILE_BYTES + SMALL_BYTES

_MAX_TENSORS = 1 << 12
_MAX_RANK = 64
_MAX_DOCUMENT = 1 << 20
_MAX_CHAIN = 16


class Message(Protocol):
    """Anything that travels in a frame."""

    TYPE: ClassVar[int]

    @property
    def body(self) -> bytes:
        """The encoding."""
        ...

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Decode strictly.

        Raises:
            ProvingError: (code `enclave-protocol`) it is not the encoding of such a message.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorShape:
    """Name and shape of an input or output; its values travel row-major, int64, little-endian."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to execute.

    Attributes:
        inputs: of each input in the program's order the bytes of its values.
        context: 32 bytes that bind the statement to one use.
        salt: 32 bytes that hide the input's root, or none.
    """

    inputs: tuple[bytes, ...]
    context: bytes
    salt: bytes

    def write(self, fields: Fields) -> Fields:
        """Add it to a body."""
        fields.fixed(self.context).blob(self.salt).u32(len(self.inputs))
        for values in self.inputs:
            fields.blob(values)
        return fields

    @classmethod
    def read(cls, reader: Reader) -> Task:
        """Take it from a body."""
        context = reader.fixed(DIGEST_BYTES)
        salt = _sized(reader, "a salt", (0, DIGEST_BYTES))
        count = reader.count(_MAX_TENSORS)
        return cls(
            inputs=tuple(reader.blob(1 << 32) for _ in range(count)), context=context, salt=salt
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The first message: what the process is to be. It is answered by a `Description`.

    Attributes:
        program: bytes of the program file.
        kinds: of evidence that will be asked for.
        seed: of the simulated vendors.
        fixed_key: take the enclave's key from the seed; else it is random.
    """

    TYPE: ClassVar[int] = 1
    program: bytes
    kinds: tuple[SimulatedKind, ...]
    seed: bytes
    fixed_key: bool

    @property
    def body(self) -> bytes:
        """The encoding."""
        fields = Fields().u8(self.fixed_key).blob(self.seed).u32(len(self.kinds))
        for kind in self.kinds:
            fields.u8(KINDS.index(kind))
        return fields.blob(self.program).body

    @classmethod
    def decode(cls, body: bytes) -> Load:
        """Decode strictly."""
        reader = Reader(body)
        fixed_key = _flag(reader)
        seed = reader.blob()
        kinds = tuple(_kind(reader) for _ in range(reader.count(len(KINDS))))
        program = reader.blob(MAX_FILE_BYTES)
        reader.end()
        return cls(program=program, kinds=kinds, seed=seed, fixed_key=fixed_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Describe:
    """Asks what the enclave is."""

    TYPE: ClassVar[int] = 2

    @property
    def body(self) -> bytes:
        """The encoding."""
        return b""

    @classmethod
    def decode(cls, body: bytes) -> Describe:
        """Decode strictly."""
        Reader(body).end()
        return cls()


@dataclass(frozen=True, slots=True, kw_only=True)
class Execute:
    """Asks for outputs and statement, with no evidence."""

    TYPE: ClassVar[int] = 3
    task: Task

    @property
    def body(self) -> bytes:
        """The encoding."""
        return self.task.write(Fields()).body

    @classmethod
    def decode(cls, body: bytes) -> Execute:
        """Decode strictly."""
        reader = Reader(body)
        task = Task.read(reader)
        reader.end()
        return cls(task=task)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestStatement:
    """Asks to execute, and for a quote of the statement.

    Attributes:
        nonce: the verifier's; empty for none.
        kind: of the evidence.
        at_us: the host's time, microseconds since 1970; enclaves have no clock to trust.
    """

    TYPE: ClassVar[int] = 4
    task: Task
    nonce: bytes
    kind: SimulatedKind
    at_us: int

    @property
    def body(self) -> bytes:
        """The encoding."""
        fields = Fields().i64(self.at_us).u8(KINDS.index(self.kind)).blob(self.nonce)
        return self.task.write(fields).body

    @classmethod
    def decode(cls, body: bytes) -> AttestStatement:
        """Decode strictly."""
        reader = Reader(body)
        at_us, kind, nonce = reader.i64(), _kind(reader), reader.blob(MAX_NONCE_BYTES)
        task = Task.read(reader)
        reader.end()
        return cls(task=task, nonce=nonce, kind=kind, at_us=at_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestKey:
    """Asks for a quote of the enclave's key; the members are those of `key_report_data`."""

    TYPE: ClassVar[int] = 5
    challenge: bytes
    chain_id: int
    registry: bytes
    kind: SimulatedKind
    at_us: int

    @property
    def body(self) -> bytes:
        """The encoding."""
        fields = Fields().i64(self.at_us).u8(KINDS.index(self.kind)).u64(self.chain_id)
        return fields.fixed(self.registry).fixed(self.challenge).body

    @classmethod
    def decode(cls, body: bytes) -> AttestKey:
        """Decode strictly."""
        reader = Reader(body)
        at_us, kind, chain_id = reader.i64(), _kind(reader), reader.u64()
        registry, challenge = reader.fixed(ADDRESS_BYTES), reader.fixed(DIGEST_BYTES)
        reader.end()
        return cls(
            challenge=challenge, chain_id=chain_id, registry=registry, kind=kind, at_us=at_us
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """Asks to execute, and for the key's signature of the statement."""

    TYPE: ClassVar[int] = 6
    task: Task

    @property
    def body(self) -> bytes:
        """The encoding."""
        return self.task.write(Fields()).body

    @classmethod
    def decode(cls, body: bytes) -> Sign:
        """Decode strictly."""
        return cls(task=Execute.decode(body).task)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the enclave is.

    Attributes:
        program_root: of the program that it loaded.
        public_key: `x || y` of its key, 64 bytes.
        kinds: of evidence that it issues.
        registers: by `kind/register` what it measured.
        event_log: that explains RTMR3 and PCR16, JSON.
        inputs, outputs: of the program, in its order.
    """

    TYPE: ClassVar[int] = 129
    program_root: bytes
    public_key: bytes
    kinds: tuple[SimulatedKind, ...]
    registers: Mapping[str, bytes]
    event_log: bytes
    inputs: tuple[TensorShape, ...]
    outputs: tuple[TensorShape, ...]

    @property
    def body(self) -> bytes:
        """The encoding."""
        fields = Fields().fixed(self.program_root).fixed(self.public_key).u32(len(self.kinds))
        for kind in self.kinds:
            fields.u8(KINDS.index(kind))
        fields.u32(len(self.registers))
        for name, value in self.registers.items():
            fields.text(name).blob(value)
        fields.blob(self.event_log)
        for tensors in (self.inputs, self.outputs):
            fields.u32(len(tensors))
            for tensor in tensors:
                fields.text(tensor.name).u32(len(tensor.shape))
                for size in tensor.shape:
                    fields.u64(size)
        return fields.body

    @classmethod
    def decode(cls, body: bytes) -> Description:
        """Decode strictly."""
        reader = Reader(body)
        program_root, key = reader.fixed(DIGEST_BYTES), reader.fixed(PUBLIC_KEY_BYTES)
        kinds = tuple(_kind(reader) for _ in range(reader.count(len(KINDS))))
        registers = {reader.text(): reader.blob() for _ in range(reader.count(64))}
        event_log = reader.blob(SMALL_BYTES)
        inputs, outputs = _shapes(reader), _shapes(reader)
        reader.end()
        return cls(
            program_root=program_root,
            public_key=key,
            kinds=kinds,
            registers=MappingProxyType(registers),
            event_log=event_log,
            inputs=inputs,
            outputs=outputs,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """Outputs and statement: of the inputs only their root comes back.

    Attributes:
        statement: whose roots the enclave computed itself.
        outputs: of each output in the program's order the bytes of its values.
    """

    TYPE: ClassVar[int] = 131
    statement: Statement
    outputs: tuple[bytes, ...]

    @property
    def body(self) -> bytes:
        """The encoding."""
        return self.write(Fields()).body

    def write(self, fields: Fields) -> Fields:
        """Add it to a body."""
        claim = self.statement
        fields.fixed(claim.program_root).fixed(claim.input_root)
        fields.fixed(claim.output_root).fixed(claim.context).u32(len(self.outputs))
        for values in self.outputs:
            fields.blob(values)
        return fields

    @classmethod
    def read(cls, reader: Reader) -> Executed:
        """Take it from a body."""
        program, given, computed, context = (reader.fixed(DIGEST_BYTES) for _ in range(4))
        count = reader.count(_MAX_TENSORS)
        return cls(
            statement=Statement(
                program_root=ProgramRoot(program),
                input_root=TensorRoot(given),
                output_root=TensorRoot(computed),
                context=context,
            ),
            outputs=tuple(reader.blob(1 << 32) for _ in range(count)),
        )

    @classmethod
    def decode(cls, body: bytes) -> Executed:
        """Decode strictly."""
        reader = Reader(body)
        found = cls.read(reader)
        reader.end()
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """What was executed, and its quote."""

    TYPE: ClassVar[int] = 132
    executed: Executed
    evidence: Evidence

    @property
    def body(self) -> bytes:
        """The encoding."""
        return _write_evidence(self.executed.write(Fields()), self.evidence).body

    @classmethod
    def decode(cls, body: bytes) -> Attested:
        """Decode strictly."""
        reader = Reader(body)
        executed, evidence = Executed.read(reader), _read_evidence(reader)
        reader.end()
        return cls(executed=executed, evidence=evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAttested:
    """A quote of the enclave's key."""

    TYPE: ClassVar[int] = 133
    evidence: Evidence

    @property
    def body(self) -> bytes:
        """The encoding."""
        return _write_evidence(Fields(), self.evidence).body

    @classmethod
    def decode(cls, body: bytes) -> KeyAttested:
        """Decode strictly."""
        reader = Reader(body)
        evidence = _read_evidence(reader)
        reader.end()
        return cls(evidence=evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What was executed, and the key's signature of its statement, 65 bytes."""

    TYPE: ClassVar[int] = 134
    executed: Executed
    signature: bytes

    @property
    def body(self) -> bytes:
        """The encoding."""
        return self.executed.write(Fields()).fixed(self.signature).body

    @classmethod
    def decode(cls, body: bytes) -> Signed:
        """Decode strictly."""
        reader = Reader(body)
        executed, signature = Executed.read(reader), reader.fixed(SIGNATURE_BYTES)
        reader.end()
        return cls(executed=executed, signature=signature)


_ERRORS: Final[tuple[type[VerifiableError], ...]] = (
    ProvingError,
    InvalidInput,
    MalformedModel,
    MissingDependency,
    ResourceLimit,
    SetupError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Why a request was not answered: an error of this package, which the host raises."""

    TYPE: ClassVar[int] = 255
    error: VerifiableError

    @property
    def body(self) -> bytes:
        """The encoding."""
        error = self.error
        number = next((n for n, kind in enumerate(_ERRORS) if type(error) is kind), 0)
        fields = Fields().u8(number)
        for text in (error.code, error.what, error.where, error.why, error.hint):
            fields.text(text)
        return fields.body

    @classmethod
    def decode(cls, body: bytes) -> Failed:
        """Decode strictly."""
        reader = Reader(body)
        number = reader.u8()
        if number >= len(_ERRORS):
            raise refused(f"an error of kind {number}")
        code, what, where, why, hint = (reader.text() for _ in range(5))
        reader.end()
        kind = _ERRORS[number]
        return cls(error=kind(what, where=where, why=why, hint=hint, code=code))


Request = Describe | Execute | AttestStatement | AttestKey | Sign
Answer = Description | Executed | Attested | KeyAttested | Signed | Failed

REQUESTS: Mapping[int, Callable[[bytes], Request]] = MappingProxyType(
    {
        kind.TYPE: cast("Callable[[bytes], Request]", kind.decode)
        for kind in (Describe, Execute, AttestStatement, AttestKey, Sign)
    }
)
"""All that an enclave answers once it is loaded."""

ANSWERS: Mapping[int, Callable[[bytes], Answer]] = MappingProxyType(
    {
        kind.TYPE: cast("Callable[[bytes], Answer]", kind.decode)
        for kind in (Description, Executed, Attested, KeyAttested, Signed, Failed)
    }
)


def _write_evidence(fields: Fields, evidence: Evidence) -> Fields:
    fields.u8(KINDS.index(cast(SimulatedKind, evidence.kind)))
    fields.blob(evidence.document).blob(evidence.collateral).blob(evidence.event_log)
    fields.u32(len(evidence.chain))
    for certificate in evidence.chain:
        fields.blob(certificate)
    return fields


def _read_evidence(reader: Reader) -> Evidence:
    kind = _kind(reader)
    document, collateral = reader.blob(_MAX_DOCUMENT), reader.blob(_MAX_DOCUMENT)
    event_log = reader.blob(SMALL_BYTES)
    count = reader.count(_MAX_CHAIN)
    return Evidence(
        kind=kind,
        document=document,
        collateral=collateral,
        event_log=event_log,
        chain=tuple(reader.blob(SMALL_BYTES) for _ in range(count)),
    )


def _shapes(reader: Reader) -> tuple[TensorShape, ...]:
    return tuple(
        TensorShape(
            name=reader.text(), shape=tuple(reader.u64() for _ in range(reader.count(_MAX_RANK)))
        )
        for _ in range(reader.count(_MAX_TENSORS))
    )


def _kind(reader: Reader) -> SimulatedKind:
    number = reader.u8()
    if number >= len(KINDS):
        raise refused(f"evidence of kind {number}")
    return KINDS[number]


def _flag(reader: Reader) -> bool:
    value: Literal[0, 1] | int = reader.u8()
    if value not in (0, 1):
        raise refused(f"{value} where 0 or 1 is expected")
    return bool(value)


def _sized(reader: Reader, name: str, sizes: tuple[int, ...]) -> bytes:
    found = reader.blob()
    if len(found) not in sizes:
        raise refused(f"{name} of {len(found)} bytes")
    return found
