"""A record on a chain and nothing else: every backend's proof, whoever brings its key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from game_kit import CAROL
from one_record import BACKENDS, Scene, make_scene
from sample_models import Proven

from verifiable import api
from verifiable.backends import registry
from verifiable.backends.registry import get_backend
from verifiable.chain.contracts.model_registry import ModelRegistry, Program
from verifiable.chain.endpoint import open_chain
from verifiable.errors import InvalidInput, Undecided, VerificationError
from verifiable.statement.policy import Policy
from verifiable.statement.verdict import Verdict
from verifiable.statement.view import backend_selector, record_id_of

IN_FILE = ("tee", "quorum", "echo")
"""Backends whose proofs do not bring their key."""


@pytest.fixture(scope="module", autouse=True)
def _echo() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry._IN_TREE, "echo", "sample_backend:EchoBackend")
        yield


@pytest.fixture(scope="module")
def scene(_echo: None, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("scene"))


def accepting(name: str) -> Policy:
    allowed = frozenset(("simulated_tee",)) if name == "tee" else frozenset()
    return Policy(backends={name: None}, allow_insecure=allowed)


def judged(scene: Scene, name: str, **more: Any) -> Verdict:
    given = {**scene.under_record, "policy": accepting(name), **more}
    return api.evaluate(given.pop("proof", scene.proofs[name]), **given)


def key_check(verdict: Verdict) -> Any:
    return next(check for check in verdict.checks if check.id == "KEY-1")


@pytest.mark.parametrize("name", BACKENDS)
def test_a_record_and_a_lock_by_anybody_are_enough(scene: Scene, name: str) -> None:
    verdict = judged(scene, name, key_file=scene.lock)
    assert verdict.outcome == "proven", verdict.failed
    assert key_check(verdict).found == "vouched for by the registrant of the pinned record"
    told = [line for line in verdict.does_not_establish if "(KEY-1)" in line]
    assert told == [
        "that the key belongs to the program: vouched for by the registrant of the pinned record, "
        f"0x{scene.registrant.hex()} (KEY-1)"
    ]
    assert any("names this program and this key" in line for line in verdict.establishes)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_record_alone_is_enough_where_the_key_is_in_the_proof_or_the_chain(
    scene: Scene, name: str
) -> None:
    verdict = judged(scene, name)
    if name == "tee":  # the policy that accepts the simulator gives the simulator's key
        assert (verdict.outcome, key_check(verdict).found) == (
            "proven",
            "derived by this verifier from its policy",
        )
    elif name in IN_FILE:
        assert verdict.outcome == "undecided"
        assert key_check(verdict).code == "no-key"
        assert "--key" in key_check(verdict).hint
    else:
        assert verdict.outcome == "proven", verdict.failed
        assert key_check(verdict).found == "vouched for by the registrant of the pinned record"


@pytest.mark.parametrize("name", BACKENDS)
def test_a_lock_is_the_equivalent_without_a_registry(scene: Scene, name: str) -> None:
    node = {"rpc_url": scene.url, "allow_local_chain": True} if name == "optimistic" else {}
    verdict = api.evaluate(
        scene.proofs[name], policy=accepting(name), lock=scene.lock, now=scene.now, **node
    )
    assert verdict.outcome == "proven", verdict.failed
    assert key_check(verdict).found == "derived by the lock's author"


@pytest.mark.parametrize("name", BACKENDS)
def test_a_lock_and_a_record_must_agree(scene: Scene, name: str) -> None:
    verdict = judged(scene, name, lock=scene.lock)
    assert verdict.outcome == "proven", verdict.failed
    assert any("and registered by" in line for line in verdict.does_not_establish)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_file_with_another_key_is_nobody_s_word(scene: Scene, name: str) -> None:
    fields = dict(scene.lock.models[0].backends[name])
    changed = {
        "gkr": ("vk", "11" * 32),
        "optimistic": ("game", "11" * 20),
        "tee": ("roots", "11" * 32),
        "quorum": ("threshold", "1"),
        "echo": ("weights", "public"),
    }[name]
    assert changed[0] in fields
    other = scene.lock_with(**{name: {**fields, changed[0]: changed[1]}})
    verdict = judged(scene, name, key_file=other)
    assert verdict.outcome == "not_proven"
    assert (verdict.failed[0].id, verdict.failed[0].code) == ("RG-9", "registered-key-differs")
    assert key_check(verdict).status == "skipped"


@pytest.mark.parametrize("name", BACKENDS)
def test_another_context_is_another_statement(scene: Scene, name: str) -> None:
    proof = scene.proofs[name]
    elsewhere = replace(proof, statement=replace(proof.statement, context=b"\x01" * 32))
    verdict = judged(scene, name, key_file=scene.lock, proof=elsewhere)
    assert verdict.outcome == "not_proven"
    assert verdict.failed[0].id.partition("-")[0] not in ("ST", "KEY", "RG")


def test_a_file_with_keys_needs_a_record(scene: Scene) -> None:
    with pytest.raises(InvalidInput) as caught:
        api.evaluate(scene.proofs["gkr"], key_file=scene.lock)
    assert caught.value.code == "key-without-record"


def test_a_file_that_lacks_the_key_leaves_it_open(scene: Scene) -> None:
    verdict = judged(scene, "quorum", key_file=scene.lock_with())
    assert (verdict.outcome, key_check(verdict).code) == ("undecided", "no-key")
    # and a proof that brings its own needs no file
    assert judged(scene, "gkr", key_file=scene.lock_with()).outcome == "proven"


def test_the_program_gives_a_key_of_one_s_own(scene: Scene) -> None:
    verdict = judged(scene, "gkr", key_file=scene.lock, program=scene.program)
    assert verdict.outcome == "proven"
    assert key_check(verdict).found.startswith("derived by this verifier")
    assert not any("(KEY-1)" in line for line in verdict.does_not_establish)


@pytest.mark.parametrize("name", ["gkr", "optimistic", "quorum", "echo"])
def test_another_record_vouches_for_nothing(scene: Scene, name: str) -> None:
    given = {**scene.under_record, "record": b"\x22" * 32}
    with pytest.raises(Undecided) as caught:
        api.verify(scene.proofs[name], policy=accepting(name), key_file=scene.lock, **given)
    assert caught.value.code == "no-record"


def test_ezkl_needs_a_lock_by_anybody_too(
    digits_mlp_proof: Proven, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = digits_mlp_proof
    lock = api.make_lock(
        made.program, backends=["ezkl"], insecure_local_setup=True, cache_dir=made.cache_dir
    )
    key = get_backend("ezkl").decode_key(lock.models[0].backends["ezkl"])
    url = f"local:{tmp_path_factory.mktemp('ezkl') / 'chain.db'}"
    with open_chain(url) as chain:
        contract = ModelRegistry.deploy(chain, CAROL)
        contract.register_model(
            CAROL,
            Program.of(made.proof.program),
            keys={backend_selector("ezkl"): key.digest},
        )
    given = {
        "registry": url,
        "record": record_id_of(CAROL.address, made.proof.statement.program_root),
        "allow_local_chain": True,
        "allow_insecure_setup": True,
    }
    verdict = api.evaluate(made.proof, key_file=lock, **given)
    assert verdict.outcome == "proven", verdict.failed
    assert key_check(verdict).found == "vouched for by the registrant of the pinned record"
    bare = api.evaluate(made.proof, **given)
    assert (bare.outcome, key_check(bare).code) == ("undecided", "no-key")
    offline = api.evaluate(made.proof, lock=lock, allow_insecure_setup=True)
    assert offline.outcome == "proven"
    one = api.verify_all(made.proof, require="ezkl or gkr", key_file=lock, **given)
    assert one.counted == ("ezkl",)


# together

ALL = "2 of (gkr, optimistic and tee, quorum)"


def together(scene: Scene, *names: str, require: str, **more: Any) -> Any:
    given = {
        **scene.under_record,
        "key_file": scene.lock,
        "allow_simulated": True,
        "require": require,
        **more,
    }
    return api.evaluate_all([scene.proofs[name] for name in names], **given)


def test_proofs_of_one_statement_are_enough_together(scene: Scene) -> None:
    verdict = together(scene, "gkr", "optimistic", "tee", "quorum", require=ALL)
    assert verdict.outcome == "proven", verdict.failed
    assert verdict.counted == ("gkr", "optimistic", "tee", "quorum")
    assert verdict.statement_digest == scene.execution.statement.digest
    assert verdict.outputs["y"].tolist() == scene.proofs["gkr"].outputs[0].tolist()
    # gkr and the quorum are enough, so nothing rests on the simulated enclave
    assert verdict.assurance == ""
    marked = together(scene, "optimistic", "tee", "quorum", require=ALL)
    assert (marked.outcome, marked.assurance) == ("proven", "simulated")
    assert marked.establishes[0].startswith("SIMULATED: ")


def test_a_requirement_accepts_what_it_names_and_nothing_else(scene: Scene) -> None:
    strict = together(scene, "tee", require="tee", allow_simulated=False)
    assert strict.outcome == "not_proven"
    policy = Policy(backends={"gkr": None})
    refused = together(scene, "gkr", "quorum", require="gkr and quorum", policy=policy)
    assert refused.outcome == "not_proven"
    assert refused.verdicts[1].failed[0].code == "backend-not-accepted"


def test_a_proof_of_another_input_does_not_belong(scene: Scene) -> None:
    given = {**scene.under_record, "key_file": scene.lock}
    proofs = [scene.proofs["gkr"], scene.other]
    with pytest.raises(VerificationError) as caught:
        api.verify_all(proofs, require="gkr or quorum", **given)
    assert caught.value.code == "statements-differ"
    assert all(verdict.outcome == "proven" for verdict in caught.value.verdict.verdicts)


def test_a_damaged_proof_counts_for_nothing(scene: Scene) -> None:
    false = replace(scene.proofs["echo"], payload=b"c" + bytes(32))
    given = {**scene.under_record, "key_file": scene.lock}
    verdict = api.verify_all([false, scene.proofs["quorum"]], require="echo or quorum", **given)
    assert verdict.counted == ("quorum",)
    assert "anything by the echo proof" in verdict.does_not_establish[0]
    with pytest.raises(VerificationError) as caught:
        api.verify_all([false, scene.proofs["quorum"]], require="echo and quorum", **given)
    assert caught.value.code == "requirement-not-met"
    with pytest.raises(Undecided) as caught:
        api.verify_all([scene.proofs["quorum"]], require="echo and quorum", **given)
    assert caught.value.code == "requirement-open"


def test_options_go_to_the_proofs_that_take_them(scene: Scene) -> None:
    """A node and a game are for one of them, a nonce for another; the program is for all."""
    given = {
        "rpc_url": scene.url,
        "game": scene.game,
        "chain_id": 31337,
        "program": scene.program,
        "allow_simulated": True,
        "allow_local_chain": True,
        "now": scene.now,
        "recheck": True,
    }
    proofs = [scene.proofs[name] for name in ("gkr", "optimistic", "tee")]
    verdict = api.verify_all(proofs, require="gkr and optimistic and tee", **given)
    assert verdict.outcome == "proven"
    with pytest.raises(InvalidInput) as caught:
        api.verify_all(scene.proofs["gkr"], require="gkr", **given)
    assert caught.value.code in ("nothing-to-read", "recheck-not-offered")
    with pytest.raises(InvalidInput) as caught:
        api.verify_all(proofs[:2], require="gkr or optimistic", **{**given, "nonce": bytes(32)})
    assert caught.value.code == "nothing-to-attest"


def test_the_requirement_is_the_caller_s_or_the_policy_s(scene: Scene) -> None:
    policy = Policy(backends={"gkr": None, "quorum": None}, require="gkr or quorum")
    given = {**scene.under_record, "key_file": scene.lock}
    proof = scene.proofs["gkr"]
    assert api.verify_all([proof], policy=policy, **given).requirement == "gkr or quorum"
    same = api.verify_all([proof], policy=policy, require="(gkr) or quorum", **given)
    assert same.outcome == "proven"
    for code, more in (
        ("two-requirements", {"policy": policy, "require": "gkr"}),
        ("requirement-needed", {}),
        ("malformed-requirement", {"require": "gkr or"}),
    ):
        with pytest.raises(InvalidInput) as caught:
            api.verify_all([proof], **more, **given)
        assert caught.value.code == code
    with pytest.raises(InvalidInput) as caught:
        api.verify_all([], require="gkr")
    assert caught.value.code == "wrong-count"
    with pytest.raises(VerificationError) as alone:
        api.verify(proof, policy=policy, **given)
    assert alone.value.code == "policy-not-enforced"
