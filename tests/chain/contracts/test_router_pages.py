"""What the pages say of router and doors is what the contracts, their tests and figures say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from verifiable.chain.abi import entries_of
from verifiable.chain.artifact import load_artifact

ROOT = Path(__file__).parents[3]
CONTRACTS = ROOT / "contracts"
PAGE = (ROOT / "docs" / "formats" / "router.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
OWN = ("InferenceVerifier", "OptimisticDoor", "TeeDoor")

_, _, SECTION = SECURITY.partition("### Router and doors\n")
ROWS = re.findall(
    r"^\| (IV-[1-9][0-9]*) \| [^|]+ \| ([^|]*)\|$", SECTION.partition("\n### ")[0], re.M
)
GUARDS = {name: set(re.findall(r"`(\w+)`", errors)) for name, errors in ROWS}
SOURCES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((CONTRACTS / "src" / "inference").glob("*.sol"))
    if path.stem not in ("Bls12381", "QuorumDoor")  # of a section of their own
}
TEXT = "\n".join(SOURCES.values())
FORGE = "\n".join(
    path.read_text(encoding="utf-8")
    for path in (CONTRACTS / "test" / "inference").glob("*.sol")
    if path.stem.partition(".")[0] in SOURCES
)
CHEATS = (Path(__file__).parent / "test_router_checks.py").read_text(encoding="utf-8")


def test_guards_of_page_and_contracts_are_the_same() -> None:
    assert len(GUARDS) == len(ROWS)
    assert set(re.findall(r"// INVARIANT (IV-\d+):", TEXT)) == set(GUARDS)


def test_errors_of_the_guards_are_those_of_the_contracts() -> None:
    thrown = set(re.findall(r"revert (\w+)\(", TEXT))
    thrown -= {"EzklDoor_NotRegistered"}  # says more of what IV-25 refuses in any case
    assert {error for errors in GUARDS.values() for error in errors} == thrown


@pytest.mark.parametrize("guard", GUARDS)
def test_each_guard_has_tests_of_its_name(guard: str) -> None:
    number = guard.removeprefix("IV-")
    assert re.search(rf"function test(Fuzz)?_\w+_IV{number}_\w+\(", FORGE)
    if any(f"// INVARIANT {guard}:" in SOURCES[name] for name in OWN):
        assert re.search(rf"^def test_iv_{number}_\w+\(", CHEATS, re.M)


def test_no_test_names_another_guard() -> None:
    named = {*re.findall(r"_IV(\d+)_", FORGE), *re.findall(r"def test_iv_(\d+)_", CHEATS)}
    assert {f"IV-{number}" for number in named} == set(GUARDS)


def test_errors_on_the_page_are_the_contracts() -> None:
    shown = dict(re.findall(r"^\| `(\w+)\(([^)]*)\)` \| ", PAGE, re.M))
    expected = {"VerifiedInference_AlreadyUsed": "account, statementDigest"}
    for name in OWN:
        for entry in entries_of(load_artifact(name), "error"):
            expected[entry.name] = ", ".join(param.name for param in entry.inputs)
    assert shown == expected


def test_gas_on_the_page_is_the_measured_one() -> None:
    stored = json.loads((ROOT / "benchmarks" / "results" / "router_gas.json").read_text())
    _, _, table = PAGE.partition("<!-- gas")
    rows = re.findall(
        r"^\| ([^|]+) \| ([0-9,]+) \| ([0-9,]+) \| ([0-9,]+) \| ([0-9,]+) \|$", table, re.M
    )
    shown = {name: [int(cell.replace(",", "")) for cell in cells] for name, *cells in rows}
    local, anvil = stored["chains"]["local:"], stored["chains"]["anvil:"]
    expected = {
        name: [
            row["evidence_bytes"],
            row["calldata_bytes"],
            row["gas"],
            anvil[scenario][name]["gas"],
        ]
        for scenario, found in local.items()
        for name, row in found.items()
    }
    assert shown == expected
    snapshot = json.loads((CONTRACTS / "snapshots" / "InferenceVerifier.json").read_text())
    assert stored["in_forge"] == snapshot


def test_labels_on_the_page_are_the_contracts() -> None:
    label = "verifiable/inference/context/v1"
    assert f'"{label}"' in PAGE
    assert f'"{label}"' in SOURCES["VerifiedInference"]
