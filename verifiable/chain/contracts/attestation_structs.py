"""What the attestation registry keeps, and the digest that a key signs to be registered.

Members are the contract's in snake case and in its order;
`contracts/src/tee/IAttestationRegistry.sol` and `ITrustLists.sol` say what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from verifiable.chain.abi import Param, encode
from verifiable.statement.hashing import keccak

__all__ = [
    "DOMAIN_NAME",
    "DOMAIN_VERSION",
    "MAX_PLATFORM_LIFE_S",
    "PREFIX_BYTES",
    "Admission",
    "Fault",
    "Key",
    "PckKey",
    "possession_digest",
]

PREFIX_BYTES = 1252
"""How much of a TDX quote of version 4 is sent: all of it but the certificates."""

MAX_PLATFORM_LIFE_S = 30 * 24 * 3600
"""`MAX_PLATFORM_LIFE` of the contract."""

DOMAIN_NAME = "verifiable/tee"
DOMAIN_VERSION = "1"

_DOMAIN_TYPE = keccak(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_REGISTER_KEY_TYPE = keccak(
    b"RegisterKey(address key,bytes32 platformId,bytes32 quoteDigest,uint64 deadline)"
)


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


def possession_digest(
    chain_id: int,
    registry: bytes,
    *,
    key: bytes,
    platform_id: bytes,
    quote_digest: bytes,
    deadline: int,
) -> bytes:
    """What the enclave's key signs to be registered: EIP-712 `RegisterKey`, 32 bytes.

    Args:
        chain_id: of the registry's chain.
        registry: its address.
        key: address of the key, 20 bytes.
        platform_id: see `AttestationRegistry.platform_id_of`.
        quote_digest: SHA-256 of the first 632 bytes of the quote, which the attestation key signed.
        deadline: last second in which it counts.

    Raises:
        ChainError: `bad-arguments`: a value is not of its type.
    """
    domain = _struct(
        ("bytes32", "bytes32", "bytes32", "uint256", "address"),
        _DOMAIN_TYPE,
        keccak(DOMAIN_NAME.encode("ascii")),
        keccak(DOMAIN_VERSION.encode("ascii")),
        chain_id,
        registry,
    )
    message = _struct(
        ("bytes32", "address", "bytes32", "bytes32", "uint64"),
        _REGISTER_KEY_TYPE,
        key,
        platform_id,
        quote_digest,
        deadline,
    )
    return keccak(b"\x19\x01" + domain + message)


def _struct(types: tuple[str, ...], *values: bytes | int) -> bytes:
    params = tuple(Param(name="", type=kind) for kind in types)
    return keccak(encode(params, values, where="RegisterKey"))
