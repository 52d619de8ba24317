"""What evidence says of itself, before anything was verified, and a policy that pins just that.

For people who look at evidence (`verifiable tee decode`) or write a policy for a workload that they
have (`verifiable tee policy init`). Nothing here judges: a policy that is written from evidence is
as good as the person who reviews it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.quote import Quote, TdReport
from verifiable.errors import MalformedProof
from verifiable.statement.attestation import AttestationKind, AttestationPolicy, Reference
from verifiable.statement.attestation_json import register_bytes

__all__ = ["Claims", "claims_of", "pinned_policy"]

_SET_BY_HOST = ("mrconfigid", "mrowner", "mrownerconfig")
_EXTENDED_LATE = frozenset(f"pcr{index}" for index in range(5, 32))
_NOT_THE_WORKLOAD = ("pcr3", "pcr4", "mrseam")
"""Nitro's role and instance, Intel's module: they say where an image runs, not which one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a document says; the members are those of `evidence.Report`, unverified.

    Attributes:
        td_attributes, xfam, service_td: of a TDX workload; empty for others.
    """

    kind: AttestationKind
    report_data: bytes
    measurements: Mapping[str, bytes]
    details: Mapping[str, str]
    td_attributes: bytes = b""
    xfam: bytes = b""
    service_td: bytes = b""


def claims_of(evidence: Evidence) -> Claims:
    """Decode a document without judging it.

    Raises:
        MalformedProof: it is not in its vendor's exact form, or of another kind than it is said to
            be.
    """
    if evidence.kind in ("tdx", "sgx"):
        return _of_quote(evidence)
    if evidence.kind == "nitro":
        from verifiable.backends.tee.nitro import nitro_claims

        return nitro_claims(evidence)
    from verifiable.backends.tee.snp import snp_claims

    return snp_claims(evidence)


def _of_quote(evidence: Evidence) -> Claims:
    quote = Quote.parse(evidence.document)
    body = quote.body
    if quote.tee != evidence.kind:
        raise MalformedProof(
            f"this is a quote of {quote.tee.upper()}",
            where="evidence",
            hint=f"give --kind {quote.tee}",
            code="unsupported-evidence",
        )
    details = {
        "version": str(quote.version),
        "bytes": str(quote.size),
        "zeros after it": str(quote.trailing_zeros),
        "certification": quote.certification,
        "qe_mrsigner": quote.qe_report.mrsigner.hex(),
        "qe_isv_svn": str(quote.qe_report.isv_svn),
    }
    if not isinstance(body, TdReport):
        return Claims(
            kind="sgx",
            report_data=body.report_data,
            measurements=MappingProxyType(body.measurements),
            details=MappingProxyType({**details, "attributes": body.attributes.hex()}),
        )
    return Claims(
        kind="tdx",
        report_data=body.report_data,
        measurements=MappingProxyType(body.measurements),
        details=MappingProxyType({**details, "tee_tcb_svn": body.tee_tcb_svn.hex()}),
        td_attributes=body.tdattributes,
        xfam=body.xfam,
        service_td=body.mrservicetd or b"",
    )


def pinned_policy(claims: Claims) -> AttestationPolicy:
    """Demands that this evidence meets as far as workload and report data go, and no other does.

    Debug, patch levels, age and roots stay at their strict defaults.
    """
    sizes = register_bytes(claims.kind)
    values = {
        name: value
        for name, value in claims.measurements.items()
        if name in sizes and name not in _NOT_THE_WORKLOAD and _is_worth_pinning(name, value)
    }
    if claims.kind == "sgx":
        values = {"mrenclave": values["mrenclave"]}
    strict = AttestationPolicy()
    return AttestationPolicy(
        references=(Reference(kind=claims.kind, values=MappingProxyType(values)),),
        td_attributes=frozenset((claims.td_attributes,))
        if claims.td_attributes
        else strict.td_attributes,
        xfams=frozenset((claims.xfam,)) if claims.xfam else strict.xfams,
        service_tds=frozenset((claims.service_td,)) if any(claims.service_td) else frozenset(),
        report_data=claims.report_data,
    )


def _is_worth_pinning(name: str, value: bytes) -> bool:
    """Registers that nobody extended or that a host left empty say nothing; code always does."""
    return any(value) or not (name in _SET_BY_HOST or name in _EXTENDED_LATE)
