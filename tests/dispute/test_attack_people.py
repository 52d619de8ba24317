"""People who work together: rows D of the attack matrix, on the deployed contracts.

A row ends in the named error of a check, or in who has which coins.
"""

from __future__ import annotations

import pytest
from attack_kit import Table
from attack_rows import (
    PENDING,
    REJECTED,
    lying,
    stands,
)
from dispute_kit import World, gas_cost, honest, journal_in
from judge_kit import Committed, claimed, searched

from verifiable.chain.accounts import KeySigner
from verifiable.chain.contracts.dispute_structs import (
    CommitKind,
    GameStatus,
    Phase,
)
from verifiable.dispute.asserter import Asserter, statement_of_trace
from verifiable.dispute.challenger import Challenger
from verifiable.dispute.material import Material
from verifiable.statement.hashing import keccak
from verifiable.testing.lying_traces import (
    FalseChallenger,
    wrong_element,
)


def test_d1_a_friend_that_loses_on_purpose_shields_no_lie(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner, mallory: KeySigner
) -> None:
    lie = lying(right)
    assertion = table.claim(alice, lie)
    friend = table.open(mallory, assertion)
    table.walk(friend, alice, mallory, lie, node=0, leaf=0)
    table.pass_clock(friend)
    table.send(alice, "claimTimeout", friend)
    assert table.refused(lambda: table.send(alice, "finalize", assertion)) == "Game_NotFinal"
    game_id = table.open(carol, assertion)
    table.pass_window(assertion)
    # the window is over, and an open game still keeps the lie from becoming final
    if not table.game.game_of(game_id).asserter_turn:
        table.descend(carol, game_id, lie, 2, 1)
    assert table.refused(lambda: table.send(alice, "finalize", assertion)) == "Game_NotFinal"
    table.prove(carol, assertion, searched(right, lie).proof, game_id=game_id)
    assert table.game.status(assertion) is REJECTED


def test_d2_many_false_challengers_pay_the_asserter_and_share_what_is_shown(
    table: Table, right: Committed, alice: KeySigner
) -> None:
    trace = claimed(right)
    assertion = table.claim(alice, trace)
    sybils = [table.world.person() for _ in range(3)]
    games = [table.open(sybil, assertion) for sybil in sybils]
    spent, shown = 0, []
    paths = ((2, 1), (2, 1), (3, 2))
    for sybil, game_id, (node, leaf) in zip(sybils, games, paths, strict=True):
        before = table.world.chain.balance(alice.address)
        receipts = table.walk(game_id, alice, sybil, trace, node=node, leaf=leaf)
        spent += before - table.world.chain.balance(alice.address)
        shown.append(len(receipts))
    late = table.world.person()
    known = table.open(late, assertion)
    assert not table.game.game_of(known).asserter_turn  # nothing is asked that was shown
    receipts = table.walk(known, alice, late, trace, node=2, leaf=1)
    assert len(receipts) == 2
    for game_id in (*games, known):
        if table.game.game_of(game_id).status is not GameStatus.OPEN:
            continue
        table.pass_clock(game_id)
        before = table.world.chain.balance(alice.address)
        table.send(alice, "claimTimeout", game_id)
        spent += before - table.world.chain.balance(alice.address)
    stands(table, assertion, alice)
    assert table.game.credit_of(alice.address) > table.rules.bond_a + spent
    assert table.now() - table.game.assertion_of(assertion).asserted_at < (
        table.game.release.params.longest_s
    )
    assert table.balanced()


def test_d3_wrong_assertions_do_not_delay_a_right_one(
    table: Table, right: Committed, alice: KeySigner, mallory: KeySigner
) -> None:
    wrong = [table.claim(mallory, lying(right, 2, element)) for element in (1, 2, 3)]
    good = table.claim(alice, claimed(right))
    assert {table.game.status(each) for each in (*wrong, good)} == {PENDING}
    for each in wrong:
        table.open(alice, each)
    end = table.game.assertion_of(good).asserted_at + table.rules.window
    table.next_at(end - 1)
    assert table.refused(lambda: table.send(alice, "finalize", good)) == "Game_NotFinal"
    table.next_at(end)
    table.send(alice, "finalize", good)
    digest = statement_of_trace(claimed(right)).digest
    assert table.game.finalised_statement(digest) == good


