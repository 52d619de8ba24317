"""One scripted dispute on the embedded chain and on anvil: equal gas, events and balances."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from attack_kit import GAS, SALT, Table
from dispute_kit import RICH, tiny_inputs, tiny_program
from judge_kit import Committed, claimed, searched

from verifiable.chain.accounts import KeySigner
from verifiable.chain.anvil import find_anvil, run_anvil
from verifiable.chain.client import Chain
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_structs import AssertionStatus
from verifiable.chain.endpoint import open_chain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import Receipt, TxOptions
from verifiable.dispute.material import Material
from verifiable.errors import ChainError
from verifiable.statement.hashing import keccak

START_S = 2_000_000_000
STEP_S = 7
GWEI = 10**9

ASSERTER, CHALLENGER, LIAR, DEFENDER = (
    KeySigner(keccak(name.encode())) for name in ("asserter", "challenger", "liar", "defender")
)
PEOPLE = (ASSERTER, CHALLENGER, LIAR, DEFENDER)


class Stage:
    """A chain whose clock is set by hand, so that two of them tell the same time."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.time_s = START_S
        self.tick()
        self.result("evm_mine")
        self.game = DisputeGame.deploy(chain, KeySigner(DEV_ACCOUNTS[0].private_key))
        for person in PEOPLE:
            self.result("anvil_setBalance", f"0x{person.address.hex()}", hex(RICH))

    def result(self, method: str, *params):
        return self.chain._node.ask(method, list(params))

    def tick(self, seconds: int = STEP_S) -> None:
        """The time of the next block."""
        self.time_s += seconds
        self.result("evm_setNextBlockTimestamp", self.time_s)

    def pass_time(self, seconds: int) -> None:
        self.tick(seconds)
        self.result("evm_mine")


@dataclass
class Played(Table):
    """Moves at set times and fees, all of them noted."""

    world: Stage
    steps: list[tuple] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.world)

    def send(
        self, signer: Signer, name: str, *arguments: object, value: int = 0, gas: int = GAS
    ) -> Receipt:
        if self.dry:
            return super().send(signer, name, *arguments, value=value, gas=gas)
        self.world.tick()
        options = TxOptions(gas_limit=gas, gas_price=20 * GWEI, legacy=True)
        receipt = self.game.contract.send(signer, name, *arguments, value=value, options=options)
        events = tuple(
            (log.entry.address, log.entry.topics, log.entry.data) for log in receipt.logs
        )
        price = receipt.effective_gas_price
        self.steps.append((name, receipt.status, receipt.gas_used, price, events))
        return receipt

    def next_at(self, time_s: int) -> None:
        self.world.tick(time_s - self.world.time_s)

    def refuses(self, what: str, attempt) -> None:
        self.steps.append((what, self.refused(attempt)))


def play(stage: Stage) -> Played:
    """An honest asserter against a false challenger, and two liars against an honest one."""
    table = Played(stage)
    material = Material(tiny_program(), leaf_log2=5)
    right = Committed.honest(material, tiny_inputs(31))
    trace = claimed(right)
    value = int(right.values[2].flat[40])
    lie = claimed(right.with_element(2, 40, value - 1 if value > 0 else value + 1, propagate=True))
    stage.tick(1000)
    good = table.claim(ASSERTER, trace, uri="https://example.org/trace")
    false = table.open(CHALLENGER, good)
    table.walk(false, DEFENDER, CHALLENGER, trace, node=1, leaf=2)
    table.refuses("claimTimeout", lambda: table.send(DEFENDER, "claimTimeout", false))
    table.pass_clock(false)
    table.send(DEFENDER, "claimTimeout", false)
    withheld = table.claim(LIAR, lie)
    game_id = table.open(CHALLENGER, withheld)
    table.walk(game_id, LIAR, CHALLENGER, lie, node=2, leaf=1)
    proof = searched(right, lie).proof
    table.refuses(
        "proveStep", lambda: table.prove(CHALLENGER, withheld, proof, game_id=game_id, commit=False)
    )
    beside = table.open(DEFENDER, withheld)
    table.prove(CHALLENGER, withheld, proof, game_id=game_id)
    table.send(DEFENDER, "closeGame", beside)
    public = table.claim(LIAR, lie)
    table.prove(CHALLENGER, public, proof, salt=keccak(SALT))
    silent = table.claim(LIAR, lie)
    last = table.open(CHALLENGER, silent)
    table.pass_clock(last)
    table.send(CHALLENGER, "claimTimeout", last)
    table.pass_window(good)
    table.send(ASSERTER, "finalize", good)
    for person in (ASSERTER, CHALLENGER, DEFENDER):
        table.send(person, "withdraw")
    table.refuses("withdraw", lambda: table.send(LIAR, "withdraw"))
    statuses = [table.game.status(each) for each in (good, withheld, public, silent)]
    assert statuses == [AssertionStatus.FINALIZED, *[AssertionStatus.REJECTED] * 3]
    assert table.balanced()
    return table


def balances(table: Played) -> dict[str, int]:
    """What everybody has at the end."""
    chain = table.game.chain
    held = {signer.address.hex(): chain.balance(signer.address) for signer in PEOPLE}
    return held | {table.game.address.hex(): chain.balance(table.game.address)}


@contextmanager
def anvil() -> Iterator[Chain]:
    try:
        path = find_anvil()
    except ChainError:
        if "ANVIL" in os.environ:
            raise
        pytest.skip("anvil is not installed")
    with run_anvil(path) as running, open_chain(running.url) as chain:
        yield chain


def test_the_same_dispute_on_anvil_has_equal_gas_events_and_balances() -> None:
    with anvil() as chain:
        theirs = play(Stage(chain))
        expected, rich = theirs.steps, balances(theirs)
        sums = theirs.game.totals()
    with open_chain("local:") as chain:
        ours = play(Stage(chain))
        assert ours.game.address == theirs.game.address
        assert len(ours.steps) == len(expected) > 35
        for mine, other in zip(ours.steps, expected, strict=True):
            assert mine == other
        assert balances(ours) == rich
        assert ours.game.totals() == sums
