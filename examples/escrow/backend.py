"""The back end of the escrow: its contract from Python, and what a seller does to earn a deposit.

A seller runs the model on the buyer's input, has the answer signed by a quorum and asserted in a
dispute game, both for this one deposit, and brings it. `story.py` plays it from beginning to end.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import verifiable
from verifiable.chain.artifact import parse_artifact
from verifiable.chain.client import Chain
from verifiable.chain.contract import Contract
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.inference_verifier import InferenceVerifier
from verifiable.chain.signing import Signer
from verifiable.chain.transaction import Receipt
from verifiable.doors import router_call
from verifiable.errors import InvalidInput, Reverted
from verifiable.statement.commitment import commit_program, inputs_root
from verifiable.statement.tensors import pack

__all__ = ["ACCEPTED", "Escrow", "Offer", "finalise", "input_root_of", "open_answer"]

ARTIFACT = parse_artifact((Path(__file__).parent / "ClassificationEscrow.json").read_bytes())

ACCEPTED = "ezkl or (quorum and optimistic)"
"""What `_accepted` of the contract says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A deposit as the contract holds it.

    Attributes:
        deadline_s: the last second in which it can be earned, of the chain's clock.
        amount: wei; zero once it was earned or refunded.
    """

    buyer: bytes
    deadline_s: int
    wanted: int
    amount: int
    input_root: bytes


class Escrow:
    """The contract on a chain."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract

    @classmethod
    def deploy(
        cls,
        chain: Chain,
        signer: Signer,
        router: InferenceVerifier,
        record_id: bytes,
        program: verifiable.Program,
        *,
        simulated: bool = False,
    ) -> Escrow:
        """Make an escrow for answers of a program that stands on record.

        Args:
            simulated: a rehearsal: evidence that shows nothing counts too.
        """
        schema = commit_program(program).schema.encoded
        made = chain.deploy(signer, ARTIFACT, router.address, record_id, simulated, schema)
        return cls.at(chain, made.address)

    @classmethod
    def at(cls, chain: Chain, address: bytes) -> Escrow:
        """The escrow at an address, if the code there is this example's."""
        return cls(chain.contract(ARTIFACT, address))

    def deposit(
        self, buyer: Signer, input_root: bytes, *, wanted: int, deadline_s: int, amount: int
    ) -> int:
        """Offer an amount to whoever shows that the input is of the wanted class; its number."""
        receipt = self.contract.send(buyer, "deposit", input_root, wanted, deadline_s, value=amount)
        (event,) = self.contract.events_in(receipt, "Deposited")
        number: int = event.arguments["id"]
        return number

    def offer(self, number: int) -> Offer:
        """What was offered."""
        buyer, deadline_s, wanted, amount, root = self.contract.call("deposits", number)
        return Offer(
            buyer=buyer, deadline_s=deadline_s, wanted=wanted, amount=amount, input_root=root
        )

    def context(self, seller: bytes, number: int) -> bytes:
        """The context that an answer of this seller to this offer has to have."""
        found: bytes = self.contract.call("contextOf", seller, number.to_bytes(32, "big"))
        return found

    def claim(
        self,
        seller: Signer,
        number: int,
        proofs: Sequence[verifiable.Proof],
        *,
        router: InferenceVerifier,
        record_id: bytes,
        simulated: bool = False,
        **keys_from: Any,
    ) -> Receipt:
        """Bring an answer.

        Args:
            proofs: of one statement, by different backends.
            keys_from: what `router_call` needs besides: a lock that holds the keys, for instance.
        """
        call = router_call(
            proofs, router, record_id, require=ACCEPTED, simulated=simulated, **keys_from
        )
        call.ask()  # costs nothing, and says better than the escrow what is wrong
        evidence = [piece.values for piece in call.evidence]
        return self.contract.send(seller, "claim", number, open_answer(proofs[0]), evidence)

    def refund(self, signer: Signer, number: int) -> Receipt:
        """Give a deposit that nobody earned back to its buyer; anyone may."""
        return self.contract.send(signer, "refund", number)

    def withdraw(self, signer: Signer) -> Receipt:
        """Take what is the signer's."""
        return self.contract.send(signer, "withdraw")


def input_root_of(program: verifiable.Program, image: Any) -> bytes:
    """What a buyer commits to: the root of the input as the program's integers."""
    header = commit_program(program)
    values = verifiable.run(program, image).inputs
    return inputs_root(header.schema, values, leaf_log2=header.leaf_log2)


def open_answer(proof: verifiable.Proof) -> bytes:
    """The outputs as the contract takes them; it computes their root itself."""
    if proof.outputs is None:
        raise InvalidInput("the proof hides its output", where="proof", hint="prove it openly")
    (values,), (spec,) = proof.outputs, proof.program.schema.outputs
    return pack(values, spec.width)


def finalise(
    game: DisputeGame, signer: Signer, assertion_id: bytes, *, poll_s: float, patience_s: float
) -> None:
    """Wait till the window of an assertion has closed, and make it final.

    Nothing is defended here: who has a bond at stake lets `verifiable dispute watch` run.

    Raises:
        Reverted: it was rejected, or is not final in time.
    """
    until_s = time.monotonic() + patience_s
    while True:
        try:
            game.finalize(signer, assertion_id)
        except Reverted as early:
            if early.name != "Game_NotFinal" or time.monotonic() > until_s:
                raise
            time.sleep(poll_s)
        else:
            return