@pytest.mark.parametrize(
    "order",
    [
        pytest.param("wrong first", marks=pytest.mark.slow),
        pytest.param("right first", marks=pytest.mark.slow),
        "in turns",
    ],
)
def test_d4_a_wrong_challenger_neither_helps_nor_hinders_a_right_one(
    world: World, material: Material, inputs, tmp_path, order: str
) -> None:
    liar, carol, eve = (world.person() for _ in range(3))
    lie = wrong_element(material, inputs, node=2, element=40)
    asserter = Asserter(world.game, liar, journal_in(tmp_path), lie)
    asserter.step()
    good = Challenger(world.game, carol, journal_in(tmp_path), material, [inputs])
    bad = FalseChallenger(world.game, eve, journal_in(tmp_path), material, [inputs])
    bad.believed = wrong_element(material, inputs, node=1, element=7)
    before = world.worth(carol)[0]
    moves = []
    first, second = (bad, good) if order == "wrong first" else (good, bad)
    if order == "in turns":
        for _ in range(40):
            made = [m for agent in (bad, asserter, good, asserter) for m in agent.step(1)]
            moves += made
            if not made:
                break
    moves += world.play(first, asserter, second)
    assert asserter.assertion.status is REJECTED
    rules = world.game.release.params
    reward = rules.bond_a * rules.reward_bps // 10_000
    gain = world.worth(carol)[0] - before + gas_cost(moves, carol)
    assert gain == (reward if asserter.assertion.winner == carol.address else 0)


def test_d4_two_wrong_challengers_both_lose(
    world: World, material: Material, inputs, tmp_path
) -> None:
    alice, eve, mallory = (world.person() for _ in range(3))
    asserter = Asserter(world.game, alice, journal_in(tmp_path), honest(material, inputs))
    others = []
    for person, element in ((eve, 3), (mallory, 60)):
        agent = FalseChallenger(world.game, person, journal_in(tmp_path), material, [inputs])
        agent.believed = wrong_element(material, inputs, node=1, element=element)
        others.append(agent)
    before = world.worth(alice, eve, mallory)
    moves = world.play(asserter, *others)
    assert asserter.won
    after = world.worth(alice, eve, mallory)
    assert after[0] > before[0] - gas_cost(moves, alice)
    for at, person in ((1, eve), (2, mallory)):
        assert after[at] == before[at] - world.game.release.params.bond_c - gas_cost(moves, person)


def test_d5_whoever_rejects_its_own_lie_loses_half_of_the_bond(
    table: Table, right: Committed, mallory: KeySigner
) -> None:
    accomplice = table.world.person()
    for in_game in (False, True):
        lie = lying(right, 2, 40 + in_game)
        assertion = table.claim(mallory, lie)
        credits = table.game.credit_of(mallory.address) + table.game.credit_of(accomplice.address)
        burned = table.game.totals().burned
        proof = searched(right, lie).proof
        table.commit(accomplice, CommitKind.ELEMENT, assertion, keccak(proof))
        bonds = table.rules.bond_a
        game_id = 0
        if in_game:
            game_id = table.open(accomplice, assertion)
            bonds += table.rules.bond_c
        table.prove(accomplice, assertion, proof, commit=False, game_id=game_id)
        back = table.game.credit_of(mallory.address) + table.game.credit_of(accomplice.address)
        lost = bonds - (back - credits)
        assert lost >= table.rules.bond_a // 2
        assert table.game.totals().burned - burned == lost
        assert table.balanced()


def test_d6_an_abandoned_game_pays_for_what_was_shown_in_it(
    table: Table, right: Committed, alice: KeySigner, mallory: KeySigner
) -> None:
    trace = claimed(right)
    assertion = table.claim(alice, trace)
    game_id = table.open(mallory, assertion)
    spent = 0
    abandoned = 0
    while True:
        game = table.game.game_of(game_id)
        if game.asserter_turn:
            receipt = table.show(alice, game_id, trace)
            assert receipt.effective_gas_price <= table.rules.gas_price_cap
            spent += receipt.gas_used * receipt.effective_gas_price
            continue
        kept = table.world.result("evm_snapshot")
        table.pass_clock(game_id)
        table.send(mallory, "claimTimeout", game_id)
        assert spent <= table.game.credit_of(alice.address) < table.rules.bond_c
        assert table.game.credit_of(mallory.address) == 0
        abandoned += 1
        table.world.result("evm_revert", kept)
        if game.phase is Phase.STEP:
            break
        table.descend(mallory, game_id, trace, 2, 1)
    assert abandoned == 3
