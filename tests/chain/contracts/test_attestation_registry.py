"""The attestation registry on every chain that is here, with P256VERIFY as the chain has it."""

from __future__ import annotations

import dataclasses
import inspect
import os
import re
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attestation_kit import (
    CONTEXT,
    DAY_S,
    HOUR_S,
    INPUT,
    MALLORY,
    OTHER_PROGRAM,
    OUTPUT,
    OWNER,
    PPID,
    PROGRAM,
    TERMS,
    Enclave,
    Stage,
    inference_digest,
    signed,
    twin,
)
from quote_prefix import FEATURES, SVN, QuotePrefix, binding

from verifiable.backends.tee.binding import inference_digest as offchain_digest
from verifiable.backends.tee.binding import key_report_data
from verifiable.backends.tee.simulator.authority import IntelAuthority
from verifiable.backends.tee.simulator.seeds import Seed
from verifiable.backends.tee.simulator.tdx import TdxIssuer
from verifiable.chain.abi import AbiEntry, entries_of
from verifiable.chain.client import Chain
from verifiable.chain.contracts import attestation_errors, attestation_events, attestation_structs
from verifiable.chain.contracts import attestation_registry as client
from verifiable.chain.contracts.attestation_errors import (
    AlreadyScheduled,
    BadDelay,
    ChallengeUnknown,
    FeaturesNotAllowed,
    KeyAlreadyRegistered,
    KeyNotValid,
    KeyStillValid,
    NotIntelsModule,
    NotKeyQuote,
    NotOwner,
    NotPossessed,
    NotScheduled,
    QeBinding,
    QeSignature,
    QuoteLength,
    QuoteSignature,
    ReportData,
    SignatureNotCanonical,
    TooEarly,
    UnknownKey,
    UnknownPlatform,
    WorkloadNotAllowed,
    WrongProgram,
)
from verifiable.chain.contracts.attestation_events import (
    ActionExecuted,
    ActionScheduled,
    KeyRegistered,
    KeyRevoked,
    MinimumSet,
    WorkloadSet,
)
from verifiable.chain.contracts.attestation_registry import AttestationRegistry, error_of
from verifiable.chain.contracts.attestation_structs import Admission, Fault, Key, PckKey
from verifiable.chain.deployment import DEPLOYMENT_PROXY, create2_address
from verifiable.errors import ChainError, Reverted
from verifiable.statement.hashing import keccak
from verifiable.statement.statement import Statement

NOT_FUNCTIONS = {
    *("at", "of", "deploy", "events", "events_in", "chain", "address", "artifact", "action")
}
SAMPLES = os.environ.get("VERIFIABLE_TEE_SAMPLES", "")
SOURCES = Path(__file__).parents[3] / "contracts" / "src" / "tee"
NOT_ARGUMENTS = {"self", "signer", "options", "block"}


@pytest.fixture(scope="module")
def stage(open_node: Chain) -> Stage:
    return Stage(open_node)


def refused(attempt) -> object:
    """Why the registry refuses."""
    with pytest.raises(Reverted) as caught:
        attempt()
    return error_of(caught.value)


# --- the client is the contract's


