"""From the verification key to the shape of a proof: arguments, columns, tables and layouts.

Prover and verifier make the same plan from the same key. Nothing of it is in a proof.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from verifiable.argument.functional import bits_of
from verifiable.argument.lookup import Leaves
from verifiable.argument.lookup import layout as leaf_layout
from verifiable.argument.soundness import QUERIES
from verifiable.argument.stack import Block, StackLayout, address_bits, first_row_after, layout
from verifiable.argument.tables import Table
from verifiable.backends.gkr.limits import check_shapes, check_windows
from verifiable.backends.gkr.vk import VerificationKey
from verifiable.circuits.arguments import ARGUMENTS, Argument
from verifiable.circuits.lookups import TableBook
from verifiable.circuits.requantise import Requantised
from verifiable.circuits.site import (
    LARGEST_VALUE,
    Column,
    Seen,
    Site,
    Sizes,
    Unprovable,
    check_numbers,
)
from verifiable.errors import Problem, UnsupportedModel
from verifiable.program import operators as ops
from verifiable.program.program import IntArray, Node, Operand, Source
from verifiable.program.shapes import check_structure

__all__ = ["Plan", "limb_bits_for", "make_plan", "row_bits_for"]

MIN_ROW_BITS, MAX_ROW_BITS = 6, 16
_BYTES_PER_HASH = 4
"""How many bytes of proof one more column, with its hashes, is worth to the prover."""

_LARGEST_STACK_LOG = 28


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """The shape of every proof under one key.

    Attributes:
        key: the key.
        arguments: one for each node, in order; None where a node is fused into the one it reads.
        tables: all lookup tables; a position is a table's number in fingerprints.
        lookups: (table number, log2 lanes) of each block of lookups, in the arguments' order.
        leaves: where blocks and tables lie among the leaves.
        committed: by node the column that holds its result.
        weight_columns: by constant its column, in the mode `committed`.
        witness_columns: what each proof commits, multiplicities included.
        weight_layout, witness_layout: where columns lie in their stacks.
    """

    key: VerificationKey
    arguments: tuple[Argument | None, ...]
    tables: tuple[Table, ...]
    lookups: tuple[tuple[int, int], ...]
    leaves: Leaves | None
    committed: Mapping[int, str]
    weight_columns: Mapping[int, Column]
    witness_columns: tuple[Column, ...]
    weight_layout: StackLayout | None
    witness_layout: StackLayout

    @property
    def layouts(self) -> tuple[StackLayout, ...]:
        """Of all stacks that a proof opens, weights first."""
        if self.weight_layout is None:
            return (self.witness_layout,)
        return (self.weight_layout, self.witness_layout)

    @property
    def blocks(self) -> dict[str, Block]:
        """Every committed column's place in the address space."""
        return {name: block for stack in self.layouts for name, block in stack.blocks.items()}

    @property
    def variables(self) -> int:
        """Of the address space."""
        return address_bits(self.layouts)

    def output_operand(self, position: int) -> Seen:
        """An output as an operand."""
        node, shape = self.key.outputs[position]
        return Seen(
            operand=Operand(source=Source.TRACE, index=node, shape=shape),
            shape=self.key.nodes[node].shape,
            lo=0,
            hi=0,
        )


