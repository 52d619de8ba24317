"""Verifying an assertion through the public functions: node, game, lock, record, own execution."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from game_kit import ALICE, CAROL, Execution, finalise, honest, make_assertion, small_program

from verifiable import api
from verifiable.backends.base import Key
from verifiable.backends.optimistic.format import Payload
from verifiable.backends.optimistic.prove import proof_of_assertion
from verifiable.backends.registry import get_backend
from verifiable.chain.accounts import KeySigner
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEFAULT_PARAMS, unjudged_nodes
from verifiable.chain.contracts.model_registry import ModelRegistry, Program
from verifiable.chain.endpoint import open_chain
from verifiable.dispute.game_log import GameLog
from verifiable.errors import (
    ChainError,
    InvalidInput,
    ProvingError,
    SetupError,
    Undecided,
    VerifiableError,
    VerificationError,
)
from verifiable.program import execute
from verifiable.statement.lock import Lock
from verifiable.statement.node_desc import encode_node
from verifiable.statement.policy import Policy
from verifiable.statement.proof import Proof
from verifiable.statement.view import backend_selector, record_id_of

ACCEPTING = Policy(backends={"optimistic": None})


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A chain in a file, a game, one assertion that is final and one that is pending."""

    url: str
    game: bytes
    other_game: bytes
    execution: Execution
    final: Proof
    pending: Proof

    def verify(self, proof: Proof | None = None, **more: Any) -> Any:
        given = {"rpc_url": self.url, "allow_local_chain": True, **more}
        return api.verify(proof or self.final, **given)