def snake(name: str) -> str:
    """Written again: `setWorkload` is `set_workload`, `MIN_DELAY` is `min_delay`."""
    if name.isupper():
        return name.lower()
    return "_".join(re.findall("[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)).lower()


def entries(kind: str) -> dict[str, AbiEntry]:
    return {entry.name: entry for entry in entries_of(client.ARTIFACT, kind)}


def test_each_function_has_a_method_and_each_method_a_function() -> None:
    methods = {name for name in vars(AttestationRegistry) if name[0] != "_"} - NOT_FUNCTIONS
    functions = entries("function")
    assert methods == {snake(name) for name in functions}
    for name, function in functions.items():
        arguments = list(inspect.signature(getattr(AttestationRegistry, snake(name))).parameters)
        expected = [snake(param.name) for param in function.inputs]
        assert [item for item in arguments if item not in NOT_ARGUMENTS] == expected, name


def test_each_event_has_a_dataclass_with_its_fields() -> None:
    events = entries("event")
    assert {kind.__name__ for kind in attestation_events.EVENTS} == set(events)
    for kind in attestation_events.EVENTS:
        expected = [snake(param.name) for param in events[kind.__name__].inputs]
        assert [field.name for field in fields(kind)] == ["log", *expected], kind


def test_each_error_has_a_dataclass_with_its_fields() -> None:
    errors = entries("error")
    assert set(attestation_errors.ERRORS) == set(errors)
    for name, kind in attestation_errors.ERRORS.items():
        assert [field.name for field in fields(kind)] == [
            snake(param.name) for param in errors[name].inputs
        ], name


def test_structs_and_faults_are_the_contracts() -> None:
    functions = entries("function")
    pairs = (
        (functions["keyOf"].outputs[0], Key),
        (functions["platformOf"].outputs[0], Admission),
        (functions["platformOf"].outputs[2], PckKey),
    )
    for param, kind in pairs:
        assert [field.name for field in fields(kind)] == [
            snake(part.name) for part in param.components
        ]
    source = (SOURCES / "IAttestationRegistry.sol").read_text(encoding="utf-8")
    members = re.search(r"enum Fault \{([^}]+)\}", source)
    assert members is not None
    names = [snake(name).upper() for name in members[1].replace(",", " ").split()]
    assert names == [fault.name for fault in Fault]


def test_constants_are_the_contracts(stage: Stage) -> None:
    assert stage.registry.max_platform_life() == attestation_structs.MAX_PLATFORM_LIFE_S
    assert stage.registry.max_key_life() == 7 * DAY_S
    assert stage.registry.min_delay() == HOUR_S
    assert stage.registry.max_delay() == 30 * DAY_S
    assert stage.registry.action_life() == 14 * DAY_S
    assert stage.registry.max_features() == 111
    assert stage.registry.version() == "1.0.0"


# --- deployment


def test_registry_stands_where_its_terms_say(stage: Stage) -> None:
    assert stage.registry.address == TERMS.address
    assert stage.registry.owner() == OWNER.address
    assert stage.registry.pending_owner() == bytes(20)
    assert stage.registry.delay() == TERMS.delay_s
    assert stage.registry.minimum() == (TERMS.svn, TERMS.qe_svn)
    assert stage.registry.features_of(FEATURES) == (True, 1)
    assert AttestationRegistry.of(stage.chain, TERMS).address == TERMS.address
    for change in ({"owner": MALLORY.address}, {"delay_s": 7200}, {"svn": SVN}, {"qe_svn": 7}):
        assert dataclasses.replace(TERMS, **change).address != TERMS.address


def test_deploying_twice_finds_what_stands(stage: Stage) -> None:
    before = stage.chain.block().number
    assert AttestationRegistry.deploy(stage.chain, MALLORY, TERMS).address == TERMS.address
    assert stage.chain.block().number == before, "a transaction was sent"


def test_other_code_is_no_registry(stage: Stage) -> None:
    for address, code in ((DEPLOYMENT_PROXY, "other-code"), (bytes(19) + b"\x77", "no-code")):
        with pytest.raises(ChainError) as caught:
            AttestationRegistry.at(stage.chain, address)
        assert caught.value.code == code


def test_code_with_another_domain_is_no_registry(stage: Stage) -> None:
    """Immutables are masked in a first comparison; the constructor would not leave these."""
    code = bytearray(stage.chain.code(stage.registry.address))
    place = client.ARTIFACT.immutable_references[0]
    code[place.start + place.length - 1] ^= 1
    creation = b"\x61" + len(code).to_bytes(2, "big") + bytes.fromhex("80600a3d393df3") + code
    receipt = stage.chain.send(MALLORY, to=DEPLOYMENT_PROXY, data=bytes(32) + creation)
    assert receipt.status == 1
    address = create2_address(DEPLOYMENT_PROXY, bytes(32), creation)
    assert len(stage.chain.code(address)) == len(code)
    with pytest.raises(ChainError) as caught:
        AttestationRegistry.at(stage.chain, address)
    assert caught.value.code == "other-code"


def test_delay_out_of_bounds_is_refused(open_node: Chain) -> None:
    terms = dataclasses.replace(TERMS, delay_s=59)
    assert refused(lambda: AttestationRegistry.deploy(open_node, OWNER, terms)) in (
        BadDelay(delay=59),
        None,  # the proxy hides why
    )
    assert open_node.code(terms.address) == b""


# --- registering


def test_key_is_registered_and_answers(stage: Stage) -> None:
    enclave = Enclave()
    receipt = stage.send(stage.request(enclave))
    time_s = stage.chain.block(receipt.block_number).time_s
    record = stage.registry.key_of(enclave.address)
    _, number, _ = stage.registry.platform_of(stage.hardware)
    _, grant = stage.registry.workload_of(stage.workload)
    assert record == Key(
        svn=SVN,
        qe_svn=8,
        until=time_s + 7 * DAY_S,
        platform=number,
        grant=grant,
        features=1,
        revoked=False,
    )
    (event,) = stage.registry.events_in(receipt)
    assert event == KeyRegistered(
        log=event.log,
        key=enclave.address,
        workload=stage.workload,
        platform_id=stage.hardware,
        until=record.until,
    )
    found = stage.registry.events(
        KeyRegistered, from_block=receipt.block_number, filters={"key": enclave.address}
    )
    assert found == [event]
    assert stage.registry.fault_of(enclave.address) is Fault.NONE
    assert stage.verify(enclave.answer()) == (enclave.address, True)


def test_simulated_platform_says_so(stage: Stage) -> None:
    enclave = stage.registered(hardware=False)
    assert stage.verify(enclave.answer()) == (enclave.address, False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"patches": {120: b"\x01"}}, NotIntelsModule()),
        (
            {"patches": {168: b"\x01"}},
            FeaturesNotAllowed(features=b"\x01" + FEATURES[1:]),
        ),
        ({"patches": {1122: b"\x01"}}, QeBinding()),
        ({"pck": "another machine's"}, QeSignature()),
        ({"spoiled": {640: bytes(8)}}, QuoteSignature()),
        ({"spoiled": {1160: bytes(8)}}, QeSignature()),
        ({"spoiled": {200: bytes(8)}}, QuoteSignature()),
        ({"spoiled": {710: bytes(8)}}, QeBinding()),
        ({"patches": {588: b"SOMETHINGELS"}}, NotKeyQuote(tag=b"SOMETHINGELS")),
    ],
    ids=lambda value: str(value)[:40],
)
def test_quote_with_one_fault_is_refused(stage: Stage, changes, reason) -> None:
    enclave = Enclave()
    request = stage.request(enclave, **changes)
    assert refused(lambda: stage.send(request)) == reason
    assert stage.registry.fault_of(enclave.address) is Fault.UNKNOWN


