"""Read what a verifier needs of a chain, all of it at one block.

Nothing that a node answers is believed for its shape, and nothing here decides: the checks RG-*
and OP-* compare the view with the policy and the trusted key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from verifiable.chain.client import Chain
from verifiable.chain.contract import Contract
from verifiable.chain.contracts.model_registry import (
    ARTIFACT,
    ModelRegistry,
    UnknownRecord,
    error_of,
)
from verifiable.errors import ChainError, Reverted
from verifiable.statement.hashing import ProgramRoot, keccak
from verifiable.statement.view import (
    DEVELOPMENT_CHAIN_ID,
    AssertionView,
    BlockRef,
    ChainView,
    RecordView,
    RegistryView,
    backend_selector,
)

__all__ = ["read_registry", "read_view", "registry_at"]

_ATTEMPTS = 3


def read_view(
    chain: Chain,
    *,
    registry: Callable[[int], RegistryView] | None = None,
    assertion: Callable[[int], AssertionView] | None = None,
) -> ChainView:
    """Read a record, an assertion, or both, at one block.

    The block is the last finalized one; on a development chain, which has no finality, the latest.
    Every read names it by number, and its hash is asked for again at the end: if a reorganisation
    took the block away in between, everything is read again.

    Args:
        chain: an open one.
        registry, assertion: read their part at the block of the number that they are given.

    Raises:
        ChainError: the node failed; `no-finalized-block`; `chain-reorganised`: the block was
            taken away again and again.
    """
    final = chain.chain_id != DEVELOPMENT_CHAIN_ID
    development = chain.is_development_node()
    for _ in range(_ATTEMPTS):
        block = chain.block("finalized" if final else "latest")
        try:
            view = ChainView(
                chain_id=chain.chain_id,
                block=block,
                finalized=final,
                registry=None if registry is None else registry(block.number),
                assertion=None if assertion is None else assertion(block.number),
                development=development,
                source=chain.source,
            )
        except ChainError:
            if _stands(chain, block):
                raise
            continue  # the failure may be the reorganisation's
        if _stands(chain, block):
            return view
    raise ChainError(
        "the chain was reorganised while it was read",
        where=chain.source,
        why=f"{_ATTEMPTS} blocks were taken away before all was read",
        hint="try again, or use another node",
        code="chain-reorganised",
    )


def read_registry(
    chain: Chain, *, address: bytes, record_id: bytes, backends: Sequence[str]
) -> ChainView:
    """Read a record and the keys of some backends; see `read_view` and `registry_at`."""
    return read_view(
        chain,
        registry=lambda block: registry_at(
            chain, block, address=address, record_id=record_id, backends=backends
        ),
    )


def registry_at(
    chain: Chain, block: int, *, address: bytes, record_id: bytes, backends: Sequence[str]
) -> RegistryView:
    """A record and the keys of some backends at a block.

    Args:
        address: of the registry, 20 bytes.
        record_id: name of the record, 32 bytes.
        backends: ids of the backends whose keys are wanted.

    Returns:
        With `code_hash` None where there is no code, and `record` None where there is no such
        record. Code that is not this release's registry is not asked for records: it could
        answer anything.

    Raises:
        ChainError: the node failed.
    """
    code = chain.code(address, block)
    record = None
    if ARTIFACT.matches(code):
        registry = ModelRegistry(Contract(chain, ARTIFACT, address))
        record = _read_record(registry, record_id, backends, block)
    return RegistryView(address=address, code_hash=keccak(code) if code else None, record=record)


def _read_record(
    registry: ModelRegistry, record_id: bytes, backends: Sequence[str], block: int
) -> RecordView | None:
    try:
        record = registry.record_of(record_id, block=block)
    except Reverted as refusal:
        if isinstance(error_of(refusal), UnknownRecord):
            return None
        raise
    keys = {}
    for selector in map(backend_selector, backends):
        digest = registry.key_of(record_id, selector, block=block)
        if any(digest):
            keys[selector] = digest
    return RecordView(
        registrant=record.registrant,
        program_root=ProgramRoot(record.program_root),
        keys=keys,
        frozen=record.frozen,
        deprecated=record.deprecated,
    )


def _stands(chain: Chain, block: BlockRef) -> bool:
    """Whether the chain still has this block."""
    try:
        return chain.block(block.number) == block
    except ChainError as cause:
        if cause.code != "no-such-block":
            raise
        return False
