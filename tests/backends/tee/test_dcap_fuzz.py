"""Altered Intel evidence ends in findings: no other exception, within a second."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from verifiable.backends.tee.checks import VENDOR_CHECKS
from verifiable.backends.tee.dcap import verify_dcap
from verifiable.backends.tee.evidence import Evidence
from verifiable.testing.tee_intel_cases import intel_case, intel_fields, sgx_quote, td_quote

CASES = {
    "tdx": intel_case(quote=td_quote(version=5, mrservicetd=bytes(48))),
    "sgx": intel_case(kind="sgx", quote=sgx_quote()),
}
FIELDS = {kind: intel_fields(kind=kind) for kind in CASES}
REPORTS = {
    kind: verify_dcap(
        case.evidence, case.policy, allow_builtin_simulator=False, now=case.now
    ).report
    for kind, case in CASES.items()
}

edits = st.lists(
    st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=4), st.booleans()),
    min_size=1,
    max_size=3,
)


def edited(data: bytes, changes: list[tuple[float, bytes, bool]]) -> bytes:
    """Overwrite, or insert, a few bytes somewhere."""
    for place, value, insert in changes:
        offset = int(place * len(data))
        data = data[:offset] + value + data[offset if insert else offset + len(value) :]
    return data


def judge(kind: str, evidence: Evidence) -> None:
    case = CASES[kind]
    findings = verify_dcap(evidence, case.policy, allow_builtin_simulator=False, now=case.now)
    assert list(findings.checks) == [spec.id for spec in VENDOR_CHECKS]
    if all(check.ok for check in findings.checks.values()):
        assert findings.report == REPORTS[kind]


def test_the_honest_evidence_is_accepted() -> None:
    assert all(report is not None for report in REPORTS.values())


@settings(max_examples=250, deadline=1000)
@given(kind=st.sampled_from(sorted(CASES)), changes=edits)
def test_altered_quotes(kind: str, changes: list[tuple[float, bytes, bool]]) -> None:
    evidence = CASES[kind].evidence
    judge(kind, replace(evidence, document=edited(evidence.document, changes)))


@settings(max_examples=250, deadline=1000)
@given(kind=st.sampled_from(sorted(CASES)), changes=edits)
def test_altered_collateral_files(kind: str, changes: list[tuple[float, bytes, bool]]) -> None:
    evidence = CASES[kind].evidence
    judge(kind, replace(evidence, collateral=edited(evidence.collateral, changes)))


@settings(max_examples=400, deadline=1000)
@given(
    kind=st.sampled_from(sorted(CASES)),
    key=st.sampled_from(sorted(FIELDS["tdx"])),
    changes=edits,
)
def test_altered_parts_of_collateral(
    kind: str, key: str, changes: list[tuple[float, bytes, bool]]
) -> None:
    fields = dict(FIELDS[kind])
    if key.endswith(("_crl", "_signature")):
        fields[key] = edited(bytes.fromhex(fields[key]), changes).hex()
    else:
        fields[key] = edited(fields[key].encode(), changes).decode("latin-1")
    evidence = replace(CASES[kind].evidence, collateral=json.dumps(fields).encode())
    judge(kind, evidence)


@settings(max_examples=100, deadline=1000)
@given(
    kind=st.sampled_from(sorted(CASES)),
    document=st.binary(max_size=2000),
    collateral=st.binary(max_size=200),
)
def test_arbitrary_bytes(kind: str, document: bytes, collateral: bytes) -> None:
    judge(kind, replace(CASES[kind].evidence, document=document, collateral=collateral))
