"""What stands in the mempool: rows E of the attack matrix, on the deployed contracts.

A row ends in the named error of a check, or in who has which coins.
"""

from __future__ import annotations

from attack_kit import SALT, Table
from attack_rows import (
    PENDING,
    REJECTED,
    lying,
    stands,
)
from judge_kit import Committed, claimed, searched

from verifiable.chain.accounts import KeySigner
from verifiable.chain.contracts.dispute_structs import (
    CommitKind,
    Phase,
)
from verifiable.dispute.asserter import statement_of_trace
from verifiable.statement.hashing import keccak


def test_e1_a_copied_proof_is_worth_nothing(
    patient: Table, right: Committed, alice: KeySigner, carol: KeySigner, mallory: KeySigner
) -> None:
    lie = lying(right)
    assertion = patient.claim(alice, lie)
    proof = searched(right, lie).proof
    digest = patient.commit(carol, CommitKind.ELEMENT, assertion, keccak(proof))
    # the copier has seen the commit first, then the proof; it repeats both
    patient.send(mallory, "commit", digest)
    for game_id in (0, patient.open(mallory, assertion)):
        assert (
            patient.refused(
                lambda g=game_id: patient.prove(mallory, assertion, proof, commit=False, game_id=g)
            )
            == "Game_NoCommit"
        )
    own = patient.game.commit_digest(
        CommitKind.ELEMENT, mallory.address, assertion, keccak(proof), SALT
    )
    patient.send(mallory, "commit", own)
    attempt = patient.refused(lambda: patient.prove(mallory, assertion, proof, commit=False))
    assert attempt == "Game_CommitTooYoung"
    assert patient.refused(lambda: patient.send(mallory, "commit", own)) == "Game_AlreadyCommitted"
    patient.prove(carol, assertion, proof, commit=False)
    reward = patient.rules.bond_a * patient.rules.reward_bps // 10_000
    assert patient.game.credit_of(carol.address) == reward
    assert patient.game.credit_of(mallory.address) == 0


def test_e2_a_copied_result_is_worth_nothing(
    patient: Table, right: Committed, alice: KeySigner, mallory: KeySigner
) -> None:
    trace = claimed(right)
    said = statement_of_trace(trace)
    digest = patient.commit(alice, CommitKind.RESULT, said.digest, trace.root)
    patient.send(mallory, "commit", digest)
    assert patient.refused(lambda: patient.claim(mallory, trace, commit=False)) == "Game_NoCommit"
    own = patient.game.commit_digest(
        CommitKind.RESULT, mallory.address, said.digest, trace.root, SALT
    )
    patient.send(mallory, "commit", own)
    assert (
        patient.refused(lambda: patient.claim(mallory, trace, commit=False))
        == "Game_CommitTooYoung"
    )
    assert patient.game.status(patient.claim(alice, trace, commit=False)) is PENDING


def test_e3_nobody_can_take_the_place_of_an_answer(
    patient: Table, right: Committed, alice: KeySigner, carol: KeySigner, mallory: KeySigner
) -> None:
    trace, lie = claimed(right), lying(right, 4, 2)
    said = statement_of_trace(trace)
    digest = patient.commit(alice, CommitKind.RESULT, said.digest, trace.root)
    patient.send(mallory, "commit", digest)  # a squatter, before the answer is shown
    squatted = patient.claim(mallory, lie)
    answer = patient.claim(alice, trace, commit=False)
    assert squatted != answer
    patient.prove(carol, squatted, searched(right, lie).proof)
    assert patient.game.status(squatted) is REJECTED
    stands(patient, answer, alice)
    assert patient.game.finalised_statement(said.digest) == answer


def test_e4_who_is_held_up_until_the_last_second_of_each_turn_still_wins(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    """Beyond a clock that is used up, censors must hold each move for less than the grace."""
    trace = claimed(right)
    assertion = table.claim(alice, trace)
    game_id = table.open(carol, assertion)
    began = table.game.game_of(game_id).last
    given = []
    while True:
        game = table.game.game_of(game_id)
        if game.phase is Phase.STEP:
            break
        table.next_at(table.deadline(game_id) - 1)
        if game.asserter_turn:
            given.append(game.clock_a)
            table.show(alice, game_id, trace)
        else:
            table.descend(carol, game_id, trace, 2, 1)
    assert given[0] == table.rules.clock_a
    assert all(left in (1, table.rules.grace) for left in given[1:])
    assert table.rules.grace in given[1:]
    table.pass_clock(game_id)
    table.send(alice, "claimTimeout", game_id)
    rules = table.rules
    assert table.now() - began < rules.clock_a + rules.clock_c + rules.max_moves * rules.grace
    stands(table, assertion, alice)
