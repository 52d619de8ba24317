"""The backend through policy, verification and the public verbs: what counts, and what is said."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from handmade_proofs import (
    AT,
    CONTEXT,
    NONCE,
    key_payload,
    program,
    proof_with,
    statement,
    statement_payload,
    trace,
)

from verifiable import api
from verifiable.attestations import attested, root_digest
from verifiable.backends.base import Options, TimedJudge
from verifiable.backends.registry import get_backend
from verifiable.backends.tee.backend import KINDS, TeeBackend
from verifiable.backends.tee.format import Payload
from verifiable.backends.tee.simulator import builtin
from verifiable.cli.main import main
from verifiable.errors import (
    InvalidInput,
    MalformedFile,
    MalformedProof,
    MissingDependency,
    ProvingError,
    SetupError,
    Undecided,
    VerificationError,
)
from verifiable.program.onnx_file import save_program
from verifiable.statement.attestation import AttestationPolicy
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.tensors import salted_root
from verifiable.statement.verdict import Verdict
from verifiable.verification import evaluate as judge

MODES = pytest.mark.parametrize("payload", [statement_payload, key_payload])


def evaluated(proof: Proof, **others: Any) -> Verdict:
    """Judge with the simulator allowed, unless the test says otherwise."""
    given = {"program": program(), "now": AT, "nonce": NONCE, "allow_simulated": True}
    return api.evaluate(proof, **given | others)


def codes(verdict: Verdict) -> dict[str, str]:
    return {check.id: check.code for check in verdict.checks if check.status == "failed"}


@MODES
def test_an_honest_proof_is_proven_and_marked(payload: Callable[[], Payload]) -> None:
    verdict = evaluated(proof_with(payload()))
    assert verdict.outcome == "proven", verdict.failed
    assert verdict.assurance == "simulated"
    assert verdict.to_json()["assurance"] == "simulated"
    assert verdict.establishes
    assert all(sentence.startswith("SIMULATED: ") for sentence in verdict.establishes)
    assert all("SIMULATED" in line for line in verdict.details)
    assert any("that any enclave existed" in line for line in verdict.does_not_establish)
    assert verdict.outputs is not None
    assert verdict.inputs is not None
    text = json.dumps(verdict.to_json())
    assert "freshness: made for the verifier's nonce" in text


def test_no_policy_accepts_it_by_itself() -> None:
    verdict = evaluated(proof_with(statement_payload()), allow_simulated=False)
    assert codes(verdict) == {"ST-2": "backend-not-accepted"}
    accepted = evaluated(
        proof_with(statement_payload()),
        allow_simulated=False,
        policy=Policy(backends={"tee": None}),
    )
    assert codes(accepted)["TEE-2"] == "simulated-evidence"
    assert accepted.outcome == "not_proven"
    assert accepted.failed[0].id == "TEE-2"


def test_hardware_can_be_demanded() -> None:
    proof = proof_with(statement_payload())
    hardware = evaluated(proof, policy=Policy(assurance="hardware"))
    assert codes(hardware) == {"TEE-2": "assurance-not-met"}
    assert evaluated(proof, policy=Policy(assurance="simulated")).outcome == "proven"
    unknown = evaluated(proof, policy=Policy(assurance="quantum"))
    assert codes(unknown) == {"ST-13": "policy-not-enforced"}


def test_without_a_time_it_is_undecided() -> None:
    proof = proof_with(statement_payload())
    verdict = evaluated(proof, now=None)
    assert verdict.outcome == "undecided"
    assert next(check.code for check in verdict.checks if check.id == "TEE-3") == "time-needed"
    with pytest.raises(Undecided) as caught:
        api.verify(proof, program=program(), allow_simulated=True)
    assert caught.value.code == "time-needed"


def test_dates_count_at_the_time_of_judging() -> None:
    proof = proof_with(statement_payload())
    for now in (AT + timedelta(days=31), AT - timedelta(days=1)):
        assert "TEE-3" in codes(evaluated(proof, now=now))


@MODES
def test_without_a_nonce_the_verdict_says_that_nothing_is_fresh(
    payload: Callable[[], Payload],
) -> None:
    verdict = evaluated(proof_with(payload()), nonce=None)
    assert verdict.outcome == "proven"
    assert any("freshness: none" in line for line in verdict.does_not_establish)
    assert any("freshness: none" in line for line in verdict.details)
    demands = AttestationPolicy(require_nonce=True)
    refused = evaluated(proof_with(payload()), nonce=None, policy=Policy(attestation=demands))
    assert codes(refused) == {"TEE-14": "nonce-needed"}
    aged = evaluated(proof_with(payload()), nonce=None, policy=Policy(maximum_age_s=60))
    assert codes(aged) == {"TEE-14": "nonce-needed"}
    assert evaluated(proof_with(payload()), policy=Policy(maximum_age_s=60)).outcome == "proven"


@MODES
def test_another_nonce_is_refused(payload: Callable[[], Payload]) -> None:
    with pytest.raises(VerificationError) as caught:
        api.verify(
            proof_with(payload()),
            program=program(),
            now=AT,
            nonce=bytes(32),
            allow_simulated=True,
        )
    assert caught.value.code == "nonce-mismatch"


@MODES
@pytest.mark.parametrize("field", ["output_root", "context", "input_root"])
def test_the_evidence_is_of_no_other_statement(payload: Callable[[], Payload], field: str) -> None:
    """Values and roots fit each other, so only the evidence can tell."""
    made = trace()
    members: dict[str, Any] = {"statement": replace(statement(), context=bytes(32))}
    if field == "output_root":
        outputs = tuple(np.where(item == 0, 1, 0).astype(np.int64) for item in proof_outputs())
        members = _stating(made.inputs, outputs)
    elif field == "input_root":
        inputs = tuple(np.zeros_like(item) for item in made.inputs)
        members = _stating(inputs, proof_outputs())
    proof = proof_with(payload(), **members)
    expected = "TEE-12" if payload is statement_payload else "TEE-15"
    assert set(codes(evaluated(proof))) == {expected}


def proof_outputs() -> tuple[Any, ...]:
    return tuple(trace().outputs[spec.name] for spec in program().outputs)


def _stating(inputs: tuple[Any, ...], outputs: tuple[Any, ...]) -> dict[str, Any]:
    from verifiable.statement.commitment import commit_program
    from verifiable.statement.statement import statement_of

    changed = statement_of(commit_program(program()), inputs, outputs, context=CONTEXT)
    return {"statement": changed, "inputs": inputs, "outputs": outputs}


def test_a_program_that_was_not_loaded_is_refused() -> None:
    other = builtin.rtmrs(b"\x77" * 32)
    verdict = evaluated(proof_with(statement_payload(rtmrs=other)))
    assert codes(verdict) == {"TEE-10": "wrong-measurement"}


def test_other_code_is_refused() -> None:
    verdict = evaluated(proof_with(statement_payload(mrtd=bytes(48))))
    assert codes(verdict) == {"TEE-10": "wrong-measurement"}


def test_the_version_is_bound() -> None:
    verdict = evaluated(proof_with(statement_payload(), backend_version="2.0.0"))
    assert codes(verdict) == {"ST-15": "backend-version-mismatch"}


def test_a_damaged_payload_is_no_proof() -> None:
    payload = statement_payload().encode()
    proof = replace(proof_with(statement_payload()), payload=payload[:-2] + b"\n")
    with pytest.raises(MalformedProof):
        evaluated(proof)


@MODES
def test_hidden_inputs_need_no_holder(payload: Callable[[], Payload]) -> None:
    proof = proof_with(payload(), visibility="hashed", inputs=None)
    verdict = evaluated(proof)
    assert verdict.outcome == "proven"
    assert verdict.inputs is None
    assert verdict.outputs is not None
    assert any("which input it was" in line for line in verdict.does_not_establish)
    assert trace().inputs[0].tobytes() not in proof.encode()
    own = {program().inputs[0].name: trace().inputs[0]}
    assert judge(proof, _accepting(), now=AT, program=program(), inputs=own).inputs is not None
    other = {name: np.zeros_like(values) for name, values in own.items()}
    refused = judge(proof, _accepting(), now=AT, program=program(), inputs=other)
    assert codes(refused)["ST-7"] == "input-mismatch"


def _accepting(**changes: Any) -> Policy:
    members = {"backends": {"tee": None}, "allow_insecure": frozenset(("simulated_tee",))}
    return Policy(**members | changes)


# keys


def test_the_key_follows_from_the_policy() -> None:
    verdict = judge(proof_with(statement_payload()), _accepting(), now=AT, program=program())
    assert verdict.outcome == "proven"
    assert not any("KEY-1" in line for line in verdict.does_not_establish)


def test_key_1_a_policy_that_accepts_no_code_gives_no_key() -> None:
    silent = _accepting(allow_insecure=frozenset())
    verdict = judge(proof_with(statement_payload()), silent, now=AT, program=program())
    key = next(check for check in verdict.checks if check.id == "KEY-1")
    assert (key.status, key.code) == ("undecided", "no-key")
    assert "reference values" in key.hint
    assert verdict.outcome != "proven"


def test_a_lock_pins_the_workloads(tmp_path: Path) -> None:
    lock = api.make_lock(program(), backends=["tee"])
    proof = proof_with(statement_payload())
    verdict = evaluated(proof, program=None, lock=lock)
    assert verdict.outcome == "proven"
    assert any("KEY-1" in line for line in verdict.does_not_establish)
    demands = AttestationPolicy(
        references=(replace_register(builtin.reference("tdx", statement().program_root)),)
    )
    other = api.make_lock(
        program(), backends=["tee"], policy=Policy(backends={"tee": None}, attestation=demands)
    )
    refused = evaluated(proof, program=None, lock=other)
    assert codes(refused) == {"TEE-1": "root-not-trusted", "TEE-10": "wrong-measurement"}


def replace_register(reference: Any) -> Any:
    return replace(reference, values={**reference.values, "mrtd": bytes(48)})


def test_a_lock_needs_accepted_code() -> None:
    with pytest.raises(SetupError) as caught:
        api.make_lock(program(), backends=["tee"], policy=Policy())
    assert caught.value.code == "no-reference-values"
    with pytest.raises(InvalidInput) as refused:
        api.make_lock(program(), backends=["gkr"], policy=Policy())
    assert refused.value.code == "unknown-option"


def test_a_key_of_another_program_is_no_help() -> None:
    backend = get_backend("tee")
    assert isinstance(backend, TimedJudge)
    other = backend.key_under(b"\x77" * 32, _accepting())
    assert other is not None
    verdict = evaluated(proof_with(statement_payload()), keys={"tee": other})
    assert codes(verdict) == {"TEE-10": "wrong-measurement"}


# what callers demand in one word


def test_demands_are_put_into_the_policy() -> None:
    proof = proof_with(statement_payload())
    root = builtin.authority(AT).root
    strict = Policy()
    assert attested(strict, proof) is strict
    allowed = attested(strict, proof, allow_simulated=True)
    assert "tee" in allowed.backends
    assert allowed.allow_insecure == {"simulated_tee"}
    named = attested(strict, proof, simulated_roots=[root.der], nonce=NONCE)
    assert named.attestation is not None
    assert named.attestation.nonce == NONCE
    assert named.attestation.simulated_roots == {root_digest(root.pem.encode())}
    assert named.allow_insecure == frozenset()


def test_a_root_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "root.der"
    path.write_bytes(builtin.authority(AT).root.der)
    proof = proof_with(statement_payload())
    verdict = evaluated(proof, allow_simulated=False, simulated_roots=[path])
    # a root is no reference value, also where it is the built-in one
    assert codes(verdict) == {"TEE-10": "no-reference-values"}
    demands = AttestationPolicy(references=(builtin.reference("tdx", statement().program_root),))
    verdict = evaluated(
        proof,
        policy=Policy(attestation=demands),
        allow_simulated=False,
        simulated_roots=path,
    )
    assert verdict.outcome == "proven"
    assert verdict.assurance == "simulated"
    path.write_bytes(b"no certificate")
    with pytest.raises(MalformedFile) as caught:
        evaluated(proof, simulated_roots=[path])
    assert caught.value.code == "bad-root-certificate"


def test_two_nonces_contradict_each_other() -> None:
    policy = Policy(attestation=AttestationPolicy(nonce=bytes(32)))
    with pytest.raises(InvalidInput) as caught:
        evaluated(proof_with(statement_payload()), policy=policy)
    assert caught.value.code == "two-nonces"


@pytest.mark.usefixtures("echo")
def test_a_nonce_is_for_attestations_alone() -> None:
    proof = replace(proof_with(statement_payload()), backend="echo")
    with pytest.raises(InvalidInput) as caught:
        api.evaluate(proof, nonce=NONCE)
    assert caught.value.code == "nothing-to-attest"
    demands = Policy(backends={"echo": None}, maximum_age_s=60, assurance="hardware")
    verdict = api.evaluate(proof, policy=demands, program=program(), derive_keys=False, now=AT)
    assert codes(verdict)["ST-13"] == "policy-not-enforced"


@pytest.mark.parametrize(
    ("name", "payload"), [("dcap_qvl", statement_payload), ("coincurve", key_payload)]
)
def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, payload: Callable[[], Payload]
) -> None:
    proof = proof_with(payload())
    monkeypatch.setitem(sys.modules, name, None)
    assert get_backend("tee").checks
    with pytest.raises(MissingDependency) as caught:
        evaluated(proof)
    assert "verifiable[tee]" in caught.value.hint


def test_the_command_says_simulated_in_every_form(tmp_path: Path) -> None:
    proof, file = tmp_path / "proof.json", tmp_path / "demo.program.onnx"
    proof.write_bytes(proof_with(key_payload()).encode())
    save_program(program(), file)
    arguments = ["verify", str(proof), "--program", str(file), "--at", "2026-03-01T12:00:00Z", "-q"]
    allowed = [*arguments, "--allow-simulated", "--nonce", NONCE.hex()]
    shown = CliRunner().invoke(main, allowed)
    assert shown.exit_code == 0, shown.output
    lines = shown.output.splitlines()
    assert lines[0].startswith("SIMULATED")
    assert lines[-1].startswith("PROVEN (SIMULATED): statement 0x")
    assert sum("SIMULATED" in line for line in lines) > 5
    told = json.loads(CliRunner().invoke(main, [*allowed, "--json"]).output)
    assert told["assurance"] == "simulated"
    assert all(line.startswith("SIMULATED: ") for line in told["establishes"])
    refused = CliRunner().invoke(main, [*arguments, "--json"])
    assert refused.exit_code == 1
    assert json.loads(refused.output)["establishes"] == []


# proving with the enclave process


@pytest.fixture(scope="module")
def raw() -> dict[str, Any]:
    """The inputs of the handmade proofs, in the units of the float model."""
    specs = zip(program().inputs, trace().inputs, strict=True)
    return {spec.name: (values - spec.zero_point) * spec.scale for spec, values in specs}


@pytest.mark.parametrize("mode", ["statement", "key"])
@pytest.mark.parametrize("kind", KINDS)
def test_prove_and_verify(raw: dict[str, Any], kind: str, mode: str) -> None:
    result = api.prove(
        program(), raw, backend="tee", tee_kind=kind, tee_mode=mode, nonce=NONCE, context=CONTEXT
    )
    payload = Payload.decode(result.proof.payload)
    assert (payload.mode, payload.evidence.kind) == (mode, kind)
    assert result.statement == statement()
    verdict = api.verify(
        result.proof,
        program=program(),
        allow_simulated=True,
        nonce=NONCE,
        now=datetime.now(UTC),
    )
    assert verdict.assurance == "simulated"
    later = evaluated(result.proof, now=payload.at + timedelta(days=31))
    assert later.outcome == "not_proven" or kind == "snp"  # that one has no dates of its own


def test_many_proofs_have_one_enclave_and_each_quote_is_its_own(raw: dict[str, Any]) -> None:
    inputs = [raw, {name: values * 0 for name, values in raw.items()}]
    proofs = [
        item.unwrap().proof
        for item in api.prove_many(program(), inputs, backend="tee", tee_mode="key")
    ]
    first, second = (Payload.decode(proof.payload) for proof in proofs)
    assert first.key == second.key
    assert first.evidence == second.evidence
    assert first.signature != second.signature
    swapped = replace(proofs[0], payload=proofs[1].payload)
    now = datetime.now(UTC)
    assert evaluated(proofs[0], nonce=None, now=now).outcome == "proven"
    assert set(codes(evaluated(swapped, nonce=None, now=now))) == {"TEE-15"}


def test_a_salt_hides_the_root_of_a_hidden_input(raw: dict[str, Any]) -> None:
    salt = b"\x05" * 32
    result = api.prove(
        program(), raw, backend="tee", visibility="hashed", salt=salt, context=CONTEXT
    )
    assert result.statement.input_root == salted_root(salt, statement().input_root)
    now = datetime.now(UTC)
    verdict = evaluated(result.proof, nonce=None, now=now)
    assert verdict.outcome == "proven"
    assert verdict.inputs is None
    with pytest.raises(InvalidInput) as caught:
        api.prove(program(), raw, backend="tee", salt=salt)
    assert caught.value.code == "salt-without-secret"


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"tee_kind": "sgx"}, "unknown-option"),
        ({"tee_mode": "both"}, "unknown-option"),
        ({"nonce": b"short"}, "bad-nonce-or-salt"),
        ({"nonce": "00" * 32}, "bad-nonce-or-salt"),
        ({"salt": bytes(31), "visibility": "hashed"}, "bad-nonce-or-salt"),
        ({"weights": "public"}, "unknown-option"),
    ],
)
def test_settings_are_checked(raw: dict[str, Any], settings: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        api.prove(program(), raw, backend="tee", **settings)
    assert caught.value.code == code


def test_no_other_backend_takes_them(raw: dict[str, Any]) -> None:
    for settings in ({"tee_kind": "tdx"}, {"tee_mode": "key"}, {"nonce": NONCE}):
        with pytest.raises(InvalidInput) as caught:
            api.prove(program(), raw, backend="gkr", **settings)
        assert caught.value.code == "unknown-option"


def test_a_dead_enclave_is_a_typed_error_and_the_next_has_another_key(
    raw: dict[str, Any],
) -> None:
    made = trace()
    backend = TeeBackend()
    options = Options(cache_dir=Path(), settings={"tee_mode": "key"})
    setup = backend.setup(program(), options)

    def prove() -> Payload:
        evidence = backend.prove(program(), made, statement(), setup, options)
        return Payload.decode(evidence.payload)

    first = prove()
    assert prove().key == first.key
    (enclave,) = backend._enclaves._running.values()
    os.kill(enclave.process.pid, signal.SIGKILL)
    keys = []
    for _ in range(3):  # the death is seen at once, or by the next request
        with suppress(ProvingError):
            keys.append(prove().key)
    assert len(keys) >= 2
    assert first.key not in keys
    assert len(set(keys)) == 1


def test_an_enclave_of_other_code_is_found_by_the_prover(
    monkeypatch: pytest.MonkeyPatch, raw: dict[str, Any]
) -> None:
    monkeypatch.setattr(builtin, "mrtd", lambda: bytes(48))
    with pytest.raises(ProvingError) as caught:
        api.prove(program(), raw, backend="tee")
    assert caught.value.code == "own-proof-refused"
    assert "TEE-10" in caught.value.where
