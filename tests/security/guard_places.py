"""Finds every guard of the contracts, and writes contracts in which each can be switched off.

A guard stands below its comment (`// INVARIANT OP-12: ...`). What refuses there is a condition
with a `revert` (or a call that only reverts) behind it, or a `_require(...)`. Each such place gets
a number; in the copy of the contracts the condition holds only while its number is not the one
that the block says in `prevrandao`, which nothing else here reads. So all contracts are compiled
once, and forge runs them without one guard after the other.

Some guards refuse nothing: they compute, or store before they call. `OTHERWISE` says what a
contract without them would do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from check_places import REPOSITORY

__all__ = ["OTHERWISE", "SWITCH", "Guard", "forge_tests_of", "guards", "switchable"]

SOURCES = REPOSITORY / "contracts" / "src"
TESTS = REPOSITORY / "contracts" / "test"

_MARKER = re.compile(r"// INVARIANT ([A-Z]+-[1-9][0-9]*):")
_REFUSING = re.compile(r"\brevert\b|\b(?:_malformed|_refuse|_fail)\(")

SWITCH = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IInferenceVerifier} from "./inference/IInferenceVerifier.sol";

/// Whether a guard is switched off: the block says its number. As if it read nothing, so that it
/// can stand in functions that read nothing.
library Switch {
    function off(uint256 number) internal pure returns (bool) {
        function(uint256) internal view returns (bool) reads = _off;
        function(uint256) internal pure returns (bool) silent;
        assembly {
            silent := reads
        }
        return silent(number);
    }

    function _off(uint256 number) private view returns (bool) {
        return block.prevrandao == number;
    }

    /// What a caller would choose: that the one piece that was brought is enough.
    function brought(IInferenceVerifier.Evidence[] calldata evidence)
        internal
        pure
        returns (IInferenceVerifier.Clause[] memory anyOf)
    {
        anyOf = new IInferenceVerifier.Clause[](1);
        anyOf[0].threshold = 1;
        anyOf[0].backends = new bytes4[](1);
        anyOf[0].backends[0] = evidence[0].backend;
    }
}
"""

# By file and guard: what stands there, and what a contract without the guard would have instead.
OTHERWISE: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("ModelRegistry.sol", "MR-1"): (
        (
            "schemaHash = keccak256(",
            "schemaHash = {off} ? program.graphRoot : keccak256(",
        ),
        (
            "_programRoot(program, schemaHash);",
            "({off} ? program.graphRoot : _programRoot(program, schemaHash));",
        ),
    ),
    ("ModelRegistry.sol", "MR-2"): (
        ("_recordIdOf(msg.sender,", "_recordIdOf({off} ? address(0) : msg.sender,"),
    ),
    ("inference/EzklDoor.sol", "IV-24"): (
        ("keccak256(vka[POINT_FROM:POINT_TO])", "!{off} && keccak256(vka[POINT_FROM:POINT_TO])"),
    ),
    ("inference/EzklDoor.sol", "IV-30"): (
        ("uint256(statement.context)", "uint256({off} ? bytes32(0) : statement.context)"),
    ),
    ("inference/InferenceVerifier.sol", "IV-7"): (
        ("_demandSense(anyOf[i], i);", "if (!{off}) _demandSense(anyOf[i], i);"),
    ),
    ("inference/InferenceVerifier.sol", "IV-8"): (
        ("i < evidence.length", "i < ({off} ? 1 : evidence.length)"),
    ),
    ("inference/TeeDoor.sol", "IV-18"): (
        (
            "(address key, bool hardware) = ",
            "(address key, bool hardware) = {off} ? (address(1), true) : ",
        ),
    ),
    ("inference/VerifiedInference.sol", "IV-60"): (
        ("contextOf(msg.sender, request)", "contextOf({off} ? address(0) : msg.sender, request)"),
    ),
    ("inference/VerifiedInference.sol", "IV-61"): (
        ("_accepted();", "{off} ? Switch.brought(evidence) : _accepted();"),
    ),
    ("optimistic/Assertions.sol", "OP-8"): (
        (
            "JUDGE.check(trace, kind, proof);",
            "{off} ? (uint32(0), uint256(0)) : JUDGE.check(trace, kind, proof);",
        ),
    ),
    ("optimistic/Bonds.sol", "OP-18"): (
        ("_credits[msg.sender] = 0;", "if (!{off}) _credits[msg.sender] = 0;"),
    ),
    ("optimistic/DisputeGame.sol", "OP-12"): (
        ("(game.clockC < GRACE)", "(game.clockC < GRACE && !{off})"),
        ("(game.clockA < GRACE)", "(game.clockA < GRACE && !{off})"),
        ("over = block.timestamp", "over = !{off} && block.timestamp"),
    ),
    ("optimistic/FaultJudge.sol", "OP-5"): (
        (
            "Commitments.rootFromBranch(leaf, id, facts.nodeCount, branch)",
            "({off} ? Commitments.rootFromPath(leaf, id, branch.length, branch) : {was})",
        ),
    ),
    ("optimistic/FaultJudge.sol", "OP-7"): (
        (
            "        revert IDisputeGame.Game_NotPaddingFault();\n    }",
            "        if (!{off}) revert IDisputeGame.Game_NotPaddingFault();\n    }",
        ),
    ),
    ("optimistic/Openings.sol", "OP-5"): (
        (
            "Commitments.treeHeight(tree.leaves)",
            "({off} ? siblings.length : Commitments.treeHeight(tree.leaves))",
        ),
    ),
    ("optimistic/Programs.sol", "OP-2"): (
        ("Commitments.programRoot(", "{off} ? header.graphRoot : Commitments.programRoot("),
    ),
    ("optimistic/Programs.sol", "OP-20"): tuple(
        (name, f"({{off}} ? bytes32(0) : {name})")
        for name in ("JUDGE_HASH", "ROUTER_HASH", "FAMILIES_HASH", "rulesHash")
    ),
    ("tee/AttestationRegistry.sol", "AR-16"): (
        ("until < longest ? until", "until < longest || {off} ? until"),
    ),
    ("tee/P256Verify.sol", "AR-1"): (("ok && answer", "ok && {off} || ok && answer"),),
    ("tee/TrustLists.sol", "AR-4"): (
        ("|| _admissions[number].revoked", "|| _admissions[number].revoked && !{off}"),
        ("delete _programs[previous];", "if (!{off}) delete _programs[previous];"),
    ),
}


