"""The differential test fails for engines that are wrong in one point."""

from __future__ import annotations

from functools import cache

import pytest
from comparison import Outcome, differences, figures, outcome_of
from evm_chapters import chapter
from faulty_engines import (
    KeepingLogsOfReverts,
    KeepingSlotsWarm,
    LosingAWrite,
    WithHashesOfNumbers,
    WithoutAccessLists,
    WithoutRefunds,
    WithPragueModexp,
)
from watched_chain import watched_chain

from verifiable.chain.pyevm_engine import PyEvmEngine


@cache
def outcome(engine: type[PyEvmEngine], name: str) -> Outcome:
    with watched_chain(engine) as chain:
        return outcome_of(chain, chapter(name))


@pytest.mark.parametrize(
    ("engine", "name", "where"),
    [
        (WithoutAccessLists, "transactions of every type", "access list of type 1: gas"),
        (WithoutAccessLists, "transactions of every type", "slots read warm, type 2: gas"),
        (KeepingSlotsWarm, "transactions of every type", "slots read cold again: gas"),
        (WithPragueModexp, "MODEXP", "MODEXP, vectors 0 to 6: logs"),
        (WithoutRefunds, "storage and refunds", "nine slots cleared: gas"),
        (WithHashesOfNumbers, "instructions of the later forks, and blocks", "BLOCKHASH: hashes"),
        (KeepingLogsOfReverts, "reverts and stops", "revert with Error: logs"),
        (LosingAWrite, "storage and refunds", "nine slots changed: gas"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_faulty_engine_is_caught(engine: type[PyEvmEngine], name: str, where: str) -> None:
    right, wrong = outcome(PyEvmEngine, name), outcome(engine, name)
    found = differences(right, wrong)
    assert any(line.startswith(f"{where}: ") for line in found), found
    assert figures(right) != figures(wrong)


def test_accounts_are_compared_too() -> None:
    name = "storage and refunds"
    right, wrong = outcome(PyEvmEngine, name), outcome(LosingAWrite, name)
    assert right.state != wrong.state
    assert any(": storage: " in line for line in differences(right, wrong))


def test_engine_equals_itself() -> None:
    name = "transactions of every type"
    with watched_chain() as chain:
        assert differences(outcome(PyEvmEngine, name), outcome_of(chain, chapter(name))) == []
