"""One cheating party per check, told so consistently that only that check can stop it.

The toy backend accepts whoever writes down the statement digest, so every lie below comes with
evidence that its backend accepts. Beside each lie stands its honest control.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from statement_samples import (
    TOY_1,
    TOY_2,
    TOY_KEY,
    TOY_POLICY,
    ToyBackend,
    array,
    dense_case,
    dense_program,
    lock_of,
    make_proof,
    pair_case,
)

from verifiable.backends import registry
from verifiable.backends.base import Judgement, Key
from verifiable.errors import (
    InvalidInput,
    MalformedProof,
    MissingDependency,
    ResourceLimit,
    Undecided,
    VerificationError,
)
from verifiable.statement.checks import STATEMENT_CHECKS
from verifiable.statement.commitment import commit_program
from verifiable.statement.lock import Lock, LockedModel
from verifiable.statement.policy import Policy
from verifiable.statement.proof import PROOF_FORMAT, Proof
from verifiable.statement.statement import statement_of
from verifiable.statement.verdict import Check, Verdict, outcome_of
from verifiable.verification import evaluate, verify

pytestmark = pytest.mark.usefixtures("toy")

CONTEXT = bytes(range(32))
TOY_CONTENT = Judgement(checks=(TOY_1.ok(), TOY_2.ok()), verified_version="1.2.0")


def judged(proof: Proof, policy: Policy = TOY_POLICY, **arguments: Any) -> Verdict:
    """Evaluate with the lock of the dense program, unless a test brings something else."""
    arguments.setdefault("lock", lock_of(dense_program()))
    return evaluate(proof, policy, **arguments)


def accepted(proof: Proof, policy: Policy = TOY_POLICY, **arguments: Any) -> None:
    verdict = judged(proof, policy, **arguments)
    assert verdict.outcome == "proven", verdict.failed


def refused(proof: Proof, check: str, code: str, policy: Policy = TOY_POLICY, **args: Any) -> None:
    """The named check fails with the code, it is the first one to, and `verify` raises it."""
    verdict = judged(proof, policy, **args)
    assert verdict.outcome == "not_proven"
    assert (verdict.failed[0].id, verdict.failed[0].code) == (check, code)
    assert [item.id for item in verdict.checks if item.status == "failed"] == [check]
    _holds_nothing(verdict)
    args.setdefault("lock", lock_of(dense_program()))
    with pytest.raises(VerificationError) as caught:
        verify(proof, policy, **args)
    assert caught.value.code == code
    assert caught.value.verdict.outcome == "not_proven"


def left_open(
    proof: Proof, check: str, code: str, policy: Policy = TOY_POLICY, **args: Any
) -> None:
    """The named check cannot be decided, and so the verdict is not."""
    verdict = judged(proof, policy, **args)
    assert verdict.outcome == "undecided"
    assert (verdict.failed[0].id, verdict.failed[0].code) == (check, code)
    assert verdict.failed[0].hint
    _holds_nothing(verdict)
    args.setdefault("lock", lock_of(dense_program()))
    with pytest.raises(Undecided) as caught:
        verify(proof, policy, **args)
    assert caught.value.code == code


def _holds_nothing(verdict: Verdict) -> None:
    values = (verdict.inputs, verdict.outputs, verdict.input_values, verdict.output_values)
    assert values == (None, None, None, None)
    assert verdict.establishes == ()


# --- the statement ---------------------------------------------------------------------------


def test_st_1_a_file_of_another_version_is_not_read() -> None:
    data = dense_case().proof.encode()
    accepted(Proof.decode(data))
    for other in (PROOF_FORMAT.replace("v1", "v2"), "application/json"):
        changed = data.replace(PROOF_FORMAT.encode(), other.encode())
        assert changed != data
        with pytest.raises(MalformedProof) as caught:
            evaluate(changed, TOY_POLICY, lock=lock_of(dense_program()))
        assert caught.value.code == "unknown-format"


def test_st_2_the_prover_does_not_choose_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._IN_TREE, "lax", "statement_samples:ToyBackend")
    proof = dense_case(backend="lax").proof
    keys = {"lax": replace(TOY_KEY, backend="lax")}
    accepted(proof, Policy(backends={"lax": None}), keys=keys)
    refused(proof, "ST-2", "backend-not-accepted", keys=keys)
    refused(proof, "ST-2", "backend-not-accepted", Policy(backends={}), keys=keys)
    refused(proof, "ST-2", "backend-not-accepted", Policy(), keys=keys)


def test_st_2_an_accepted_backend_that_is_not_installed_is_undecided() -> None:
    proof = dense_case(backend="absent").proof
    left_open(proof, "ST-2", "backend-not-installed", Policy(backends={"absent": None}))


def test_st_2_a_backend_that_cannot_be_loaded_is_undecided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(registry._IN_TREE, "toy", "statement_samples:Absent")
    left_open(dense_case().proof, "ST-2", "backend-not-installed")


@pytest.mark.parametrize("version", ["0.9", "1.1.9", "1"])
def test_st_3_an_old_version_is_refused(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    policy = Policy(backends={"toy": "1.2"})
    for good in ("1.2", "1.2.0", "1.10", "2"):
        monkeypatch.setattr(ToyBackend, "version", good)
        accepted(dense_case(backend_version=good).proof, policy)
    monkeypatch.setattr(ToyBackend, "version", version)
    proof = dense_case(backend_version=version).proof
    refused(proof, "ST-3", "backend-version-not-accepted", policy)
    accepted(proof, Policy(backends={"toy": None}))


@pytest.mark.parametrize("version", ["1.2rc1", "new", "-1", "1.٢", "latest\n", "1.02", ""])
def test_st_3_a_version_that_is_no_version_is_not_read(version: str) -> None:
    with pytest.raises(MalformedProof) as caught:
        judged(dense_case(backend_version=version).proof)
    assert caught.value.code == ("bad-version" if version else "out-of-bounds")


@pytest.mark.parametrize("policy", [TOY_POLICY, Policy(backends={"toy": None})])
@pytest.mark.parametrize("claimed", ["99.1", "1.2", "1.2.0.0"])
def test_st_15_a_version_that_the_evidence_does_not_have_is_refused(
    policy: Policy, claimed: str
) -> None:
    """The lie that would fool a policy's lowest version."""
    accepted(dense_case().proof, policy)
    lie = dense_case(backend_version=claimed).proof
    refused(lie, "ST-15", "backend-version-mismatch", policy)


