"""The attestation report of AMD SEV-SNP: 1,184 bytes, little-endian, versions 2 to 5.

Only the layout is here; nothing in a report is verified. What follows the two numbers of the
signature is unsigned, so it must be zero: no byte of a report can be changed and leave it valid.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, NoReturn

from verifiable.errors import MalformedProof

__all__ = ["SnpReport", "TcbVersions"]

_BYTES = 1184
_MAX_BYTES = 4096  # the driver's buffer, zeros after the report
_SIGNED_BYTES = 0x2A0
_PART_BYTES = 72
_NUMBER_BYTES = 48
_VERSIONS = (2, 3, 4, 5)
_ECDSA_P384_SHA384 = 1
_VCEK, _VLEK, _NO_KEY = 0, 1, 7
_TURIN_FAMILY = 0x1A


@dataclass(frozen=True, slots=True, kw_only=True)
class TcbVersions:
    """Security versions of a chip's firmware; the order of the bytes depends on the generation.

    Attributes:
        fmc: of Turin's first part; None on older chips.
    """

    bootloader: int
    tee: int
    snp: int
    microcode: int
    fmc: int | None = None

    def encode(self) -> bytes:
        """The eight bytes of a report, the reserved ones zero."""
        if self.fmc is None:
            return bytes((self.bootloader, self.tee, 0, 0, 0, 0, self.snp, self.microcode))
        return bytes((self.fmc, self.bootloader, self.tee, self.snp, 0, 0, 0, self.microcode))

    def __str__(self) -> str:
        first = "" if self.fmc is None else f"fmc {self.fmc}, "
        return (
            f"{first}bootloader {self.bootloader}, tee {self.tee}, snp {self.snp}, "
            f"microcode {self.microcode}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SnpReport:
    """One report.

    Attributes:
        signed: the bytes that the signature covers, which are the report's identity.
        r, s: of the signature.
        trailing_zeros: how many followed.
        policy: of the guest, see the `POLICY_` bits.
        vmpl: privilege level that asked.
        platform_info: see `FLAGS`.
        chip_masked: signed without the chip's key (MASK_CHIP_KEY, or no key at all).
        signing_key: 0 VCEK, 1 VLEK, 7 none.
        reported_tcb, current_tcb, committed_tcb, launch_tcb: eight bytes each.
        cpuid: family, model and stepping; None before version 3.
    """

    POLICY_SMT: ClassVar[int] = 1 << 16
    POLICY_ALWAYS: ClassVar[int] = 1 << 17
    POLICY_MIGRATION_AGENT: ClassVar[int] = 1 << 18
    POLICY_DEBUG: ClassVar[int] = 1 << 19
    POLICY_KNOWN: ClassVar[int] = (1 << 26) - 1
    FLAGS: ClassVar[tuple[tuple[str, int], ...]] = (
        ("smt", 0),
        ("tsme", 1),
        ("ecc", 2),
        ("rapl_disabled", 3),
        ("ciphertext_hiding", 4),
        ("alias_check_complete", 5),
        ("tio", 7),
    )

    signed: bytes
    r: int
    s: int
    trailing_zeros: int
    version: int
    guest_svn: int
    policy: int
    vmpl: int
    platform_info: int
    key_info: int
    report_data: bytes
    measurement: bytes
    host_data: bytes
    id_key_digest: bytes
    author_key_digest: bytes
    report_id: bytes
    reported_tcb: bytes
    current_tcb: bytes
    committed_tcb: bytes
    launch_tcb: bytes
    chip_id: bytes
    cpuid: tuple[int, int, int] | None

    @classmethod
    def parse(cls, data: bytes) -> SnpReport:
        """Decode a report strictly.

        Raises:
            MalformedProof: (codes of TEE-18) with what is wrong.
        """
        if len(data) > _MAX_BYTES:
            _refuse(f"larger than {_MAX_BYTES} bytes", code="evidence-too-large")
        if len(data) < _BYTES:
            _refuse(f"{len(data)} bytes, a report has {_BYTES}")
        if any(data[_BYTES:]):
            _refuse("other bytes than zeros after the report", code="trailing-bytes")

        def number(offset: int, size: int) -> int:
            return int.from_bytes(data[offset : offset + size], "little")

        version = number(0, 4)
        if version not in _VERSIONS:
            _refuse(f"version {version}; known are 2 to 5", code="unsupported-evidence")
        algorithm = number(0x34, 4)
        if algorithm != _ECDSA_P384_SHA384:
            _refuse(
                f"signature algorithm {algorithm}; known is 1, ECDSA P-384 with SHA-384",
                code="unsupported-evidence",
            )
        key_info = number(0x48, 4)
        signing_key = key_info >> 2 & 7
        if signing_key == _VLEK:
            _refuse(
                "signed by a VLEK, a cloud's versioned loaded endorsement key: reports under a "
                "VCEK, the chip's own key, are verified",
                code="unsupported-evidence",
            )
        if signing_key not in (_VCEK, _NO_KEY):
            _refuse(f"signing key {signing_key} is reserved", code="unsupported-evidence")
        parts = []
        for start in (_SIGNED_BYTES, _SIGNED_BYTES + _PART_BYTES):
            if any(data[start + _NUMBER_BYTES : start + _PART_BYTES]):
                _refuse("a number of the signature is longer than 48 bytes")
            parts.append(number(start, _NUMBER_BYTES))
        if any(data[_SIGNED_BYTES + 2 * _PART_BYTES : _BYTES]):
            _refuse("the unsigned bytes after the signature are not zero")
        return cls(
            signed=data[:_SIGNED_BYTES],
            r=parts[0],
            s=parts[1],
            trailing_zeros=len(data) - _BYTES,
            version=version,
            guest_svn=number(4, 4),
            policy=number(8, 8),
            vmpl=number(0x30, 4),
            platform_info=number(0x40, 8),
            key_info=key_info,
            report_data=data[0x50:0x90],
            measurement=data[0x90:0xC0],
            host_data=data[0xC0:0xE0],
            id_key_digest=data[0xE0:0x110],
            author_key_digest=data[0x110:0x140],
            report_id=data[0x140:0x160],
            reported_tcb=data[0x180:0x188],
            current_tcb=data[0x38:0x40],
            committed_tcb=data[0x1E0:0x1E8],
            launch_tcb=data[0x1F0:0x1F8],
            chip_id=data[0x1A0:0x1E0],
            cpuid=(data[0x188], data[0x189], data[0x18A]) if version >= 3 else None,
        )

    @property
    def chip_masked(self) -> bool:
        """Whether the chip's key did not sign: the signature is zero then."""
        return bool(self.key_info & 2) or self.key_info >> 2 & 7 == _NO_KEY

    @property
    def is_turin(self) -> bool | None:
        """Whether the processor says to be of the generation with the other order of versions;
        None if it does not say (version 2).
        """
        return None if self.cpuid is None else self.cpuid[0] == _TURIN_FAMILY

    @property
    def flags(self) -> MappingProxyType[str, bool]:
        """What is reported of the platform."""
        return MappingProxyType(
            {name: bool(self.platform_info >> bit & 1) for name, bit in self.FLAGS}
        )

    @property
    def measurements(self) -> MappingProxyType[str, bytes]:
        """What was measured, by the names that policies use."""
        return MappingProxyType(
            {
                "measurement": self.measurement,
                "host_data": self.host_data,
                "id_key_digest": self.id_key_digest,
                "author_key_digest": self.author_key_digest,
            }
        )


def _refuse(why: str, *, code: str = "evidence-malformed") -> NoReturn:
    raise MalformedProof(why, where="SNP report", code=code)
