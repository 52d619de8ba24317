"""Simulated SGX quotes, version 3: to keep the verifier honest, since no workload runs in SGX."""

from __future__ import annotations

import struct

from verifiable.backends.tee.simulator.authority import IntelAuthority
from verifiable.backends.tee.simulator.intel_platform import QE
from verifiable.backends.tee.simulator.quoting import Quoting, enclave_report, quote_header

__all__ = ["ENCLAVE_ATTRIBUTES", "SgxIssuer"]

ENCLAVE_ATTRIBUTES = bytes.fromhex("0500000000000000e700000000000000")
"""Of a production enclave: initialised, 64-bit, no debugger, no key of the platform's owner."""

_QE_SVN, _PCE_SVN = 8, 13


class SgxIssuer:
    """Makes the quotes of one simulated machine.

    Args:
        authority: that certifies it.
        quoting: its quoting enclave; None: an ordinary one.
    """

    def __init__(self, authority: IntelAuthority, *, quoting: Quoting | None = None) -> None:
        self._components = bytes(authority.platform.components)
        self.quoting = Quoting(authority, QE) if quoting is None else quoting

    def quote(
        self,
        *,
        mrenclave: bytes,
        mrsigner: bytes,
        report_data: bytes,
        isv_prod_id: int = 1,
        isv_svn: int = 1,
        attributes: bytes = ENCLAVE_ATTRIBUTES,
    ) -> bytes:
        """A quote of an enclave, without padding.

        Args:
            mrenclave, mrsigner: its code and who signed it, 32 bytes each.
            report_data: 64 bytes of the enclave's own choice.
            isv_prod_id, isv_svn: product and security version, as its signer says.
            attributes: flags and XFRM, 16 bytes.
        """
        body = enclave_report(
            cpusvn=self._components,
            miscselect=bytes(4),
            attributes=attributes,
            mrenclave=mrenclave,
            mrsigner=mrsigner,
            isv_prod_id=isv_prod_id,
            isv_svn=isv_svn,
            report_data=report_data,
        )
        svns = struct.pack("<HH", _QE_SVN, _PCE_SVN)
        return self.quoting.seal(quote_header(3, 0, self.quoting.user_data, svns=svns) + body)
