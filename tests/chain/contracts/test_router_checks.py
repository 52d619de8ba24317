"""Each guard of the router, of two doors and what passes them: real evidence, and cheats of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from attestation_kit import TERMS
from game_kit import ALICE, honest, lying, reject, small_program
from router_kit import CONTEXT, Scene, assertion, game_key_of, scene_on

from verifiable.backends.optimistic.format import Payload
from verifiable.chain.contracts.attestation_registry import AttestationRegistry
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.inference_verifier import Clause, Evidence, InferenceVerifier
from verifiable.chain.contracts.router_release import ROUTER, default_doors
from verifiable.chain.endpoint import open_chain
from verifiable.errors import Reverted
from verifiable.statement.hashing import keccak
from verifiable.statement.view import backend_selector

OTHER = keccak(b"another")
BOTH = (Clause(threshold=2, backends=("tee", "optimistic")),)
EITHER = (Clause(threshold=1, backends=("tee", "optimistic")),)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    with open_chain("local:") as chain, scene_on(chain) as made:
        yield made


@pytest.fixture(scope="module")
def record(scene: Scene) -> bytes:
    return scene.record(scene.keys)


def ask(
    scene: Scene,
    record: bytes,
    evidence: Evidence,
    *,
    simulated: bool = False,
    router: InferenceVerifier | None = None,
    **changes: Any,
) -> bytes:
    statement = replace(scene.execution.statement, **changes)
    asked = router or scene.router
    verify = asked.verify_simulated if simulated else asked.verify
    return verify(record, statement, evidence.backend, evidence.proof)


def refusal(*given: Any, **named: Any) -> tuple[str, dict[str, Any]]:
    """Why `ask` is refused; evidence that a development call would take is refused there too."""
    with pytest.raises(Reverted) as caught:
        ask(*given, **named)
    return caught.value.name, dict(caught.value.arguments)


def policy(scene: Scene, record: bytes, clauses: tuple[Clause, ...], *evidence: Evidence) -> bytes:
    return scene.router.verify_policy(record, scene.execution.statement, clauses, evidence)


def policy_refusal(*given: Any) -> tuple[str, dict[str, Any]]:
    with pytest.raises(Reverted) as caught:
        policy(*given)
    return caught.value.name, dict(caught.value.arguments)


# --- honest controls


def test_evidence_of_both_backends_shows_one_statement(scene: Scene, record: bytes) -> None:
    digest = scene.execution.statement.digest
    assert ask(scene, record, scene.by_game()) == digest
    assert ask(scene, record, scene.by_enclave()) == digest
    assert ask(scene, record, scene.by_game(), simulated=True) == digest
    assert policy(scene, record, BOTH, scene.by_game(), scene.by_enclave()) == digest
    assert policy(scene, record, EITHER, scene.by_game()) == digest


def test_a_transaction_verifies_too(scene: Scene, record: bytes) -> None:
    statement = scene.execution.statement
    one = scene.router.send(ALICE, record, statement, [scene.by_game()])
    both = [scene.by_enclave(), scene.by_game()]
    two = scene.router.send(ALICE, record, statement, both, any_of=BOTH)
    assert 21_000 < one.gas_used < two.gas_used
    assert one.logs == two.logs == ()
    with pytest.raises(Reverted):
        scene.router.send(ALICE, record, replace(statement, context=OTHER), [scene.by_game()])


def test_evidence_is_for_one_use(scene: Scene, record: bytes) -> None:
    assert scene.execution.statement.context == CONTEXT
    for evidence in (scene.by_game(), scene.by_enclave()):
        for name in ("input_root", "output_root", "context"):
            with pytest.raises(Reverted):
                ask(scene, record, evidence, **{name: OTHER})


# --- the router


def test_iv_1_doors_without_code_make_no_router(scene: Scene) -> None:
    doors = [default_doors()[name].address for name in ("optimistic", "tee")]
    nowhere, none = b"\x99" * 20, bytes(20)
    for wiring in (
        (nowhere, none, *doors, none),
        (scene.registry.address, nowhere, *doors, none),
        (scene.registry.address, none, *doors, nowhere),
    ):
        with pytest.raises(Reverted) as caught:
            scene.chain.deploy(ALICE, ROUTER, *wiring)
        assert caught.value.name == "InferenceVerifier_NoCode"
        assert caught.value.arguments == {"target": nowhere}


def test_iv_2_a_record_vouches_for_its_own_program_only(scene: Scene) -> None:
    """A game key of another program in a record: the statement would be final, and is not asked."""
    other = honest(small_program(seed=1), context=CONTEXT)
    assertion(scene.game, other)
    key = game_key_of(scene.game, other)
    record = scene.record({"optimistic": key.to_key()})
    evidence = Evidence(backend="optimistic", proof=scene.by_game(key).proof)
    with pytest.raises(Reverted) as caught:
        scene.router.verify(record, other.statement, evidence.backend, evidence.proof)
    assert caught.value.name == "InferenceVerifier_WrongProgram"


def test_iv_3_a_backend_without_key_is_refused(scene: Scene) -> None:
    record = scene.record({"optimistic": scene.game_key.to_key()})
    assert ask(scene, record, scene.by_game())
    assert refusal(scene, record, scene.by_enclave()) == (
        "InferenceVerifier_NoKey",
        {"recordId": record, "backend": backend_selector("tee")},
    )


@pytest.mark.parametrize(
    ("backend", "name"),
    [
        ("gkr", "VerifiedOffChain"),
        ("ezkl", "NoDoor"),
        ("quorum", "NoDoor"),
        ("zkvm", "UnknownBackend"),
    ],
)
def test_iv_4_a_backend_without_door_is_refused_by_name(
    scene: Scene, backend: str, name: str
) -> None:
    record = scene.record({backend: scene.game_key.to_key()})
    evidence = replace(scene.by_game(), backend=backend)
    assert refusal(scene, record, evidence) == (
        f"InferenceVerifier_{name}",
        {"backend": backend_selector(backend)},
    )


def test_iv_5_a_simulated_enclave_shows_nothing(scene: Scene) -> None:
    key = scene.tee_key(hardware_only=False)
    record = scene.record({"tee": key.to_key(), "optimistic": scene.game_key.to_key()})
    evidence = scene.by_enclave(scene.simulated, key)
    refused = ("InferenceVerifier_Simulated", {"backend": backend_selector("tee")})
    assert refusal(scene, record, evidence) == refused
    assert policy_refusal(scene, record, EITHER, evidence, scene.by_game()) == refused
    digest = scene.execution.statement.digest
    assert ask(scene, record, evidence, simulated=True) == digest
    rehearsed = scene.router.verify_policy_simulated(
        record, scene.execution.statement, BOTH, [evidence, scene.by_game()]
    )
    assert rehearsed == digest
    assert ask(scene, record, scene.by_enclave(scene.hardware, key)) == digest


def test_iv_6_a_copy_of_evidence_counts_once(scene: Scene, record: bytes) -> None:
    twice = (scene.by_game(), scene.by_game())
    assert policy_refusal(scene, record, EITHER, *twice) == (
        "InferenceVerifier_SameBackendTwice",
        {"backend": backend_selector("optimistic")},
    )


@pytest.mark.parametrize(
    "clause",
    [
        Clause(threshold=0, backends=("tee",)),
        Clause(threshold=0, backends=()),
        Clause(threshold=2, backends=("optimistic",)),
        Clause(threshold=2, backends=("optimistic", "optimistic")),
    ],
)
def test_iv_7_a_clause_makes_sense(scene: Scene, record: bytes, clause: Clause) -> None:
    evidence = scene.by_game()
    refused = ("InferenceVerifier_BadClause", {"index": 1})
    assert policy_refusal(scene, record, (*EITHER, clause), evidence) == refused


def test_iv_8_all_evidence_holds_or_none_does(scene: Scene, record: bytes) -> None:
    """Good evidence carries no bad one, even where the policy could do without."""
    bad = scene.by_enclave(scene.simulated)
    assert policy(scene, record, EITHER, scene.by_game())
    for pair in ((scene.by_game(), bad), (bad, scene.by_game())):
        assert policy_refusal(scene, record, EITHER, *pair)[0] == "TeeDoor_NotHardware"


def test_iv_9_a_policy_must_be_met(scene: Scene, record: bytes) -> None:
    refused = ("InferenceVerifier_PolicyNotMet", {})
    assert policy_refusal(scene, record, BOTH, scene.by_game()) == refused
    assert policy_refusal(scene, record, (), scene.by_game()) == refused
    assert policy_refusal(scene, record, EITHER) == refused


# --- the door of the dispute game


def test_iv_10_a_game_of_ones_own_is_not_the_records(scene: Scene, record: bytes) -> None:
    params = replace(scene.game.release.params, window=601)
    own = DisputeGame.deploy(scene.chain, ALICE, params)
    proof = assertion(own, scene.execution)
    key = game_key_of(own, scene.execution)
    assert refusal(scene, record, scene.by_game(key, proof)) == (
        "EvidenceDoor_WrongKey",
        {"found": key.digest, "pinned": scene.game_key.digest},
    )


def by_key(scene: Scene, **changes: Any) -> tuple[bytes, Evidence]:
    """A record with a changed key of the game, and evidence that opens it."""
    key = replace(scene.game_key, **changes)
    place = replace(key, chain_id=scene.chain.chain_id)
    evidence = scene.by_game(place)
    words = key.chain_id.to_bytes(32, "big") + evidence.proof[32:]
    return scene.record({"optimistic": key.to_key()}), replace(evidence, proof=words)


def test_iv_11_a_game_on_another_chain_is_not_asked(scene: Scene) -> None:
    record, evidence = by_key(scene, chain_id=1)
    assert refusal(scene, record, evidence) == ("EvidenceDoor_WrongChain", {"chainId": 1})


def test_iv_12_a_game_of_other_code_is_not_asked(scene: Scene) -> None:
    record, evidence = by_key(scene, code_hash=OTHER)
    assert refusal(scene, record, evidence) == (
        "EvidenceDoor_WrongCode",
        {"target": scene.game.address, "codeHash": scene.game_key.code_hash, "pinned": OTHER},
    )


def test_iv_13_a_game_of_other_rules_is_not_asked(scene: Scene) -> None:
    record, evidence = by_key(scene, game_key=OTHER)
    assert refusal(scene, record, evidence) == (
        "OptimisticDoor_WrongGameKey",
        {"found": scene.game_key.game_key, "pinned": OTHER},
    )


def test_iv_14_what_is_not_final_shows_nothing(scene: Scene, record: bytes) -> None:
    pending = honest(small_program(), seed=4, context=CONTEXT)
    assertion(scene.game, pending, final=False)
    with pytest.raises(Reverted) as caught:
        scene.router.verify(record, pending.statement, "optimistic", scene.by_game().proof)
    assert caught.value.name == "OptimisticDoor_NotFinal"
    assert caught.value.arguments == {"statementDigest": pending.statement.digest}


def test_iv_14_what_was_rejected_shows_nothing(scene: Scene, record: bytes) -> None:
    false = lying(honest(small_program(), seed=5, context=CONTEXT))
    proof = assertion(scene.game, false, final=False)
    reject(scene.game, Payload.decode(proof.payload).assertion_id, false, 0, 1)
    with pytest.raises(Reverted) as caught:
        scene.router.verify(record, false.statement, "optimistic", scene.by_game().proof)
    assert caught.value.name == "OptimisticDoor_NotFinal"


# --- the door of the attestation registry


def test_iv_15_nobody_opens_another_key(scene: Scene, record: bytes) -> None:
    """A simulated enclave under a weaker key, and an enclave in a registry of one's own."""
    weaker = scene.tee_key(hardware_only=False)
    own = AttestationRegistry.deploy(scene.chain, ALICE, replace(TERMS, qe_svn=7))
    elsewhere = scene.tee_key(address=own.address)
    for key in (weaker, elsewhere, replace(scene.tee_key(), roots=(OTHER,))):
        evidence = scene.by_enclave(scene.simulated, key)
        assert refusal(scene, record, evidence, simulated=True) == (
            "EvidenceDoor_WrongKey",
            {"found": key.digest, "pinned": scene.tee_key().digest},
        )


