"""The argument from beginning to end, written once for both sides.

`docs/protocol/gkr.md` states it equation by equation. The order here is the transcript's:

    0  key, statement, inputs, outputs   absorbed before any challenge
    1  the witness                       one commitment: results, limbs, multiplicities
    2  lookups                           LogUp-GKR over all tables; claims at the leaves' point
    3  outputs                           public values claimed at a random point
    4  nodes, from the last to the first claims on results become claims on operands
    5  public tensors                    the verifier evaluates the claims on them itself
    6  merge and opening                 all claims on columns become one value, then none
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from verifiable.argument import lookup
from verifiable.argument.claims import merge
from verifiable.argument.functional import Functional
from verifiable.argument.goldilocks import Ext
from verifiable.argument.merkle import Root
from verifiable.argument.opening import CommittedStack, Oracle
from verifiable.argument.opening import open as open_stacks
from verifiable.argument.side import Side
from verifiable.argument.soundness import QUERIES, Point
from verifiable.argument.vectors import Words
from verifiable.backends.gkr.plan import Plan
from verifiable.circuits.walk import Lookup, Walk, Witness
from verifiable.program.program import IntArray, Source
from verifiable.statement.statement import Statement

__all__ = ["PROTOCOL", "ProverWork", "Public", "run"]

PROTOCOL = b"verifiable/gkr/v1 goldilocks^2 sha256 rs-1/4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Public:
    """What both sides know.

    Attributes:
        key_digest: of the verification key.
        statement: what is claimed.
        inputs, outputs: the values behind its roots.
        constants: by index the public ones (all of them in the mode `public`).
    """

    key_digest: bytes
    statement: Statement
    inputs: Sequence[IntArray]
    outputs: Sequence[IntArray]
    constants: Mapping[int, IntArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProverWork:
    """What only the prover does.

    Attributes:
        witness: filled columns.
        commit: lay out and commit to the witness.
        leaves: the leaves of the lookups, given alpha and beta.
        stack: all committed words in address order.
        committed: the stacks that are opened, weights first.
    """

    witness: Witness
    commit: Callable[[], Root]
    leaves: Callable[[Ext, Ext], tuple[Words, Words]]
    stack: Callable[[], Words]
    committed: Callable[[], Sequence[CommittedStack]]


def run(
    side: Side,
    plan: Plan,
    public: Public,
    work: ProverWork | None,
    *,
    enter: Callable[[str], None] = lambda phase: None,
) -> None:
    """Prove, or verify, that the statement holds.

    Args:
        side: prover's or verifier's.
        plan: of the key.
        public: what both know.
        work: the prover's; None on the verifier's side.
        enter: told of each phase that begins.

    Raises:
        Rejected: (verifier) a check failed.
        MalformedProof: (verifier) the proof is not canonical, too short or too long.
    """
    enter("commit")
    _absorb(side, public)
    root = side.digest("witness", lambda: _of(work).commit())
    walk = Walk(
        side,
        committed=plan.committed,
        weights={index: column.name for index, column in plan.weight_columns.items()},
        witness=None if work is None else work.witness,
    )
    enter("lookups")
    _lookups(side, plan, walk, root, work)
    enter("operators")
    _outputs(plan, walk, public)
    for argument in reversed(plan.arguments):
        if argument is not None:
            argument.reduce(walk)
    if walk.pending:
        raise RuntimeError(f"claims on nodes {sorted(walk.pending)} were never moved on")
    _public_claims(side, walk, public)
    enter("merge")
    point, value = merge(
        side, walk.book.claims, plan.blocks, plan.variables, lambda: _of(work).stack()
    )
    enter("opening")
    oracles = [Oracle(root=root, layout=plan.witness_layout)]
    if plan.weight_layout is not None:
        oracles.insert(0, Oracle(root=Root(plan.key.weight_root), layout=plan.weight_layout))
    open_stacks(side, oracles, lambda: _of(work).committed(), point, value, QUERIES)
    side.finish()


def _of(work: ProverWork | None) -> ProverWork:
    assert work is not None  # noqa: S101 - only the prover's side computes messages
    return work


def _absorb(side: Side, public: Public) -> None:
    """Everything that a proof is about, before the first challenge."""
    statement = public.statement
    side.absorb("protocol", PROTOCOL)
    side.absorb("key", public.key_digest)
    side.absorb("program-root", statement.program_root)
    side.absorb("input-root", statement.input_root)
    side.absorb("output-root", statement.output_root)
    side.absorb("context", statement.context)
    for label, tensors in (("input", public.inputs), ("output", public.outputs)):
        for tensor in tensors:
            side.absorb(label, np.ascontiguousarray(tensor, dtype="<i8").tobytes())


def _lookups(side: Side, plan: Plan, walk: Walk, root: Root, work: ProverWork | None) -> None:
    """All lookups of the program, and every column's claim at the leaves' point."""
    leaves = plan.leaves
    claim = None
    point: tuple[Ext, ...] = ()
    if leaves is not None:
        claim = lookup.run(side, root, leaves, lambda alpha, beta: _of(work).leaves(alpha, beta))
        point = claim.point
    # Columns without lookups may be larger than all leaves; their equations are checked at a
    # random point too.
    missing = max(0, max(column.log_size for column in plan.witness_columns) - len(point))
    if missing:
        side.note(Point(label="columns", variables=missing))
        point += side.challenges("columns", missing)

    def suffix(variables: int) -> tuple[Ext, ...]:
        return point[:variables]

    found: list[Lookup] = []
    for argument in plan.arguments:
        if argument is not None:
            found += argument.close(walk, suffix)
    blocks = [(f.a, f.b, number) for f, (number, _) in zip(found, plan.lookups, strict=True)]
    if leaves is None or claim is None:
        return
    tables = []
    for number, table in enumerate(plan.tables):
        at = suffix(table.log_size)
        multiplicity = walk.column_at(f"multiplicity{number}", at)
        a, b = table.evaluate(at)
        tables.append((multiplicity, a, b, number))
    lookup.close(side, leaves, claim, blocks, tables)


def _outputs(plan: Plan, walk: Walk, public: Public) -> None:
    """The public outputs are the results of their nodes: equal at a random point."""
    for position, values in enumerate(public.outputs):
        seen = plan.output_operand(position)
        bits = sum((size - 1).bit_length() for size in seen.view)
        walk.side.note(Point(label=f"output{position}", variables=bits))
        point = walk.side.challenges(f"output{position}", bits)
        weights = Functional.at(seen.view, point)
        walk.claim(seen, weights, weights.apply(values.reshape(seen.view)))


def _public_claims(side: Side, walk: Walk, public: Public) -> None:
    """Evaluate the claims on inputs and public constants."""
    if not side.verifying:
        return
    for claim in walk.public:
        values = (
            public.inputs[claim.index]
            if claim.source is Source.INPUT
            else public.constants[claim.index]
        )
        # GK-14: a claim on what the verifier holds is true of it.
        side.require(
            "GK-14",
            "public-value-false",
            claim.weights.apply(values) == claim.value,
            f"{claim.source.name.lower()} {claim.index}",
        )
