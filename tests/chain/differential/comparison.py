"""What a chapter did on a chain, and where two chains differ."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

from evm_scenario import Chapter
from scenario_run import Node, Seen, State, comparable, run_steps

from verifiable.statement.hashing import keccak

DIGEST_CHARACTERS = 16


class TestedChain(Protocol):
    """What all chains of the differential test offer."""

    node: Node

    def state(self) -> State: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the steps of a chapter did, and the accounts at its end."""

    steps: list[Seen]
    state: State


def outcome_of(chain: TestedChain, chapter: Chapter) -> Outcome:
    """Run a chapter on a fresh chain."""
    steps, fees = run_steps(chain.node, chapter.steps)
    return Outcome(steps=steps, state=comparable(chain.state(), fees))


def differences(one: Outcome, other: Outcome) -> list[str]:
    """Where two outcomes differ, one line each."""
    lines = []
    for mine, theirs in zip(one.steps, other.steps, strict=True):
        for key in sorted({*mine, *theirs}):
            if mine.get(key) != theirs.get(key):
                lines.append(f"{mine['name']}: {key}: {mine.get(key)} and {theirs.get(key)}")
    for address in sorted({*one.state, *other.state}):
        mine, theirs = one.state.get(address, {}), other.state.get(address, {})
        for key in sorted({*mine, *theirs}):
            if mine.get(key) != theirs.get(key):
                lines.append(f"{address}: {key}: {mine.get(key)} and {theirs.get(key)}")
    return lines


def figures(outcome: Outcome) -> dict[str, Any]:
    """What is kept of an outcome: the gas of each step, and a digest of all that it did."""
    return {
        "steps": [
            {
                "name": seen["name"],
                **({"gas": seen["gas"], "ok": seen["ok"]} if "gas" in seen else {}),
                "digest": _digest(seen),
            }
            for seen in outcome.steps
        ],
        "stateDigest": _digest(outcome.state),
    }


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return keccak(text.encode()).hex()[:DIGEST_CHARACTERS]
