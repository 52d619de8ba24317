"""The games of `verifiable dispute demo`: honest people, and everybody who is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from verifiable.backends.optimistic.trace import Inputs, commit_execution
from verifiable.chain.contracts.dispute_structs import Phase
from verifiable.dispute.asserter import Asserter
from verifiable.dispute.challenger import Challenger
from verifiable.dispute.claimed_trace import ClaimedTrace, HonestTrace
from verifiable.dispute.demo import Players, Scenario, Side, Stage
from verifiable.dispute.material import Material
from verifiable.dispute.trace_data import FolderData, publish_trace
from verifiable.testing.demo_program import LEAF_LOG2, MATRIX, demo_inputs, demo_program
from verifiable.testing.lying_traces import (
    FalseChallenger,
    StallingAsserter,
    wrong_element,
    wrong_output,
    wrong_weights,
)

__all__ = ["demo_scenarios"]

_NODE = 10
_ELEMENT = 401


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Who is cast in a game, and what they hold.

    Attributes:
        trace: the asserter's, made from program and inputs.
        published: whether the challenger can read it.
    """

    name: str
    told: str
    honest_side: Side
    trace: Callable[[Material, Inputs], ClaimedTrace]
    published: bool = False
    asserter: type[Asserter] = Asserter
    challenger: type[Challenger] = Challenger


def demo_scenarios() -> tuple[Scenario, ...]:
    """All games, in the order in which they are best told."""
    material = Material(demo_program(), leaf_log2=LEAF_LOG2)
    return tuple(
        Scenario(
            name=part.name,
            told=part.told,
            honest_side=part.honest_side,
            cast=_casting(part, material, demo_inputs(seed)),
        )
        for seed, part in enumerate(_PARTS, start=1)
    )


def _casting(part: _Part, material: Material, inputs: Inputs) -> Callable[[Stage], Players]:
    def cast(stage: Stage) -> Players:
        trace = part.trace(material, inputs)
        published = stage.folder / part.name
        if part.published:
            publish_trace(trace, published)
        asserter = part.asserter(
            stage.game, stage.person(), stage.journal(), trace, from_block=stage.now_block
        )
        challenger = part.challenger(
            stage.game,
            stage.person(),
            stage.journal(),
            material,
            [inputs],
            find_data=(lambda _: FolderData(published)) if part.published else None,
            from_block=stage.now_block,
        )
        if isinstance(asserter, StallingAsserter):
            asserter.silent_from = Phase.TENSOR
        if isinstance(challenger, FalseChallenger):
            challenger.believed = _wrong_inside(material, inputs)
        return Players(asserter=asserter, challenger=challenger)

    return cast


def _honest(material: Material, inputs: Inputs) -> ClaimedTrace:
    committed = commit_execution(material.program, inputs, leaf_log2=material.leaf_log2)
    return HonestTrace(material, committed)


def _wrong_inside(material: Material, inputs: Inputs) -> ClaimedTrace:
    return wrong_element(material, inputs, node=_NODE, element=_ELEMENT)


def _other_weights(material: Material, inputs: Inputs) -> ClaimedTrace:
    return wrong_weights(material, inputs, weight=MATRIX)


_PARTS = (
    _Part(
        name="honest",
        told="the result is right; a watcher computes it again, agrees, and the window passes",
        honest_side="asserter",
        trace=_honest,
    ),
    _Part(
        name="wrong-output",
        told="one score is off by one, and the trace is kept back",
        honest_side="challenger",
        trace=wrong_output,
    ),
    _Part(
        name="wrong-intermediate",
        told=f"element {_ELEMENT} of node {_NODE} is off by one, and all that follows fits it; the "
        "trace is public, so that one transaction is enough",
        honest_side="challenger",
        trace=_wrong_inside,
        published=True,
    ),
    _Part(
        name="wrong-weights",
        told="computed with one other weight than the program's",
        honest_side="challenger",
        trace=_other_weights,
        published=True,
    ),
    _Part(
        name="withheld-trace",
        told=f"element {_ELEMENT} of node {_NODE} is off by one, and the trace must be asked for, "
        "level by level",
        honest_side="challenger",
        trace=_wrong_inside,
    ),
    _Part(
        name="stalling-asserter",
        told="the same lie, by someone who falls silent when the game comes near it",
        honest_side="challenger",
        trace=_wrong_inside,
        asserter=StallingAsserter,
    ),
    _Part(
        name="false-challenger",
        told="the result is right, and is challenged by someone who computed it wrongly",
        honest_side="asserter",
        trace=_honest,
        challenger=FalseChallenger,
    ),
)
