"""What makes a router genuine: this release's code, over a genuine registry and genuine doors.

A router trusts five addresses, which stand in its code. It looks at none of them beyond asking for
code, so whoever relies on a router has them looked at here: a registry or a door of somebody's own
could say anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from verifiable.chain.artifact import Artifact, load_artifact
from verifiable.chain.calls import BlockTag
from verifiable.chain.client import Chain
from verifiable.chain.contract import Contract
from verifiable.chain.contracts import model_registry
from verifiable.chain.contracts.ezkl_door import check_ezkl_door
from verifiable.chain.contracts.genuine import CANONICAL_SALT, Part, check_made
from verifiable.chain.deployment import check_code
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import TxOptions
from verifiable.errors import InvalidInput
from verifiable.statement.view import backend_selector

__all__ = [
    "DOORS",
    "ROUTER",
    "Wiring",
    "check_door",
    "default_doors",
    "deploy_parts",
    "door_part",
    "read_wiring",
    "router_parts",
]

ROUTER = load_artifact("InferenceVerifier")

DOORS: Mapping[str, str] = MappingProxyType(
    {
        "ezkl": "EzklDoor",
        "optimistic": "OptimisticDoor",
        "tee": "TeeDoor",
        "quorum": "QuorumDoor",
    }
)
"""By backend id the name of its door's contract, in the order of the router's constructor."""

_NO_DOOR = bytes(20)

DoorCheck = Callable[[Chain, bytes, BlockTag], None]
"""Refuses a door whose code holds immutables, unless they are this release's."""

_DOOR_CHECKS: Mapping[str, DoorCheck] = MappingProxyType({"ezkl": check_ezkl_door})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What a router is made with, for ever.

    Attributes:
        registry: address of the model registry, 20 bytes.
        doors: addresses of doors by backend id; a backend that is missing is refused by name.
    """

    registry: bytes
    doors: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def arguments(self) -> tuple[bytes, ...]:
        """Of the router's constructor."""
        return (self.registry, *(self.doors.get(name, _NO_DOOR) for name in DOORS))

    @property
    def part(self) -> Part:
        """The router with this wiring, where the deployment proxy puts it."""
        unknown = sorted(set(self.doors) - set(DOORS))
        if unknown:
            raise InvalidInput(
                f"a router has no door for {unknown[0]!r}",
                where="doors",
                hint=f"there are doors for {', '.join(DOORS)}",
                code="unknown-door",
            )
        return Part(artifact=ROUTER, arguments=self.arguments)


def default_doors() -> dict[str, Part]:
    """The doors that need nothing to be made: they stand at one address on every chain."""
    names = {name: load_artifact(door) for name, door in DOORS.items() if name != "ezkl"}
    return {name: Part(artifact=artifact, arguments=()) for name, artifact in names.items()}


def door_part(backend: str, *arguments: object) -> Part:
    """The door of a backend, where the deployment proxy puts it.

    Raises:
        InvalidInput: (code `unknown-door`) there is none for this backend.
    """
    return Part(artifact=_artifact(backend), arguments=arguments)


def router_parts(registry: bytes, doors: Mapping[str, Part]) -> tuple[Part, ...]:
    """What a router over a registry is made of, in the order of deployment; it comes last.

    Args:
        registry: address of a model registry that stands.
        doors: by backend id; a backend that is missing is refused by name.

    Raises:
        InvalidInput: `unknown-door`.
    """
    wiring = Wiring(registry=registry, doors={name: part.address for name, part in doors.items()})
    router = wiring.part
    return (*(doors[name] for name in DOORS if name in doors), router)


def deploy_parts(
    chain: Chain, signer: Signer, parts: tuple[Part, ...], *, options: TxOptions | None = None
) -> bytes:
    """Deploy what is missing of some contracts, in their order.

    Args:
        options: must wait for the transactions.

    Returns:
        The address of the last one.

    Raises:
        Reverted: (`InferenceVerifier_NoCode`) there is no contract at the registry's address.
        ChainError: as `Chain.deploy_deterministic`.
    """
    for part in parts:
        chain.deploy_deterministic(
            signer, part.artifact, *part.arguments, salt=CANONICAL_SALT, options=options
        )
    return parts[-1].address


def read_wiring(chain: Chain, address: bytes, block: BlockTag = "latest") -> Wiring:
    """Refuse an address that is no router of this release over contracts of this release.

    Raises:
        ChainError: `no-code`, `other-code`, or the node failed.
    """
    code = chain.code(address, block)
    check_code(ROUTER, address, code, code_hash=None, where=chain.source)
    router = Contract(chain, ROUTER, address)
    registry: bytes = router.call("registry", block=block)
    doors = {name: router.call("doorOf", backend_selector(name), block=block) for name in DOORS}
    wiring = Wiring(
        registry=registry, doors={name: door for name, door in doors.items() if any(door)}
    )
    check_made(chain, ROUTER, wiring.arguments, address, code, block)
    check_code(
        model_registry.ARTIFACT,
        registry,
        chain.code(registry, block),
        code_hash=model_registry.CODE_HASH,
        where=chain.source,
    )
    for name, door in wiring.doors.items():
        check_door(chain, name, door, block)
    return wiring


def check_door(chain: Chain, backend: str, address: bytes, block: BlockTag = "latest") -> None:
    """Refuse an address that is not this release's door of a backend.

    Raises:
        ChainError: `no-code`, `other-code`, or the node failed.
        InvalidInput: (code `unknown-door`) there is none for this backend.
    """
    artifact = _artifact(backend)
    code = chain.code(address, block)
    check_code(artifact, address, code, code_hash=artifact.code_hash, where=chain.source)
    if artifact.immutable_references:
        _DOOR_CHECKS[backend](chain, address, block)


def _artifact(backend: str) -> Artifact:
    if backend not in DOORS:
        raise InvalidInput(
            f"there is no door for {backend!r}",
            where="doors",
            hint=f"there are doors for {', '.join(DOORS)}",
            code="unknown-door",
        )
    return load_artifact(DOORS[backend])
