"""One lie per check of an assertion on chain, beside the honest assertion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from game_kit import CAROL, honest, lying, pass_time, reject, small_program
from optimistic_case import POLICY, STRICT, Case, asserted, final_case, public

from verifiable.backends.base import Key
from verifiable.backends.optimistic.format import OptimisticKey, Payload
from verifiable.backends.optimistic.keys import key_of
from verifiable.backends.optimistic.verify import OPTIMISTIC_CHECKS
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEFAULT_PARAMS, DEVELOPMENT_PARAMS
from verifiable.chain.game_reader import read_assertion
from verifiable.errors import InvalidInput, Undecided, VerificationError
from verifiable.statement.hashing import keccak
from verifiable.statement.lock import Lock, LockedModel
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.verdict import Verdict
from verifiable.statement.view import AssertionView, ChainView
from verifiable.verification import evaluate, verify


@pytest.fixture(scope="module")
def case() -> Iterator[Case]:
    with final_case() as made:
        yield made


@pytest.fixture(scope="module")
def view(case: Case) -> ChainView:
    return case.view()


def judged(case: Case, view: ChainView | None, **more: Any) -> Verdict:
    """The case's proof under a lock that pins its program and its game."""
    proof = more.pop("proof", case.proof)
    key = more.pop("key", case.key)
    policy = more.pop("policy", POLICY)
    model = LockedModel(
        name="small",
        program=case.execution.commitment,
        backends={"optimistic": key.fields} if key is not None else {},
    )
    return evaluate(proof, policy, view=view, lock=Lock(models=(model,)), **more)


def refused(verdict: Verdict, check: str, code: str, *, outcome: str = "not_proven") -> None:
    first = next(item for item in verdict.failed if item.id not in ("KEY-1",))
    assert (first.id, first.code) == (check, code)
    assert verdict.outcome == outcome
    assert first.hint
    # no other check stops this lie
    assert {item.id for item in verdict.failed if item.status != "skipped"} == {check}


def showing(view: ChainView, **changed: Any) -> ChainView:
    """The honest view with another answer of the game."""
    assert view.assertion is not None
    return replace(view, assertion=replace(view.assertion, **changed))


def seen(view: ChainView) -> AssertionView:
    assert view.assertion is not None
    return view.assertion


def pinned(case: Case, **changed: Any) -> Key:
    """The honest key with another member."""
    return replace(OptimisticKey.from_fields(case.key.fields), **changed).to_key()


def saying(case: Case, **changed: Any) -> Proof:
    """The honest proof with another payload."""
    return replace(
        case.proof, payload=replace(Payload.decode(case.proof.payload), **changed).encode()
    )


def on_public(case: Case, view: ChainView) -> dict[str, Any]:
    """Key and proof of the same game on chain 10."""
    return {"key": pinned(case, chain_id=10), "proof": saying(case, chain_id=10)}


def test_final_assertion_is_proven(case: Case, view: ChainView) -> None:
    verdict = judged(case, view)
    assert verdict.outcome == "proven"
    ids = [item.id for item in verdict.checks]
    assert [name for name in ids if name.startswith("OP-")] == [s.id for s in OPTIMISTIC_CHECKS]
    assert any("stood unrefuted" in text for text in verdict.establishes)
    limits = " ".join(verdict.does_not_establish)
    assert "nobody honest executed the program and challenged in time" in limits
    assert "that the node told the truth" in limits
    assert "have not been audited" in limits
    assert any("under a bond of" in text for text in verdict.details)


def test_final_assertion_is_proven_on_a_public_chain(case: Case, view: ChainView) -> None:
    verdict = judged(case, public(view), policy=STRICT, **on_public(case, view))
    assert verdict.outcome == "proven"


def test_the_default_policy_does_not_accept_it(case: Case, view: ChainView) -> None:
    verdict = judged(case, view, policy=Policy(allow_insecure=frozenset({"local_chain"})))
    assert (verdict.failed[0].id, verdict.failed[0].code) == ("ST-2", "backend-not-accepted")


def test_op_21_another_game_than_the_keys(case: Case, view: ChainView) -> None:
    other = DisputeGame.deploy(case.chain, CAROL, DEVELOPMENT_PARAMS)
    there = asserted(other, case.execution)
    pass_time(case.chain, DEVELOPMENT_PARAMS.window)
    other.finalize(CAROL, there.assertion_id)
    assert judged(there, there.view()).outcome == "proven", "final, but nobody trusts that game"
    refused(judged(case, there.view(), proof=there.proof), "OP-21", "wrong-game")


def test_op_21_another_chain_than_the_keys(case: Case, view: ChainView) -> None:
    refused(judged(case, public(view), proof=saying(case, chain_id=10)), "OP-21", "wrong-game")


def test_op_21_no_key_is_undecided(case: Case, view: ChainView) -> None:
    verdict = judged(case, view, key=None)
    assert verdict.outcome == "undecided"
    failed = {item.id: item.code for item in verdict.failed if item.status != "skipped"}
    assert failed == {"KEY-1": "no-key", "OP-21": "no-game-key"}


