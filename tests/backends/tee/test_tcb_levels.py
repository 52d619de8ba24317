"""Which patch level a platform is at: by Intel's rule, whatever order the text has."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice, permutations

import pytest

from verifiable.backends.tee.simulator.collateral_issuer import compact, tcb_info
from verifiable.backends.tee.tcb import (
    STATUSES,
    Level,
    NoLevel,
    QeIdentity,
    TcbInfo,
    enclave_tcb,
    merge,
    platform_tcb,
)
from verifiable.errors import MalformedProof
from verifiable.testing.tee_intel_cases import intel_authority, intel_fields

DATE = datetime(2024, 3, 13, tzinfo=UTC)
PCK = intel_authority().platform
SVN = bytes((5, 0, 3, *[0] * 13))  # of a module of version 0: all sixteen are compared


def level(status: str = "UpToDate", *advisories: str, isvsvn: int = 0) -> Level:
    return Level(isvsvn=isvsvn, date=DATE, status=status, advisories=advisories)


def asked(
    status: str, sgx: tuple[int, ...] = (), tdx: tuple[int, ...] = (), pcesvn: int = 0
) -> Level:
    fill = (*sgx, *[0] * (16 - len(sgx)))
    return Level(
        sgx=fill,
        tdx=(*tdx, *[0] * (16 - len(tdx))),
        names=("", "microcode", *[""] * 30),
        pcesvn=pcesvn,
        date=DATE,
        status=status,
        advisories=(),
    )


def machine(*svns: int, pcesvn: int = 13):
    cpusvn = bytes((*svns, *[0] * (16 - len(svns))))
    return replace(PCK, cpusvn=cpusvn, components=tuple(cpusvn), pcesvn=pcesvn)


def test_a_level_is_reached_with_every_number() -> None:
    levels = (asked("UpToDate", (2, 2), (5, 0, 3), 13), asked("OutOfDate", (1, 1), (5,), 5))
    found = [
        platform_tcb(levels, machine(2, 2), SVN),
        platform_tcb(levels, machine(2, 1), SVN),
        platform_tcb(levels, machine(9, 9, pcesvn=12), SVN),
        platform_tcb(levels, machine(9, 9), bytes((5, 0, 2, *[0] * 13))),
    ]
    assert [item.status for item in found] == ["UpToDate", "OutOfDate", "OutOfDate", "OutOfDate"]


def test_bytes_0_and_1_of_a_later_module_are_not_compared() -> None:
    levels = (asked("UpToDate", tdx=(9, 9, 3)),)
    assert isinstance(platform_tcb(levels, PCK, bytes((5, 0, 3, *[0] * 13))), NoLevel)
    assert platform_tcb(levels, PCK, bytes((5, 1, 3, *[0] * 13))) == levels[0]
    assert isinstance(platform_tcb(levels, PCK, bytes((5, 1, 2, *[0] * 13))), NoLevel)


def test_what_is_too_old_is_named() -> None:
    levels = (asked("UpToDate", (3, 7)), asked("OutOfDate", (2, 5)))
    found = platform_tcb(levels, machine(9, 4), None)
    assert str(found) == "CPUSVN component 2 (microcode) is 4, every level asks for 5"
    nearest = platform_tcb(
        (asked("UpToDate", (9,)), asked("OutOfDate", (0, 5))), machine(8, 4), None
    )
    assert str(nearest) == "CPUSVN component 1 is 8, the nearest level asks for 9"
    pce = platform_tcb((asked("UpToDate", pcesvn=14),), machine(1), None)
    assert str(pce) == "PCESVN is 13, every level asks for 14"
    module = platform_tcb((asked("UpToDate", tdx=(0, 0, 4)),), machine(1), SVN)
    assert str(module) == "TEE_TCB_SVN component 3 is 3, every level asks for 4"
    assert isinstance(platform_tcb((), PCK, None), NoLevel)


def test_the_order_of_the_text_does_not_count() -> None:
    text = tcb_info(intel_authority(), "tdx")
    assert len(text["tcbLevels"]) > 1
    found = {
        TcbInfo.parse(compact(text | {"tcbLevels": list(order)}).encode()).signed.levels
        for order in islice(permutations(reversed(text["tcbLevels"])), 24)
    }
    assert len(found) == 1
    assert found.pop()[0].status == "UpToDate"


def test_the_highest_level_at_or_below_an_isvsvn() -> None:
    levels = (level("UpToDate", isvsvn=8), level("OutOfDate", isvsvn=5))
    statuses = [enclave_tcb(levels, svn) for svn in (9, 8, 7, 5, 4)]
    assert [item and item.status for item in statuses] == [
        "UpToDate", "UpToDate", "OutOfDate", "OutOfDate", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("platform", "part", "merged"),
    [
        ("UpToDate", "UpToDate", "UpToDate"),
        ("UpToDate", "OutOfDate", "OutOfDate"),
        ("SWHardeningNeeded", "OutOfDate", "OutOfDate"),
        ("ConfigurationNeeded", "OutOfDate", "OutOfDateConfigurationNeeded"),
        ("ConfigurationAndSWHardeningNeeded", "OutOfDate", "OutOfDateConfigurationNeeded"),
        ("OutOfDateConfigurationNeeded", "OutOfDate", "OutOfDateConfigurationNeeded"),
        ("OutOfDate", "UpToDate", "OutOfDate"),
        *[(status, "Revoked", "Revoked") for status in STATUSES],
        *[("Revoked", status, "Revoked") for status in STATUSES],
        ("UpToDate", "Splendid", "Splendid"),
        ("Revoked", "Splendid", "Splendid"),
    ],
)
def test_states_are_merged_by_intels_rule(platform: str, part: str, merged: str) -> None:
    assert merge(level(platform), [level(), level(part)])[0] == merged
    assert merge(level(platform), [level(part), level()])[0] == merged


def test_advisories_are_united() -> None:
    parts = [level("UpToDate", "B", "A"), level("OutOfDate", "C")]
    assert merge(level("UpToDate", "A"), parts)[1] == ("A", "B", "C")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": 2}, "unsupported-evidence"),
        ({"id": "QE"}, "unsupported-evidence"),
        ({"tcbType": 1}, "out-of-bounds"),
        ({"fmspc": "B0C06F0000"}, "not-hex"),
        ({"issueDate": "2025-06-19T10:16:03"}, "evidence-malformed"),
        ({"issueDate": "2025-13-19T10:16:03Z"}, "evidence-malformed"),
        ({"issueDate": "0001-01-01T00:00:00+14:00"}, "evidence-malformed"),
        ({"tdxModule": None}, "wrong-type"),
    ],
)
def test_a_text_of_another_form_is_refused(changes: dict[str, object], code: str) -> None:
    text = json.loads(intel_fields()["tcb_info"])
    with pytest.raises(MalformedProof) as caught:
        TcbInfo.parse(json.dumps(text | changes).encode())
    assert caught.value.code == code


def test_components_are_sixteen() -> None:
    text = json.loads(intel_fields()["tcb_info"])
    del text["tcbLevels"][0]["tcb"]["sgxtcbcomponents"][8:]
    with pytest.raises(MalformedProof, match="16 components"):
        TcbInfo.parse(json.dumps(text).encode())


@pytest.mark.parametrize("component", [{"svn": 256}, {"svn": -1}, {"svn": True}, {}, 5, None])
def test_a_component_has_a_number(component: object) -> None:
    text = json.loads(intel_fields()["tcb_info"])
    text["tcbLevels"][0]["tcb"]["sgxtcbcomponents"][3] = component
    with pytest.raises(MalformedProof, match="0 to 255"):
        TcbInfo.parse(json.dumps(text).encode())


@pytest.mark.parametrize("place", ["tcb", "tcbDate", "tcbStatus"])
def test_a_level_is_whole(place: str) -> None:
    text = json.loads(intel_fields()["qe_identity"])
    del text["tcbLevels"][0][place]
    with pytest.raises(MalformedProof) as caught:
        QeIdentity.parse(json.dumps(text).encode())
    assert caught.value.code == "missing-key"
    text["tcbLevels"][0] = "a level"
    with pytest.raises(MalformedProof) as caught:
        QeIdentity.parse(json.dumps(text).encode())
    assert caught.value.code == "wrong-type"


def test_a_module_is_described_once() -> None:
    text = json.loads(intel_fields()["tcb_info"])
    text["tdxModuleIdentities"] *= 2
    with pytest.raises(MalformedProof, match="twice"):
        TcbInfo.parse(json.dumps(text).encode())


def test_an_identity_is_read() -> None:
    identity = QeIdentity.parse(intel_fields()["qe_identity"].encode())
    assert identity.signed.id == "TD_QE"
    assert identity.isv_prod_id == 2
    assert identity.signed.levels
