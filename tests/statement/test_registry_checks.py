"""One lie per check of a record on chain, beside the honest record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from statement_samples import (
    TOY_KEY,
    TOY_POLICY,
    dense_case,
    dense_program,
    lock_of,
    pair_case,
)

from verifiable.backends.base import Key
from verifiable.errors import InvalidInput, MalformedFile, Undecided, VerificationError
from verifiable.statement.commitment import commit_program
from verifiable.statement.hashing import keccak
from verifiable.statement.policy import Policy
from verifiable.statement.registry import REGISTRY_CHECKS
from verifiable.statement.verdict import Check, Verdict
from verifiable.statement.view import (
    DEVELOPMENT_CHAIN_ID,
    AssertionView,
    BlockRef,
    ChainView,
    RecordView,
    RegistryPin,
    RegistryView,
    backend_selector,
)
from verifiable.verification import evaluate, examine, verify

pytestmark = pytest.mark.usefixtures("toy")

REGISTRANT, SQUATTER = b"\x11" * 20, b"\x22" * 20
REGISTRY = b"\x33" * 20
CODE_HASH = keccak(b"the registry's code")
ROOT = commit_program(dense_program()).program_root


def record_by(registrant: bytes, root: bytes = ROOT, digest: bytes = TOY_KEY.digest) -> RecordView:
    return RecordView(
        registrant=registrant,
        program_root=root,
        keys={backend_selector("toy"): digest},
        frozen=True,
        deprecated=False,
    )


RECORD = record_by(REGISTRANT)
PIN = RegistryPin(chain_id=10, address=REGISTRY, code_hash=CODE_HASH, record_id=RECORD.record_id)
VIEW = ChainView(
    chain_id=10,
    block=BlockRef(number=7, hash=keccak(b"block"), time_s=1_700_000_000),
    finalized=True,
    registry=RegistryView(address=REGISTRY, code_hash=CODE_HASH, record=RECORD),
    source="https://node.example",
)

ASSERTION = AssertionView(
    game=b"\x55" * 20, code_hash=None, judges=None, params=None, assertion_id=bytes(32)
)


def showing(**changed: Any) -> ChainView:
    """The honest view with another answer of the registry."""
    return replace(VIEW, registry=replace(VIEW.registry, **changed))


def judged(view: ChainView | None = VIEW, pin: RegistryPin = PIN, **more: Any) -> Verdict:
    """The dense program's honest proof, with a key that the verifier derived itself."""
    policy = replace(more.pop("policy", TOY_POLICY), registry=pin)
    more.setdefault("keys", {"toy": TOY_KEY})
    return evaluate(more.pop("proof", dense_case().proof), policy, view=view, **more)


def refused(verdict: Verdict, check: str, code: str, *, outcome: str = "not_proven") -> None:
    assert verdict.outcome == outcome
    first = verdict.failed[0]
    assert (first.id, first.code) == (check, code)
    assert first.hint
    # no other check stops this lie
    assert {item.id for item in verdict.failed if item.status != "skipped"} == {check}


def test_the_case_is_about_the_registered_program() -> None:
    assert dense_case().proof.statement.program_root == ROOT


def test_a_record_alone_pins_program_and_key() -> None:
    verdict = judged()
    assert verdict.outcome == "proven"
    ids = [check.id for check in verdict.checks]
    assert [name for name in ids if name.startswith("RG-")] == [s.id for s in REGISTRY_CHECKS]
    assert any("names this program and this key" in text for text in verdict.establishes)
    limits = " ".join(verdict.does_not_establish)
    assert "that the node told the truth" in limits
    assert "https://node.example, block 7" in limits
    assert "key belongs to the program" not in limits  # this verifier derived it


def test_a_key_of_a_lock_is_reported_as_registered_too() -> None:
    verdict = judged(keys=None, lock=lock_of(dense_program()))
    assert verdict.outcome == "proven"
    told = [text for text in verdict.does_not_establish if "(KEY-1)" in text]
    assert told == [
        "that the key belongs to the program: derived by the lock's author and registered by "
        f"0x{REGISTRANT.hex()} (KEY-1)"
    ]


def test_without_a_pin_there_are_no_record_checks() -> None:
    verdict = evaluate(dense_case().proof, TOY_POLICY, lock=lock_of(dense_program()))
    assert verdict.outcome == "proven"
    assert not any(check.id.startswith("RG-") for check in verdict.checks)


def test_rg_1_a_view_of_another_chain() -> None:
    refused(judged(replace(VIEW, chain_id=11)), "RG-1", "wrong-chain")


