"""Agents die at every point, and their successors win all the same, paying nothing twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from dispute_kit import World, honest, journal_in

from verifiable.chain.contracts.dispute_structs import AssertionStatus
from verifiable.chain.transaction import PendingTransaction
from verifiable.dispute.asserter import Asserter
from verifiable.dispute.challenger import Challenger
from verifiable.dispute.journal import Journal
from verifiable.dispute.material import Material
from verifiable.errors import ResourceLimit
from verifiable.statement.hashing import keccak
from verifiable.testing.lying_traces import FalseChallenger, wrong_element


class Killed(BaseException):
    """The process is gone: nobody catches this."""


class DyingProvider:
    """Kills the process at the n-th transaction, before or after the node has taken it."""

    def __init__(self, world: World, *, after: bool) -> None:
        self.world, self.after = world, after
        self.alive = True

    def make_request(self, method, params):
        if method == "eth_sendRawTransaction" and self.alive:
            self.alive = False
            if self.after:
                self.world.local.request(method, params)
            raise Killed
        return self.world.local.request(method, params)


def lives(world: World, make, *, at: str, other) -> Counter:
    """Play to the end with a new object for each life; returns how often each move was made."""
    journal_path = make.path
    names: Counter = Counter()
    for _ in range(200):
        provider = DyingProvider(world, after=at == "sent")
        provider.alive = at != "step"
        game = world.again(provider)
        with Journal(journal_path) as journal:
            agent = make(game, journal)
            try:
                moves = agent.step(1)
                names.update(move.name for move in moves if move.name)
                idle = not moves
            except Killed:
                idle = False
            if at == "asked" and not idle:  # this life may send, the next one dies again
                provider.alive = False
                moves = agent.step(1)
                names.update(move.name for move in moves if move.name)
            other_moves = other.step()
            if idle and not other_moves:
                if agent.done and other.done:
                    return names
                times = [*agent.deadlines(), *other.deadlines()]
                world.pass_time(min(time.left_s for time in times if time.left_s > 0) + 1)
    raise AssertionError("no end")


@pytest.mark.parametrize("at", ["step", "asked", "sent"])
def test_a_challenger_killed_at_every_move_wins(
    world: World, material: Material, inputs, tmp_path: Path, at: str
) -> None:
    mallory, carol = world.person(), world.person()
    lie = wrong_element(material, inputs, node=3, element=33)
    liar = Asserter(world.game, mallory, journal_in(tmp_path), lie)
    liar.step()
    assert liar.assertion is not None

    def make(game, journal):
        return Challenger(game, carol, journal, material, [inputs])

    make.path = tmp_path / "carol.journal"
    lives(world, make, at=at, other=liar)
    assert liar.assertion.status is AssertionStatus.REJECTED
    assert liar.assertion.winner == carol.address
    games = [game for game in liar.log.games if game.challenger == carol.address]
    assert len(games) == 1
    assert world.game.credit_of(carol.address) == 0


@pytest.mark.parametrize("at", ["step", "asked", "sent"])
def test_an_asserter_killed_at_every_move_keeps_its_bond(
    world: World, material: Material, inputs, tmp_path: Path, at: str
) -> None:
    alice, mallory = world.person(), world.person()
    trace = honest(material, inputs)
    false = FalseChallenger(world.game, mallory, journal_in(tmp_path), material, [inputs])
    false.believed = wrong_element(material, inputs, node=1, element=2)

    def make(game, journal):
        return Asserter(game, alice, journal, trace)

    make.path = tmp_path / "alice.journal"
    before = world.worth(alice)[0]
    lives(world, make, at=at, other=false)
    false.log.refresh()
    mine = [found for found in false.log.assertions if found.asserter == alice.address]
    assert [found.status for found in mine] == [AssertionStatus.FINALIZED]
    spent = before - world.worth(alice)[0]
    assert spent < world.game.release.params.bond_a // 10


class SwallowingProvider:
    """Takes the first transaction and puts it into no block."""

    def __init__(self, world: World) -> None:
        self.world, self.swallowed = world, []

    def make_request(self, method, params):
        if method == "eth_sendRawTransaction" and not self.swallowed:
            self.swallowed.append(params[0])
            digest = keccak(bytes.fromhex(params[0][2:]))
            return {"jsonrpc": "2.0", "id": 1, "result": f"0x{digest.hex()}"}
        return self.world.local.request(method, params)


def test_what_no_block_takes_is_replaced_at_higher_fees(
    world: World, material: Material, inputs, tmp_path: Path
) -> None:
    alice = world.person()
    provider = SwallowingProvider(world)
    game = world.again(provider)
    game.chain.timeout_s = 0.05
    journal = journal_in(tmp_path)
    agent = Asserter(game, alice, journal, honest(material, inputs))
    with pytest.raises(PendingTransaction):
        agent.step()
    game.chain.timeout_s = 60.0
    agent.step(1)
    first, second = (entry for entry in journal.entries if entry["kind"] == "sending")
    assert first["nonce"] == second["nonce"] == 0
    assert second["fee"] * 8 >= first["fee"] * 9
    assert second["tip"] * 8 >= first["tip"] * 9
    assert world.chain.transaction_count(alice.address) == 1
    agent.step(1)
    assert world.chain.transaction_count(alice.address) == 2


def test_two_agents_cannot_share_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "one.journal"
    with Journal(path):
        with pytest.raises(ResourceLimit, match="another agent") as refused:
            Journal(path)
        assert refused.value.code == "journal-in-use"
    with Journal(path) as again:
        assert again.entries[0]["kind"] == "journal"
