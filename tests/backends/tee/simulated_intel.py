"""A simulated Intel machine for tests, at a fixed time."""

from __future__ import annotations

from datetime import UTC, datetime

import dcap_qvl

from verifiable.backends.tee.simulator.authority import IntelAuthority
from verifiable.backends.tee.simulator.collateral_issuer import IntelKind, collateral_json
from verifiable.backends.tee.simulator.seeds import Seed
from verifiable.backends.tee.simulator.sgx import SgxIssuer
from verifiable.backends.tee.simulator.tdx import TdxIssuer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SEED = Seed(value=b"a seed for tests of the Intel authority")
MRTD = bytes(range(48))
RTMRS = tuple(bytes((17 * number,)) * 48 for number in range(1, 5))
REPORT_DATA = bytes(range(100, 164))
MRENCLAVE = bytes(range(32))
MRSIGNER = bytes(range(32, 64))


def tdx_quote(issuer: TdxIssuer, **changes) -> bytes:
    return issuer.quote(**{"mrtd": MRTD, "rtmrs": RTMRS, "report_data": REPORT_DATA} | changes)


def sgx_quote(issuer: SgxIssuer, **changes) -> bytes:
    values = {"mrenclave": MRENCLAVE, "mrsigner": MRSIGNER, "report_data": REPORT_DATA}
    return issuer.quote(**values | changes)


def judged_by_dcap_qvl(
    quote: bytes, authority: IntelAuthority, kind: IntelKind, collateral: bytes | None = None
) -> dcap_qvl.VerifiedReport:
    """Verify with the other implementation, under the authority's root and at `NOW`."""
    text = collateral_json(authority, kind) if collateral is None else collateral
    return dcap_qvl.verify_with_root_ca(
        quote,
        dcap_qvl.QuoteCollateralV3.from_json(text.decode()),
        authority.root.der,
        int(NOW.timestamp()),
    )
