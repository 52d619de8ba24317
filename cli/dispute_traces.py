"""What agents of the command line hold: executions, known inputs, and where traces are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .spending import address_text, hex_text

if TYPE_CHECKING:
    from verifiable.backends.optimistic.trace import Inputs
    from verifiable.dispute.challenger import Challenger
    from verifiable.dispute.claimed_trace import HonestTrace
    from verifiable.dispute.game_log import AssertionState, GameLog
    from verifiable.dispute.material import Material
    from verifiable.dispute.trace_data import TraceData
    from verifiable.program.program import IntArray

__all__ = [
    "assertion_to_defend",
    "challenger_of",
    "executed",
    "known_inputs",
    "material_of",
    "trace_finder",
]


def material_of(program: Path) -> Material:
    """A program with all that a dispute opens of it."""
    from verifiable.api import load_program
    from verifiable.dispute.material import Material

    return Material(load_program(str(program)))


def executed(
    program: Path, input_path: Path, index: int | None, saturate: bool
) -> tuple[HonestTrace, Mapping[str, IntArray], bool]:
    """Run a program once on one raw input: its trace, its outputs, and whether it was clipped."""
    from verifiable.backends.optimistic.trace import commit_execution
    from verifiable.dispute.claimed_trace import HonestTrace
    from verifiable.sources import quantised_input

    material = material_of(program)
    integers, saturated = quantised_input(
        material.program.inputs, input_path, index=index, saturate=saturate
    )
    committed = commit_execution(material.program, integers, leaf_log2=material.leaf_log2)
    return HonestTrace(material, committed), committed.outputs, saturated


def known_inputs(material: Material, paths: tuple[Path, ...], saturate: bool) -> list[Inputs]:
    """Every row of every file, quantised."""
    from verifiable.sources import quantised_input, rows_of

    specs = material.program.inputs
    return [
        quantised_input(specs, row, saturate=saturate)[0]
        for path in paths
        for row in rows_of(specs, path)
    ]


def assertion_to_defend(
    log: GameLog, trace: HonestTrace, assertion_id: bytes | None, account: bytes
) -> AssertionState:
    """The assertion that a trace defends.

    Raises:
        ChainError: `unknown-assertion`.
        InvalidInput: `other-trace`: the one that was named commits to another trace.
    """
    from verifiable.dispute.history import unknown_assertion
    from verifiable.errors import ChainError, InvalidInput

    if assertion_id is not None:
        named = log.assertion(assertion_id)
        if named is None:
            raise unknown_assertion(log.game, assertion_id)
        if named.trace_root != trace.root:
            raise InvalidInput(
                "the assertion is about another trace than this execution's",
                where=f"assertion {hex_text(named.id)}",
                why=f"it commits to {hex_text(named.trace_root)}, and here it is "
                f"{hex_text(trace.root)}",
                hint="check program and input; if they are right, the assertion is wrong",
                code="other-trace",
            )
        return named
    found = [item for item in log.assertions if item.trace_root == trace.root]
    own = [item for item in found if item.asserter == account]
    if not found:
        raise ChainError(
            "nobody has asserted this execution",
            where=f"{address_text(log.game.address)} on chain {log.game.chain.chain_id}",
            hint="assert it by `verifiable dispute assert`; or check program, input and game",
            code="unknown-assertion",
        )
    return (own or found)[-1]


def trace_finder(
    folder: Path | None, *, private: bool
) -> Callable[[AssertionState], TraceData | None]:
    """Where traces are read: a folder that was named, or the address that the asserter told."""
    from verifiable.dispute.trace_data import FolderData, HttpData
    from verifiable.errors import InvalidInput

    def find(found: AssertionState) -> TraceData | None:
        if folder is not None:
            return FolderData(folder)
        if not found.trace_uri:
            return None
        try:
            return HttpData(found.trace_uri, private=private)
        except InvalidInput:
            return None  # a stranger's text: as good as none

    return find


def challenger_of(assertion_id: bytes | None) -> type[Challenger]:
    """The class of a challenger that looks at one assertion, or at all."""
    from verifiable.dispute.challenger import Challenger

    if assertion_id is None:
        return Challenger

    class One(Challenger):
        """Looks at one assertion only."""

        def judge(self, assertion: AssertionState) -> bool | None:
            """Whether it is right; None for all others."""
            return super().judge(assertion) if assertion.id == assertion_id else None

    return One
