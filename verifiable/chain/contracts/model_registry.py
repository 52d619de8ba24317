"""The model registry: one method for each function, one dataclass for each event and error.

`docs/formats/registry.md` says what a record means. Names are the contract's in snake case; a test
compares them with its ABI both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from verifiable.chain.artifact import load_artifact
from verifiable.chain.calls import BlockTag
from verifiable.chain.client import Chain
from verifiable.chain.contract import Contract
from verifiable.chain.contracts.names import contract_names, snake_case
from verifiable.chain.deployment import DEPLOYMENT_PROXY, create2_address
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import EventRecord, LogRecord, Receipt, TxOptions
from verifiable.errors import Reverted

if TYPE_CHECKING:
    from verifiable.statement.commitment import ProgramCommitment  # with numpy, a tenth of a second

__all__ = [
    "ARTIFACT",
    "CANONICAL_ADDRESS",
    "CANONICAL_SALT",
    "CODE_HASH",
    "ERRORS",
    "EVENTS",
    "AlreadyDeprecated",
    "AlreadyRegistered",
    "BackendAdded",
    "Frozen",
    "KeyAlreadySet",
    "MetadataURIChanged",
    "ModelRegistered",
    "ModelRegistry",
    "NotRegistrant",
    "Program",
    "Record",
    "RecordDeprecated",
    "RecordFrozen",
    "RegistryError",
    "RegistryEvent",
    "SelfSuccessor",
    "UnknownRecord",
    "ZeroKey",
    "error_of",
]

ARTIFACT = load_artifact("ModelRegistry")

CANONICAL_SALT = bytes(32)

CANONICAL_ADDRESS = create2_address(DEPLOYMENT_PROXY, CANONICAL_SALT, ARTIFACT.bytecode)
"""Where the deployment proxy puts this code on every chain, whoever asks it to."""

CODE_HASH = ARTIFACT.code_hash
"""keccak-256 of the code: no constructor, no immutables, so it is the same everywhere."""

_ERROR_PREFIX = "ModelRegistry_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """The opened preimage of a program root, as it was registered.

    Attributes:
        schema: `abi.encode(Schema)`, see `docs/formats/commitments.md`.
    """

    spec_version: int
    leaf_log2: int
    graph_root: bytes
    weights_root: bytes
    tables_root: bytes
    schema: bytes

    @classmethod
    def of(cls, commitment: ProgramCommitment) -> Program:
        """The preimage of a program's commitment."""
        return cls(
            spec_version=commitment.spec_version,
            leaf_log2=commitment.leaf_log2,
            graph_root=commitment.graph_root,
            weights_root=commitment.weights_root,
            tables_root=commitment.tables_root,
            schema=commitment.schema.encoded,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What stands in the registry of one program of one registrant.

    Attributes:
        registrant: 20 bytes.
        registered_at: number of the block that made it.
        frozen: no key can be added any more.
        deprecated: the registrant advises against it.
    """

    registrant: bytes
    registered_at: int
    spec_version: int
    leaf_log2: int
    frozen: bool
    deprecated: bool
    program_root: bytes
    graph_root: bytes
    weights_root: bytes
    tables_root: bytes
    schema_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEvent:
    """An event of the registry: what it says, and where it stands."""

    log: LogRecord
    record_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRegistered(RegistryEvent):
    """A record was made; its keys, if any, follow as `BackendAdded`."""

    registrant: bytes
    program_root: bytes
    program: Program
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendAdded(RegistryEvent):
    """A key was set; it stays for ever. `backend` is the four-byte selector."""

    backend: bytes
    key_digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFrozen(RegistryEvent):
    """A record was closed to further keys, for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDeprecated(RegistryEvent):
    """The registrant advises against a record, for ever; `successor` is zero if there is none."""

    successor: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataURIChanged(RegistryEvent):
    """The URI of a record was changed: a hint that nothing binds."""

    uri: str


EVENTS: tuple[type[RegistryEvent], ...] = (
    ModelRegistered,
    BackendAdded,
    RecordFrozen,
    RecordDeprecated,
    MetadataURIChanged,
)

_KINDS = MappingProxyType({kind.__name__: kind for kind in EVENTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryError:
    """Why the registry refused, read from a `Reverted` by `error_of`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyRegistered(RegistryError):
    """This registrant has registered this program before."""

    record_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownRecord(RegistryError):
    """There is no record of this name."""

    record_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRegistrant(RegistryError):
    """Only the registrant may change a record."""

    record_id: bytes
    caller: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAlreadySet(RegistryError):
    """A key is set once; `key_digest` is the one that stands."""

    record_id: bytes
    backend: bytes
    key_digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroKey(RegistryError):
    """Zero means "no key" and cannot be one."""

    backend: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen(RegistryError):
    """The record is frozen."""

    record_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyDeprecated(RegistryError):
    """The record is deprecated already; that happens once."""

    record_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfSuccessor(RegistryError):
    """A record cannot be its own successor."""

    record_id: bytes


ERRORS: Mapping[str, type[RegistryError]] = {
    f"{_ERROR_PREFIX}{kind.__name__}": kind
    for kind in (
        AlreadyRegistered,
        UnknownRecord,
        NotRegistrant,
        KeyAlreadySet,
        ZeroKey,
        Frozen,
        AlreadyDeprecated,
        SelfSuccessor,
    )
}
"""The contract's errors by their names in Solidity."""

EventT = TypeVar("EventT", bound=RegistryEvent)


def error_of(refusal: Reverted) -> RegistryError | None:
    """The registry's error behind a revert; None if it is another contract's, or has no data."""
    kind = ERRORS.get(refusal.name)
    if kind is None:
        return None
    return kind(**{snake_case(name): value for name, value in refusal.arguments.items()})


class ModelRegistry:
    """A model registry on a chain. Made by `at` or `deploy`.

    Reading methods take the block at which they read. Those that change something sign a
    transaction and wait for it; they raise what `Contract.send` raises, and for a refusal
    `Reverted`, whose cause `error_of` gives.

    Attributes:
        contract: the same contract without types.
    """

    artifact: ClassVar = ARTIFACT

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    def __repr__(self) -> str:
        return f"ModelRegistry(0x{self.address.hex()} on {self.chain.source})"

    @classmethod
    def at(cls, chain: Chain, address: bytes | None = None) -> ModelRegistry:
        """The registry at an address, by default the canonical one.

        Raises:
            ChainError: `no-code`, `other-code`, or the node failed.
        """
        place = CANONICAL_ADDRESS if address is None else address
        return cls(chain.contract(ARTIFACT, place, code_hash=CODE_HASH))

    @classmethod
    def deploy(
        cls, chain: Chain, signer: Signer, *, options: TxOptions | None = None
    ) -> ModelRegistry:
        """Deploy the registry at its canonical address, unless it stands there already.

        Args:
            options: must wait for the transaction.

        Raises:
            ChainError: as `Chain.deploy_deterministic`.
        """
        chain.deploy_deterministic(signer, ARTIFACT, salt=CANONICAL_SALT, options=options)
        return cls.at(chain)

    @property
    def chain(self) -> Chain:
        """Where it stands."""
        return self.contract.chain

    @property
    def address(self) -> bytes:
        """Its address, 20 bytes."""
        return self.contract.address

    # --- changing

    def register_model(
        self,
        signer: Signer,
        program: Program,
        *,
        keys: Mapping[bytes, bytes] | None = None,
        freeze_now: bool = False,
        uri: str = "",
        options: TxOptions | None = None,
    ) -> Receipt:
        """Register a program under the signer's name.

        Args:
            program: `Program.of` its commitment.
            keys: digests by backend selector, to be set at once.
            freeze_now: close the record to further keys.
            uri: where more may be found.

        Raises:
            Reverted: `AlreadyRegistered`, `ZeroKey`.
        """
        preimage = tuple(getattr(program, field.name) for field in fields(program))
        pairs = list((keys or {}).items())
        return self.contract.send(
            signer, "registerModel", preimage, pairs, freeze_now, uri, options=options
        )

    def add_backend(
        self,
        signer: Signer,
        record_id: bytes,
        backend: bytes,
        key_digest: bytes,
        *,
        options: TxOptions | None = None,
    ) -> Receipt:
        """Set the key of one backend, by its selector, once.

        Raises:
            Reverted: `UnknownRecord`, `NotRegistrant`, `Frozen`, `ZeroKey`, `KeyAlreadySet`.
        """
        return self.contract.send(
            signer, "addBackend", record_id, backend, key_digest, options=options
        )

    def freeze(
        self, signer: Signer, record_id: bytes, *, options: TxOptions | None = None
    ) -> Receipt:
        """Close a record to further keys, for ever.

        Raises:
            Reverted: `UnknownRecord`, `NotRegistrant`, `Frozen`.
        """
        return self.contract.send(signer, "freeze", record_id, options=options)

    def deprecate(
        self,
        signer: Signer,
        record_id: bytes,
        successor: bytes | None = None,
        *,
        options: TxOptions | None = None,
    ) -> Receipt:
        """Advise against a record, for ever, and for another one if there is one.

        Raises:
            Reverted: `UnknownRecord` (of either), `NotRegistrant`, `AlreadyDeprecated`,
                `SelfSuccessor`.
        """
        return self.contract.send(
            signer, "deprecate", record_id, successor or bytes(32), options=options
        )

    def set_metadata_uri(
        self, signer: Signer, record_id: bytes, uri: str, *, options: TxOptions | None = None
    ) -> Receipt:
        """Change the hint where more may be found.

        Raises:
            Reverted: `UnknownRecord`, `NotRegistrant`.
        """
        return self.contract.send(signer, "setMetadataURI", record_id, uri, options=options)

    # --- reading

    def record_of(self, record_id: bytes, *, block: BlockTag = "latest") -> Record:
        """The record of this name.

        Raises:
            Reverted: `UnknownRecord`.
        """
        values = self.contract.call("recordOf", record_id, block=block)
        names = (field.name for field in fields(Record))
        return Record(**dict(zip(names, values, strict=True)))

    def exists(self, record_id: bytes, *, block: BlockTag = "latest") -> bool:
        """Whether there is a record of this name."""
        known: bool = self.contract.call("exists", record_id, block=block)
        return known

    def program_of(self, record_id: bytes, *, block: BlockTag = "latest") -> bytes:
        """Root of the program behind a record.

        Raises:
            Reverted: `UnknownRecord`.
        """
        root: bytes = self.contract.call("programOf", record_id, block=block)
        return root

    def key_of(self, record_id: bytes, backend: bytes, *, block: BlockTag = "latest") -> bytes:
        """Digest of a backend's key, by the backend's selector; zeros if none was set.

        Raises:
            Reverted: `UnknownRecord`.
        """
        digest: bytes = self.contract.call("keyOf", record_id, backend, block=block)
        return digest

    def uri_of(self, record_id: bytes, *, block: BlockTag = "latest") -> str:
        """The hint where more may be found: a stranger's text, which nothing binds.

        Raises:
            Reverted: `UnknownRecord`.
        """
        uri: str = self.contract.call("uriOf", record_id, block=block)
        return uri

    def successor_of(self, record_id: bytes, *, block: BlockTag = "latest") -> bytes:
        """The record to use instead of a deprecated one; zeros if there is none.

        Raises:
            Reverted: `UnknownRecord`.
        """
        successor: bytes = self.contract.call("successorOf", record_id, block=block)
        return successor

    def record_id_of(
        self, registrant: bytes, program_root: bytes, *, block: BlockTag = "latest"
    ) -> bytes:
        """A record's name as the contract computes it; `statement.view` does without a chain."""
        name: bytes = self.contract.call("recordIdOf", registrant, program_root, block=block)
        return name

    def version(self, *, block: BlockTag = "latest") -> str:
        """Semantic version of the contract."""
        number: str = self.contract.call("version", block=block)
        return number

    def events(
        self,
        kind: type[EventT],
        *,
        from_block: int,
        to_block: BlockTag = "latest",
        filters: Mapping[str, bytes] | None = None,
    ) -> list[EventT]:
        """Events of one kind, in order.

        Args:
            kind: one of `EVENTS`.
            filters: values of indexed fields, by the field's name here.

        Raises:
            ChainError: as `Contract.events`.
        """
        found = self.contract.events(
            kind.__name__,
            from_block=from_block,
            to_block=to_block,
            filters=contract_names(ARTIFACT, "event", kind.__name__, filters or {}),
        )
        return [_event(kind, record) for record in found]

    def events_in(self, receipt: Receipt) -> list[RegistryEvent]:
        """All events of this registry in a receipt, in order.

        Raises:
            ChainError: as `Contract.events_in`.
        """
        return [
            _event(_KINDS[record.name], record)
            for record in self.contract.events_in(receipt, *_KINDS)
        ]


def _event(kind: type[EventT], record: EventRecord) -> EventT:
    arguments: dict[str, Any] = {
        snake_case(name): value for name, value in record.arguments.items()
    }
    if "program" in arguments:
        names = (field.name for field in fields(Program))
        arguments["program"] = Program(**dict(zip(names, arguments["program"], strict=True)))
    return kind(log=record.log, **arguments)
