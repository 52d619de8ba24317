"""The guards OP-1 to OP-20 on the page are those of the dispute contracts and their tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONTRACTS = ROOT / "contracts"
SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")

_, _, SECTION = SECURITY.partition("### Dispute contracts\n")
ROWS = re.findall(
    r"^\| (OP-[1-9][0-9]*) \| [^|]+ \| ([^|]+) \|$", SECTION.partition("\n### ")[0], re.M
)
GUARDS = {name: re.findall(r"`(\w+)`", errors) for name, errors in ROWS}
SOURCES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in (CONTRACTS / "src" / "optimistic").glob("*.sol")
}
TESTS = "\n".join(
    path.read_text(encoding="utf-8") for path in (CONTRACTS / "test" / "optimistic").glob("*.sol")
)
PLAYED = "\n".join(
    path.read_text(encoding="utf-8")
    for folder in ("chain/optimistic", "dispute")
    for path in (ROOT / "tests" / folder).glob("test_*.py")
)

# Guards that leave the refusal to a function, by what the call looks like and what it reverts with.
SHARED = {
    "Assertions": {"_pending(": "Game_NotPending"},
    "Bonds": {"_require(": "Game_BadParams"},
    "Programs": {"_require(": "Game_BadProgram"},
    "NodeDescriptor": {"_refuse(": "Step_Unsupported"},
    "Openings": {
        "_malformed(": "Step_MalformedWitness",
        "rootFromRun(": "Commitments_BranchLength",
    },
    "FaultJudge": {"rootFromBranch(": "Commitments_BranchLength"},
}


def behind(contract: str, guard: str) -> list[str]:
    """The code from each comment of a guard to the next empty line but one."""
    parts = SOURCES[contract].split(f"// INVARIANT {guard}:")[1:]
    return ["\n\n".join(part.split("\n\n")[:2]) for part in parts]


def errors_behind(contract: str, guard: str) -> set[str]:
    found = set()
    for code in behind(contract, guard):
        found |= set(re.findall(r"revert (?:\w+\.)?(\w+)\(", code))
        shared = SHARED.get(contract, {})
        found |= {error for call, error in shared.items() if call in code}
    return found


def test_guards_of_page_and_contracts_are_the_same() -> None:
    assert list(GUARDS) == [f"OP-{number}" for number in range(1, 21)]
    text = "\n".join(SOURCES.values())
    assert set(re.findall(r"// INVARIANT (OP-\d+):", text)) == set(GUARDS)


@pytest.mark.parametrize("guard", GUARDS)
def test_each_guard_has_a_forge_test_of_its_name(guard: str) -> None:
    short = guard.replace("-", "")
    assert re.search(rf"function test(Fuzz)?_\w+_{short}_\w+\(", TESTS)


def test_forge_tests_name_no_other_guard() -> None:
    named = re.findall(r"function test\w*?_OP(\d+)_", TESTS)
    assert {f"OP-{number}" for number in named} == set(GUARDS)


@pytest.mark.parametrize("guard", GUARDS)
def test_each_error_is_defined_and_stands_behind_its_guard(guard: str) -> None:
    assert GUARDS[guard]
    text = "\n".join(SOURCES.values())
    raised = set().union(*(errors_behind(contract, guard) for contract in SOURCES))
    for error in GUARDS[guard]:
        assert re.search(rf"^\s*error {error}\(", text, re.M), f"{error} is no error"
        assert error in raised, f"{error} does not stand behind {guard}"


@pytest.mark.parametrize("guard", GUARDS)
def test_each_error_of_a_guard_is_met_in_a_test(guard: str) -> None:
    """By its selector in a forge test, or by its name in a test against the deployed contracts."""
    for error in GUARDS[guard]:
        assert f"{error}.selector" in TESTS or f'"{error}' in PLAYED, f"no test meets {error}"


def test_shared_functions_revert_as_said() -> None:
    for contract, calls in SHARED.items():
        for call, error in calls.items():
            if call.startswith("_"):
                body = SOURCES[contract].partition(f"function {call}")[2].partition("\n    }\n")[0]
                assert re.search(rf"revert (\w+\.)?{error}\(", body)
            else:
                body = SOURCES["Commitments"].partition("function rootFromPath(")[2]
                assert f"revert {error}(" in body.partition("\n    }\n")[0]
