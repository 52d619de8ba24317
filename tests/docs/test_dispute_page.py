"""`docs/protocol/optimistic.md` says what the contracts and the commands do."""

from __future__ import annotations

import re

import pytest
from sample_models import REPOSITORY

pytest.importorskip("web3", reason="the chain needs the extra `chain`")

from verifiable.chain.artifact import load_artifact
from verifiable.chain.contracts.dispute_release import DEFAULT_PARAMS, DEVELOPMENT_PARAMS
from verifiable.chain.contracts.dispute_structs import Params, Phase
from verifiable.cli.dispute import command

FOLDER = REPOSITORY / "docs" / "protocol"
PAGE = (FOLDER / "optimistic.md").read_text("utf-8")
ETHER = 10**18


def rows(head: str) -> list[list[str]]:
    """Cells of the table with this first line."""
    _, found, rest = PAGE.partition(head + "\n")
    assert found, head
    lines = rest.split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_function_that_changes_something_is_a_move() -> None:
    named = {
        name
        for row in rows("| who | call | what it does |")
        for name in re.findall(r"`(\w+)`", row[1])
    }
    functions = {
        item["name"]
        for item in load_artifact("DisputeGame").abi
        if item["type"] == "function" and item["stateMutability"] in ("nonpayable", "payable")
    }
    assert named | {"commit"} == functions


def test_the_phases_are_the_contracts() -> None:
    named = [row[0].strip("`") for row in rows("| phase | about | who moves |")]
    assert named == [phase.name.lower() for phase in Phase]


@pytest.mark.parametrize(("column", "params"), [(1, DEFAULT_PARAMS), (2, DEVELOPMENT_PARAMS)])
def test_the_usual_rules(column: int, params: Params) -> None:
    table = {row[0]: row[column] for row in rows("| rule | elsewhere | on development chains |")}
    assert table == {
        "window": f"{params.window:,} s",
        "clock of each side": f"{params.clock_a:,} s",
        "grace": f"{params.grace:,} s",
        "most moves": str(params.max_moves),
        "bond of an assertion": f"{params.bond_a / ETHER:g} ether",
        "bond of a game": f"{params.bond_c / ETHER:g} ether",
        "blocks from commit to use": str(params.min_commit_age),
    }
    assert params.clock_a == params.clock_c
    assert params.reward_bps == 5000  # "half goes to who rejected it"


def test_the_page_knows_every_command() -> None:
    named = re.findall(r"^\| `verifiable dispute (\w+)` \|", PAGE, re.MULTILINE)
    assert sorted(named) == sorted(command.commands)


def test_links_and_files_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (FOLDER / target).exists(), target
    for path in re.findall(r"`((?:contracts|benchmarks)/[\w/]+\.\w+)`", PAGE):
        assert (REPOSITORY / path).exists(), path
