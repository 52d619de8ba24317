"""Once is enough: rows C of the attack matrix, on the deployed contracts, with honest controls.

A row ends in the named error of a check, or in who has which coins.
"""

from __future__ import annotations

from dataclasses import replace

from attack_kit import SALT, Table
from attack_rows import (
    PADDING,
    REJECTED,
    lying,
    stands,
)
from dispute_kit import World
from judge_kit import Committed, claimed, searched

from verifiable.chain.accounts import KeySigner
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEVELOPMENT_PARAMS
from verifiable.chain.contracts.dispute_structs import (
    CommitKind,
    GameStatus,
    Header,
    Phase,
    values_of,
)
from verifiable.statement.hashing import keccak
from verifiable.testing.lying_traces import (
    GivenTrace,
)


def test_c1_nothing_can_be_used_again_elsewhere(
    world: World, table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    lie = lying(right)
    first, second = table.claim(alice, lie), twice(table, alice, lie)
    proof = searched(right, lie).proof
    # a commit is for one assertion, and for one use
    table.commit(carol, CommitKind.ELEMENT, first, keccak(proof))
    assert table.refused(lambda: table.prove(carol, second, proof, commit=False)) == "Game_NoCommit"
    game_id = table.open(carol, first)
    other_kind = ("proveStep", game_id, int(PADDING), proof, SALT)
    assert table.refused(lambda: table.send(carol, *other_kind)) == "Game_NoCommit"
    table.prove(carol, first, proof, commit=False, game_id=game_id)
    digest = table.game.commit_digest(CommitKind.ELEMENT, carol.address, first, keccak(proof), SALT)
    assert table.game.committed_at(carol.address, digest) == 0
    # a proof is about one trace, and what is shown about one game
    third = table.claim(alice, claimed(right))
    assert table.refused(lambda: table.prove(carol, third, proof)) == "Game_BadTensor"
    foreign = table.open(carol, third)
    assert table.refused(lambda: table.show(alice, foreign, lie)) == "Game_BadReveal"
    # another contract, another chain, another version
    rules = replace(DEVELOPMENT_PARAMS, window=700)
    other = Table(world, DisputeGame.deploy(world.chain, world.person(), rules))
    there = other.claim(alice, lie)
    table.commit(carol, CommitKind.ELEMENT, there, keccak(proof))
    assert other.refused(lambda: other.prove(carol, there, proof, commit=False)) == "Game_NoCommit"
    preimage = (
        b"\x07" + (1).to_bytes(32, "big") + table.game.address + bytes((1,)) + carol.address
        + second + keccak(proof) + SALT
    )  # fmt: skip
    table.send(carol, "commit", keccak(preimage))
    assert table.refused(lambda: table.prove(carol, second, proof, commit=False)) == "Game_NoCommit"
    header = replace(Header.of(right.material.commitment), spec_version=2)
    assert table.refused(lambda: table.send(carol, "admitProgram", values_of(header))) == (
        "Game_BadProgram"
    )
    table.prove(carol, second, proof)
    assert table.game.status(second) is REJECTED


def twice(table: Table, signer: KeySigner, trace: GivenTrace) -> bytes:
    """Assert the same once more: a name of its own."""
    return table.claim(signer, trace)


def test_c2_a_second_game_does_not_move_the_clock_of_the_first(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    trace = claimed(right)
    assertion = table.claim(alice, trace)
    first = table.open(carol, assertion)
    table.walk(first, alice, carol, trace, until=(Phase.TRACE, False))
    table.reach(table.now() + 200)
    before, locked = table.game.game_of(first), table.game.totals().locked
    second = table.open(carol, assertion)
    assert second != first
    assert table.game.game_of(first) == before
    assert table.game.totals().locked == locked + table.rules.bond_c
    table.pass_clock(first)
    table.send(alice, "claimTimeout", first)
    assert table.game.game_of(first).status is GameStatus.LOST
    assert table.game.game_of(second).status is GameStatus.OPEN


def test_c3_nothing_is_settled_or_paid_twice(
    table: Table, right: Committed, alice: KeySigner, carol: KeySigner
) -> None:
    lie = lying(right)
    assertion = table.claim(alice, lie)
    winning, beside = table.open(carol, assertion), table.open(carol, assertion)
    assert table.refused(lambda: table.send(carol, "closeGame", beside)) == "Game_NotRejected"
    table.pass_clock(winning)
    table.send(carol, "claimTimeout", winning)
    table.send(carol, "closeGame", beside)
    good = table.claim(alice, claimed(right))
    lost = table.open(carol, good)
    table.show(alice, lost, claimed(right))
    table.pass_clock(lost)
    table.send(alice, "claimTimeout", lost)
    stands(table, good, alice)
    for person in (alice, carol):
        table.send(person, "withdraw")
    sums = table.game.totals()
    again = [
        (carol, "claimTimeout", winning, "Game_AlreadySettled"),
        (carol, "closeGame", winning, "Game_AlreadySettled"),
        (carol, "closeGame", beside, "Game_AlreadySettled"),
        (carol, "claimTimeout", beside, "Game_AlreadySettled"),
        (alice, "claimTimeout", lost, "Game_AlreadySettled"),
        (carol, "closeGame", lost, "Game_AlreadySettled"),
        (alice, "finalize", good, "Game_NotPending"),
        (alice, "finalize", assertion, "Game_NotPending"),
    ]
    for person, name, subject, error in again:
        assert table.refused(lambda p=person, n=name, s=subject: table.send(p, n, s)) == error
    for person in (alice, carol):
        assert table.refused(lambda p=person: table.send(p, "withdraw")) == "Game_NothingToWithdraw"
    assert table.game.totals() == sums
    assert table.balanced()
