"""The policy's demands on attestations: strict defaults, strict reading, in memory as in files."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from verifiable.errors import MalformedFile
from verifiable.statement.attestation import AttestationPolicy, KeyRegistry, Reference
from verifiable.statement.attestation_json import (
    ATTESTATION_KINDS,
    attestation_to_json,
    register_bytes,
)
from verifiable.statement.policy import POLICY_FORMAT, Policy

REGISTRY = KeyRegistry(
    chain_id=31337, address=b"\x0c" * 20, code_hash=b"\x0d" * 32, hardware_only=True
)

FULL = AttestationPolicy(
    references=(
        Reference(
            kind="tdx", values={name: bytes(range(48)) for name in ("mrtd", "rtmr0", "mrseam")}
        ),
        Reference(
            kind="sgx",
            values={"mrsigner": b"\x01" * 32, "isv_prod_id": b"\x00\x02"},
            minimum_svn=3,
        ),
        Reference(kind="snp", values={"measurement": b"\x02" * 48, "host_data": b"\x03" * 32}),
        Reference(kind="nitro", values={"pcr0": b"\x04" * 48, "pcr31": b"\x05" * 48}),
    ),
    simulated_roots=frozenset((b"\x06" * 32, b"\x07" * 32)),
    tcb_statuses=frozenset(("UpToDate", "OutOfDate")),
    denied_advisories=frozenset(("INTEL-SA-00960",)),
    minimum_tcb_evaluation=17,
    grace_s=86400,
    platform_flags=frozenset(("smt",)),
    td_attributes=frozenset((bytes(8),)),
    xfams=frozenset((b"\x01" * 8,)),
    service_tds=frozenset((b"\x08" * 48,)),
    insecure_allow_debug=True,
    platforms=frozenset((b"a", b"\x09" * 16)),
    nonce=b"\x0a" * 32,
    require_nonce=True,
    maximum_age_s=60,
    report_data=b"\x0b" * 64,
    gpu=True,
    registry=REGISTRY,
)


def read(**members: Any) -> AttestationPolicy | None:
    data = json.dumps({"format": POLICY_FORMAT, "attestation": members}).encode()
    return Policy.decode(data).attestation


def test_left_out_members_have_strict_defaults() -> None:
    assert read() == AttestationPolicy()
    policy = AttestationPolicy()
    assert policy.references == ()
    assert policy.simulated_roots == frozenset()
    assert policy.tcb_statuses == {"UpToDate"}
    assert policy.maximum_age_s == 300
    assert not policy.insecure_allow_debug


def test_a_policy_without_demands_is_unchanged() -> None:
    data = json.dumps({"format": POLICY_FORMAT}).encode()
    assert Policy.decode(data).attestation is None
    assert "tee" not in Policy().backends


@pytest.mark.parametrize("demands", [AttestationPolicy(), FULL, replace(FULL, platforms=None)])
def test_demands_are_read_back(demands: AttestationPolicy) -> None:
    policy = Policy(attestation=demands)
    data = policy.encode()
    assert Policy.decode(data) == policy
    assert Policy.decode(data).encode() == data


def test_every_member_is_written() -> None:
    names = {item.name for item in fields(AttestationPolicy)}
    assert set(attestation_to_json(FULL)) == names
    default = attestation_to_json(AttestationPolicy())
    assert {name for name in names if attestation_to_json(FULL)[name] == default[name]} == set()


REFERENCE = {"kind": "tdx", "values": {"mrtd": "0x" + "00" * 48}}


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"allow_anything": True}, "unknown-key"),
        ({"references": None}, "wrong-type"),
        ({"references": [{"kind": "tdx"}]}, "missing-key"),
        ({"references": [REFERENCE | {"kind": "sev"}]}, "out-of-bounds"),
        ({"references": [REFERENCE | {"values": {"mrtd": "0x00"}}]}, "bad-reference"),
        ({"references": [REFERENCE | {"values": {"pcr0": "0x" + "00" * 48}}]}, "bad-reference"),
        ({"references": [REFERENCE | {"values": {"mrtd": "00" * 48}}]}, "not-hex"),
        ({"references": [REFERENCE | {"values": {"mrtd": None}}]}, "wrong-type"),
        ({"references": [REFERENCE | {"minimum_svn": 1}]}, "bad-reference"),
        ({"references": [REFERENCE | {"minimum_svn": 1 << 16}]}, "out-of-bounds"),
        ({"references": [REFERENCE | {"any": True}]}, "unknown-key"),
        ({"simulated_roots": ["0x" + "00" * 31]}, "out-of-bounds"),
        ({"simulated_roots": ["0x" + "00" * 33]}, "too-large"),
        ({"tcb_statuses": ["Revoked"]}, "out-of-bounds"),
        ({"tcb_statuses": ["uptodate"]}, "out-of-bounds"),
        ({"denied_advisories": ["a b"]}, "out-of-bounds"),
        ({"minimum_tcb_evaluation": -1}, "out-of-bounds"),
        ({"grace_s": "1"}, "wrong-type"),
        ({"platform_flags": ["SMT"]}, "out-of-bounds"),
        ({"td_attributes": ["0x00"]}, "out-of-bounds"),
        ({"xfams": "0x"}, "wrong-type"),
        ({"service_tds": ["0x" + "00" * 49]}, "too-large"),
        ({"insecure_allow_debug": 1}, "wrong-type"),
        ({"platforms": ["0x"]}, "out-of-bounds"),
        ({"nonce": "0x"}, "out-of-bounds"),
        ({"nonce": "0x" + "00" * 513}, "too-large"),
        ({"require_nonce": None}, "wrong-type"),
        ({"maximum_age_s": 1.5}, "number-not-canonical"),
        ({"maximum_age_s": None}, "wrong-type"),
        ({"report_data": "0x" + "00" * 513}, "too-large"),
        ({"gpu": "no"}, "wrong-type"),
        ({"registry": {}}, "wrong-type"),
        ({"registry": REGISTRY.text + ":"}, "out-of-bounds"),
        ({"registry": "0" + REGISTRY.text}, "out-of-bounds"),
        ({"registry": REGISTRY.text.replace("0c", "0C")}, "out-of-bounds"),
        ({"registry": REGISTRY.text.replace("hardware", "any")}, "out-of-bounds"),
        ({"registry": REGISTRY.text.replace("31337", str(1 << 63))}, "out-of-bounds"),
        ({"registry": REGISTRY.text + "\n"}, "out-of-bounds"),
        ({"registry": REGISTRY.text * 2}, "out-of-bounds"),
    ],
)
def test_bad_demands_are_refused(members: dict[str, Any], code: str) -> None:
    with pytest.raises(MalformedFile) as caught:
        read(**members)
    assert caught.value.code == code
    assert "policy.attestation" in caught.value.where or code == "number-not-canonical"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"references": (Reference(kind="sev", values={}),)}, "bad-reference"),
        ({"references": (Reference(kind="tdx", values={"mrtd": b""}),)}, "bad-reference"),
        ({"references": (Reference(kind="tdx", values={"pcr0": bytes(48)}),)}, "bad-reference"),
        ({"references": (Reference(kind="tdx", values={}, minimum_svn=1),)}, "bad-reference"),
        ({"references": ("tdx",)}, "bad-reference"),
        ({"references": [Reference(kind="tdx", values={})]}, "bad-attestation-policy"),
        ({"simulated_roots": frozenset((b"short",))}, "bad-attestation-policy"),
        ({"simulated_roots": [bytes(32)]}, "bad-attestation-policy"),
        ({"simulated_roots": (bytes(32),)}, "bad-attestation-policy"),
        ({"td_attributes": (bytes(8),)}, "bad-attestation-policy"),
        ({"tcb_statuses": frozenset(("Revoked",))}, "bad-attestation-policy"),
        ({"tcb_statuses": "UpToDate"}, "bad-attestation-policy"),
        ({"denied_advisories": frozenset(("a b",))}, "bad-attestation-policy"),
        ({"denied_advisories": frozenset((1,))}, "bad-attestation-policy"),
        ({"minimum_tcb_evaluation": True}, "bad-attestation-policy"),
        ({"grace_s": -1}, "bad-attestation-policy"),
        ({"platform_flags": frozenset(("fast",))}, "bad-attestation-policy"),
        ({"td_attributes": frozenset((bytes(9),))}, "bad-attestation-policy"),
        ({"xfams": frozenset(("0x",))}, "bad-attestation-policy"),
        ({"service_tds": frozenset((bytes(47),))}, "bad-attestation-policy"),
        ({"insecure_allow_debug": 1}, "bad-attestation-policy"),
        ({"platforms": frozenset((b"",))}, "bad-attestation-policy"),
        ({"platforms": (b"a",)}, "bad-attestation-policy"),
        ({"nonce": b""}, "bad-attestation-policy"),
        ({"nonce": "00"}, "bad-attestation-policy"),
        ({"require_nonce": None}, "bad-attestation-policy"),
        ({"maximum_age_s": 1.5}, "bad-attestation-policy"),
        ({"report_data": bytes(513)}, "bad-attestation-policy"),
        ({"gpu": 0}, "bad-attestation-policy"),
        ({"registry": REGISTRY.text}, "bad-attestation-policy"),
        ({"registry": replace(REGISTRY, address=b"")}, "bad-attestation-policy"),
        ({"registry": replace(REGISTRY, chain_id=0)}, "bad-attestation-policy"),
    ],
)
def test_demands_in_memory_are_checked_too(members: dict[str, Any], code: str) -> None:
    with pytest.raises(MalformedFile) as caught:
        Policy(attestation=AttestationPolicy(**members))
    assert caught.value.code == code


@pytest.mark.parametrize("hardware_only", [True, False])
@pytest.mark.parametrize("chain_id", [1, (1 << 63) - 1])
def test_a_registry_is_read_back(chain_id: int, hardware_only: bool) -> None:
    registry = replace(REGISTRY, chain_id=chain_id, hardware_only=hardware_only)
    assert KeyRegistry.of_text(registry.text) == registry


def test_demands_of_another_type_are_refused() -> None:
    with pytest.raises(MalformedFile) as caught:
        Policy(attestation={})
    assert caught.value.code == "wrong-type"


@pytest.mark.parametrize("kind", ATTESTATION_KINDS)
def test_every_register_can_be_pinned(kind: Any) -> None:
    sizes = register_bytes(kind)
    reference = Reference(kind=kind, values={name: bytes(size) for name, size in sizes.items()})
    policy = Policy(attestation=AttestationPolicy(references=(reference,)))
    assert Policy.decode(policy.encode()) == policy


PAGE = Path(__file__).parents[2] / "docs" / "formats" / "attestation-policy.md"


def test_the_examples_are_policies() -> None:
    examples = re.findall(r"^```json\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    hardware, simulated = [Policy.decode(example.encode()) for example in examples]
    assert hardware.assurance == "hardware"
    assert hardware.attestation is not None
    assert hardware.attestation.require_nonce
    assert len(hardware.attestation.platforms or ()) == 2
    assert simulated.allow_insecure == {"simulated_tee"}


def test_the_page_lists_every_member_and_register() -> None:
    page = PAGE.read_text()
    for name in attestation_to_json(AttestationPolicy()):
        assert f"\n| `{name}` | " in page
    for kind in ATTESTATION_KINDS:
        for name in register_bytes(kind):
            assert f"`{name}`" in page or re.fullmatch(r"(rtmr|pcr)[0-9]+", name)
