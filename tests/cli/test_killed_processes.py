"""Agents as processes of their own, killed by SIGKILL and started again: all ends as it must."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest
from click.testing import CliRunner
from sample_models import MODELS, REPOSITORY

import verifiable
from verifiable.chain.accounts import KeySigner
from verifiable.chain.addresses import checksummed
from verifiable.chain.client import Chain
from verifiable.chain.contracts.dispute_structs import AssertionStatus
from verifiable.chain.endpoint import open_chain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.cli.main import main
from verifiable.dispute.agent import Agent
from verifiable.dispute.asserter import Asserter
from verifiable.dispute.game_log import GameLog
from verifiable.dispute.journal import Journal
from verifiable.dispute.material import Material
from verifiable.dispute.session import find_game
from verifiable.sources import quantised_input
from verifiable.testing.lying_traces import FalseChallenger, wrong_element

INPUT = MODELS / "digits_input.npz"
PLAYER = DEV_ACCOUNTS[1].address
OPPONENT = KeySigner(DEV_ACCOUNTS[2].private_key)
LIMIT_S = 240
JUMP_S = 310  # more than a clock of the usual rules on development chains


class Life:
    """One process of an agent; what it says is read by a thread."""

    def __init__(self, words: list[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from verifiable.cli.main import main; main()", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"},
        )
        self.said: Queue[str] = Queue()
        self.heard: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.put(line)

    def lines(self) -> Iterator[str]:
        """What it has said since the last call."""
        while True:
            try:
                line = self.said.get_nowait()
            except Empty:
                return
            self.heard.append(line)
            yield line

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=60)


def played(
    words: list[str], opponent: Agent, rng: random.Random, *, kills: int, idle: Callable[[], None]
) -> tuple[int, dict[str, Any]]:
    """Start an agent again and again until one life ends by itself.

    Args:
        opponent: plays in this process.
        kills: how many lives end by SIGKILL at most, each after up to one of its moves and a while
            more, in which it may move again: a game may end before all of them.
        idle: lets time pass on the chain; called while the agent has nothing to do.

    Returns:
        How many lives were cut short, and the last one's document.
    """
    end_s = time.monotonic() + LIMIT_S
    killed = 0
    while time.monotonic() < end_s:
        life = Life(words)
        try:
            moves_left, pause_s = rng.randrange(2), rng.uniform(0, 0.4)
            quiet_s = time.monotonic()
            while life.process.poll() is None and time.monotonic() < end_s:
                said = list(life.lines())
                moves_left -= sum(line.startswith("move:") for line in said)
                playing = any(line.startswith(("move:", "clock:")) for line in life.heard)
                if killed < kills and playing and moves_left <= 0:
                    time.sleep(pause_s)
                    life.kill()
                    killed += 1
                    break
                if opponent.step() or said:
                    quiet_s = time.monotonic()
                elif playing and time.monotonic() - quiet_s > 2:
                    idle()
                    quiet_s = time.monotonic()
                time.sleep(0.05)
            else:
                out, _ = life.process.communicate(timeout=60)
                assert life.process.returncode == 0, "".join([*life.heard, *life.lines()])
                return killed, json.loads(out)
        finally:
            life.kill()
    raise AssertionError("no end in time")


def sent_by(chain: Chain, account: bytes) -> list[str]:
    """The data of all that an account has sent to others, from the blocks themselves."""
    found = []
    for number in range(1, chain.block().number + 1):
        block = chain._node.ask("eth_getBlockByNumber", [hex(number), True])
        for item in block["transactions"]:
            mine = bytes.fromhex(item["from"][2:]) == account
            if mine and item["to"] is not None and item["to"] != item["from"]:
                found.append(item["input"])
    return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chain]:
    """A chain in a file, with the usual game, that this process and the agents' share."""
    for name in [name for name in os.environ if name.startswith("ETH_") or name == "CHAIN"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["dispute", "deploy", "--quiet"])
    assert result.exit_code == 0, result.output
    with open_chain(f"local:{tmp_path / 'chain.db'}") as chain:
        yield chain


def jump(chain: Chain) -> None:
    chain._node.ask("evm_setNextBlockTimestamp", [chain.block().time_s + JUMP_S])
    chain._node.ask("evm_mine", [])


def a_challenger_wins(chain: Chain, program: Path, seed: int, kills: int) -> None:
    rng = random.Random(seed)
    material = Material(verifiable.load_program(program))
    inputs, _ = quantised_input(material.program.inputs, INPUT)
    node = rng.randrange(len(material.program.nodes))
    trace = wrong_element(material, inputs, node=node, element=rng.randrange(10))
    game = find_game(chain, None)
    with Journal("liar.journal") as journal:
        liar = Asserter(game, OPPONENT, journal, trace)
        liar.step()
        assert liar.assertion is not None
        words = ["dispute", "challenge", str(program), "--input", str(INPUT), "--json"]
        words += ["--from", checksummed(PLAYER), "--poll", "0.2"]
        words += ["--assertion", f"0x{liar.assertion.id.hex()}"]
        killed, document = played(words, liar, rng, kills=kills, idle=lambda: None)
    assert min(2, kills) <= killed <= kills
    (said,) = document["assertions"]
    assert said["status"] == "rejected"
    assert said["rejected_by"] == checksummed(PLAYER)
    assert len(said["games"]) == 1
    assert game.credit_of(PLAYER) == 0
    sent = sent_by(chain, PLAYER)
    assert len(sent) >= 5  # open, select, commit, prove, withdraw
    assert max(Counter(sent).values()) == 1


def an_asserter_stands(chain: Chain, program: Path, seed: int, kills: int) -> None:
    rng = random.Random(seed)
    material = Material(verifiable.load_program(program))
    inputs, _ = quantised_input(material.program.inputs, INPUT)
    game = find_game(chain, None)
    with Journal("false.journal") as journal:
        false = FalseChallenger(game, OPPONENT, journal, material, [inputs])
        node = rng.randrange(len(material.program.nodes))
        false.believed = wrong_element(material, inputs, node=node, element=1)
        words = ["dispute", "assert", str(program), "--input", str(INPUT), "--json", "--watch"]
        words += ["--from", checksummed(PLAYER), "--poll", "0.2", "-o", "proof.json"]
        killed, document = played(words, false, rng, kills=kills, idle=lambda: jump(chain))
    assert killed == kills
    assert document["status"] == "finalized"
    assert document["games"]
    log = GameLog(game)
    log.refresh()
    mine = [found for found in log.assertions if found.asserter == PLAYER]
    assert [found.status for found in mine] == [AssertionStatus.FINALIZED]
    assert game.credit_of(PLAYER) == 0
    sent = sent_by(chain, PLAYER)
    assert max(Counter(sent).values()) == 1
    proven = ["verify", "proof.json", "--program", str(program), "--rpc-url", "local:chain.db"]
    proven += ["--game", f"0x{game.address.hex()}", "--allow-local-chain"]
    assert CliRunner().invoke(main, proven).exit_code == 0


def test_a_challenger_that_was_killed_brings_a_lie_down(place: Chain, digits_program: Path) -> None:
    a_challenger_wins(place, digits_program, seed=1, kills=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 7))
def test_challengers_killed_often(place: Chain, digits_program: Path, seed: int) -> None:
    a_challenger_wins(place, digits_program, seed, kills=4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_asserters_killed_often(place: Chain, digits_program: Path, seed: int) -> None:
    an_asserter_stands(place, digits_program, seed, kills=4)