def test_iv_16_a_registry_on_another_chain_is_not_asked(scene: Scene) -> None:
    key = scene.tee_key(chain_id=1)
    record = scene.record({"tee": key.to_key()})
    evidence = scene.by_enclave(key=key)
    assert refusal(scene, record, evidence) == ("EvidenceDoor_WrongChain", {"chainId": 1})


def test_iv_17_a_registry_of_other_code_is_not_asked(scene: Scene) -> None:
    key = scene.tee_key(code_hash=OTHER)
    record = scene.record({"tee": key.to_key()})
    attestations = scene.stage.registry.address
    assert refusal(scene, record, scene.by_enclave(key=key)) == (
        "EvidenceDoor_WrongCode",
        {
            "target": attestations,
            "codeHash": keccak(scene.chain.code(attestations)),
            "pinned": OTHER,
        },
    )


def test_iv_18_only_a_key_that_counts_signs(scene: Scene, record: bytes) -> None:
    good = scene.by_enclave()
    assert ask(scene, record, good)
    altered = bytearray(good.proof)
    altered[230] ^= 1  # in the signature's r: the key that it leads to is nobody's
    name, _ = refusal(scene, record, replace(good, proof=bytes(altered)))
    assert name in ("AttestationRegistry_KeyNotValid", "AttestationRegistry_NoSigner")
    name, _ = refusal(scene, record, good, output_root=OTHER)
    assert name == "AttestationRegistry_KeyNotValid"


