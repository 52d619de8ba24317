"""The prover's witness: every committed column, and the leaves of its lookups."""

from __future__ import annotations

import numpy as np

from verifiable.argument.goldilocks import Ext
from verifiable.argument.kernels import Kernels
from verifiable.argument.lookup import Leaves
from verifiable.argument.tables import Table
from verifiable.argument.vectors import Words, from_ints, neg
from verifiable.backends.gkr.plan import Plan
from verifiable.circuits.site import Seen
from verifiable.circuits.walk import Witness
from verifiable.errors import ProvingError
from verifiable.program.execute import Trace
from verifiable.program.fast import product_kernel
from verifiable.program.program import IntArray, Source

__all__ = ["build_witness", "count_rows", "leaf_tables"]


def build_witness(plan: Plan, trace: Trace) -> Witness:
    """Fill all columns from an execution's trace.

    Raises:
        ProvingError: a value lies outside the table that should hold it.
    """
    witness = Witness(
        tensor=lambda seen: _tensor(trace, seen),
        products=lambda node: _products(trace, node),
        result=lambda node: trace.values[node],
    )
    for argument in plan.arguments:
        if argument is not None:
            argument.fill(witness)
    numbers = [number for number, _ in plan.lookups]
    for number, counts in enumerate(count_rows(plan.tables, numbers, witness.looked_up)):
        witness.columns[f"multiplicity{number}"] = counts
    for column in plan.witness_columns:
        witness.columns.setdefault(column.name, np.zeros(1 << column.log_size, dtype=np.int64))
    return witness


def _tensor(trace: Trace, seen: Seen) -> IntArray:
    return trace.operand(seen.operand)


def _products(trace: Trace, index: int) -> IntArray:
    node = trace.program.nodes[index]
    moving = [o for o in node.operands if o.source in (Source.TRACE, Source.INPUT)]
    return product_kernel(trace.program, index)(*(trace.operand(o) for o in moving))


def count_rows(
    tables: tuple[Table, ...],
    numbers: list[int],
    looked_up: list[tuple[IntArray, IntArray | None]],
) -> list[IntArray]:
    """How often each row of each table is looked up.

    Raises:
        ProvingError: a value lies outside its table.
    """
    counts = [np.zeros(1 << table.log_size, dtype=np.int64) for table in tables]
    for number, (a, _) in zip(numbers, looked_up, strict=True):
        table = tables[number]
        rows = a - table.start
        size = 1 << table.log_size
        if int(rows.min()) < 0 or int(rows.max()) >= size:
            raise ProvingError(
                "a value lies outside the table that the key provides for it",
                why=f"[{int(a.min())}, {int(a.max())}] in [{table.start}, {table.start + size})",
                hint="set up again: the key was made for other weights",
                code="outside-table",
            )
        counts[number] += np.bincount(rows, minlength=size)
    return counts


def leaf_tables(
    kernels: Kernels,
    leaves: Leaves,
    tables: tuple[Table, ...],
    numbers: list[int],
    looked_up: list[tuple[IntArray, IntArray | None]],
    counts: list[IntArray],
    alpha: Ext,
    beta: Ext,
) -> tuple[Words, Words]:
    """Numerators (live,) and denominators (live, 2) of all leaves."""
    numerators = np.zeros(leaves.live, dtype=np.uint64)
    denominators = np.empty((leaves.live, 2), dtype=np.uint64)
    square = alpha * alpha
    for slot, number, (a, b) in zip(leaves.lookups, numbers, looked_up, strict=True):
        place = slice(slot.offset, slot.offset + len(a))
        numerators[place] = 1
        denominators[place] = kernels.lookup_denominators(a, b, square * number, alpha, beta)
    for number, (slot, table) in enumerate(zip(leaves.tables, tables, strict=True)):
        a, b = table.rows()
        place = slice(slot.offset, slot.offset + len(a))
        numerators[place] = neg(from_ints(counts[number]))
        denominators[place] = kernels.lookup_denominators(a, b, square * number, alpha, beta)
    return numerators, denominators
