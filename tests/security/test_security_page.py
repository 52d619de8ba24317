"""Each row of the security page has a check in the code, codes that are explained, and a test."""

from __future__ import annotations

import re

import pytest
from check_places import PACKAGES, REPOSITORY, module_name, places, stem
from declared_checks import declared, generator
from deletions import files_with_tests_of
from guard_places import forge_tests_of, guards

from verifiable.cli.codes import CODES
from verifiable.statement.checks import STATEMENT_CHECKS

PAGE = (REPOSITORY / "docs" / "security.md").read_text("utf-8")
CHECKS = {spec.id: spec for spec in declared()}
ROW = re.compile(r"^\| ([A-Z]+-[1-9][0-9]*) \| ", re.M)
SHOWN, _, CONTRACTS = PAGE.partition("\n## Contracts\n")
ASSERTED = "".join(
    path.read_text("utf-8")
    for folder in ("tests", "verifiable/testing")  # what tests of third parties share as well
    for path in (REPOSITORY / folder).rglob("*.py")
)
COMMENTED = {
    name
    for folder in PACKAGES
    for path in (REPOSITORY / folder).rglob("*.py")
    for name in re.findall(r"# ([A-Z]+-[0-9]+)\b", path.read_text("utf-8"))
}


def test_the_page_shows_the_tables_of_the_code() -> None:
    assert generator().updated(PAGE) == PAGE, "run: python docs/security_table.py"
    assert len(CHECKS) > 80


def test_each_row_is_of_a_declared_check_and_each_check_has_one_row() -> None:
    rows = ROW.findall(SHOWN)
    assert sorted(rows) == sorted(CHECKS)
    assert len(declared()) == len(CHECKS), "an id is declared twice"


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_is_well_formed(check: str) -> None:
    spec = CHECKS[check]
    assert re.fullmatch(r"[A-Z]+-[1-9][0-9]*", check)
    assert spec.name
    assert spec.refuses.endswith((".", ")."))
    assert spec.codes
    assert len(set(spec.codes)) == len(spec.codes)


@pytest.mark.parametrize("check", CHECKS)
def test_the_codes_of_a_check_are_explained(check: str) -> None:
    assert set(CHECKS[check].codes) <= set(CODES)


@pytest.mark.parametrize("check", CHECKS)
def test_the_codes_of_a_check_are_asserted_somewhere(check: str) -> None:
    assert not [code for code in CHECKS[check].codes if f'"{code}"' not in ASSERTED]


@pytest.mark.parametrize("check", CHECKS)
def test_an_id_stands_at_its_check(check: str) -> None:
    assert check in COMMENTED


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_has_a_place_where_it_refuses(check: str) -> None:
    assert any(place.check == check for place in places())


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_has_a_test_of_its_name(check: str) -> None:
    assert files_with_tests_of(check), f"no test is named test_{stem(check)}_*"


def test_no_comment_names_a_check_that_is_not_declared() -> None:
    prefixes = tuple({f"{check.partition('-')[0]}-" for check in CHECKS})
    assert {name for name in COMMENTED if name.startswith(prefixes)} == set(CHECKS)


def test_no_test_is_named_after_a_check_that_is_not_declared() -> None:
    prefixes = "|".join(sorted({check.partition("-")[0].lower() for check in CHECKS}))
    for path in (REPOSITORY / "tests").rglob("test_*.py"):
        for prefix, number in re.findall(
            rf"def test_({prefixes})_([0-9]+)_", path.read_text("utf-8")
        ):
            assert f"{prefix.upper()}-{number}" in CHECKS, path


def test_places_are_in_functions_that_can_be_replaced() -> None:
    for place in places():
        assert place.function, place
        assert module_name(place.path).startswith("verifiable")


def test_an_undeclared_code_cannot_be_reported() -> None:
    with pytest.raises(ValueError, match="does not declare"):
        STATEMENT_CHECKS[0].failed("made-up")


ERRORS = {
    error
    for path in (REPOSITORY / "contracts" / "src").rglob("*.sol")
    for error in re.findall(r"^\s*error (\w+)\(", path.read_text("utf-8"), re.M)
}
GUARDS = sorted({guard.name for guard in guards()})


def test_each_guard_of_the_contracts_has_one_row_and_each_row_a_guard() -> None:
    rows = ROW.findall(CONTRACTS)
    assert sorted(rows) == GUARDS
    assert len(GUARDS) > 40
    assert not set(GUARDS) & set(CHECKS), "one id means one thing"


@pytest.mark.parametrize("guard", GUARDS)
def test_a_guard_has_a_forge_test_of_its_name(guard: str) -> None:
    assert forge_tests_of(guard)


@pytest.mark.parametrize("guard", GUARDS)
def test_the_errors_of_a_guard_are_errors_of_the_contracts(guard: str) -> None:
    (row,) = re.findall(rf"^\| {guard} \| [^|]+ \|(.*)\|$", CONTRACTS, re.M)
    named = set(re.findall(r"`(\w+)`", row))
    assert named <= ERRORS
    assert {error for place in guards() if place.name == guard for error in place.errors} <= named
