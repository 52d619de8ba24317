"""A game contract on the embedded chain, a tiny program, people with coins, and time that jumps."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from verifiable.backends.optimistic.trace import Inputs, commit_execution
from verifiable.chain.accounts import KeySigner
from verifiable.chain.client import Chain
from verifiable.chain.contract import Contract
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEVELOPMENT_PARAMS, GAME
from verifiable.chain.local.chain import LocalChain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.dispute.agent import Agent
from verifiable.dispute.claimed_trace import HonestTrace
from verifiable.dispute.journal import Journal
from verifiable.dispute.material import Material
from verifiable.dispute.sender import Move
from verifiable.program import operators as ops
from verifiable.program.program import (
    Constant,
    Input,
    Node,
    Operand,
    Output,
    Program,
    Source,
)

ETHER = 10**18
RICH = 100 * ETHER
SIZE = 70  # elements of most tensors: three leaves of 32 bytes, so one of padding, and a tail


class World:
    """The chain, its contract, and its clock."""

    def __init__(self) -> None:
        self.local = LocalChain.open(None)
        self.chain = Chain(self, url="local:")
        self.game = DisputeGame.deploy(
            self.chain, KeySigner(DEV_ACCOUNTS[0].private_key), DEVELOPMENT_PARAMS
        )

    def make_request(self, method, params):
        return self.local.request(method, params)

    def person(self) -> KeySigner:
        """Somebody new, with coins."""
        signer = KeySigner(secrets.token_bytes(32))
        self.fund(signer)
        return signer

    def fund(self, signer: KeySigner) -> None:
        self.result("anvil_setBalance", f"0x{signer.address.hex()}", hex(RICH))

    def result(self, method: str, *params):
        answer = self.local.request(method, list(params))
        assert "result" in answer, answer
        return answer["result"]

    def pass_time(self, seconds: int) -> None:
        """The next block is this much later than the last one, whatever the wall clock says."""
        self.result("evm_setNextBlockTimestamp", self.chain.block().time_s + seconds)
        self.result("evm_mine")

    def again(self, provider) -> DisputeGame:
        """The same contract through another provider."""
        chain = Chain(provider, url="local:", sleep=lambda _: None)
        return DisputeGame(Contract(chain, GAME, self.game.address), self.game.release)

    def play(self, *agents: Agent, most: int = 60) -> list[Move]:
        """Let agents play till all are done; where nobody moves, time jumps to what comes next."""
        moves: list[Move] = []
        for _ in range(most):
            made = [move for agent in agents for move in agent.step()]
            moves += made
            if made:
                continue
            if all(agent.done for agent in agents):
                return moves
            ahead = [time.left_s for agent in agents for time in agent.deadlines()]
            future = [left for left in ahead if left > 0]
            # what is due already falls due with the next block
            self.pass_time(min(future, default=0) + 1)
        raise AssertionError(f"no end after {most} rounds: {[agent.notes for agent in agents]}")

    def worth(self, *people: KeySigner) -> list[int]:
        """What each has, in the account and in the contract."""
        return [
            self.chain.balance(person.address) + self.game.credit_of(person.address)
            for person in people
        ]


def gas_cost(moves: Sequence[Move], person: KeySigner) -> int:
    return sum(move.gas_used * move.gas_price for move in moves if move.sender == person.address)


def journal_in(folder: Path) -> Journal:
    return Journal(folder / f"{secrets.token_hex(8)}.journal")


def tiny_program() -> Program:
    """Five nodes over 70 elements: weights, a table, two sums, a product and a dot product."""
    rng = np.random.default_rng(5)
    narrow = ops.Requantisation(shift=3, zero_point=0, lo=-128, hi=127)
    wide = ops.Requantisation(shift=0, zero_point=0, lo=-(1 << 31), hi=(1 << 31) - 1)
    shape = (1, SIZE)

    def trace(index: int) -> Operand:
        return Operand(source=Source.TRACE, index=index, shape=shape)

    def weight(index: int, *dims: int) -> Operand:
        return Operand(source=Source.WEIGHT, index=index, shape=dims)

    x = Operand(source=Source.INPUT, index=0, shape=shape)
    return Program(
        inputs=(Input(name="x", shape=shape, lo=-128, hi=127, scale=1.0, zero_point=0),),
        outputs=(Output(name="y", node=4, shape=(1, 9), scale=1.0, zero_point=0),),
        nodes=(
            Node(
                op=ops.Affine(requant=narrow),
                operands=(x, weight(0, SIZE), weight(1, SIZE), weight(2)),
                shape=shape,
                width=1,
            ),
            Node(
                op=ops.LookupTable(x_min=-128),
                operands=(trace(0), Operand(source=Source.TABLE, index=0, shape=(1, 256))),
                shape=shape,
                width=1,
            ),
            Node(
                op=ops.Add(a_multiplier=1, b_multiplier=2, offset=3, requant=narrow),
                operands=(trace(0), trace(1)),
                shape=shape,
                width=1,
            ),
            Node(
                op=ops.Mul(a_zero_point=0, b_zero_point=1, requant=narrow),
                operands=(trace(2), x, weight(2)),
                shape=shape,
                width=1,
            ),
            Node(
                op=ops.MatMul(requant=wide),
                operands=(trace(3), weight(3, 9, SIZE), weight(4, 9), weight(2)),
                shape=(1, 9),
                width=4,
            ),
        ),
        weights=(
            Constant.of("w", rng.integers(-9, 9, SIZE)),
            Constant.of("b", rng.integers(-90, 90, SIZE)),
            Constant.of("one", 1),
            Constant.of("matrix", rng.integers(-128, 127, (9, SIZE))),
            Constant.of("bias", rng.integers(-1000, 1000, 9)),
        ),
        tables=(Constant.of("table", rng.integers(-100, 100, (1, 256))),),
    )


def tiny_inputs(seed: int = 1) -> Inputs:
    return {"x": np.random.default_rng(seed).integers(-128, 127, (1, SIZE))}


def honest(material: Material, inputs: Inputs) -> HonestTrace:
    committed = commit_execution(material.program, inputs, leaf_log2=material.leaf_log2)
    return HonestTrace(material, committed)
