"""Each place of each check is taken out of the code, and a test named after the check fails."""

from __future__ import annotations

import ast

import pytest
from check_places import Place, places, places_in, without
from declared_checks import declared
from deletions import Deletions, delete

CHECKS = [spec.id for spec in declared()]

SOURCE = """
def examine(bad, spec):
    if bad:
        return ST_5.failed("wrong-program", found="x")
    if not bad:
        return ST_6.failed(), table.ST_7.undecided("y", hint="z")
    return spec.failed("code", found="f")

class Reader:
    def read(self, side):
        for step in side:
            if step:
                # ST-1: only one version is read.
                raise ValueError
        # ST-2: nor another one.
        if side:
            raise ValueError
        side.require("GK-9", "code", holds, "x")
        # GK-15: nothing follows.
        self.finish()
        return (GK_1.ok if step else GK_1.failed)(found="x")

examine(1, EZ_3)
"""


def found() -> dict[str, Place]:
    return {place.check: place for place in places_in(SOURCE, "verifiable/x.py")}


def lines_without(check: str) -> set[str]:
    """The lines that are new if a check is taken out."""
    before, after = ast.parse(SOURCE), without(ast.parse(SOURCE), found()[check])
    return set(ast.unparse(after).splitlines()) - set(ast.unparse(before).splitlines())


def test_places_of_each_kind_are_found() -> None:
    assert {check: (item.kind, item.line, item.function) for check, item in found().items()} == {
        "ST-5": ("branch", 3, "examine"),
        "ST-6": ("answer", 6, "examine"),
        "ST-7": ("answer", 6, "examine"),
        "EZ-3": ("answer", 7, "examine"),
        "ST-2": ("raise", 16, "Reader.read"),
        "GK-9": ("require", 18, "Reader.read"),
        "GK-15": ("raise", 20, "Reader.read"),
        "GK-1": ("answer", 21, "Reader.read"),
    }


def test_one_place_is_taken_out_and_no_other() -> None:
    said = "        return (ST_6.failed(), table.ST_7.ok(hint='z'))"
    other = "    return spec.ok(found='f') if spec.id == 'EZ-3' else spec.failed('code', found='f')"
    assert lines_without("ST-5") == {"    if bad and False:"}
    assert lines_without("ST-7") == {said}
    assert lines_without("EZ-3") == {other}
    assert lines_without("ST-2") == {"        if side and False:"}
    assert lines_without("GK-9") == lines_without("GK-15") == {"        pass"}
    assert lines_without("GK-1") == {"        return (GK_1.ok if step else GK_1.ok)(found='x')"}


def test_every_place_in_the_sources_can_be_taken_out() -> None:
    assert len(places()) > 200
    assert len({(place.check, place.path, place.line, place.column) for place in places()}) == len(
        places()
    )


def test_what_counts_as_a_fault() -> None:
    passing = {"passed": 3, "failed": "", "skipped": 0}
    noticed = {"place": "ST-1 at x.py:1 (raise)", "failed": "test_st_1_x", "passed": 0}
    missed = {"place": "ST-1 at x.py:9 (raise)", "failed": "", "passed": 3}
    hung = {"place": "ST-1 at x.py:9 (raise)", "broken": "no end"}

    def faults(with_all: dict[str, object], *runs: dict[str, object]) -> int:
        return len(Deletions(check="ST-1", with_all=with_all, without=runs).faults)

    assert faults(passing, noticed) == 0
    assert faults(passing, noticed, missed) == 1
    assert faults(passing, hung) == 1
    assert faults(passing) == 1
    assert faults({"passed": 0, "failed": ""}, noticed) == 1
    assert faults({"passed": 2, "failed": "test_st_1_x"}, noticed) == 1
    assert faults({"broken": "the process ended"}, noticed) == 1


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS)
def test_without_a_place_of_a_check_a_test_of_its_name_fails(check: str) -> None:
    assert delete(check).faults == []