def test_st_15_a_lowest_version_needs_evidence_that_binds_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _judging(monkeypatch, replace(TOY_CONTENT, verified_version=""))
    proof = dense_case().proof
    accepted(proof, Policy(backends={"toy": None}))
    refused(proof, "ST-15", "backend-version-not-verified", TOY_POLICY)


@pytest.mark.parametrize(
    "lie", [{"scale": 1000.0}, {"name": "approved"}, {"zero_point": 50}, {"hi": 127}]
)
def test_st_4_a_header_that_dresses_up_the_values_is_refused(lie: dict[str, Any]) -> None:
    """The root stays that of the pinned program; only the header tells another story."""
    proof = dense_case().proof
    accepted(proof)
    schema = proof.program.schema
    told = replace(schema, outputs=(replace(schema.outputs[0], **lie),))
    refused(
        _with(proof, program=replace(proof.program, schema=told)),
        "ST-4",
        "program-header-mismatch",
    )


def test_st_5_an_honest_proof_of_another_program_is_refused() -> None:
    honest = dense_case()
    other = dense_program(weight_seed=1)
    swapped = make_proof(other, (array([[1, -2, 3, 4]]),), (array([[0], [1], [2]]),))
    root = honest.proof.statement.program_root
    keys = {"toy": TOY_KEY}
    pins: list[dict[str, Any]] = [
        {"program": honest.program, "lock": None},
        {"lock": honest.lock},
        {"lock": None, "policy": replace(TOY_POLICY, program_roots=frozenset({root}))},
    ]
    for pin in pins:
        accepted(honest.proof, keys=keys, **pin)
        refused(swapped, "ST-5", "wrong-program", keys=keys, **pin)


