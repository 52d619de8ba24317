"""Simulated TDX quotes, versions 4 and 5."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Literal

from verifiable.backends.tee.simulator.authority import IntelAuthority
from verifiable.backends.tee.simulator.intel_platform import TD_QE, TdxModule
from verifiable.backends.tee.simulator.quoting import Quoting, quote_header

__all__ = ["TD_ATTRIBUTES", "XFAM", "TdxIssuer", "td_report"]

TD_ATTRIBUTES = bytes.fromhex("0000001000000000")
"""SEPT_VE_DISABLE and nothing else: what every production TD has."""

XFAM = bytes.fromhex("e702060000000000")
"""Processor state that the TD may use, as on real machines."""

_TDX = 0x81
_TD_10, _TD_15 = 2, 3  # body types of version 5


class TdxIssuer:
    """Makes the quotes of one simulated machine.

    Args:
        authority: that certifies it.
        quoting: its quoting enclave; None: an ordinary one.
        module: its TDX module; None: an ordinary one.
    """

    def __init__(
        self,
        authority: IntelAuthority,
        *,
        quoting: Quoting | None = None,
        module: TdxModule | None = None,
    ) -> None:
        self.quoting = Quoting(authority, TD_QE) if quoting is None else quoting
        self.module = TdxModule() if module is None else module

    def quote(
        self,
        *,
        mrtd: bytes,
        rtmrs: Sequence[bytes],
        report_data: bytes,
        version: Literal[4, 5] = 4,
        td_attributes: bytes = TD_ATTRIBUTES,
        xfam: bytes = XFAM,
        mrservicetd: bytes | None = None,
        tee_tcb_svn2: bytes | None = None,
    ) -> bytes:
        """A quote of a TD, without padding.

        Args:
            mrtd: 48 bytes, what the TD was started with.
            rtmrs: four registers of 48 bytes.
            report_data: 64 bytes of the TD's own choice.
            version: 5 with `mrservicetd` or `tee_tcb_svn2` has a body of TD 1.5, else of TD 1.0.
            td_attributes, xfam: of the TD, 8 bytes each.
            mrservicetd: of a service TD beside it, 48 bytes, zero for none.
            tee_tcb_svn2: security versions of the module that runs now, 16 bytes.
        """
        body = td_report(
            self.module,
            mrtd=mrtd,
            rtmrs=rtmrs,
            report_data=report_data,
            td_attributes=td_attributes,
            xfam=xfam,
        )
        header = quote_header(version, _TDX, self.quoting.user_data)
        if version == 5:
            kind = _TD_10
            if mrservicetd is not None or tee_tcb_svn2 is not None:
                kind = _TD_15
                body += self.module.tee_tcb_svn if tee_tcb_svn2 is None else tee_tcb_svn2
                body += bytes(48) if mrservicetd is None else mrservicetd
            header += struct.pack("<HI", kind, len(body))
        return self.quoting.seal(header + body)


def td_report(
    module: TdxModule,
    *,
    mrtd: bytes,
    rtmrs: Sequence[bytes],
    report_data: bytes,
    td_attributes: bytes = TD_ATTRIBUTES,
    xfam: bytes = XFAM,
) -> bytes:
    """What the module reports of a TD, 584 bytes: see `TdxIssuer.quote`."""
    return b"".join(
        (
            module.tee_tcb_svn,
            module.mrseam,
            module.mrsignerseam,
            module.attributes,
            td_attributes,
            xfam,
            mrtd,
            bytes(3 * 48),  # MRCONFIGID, MROWNER, MROWNERCONFIG: nobody set them
            *rtmrs,
            report_data,
        )
    )