def test_rg_1_no_view_leaves_the_proof_undecided() -> None:
    verdict = judged(None)
    refused(verdict, "RG-1", "chain-not-read", outcome="undecided")
    with pytest.raises(Undecided):
        verify(dense_case().proof, replace(TOY_POLICY, registry=PIN), lock=lock_of(dense_program()))


def test_rg_1_a_view_of_something_else_is_no_view_of_the_record() -> None:
    other = replace(VIEW, registry=None, assertion=ASSERTION)
    refused(judged(other), "RG-1", "chain-not-read", outcome="undecided")


def test_rg_1_any_chain_is_said_so() -> None:
    verdict = judged(pin=replace(PIN, chain_id=None))
    assert verdict.outcome == "proven"
    assert "which chain it is: the policy names none, the node says 10" in " ".join(
        verdict.does_not_establish
    )


LOCAL = replace(VIEW, chain_id=DEVELOPMENT_CHAIN_ID, finalized=False)
LOCAL_PIN = replace(PIN, chain_id=DEVELOPMENT_CHAIN_ID)


def test_rg_2_a_local_chain_counts_only_if_it_is_allowed() -> None:
    refused(judged(LOCAL, LOCAL_PIN), "RG-2", "local-chain")
    allowed = replace(TOY_POLICY, allow_insecure=frozenset({"local_chain"}))
    verdict = judged(LOCAL, LOCAL_PIN, policy=allowed)
    assert verdict.outcome == "proven"
    assert "whoever holds a local chain can rewrite it" in " ".join(verdict.does_not_establish)


def test_rg_2_a_development_node_is_local_under_any_chain_id() -> None:
    refused(judged(replace(VIEW, development=True)), "RG-2", "local-chain")
    geth_dev = replace(VIEW, chain_id=1337)
    refused(judged(geth_dev, replace(PIN, chain_id=1337)), "RG-2", "local-chain")


@pytest.mark.parametrize("other", ["local_setup", "simulated_tee"])
def test_rg_2_other_allowances_do_not_allow_it(other: str) -> None:
    policy = replace(TOY_POLICY, allow_insecure=frozenset({other}))
    refused(judged(LOCAL, LOCAL_PIN, policy=policy), "RG-2", "local-chain")


def test_rg_3_another_contract() -> None:
    refused(judged(showing(address=b"\x44" * 20)), "RG-3", "wrong-registry")


def test_rg_3_an_address_without_code() -> None:
    refused(judged(showing(code_hash=None)), "RG-3", "registry-without-code")


def test_rg_3_other_code_at_the_address() -> None:
    other = showing(code_hash=keccak(b"answers anything"))
    refused(judged(other), "RG-3", "registry-code-mismatch")


def test_rg_4_a_block_that_is_not_final() -> None:
    refused(judged(replace(VIEW, finalized=False)), "RG-4", "block-not-final")


def test_rg_4_allowing_local_chains_allows_no_unfinished_block_elsewhere() -> None:
    policy = replace(TOY_POLICY, allow_insecure=frozenset({"local_chain"}))
    refused(judged(replace(VIEW, finalized=False), policy=policy), "RG-4", "block-not-final")


def test_rg_5_a_squatter_registers_the_same_program() -> None:
    """Anyone may register any program: only the record that the policy names counts."""
    squatted = showing(record=record_by(SQUATTER))
    refused(judged(squatted), "RG-5", "wrong-record")


def test_rg_5_no_record_leaves_the_proof_undecided() -> None:
    refused(judged(showing(record=None)), "RG-5", "no-record", outcome="undecided")


def test_rg_6_a_record_of_another_program() -> None:
    other = record_by(REGISTRANT, pair_case().proof.statement.program_root)
    verdict = judged(showing(record=other), replace(PIN, record_id=other.record_id))
    assert verdict.outcome == "not_proven"
    assert [c.id for c in verdict.failed if c.status == "failed"] == ["RG-6"]
    assert verdict.failed[0].code == "record-of-another-program"
    with pytest.raises(VerificationError, match="RG-6"):
        verify(
            dense_case().proof,
            replace(TOY_POLICY, registry=replace(PIN, record_id=other.record_id)),
            view=showing(record=other),
            lock=lock_of(dense_program()),
        )


def test_rg_7_a_record_that_its_registrant_advises_against() -> None:
    deprecated = showing(record=replace(RECORD, deprecated=True))
    refused(judged(deprecated), "RG-7", "record-deprecated")
    assert judged(deprecated, replace(PIN, allow_deprecated=True)).outcome == "proven"


