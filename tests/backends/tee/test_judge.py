"""The vendor-independent checks: an honest control each, and evidence that cheats in one place."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from attested_answers import (
    NONCE,
    OTHER_SECRET,
    SECRET,
    STATEMENT,
    Attested,
    key_of,
    key_quote,
    other_form,
    report_of,
    signed,
    signed_statement_quote,
    statement_quote,
    tdx_evidence,
)

from verifiable.backends.tee.answer import CLOCK_TOLERANCE_S, Answer, examine_answer
from verifiable.backends.tee.binding import (
    inference_digest,
    key_report_data,
    statement_report_data,
)
from verifiable.backends.tee.checks import TEE_CHECKS
from verifiable.backends.tee.conclusions import judgement_of
from verifiable.backends.tee.event_log import (
    PROGRAM_EVENT,
    READY_EVENT,
    Event,
    encode_log,
    program_register,
    replay,
)
from verifiable.backends.tee.evidence import Report
from verifiable.backends.tee.judge import Ruling
from verifiable.backends.tee.keys import TeeKey
from verifiable.backends.tee.roots import BUILTIN_SIMULATED_ROOTS
from verifiable.backends.tee.signatures import address_of, fault_of
from verifiable.backends.tee.simulator import builtin
from verifiable.backends.tee.workload import examine_code, examine_log
from verifiable.statement.attestation import AttestationPolicy, Reference
from verifiable.statement.verdict import Check
from verifiable.testing.tee_intel_cases import AT, PROGRAM_ROOT, intel_case, intel_policy

HONEST = pytest.mark.parametrize("honest", [statement_quote, signed_statement_quote, key_quote])
FIELDS = ("program_root", "input_root", "output_root", "context")
OTHER = hashlib.sha256(b"other").digest()
PROGRAM = Event(name=PROGRAM_EVENT, payload=PROGRAM_ROOT)
BOOT = Event(name="boot", payload=b"x")


def check(ruling: Ruling, name: str) -> Check:
    return next(item for item in ruling.checks if item.id == name)


def failed(ruling: Ruling) -> dict[str, str]:
    return {item.id: item.code for item in ruling.checks if item.status == "failed"}


@HONEST
def test_honest_evidence_passes_all_nineteen(honest: Callable[[], Attested]) -> None:
    ruling = honest().ruled()
    assert [item.id for item in ruling.checks] == [spec.id for spec in TEE_CHECKS]
    assert ruling.ok
    assert failed(ruling) == {}
    assert ruling.assurance == "simulated"
    assert ruling.freshness is not None
    assert ruling.freshness.nonce


def test_what_is_not_claimed_is_said_to_be_so() -> None:
    ruling = statement_quote().ruled()
    assert check(ruling, "TEE-11").found == "no log"
    assert check(ruling, "TEE-15").found == "no key"
    assert check(ruling, "TEE-17").found == "not claimed"
    assert "any platform" in check(ruling, "TEE-16").expected


@HONEST
@pytest.mark.parametrize("field", FIELDS)
def test_a_replay_under_another_statement_is_refused(
    honest: Callable[[], Attested], field: str
) -> None:
    case = honest()
    other = replace(STATEMENT, **{field: OTHER})
    ruling = case.answering(statement=other).ruled()
    codes = failed(ruling)
    assert not ruling.ok
    if case.answer.mode == "statement":
        assert codes["TEE-12"] == "report-data-mismatch"
    if case.answer.key:
        assert codes["TEE-15"] == "signature-mismatch"
    assert check(ruling, "TEE-13").status == "skipped"


@HONEST
def test_tee_14_a_replay_for_another_nonce_is_refused(honest: Callable[[], Attested]) -> None:
    ruling = honest().demanding(nonce=OTHER).ruled()
    assert failed(ruling) == {"TEE-14": "nonce-mismatch"}


@HONEST
def test_tee_12_a_replay_that_names_the_new_nonce_is_refused(
    honest: Callable[[], Attested],
) -> None:
    case = honest().demanding(nonce=OTHER)
    name = "nonce" if case.answer.mode == "statement" else "challenge"
    assert failed(case.answering(**{name: OTHER}).ruled()) == {"TEE-12": "report-data-mismatch"}


@pytest.mark.parametrize("honest", [signed_statement_quote, key_quote])
def test_tee_12_a_replay_under_another_key_is_refused(honest: Callable[[], Attested]) -> None:
    forged = honest().answering(key=key_of(OTHER_SECRET), signature=signed(STATEMENT, OTHER_SECRET))
    assert failed(forged.ruled()) == {"TEE-12": "report-data-mismatch"}


def test_a_key_cannot_be_left_out() -> None:
    bare = signed_statement_quote().answering(key=b"", signature=b"")
    assert failed(bare.ruled()) == {"TEE-12": "report-data-mismatch"}


# roots and assurance


def test_tee_1_a_key_pins_the_roots() -> None:
    case = statement_quote()
    (root,) = case.policy.simulated_roots
    references = [item for item in case.policy.references if item.kind == "tdx"]
    assert case.ruled(key=TeeKey.of(references, [root])).ok
    ruling = case.ruled(key=TeeKey.of(references, [OTHER]))
    assert failed(ruling) == {"TEE-1": "root-not-trusted"}


def test_tee_2_hardware_was_asked_for() -> None:
    ruling = statement_quote().ruled(assurance="hardware")
    assert failed(ruling) == {"TEE-2": "assurance-not-met"}
    assert "SIMULATED" in check(ruling, "TEE-2").found
    assert statement_quote().ruled(assurance="simulated").ok


def test_tee_3_without_a_time_nothing_is_decided() -> None:
    ruling = replace(statement_quote(), now=None).ruled()
    assert check(ruling, "TEE-3").code == "time-needed"
    assert check(ruling, "TEE-3").status == "undecided"
    assert {item.status for item in ruling.checks if item.id != "TEE-3"} == {"skipped"}
    assert ruling.report is None


# code


def changed_reference(**changes: bytes) -> Reference:
    honest = builtin.reference("tdx", PROGRAM_ROOT)
    return replace(honest, values={**honest.values, **changes})


@pytest.mark.parametrize("name", ["mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3"])
def test_tee_10_wrong_measurement(name: str) -> None:
    reference = changed_reference(**{name: b"\x01" * 48})
    ruling = statement_quote().demanding(references=(reference,)).ruled()
    assert failed(ruling) == {"TEE-10": "wrong-measurement"}
    assert check(ruling, "TEE-10").expected.startswith(name)


def test_tee_10_one_reference_of_several_is_enough() -> None:
    references = (changed_reference(mrtd=bytes(48)), changed_reference())
    assert statement_quote().demanding(references=references).ruled().ok


@pytest.mark.parametrize(
    "references",
    [
        (),
        (Reference(kind="tdx", values={}),),
        (Reference(kind="tdx", values={"mrtd": builtin.mrtd()}),),
        (Reference(kind="snp", values={"measurement": bytes(48)}),),
    ],
)
def test_tee_10_without_reference_values_nothing_is_accepted(
    references: tuple[Reference, ...],
) -> None:
    ruling = statement_quote().demanding(references=references).ruled()
    assert failed(ruling) == {"TEE-10": "no-reference-values"}


def test_tee_10_the_built_in_values_are_for_the_built_in_root_alone() -> None:
    """The same code under another root is not the built-in simulator, whatever is allowed."""
    ruling = statement_quote().demanding(references=()).ruled(allow_builtin_simulator=True)
    assert failed(ruling) == {"TEE-10": "no-reference-values"}


def test_tee_10_the_built_in_root_needs_no_reference_values() -> None:
    report = report_of(
        "tdx",
        root_sha256=BUILTIN_SIMULATED_ROOTS["tdx"],
        measurements=dict(builtin.reference("tdx", PROGRAM_ROOT).values),
    )

    def found(report: Report, program_root: bytes = PROGRAM_ROOT, allowed: bool = True) -> Check:
        return examine_code(
            report,
            AttestationPolicy(),
            None,
            allow_builtin_simulator=allowed,
            event_log=b"",
            program_root=program_root,
        )

    assert found(report).ok
    assert found(replace(report, root_sha256=OTHER)).code == "no-reference-values"
    assert found(report, allowed=False).code == "no-reference-values"
    other = found(report, OTHER)
    assert other.code == "wrong-measurement"
    assert other.found.startswith("rtmr3")


def test_tee_10_the_trusted_key_must_hold_the_workload() -> None:
    case = statement_quote()
    roots = case.policy.simulated_roots
    held = TeeKey.of([changed_reference()], roots)
    other = TeeKey.of([changed_reference(mrtd=bytes(48))], roots)
    assert case.ruled(key=held).ok
    assert failed(case.ruled(key=other)) == {"TEE-10": "wrong-measurement"}
    # a lock's workloads are reference values, where the policy has none
    bare = case.demanding(references=())
    assert bare.ruled(key=held).ok
    assert failed(bare.ruled(key=other)) == {"TEE-10": "wrong-measurement"}


@pytest.mark.parametrize(
    "named",
    [
        Reference(kind="tdx", values={"mrtd": b"\x01" * 48}),
        Reference(kind="snp", values={"measurement": b"\x01" * 48}),
    ],
)
def test_tee_10_a_lock_never_stands_in_for_what_the_policy_names(named: Reference) -> None:
    case = statement_quote()
    held = TeeKey.of([changed_reference()], case.policy.simulated_roots)
    ruling = case.demanding(references=(named,)).ruled(key=held)
    assert failed(ruling) == {"TEE-10": "no-reference-values"}


WITHOUT_PROGRAM = {
    name: value
    for name, value in builtin.reference("tdx", PROGRAM_ROOT).values.items()
    if name != "rtmr3"
}


def test_tee_10_the_program_must_be_measured() -> None:
    unbound = (Reference(kind="tdx", values=WITHOUT_PROGRAM),)
    rtmrs = (*builtin.rtmrs(PROGRAM_ROOT)[:3], bytes(48))
    data = statement_report_data(STATEMENT, NONCE, b"")
    case = statement_quote().demanding(references=unbound)
    assert case.ruled().ok
    loaded_nothing = replace(case, evidence=tdx_evidence(data, rtmrs=rtmrs))
    assert failed(loaded_nothing.ruled()) == {"TEE-10": "program-not-measured"}


def code_of(
    report: Report, policy: AttestationPolicy, key: TeeKey | None, program_root: bytes | None
) -> str:
    return examine_code(
        report,
        policy,
        key,
        allow_builtin_simulator=False,
        event_log=b"",
        program_root=program_root,
    ).code


def test_tee_10_sgx_by_signer_needs_a_lowest_svn() -> None:
    report = report_of(
        "sgx",
        measurements={
            "mrenclave": b"\x01" * 32,
            "mrsigner": b"\x02" * 32,
            "isv_prod_id": b"\x00\x07",
            "isv_svn": b"\x00\x05",
        },
    )
    values = {"mrsigner": b"\x02" * 32, "isv_prod_id": b"\x00\x07"}

    def code(minimum_svn: int | None, **changes: bytes) -> str:
        reference = Reference(kind="sgx", values=values | changes, minimum_svn=minimum_svn)
        policy = AttestationPolicy(references=(reference,))
        return code_of(report, policy, None, None)

    assert code(5) == ""
    assert code(6) == "wrong-measurement"
    assert code(5, mrsigner=b"\x03" * 32) == "wrong-measurement"
    assert code(None) == "no-reference-values"
    key = TeeKey.of([Reference(kind="sgx", values=values, minimum_svn=6)], [bytes(32)])
    assert code_of(report, AttestationPolicy(), key, None) == "wrong-measurement"


@pytest.mark.parametrize(
    ("kind", "register", "value"),
    [
        ("snp", "host_data", PROGRAM_ROOT),
        ("nitro", "pcr16", program_register(PROGRAM_ROOT)),
    ],
)
def test_tee_10_other_kinds_bind_the_program_too(kind: str, register: str, value: bytes) -> None:
    honest = dict(builtin.reference(kind, PROGRAM_ROOT).values)
    assert honest[register] == value
    base = {name: item for name, item in honest.items() if name != register}
    policy = AttestationPolicy(references=(Reference(kind=kind, values=base),))

    def code(found: bytes) -> str:
        report = report_of(kind, measurements=base | {register: found})
        return code_of(report, policy, None, PROGRAM_ROOT)

    assert code(value) == ""
    assert code(bytes(len(value))) == "program-not-measured"


# event log


def logged(events: tuple[Event, ...], shown: tuple[Event, ...] | None = None) -> Attested:
    """A quote over a log, beside which another one may be shown."""
    rtmrs = (*builtin.rtmrs(PROGRAM_ROOT)[:3], replay(events))
    evidence = tdx_evidence(statement_report_data(STATEMENT, NONCE, b""), rtmrs=rtmrs)
    case = statement_quote().demanding(references=(Reference(kind="tdx", values=WITHOUT_PROGRAM),))
    log = encode_log(events if shown is None else shown)
    return replace(case, evidence=replace(evidence, event_log=log))


def known(events: tuple[Event, ...], shown: tuple[Event, ...] | None = None) -> Attested:
    """The same, under a policy that pins the register whatever events it holds."""
    register = Reference(kind="tdx", values=WITHOUT_PROGRAM | {"rtmr3": replay(events)})
    return logged(events, shown).demanding(references=(register,))


def test_a_log_that_explains_its_register() -> None:
    ready = Event(name=READY_EVENT, payload=b"")
    assert logged((PROGRAM, ready)).ruled().ok


@pytest.mark.parametrize("events", [(BOOT, PROGRAM), (PROGRAM, BOOT), (BOOT, PROGRAM, BOOT)])
def test_tee_10_events_that_nobody_named_may_be_other_code(events: tuple[Event, ...]) -> None:
    """An image that measures what it starts extends the same register with whatever that is."""
    case = logged(events)
    assert failed(case.ruled()) == {"TEE-10": "program-not-measured"}
    assert "boot" in check(case.ruled(), "TEE-10").found
    assert known(events).ruled().ok
    key = TeeKey.of(known(events).policy.references, case.policy.simulated_roots)
    assert case.demanding(references=()).ruled(key=key).ok


@pytest.mark.parametrize(
    "shown", [(PROGRAM,), (PROGRAM, BOOT), (BOOT, BOOT, PROGRAM), (BOOT, PROGRAM, PROGRAM)]
)
def test_tee_11_a_log_of_another_list(shown: tuple[Event, ...]) -> None:
    ruling = known((BOOT, PROGRAM), shown).ruled()
    assert failed(ruling) == {"TEE-11": "event-log-mismatch"}


@pytest.mark.parametrize(
    "events",
    [
        (BOOT,),
        (PROGRAM, PROGRAM),
        (Event(name=READY_EVENT, payload=b""), PROGRAM),
        (PROGRAM, Event(name=READY_EVENT, payload=b""), BOOT),
        (Event(name=PROGRAM_EVENT, payload=OTHER),),
    ],
)
def test_tee_11_the_program_is_missing_doubled_late_or_another(events: tuple[Event, ...]) -> None:
    assert failed(known(events).ruled()) == {"TEE-11": "program-event"}


def test_tee_11_malformed_log() -> None:
    ruling = logged((PROGRAM,)).with_evidence(event_log=b"[]").ruled()
    assert failed(ruling) == {"TEE-11": "event-log-malformed"}


def test_tee_11_a_log_where_no_register_needs_one() -> None:
    """Not even one that happens to replay to it: nothing extends that register event by event."""
    for value in (PROGRAM_ROOT, replay((PROGRAM,))):
        report = report_of("snp", measurements={"host_data": value})
        found = examine_log(report, encode_log((PROGRAM,)), PROGRAM_ROOT)
        assert found.code == "event-log-mismatch"


# report data


def test_tee_12_one_bit_of_the_report_data() -> None:
    data = bytearray(statement_report_data(STATEMENT, NONCE, b""))
    data[63] ^= 1
    case = replace(statement_quote(), evidence=tdx_evidence(bytes(data)))
    assert failed(case.ruled()) == {"TEE-12": "report-data-mismatch"}


def test_tee_12_quotes_of_the_two_modes_never_stand_for_each_other() -> None:
    statement, key = statement_quote(), key_quote()
    for evidence, answer, word in (
        (statement.evidence, key.answer, "a statement quote"),
        (key.evidence, statement.answer, "a key quote"),
        (key.evidence, signed_statement_quote().answer, "a key quote"),
    ):
        ruling = replace(statement, evidence=evidence, answer=answer).ruled()
        assert failed(ruling)["TEE-12"] == "report-data-mismatch"
        assert check(ruling, "TEE-12").found == word


def test_tee_12_a_key_quote_for_a_chain_is_none_for_here() -> None:
    data = key_report_data(
        address_of(key_of(SECRET)), chain_id=1, registry=b"\x01" * 20, challenge=NONCE
    )
    case = replace(key_quote(), evidence=tdx_evidence(data))
    assert failed(case.ruled()) == {"TEE-12": "report-data-mismatch"}


def test_tee_12_without_a_statement_the_report_data_are_pinned() -> None:
    case = intel_case()
    bare = Attested(evidence=case.evidence, answer=None, policy=case.policy)
    assert bare.ruled().ok
    assert "no statement" in check(bare.ruled(), "TEE-13").found
    unpinned = bare.demanding(report_data=None)
    assert failed(unpinned.ruled()) == {"TEE-12": "report-data-not-pinned"}
    wrong = bare.demanding(report_data=bytes(64))
    assert failed(wrong.ruled()) == {"TEE-12": "report-data-mismatch"}


def test_tee_12_pinned_data_and_a_statement_must_both_hold() -> None:
    case = statement_quote().demanding(report_data=bytes(64))
    assert failed(case.ruled()) == {"TEE-12": "report-data-mismatch"}


def test_tee_12_short_user_data() -> None:
    report = report_of("nitro", report_data=b"")
    (bound, *_), _ = examine_answer(
        report, statement_quote().answer, AttestationPolicy(), now=AT, age_demanded=False
    )
    assert bound.code == "report-data-mismatch"


# completeness


def test_tee_13_a_key_quote_alone_is_no_answer() -> None:
    ruling = key_quote().answering(signature=b"").ruled()
    assert failed(ruling)["TEE-13"] == "statement-not-bound"


# freshness


def test_a_nonce_dates_the_attestation_of_a_key_and_not_what_it_signed() -> None:
    for honest, said in ((statement_quote, False), (key_quote, True)):
        case = honest()
        limits = judgement_of(case.ruled(), case.answer, case.policy).does_not_establish
        assert any("when the key signed this statement" in line for line in limits) == said


def test_an_snp_report_is_not_said_to_be_of_current_firmware() -> None:
    report = report_of("snp", measurements={})
    for assurance, said in (("hardware", True), ("simulated", False)):
        ruling = Ruling(checks=(), assurance=assurance, report=report, freshness=None)
        limits = judgement_of(ruling, None, AttestationPolicy()).does_not_establish
        assert any("firmware is current" in line for line in limits) == said


def test_without_a_nonce_there_is_no_freshness() -> None:
    data = statement_report_data(STATEMENT, b"", b"")
    case = replace(statement_quote(), evidence=tdx_evidence(data)).answering(nonce=b"")
    case = case.demanding(nonce=None)
    ruling = case.ruled()
    assert ruling.ok
    assert check(ruling, "TEE-14").found.startswith("freshness: none")


def test_tee_14_a_nonce_can_be_demanded() -> None:
    case = statement_quote().demanding(nonce=None, require_nonce=True)
    assert failed(case.ruled()) == {"TEE-14": "nonce-needed"}
    assert statement_quote().demanding(require_nonce=True).ruled().ok


def test_tee_14_an_age_can_be_demanded_of_evidence_without_a_time() -> None:
    case = statement_quote()
    assert case.ruled(age_demanded=True).ok
    ruling = case.demanding(nonce=None).ruled(age_demanded=True)
    assert failed(ruling) == {"TEE-14": "nonce-needed"}


def nitro_freshness(answer: Answer | None = None, age_s: float = 0, **changes: Any) -> Check:
    report = report_of("nitro", timestamp=AT - timedelta(seconds=age_s), **changes)
    (_, _, fresh, _), _ = examine_answer(
        report,
        statement_quote().answer if answer is None else answer,
        AttestationPolicy(nonce=NONCE),
        now=AT,
        age_demanded=False,
    )
    return fresh


@pytest.mark.parametrize(
    ("age_s", "code"),
    [
        (300, ""),
        (301, "evidence-too-old"),
        (-CLOCK_TOLERANCE_S, ""),
        (-CLOCK_TOLERANCE_S - 1, "evidence-from-the-future"),
    ],
)
def test_tee_14_age(age_s: int, code: str) -> None:
    assert nitro_freshness(age_s=age_s).code == code


def test_tee_14_the_documents_own_nonce_is_compared_too() -> None:
    assert nitro_freshness().ok
    assert nitro_freshness(nonce=b"").code == "nonce-mismatch"
    assert nitro_freshness(nonce=OTHER).code == "nonce-mismatch"


def test_tee_14_a_nonce_that_nothing_shows() -> None:
    case = intel_case(policy=intel_policy(nonce=NONCE))
    bare = Attested(evidence=case.evidence, answer=None, policy=case.policy)
    assert failed(bare.ruled()) == {"TEE-14": "nonce-mismatch"}


# key


def test_tee_15_signed_by_another_key() -> None:
    for honest in (signed_statement_quote(), key_quote()):
        forged = honest.answering(signature=signed(STATEMENT, OTHER_SECRET))
        assert failed(forged.ruled()) == {"TEE-15": "signature-mismatch"}


def test_tee_15_high_s() -> None:
    ruling = key_quote().answering(signature=other_form(signed(STATEMENT))).ruled()
    assert failed(ruling) == {"TEE-15": "high-s"}


@pytest.mark.parametrize(
    ("key", "found"),
    [(b"", "key mode without a key"), (b"\4" + key_of(SECRET), "65 bytes")],
    ids=["none", "with its prefix"],
)
def test_tee_15_a_key_of_the_wrong_size_signed_nothing(key: bytes, found: str) -> None:
    """Nor is it handed to the curve: whoever attests must bind one point in one form."""
    answer = key_quote().answering(key=key).answer
    (*_, fourth), _ = examine_answer(
        report_of("tdx"), answer, AttestationPolicy(nonce=NONCE), now=AT, age_demanded=False
    )
    assert (fourth.code, fourth.found) == ("key-mismatch", found)


def test_tee_15_nitros_own_key_field() -> None:
    key = key_of(SECRET)
    answer = signed_statement_quote().answer
    data = statement_report_data(STATEMENT, NONCE, key)

    def code(public_key: bytes) -> str:
        report = report_of("nitro", report_data=data, public_key=public_key)
        (*_, found), _ = examine_answer(
            report, answer, AttestationPolicy(nonce=NONCE), now=AT, age_demanded=False
        )
        return found.code

    assert code(key) == ""
    assert code(b"") == "key-mismatch"
    assert code(key_of(OTHER_SECRET)) == "key-mismatch"


def test_no_flip_of_a_signature_is_another_valid_one() -> None:
    """Every signature that verifies is this one: it has no second form."""
    digest, key, honest = inference_digest(STATEMENT), key_of(SECRET), signed(STATEMENT)
    assert fault_of(honest, digest, key) == ""
    for position in range(len(honest)):
        for bit in range(8):
            changed = bytearray(honest)
            changed[position] ^= 1 << bit
            assert fault_of(bytes(changed), digest, key) != ""
    for v in range(256):
        assert (fault_of(honest[:64] + bytes((v,)), digest, key) == "") == (v == honest[64])
    for length in (0, 64, 66):
        assert fault_of((honest + b"\x00")[:length], digest, key) == "signature-mismatch"
    assert fault_of(bytes(64) + b"\x1b", digest, key) == "signature-mismatch"


# platform, graphics processor, repeatability


def test_tee_16_platforms_on_a_list() -> None:
    report = statement_quote().ruled().report
    assert report is not None
    assert report.platform_id
    listed = statement_quote().demanding(platforms=frozenset((OTHER, report.platform_id)))
    assert listed.ruled().ok
    for names in (frozenset((OTHER,)), frozenset()):
        ruling = statement_quote().demanding(platforms=names).ruled()
        assert failed(ruling) == {"TEE-16": "platform-not-listed"}


def test_tee_17_a_graphics_processor_is_never_passed_unjudged() -> None:
    ruling = statement_quote().demanding(gpu=True).ruled()
    assert failed(ruling) == {"TEE-17": "gpu-verdict-missing"}


def test_tee_19_evidence_without_its_collateral() -> None:
    ruling = statement_quote().with_evidence(collateral=b"").ruled()
    assert failed(ruling)["TEE-19"] == "evidence-incomplete"
    assert not ruling.ok


def test_what_was_not_verified_is_never_read() -> None:
    """Nothing of a report behind a broken signature reaches a later check."""
    document = bytearray(statement_quote().evidence.document)
    document[700] ^= 1
    ruling = statement_quote().with_evidence(document=bytes(document)).ruled()
    assert ruling.report is None
    later = {f"TEE-{number}" for number in (10, 11, 12, 13, 14, 15, 16)}
    assert {item.status for item in ruling.checks if item.id in later} == {"skipped"}


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def padded(document: bytes) -> bytes:
    return document + bytes(32)


def other_signature(document: bytes) -> bytes:
    """The quote with the second form of its own signature, s at 668."""
    s = P256_ORDER - int.from_bytes(document[668:700], "big")
    return document[:668] + s.to_bytes(32, "big") + document[700:]


@pytest.mark.parametrize("change", [padded, other_signature])
def test_other_bytes_of_the_same_evidence_are_nothing_new(
    change: Callable[[bytes], bytes],
) -> None:
    """A quote has several spellings, so its digest names nothing: what was verified is the same."""
    case = statement_quote()
    document = change(case.evidence.document)
    assert document != case.evidence.document
    honest, respelt = case.ruled(), case.with_evidence(document=document).ruled()
    if respelt.ok:
        assert respelt.report == honest.report
    else:
        assert respelt.report is None
    replayed = case.with_evidence(document=document).demanding(nonce=OTHER).ruled()
    assert not replayed.ok
