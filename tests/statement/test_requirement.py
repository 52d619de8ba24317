"""Requirements: one grammar, read strictly, and three-valued logic that is exact."""

from __future__ import annotations

from itertools import product

import pytest

from verifiable.errors import InvalidInput, MalformedFile
from verifiable.statement.policy import POLICY_FORMAT, Policy
from verifiable.statement.requirement import MAX_REQUIREMENT_BYTES, Requirement

GOOD = {
    "ezkl": "ezkl",
    "ezkl or (tee and optimistic)": "ezkl or (tee and optimistic)",
    "a and b or c": "(a and b) or c",
    "a or b and c": "a or (b and c)",
    "2 of (a, b, c)": "2 of (a, b, c)",
    "2 of (a, b and c, (d or e))": "2 of (a, b and c, d or e)",
    " \t a\nand(b)": "a and b",
    "1 of (a)": "a",
    "1 of (a, b)": "a or b",
    "2 of (a, b)": "a and b",
    "my-backend_2.0 or android": "my-backend_2.0 or android",
}


@pytest.mark.parametrize("text", GOOD)
def test_a_requirement_is_read_and_written(text: str) -> None:
    requirement = Requirement.parse(text)
    assert str(requirement) == GOOD[text]
    assert Requirement.parse(str(requirement)) == requirement


def test_names_stand_in_the_order_of_the_text() -> None:
    assert Requirement.parse("c or 1 of (b, a)").names == ("c", "b", "a")


BAD = {
    "": ("malformed-requirement", 1),
    "  ": ("malformed-requirement", 3),
    "a b": ("malformed-requirement", 3),
    "a or": ("malformed-requirement", 5),
    "or a": ("malformed-requirement", 1),
    "a and AND": ("malformed-requirement", 7),
    "a Or b": ("malformed-requirement", 3),
    "(a": ("malformed-requirement", 3),
    "a)": ("malformed-requirement", 2),
    "()": ("malformed-requirement", 2),
    "a, b": ("malformed-requirement", 2),
    "2 of a": ("malformed-requirement", 6),
    "2 (a, b)": ("malformed-requirement", 3),
    "2 of (a, b": ("malformed-requirement", 11),
    "2 of (a,)": ("malformed-requirement", 9),
    "12a": ("malformed-requirement", 3),
    "not a": ("malformed-requirement", 5),
    "a & b": ("malformed-requirement", 3),
    "a or  é": ("malformed-requirement", 7),
    "a\x00": ("malformed-requirement", 2),
    "a\u00a0or b": ("malformed-requirement", 2),
    "a or a": ("backend-named-twice", 6),
    "(a and b) or (c and b)": ("backend-named-twice", 21),
    "0 of (a, b)": ("threshold-out-of-range", 1),
    "c or 3 of (a, b)": ("threshold-out-of-range", 6),
    "02 of (a, b, c)": ("threshold-out-of-range", 1),
    "99999999999999999999 of (a, b)": ("threshold-out-of-range", 1),
    "(" * 18 + "a" + ")" * 18: ("requirement-too-large", 18),
}


@pytest.mark.parametrize("text", BAD)
def test_anything_else_is_refused_at_its_position(text: str) -> None:
    code, position = BAD[text]
    with pytest.raises(InvalidInput) as caught:
        Requirement.parse(text)
    assert caught.value.code == code
    assert caught.value.where == f"require, character {position}"
    assert caught.value.hint or code != "malformed-requirement"


def test_size_and_type_are_bounded() -> None:
    longest = "a" * MAX_REQUIREMENT_BYTES
    assert Requirement.parse(longest).names == (longest,)
    for bad, code in (
        (longest + "a", "requirement-too-large"),
        ("\ud800" * MAX_REQUIREMENT_BYTES, "requirement-too-large"),
        (b"a", "wrong-type"),
    ):
        with pytest.raises(InvalidInput) as caught:
            Requirement.parse(bad)
        assert caught.value.code == code


LOGIC = {
    "a": lambda a, b, c, d: a,
    "a and b": lambda a, b, c, d: a and b,
    "a or b": lambda a, b, c, d: a or b,
    "a or b and c": lambda a, b, c, d: a or (b and c),
    "(a or b) and c": lambda a, b, c, d: (a or b) and c,
    "2 of (a, b, c)": lambda a, b, c, d: a + b + c >= 2,
    "3 of (a, b, c, d)": lambda a, b, c, d: a + b + c + d >= 3,
    "2 of (a, b or c, d)": lambda a, b, c, d: a + (b or c) + d >= 2,
    "a and 1 of (b, c) and d": lambda a, b, c, d: a and (b or c) and d,
}


@pytest.mark.parametrize("text", LOGIC)
def test_it_is_open_only_if_what_is_open_decides(text: str) -> None:
    """Compared with all ways to settle what is open."""
    requirement = Requirement.parse(text)
    seen = set()
    for values in product((True, False, None), repeat=4):
        known = {n: v for n, v in zip("abcd", values, strict=True) if v is not None}
        ways = {
            bool(LOGIC[text](*way))
            for way in product((True, False), repeat=4)
            if all(v in (None, w) for v, w in zip(values, way, strict=True))
        }
        expected = ways.pop() if len(ways) == 1 else None
        assert requirement.holds(known) is expected, known
        seen.add(expected)
    assert seen == {True, False, None}


def test_a_policy_holds_a_requirement() -> None:
    backends = {"ezkl": None, "tee": None}
    policy = Policy(backends=backends, require="ezkl or tee")
    assert Policy.decode(policy.encode()) == policy
    with pytest.raises(MalformedFile) as caught:
        Policy(backends=backends, require="ezkl or")
    assert (caught.value.code, caught.value.where) == (
        "bad-requirement",
        "policy.require, character 8",
    )
    with pytest.raises(MalformedFile) as caught:
        Policy(backends=backends, require="ezkl or optimistic")
    assert caught.value.code == "requirement-not-accepted"
    with pytest.raises(MalformedFile) as caught:
        Policy(require=("ezkl",))
    assert caught.value.code == "wrong-type"
    with pytest.raises(MalformedFile):
        Policy.decode(b'{"format": "%s", "require": ""}' % POLICY_FORMAT.encode())
