"""`verifiable registry`: looking at records, and what their registrant may change."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from sample_models import MODELS

import verifiable
from verifiable.chain.addresses import checksummed
from verifiable.chain.contracts.model_registry import CANONICAL_ADDRESS
from verifiable.chain.local.dev_accounts import DEV_ACCOUNTS
from verifiable.statement.commitment import commit_program
from verifiable.statement.view import record_id_of

FIRST, SECOND = (checksummed(account.address) for account in DEV_ACCOUNTS[:2])
NOWHERE = "0x" + "11" * 32


@pytest.fixture(scope="module")
def chain_file(digits_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chain with the registry and one record of each of two accounts; copied by each test."""
    from click.testing import CliRunner

    from verifiable.cli.main import main

    path = tmp_path_factory.mktemp("chain") / "chain.db"
    for account in (FIRST, SECOND):
        words = ["register", str(digits_program), "-r", f"local:{path}", "--from", account]
        assert CliRunner().invoke(main, words).exit_code == 0
    return path


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chain_file: Path) -> Path:
    for name in [name for name in os.environ if name.startswith("ETH_") or name == "CHAIN"]:
        monkeypatch.delenv(name)
    for path in chain_file.parent.glob("chain.db*"):
        shutil.copy(path, tmp_path / path.name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def records(digits_program: Path) -> tuple[str, str]:
    root = commit_program(verifiable.load_program(digits_program)).program_root
    first, second = (record_id_of(bytes.fromhex(text[2:]), root).hex() for text in (FIRST, SECOND))
    return f"0x{first}", f"0x{second}"


def shown(cli: Any, record: str) -> dict[str, Any]:
    ran = cli("registry", "show", record, "--json")
    assert ran.code == 0, ran.err
    return ran.document


def test_show_by_id_and_by_program_is_the_same(
    cli, workplace: Path, digits_program: Path, records: tuple[str, str]
) -> None:
    by_id = cli("registry", "show", records[0])
    named = ("--program", digits_program, "--registrant", FIRST)
    by_name = cli("registry", "show", *named)
    assert (by_id.code, by_name.code) == (0, 0)
    assert by_id.out == by_name.out
    header = commit_program(verifiable.load_program(digits_program))
    document = shown(cli, records[0])
    assert document == {
        "record": records[0],
        "registry": checksummed(CANONICAL_ADDRESS),
        "chain": 31337,
        "source": "local:chain.db",
        "block": 3,
        "registrant": FIRST,
        "registered_at_block": 2,
        "program_root": "0x" + header.program_root.hex(),
        "spec_version": header.spec_version,
        "leaf_log2": header.leaf_log2,
        "graph_root": "0x" + header.graph_root.hex(),
        "weights_root": "0x" + header.weights_root.hex(),
        "tables_root": "0x" + header.tables_root.hex(),
        "schema_hash": "0x" + header.schema.digest.hex(),
        "keys": {**dict.fromkeys(document["keys"]), "gkr": document["keys"]["gkr"]},
        "frozen": False,
        "deprecated": False,
        "successor": None,
        "uri": "",
    }
    assert shown(cli, records[1])["registrant"] == SECOND
    other = cli("registry", "show", records[0], "--backend", "mine", "--json").document
    assert other["keys"] == {**document["keys"], "mine": None}


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--program", "p.onnx"),
        ("--registrant", FIRST),
        (NOWHERE, "--program", "p.onnx"),
        (NOWHERE, "--program", "p.onnx", "--registrant", FIRST),
        ("0x1234",),
        (NOWHERE, "--private-key", "1"),
    ],
)
def test_show_needs_one_name(cli, workplace: Path, arguments: tuple[str, ...]) -> None:
    ran = cli("registry", "show", *arguments)
    assert ran.code == 2
    assert ran.out == ""


def test_reading_makes_no_chain(cli, workplace: Path) -> None:
    ran = cli("registry", "show", NOWHERE, "-r", "local:other.db", "--json")
    assert (ran.code, ran.document["error"]["code"]) == (1, "no-chain-file")
    assert not (workplace / "other.db").exists()


