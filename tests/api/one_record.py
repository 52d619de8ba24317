"""One statement, proven by five backends, and one record on a chain that holds all their keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from game_kit import ALICE, CAROL, Execution, finalise, honest, make_assertion, small_program
from sample_backend import EchoBackend

import verifiable
from verifiable.anchoring import key_in_game
from verifiable.backends.base import Key, Options
from verifiable.backends.optimistic.format import Payload
from verifiable.backends.optimistic.prove import proof_of_assertion
from verifiable.backends.quorum.format import VERSION as QUORUM_VERSION
from verifiable.backends.quorum.keys import QuorumKey
from verifiable.backends.quorum.signing import combine, make_member, sign_statement
from verifiable.backends.registry import get_backend
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEFAULT_PARAMS
from verifiable.chain.contracts.model_registry import CANONICAL_ADDRESS, ModelRegistry, Program
from verifiable.chain.endpoint import open_chain
from verifiable.statement.lock import Lock, LockedModel
from verifiable.statement.proof import Proof
from verifiable.statement.view import backend_selector, record_id_of

__all__ = ["BACKENDS", "Scene", "echo_proof", "make_scene"]

BACKENDS = ("gkr", "optimistic", "tee", "quorum", "echo")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A chain in a file with a game, a registry and a record, and proofs of one statement.

    Attributes:
        proofs: by backend; `context` is theirs.
        other: by the quorum, of the same program on another input.
        lock: by anybody: it holds all the keys that the record does.
        now: when the attestations count.
    """

    url: str
    game: bytes
    execution: Execution
    proofs: Mapping[str, Proof]
    other: Proof
    lock: Lock
    record: bytes
    registrant: bytes
    now: datetime

    @property
    def program(self) -> Any:
        return self.execution.program

    @property
    def under_record(self) -> dict[str, Any]:
        """Keywords of a verifier that trusts the registrant, and nothing else."""
        return {
            "registry": f"{self.url}/0x{CANONICAL_ADDRESS.hex()}",
            "record": self.record,
            "allow_local_chain": True,
            "now": self.now,
        }

    def lock_with(self, **backends: Mapping[str, str]) -> Lock:
        """A lock that holds the program and just these keys."""
        header = self.lock.models[0].program
        return Lock(models=(LockedModel(name="x", program=header, backends=backends),))


def echo_proof(like: Proof) -> Proof:
    """What the sample backend takes for evidence: anybody can write it down."""
    return Proof(
        backend=EchoBackend.id,
        backend_version=EchoBackend.version,
        statement=like.statement,
        program=like.program,
        inputs=like.inputs,
        outputs=like.outputs,
        payload=b"c" + like.statement.digest,
    )


def _asserted(game: DisputeGame, execution: Execution) -> Proof:
    said = make_assertion(game, execution)
    finalise(game, said.assertion_id)
    payload = Payload(
        chain_id=31337,
        game=game.address,
        assertion_id=said.assertion_id,
        trace_root=said.trace_root,
    )
    trace, statement = execution.trace, execution.statement
    return proof_of_assertion(execution.commitment, trace.inputs, trace.outputs, statement, payload)


def _signed(execution: Execution, key: QuorumKey, secrets: list[Any]) -> Proof:
    partials = [sign_statement(secret, key, execution.statement) for secret in secrets]
    return Proof(
        backend="quorum",
        backend_version=QUORUM_VERSION,
        statement=execution.statement,
        program=execution.commitment,
        inputs=execution.trace.inputs,
        outputs=tuple(execution.trace.outputs[spec.name] for spec in execution.program.outputs),
        payload=combine(key, execution.statement, partials).encode(),
    )


def _proofs(
    game: DisputeGame, execution: Execution, quorum: QuorumKey, secrets: list[Any], folder: Path
) -> dict[str, Proof]:
    (spec,) = execution.program.inputs
    raw = (execution.trace.inputs[0] - spec.zero_point) * spec.scale
    made = {
        name: verifiable.prove(execution.program, {spec.name: raw}, backend=name, cache_dir=folder)
        for name in ("gkr", "tee")
    }
    found = {name: result.proof for name, result in made.items()}
    found["optimistic"] = _asserted(game, execution)
    found["quorum"] = _signed(execution, quorum, secrets)
    found["echo"] = echo_proof(found["gkr"])
    assert {proof.statement for proof in found.values()} == {execution.statement}
    return found


def make_scene(folder: Path) -> Scene:
    """Prove, deploy and register; takes seconds, and needs the backend `echo` to be known."""
    url = f"local:{folder / 'chain.db'}"
    program = small_program()
    first, second = honest(program), honest(program, seed=5)
    parties = [make_member(f"party {number}", bytes((number,)) * 32) for number in (1, 2)]
    secrets = [secret for secret, _ in parties]
    quorum = QuorumKey.of([member for _, member in parties], 2)
    with open_chain(url) as chain:
        game = DisputeGame.deploy(chain, ALICE, DEFAULT_PARAMS)
        proofs = _proofs(game, first, quorum, secrets, folder)
    options = Options(cache_dir=folder)
    keys: dict[str, Key] = {
        name: get_backend(name).setup(program, options).key for name in ("gkr", "tee", "echo")
    }
    keys["quorum"] = quorum.to_key()
    keys["optimistic"] = key_in_game(
        get_backend("optimistic"), program, first.commitment, url=url, game=game.address
    )
    with open_chain(url) as chain:
        registry = ModelRegistry.deploy(chain, CAROL)
        registry.register_model(
            CAROL,
            Program.of(first.commitment),
            keys={backend_selector(name): key.digest for name, key in keys.items()},
        )
    entry = LockedModel(
        name="x",
        program=first.commitment,
        backends={name: key.fields for name, key in keys.items()},
    )
    return Scene(
        url=url,
        game=game.address,
        execution=first,
        proofs=proofs,
        other=_signed(second, quorum, secrets),
        lock=Lock(models=(entry,)),
        record=record_id_of(CAROL.address, first.statement.program_root),
        registrant=CAROL.address,
        now=datetime.now(UTC) + timedelta(seconds=1),
    )
