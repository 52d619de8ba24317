"""The loop, the log and the journal, while nodes fail, blocks vanish and files are cut off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from dispute_kit import World, honest, journal_in

from verifiable.chain.contracts.dispute_structs import AssertionStatus
from verifiable.dispute.agent import commit_digest
from verifiable.dispute.asserter import Asserter
from verifiable.dispute.challenger import Challenger
from verifiable.dispute.game_log import GameLog
from verifiable.dispute.journal import Journal
from verifiable.dispute.material import Material
from verifiable.dispute.watch import AnyNode, watch
from verifiable.errors import Cancelled, ChainError, InvalidInput, MalformedFile, ResourceLimit
from verifiable.progress import Cancellation
from verifiable.testing.lying_traces import wrong_element


class Flaky:
    """Answers every third request only."""

    def __init__(self, world: World) -> None:
        self.world, self.count = world, 0

    def make_request(self, method, params):
        self.count += 1
        if self.count % 3:
            raise ConnectionError
        return self.world.local.request(method, params)


class Dead:
    def make_request(self, method, params):
        raise ConnectionError


class OtherChain:
    def make_request(self, method, params):
        return {"jsonrpc": "2.0", "id": 1, "result": "0x1"}


def test_the_loop_plays_a_dispute_to_the_end_over_flaky_nodes(
    world: World, material: Material, inputs, tmp_path: Path
) -> None:
    mallory, carol = world.person(), world.person()
    lie = wrong_element(material, inputs, node=3, element=12)
    liar = Asserter(world.game, mallory, journal_in(tmp_path), lie)
    game = world.again(AnyNode([Dead(), Flaky(world), world]))
    challenger = Challenger(game, carol, journal_in(tmp_path), material, [inputs])
    told = []
    rounds = []

    def sleep(seconds: float) -> None:
        assert 0 < seconds <= 61
        world.pass_time(max(1, int(seconds)))

    assert watch(
        [liar, challenger],
        poll_s=60,
        sleep=sleep,
        rounds=200,
        progress=told.append,
        on_round=rounds.append,
    )
    assert liar.assertion.status is AssertionStatus.REJECTED
    assert liar.assertion.winner == carol.address
    assert any(event.phase == "move" and "prove" in event.message for event in told)
    assert [move for made in rounds for move in made.moves]


def test_a_failing_node_is_tried_again_and_named(world: World, material, inputs, tmp_path) -> None:
    alice = world.person()
    provider = AnyNode([world])
    agent = Asserter(world.again(provider), alice, journal_in(tmp_path), honest(material, inputs))
    provider._providers[:] = [Dead()]
    told, slept = [], []
    assert not watch([agent], rounds=4, sleep=slept.append, progress=told.append)
    assert slept == sorted(slept)
    assert slept[-1] > slept[0]
    assert {event.phase for event in told} == {"node"}
    provider._providers[:] = [world]
    assert agent.step()[-1].name == "assertResult"


def test_a_watcher_stops_when_it_is_told_to() -> None:
    cancel = Cancellation()
    cancel.cancel()
    with pytest.raises(Cancelled):
        watch([], cancel=cancel)


def test_nodes_of_different_chains_are_not_mixed(world: World) -> None:
    nodes = AnyNode([world, OtherChain()])
    assert nodes.make_request("eth_chainId", [])["result"] == "0x7a69"
    nodes._providers.reverse()
    assert nodes.make_request("eth_blockNumber", [])["result"].startswith("0x")
    nodes._providers[:] = [OtherChain()]
    with pytest.raises(ChainError) as refused:
        nodes.make_request("eth_blockNumber", [])
    assert refused.value.code == "wrong-chain"
    with pytest.raises(ValueError, match="at least one"):
        AnyNode([])


def test_a_log_forgets_what_a_reorganisation_took_away(
    world: World, material: Material, inputs, tmp_path: Path
) -> None:
    alice = world.person()
    log = GameLog(world.game)
    log.refresh()
    before = [found.id for found in log.assertions]
    snapshot = world.result("evm_snapshot")
    agent = Asserter(world.game, alice, journal_in(tmp_path), honest(material, inputs))
    agent.step()
    assert log.refresh()
    assert [found.id for found in log.assertions] == [*before, agent.assertion.id]
    world.result("evm_revert", snapshot)
    for _ in range(6):
        world.pass_time(5)
    assert log.refresh()
    assert [found.id for found in log.assertions] == before
    moves = agent.step()  # the agent makes its way again
    assert [move.name for move in moves if move.name][-1] == "assertResult"
    log.refresh()
    assert log.assertion(agent.assertion.id) is not None
    assert not log.refresh()


def test_a_deep_reorganisation_is_read_from_the_beginning(
    world: World, material: Material, inputs, tmp_path: Path
) -> None:
    alice = world.person()
    snapshot = world.result("evm_snapshot")
    agent = Asserter(world.game, alice, journal_in(tmp_path), honest(material, inputs))
    agent.step()
    log = GameLog(world.game, reread_blocks=2)
    log.refresh()
    lost = agent.assertion.id
    for _ in range(5):
        world.pass_time(1)
        log.refresh()
    assert log.assertion(lost) is not None
    world.result("evm_revert", snapshot)
    for _ in range(12):
        world.pass_time(1)
    assert log.refresh()
    assert log.assertion(lost) is None


def test_a_log_that_begins_later_knows_what_began_later(
    world: World, material: Material, inputs, tmp_path: Path
) -> None:
    mallory, carol = world.person(), world.person()
    liar = Asserter(
        world.game,
        mallory,
        journal_in(tmp_path),
        wrong_element(material, inputs, node=0, element=1),
    )
    liar.step()
    late = GameLog(world.game, from_block=world.chain.block().number + 1)
    challenger = Challenger(world.game, carol, journal_in(tmp_path), material, [inputs])
    world.play(liar, challenger)
    late.refresh()
    assert late.assertion(liar.assertion.id) is None
    assert late.events
    assert not late.admitted(material.program_root)


def test_a_commit_is_the_contracts_digest(world: World) -> None:
    values = (world.person().address, b"\1" * 32, b"\2" * 32, b"\3" * 32)
    for kind in range(3):
        assert commit_digest(world.game, kind, *values) == world.game.commit_digest(kind, *values)


def test_a_statement_about_another_trace_is_refused(
    world: World, material: Material, inputs, tmp_path: Path
) -> None:
    lie = wrong_element(material, inputs, node=4, element=1)
    agent = Asserter(world.game, world.person(), journal_in(tmp_path), honest(material, inputs))
    with pytest.raises(InvalidInput) as refused:
        Asserter(world.game, world.person(), journal_in(tmp_path), lie, agent.statement)
    assert refused.value.code == "other-statement"


def test_a_journal_keeps_salts_and_drops_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    with Journal(path) as journal:
        salt = journal.salt(1, b"s" * 32, b"p" * 32)
        assert len(salt) == 32
        assert journal.salt(1, b"s" * 32, b"p" * 32) == salt
        assert journal.salt(2, b"s" * 32, b"p" * 32) != salt
    assert path.stat().st_mode & 0o077 == 0
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"kind": "sen')
    with Journal(path) as journal:
        assert journal.salt(1, b"s" * 32, b"p" * 32) == salt
        journal.add("sending", nonce=4, fee=7, tip=None, call="x")
    assert path.read_bytes().startswith(whole)
    with Journal(path) as journal:
        assert journal.last("sending")["nonce"] == 4


@pytest.mark.parametrize(
    "content",
    [
        b"not a journal\n",
        b'{"kind": "journal"}\n',
        b"[]\n",
        b"\xff\xfe\n",
        b"x" * 5000,
        b'{"format": "verifiable-dispute-journal-1", "kind": "journal"}\n{"kind": 5}\n',
        b'{"format": "verifiable-dispute-journal-1", "kind": "journal"}\n{"kind": "salt"}\n',
        b'{"format": "verifiable-dispute-journal-1", "kind": "journal"}\n'
        b'{"kind": "sending", "nonce": "4", "fee": 1}\n',
        json.dumps([[]] * 10).encode() + b"\n",
    ],
)
def test_other_files_are_no_journals(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "b.journal"
    path.write_bytes(content)
    with pytest.raises(MalformedFile) as refused:
        Journal(path)
    assert refused.value.code == "malformed-journal"
    assert path.read_bytes() == content


def test_a_journal_in_no_folder_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(ResourceLimit, match="cannot be opened"):
        Journal(tmp_path / "nowhere" / "c.journal")


class LateEvents:
    """Knows blocks before their events, for as long as it is told to."""

    def __init__(self, world: World) -> None:
        self.world, self.late = world, 0

    def make_request(self, method, params):
        answer = self.world.local.request(method, params)
        if method == "eth_getLogs" and self.late:
            self.late -= 1
            return answer | {"result": []}
        return answer


def test_a_node_that_shows_events_late_makes_nobody_pay_twice(
    world: World, material: Material, inputs, tmp_path: Path
) -> None:
    mallory, carol = world.person(), world.person()
    lie = wrong_element(material, inputs, node=1, element=4)
    Asserter(world.game, mallory, journal_in(tmp_path), lie).step()
    provider = LateEvents(world)
    challenger = Challenger(world.again(provider), carol, journal_in(tmp_path), material, [inputs])
    assert [move.name for move in challenger.step(1)] == ["openGame"]
    provider.late = 4
    assert challenger.step() == []
    assert challenger.step() == []
    assert provider.late == 0
    assert challenger.step() == []  # the asserter's turn: the game is seen now
    mine = [game for game in challenger.log.games if game.challenger == carol.address]
    assert len(mine) == 1
    assert world.game.game_of(mine[0].id + 1).assertion_id == bytes(32)