def asserted(game: DisputeGame, execution: Execution) -> tuple[Proof, bytes]:
    said = make_assertion(game, execution)
    payload = Payload(
        chain_id=31337,
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
    return proof, said.assertion_id


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    url = f"local:{tmp_path_factory.mktemp('chain') / 'chain.db'}"
    execution = honest(small_program())
    with open_chain(url) as chain:
        game = DisputeGame.deploy(chain, ALICE, DEFAULT_PARAMS)
        other = DisputeGame.deploy(chain, ALICE)
        final, name = asserted(game, execution)
        finalise(game, name)
        pending, _ = asserted(game, honest(small_program(), seed=3))
    return Scene(
        url=url,
        game=game.address,
        other_game=other.address,
        execution=execution,
        final=final,
        pending=pending,
    )


def test_a_named_game_and_the_program_are_enough(scene: Scene) -> None:
    verdict = scene.verify(game=scene.game, program=scene.execution.program)
    assert verdict.outcome == "proven"
    as_text = scene.verify(game=f"0x{scene.game.hex()}", program=scene.execution.program)
    assert as_text.checks == verdict.checks
    (key,) = (check for check in verdict.checks if check.id == "KEY-1")
    assert key.found == "derived by this verifier"


def test_pending_is_undecided(scene: Scene) -> None:
    with pytest.raises(Undecided) as caught:
        scene.verify(scene.pending, game=scene.game, program=scene.execution.program)
    assert caught.value.code == "assertion-pending"


def test_another_game_than_the_named_one(scene: Scene) -> None:
    with pytest.raises(VerificationError) as caught:
        scene.verify(game=scene.other_game, program=scene.execution.program)
    assert caught.value.code == "wrong-game"


def test_no_game_at_the_named_address(scene: Scene) -> None:
    with pytest.raises(Undecided) as caught:
        scene.verify(game=b"\x77" * 20, program=scene.execution.program)
    (key,) = (check for check in caught.value.verdict.checks if check.id == "KEY-1")
    assert "is not a game of this release" in key.found


def test_the_proof_does_not_choose_its_game(scene: Scene) -> None:
    """A node and the program, but nobody who says which game counts."""
    with pytest.raises(Undecided) as caught:
        scene.verify(policy=ACCEPTING, program=scene.execution.program)
    assert caught.value.code == "no-key"


def test_no_node_is_undecided(scene: Scene) -> None:
    with pytest.raises(Undecided) as caught:
        api.verify(scene.final, policy=ACCEPTING, program=scene.execution.program)
    assert caught.value.code == "no-key"
    lock = lock_of(scene)
    with pytest.raises(Undecided) as caught:
        api.verify(scene.final, policy=ACCEPTING, lock=lock, allow_local_chain=True)
    assert caught.value.code == "assertion-not-read"


def lock_of(scene: Scene, **more: Any) -> Lock:
    given = {"rpc_url": scene.url, "game": scene.game, "backends": ("optimistic",), **more}
    return api.make_lock(scene.execution.program, **given)


def test_a_lock_pins_the_game(scene: Scene) -> None:
    lock = lock_of(scene)
    verdict = scene.verify(policy=ACCEPTING, lock=lock)
    assert verdict.outcome == "proven"
    told = " ".join(verdict.does_not_establish)
    assert "derived by the lock's author" in told
    other = lock_of(scene, game=scene.other_game)
    with pytest.raises(VerificationError) as caught:
        scene.verify(policy=ACCEPTING, lock=other)
    assert caught.value.code == "wrong-game"


def test_a_game_beside_a_lock_must_be_the_locks(scene: Scene) -> None:
    program = scene.execution.program
    verdict = scene.verify(lock=lock_of(scene), game=scene.game, program=program)
    assert verdict.outcome == "proven"
    with pytest.raises(InvalidInput) as caught:
        scene.verify(lock=lock_of(scene, game=scene.other_game), game=scene.game, program=program)
    assert caught.value.code == "two-games"


def test_a_lock_alone_does_not_accept_the_backend(scene: Scene) -> None:
    with pytest.raises(VerificationError) as caught:
        scene.verify(lock=lock_of(scene))
    assert caught.value.code == "backend-not-accepted"


def register(scene: Scene, key: Key) -> bytes:
    with open_chain(scene.url) as chain:
        registry = ModelRegistry.deploy(chain, CAROL)
        program = Program.of(scene.execution.commitment)
        record = record_id_of(CAROL.address, scene.execution.statement.program_root)
        if not registry.exists(record):
            registry.register_model(
                CAROL, program, keys={backend_selector("optimistic"): key.digest}
            )
    return record


def test_a_record_pins_program_and_game(scene: Scene) -> None:
    model = lock_of(scene).models[0]
    key = get_backend("optimistic").decode_key(model.backends["optimistic"])
    record = register(scene, key)
    given = {"rpc_url": None, "registry": scene.url, "record": record, "policy": ACCEPTING}
    verdict = scene.verify(**given)
    assert verdict.outcome == "proven"
    assert any("names this program and this key" in text for text in verdict.establishes)
    # the policy that pins the record needs no more than a node
    again = scene.verify(rpc_url=scene.url, policy=pinning(scene, record))
    assert again.outcome == "proven"
    with pytest.raises(InvalidInput) as two:
        scene.verify(**{**given, "rpc_url": "http://127.0.0.1:1"})
    assert two.value.code == "two-nodes"
    elsewhere = assertion_elsewhere(scene)
    with pytest.raises(VerificationError) as caught:
        scene.verify(elsewhere, **given)
    assert caught.value.code == "registered-key-differs"


def pinning(scene: Scene, record: bytes) -> Policy:
    from verifiable.chain.contracts.model_registry import CANONICAL_ADDRESS, CODE_HASH
    from verifiable.statement.view import RegistryPin

    assert CODE_HASH is not None
    pin = RegistryPin(
        chain_id=31337, address=CANONICAL_ADDRESS, code_hash=CODE_HASH, record_id=record
    )
    return replace(ACCEPTING, registry=pin)


def assertion_elsewhere(scene: Scene) -> Proof:
    """The same statement, asserted and final in the other game."""
    with open_chain(scene.url) as chain:
        game = DisputeGame.at(chain, scene.other_game)
        proof, name = asserted(game, scene.execution)
        finalise(game, name)
    return proof


def test_recheck_runs_the_program(scene: Scene) -> None:
    verdict = scene.verify(game=scene.game, program=scene.execution.program, recheck=True)
    (check,) = (check for check in verdict.checks if check.id == "OP-25")
    assert (check.status, check.found) == ("ok", "the same output and trace")


def test_arguments_that_would_be_ignored_are_refused(scene: Scene, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        api.verify(scene.final, game=scene.game, program=scene.execution.program)
    assert caught.value.code == "game-needs-program"
    with pytest.raises(InvalidInput) as caught:
        scene.verify(game=scene.game)
    assert caught.value.code == "game-needs-program"
    with pytest.raises(InvalidInput) as caught:
        scene.verify(game=b"short", program=scene.execution.program)
    assert caught.value.code == "bad-address"
    with pytest.raises(InvalidInput) as caught:
        api.make_lock(scene.execution.program, game=scene.game, backends=("gkr",))
    assert caught.value.code == "unknown-option"
    other = replace(scene.final, backend="gkr")
    for more in ({"rpc_url": scene.url}, {"game": scene.game}):
        with pytest.raises(InvalidInput) as caught:
            api.verify(other, program=scene.execution.program, **more)
        assert caught.value.code == "nothing-to-read"
    with pytest.raises(InvalidInput) as caught:
        api.verify(other, program=scene.execution.program, recheck=True, derive_keys=False)
    assert caught.value.code == "recheck-not-offered"
    with pytest.raises(ChainError) as wrong:
        scene.verify(game=scene.game, program=scene.execution.program, chain_id=10)
    assert wrong.value.code == "wrong-chain"


def test_setup_and_prove_say_what_to_do_instead(scene: Scene) -> None:
    with pytest.raises(SetupError) as setup:
        api.make_lock(scene.execution.program, backends=("optimistic",))
    assert setup.value.code == "game-needed"
    with pytest.raises(SetupError) as no_game:
        lock_of(scene, game=b"\x77" * 20)
    assert no_game.value.code == "game-not-genuine"
    backend = get_backend("optimistic")
    with pytest.raises(ProvingError) as proving:
        backend.prove(
            scene.execution.program,
            scene.execution.trace,
            scene.execution.statement,
            None,
            None,
        )
    assert proving.value.code == "assert-on-chain"


@dataclass(frozen=True, kw_only=True)
class Counting:
    """A program whose runs are counted, asserted in a folder of its own."""

    program: Any
    inputs: dict[str, Any]
    runs: list[int]


@pytest.fixture
def counting(scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Counting:
    monkeypatch.chdir(tmp_path)
    runs: list[int] = []
    steps = execute._steps

    def counted(*args: Any, **more: Any) -> Any:
        runs.append(1)
        return steps(*args, **more)

    monkeypatch.setattr(execute, "_steps", counted)
    program = scene.execution.program
    inputs = {
        spec.name: np.full(spec.shape, spec.zero_point + 1, np.float64) * spec.scale
        for spec in program.inputs
    }
    return Counting(program=program, inputs=inputs, runs=runs)


def test_proving_makes_the_assertion_and_runs_the_program_once(
    scene: Scene, counting: Counting, tmp_path: Path
) -> None:
    result = api.prove(
        counting.program,
        counting.inputs,
        backend="optimistic",
        context=b"\x07" * 32,
        rpc_url=scene.url,
        game=scene.game,
        account=CAROL,
        trace_dir=tmp_path / "trace",
        trace_url="https://example.org/trace",
    )
    assert len(counting.runs) == 1
    again = api.run(counting.program, counting.inputs)
    for name, values in again.outputs.items():
        assert (result.outputs[name] == values).all()
    payload = Payload.decode(result.proof.payload)
    with open_chain(scene.url) as chain:
        game = DisputeGame.at(chain, scene.game)
        log = GameLog(game)
        log.refresh()
        found = log.assertion(payload.assertion_id)
        assert (found.asserter, found.trace_root) == (CAROL.address, payload.trace_root)
        assert found.trace_uri == "https://example.org/trace"
        assert found.statement == result.statement
        sent = chain.transaction_count(CAROL.address)
    assert result.statement.context == b"\x07" * 32
    assert (tmp_path / "trace").is_dir()
    assert list(tmp_path.glob("dispute-31337-*.journal"))
    with pytest.raises(Undecided) as pending:
        scene.verify(result.proof, game=scene.game, program=counting.program)
    assert pending.value.code == "assertion-pending"
    # the same again is the assertion that is there: nothing is sent
    twice = api.prove(
        counting.program,
        counting.inputs,
        backend="optimistic",
        context=b"\x07" * 32,
        rpc_url=scene.url,
        game=f"0x{scene.game.hex()}",
        account=CAROL,
    )
    assert twice.proof.encode() == result.proof.encode()
    with open_chain(scene.url) as chain:
        assert chain.transaction_count(CAROL.address) == sent
        game = DisputeGame.at(chain, scene.game)
        finalise(game, payload.assertion_id)
    verdict = scene.verify(result.proof, game=scene.game, program=counting.program, recheck=True)
    assert verdict.outcome == "proven"


def test_a_hidden_input_stays_out_of_an_asserted_proof(scene: Scene, counting: Counting) -> None:
    made = api.prove(
        counting.program,
        counting.inputs,
        backend="optimistic",
        visibility="hashed",
        rpc_url=scene.url,
        game=scene.game,
        account=CAROL,
        context=b"\x08" * 32,
    )
    assert (made.proof.visibility, made.proof.inputs) == ("hashed", None)


def test_proving_on_a_chain_refuses_before_it_spends(
    scene: Scene, counting: Counting, tmp_path: Path
) -> None:
    def refused(**more: Any) -> VerifiableError:
        given = {"backend": "optimistic", "rpc_url": scene.url, "game": scene.game, **more}
        with open_chain(scene.url) as chain:
            before = chain.block().number
        with pytest.raises(VerifiableError) as caught:
            api.prove(counting.program, counting.inputs, **given)
        with open_chain(scene.url) as chain:
            assert chain.block().number == before
        return caught.value

    poor = KeySigner(b"\x51" * 32)
    error = refused(account=poor)
    assert error.code == "insufficient-funds"
    assert refused(rpc_url=None).code == "assert-on-chain"
    assert refused(game=b"\x77" * 20).code == "no-game"
    assert refused(trace_url="ftp://example.org", account=CAROL).code == "bad-trace-url"
    assert refused(account="no-such-keystore").code == "no-such-keystore"
    assert refused(session=object()).code == "two-sessions"
    other = refused(backend="gkr")
    assert (other.code, other.where) == ("unknown-option", "rpc_url")


def test_several_inputs_are_not_asserted_at_once(scene: Scene, counting: Counting) -> None:
    with pytest.raises(ProvingError) as caught:
        api.prove_many(counting.program, [counting.inputs], backend="optimistic")
    assert caught.value.code == "assert-on-chain"


def test_a_node_that_the_contracts_do_not_judge_is_found(scene: Scene) -> None:
    program = scene.execution.program
    good = [encode_node(program, node) for node in range(len(program.nodes))]
    # the opcode is the second word of the descriptor's struct: none has the number 200
    start = 32 + 32
    bad = good[1][:start] + (200).to_bytes(32, "big") + good[1][start + 32 :]
    with open_chain(scene.url) as chain:
        assert unjudged_nodes(chain, scene.game, good, 10) == []
        (reason,) = unjudged_nodes(chain, scene.game, [good[0], bad], 10)
    assert reason.startswith("node 1: Step_Unsupported")
