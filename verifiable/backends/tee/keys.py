"""The key of a program for attestations: the accepted workloads, and the roots that count.

Attested code is no function of the program alone: somebody must say which images are trusted to
run it. A relying party says so in its policy and derives the key from there; who writes a lock or
a record on chain says it for others. `docs/formats/tee-payload.md` defines fields and digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from verifiable.backends.base import Key
from verifiable.backends.tee.evidence import Report
from verifiable.backends.tee.format import BACKEND_ID, VERSION
from verifiable.backends.tee.roots import BUILTIN_SIMULATED_ROOTS, VENDOR_ROOTS
from verifiable.errors import MalformedFile
from verifiable.statement.attestation import (
    AttestationKind,
    AttestationPolicy,
    KeyRegistry,
    Reference,
)
from verifiable.statement.attestation_json import ATTESTATION_KINDS, register_bytes
from verifiable.statement.hashing import DIGEST_BYTES, keccak
from verifiable.statement.policy import Policy

__all__ = [
    "MAX_WORKLOADS",
    "TeeKey",
    "Workload",
    "builtin_references",
    "key_under",
    "missing_registers",
    "simulator_key",
    "workload_of",
]

MAX_WORKLOADS = 32

_KEY_DOMAIN = b"verifiable/tee-key/v1\x00"
_ON_CHAIN_DOMAIN = b"verifiable/tee-key-on-chain/v1\x00"
_KEY_FIELDS = ("version", "workloads", "roots")
_REGISTRY_FIELD = "registry"
_VERSION = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){2}", re.ASCII)
_ROOTS = re.compile(r"[0-9a-f]{64}(,[0-9a-f]{64}){0,31}", re.ASCII)
_WORKLOAD = re.compile(
    r"(tdx|sgx|snp|nitro):([a-z0-9_]{1,20}(?:\+[a-z0-9_]{1,20}){0,31})"
    r"(?:>=(0|[1-9][0-9]{0,4}))?:([0-9a-f]{64})",
    re.ASCII,
)
_IDENTITY: Mapping[AttestationKind, tuple[str, ...]] = MappingProxyType(
    {
        "tdx": ("mrtd", "rtmr0", "rtmr1", "rtmr2"),
        "sgx": ("mrenclave",),
        "snp": ("measurement",),
        "nitro": ("pcr0", "pcr1", "pcr2"),
    }
)
"""The registers without which a reference does not say which code runs."""

_BY_SIGNER = ("mrsigner", "isv_prod_id")


def missing_registers(reference: Reference) -> tuple[str, ...]:
    """What a reference lacks to identify code; empty if it does.

    For SGX the signer, the product and a lowest ISVSVN do as well as MRENCLAVE.
    """
    missing = tuple(name for name in _IDENTITY[reference.kind] if name not in reference.values)
    if reference.kind == "sgx" and missing and "mrsigner" in reference.values:
        lacking = [name for name in _BY_SIGNER if name not in reference.values]
        return (*lacking, *(() if reference.minimum_svn is not None else ("minimum_svn",)))
    return missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One accepted workload by digest.

    Attributes:
        registers: which of the report's registers the digest covers, in the order of the kind's
            table.
        digest: keccak-256 over their values; for TDX with MRTD and all RTMRs it is the workload's
            name in the contract of the on-chain registry.
        minimum_svn: lowest accepted ISVSVN, SGX only.
    """

    kind: AttestationKind
    registers: tuple[str, ...]
    digest: bytes
    minimum_svn: int | None = None

    @property
    def text(self) -> str:
        """`kind:registers:digest`, as a key's field holds it."""
        lowest = "" if self.minimum_svn is None else f">={self.minimum_svn}"
        return f"{self.kind}:{'+'.join(self.registers)}{lowest}:{self.digest.hex()}"

    def fits(self, report: Report) -> bool:
        """Whether a verified report is of this workload."""
        found = report.measurements
        if report.kind != self.kind or any(name not in found for name in self.registers):
            return False
        if self.minimum_svn is not None:
            svn = found.get("isv_svn")
            if svn is None or int.from_bytes(svn, "big") < self.minimum_svn:
                return False
        return keccak(b"".join(found[name] for name in self.registers)) == self.digest