def test_st_5_every_source_must_agree() -> None:
    honest = dense_case()
    other = dense_program(weight_seed=1)
    both = Lock(models=(*honest.lock.models, *lock_of(other).models))
    accepted(honest.proof, lock=both, program=honest.program)
    refused(honest.proof, "ST-5", "wrong-program", lock=both, program=other)
    refused(honest.proof, "ST-5", "wrong-program", lock=lock_of(other), program=honest.program,
            keys={"toy": TOY_KEY})  # fmt: skip
    nothing = replace(TOY_POLICY, program_roots=frozenset())
    refused(honest.proof, "ST-5", "wrong-program", policy=nothing)


def test_st_5_a_program_file_pins_the_program_under_any_leaf_size() -> None:
    honest = dense_case()
    small = commit_program(honest.program, leaf_log2=5)
    values = honest.proof.inputs or ()
    statement = statement_of(small, values, honest.proof.outputs)
    proof = _with(honest.proof, program=small, statement=statement, payload=statement.digest)
    keys = {"toy": TOY_KEY}
    accepted(proof, lock=None, program=honest.program, keys=keys)
    refused(proof, "ST-5", "wrong-program", lock=honest.lock, keys=keys)


def test_st_5_a_program_that_nobody_names_is_undecided() -> None:
    proof = dense_case().proof
    verdict = judged(proof, lock=None, keys={"toy": TOY_KEY})
    assert _check(verdict, "ST-7").status == "skipped"
    left_open(proof, "ST-5", "program-not-pinned", lock=None, keys={"toy": TOY_KEY})


@pytest.mark.parametrize("value", [101, -101, 127, -128])
def test_st_6_an_input_outside_the_schema_is_refused(value: int) -> None:
    """The program's bounds hold for inputs in the schema's range only."""
    program = dense_program()
    outputs = (array([[2], [-50], [50]]),)
    accepted(make_proof(program, (array([[1, -2, 100, -100]]),), outputs))
    lie = make_proof(program, (array([[1, -2, value, 0]]),), outputs)
    refused(lie, "ST-6", "input-does-not-fit")


def test_st_6_hidden_inputs_that_nobody_holds_are_undecided() -> None:
    honest = dense_case(visibility="hashed", inputs=None)
    accepted(honest.proof, inputs=honest.inputs)
    left_open(honest.proof, "ST-6", "input-missing")


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"z": [[1, -2, 100, -100]]},
        {"x": [1, -2, 100, -100]},
        {"x": [[1, -2, 100]]},
        {"x": [[1, -2, 101, -100]]},
        {"x": np.array([[1, 2, 3, 2**64 - 1]], dtype=np.uint64)},
        {"x": [[1, -2, 100, -100]], "y": [[1]]},
    ],
)
def test_st_6_own_inputs_that_do_not_fit_are_refused(own: dict[str, Any]) -> None:
    honest = dense_case()
    accepted(honest.proof, inputs=honest.inputs)
    refused(honest.proof, "ST-6", "input-does-not-fit", inputs=own)


def test_st_7_shown_inputs_other_than_the_proven_ones_are_refused() -> None:
    proof = dense_case().proof
    accepted(proof)
    refused(_with(proof, inputs=(array([[1, -2, 100, -99]]),)), "ST-7", "input-mismatch")


def test_st_7_hidden_inputs_that_nobody_holds_are_undecided() -> None:
    """Each line says what it knows: that the range is unknown does not settle the root."""
    verdict = judged(dense_case(visibility="hashed", inputs=None).proof)
    root = _check(verdict, "ST-7")
    assert (root.status, root.code) == ("undecided", "input-missing")
    assert root.hint


@pytest.mark.parametrize("visibility", ["public", "hashed"])
def test_st_7_the_verifiers_own_input_must_be_the_proven_one(visibility: str) -> None:
    hidden = {"visibility": "hashed", "inputs": None} if visibility == "hashed" else {}
    honest = dense_case(**hidden)
    accepted(honest.proof, inputs={"x": np.array([[1, -2, 100, -100]], dtype=np.int8)})
    refused(honest.proof, "ST-7", "input-mismatch", inputs={"x": [[1, -2, 100, 100]]})


