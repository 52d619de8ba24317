"""Each guard of the contracts is switched off, and a forge test named after it fails."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from guard_deletions import Outcome, Switchable, forge_binary
from guard_places import OTHERWISE, SOURCES, Guard, guards, guards_in, switchable

SOURCE = """pragma solidity 0.8.37;

contract Door {
    function enter(uint256 door) external {
        // INVARIANT XY-1: there is such a door.
        // INVARIANT XY-2: and it is open.
        if (door == 0 || (shut(door) && !_key)) revert Door_Shut(door);

        // INVARIANT XY-3: nobody comes twice.
        uint256 before = _count;
        if (before > 0) {
            revert Door_Twice();
        }
        if (door > 7) _first = door;

        // INVARIANT XY-4: by the rules.
        _require(before < (door + 1), Rule.Order);
    }
}
"""


def test_guards_are_found_where_they_refuse() -> None:
    found = [(item.name, item.marker, item.line) for item in guards_in(SOURCE, "Door.sol")]
    assert found == [("XY-1", 5, 7), ("XY-2", 6, 7), ("XY-3", 9, 11), ("XY-4", 16, 17)]
    texts = [item.text for item in guards_in(SOURCE, "Door.sol")]
    assert texts == ["({was}) && !{off}"] * 3 + ["({was}) || {off}"]
    parts = [SOURCE[item.start : item.end] for item in guards_in(SOURCE, "Door.sol")]
    assert parts[0] == parts[1] == "door == 0 || (shut(door) && !_key)"
    assert parts[2:] == ["before > 0", "before < (door + 1)"]


def test_every_comment_of_a_guard_has_a_place() -> None:
    found = {(guard.path, guard.marker) for guard in guards()}
    for path in SOURCES.rglob("*.sol"):
        name = path.relative_to(SOURCES).as_posix()
        for line, text in enumerate(path.read_text("utf-8").splitlines(), 1):
            if "// INVARIANT" in text:
                assert (name, line) in found, f"{name}:{line} refuses nothing: see OTHERWISE"


def test_nothing_is_said_of_what_is_not_there() -> None:
    found = {(guard.path, guard.name) for guard in guards()}
    assert not set(OTHERWISE) - found
    for (path, _), pairs in OTHERWISE.items():
        for old, new in pairs:
            assert old in (SOURCES / path).read_text("utf-8")
            assert "{off}" in new


def test_switches_have_the_numbers_of_the_guards() -> None:
    for path in sorted({guard.path for guard in guards()}):
        numbers = {number for number, guard in enumerate(guards(), 1) if guard.path == path}
        text = switchable(path)
        assert {int(found) for found in re.findall(r"Switch\.off\((\d+)\)", text)} == numbers
        assert text.count("import {Switch}") == 1


@pytest.mark.slow
def test_without_a_guard_a_forge_test_of_its_name_fails(tmp_path: Path) -> None:
    """One test for all of them: what takes the time is to compile the contracts once."""
    forge = forge_binary()
    if forge is None:
        pytest.skip("Node or forge is not installed: see `make contracts`")
    contracts = Switchable(tmp_path, forge)
    whole: dict[str, Outcome] = {}
    wrong: list[str] = []
    needless: list[Guard] = []
    for number, guard in enumerate(guards(), 1):
        if guard.name not in whole:
            whole[guard.name] = contracts.run(guard.name, 0)
            if whole[guard.name].failed or not whole[guard.name].passed:
                wrong.append(f"{guard.name}: {whole[guard.name]}")
        if not contracts.run(guard.name, number).failed:
            needless.append(guard)
    assert not wrong, "with all guards these tests do not pass"
    assert not needless, "\n".join(map(str, needless))
