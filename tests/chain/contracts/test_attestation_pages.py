"""The guards AR-1 to AR-18 on the page are those of the attestation contracts and their tests."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from verifiable.chain.contracts.attestation_events import EVENTS

ROOT = Path(__file__).parents[3]
CONTRACTS = ROOT / "contracts"
SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "formats" / "attestation-registry.md").read_text(encoding="utf-8")

_, _, SECTION = SECURITY.partition("### Attestation registry\n")
ROWS = re.findall(
    r"^\| (AR-[1-9][0-9]*) \| [^|]+ \| ([^|]+) \|$", SECTION.partition("\n### ")[0], re.M
)
GUARDS = {name: re.findall(r"`(\w+)`", errors) for name, errors in ROWS}
SOURCES = [path.read_text(encoding="utf-8") for path in (CONTRACTS / "src" / "tee").glob("*.sol")]
TEXT = "\n".join(SOURCES)
TESTS = "\n".join(
    path.read_text(encoding="utf-8") for path in (CONTRACTS / "test" / "tee").glob("*.sol")
)


def errors_behind(guard: str) -> set[str]:
    """What the code between a guard's comment and the next empty line but one reverts with."""
    found: set[str] = set()
    for part in TEXT.split(f"// INVARIANT {guard}:")[1:]:
        code = "\n\n".join(part.partition("// INVARIANT")[0].split("\n\n")[:2])
        found |= set(re.findall(r"revert (?:\w+\.)?(\w+)\(", code))
    return found


def test_guards_of_page_and_contracts_are_the_same() -> None:
    assert list(GUARDS) == [f"AR-{number}" for number in range(1, 19)]
    assert set(re.findall(r"// INVARIANT (AR-\d+):", TEXT)) == set(GUARDS)


@pytest.mark.parametrize("guard", GUARDS)
def test_errors_of_a_guard_are_those_behind_it(guard: str) -> None:
    assert set(GUARDS[guard]) == errors_behind(guard)


@pytest.mark.parametrize("guard", GUARDS)
def test_each_guard_has_a_forge_test_of_its_name(guard: str) -> None:
    short = guard.replace("-", "")
    assert re.search(rf"function test(Fuzz)?_\w+_{short}_\w+\(", TESTS)


def test_forge_tests_name_no_other_guard() -> None:
    named = re.findall(r"function test\w*?_AR(\d+)_", TESTS)
    assert {f"AR-{number}" for number in named} == set(GUARDS)


@pytest.mark.parametrize("error", sorted({error for errors in GUARDS.values() for error in errors}))
def test_each_error_is_defined_and_met_in_a_forge_test(error: str) -> None:
    assert re.search(rf"^\s*error {error}\(", TEXT, re.M)
    assert re.search(rf"{error}\s*\.selector", TESTS), f"no test meets {error}"


def test_no_revert_is_without_a_guard() -> None:
    for source in SOURCES:
        lines = source.splitlines()
        for place, line in enumerate(lines):
            if re.search(r"\brevert (?:\w+\.)?\w+\(", line):
                before = lines[max(0, place - 8) : place]
                assert any("// INVARIANT AR-" in other for other in before), line


def test_guards_of_the_quotes_bytes_are_the_guards() -> None:
    _, _, table = PAGE.partition("| bytes | must be | guard |")
    named = re.findall(r"\| (AR-\d+) \|$", table.partition("\n\n")[0], re.M)
    assert set(named) == {f"AR-{number}" for number in (6, 7, 8, 9, 10, 11, 12)}


def test_gas_on_the_page_is_the_snapshots() -> None:
    snapshot = json.loads((CONTRACTS / "snapshots" / "AttestationRegistry.json").read_text())
    _, _, table = PAGE.partition("<!-- gas")
    shown = {
        name: gas.replace(",", "")
        for name, gas in re.findall(r"^\| (.+) \| ([0-9,]+) \|$", table, re.M)
    }
    assert shown == snapshot


def test_stored_gas_is_within_its_bars_and_of_this_code() -> None:
    stored = json.loads((ROOT / "benchmarks" / "results" / "tee_gas.json").read_text())
    assert all(
        bar["holds"] and bar["found_gas"] <= bar["most_gas"] for bar in stored["bars"].values()
    )
    snapshot = json.loads((CONTRACTS / "snapshots" / "AttestationRegistry.json").read_text())
    assert stored["in_forge"] == snapshot


def test_events_on_the_page_are_the_contracts() -> None:
    _, _, table = PAGE.partition("| event |")
    names = re.findall(r"^\| `(\w+)` \|", table.partition("\n\n")[0], re.M)
    assert set(names) == {event.__name__ for event in EVENTS}
    assert len(names) == len(EVENTS)


def test_the_python_example_of_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    exec(compile(example, "attestation-registry.md", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out == "3600\n"


def test_gas_on_the_tour_is_the_measured() -> None:
    stored = json.loads((ROOT / "benchmarks" / "results" / "tee_gas.json").read_text())
    tour = (ROOT / "docs" / "chain.md").read_text(encoding="utf-8")
    for name, unit in (("registerKey", 1000), ("verifyInference", 100)):
        (shown,) = re.findall(rf"`{name}`, ([0-9,]+) gas", tour)
        medians = [chain["transactions"][name]["median"] for chain in stored["chains"].values()]
        assert {round(median / unit) * unit for median in medians} == {int(shown.replace(",", ""))}
