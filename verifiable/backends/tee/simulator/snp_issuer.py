"""Simulated AMD SEV-SNP: attestation reports in the firmware's form.

The chip's key comes from the public seed and its chain from a file, whose keys are public too:
whoever reads this can make any report. Same arguments: same bytes.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec

from verifiable.backends.tee.simulator.seeds import BUILTIN_SEED, sign_raw
from verifiable.backends.tee.simulator.snp_authority import (
    MILAN,
    SnpAuthority,
    SnpChip,
    builtin_authority,
    builtin_chain,
)
from verifiable.errors import InvalidInput

__all__ = ["POLICY", "SnpIssuer"]

POLICY = 0x3001F
"""The guest policy of simulated guests: SMT allowed, bit 17 as always, ABI 0.31 or later."""

_REPORT_BYTES = 1184
_SIGNED_BYTES = 0x2A0
_PART_BYTES = 72  # of r and of s, 48 of them used
_VERSIONS = (2, 3, 4, 5)
_ECDSA_P384_SHA384 = 1
_SMT_TSME_ECC = 0b111


class SnpIssuer:
    """One simulated chip.

    Args:
        authority: that certifies its key; None: the built-in one, whose chain is stored.
        chip: which one.
        vcek: DER of another certificate than the authority's own for that chip.
        key: of the chip; None: the built-in one.
    """

    def __init__(
        self,
        authority: SnpAuthority | None = None,
        chip: SnpChip = MILAN,
        *,
        vcek: bytes | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> None:
        self.chip = chip
        self._key = BUILTIN_SEED.p384("snp/vcek") if key is None else key
        if authority is None and chip is MILAN and key is None:
            stored = builtin_chain()
            self._chain = stored if vcek is None else (vcek, *stored[1:])
            return
        owner = builtin_authority() if authority is None else authority
        leaf = owner.vcek(self._key.public_key(), chip) if vcek is None else vcek
        self._chain = (leaf, owner.ask_der, owner.root_der)

    @property
    def chain(self) -> tuple[bytes, ...]:
        """VCEK, ASK, ARK as DER."""
        return self._chain

    @property
    def root_der(self) -> bytes:
        """The trust root."""
        return self._chain[2]

    def report(
        self,
        *,
        measurement: bytes,
        host_data: bytes,
        report_data: bytes,
        version: int = 2,
        policy: int = POLICY,
        vmpl: int = 0,
        platform_info: int = _SMT_TSME_ECC,
        key_info: int = 0,
        id_key_digest: bytes = bytes(48),
        author_key_digest: bytes = bytes(48),
        signature_algorithm: int = _ECDSA_P384_SHA384,
        reported_tcb: bytes | None = None,
        chip_id: bytes | None = None,
        cpuid: tuple[int, int, int] | None = None,
    ) -> bytes:
        """One report, 1,184 bytes.

        Args:
            measurement: of what was launched, 48 bytes.
            host_data: what the host gave at launch, 32 bytes: the program's root.
            report_data: what the guest chose, 64 bytes.
            version: of the layout, 2 to 5.
            policy: of the guest.
            vmpl: privilege level that asked.
            platform_info, key_info, signature_algorithm: as in the layout.
            id_key_digest, author_key_digest: of who signed the launch, 48 bytes each.
            reported_tcb, chip_id, cpuid: other than the chip's.

        Raises:
            InvalidInput: (codes `wrong-size`, `unsupported-version`).
        """
        for name, value, size in (
            ("measurement", measurement, 48),
            ("host_data", host_data, 32),
            ("report_data", report_data, 64),
        ):
            if len(value) != size:
                raise InvalidInput(
                    f"{len(value)} bytes where {size} are expected", where=name, code="wrong-size"
                )
        if version not in _VERSIONS:
            raise InvalidInput(
                f"version {version}",
                where="version",
                why="reports of versions 2 to 5 are simulated",
                code="unsupported-version",
            )
        tcb = self.chip.tcb.encode()
        body = bytearray(_REPORT_BYTES)
        for offset, field in (
            (0x00, version.to_bytes(4, "little")),
            (0x08, policy.to_bytes(8, "little")),
            (0x30, vmpl.to_bytes(4, "little")),
            (0x34, signature_algorithm.to_bytes(4, "little")),
            (0x38, tcb),
            (0x40, platform_info.to_bytes(8, "little")),
            (0x48, key_info.to_bytes(4, "little")),
            (0x50, report_data),
            (0x90, measurement),
            (0xC0, host_data),
            (0xE0, id_key_digest),
            (0x110, author_key_digest),
            (0x140, BUILTIN_SEED.derive(f"snp/report-id/{measurement.hex()}", 32)),
            (0x160, b"\xff" * 32),  # no migration agent
            (0x180, tcb if reported_tcb is None else reported_tcb),
            (0x1A0, self.chip.chip_id if chip_id is None else chip_id),
            (0x1E0, tcb),
            (0x1E8, bytes((31, 55, 1, 0, 31, 55, 1, 0))),  # firmware 1.55.31, loaded and committed
            (0x1F0, tcb),
        ):
            body[offset : offset + len(field)] = field
        if version >= 3:
            body[0x188:0x18B] = bytes(self.chip.cpuid if cpuid is None else cpuid)
        if version == 5:
            body[0x1F8:0x208] = (0b1111).to_bytes(8, "little") * 2  # mitigations: launch, current
        signature = sign_raw(self._key, bytes(body[:_SIGNED_BYTES]))
        for index, part in enumerate((signature[:48], signature[48:])):
            start = _SIGNED_BYTES + index * _PART_BYTES
            body[start : start + 48] = part[::-1]
        return bytes(body)
