"""One argument run alone: a claim goes in, claims come out, each is compared with the truth.

A prover writes messages, a verifier reads them, and what the verifier is left with is evaluated on
the real tensors by brute force. The prover can be told to lie.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from verifiable.argument import vectors
from verifiable.argument.functional import EqPoint, Functional, bits_of
from verifiable.argument.goldilocks import ONE, ZERO, Ext
from verifiable.argument.kernels import RoundProver
from verifiable.argument.prover_side import ProverSide
from verifiable.argument.reference_kernels import ReferenceKernels
from verifiable.argument.rejection import Rejected
from verifiable.argument.side import Reduced, Side
from verifiable.argument.transcript import Transcript
from verifiable.argument.verifier_side import VerifierSide
from verifiable.backends.gkr.keys import bare_key
from verifiable.backends.gkr.plan import Plan, make_plan
from verifiable.backends.gkr.weight_ranges import weight_lanes
from verifiable.backends.gkr.witness import build_witness
from verifiable.circuits.arguments import Argument
from verifiable.circuits.requantise import Requantised
from verifiable.circuits.walk import Lookup, Walk, Witness
from verifiable.program import operators as ops
from verifiable.program.execute import Trace, execute
from verifiable.program.program import IntArray, Program, Source

__all__ = ["Bench", "Bend", "Outcome"]


Looked = tuple[Lookup, tuple[Ext, ...]]
"""A block of lookups, and the leaves' point."""


@dataclass(slots=True)
class Bend:
    """How a prover lies.

    Attributes:
        products: after a claim that is false, send one factor of the product that a sumcheck has to
            end with such that it does.
        sums: likewise send one term of a sum.
        change: add 1 to this scalar of all that are sent, counted from 0, and take 1 from the next
            one, if `opposite`.
        scale: what a sum's term is multiplied by.
    """

    products: bool = False
    sums: bool = False
    change: int | None = None
    opposite: bool = False
    scale: Ext = ONE


class _LyingSide(ProverSide):
    def __init__(self, bend: Bend, lie: Ext) -> None:
        super().__init__(ReferenceKernels(), Transcript(), lenient=True)
        self.bend = bend
        self.sent = 0
        self._lie = lie
        self._open: Reduced | None = None

    def sumcheck(
        self,
        label: str,
        *,
        rounds: int,
        degree: int,
        claim: Ext,
        start: Callable[[], RoundProver],
    ) -> Reduced:
        self._open = None
        found = super().sumcheck(label, rounds=rounds, degree=degree, claim=claim, start=start)
        self._open = found
        return found

    def values(
        self, label: str, count: int, compute: Callable[[], tuple[Ext, ...]]
    ) -> tuple[Ext, ...]:
        def bent() -> tuple[Ext, ...]:
            values = list(compute())
            self._adapt(label, values)
            if self.bend.change is not None:
                at = self.bend.change - self.sent
                if 0 <= at < count:
                    values[at] += ONE
                if self.bend.opposite and 0 <= at + 1 < count:
                    values[at + 1] -= ONE
            return tuple(values)

        values = super().values(label, count, bent)
        self.sent += count
        return values

    def _adapt(self, label: str, values: list[Ext]) -> None:
        if self.bend.products and label.endswith((".factors", ".acc")):
            assert self._open is not None
            assert self._open.finals is not None
            rest = ONE
            for factor in self._open.finals[:-1]:
                rest = rest * factor
            wanted = self._open.claim * rest.inverse()
            self._lie = wanted - values[-1]
            values[-1] = wanted
        elif self.bend.sums and label.endswith((".part", ".group", ".a")):
            values[0] = values[0] + self._lie * self.bend.scale.inverse()
            self._lie = ZERO


@dataclass(slots=True)
class Outcome:
    """What the verifier is left with.

    Attributes:
        rejected: the check that failed, if any.
        false: descriptions of the claims that do not hold.
        lookups: how many values of blocks of lookups are not those of the honest execution.
        claims: how many there are.
        sent: scalars that the prover sent.
    """

    rejected: Rejected | None = None
    false: list[str] = field(default_factory=list)
    lookups: int = 0
    claims: int = 0
    sent: int = 0

    @property
    def caught(self) -> bool:
        """Whatever the lookups say: they are shown to lie in tables, all in one equation."""
        return self.rejected is not None or self.false != []


