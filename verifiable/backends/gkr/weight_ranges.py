"""The one-time proof that committed weights lie in their ranges.

The equations of a program are shown in the field. They hold over the integers only while every
value is as small as the key says, and nothing in a proof of inference bounds the weights: an owner
who committed to huge field elements could have any output. So the key's maker shows once, beside
the key, that every committed weight has the bits that the key declares:

    weight + 2^(bits - 1) in [0, 2^bits)         by lookups, in limbs where bits is large

Same machinery as an inference: one commitment (limbs and multiplicities), one LogUp-GKR, one merge,
one opening of the weights' stack and of this commitment. A verifier checks it for every proof in
the mode `committed`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from verifiable.argument import lookup
from verifiable.argument.claims import merge
from verifiable.argument.functional import padded
from verifiable.argument.lookup import Leaves
from verifiable.argument.merkle import Root
from verifiable.argument.opening import Oracle
from verifiable.argument.opening import open as open_stacks
from verifiable.argument.side import Side
from verifiable.argument.soundness import QUERIES
from verifiable.argument.stack import StackLayout, address_bits, first_row_after, layout
from verifiable.argument.tables import Table
from verifiable.backends.gkr.plan import Plan, limb_bits_for
from verifiable.backends.gkr.protocol import ProverWork
from verifiable.circuits.limbs import Limbs
from verifiable.circuits.lookups import TableBook
from verifiable.circuits.site import Column, Sizes
from verifiable.circuits.walk import Lookup, Walk, Witness, flat
from verifiable.program.program import IntArray

__all__ = ["RangePlan", "fill_ranges", "plan_ranges", "run_ranges", "weight_lanes"]

RANGE_PROTOCOL = b"verifiable/gkr-weights/v1 goldilocks^2 sha256 rs-1/4"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RangePlan:
    """The shape of the range proof.

    Attributes:
        limbs: for each weight column, in order, its range check.
        tables, lookups, leaves: as in `Plan`.
        columns: what the proof commits.
        layout: of those columns.
    """

    limbs: tuple[tuple[Column, int, Limbs], ...]
    tables: tuple[Table, ...]
    lookups: tuple[tuple[int, int], ...]
    leaves: Leaves
    columns: tuple[Column, ...]
    layout: StackLayout


def plan_ranges(plan: Plan) -> RangePlan:
    """Plan the range proof of a key in the mode `committed`."""
    weight_layout = plan.weight_layout
    if weight_layout is None:
        raise ValueError("no committed weights")
    specs = [(column, plan.key.constants[i].bits) for i, column in plan.weight_columns.items()]
    sizes = Sizes(limb_bits=limb_bits_for([(column.log_size, bits) for column, bits in specs]))
    book = TableBook()
    limbs = tuple(
        (
            column,
            bits,
            Limbs.of(f"{column.name}.limb", column.shape, bits, sizes, book, known=True),
        )
        for column, bits in specs
    )
    tables = book.tables()
    lookups = tuple(
        (book.number(table), column.log_size) for column, _, part in limbs for table in part.tables
    )
    columns = [column for _, _, part in limbs for column in part.columns]
    columns += [
        Column(name=f"multiplicity{number}", shape=(1 << table.log_size,))
        for number, table in enumerate(tables)
    ]
    sizes_of = [(column.name, column.log_size) for column in columns]
    row_bits = weight_layout.row_bits
    first = first_row_after(weight_layout.end_row, sizes_of, row_bits)
    return RangePlan(
        limbs=limbs,
        tables=tables,
        lookups=lookups,
        leaves=lookup.layout([n for _, n in lookups], [t.log_size for t in tables]),
        columns=tuple(columns),
        layout=layout(sizes_of, row_bits, first),
    )


def weight_lanes(plan: Plan, constants: Sequence[IntArray]) -> dict[str, IntArray]:
    """The committed weights as columns over padded lanes, flat; padding is 0."""
    return {
        column.name: flat(padded(constants[index], 0))
        for index, column in plan.weight_columns.items()
    }


def fill_ranges(ranges: RangePlan, weights: dict[str, IntArray]) -> Witness:
    """Limbs of all weights, and what they look up (multiplicities are the caller's)."""
    witness = Witness(
        tensor=lambda seen: np.empty(0, dtype=np.int64),
        products=lambda node: np.empty(0, dtype=np.int64),
        result=lambda node: np.empty(0, dtype=np.int64),
    )
    for column, bits, part in ranges.limbs:
        part.fill(witness, weights[column.name] + (1 << (bits - 1)))
    witness.columns.update(weights)
    return witness


def run_ranges(
    side: Side, plan: Plan, ranges: RangePlan, key_digest: bytes, work: ProverWork | None
) -> None:
    """Prove, or verify, that the key's weights lie in their ranges.

    Raises:
        Rejected: (verifier) a check failed.
        MalformedProof: (verifier) the proof is not canonical, too short or too long.
    """
    weight_layout = plan.weight_layout
    assert weight_layout is not None  # noqa: S101 - `plan_ranges` asked
    side.absorb("protocol", RANGE_PROTOCOL)
    side.absorb("key", key_digest)

    def of() -> ProverWork:
        assert work is not None  # noqa: S101 - only the prover's side computes messages
        return work

    root = side.digest("ranges", lambda: of().commit())
    names = {index: column.name for index, column in plan.weight_columns.items()}
    walk = Walk(side, committed={}, weights=names, witness=None if work is None else work.witness)
    claim = lookup.run(side, root, ranges.leaves, lambda alpha, beta: of().leaves(alpha, beta))
    found: list[Lookup] = []
    for column, bits, part in ranges.limbs:
        point = claim.point[: column.log_size]
        weight = walk.column_at(column.name, point)
        found += part.close(walk, point, weight + (1 << (bits - 1)))[1]
    blocks = [(f.a, f.b, number) for f, (number, _) in zip(found, ranges.lookups, strict=True)]
    tables = []
    for number, table in enumerate(ranges.tables):
        at = claim.point[: table.log_size]
        multiplicity = walk.column_at(f"multiplicity{number}", at)
        a, b = table.evaluate(at)
        tables.append((multiplicity, a, b, number))
    lookup.close(side, ranges.leaves, claim, blocks, tables)
    layouts = (weight_layout, ranges.layout)
    placed = {name: block for stack in layouts for name, block in stack.blocks.items()}
    point, value = merge(
        side, walk.book.claims, placed, address_bits(layouts), lambda: of().stack()
    )
    oracles = [
        Oracle(root=Root(plan.key.weight_root), layout=weight_layout),
        Oracle(root=root, layout=ranges.layout),
    ]
    open_stacks(side, oracles, lambda: of().committed(), point, value, QUERIES)
    side.finish()
