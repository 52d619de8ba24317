"""Two programs part by part: graph, weights, tables, schema, and the first place that differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from itertools import zip_longest

import numpy as np

from verifiable.auditing.checks import AU_1, AU_2, AU_3, AU_4
from verifiable.program.program import Constant, Node, Program
from verifiable.statement.checks import CheckSpec
from verifiable.statement.commitment import ProgramCommitment, Schema, TensorSpec
from verifiable.statement.node_desc import encode_node
from verifiable.statement.strict_json import encode_hex
from verifiable.statement.verdict import Check

__all__ = ["compare_parts", "parts_of"]

_HINT = (
    "the model, its scales or the program was changed after compiling, or another release compiled "
    "it: find out which, and have it reviewed"
)


def parts_of(commitment: ProgramCommitment) -> dict[str, bytes]:
    """What the program root hashes, by the part's name."""
    return {
        "graph": commitment.graph_root,
        "weights": commitment.weights_root,
        "tables": commitment.tables_root,
        "schema": commitment.schema.digest,
    }


def compare_parts(
    given: Program,
    derived: Program,
    commitments: tuple[ProgramCommitment, ProgramCommitment],
) -> Iterator[Check]:
    """Compare a program with the one that was derived; a difference names its first place.

    Args:
        given, derived: the two programs.
        commitments: to each of them, with one leaf size.
    """
    claimed, found = (parts_of(item) for item in commitments)
    schemas = (commitments[0].schema, commitments[1].schema)
    places: tuple[tuple[CheckSpec, str, Callable[[], str]], ...] = (
        (AU_1, "graph", lambda: _node(given, derived)),  # AU-1
        (AU_2, "weights", lambda: _tensor("weight", given.weights, derived.weights)),  # AU-2
        (AU_3, "tables", lambda: _tensor("table", given.tables, derived.tables)),  # AU-3
        (AU_4, "schema", lambda: _schema(*schemas)),  # AU-4
    )
    for spec, part, place in places:
        if claimed[part] != found[part]:
            yield spec.failed(
                expected=f"{part} {encode_hex(found[part])}, derived from the model",
                found=f"{part} {encode_hex(claimed[part])}: {place()}",
                hint=_HINT,
            )
        else:
            yield spec.ok(expected=encode_hex(found[part]), found=encode_hex(claimed[part]))


def _node(given: Program, derived: Program) -> str:
    """The first node that differs, and in what."""
    for index, (ours, theirs) in enumerate(zip_longest(given.nodes, derived.nodes)):
        if ours is None or theirs is None:
            more = "the program has" if theirs is None else "the model gives"
            return f"{more} a node {index} ({_named(ours or theirs)}), and the other has none"
        if encode_node(given, index) != encode_node(derived, index):
            return f"node {index} ({_named(ours)}): {_how(ours, theirs)}"
    return "no node by itself"


def _named(node: Node) -> str:
    return f"{node.op.name} {node.name!r}" if node.name else node.op.name


def _how(ours: Node, theirs: Node) -> str:
    if ours.op.name != theirs.op.name:
        return f"{ours.op.name}, and {theirs.op.name} derived"
    mine, other = ours.op.attributes(), theirs.op.attributes()
    for name in mine:
        if mine[name] != other.get(name):
            return f"{name} is {mine[name]}, and {other.get(name)} derived"
    for name in ("operands", "shape", "width"):
        if getattr(ours, name) != getattr(theirs, name):
            return f"its {name} differs"
    return "the width of an operand differs"


def _tensor(kind: str, given: Sequence[Constant], derived: Sequence[Constant]) -> str:
    """The first constant that differs, and its first element that does."""
    for index, (ours, theirs) in enumerate(zip_longest(given, derived)):
        if ours is None or theirs is None:
            more = "the program has" if theirs is None else "the model gives"
            return f"{more} a {kind} {index}, and the other has none"
        where = f"{kind} {index} ({ours.name!r})"
        if ours.values.size != theirs.values.size:
            return f"{where}: {ours.values.size} elements, and {theirs.values.size} derived"
        mine, other = ours.values.reshape(-1), theirs.values.reshape(-1)
        differing = np.flatnonzero(mine != other)
        if differing.size:
            first = int(differing[0])
            position = tuple(int(i) for i in np.unravel_index(first, ours.values.shape))
            return (
                f"{where}: element {position} is {int(mine[first])}, and {int(other[first])} "
                f"derived; {differing.size} of {mine.size} differ"
            )
        if ours.width != theirs.width:
            return f"{where}: {ours.width} bytes an element, and {theirs.width} derived"
    return f"no {kind} by itself"


def _schema(given: Schema, derived: Schema) -> str:
    """The first member of the schema that differs."""
    for kind, mine, other in (
        ("input", given.inputs, derived.inputs),
        ("output", given.outputs, derived.outputs),
    ):
        for ours, theirs in zip_longest(mine, other):
            if ours is None or theirs is None:
                return f"{len(mine)} {kind}s, and {len(other)} derived"
            for item in fields(TensorSpec):
                one, two = getattr(ours, item.name), getattr(theirs, item.name)
                if one != two:
                    return f"{kind} {ours.name!r}: {item.name} is {one!r}, and {two!r} derived"
    for name in ("output_nodes", "node_count", "max_height"):
        one, two = getattr(given, name), getattr(derived, name)
        if one != two:
            return f"{name} is {one}, and {two} derived"
    return "no member by itself"