def test_longer_and_shorter_quotes_are_refused(stage: Stage) -> None:
    request = stage.request(Enclave())
    for quote in (request.quote[:-1], request.quote + b"\x00", b""):
        attempt = dataclasses.replace(request, quote=quote)
        assert refused(lambda attempt=attempt: stage.send(attempt)) == QuoteLength(
            length=len(quote)
        )


def test_other_workload_is_refused(stage: Stage) -> None:
    request = stage.request(Enclave(), mrtd=bytes(48))
    workload = QuotePrefix(report_data=bytes(64), mrtd=bytes(48)).workload
    assert refused(lambda: stage.send(request)) == WorkloadNotAllowed(workload=workload)


def test_captured_quote_registers_nothing(stage: Stage) -> None:
    """Someone who saw the quote pass by has neither the key nor its word."""
    request = stage.request(Enclave())
    mallory = Enclave()
    pop = stage.request(mallory, quote=request.quote).pop
    reason = refused(lambda: stage.send(dataclasses.replace(request, pop=pop)))
    assert isinstance(reason, NotPossessed)
    assert reason.key == request.quote[568:588]
    flipped = refused(lambda: stage.send(dataclasses.replace(request, pop=twin(request.pop))))
    assert flipped == SignatureNotCanonical()
    unknown = dataclasses.replace(request, platform_id=bytes(32))
    assert isinstance(refused(lambda: stage.send(unknown)), NotPossessed)


def test_unknown_platform_is_refused(stage: Stage) -> None:
    enclave = Enclave()
    hardware, stage.hardware = stage.hardware, keccak(b"no such platform")
    try:
        request = stage.request(enclave)
    finally:
        stage.hardware = hardware
    assert refused(lambda: stage.send(request)) == UnknownPlatform(platform_id=request.platform_id)


