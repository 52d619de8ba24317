"""The model registry on an open chain: where it is, what it holds, its functions as steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .spending import Step, address_text, hex_text

if TYPE_CHECKING:
    from verifiable.chain.client import Chain
    from verifiable.chain.contracts.model_registry import ModelRegistry, Record
    from verifiable.chain.signing import Signer
    from verifiable.chain.transaction import Plan, Receipt, TxOptions
    from verifiable.statement.commitment import ProgramCommitment

__all__ = [
    "Place",
    "Standing",
    "deployment_step",
    "find_registry",
    "key_steps",
    "read_standing",
    "registration_step",
    "step",
    "unknown_record",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the registry is; `registry` is None where it can be deployed on the way."""

    address: bytes
    registry: ModelRegistry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the registry holds under a record's id, at one block.

    Attributes:
        record: None if there is none; the others are then empty.
        keys: digests by backend id, None where there is none; for the ids that were asked for.
        successor: id of the record that replaces a deprecated one.
        block: number of the block at which all of it was read.
    """

    record: Record | None = None
    keys: Mapping[str, bytes | None]
    uri: str = ""
    successor: bytes | None = None
    block: int = 0

    @property
    def frozen(self) -> bool:
        """Whether it takes no key any more."""
        return self.record is not None and self.record.frozen

    @property
    def deprecated(self) -> bool:
        """Whether its registrant advises against it."""
        return self.record is not None and self.record.deprecated


def find_registry(chain: Chain, address: bytes | None, *, deployable: bool = False) -> Place:
    """Find the registry's contract, whose code is then known to be the registry's.

    Args:
        chain: an open one.
        address: None for the canonical one.
        deployable: whether a missing one may be deployed on the way, which costs nothing on a
            development chain and is done on no other.

    Raises:
        ChainError: (code `no-registry`) there is none; or other code stands there.
    """
    from verifiable.chain.contracts.model_registry import CANONICAL_ADDRESS, ModelRegistry
    from verifiable.errors import ChainError
    from verifiable.statement.view import DEVELOPMENT_CHAIN_ID

    place = CANONICAL_ADDRESS if address is None else address
    if chain.code(place):
        return Place(address=place, registry=ModelRegistry.at(chain, place))
    if deployable and address is None and chain.chain_id == DEVELOPMENT_CHAIN_ID:
        return Place(address=place, registry=None)
    raise ChainError(
        f"no model registry at {address_text(place)} on chain {chain.chain_id}",
        where=chain.source,
        hint="check chain and address"
        if address is not None
        else "deploy it by `verifiable registry deploy`, or name another by --registry",
        code="no-registry",
    )


def read_standing(registry: ModelRegistry, record_id: bytes, backends: Sequence[str]) -> Standing:
    """What the registry holds of a record, all of it at the latest block.

    Raises:
        ChainError: the node failed.
    """
    from verifiable.statement.view import backend_selector

    block = registry.chain.block("latest").number
    if not registry.exists(record_id, block=block):
        return Standing(keys=dict.fromkeys(backends), block=block)
    return Standing(
        record=registry.record_of(record_id, block=block),
        keys={
            name: _set(registry.key_of(record_id, backend_selector(name), block=block))
            for name in backends
        },
        uri=registry.uri_of(record_id, block=block),
        successor=_set(registry.successor_of(record_id, block=block)),
        block=block,
    )


def step(registry: ModelRegistry, signer: Signer, what: str, name: str, *arguments: object) -> Step:
    """A function of the registry as a step."""
    contract = registry.contract

    def plan(options: TxOptions) -> Plan:
        return contract.plan(signer.address, name, *arguments, options=options)

    def send(options: TxOptions) -> Receipt:
        return contract.send(signer, name, *arguments, options=options)

    return Step(what=what, call=f"ModelRegistry.{name}", to=registry.address, plan=plan, send=send)


def deployment_step(chain: Chain, signer: Signer) -> Step:
    """The deployment of the registry at its canonical address."""
    from verifiable.chain.contracts.model_registry import ARTIFACT, CANONICAL_SALT
    from verifiable.chain.deployment import DEPLOYMENT_PROXY

    def plan(options: TxOptions) -> Plan:
        return chain.plan_deployment(signer.address, ARTIFACT, salt=CANONICAL_SALT, options=options)

    def send(options: TxOptions) -> Receipt | None:
        return chain.deploy_deterministic(
            signer, ARTIFACT, salt=CANONICAL_SALT, options=options
        ).receipt

    return Step(
        what="deploy the registry",
        call="ModelRegistry (deployment)",
        to=DEPLOYMENT_PROXY,
        plan=plan,
        send=send,
    )


def registration_step(
    chain: Chain,
    signer: Signer,
    place: Place,
    header: ProgramCommitment,
    keys: Mapping[str, bytes],
    *,
    freeze: bool,
    uri: str,
) -> Step:
    """The registration of a program; it cannot be planned before its registry stands there."""
    from dataclasses import astuple

    from verifiable.chain.contracts.model_registry import ModelRegistry, Program
    from verifiable.statement.view import backend_selector

    arguments = (
        astuple(Program.of(header)),
        [(backend_selector(name), digest) for name, digest in keys.items()],
        freeze,
        uri,
    )
    what, name = "register the program", "registerModel"
    if place.registry is not None:
        return step(place.registry, signer, what, name, *arguments)

    def send(options: TxOptions) -> Receipt:
        contract = ModelRegistry.at(chain, place.address).contract
        return contract.send(signer, name, *arguments, options=options)

    return Step(what=what, call=f"ModelRegistry.{name}", to=place.address, plan=None, send=send)


def key_steps(
    registry: ModelRegistry,
    signer: Signer,
    record_id: bytes,
    wanted: Mapping[str, bytes],
    standing: Standing,
) -> list[Step]:
    """The steps that add the keys which a record lacks.

    Raises:
        ChainError: (`registered-key-differs`) the record holds another key for a backend;
            (`record-frozen`) it lacks a key and takes none.
    """
    from verifiable.errors import ChainError
    from verifiable.statement.view import backend_selector

    where = f"record {hex_text(record_id)}"
    differing = [
        name for name, digest in wanted.items() if standing.keys[name] not in (None, digest)
    ]
    if differing:
        raise ChainError(
            "the record holds another key, and a key is set once",
            where=where,
            why="; ".join(
                f"{name}: {hex_text(standing.keys[name] or b'')} on record, "
                f"{hex_text(wanted[name])} now"
                for name in differing
            ),
            hint="derive the key with the record's settings (--weights, --visibility, --srs) and "
            "version, or register from another account",
            code="registered-key-differs",
        )
    lacking = [name for name in wanted if standing.keys[name] is None]
    if lacking and standing.frozen:
        raise ChainError(
            f"the record is frozen and has no key of {', '.join(lacking)}",
            where=where,
            hint="no key can be added any more; register from another account",
            code="record-frozen",
        )
    return [
        step(
            registry,
            signer,
            f"add the key of {name}",
            "addBackend",
            record_id,
            backend_selector(name),
            wanted[name],
        )
        for name in lacking
    ]


def unknown_record(chain: Chain, record_id: bytes, *, hint: str) -> Exception:
    """The error for a record that the registry does not know."""
    from verifiable.errors import ChainError

    return ChainError(
        "the registry has no such record",
        where=f"record {hex_text(record_id)}",
        why=f"on chain {chain.chain_id} at its latest block",
        hint=hint,
        code="unknown-record",
    )


def _set(digest: bytes) -> bytes | None:
    """A digest; zero means that there is none."""
    return digest if any(digest) else None