def test_iv_19_hardware_only_means_hardware(scene: Scene, record: bytes) -> None:
    evidence = scene.by_enclave(scene.simulated)
    for simulated in (False, True):
        assert refusal(scene, record, evidence, simulated=simulated) == (
            "TeeDoor_NotHardware",
            {"key": scene.simulated.address},
        )


@pytest.mark.parametrize("backend", ["optimistic", "tee"])
def test_malformed_evidence_is_refused_by_name(scene: Scene, record: bytes, backend: str) -> None:
    good = scene.by_game() if backend == "optimistic" else scene.by_enclave()
    for proof in (b"", good.proof[:-1], good.proof + b"\0", good.proof + bytes(32)):
        refused = ("EvidenceDoor_Malformed", {"length": len(proof)})
        assert refusal(scene, record, replace(good, proof=proof)) == refused


@pytest.mark.parametrize("backend", ["optimistic", "tee"])
def test_any_changed_byte_is_refused(scene: Scene, record: bytes, backend: str) -> None:
    good = scene.by_game() if backend == "optimistic" else scene.by_enclave()
    assert ask(scene, record, good)
    for place in range(0, len(good.proof), 13):
        changed = bytearray(good.proof)
        changed[place] ^= 0x10
        with pytest.raises(Reverted) as caught:
            ask(scene, record, replace(good, proof=bytes(changed)))
        assert caught.value.name
