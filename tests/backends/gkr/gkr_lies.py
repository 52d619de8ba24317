"""Lies that several tests tell, and the programs that they tell them of."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from gkr_parties import (
    Attempt,
    Case,
    LyingSide,
    make_case,
)
from gkr_programs import (
    SINGLES,
    activation,
    dense,
    fan_out,
    two_layers,
)

from verifiable.argument.goldilocks import ONE, Ext, P
from verifiable.circuits.clamp import Clamp
from verifiable.circuits.limbs import Limbs
from verifiable.circuits.requantise import Requantised
from verifiable.program.program import IntArray

PROGRAMS = SINGLES | {
    "dense": dense(),
    "many terms": dense(terms=32),
    "two layers": two_layers(),
    "fan out": fan_out(),
    "activation": activation(),
}


@cache
def case_of(name: str, mode: str = "public") -> Case:
    return make_case(PROGRAMS[name], mode)


def centred(value: int) -> int:
    """The representative of a residue nearest to 0, which int64 holds."""
    value %= P
    return value - P if value > P // 2 else value


def raised(case: Case, by: int = 1) -> tuple[Case, int]:
    """The case with one more (or less) in one lane of its last result, and that lane."""
    node = len(case.trace.values) - 1
    values = case.trace.values[node].reshape(-1).copy()
    step = case.program.nodes[node].op.requantisation
    lo, hi = (step.lo, step.hi) if step else (-(1 << 30), 1 << 30)
    lane = next(i for i, v in enumerate(values) if lo <= v + by <= hi)
    values[lane] += by
    return case.with_values(node, values), lane


def padded_lane(case: Case, lane: int) -> int:
    """A lane of the last result among its lanes with padding."""
    shape = case.program.nodes[-1].shape
    full = [1 << (size - 1).bit_length() for size in shape]
    return int(np.ravel_multi_index(np.unravel_index(lane, shape), full))


def requantised(case: Case, node: int = 0) -> Requantised:
    argument = case.material.plan.arguments[node]
    assert isinstance(argument, Requantised)
    return argument


def move(attempt: Attempt, lane: int, quotient_by: int, remainder_by: int) -> None:
    """Change quotient and remainder of a requantisation whose clamp is one table."""
    witness, argument = attempt.witness, requantised(attempt.case)
    assert argument.remainder is not None
    assert argument.clamp is not None
    for values in (witness.virtual[argument.clamp.name], witness.looked_up[-1][0]):
        values[lane] += quotient_by
    column = argument.remainder.columns[0].name
    for values in (witness.columns[column], witness.looked_up[0][0]):
        values[lane] += remainder_by


def set_result(attempt: Attempt, lane: int, value: int) -> None:
    b = attempt.witness.looked_up[-1][1]
    assert b is not None
    for values in (attempt.witness.columns["0.y"], b):
        values[lane] = value


def block_of(case: Case, clamp: Clamp, part: Limbs) -> int:
    """Where among the lookups the first limb of a part of the last clamp is."""
    parts = [p for p in (clamp.above, clamp.below, clamp.over_lo, clamp.under_hi) if p is not None]
    after = sum(len(p.tables) for p in parts[parts.index(part) :])
    return len(case.material.plan.lookups) - after


def changed(place: int, by: Ext = ONE) -> Callable[[tuple[Ext, ...], LyingSide], tuple[Ext, ...]]:
    """A message with more in one place."""

    def lie(values: tuple[Ext, ...], side: LyingSide) -> tuple[Ext, ...]:
        found = list(values)
        found[place] = found[place] + by
        return tuple(found)

    return lie


def another_accumulator(name: str, mode: str = "public") -> tuple[Case, Attempt]:
    """The prover requantises another accumulator, correctly."""
    case = case_of(name, mode)
    argument = requantised(case, -1 if name != "activation" else 0)
    node = argument.site.index
    # In a lane that does not saturate, so that the result changes too.
    honest_values = case.trace.values[node]
    lane = next(
        index
        for index in np.ndindex(honest_values.shape)
        if argument.step.lo < honest_values[index] < argument.step.hi
    )
    if name == "activation":
        lying = case
    else:
        values = honest_values.copy()
        values[lane] += 1
        lying = case.with_values(node, values)

    def products(found: IntArray) -> IntArray:
        moved = found.copy()
        if found.shape == honest_values.shape:
            moved[lane] += 1 << argument.step.shift
        return moved

    if name == "activation":
        table = case.program.tables[0].values.reshape(-1)
        last = case.trace.values[1].copy()
        last[lane] = table[int(honest_values[lane]) + 1 + 128]
        lying = case.with_values(1, last)
    if name != "two layers":
        return lying, Attempt.of(lying, products=products)
    calls = iter((False, True))
    return lying, Attempt.of(lying, products=lambda p: products(p) if next(calls) else p)