def test_op_22_no_view_is_undecided(case: Case) -> None:
    refused(judged(case, None), "OP-22", "assertion-not-read", outcome="undecided")


@pytest.mark.parametrize("part", ["chain", "game", "assertion"])
def test_op_22_a_view_of_something_else_is_undecided(
    case: Case, view: ChainView, part: str
) -> None:
    other = {
        "chain": replace(view, chain_id=10, finalized=True),
        "game": showing(view, game=b"\x11" * 20),
        "assertion": showing(view, assertion_id=b"\x11" * 32),
    }[part]
    refused(judged(case, other), "OP-22", "assertion-not-read", outcome="undecided")


def test_op_23_a_local_chain_counts_only_if_it_is_allowed(case: Case, view: ChainView) -> None:
    refused(judged(case, view, policy=STRICT), "OP-23", "local-chain")
    setups = replace(STRICT, allow_insecure=frozenset({"local_setup"}))
    refused(judged(case, view, policy=setups), "OP-23", "local-chain")


def test_op_23_a_development_node_counts_as_local_under_any_chain_id(
    case: Case, view: ChainView
) -> None:
    forked = replace(public(view), development=True)
    refused(judged(case, forked, policy=STRICT, **on_public(case, view)), "OP-23", "local-chain")


def test_op_24_a_block_that_is_not_final(case: Case, view: ChainView) -> None:
    latest = replace(public(view), finalized=False)
    refused(
        judged(case, latest, policy=STRICT, **on_public(case, view)), "OP-24", "block-not-final"
    )


def test_op_25_own_execution_agrees(case: Case, view: ChainView) -> None:
    verdict = judged(case, view, recheck=True, program=case.execution.program)
    assert verdict.outcome == "proven"
    assert any("own execution gives the same" in text for text in verdict.establishes)


def test_op_25_a_false_assertion_that_nobody_challenged(case: Case) -> None:
    """It is final: without executing nobody can tell, and with executing everybody."""
    false = asserted(case.game, lying(honest(small_program(11))))
    pass_time(case.chain, DEFAULT_PARAMS.window)
    case.game.finalize(CAROL, false.assertion_id)
    assert judged(false, false.view()).outcome == "proven"
    verdict = judged(false, false.view(), recheck=True, program=false.execution.program)
    refused(verdict, "OP-25", "recheck-differs")
    assert "asserted output is wrong" in verdict.failed[0].hint, "not merely the trace"


def test_op_25_a_false_trace_of_a_true_output(case: Case, view: ChainView) -> None:
    other = keccak(b"another trace")
    verdict = judged(
        case,
        showing(view, trace_root=other),
        proof=saying(case, trace_root=other),
        recheck=True,
        program=case.execution.program,
    )
    refused(verdict, "OP-25", "recheck-differs")


def test_op_25_without_the_program_it_is_undecided(case: Case, view: ChainView) -> None:
    verdict = judged(case, view, recheck=True)
    refused(verdict, "OP-25", "recheck-impossible", outcome="undecided")


def test_op_25_a_false_pending_assertion_is_found_out_at_once(case: Case) -> None:
    false = asserted(case.game, lying(honest(small_program(12))))
    verdict = judged(false, false.view(), recheck=True, program=false.execution.program)
    assert verdict.outcome == "not_proven"
    failed = {item.id: item.code for item in verdict.failed if item.status != "skipped"}
    assert failed == {"OP-29": "assertion-pending", "OP-25": "recheck-differs"}


def test_op_25_does_not_stand_in_for_finality(case: Case) -> None:
    true = asserted(case.game, honest(small_program(13)))
    verdict = judged(true, true.view(), recheck=True, program=true.execution.program)
    refused(verdict, "OP-29", "assertion-pending", outcome="undecided")


def test_op_26_other_code(case: Case, view: ChainView) -> None:
    other = showing(view, code_hash=keccak(b"answers anything"))
    refused(judged(case, other), "OP-26", "game-code-mismatch")


def test_op_26_no_code(case: Case, view: ChainView) -> None:
    refused(judged(case, showing(view, code_hash=None)), "OP-26", "game-without-code")


def test_op_26_a_game_that_is_not_genuine(case: Case, view: ChainView) -> None:
    other = showing(view, judges=None, params=None)
    refused(judged(case, other), "OP-26", "game-not-genuine")


def test_op_26_the_key_of_another_program(case: Case, view: ChainView) -> None:
    key = key_of(keccak(b"another program"), view.chain_id, seen(view))
    assert key is not None
    refused(judged(case, view, key=key.to_key()), "OP-26", "game-key-mismatch")


def test_op_26_other_judges_or_rules(case: Case, view: ChainView) -> None:
    judges, params = seen(view).judges, seen(view).params
    assert judges is not None
    assert params is not None
    for name in ("judge", "router", "families"):
        twisted = replace(judges, **{name: keccak(b"a friend")})
        refused(judged(case, showing(view, judges=twisted)), "OP-26", "game-key-mismatch")
    hasty = replace(params, window=DEFAULT_PARAMS.window + 1)
    refused(judged(case, showing(view, params=hasty)), "OP-26", "game-key-mismatch")


