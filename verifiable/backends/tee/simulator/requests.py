"""What a host asks an enclave: one class a message, each with one strict encoding.

These are all requests that an enclave answers. None signs bytes of the host's choice: what is
reported or signed is always a statement that the enclave computed, or its own key with its own
quote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Protocol, Self, cast

from verifiable.backends.tee.binding import MAX_NONCE_BYTES
from verifiable.backends.tee.simulator.builtin import SimulatedKind
from verifiable.backends.tee.simulator.wire import Fields, Reader, refused
from verifiable.program.onnx_file import MAX_FILE_BYTES
from verifiable.statement.hashing import DIGEST_BYTES
from verifiable.statement.view import ADDRESS_BYTES

__all__ = [
    "KINDS",
    "MAX_LOAD_BYTES",
    "MAX_TENSORS",
    "REQUESTS",
    "SMALL_BYTES",
    "AttestKey",
    "AttestStatement",
    "Describe",
    "Execute",
    "Load",
    "Message",
    "Registration",
    "Request",
    "Sign",
    "Task",
    "kind_number",
    "read_kind",
]

KINDS: tuple[SimulatedKind, ...] = ("tdx", "nitro", "snp")

SMALL_BYTES = 1 << 16
"""What a message holds beside tensors and evidence is smaller."""

MAX_LOAD_BYTES = MAX_FILE_BYTES + SMALL_BYTES
MAX_TENSORS = 1 << 12


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
        count = reader.count(MAX_TENSORS)
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
            fields.u8(kind_number(kind))
        return fields.blob(self.program).body

    @classmethod
    def decode(cls, body: bytes) -> Load:
        """Decode strictly."""
        reader = Reader(body)
        fixed_key = _flag(reader)
        seed = reader.blob()
        kinds = tuple(read_kind(reader) for _ in range(reader.count(len(KINDS))))
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
        fields = Fields().i64(self.at_us).u8(kind_number(self.kind)).blob(self.nonce)
        return self.task.write(fields).body

    @classmethod
    def decode(cls, body: bytes) -> AttestStatement:
        """Decode strictly."""
        reader = Reader(body)
        at_us, kind, nonce = reader.i64(), read_kind(reader), reader.blob(MAX_NONCE_BYTES)
        task = Task.read(reader)
        reader.end()
        return cls(task=task, nonce=nonce, kind=kind, at_us=at_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the key is to sign with the quote that reports it; the digest comes from the quote.

    Attributes:
        platform_id: of the machine, as the registry names it, 32 bytes.
        deadline: last second in which the signature counts, since 1970.
    """

    platform_id: bytes
    deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestKey:
    """Asks for a quote of the enclave's key; the members are those of `key_report_data`.

    Attributes:
        registration: asks for the key's proof of possession too; only for a TDX quote that names a
            chain and a registry.
    """

    TYPE: ClassVar[int] = 5
    challenge: bytes
    chain_id: int
    registry: bytes
    kind: SimulatedKind
    at_us: int
    registration: Registration | None = None

    @property
    def body(self) -> bytes:
        """The encoding."""
        fields = Fields().i64(self.at_us).u8(kind_number(self.kind)).u64(self.chain_id)
        fields.fixed(self.registry).fixed(self.challenge).u8(self.registration is not None)
        if self.registration is not None:
            fields.fixed(self.registration.platform_id).u64(self.registration.deadline)
        return fields.body

    @classmethod
    def decode(cls, body: bytes) -> AttestKey:
        """Decode strictly."""
        reader = Reader(body)
        at_us, kind, chain_id = reader.i64(), read_kind(reader), reader.u64()
        registry, challenge = reader.fixed(ADDRESS_BYTES), reader.fixed(DIGEST_BYTES)
        registration = None
        if _flag(reader):
            # A signature that names no registry would be a blank one.
            if kind != "tdx" or not chain_id or not any(registry):
                raise refused(f"a registration of a {kind} quote, or nowhere")
            registration = Registration(
                platform_id=reader.fixed(DIGEST_BYTES), deadline=reader.u64()
            )
        reader.end()
        return cls(
            challenge=challenge,
            chain_id=chain_id,
            registry=registry,
            kind=kind,
            at_us=at_us,
            registration=registration,
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


Request = Describe | Execute | AttestStatement | AttestKey | Sign

REQUESTS: Mapping[int, Callable[[bytes], Request]] = MappingProxyType(
    {
        kind.TYPE: cast("Callable[[bytes], Request]", kind.decode)
        for kind in (Describe, Execute, AttestStatement, AttestKey, Sign)
    }
)
"""All that an enclave answers once it is loaded, by the frame's type."""


def kind_number(kind: str) -> int:
    """How a kind of evidence is written."""
    return KINDS.index(cast(SimulatedKind, kind))


def read_kind(reader: Reader) -> SimulatedKind:
    """A kind of evidence.

    Raises:
        ProvingError: (code `enclave-protocol`) there is none of this number.
    """
    number = reader.u8()
    if number >= len(KINDS):
        raise refused(f"evidence of kind {number}")
    return KINDS[number]


def _flag(reader: Reader) -> bool:
    value = reader.u8()
    if value not in (0, 1):
        raise refused(f"{value} where 0 or 1 is expected")
    return bool(value)


def _sized(reader: Reader, name: str, sizes: tuple[int, ...]) -> bytes:
    found = reader.blob()
    if len(found) not in sizes:
        raise refused(f"{name} of {len(found)} bytes")
    return found