class Bench:
    """A program, an execution, and the true tensors."""

    def __init__(self, program: Program, inputs: dict[str, IntArray]) -> None:
        self.program = program
        self.plan: Plan = make_plan(bare_key(program, "committed"))
        self.trace: Trace = execute(program, inputs)
        self.constants = [constant.values for constant in program.weights]
        self.witness: Witness = build_witness(self.plan, self.trace)
        self.witness.columns.update(weight_lanes(self.plan, self.constants))

    @property
    def arguments(self) -> list[Argument]:
        return [argument for argument in self.plan.arguments if argument is not None]

    # --- Runs ----------------------------------------------------------------------------------

    def reduce(
        self, argument: Argument, *, lie: Ext = ZERO, products: bool = False, sums: bool = False
    ) -> Outcome:
        """Reduce one claim on the node's result, or on `acc * M`, that is false by `lie`."""
        op = argument.site.node.op
        scale = Ext.of(op.a_multiplier) if isinstance(op, ops.Add) and op.a_multiplier else ONE

        def step(walk: Walk) -> list[Looked]:
            self._claim(walk, argument, lie)
            argument.reduce(walk)
            return []

        bend = Bend(products=products, sums=sums, scale=scale)
        return self._run(argument, step, bend, lie)

    def close(
        self, argument: Argument, *, change: int | None = None, opposite: bool = False
    ) -> Outcome:
        """Close and reduce, with one scalar, or two, of the prover's messages changed."""

        def step(walk: Walk) -> list[Looked]:
            sizes = [column.log_size for column in self.plan.witness_columns]
            point = walk.side.challenges("leaves", max(sizes))
            found = argument.close(walk, lambda variables: point[:variables])
            if argument.result is None:
                self._claim(walk, argument, ZERO)
            argument.reduce(walk)
            return [(lookup, point) for lookup in found]

        return self._run(argument, step, Bend(change=change, opposite=opposite), ZERO)

    def with_columns(self, changed: Mapping[str, IntArray]) -> Bench:
        """The same with other committed columns, which are the truth then.

        A block that looks up such a column alone looks up the new one.
        """
        names = [spec.name for spec in self.program.inputs]
        other = Bench(self.program, dict(zip(names, self.trace.inputs, strict=True)))
        for name, lanes in changed.items():
            old = other.witness.columns[name]
            other.witness.columns[name] = lanes
            other.witness.looked_up = [
                (lanes if a is old else a, b) for a, b in other.witness.looked_up
            ]
        return other

    def _claim(self, walk: Walk, argument: Argument, lie: Ext) -> None:
        site = argument.site
        point = walk.side.challenges("start", bits_of(site.shape))
        weights = Functional.at(site.shape, point)
        if isinstance(argument, Requantised):
            value = weights.apply(self.witness.products(site.index)) + lie
            argument._place = (point, value)
        elif argument.result is None:
            walk.pending[site.index] = [
                (weights, weights.apply(self.trace.values[site.index]) + lie)
            ]

    def _run(
        self, argument: Argument, step: Callable[[Walk], list[Looked]], bend: Bend, lie: Ext
    ) -> Outcome:
        prover = _LyingSide(bend, lie)
        step(self._walk(prover, self.witness))
        verifier = VerifierSide(prover.proof, Transcript())
        walk = self._walk(verifier, None)
        outcome = Outcome(sent=prover.sent)
        try:
            lookups = step(walk)
            verifier.finish()
        except Rejected as rejected:
            outcome.rejected = rejected
            return outcome
        self._judge(walk, outcome)
        first = 0
        for other in self.arguments:
            if other is argument:
                break
            first += len(other.lookups)
        truths = self.witness.looked_up[first:]
        for (lookup, point), (a, b) in zip(lookups, truths, strict=False):
            at = EqPoint(point=point[: (len(a) - 1).bit_length()])
            wanted = _flat_value(a, at), ZERO if b is None else _flat_value(b, at)
            if (lookup.a, lookup.b) != wanted:
                outcome.lookups += 1
        return outcome

    def _walk(self, side: Side, witness: Witness | None) -> Walk:
        return Walk(
            side,
            committed=self.plan.committed,
            weights={index: column.name for index, column in self.plan.weight_columns.items()},
            witness=witness,
        )

    # --- The truth -----------------------------------------------------------------------------

    def _judge(self, walk: Walk, outcome: Outcome) -> None:
        columns = [*self.plan.witness_columns, *self.plan.weight_columns.values()]
        shapes = {column.name: column.shape for column in columns}
        for claim in walk.book.claims:
            lanes = self.witness.columns[claim.column]
            if isinstance(claim.weights, EqPoint):
                true = _flat_value(lanes, claim.weights)
            else:
                shape = shapes[claim.column]
                padded = tuple(1 << (size - 1).bit_length() for size in shape)
                real = lanes.reshape(padded)[tuple(slice(size) for size in shape)]
                true = _value(real, claim.weights)
            self._note(outcome, claim.column, true == claim.value)
        for public in walk.public:
            held = self.trace.inputs if public.source is Source.INPUT else self.constants
            true = _value(held[public.index], public.weights)
            self._note(outcome, f"{public.source.name} {public.index}", true == public.value)
        for node, claims in walk.pending.items():
            for weights, value in claims:
                true = _value(self.trace.values[node], weights)
                self._note(outcome, f"node {node}", true == value)

    def _note(self, outcome: Outcome, what: str, holds: bool) -> None:
        outcome.claims += 1
        if not holds:
            outcome.false.append(what)


def _value(values: IntArray, weights: Functional) -> Ext:
    """`<values, weights>`, one lane at a time."""
    assert weights.shape == values.shape
    total = ZERO
    table = vectors.to_exts(weights.dense().reshape(-1, 2))
    for value, weight in zip(values.reshape(-1).tolist(), table, strict=True):
        total = total + weight * value
    return total


def _flat_value(lanes: IntArray, at: EqPoint) -> Ext:
    return _value(lanes, Functional(factors=(vectors.eq_table(at.point),)))
