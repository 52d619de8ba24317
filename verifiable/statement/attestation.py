"""What a relying party demands of an attestation of hardware: plain values, no cryptography.

Nothing here has a default that accepts more: an empty list of reference values accepts no code at
all, and what weakens security carries `insecure` in its name. `docs/formats/attestation-policy.md`
defines the file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = [
    "AttestationKind",
    "AttestationPolicy",
    "KeyRegistry",
    "Reference",
    "reference",
]

AttestationKind = Literal["tdx", "sgx", "snp", "nitro"]
"""Intel TDX, Intel SGX, AMD SEV-SNP, AWS Nitro Enclaves."""

_MAX_CHAIN_ID = (1 << 63) - 1
_KEY_REGISTRY = re.compile(
    r"([1-9][0-9]{0,18}):([0-9a-f]{40}):([0-9a-f]{64}):(hardware|simulated)", re.ASCII
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Measurements of one accepted workload; every one that is named must be equal.

    Attributes:
        kind: of the attestation.
        values: by the register's name its bytes: `mrtd`, `rtmr0`..`rtmr3`, `mrseam` (TDX);
            `mrenclave`, or `mrsigner` with `isv_prod_id` (SGX); `measurement`, `host_data`,
            `id_key_digest`, `author_key_digest` (SNP); `pcr0`..`pcr31` (Nitro).
        minimum_svn: lowest accepted ISVSVN, for SGX by signer.
    """

    kind: AttestationKind
    values: Mapping[str, bytes]
    minimum_svn: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRegistry:
    """A contract on a chain in which keys of enclaves are registered, and what counts there.

    Attributes:
        chain_id: from 1 to 2^63 - 1.
        address: of the contract, 20 bytes.
        code_hash: keccak-256 of its code, 32 bytes.
        hardware_only: what a simulated enclave signed counts for nothing on the chain.
    """

    chain_id: int
    address: bytes
    code_hash: bytes
    hardware_only: bool

    @property
    def text(self) -> str:
        """`chainId:address:codeHash:hardware` or `..:simulated`, as keys and policies hold it."""
        assurance = "hardware" if self.hardware_only else "simulated"
        return f"{self.chain_id}:{self.address.hex()}:{self.code_hash.hex()}:{assurance}"

    @classmethod
    def of_text(cls, text: str) -> KeyRegistry | None:
        """The registry of a text; None if it is not the one text of any."""
        match = _KEY_REGISTRY.fullmatch(text)
        if match is None or int(match[1]) > _MAX_CHAIN_ID:
            return None
        return cls(
            chain_id=int(match[1]),
            address=bytes.fromhex(match[2]),
            code_hash=bytes.fromhex(match[3]),
            hardware_only=match[4] == "hardware",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationPolicy:
    """What must hold for an attestation to count. Every default is the strict choice.

    Attributes:
        references: accepted workloads; empty accepts none.
        simulated_roots: SHA-256 of the DER of root certificates that are trusted beside the
            vendors'; whatever they sign is `simulated`.
        tcb_statuses: accepted states of an Intel platform's patches.
        denied_advisories: security advisories that no accepted platform may be open to.
        minimum_tcb_evaluation: lowest accepted `tcbEvaluationDataNumber` of the collateral.
        grace_s: how long after the date of its level a platform that is not up to date is still
            accepted, in seconds; 0: never.
        platform_flags: which of `dynamic_platform`, `cached_keys`, `smt` an Intel platform may
            have; cloud machines have all three. `smt` is asked of SNP too.
        td_attributes, xfams: accepted TDATTRIBUTES and XFAM of a TDX workload, 8 bytes each.
        service_tds: accepted MRSERVICETD other than zero, 48 bytes each.
        insecure_allow_debug: accept workloads that a debugger can read; never a debug quoting
            enclave.
        platforms: accepted platforms (PPID, chip id, module id); None: any, which the verdict says.
        nonce: what the verifier asked the evidence to be made for, at most 512 bytes; None:
            nothing, and the verdict says that there is no freshness.
        require_nonce: refuse evidence where the verifier has no nonce.
        maximum_age_s: oldest accepted evidence that carries a time, in seconds.
        report_data: what the evidence must report, where no statement says it: 64 bytes, or for
            Nitro its `user_data` of at most 512, which may be empty.
        gpu: what must hold of a graphics processor is judged by its vendor: True refuses evidence
            without such a verdict.
        registry: where a chain looks up keys of enclaves, so that the key that follows from this
            policy is the one that a record pins for that chain; None: nowhere. It changes nothing
            in how evidence is judged here.
    """

    references: tuple[Reference, ...] = ()
    simulated_roots: frozenset[bytes] = frozenset()
    tcb_statuses: frozenset[str] = frozenset(("UpToDate",))
    denied_advisories: frozenset[str] = frozenset()
    minimum_tcb_evaluation: int = 0
    grace_s: int = 0
    platform_flags: frozenset[str] = frozenset(("dynamic_platform", "cached_keys", "smt"))
    td_attributes: frozenset[bytes] = frozenset((bytes.fromhex("0000001000000000"),))
    xfams: frozenset[bytes] = frozenset((bytes.fromhex("e702060000000000"),))
    service_tds: frozenset[bytes] = frozenset()
    insecure_allow_debug: bool = False
    platforms: frozenset[bytes] | None = None
    nonce: bytes | None = None
    require_nonce: bool = False
    maximum_age_s: int = 300
    report_data: bytes | None = None
    gpu: bool = False
    registry: KeyRegistry | None = None


def reference(kind: AttestationKind, /, **values: bytes) -> Reference:
    """A workload by its registers: `reference("tdx", mrtd=..., rtmr3=...)`."""
    return Reference(kind=kind, values=MappingProxyType(values))