def workload_of(reference: Reference) -> Workload:
    """The digest form of reference values."""
    registers = tuple(name for name in register_bytes(reference.kind) if name in reference.values)
    return Workload(
        kind=reference.kind,
        registers=registers,
        digest=keccak(b"".join(reference.values[name] for name in registers)),
        minimum_svn=reference.minimum_svn,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TeeKey:
    """What must be pinned for an attestation to say anything about a program.

    Attributes:
        version: of the binding.
        workloads: what may attest, sorted by text.
        roots: SHA-256 of the DER of roots that count, sorted.
        registry: where a chain looks up keys of enclaves; None: evidence is judged off chain only.
    """

    version: str
    workloads: tuple[Workload, ...]
    roots: tuple[bytes, ...]
    registry: KeyRegistry | None = None

    @property
    def digest(self) -> bytes:
        """keccak-256 over all fields; a registry is hashed on top of the digest without one."""
        base, registry = self.base_digest, self.registry
        if registry is None:
            return base
        place = registry.chain_id.to_bytes(DIGEST_BYTES, "big") + registry.address
        assurance = bytes((registry.hardware_only,))
        return keccak(_ON_CHAIN_DOMAIN + base + place + registry.code_hash + assurance)

    @property
    def base_digest(self) -> bytes:
        """keccak-256 over all fields but the registry, each after its length."""
        parts = (self.version, *(item.text for item in self.workloads))
        texts = b"".join(len(text).to_bytes(2, "big") + text.encode("ascii") for text in parts)
        return keccak(
            _KEY_DOMAIN + len(self.roots).to_bytes(2, "big") + b"".join(self.roots) + texts
        )

    def to_key(self) -> Key:
        """The key as locks and registries hold it."""
        fields = {
            "version": self.version,
            "workloads": ",".join(item.text for item in self.workloads),
            "roots": ",".join(root.hex() for root in self.roots),
        }
        if self.registry is not None:
            fields[_REGISTRY_FIELD] = self.registry.text
        return Key(backend=BACKEND_ID, digest=self.digest, fields=MappingProxyType(fields))

    @classmethod
    def of(
        cls,
        references: Iterable[Reference],
        roots: Iterable[bytes],
        registry: KeyRegistry | None = None,
    ) -> TeeKey:
        """The key of some reference values under some roots.

        Raises:
            MalformedFile: (code `too-many`) they are more than a key can hold.
        """
        workloads = {workload_of(item).text: workload_of(item) for item in references}
        anchors = tuple(sorted(set(roots)))
        if max(len(workloads), len(anchors)) > MAX_WORKLOADS:
            raise MalformedFile(
                f"a key holds at most {MAX_WORKLOADS} workloads and roots",
                where="tee key",
                hint="pin fewer workloads for one program",
                code="too-many",
            )
        return cls(
            version=VERSION,
            workloads=tuple(workloads[text] for text in sorted(workloads)),
            roots=anchors,
            registry=registry,
        )

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> TeeKey:
        """Read the fields of a lock's entry strictly.

        Raises:
            MalformedFile: a field is missing, unknown or not canonical.
        """
        if set(fields) - {_REGISTRY_FIELD} != set(_KEY_FIELDS):
            odd = sorted((set(fields) - {_REGISTRY_FIELD}) ^ set(_KEY_FIELDS))[0]
            raise _bad_key(odd, "this field is missing or unknown")
        if _VERSION.fullmatch(fields["version"]) is None:
            raise _bad_key("version", "not as the format says")
        if _ROOTS.fullmatch(fields["roots"]) is None:
            raise _bad_key("roots", "not as the format says")
        roots = tuple(bytes.fromhex(text) for text in fields["roots"].split(","))
        workloads = tuple(_read_workload(text) for text in fields["workloads"].split(","))
        registry = _read_registry(fields.get(_REGISTRY_FIELD))
        key = cls(version=fields["version"], workloads=workloads, roots=roots, registry=registry)
        if (
            list(roots) != sorted(set(roots))
            or [item.text for item in workloads] != sorted({item.text for item in workloads})
            or len(workloads) > MAX_WORKLOADS
        ):
            raise _bad_key("workloads", "not sorted, doubled or too many")
        return key


def _read_workload(text: str) -> Workload:
    match = _WORKLOAD.fullmatch(text)
    if match is None:
        raise _bad_key("workloads", "not as the format says")
    kind = cast(AttestationKind, match[1])
    registers = tuple(match[2].split("+"))
    if registers != tuple(name for name in register_bytes(kind) if name in registers):
        raise _bad_key("workloads", "unknown registers, or not in their order")
    values = {name: bytes(size) for name, size in register_bytes(kind).items() if name in registers}
    svn = None if match[3] is None else int(match[3])
    if missing_registers(Reference(kind=kind, values=values, minimum_svn=svn)) or (
        svn is not None and kind != "sgx"
    ):
        raise _bad_key("workloads", "registers that do not identify code")
    return Workload(kind=kind, registers=registers, digest=bytes.fromhex(match[4]), minimum_svn=svn)


def _read_registry(text: str | None) -> KeyRegistry | None:
    if text is None:
        return None
    registry = KeyRegistry.of_text(text)
    if registry is None:
        raise _bad_key(_REGISTRY_FIELD, "not as the format says")
    return registry


def _bad_key(name: str, what: str) -> MalformedFile:
    return MalformedFile(
        what,
        where=f"tee key, {name}",
        hint="write the lock again with this release",
        code="malformed-key",
    )


def builtin_references(program_root: bytes) -> tuple[Reference, ...]:
    """What evidence of the built-in simulator must report for a program, by kind."""
    from verifiable.backends.tee.simulator.builtin import reference

    return (
        reference("tdx", program_root),
        reference("nitro", program_root),
        reference("snp", program_root),
    )


def simulator_key(program_root: bytes) -> TeeKey:
    """The key of a program that runs in the built-in simulator."""
    return TeeKey.of(builtin_references(program_root), BUILTIN_SIMULATED_ROOTS.values())


def key_under(program_root: bytes, policy: Policy) -> TeeKey | None:
    """The key that a relying party's own policy gives a program; None if it names no code.

    Of the policy's reference values those count that identify code, under their vendor's roots and
    the simulated ones that the policy lists; the built-in simulator's only where it is allowed.

    Raises:
        MalformedFile: (code `too-many`) they are more than a key can hold.
    """
    demands = policy.attestation or AttestationPolicy()
    references = [item for item in demands.references if not missing_registers(item)]
    roots: set[bytes] = set()
    for kind in ATTESTATION_KINDS:
        if any(item.kind == kind for item in references):
            roots.update(VENDOR_ROOTS[kind], demands.simulated_roots)
    if "simulated_tee" in policy.allow_insecure:
        references += builtin_references(program_root)
        roots.update(BUILTIN_SIMULATED_ROOTS.values())
    return TeeKey.of(references, roots, demands.registry) if references else None