def test_rg_8_a_record_that_can_still_change() -> None:
    open_record = showing(record=replace(RECORD, frozen=False))
    refused(judged(open_record, replace(PIN, require_frozen=True)), "RG-8", "record-not-frozen")
    assert judged(open_record).outcome == "proven"
    assert judged(VIEW, replace(PIN, require_frozen=True)).outcome == "proven"


def test_rg_9_another_key_than_the_registered_one() -> None:
    other = record_by(REGISTRANT, digest=keccak(b"a key of other weights"))
    refused(judged(showing(record=other)), "RG-9", "registered-key-differs")


def test_rg_9_a_lock_cannot_stand_in_for_the_registrant() -> None:
    """The lock's author holds another key than the registrant vouched for."""
    other = record_by(REGISTRANT, digest=keccak(b"a key of other weights"))
    verdict = judged(showing(record=other), keys=None, lock=lock_of(dense_program()))
    refused(verdict, "RG-9", "registered-key-differs")


def test_rg_9_a_backend_without_a_registered_key() -> None:
    bare = replace(RECORD, keys={backend_selector("gkr"): TOY_KEY.digest})
    refused(judged(showing(record=bare)), "RG-9", "key-not-registered")


def brought(key: Key) -> Any:
    """What a backend answers whose proofs bring a key."""
    return lambda _self, _proof: key


def key_check(verdict: Verdict) -> Check:
    return next(check for check in verdict.checks if check.id == "KEY-1")


OTHER_KEY = Key(backend="toy", digest=keccak(b"another"), fields={"name": "another"})