def test_registration_is_not_replayed_elsewhere(stage: Stage) -> None:
    """Another registry, another chain's quote, another block's, an old one: none takes it."""
    enclave = Enclave()
    request = stage.request(enclave)
    other = AttestationRegistry.deploy(
        stage.chain, OWNER, dataclasses.replace(TERMS, delay_s=2 * HOUR_S)
    )
    found = request.quote[600:632]
    block_hash = stage.chain.block(request.block).hash
    reason = refused(
        lambda: other.register_key(
            MALLORY,
            request.quote,
            request.platform_id,
            request.block,
            request.deadline,
            request.pop,
        )
    )
    expected = binding(stage.chain.chain_id, other.address, enclave.address, block_hash)
    assert reason == ReportData(found=found, expected=expected)
    assert other.binding_of(enclave.address, block_hash) == expected

    earlier = dataclasses.replace(request, block=request.block - 1)
    assert isinstance(refused(lambda: stage.send(earlier)), ReportData)

    bound = binding(1, stage.registry.address, enclave.address, block_hash)
    elsewhere = stage.request(enclave, patches={600: bound})
    reason = refused(lambda: stage.send(elsewhere))
    assert isinstance(reason, ReportData)
    assert reason.found == bound

    future = dataclasses.replace(request, block=request.block + 1000)
    assert refused(lambda: stage.send(future)) == ChallengeUnknown(number=future.block)


def test_old_challenge_is_refused(stage: Stage) -> None:
    request = stage.request(Enclave())
    head = stage.chain.block().number
    for _ in range(request.block + 257 - head):
        stage.chain._node.ask("evm_mine", [])
    assert refused(lambda: stage.send(request)) == ChallengeUnknown(number=request.block)


def test_key_is_registered_once(stage: Stage) -> None:
    enclave = stage.registered()
    again = stage.request(enclave)
    assert refused(lambda: stage.send(again)) == KeyAlreadyRegistered(key=enclave.address)


# --- quotes of the simulator


def simulated_quote(stage: Stage, enclave: Enclave, issuer: TdxIssuer, number: int) -> bytes:
    report_data = key_report_data(
        enclave.address,
        chain_id=stage.chain.chain_id,
        registry=stage.registry.address,
        challenge=stage.chain.block(number).hash,
    )
    sample = QuotePrefix(report_data=bytes(64))
    return issuer.quote(mrtd=sample.mrtd, rtmrs=sample.rtmrs, report_data=report_data)[:1252]


def test_simulators_quote_registers(stage: Stage) -> None:
    authority = IntelAuthority(Seed.random(), datetime.now(UTC))
    numbers = authority.pck.key.public_key().public_numbers()
    x, y = (value.to_bytes(32, "big") for value in (numbers.x, numbers.y))
    ppid = authority.platform.ppid
    stage.govern("registerPlatform", x, y, ppid, stage.chain.block().time_s + 9 * DAY_S, False)
    stage.simulated, before = (
        stage.registry.platform_id_of(x, y, ppid, False),
        stage.simulated,
    )
    try:
        enclave = Enclave()
        number = stage.chain.block().number
        quote = simulated_quote(stage, enclave, TdxIssuer(authority), number)
        assert quote[632:636] != bytes(4)
        request = stage.request(enclave, hardware=False, quote=quote)
        stage.send(dataclasses.replace(request, block=number))
        assert stage.verify(enclave.answer()) == (enclave.address, False)

        other = TdxIssuer(IntelAuthority(Seed.random(), datetime.now(UTC)))
        stranger = Enclave()
        number = stage.chain.block().number
        forged = simulated_quote(stage, stranger, other, number)
        request = stage.request(stranger, hardware=False, quote=forged)
        attempt = dataclasses.replace(request, block=number)
        assert refused(lambda: stage.send(attempt)) == QeSignature()
    finally:
        stage.simulated = before


@pytest.mark.skipif(not SAMPLES, reason="VERIFIABLE_TEE_SAMPLES names no folder of real evidence")
def test_real_quote_is_refused_only_for_what_it_binds(stage: Stage) -> None:
    """Layout, module, quoting enclave and signature of a real machine's quote all pass."""
    data = (Path(SAMPLES) / "tdx" / "dcapqvl_tdx_v4.quote").read_bytes()
    quote = data[:1252]
    assert quote[:2] == b"\x04\x00"
    request = stage.request(Enclave(), quote=quote)
    assert refused(lambda: stage.send(request)) == NotKeyQuote(tag=quote[588:600])
    for place in (640, 700, 1100, 200):  # signature, key, what vouches for it, MRTD
        spoiled = bytearray(quote)
        spoiled[place] ^= 1
        attempt = dataclasses.replace(request, quote=bytes(spoiled))
        reason = refused(lambda attempt=attempt: stage.send(attempt))
        assert reason in (QuoteSignature(), QeBinding())


# --- at use