def make_plan(key: VerificationKey) -> Plan:
    """Plan the proofs under a key.

    Raises:
        UnsupportedModel: with every node that cannot be proven.
        MalformedModel: the key describes no program.
    """
    check_shapes(key)
    check_structure(key.skeleton())
    check_windows(key)
    sizes = Sizes(limb_bits=limb_bits_for(_ranges(key)))
    book = TableBook()
    arguments = _arguments(key, sizes, book)
    tables = book.tables()
    lookups = tuple(
        (book.number(table), log_size)
        for argument in arguments
        if argument is not None
        for table, log_size in argument.lookups
    )
    columns = [c for a in arguments if a is not None for c in a.columns]
    columns += [
        Column(name=f"multiplicity{number}", shape=(1 << table.log_size,))
        for number, table in enumerate(tables)
    ]
    if not columns:
        columns = [Column(name="nothing", shape=(1,))]
    weight_columns = _weight_columns(key)
    weight_sizes = [(c.name, c.log_size) for c in weight_columns.values()]
    witness_sizes = [(c.name, c.log_size) for c in columns]
    row_bits = row_bits_for([n for _, n in weight_sizes], [n for _, n in witness_sizes])
    weight_layout = layout(weight_sizes, row_bits) if weight_sizes else None
    after = weight_layout.end_row if weight_layout else 0
    witness_layout = layout(
        witness_sizes, row_bits, first_row_after(after, witness_sizes, row_bits)
    )
    plan = Plan(
        key=key,
        arguments=tuple(arguments),
        tables=tables,
        lookups=lookups,
        leaves=leaf_layout([n for _, n in lookups], [t.log_size for t in tables])
        if lookups
        else None,
        committed={
            a.site.index if not isinstance(a, Requantised) or a.site.fused is None
            else a.site.fused: a.result.name
            for a in arguments
            if a is not None and a.result is not None
        },
        weight_columns=weight_columns,
        witness_columns=tuple(columns),
        weight_layout=weight_layout,
        witness_layout=witness_layout,
    )  # fmt: skip
    if plan.variables > _LARGEST_STACK_LOG:
        raise UnsupportedModel(
            [
                Problem(
                    code="too-large",
                    node="the program",
                    what=f"2^{plan.variables} committed values",
                    hint=f"models of up to 2^{_LARGEST_STACK_LOG} committed values can be proven",
                )
            ]
        )
    return plan