@pytest.mark.parametrize("source", ["a file", "the proof"])
def test_key_1_the_registrant_vouches_for_a_key_by_anybody(
    toy: Any, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    if source == "the proof":
        monkeypatch.setattr(toy, "key_in", brought(TOY_KEY), raising=False)
    claimed = {"toy": TOY_KEY.fields} if source == "a file" else None
    verdict = judged(keys=None, claimed=claimed)
    assert verdict.outcome == "proven"
    assert key_check(verdict).found == "vouched for by the registrant of the pinned record"
    told = [text for text in verdict.does_not_establish if "(KEY-1)" in text]
    assert told == [
        "that the key belongs to the program: vouched for by the registrant of the pinned record, "
        f"0x{REGISTRANT.hex()} (KEY-1)"
    ]


@pytest.mark.parametrize("source", ["a file", "the proof"])
def test_key_1_without_a_record_nobody_vouches_for_such_a_key(
    toy: Any, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """The prover, or whoever wrote the file, would choose the key."""
    if source == "the proof":
        monkeypatch.setattr(toy, "key_in", brought(TOY_KEY), raising=False)
    claimed = {"toy": TOY_KEY.fields} if source == "a file" else None
    roots = frozenset((ROOT,))
    verdict = evaluate(
        dense_case().proof, replace(TOY_POLICY, program_roots=roots), claimed=claimed
    )
    assert verdict.outcome == "undecided"
    assert (key_check(verdict).status, key_check(verdict).code) == ("undecided", "no-key")


@pytest.mark.parametrize("source", ["a file", "the proof"])
def test_key_1_such_a_key_is_the_record_s_or_nobody_s(
    toy: Any, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    if source == "the proof":
        monkeypatch.setattr(toy, "key_in", brought(OTHER_KEY), raising=False)
    claimed = {"toy": OTHER_KEY.fields} if source == "a file" else None
    verdict = judged(keys=None, claimed=claimed)
    refused(verdict, "RG-9", "registered-key-differs")
    assert key_check(verdict).status == "skipped"
    bare = showing(record=replace(RECORD, keys={}))
    verdict = judged(bare, keys=None, claimed=claimed)
    refused(verdict, "RG-9", "key-not-registered")
    assert key_check(verdict).status == "skipped"


def test_key_1_the_fields_are_hashed_here() -> None:
    """A file may say what it likes beside the record's digest."""
    verdict = judged(keys=None, claimed={"toy": {"name": "key", "digest": TOY_KEY.digest.hex()}})
    assert verdict.outcome == "undecided"
    assert key_check(verdict).code == "malformed-key"


def test_key_1_a_backend_that_cannot_say_its_key_leaves_it_open(
    toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_self: object, _proof: object) -> Key:
        raise RuntimeError("lost")

    monkeypatch.setattr(toy, "key_in", broken, raising=False)
    verdict = judged(keys=None)
    assert verdict.outcome == "undecided"
    assert key_check(verdict).code == "malformed-key"
    foreign = replace(TOY_KEY, backend="other")
    monkeypatch.setattr(toy, "key_in", brought(foreign))
    verdict = judged(keys=None)
    assert verdict.outcome == "not_proven"
    assert verdict.failed[0].code == "key-of-another-backend"


def test_key_1_what_is_trusted_comes_before_what_is_claimed() -> None:
    claimed = {"toy": OTHER_KEY.fields}
    assert key_check(judged(claimed=claimed)).found == "derived by this verifier"
    by_lock = judged(keys=None, lock=lock_of(dense_program()), claimed=claimed)
    assert key_check(by_lock).found == "derived by the lock's author"


def test_key_1_a_record_that_was_not_read_vouches_for_nothing() -> None:
    verdict = judged(None, keys=None, claimed={"toy": TOY_KEY.fields})
    assert verdict.outcome == "undecided"
    assert key_check(verdict).status == "skipped"


def test_rg_9_is_not_run_without_a_key() -> None:
    verdict = judged(keys=None)
    assert verdict.outcome == "undecided"
    assert verdict.failed[0].id == "KEY-1"
    assert [check.status for check in verdict.checks if check.id == "RG-9"] == ["skipped"]


def test_the_evidence_is_not_judged_under_a_refused_record(toy: Any, monkeypatch: Any) -> None:
    def judge(*_arguments: Any, **_more: Any) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(toy, "judge", judge)
    refused(judged(replace(VIEW, chain_id=11)), "RG-1", "wrong-chain")


def test_every_source_must_agree_with_the_record() -> None:
    """A record beside a lock of other programs: both are the verifier's word."""
    verdict = judged(lock=pair_case().lock)
    refused(verdict, "ST-5", "wrong-program")


def test_examine_runs_the_record_checks_too() -> None:
    policy = replace(TOY_POLICY, registry=PIN)
    checks = examine(dense_case().proof, policy, view=replace(VIEW, chain_id=11))
    assert [check.id for check in checks if check.status == "failed"] == ["RG-1"]


def test_a_view_needs_a_pin() -> None:
    with pytest.raises(InvalidInput) as caught:
        evaluate(dense_case().proof, TOY_POLICY, view=VIEW)
    assert caught.value.code == "view-without-registry"
    with pytest.raises(InvalidInput) as caught:
        evaluate(dense_case().proof, replace(TOY_POLICY, registry=PIN), view="latest")
    assert caught.value.code == "wrong-type"


def test_a_key_of_equal_fields_and_another_digest_is_another_key() -> None:
    forged = Key(backend="toy", digest=keccak(b"other"), fields=TOY_KEY.fields)
    refused(judged(keys={"toy": forged}), "RG-9", "registered-key-differs")


PINNED = Policy(registry=replace(PIN, require_frozen=True, allow_deprecated=True))


def test_a_policy_file_holds_the_pin() -> None:
    assert Policy.decode(PINNED.encode()) == PINNED
    assert Policy.decode(Policy(registry=replace(PIN, chain_id=None)).encode()).registry == (
        replace(PIN, chain_id=None)
    )


@pytest.mark.parametrize(
    ("member", "code"),
    [
        ({"address": b"\x00" * 19}, "bad-digest"),
        ({"address": "0x" + "00" * 20}, "bad-digest"),
        ({"code_hash": b""}, "bad-digest"),
        ({"record_id": None}, "bad-digest"),
        ({"chain_id": 0}, "out-of-bounds"),
        ({"chain_id": True}, "out-of-bounds"),
        ({"chain_id": 1 << 63}, "out-of-bounds"),
        ({"require_frozen": 1}, "wrong-type"),
        ({"allow_deprecated": None}, "wrong-type"),
    ],
)
def test_a_pin_that_no_file_could_hold_is_refused(member: dict[str, Any], code: str) -> None:
    with pytest.raises(MalformedFile) as caught:
        Policy(registry=replace(PIN, **member))
    assert caught.value.code == code
    assert caught.value.where == f"policy.registry.{next(iter(member))}"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b'"chain_id":10', b'"chain_id":0', "out-of-bounds"),
        (b'"chain_id":10', b'"chain_id":"10"', "wrong-type"),
        (b'"address":"0x3333', b'"address":"0x333', "not-hex"),
        (b'"address":"0x3333', b'"address":"0xABCD', "not-hex"),
        (b'"require_frozen":true', b'"frozen":true', "unknown-key"),
        (b'"code_hash":', b'"codehash":', "missing-key"),
    ],
)
def test_a_pin_in_a_file_is_read_strictly(old: bytes, new: bytes, code: str) -> None:
    data = PINNED.encode().replace(b" ", b"").replace(b"\n", b"")
    assert old in data
    Policy.decode(data)
    with pytest.raises(MalformedFile) as caught:
        Policy.decode(data.replace(old, new))
    assert caught.value.code == code
