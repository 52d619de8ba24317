"""The tee payload and key: one canonical form, every member bound to its place."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiable.backends.tee.binding import statement_report_data
from verifiable.backends.tee.event_log import decode_log, program_register
from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.format import PAYLOAD_FORMAT, Payload
from verifiable.backends.tee.keys import (
    MAX_WORKLOADS,
    TeeKey,
    key_under,
    simulator_key,
    workload_of,
)
from verifiable.backends.tee.roots import BUILTIN_SIMULATED_ROOTS, VENDOR_ROOTS
from verifiable.backends.tee.simulator import builtin
from verifiable.errors import MalformedFile, MalformedProof
from verifiable.statement.attestation import AttestationPolicy, KeyRegistry, Reference
from verifiable.statement.hashing import ProgramRoot, TensorRoot, keccak
from verifiable.statement.policy import Policy
from verifiable.statement.statement import Statement

AT = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
STATEMENT_PAYLOAD = Payload(
    mode="statement",
    evidence=Evidence(kind="tdx", document=b"quote", collateral=b"{}", chain=(), event_log=b"[]"),
    nonce=bytes(range(32)),
    at=AT,
)
SIGNED_PAYLOAD = replace(STATEMENT_PAYLOAD, key=b"\x01" * 64, signature=b"\x02" * 65)
KEY_PAYLOAD = Payload(
    mode="key",
    evidence=Evidence(kind="snp", document=b"report", chain=(b"leaf", b"ask", b"ark")),
    key=b"\x01" * 64,
    signature=b"\x02" * 65,
    challenge=bytes(32),
    at=AT,
)
ROOT = b"\x11" * 32


@pytest.mark.parametrize("payload", [STATEMENT_PAYLOAD, SIGNED_PAYLOAD, KEY_PAYLOAD])
def test_a_payload_is_read_back(payload: Payload) -> None:
    data = payload.encode()
    assert Payload.decode(data) == payload
    assert json.loads(data)["format"] == PAYLOAD_FORMAT


def test_times_are_written_in_one_way() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5)))
    assert replace(STATEMENT_PAYLOAD, at=elsewhere).encode() == STATEMENT_PAYLOAD.encode()
    assert json.loads(STATEMENT_PAYLOAD.encode())["at"] == "2026-03-01T12:00:05Z"


def changed(payload: Payload, members: dict[str, Any]) -> bytes:
    document = json.loads(payload.encode())
    document.update(members)
    document = {name: value for name, value in document.items() if value != "left out"}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


@pytest.mark.parametrize(
    ("payload", "members", "code"),
    [
        (
            STATEMENT_PAYLOAD,
            {"format": "application/vnd.verifiable.proof.v1+json"},
            "unknown-format",
        ),
        (STATEMENT_PAYLOAD, {"more": 1}, "unknown-key"),
        (STATEMENT_PAYLOAD, {"nonce": "left out"}, "missing-key"),
        (STATEMENT_PAYLOAD, {"mode": "both"}, "out-of-bounds"),
        (STATEMENT_PAYLOAD, {"kind": "mock"}, "out-of-bounds"),
        (STATEMENT_PAYLOAD, {"document": "%"}, "not-base64"),
        (STATEMENT_PAYLOAD, {"document": "cXVvdGV="}, "not-base64"),
        (STATEMENT_PAYLOAD, {"document": "A" * 4 * 8192}, "too-large"),
        (STATEMENT_PAYLOAD, {"collateral": None}, "wrong-type"),
        (STATEMENT_PAYLOAD, {"chain": ["AAAA"] * 9}, "too-many"),
        (STATEMENT_PAYLOAD, {"event_log": 0}, "wrong-type"),
        (STATEMENT_PAYLOAD, {"nonce": "0x" + "00" * 513}, "too-large"),
        (STATEMENT_PAYLOAD, {"nonce": "0xAA"}, "not-hex"),
        (STATEMENT_PAYLOAD, {"key": "0x" + "00" * 63}, "out-of-bounds"),
        (STATEMENT_PAYLOAD, {"key": "0x" + "00" * 64}, "wrong-mode"),
        (STATEMENT_PAYLOAD, {"signature": "0x" + "00" * 65}, "wrong-mode"),
        (STATEMENT_PAYLOAD, {"challenge": "0x" + "00" * 32}, "wrong-mode"),
        (STATEMENT_PAYLOAD, {"mode": "key"}, "wrong-mode"),
        (SIGNED_PAYLOAD, {"signature": "0x" + "00" * 64}, "out-of-bounds"),
        (KEY_PAYLOAD, {"mode": "statement"}, "wrong-mode"),
        (KEY_PAYLOAD, {"challenge": "0x"}, "wrong-mode"),
        (KEY_PAYLOAD, {"nonce": "0x00"}, "wrong-mode"),
        (KEY_PAYLOAD, {"key": "0x", "signature": "0x"}, "wrong-mode"),
        (KEY_PAYLOAD, {"at": "2026-03-01T12:00:05"}, "bad-time"),
        (KEY_PAYLOAD, {"at": "2026-02-30T12:00:05Z"}, "bad-time"),
        (KEY_PAYLOAD, {"at": "2026-03-01T24:00:00Z"}, "bad-time"),
    ],
)
def test_damaged_payloads_are_refused(payload: Payload, members: dict[str, Any], code: str) -> None:
    with pytest.raises(MalformedProof) as caught:
        Payload.decode(changed(payload, members))
    assert caught.value.code == code


def test_another_text_of_the_same_document_is_refused() -> None:
    data = KEY_PAYLOAD.encode()
    for other in (data[:-1], data + b"\n", data.replace(b":", b": ", 1)):
        with pytest.raises(MalformedProof) as caught:
            Payload.decode(other)
        assert caught.value.code == "payload-not-canonical"


# keys


def test_the_simulators_key_is_the_policys_that_allows_it() -> None:
    allowed = Policy(allow_insecure=frozenset(("simulated_tee",)))
    key = simulator_key(ROOT)
    assert key_under(ROOT, allowed) == key
    assert {item.kind for item in key.workloads} == {"tdx", "nitro", "snp"}
    assert set(key.roots) == set(BUILTIN_SIMULATED_ROOTS.values())
    assert key_under(ROOT, Policy()) is None


def test_a_key_is_of_one_program() -> None:
    assert simulator_key(ROOT).digest != simulator_key(b"\x12" * 32).digest


def test_a_policys_key_holds_its_workloads_under_the_vendors_roots() -> None:
    reference = builtin.reference("tdx", ROOT)
    own = b"\x07" * 32
    demands = AttestationPolicy(references=(reference,), simulated_roots=frozenset((own,)))
    key = key_under(ROOT, Policy(attestation=demands))
    assert key is not None
    assert set(key.roots) == {own, *VENDOR_ROOTS["tdx"]}
    assert key.workloads == (workload_of(reference),)


def test_a_reference_that_names_no_code_gives_no_key() -> None:
    bare = Reference(kind="tdx", values={"rtmr3": bytes(48)})
    assert key_under(ROOT, Policy(attestation=AttestationPolicy(references=(bare,)))) is None


def test_a_tdx_workload_has_the_name_that_the_contract_gives_it() -> None:
    values = builtin.reference("tdx", ROOT).values
    ordered = b"".join(values[name] for name in ("mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3"))
    assert workload_of(builtin.reference("tdx", ROOT)).digest == keccak(ordered)
    assert len(ordered) == 240


def key_of(*svns: int | None) -> TeeKey:
    references = [
        Reference(
            kind="sgx",
            values={"mrsigner": b"\x01" * 32, "isv_prod_id": b"\x00\x01"}
            if svn is not None
            else {"mrenclave": b"\x02" * 32},
            minimum_svn=svn,
        )
        for svn in svns
    ]
    return TeeKey.of(references, [b"\x03" * 32, b"\x02" * 32])


REGISTRY = KeyRegistry(
    chain_id=31337, address=bytes(range(20)), code_hash=b"\x0d" * 32, hardware_only=True
)


def on_chain(key: TeeKey, **changes: Any) -> TeeKey:
    return replace(key, registry=replace(REGISTRY, **changes))


@pytest.mark.parametrize(
    "key",
    [
        simulator_key(ROOT),
        key_of(None),
        key_of(None, 0, 65535),
        on_chain(key_of(None)),
        on_chain(simulator_key(ROOT), hardware_only=False),
    ],
)
def test_a_key_is_read_back(key: TeeKey) -> None:
    held = key.to_key()
    assert TeeKey.from_fields(held.fields) == key
    assert TeeKey.from_fields(held.fields).digest == held.digest


def test_order_and_repetition_do_not_change_a_key() -> None:
    assert key_of(None, 3, None, 3) == key_of(3, None)
    assert TeeKey.of([], [ROOT, ROOT]).roots == (ROOT,)


def test_every_part_is_in_the_digest() -> None:
    key = key_of(None, 3)
    others = [
        replace(key, version="1.0.1"),
        replace(key, roots=key.roots[:1]),
        replace(key, workloads=key.workloads[:1]),
        key_of(None, 4),
        replace(key, workloads=(replace(key.workloads[0], digest=bytes(32)), key.workloads[1])),
    ]
    assert len({item.digest for item in (key, *others)}) == len(others) + 1


def test_every_part_of_a_registry_is_in_the_digest() -> None:
    key = key_of(None, 3)
    keys = [
        key,
        on_chain(key),
        on_chain(key_of(None, 4)),
        on_chain(key, chain_id=1),
        on_chain(key, address=bytes(20)),
        on_chain(key, code_hash=bytes(32)),
        on_chain(key, hardware_only=False),
    ]
    assert len({item.digest for item in keys}) == len(keys)
    assert on_chain(key).base_digest == key.base_digest == key.digest


def test_a_registry_is_hashed_as_the_door_does() -> None:
    key = on_chain(key_of(None, 3))
    packed = b"verifiable/tee-key-on-chain/v1\0" + key.base_digest + (31337).to_bytes(32, "big")
    packed += bytes(range(20)) + b"\x0d" * 32
    assert key.digest == keccak(packed + b"\x01")
    assert on_chain(key, hardware_only=False).digest == keccak(packed + b"\x00")


def test_a_policy_that_names_a_registry_gives_the_key_on_chain() -> None:
    plain = Policy(allow_insecure=frozenset(("simulated_tee",)))
    named = replace(plain, attestation=AttestationPolicy(registry=REGISTRY))
    assert key_under(ROOT, named) == on_chain(simulator_key(ROOT))
    assert key_under(ROOT, replace(named, allow_insecure=frozenset())) is None


def test_too_many_workloads_are_refused() -> None:
    with pytest.raises(MalformedFile) as caught:
        key_of(*range(MAX_WORKLOADS + 1))
    assert caught.value.code == "too-many"
    assert len(key_of(*range(MAX_WORKLOADS)).to_key().fields["workloads"].encode()) <= 4096


GOOD = key_of(None, 3).to_key().fields
FIRST, SECOND = GOOD["workloads"].split(",")
RAW = simulator_key(ROOT).to_key().fields["workloads"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        GOOD | {"more": "1"},
        GOOD | {"version": "1"},
        GOOD | {"roots": ""},
        GOOD | {"roots": "0x" + "00" * 32},
        GOOD | {"roots": ",".join(reversed(GOOD["roots"].split(",")))},
        GOOD | {"workloads": ""},
        GOOD | {"workloads": f"{SECOND},{FIRST}"},
        GOOD | {"workloads": f"{FIRST},{FIRST}"},
        GOOD | {"workloads": FIRST.replace("mrenclave", "mrtd")},
        GOOD | {"workloads": FIRST.replace("mrenclave", "isv_prod_id")},
        GOOD | {"workloads": SECOND.replace(">=3", "")},
        GOOD | {"workloads": SECOND.replace(">=3", ">=03")},
        GOOD | {"workloads": RAW.replace("rtmr0+rtmr1", "rtmr1+rtmr0")},
        GOOD | {"workloads": RAW.replace("+rtmr2", "")},
        GOOD | {"workloads": RAW.upper()},
        GOOD | {"workloads": FIRST + "\n"},
        GOOD | {"registry": ""},
        GOOD | {"registry": REGISTRY.text + "\n"},
        GOOD | {"registry": REGISTRY.text.upper()},
        GOOD | {"registry": REGISTRY.text, "more": "1"},
        {"registry": REGISTRY.text},
    ],
)
def test_damaged_keys_are_refused(fields: dict[str, str]) -> None:
    assert TeeKey.from_fields(GOOD) == key_of(None, 3)
    with pytest.raises(MalformedFile) as caught:
        TeeKey.from_fields(fields)
    assert caught.value.code == "malformed-key"


PAGE = Path(__file__).parents[3] / "docs" / "formats" / "tee-payload.md"


def test_the_page_says_what_the_code_does() -> None:
    page = PAGE.read_text()
    for name in json.loads(KEY_PAYLOAD.encode()):
        assert f"\n| `{name}` | " in page
    for name in on_chain(key_of(None)).to_key().fields:
        assert f"\n| `{name}` | " in page
    (example,) = re.findall(r"^```json\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (event,) = decode_log(example.encode())
    assert program_register(event.payload).hex() in page
    statement = Statement(
        program_root=ProgramRoot(b"\x11" * 32),
        input_root=TensorRoot(b"\x22" * 32),
        output_root=TensorRoot(b"\x33" * 32),
    )
    for key in (b"", bytes(range(64))):
        assert statement_report_data(statement, bytes(range(32)), key).hex() in page


@given(
    st.sampled_from((STATEMENT_PAYLOAD.encode(), SIGNED_PAYLOAD.encode(), KEY_PAYLOAD.encode())),
    st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(max_size=4)), min_size=1, max_size=4),
)
@settings(deadline=1000, max_examples=300)
def test_any_damage_is_refused_by_our_own_error(
    honest: bytes, changes: list[tuple[int, bytes]]
) -> None:
    data = honest
    for at, new in changes:
        start = at % len(honest)
        data = data[:start] + new + data[start + len(new) // 2 :]
    with suppress(MalformedProof):
        assert Payload.decode(data).encode() == data


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
@settings(deadline=1000, max_examples=200)
def test_arbitrary_bytes_are_no_log(data: bytes) -> None:
    with pytest.raises(MalformedProof):
        decode_log(data)


@given(st.dictionaries(st.sampled_from((*sorted(GOOD), "registry")), st.text(max_size=90)))
@settings(deadline=1000, max_examples=200)
def test_arbitrary_texts_are_no_key(changes: dict[str, str]) -> None:
    fields = {**GOOD, **changes}
    with suppress(MalformedFile):
        assert dict(TeeKey.from_fields(fields).to_key().fields) == fields
