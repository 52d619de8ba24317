"""What an enclave answers its host: one class a message, each with one strict encoding.

Of the inputs nothing comes back but their root.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final, cast

from verifiable.backends.tee.binding import PUBLIC_KEY_BYTES
from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.signatures import SIGNATURE_BYTES
from verifiable.backends.tee.simulator.builtin import SimulatedKind
from verifiable.backends.tee.simulator.requests import (
    KINDS,
    MAX_TENSORS,
    SMALL_BYTES,
    kind_number,
    read_kind,
)
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
from verifiable.statement.hashing import DIGEST_BYTES, ProgramRoot, TensorRoot
from verifiable.statement.statement import Statement

__all__ = [
    "ANSWERS",
    "Answer",
    "Attested",
    "Description",
    "Executed",
    "Failed",
    "KeyAttested",
    "Signed",
    "TensorShape",
]

_MAX_RANK = 64
_MAX_REGISTERS = 64
_MAX_DOCUMENT = 1 << 20
_MAX_CHAIN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorShape:
    """Name and shape of an input or output; its values travel row-major, int64, little-endian."""

    name: str
    shape: tuple[int, ...]


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
            fields.u8(kind_number(kind))
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
        kinds = tuple(read_kind(reader) for _ in range(reader.count(len(KINDS))))
        registers = {reader.text(): reader.blob() for _ in range(reader.count(_MAX_REGISTERS))}
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
        count = reader.count(MAX_TENSORS)
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
    """A quote of the enclave's key.

    Attributes:
        signature: the key's proof of possession, 65 bytes; empty if none was asked for.
    """

    TYPE: ClassVar[int] = 133
    evidence: Evidence
    signature: bytes = b""

    @property
    def body(self) -> bytes:
        """The encoding."""
        return _write_evidence(Fields(), self.evidence).blob(self.signature).body

    @classmethod
    def decode(cls, body: bytes) -> KeyAttested:
        """Decode strictly."""
        reader = Reader(body)
        evidence, signature = _read_evidence(reader), reader.blob(SIGNATURE_BYTES)
        if len(signature) not in (0, SIGNATURE_BYTES):
            raise refused(f"a signature of {len(signature)} bytes")
        reader.end()
        return cls(evidence=evidence, signature=signature)


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


Answer = Description | Executed | Attested | KeyAttested | Signed | Failed

ANSWERS: Mapping[int, Callable[[bytes], Answer]] = MappingProxyType(
    {
        kind.TYPE: cast("Callable[[bytes], Answer]", kind.decode)
        for kind in (Description, Executed, Attested, KeyAttested, Signed, Failed)
    }
)
"""All answers, by the frame's type."""


def _write_evidence(fields: Fields, evidence: Evidence) -> Fields:
    fields.u8(kind_number(evidence.kind))
    fields.blob(evidence.document).blob(evidence.collateral).blob(evidence.event_log)
    fields.u32(len(evidence.chain))
    for certificate in evidence.chain:
        fields.blob(certificate)
    return fields


def _read_evidence(reader: Reader) -> Evidence:
    kind = read_kind(reader)
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
        for _ in range(reader.count(MAX_TENSORS))
    )
