"""Programs to audit, and a chain with right and wrong records; all made once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from audit_kit import CALIBRATION, MODELS, Made, qdq_model, saved, sigmoid_model, sigmoid_rows
from game_kit import ALICE, CAROL, STRANGER

import verifiable
from verifiable.backends.registry import get_backend
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEFAULT_PARAMS
from verifiable.chain.contracts.model_registry import ModelRegistry, Program
from verifiable.chain.endpoint import open_chain
from verifiable.program.arrays import load_npz
from verifiable.statement.commitment import commit_program
from verifiable.statement.lock import Lock
from verifiable.statement.view import backend_selector, record_id_of


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    """By name the models with their programs: two of digits, a hand-made one, and it quantised."""
    folder = tmp_path_factory.mktemp("audited")
    found = {}
    for name in ("digits_mlp", "digits_cnn"):
        model, rows = MODELS / f"{name}.onnx", dict(load_npz(CALIBRATION))
        program = verifiable.compile(model, calibration=rows)
        path = saved(program, folder, name)
        found[name] = Made(model=model, program=program, path=path, rows=rows)
    for name, proto in (("sigmoid", sigmoid_model()), ("qdq", qdq_model())):
        model = folder / f"{name}.onnx"
        model.write_bytes(proto.SerializeToString())
        rows = sigmoid_rows()
        program = verifiable.compile(model, calibration=None if name == "qdq" else rows)
        path = saved(program, folder, name)
        found[name] = Made(model=model, program=program, path=path, rows=rows)
    return found


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A chain in a file, with a game, and records of one program and of another.

    Attributes:
        lock: keys of the program: gkr, tee, optimistic.
        right: a record that holds them.
        wrong: one that holds other keys for all of them.
        other: one of another program.
    """

    url: str
    game: bytes
    other_game: bytes
    lock: Lock
    right: bytes
    wrong: bytes
    other: bytes


@pytest.fixture(scope="session")
def scene(made: dict[str, Made], tmp_path_factory: pytest.TempPathFactory) -> Scene:
    url = f"local:{tmp_path_factory.mktemp('audit_chain') / 'chain.db'}"
    program = made["sigmoid"].program
    with open_chain(url) as chain:
        game = DisputeGame.deploy(chain, ALICE).address
        other_game = DisputeGame.deploy(chain, ALICE, DEFAULT_PARAMS).address
    lock = verifiable.make_lock(
        [program],
        names=["gated"],
        backends=("gkr", "tee", "optimistic"),
        rpc_url=url,
        game=game,
    )
    keys = {
        backend_selector(name): get_backend(name).decode_key(fields).digest
        for name, fields in lock.models[0].backends.items()
    }
    ours = Program.of(commit_program(program))
    theirs = Program.of(commit_program(made["digits_mlp"].program))
    with open_chain(url) as chain:
        registry = ModelRegistry.deploy(chain, ALICE)
        registry.register_model(ALICE, ours, keys=keys)
        registry.register_model(CAROL, ours, keys=dict.fromkeys(keys, b"w" * 32))
        registry.register_model(STRANGER, theirs, keys=keys)
    root = commit_program(program).program_root
    other_root = commit_program(made["digits_mlp"].program).program_root
    return Scene(
        url=url,
        game=game,
        other_game=other_game,
        lock=lock,
        right=record_id_of(ALICE.address, root),
        wrong=record_id_of(CAROL.address, root),
        other=record_id_of(STRANGER.address, other_root),
    )