def test_st_7_the_proofs_input_is_compared_even_if_the_verifiers_own_is_right() -> None:
    honest = dense_case()
    lie = _with(honest.proof, inputs=(array([[0, 0, 0, 0]]),))
    refused(lie, "ST-7", "input-mismatch", inputs=honest.inputs)


def test_st_7_inputs_of_several_tensors_cannot_be_exchanged() -> None:
    honest = pair_case()
    accepted(honest.proof, lock=honest.lock)
    first, second = honest.proof.inputs or ()
    small = (first, np.abs(first))
    refused(_with(honest.proof, inputs=small), "ST-7", "input-mismatch", lock=honest.lock)
    assert not np.array_equal(small[1], second)


@pytest.mark.parametrize("value", [51, -51, 127, -128])
def test_st_8_an_output_that_the_program_cannot_give_is_refused(value: int) -> None:
    program = dense_program()
    inputs = (array([[1, -2, 100, -100]]),)
    accepted(make_proof(program, inputs, (array([[2], [-50], [50]]),)))
    lie = make_proof(program, inputs, (array([[2], [value], [0]]),))
    refused(lie, "ST-8", "output-does-not-fit")


@pytest.mark.parametrize("pinned", [True, False])
def test_nothing_is_hashed_under_a_header_that_nobody_vouches_for(
    monkeypatch: pytest.MonkeyPatch, pinned: bool
) -> None:
    """A hostile header sets the price of hashing: the leaf size, and how much there is to hash."""

    def hashed(*_: object, **__: object) -> None:
        raise AssertionError("hashed under the prover's header")

    monkeypatch.setattr("verifiable.statement.examination.inputs_root", hashed)
    monkeypatch.setattr("verifiable.statement.examination.outputs_root", hashed)
    honest = dense_case()
    with pytest.raises(AssertionError):
        judged(honest.proof)
    if pinned:  # the right root, another header
        proof = _with(honest.proof, program=replace(honest.proof.program, leaf_log2=5))
        first = ("ST-4", "program-header-mismatch")
    else:
        other = dense_program(weight_seed=1)
        header = commit_program(other)
        statement = replace(honest.proof.statement, program_root=header.program_root)
        proof = _with(honest.proof, program=header, statement=statement)
        first = ("ST-5", "wrong-program")
    verdict = judged(proof, keys={"toy": TOY_KEY})
    assert (verdict.failed[0].id, verdict.failed[0].code) == first
    for name in ("ST-7", "ST-9"):
        assert _check(verdict, name).status == "skipped"


def test_st_9_outputs_other_than_the_proven_ones_are_refused() -> None:
    proof = dense_case().proof
    accepted(proof)
    refused(_with(proof, outputs=(array([[3], [-50], [50]]),)), "ST-9", "output-mismatch")


def test_st_10_a_proof_for_another_use_is_refused() -> None:
    policy = replace(TOY_POLICY, context=CONTEXT)
    accepted(dense_case(context=CONTEXT).proof, policy)
    refused(dense_case().proof, "ST-10", "wrong-context", policy)
    other = bytes((*CONTEXT[:31], 0))
    refused(dense_case(context=other).proof, "ST-10", "wrong-context", policy)


def test_st_10_without_a_wanted_context_the_verdict_warns_of_replay() -> None:
    proof = dense_case(context=CONTEXT).proof
    free = judged(proof)
    assert any("shown again" in text for text in free.does_not_establish)
    assert CONTEXT.hex() in _check(free, "ST-10").found
    bound = judged(proof, replace(TOY_POLICY, context=CONTEXT))
    assert not any("shown again" in text for text in bound.does_not_establish)


def test_st_11_clipped_input_is_refused_unless_allowed() -> None:
    accepted(dense_case().proof)
    clipped = dense_case(saturated=True).proof
    refused(clipped, "ST-11", "input-saturated")
    accepted(clipped, replace(TOY_POLICY, allow_saturated=True))


