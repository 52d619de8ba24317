"""Honest agents against cheating ones, drawn at random, all of them killed and started again.

Whatever the order of moves and the hour of a death, the honest side wins, it pays for gas only, and
every coin is accounted for.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from dispute_kit import SIZE, World, honest, tiny_inputs

from verifiable.chain.accounts import KeySigner
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_structs import AssertionStatus, Phase
from verifiable.dispute.agent import Agent
from verifiable.dispute.asserter import Asserter
from verifiable.dispute.challenger import Challenger
from verifiable.dispute.claimed_trace import ClaimedTrace
from verifiable.dispute.journal import Journal
from verifiable.dispute.material import Material
from verifiable.dispute.trace_data import FolderData, publish_trace
from verifiable.testing.lying_traces import (
    FalseChallenger,
    StallingAsserter,
    StallingChallenger,
    wrong_element,
    wrong_padding,
    wrong_tail,
)

KINDS = ("withheld", "public", "padding", "silent asserter", "false challenger", "idle challenger")
FAST = 6
SLOW = 200
DEATHS = 0.3
"""Share of turns in which a process dies at its next transaction."""

Make = Callable[[DisputeGame, Journal], Agent]


class Killed(BaseException):
    """The process is gone: nobody catches this."""


class Mortal:
    """Kills the process at its next transaction, before or after the node has taken it.

    Attributes:
        doomed: None to let it live.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.doomed: str | None = None

    def make_request(self, method, params):
        if method == "eth_sendRawTransaction" and self.doomed is not None:
            if self.doomed == "after":
                self.world.local.request(method, params)
            raise Killed
        return self.world.local.request(method, params)


