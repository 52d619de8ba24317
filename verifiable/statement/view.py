"""What a verifier was told of a chain: plain values, read beforehand by a chain's reader.

The verifier itself has no network. A view says what one node answered at one block; which chain,
contract and record count is the policy's to say (`RegistryPin`), and the checks RG-* compare the
two; which game counts, the trusted key says, and the checks OP-* compare. That the node told the
truth is nothing that a view can show, and the verdict says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from verifiable.statement.game import JudgeCode, Params
from verifiable.statement.hashing import ProgramRoot, keccak

__all__ = [
    "ADDRESS_BYTES",
    "DEVELOPMENT_CHAIN_ID",
    "LOCAL_CHAIN_IDS",
    "AssertionStatus",
    "AssertionView",
    "BlockRef",
    "ChainView",
    "RecordView",
    "RegistryPin",
    "RegistryView",
    "backend_selector",
    "record_id_of",
]

ADDRESS_BYTES = 20

LOCAL_CHAIN_IDS = frozenset((1337, 31337))
"""Ids that development nodes have by default, and public chains never."""

DEVELOPMENT_CHAIN_ID = 31337
"""Chains whose holder can write history: the embedded one, and those of development nodes."""

AssertionStatus = Literal["unknown", "pending", "rejected", "final"]
"""What has become of an assertion; the last two are for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRef:
    """One block: number, hash, Unix time in seconds."""

    number: int
    hash: bytes
    time_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """A record of the model registry, as a node answered.

    Attributes:
        registrant: address of who made the record and alone may add keys to it.
        keys: by four-byte backend selector the digest of its key; those that were asked for and
            are set.
        frozen: no key can be added any more.
        deprecated: the registrant advises against the record.
    """

    registrant: bytes
    program_root: ProgramRoot
    keys: Mapping[bytes, bytes]
    frozen: bool
    deprecated: bool

    @property
    def record_id(self) -> bytes:
        """The id that follows from registrant and program, whatever the node was asked for."""
        return record_id_of(self.registrant, self.program_root)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryView:
    """A model registry and one of its records.

    Attributes:
        address: of the contract that was asked, 20 bytes.
        code_hash: keccak-256 of the code there; None if there is none.
        record: None if the registry knows no record of the id that was asked for.
    """

    address: bytes
    code_hash: bytes | None
    record: RecordView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionView:
    """A dispute game and one of its assertions.

    Attributes:
        game: address of the contract that was asked, 20 bytes.
        code_hash: keccak-256 of the code there; None if there is none.
        judges: hashes of the code that judges for it; None if one of these contracts is not this
            release's: such a game was asked nothing, since it could answer anything.
        params: its rules; None as for `judges`.
        assertion_id: the name that was asked for.
        status: what the game says of it.
        statement_digest, trace_root: of the assertion; None if it is unknown.
        asserter: who put up the bond, 20 bytes; None if it is unknown.
        asserted_at_s: Unix time of the block that holds it.
        open_games: games about it that have not ended.
    """

    game: bytes
    code_hash: bytes | None
    judges: JudgeCode | None
    params: Params | None
    assertion_id: bytes
    status: AssertionStatus = "unknown"
    statement_digest: bytes | None = None
    trace_root: bytes | None = None
    asserter: bytes | None = None
    asserted_at_s: int = 0
    open_games: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """A chain at one block, as one node answered.

    Attributes:
        chain_id: the node's.
        block: everything below was read at this block.
        finalized: the block was read by the tag `finalized`; False: by `latest`.
        registry: None if no registry was asked.
        assertion: None if no game was asked.
        development: the node calls itself one for development (anvil, hardhat, ...).
        source: where the view was read, for people, without secrets.
    """

    chain_id: int
    block: BlockRef
    finalized: bool
    registry: RegistryView | None = None
    assertion: AssertionView | None = None
    development: bool = False
    source: str = ""

    @property
    def local(self) -> bool:
        """Whether someone may be able to rewrite the chain's history at will."""
        return self.development or self.chain_id in LOCAL_CHAIN_IDS


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryPin:
    """The record that a relying party trusts, and where it must stand.

    Attributes:
        chain_id: the chain; None: any, reported in the verdict.
        address: of the registry, 20 bytes.
        code_hash: keccak-256 of the registry's code: an address alone does not say which rules
            its records were made under.
        record_id: names the registrant too, see `record_id_of`.
        require_frozen: refuse a record to which keys can still be added.
        allow_deprecated: accept a record that its registrant advises against.
    """

    chain_id: int | None
    address: bytes
    code_hash: bytes
    record_id: bytes
    require_frozen: bool = False
    allow_deprecated: bool = False


def record_id_of(registrant: bytes, program_root: bytes) -> bytes:
    """`recordId = keccak256(registrant(20) programRoot(32))`: nobody can take another's."""
    return keccak(registrant + program_root)


def backend_selector(backend: str) -> bytes:
    """The four bytes by which the registry knows a backend: the head of its id's keccak-256."""
    return keccak(backend.encode("utf-8"))[:4]
