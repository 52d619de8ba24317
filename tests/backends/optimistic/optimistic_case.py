"""One honest assertion, played on the embedded chain, and what a reader saw of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from game_kit import ALICE, Execution, finalise, honest, make_assertion, small_program

from verifiable.backends.base import Key
from verifiable.backends.optimistic.format import Payload
from verifiable.backends.optimistic.keys import key_of
from verifiable.backends.optimistic.prove import proof_of_assertion
from verifiable.chain.client import Chain
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEFAULT_PARAMS
from verifiable.chain.endpoint import open_chain
from verifiable.chain.game_reader import read_assertion
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.view import ChainView

POLICY = Policy(backends={"optimistic": None}, allow_insecure=frozenset({"local_chain"}))
STRICT = Policy(backends={"optimistic": None})


@dataclass(frozen=True, kw_only=True)
class Case:
    """An assertion, the proof that names it, and the key that a verifier trusts."""

    chain: Chain
    game: DisputeGame
    execution: Execution
    assertion_id: bytes
    proof: Proof
    key: Key

    def view(self) -> ChainView:
        return read_assertion(self.chain, game=self.game.address, assertion_id=self.assertion_id)


def asserted(game: DisputeGame, execution: Execution, **more: Any) -> Case:
    """Assert an execution, true or not."""
    said = make_assertion(game, execution, **more)
    payload = Payload(
        chain_id=game.chain.chain_id,
        game=game.address,
        assertion_id=said.assertion_id,
        trace_root=said.trace_root,
    )
    proof = proof_of_assertion(
        execution.commitment,
        execution.trace.inputs,
        execution.trace.outputs,
        execution.statement,
        payload,
    )
    view = read_assertion(game.chain, game=game.address, assertion_id=said.assertion_id)
    assert view.assertion is not None
    key = key_of(execution.statement.program_root, view.chain_id, view.assertion)
    assert key is not None
    return Case(
        chain=game.chain,
        game=game,
        execution=execution,
        assertion_id=said.assertion_id,
        proof=proof,
        key=key.to_key(),
    )


@contextmanager
def final_case() -> Iterator[Case]:
    """The program of seed 0, asserted and final under the rules for public chains."""
    with open_chain("local:") as chain:
        game = DisputeGame.deploy(chain, ALICE, DEFAULT_PARAMS)
        case = asserted(game, honest(small_program()))
        finalise(game, case.assertion_id)
        yield case


def public(view: ChainView) -> ChainView:
    """The same view as a node of a public chain would give it."""
    return replace(view, chain_id=10, finalized=True, development=False)
