"""Cheating parties: one for each check of the ezkl backend, with an honest control beside it."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from ezkl_samples import ALLOWING, CONTEXT, Proven

from verifiable import api
from verifiable.backends.base import Judgement, Key
from verifiable.backends.ezkl import verify as verify_module
from verifiable.backends.ezkl.backend import EzklBackend
from verifiable.backends.ezkl.child import Ending
from verifiable.backends.ezkl.format import EZKL_VERSION, EzklKey, Payload
from verifiable.backends.ezkl.verify import EZKL_CHECKS
from verifiable.cache import Cache
from verifiable.errors import Cancelled, MalformedProof, VerificationError
from verifiable.progress import Cancellation
from verifiable.statement.policy import Policy
from verifiable.verification import evaluate, verify


@pytest.fixture
def backend(ezkl_cache: Path) -> EzklBackend:
    return EzklBackend(cache_dir=ezkl_cache)


def judge(
    backend: EzklBackend,
    case: Proven,
    *,
    payload: Payload | bytes | None = None,
    key: Key | str | None = "own",
    policy: Policy = ALLOWING,
    **changed: object,
) -> Judgement:
    data = case.proof.payload
    if payload is not None:
        data = payload if isinstance(payload, bytes) else payload.encode()
    known = {"inputs": case.trace.inputs, "outputs": case.proof.outputs, **changed}
    statement = replace(case.statement, context=known.pop("context", case.statement.context))
    proof = replace(
        case.proof,
        payload=data,
        statement=statement,
        visibility=known.pop("visibility", case.proof.visibility),
        backend_version=known.pop("backend_version", case.proof.backend_version),
    )
    return backend.judge(
        proof,
        case.proof.program,
        known["inputs"],
        known["outputs"],
        case.key if key == "own" else key,
        policy,
        case.program,
    )


def codes(judgement: Judgement) -> dict[str, str]:
    """Codes of the checks that are not ok; skipped ones are left out."""
    return {c.id: c.code for c in judgement.checks if not c.ok and c.status != "skipped"}


def payload_of(case: Proven, **changes: object) -> Payload:
    return replace(Payload.decode(case.proof.payload), **changes)


def key_with(case: Proven, **changes: object) -> Key:
    return replace(EzklKey.from_fields(case.key.fields), **changes).to_key()


@pytest.mark.parametrize("name", ["proven", "hashed", "other_program"])
def test_an_honest_proof_passes_every_check(
    name: str, backend: EzklBackend, request: pytest.FixtureRequest
) -> None:
    judgement = judge(backend, request.getfixturevalue(name))
    assert [c.id for c in judgement.checks] == [spec.id for spec in EZKL_CHECKS]
    assert [c.status for c in judgement.checks] == ["ok"] * len(EZKL_CHECKS)


def test_ez_1_refuses_a_payload_of_another_format(backend: EzklBackend, proven: Proven) -> None:
    with pytest.raises(MalformedProof) as caught:
        judge(backend, proven, payload=b"\x00" + proven.proof.payload[1:])
    assert caught.value.code == "payload-magic"


def test_ez_2_refuses_another_version_of_ezkl(backend: EzklBackend, proven: Proven) -> None:
    old = judge(backend, proven, payload=payload_of(proven, ezkl_version="22.0.0"))
    assert codes(old) == {"EZ-2": "wrong-ezkl-version"}
    # A lock of another release does not make its version acceptable.
    both = judge(
        backend,
        proven,
        payload=payload_of(proven, ezkl_version="22.0.0"),
        key=key_with(proven, ezkl_version="22.0.0"),
    )
    assert codes(both) == {"EZ-2": "wrong-ezkl-version"}


def test_ez_2_refuses_a_proof_file_that_says_another_version(
    backend: EzklBackend, proven: Proven
) -> None:
    # Policies compare what the file says.
    for lie in ("99.1", "22.0.0", "23.0", "23.0.5.0"):
        judgement = judge(backend, proven, backend_version=lie)
        assert codes(judgement) == {"EZ-2": "wrong-ezkl-version"}
    assert judge(backend, proven).verified_version == EZKL_VERSION


def test_ez_3_refuses_the_key_of_another_model(
    backend: EzklBackend, proven: Proven, other_program: Proven
) -> None:
    # A true proof, of a model of the same shape whose weights the prover chose.
    swapped = judge(backend, other_program, key=proven.key)
    assert codes(swapped) == {"EZ-3": "wrong-verification-key"}
    assert codes(judge(backend, other_program)) == {}


def test_ez_3_refuses_trailing_bytes_of_the_key(backend: EzklBackend, proven: Proven) -> None:
    # ezkl itself ignores them.
    longer = payload_of(proven, vk=Payload.decode(proven.proof.payload).vk + b"\x00")
    assert codes(judge(backend, proven, payload=longer)) == {"EZ-3": "wrong-verification-key"}


def test_ez_4_refuses_changed_settings(backend: EzklBackend, proven: Proven) -> None:
    settings = Payload.decode(proven.proof.payload).settings
    changed = settings.replace(b'"timestamp":0', b'"timestamp":1')  # ezkl does not look at it
    assert changed != settings
    judgement = judge(backend, proven, payload=payload_of(proven, settings=changed))
    assert codes(judgement) == {"EZ-4": "wrong-settings"}


def test_ez_5_refuses_another_reference_string(
    backend: EzklBackend, proven: Proven, tmp_path: Path
) -> None:
    point = bytearray(Payload.decode(proven.proof.payload).s_g2)
    point[0] ^= 1
    judgement = judge(backend, proven, payload=payload_of(proven, s_g2=bytes(point)))
    assert codes(judgement) == {"EZ-5": "wrong-srs"}


def test_ez_6_refuses_a_local_setup_unless_the_policy_allows_it(
    backend: EzklBackend, proven: Proven, tmp_path: Path
) -> None:
    judgement = judge(backend, proven, policy=Policy())
    assert codes(judgement) == {"EZ-6": "insecure-setup"}
    assert "generated on this machine" in {c.found for c in judgement.checks}
    stranger = judge(EzklBackend(cache_dir=tmp_path), proven, policy=Policy())
    assert codes(stranger) == {"EZ-6": "insecure-setup"}
    assert "of unknown origin" in {c.found for c in stranger.checks}
    for other in ("simulated_tee", "local_chain"):
        weak = Policy(allow_insecure=frozenset({other}))
        assert codes(judge(backend, proven, policy=weak)) == {"EZ-6": "insecure-setup"}
    assert codes(judge(backend, proven)) == {}


def test_ez_6_accepts_the_ceremony_without_any_allowance(ezkl_cache: Path, proven: Proven) -> None:
    # A stand-in list names the generated file: the ceremony's own files are not at hand.
    point = Payload.decode(proven.proof.payload).s_g2
    files = [e.folder / "kzg.srs" for e in Cache(ezkl_cache).entries() if e.kind == "ezkl-srs"]
    (file,) = [path for path in files if path.read_bytes().endswith(point)]
    listed = {1: hashlib.sha256(file.read_bytes()).hexdigest()}
    believing = EzklBackend(cache_dir=ezkl_cache, listed_srs=listed)
    judgement = judge(believing, proven, policy=Policy())
    assert codes(judgement) == {}
    assert not any("can forge" in sentence for sentence in judgement.does_not_establish)
    stranger = EzklBackend(cache_dir=ezkl_cache, listed_srs={1: "0" * 64})
    assert codes(judge(stranger, proven, policy=Policy())) == {"EZ-6": "insecure-setup"}


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_ez_6_believes_nothing_of_a_cache_that_others_may_write_to(
    proven: Proven, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    judgement = judge(EzklBackend(cache_dir=tmp_path), proven, policy=Policy())
    assert codes(judgement) == {"EZ-6": "insecure-setup"}
    assert any("others may write" in check.found for check in judgement.checks)


def test_ez_7_refuses_the_other_visibility(
    backend: EzklBackend, proven: Proven, hashed: Proven
) -> None:
    assert codes(judge(backend, proven, visibility="hashed")) == {"EZ-7": "wrong-visibility"}
    assert codes(judge(backend, hashed, visibility="public")) == {"EZ-7": "wrong-visibility"}
    # The payload of the other visibility too: that is no other circuit, and must not be called so.
    for case, other in ((proven, hashed), (hashed, proven)):
        judgement = judge(
            backend,
            case,
            payload=Payload.decode(other.proof.payload),
            visibility=other.proof.visibility,
        )
        failed = [check for check in judgement.checks if check.status == "failed"]
        assert failed[0].id == "EZ-7"
        assert {"EZ-3", "EZ-4"} < {check.id for check in failed}


def test_ez_8_refuses_to_claim_more_soundness_than_there_is(
    backend: EzklBackend, proven: Proven
) -> None:
    demanding = replace(ALLOWING, minimum_soundness_bits=128)
    assert codes(judge(backend, proven, policy=demanding)) == {"EZ-8": "soundness-too-low"}
    satisfied = replace(ALLOWING, minimum_soundness_bits=100)
    assert codes(judge(backend, proven, policy=satisfied)) == {}


@pytest.mark.parametrize("name", ["proven", "hashed"])
def test_ez_9_refuses_other_inputs_outputs_and_contexts(
    name: str, backend: EzklBackend, request: pytest.FixtureRequest
) -> None:
    case = request.getfixturevalue(name)
    other_input = (case.trace.inputs[0] + np.array([[1, 0, 0, 0, 0]]),)
    other_output = (case.proof.outputs[0] + np.array([[0, 0, 1]]),)
    rejected = {"EZ-9": "proof-rejected"}
    assert codes(judge(backend, case, inputs=other_input)) == rejected
    assert codes(judge(backend, case, outputs=other_output)) == rejected
    for context in (bytes(32), CONTEXT[::-1], CONTEXT[:31] + b"\x00"):
        assert codes(judge(backend, case, context=context)) == rejected
    assert codes(judge(backend, case)) == {}


def test_ez_10_refuses_bytes_after_the_proof(backend: EzklBackend, proven: Proven) -> None:
    proof = Payload.decode(proven.proof.payload).proof
    for tail in (b"\x00", b"\xff" * 32, proof):
        longer = payload_of(proven, proof=proof + tail)
        assert codes(judge(backend, proven, payload=longer)) == {"EZ-10": "wrong-proof-length"}


def test_ez_10_refuses_a_proof_that_was_cut(backend: EzklBackend, proven: Proven) -> None:
    proof = Payload.decode(proven.proof.payload).proof
    for count in (1, 32, len(proof) - 1):
        shorter = payload_of(proven, proof=proof[:-count])
        assert codes(judge(backend, proven, payload=shorter)) == {"EZ-10": "wrong-proof-length"}


def test_ez_9_refuses_any_changed_byte_of_the_proof(backend: EzklBackend, proven: Proven) -> None:
    proof = Payload.decode(proven.proof.payload).proof
    rng = np.random.default_rng(5)
    positions = {0, len(proof) - 1, *rng.integers(0, len(proof), 8).tolist()}
    for position in positions:
        changed = bytearray(proof)
        changed[position] ^= 1 << int(rng.integers(8))
        judgement = judge(backend, proven, payload=payload_of(proven, proof=bytes(changed)))
        assert codes(judgement) == {"EZ-9": "proof-rejected"}, position


def test_ez_9_refuses_the_proof_of_another_input(
    backend: EzklBackend, proven: Proven, other_program: Proven
) -> None:
    proof = Payload.decode(other_program.proof.payload).proof
    judgement = judge(backend, proven, payload=payload_of(proven, proof=proof))
    assert codes(judgement) == {"EZ-9": "proof-rejected"}


def test_an_interrupt_during_ez_9_is_no_verdict(
    proven: Proven, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*words: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(verify_module, "run_child", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(proven.proof, ALLOWING, program=proven.program, keys={"ezkl": proven.key})


def test_cancelling_during_ez_9_is_no_verdict(
    proven: Proven, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel = Cancellation()
    genuine = verify_module.run_child

    def cancelled(*words: object, **more: object) -> Ending:
        cancel.cancel()
        return genuine(*words, **more)

    known = {"policy": ALLOWING, "program": proven.program, "keys": {"ezkl": proven.key}}
    assert api.evaluate(proven.proof, cancel=cancel, **known).outcome == "proven"
    monkeypatch.setattr(verify_module, "run_child", cancelled)
    with pytest.raises(Cancelled):
        api.evaluate(proven.proof, cancel=cancel, **known)


@pytest.mark.parametrize("status", ["storage", "killed", "timeout"])
def test_trouble_of_the_verifiers_machine_decides_nothing(
    status: str, backend: EzklBackend, proven: Proven, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = Ending(status=status, message="no space")
    monkeypatch.setattr(verify_module, "run_child", lambda *words, **more: ending)
    judgement = judge(backend, proven)
    assert codes(judgement) == {"EZ-9": "verifier-stopped"}
    assert judgement.checks[-1].status == "undecided"


def test_ez_9_a_full_disk_of_the_verifier_decides_nothing(
    backend: EzklBackend, proven: Proven, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    judgement = judge(backend, proven)
    assert codes(judgement) == {"EZ-9": "verifier-stopped"}
    assert judgement.checks[-1].status == "undecided"


WITH_A_KEY = ("EZ-3", "EZ-4", "EZ-5", "EZ-7", "EZ-10")


def test_without_a_key_nothing_is_decided(backend: EzklBackend, proven: Proven) -> None:
    judgement = judge(backend, proven, key=None)
    assert codes(judgement) == dict.fromkeys(WITH_A_KEY, "no-ezkl-key")
    assert judgement.checks[-1].status == "skipped"


@pytest.mark.parametrize("check", WITH_A_KEY)
def test_a_check_that_needs_a_key_is_undecided_without(
    backend: EzklBackend, proven: Proven, check: str
) -> None:
    judgement = judge(backend, proven, key=None)
    (found,) = (item for item in judgement.checks if item.id == check)
    assert (found.status, found.code) == ("undecided", "no-ezkl-key")


def test_ez_9_without_the_input_a_hashed_proof_is_undecided(
    backend: EzklBackend, hashed: Proven
) -> None:
    judgement = judge(backend, hashed, inputs=None)
    assert codes(judgement) == {"EZ-9": "values-missing"}
    assert judgement.checks[-1].status == "undecided"


def test_every_check_has_a_cheating_party_of_its_name() -> None:
    tests = [name for name in globals() if name.startswith("test_ez_")]
    for spec in EZKL_CHECKS:
        prefix = f"test_{spec.id.lower().replace('-', '_')}_"
        assert any(name.startswith(prefix) for name in tests), spec.id


# -- the payload, part by part -------------------------------------------------------------------

TAMPERINGS = {
    "ezkl_version": {"22.0.0": "wrong-ezkl-version"},
    "s_g2": {bytes(128): "wrong-srs"},
    "proof": {bytes(64): "wrong-proof-length"},
    "settings": {b"{}": "wrong-settings"},
    "vk": {bytes(64): "wrong-verification-key"},
}


def test_the_manifest_names_every_part_of_the_payload() -> None:
    assert set(TAMPERINGS) == {item.name for item in fields(Payload)}


@pytest.mark.parametrize("part", TAMPERINGS)
def test_a_tampered_part_is_refused_with_its_code(
    part: str, backend: EzklBackend, proven: Proven
) -> None:
    for value, code in TAMPERINGS[part].items():
        judgement = judge(backend, proven, payload=payload_of(proven, **{part: value}))
        assert list(codes(judgement).values()) == [code]


# -- through the front door ----------------------------------------------------------------------


def test_a_whole_proof_is_verified_by_policy_and_key(
    proven: Proven, monkeypatch: pytest.MonkeyPatch, ezkl_cache: Path
) -> None:
    monkeypatch.setenv("VERIFIABLE_CACHE_DIR", str(ezkl_cache))
    keys = {"ezkl": proven.key}
    verdict = verify(proven.proof.encode(), ALLOWING, program=proven.program, keys=keys)
    assert verdict.outcome == "proven"
    assert np.array_equal(verdict.outputs["y"], proven.proof.outputs[0])
    with pytest.raises(VerificationError) as caught:
        verify(proven.proof.encode(), Policy(), program=proven.program, keys=keys)
    assert caught.value.code == "insecure-setup"


def test_a_replay_under_another_context_is_not_proven(proven: Proven) -> None:
    replayed = replace(proven.proof, statement=replace(proven.statement, context=bytes(32)))
    verdict = evaluate(replayed, ALLOWING, program=proven.program, keys={"ezkl": proven.key})
    assert verdict.outcome == "not_proven"
    assert [c.code for c in verdict.checks if c.id == "EZ-9"] == ["proof-rejected"]