def test_signed_message_is_the_off_chain_one(stage: Stage) -> None:
    statement = Statement(
        program_root=PROGRAM, input_root=INPUT, output_root=OUTPUT, context=CONTEXT
    )
    assert offchain_digest(statement) == inference_digest()
    enclave = stage.registered()
    signature = signed(enclave.key, offchain_digest(statement))
    assert stage.verify(signature) == (enclave.address, True)
    bound = offchain_digest(
        statement, chain_id=stage.chain.chain_id, registry=stage.registry.address
    )
    reason = refused(lambda: stage.verify(signed(enclave.key, bound)))
    assert isinstance(reason, KeyNotValid)
    assert reason.fault is Fault.UNKNOWN


def test_answers_of_others_and_to_others_are_refused(stage: Stage) -> None:
    enclave, stranger = stage.registered(), Enclave()
    assert refused(lambda: stage.verify(stranger.answer())) == KeyNotValid(
        key=stranger.address, fault=Fault.UNKNOWN
    )
    for part in ("input_root", "output", "context"):
        answer = enclave.answer(**{part: bytes(32)})
        assert isinstance(refused(lambda answer=answer: stage.verify(answer)), KeyNotValid)
    assert refused(lambda: stage.verify(twin(enclave.answer()))) == SignatureNotCanonical()
    other = enclave.answer(program=OTHER_PROGRAM)
    assert refused(lambda: stage.verify(other, OTHER_PROGRAM)) == WrongProgram(
        key=enclave.address, program_root=PROGRAM
    )


def test_everything_is_looked_at_again(open_node: Chain) -> None:
    """Each thing that a key rests on is taken away, and comes back for others only."""
    stage = Stage(open_node, dataclasses.replace(TERMS, delay_s=HOUR_S + 1))
    registry = stage.registry

    def fault_after(change) -> Fault:
        enclave = stage.registered()
        answer = enclave.answer()
        assert stage.verify(answer) == (enclave.address, True)
        change(enclave)
        reason = refused(lambda: stage.verify(answer))
        assert isinstance(reason, KeyNotValid)
        assert registry.fault_of(enclave.address) is reason.fault
        return reason.fault

    assert fault_after(lambda key: registry.revoke_key(OWNER, key.address)) is Fault.REVOKED
    assert fault_after(lambda _: stage.pass_time(7 * DAY_S + 5)) is Fault.EXPIRED
    assert fault_after(lambda _: registry.drop_workload(OWNER, stage.workload)) is (
        Fault.WORKLOAD_DROPPED
    )
    stage.govern("setWorkload", stage.workload, PROGRAM)
    assert fault_after(lambda _: stage.govern("setWorkload", stage.workload, OTHER_PROGRAM)) is (
        Fault.WORKLOAD_DROPPED
    )
    stage.govern("setWorkload", stage.workload, PROGRAM)
    assert fault_after(lambda _: registry.drop_features(OWNER, FEATURES)) is Fault.FEATURES_DROPPED
    stage.govern("allowFeatures", FEATURES)
    assert fault_after(lambda _: registry.raise_minimum(OWNER, TERMS.svn, 9)) is (
        Fault.QE_SVN_TOO_LOW
    )
    stage.govern("setMinimum", TERMS.svn, TERMS.qe_svn)
    higher = bytes((SVN[0] + 1,)) + SVN[1:]
    assert fault_after(lambda _: registry.raise_minimum(OWNER, higher, 6)) is Fault.SVN_TOO_LOW
    stage.govern("setMinimum", TERMS.svn, TERMS.qe_svn)

    def shorten(_: Enclave) -> None:
        until = stage.chain.block().time_s + HOUR_S + 100
        stage.govern("registerPlatform", *stage.pck, PPID, until, True)
        stage.pass_time(200)

    assert fault_after(shorten) is Fault.PLATFORM_EXPIRED
    stage.govern("registerPlatform", *stage.pck, PPID, stage.chain.block().time_s + 9 * DAY_S, True)
    assert fault_after(lambda _: registry.revoke_platform(OWNER, stage.hardware)) is (
        Fault.PLATFORM_REVOKED
    )


def test_anyone_invalidates_what_counts_no_more(stage: Stage) -> None:
    registry = stage.registry
    enclave = stage.registered()
    assert refused(lambda: registry.invalidate(MALLORY, enclave.address)) == KeyStillValid(
        key=enclave.address
    )
    stranger = Enclave().address
    assert refused(lambda: registry.invalidate(MALLORY, stranger)) == UnknownKey(key=stranger)
    (event,) = registry.events_in(registry.raise_minimum(OWNER, TERMS.svn, 9))
    assert event == MinimumSet(log=event.log, svn=TERMS.svn, qe_svn=9)
    (event,) = registry.events_in(registry.invalidate(MALLORY, enclave.address))
    assert event == KeyRevoked(log=event.log, key=enclave.address, fault=Fault.QE_SVN_TOO_LOW)
    stage.govern("setMinimum", TERMS.svn, TERMS.qe_svn)
    assert registry.fault_of(enclave.address) is Fault.REVOKED, "it came back"