@pytest.mark.parametrize(
    "arguments",
    [("show",), ("freeze",), ("deprecate",), ("set-uri", "x")],
    ids=lambda arguments: arguments[0],
)
def test_an_unknown_record(cli, workplace: Path, arguments: tuple[str, ...]) -> None:
    name, *rest = arguments
    ran = cli("registry", name, NOWHERE, *rest, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (1, "unknown-record")


def test_only_the_registrant_changes_a_record(
    cli, workplace: Path, records: tuple[str, str]
) -> None:
    before = shown(cli, records[0])
    for arguments in (("freeze",), ("deprecate",), ("set-uri", "mine now")):
        name, *rest = arguments
        ran = cli("registry", name, records[0], *rest, "--from", SECOND, "--json")
        assert ran.code == 1
        assert ran.document["error"]["code"] == "reverted"
        assert ran.document["error"]["revert"] == {
            "name": "ModelRegistry_NotRegistrant",
            "arguments": {"recordId": records[0], "caller": SECOND.lower()},
        }
    assert shown(cli, records[0]) == before


def test_freezing_is_for_ever(cli, echo, workplace: Path, digits_program: Path, records) -> None:
    record = records[0]
    ran = cli("registry", "freeze", record, "--json")
    assert ran.code == 0, ran.err
    (transaction,) = ran.document["transactions"]
    assert transaction["call"] == "ModelRegistry.freeze"
    assert shown(cli, record)["frozen"] is True
    again = cli("registry", "freeze", record)
    assert again.code == 1
    assert "ModelRegistry_Frozen" in again.err
    ran = cli("registry", "add-backend", digits_program, "--backend", "echo", "--json")
    assert (ran.code, ran.document["error"]["code"]) == (1, "record-frozen")
    assert cli("registry", "set-uri", record, "still.example").code == 0
    assert shown(cli, record)["uri"] == "still.example"


def test_deprecating_names_a_successor(cli, workplace: Path, records: tuple[str, str]) -> None:
    unknown = cli("registry", "deprecate", records[0], "--successor", NOWHERE)
    assert unknown.code == 1
    assert "ModelRegistry_UnknownRecord" in unknown.err
    ran = cli("registry", "deprecate", records[0], "--successor", records[1])
    assert ran.code == 0, ran.err
    document = shown(cli, records[0])
    assert (document["deprecated"], document["successor"]) == (True, records[1])
    told = cli("registry", "show", records[0]).out
    assert f"DEPRECATED by its registrant; use {records[1]}" in told
    assert cli("registry", "deprecate", records[0]).code == 1
    assert shown(cli, records[1])["deprecated"] is False


def test_adding_a_backend(cli, echo, workplace: Path, digits_program: Path, records) -> None:
    arguments = ("registry", "add-backend", digits_program, "--backend", "echo")
    added = cli(*arguments, "--json")
    assert added.code == 0, added.err
    assert added.document["record"] == records[0]
    assert [item["call"] for item in added.document["transactions"]] == ["ModelRegistry.addBackend"]
    key = shown(cli, records[0])["keys"]["echo"]
    assert key is not None
    again = cli(*arguments)
    assert again.code == 0
    assert "so already" in again.out
    other = cli(*arguments, "--weights", "public", "--json")
    assert (other.code, other.document["error"]["code"]) == (1, "registered-key-differs")
    assert shown(cli, records[0])["keys"]["echo"] == key
    assert shown(cli, records[1])["keys"]["echo"] is None
    third = checksummed(DEV_ACCOUNTS[2].address)
    none = cli(*arguments, "--from", third, "--json")
    assert (none.code, none.document["error"]["code"]) == (1, "unknown-record")
    assert "verifiable register" in none.document["error"]["hint"]


def test_deploying_what_is_there(cli, workplace: Path) -> None:
    there = cli("registry", "deploy", "--json").document
    assert (there["found"], there["transactions"]) == (True, [])
    fresh = cli("registry", "deploy", "-r", "local:fresh.db", "--json").document
    assert (fresh["found"], len(fresh["transactions"])) == (False, 1)
    assert fresh["registry"] == there["registry"]


def test_dry_runs_change_nothing(cli, workplace: Path, records: tuple[str, str]) -> None:
    before = shown(cli, records[0])
    for arguments in (("freeze",), ("deprecate", "--successor", records[1]), ("set-uri", "x")):
        name, *rest = arguments
        ran = cli("registry", name, records[0], *rest, "--dry-run", "--json")
        assert ran.code == 0, ran.err
        (transaction,) = ran.document["transactions"]
        assert transaction["sent"] is False
        assert transaction["arguments"]["recordId"] == records[0]
        assert transaction["max_cost_wei"] > 0
    assert "nothing was sent" in cli("registry", "freeze", records[0], "--dry-run").out
    assert shown(cli, records[0]) == before


def test_another_contract_is_not_believed(
    cli, workplace: Path, records: tuple[str, str], digits_program: Path
) -> None:
    """The deployment proxy is a contract, and no registry."""
    other = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
    for arguments in (
        ("registry", "show", records[0]),
        ("registry", "freeze", records[0]),
        ("register", digits_program),
    ):
        ran = cli(*arguments, "--registry", other, "--json")
        assert (ran.code, ran.document["error"]["code"]) == (1, "other-code")


def test_texts_of_strangers_stay_on_their_line(
    cli, workplace: Path, records: tuple[str, str]
) -> None:
    spoof = "x\nfrozen: no key can be added\x1b[2J"
    assert cli("registry", "set-uri", records[0], spoof).code == 0
    ran = cli("registry", "show", records[0])
    assert "\x1b" not in ran.out
    assert "frozen: no key can be added" not in ran.out.splitlines()
    assert shown(cli, records[0])["uri"] == spoof


def test_a_squatters_record_satisfies_nobody_else(
    cli, workplace: Path, digits_program: Path, records: tuple[str, str]
) -> None:
    """Both records name the same program and key; the policy's pin tells them apart."""
    proof = workplace / "proof.json"
    rows = MODELS / "digits_input.npz"
    assert cli("prove", digits_program, "--input", rows, "-o", proof).code == 0
    verify = ("verify", proof, "--program", digits_program, "--allow-local-chain")
    for record, registrant in zip(records, (FIRST, SECOND), strict=True):
        ran = cli(*verify, "--registry", "local:chain.db", "--record", record)
        assert ran.code == 0, ran.out
        assert registrant.lower() in ran.out
    assert cli("registry", "deprecate", records[0]).code == 0
    refused = cli(*verify, "--registry", "local:chain.db", "--record", records[0])
    assert refused.code == 1
    assert "RG-7" in refused.out
