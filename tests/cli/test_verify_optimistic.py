"""`verifiable verify` and `lock` with an assertion on a chain in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from game_kit import ALICE, Execution, finalise, honest, make_assertion, small_program

from verifiable.backends.optimistic.format import Payload
from verifiable.backends.optimistic.prove import proof_of_assertion
from verifiable.chain.contracts.dispute_game import DisputeGame
from verifiable.chain.contracts.dispute_release import DEFAULT_PARAMS
from verifiable.chain.endpoint import open_chain
from verifiable.cli import exits
from verifiable.program.onnx_file import save_program
from verifiable.statement.policy import Policy


def asserted(game: DisputeGame, execution: Execution, path: Path) -> bytes:
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
    path.write_bytes(proof.encode())
    return said.assertion_id


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("scene")
    url = f"local:{folder / 'chain.db'}"
    found: dict[str, Any] = {
        name: folder / f"{name}.json" for name in ("final", "pending", "policy")
    }
    with open_chain(url) as chain:
        game = DisputeGame.deploy(chain, ALICE, DEFAULT_PARAMS)
        finalise(game, asserted(game, honest(small_program()), found["final"]))
        asserted(game, honest(small_program(), seed=1), found["pending"])
    save_program(small_program(), folder / "program.onnx")
    found["policy"].write_bytes(Policy(backends={"optimistic": None}).encode())
    return {
        **found,
        "program": folder / "program.onnx",
        "game": f"0x{game.address.hex()}",
        "node": ("--rpc-url", url),
    }


def test_exit_says_what_became_of_the_assertion(cli, scene: dict[str, Any]) -> None:
    given = (*scene["node"], "--program", scene["program"], "--game", scene["game"])
    local = "--allow-local-chain"
    final = cli("verify", scene["final"], *given, local, "--recheck")
    assert final.code == exits.OK, final.out + final.err
    assert "PROVEN" in final.out
    assert "the same output and trace" in final.out
    pending = cli("verify", scene["pending"], *given, local)
    assert pending.code == exits.UNREADABLE
    assert "UNDECIDED: OP-29 assertion final [assertion-pending]" in pending.out
    assert "can be challenged until" in pending.out
    refused = cli("verify", scene["final"], *given)
    assert refused.code == exits.FAILED
    assert "OP-23 chain not local [local-chain]" in refused.out


def test_lock_pins_the_game(cli, scene: dict[str, Any], tmp_path: Path) -> None:
    lock = tmp_path / "model.lock"
    made = cli(
        "lock", scene["program"], "--backend", "optimistic", *scene["node"], "--game",
        scene["game"], "-o", lock,
    )  # fmt: skip
    assert made.code == exits.OK, made.err
    assert f"optimistic game: {scene['game'][2:]}" in made.out
    given = (*scene["node"], "--lock", lock, "--allow-local-chain")
    assert cli("verify", scene["final"], *given, "--policy", scene["policy"]).code == exits.OK
    default = cli("verify", scene["final"], *given)
    assert default.code == exits.FAILED
    assert "[backend-not-accepted]" in default.out
    offline = cli("verify", scene["final"], "--lock", lock, "--policy", scene["policy"], "--json")
    assert offline.code == exits.UNREADABLE
    codes = [check["code"] for check in offline.document["checks"] if check["status"] != "ok"]
    assert "assertion-not-read" in codes


def test_options_that_would_do_nothing_are_refused(cli, scene: dict[str, Any]) -> None:
    ran = cli("verify", scene["final"], "--game", scene["game"], "--json")
    assert ran.code == exits.UNREADABLE
    assert ran.document["error"]["code"] == "game-needs-program"
    ran = cli("verify", scene["final"], *scene["node"], "--game", "0x12", "--json")
    assert ran.code == exits.USAGE
    ran = cli("lock", scene["program"], "--backend", "optimistic", "-o", "never.lock", "--json")
    assert ran.document["error"]["code"] == "game-needed"
