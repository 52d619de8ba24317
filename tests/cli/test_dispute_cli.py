"""`verifiable dispute`: what its commands do, say, refuse, and leave to the next start."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from other_chain import other_chain
from sample_models import MODELS, REPOSITORY

import verifiable
from verifiable.chain.accounts import KeySigner
from verifiable.chain.addresses import checksummed
from verifiable.chain.endpoint import open_chain
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.cli.main import main
from verifiable.dispute.asserter import Asserter
from verifiable.dispute.journal import Journal
from verifiable.dispute.material import Material
from verifiable.dispute.trace_data import publish_trace
from verifiable.sources import quantised_input
from verifiable.statement.proof import Proof
from verifiable.testing.lying_traces import wrong_element

FIRST, SECOND = (checksummed(account.address) for account in DEV_ACCOUNTS[:2])
LIAR = KeySigner(DEV_ACCOUNTS[2].private_key)
INPUT = MODELS / "digits_input.npz"
NOWHERE = "0x" + "11" * 32
OWN_KEY = "0x" + "33" * 32
OWN = checksummed(KeySigner(bytes.fromhex(OWN_KEY[2:])).address)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A chain with the usual game and one with short clocks; copied by each test."""
    path = tmp_path_factory.mktemp("dispute") / "chain.db"
    place = ""
    for rules in ((), ("--window", "3", "--clock", "3", "--grace", "1")):
        words = ["dispute", "deploy", "-r", f"local:{path}", *rules, "--json", "--quiet"]
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
        place = json.loads(result.stdout)["game"]
    return path, place


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deployed: tuple[Path, str]) -> Path:
    for name in [name for name in os.environ if name.startswith("ETH_") or name == "CHAIN"]:
        monkeypatch.delenv(name)
    for path in deployed[0].parent.glob("chain.db*"):
        shutil.copy(path, tmp_path / path.name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def brief(deployed: tuple[Path, str]) -> tuple[str, str]:
    """Options that name the game with short clocks."""
    return "--game", deployed[1]


@pytest.fixture(scope="module")
def material(digits_program: Path) -> Material:
    return Material(verifiable.load_program(digits_program))


@contextmanager
def liar(workplace: Path, material: Material, **lie: Any) -> Iterator[Asserter]:
    """Somebody who asserts a wrong trace of the sample input, on the chain of the commands."""
    from verifiable.cli.dispute_calls import find_game

    inputs, _ = quantised_input(material.program.inputs, INPUT)
    trace = wrong_element(material, inputs, node=0, element=3, **lie)
    with (
        open_chain(f"local:{workplace / 'chain.db'}") as chain,
        Journal(workplace / "liar.journal") as journal,
    ):
        agent = Asserter(find_game(chain, None), LIAR, journal, trace)
        agent.step()
        assert agent.assertion is not None
        yield agent


def asserted(cli: Any, program: Path, *more: object) -> dict[str, Any]:
    ran = cli(
        "dispute", "assert", program, "--input", INPUT, "-o", "proof.json", *more, "--json", "-q"
    )
    assert ran.code == 0, ran.err
    return ran.document


def test_deploying_twice_finds_the_game(cli, workplace: Path) -> None:
    again = cli("dispute", "deploy", "--json").document
    assert (again["found"], again["usual"], again["transactions"]) == (True, True, [])
    planned = cli("dispute", "deploy", "-r", "local:new.db", "--dry-run", "--json").document
    assert planned["game"] == again["game"]
    assert planned["found"] is False
    assert [item["what"] for item in planned["transactions"]][-1] == "deploy DisputeGame"
    assert not any(item["sent"] for item in planned["transactions"])


@pytest.mark.parametrize(
    "rules", [("--clock", "5", "--grace", "6"), ("--window", str(7 * 24 * 3600)), ("--window", "0")]
)
def test_rules_that_no_contract_takes(cli, workplace: Path, rules: tuple[str, ...]) -> None:
    ran = cli("dispute", "deploy", *rules, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (2, "usage-error")


def test_the_longest_game_is_the_contracts(workplace: Path) -> None:
    from verifiable.chain.contracts.dispute_release import MAX_DURATION_S
    from verifiable.cli.dispute_calls import find_game

    with open_chain(f"local:{workplace / 'chain.db'}") as chain:
        assert find_game(chain, None).max_duration() == MAX_DURATION_S


def test_an_assertion_is_evidence_once_it_is_final(
    cli, workplace: Path, digits_program: Path, brief: tuple[str, str]
) -> None:
    made = asserted(cli, digits_program, *brief)
    assert made["status"] == "pending"
    assert [move["action"] for move in made["moves"]] == ["admitProgram", "commit", "assertResult"]
    assert made["moves"][-1]["value_wei"] == made["bond_wei"]
    proof = Proof.decode((workplace / "proof.json").read_bytes())
    assert proof.backend == "optimistic"
    assert "0x" + proof.statement.digest.hex() == made["statement_digest"]
    (output,) = made["outputs"].values()
    assert output == proof.outputs[0].tolist()
    words = ("verify", "proof.json", "--program", digits_program, *brief, "-r", "local:chain.db")
    early = cli(*words, "--allow-local-chain", "--json")
    assert (early.code, early.document["verdict"]) == (3, "undecided")
    watched = cli("dispute", "watch", digits_program, "--input", INPUT, *brief, "--poll", "1")
    assert watched.code == 0, watched.err
    assert "finalized" in watched.out
    assert "move: let the assertion stand" in watched.err
    assert "clock: the assertion can become final" in watched.err
    late = cli(*words, "--allow-local-chain", "--recheck", "--json")
    assert (late.code, late.document["verdict"]) == (0, "proven"), late.out
    again = asserted(cli, digits_program, *brief, "--watch")
    assert (again["assertion"], again["moves"]) == (made["assertion"], [])
    assert again["status"] == "finalized"


def test_asserting_keeps_the_input_out_on_request(
    cli, workplace: Path, digits_program: Path
) -> None:
    made = asserted(cli, digits_program, "--visibility", "hashed", "--context", NOWHERE)
    assert made["context"] == NOWHERE
    proof = Proof.decode((workplace / "proof.json").read_bytes())
    assert (proof.visibility, proof.inputs) == ("hashed", None)


def test_a_dry_run_asserts_nothing(cli, workplace: Path, digits_program: Path) -> None:
    words = ("dispute", "assert", digits_program, "--input", INPUT, "-o", "p.json", "--dry-run")
    planned = cli(*words, "--json").document
    assert planned["dry_run"] is True
    assert cli(*words).code == 0
    assert not (workplace / "p.json").exists()
    assert cli("dispute", "status", "--json").document["assertions"] == []
    made = asserted(cli, digits_program)
    for name in ("statement_digest", "trace_root", "outputs", "bond_wei"):
        assert made[name] == planned[name]


def test_public_data_bring_a_lie_down_at_once(
    cli, workplace: Path, digits_program: Path, material: Material
) -> None:
    with liar(workplace, material) as agent:
        publish_trace(agent.trace, workplace / "trace")
    words = ("dispute", "challenge", digits_program, "--input", INPUT, "--from", SECOND)
    seen = cli(*words, "--dry-run", "--json").document
    assert [item["right"] for item in seen["assertions"]] == [False]
    ran = cli(*words, "--trace-dir", "trace", "--no-games", "--once", "--json")
    assert ran.code == 0, ran.err
    actions = [move["action"] for move in ran.document["moves"]]
    assert actions == ["commit", "proveFault", "withdraw"]
    (found,) = ran.document["assertions"]
    assert (found["status"], found["rejected_by"]) == ("rejected", SECOND)
    assert found["fault"] == {"kind": "element", "node": 0, "place": 3}
    told = cli("dispute", "status", found["assertion"])
    assert "proven: element 3 of node 0 is wrong" in told.out


def test_a_game_is_played_over_many_starts(
    cli, workplace: Path, digits_program: Path, material: Material
) -> None:
    """Nothing but chain and journal remembers the game: each start is a new one."""
    words = ("dispute", "challenge", digits_program, "--input", INPUT, "--from", SECOND, "--once")
    actions: list[str] = []
    with liar(workplace, material) as agent:
        found = agent.assertion
        assert found is not None
        for _ in range(10):
            ran = cli(*words, "--assertion", f"0x{found.id.hex()}", "--json", "-q")
            assert ran.code == 0, ran.err
            actions += [move["action"] for move in ran.document["moves"]]
            (state,) = ran.document["assertions"]
            if state["status"] == "rejected":
                break
            assert cli("dispute", "status").code == 0
            agent.step()
    assert actions == ["openGame", "select", "commit", "proveStep", "withdraw"]
    (game,) = state["games"]
    assert game["status"] == "won"
    named = cli("dispute", "replay", game["game_id"], "-o", "game.html", "--json").document
    assert named["game_ids"] == [game["game_id"]]
    assert "Game 1" in (workplace / "game.html").read_text("utf-8")
    whole = cli(
        "dispute", "replay", state["assertion"], "--program", digits_program, "-o", "all.html"
    )
    assert whole.code == 0
    assert "MatMul" in (workplace / "all.html").read_text("utf-8")


def test_an_honest_assertion_is_left_alone(cli, workplace: Path, digits_program: Path) -> None:
    asserted(cli, digits_program)
    words = ("dispute", "challenge", digits_program, "--input", INPUT, "--from", SECOND, "--once")
    ran = cli(*words, "--json")
    assert ran.code == 0
    assert ran.document["moves"] == []
    assert [item["right"] for item in ran.document["assertions"]] == [True]
    unknown = cli(
        "dispute", "challenge", digits_program, "--input", MODELS / "digits_calibration.npz",
        "--from", SECOND, "--once", "--json",
    )  # fmt: skip
    assert [item["right"] for item in unknown.document["assertions"]] == [None]


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (("status", NOWHERE), "unknown-assertion", 1),
        (("status", "-r", "local:absent.db"), "no-chain-file", 1),
        (("status", "--game", FIRST), "no-game", 1),
        (("replay", "5", "-o", "x.html"), "unknown-game", 1),
        (("replay", NOWHERE, "-o", "x.html"), "unknown-assertion", 1),
        (("replay", "0x12", "-o", "x.html"), "usage-error", 2),
        (("assert", "PROGRAM", "-o", "PROGRAM"), "output-is-input", 2),
        (("assert", "PROGRAM", "-o", "p.json", "--nonce", "3"), "usage-error", 2),
        (("assert", "PROGRAM", "-o", "p.json", "--async"), "usage-error", 2),
        (("assert", "PROGRAM", "-o", "p.json", "--once", "--watch"), "usage-error", 2),
        (("assert", "PROGRAM", "-o", "p.json", "--trace-url", "file:/x"), "bad-trace-url", 1),
        (("assert", "PROGRAM", "-o", "p.json", "-r", "local:"), "no-game", 1),
        (("watch", "PROGRAM"), "unknown-assertion", 1),
        (("watch", "PROGRAM", "--assertion", NOWHERE), "unknown-assertion", 1),
        (("challenge", "PROGRAM", "--once", "--fallback-rpc", "http://x"), "usage-error", 2),
    ],
)
def test_failures(
    cli,
    workplace: Path,
    digits_program: Path,
    arguments: tuple[str, ...],
    code: str,
    exit_code: int,
) -> None:
    words: list[object] = [digits_program if word == "PROGRAM" else word for word in arguments]
    if digits_program in words:
        words += ["--input", INPUT]
    ran = cli("dispute", *words, "--json")
    assert (ran.document["error"]["code"], ran.code) == (code, exit_code), ran.err
    assert not list(workplace.glob("*.html"))
    assert not (workplace / "p.json").exists()