# What stands at a comment relies on a condition elsewhere in the file, before every way there.
ELSEWHERE = {
    ("optimistic/Assertions.sol", "OP-15"): "if (assertion.status != Status.Pending)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """One place where a guard stands.

    Attributes:
        name: its id.
        path: of the contract, from `src`.
        marker: line of its comment.
        line: where it refuses.
        start, end: of what is replaced, in characters.
        text: what replaces it; `{was}` is what was there, `{off}` that the guard is switched off.
        errors: what it reverts with by itself.
    """

    name: str
    path: str
    marker: int
    line: int
    start: int
    end: int
    text: str
    errors: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.name} at contracts/src/{self.path}:{self.line}"


@cache
def guards() -> tuple[Guard, ...]:
    """All guards of all contracts, in the order of the sources."""
    found: list[Guard] = []
    for path in sorted(SOURCES.rglob("*.sol")):
        name = path.relative_to(SOURCES).as_posix()
        found += guards_in(path.read_text("utf-8"), name)
    return tuple(found)


def guards_in(text: str, path: str) -> Iterator[Guard]:
    """The guards of one source."""
    markers = list(_MARKER.finditer(text))
    for number, marker in enumerate(markers):
        name = marker[1]
        block_end = _end_of_block(text, marker.end())
        for following in markers[number + 1 :]:
            if following.start() < block_end and _code_between(text, marker, following):
                block_end = following.start()
                break
        yield from _in_block(text, path, name, marker.end(), block_end)


def _code_between(text: str, first: re.Match[str], second: re.Match[str]) -> bool:
    lines = text[first.end() : second.start()].splitlines()[1:-1]
    return any(line.strip() and not line.strip().startswith("//") for line in lines)


def _end_of_block(text: str, start: int) -> int:
    ends = [text.find(mark, start) + len(mark) - 1 for mark in ("\n\n", "\n    }\n")]
    return min((end for end in ends if end > start), default=len(text))


def _in_block(text: str, path: str, name: str, start: int, end: int) -> Iterator[Guard]:
    def guard(begin: int, stop: int, instead: str) -> Guard:
        line = text.count("\n", 0, begin) + 1
        marker = text.count("\n", 0, start) + 1
        return Guard(
            name=name, path=path, marker=marker, line=line, start=begin, end=stop, text=instead
        )

    code = _without_comments(text)
    elsewhere = ELSEWHERE.get((path, name))
    if elsewhere is not None:
        at = text.index(elsewhere) + len("if (")
        yield guard(at, _closing(code, at), "({was}) && !{off}")
        return
    otherwise = False
    for old, new in OTHERWISE.get((path, name), ()):
        at = text.find(old, start, end)
        if at >= 0:
            yield guard(at, at + len(old), new)
            otherwise = True
    if otherwise:
        return
    for found in re.finditer(r"\b(?:if \(|_require\()", code[start:end]):
        begin = start + found.end()
        close = _closing(code, begin)
        if found[0] == "_require(":
            first = _first_argument(code, begin)
            yield guard(begin, first, "({was}) || {off}")
            continue
        refusal = code[close : _end_of_statement(code, close)]
        if _REFUSING.search(refusal):
            errors = frozenset(re.findall(r"\brevert (?:\w+\.)?(\w+)\(", refusal))
            yield replace(guard(begin, close, "({was}) && !{off}"), errors=errors)


def _without_comments(text: str) -> str:
    """The text with its comments blanked, of the same length."""
    return re.sub(r"//[^\n]*", lambda found: " " * len(found[0]), text)


def _closing(code: str, start: int) -> int:
    depth = 1
    for place in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[place], 0)
        if depth == 0:
            return place
    raise ValueError("a parenthesis is not closed")


def _first_argument(code: str, start: int) -> int:
    depth = 0
    for place in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[place], 0)
        if code[place] == "," and depth == 0:
            return place
    raise ValueError("there is no second argument")


def _end_of_statement(code: str, start: int) -> int:
    """The end of what an `if` guards: its block, or its one statement."""
    body = start + 1
    while code[body].isspace():
        body += 1
    if code[body] != "{":
        return code.index(";", body)
    depth = 0
    for place in range(body, len(code)):
        depth += {"{": 1, "}": -1}.get(code[place], 0)
        if depth == 0:
            return place
    raise ValueError("a brace is not closed")


def switchable(path: str) -> str:
    """A contract of which each guard can be switched off by its number, from 1."""
    text = (SOURCES / path).read_text("utf-8")
    numbered = [(number, guard) for number, guard in enumerate(guards(), 1) if guard.path == path]
    if not numbered:
        return text
    # Two guards may stand at one condition, where either switches it off, or one in the other's.
    by_place: dict[tuple[int, int, str], list[int]] = {}
    for number, guard in numbered:
        by_place.setdefault((guard.start, guard.end, guard.text), []).append(number)
    text = _replaced(text, 0, len(text), by_place)
    up = "../" * path.count("/")
    place = re.search(r"^pragma [^\n]*\n", text, re.M)
    assert place is not None
    line = f'\nimport {{Switch}} from "{up or "./"}Switch.sol";\n'
    return text[: place.end()] + line + text[place.end() :]


def _replaced(
    text: str, start: int, end: int, by_place: dict[tuple[int, int, str], list[int]]
) -> str:
    """A part of a source with all that is replaced in it, from the outside in."""
    parts: list[str] = []
    inside = {place: numbers for place, numbers in by_place.items() if start <= place[0] < end}
    for (begin, stop, instead), numbers in sorted(
        inside.items(), key=lambda item: (item[0][0], -item[0][1])
    ):
        if begin < start:
            continue  # inside of the one before
        deeper = {
            place: value
            for place, value in inside.items()
            if begin <= place[0] and place[1] <= stop and place != (begin, stop, instead)
        }
        was = _replaced(text, begin, stop, deeper)
        off = " || ".join(f"Switch.off({number})" for number in numbers)
        parts += [text[start:begin], instead.replace("{was}", was).replace("{off}", f"({off})")]
        start = stop
    return "".join((*parts, text[start:end]))


@cache
def _forge_tests() -> dict[str, str]:
    return {
        path.relative_to(TESTS).as_posix(): path.read_text("utf-8")
        for path in sorted(TESTS.rglob("*.sol"))
    }


def forge_tests_of(name: str) -> list[tuple[str, str]]:
    """File and name of each forge test that bears the name of a guard."""
    short = name.replace("-", "")
    return [
        (path, test)
        for path, text in _forge_tests().items()
        for test in re.findall(rf"function (test\w*_{short}_\w+)\(", text)
    ]