class Party:
    """Somebody whose process is started again whenever it has died."""

    def __init__(self, world: World, path: Path, make: Make) -> None:
        self.world, self.path, self.make = world, path, make
        self.deaths = 0
        self._start()

    def _start(self) -> None:
        self.journal = Journal(self.path)
        self.provider = Mortal(self.world)
        self.agent = self.make(self.world.again(self.provider), self.journal)

    def _end(self) -> None:
        self.journal.close()
        self.deaths += 1
        self._start()

    def turn(self, rng: np.random.Generator) -> bool:
        """Some moves, or death; whether anything was done."""
        self.provider.doomed = None
        if rng.random() < DEATHS:
            self.provider.doomed = ("before", "after")[int(rng.integers(2))]
        try:
            moves = self.agent.step(int(rng.integers(1, 4)))
        except Killed:
            self._end()
            return True
        if rng.random() < DEATHS / 3:
            self._end()
        return bool(moves)


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Who plays, and how it has to end."""

    asserter: Party
    challenger: Party
    status: AssertionStatus


def random_lie(material: Material, inputs, rng: np.random.Generator) -> ClaimedTrace:
    node = int(rng.integers(5))
    size = SIZE if node < 4 else 9
    return wrong_element(
        material,
        inputs,
        node=node,
        element=int(rng.integers(size)),
        delta=int(rng.integers(1, 200)),
        propagate=bool(rng.integers(2)),
    )


def cast(
    world: World, material: Material, seed: int, folder: Path, people: list[KeySigner]
) -> Cast:
    """The agents of a game; the seed says which."""
    rng = np.random.default_rng([seed, 1])
    kind = KINDS[seed % len(KINDS)]
    inputs = tiny_inputs(1_000_000 + seed)
    here = world.chain.block().number
    right = honest(material, inputs)
    trace: ClaimedTrace = right
    asserting, challenging = Asserter, Challenger
    if kind in ("withheld", "public", "silent asserter"):
        trace = random_lie(material, inputs, rng)
    elif kind == "padding":
        node = int(rng.integers(4))
        trace = (wrong_tail, wrong_padding)[int(rng.integers(2))](material, inputs, node=node)
    if kind == "silent asserter":
        asserting = StallingAsserter
    believed = random_lie(material, inputs, rng)
    challenging = {
        "false challenger": FalseChallenger,
        "idle challenger": StallingChallenger,
    }.get(kind, Challenger)
    public = folder / "trace"
    if kind == "public":
        publish_trace(trace, public)
    silent_from = (Phase.TRACE, Phase.NODE, Phase.TENSOR, Phase.LEAF)[int(rng.integers(4))]

    def make_asserter(game: DisputeGame, journal: Journal) -> Agent:
        agent = asserting(game, people[0], journal, trace, from_block=here)
        if isinstance(agent, StallingAsserter):
            agent.silent_from = silent_from
        return agent

    def make_challenger(game: DisputeGame, journal: Journal) -> Agent:
        agent = challenging(
            game,
            people[1],
            journal,
            material,
            [inputs],
            find_data=(lambda _: FolderData(public)) if kind == "public" else None,
            from_block=here,
        )
        if isinstance(agent, FalseChallenger):
            agent.believed = believed
        return agent

    name = secrets.token_hex(8)
    return Cast(
        asserter=Party(world, folder / f"{name}-a.journal", make_asserter),
        challenger=Party(world, folder / f"{name}-c.journal", make_challenger),
        status=(AssertionStatus.FINALIZED if trace is right else AssertionStatus.REJECTED),
    )


def play(world: World, players: Cast, rng: np.random.Generator) -> None:
    """In any order, with a few seconds now and then, until nothing is left to do."""
    parties = [players.asserter, players.challenger]
    for _ in range(300):
        order = [parties[at] for at in rng.permutation(2)]
        acted = [party.turn(rng) for party in order]
        if any(acted):
            if rng.random() < 0.3:
                world.pass_time(int(rng.integers(1, 15)))
            continue
        agents = [party.agent for party in parties]
        for agent in agents:
            agent.log.refresh()
        if all(agent.done for agent in agents):
            return
        ahead = [time.left_s for agent in agents for time in agent.deadlines()]
        world.pass_time(min([left for left in ahead if left > 0], default=0) + 1)
    raise AssertionError([party.agent.notes for party in parties])


def gas_paid(world: World, first: int, people: list[KeySigner]) -> list[int]:
    """Wei that each has paid for gas since a block, whatever its agents know of it."""
    spent = {f"0x{person.address.hex()}": 0 for person in people}
    for number in range(first, world.chain.block().number + 1):
        block = world.result("eth_getBlockByNumber", hex(number), True)
        for sent in block["transactions"]:
            if sent["from"] in spent:
                receipt = world.result("eth_getTransactionReceipt", sent["hash"])
                price = int(receipt["effectiveGasPrice"], 16)
                spent[sent["from"]] += int(receipt["gasUsed"], 16) * price
    return list(spent.values())


def one_game(world: World, material: Material, seed: int, folder: Path) -> int:
    """Play a game to its end and look at every coin; returns how often a process died."""
    rng = np.random.default_rng([seed, 2])
    people = [world.person(), world.person()]
    before, sums = world.worth(*people), world.game.totals()
    first = world.chain.block().number + 1
    players = cast(world, material, seed, folder, people)
    play(world, players, rng)
    log = players.challenger.agent.log
    mine = [found for found in log.assertions if found.asserter == people[0].address]
    assert [found.status for found in mine] == [players.status]
    gains = [
        have - had + gas
        for have, had, gas in zip(
            world.worth(*people), before, gas_paid(world, first, people), strict=True
        )
    ]
    rules = world.game.release.params
    games = sum(game.challenger == people[1].address for game in log.games)
    assert games <= 1
    if players.status is AssertionStatus.REJECTED:
        assert mine[0].winner == people[1].address
        reward = rules.bond_a * rules.reward_bps // 10_000
        assert gains == [-rules.bond_a, reward]
    else:
        assert gains[1] == -games * rules.bond_c
        assert 0 <= gains[0] <= games * rules.bond_c
    after = world.game.totals()
    assert after.deposited == after.withdrawn + after.locked + after.burned
    assert after.locked == sums.locked
    assert after.burned - sums.burned == -sum(gains)
    assert world.chain.balance(world.game.address) >= after.locked + after.burned
    for party in (players.asserter, players.challenger):
        party.journal.close()
    return players.asserter.deaths + players.challenger.deaths


def test_the_honest_side_wins_a_few_random_games(
    world: World, material: Material, tmp_path: Path
) -> None:
    deaths = 0
    for seed in range(FAST):
        folder = tmp_path / str(seed)
        folder.mkdir()
        deaths += one_game(world, material, seed, folder)
    assert deaths >= FAST


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(10))
def test_the_honest_side_wins_two_hundred_random_games(
    material: Material, tmp_path: Path, batch: int
) -> None:
    """Each batch has a chain of its own, so that logs stay short."""
    world = World()
    try:
        for seed in range(FAST + batch, FAST + SLOW, 10):
            folder = tmp_path / str(seed)
            folder.mkdir()
            one_game(world, material, seed, folder)
    finally:
        world.local.close()