def test_an_assertion_of_another_trace_is_not_defended(
    cli, workplace: Path, digits_program: Path, material: Material
) -> None:
    with liar(workplace, material) as agent:
        found = agent.assertion
        assert found is not None
    ran = cli(
        "dispute", "watch", digits_program, "--input", INPUT,
        "--assertion", f"0x{found.id.hex()}", "--json",
    )  # fmt: skip
    assert (ran.code, ran.document["error"]["code"]) == (1, "other-trace")


def test_one_journal_is_for_one_agent(cli, workplace: Path, digits_program: Path) -> None:
    with Journal(workplace / f"dispute-31337-{FIRST[2:10].lower()}.journal"):
        ran = cli("dispute", "assert", digits_program, "--input", INPUT, "-o", "p.json", "--json")
    assert (ran.code, ran.document["error"]["code"]) == (1, "journal-in-use")
    assert cli("dispute", "status", "--json").document["assertions"] == []


def test_a_page_of_another_program_is_refused(cli, workplace: Path, digits_program: Path) -> None:
    made = asserted(cli, digits_program)
    words = ("compile", MODELS / "digits_cnn.onnx", "-o", "other.onnx", "-q")
    assert cli(*words, "--calibration", MODELS / "digits_calibration.npz").code == 0
    ran = cli(
        "dispute", "replay", made["assertion"], "--program", "other.onnx", "-o", "x.html", "--json"
    )
    assert (ran.code, ran.document["error"]["code"]) == (1, "other-statement")
    assert not (workplace / "x.html").exists()


