"""Moves in games: rows B of the attack matrix, on the deployed contracts, with honest controls.

A row ends in the named error of a check, or in who has which coins.
"""

from __future__ import annotations

import pytest
from attack_kit import Table
from attack_rows import (
    PENDING,
    REJECTED,
    lie_values,
    lying,
    rejected_by,
    stands,
)
from judge_kit import Committed, claimed, searched
from operator_program import PARTS, operator_inputs, operator_program

from verifiable.chain.accounts import KeySigner
from verifiable.chain.contracts.dispute_structs import (
    GameStatus,
    Phase,
)
from verifiable.dispute.material import Material
from verifiable.errors import Reverted
from verifiable.statement.hashing import keccak
from verifiable.testing.lying_traces import (
    GivenTrace,
)


def positions(table: Table, trace: GivenTrace, sides: tuple, until: Phase = Phase.STEP):
    """Play a game, and stop before each move; the last stop is where only a proof is left."""
    _, game_id, asserter, challenger = sides
    while True:
        game = table.game.game_of(game_id)
        yield game
        if game.phase is until:
            return
        if game.asserter_turn:
            table.show(asserter, game_id, trace)
        else:
            table.descend(challenger, game_id, trace, 2, 1)


def test_b1_whoever_stalls_in_any_phase_loses_and_nobody_else(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    trace = claimed(right)
    assertion = table.claim(alice, trace)
    game_id = table.open(carol, assertion)
    stalled = set()
    for game in positions(table, trace, (assertion, game_id, alice, carol)):
        kept = table.world.result("evm_snapshot")
        stalled.add((game.phase, game.asserter_turn))
        before = table.game.credit_of(carol.address), table.game.credit_of(alice.address)
        table.pass_clock(game_id)
        table.send(alice, "claimTimeout", game_id)
        after = table.game.credit_of(carol.address), table.game.credit_of(alice.address)
        if game.asserter_turn:
            assert table.game.game_of(game_id).status is GameStatus.WON
            assert table.game.status(assertion) is REJECTED
            reward = table.rules.bond_a * table.rules.reward_bps // 10_000
            assert after == (before[0] + table.rules.bond_c + reward, before[1])
        else:
            assert table.game.game_of(game_id).status is GameStatus.LOST
            assert table.game.status(assertion) is PENDING
            assert after[0] == before[0]
            stands(table, assertion, alice)
            assert table.game.credit_of(alice.address) == after[1] + table.rules.bond_a
        assert table.balanced()
        table.world.result("evm_revert", kept)
    assert stalled == {
        (Phase.TRACE, True), (Phase.TRACE, False), (Phase.NODE, True), (Phase.TENSOR, True),
        (Phase.TENSOR, False), (Phase.LEAF, True), (Phase.STEP, False),
    }  # fmt: skip


def test_b2_moves_and_timeouts_exclude_each_other_at_each_second(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    trace = claimed(right)
    game_id = table.open(carol, table.claim(alice, trace))

    def claim() -> None:
        table.send(alice, "claimTimeout", game_id)

    for turn in (True, False):
        assert table.game.game_of(game_id).asserter_turn is turn

        def move(turn: bool = turn) -> None:
            if turn:
                table.show(alice, game_id, trace)
            else:
                table.descend(carol, game_id, trace, 2, 1)

        before = table.game.game_of(game_id)
        end = table.deadline(game_id)
        assert table.refused(claim) == "Game_ClockRunning"
        for offset, attempt, passes in (
            (-1, move, True), (0, move, False), (1, move, False),
            (-1, claim, False), (0, claim, True), (1, claim, True),
        ):  # fmt: skip
            kept = table.world.result("evm_snapshot")
            table.next_at(end + offset)
            if passes:
                attempt()
                assert table.game.game_of(game_id) != before
            else:
                with pytest.raises(Reverted):
                    attempt()
                assert table.game.game_of(game_id) == before
            assert table.now() == end + offset
            table.world.result("evm_revert", kept)
        kept = table.world.result("evm_snapshot")
        table.reach(end)
        assert table.refused(move) == "Game_ClockExpired"
        claim()
        ended = table.game.game_of(game_id).status
        assert ended is (GameStatus.WON if turn else GameStatus.LOST)
        table.world.result("evm_revert", kept)
        # in the last second the other side's time begins anew, and one's own is filled up later
        table.next_at(table.deadline(game_id) - 1)
        move()
        game = table.game.game_of(game_id)
        assert (game.clock_a if turn else game.clock_c) == 1
        assert table.refused(claim) == "Game_ClockRunning"
    game = table.game.game_of(game_id)
    assert (game.asserter_turn, game.clock_a) == (True, table.rules.grace)


def test_b3_moves_out_of_turn_or_after_the_end_are_refused(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner, mallory: KeySigner
) -> None:
    lie = lying(right)
    assertion = table.claim(alice, lie)
    first, second = table.open(carol, assertion), table.open(carol, assertion)
    assert table.refused(lambda: table.descend(carol, first, lie, 2, 1)) == "Game_NotYourTurn"
    table.show(alice, first, lie)
    assert table.refused(lambda: table.show(alice, first, lie)) == "Game_NotYourTurn"
    assert table.refused(lambda: table.descend(mallory, first, lie, 2, 1)) == "Game_NotChallenger"
    proof = searched(right, lie).proof
    table.prove(carol, assertion, proof, game_id=first)
    assert table.game.status(assertion) is REJECTED
    assert table.refused(lambda: table.descend(carol, first, lie, 2, 1)) == "Game_AlreadySettled"
    assert table.refused(lambda: table.show(alice, second, lie)) == "Game_NotPending"
    assert table.refused(lambda: table.prove(carol, assertion, proof, salt=bytes(32))) == (
        "Game_NotPending"
    )
    assert table.refused(lambda: table.open(carol, assertion)) == "Game_NotPending"
    assert table.refused(lambda: table.send(carol, "claimTimeout", second)) == "Game_NotPending"
    assert table.refused(lambda: table.send(carol, "finalize", assertion)) == "Game_NotPending"
    good = table.claim(alice, claimed(right))
    table.pass_window(good)
    assert table.refused(lambda: table.open(carol, good)) == "Game_WindowClosed"
    assert table.refused(lambda: table.prove(carol, good, proof)) == "Game_WindowClosed"
    table.send(carol, "finalize", good)
    assert table.refused(lambda: table.open(carol, good)) == "Game_NotPending"
    assert table.refused(lambda: table.send(carol, "openGame", bytes(32))) == "Game_WrongBond"


def test_b4_what_does_not_hash_or_lie_there_is_refused_while_the_clock_runs(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    trace = claimed(right)
    game_id = table.open(carol, table.claim(alice, trace))
    opened = table.game.game_of(game_id)
    row = list(trace.tree(None).descendants(3, 0, 3))
    for nodes in (
        [keccak(b"junk"), *row[1:]], row[:4], row * 2, [], row[::-1],
        list(trace.tree(None).descendants(3, 0, 1)), list(trace.tree(2).descendants(2, 0, 2)),
    ):  # fmt: skip
        assert table.refused(lambda n=nodes: table.send(alice, "revealNodes", game_id, n)) == (
            "Game_BadReveal"
        )
    assert table.game.game_of(game_id) == opened  # time runs, nothing else has happened
    table.show(alice, game_id, trace)
    shown = table.game.game_of(game_id)
    tree = trace.tree(None)

    def selects(levels: int, index: int, level: int) -> str:
        path = list(tree.path(level, min(index, (1 << (3 - level)) - 1), 3))
        arguments = (game_id, levels, index, tree.at(level, min(index, (1 << (3 - level)) - 1)))
        return table.refused(lambda: table.send(carol, "select", *arguments, path))

    assert selects(2, 1, 1) == "Game_BadSelection"  # too few levels
    assert selects(0, 0, 3) == "Game_BadSelection"
    assert selects(4, 3, 0) in {"Game_BadSelection", "Commitments_BranchLength"}
    for padded in (5, 6, 7):
        assert selects(3, padded, 0) == "Game_BadSelection"
    assert selects(3, 8, 0) in {"Game_BadSelection", "Commitments_IndexOutOfTree"}
    junk = (game_id, 3, 2, keccak(b"junk"), list(tree.path(0, 2, 3)))
    assert table.refused(lambda: table.send(carol, "select", *junk)) == "Game_BadSelection"
    assert table.game.game_of(game_id) == shown
    table.walk(game_id, alice, carol, trace, until=(Phase.LEAF, True))
    leaf = trace.leaves(2)[32:64]
    for other in (leaf[:-1], leaf + b"\0", leaf * 2, b"", trace.leaves(2)[:32]):
        assert table.refused(lambda o=other: table.send(alice, "revealLeaf", game_id, o)) == (
            "Game_BadReveal"
        )
    table.send(alice, "revealLeaf", game_id, leaf)
    assert table.game.game_of(game_id).phase is Phase.STEP


def test_b5_nothing_foreign_passes_from_phase_to_phase(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    trace, material = claimed(right), right.material
    game_id = table.open(carol, table.claim(alice, trace))

    def tensor(root: bytes, desc: int, branch: int) -> str:
        arguments = (game_id, root, material.descriptors[desc], material.graph.branch(branch))
        return table.refused(lambda: table.send(alice, "revealTensor", *arguments))

    leaf = trace.leaves(2)[32:64]
    assert tensor(trace.roots[2], 2, 2) == "Game_WrongPhase"
    assert (
        table.refused(lambda: table.send(alice, "revealLeaf", game_id, leaf)) == "Game_WrongPhase"
    )
    table.walk(game_id, alice, carol, trace, until=(Phase.NODE, True))
    row = list(trace.tree(2).descendants(2, 0, 2))
    assert (
        table.refused(lambda: table.send(alice, "revealNodes", game_id, row)) == "Game_WrongPhase"
    )
    assert tensor(trace.roots[1], 2, 2) == "Game_BadReveal"
    assert tensor(lying(right).roots[2], 2, 2) == "Game_BadReveal"
    assert tensor(trace.roots[2], 1, 2) == "Game_BadDescriptor"
    assert tensor(trace.roots[2], 1, 1) == "Game_BadDescriptor"
    table.show(alice, game_id, trace)
    foreign = list(trace.tree(1).descendants(2, 0, 2))
    assert (
        table.refused(lambda: table.send(alice, "revealNodes", game_id, foreign))
        == "Game_BadReveal"
    )
    table.show(alice, game_id, trace)
    assert table.refused(lambda: table.descend(carol, game_id, lying(right), 2, 1)) == (
        "Game_BadSelection"
    )


def test_b6_who_selects_a_right_element_loses_its_bond(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner, mallory: KeySigner
) -> None:
    lie = lying(right)
    assertion = table.claim(alice, lie)
    game_id = table.open(mallory, assertion)
    table.walk(game_id, alice, mallory, lie, node=1, leaf=0)
    wrong = Committed(right.material, right.inputs, right.values)
    same_trace = lie_values(right, lie)
    proof = same_trace.proof(1, 3).encode()
    assert wrong.root != lie.root
    attempt = table.refused(lambda: table.prove(mallory, assertion, proof, game_id=game_id))
    assert attempt == "Step_NoFault"
    table.pass_clock(game_id)
    table.send(alice, "claimTimeout", game_id)
    assert table.game.game_of(game_id).status is GameStatus.LOST
    assert table.game.credit_of(mallory.address) == 0
    table.prove(carol, assertion, searched(right, lie).proof)
    assert table.game.status(assertion) is REJECTED


def test_b7_a_third_party_defends_and_is_paid_and_its_junk_is_refused(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner, mallory: KeySigner
) -> None:
    trace = claimed(right)
    assertion = table.claim(alice, trace)
    game_id = table.open(mallory, assertion)
    junk = [keccak(bytes((i,))) for i in range(8)]
    assert (
        table.refused(lambda: table.send(carol, "revealNodes", game_id, junk)) == "Game_BadReveal"
    )
    receipts = [
        receipt
        for receipt in table.walk(game_id, carol, mallory, trace)
        if any(log.entry.address == table.game.address for log in receipt.logs)
    ]
    table.pass_clock(game_id)
    table.send(carol, "claimTimeout", game_id)
    refund = table.game.credit_of(carol.address)
    assert len(receipts) == 6
    assert refund > 0
    stands(table, assertion, carol)
    assert table.game.credit_of(alice.address) == table.rules.bond_a
    assert table.game.credit_of(carol.address) == refund


def test_b8_a_dot_product_in_parts_is_rejected_at_the_wrong_part(
    table: Table, alice: KeySigner, carol: KeySigner
) -> None:
    material = Material(operator_program(), leaf_log2=5)
    right = Committed.honest(material, operator_inputs(88))
    for part in PARTS:
        lie = lying(right, part, 6, -1)
        found = rejected_by(table, right, lie, alice, carol)
        assert (found.node, found.place) == (part, 6)
    control = table.claim(alice, claimed(right))
    for number, part in enumerate(PARTS):
        proof = right.proof(part, 6).encode()
        attempt = table.refused(
            lambda p=proof, n=number: table.prove(carol, control, p, salt=keccak(bytes((n,))))
        )
        assert attempt == "Step_NoFault"
