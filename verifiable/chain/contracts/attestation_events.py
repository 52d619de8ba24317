"""What the attestation registry says: one dataclass for each event."""

from __future__ import annotations

from dataclasses import dataclass

from verifiable.chain.contracts.attestation_structs import Fault
from verifiable.chain.transaction import LogRecord

__all__ = [
    "EVENTS",
    "ActionCancelled",
    "ActionExecuted",
    "ActionScheduled",
    "AttestationEvent",
    "FeaturesAllowed",
    "FeaturesDropped",
    "KeyRegistered",
    "KeyRevoked",
    "MinimumSet",
    "OwnershipTransferStarted",
    "OwnershipTransferred",
    "PlatformRegistered",
    "PlatformRevoked",
    "WorkloadDropped",
    "WorkloadSet",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationEvent:
    """An event of the attestation registry: what it says, and where it stands."""

    log: LogRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRegistered(AttestationEvent):
    """A key was registered.

    Attributes:
        key: address of the enclave's secp256k1 key.
        workload: keccak256 of MRTD and RTMR0 to RTMR3.
        platform_id: of the machine.
        until: last second of its life.
    """

    key: bytes
    workload: bytes
    platform_id: bytes
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRevoked(AttestationEvent):
    """A key counts for nothing any more, for ever.

    Attributes:
        key: which.
        fault: why: `Revoked` if the owner said so.
    """

    key: bytes
    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformRegistered(AttestationEvent):
    """A platform was admitted, or its collateral renewed.

    Attributes:
        platform_id: its id.
        number: of the admission; the same after a renewal, another after a revocation.
        ppid: its name by Intel.
        until: last second of its collateral.
        hardware: False for a simulated one.
    """

    platform_id: bytes
    number: int
    ppid: bytes
    until: int
    hardware: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformRevoked(AttestationEvent):
    """A platform counts for nothing any more, nor do its keys.

    Attributes:
        platform_id: its id.
        number: of the admission that ends.
    """

    platform_id: bytes
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadSet(AttestationEvent):
    """A workload is allowed, under a new version; keys of an earlier one are cut.

    Attributes:
        workload: keccak256 of MRTD and RTMR0 to RTMR3.
        program_root: the program that RTMR3 covers.
        grant: number of the version.
    """

    workload: bytes
    program_root: bytes
    grant: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadDropped(AttestationEvent):
    """A workload is allowed no more; its keys are cut.

    Attributes:
        workload: which.
        grant: number of the version that ends.
    """

    workload: bytes
    grant: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesAllowed(AttestationEvent):
    """Attributes and features of TDs are allowed.

    Attributes:
        features: TDATTRIBUTES and XFAM.
        number: of the entry.
    """

    features: bytes
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesDropped(AttestationEvent):
    """Attributes and features are allowed no more; keys with them are cut.

    Attributes:
        features: TDATTRIBUTES and XFAM.
        number: of the entry that ends.
    """

    features: bytes
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumSet(AttestationEvent):
    """The lowest versions changed; keys below are cut.

    Attributes:
        svn: lowest TEE_TCB_SVN, by component.
        qe_svn: lowest ISVSVN of the quoting enclave.
    """

    svn: bytes
    qe_svn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionScheduled(AttestationEvent):
    """The owner announced a call.

    Attributes:
        id: keccak256 of the call.
        action: the call: selector and arguments.
        ready_at: first second in which it may be made.
    """

    id: bytes
    action: bytes
    ready_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCancelled(AttestationEvent):
    """An announced call will not be made.

    Attributes:
        id: keccak256 of the call.
    """

    id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionExecuted(AttestationEvent):
    """An announced call was made; what it did is in the next event.

    Attributes:
        id: keccak256 of the call.
    """

    id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnershipTransferStarted(AttestationEvent):
    """Another owner was named, who has to accept.

    Attributes:
        owner: who is owner.
        pending_owner: who may become it.
    """

    owner: bytes
    pending_owner: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnershipTransferred(AttestationEvent):
    """The owner changed.

    Attributes:
        previous_owner: who was it; zero at deployment.
        new_owner: who is it.
    """

    previous_owner: bytes
    new_owner: bytes


EVENTS: tuple[type[AttestationEvent], ...] = (
    KeyRegistered,
    KeyRevoked,
    PlatformRegistered,
    PlatformRevoked,
    WorkloadSet,
    WorkloadDropped,
    FeaturesAllowed,
    FeaturesDropped,
    MinimumSet,
    ActionScheduled,
    ActionCancelled,
    ActionExecuted,
    OwnershipTransferStarted,
    OwnershipTransferred,
)