def test_ctrl_c_stops_and_the_next_start_goes_on(
    cli, workplace: Path, digits_program: Path
) -> None:
    made = asserted(cli, digits_program)
    words = ["dispute", "watch", str(digits_program), "--input", str(INPUT), "--poll", "600"]
    running = subprocess.Popen(
        [sys.executable, "-c", "from verifiable.cli.main import main; main()", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith("clock:"):
                break
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130, err
    assert out == ""
    assert "goes on where the games stand" in err
    again = cli("dispute", "watch", digits_program, "--input", INPUT, "--once", "--json")
    assert (again.code, again.document["assertion"]) == (0, made["assertion"])


def test_where_coins_are_worth_something_nothing_is_sent_unasked(
    cli, workplace: Path, digits_program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETH_PRIVATE_KEY", OWN_KEY)
    with other_chain(workplace, rich=(OWN,)) as chain:
        monkeypatch.setenv("ETH_RPC_URL", chain.url)
        refused = cli("dispute", "deploy", "--json", "-q")
        assert (refused.code, refused.document["error"]["code"]) == (2, "confirmation-needed")
        assert chain.sent == 0
        made = cli("dispute", "deploy", "--yes", "--json", "-q")
        assert made.code == 0, made.err
        assert made.document["rules"]["window_s"] == 24 * 3600
        before = chain.sent
        words = ("dispute", "assert", digits_program, "--input", INPUT, "-o", "p.json")
        refused = cli(*words, "--json", "-q")
        assert (refused.code, refused.document["error"]["code"]) == (2, "confirmation-needed")
        assert "bond of 0.5 ether" in refused.err
        assert chain.sent == before
        assert not (workplace / "p.json").exists()
        challenge = ("dispute", "challenge", digits_program, "--input", INPUT, "--once")
        refused = cli(*challenge, "--json", "-q")
        assert (refused.code, refused.document["error"]["code"]) == (2, "confirmation-needed")
        assert chain.sent == before
        played = cli(
            *challenge, "--no-games", "--yes", "--json",
            "-r", "http://127.0.0.1:9/", "--fallback-rpc", chain.url,
        )  # fmt: skip
        assert (played.code, played.document["moves"]) == (0, []), played.err
        assert chain.secret not in played.out + played.err
        assert chain.secret not in refused.out + refused.err
        assert OWN_KEY[2:] not in refused.out + refused.err


def test_prove_makes_the_assertion(
    cli, workplace: Path, digits_program: Path, brief: tuple[str, str], monkeypatch
) -> None:
    monkeypatch.setenv("CHAIN", "something of another tool")
    words = ("prove", digits_program, "--input", INPUT, "--backend", "optimistic", *brief)
    made = cli(*words, "-o", "proof.json", "--trace-dir", "trace", "--json", "-q")
    assert made.code == 0, made.err
    proof = Proof.decode((workplace / "proof.json").read_bytes())
    assert proof.backend == made.document["backend"] == "optimistic"
    assert (workplace / "trace").is_dir()
    monkeypatch.delenv("CHAIN")
    # the other door finds what is there, and names it in the same file
    again = asserted(cli, digits_program, *brief)
    assert again["moves"] == []
    assert (workplace / "proof.json").read_bytes() == proof.encode()
    assert again["statement_digest"] == made.document["statement_digest"]
    assert again["asserter"] == FIRST
    refused = cli(*words[:-4], "--backend", "gkr", *brief, "-o", "other.json", "--json", "-q")
    assert (refused.code, refused.document["error"]["code"]) == (2, "usage-error")
    assert "--game" in refused.document["error"]["what"]
    assert not (workplace / "other.json").exists()


def test_the_demonstration_in_json_and_for_people(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from verifiable.testing import demo_games

    chosen = demo_games.demo_scenarios()[2:4]
    monkeypatch.setattr(demo_games, "demo_scenarios", lambda: chosen)
    ran = cli("dispute", "demo", "--json", "-q")
    assert ran.code == 0, ran.err
    assert set(ran.document) == {"games"}
    for game, scenario in zip(ran.document["games"], chosen, strict=True):
        assert game["name"] == scenario.name
        assert game["honest_side"] == game["winner"] == "challenger"
        assert game["gas_total"] == sum(move["gas"] for move in game["moves"])
        for move in game["moves"]:
            assert {
                "by", "action", "gas", "clock_asserter_s", "clock_challenger_s", "phase"
            } <= set(move)  # fmt: skip
        assert {move["by"] for move in game["moves"]} == {"asserter", "challenger"}


def test_a_lost_game_of_an_honest_side_is_exit_1(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from verifiable.testing import demo_games

    unfair = replace(demo_games.demo_scenarios()[2], honest_side="asserter")
    monkeypatch.setattr(demo_games, "demo_scenarios", lambda: (unfair,))
    ran = cli("dispute", "demo")
    assert ran.code == 1
    assert "AN HONEST SIDE LOST: wrong-intermediate" in ran.out
    closing = [line.split() for line in ran.out.splitlines() if "wrong-intermediate  " in line]
    assert [row[1:4] + row[5:] for row in closing] == [
        ["asserter", "challenger", "6", "-0.5", "0.25", "0.25"]
    ]
    assert "proveFault" in ran.out
