"""What the attestation registry keeps.

Members are the contract's in snake case and in its order;
`contracts/src/tee/IAttestationRegistry.sol` and `ITrustLists.sol` say what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "MAX_PLATFORM_LIFE_S",
    "PREFIX_BYTES",
    "Admission",
    "Fault",
    "Key",
    "PckKey",
]

PREFIX_BYTES = 1252
"""How much of a TDX quote of version 4 is sent: all of it but the certificates."""

MAX_PLATFORM_LIFE_S = 30 * 24 * 3600
"""`MAX_PLATFORM_LIFE` of the contract."""


class Fault(IntEnum):
    """Why a key counts for nothing now; `NONE`: it counts."""

    NONE = 0
    UNKNOWN = 1
    REVOKED = 2
    EXPIRED = 3
    PLATFORM_REVOKED = 4
    PLATFORM_EXPIRED = 5
    WORKLOAD_DROPPED = 6
    SVN_TOO_LOW = 7
    QE_SVN_TOO_LOW = 8
    FEATURES_DROPPED = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What stands in the registry of an enclave's key; all zeros if it was never registered.

    Attributes:
        svn: TEE_TCB_SVN of its quote, 16 bytes.
        qe_svn: ISVSVN of the quoting enclave.
        until: last second of its life.
        platform: number of the platform's admission.
        grant: number of the workload's version.
        features: number of the entry of the list of features.
        revoked: it counts for nothing, for ever.
    """

    svn: bytes
    qe_svn: int
    until: int
    platform: int
    grant: int
    features: int
    revoked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What a platform is worth.

    Attributes:
        ppid: its name by Intel, 16 bytes.
        until: last second of its collateral.
        hardware: False for a simulated one.
        revoked: it counts for nothing.
    """

    ppid: bytes
    until: int
    hardware: bool
    revoked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PckKey:
    """The key by which a platform's quoting enclave is certified: coordinates, 32 bytes each."""

    x: bytes
    y: bytes
