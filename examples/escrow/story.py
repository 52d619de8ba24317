"""A sale from beginning to end, on a development chain.

    python examples/escrow/story.py [--rpc-url local:escrow.db] [--folder FOLDER]

A buyer pays for "this model sees this image as a 2". A seller shows it: a quorum of three parties
signs the answer, and nobody disputes it in a dispute game while its window, cut to seconds here, is
open. Then somebody else tries to use the seller's evidence, and the seller to use it twice. Another
offer, for a class that the model does not see, is refunded.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend import ACCEPTED, Escrow, finalise, input_root_of, open_answer

import verifiable
from verifiable.backends.optimistic.format import Payload
from verifiable.backends.registry import get_backend
from verifiable.chain.accounts import KeySigner
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEVELOPMENT_PARAMS
from verifiable.chain.contracts.inference_verifier import InferenceVerifier
from verifiable.chain.contracts.model_registry import ModelRegistry, Program
from verifiable.chain.contracts.router_release import default_doors
from verifiable.chain.endpoint import open_chain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.errors import Reverted
from verifiable.quorums import make_keystore, make_quorum
from verifiable.statement.commitment import commit_program
from verifiable.statement.lock import Lock
from verifiable.statement.view import backend_selector, record_id_of

MODELS = Path(__file__).resolve().parents[2] / "models"
AUTHOR, BUYER, SELLER, MALLORY = (KeySigner(account.private_key) for account in DEV_ACCOUNTS[:4])
PRICE = 10**16  # wei
HOUR_S = 3600
SOON_S = 15
RULES = replace(DEVELOPMENT_PARAMS, window=3, clock_a=3, clock_c=3, grace=1)
PASSWORD = "only for this story"  # noqa: S105


def play(url: str, folder: Path, say: Callable[[str], None] = print) -> Escrow:
    """Play all parts, one after the other; whatever goes another way than told is an error."""
    with open_chain(url) as chain:
        # The author of the model: compiles it, and puts program and keys on record.
        program = verifiable.compile(
            MODELS / "digits_mlp.onnx", calibration=MODELS / "digits_calibration.npz"
        )
        registry = ModelRegistry.deploy(chain, AUTHOR)
        game = DisputeGame.deploy(chain, AUTHOR, RULES)
        quorum = _parties(folder)
        lock = _keys(program, url, game, quorum)
        record_id = _register(registry, program, lock)
        say(f"record 0x{record_id.hex()}")

        # Anybody: the router over that registry, and an escrow that relies on both.
        router = InferenceVerifier.deploy(chain, AUTHOR, registry.address, default_doors())
        escrow = Escrow.deploy(chain, AUTHOR, router, record_id, program)
        say(f"escrow 0x{escrow.contract.address.hex()}")

        # The buyer: for an image, and what it should be.
        image = MODELS / "digits_input.npz"
        root = input_root_of(program, image)
        deadline_s = chain.block().time_s + HOUR_S
        offer = escrow.deposit(BUYER, root, wanted=2, deadline_s=deadline_s, amount=PRICE)
        say(f"offer {offer}: {PRICE} wei for a 2")

        # The seller: evidence of two kinds for one statement, made for this offer and this account.
        context = escrow.context(SELLER.address, offer)
        asserted = verifiable.prove(
            program,
            image,
            backend="optimistic",
            context=context,
            rpc_url=url,
            game=game.address,
            account=SELLER,
            journal=folder / "seller.journal",
        )
        signed = verifiable.prove(
            program,
            image,
            backend="quorum",
            context=context,
            quorum=quorum,
            quorum_secrets=[folder / "ann.json", folder / "ben.json"],
            quorum_password_file=folder / "password",
        )
        proofs = [signed.proof, asserted.proof]
        assertion_id = Payload.decode(asserted.proof.payload).assertion_id
        finalise(game, SELLER, assertion_id, poll_s=0.5, patience_s=60)

        # First off chain, as any verifier would; then to the escrow.
        verdict = verifiable.verify_all(
            proofs,
            require=ACCEPTED,
            lock=lock,
            registry=url,
            record=record_id,
            allow_local_chain=True,
        )
        say(f"{verdict.outcome}: {verdict.outputs['output'].argmax()}")
        brought: dict[str, Any] = {"router": router, "record_id": record_id, "lock": lock}

        # Evidence is public once it is sent, and of no use to anybody else.
        say(_refused(lambda: escrow.claim(MALLORY, offer, proofs, **brought)))
        before = chain.balance(escrow.contract.address)
        receipt = escrow.claim(SELLER, offer, proofs, **brought)
        say(f"paid, for {receipt.gas_used} gas")
        say(_refused(lambda: escrow.claim(SELLER, offer, proofs, **brought)))
        escrow.withdraw(SELLER)
        _must(chain.balance(escrow.contract.address) == before - PRICE, "the seller has the price")

        # An offer that nobody can earn goes back to its buyer.
        deadline_s = chain.block().time_s + SOON_S
        other = escrow.deposit(BUYER, root, wanted=7, deadline_s=deadline_s, amount=PRICE)
        answer = open_answer(signed.proof)
        say(_refused(lambda: escrow.contract.call("claim", other, answer, [])))
        say(_refused(lambda: escrow.refund(BUYER, other)))
        _refund_when_late(escrow, other)
        escrow.withdraw(BUYER)
        _must(chain.balance(escrow.contract.address) == 0, "all that was paid in was paid out")
        say("refunded")
        return escrow


def _parties(folder: Path) -> Path:
    """Three parties with a key each; two of them are enough. Each would do this at home."""
    (folder / "password").write_text(PASSWORD)
    members = [
        make_keystore(
            name,
            keystore=folder / f"{name}.json",
            public=folder / f"{name}.member",
            password=PASSWORD,
        )
        for name in ("ann", "ben", "cleo")
    ]
    path = folder / "quorum.json"
    path.write_bytes(make_quorum(members, 2).encode())
    return path


def _keys(program: verifiable.Program, url: str, game: DisputeGame, quorum: Path) -> Lock:
    """Whose word counts for the program, as a lock."""
    return verifiable.make_lock(
        program,
        names=["digits_mlp"],
        backends=("optimistic", "quorum"),
        rpc_url=url,
        game=game.address,
        quorum=quorum,
    )


def _register(registry: ModelRegistry, program: verifiable.Program, lock: Lock) -> bytes:
    """The same on the chain, by digests, and closed to further keys."""
    header = commit_program(program)
    keys = {
        backend_selector(name): get_backend(name).decode_key(fields).digest
        for name, fields in lock.models[0].backends.items()
    }
    record_id = record_id_of(AUTHOR.address, header.program_root)
    if not registry.exists(record_id):
        registry.register_model(AUTHOR, Program.of(header), keys=keys, freeze_now=True)
    return record_id


def _refused(attempt: Callable[[], object]) -> str:
    """Why the chain refuses what is attempted."""
    try:
        attempt()
    except Reverted as refusal:
        return f"refused: {refusal.name}"
    raise AssertionError("this was accepted, and should not have been")


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(f"it is not so that {what}")


def _refund_when_late(escrow: Escrow, number: int) -> None:
    """Wait for the deadline, by the chain's clock."""
    while True:
        try:
            escrow.refund(BUYER, number)
        except Reverted as early:
            if early.name != "ClassificationEscrow_Early":
                raise
            time.sleep(0.5)
        else:
            return


def main() -> None:
    """Play it on the chain that is named, with files in the folder that is named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rpc-url", help="a development chain; default: a file in the folder")
    parser.add_argument("--folder", type=Path, help="for keys and journal; default: a new one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as fresh:
        folder = arguments.folder or Path(fresh)
        began_s = time.perf_counter()
        play(arguments.rpc_url or f"local:{folder / 'escrow.db'}", folder)
        print(f"{time.perf_counter() - began_s:.1f} s")


if __name__ == "__main__":
    main()
