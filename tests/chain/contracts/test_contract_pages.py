"""What the pages say of the contracts is what the contracts, their tests and snapshots say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from verifiable.chain.addresses import checksummed
from verifiable.chain.contracts.model_registry import CANONICAL_ADDRESS, CODE_HASH, ERRORS, EVENTS

ROOT = Path(__file__).parents[3]
CONTRACTS = ROOT / "contracts"
SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
REGISTRY = (ROOT / "docs" / "formats" / "registry.md").read_text(encoding="utf-8")

GUARDS = dict(re.findall(r"^\| (MR-[1-9][0-9]*) \| [^|]+ \|(?: `(\w+)`)? \|$", SECURITY, re.M))
SOURCE = (CONTRACTS / "src" / "ModelRegistry.sol").read_text(encoding="utf-8")
TESTS = "\n".join(
    path.read_text(encoding="utf-8") for path in CONTRACTS.glob("test/ModelRegistry*.sol")
)


def test_guards_of_page_and_contract_are_the_same() -> None:
    assert GUARDS
    assert set(re.findall(r"// INVARIANT (MR-\d+):", SOURCE)) == set(GUARDS)
    errors = {error for error in GUARDS.values() if error}
    assert errors == set(ERRORS), "each error belongs to one rule"


@pytest.mark.parametrize("guard", GUARDS)
def test_each_guard_has_a_test_of_its_name(guard: str) -> None:
    short = guard.replace("-", "")
    assert re.search(rf"function test(Fuzz)?_\w+_{short}_\w+\(", TESTS)


@pytest.mark.parametrize("guard", [guard for guard, error in GUARDS.items() if error])
def test_each_error_of_a_guard_stands_behind_its_comment(guard: str) -> None:
    behind = [part.partition("// INVARIANT")[0] for part in SOURCE.split(f"// INVARIANT {guard}:")]
    assert any(f"revert {GUARDS[guard]}(" in part for part in behind[1:])


def test_no_guard_is_without_a_comment() -> None:
    lines = SOURCE.splitlines()
    for place, line in enumerate(lines):
        if " revert " in line:
            assert any("// INVARIANT" in before for before in lines[place - 4 : place]), line


def test_every_detector_left_out_is_answered() -> None:
    config = json.loads((CONTRACTS / "slither.config.json").read_text())
    left_out = set(config["detectors_to_exclude"].split(","))
    _, _, section = SECURITY.partition("### Static analysis")
    everywhere, _, once = section.partition("\n## ")[0].partition("\nThese were found in one place")
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", everywhere, re.M)) == left_out
    silenced = {
        (name, path.stem)
        for path in CONTRACTS.glob("src/**/*.sol")
        for name in re.findall(r"// slither-disable-\S+ (\S+)", path.read_text(encoding="utf-8"))
    }
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \| `(\w+)\.", once, re.M)) == silenced


def test_gas_on_the_page_is_the_snapshots() -> None:
    snapshot = json.loads((CONTRACTS / "snapshots" / "ModelRegistry.json").read_text())
    _, _, table = REGISTRY.partition("<!-- gas")
    shown = {
        name: gas.replace(",", "")
        for name, gas in re.findall(r"^\| (.+) \| ([0-9,]+) \|$", table, re.M)
    }
    assert shown == snapshot


def test_address_and_code_on_the_page_are_the_librarys() -> None:
    assert CODE_HASH is not None
    assert f"`{checksummed(CANONICAL_ADDRESS)}`" in REGISTRY
    assert f"`0x{CODE_HASH.hex()}`" in REGISTRY


def test_events_on_the_page_are_the_contracts() -> None:
    _, _, table = REGISTRY.partition("| event |")
    names = re.findall(r"^\| `(\w+)` \|", table.partition("\n\n")[0], re.M)
    assert names == [event.__name__ for event in EVENTS]