# --- governance


def test_trust_is_announced(stage: Stage) -> None:
    registry = stage.registry
    workload = keccak(b"a workload of tomorrow")
    action = registry.action("setWorkload", workload, PROGRAM)
    id_ = keccak(action)
    assert refused(lambda: registry.set_workload(OWNER, workload, PROGRAM)) == NotScheduled(id=id_)
    assert refused(lambda: registry.schedule(MALLORY, action)) == NotOwner(caller=MALLORY.address)
    (event,) = registry.events_in(registry.schedule(OWNER, action))
    assert event == ActionScheduled(
        log=event.log, id=id_, action=action, ready_at=registry.ready_at(id_)
    )
    assert event.ready_at == stage.chain.block().time_s + HOUR_S
    assert refused(lambda: registry.schedule(OWNER, action)) == AlreadyScheduled(id=id_)
    assert refused(lambda: registry.set_workload(OWNER, workload, PROGRAM)) == TooEarly(
        id=id_, ready_at=event.ready_at
    )
    stage.pass_time(HOUR_S)
    said = registry.events_in(registry.set_workload(OWNER, workload, PROGRAM))
    assert [type(item) for item in said] == [ActionExecuted, WorkloadSet]
    assert registry.workload_of(workload) == (PROGRAM, said[1].grant)
    assert registry.ready_at(id_) == 0


def test_announcement_is_taken_back(stage: Stage) -> None:
    registry = stage.registry
    action = registry.action("setMinimum", bytes(16), 0)
    registry.schedule(OWNER, action)
    registry.cancel(OWNER, keccak(action))
    stage.pass_time(HOUR_S)
    assert refused(lambda: registry.set_minimum(OWNER, bytes(16), 0)) == NotScheduled(
        id=keccak(action)
    )


def test_owner_changes_in_two_steps(open_node: Chain) -> None:
    terms = dataclasses.replace(TERMS, delay_s=HOUR_S, qe_svn=1)
    registry = AttestationRegistry.deploy(open_node, OWNER, terms)
    registry.schedule(OWNER, registry.action("transferOwnership", MALLORY.address))
    open_node._node.ask("evm_setNextBlockTimestamp", [open_node.block().time_s + HOUR_S + 1])
    registry.transfer_ownership(OWNER, MALLORY.address)
    assert (registry.owner(), registry.pending_owner()) == (OWNER.address, MALLORY.address)
    registry.accept_ownership(MALLORY)
    assert (registry.owner(), registry.pending_owner()) == (MALLORY.address, bytes(20))


def test_platform_is_read_back(stage: Stage) -> None:
    admission, number, key = stage.registry.platform_of(stage.simulated)
    assert number > 0
    assert (key.x, key.y) == stage.pck
    assert (admission.ppid, admission.hardware, admission.revoked) == (PPID, False, False)


def test_domain_is_the_one_that_is_signed(stage: Stage) -> None:
    domain = keccak(
        keccak(
            b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
        )
        + keccak(b"verifiable/tee")
        + keccak(b"1")
        + stage.chain.chain_id.to_bytes(32, "big")
        + bytes(12)
        + stage.registry.address
    )
    assert stage.registry.domain_separator() == domain


def test_errors_of_others_are_not_the_registrys() -> None:
    assert error_of(Reverted("x", name="Error", arguments={"message": "no"})) is None
    assert error_of(Reverted("x")) is None


def test_fault_of_another_release_is_no_fault(stage: Stage) -> None:
    with pytest.raises(ChainError) as caught:
        error_of(
            Reverted(
                "x",
                name="AttestationRegistry_KeyNotValid",
                arguments={"key": bytes(20), "fault": 10},
            )
        )
    assert caught.value.code == "undecodable"


# --- gas


def test_gas_is_within_the_bars(stage: Stage) -> None:
    enclave = Enclave()
    assert stage.send(stage.request(enclave)).gas_used <= 150_000
    receipt = stage.registry.contract.send(
        MALLORY, "verifyInference", PROGRAM, INPUT, OUTPUT, CONTEXT, enclave.answer()
    )
    assert receipt.gas_used <= 40_000