def limb_bits_for(ranges: Sequence[tuple[int, int]]) -> int:
    """The widest limb that makes range checks cheapest.

    Args:
        ranges: (log2 lanes, bits) of each number to be checked.
    """

    def cost(widest: int) -> int:
        lookups, tables = 0, set()
        for log_lanes, bits in ranges:
            count = max(1, -(-bits // widest))
            lookups += count << log_lanes
            tables |= {(bits + i) // count for i in range(count)}
        # A lookup costs a leaf and a committed value, a table row the same.
        return lookups + sum(1 << width for width in tables)

    return min(range(6, 17), key=cost) if ranges else 8


def row_bits_for(weights: Sequence[int], witness: Sequence[int]) -> int:
    """The row length at which the opening's bytes and the prover's hashes are cheapest together.

    Args:
        weights, witness: log2 of the columns' sizes.
    """
    totals = [sum(1 << n for n in logs) for logs in (weights, witness) if logs]

    def size(bits: int) -> int:
        queries = min(QUERIES, 4 << bits)
        rows = sum(-(-total >> bits) for total in totals)
        depth = max(0, bits + 2 - QUERIES.bit_length() + 1)
        paths = len(totals) * queries * depth * 32
        hashes = len(totals) * (4 << bits)  # columns, and as many nodes above them
        return (16 << bits) + queries * rows * 8 + paths + _BYTES_PER_HASH * hashes

    return min(range(MIN_ROW_BITS, MAX_ROW_BITS + 1), key=size)


def _ranges(key: VerificationKey) -> list[tuple[int, int]]:
    """The remainders of all requantisations: the bulk of all range checks."""
    found = []
    for node in key.nodes:
        step = node.op.requantisation
        if step is not None and step.shift:
            found.append((bits_of(node.shape), step.shift))
    return found


def _weight_columns(key: VerificationKey) -> dict[int, Column]:
    if key.weights == "public":
        return {}
    return {
        index: Column(name=f"weight{index}", shape=spec.shape)
        for index, spec in enumerate(key.constants)
        if spec.values is None
    }


def _arguments(key: VerificationKey, sizes: Sizes, book: TableBook) -> list[Argument | None]:
    _check_given(key)
    fused = _fusions(key, sizes)
    made: list[Argument | None] = []
    problems: list[Problem] = []
    intervals: list[tuple[int, int]] = []
    for index, node in enumerate(key.nodes):
        if index in fused.values():
            made.append(None)
            table = key.tables[node.operands[1].index]
            intervals.append((int(table.min()), int(table.max())))
            continue
        site = Site(
            index=index,
            node=node,
            operands=tuple(_seen(key, intervals, operand) for operand in node.operands),
            product_reach=key.product_reach[index] or (0, 0),
            sizes=sizes,
            fused=fused.get(index),
            fused_table=_fused_table(key, fused[index]) if index in fused else None,
        )
        kind = ARGUMENTS.get(type(node.op))
        try:
            if kind is None:
                raise site.refuse(
                    f"no argument for {node.op.name}", "use another backend", "unknown-operator"
                )
            check_numbers(site)
            argument = kind(site, book)
            if _too_large(argument.interval):
                raise site.refuse("results can be beyond 2^61", "use narrower activations")
            made.append(argument)
            intervals.append(argument.interval)
        except Unprovable as cause:
            problems.append(cause.problem)
            made.append(None)
            step = node.op.requantisation
            intervals.append((step.lo, step.hi) if step else (0, 0))
    if problems:
        raise UnsupportedModel(problems)
    return made


def _too_large(interval: tuple[int, int]) -> bool:
    return interval[0] < -LARGEST_VALUE or interval[1] > LARGEST_VALUE


def _check_given(key: VerificationKey) -> None:
    """Refuse inputs, tables and weights whose values are too large to be told apart in the field.

    Raises:
        UnsupportedModel: naming each of them.
    """
    given = [(f"input {i}", (lo, hi)) for i, (_, lo, hi) in enumerate(key.inputs)]
    given += [
        (f"table {i}", (int(table.min()), int(table.max()))) for i, table in enumerate(key.tables)
    ]
    names = [name for name, interval in given if _too_large(interval)]
    # Their range proof is to mean something: 2^63 values, fewer than p.
    names += [f"weight {i}" for i, spec in enumerate(key.constants) if spec.bits > 63]
    if names:
        raise UnsupportedModel(
            [
                Problem(
                    code="range-bound",
                    node=name,
                    what="values can be beyond 2^61",
                    hint="use narrower inputs and constants",
                )
                for name in names
            ]
        )


def _seen(key: VerificationKey, intervals: Sequence[tuple[int, int]], operand: Operand) -> Seen:
    index = operand.index
    if operand.source is Source.TRACE:
        lo, hi = intervals[index]
        return Seen(operand=operand, shape=key.nodes[index].shape, lo=lo, hi=hi)
    if operand.source is Source.INPUT:
        shape, lo, hi = key.inputs[index]
        return Seen(operand=operand, shape=shape, lo=lo, hi=hi)
    if operand.source is Source.TABLE:
        table = key.tables[index]
        bounds = int(table.min()), int(table.max())
        return Seen(operand=operand, shape=table.shape, lo=bounds[0], hi=bounds[1], values=table)
    spec = key.constants[index]
    half = 1 << (spec.bits - 1)
    return Seen(operand=operand, shape=spec.shape, lo=-half, hi=half - 1, values=spec.values)


def _fusions(key: VerificationKey, sizes: Sizes) -> dict[int, int]:
    """Requantisations that one LookupTable alone reads: by their node, the table's node."""
    readers: dict[int, list[tuple[int, int]]] = {}
    for index, node in enumerate(key.nodes):
        for position, operand in enumerate(node.operands):
            if operand.source is Source.TRACE:
                readers.setdefault(operand.index, []).append((index, position))
    outputs = {node for node, _ in key.outputs}
    found: dict[int, int] = {}
    for index, node in enumerate(key.nodes):
        step, reach = node.op.requantisation, key.product_reach[index]
        if step is None or reach is None or index in outputs or len(readers.get(index, ())) != 1:
            continue
        reader, position = readers[index][0]
        if position != 0 or not _fusible(key, node, reader):
            continue
        half = (1 << step.shift) >> 1
        first = ((reach[0] + half) >> step.shift) + step.zero_point
        last = ((reach[1] + half) >> step.shift) + step.zero_point
        pad = min(max(step.zero_point, step.lo), step.hi)
        low, high = min(first, step.zero_point, pad), max(last, step.zero_point, pad)
        if sizes.tabulates(low, high, 1 << bits_of(node.shape)):
            found[index] = reader
    return found


def _fusible(key: VerificationKey, node: Node, reader: int) -> bool:
    other = key.nodes[reader]
    if not isinstance(other.op, ops.LookupTable):
        return False
    table = key.tables[other.operands[1].index]
    rows = prod(other.operands[1].shape[:-1])
    return rows == 1 and table.size == other.operands[1].shape[-1] and other.shape == node.shape


def _fused_table(key: VerificationKey, reader: int) -> tuple[int, IntArray]:
    node = key.nodes[reader]
    assert isinstance(node.op, ops.LookupTable)  # noqa: S101 - `_fusible` said so
    return node.op.x_min, key.tables[node.operands[1].index].reshape(node.operands[1].shape)