def test_st_12_another_statement_than_the_named_one_is_refused() -> None:
    honest = dense_case()
    policy = replace(TOY_POLICY, statement_digest=honest.proof.statement.digest)
    accepted(honest.proof, policy)
    other = make_proof(honest.program, honest.proof.inputs or (), (array([[0], [0], [0]]),))
    accepted(other)
    refused(other, "ST-12", "wrong-statement", policy)


@pytest.mark.parametrize("demand", [{"maximum_age_s": 60}, {"assurance": "hardware"}])
def test_st_13_a_demand_that_nobody_checks_is_not_ignored(demand: dict[str, Any]) -> None:
    proof = dense_case().proof
    accepted(proof)
    refused(proof, "ST-13", "policy-not-enforced", replace(TOY_POLICY, **demand))


class Panic(BaseException):
    """Like the panics of native libraries: not an `Exception`."""


def _judging(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    """Let the toy backend answer this, or raise it."""

    def judge(self: object, *arguments: object) -> object:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setattr(ToyBackend, "judge", judge)


def test_the_backend_gets_the_verifiers_program_only_if_it_is_the_statements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A backend may compute with the weights that it is given, so they must be the right ones."""
    got: list[object] = []

    def judge(self: object, *arguments: object) -> object:
        got.append(arguments[-1])
        return TOY_CONTENT

    monkeypatch.setattr(ToyBackend, "judge", judge)
    case = dense_case()
    other = dense_program(weight_seed=1)
    keys = {"toy": TOY_KEY}
    assert judged(case.proof, program=case.program).outcome == "proven"
    assert judged(case.proof).outcome == "proven"
    assert got == [case.program, None]
    # a lock that trusts the proof's program does not make up for a program that is another
    for lock in (None, lock_of(dense_program()), lock_of(dense_program(), other)):
        verdict = evaluate(case.proof, TOY_POLICY, program=other, lock=lock, keys=keys)
        assert verdict.outcome == "not_proven"
        assert verdict.failed[0].id == "ST-5"
    assert len(got) == 2


@pytest.mark.parametrize("error", [ValueError("x"), Panic("x"), RecursionError()])
def test_st_14_a_backend_that_breaks_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    proof = dense_case().proof
    accepted(proof)
    _judging(monkeypatch, error)
    refused(proof, "ST-14", "verifier-error")


@pytest.mark.parametrize("error", [OSError(28, "disk full"), MemoryError(), ResourceLimit("x")])
def test_st_14_trouble_of_the_verifiers_own_says_nothing_of_the_proof(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    proof = dense_case().proof
    accepted(proof)
    _judging(monkeypatch, error)
    left_open(proof, "ST-14", "verifier-trouble")


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ((), "check-not-run"),
        ((TOY_1.ok(),), "check-not-run"),
        ((TOY_2.ok(),), "check-not-run"),
        ((TOY_1.ok(), TOY_2.ok(), TOY_2.ok()), "undeclared-check"),
        ((TOY_1.ok(), TOY_2.ok(), replace(TOY_2, id="TOY-3").ok()), "undeclared-check"),
        ((TOY_1.ok(), TOY_2.ok(), replace(TOY_2, id="ST-4").ok()), "undeclared-check"),
    ],
)
def test_st_14_every_declared_check_is_reported_once(
    monkeypatch: pytest.MonkeyPatch, checks: tuple[Check, ...], code: str
) -> None:
    proof = dense_case().proof
    _judging(monkeypatch, TOY_CONTENT)
    accepted(proof)
    _judging(monkeypatch, Judgement(checks=checks))
    refused(proof, "ST-14", code)


@pytest.mark.parametrize("answer", [None, True, "proven", Judgement(checks=(None, None))])
def test_st_14_an_answer_of_another_kind_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    _judging(monkeypatch, answer)
    refused(dense_case().proof, "ST-14", "verifier-error")


def test_st_14_a_backend_without_declared_checks_proves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ToyBackend, "checks", ())
    _judging(monkeypatch, Judgement(checks=()))
    refused(dense_case().proof, "ST-14", "undeclared-check")


def test_key_1_without_a_key_the_verdict_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the backend would be content without one."""
    honest = dense_case()
    _judging(monkeypatch, TOY_CONTENT)
    accepted(honest.proof)
    keyless = Lock(models=(LockedModel(name="x", program=honest.proof.program),))
    left_open(honest.proof, "KEY-1", "no-key", lock=keyless)
    left_open(honest.proof, "KEY-1", "no-key", lock=None, program=honest.program)


def test_key_1_a_key_that_cannot_be_read_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    proof = dense_case().proof
    _judging(monkeypatch, TOY_CONTENT)
    left_open(proof, "KEY-1", "malformed-key", lock=lock_of(dense_program(), {"other": "key"}))


def test_key_1_a_key_of_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    proof = dense_case().proof
    foreign = Key(backend="other", digest=TOY_KEY.digest, fields={})
    accepted(proof, keys={"toy": TOY_KEY})
    refused(proof, "KEY-1", "key-of-another-backend", keys={"toy": foreign})

    def decode_key(self: object, fields: Mapping[str, str]) -> Key:
        return foreign

    monkeypatch.setattr(ToyBackend, "decode_key", decode_key)
    refused(proof, "KEY-1", "key-of-another-backend")


def test_key_1_says_who_derived_the_key() -> None:
    honest = dense_case()
    by_lock = judged(honest.proof)
    assert _check(by_lock, "KEY-1").found == "derived by the lock's author"
    assert any("KEY-1" in text for text in by_lock.does_not_establish)
    by_verifier = judged(honest.proof, keys={"toy": TOY_KEY})
    assert _check(by_verifier, "KEY-1").found == "derived by this verifier"
    assert not any("KEY-1" in text for text in by_verifier.does_not_establish)
    cached = judged(honest.proof, keys={"toy": replace(TOY_KEY, from_cache=True)})
    assert _check(cached, "KEY-1").found == "derived by this verifier (kept in its cache)"


# --- the verdict -----------------------------------------------------------------------------


def test_a_proven_verdict_hands_out_the_verified_values() -> None:
    honest = pair_case()
    verdict = verify(honest.proof, TOY_POLICY, lock=honest.lock)
    assert verdict.inputs is not None
    assert verdict.outputs is not None
    assert verdict.input_values is not None
    assert verdict.output_values is not None
    assert list(verdict.inputs) == ["a", "b"]
    assert np.array_equal(verdict.inputs["b"], honest.inputs["b"])
    assert verdict.outputs["turned"].tolist() == [[1, -4], [2, -5], [3, -6]]
    assert verdict.input_values["b"].tolist() == [[-0.875, 124.125, -0.625], [-0.5, -0.375, -0.25]]
    assert verdict.output_values["sum"].dtype == np.float64
    for values in (*verdict.inputs.values(), *verdict.outputs.values()):
        assert values.dtype == np.int64
        assert not values.flags.writeable
    for real in (*verdict.input_values.values(), *verdict.output_values.values()):
        assert not real.flags.writeable
    assert verdict.establishes[1:] == ("toy",)
    assert "toy reveals" in verdict.reveals
    for phrase in ("accurate", "authentic", "float model", "`saturated` is the prover's word"):
        assert any(phrase in text for text in verdict.does_not_establish)


def test_hidden_inputs_come_from_the_verifier() -> None:
    honest = dense_case(visibility="hashed", inputs=None)
    verdict = judged(honest.proof, inputs=honest.inputs)
    assert verdict.inputs is not None
    assert verdict.inputs["x"].tolist() == [[1, -2, 100, -100]]
    assert verdict.reveals[0].startswith("the output:")


def test_the_verdict_lists_every_check_once_in_order() -> None:
    everything = [spec.id for spec in STATEMENT_CHECKS] + ["TOY-1", "TOY-2"]
    honest = dense_case()
    for proof in (honest.proof, _with(honest.proof, payload=b"lie")):
        assert [check.id for check in judged(proof).checks] == everything
    unknown = judged(dense_case(backend="absent").proof)
    assert [check.id for check in unknown.checks] == everything[:-2]


def test_the_evidence_is_not_judged_if_its_statement_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _judging(monkeypatch, AssertionError("must not be asked"))
    verdict = judged(_with(dense_case().proof, outputs=(array([[3], [-50], [50]]),)))
    assert {check.id: check.status for check in verdict.checks if not check.ok} == {
        "ST-9": "failed",
        "ST-14": "skipped",
        "ST-15": "skipped",
        "TOY-1": "skipped",
        "TOY-2": "skipped",
    }


def test_a_check_that_was_only_skipped_did_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    proof = dense_case().proof
    _judging(monkeypatch, Judgement(checks=(TOY_1.ok(), TOY_2.skipped())))
    verdict = judged(proof)
    assert verdict.outcome == "not_proven"
    _holds_nothing(verdict)
    with pytest.raises(VerificationError) as caught:
        verify(proof, TOY_POLICY, lock=lock_of(dense_program()))
    assert caught.value.code == "check-not-run"


def test_only_checks_that_are_all_ok_add_up_to_proven() -> None:
    ok, failed, skipped, open_ = TOY_1.ok(), TOY_1.failed(), TOY_1.skipped(), TOY_1.undecided()
    odd = replace(ok, status="passed")
    sums = [
        ((), "not_proven"),
        ((ok,), "proven"),
        ((ok, skipped), "not_proven"),
        ((ok, odd), "not_proven"),
        ((ok, open_), "undecided"),
        ((skipped, open_), "undecided"),
        ((ok, failed, open_), "not_proven"),
    ]
    for checks, outcome in sums:
        assert outcome_of(checks) == outcome


def test_false_evidence_is_the_backends_to_refuse() -> None:
    refused(_with(dense_case().proof, payload=b"lie"), "TOY-1", "toy-evidence-false")


def test_malformed_evidence_and_missing_packages_are_raised_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proof = dense_case().proof
    with pytest.raises(MalformedProof) as malformed:
        judged(_with(proof, payload=b"malformed"))
    assert malformed.value.code == "toy-malformed"
    _judging(monkeypatch, MissingDependency("no toy"))
    with pytest.raises(MissingDependency):
        judged(proof)
    _judging(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        judged(proof)


def test_arguments_of_the_wrong_kind_are_refused() -> None:
    proof = dense_case().proof
    accepted(proof, now=datetime(2030, 1, 1, tzinfo=UTC))
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"view": object()}, "wrong-type"),
        ({"now": datetime(2030, 1, 1)}, "naive-time"),
        ({"inputs": {"x": [[1.0, 2.0, 3.0, 4.0]]}}, "not-integers"),
        ({"inputs": {"x": [[True, False, True, False]]}}, "not-integers"),
        ({"inputs": {"x": [[1], [2, 3]]}}, "not-integers"),
        ({"inputs": {"x": [[2**70, 0, 0, 0]]}}, "not-integers"),
    ]
    for arguments, code in wrong:
        with pytest.raises(InvalidInput) as caught:
            judged(proof, **arguments)
        assert caught.value.code == code


def test_a_proof_built_in_memory_is_read_as_strictly_as_a_file() -> None:
    proof = dense_case().proof
    for changes in (
        {"inputs": None},
        {"visibility": "secret"},
        {"outputs": ()},
        {"outputs": (array([[1]]),)},
    ):
        with pytest.raises(MalformedProof):
            judged(_with(proof, **changes))


def test_a_verdict_as_json_says_what_its_page_says() -> None:
    told = judged(dense_case().proof).to_json()
    assert set(told) == {
        "verdict",
        "statement_digest",
        "backend",
        "checks",
        "establishes",
        "does_not_establish",
        "reveals",
        "details",
        "assurance",
    }
    assert told["verdict"] == "proven"
    checks = told["checks"]
    assert isinstance(checks, list)
    for check in checks:
        keys = {"id", "name", "ok", "status", "code", "expected", "found", "hint"}
        assert set(check) == keys


def _with(proof: Proof, **changes: Any) -> Proof:
    return replace(proof, **changes)


def _check(verdict: Verdict, name: str) -> Check:
    return next(check for check in verdict.checks if check.id == name)
