"""The simulated quoting enclave: signs what a machine reports, with a key that the PCK vouches for.

All that does not depend on the report is made once, so that a quote costs one signature.
"""

from __future__ import annotations

import hashlib
import struct
from functools import cached_property

from verifiable.backends.tee.simulator.authority import IntelAuthority
from verifiable.backends.tee.simulator.intel_platform import QuotingEnclave
from verifiable.backends.tee.simulator.seeds import raw_public_key, sign_raw

__all__ = ["AUTH_DATA", "PCK_CHAIN", "QE_REPORT", "Quoting", "enclave_report", "quote_header"]

AUTH_DATA = bytes(range(32))
"""What Intel's quoting enclaves write as authentication data."""

PCK_CHAIN = 5
"""Certification data: PEM of the PCK chain."""

QE_REPORT = 6
"""Certification data: report of the quoting enclave, and more certification data."""

_INTEL_QE_VENDOR = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
_ECDSA_P256 = 2


class Quoting:
    """A quoting enclave on the authority's platform.

    Args:
        authority: whose PCK key signs the enclave's report.
        enclave: what it reports of itself.
        auth_data: bound by that report, beside the key.
        certification: type and bytes of the innermost certification data; None: the PCK chain.
        outer_type: certification type around it all, absent in version 3.
    """

    def __init__(
        self,
        authority: IntelAuthority,
        enclave: QuotingEnclave,
        *,
        auth_data: bytes = AUTH_DATA,
        certification: tuple[int, bytes] | None = None,
        outer_type: int = QE_REPORT,
    ) -> None:
        self._authority = authority
        self._enclave = enclave
        self._auth_data = auth_data
        self._certification = certification
        self._outer_type = outer_type
        self._key = authority.seed.p256(f"intel/attestation-key/{enclave.isv_prod_id}")
        self._public_key = raw_public_key(self._key)

    @property
    def user_data(self) -> bytes:
        """20 bytes of a quote's header: the enclave's id on this machine, then zeros."""
        return self._authority.seed.derive("intel/qe-id", 16) + bytes(4)

    def seal(self, signed: bytes) -> bytes:
        """Make a quote of header and body.

        Args:
            signed: everything before the length of the signature data.
        """
        nested = signed[0] != 3
        certified = self._certified
        if nested:
            certified = struct.pack("<HI", self._outer_type, len(certified)) + certified
        data = sign_raw(self._key, signed) + self._public_key + certified
        return signed + struct.pack("<I", len(data)) + data

    @cached_property
    def _certified(self) -> bytes:
        """The enclave's report, its signature, authentication and certification data."""
        enclave = self._enclave
        bound = hashlib.sha256(self._public_key + self._auth_data).digest()
        report = enclave_report(
            cpusvn=enclave.cpusvn,
            miscselect=enclave.miscselect,
            attributes=enclave.attributes,
            mrenclave=enclave.mrenclave,
            mrsigner=enclave.mrsigner,
            isv_prod_id=enclave.isv_prod_id,
            isv_svn=enclave.isv_svn,
            report_data=bound + enclave.report_data_end,
        )
        kind, data = self._certification or (
            PCK_CHAIN,
            self._authority.pck_chain_pem.encode("ascii") + b"\0",
        )
        return (
            report
            + sign_raw(self._authority.pck.key, report)
            + struct.pack("<H", len(self._auth_data))
            + self._auth_data
            + struct.pack("<HI", kind, len(data))
            + data
        )


def quote_header(version: int, tee_type: int, user_data: bytes, *, svns: bytes = bytes(4)) -> bytes:
    """The first 48 bytes of a quote.

    Args:
        version: of the quote.
        tee_type: 0x81 TDX, 0 SGX.
        user_data: see `Quoting.user_data`.
        svns: of both enclaves that made it, version 3; zero in others.
    """
    return struct.pack("<HHI", version, _ECDSA_P256, tee_type) + svns + _INTEL_QE_VENDOR + user_data


def enclave_report(
    *,
    cpusvn: bytes,
    miscselect: bytes,
    attributes: bytes,
    mrenclave: bytes,
    mrsigner: bytes,
    isv_prod_id: int,
    isv_svn: int,
    report_data: bytes,
) -> bytes:
    """An SGX report body, 384 bytes; fields of key separation and sharing are zero."""
    return b"".join(
        (
            cpusvn,
            miscselect,
            bytes(28),  # reserved, ISVEXTPRODID
            attributes,
            mrenclave,
            bytes(32),
            mrsigner,
            bytes(96),  # reserved, CONFIGID
            struct.pack("<HH", isv_prod_id, isv_svn),
            bytes(60),  # CONFIGSVN, reserved, ISVFAMILYID
            report_data,
        )
    )