def test_op_26_another_version(case: Case, view: ChainView) -> None:
    refused(judged(case, view, key=pinned(case, version="0.9.0")), "OP-26", "game-key-mismatch")


@pytest.mark.parametrize("rule", [{"window": 3599}, {"grace": 299}])
def test_op_27_rules_that_leave_no_time(case: Case, view: ChainView, rule: dict[str, int]) -> None:
    params = seen(view).params
    assert params is not None
    there = public(showing(view, params=replace(params, **rule)))
    root = case.execution.statement.program_root
    key = key_of(root, 10, seen(there))
    assert key is not None
    verdict = judged(case, there, policy=STRICT, key=key.to_key(), proof=saying(case, chain_id=10))
    refused(verdict, "OP-27", "rules-too-hasty")


def test_op_28_an_assertion_of_another_statement(case: Case) -> None:
    """Honest and final, but of another input."""
    other = asserted(case.game, honest(small_program(), seed=5))
    pass_time(case.chain, DEFAULT_PARAMS.window)
    case.game.finalize(CAROL, other.assertion_id)
    proof = replace(case.proof, payload=other.proof.payload)
    refused(judged(case, other.view(), proof=proof), "OP-28", "assertion-of-another-statement")


def test_op_28_an_assertion_for_another_use(case: Case) -> None:
    context = keccak(b"request 7")
    other = asserted(case.game, honest(small_program(), context=context))
    pass_time(case.chain, DEFAULT_PARAMS.window)
    case.game.finalize(CAROL, other.assertion_id)
    proof = replace(case.proof, payload=other.proof.payload)
    refused(judged(case, other.view(), proof=proof), "OP-28", "assertion-of-another-statement")


def test_op_28_another_trace_than_the_assertions(case: Case, view: ChainView) -> None:
    proof = saying(case, trace_root=keccak(b"another trace"))
    refused(judged(case, view, proof=proof), "OP-28", "assertion-of-another-trace")


def test_op_28_an_unknown_assertion_is_undecided(case: Case) -> None:
    name = keccak(b"no assertion has this name")
    view = read_assertion(case.chain, game=case.game.address, assertion_id=name)
    assert seen(view).status == "unknown"
    proof = saying(case, assertion_id=name)
    refused(judged(case, view, proof=proof), "OP-28", "assertion-unknown", outcome="undecided")


def test_op_29_a_rejected_assertion(case: Case) -> None:
    false = asserted(case.game, lying(honest(small_program(14))))
    reject(case.game, false.assertion_id, false.execution, node=0, element=1)
    refused(judged(false, false.view()), "OP-29", "assertion-rejected")


def test_op_29_a_pending_assertion_is_undecided_until_a_time(case: Case) -> None:
    fresh = asserted(case.game, honest(small_program(15)))
    verdict = judged(fresh, fresh.view())
    refused(verdict, "OP-29", "assertion-pending", outcome="undecided")
    (check,) = (item for item in verdict.checks if item.id == "OP-29")
    assert "can be challenged until 20" in check.found
    assert "at the latest" in check.hint
    case.game.open_game(CAROL, fresh.assertion_id)
    (check,) = (item for item in judged(fresh, fresh.view()).checks if item.id == "OP-29")
    assert "1 open" in check.found


def test_op_29_an_assertion_that_nobody_closed_is_undecided(case: Case) -> None:
    fresh = asserted(case.game, honest(small_program(16)))
    pass_time(case.chain, DEFAULT_PARAMS.window)
    verdict = judged(fresh, fresh.view())
    refused(verdict, "OP-29", "assertion-pending", outcome="undecided")
    (check,) = (item for item in verdict.checks if item.id == "OP-29")
    assert "anybody may finalise it" in check.hint


def test_verify_raises_the_checks_code(case: Case, view: ChainView) -> None:
    keys = {"optimistic": case.key}
    program = case.execution.program
    fresh = asserted(case.game, honest(small_program(), seed=9))
    with pytest.raises(Undecided) as pending:
        verify(fresh.proof, POLICY, view=fresh.view(), keys=keys, program=program)
    assert pending.value.code == "assertion-pending"
    with pytest.raises(VerificationError) as local:
        verify(case.proof, STRICT, view=view, keys=keys, program=program)
    assert local.value.code == "local-chain"
    assert verify(case.proof, POLICY, view=view, keys=keys, program=program).outputs is not None


def test_view_of_a_record_alone_is_refused_without_a_pin(case: Case, view: ChainView) -> None:
    with pytest.raises(InvalidInput) as caught:
        judged(case, replace(view, assertion=None))
    assert caught.value.code == "view-without-registry"


def test_every_code_of_every_check_is_tested_here() -> None:
    from pathlib import Path

    text = Path(__file__).read_text()
    for spec in OPTIMISTIC_CHECKS:
        assert f"test_op_{spec.id[3:]}_" in text
        for code in spec.codes:
            assert f'"{code}"' in text, code


def test_chain_is_only_read(case: Case) -> None:
    before = case.chain.block()
    case.view()
    assert case.chain.block() == before
